"""Where measurements go. The loop calls one ``Logger`` and never asks which."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO, final


class Sample(NamedTuple):
    source: str
    output: str
    reference: str


class Status(NamedTuple):
    """Where training stands, for a line on the screen."""

    step: int
    total: int | None  # planned steps; None: not known yet
    loss: float  # nats per target token, unsmoothed, over the last second or so
    tokens_per_second: float  # target tokens, padding not counted
    seconds: float  # spent so far
    seconds_left: float | None
    lr: float


class Logger(ABC):
    @abstractmethod
    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Training measurements (loss, lr, ...), about once a second."""

    @abstractmethod
    def validation(self, step: int, measures: Mapping[str, float], *, best: bool) -> None:
        """What a validation measured, and whether it is the best so far."""

    @abstractmethod
    def samples(self, step: int, samples: Sequence[Sample]) -> None: ...

    @abstractmethod
    def event(self, step: int, name: str, text: str) -> None: ...

    @abstractmethod
    def progress(self, status: Status) -> None:
        """Called at every step: must be cheap."""

    @abstractmethod
    def close(self) -> None: ...


@final
class Silent(Logger): ...


@final
class Several(Logger):
    def __init__(self, *loggers: Logger) -> None: ...


@final
class JSONL(Logger):
    """metrics.jsonl; appends."""

    def __init__(self, path: str | Path) -> None: ...
    def truncate_after(self, step: int) -> None:
        """Drop lines of later steps and a cut last line (after a resume), atomically."""


@final
class Console(Logger):
    def __init__(self, stream: TextIO | None = None, *, live: bool | None = None) -> None:
        """``stream``: stderr by default. ``live``: whether to draw; None asks the stream."""


@final
class TensorBoard(Logger):
    def __init__(self, folder: str | Path, *, resume_at: int | None = None) -> None: ...


@final
class WandB(Logger):
    def __init__(
        self, folder: str | Path, *, project: str = "transduce", name: str | None = None,
        config: Mapping[str, Any] | None = None, mode: str | None = None,
    ) -> None:
        """``mode`` None: WANDB_MODE, else offline."""
