"""The functions that the equations call sigma, with their derivatives written in their own values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def identity(a: Array) -> Array:
    """y = a."""
    return a


def tanh(a: Array) -> Array:
    """y = (e^a - e^-a) / (e^a + e^-a), between -1 and 1."""
    y: Array = np.tanh(a)
    return y


def sigmoid(a: Array) -> Array:
    """y = 1 / (1 + e^-a), between 0 and 1. The same, written so that e^-a cannot overflow."""
    y: Array = (1 + np.tanh(a / 2)) / 2
    return y


def relu(a: Array) -> Array:
    """y = max(0, a)."""
    y: Array = np.maximum(a, 0.0)
    return y


def softmax(a: Array) -> Array:
    """y_k = e^a_k / sum_l e^a_l: all y_k are positive and sum to 1. The largest a is taken off first, against overflow."""
    e = np.exp(a - a.max())
    y: Array = e / e.sum()
    return y


def identity_backward(y: Array, dy: Array) -> Array:
    """dy/da = 1."""
    return dy


def tanh_backward(y: Array, dy: Array) -> Array:
    """dy/da = 1 - y^2."""
    da: Array = dy * (1 - y**2)
    return da


def sigmoid_backward(y: Array, dy: Array) -> Array:
    """dy/da = y (1 - y)."""
    da: Array = dy * y * (1 - y)
    return da


def relu_backward(y: Array, dy: Array) -> Array:
    """dy/da = 1 where y > 0, else 0. At a = 0 itself, where there is no slope, it is taken as 0."""
    da: Array = dy * (y > 0)
    return da


def softmax_backward(y: Array, dy: Array) -> Array:
    """dy_k/da_l = y_k ([k = l] - y_l)."""
    da: Array = y * (dy - y @ dy)
    return da


@dataclass(frozen=True)
class Activation:
    """One choice of sigma."""

    name: str
    value: Callable[[Array], Array]  # y = sigma(a)
    backward: Callable[[Array, Array], Array]  # dL/da from y and dL/dy
    low: float  # y is never below
    high: float  # nor above


ACTIVATIONS = {
    each.name: each
    for each in (
        Activation("identity", identity, identity_backward, -np.inf, np.inf),
        Activation("tanh", tanh, tanh_backward, -1, 1),
        Activation("sigmoid", sigmoid, sigmoid_backward, 0, 1),
        Activation("relu", relu, relu_backward, 0, np.inf),
        Activation("softmax", softmax, softmax_backward, 0, 1),
    )
}
