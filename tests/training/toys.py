"""A corpus in memory and a small model: enough to train in seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from transduce.data.batches import collate
from transduce.models import Generator, RNNConfig, build
from transduce.training.checkpoint import Progress
from transduce.training.loggers import Logger, Sample, Status
from transduce.training.loss import token_loss

VOCAB = 12


class Pairs:
    """The part of a ``Corpus`` that training asks for."""

    def __init__(self, pairs: list[tuple[list[int], list[int]]]) -> None:
        self.pairs = [(np.array(source, dtype=np.int32), np.array(target, dtype=np.int32)) for source, target in pairs]
        self.source_lengths = np.array([len(source) for source, _ in pairs], dtype=np.int32)
        self.target_lengths = np.array([len(target) for _, target in pairs], dtype=np.int32)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self.pairs[index]


def copy_task(pairs: int, *, seed: int = 0, longest: int = 5) -> Any:
    """Pairs whose target is their source."""
    chance = np.random.default_rng(seed)
    words = [chance.integers(4, VOCAB, size=chance.integers(1, longest + 1)).tolist() for _ in range(pairs)]
    return Pairs([(word, word) for word in words])


def small_model(*, seed: int = 0, **settings: Any) -> Generator:
    torch.manual_seed(seed)
    config = RNNConfig(**({"embed": 16, "hidden": 16, "dropout": 0.2} | settings))
    return build(config, source_vocab=VOCAB, target_vocab=VOCAB)


def measures_of(model: Generator, corpus: Any) -> dict[str, float]:
    """Loss and token accuracy on all of a small corpus."""
    batch = collate(corpus, np.arange(len(corpus)))
    tensors = [torch.from_numpy(each) for each in batch]
    parameter = next(model.parameters())
    logits = model(*tensors[:3]).to(parameter.dtype)
    sums = token_loss(logits, tensors[3], count_correct=True)
    assert sums.correct is not None
    return {"loss": float(sums.nll / sums.tokens), "token_accuracy": float(sums.correct / sums.tokens)}


def copied(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in weights.items()}


def same_bits(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class Kept:
    """Remembers what ``keep_best`` was given."""

    def __init__(self) -> None:
        self.weights: dict[str, Tensor] = {}
        self.steps: list[int] = []

    def __call__(self, weights: dict[str, Tensor], progress: Progress) -> None:
        self.weights = copied(weights)
        self.steps.append(progress.step)


class Notes(Logger):
    """Remembers what was logged."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.validations: list[tuple[int, dict[str, float], bool]] = []
        self.events: list[tuple[int, str, str]] = []
        self.statuses: list[Status] = []

    def scalars(self, step: int, values: Any) -> None:
        self.rows.append((step, dict(values)))

    def validation(self, step: int, measures: Any, *, best: bool) -> None:
        self.validations.append((step, dict(measures), best))

    def samples(self, step: int, samples: Any) -> None:
        assert all(isinstance(sample, Sample) for sample in samples)

    def event(self, step: int, name: str, text: str) -> None:
        self.events.append((step, name, text))

    def progress(self, status: Status) -> None:
        self.statuses.append(status)

    def close(self) -> None: ...
