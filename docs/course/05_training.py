# %% [markdown] en
# # 5. Training on pairs
#
# Now everything comes together: a file of pairs, a tokenizer for each language, batches, an encoder-decoder, the loss,
# and steps down its slope. The pairs are built in: English and French sentences from a grammar, the same for everybody.
# None of the held-out sentences is seen in training, and half of them put two words together that training keeps apart.

# %% [markdown] zh
# # 5. 用句对训练
#
# 现在把所有东西放到一起：句对、每种语言一个分词器、成批的数据、编码器-解码器、损失，以及沿着斜率一步步下降。句对是内置的：
# 由语法生成的英语和法语句子，人人得到的都一样。留作测试的句子在训练中都没有出现过，其中一半还含有训练中从不同时出现的
# 两个词。

# %%
import torch
from workshop import amount, quick, save

import transduce
from transduce.data.batches import collate, plan_batches
from transduce.data.builtin import builtin_split
from transduce.training.loss import token_loss

torch.manual_seed(0)
split = builtin_split(amount(10_000, in_tests=3_000), 200, 0)
print(f"{len(split.train):,} pairs to learn from, {len(split.valid)} held out, such as {split.valid[0]}")

sides = [[source for source, _ in split.train], [target for _, target in split.train]]
english, french = (
    transduce.Tokenizer.train(texts, config=transduce.TokenizerConfig(kind="bpe", vocab=1500)) for texts in sides
)


def numbers(pairs):
    sources, targets = ([pair[side] for pair in pairs] for side in (0, 1))
    return list(zip(english.encode_batch(sources), french.encode_batch(targets), strict=True))


train, valid = numbers(split.train), numbers(split.valid)

# %% [markdown] en
# ## The model
#
# One LSTM layer on each side, and for now no attention: the encoder's last state is all that the decoder gets, as
# in Sutskever et al. 2014. Two of that paper's findings stand in the settings: `reverse_source` reads the source backwards,
# so that its first words, which the decoder needs first, are read last; and the gradient is clipped.

# %% [markdown] zh
# ## 模型
#
# 两边各一层 LSTM，暂时不带注意力：编码器的最后一个状态就是解码器得到的全部，与 Sutskever 等（2014）一样。设置里有这篇论文的
# 两个发现：`reverse_source` 把源句倒着读，这样解码器最先需要的开头几个词最后才读到；另外还要裁剪梯度。

# %%
config = transduce.RNNConfig(
    cell="lstm", attention="none", bidirectional=False, reverse_source=True, tied="decoder",
    embed=128, hidden=128, dropout=0.1,
)  # fmt: skip
model = transduce.RNN(config, source_vocab=english.vocab_size, target_vocab=french.vocab_size)
print(f"{sum(weight.numel() for weight in model.parameters()):,} weights")

# %% [markdown] en
# ## The loop
#
# For each batch: the logits of all positions at once (teacher forcing), their cross-entropy, its gradient, one step of
# Adam. After each pass over the pairs, the loss on held-out ones, and what the model makes of three of them:

# %% [markdown] zh
# ## 循环
#
# 对每一批：一次算出所有位置的 logits（教师强制），算交叉熵，求梯度，用 Adam 走一步。每遍历完一次句对，就看看它在没见过的句对上
# 损失多少，并让它翻译其中三句：


# %%
def tensors(pairs, rows):
    return map(torch.from_numpy, collate(pairs, rows))


def translate(texts):
    (source, lengths, _, _) = tensors(numbers([(text, "") for text in texts]), range(len(texts)))
    found = transduce.greedy(model, source, lengths, max_lengths=[40] * len(texts))
    return french.decode_batch([each.tokens for each in found])


def loss_of(pairs):
    """Cross-entropy in nats a token, without learning."""
    model.eval()
    with torch.no_grad():
        source, lengths, target_in, target_out = tensors(pairs, range(len(pairs)))
        sums = token_loss(model(source, lengths, target_in), target_out)
    model.train()
    return float(sums.nll / sums.tokens)


EPOCHS = amount(12, in_tests=1)
plans = [
    plan_batches([len(x) for x, _ in train], [len(y) for _, y in train], tokens=700, seed=0, epoch=epoch)
    for epoch in range(EPOCHS)
]
total = sum(map(len, plans))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
losses, validations, step = [], [], 0
probes = [source for source, _ in split.valid[:3]]
for epoch, batches in enumerate(plans, start=1):
    for rows in batches[: amount(None, in_tests=25)]:
        source, lengths, target_in, target_out = tensors(train, rows)
        sums = token_loss(model(source, lengths, target_in), target_out, smoothing=0.1)
        (sums.loss / sums.tokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        step += 1
        for group in optimizer.param_groups:  # the rate rises over 50 steps and falls to nothing over the last 40 %
            group["lr"] = 5e-3 * min(1, step / 50, (total - step) / (0.4 * total))
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(sums.nll / sums.tokens))
    validations.append((step, loss_of(valid)))
    if epoch in (1, 2, 4, 8, EPOCHS):
        print(
            f"after {epoch} passes: held-out loss {validations[-1][1]:.2f}, perplexity {2.718281828 ** validations[-1][1]:.1f}"
        )
        for text, output in zip(probes, translate(probes), strict=True):
            print(f"    {text} -> {output}")
assert losses[-1] < losses[0]

# %% [picture]
from matplotlib import pyplot as plt

figure, axis = plt.subplots(figsize=(5.4, 2.5))
axis.plot(losses, lw=0.5, color="#9bb8d3")
axis.plot(*zip(*validations, strict=True), "o-", ms=3, color="#c8553d")
axis.set(xlabel="steps", ylabel="nats a token", ylim=(0, 7))
axis.text(0.97, 0.9, "thin: training batches\ndots: held-out pairs", transform=axis.transAxes, ha="right", va="top")
save(figure, "05-training.png")

# %% [markdown] en
# ![Training and held-out loss fall together, faster at the end when the learning rate falls](pictures/05-training.png)
#
# The two losses belong together. When the training loss falls and the held-out one rises, the model has begun to learn by heart:
# stop, or use more pairs, more dropout, or a smaller model.
#
# ## How good is it?

# %% [markdown] zh
# ![训练损失逐批下降，留出句对的损失随之下降，最后学习率降低时降得更快](pictures/05-training.png)
#
# 两条损失要放在一起看。如果训练损失在降、留出句对的损失却在升，说明模型开始死记硬背了：该停下来，或者用更多句对、更大的 dropout、
# 更小的模型。
#
# ## 效果如何？

# %%
from transduce.metrics import corpus_scores, exact_match

model.eval()
outputs = translate([source for source, _ in split.valid])
references = [target for _, target in split.valid]
print(corpus_scores(outputs, references, metrics=["bleu"], language="fr")["bleu"])
print(exact_match(outputs, references))
wrong = [row for row in range(len(outputs)) if outputs[row] != references[row]]
for row in wrong[:4]:
    print(f"\n{split.valid[row][0]}\n    model:     {outputs[row]}\n    reference: {references[row]}")
assert quick() or corpus_scores(outputs, references, metrics=["bleu"])["bleu"].value > 10

# %% [markdown] en
# ## The same in one line
#
# `transduce.train` does what this page did, and what a page leaves out: it reads files, chooses sizes for your data and
# your minutes, keeps the
# best weights, survives being killed, and writes a report. Its loop is `training/loop.py`.

# %% [markdown] zh
# ## 一行代码
#
# 这一页做的事，`transduce.train` 全都做，还做了这里省略的：读文件，按你的数据和时间选择大小，保留最好的权重，中途被杀掉也能接着训练，
# 最后写一份报告。它的循环在 `training/loop.py`。

# %%
import tempfile

with tempfile.TemporaryDirectory() as folder:
    made = transduce.train(
        split.train[:2000], valid=split.valid[:20], steps=20, out=f"{folder}/run", quiet=True,
        settings=["model.hidden=32", "model.embed=32"],
    )  # fmt: skip
    print(made)
