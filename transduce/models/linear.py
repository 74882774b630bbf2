"""Linear layers whose products training may compute from bfloat16 numbers, where a processor does that much faster.

Processors with matrix units (Intel's AMX) multiply bfloat16 numbers, which keep 8 binary digits of the 24, several times as fast as
single precision. oneDNN can do so inside a product of single-precision matrices: it rounds what comes in, and sums and
returns single precision. So weights, states, losses and gradients stay as they are everywhere else, and only the
layers here know of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# oneDNN makes code for each number of rows it meets, in a millisecond or so, and batches come in hundreds of sizes. So a
# multiple of this many is multiplied, and the rows left over in single precision: then sizes repeat (docs/log.md).
ROWS = 32

_coarse: ContextVar[bool] = ContextVar("coarse", default=False)


@contextmanager
def coarse_products() -> Iterator[None]:
    """Inside, ``linear`` multiplies bfloat16 numbers on a CPU: on the way back too, of what it computed inside."""
    before = _coarse.set(True)
    try:
        yield
    finally:
        _coarse.reset(before)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b, as ``F.linear``. x: (..., inputs), weight: (outputs, inputs), bias: (outputs,); returns (..., outputs)."""
    if not _coarse.get() or x.device.type != "cpu":
        return F.linear(x, weight, bias)
    rows: Tensor = _CoarseLinear.apply(x.reshape(-1, x.shape[-1]), weight, bias)  # type: ignore[no-untyped-call]
    return rows.view(*x.shape[:-1], len(weight))


class Linear(nn.Linear):
    """``nn.Linear`` by ``linear``."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class _CoarseLinear(torch.autograd.Function):
    """rows: (n, inputs)."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        ctx.biased = bias is not None
        found = _product(rows, weight.t())
        return found if bias is None else found.add_(bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        (gradient,) = gradients
        rows, weight = ctx.saved_tensors
        whole = _whole(rows)
        with _bfloat16():
            of_weight = gradient[:whole].t() @ rows[:whole]
        of_weight.addmm_(gradient[whole:].t(), rows[whole:])
        return _product(gradient, weight), of_weight, gradient.sum(dim=0) if ctx.biased else None


def _product(rows: Tensor, matrix: Tensor) -> Tensor:
    whole = _whole(rows)
    found = rows.new_empty(len(rows), matrix.shape[1])
    with _bfloat16():
        torch.mm(rows[:whole], matrix, out=found[:whole])
    torch.mm(rows[whole:], matrix, out=found[whole:])
    return found


def _whole(rows: Tensor) -> int:
    return len(rows) // ROWS * ROWS


@contextmanager
def _bfloat16() -> Iterator[None]:
    """Inside, torch's products of single-precision matrices go through bfloat16, where the processor can."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
