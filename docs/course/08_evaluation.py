# %% [markdown] en
# # 8. Evaluation
#
# How good is a translation? There are many good ones of every sentence, and a program has one to compare with, the
# *reference*. What it can do is count what the two have in common.
#
# ## BLEU
#
# BLEU (Papineni et al. 2002) counts *n-grams*, runs of 1, 2, 3 and 4 words. The precision $p_n$ is the share of the output's
# n-grams that stand in the reference too, each counted at most as often as there. Their geometric mean is the
# score. Saying little and only what is certain would be rewarded, so an output shorter than the reference, $c < r$, is
# punished by the *brevity penalty*:
#
# $$\text{BLEU} = 100 \cdot BP \cdot \exp\Big(\frac14 \sum_{n=1}^4 \log p_n\Big), \qquad BP = \min(1, e^{1 - r/c})$$
#
# All counts are summed over the whole corpus first. What a "word" is must be agreed on: the usual rules, called
# *13a*, set punctuation apart, but leave it inside numbers. In code:

# %% [markdown] zh
# # 8. 评估
#
# 译文有多好？每个句子都有许多好的译法，而程序手里只有一个可比的对象，即*参考译文*。它能做的，是数一数两者有多少相同之处。
#
# ## BLEU
#
# BLEU（Papineni 等 2002）数的是 *n 元组*，也就是连续的 1、2、3、4 个词。精确率 $p_n$ 是输出的 n 元组中也出现在参考译文里的比例，
# 每个 n 元组计数不超过它在参考译文中出现的次数。四个精确率的几何平均就是得分。这样一来，少说话、只说有把握的会占便宜，
# 所以输出比参考译文短（$c < r$）时，要受*短句惩罚*：
#
# $$\text{BLEU} = 100 \cdot BP \cdot \exp\Big(\frac14 \sum_{n=1}^4 \log p_n\Big), \qquad BP = \min(1, e^{1 - r/c})$$
#
# 所有计数都先在整个语料上加总。什么算一个“词”也要约定：通行的规则叫 *13a*，把标点单独分开，但数字内部的除外。写成代码：

# %%
import math
import re
from collections import Counter

import numpy as np


def words(text: str) -> list[str]:
    """The words of a text by the rules of 13a, for text without markup."""
    text = re.sub(r"([!-&(-+/:-@\[-`{-~])", r" \1 ", text)  # ASCII punctuation but ' . , -
    text = re.sub(r"(?<![0-9])([.,])", r" \1 ", f" {text} ")  # a point or comma not behind a digit
    text = re.sub(r"([.,])(?![0-9])", r" \1 ", text)  # or not before one
    return re.sub(r"(?<=[0-9])-", " - ", text).split()  # a hyphen behind a digit


def ngrams(text: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[at : at + n]) for at in range(len(text) - n + 1))


def counts(output: str, reference: str) -> np.ndarray:
    """Of one sentence: n-grams that are right, n-grams in all (n = 1 to 4 each), and both lengths."""
    ours, theirs = words(output), words(reference)
    right = [(ngrams(ours, n) & ngrams(theirs, n)).total() for n in (1, 2, 3, 4)]  # & takes the smaller count
    return np.array([*right, *(max(0, len(ours) - n) for n in range(4)), len(ours), len(theirs)])


def score(total: np.ndarray) -> float:
    """BLEU of counts that were summed over a corpus."""
    right, in_all, (c, r) = total[:4].astype(float), total[4:8], total[8:]
    if not right.any() or not in_all.all():
        return 0.0
    for miss, n in enumerate(np.flatnonzero(right == 0), start=1):
        right[n] = 0.5**miss  # where nothing is right, count 1/2, then 1/4, ... instead of nothing
    return 100 * min(1.0, math.exp(1 - r / c)) * math.exp(np.log(right / in_all).mean())


def bleu(outputs: list[str], references: list[str]) -> float:
    return score(sum(counts(*pair) for pair in zip(outputs, references, strict=True)))


# %% [markdown] en
# Compared with `sacrebleu`, the program whose figures papers report (Post 2018), on corpora that are spoiled more and more: words
# left out, swapped, or replaced.

# %% [markdown] zh
# 与 `sacrebleu`（论文报告的数字就出自这个程序，Post 2018）对照，语料被破坏得越来越厉害：漏词、换序、换词。

# %%
import random

import transduce
from transduce.metrics import corpus_scores

references = [french for _, french in transduce.builtin_pairs(500, seed=1)]
references += [
    "Il a payé 1,500.50 euros (soit 3-4 fois plus).",
    "L'été 2024-2025 : 3,5 % de plus !",
    "Eh bien... non, dit-il !",
]
vocabulary = sorted({word for text in references for word in text.split()})


def spoiled(text: str, share: float, draw: random.Random) -> str:
    kept = text.split()
    for at in range(len(kept)):
        if draw.random() < share:
            kept[at] = draw.choice(["", draw.choice(vocabulary), kept[draw.randrange(len(kept))]])
    return " ".join(word for word in kept if word)


print("spoiled   ours    sacrebleu")
for share in (0.0, 0.1, 0.3, 0.6, 0.9, 1.0):
    draw = random.Random(0)
    outputs = [spoiled(text, share, draw) for text in references]
    theirs = corpus_scores(outputs, references, metrics=["bleu"], tokenize="13a")["bleu"]
    print(f"{100 * share:5.0f} %  {bleu(outputs, references):7.3f}  {theirs.value:7.3f}")
    assert abs(bleu(outputs, references) - theirs.value) < 1e-9
print(theirs.signature)

# %% [markdown] en
# The last line is the *signature*: how the number came about. BLEU without it cannot be compared: lower-cased text scores
# higher, and so does another idea of what a word is. In `transduce` every score carries one.
#
# ## What it sees and what it does not

# %% [markdown] zh
# 最后一行是*签名*，说明这个数是怎么来的。没有签名的 BLEU 无法比较：全部转成小写，得分会高一些；换一种分词，得分也会变。
# 在 `transduce` 里，每个得分都带着签名。
#
# ## 它看得见什么，看不见什么

# %%
reference = "Un homme fait du vélo dans la rue."
for output in (
    "Un homme fait du vélo dans la rue.",
    "Un homme fait du vélo dans la rue",  # without the point
    "Un homme roule à vélo dans la rue.",  # as good
    "Un homme ne fait pas du vélo dans la rue.",  # the opposite
    "Dans la rue, un homme fait du vélo.",  # the same, in another order
    "Un homme.",
):
    scores = corpus_scores([output], [reference], metrics=["bleu", "chrf"], tokenize="13a")
    print(f"BLEU {scores['bleu'].value:5.1f}  chrF {scores['chrf'].value:5.1f}  {output}")

# %% [markdown] en
# The opposite scores higher than a good translation in other words. On one sentence BLEU means little; over a thousand
# sentences such chances cancel, and a better system scores higher. chrF (Popović 2015) counts runs of *characters* instead
# of words and so gives credit for "vélos" where "vélo" was wanted; it is kinder to short texts and to languages with many word forms.
#
# ## How sure is the number?
#
# Other sentences would give another score. How different? Draw as many sentences from those at hand,
# with repetition, again and again, and look at the spread: the *bootstrap* (Koehn 2004).

# %% [markdown] zh
# 意思相反的句子，得分竟比换个说法的好译文还高。对单个句子，BLEU 说明不了什么；放到一千个句子上，这类偶然会互相抵消，更好的系统
# 得分更高。chrF（Popović 2015）数的是连续的*字符*而不是词，所以该写 “vélo” 却写成 “vélos” 时也能得到部分分数；它对短文本、
# 对词形变化丰富的语言更公道。
#
# ## 这个数有多可靠？
#
# 换一千个句子，得分就会不同。会差多少？从手头的句子里有放回地抽出那么多句，反复抽，看得分散布在多大的范围里。这就是
# *自助法*（bootstrap，Koehn 2004）。

# %%
draw = random.Random(0)
outputs = [spoiled(text, 0.2, draw) for text in references]


each = np.array([counts(*pair) for pair in zip(outputs, references, strict=True)])
random_rows = np.random.default_rng(0)


def interval(count: int, samples: int = 400) -> tuple[float, float]:
    """The range that holds 95 of 100 scores of ``count`` sentences drawn with repetition."""
    found = sorted(score(each[random_rows.integers(len(each), size=count)].sum(axis=0)) for _ in range(samples))
    return found[samples * 25 // 1000], found[-1 - samples * 25 // 1000]


sizes = (25, 50, 100, 200, 500)
ranges = {size: interval(size) for size in sizes}
for size, (low, high) in ranges.items():
    print(f"{size:4} sentences: from {low:.1f} to {high:.1f}")
assert ranges[500][1] - ranges[500][0] < ranges[25][1] - ranges[25][0]

# %% [picture]
from matplotlib import pyplot as plt
from workshop import save

figure, axis = plt.subplots(figsize=(4.6, 2.4))
for place, (low, high) in enumerate(ranges.values()):
    axis.plot([place, place], [low, high], color="#1f5f99", lw=5, solid_capstyle="butt")
axis.axhline(bleu(outputs, references), color="0.6", lw=0.8)
axis.set_xticks(range(len(sizes)), [str(size) for size in sizes])
axis.set(xlabel="sentences", ylabel="BLEU, 95 % of draws")
save(figure, "08-interval.png")

# %% [markdown] en
# ![The interval of the score is wide for 25 sentences and narrow for 500](pictures/08-interval.png)
#
# A difference smaller than the interval proves nothing. `transduce evaluate RUN DATA` prints BLEU, chrF and TER with
# signatures, how many outputs equal their reference, and the perplexity. And what is measured on sentences that the model was trained on
# measures memory: held-out pairs must have no sentence in common with the training part, on either side.

# %% [markdown] zh
# ![25 个句子时得分的区间很宽，500 个句子时很窄](pictures/08-interval.png)
#
# 比区间还小的差别什么也证明不了。`transduce evaluate RUN DATA` 打印 BLEU、chrF 和 TER（附签名）、与参考译文完全相同的比例，
# 以及困惑度。另外，在训练过的句子上测量，量到的只是记忆力：留作测试的句对，无论源端还是目标端，都不能与训练部分有相同的句子。
