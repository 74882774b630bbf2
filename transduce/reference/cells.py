"""The four cells behind one signature, and their weights as torch stacks them."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from transduce.reference.activation import ACTIVATIONS, Array
from transduce.reference.gated import (
    GRUStep,
    GRUWeights,
    LSTMStep,
    LSTMWeights,
    gru_before_step,
    gru_before_step_backward,
    gru_step,
    gru_step_backward,
    lstm_step,
    lstm_step_backward,
)
from transduce.reference.recurrent import RNNStep, RNNWeights, rnn_step, rnn_step_backward

Cell = Literal["lstm", "gru", "gru_before", "rnn"]
Step = RNNStep | LSTMStep | GRUStep
LayerWeights = RNNWeights | LSTMWeights | GRUWeights


class CellBack(NamedTuple):
    """dL/d of what went into one step of any cell."""

    dx: Array
    dh_prev: Array
    dc_prev: Array
    weights: LayerWeights


def cell_forward(cell: Cell, activation: str, w: LayerWeights, x: Array, h: Array, c: Array) -> Step:
    """One step of the chosen cell. c: the LSTM's memory; other cells ignore it."""
    match cell, w:
        case "lstm", LSTMWeights():
            return lstm_step(w, x, h, c)
        case "gru", GRUWeights():
            return gru_step(w, x, h)
        case "gru_before", GRUWeights():
            return gru_before_step(w, x, h)
        case "rnn", RNNWeights():
            return rnn_step(w, x, h, ACTIVATIONS[activation])
    raise AssertionError(cell)


def cell_backward(cell: Cell, activation: str, w: LayerWeights, step: Step, dh: Array, dc: Array) -> CellBack:
    """The chain rule through one step of the chosen cell, from dL/dh and, for the LSTM, dL/dc."""
    back: Any
    match cell, w, step:
        case "lstm", LSTMWeights(), LSTMStep():
            lstm = lstm_step_backward(w, step, dh, dc)
            return CellBack(lstm.dx, lstm.dh_prev, lstm.dc_prev, lstm.weights)
        case "gru", GRUWeights(), GRUStep():
            back = gru_step_backward(w, step, dh)
        case "gru_before", GRUWeights(), GRUStep():
            back = gru_before_step_backward(w, step, dh)
        case "rnn", RNNWeights(), RNNStep():
            back = rnn_step_backward(w, step, dh, ACTIVATIONS[activation])
        case _:
            raise AssertionError(cell)
    return CellBack(back.dx, back.dh_prev, np.zeros_like(dh), back.weights)


def memory_of(step: Step) -> Array:
    """c_t of an LSTM. Other cells have no memory: zeros, which they ignore."""
    return step.c if isinstance(step, LSTMStep) else np.zeros_like(step.h)


def hidden_of(w: LayerWeights) -> int:
    """The width of the layer's state: its last weight is a bias."""
    return len(w[-1])


def unstack(cell: Cell, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> LayerWeights:
    """Torch's four arrays of one layer, gates one below the other (i f g o; r z n), taken apart.

    The plain network's two biases are one: b_h = bias_ih + bias_hh.
    """
    if cell == "rnn":
        return RNNWeights(W_xh=weight_ih, W_hh=weight_hh, b_h=bias_ih + bias_hh)
    kind, gates = (LSTMWeights, 4) if cell == "lstm" else (GRUWeights, 3)
    return kind(*(part for each in (weight_ih, weight_hh, bias_ih, bias_hh) for part in np.split(each, gates)))


def stack(w: LayerWeights) -> tuple[Array, Array, Array, Array]:
    """The gradient of one layer as torch stacks its weights; the inverse of ``unstack``."""
    if isinstance(w, RNNWeights):
        return w.W_xh, w.W_hh, w.b_h, w.b_h
    gates = len(w) // 4
    weight_ih, weight_hh, bias_ih, bias_hh = (np.concatenate(w[k * gates : (k + 1) * gates]) for k in range(4))
    return weight_ih, weight_hh, bias_ih, bias_hh
