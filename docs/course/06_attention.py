# %% [markdown] en
# # 6. Attention, and what it cures
#
# So far one vector stands for the whole sentence, however long. Cho et al. saw what that costs: the longer the sentence, the worse the
# translation (2014, arXiv:1409.1259, figure 4). Bahdanau et al. (2015) let the decoder look back. At each step it compares its
# state $s_t$ with every encoder state $h_j$, and takes a mixture of them, most of those that fit best. With Luong's
# (2015) "general" score:
#
# $$e_{tj} = s_t^\top W_a h_j, \qquad \alpha_t = \mathrm{softmax}(e_t), \qquad c_t = \sum_j \alpha_{tj} h_j$$
#
# $$\tilde h_t = \tanh(W_c [c_t; s_t]), \qquad p_t = \mathrm{softmax}(W \tilde h_t + b)$$
#
# $\alpha_{tj}$ says how much the model looks at source word $j$ when it writes word $t$. In code, one step:

# %% [markdown] zh
# # 6. 注意力，以及它治好了什么
#
# 到目前为止，不管句子多长，都由一个向量来代表。Cho 等看到了代价：句子越长，译文越差（2014，arXiv:1409.1259，图 4）。Bahdanau 等（2015）
# 让解码器回头看：每一步都把自己的状态 $s_t$ 与编码器的每个状态 $h_j$ 比较，再取它们的加权混合，越合适的占得越多。
# 用 Luong（2015）的 “general” 打分：
#
# $$e_{tj} = s_t^\top W_a h_j, \qquad \alpha_t = \mathrm{softmax}(e_t), \qquad c_t = \sum_j \alpha_{tj} h_j$$
#
# $$\tilde h_t = \tanh(W_c [c_t; s_t]), \qquad p_t = \mathrm{softmax}(W \tilde h_t + b)$$
#
# $\alpha_{tj}$ 表示模型写第 $t$ 个词时，在第 $j$ 个源词上看了多少。写成代码，一步是这样：


# %%
import numpy as np


def attend(s, h, W_a):
    """s: (hidden,), h: (src_len, encoder hidden). Returns the context and alpha."""
    e = h @ W_a.T @ s  # (src_len,)
    alpha = np.exp(e - e.max())
    alpha /= alpha.sum()
    return alpha @ h, alpha


random = np.random.default_rng(0)
s, h, W_a = random.normal(size=6), random.normal(size=(5, 4)), random.normal(size=(6, 4))
context, alpha = attend(s, h, W_a)
print("alpha:", np.round(alpha, 3), "sum", alpha.sum().round(6))

# %% [markdown] en
# The same from the library, `transduce.reference` in NumPy and `models/rnn.py` in torch:

# %% [markdown] zh
# 与库里的对照，`transduce.reference` 用 NumPy，`models/rnn.py` 用 torch：

# %%
import torch

import transduce
from transduce.models.rnn import Attention
from transduce.reference.attention import NO_WEIGHTS
from transduce.reference.attention import attend as reference

by_reference = reference("general", NO_WEIGHTS._replace(W_a=W_a), s, h)
assert np.allclose(by_reference.context, context)

torch.manual_seed(0)
attention = Attention(transduce.RNNConfig(hidden=6, encoder_hidden=4, bridge="dense")).double()
attention.key.weight.data = torch.tensor(W_a)
memory = attention.remember(torch.tensor(h)[None], torch.tensor([5]))
by_torch, _ = attention(torch.tensor(s)[None, None], memory)
assert np.allclose(by_torch[0, 0].detach(), context)
print("this page = transduce.reference = transduce.models.rnn")

# %% [markdown] en
# ## The experiment
#
# Two models of the same width learn from the same built-in pairs for the same number of steps, each with three
# seeds. One is that of page 5, which reads the source backwards, the best that is known to help without attention; the
# other reads in both directions and has attention. Then they translate held-out sentences of every length. None of these
# stands in the training part, on either side.

# %% [markdown] zh
# ## 实验
#
# 两个同样宽的模型，在同样的内置句对上训练同样多的步数，各用三个随机种子。一个就是第 5 页的模型，把源句倒着读，这是没有注意力时
# 已知最管用的办法；另一个双向读，带注意力。然后翻译各种长度的、没见过的句子；这些句子无论哪一侧都不在训练部分里。

# %%
import tempfile
from collections import defaultdict

from workshop import amount, quick, save

from transduce.metrics import corpus_scores

train_pairs = transduce.builtin_pairs(amount(12_000, in_tests=400))
seen = {text for pair in train_pairs for text in pair}
buckets = defaultdict(list)
for source, target in transduce.builtin_pairs(amount(60_000, in_tests=3_000))[len(train_pairs) :]:
    bucket = min((len(source.split()) - 1) // 3, 4)  # 1 to 3 words, 4 to 6, 7 to 9, 10 to 12, 13 and more
    if source not in seen and target not in seen and len(buckets[bucket]) < amount(150, in_tests=4):
        buckets[bucket].append((source, target))
LABELS = ["3", "4-6", "7-9", "10-12", "13+"]
print({LABELS[bucket]: len(pairs) for bucket, pairs in sorted(buckets.items())})

SHARED = ["model.hidden=128", "model.embed=128", "model.tied=decoder", "tokenizer.kind=bpe", "tokenizer.vocab=1500",
          "training.optim.lr=0.005", "training.optim.warmup=50", "training.validate_every=100000"]  # fmt: skip
MODELS = {
    "no attention": ["model.attention=none", "model.bidirectional=false", "model.reverse_source=true"],
    "attention": ["model.attention=general", "model.lexical=false"],  # nothing but attention
}
SEEDS = amount((1, 2, 3), in_tests=(1,))


def trained(name, seed):
    with tempfile.TemporaryDirectory() as folder:
        return transduce.train(
            train_pairs, valid=buckets[2][:20], steps=amount(1_000, in_tests=5), seed=seed, out=f"{folder}/run",
            settings=SHARED + MODELS[name], threads=1, quiet=True,
        )  # fmt: skip


chrf, bleu = ({name: np.zeros((len(SEEDS), 5)) for name in MODELS} for _ in range(2))
models = {}
for name in MODELS:
    for row, seed in enumerate(SEEDS):
        models[name] = trained(name, seed)
        for bucket, pairs in buckets.items():
            outputs = models[name].translate([source for source, _ in pairs], beam=1)
            scores = corpus_scores(outputs, [target for _, target in pairs], metrics=["bleu", "chrf"], language="fr")
            bleu[name][row, bucket], chrf[name][row, bucket] = scores["bleu"].value, scores["chrf"].value

for measure, found in (("BLEU", bleu), ("chrF", chrf)):
    print(f"\n{measure} by source words" + "".join(f"{label:>14}" for label in LABELS))
    for name, values in found.items():
        cells = (
            f"{mean:7.1f} ± {spread:3.1f}" for mean, spread in zip(values.mean(axis=0), values.std(axis=0), strict=True)
        )
        print(f"{name:>20}" + "".join(f"{cell:>14}" for cell in cells))

# %% [picture]
from matplotlib import pyplot as plt

figure, axis = plt.subplots(figsize=(5.2, 2.6))
for name, values in bleu.items():
    line = axis.plot(LABELS, values.mean(axis=0), "o-", label=name)[0]
    axis.fill_between(LABELS, values.min(axis=0), values.max(axis=0), alpha=0.15, color=line.get_color())
axis.set(xlabel="words of the source", ylabel="BLEU", ylim=(0, 100))
axis.legend(frameon=False)
save(figure, "06-length.png")

# %% [markdown] en
# ![BLEU by source length, with and without attention; the band is the range of the seeds](pictures/06-length.png)

# %% [markdown] zh
# ![按源句长度统计的 BLEU，有无注意力；色带是各随机种子的范围](pictures/06-length.png)

# %%
gain = (bleu["attention"] - bleu["no attention"]).mean(axis=0)
for label, each in zip(LABELS, gain, strict=True):
    print(f"{label:>6} words: attention adds {each:5.1f} BLEU")
plain, attending = (bleu[name].mean(axis=0) for name in MODELS)
assert quick() or gain[-1] > gain[1]  # more for long sentences than for short ones
assert quick() or (plain[-1] < 0.7 * plain[1] and attending[-1] > 0.9 * attending[1])  # one falls, the other does not
assert quick() or (bleu["attention"].min(axis=0) > bleu["no attention"].max(axis=0)).all()  # for every seed

# %% [markdown] en
# Two things are to be seen. Without attention quality falls with length: more and more has to pass through the same narrow
# door. With attention the curve stays nearly flat: a long sentence is not harder for lack of room. And after so few
# steps attention is far ahead even on short sentences: it is simpler to learn where to look than to learn to store and to find
# again. (The plain model is not finished; page 5 gave it twice the steps and fewer pairs, and it got further.)
# This is a small grammar and a small model; that the gap widens with length is what the papers found too.
#
# ## Where it looks
#
# Each row is one step of the output, each column a piece of the source; dark is a large $\alpha$.

# %% [markdown] zh
# 能看出两件事。没有注意力时，句子越长质量越低：要从同一道窄门通过的东西越来越多。有了注意力，曲线几乎是平的：长句子不再因为装不下
# 而变难。另外，步数这么少的时候，即使是短句，有注意力的也遥遥领先：学会往哪里看，比学会先存起来再找回来要容易。（没有注意力的模型
# 还没学完；第 5 页给了它两倍的步数、少一些的句对，它就走得更远。）这里语法小、模型也小；而句子越长差距越大，与论文的发现一致。
#
# ## 它在看哪里
#
# 每一行是输出的一步，每一列是源句的一个片段；颜色越深，$\alpha$ 越大。

# %% [picture]
model = models["attention"]
text = "I did not go to Martin's house, but I left without her."
(((_, found),),) = model.hypotheses([text], want_attention=True, beam=1, nbest=1)
columns = [*model.tokenizers.source.pieces(model.tokenizers.source.encode(text)), "</s>"]
rows = [*model.tokenizers.target.pieces(found.tokens), "</s>"][: len(found.attention)]
figure, axis = plt.subplots(figsize=(5, 4.2))
axis.imshow(found.attention, cmap="Blues", vmin=0, vmax=1, aspect="auto")
axis.set_xticks(range(len(columns)), columns, rotation=60)
axis.set_yticks(range(len(rows)), rows)
axis.spines[:].set_visible(False)
save(figure, "06-attention.png")

# %% [markdown] en
# ![Attention of each output piece over the source pieces, mostly along the diagonal](pictures/06-attention.png)
#
# Nobody told the model which word translates which; it found out, because looking at the right place makes the right word more probable.
# One caution: $\alpha$ says where information was taken from, not why a word was chosen. An encoder state $h_j$ has
# read its neighbours too.
#
# `transduce explain RUN "sentence" --html page.html` shows the same for a model of yours, step by step.

# %% [markdown] zh
# ![每个输出片段在源句各片段上的注意力，大致沿对角线分布](pictures/06-attention.png)
#
# 没有人告诉模型哪个词译成哪个词，是它自己发现的：看对了地方，正确的词就更有可能。不过要留意：$\alpha$ 说的是信息从哪里取来，
# 而不是为什么选了这个词；编码器状态 $h_j$ 里也有邻近各词的内容。
#
# 对你自己的模型，`transduce explain RUN "句子" --html page.html` 会一步一步地把这些显示出来。
