"""How wrong an output is, and the gradient of that: for numbers, and for words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from transduce.reference.activation import Array


class SquaredError(NamedTuple):
    """L = 1/2 sum_t (y_t - target_t)^2."""

    each: Array  # (tgt_len,): 1/2 (y_t - target_t)^2, summed over the elements of y_t
    loss: float
    dy: Array  # (tgt_len, outputs): dL/dy_t = y_t - target_t


def squared_error(y: Array, target: Array) -> SquaredError:
    """For numbers. y, target: (tgt_len, outputs)."""
    each = (y - target) ** 2 / 2
    dy = y - target
    return SquaredError(each.sum(axis=1), float(each.sum()), dy)


class CrossEntropy(NamedTuple):
    """L = -sum_t sum_k q_tk log p_tk, in nats."""

    p: Array  # (tgt_len, vocab): softmax of the logits
    q: Array  # (tgt_len, vocab): what p should be
    each: Array  # (tgt_len,): the loss of each step
    loss: float
    dlogits: Array  # (tgt_len, vocab): dL/dlogits_t = p_t - q_t


def cross_entropy(logits: Array, targets: Sequence[int], *, smoothing: float = 0.0) -> CrossEntropy:
    """For words. logits: (tgt_len, vocab); targets: the right word of each step.

    Without smoothing q_t is 1 at the right word and 0 elsewhere, and the loss of a step is -log p of the right
    word. With label smoothing (Szegedy et al. 2016, section 7), q_t is (1 - smoothing) there, and
    smoothing / vocab is added everywhere.
    """
    steps, vocab = logits.shape
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    right = np.zeros((steps, vocab))
    right[np.arange(steps), list(targets)] = 1.0
    q = (1 - smoothing) * right + smoothing / vocab
    each = -(q * log_p).sum(axis=1)
    dlogits = p - q
    return CrossEntropy(p, q, each, float(each.sum()), dlogits)
