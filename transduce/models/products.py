"""A few rows times one matrix, over and over: what a step of search for a single sentence is made of.

A general product arranges the matrix anew at each call and, of two or three rows, takes them one by one, each
reading all of the matrix. oneDNN arranges it once (as Intel's and PyTorch's compilers do) and reads it
once for all rows; on two AVX2 cores three rows times 256 x 4,000 take 0.06 instead of 0.20 ms. The numbers are single precision
either way and differ by rounding alone.
"""

from __future__ import annotations

import os
from typing import final

import torch
from torch import Tensor

# One row is multiplied as fast by the general product. At the other end, oneDNN makes code for each number of rows it
# meets, in half a millisecond, and keeps it with its working memory: for hundreds of them that takes gigabytes.
FEW_ROWS = range(2, 9)
_ONEDNN = torch.ops.mkldnn
# Of its own accord oneDNN keeps the code and the memory of the last 1,024 calls that differ in shape; the batches of training
# come in hundreds of shapes, which takes nearly a gigabyte, for what is made anew in a millisecond or two (docs/log.md). Read
# when oneDNN is first used. The service gives its workers the same without having loaded torch (serve/process.py).
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")


@final
class Product:
    """Multiplies rows by one matrix that stays as it is."""

    def __init__(self, weight: Tensor) -> None:
        """weight: (inputs, outputs)."""
        self.weight = weight
        self._arranged = _arranged(weight)

    def add_to(self, total: Tensor, x: Tensor) -> Tensor:
        """``total`` + x W, of shape (rows, outputs). x: (rows, inputs).

        total: (outputs,), which stays as it is, or (rows, outputs), which is overwritten.
        """
        one_for_all = total.dim() == 1
        if self._arranged is None or len(x) not in FEW_ROWS:
            return torch.addmm(total, x, self.weight) if one_for_all else total.addmm_(x, self.weight)
        bias = total if one_for_all else None
        found: Tensor = _ONEDNN._linear_pointwise(x, self._arranged, bias, "none", [], "")
        return found if one_for_all else total.add_(found)


def _arranged(weight: Tensor) -> Tensor | None:
    """The matrix as oneDNN reads it fastest; None where torch was built without it, or without these operators."""
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return None
    try:
        arranged: Tensor = _ONEDNN._reorder_linear_weight(weight.t().contiguous(), FEW_ROWS[-1])
        # Tried with a number of rows that is met anyway, so that no other code is made and kept.
        _ONEDNN._linear_pointwise(weight.new_zeros(FEW_ROWS[0], len(weight)), arranged, None, "none", [], "")
    except (AttributeError, RuntimeError):  # torch promises neither of them
        return None
    return arranged
