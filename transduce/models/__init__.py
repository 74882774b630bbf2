"""Model families, one file each. No text and no files here."""

from __future__ import annotations

from transduce.models.base import Generator, State
from transduce.models.rnn import RNN, RNNConfig

__all__ = ["RNN", "Generator", "ModelConfig", "RNNConfig", "State", "build"]

ModelConfig = RNNConfig  # a union as families come


def build(config: ModelConfig, *, source_vocab: int, target_vocab: int) -> Generator:
    """The model that ``config`` describes, with fresh weights from torch's generator."""
    match config:
        case RNNConfig():
            return RNN(config, source_vocab=source_vocab, target_vocab=target_vocab)
