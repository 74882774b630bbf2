"""What the tests of all families of models do the same way."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from transduce.models.base import Generator, State


def padded(sources: list[list[int]], *, more: int = 0, filler: int = 0) -> tuple[Tensor, Tensor]:
    """Token ids (rows, len) with ``more`` columns of padding than they need, and the lengths (rows,)."""
    width = max(map(len, sources)) + more
    rows = [row + [filler] * (width - len(row)) for row in sources]
    return torch.tensor(rows), torch.tensor([len(row) for row in sources])


def stepped(model: Generator, state: State, tokens: Tensor) -> tuple[Tensor, State]:
    """Logits (rows, len, vocab) of writing ``tokens`` (rows, len) one at a time, and the state behind the last."""
    logits = []
    for t in range(tokens.shape[1]):
        each, state = model.step(tokens[:, t], state)
        logits.append(each)
    return torch.stack(logits, dim=1), state


def same(got: Tensor, expected: Tensor, message: str = "") -> None:
    """Equal but for rounding in float64."""
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10, msg=lambda text: f"{message}: {text}")


def ids(vocab: int, *, least: int, most: int) -> st.SearchStrategy[list[int]]:
    """So many token ids."""
    return st.lists(st.integers(0, vocab - 1), min_size=least, max_size=most)
