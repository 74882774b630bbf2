"""LSTM and GRU, one step each way. Gates and weights have the names of torch's documentation.

W_i* multiply what comes in (x_t), W_h* the state (h_{t-1}); each has its bias, b_i* and b_h*. One of
the two would do, except in the GRU whose reset gate stands behind the product.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from transduce.reference.activation import (
    Array,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)

# ---------------------------------------------------------------------------------------------- LSTM


class LSTMWeights(NamedTuple):
    """One LSTM layer. A gradient has the same shape and names."""

    W_ii: Array  # (hidden, inputs), as the next three
    W_if: Array
    W_ig: Array
    W_io: Array
    W_hi: Array  # (hidden, hidden), as the next three
    W_hf: Array
    W_hg: Array
    W_ho: Array
    b_ii: Array  # (hidden,), as all that follow
    b_if: Array
    b_ig: Array
    b_io: Array
    b_hi: Array
    b_hf: Array
    b_hg: Array
    b_ho: Array


class LSTMStep(NamedTuple):
    """What one LSTM step computes; all but x are (hidden,)."""

    x: Array  # (inputs,)
    h_prev: Array
    c_prev: Array
    i: Array  # input gate: how much of g is written
    f: Array  # forget gate: how much of c_{t-1} stays
    g: Array  # what could be written
    o: Array  # output gate: how much of c is shown
    c: Array  # memory
    h: Array  # state


class LSTMBack(NamedTuple):
    """dL/d of what went into one LSTM step; ``weights`` holds this step's share."""

    dx: Array
    dh_prev: Array
    dc_prev: Array
    weights: LSTMWeights


def lstm_step(w: LSTMWeights, x: Array, h_prev: Array, c_prev: Array) -> LSTMStep:
    """Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000."""
    i = sigmoid(w.W_ii @ x + w.b_ii + w.W_hi @ h_prev + w.b_hi)
    f = sigmoid(w.W_if @ x + w.b_if + w.W_hf @ h_prev + w.b_hf)
    g = tanh(w.W_ig @ x + w.b_ig + w.W_hg @ h_prev + w.b_hg)
    o = sigmoid(w.W_io @ x + w.b_io + w.W_ho @ h_prev + w.b_ho)
    c = f * c_prev + i * g
    h = o * tanh(c)
    return LSTMStep(x, h_prev, c_prev, i, f, g, o, c, h)


def lstm_step_backward(w: LSTMWeights, step: LSTMStep, dh: Array, dc: Array) -> LSTMBack:
    """From dL/dh_t and from dL/dc_t by every way except through h_t, which is added here."""
    x, h_prev, c_prev, i, f, g, o, c, _ = step
    # h = o * tanh(c)
    do = dh * tanh(c)
    dc = dc + tanh_backward(tanh(c), dh * o)
    # c = f * c_prev + i * g
    df = dc * c_prev
    dc_prev = dc * f
    di = dc * g
    dg = dc * i
    # through the gates, to the sums in front of them
    da_i = sigmoid_backward(i, di)
    da_f = sigmoid_backward(f, df)
    da_g = tanh_backward(g, dg)
    da_o = sigmoid_backward(o, do)
    # the sums
    dx = w.W_ii.T @ da_i + w.W_if.T @ da_f + w.W_ig.T @ da_g + w.W_io.T @ da_o
    dh_prev = w.W_hi.T @ da_i + w.W_hf.T @ da_f + w.W_hg.T @ da_g + w.W_ho.T @ da_o
    das = [da_i, da_f, da_g, da_o]
    dW_i = [np.outer(da, x) for da in das]
    dW_h = [np.outer(da, h_prev) for da in das]
    return LSTMBack(dx, dh_prev, dc_prev, LSTMWeights(*dW_i, *dW_h, *das, *das))


# ----------------------------------------------------------------------------------------------- GRU


class GRUWeights(NamedTuple):
    """One GRU layer, of either kind. A gradient has the same shape and names."""

    W_ir: Array  # (hidden, inputs), as the next two
    W_iz: Array
    W_in: Array
    W_hr: Array  # (hidden, hidden), as the next two
    W_hz: Array
    W_hn: Array
    b_ir: Array  # (hidden,), as all that follow
    b_iz: Array
    b_in: Array
    b_hr: Array
    b_hz: Array
    b_hn: Array


class GRUStep(NamedTuple):
    """What one GRU step computes; all but x are (hidden,)."""

    x: Array  # (inputs,)
    h_prev: Array
    r: Array  # reset gate: how much of the state the new content may see
    z: Array  # update gate: how much of the state stays
    n: Array  # new content
    h: Array  # state


class GRUBack(NamedTuple):
    """dL/d of what went into one GRU step; ``weights`` holds this step's share."""

    dx: Array
    dh_prev: Array
    weights: GRUWeights


def gru_step(w: GRUWeights, x: Array, h_prev: Array) -> GRUStep:
    """Cho et al. 2014, eq. 5 to 8, with the reset gate behind the product, as cuDNN and torch have it."""
    r = sigmoid(w.W_ir @ x + w.b_ir + w.W_hr @ h_prev + w.b_hr)
    z = sigmoid(w.W_iz @ x + w.b_iz + w.W_hz @ h_prev + w.b_hz)
    n = tanh(w.W_in @ x + w.b_in + r * (w.W_hn @ h_prev + w.b_hn))
    h = z * h_prev + (1 - z) * n
    return GRUStep(x, h_prev, r, z, n, h)


def gru_step_backward(w: GRUWeights, step: GRUStep, dh: Array) -> GRUBack:
    """From dL/dh_t."""
    x, h_prev, r, z, n, _ = step
    # h = z * h_prev + (1 - z) * n
    dz = dh * (h_prev - n)
    dn = dh * (1 - z)
    da_n = tanh_backward(n, dn)
    # n = tanh(W_in x + b_in + r * u), where u = W_hn h_prev + b_hn
    u = w.W_hn @ h_prev + w.b_hn
    dr = da_n * u
    du = da_n * r
    da_r = sigmoid_backward(r, dr)
    da_z = sigmoid_backward(z, dz)
    # the sums
    dx = w.W_ir.T @ da_r + w.W_iz.T @ da_z + w.W_in.T @ da_n
    dh_prev = dh * z + w.W_hr.T @ da_r + w.W_hz.T @ da_z + w.W_hn.T @ du
    dW_i = [np.outer(da, x) for da in (da_r, da_z, da_n)]
    dW_h = [np.outer(da, h_prev) for da in (da_r, da_z, du)]
    db = [da_r, da_z, da_n, da_r, da_z, du]
    return GRUBack(dx, dh_prev, GRUWeights(*dW_i, *dW_h, *db))


def gru_before_step(w: GRUWeights, x: Array, h_prev: Array) -> GRUStep:
    """Cho et al. 2014, eq. 5 to 8, with biases: the reset gate before the product."""
    r = sigmoid(w.W_ir @ x + w.b_ir + w.W_hr @ h_prev + w.b_hr)
    z = sigmoid(w.W_iz @ x + w.b_iz + w.W_hz @ h_prev + w.b_hz)
    n = tanh(w.W_in @ x + w.b_in + w.W_hn @ (r * h_prev) + w.b_hn)
    h = z * h_prev + (1 - z) * n
    return GRUStep(x, h_prev, r, z, n, h)


def gru_before_step_backward(w: GRUWeights, step: GRUStep, dh: Array) -> GRUBack:
    """From dL/dh_t."""
    x, h_prev, r, z, n, _ = step
    # h = z * h_prev + (1 - z) * n
    dz = dh * (h_prev - n)
    dn = dh * (1 - z)
    da_n = tanh_backward(n, dn)
    # n = tanh(W_in x + b_in + W_hn m + b_hn), where m = r * h_prev
    dm = w.W_hn.T @ da_n
    dr = dm * h_prev
    da_r = sigmoid_backward(r, dr)
    da_z = sigmoid_backward(z, dz)
    # the sums
    dx = w.W_ir.T @ da_r + w.W_iz.T @ da_z + w.W_in.T @ da_n
    dh_prev = dh * z + dm * r + w.W_hr.T @ da_r + w.W_hz.T @ da_z
    dW_i = [np.outer(da, x) for da in (da_r, da_z, da_n)]
    dW_h = [np.outer(da_r, h_prev), np.outer(da_z, h_prev), np.outer(da_n, r * h_prev)]
    db = [da_r, da_z, da_n] * 2
    return GRUBack(dx, dh_prev, GRUWeights(*dW_i, *dW_h, *db))
