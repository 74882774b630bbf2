"""Words cut differently in every pass, from their ids alone.

BPE-dropout (Provilkov et al. 2020) leaves out merges at random while a text is cut, so that a model sees a word in
many pieces and learns what its parts mean. Here merges are undone instead: with probability p a piece falls into the
two that it was merged from, each of those again with probability p, and so forth. That needs no text, so a corpus
stays what it is on disk. It differs from theirs in one point: a merge that is left out lets others happen in its
place, one that is undone does not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transduce.data.batches import Rows, Side
from transduce.data.tokenizer import TokenizerPair


class BPEDropout(NamedTuple):
    """What the pieces of both sides fall into, and how often. All draws follow from the seed and the batch's number."""

    source: NDArray[np.int64]  # (vocab, 2), from ``Tokenizer.halves``
    target: NDArray[np.int64]
    share: float  # p
    seed: int

    @classmethod
    def of(cls, tokenizers: TokenizerPair, *, share: float, seed: int) -> BPEDropout:
        """For a corpus that ``tokenizers`` have cut."""
        return cls(tokenizers.source.halves(), tokenizers.target.halves(), share, seed)

    def cut(self, source: Side, target: Side, *, epoch: int, batch: int) -> tuple[Side, Side]:
        """Both sides of a batch, cut anew."""
        random = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, epoch, batch])))
        return (fall_apart(*source, self.source, share=self.share, random=random),
                fall_apart(*target, self.target, share=self.share, random=random))  # fmt: skip


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
