# %% [markdown] en
# # 3. Loss and learning
#
# The model of the last page writes nonsense. To learn is to change its weights, a little and often, so that the right
# output becomes more probable.
#
# ## The loss
#
# At each step the model gives every symbol a probability. What counts is the probability of the right one: 1 would be perfect. Its
# negative logarithm is 0 then, and grows without bound as the probability goes to 0. Summed over the steps, that is
# the *cross-entropy*:
#
# $$L = -\sum_t \log p_t[\text{right}_t], \qquad p_t = \mathrm{softmax}(W_{sy} s_t + b_y)$$
#
# A model that guesses evenly among $V$ symbols loses $\log V$ a step; $e^{L/T}$, the *perplexity*, tells among
# how many symbols it is still undecided.

# %% [markdown] zh
# # 3. 损失与学习
#
# 上一页的模型写出来的是胡话。学习，就是一点一点、一遍一遍地修改权重，让正确的输出越来越有可能。
#
# ## 损失
#
# 每一步，模型都给每个符号一个概率。要看的是正确符号的概率：最好是 1，这时它的负对数为 0；概率越接近 0，负对数越大，没有上限。
# 把各步加起来，就是*交叉熵*：
#
# $$L = -\sum_t \log p_t[\text{right}_t], \qquad p_t = \mathrm{softmax}(W_{sy} s_t + b_y)$$
#
# 如果模型在 $V$ 个符号里平均乱猜，每步的损失是 $\log V$；而 $e^{L/T}$ 叫*困惑度*，表示它还在多少个符号之间拿不定主意。

# %%
import numpy as np

from transduce.explain.lesson import LessonConfig
from transduce.explain.lesson.task import example_of, first_weights, learn
from transduce.reference import recurrent

lesson = example_of(LessonConfig(input="1 2 3", output="4 5 6", loss="cross-entropy", hidden=4))
symbols, one_hot = lesson.symbols, np.eye(len(lesson.symbols))
source = [symbols.index(word) for word in "123"]
target = [symbols.index(word) for word in ["4", "5", "6", "<end>"]]
fed = [symbols.index("<start>"), *target[:-1]]  # teacher forcing

encoder, decoder, output = first_weights(lesson)
names = ["W_xh", "W_hh", "b_h", "W_ys", "W_ss", "b_s", "W_sy", "b_y"]
weights = {name: value.copy() for name, value in zip(names, [*encoder, *decoder, *output], strict=True)}


def forward(w):
    """States of both networks, and the probabilities of each step (tgt_len, vocab)."""
    h = [np.zeros(len(w["b_h"]))]
    for token in source:
        h.append(np.tanh(w["W_xh"] @ one_hot[token] + w["W_hh"] @ h[-1] + w["b_h"]))
    s, p = [h[-1]], []
    for token in fed:
        s.append(np.tanh(w["W_ys"] @ one_hot[token] + w["W_ss"] @ s[-1] + w["b_s"]))
        a = np.exp(w["W_sy"] @ s[-1] + w["b_y"])
        p.append(a / a.sum())
    return h, s, np.array(p)


def loss(w):
    p = forward(w)[2]
    return -np.log(p[range(len(target)), target]).sum()


print(f"loss {loss(weights):.4f}; evenly guessed it would be {len(target) * np.log(len(symbols)):.4f}")
print(f"perplexity {np.exp(loss(weights) / len(target)):.2f} of {len(symbols)} symbols")

# %% [markdown] en
# ## The gradient
#
# How does the loss change when one weight grows by a little? That slope, for every weight, is the *gradient*. It
# could be measured weight by weight. It is computed for all of them at once by the chain rule, from the loss back to the
# first input: *backpropagation through time* (Werbos 1990). Two facts do most of the work:
#
# - softmax and cross-entropy together have the slope $p - q$: what the model says minus what is right;
# - $\tanh'(a) = 1 - \tanh(a)^2$.
#
# A weight is used at every step, so its slope is the sum of all steps' shares.

# %% [markdown] zh
# ## 梯度
#
# 某个权重变大一点点，损失会怎样变化？每个权重的这个斜率合起来就是*梯度*。可以一个权重一个权重地去量；而链式法则能从损失
# 一直倒推回第一个输入，一次算出全部，这叫*随时间反向传播*（BPTT，Werbos 1990）。主要靠两个事实：
#
# - softmax 与交叉熵合在一起，斜率是 $p - q$：模型说的减去正确的；
# - $\tanh'(a) = 1 - \tanh(a)^2$。
#
# 同一个权重每一步都用到，所以它的斜率是各步份额之和。


# %%
def gradient(w):
    h, s, p = forward(w)
    d = {name: np.zeros_like(value) for name, value in w.items()}
    ds = np.zeros_like(s[0])  # dL/ds_t by way of the steps behind t
    for t in reversed(range(len(target))):
        da = p[t] - one_hot[target[t]]  # softmax and cross-entropy
        d["W_sy"] += np.outer(da, s[t + 1])
        d["b_y"] += da
        da = (w["W_sy"].T @ da + ds) * (1 - s[t + 1] ** 2)  # tanh
        d["W_ys"] += np.outer(da, one_hot[fed[t]])
        d["W_ss"] += np.outer(da, s[t])
        d["b_s"] += da
        ds = w["W_ss"].T @ da
    dh = ds  # s_0 = h_T: here the gradient passes from the decoder into the encoder
    for t in reversed(range(len(source))):
        da = dh * (1 - h[t + 1] ** 2)
        d["W_xh"] += np.outer(da, one_hot[source[t]])
        d["W_hh"] += np.outer(da, h[t])
        d["b_h"] += da
        dh = w["W_hh"].T @ da
    return d


# %% [markdown] en
# Such code is easily wrong and looks right. So it is always checked against the measured slope,
# $(L(w + \epsilon) - L(w - \epsilon)) / 2\epsilon$, and here against the library too:

# %% [markdown] zh
# 这种代码很容易写错，错了又看不出来。所以总要和量出来的斜率 $(L(w + \epsilon) - L(w - \epsilon)) / 2\epsilon$ 对一对；
# 这里也和库里的结果对一遍：

# %%
slopes = gradient(weights)
farthest = 0.0
for name, value in weights.items():
    for place in np.ndindex(value.shape):
        before, epsilon = value[place], 1e-6
        value[place] = before + epsilon
        above = loss(weights)
        value[place] = before - epsilon
        measured = (above - loss(weights)) / (2 * epsilon)
        value[place] = before
        farthest = max(farthest, abs(measured - slopes[name][place]))
count = sum(value.size for value in weights.values())
assert farthest < 1e-7
print(f"all {count} slopes agree with the measured ones to 7 digits")

run = lesson.run(first_weights(lesson))
by_reference = recurrent.backward(first_weights(lesson), run, lesson.das(run)).weights
for ours, theirs in zip(slopes.values(), [each for part in by_reference for each in part], strict=True):
    assert np.allclose(ours, theirs, atol=1e-12)
assert np.isclose(loss(weights), lesson.error(run).loss)
print("and with transduce.reference")

# %% [markdown] en
# torch computes the same gradient without being told how: its *autograd* records each operation on the way forward and plays
# the record backwards.

# %% [markdown] zh
# torch 不用人教也能算出同样的梯度：它的 *autograd* 在前向时记下每一步运算，再把记录倒着放一遍。

# %%
import torch

watched = {name: torch.tensor(value, requires_grad=True) for name, value in weights.items()}
state = torch.zeros(4, dtype=torch.float64)
for token in source:
    state = torch.tanh(watched["W_xh"][:, token] + watched["W_hh"] @ state + watched["b_h"])
nll = torch.zeros((), dtype=torch.float64)
for given, wanted in zip(fed, target, strict=True):
    state = torch.tanh(watched["W_ys"][:, given] + watched["W_ss"] @ state + watched["b_s"])
    nll = nll - torch.log_softmax(watched["W_sy"] @ state + watched["b_y"], dim=0)[wanted]
nll.backward()
for name, value in watched.items():
    assert np.allclose(value.grad, slopes[name], atol=1e-12)
print("and with torch's autograd")

# %% [markdown] en
# ## Descent
#
# Every weight goes a little way down its slope, and again, and again:
#
# $$w \leftarrow w - \eta \frac{\partial L}{\partial w}$$
#
# $\eta$ is the *learning rate*: too small and it takes forever, too large and it overshoots.

# %% [markdown] zh
# ## 下降
#
# 每个权重都沿着自己的斜率往下走一小步，如此反复：
#
# $$w \leftarrow w - \eta \frac{\partial L}{\partial w}$$
#
# $\eta$ 是*学习率*：太小，学得没完没了；太大，就会冲过头。


# %%
def written(w):
    """What it writes on its own."""
    s, token, words = forward(w)[0][-1], symbols.index("<start>"), []
    while len(words) < 6:
        s = np.tanh(w["W_ys"] @ one_hot[token] + w["W_ss"] @ s + w["b_s"])
        token = int((w["W_sy"] @ s + w["b_y"]).argmax())
        words.append(symbols[token])
        if words[-1] == "<end>":
            break
    return " ".join(words)


def descend(rate, steps):
    w, losses = {name: value.copy() for name, value in weights.items()}, []
    for step in range(steps + 1):
        losses.append(loss(w))
        if rate == 0.3 and step in (0, 1, 2, 5, 10, 20, 50, 100):
            print(f"after {step:3} steps: loss {losses[-1]:.4f}, writes {written(w)}")
        w = {name: value - rate * slope for (name, value), slope in zip(w.items(), gradient(w).values(), strict=True)}
    return losses, w


curves = {rate: descend(rate, 100) for rate in (0.03, 0.3)}
assert written(curves[0.3][1]) == "4 5 6 <end>"

# %% [picture]
from matplotlib import pyplot as plt
from workshop import save

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.4))
for rate, (losses, _) in curves.items():
    left.plot(losses, label=f"learning rate {rate}")
left.set(xlabel="steps", ylabel="loss", ylim=(0, None))
left.legend(frameon=False)
right.imshow(forward(curves[0.3][1])[2], cmap="Blues", vmin=0, vmax=1, aspect="auto")
right.set_xticks(range(len(symbols)), symbols, rotation=45)
right.set_yticks(range(len(target)), [f"fed {symbols[token]}" for token in fed])
right.set_title("probabilities after 100 steps")
figure.tight_layout()
save(figure, "03-learning.png")

# %% [markdown] en
# ![The loss falls, faster with the larger rate; at the end each right symbol has nearly all the probability](pictures/03-learning.png)
#
# These are the very steps of `transduce lesson --loss cross-entropy --hidden 4`, which shows each number on the way:

# %% [markdown] zh
# ![损失下降，学习率大的更快；最后每个正确的符号几乎占有全部概率](pictures/03-learning.png)
#
# 这正是 `transduce lesson --loss cross-entropy --hidden 4` 走的步子，它会把途中的每个数都显示出来：

# %%
learned = learn(lesson, first_weights(lesson))
assert learned.reached
assert np.allclose(learned.losses, curves[0.3][0][: len(learned.losses)])
print(f"transduce lesson needs {len(learned.losses) - 1} steps until every right symbol has a probability of 0.9")

# %% [markdown] en
# ## From here to a real model
#
# It learned one example by heart. A real one changes four things and nothing of the idea: the loss is the mean over
# a *batch* of many pairs; the step is Adam's (Kingma and Ba 2015), which gives each weight a rate of its own; a gradient that
# grows too long is cut (*clipping*, Pascanu et al. 2013); and *dropout* and *label smoothing* keep it from
# learning by heart. `transduce/training/loop.py` is that loop on one screen. But first words must become numbers.

# %% [markdown] zh
# ## 离真正的模型还有多远
#
# 它只是背下了一个例子。真正的模型改了四处，思想一点没变：损失是*一批*句对的平均；更新用 Adam（Kingma 与 Ba 2015），
# 每个权重有自己的步长；梯度太长就截短（*梯度裁剪*，Pascanu 等 2013）；*dropout* 和*标签平滑*防止它死记硬背。
# `transduce/training/loop.py` 就是这个循环，一屏看完。不过，先得把词变成数字。
