"""Attention: a score for every source position, softmax over the positions, and the context.

    e_j     = score(s, h_j)
    alpha   = softmax(e)
    context = sum_j alpha_j h_j

s is the decoder's state at this step (Luong et al. 2015; in Bahdanau et al. 2015, that of the step
before), h_1 ... h_T are the encoder's states.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from transduce.reference.activation import Array, softmax, softmax_backward, tanh, tanh_backward

Kind = Literal["dot", "scaled_dot", "general", "additive"]


class AttentionWeights(NamedTuple):
    """What the scores multiply with; empty where a score has no such weight. A gradient has the same names."""

    W_a: Array  # (hidden, encoder hidden): general and additive
    W_q: Array  # (hidden, hidden): additive
    v: Array  # (hidden,): additive


NO_WEIGHTS = AttentionWeights(np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0))


class AttentionStep(NamedTuple):
    """What attention computes at one step."""

    s: Array  # (hidden,)
    h: Array  # (src_len, encoder hidden): all h_j, one a row
    m: Array  # (src_len, hidden): tanh(W_q s + W_a h_j), one a row; additive only, else empty
    e: Array  # (src_len,)
    alpha: Array  # (src_len,)
    context: Array  # (encoder hidden,)


class AttentionBack(NamedTuple):
    """dL/d of what went into attention at one step; ``weights`` holds this step's share."""

    ds: Array
    dh: Array  # (src_len, encoder hidden)
    weights: AttentionWeights


def attend(kind: Kind, w: AttentionWeights, s: Array, h: Array) -> AttentionStep:
    """Scores, weights and context of one step."""
    m = np.zeros((0, len(s)))
    match kind:
        case "dot":  # Luong et al. 2015, eq. 8, first line: e_j = s . h_j
            e = h @ s
        case "scaled_dot":  # Vaswani et al. 2017, eq. 1, one head, no projections: e_j = s . h_j / sqrt(hidden)
            e = h @ s / np.sqrt(len(s))
        case "general":  # Luong et al. 2015, eq. 8, second line: e_j = s . (W_a h_j)
            e = h @ w.W_a.T @ s
        case "additive":  # Bahdanau et al. 2015, appendix A.1.2: e_j = v . tanh(W_q s + W_a h_j)
            m = tanh(w.W_q @ s + h @ w.W_a.T)
            e = m @ w.v
    alpha = softmax(e)
    context = alpha @ h
    return AttentionStep(s, h, m, e, alpha, context)


def attend_backward(
    kind: Kind, w: AttentionWeights, step: AttentionStep, dcontext: Array, dalpha: Array | float = 0.0
) -> AttentionBack:
    """From dL/dcontext, and from dL/dalpha by way of anything but the context."""
    s, h, m, _, alpha, _ = step
    dW_a, dW_q, dv = (np.zeros_like(weight) for weight in w)
    # context = sum_j alpha_j h_j
    dalpha = dalpha + h @ dcontext
    dh = np.outer(alpha, dcontext)
    # alpha = softmax(e)
    de = softmax_backward(alpha, dalpha)
    match kind:
        case "dot":
            ds = h.T @ de
            dh += np.outer(de, s)
        case "scaled_dot":
            ds = h.T @ de / np.sqrt(len(s))
            dh += np.outer(de, s) / np.sqrt(len(s))
        case "general":
            ds = w.W_a @ h.T @ de
            dh += np.outer(de, w.W_a.T @ s)
            dW_a = np.outer(s, h.T @ de)
        case "additive":
            dv = m.T @ de
            da = tanh_backward(m, np.outer(de, w.v))  # (src_len, hidden), a = W_q s + W_a h_j
            ds = w.W_q.T @ da.sum(axis=0)
            dh += da @ w.W_a
            dW_q = np.outer(da.sum(axis=0), s)
            dW_a = da.T @ h
    return AttentionBack(ds, dh, AttentionWeights(dW_a, dW_q, dv))
