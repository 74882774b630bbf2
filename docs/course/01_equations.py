# %% [markdown] en
# # 1. The equations
#
# A sentence comes one word after another, and sentences differ in length. A *recurrent network* reads such a
# sequence with one small set of weights, used again at every step. What it has read so far it keeps
# in a vector, the *state* $h_t$ (Elman 1990):
#
# $$h_t = \sigma(W_{xh} x_t + W_{hh} h_{t-1} + b_h), \qquad h_0 = 0$$
#
# $$y_t = f(W_{hy} h_t + b_y)$$
#
# $x_t$ is the input of step $t$, $\sigma$ a function that bends (here tanh, between -1 and 1), $f$ what the output
# needs. Articles write these two lines and stop. Let us put numbers in: the inputs 1, 2, 3, a state of two
# numbers, and the weights that `transduce lesson` starts from, small random numbers of two decimals.

# %% [markdown] zh
# # 1. 公式
#
# 句子是一个词接一个词来的，长短又各不相同。*循环网络*用同一组小小的权重逐步读完整个序列，每一步都重复使用它们；
# 读到目前为止的内容，则记在一个向量里，这就是*状态* $h_t$（Elman 1990）：
#
# $$h_t = \sigma(W_{xh} x_t + W_{hh} h_{t-1} + b_h), \qquad h_0 = 0$$
#
# $$y_t = f(W_{hy} h_t + b_y)$$
#
# $x_t$ 是第 $t$ 步的输入，$\sigma$ 是起弯曲作用的函数（这里用 tanh，取值在 -1 到 1 之间），$f$ 由输出的需要决定。
# 文章往往写完这两行就结束了。我们来代入数字：输入是 1、2、3，
# 状态是两个数，权重用 `transduce lesson` 的初始权重，都是两位小数的小随机数。

# %%
import numpy as np

from transduce.explain.lesson import LessonConfig
from transduce.explain.lesson.task import example_of, first_weights

lesson = example_of(LessonConfig(input="1 2 3", output="4 5 6", hidden=2))
W_xh, W_hh, b_h = first_weights(lesson).encoder  # (hidden, inputs), (hidden, hidden), (hidden,)
print(f"W_xh = {W_xh.tolist()}\nW_hh = {W_hh.tolist()}\nb_h  = {b_h.tolist()}\n")

h = np.zeros(2)
states = []
for t, x in enumerate([1.0, 2.0, 3.0], start=1):
    h = np.tanh(W_xh @ [x] + W_hh @ h + b_h)
    states.append(h)
    print(f"h_{t} = {np.round(h, 4)}")

# %% [markdown] en
# The first number of $h_1$ by hand, with $h_0 = 0$:

# %% [markdown] zh
# $h_1$ 的第一个数可以手算，注意 $h_0 = 0$：

# %%
a = W_xh[0, 0] * 1 + b_h[0]
print(f"tanh({W_xh[0, 0]} * 1 + {b_h[0]}) = tanh({a:.2f}) = {np.tanh(a):.4f}")

# %% [markdown] en
# `transduce lesson` prints the same numbers on the terminal, each with its equation. And that equation stands in the
# library twice: in NumPy, one a line (`transduce/reference/`), and in torch for whole batches (`transduce/models/rnn.py`).
# All of them agree:

# %% [markdown] zh
# `transduce lesson` 在终端里打印的也是这些数，每个数都带着它的公式。这个公式在代码库里出现两次：一次用 NumPy，
# 一行一个公式（`transduce/reference/`）；一次用 torch，供成批计算（`transduce/models/rnn.py`）。几处的结果完全一致：

# %%
import torch

import transduce
from transduce.models.rnn import cell_step

run = lesson.run(first_weights(lesson))  # transduce.reference
assert np.allclose([step.h for step in run.encoder], states, atol=1e-12)

h = torch.zeros(1, 2, dtype=torch.float64)
for x, ours in zip([1.0, 2.0, 3.0], states, strict=True):
    projected = torch.tensor(W_xh @ [x] + b_h)[None]
    h = cell_step(transduce.RNNConfig(cell="rnn"), projected, h, None, torch.tensor(W_hh), torch.zeros(2).double())["h"]
    assert np.allclose(h[0], ours, atol=1e-12)
print("this page = transduce.reference = transduce.models.rnn")

# %% [markdown] en
# ## What the equations leave open
#
# - $\sigma$ means the sigmoid to some and any bending function to others. tanh is usual: its values lie on both
#   sides of 0.
# - $f$ depends on what comes out. For numbers of any size it is nothing at all; for words it is softmax (page 3).
#   A sigmoid could never write a 4.
# - $x_t$ of a word is a vector: 1 at the word's place, 0 elsewhere, or a learned one (page 4).
#
# ## What is remembered
#
# Each step multiplies the past by $W_{hh}$ and bends it again. What stood in the first input fades, step by step.
# The *LSTM* (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000) keeps a second vector $c_t$
# to which is *added* rather than multiplied, and three gates between 0 and 1 that say what to keep ($f$), what to let in
# ($i$) and what to show ($o$):
#
# $$i, f, o = \mathrm{sigmoid}(\ldots), \quad g = \tanh(\ldots), \quad c_t = f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh(c_t)$$
#
# where each $\ldots$ is $W x_t + b + W' h_{t-1} + b'$ with weights of its own. In code:

# %% [markdown] zh
# ## 公式没有说清的地方
#
# - $\sigma$ 有人指 sigmoid，有人泛指任何激活函数。通常用 tanh，因为它的取值在 0 的两侧都有。
# - $f$ 取决于要输出什么。要输出任意大小的数，就什么也不加；要输出词，就用 softmax（第 3 页）。用 sigmoid 是永远写不出 4 的。
# - 词的 $x_t$ 是向量：在该词的位置上为 1、其余为 0；或者是一个学出来的向量（第 4 页）。
#
# ## 记住了什么
#
# 每走一步，过去都要再乘一次 $W_{hh}$、再弯曲一次，于是最初的输入一步步淡去。*LSTM*（Hochreiter 与 Schmidhuber 1997；
# 遗忘门见 Gers 等 2000）另外保存一个向量 $c_t$，新内容是*加*进去的而不是乘进去的；还有三个取值在 0 到 1 之间的门，
# 分别决定保留什么（$f$）、放进什么（$i$）、展示什么（$o$）：
#
# $$i, f, o = \mathrm{sigmoid}(\ldots), \quad g = \tanh(\ldots), \quad c_t = f \odot c_{t-1} + i \odot g, \quad h_t = o \odot \tanh(c_t)$$
#
# 其中每个 $\ldots$ 都是 $W x_t + b + W' h_{t-1} + b'$，各有各的权重。写成代码：


# %%
def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


def lstm_step(x, h, c, W, W_h, b):
    """W: (4 * hidden, inputs), W_h: (4 * hidden, hidden), b: (4 * hidden,); gates in the order i, f, g, o."""
    i, f, g, o = np.split(W @ x + W_h @ h + b, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


# %% [markdown] en
# The *GRU* (Cho et al. 2014, eq. 5 to 8) does with one vector and two gates: $z$ mixes the old state with the new,
# $r$ says how much of the old one the new may see.
#
# $$r, z = \mathrm{sigmoid}(\ldots), \quad n = \tanh(W x_t + b + r \odot (W' h_{t-1} + b')), \quad h_t = z \odot h_{t-1} + (1 - z) \odot n$$

# %% [markdown] zh
# *GRU*（Cho 等 2014，式 5 至 8）只用一个向量和两个门：$z$ 决定新旧状态各占多少，$r$ 决定新状态能看到多少旧状态。
#
# $$r, z = \mathrm{sigmoid}(\ldots), \quad n = \tanh(W x_t + b + r \odot (W' h_{t-1} + b')), \quad h_t = z \odot h_{t-1} + (1 - z) \odot n$$


# %%
def gru_step(x, h, W, W_h, b, b_h):
    (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(W @ x + b, 3), np.split(W_h @ h + b_h, 3)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    return z * h + (1 - z) * np.tanh(x_n + r * h_n)


# Both against the library, on random weights.
random = np.random.default_rng(0)
x, h, c = random.normal(size=5), random.normal(size=4), random.normal(size=4)
for cell, gates in (("lstm", 4), ("gru", 3)):
    W, W_h, b, b_h = (random.normal(size=(gates * 4, *more)) for more in ((5,), (4,), (), ()))
    ours = lstm_step(x, h, c, W, W_h, b + b_h)[0] if cell == "lstm" else gru_step(x, h, W, W_h, b, b_h)
    as_torch = [torch.tensor(each) for each in (W @ x + b, h, c, W_h, b_h)]
    projected, old_h, old_c, w_hh, b_hh = as_torch
    memory = old_c[None] if cell == "lstm" else None
    theirs = cell_step(transduce.RNNConfig(cell=cell), projected[None], old_h[None], memory, w_hh, b_hh)
    assert np.allclose(ours, theirs["h"][0], atol=1e-12)
print("lstm_step and gru_step agree with transduce.models.rnn")

# %% [markdown] en
# How much of the first input is left after $t$ steps? We read a random sequence twice, the second time with another
# first input, and measure how far apart the two states still are, in networks of 64 units with fresh random weights:

# %% [markdown] zh
# 走过 $t$ 步之后，第一个输入还剩下多少？把一个随机序列读两遍，第二遍只换掉第一个输入，再量一量两次的状态还相差多远。
# 三个网络各有 64 个单元，权重都是刚刚随机取的：

# %%
HIDDEN, STEPS = 64, 40


def distance(step, width, steps=STEPS):
    """How far apart two readings are after each step that differ in the first input only."""
    xs = np.random.default_rng(1).normal(size=(steps, 8))
    first, second = [np.zeros(HIDDEN)] * width, [np.zeros(HIDDEN)] * width
    apart = []
    for t, x in enumerate(xs):
        first, second = step(x, first), step(-x if t == 0 else x, second)
        apart.append(np.linalg.norm(np.concatenate(first) - np.concatenate(second)))
    return np.array(apart) / apart[0]


def draw(*shape):
    return np.random.default_rng(len(shape) * 7 + shape[0]).uniform(-1, 1, shape) / np.sqrt(HIDDEN)


rnn_W, rnn_h = draw(HIDDEN, 8), draw(HIDDEN, HIDDEN)
gru_W, gru_h = draw(3 * HIDDEN, 8), draw(3 * HIDDEN, HIDDEN)
lstm_W, lstm_h = draw(4 * HIDDEN, 8), draw(4 * HIDDEN, HIDDEN)
lstm_b = np.repeat([0.0, 1.0, 0.0, 0.0], HIDDEN)  # a forget gate that starts open: Jozefowicz et al. 2015
left = {
    "plain": distance(lambda x, h: [np.tanh(rnn_W @ x + rnn_h @ h[0])], 1),
    "GRU": distance(lambda x, h: [gru_step(x, h[0], gru_W, gru_h, np.zeros(3 * HIDDEN), np.zeros(3 * HIDDEN))], 1),
    "LSTM": distance(lambda x, hc: list(lstm_step(x, *hc, lstm_W, lstm_h, lstm_b)), 2),
}
for name, apart in left.items():
    print(f"{name:5} after 10 steps {apart[10]:.1e}, after 30 steps {apart[30]:.1e}")
assert left["plain"][10] < left["GRU"][10] < left["LSTM"][10]

# %% [picture]
from matplotlib import pyplot as plt
from workshop import save

figure, axis = plt.subplots(figsize=(5.2, 2.4))
for name, apart in left.items():
    axis.semilogy(apart, label=name)
axis.set(xlabel="steps since the input", ylabel="what is left of it", ylim=(1e-9, 3))
axis.legend(frameon=False)
save(figure, "01-memory.png")

# %% [markdown] en
# ![What is left of the first input falls off with the steps: fastest in the plain network, slowest in the LSTM](pictures/01-memory.png)
#
# These networks have learned nothing yet; training may keep what it needs for longer. But it starts from here, and the
# gradient that teaches it fades on the same way (Bengio et al. 1994). That is why the models that people use have gates.
#
# Every symbol of this page and its name in the code: [notation](../notation.md).

# %% [markdown] zh
# ![第一个输入的残留随步数下降：普通网络最快，LSTM 最慢](pictures/01-memory.png)
#
# 这些网络还什么都没有学过，训练之后可以把需要的东西记得更久。但训练正是从这里出发的，而教会它的梯度也沿着同一条路
# 衰减（Bengio 等 1994）。所以实际使用的模型都带门。
#
# 本页的每个符号在代码里叫什么，见[符号对照表](../notation.zh-CN.md)。
