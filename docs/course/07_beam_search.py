# %% [markdown] en
# # 7. Beam search
#
# A trained model gives every possible output a probability. Which one should it write? The most probable, surely. But
# with a vocabulary of 3,000 there are $3000^{20}$ outputs of twenty tokens, and nobody looks at them all.
# *Greedy search* takes the likeliest token at each step. That is not the same thing, and a model small enough
# to know by heart shows why.
#
# ## A model of three steps
#
# This table is a whole model: after what was written so far, the probability of what comes next.

# %% [markdown] zh
# # 7. 束搜索
#
# 训练好的模型给每一种可能的输出一个概率。该写哪一个？当然是概率最大的那个。但词表有 3,000 项时，二十个 token 的输出有
# $3000^{20}$ 种，谁也看不完。*贪心搜索*每一步取概率最大的 token，这和整体概率最大并不是一回事。用一个小到可以背下来的
# 模型就能看清原因。
#
# ## 一个三步的模型
#
# 下面这张表就是整个模型：写到这里之后，下一个是什么、概率多大。

# %%
import numpy as np

END = "</s>"
NEXT = {
    "": {"un": 0.55, "le": 0.45},
    "un": {"chien": 0.4, "chat": 0.35, "homme": 0.25},
    "le": {"chien": 0.9, "chat": 0.1},
    "un chien": {END: 0.6, "noir": 0.4},
    "un chat": {END: 0.6, "noir": 0.4},
    "un homme": {END: 0.6, "noir": 0.4},
    "le chien": {END: 0.8, "noir": 0.2},
    "le chat": {END: 0.5, "noir": 0.5},
}


def next_words(written: str) -> dict[str, float]:
    return NEXT.get(written, {END: 1.0})


def greedy() -> tuple[str, float]:
    written, probability = "", 1.0
    while True:
        word, p = max(next_words(written).items(), key=lambda each: each[1])
        probability *= p
        if word == END:
            return written, probability
        written = f"{written} {word}".strip()


def every_output(written: str = "", probability: float = 1.0) -> dict[str, float]:
    """All outputs there are, with their probabilities."""
    found = {}
    for word, p in next_words(written).items():
        if word == END:
            found[written] = probability * p
        else:
            found |= every_output(f"{written} {word}".strip(), probability * p)
    return found


outputs = every_output()
assert np.isclose(sum(outputs.values()), 1)
best = max(outputs, key=outputs.__getitem__)
print(f"greedy: {greedy()[0]!r}, probability {greedy()[1]:.3f}")
print(f"best:   {best!r}, probability {outputs[best]:.3f}")

# %% [markdown] en
# Greedy search takes "un", likelier by a little, and finds itself where no continuation is likely. It cannot
# go back.
#
# ## Keep several
#
# *Beam search* keeps the $k$ best beginnings at every step instead of one (Sutskever et al. 2014, section 3.2). Each is
# continued with each word, and of all continuations the $k$ best are kept. One that ends is put aside and gives up
# its place. Products of many probabilities get tiny, so logarithms are added:
#
# $$\log p(y \mid x) = \sum_t \log p(y_t \mid y_{<t}, x)$$

# %% [markdown] zh
# 贪心搜索选了概率略高的 “un”，接着发现自己走到了哪条路都不太可能的地方，而它不能回头。
#
# ## 多留几个
#
# *束搜索*每一步留下 $k$ 个最好的开头，而不是一个（Sutskever 等 2014，第 3.2 节）。每个开头都接上每个词，再从所有的延续里
# 留下最好的 $k$ 个；写完的放到一边，让出自己的位置。许多概率连乘会小得没法算，所以改成对数相加：
#
# $$\log p(y \mid x) = \sum_t \log p(y_t \mid y_{<t}, x)$$


# %%
def beam_search(beam: int, *, steps: list | None = None) -> list[tuple[float, str]]:
    """Complete outputs with their log-probabilities, best first."""
    kept, complete = [(0.0, "")], []
    while kept:
        going_on = []
        for total, written in kept:
            for word, p in next_words(written).items():
                going_on.append((total + np.log(p), written, word))
        going_on.sort(reverse=True)
        chosen = going_on[: beam - len(complete)]
        if steps is not None:
            steps.append((chosen, going_on[beam - len(complete) :]))
        complete += [(total, written) for total, written, word in chosen if word == END]
        kept = [(total, f"{written} {word}".strip()) for total, written, word in chosen if word != END]
    return sorted(complete, reverse=True)


for beam in (1, 2, 3):
    total, written = beam_search(beam)[0]
    print(f"beam {beam}: {written!r}, log-probability {total:.3f}, probability {np.exp(total):.3f}")
assert beam_search(1)[0][1] == greedy()[0]
assert beam_search(2)[0][1] == best

# %% [picture]
from matplotlib import pyplot as plt
from workshop import save

steps: list = []
beam_search(2, steps=steps)
figure, axis = plt.subplots(figsize=(6.6, 2.9))
height = {"": 0.0}
for depth, (chosen, dropped) in enumerate(steps):
    rows = sorted(chosen + dropped, key=lambda each: (height[each[1]], each[2]))
    for place, (total, written, word) in enumerate(rows):
        y = (place - (len(rows) - 1) / 2) * 1.1
        alive = (total, written, word) in chosen
        color = ("#588157" if word == END else "#1f5f99") if alive else "0.65"
        axis.plot(
            [depth + 0.09, depth + 0.55],
            [height[written], y],
            color=color,
            lw=1.4 if alive else 0.7,
            ls="-" if alive else ":",
        )
        axis.text(depth + 0.58, y, f"{word}  {np.exp(total):.2f}", va="center", fontsize=8, color=color)
        height[f"{written} {word}".strip()] = y
axis.set(xlim=(-0.05, len(steps) + 0.2))
axis.axis("off")
save(figure, "07-beam.png")

# %% [markdown] en
# ![The search with a beam of 2 as a tree: kept beginnings in blue, dropped ones gray, complete outputs green](pictures/07-beam.png)
#
# Blue was kept, gray was dropped for want of a place, green is complete; the number is the probability so far. `transduce explain
# RUN "sentence"` shows this tree for a model of yours.
#
# ## The same search in the library
#
# `transduce.beam_search` works on whole batches and any model that offers `start` and `step`. Our table can offer
# them too: its "state" is simply the text written so far.

# %% [markdown] zh
# ![束宽为 2 的搜索画成一棵树：保留的开头是蓝色，放弃的是灰色，完成的输出是绿色](pictures/07-beam.png)
#
# 蓝色是保留的，灰色是没有位置而放弃的，绿色是写完的；数字是到此为止的概率。对你自己的模型，
# `transduce explain RUN "句子"` 会把这棵树显示出来。
#
# ## 库里的同一个搜索
#
# `transduce.beam_search` 一次搜索整批句子，只要模型提供 `start` 和 `step` 就行。我们的表也能提供：它的“状态”就是写到
# 目前为止的文本。

# %%
from dataclasses import dataclass

import torch

import transduce
from transduce.models.base import Generator, State

WORDS = ["<pad>", "<s>", END, "<unk>", "un", "le", "chien", "chat", "homme", "noir"]


@dataclass(frozen=True)
class Written(State):
    texts: list[str]
    attention = None

    def select(self, rows):
        return Written([self.texts[row] for row in rows.tolist()])

    def __len__(self):
        return len(self.texts)


class Table(Generator):
    vocab = len(WORDS)

    def start(self, source, source_lengths):
        return Written([""] * len(source))

    def step(self, tokens, state):
        """The tokens written last give the log-probabilities of the next."""
        texts = [f"{text} {WORDS[token]}".strip() if token > 3 else text
                 for text, token in zip(state.texts, tokens.tolist(), strict=True)]  # fmt: skip
        rows = torch.full((len(texts), len(WORDS)), 1e-9)
        for row, text in enumerate(texts):
            for word, p in next_words(text).items():
                rows[row, WORDS.index(word)] = p
        return rows.log(), Written(texts)

    def forward(self, source, source_lengths, target_in):
        raise NotImplementedError  # it was never trained


source = torch.tensor([[4, 2]])  # whatever it is, the table writes the same
for beam in (1, 2, 3):
    config = transduce.DecodingConfig(beam=beam, length_penalty=0.0)
    (found,) = transduce.beam_search(Table(), source, torch.tensor([2]), max_lengths=[9], config=config)
    ours = beam_search(beam)[0]
    assert " ".join(WORDS[token] for token in found[0].tokens) == ours[1]
    assert np.isclose(found[0].log_prob, ours[0], atol=1e-5)
print("transduce.beam_search finds the same outputs with the same log-probabilities")

# %% [markdown] en
# ## Long and short outputs
#
# Each further token multiplies by something below 1. The sum of logarithms therefore favors short outputs, and a wide
# beam finds them: with more freedom to search, translations get too short (Koehn and Knowles 2017, section 3.6).
# The usual remedy divides by a power of the length before comparing (Wu et al. 2016, eq. 14):
#
# $$\text{score}(y) = \frac{\log p(y \mid x)}{lp(y)}, \qquad lp(y) = \frac{(5 + |y|)^\alpha}{(5 + 1)^\alpha}$$

# %% [markdown] zh
# ## 长输出与短输出
#
# 每多写一个 token，就多乘一个小于 1 的数。所以对数之和偏爱短的输出，束越宽越容易找到它们：搜索的余地大了，译文反而变得太短
# （Koehn 与 Knowles 2017，第 3.6 节）。通常的办法是先除以长度的某个幂，再作比较（Wu 等 2016，式 14）：
#
# $$\text{score}(y) = \frac{\log p(y \mid x)}{lp(y)}, \qquad lp(y) = \frac{(5 + |y|)^\alpha}{(5 + 1)^\alpha}$$

# %%
from transduce.decoding import length_penalty

short, long = ("Un chien court.", -3.0, 5), ("Un chien noir court dans l'herbe.", -3.6, 9)
for alpha in (0.0, 0.6, 1.0):
    scores = {text: total / ((5 + symbols) / 6) ** alpha for text, total, symbols in (short, long)}
    assert np.isclose(scores[long[0]], long[1] / length_penalty(9.0, alpha))
    print(
        f"alpha {alpha}: {scores[short[0]]:6.3f} against {scores[long[0]]:6.3f}, so it writes: {max(scores, key=scores.get)}"
    )

# %% [markdown] en
# $\alpha = 0$ compares log-probabilities as they are; $\alpha = 1$ is the default here (`--set
# decoding.length_penalty`). The beam is 5 by default, and beyond 5 or 10 the gain is little. A beginning that falls 2 behind the
# best of its sentence in log-probability gives up its place (`decoding.beam_threshold`; Freitag and Al-Onaizan 2017): it hardly
# ever wins, and each place costs as much as one greedy search. Where the output should vary rather than be the
# best, draw from the probabilities: `transduce translate RUN --sample`.

# %% [markdown] zh
# $\alpha = 0$ 直接比较对数概率；这里的默认值是 $\alpha = 1$（`--set decoding.length_penalty`）。束宽默认是 5，超过 5 到 10 以后
# 收益很小。对数概率比同一句里最好的开头低 2 以上的开头会让出位置（`decoding.beam_threshold`；Freitag 与 Al-Onaizan 2017）：
# 它几乎不会胜出，而每个位置都要花一份贪心搜索的开销。如果想要的不是最好、而是多样的输出，可以按概率抽样：
# `transduce translate RUN --sample`。
