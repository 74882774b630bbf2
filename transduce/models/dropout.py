"""Dropout (Srivastava et al. 2014) from sixteen random bits a number."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_STEPS = 1 << 16  # of a probability


def dropout(x: Tensor, share: float, *, training: bool) -> Tensor:
    """x with a ``share`` of its numbers set to zero at random and the others multiplied by 1 / (1 - share).

    x: any shape; 0 <= share < 1. As ``F.dropout``, which takes three times as long on a CPU, and three
    calls a step are a twentieth of the training of an LSTM (docs/log.md). There the share is rounded to 1 / 65,536.
    Draws from torch's generator, so that a resumed run goes on with the same numbers.
    """
    if not training or not share:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, share)
    dropped = min(round(share * _STEPS), _STEPS - 1)
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: x.numel()].view(x.shape)  # from -32,768 to 32,767, each as likely
    scale = torch.empty(x.shape, dtype=x.dtype)
    torch.ge(bits, dropped - _STEPS // 2, out=scale)
    return x * scale.mul_(_STEPS / (_STEPS - dropped))
