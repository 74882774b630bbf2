"""The training loop, on one screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from transduce.config import Config
from transduce.data.corpus import Corpus
from transduce.models.base import Generator
from transduce.training.checkpoint import Progress, StateFile, TrainingState
from transduce.training.interrupt import Stop
from transduce.training.loggers import Logger
from transduce.training.optim import OptimConfig

Measure = Literal["loss", "bleu", "chrf", "token_accuracy", "exact_match"]


class TrainingConfig(Config):
    steps: int | None = None
    epochs: float | None = None
    batch_tokens: int = 700
    accumulate: int = 1
    clip: float = 1.0
    label_smoothing: float = 0.1
    validate_every: int = 200
    patience: int = 0
    best_by: Measure = "chrf"
    average: float = 0.0
    average_every: int = 10
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    seed: int = 0
    save_every: float = 30.0
    max_bad_steps: int = 20
    optim: OptimConfig = OptimConfig()


class Plan(NamedTuple):
    total: int | None  # steps; None: not known yet
    validate_every: int  # steps


def train(
    model: Generator,
    corpus: Corpus,
    config: TrainingConfig,
    *,
    validate: Callable[[Generator, Progress], dict[str, float]],
    keep_best: Callable[[dict[str, Tensor], Progress], None],
    plan: Callable[[Progress], Plan] | None = None,  # None: planned_steps(corpus, config)
    state: StateFile | None = None,  # where to save; None: nowhere
    resume: TrainingState | None = None,  # state.load()
    logger: Logger | None = None,
    device: torch.device | None = None,
    stop: Stop | None = None,
    how_to_resume: str = "",
) -> Progress:
    """Train ``model`` in place. Afterwards it holds the last weights; the best went to ``keep_best``.

    ``validate`` gets the model in eval mode under no_grad, with the training RNG put aside.
    Raises Interrupted (after saving), TrainingError (diverged), RunError (disk), ConfigError (best_by not measured).
    """
    raise NotImplementedError


def planned_steps(corpus: Corpus, config: TrainingConfig) -> Callable[[Progress], Plan]:
    """The plan for ``config.steps`` or ``config.epochs`` (the smaller where both are given)."""
    raise NotImplementedError


def batches_per_epoch(corpus: Corpus, config: TrainingConfig) -> int:
    raise NotImplementedError
