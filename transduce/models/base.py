"""What every model that writes a sequence offers to training and to search.

Shapes are told in the same eight words everywhere: batch, src_len, tgt_len, hidden, heads,
head_dim, vocab, beam. ``rows`` is the number of sequences being written: the batch in greedy
search, batch times beam in beam search.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

# Ids that every vocabulary keeps for itself (data/tokenizer.py numbers them so).
PAD = 0


class State(ABC):
    """What a decoder carries from one step to the next. It is a value: steps return a new one."""

    attention: Tensor | None  # (rows, src_len): weights of the last step; None where there is no attention

    @abstractmethod
    def select(self, rows: Tensor) -> State:
        """The state of the given rows, in the given order. rows: (new_rows,) int64, repeats allowed."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of rows."""


class Generator(nn.Module, ABC):
    """A model that writes one sequence after reading another."""

    vocab: int  # size of the target vocabulary, the last dimension of all logits

    @abstractmethod
    def forward(self, source: Tensor, source_lengths: Tensor, target_in: Tensor) -> Tensor:
        """Logits of every target position at once, given the right target before it (teacher forcing).

        source: (batch, src_len) int64, padded with 0; source_lengths: (batch,) int64, at least 1;
        target_in: (batch, tgt_len) int64, the target behind its start token.
        Returns (batch, tgt_len, vocab). Padding influences no unpadded position.
        """

    @abstractmethod
    def start(self, source: Tensor, source_lengths: Tensor) -> State:
        """Read the source; one row a sentence. Shapes as in ``forward``."""

    @abstractmethod
    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """One step: the tokens written last, (rows,) int64, give logits (rows, vocab) and the next state."""


def inside(lengths: Tensor, width: int) -> Tensor:
    """True where a padded batch holds a real position. lengths: (batch,). Returns (batch, width) bool."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def reverse_words(source: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each row's words; the end token at ``length - 1`` and the padding keep their places.

    Sutskever et al. 2014, section 3.3: a b c is read as c b a. source: (batch, src_len).
    """
    return source.gather(1, reversed_positions(lengths, source.shape[1]))


def reversed_positions(lengths: Tensor, width: int) -> Tensor:
    """Index of the word that stands at each place after reversal; its own inverse. Returns (batch, width) int64."""
    position = torch.arange(width, device=lengths.device).expand(len(lengths), width)
    last_word = (lengths - 2)[:, None]
    return torch.where(position <= last_word, last_word - position, position)
