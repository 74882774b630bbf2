"""Words cut differently in every pass, from their ids alone.

BPE-dropout (Provilkov et al. 2020) leaves out merges at random while a text is cut, so that a model sees a word in
many pieces and learns what its parts mean. Here merges are undone instead: with probability p a piece falls into the
two that it was merged from, each of those again with probability p, and so forth. That needs no text, so a corpus
stays what it is on disk. It differs from theirs in one point: a merge that is left out lets others happen in its
place, one that is undone does not.

Every draw belongs to its place in the corpus, so that the lengths of a whole pass are known before its batches are
planned. Cut only in their batches, rows of one length have several, and a sixth of the positions is padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transduce.data.batches import Rows, Side, sides_of
from transduce.data.corpus import Corpus

Halves = tuple[NDArray[np.int64], NDArray[np.int64]]  # ``Tokenizer.halves`` of source and target
Keys = NDArray[np.uint64]  # one for each piece: what is drawn for it, and what the keys of its parts are made of

CHUNK = 20_000  # rows whose lengths are found at once
STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: what lies between the keys of neighbors


@dataclass(frozen=True)
class Cutter:
    """How the pieces of one pass over a corpus fall apart: a row always alike, beside whichever others it is asked for."""

    halves: Halves
    share: float  # probability that a piece falls apart
    seed: int
    epoch: int

    def __call__(self, rows: Rows, source: Side, target: Side) -> tuple[Side, Side]:
        """Both sides of these rows of the corpus, cut anew."""
        return self._cut(rows, source, 0), self._cut(rows, target, 1)

    def lengths(self, corpus: Corpus) -> tuple[Rows, Rows]:
        """Tokens of each row of source and target in this pass, without start and end."""
        found = np.zeros((2, len(corpus)), dtype=np.int64)
        for first in range(0, len(corpus), CHUNK):
            rows = np.arange(first, min(first + CHUNK, len(corpus)))
            for number, (_, lengths) in enumerate(self(rows, *sides_of(corpus, rows))):
                found[number, rows] = lengths
        return found[0], found[1]

    def _cut(self, rows: Rows, side: Side, number: int) -> Side:
        ids, lengths = side
        start = np.random.SeedSequence([self.seed, self.epoch, number]).generate_state(1, np.uint64)
        own = _mixed(start + rows.astype(np.uint64) * STEP)  # of each row
        places = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        keys = _mixed(np.repeat(own, lengths) + places.astype(np.uint64) * STEP)
        return fall_apart(ids, lengths, self.halves[number], share=self.share, keys=keys)


def fall_apart(ids: NDArray[Any], lengths: Rows, halves: NDArray[np.int64], *, share: float, keys: Keys) -> Side:
    """Undo the merge of each id with probability ``share``, and those of what comes out. The text stays the same."""
    row = np.repeat(np.arange(len(lengths)), lengths)
    new = np.ones(len(ids), dtype=bool)  # each piece is drawn for once
    while True:
        falls = new & (halves[ids, 0] >= 0)
        falls[falls] = (keys[falls] >> np.uint64(11)) * 2.0**-53 < share  # as uniform as a double can be
        if not falls.any():
            return ids, np.bincount(row, minlength=len(lengths))
        pieces = 1 + falls
        first = (np.cumsum(pieces) - pieces)[falls]
        parts, fallen = halves[ids[falls]], keys[falls]
        ids, row, new, keys = (np.repeat(each, pieces) for each in (ids, row, falls, keys))
        ids[first], ids[first + 1] = parts.T
        keys[first], keys[first + 1] = _mixed(fallen + STEP), _mixed(fallen - STEP)


def _mixed(keys: Keys) -> Keys:
    """Bits of each key, mixed so that neighbors have nothing in common (Steele, Lea and Flood 2014, SplitMix64)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))
