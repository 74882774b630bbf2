"""Model families, one file each. No text and no files here."""

from __future__ import annotations

from transduce.models import rnn_equations, transformer_equations
from transduce.models.base import Generator, State
from transduce.models.rnn import RNN, RNNConfig
from transduce.models.transformer import Transformer, TransformerConfig

__all__ = [
    "RNN",
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


def build(config: ModelConfig, *, source_vocab: int, target_vocab: int) -> Generator:
    """The model that ``config`` describes, with fresh weights from torch's generator."""
    match config:
        case RNNConfig():
            return RNN(config, source_vocab=source_vocab, target_vocab=target_vocab)
        case TransformerConfig():
            return Transformer(config, source_vocab=source_vocab, target_vocab=target_vocab)


def describe(config: ModelConfig) -> str:
    """The model in a few words, its family and size before the first comma: "lstm 1x256, general attention"."""
    match config:
        case RNNConfig():
            return rnn_equations.describe(config)
        case TransformerConfig():
            return transformer_equations.describe(config)
