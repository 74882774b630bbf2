"""Model families, one file each. No text and no files here."""

from __future__ import annotations

from transduce.models import rnn_equations, transformer_equations
from transduce.models.base import Generator, State
from transduce.models.ensemble import Ensemble, named
from transduce.models.rnn import RNN, RNNConfig
from transduce.models.transformer import Transformer, TransformerConfig

__all__ = [
    "DEFAULT",
    "RNN",
    "Ensemble",
    "Generator",
    "ModelConfig",
    "RNNConfig",
    "State",
    "Transformer",
    "TransformerConfig",
    "build",
    "describe",
]

ModelConfig = RNNConfig | TransformerConfig

DEFAULT = RNNConfig(lexical=True)  # what runs begin with; the fields' own defaults are those of older runs


def build(config: ModelConfig, *, source_vocab: int, target_vocab: int, members: int = 1, right_to_left: int = 0
          ) -> Generator:  # fmt: skip
    """The model that ``config`` describes, with fresh weights from torch's generator; several ``members``: an ensemble.

    ``right_to_left``: so many of the members know targets from their end.
    """
    if members > 1:
        return Ensemble([build(config, source_vocab=source_vocab, target_vocab=target_vocab) for _ in range(members)],
                        right_to_left=right_to_left)  # fmt: skip
    match config:
        case RNNConfig():
            return RNN(config, source_vocab=source_vocab, target_vocab=target_vocab)
        case TransformerConfig():
            return Transformer(config, source_vocab=source_vocab, target_vocab=target_vocab)


def describe(config: ModelConfig, members: int = 1, right_to_left: int = 0) -> str:
    """The model in a few words, its family and size before the first comma: "lstm 1x256, general attention"."""
    match config:
        case RNNConfig():
            return named(rnn_equations.describe(config), members, right_to_left)
        case TransformerConfig():
            return named(transformer_equations.describe(config), members, right_to_left)
