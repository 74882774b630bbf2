"""Words cut differently in every pass, from their ids alone.

BPE-dropout (Provilkov et al. 2020) leaves out merges at random while a text is cut, so that a model sees a word in
many pieces and learns what its parts mean. Here merges are undone instead: with probability p a piece falls into the
two that it was merged from, each of those again with probability p, and so forth. That needs no text, so a corpus
stays what it is on disk. It differs from theirs in one point: a merge that is left out lets others happen in its
place, one that is undone does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transduce.data.batches import Rows, Side

Halves = tuple[NDArray[np.int64], NDArray[np.int64]]  # ``Tokenizer.halves`` of source and target


def cut_anew(source: Side, target: Side, *, halves: Halves, share: float, seed: tuple[int, ...]) -> tuple[Side, Side]:
    """Both sides of a batch, each piece fallen apart with probability ``share``; ``seed`` fixes every draw."""
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    return (fall_apart(*source, halves[0], share=share, random=random),
            fall_apart(*target, halves[1], share=share, random=random))  # fmt: skip


def fall_apart(ids: NDArray[Any], lengths: Rows, halves: NDArray[np.int64], *, share: float, random: np.random.Generator
               ) -> Side:  # fmt: skip
    """Undo the merge of each id with probability ``share``, and those of what comes out. The text stays the same."""
    row = np.repeat(np.arange(len(lengths)), lengths)
    new = np.ones(len(ids), dtype=bool)  # each piece is drawn for once
    while True:
        falls = new & (halves[ids, 0] >= 0)
        falls[falls] = random.random(np.count_nonzero(falls)) < share
        if not falls.any():
            return ids, np.bincount(row, minlength=len(lengths))
        pieces = 1 + falls
        first = (np.cumsum(pieces) - pieces)[falls]
        parts = halves[ids[falls]]
        ids, row, new = np.repeat(ids, pieces), np.repeat(row, pieces), np.repeat(falls, pieces)
        ids[first], ids[first + 1] = parts.T
