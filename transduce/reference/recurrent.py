"""The plain encoder-decoder: two recurrent networks and an output, nothing else.

    encoder   h_t = sigma(W_xh x_t + W_hh h_{t-1} + b_h),      h_0 = 0
    decoder   s_t = sigma(W_xh y_{t-1} + W_hh s_{t-1} + b_h),  s_0 = h_T
    output    y_t = f(W_hy s_t + b_y)

The network is that of Elman 1990. Encoder and decoder have the same equation and weights of their
own; the decoder's states are called s here, so that the two are not confused. What it is fed is y_{t-1}:
the right one in training (teacher forcing), its own in use. Gradients: backpropagation through time,
Werbos 1990.

    run = forward(weights, xs, ys_in, sigma=ACTIVATIONS["tanh"], f=ACTIVATIONS["identity"])
    gradient = backward(weights, run, [y - wanted for y, wanted in zip(run.ys, targets)])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from transduce.reference.activation import Activation, Array

# ------------------------------------------------------------------------------------------ one step


class RNNWeights(NamedTuple):
    """One plain recurrent layer. A gradient has the same shape and names: its ``W_xh`` is dL/dW_xh."""

    W_xh: Array  # (hidden, inputs)
    W_hh: Array  # (hidden, hidden)
    b_h: Array  # (hidden,)


class RNNStep(NamedTuple):
    """What one step of a plain recurrent layer computes."""

    x: Array  # (inputs,)
    h_prev: Array  # (hidden,)
    a: Array  # (hidden,): the sum before sigma
    h: Array  # (hidden,)


class RNNBack(NamedTuple):
    """dL/d of everything in one step. ``weights`` holds this step's share; L depends on them at all steps."""

    dh: Array
    da: Array
    dx: Array
    dh_prev: Array
    weights: RNNWeights


def rnn_step(w: RNNWeights, x: Array, h_prev: Array, sigma: Activation) -> RNNStep:
    """h_t from x_t and h_{t-1}."""
    a = w.W_xh @ x + w.W_hh @ h_prev + w.b_h
    h = sigma.value(a)
    return RNNStep(x, h_prev, a, h)


def rnn_step_backward(w: RNNWeights, step: RNNStep, dh: Array, sigma: Activation) -> RNNBack:
    """The chain rule through one step, from dL/dh_t."""
    da = sigma.backward(step.h, dh)
    dW_xh = np.outer(da, step.x)
    dW_hh = np.outer(da, step.h_prev)
    db_h = da
    dx = w.W_xh.T @ da
    dh_prev = w.W_hh.T @ da
    return RNNBack(dh, da, dx, dh_prev, RNNWeights(dW_xh, dW_hh, db_h))


class OutputWeights(NamedTuple):
    """What makes an output from a state. A gradient has the same shape and names."""

    W_hy: Array  # (outputs, hidden)
    b_y: Array  # (outputs,)


class OutputStep(NamedTuple):
    """What one output computes."""

    h: Array  # (hidden,)
    a: Array  # (outputs,): the sum before f; for words, the logits
    y: Array  # (outputs,)


class OutputBack(NamedTuple):
    """dL/d of everything in one output; ``weights`` holds its share."""

    da: Array
    dh: Array
    weights: OutputWeights


def output_step(w: OutputWeights, h: Array, f: Activation) -> OutputStep:
    """y_t = f(W_hy h_t + b_y)."""
    a = w.W_hy @ h + w.b_y
    y = f.value(a)
    return OutputStep(h, a, y)


def output_step_backward(w: OutputWeights, step: OutputStep, da: Array) -> OutputBack:
    """The chain rule through one output, from dL/da.

    From dL/da and not dL/dy: softmax and cross-entropy together have the simple dL/da = y - target.
    """
    dW_hy = np.outer(da, step.h)
    db_y = da
    dh = w.W_hy.T @ da
    return OutputBack(da, dh, OutputWeights(dW_hy, db_y))


# -------------------------------------------------------------------------------------- whole sequences


def rnn(w: RNNWeights, xs: Sequence[Array], h_0: Array, sigma: Activation) -> list[RNNStep]:
    """h_1 ... h_T from x_1 ... x_T and h_0."""
    steps: list[RNNStep] = []
    h = h_0
    for x in xs:
        steps.append(rnn_step(w, x, h, sigma))
        h = steps[-1].h
    return steps


def rnn_backward(w: RNNWeights, steps: Sequence[RNNStep], dhs: Sequence[Array], sigma: Activation) -> list[RNNBack]:
    """Backpropagation through time: from the last step to the first. Returned in the steps' order.

    dhs: for each step, dL/dh_t by every way except through h_{t+1}, which is added here.
    """
    back: list[RNNBack] = []
    through_next = np.zeros_like(steps[0].h_prev)
    for step, dh in zip(reversed(steps), reversed(dhs), strict=True):
        back.append(rnn_step_backward(w, step, dh + through_next, sigma))
        through_next = back[-1].dh_prev
    return back[::-1]


# ------------------------------------------------------------------------------------------ the whole


class Weights(NamedTuple):
    """The plain encoder-decoder, whole. A gradient has the same shape and names."""

    encoder: RNNWeights
    decoder: RNNWeights
    output: OutputWeights


@dataclass(frozen=True)
class Run:
    """One input read and one output written, with everything in between."""

    encoder: list[RNNStep]
    decoder: list[RNNStep]
    output: list[OutputStep]
    sigma: Activation
    f: Activation

    @property
    def ys(self) -> list[Array]:
        return [step.y for step in self.output]


@dataclass(frozen=True)
class Gradient:
    """dL/d of every step and of every weight."""

    encoder: list[RNNBack]
    decoder: list[RNNBack]
    output: list[OutputBack]
    weights: Weights


def forward(w: Weights, xs: Sequence[Array], ys_in: Sequence[Array], *, sigma: Activation, f: Activation) -> Run:
    """Read xs and write one output for each of ys_in, the values that the decoder is fed.

    xs: each (inputs,); ys_in: each (outputs,), the start value and then, in training, the right outputs.
    """
    h_0 = np.zeros(len(w.encoder.b_h))
    encoder = rnn(w.encoder, xs, h_0, sigma)
    s_0 = encoder[-1].h
    decoder = rnn(w.decoder, ys_in, s_0, sigma)
    output = [output_step(w.output, step.h, f) for step in decoder]
    return Run(encoder, decoder, output, sigma, f)


def write(
    w: Weights, xs: Sequence[Array], y_0: Array, steps: int, *,
    sigma: Activation, f: Activation, fed: Callable[[Array], Array] = lambda y: y,
) -> Run:  # fmt: skip
    """Read xs and write on its own: what it is fed is what it wrote last, y_0 first.

    fed: what an output becomes as the next input; for words, the likeliest one alone.
    """
    encoder = rnn(w.encoder, xs, np.zeros(len(w.encoder.b_h)), sigma)
    decoder: list[RNNStep] = []
    output: list[OutputStep] = []
    s, y = encoder[-1].h, y_0
    for _ in range(steps):
        decoder.append(rnn_step(w.decoder, y, s, sigma))
        s = decoder[-1].h
        output.append(output_step(w.output, s, f))
        y = fed(output[-1].y)
    return Run(encoder, decoder, output, sigma, f)


def backward(w: Weights, run: Run, das: Sequence[Array]) -> Gradient:
    """Gradients of everything, from dL/da of each output (a: the sum before f)."""
    output = [output_step_backward(w.output, step, da) for step, da in zip(run.output, das, strict=True)]
    decoder = rnn_backward(w.decoder, run.decoder, [back.dh for back in output], run.sigma)
    ds_0 = decoder[0].dh_prev
    nothing = np.zeros_like(ds_0)  # without attention, only the last encoder state meets the decoder
    encoder = rnn_backward(w.encoder, run.encoder, [nothing] * (len(run.encoder) - 1) + [ds_0], run.sigma)
    weights = Weights(
        total([back.weights for back in encoder]),
        total([back.weights for back in decoder]),
        total([back.weights for back in output]),
    )
    return Gradient(encoder, decoder, output, weights)


Part = TypeVar("Part", RNNWeights, OutputWeights)


def total(shares: Sequence[Part]) -> Part:
    """dL/dw = the sum of the steps' shares: every step uses the same w."""
    return type(shares[0])._make(np.sum(share, axis=0) for share in zip(*shares, strict=True))


def descend(w: Weights, gradient: Weights, learning_rate: float) -> Weights:
    """One step of gradient descent: every weight minus learning_rate times its gradient."""

    def moved(part: Part, d: Part) -> Part:
        return type(part)._make(value - learning_rate * slope for value, slope in zip(part, d, strict=True))

    return Weights(
        moved(w.encoder, gradient.encoder), moved(w.decoder, gradient.decoder), moved(w.output, gradient.output)
    )
