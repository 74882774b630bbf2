"""What a caller may ask of a search while it runs: beginnings that outputs must have, and to let sentences go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import numpy as np
import torch
from torch import Tensor

from transduce.config import require
from transduce.decoding.trail import EOS, NEVER_WRITTEN


@final
class Guide:
    """For one batch: ``prefixes`` are the first tokens of every output of each sentence, ``gone`` tells whom to drop.

    A forced token keeps the probability that the model gives it, so scores and log-probabilities are those
    that forced decoding of the whole output gives. An empty prefix forces nothing.

    ``gone``: sentence -> whether nobody waits for its output any more; asked before every step. Its search
    ends there, and what it has written so far is returned as not finished. Raises ``ConfigError`` for a
    prefix that holds a token no output can have.
    """

    def __init__(
        self, *, prefixes: Sequence[Sequence[int]] | None = None, gone: Callable[[int], bool] | None = None
    ) -> None:
        given = prefixes or []
        never = {EOS, *NEVER_WRITTEN}
        require(not any(token in never for prefix in given for token in prefix),
                "a prefix cannot hold <pad>, <s>, </s> or <unk>: no output has them inside.")  # fmt: skip
        self.lengths = np.array([len(prefix) for prefix in given], dtype=np.int64)
        self.longest = int(self.lengths.max(initial=0))
        self.tokens = np.zeros((len(given), self.longest), dtype=np.int64)
        for row, prefix in enumerate(given):
            self.tokens[row, : len(prefix)] = prefix
        self.gone = gone

    def hold(self, log_probs: Tensor, sentences: np.ndarray, at: int) -> None:
        """Leave each row whose prefix has a symbol at step ``at`` no other choice. log_probs: (rows, vocab), changed."""
        if at >= self.longest:
            return
        held = np.flatnonzero(self.lengths[sentences] > at)
        rows = torch.from_numpy(held).to(log_probs.device)
        words = torch.from_numpy(self.tokens[sentences[held], at]).to(log_probs.device)
        kept = log_probs[rows, words]
        log_probs[rows] = -torch.inf
        log_probs[rows, words] = kept

    def shorten(self, limits: np.ndarray, at: int, *, copies: int = 1) -> None:
        """Make step ``at`` the last one of sentences that are gone. limits: (batch * copies,), changed."""
        if self.gone is None:
            return
        for sentence in range(len(limits) // copies):
            if self.gone(sentence):
                limits[sentence * copies : (sentence + 1) * copies] = at + 1
