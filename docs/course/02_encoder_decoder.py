# %% [markdown] en
# # 2. Encoder and decoder
#
# One recurrent network writes as many outputs as it reads inputs, one for one. A translation has its own length and its
# own order. The idea of Sutskever et al. 2014 and Cho et al. 2014: take *two* networks. The *encoder* reads the
# whole input. Its last state is the *context*, one vector that stands for all that was read. The *decoder* starts from that
# vector and writes, and what it wrote last is its next input:
#
# $$\text{encoder:}\quad h_t = \sigma(W_{xh} x_t + W_{hh} h_{t-1} + b_h), \qquad h_0 = 0$$
#
# $$\text{decoder:}\quad s_t = \sigma(W_{ys} y_{t-1} + W_{ss} s_{t-1} + b_s), \qquad s_0 = h_T$$
#
# $$\text{output:}\quad y_t = f(W_{sy} s_t + b_y)$$
#
# The same equation twice, with weights of their own. Articles use one set of letters for both; we call the decoder's
# states $s$ to keep them apart.

# %% [markdown] zh
# # 2. 编码器与解码器
#
# 单个循环网络读几个就写几个，一一对应。而译文有自己的长度和词序。Sutskever 等（2014）和 Cho 等（2014）的想法是用*两个*网络：
# *编码器*读完整个输入，它的最后一个状态就是*上下文向量*，一个向量代表读到的全部内容；*解码器*从这个向量出发往外写，
# 上一步写出的东西就是下一步的输入：
#
# $$\text{编码器：}\quad h_t = \sigma(W_{xh} x_t + W_{hh} h_{t-1} + b_h), \qquad h_0 = 0$$
#
# $$\text{解码器：}\quad s_t = \sigma(W_{ys} y_{t-1} + W_{ss} s_{t-1} + b_s), \qquad s_0 = h_T$$
#
# $$\text{输出：}\quad y_t = f(W_{sy} s_t + b_y)$$
#
# 同一个公式用了两次，权重各是各的。文章里两处常用同一套字母；我们把解码器的状态记作 $s$，免得混淆。

# %% [picture]
from matplotlib import pyplot as plt
from workshop import save

figure, axis = plt.subplots(figsize=(6.4, 2.3))
blue, red = "#1f5f99", "#c8553d"
for t in range(6):
    color, state = (blue, f"$h_{t + 1}$") if t < 3 else (red, f"$s_{t - 2}$")
    box = {"boxstyle": "round,pad=0.5", "fc": color, "ec": "none"}
    axis.text(t, 0, state, ha="center", va="center", color="white", bbox=box)
    axis.text(t, -1, ["1", "2", "3", "start", "4", "5"][t], ha="center", va="center")
    axis.annotate("", (t, -0.35), (t, -0.8), arrowprops={"arrowstyle": "->", "color": color})
    if t:
        axis.annotate("", (t - 0.25, 0), (t - 0.75, 0), arrowprops={"arrowstyle": "->", "color": color, "lw": 1.6})
    if t >= 3:
        axis.text(t, 1, "456"[t - 3], ha="center", va="center")
        axis.annotate("", (t, 0.8), (t, 0.35), arrowprops={"arrowstyle": "->", "color": color})
    if 3 <= t < 5:
        dashed = {"arrowstyle": "->", "color": "0.7", "ls": "--"}
        axis.annotate("", (t + 0.9, -0.85), (t + 0.12, 0.9), arrowprops=dashed)
axis.text(2.5, 0.28, "$s_0 = h_3$", ha="center", fontsize=8)
axis.set(xlim=(-0.5, 5.5), ylim=(-1.3, 1.3))
axis.axis("off")
save(figure, "02-unrolled.png")

# %% [markdown] en
# ![Three encoder states read 1, 2, 3; three decoder states write 4, 5, 6; each output is the next input](pictures/02-unrolled.png)
#
# ## The example, untrained
#
# It reads 1 2 3 and shall write 4 5 6. Here 1 to 6 are *symbols*, six words of a tiny language, not quantities: each is a
# vector with a single 1 (one-hot), and $f$ is softmax, which turns any numbers into probabilities. Two more symbols are
# needed, `<start>` to begin with and `<end>` to say that it is over. The whole model:

# %% [markdown] zh
# ![三个编码器状态读入 1、2、3；三个解码器状态写出 4、5、6；每个输出都是下一步的输入](pictures/02-unrolled.png)
#
# ## 还没训练的例子
#
# 输入 1 2 3，希望它写出 4 5 6。这里的 1 到 6 是*符号*，是一种小语言里的六个词，而不是数量：每个词是只有一个 1 的向量
# （one-hot），$f$ 是 softmax，它把任意一组数变成概率。还需要两个符号：`<start>` 用来开头，`<end>` 表示写完了。
# 整个模型如下：

# %%
import numpy as np

from transduce.explain.lesson import LessonConfig
from transduce.explain.lesson.task import example_of, first_weights

lesson = example_of(LessonConfig(input="1 2 3", output="4 5 6", loss="cross-entropy", hidden=4))
symbols = lesson.symbols
one_hot = np.eye(len(symbols))
print(symbols)
(W_xh, W_hh, b_h), (W_ys, W_ss, b_s), (W_sy, b_y) = first_weights(lesson)


def softmax(a):
    return np.exp(a - a.max()) / np.exp(a - a.max()).sum()


def encode(words):
    h = np.zeros(len(b_h))
    for word in words:
        h = np.tanh(W_xh @ one_hot[symbols.index(word)] + W_hh @ h + b_h)
    return h


def decode_step(word, s):
    """The state after reading the word written last, and the probability of each symbol as the next."""
    s = np.tanh(W_ys @ one_hot[symbols.index(word)] + W_ss @ s + b_s)
    return s, softmax(W_sy @ s + b_y)


def write(words, longest=8):
    s, word, written = encode(words), "<start>", []
    while word != "<end>" and len(written) < longest:
        s, p = decode_step(word, s)
        word = symbols[int(p.argmax())]  # the likeliest symbol: greedy search
        written.append(word)
    return written


print("context:", np.round(encode(["1", "2", "3"]), 3))
print("writes: ", " ".join(write(["1", "2", "3"])))

# %% [markdown] en
# It has not learned anything, so what it writes means nothing. This one stops at once, another might never stop: nothing
# but `<end>` ends a decoder's output, so every program also has a maximal length.
#
# ## Two ways to feed the decoder
#
# On its own, the decoder is fed what it wrote. While it learns, what it writes is mostly wrong, and then it is fed
# the *right* output of the step before: *teacher forcing*. All steps can then be computed at once, and step 3 learns
# what follows `4 5` even while the model cannot write them yet.

# %% [markdown] zh
# 它什么都没学过，写出来的自然毫无意义。这一个一上来就停了，换一组权重也可能停不下来：能让解码器结束的只有 `<end>`，
# 所以每个程序还会规定一个最大长度。
#
# ## 喂给解码器的两种方式
#
# 独自工作时，喂给解码器的是它自己写出的东西。学习期间它写的大多是错的，这时喂给它的是上一步的*正确*输出，这叫
# *教师强制*（teacher forcing）。这样所有步可以一次算完；而且哪怕模型还写不出 `4 5`，第 3 步也已经在学 `4 5` 后面该写什么。

# %%
right = ["4", "5", "6", "<end>"]


def forced(words, targets):
    """The probabilities at each step, (tgt_len, vocab), the decoder being fed the right outputs."""
    s, rows = encode(words), []
    for fed in ["<start>", *targets[:-1]]:
        s, p = decode_step(fed, s)
        rows.append(p)
    return np.array(rows)


p = forced(["1", "2", "3"], right)
for fed, wanted, row in zip(["<start>", *right], right, p, strict=False):
    print(f"fed {fed:8} gives {wanted:6} a probability of {row[symbols.index(wanted)]:.3f}")

# %% [markdown] en
# ## The same in the library
#
# `transduce.reference` (NumPy) computes the same numbers, and so does `transduce.RNN`, the model that `transduce
# train` trains, when it is given these weights: no attention, one direction, the plain cell.

# %% [markdown] zh
# ## 库里的同一个模型
#
# `transduce.reference`（NumPy）算出的是同样的数。`transduce.RNN` 就是 `transduce train` 训练的模型，把这些权重放进去
# （不带注意力、单向、普通单元），结果也一样。

# %%
import torch

import transduce

run = lesson.run(first_weights(lesson))  # transduce.reference, with teacher forcing
assert np.allclose(run.ys, p, atol=1e-12)

config = transduce.RNNConfig(
    cell="rnn", attention="none", bidirectional=False, tied="none", embed=len(symbols), hidden=4, dropout=0.0
)
model = transduce.RNN(config, source_vocab=len(symbols), target_vocab=len(symbols)).double()
model.load_state_dict({
    name: torch.tensor(value) for name, value in {
        "source_embedding.weight": one_hot, "target_embedding.weight": one_hot,
        "encoder.rnn.weight_ih_l0": W_xh, "encoder.rnn.weight_hh_l0": W_hh,
        "encoder.rnn.bias_ih_l0": b_h, "encoder.rnn.bias_hh_l0": 0 * b_h,
        "decoder.rnn.weight_ih_l0": W_ys, "decoder.rnn.weight_hh_l0": W_ss,
        "decoder.rnn.bias_ih_l0": b_s, "decoder.rnn.bias_hh_l0": 0 * b_s,
        "output.weight": W_sy, "output.bias": b_y,
    }.items()
})  # fmt: skip
number = {symbol: place for place, symbol in enumerate(symbols)}
source = torch.tensor([[number[word] for word in ("1", "2", "3")]])
target_in = torch.tensor([[number[word] for word in ("<start>", "4", "5", "6")]])
with torch.no_grad():
    logits = model(source, torch.tensor([3]), target_in)  # (batch, tgt_len, vocab)
assert np.allclose(logits.softmax(dim=-1)[0], p, atol=1e-12)
print("this page = transduce.reference = transduce.RNN")

# %% [markdown] en
# ## One vector for everything
#
# All that the decoder will ever know of the input is $s_0$. Here are the contexts of all inputs of up to three
# symbols, already told apart by a network that has learned nothing:

# %% [markdown] zh
# ## 一个向量装下全部
#
# 解码器对输入的全部了解，就是 $s_0$。下面是所有不超过三个符号的输入的上下文向量；网络还什么都没学，就已经能把它们区分开了：

# %%
from itertools import product

contexts = {words: encode(list(words)) for length in (1, 2, 3) for words in product("123", repeat=length)}
values = np.array(list(contexts.values()))
apart = np.linalg.norm(values[:, None] - values[None], axis=-1)[np.triu_indices(len(values), k=1)]
print(f"{len(values)} inputs, the two nearest contexts are {apart.min():.4f} apart, the two farthest {apart.max():.2f}")
assert apart.min() > 0

# %% [markdown] en
# But four numbers, or a thousand, are the same size for a sentence of three words and one of fifty. That this is a narrow door,
# and what opens it, is the subject of page 6. First the model has to learn.

# %% [markdown] zh
# 不过，不管是四个数还是一千个数，三个词的句子和五十个词的句子用的都是同样大小的向量。这道门很窄；怎样把它打开，是第 6 页的内容。
# 在那之前，先让模型学起来。
