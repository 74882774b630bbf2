"""Every gradient written by hand against central finite differences of the equations it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np
import pytest
from numpy import ndarray

from transduce.reference import gated, recurrent, seq2seq
from transduce.reference.activation import ACTIVATIONS
from transduce.reference.attention import AttentionWeights, Kind, attend, attend_backward
from transduce.reference.loss import cross_entropy, squared_error

STEP = 1e-6


def slopes(loss: Callable[[], float], array: ndarray) -> ndarray:
    """dL/d of every element, by moving it a little up and down. ``loss`` reads ``array``."""
    found = np.zeros_like(array)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + STEP
        up = loss()
        array[place] = kept - STEP
        found[place] = (up - loss()) / (2 * STEP)
        array[place] = kept
    return found


def check(loss: Callable[[], float], inputs: dict[str, ndarray], gradients: dict[str, ndarray]) -> None:
    for name, array in inputs.items():
        assert gradients[name].shape == array.shape, name
        np.testing.assert_allclose(gradients[name], slopes(loss, array), rtol=1e-6, atol=1e-7, err_msg=f"d{name}")


@pytest.fixture
def draw() -> Callable[..., ndarray]:
    generator = np.random.default_rng(7)
    return lambda *shape: generator.standard_normal(shape)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str, draw: Callable[..., ndarray]) -> None:
    sigma, a, mix = ACTIVATIONS[name], 2 * draw(9), draw(9)
    y = sigma.value(a)
    assert ((y >= sigma.low) & (y <= sigma.high)).all()
    check(lambda: float(mix @ sigma.value(a)), {"a": a}, {"a": sigma.backward(y, mix)})


def test_activations_survive_large_sums() -> None:
    for name in ("tanh", "sigmoid", "softmax"):
        y = ACTIVATIONS[name].value(np.array([-1e4, 0.0, 1e4]))
        np.testing.assert_allclose(y, {"tanh": [-1, 0, 1], "sigmoid": [0, 0.5, 1], "softmax": [0, 0, 1]}[name])


def test_relu_has_no_slope_at_zero() -> None:
    relu = ACTIVATIONS["relu"]
    assert relu.backward(relu.value(np.zeros(1)), np.ones(1)) == 0


@pytest.mark.parametrize("sigma", ["tanh", "relu", "sigmoid", "identity"])
def test_plain_step(sigma: str, draw: Callable[..., ndarray]) -> None:
    w, x, h_prev, mix = recurrent.RNNWeights(draw(3, 2), draw(3, 3), draw(3)), draw(2), draw(3), draw(3)
    chosen = ACTIVATIONS[sigma]
    step = recurrent.rnn_step(w, x, h_prev, chosen)
    back = recurrent.rnn_step_backward(w, step, mix, chosen)
    check(lambda: float(mix @ recurrent.rnn_step(w, x, h_prev, chosen).h),
          w._asdict() | {"x": x, "h_prev": h_prev},
          back.weights._asdict() | {"x": back.dx, "h_prev": back.dh_prev})  # fmt: skip


def test_lstm_step(draw: Callable[..., ndarray]) -> None:
    w = gated.LSTMWeights(*[draw(3, 2) for _ in range(4)], *[draw(3, 3) for _ in range(4)],
                          *[draw(3) for _ in range(8)])  # fmt: skip
    x, h_prev, c_prev, mix_h, mix_c = draw(2), draw(3), draw(3), draw(3), draw(3)

    def loss() -> float:
        step = gated.lstm_step(w, x, h_prev, c_prev)
        return float(mix_h @ step.h + mix_c @ step.c)

    back = gated.lstm_step_backward(w, gated.lstm_step(w, x, h_prev, c_prev), mix_h, mix_c)
    check(loss, w._asdict() | {"x": x, "h_prev": h_prev, "c_prev": c_prev},
          back.weights._asdict() | {"x": back.dx, "h_prev": back.dh_prev, "c_prev": back.dc_prev})  # fmt: skip


@pytest.mark.parametrize("kind", ["gru", "gru_before"])
def test_gru_steps(kind: str, draw: Callable[..., ndarray]) -> None:
    forward = {"gru": gated.gru_step, "gru_before": gated.gru_before_step}[kind]
    backward = {"gru": gated.gru_step_backward, "gru_before": gated.gru_before_step_backward}[kind]
    w = gated.GRUWeights(*[draw(3, 2) for _ in range(3)], *[draw(3, 3) for _ in range(3)],
                         *[draw(3) for _ in range(6)])  # fmt: skip
    x, h_prev, mix = draw(2), draw(3), draw(3)
    back = backward(w, forward(w, x, h_prev), mix)
    check(lambda: float(mix @ forward(w, x, h_prev).h), w._asdict() | {"x": x, "h_prev": h_prev},
          back.weights._asdict() | {"x": back.dx, "h_prev": back.dh_prev})  # fmt: skip


@pytest.mark.parametrize("kind", get_args(Kind))
def test_attention(kind: Any, draw: Callable[..., ndarray]) -> None:
    wide = 3 if "dot" in kind else 2
    s, h, mix = draw(3), draw(4, wide), draw(wide)
    w = AttentionWeights(draw(3, wide), draw(3, 3), draw(3))
    used = {"general": {"W_a"}, "additive": {"W_a", "W_q", "v"}}.get(kind, set())
    step = attend(kind, w, s, h)
    assert step.alpha.sum() == pytest.approx(1)
    back = attend_backward(kind, w, step, mix)
    check(lambda: float(mix @ attend(kind, w, s, h).context),
          {name: value for name, value in w._asdict().items() if name in used} | {"s": s, "h": h},
          back.weights._asdict() | {"s": back.ds, "h": back.dh})  # fmt: skip
    assert all(not value.any() for name, value in back.weights._asdict().items() if name not in used)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_cross_entropy(smoothing: float, draw: Callable[..., ndarray]) -> None:
    logits, targets = 3 * draw(4, 5), [2, 0, 2, 4]
    found = cross_entropy(logits, targets, smoothing=smoothing)
    check(lambda: cross_entropy(logits, targets, smoothing=smoothing).loss, {"logits": logits},
          {"logits": found.dlogits})  # fmt: skip
    assert found.loss == pytest.approx(found.each.sum())
    np.testing.assert_allclose(found.q.sum(axis=1), 1)
    if not smoothing:
        assert found.loss == pytest.approx(-sum(np.log(found.p[t, right]) for t, right in enumerate(targets)))


def test_squared_error(draw: Callable[..., ndarray]) -> None:
    y, target = draw(3, 2), draw(3, 2)
    check(lambda: squared_error(y, target).loss, {"y": y}, {"y": squared_error(y, target).dy})
    assert squared_error(np.array([[1.0], [2.0]]), np.array([[4.0], [0.0]])).each.tolist() == [4.5, 2.0]


@pytest.mark.parametrize("sigma", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("f", ["identity", "sigmoid", "softmax"])
def test_plain_encoder_decoder_through_time(sigma: str, f: str, draw: Callable[..., ndarray]) -> None:
    w = recurrent.Weights(recurrent.RNNWeights(draw(3, 2), draw(3, 3), draw(3)),
                          recurrent.RNNWeights(draw(3, 2), draw(3, 3), draw(3)),
                          recurrent.OutputWeights(draw(2, 3), draw(2)))  # fmt: skip
    xs, ys_in, targets = list(draw(4, 2)), list(draw(3, 2)), draw(3, 2)

    def run() -> recurrent.Run:
        return recurrent.forward(w, xs, ys_in, sigma=ACTIVATIONS[sigma], f=ACTIVATIONS[f])

    def loss() -> float:
        return squared_error(np.array(run().ys), targets).loss

    error = squared_error(np.array(run().ys), targets)
    das = [ACTIVATIONS[f].backward(y, dy) for y, dy in zip(run().ys, error.dy, strict=True)]
    gradient = recurrent.backward(w, run(), das)
    for part, back in zip(w, gradient.weights, strict=True):
        check(loss, part._asdict(), back._asdict())
    moved = recurrent.descend(w, gradient.weights, 1e-6)
    gain = sum(float((d**2).sum()) for part in gradient.weights for d in part)
    before = loss()
    w = moved
    assert before - loss() == pytest.approx(1e-6 * gain, rel=1e-2)  # it went straight downhill


def weights_of(choices: seq2seq.Choices, draw: Callable[..., ndarray], vocab: int = 5, embed: int = 2,
               hidden: int = 2) -> dict[str, ndarray]:  # fmt: skip
    """Weights of a whole model, under torch's names, with no torch."""
    gates = {"lstm": 4, "rnn": 1}.get(choices.cell, 3)
    found = {"target_embedding.weight": draw(vocab, embed), "output.bias": draw(vocab)}
    if choices.tied != "all":
        found["source_embedding.weight"] = draw(vocab, embed)
    if choices.tied == "none":
        found["output.weight"] = draw(vocab, embed if choices.attention != "none" else hidden)

    def layer(part: str, name: str, inputs: int, width: int) -> None:
        for weight, shape in (("weight_ih", (gates * width, inputs)), ("weight_hh", (gates * width, width)),
                              ("bias_ih", (gates * width,)), ("bias_hh", (gates * width,))):  # fmt: skip
            found[f"{part}.rnn.{weight}_{name}"] = draw(*shape)

    sides: Sequence[str] = ("", "_reverse") if choices.bidirectional else ("",)
    for number in range(choices.enc_layers):
        for side in sides:
            layer("encoder", f"l{number}{side}", hidden if number else embed, hidden // len(sides))
    for number in range(choices.layers):
        layer("decoder", f"l{number}", hidden if number else embed * (1 + choices.input_feeding), hidden)
    if choices.bridge == "dense":
        states = choices.layers * hidden * (2 if choices.cell == "lstm" else 1)
        found |= {"bridge.weight": draw(states, hidden), "bridge.bias": draw(states)}
    if choices.attention in ("general", "additive"):
        found["attention.key.weight"] = draw(hidden, hidden)
    if choices.attention == "additive":
        found |= {"attention.query.weight": draw(hidden, hidden), "attention.v": draw(hidden)}
    if choices.attention != "none":
        found["combine.weight"] = draw(embed, 2 * hidden)
    elif choices.tied != "none":
        found["combine.weight"] = draw(embed, hidden)
    if choices.lexical:
        found |= {"lexical.weight": draw(embed, embed), "lexical.bias": draw(embed)}
    return found


WHOLE = [
    seq2seq.Choices(cell="lstm", bridge="dense", layers=2, enc_layers=2, attention="additive", input_feeding=True),
    seq2seq.Choices(cell="gru", tied="decoder", attention="dot", reverse_source=True),
    seq2seq.Choices(cell="gru_before", tied="none", attention="scaled_dot", layers=2, enc_layers=2),
    seq2seq.Choices(cell="rnn", activation="sigmoid", bidirectional=False, attention="general", input_feeding=True),
    seq2seq.Choices(cell="lstm", attention="general", lexical=True, reverse_source=True),
    seq2seq.Choices(cell="gru", tied="none", attention="additive", lexical=True, input_feeding=True),
    seq2seq.Choices(cell="lstm", bidirectional=False, attention="none", reverse_source=True),
    seq2seq.Choices(cell="rnn", bidirectional=False, attention="none", tied="none", bridge="dense"),
]


@pytest.mark.parametrize("choices", WHOLE, ids=lambda each: f"{each.cell}-{each.attention}" + "-lexical" * each.lexical)
def test_whole_encoder_decoder(choices: seq2seq.Choices, draw: Callable[..., ndarray]) -> None:
    weights = weights_of(choices, draw)
    source, target_in, target = [3, 4, 3, 2], [1, 4, 4], [4, 4, 2]

    def loss() -> float:
        return cross_entropy(seq2seq.forward(choices, weights, source, target_in).logits, target, smoothing=0.1).loss

    run = seq2seq.forward(choices, weights, source, target_in)
    gradients = seq2seq.backward(choices, weights, run, cross_entropy(run.logits, target, smoothing=0.1).dlogits)
    assert gradients.keys() == weights.keys()
    check(loss, weights, gradients)
