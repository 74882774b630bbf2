"""Where measurements go. The loop calls one ``Logger`` and never asks which.

Silent        nowhere
JSONL         metrics.jsonl, one line a measurement
TensorBoard   (an extra)
WandB         Weights & Biases (an extra), offline unless asked
Several       to each of several
Console       a terminal, or plain lines where there is none (console.py: it alone needs rich)
"""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, final

import msgspec

from transduce.errors import ConfigError, MissingExtra
from transduce.files import atomic_write, write_failed

# How people write the measures.
TITLES = {"loss": "loss", "bleu": "BLEU", "chrf": "chrF", "ter": "TER", "token_accuracy": "tokens right",
          "exact_match": "exact", "perplexity": "perplexity"}  # fmt: skip
SHARES = ("token_accuracy", "exact_match")  # percentages


class Sample(NamedTuple):
    """A held-out pair and what the model makes of its source now."""

    source: str
    output: str
    reference: str


class Status(NamedTuple):
    """Where training stands, for a line on the screen."""

    step: int
    total: int | None  # planned updates; None: not known yet
    loss: float  # nats per target token, unsmoothed, over the last second or so; nan before the first
    tokens_per_second: float  # target tokens, padding not counted
    seconds: float  # spent so far, over all sessions
    seconds_left: float | None
    lr: float


class Logger(ABC):
    """Receives what training measures."""

    @abstractmethod
    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Measurements of the training itself (loss, learning_rate, ...), about once a second."""

    @abstractmethod
    def validation(self, step: int, measures: Mapping[str, float], *, best: bool) -> None:
        """What a validation measured; ``best`` tells that nothing before was better."""

    @abstractmethod
    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        """The same few held-out sentences, translated once more."""

    @abstractmethod
    def event(self, step: int, name: str, text: str) -> None:
        """Something that happened once: "plan", "skipped", "average", "resumed", "stopped", "member"."""

    @abstractmethod
    def progress(self, status: Status) -> None:
        """Called at every update: costs next to nothing."""

    @abstractmethod
    def close(self) -> None:
        """Nothing follows. May be called twice."""


@final
class Silent(Logger):
    """Keeps nothing."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None: ...
    def validation(self, step: int, measures: Mapping[str, float], *, best: bool) -> None: ...
    def samples(self, step: int, samples: Sequence[Sample]) -> None: ...
    def event(self, step: int, name: str, text: str) -> None: ...
    def progress(self, status: Status) -> None: ...
    def close(self) -> None: ...


@final
class Several(Logger):
    """Passes everything on to each of ``loggers``, in their order."""

    def __init__(self, *loggers: Logger) -> None:
        self.loggers = loggers

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for logger in self.loggers:
            logger.scalars(step, values)

    def validation(self, step: int, measures: Mapping[str, float], *, best: bool) -> None:
        for logger in self.loggers:
            logger.validation(step, measures, best=best)

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        for logger in self.loggers:
            logger.samples(step, samples)

    def event(self, step: int, name: str, text: str) -> None:
        for logger in self.loggers:
            logger.event(step, name, text)

    def progress(self, status: Status) -> None:
        for logger in self.loggers:
            logger.progress(status)

    def close(self) -> None:
        failures: list[Exception] = []
        for logger in self.loggers:
            try:
                logger.close()
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]


# ----------------------------------------------------------------------------------------------------- JSONL


@final
class JSONL(Logger):
    """``metrics.jsonl``: one JSON object a line, written through at once; appends to what is there.

    ``{"step": 40, "kind": "train", "loss": 5.1, ...}``, and likewise of kind "validation" (with "best"),
    "samples" (a list under "samples") and "event" (with "name" and "text").
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._encoder = msgspec.json.Encoder()
        self._file: io.FileIO | None = None

    def truncate_after(self, step: int, *, validated: int | None = None) -> None:
        """Drop the lines of later steps and a last line that was cut, atomically.

        A run that goes on from ``step`` measures them again; without this they would stand there twice.
        validated: the same for validations and samples, where the last of them was not yet saved at ``step``.
        """
        self.close()
        if not self.path.exists():
            return
        last = {"validation": step if validated is None else validated}
        last["samples"] = last["validation"]
        with atomic_write(self.path) as new, open(self.path, "rb") as old:
            for line in old:
                kind, its_step = _kind_and_step(line)
                if line.endswith(b"\n") and its_step <= min(step, last.get(kind, step)):
                    new.write(line)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._write({"step": step, "kind": "train", **values})

    def validation(self, step: int, measures: Mapping[str, float], *, best: bool) -> None:
        self._write({"step": step, "kind": "validation", **measures, "best": best})

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        self._write({"step": step, "kind": "samples", "samples": [sample._asdict() for sample in samples]})

    def event(self, step: int, name: str, text: str) -> None:
        self._write({"step": step, "kind": "event", "name": name, "text": text})

    def progress(self, status: Status) -> None: ...

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _write(self, values: Mapping[str, Any]) -> None:
        line = self._encoder.encode(values) + b"\n"
        try:
            if self._file is None:
                self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115  # stays open until ``close``
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            raise write_failed(self.path, error) from error


def _kind_and_step(line: bytes) -> tuple[str, float]:
    """Kind and step of a line of metrics.jsonl; a step of infinity where it cannot be read."""
    try:
        values = msgspec.json.decode(line)
        return str(values.get("kind")), float(values["step"])
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError, ValueError):
        return "", float("inf")


# ----------------------------------------------------------------------------------------------------- words


def measured(measures: Mapping[str, float], *, best: bool) -> str:
    """What a validation measured, in words: "BLEU 40.2, tokens right 69.4 % (best)"."""
    return ", ".join(_measure(name, value) for name, value in measures.items()) + " (best)" * best


def _measure(name: str, value: float) -> str:
    if name in SHARES:
        return f"{TITLES[name]} {value:.1f} %"
    digits = 3 if name == "loss" else 1
    return f"{TITLES.get(name, name)} {value:.{digits}f}"


# --------------------------------------------------------------------------------------------------- extras


@final
class TensorBoard(Logger):
    """Event files for ``tensorboard --logdir``. ``resume_at``: the step a resumed run goes on from;
    what the folder holds of later steps is then hidden.

    Raises ``MissingExtra`` when tensorboard is not installed.
    """

    def __init__(self, folder: str | Path, *, resume_at: int | None = None) -> None:
        try:
            module = import_module("torch.utils.tensorboard")
        except ImportError:
            raise MissingExtra("tensorboard", "Logging to TensorBoard") from None
        self._writer = module.SummaryWriter(str(folder), purge_step=None if resume_at is None else resume_at + 1)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(f"train/{name}", value, step)

    def validation(self, step: int, measures: Mapping[str, float], *, best: bool) -> None:
        for name, value in measures.items():
            self._writer.add_scalar(f"validation/{name}", value, step)
        self._writer.flush()

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        for number, sample in enumerate(samples):
            text = "\n".join(f"    {label}: {words}" for label, words in sample._asdict().items())
            self._writer.add_text(f"samples/{number}", text, step)

    def event(self, step: int, name: str, text: str) -> None:
        self._writer.add_text(f"events/{name}", text, step)

    def progress(self, status: Status) -> None: ...

    def close(self) -> None:
        self._writer.close()


@final
class WandB(Logger):
    """A run of Weights & Biases under ``folder``.

    ``mode``: "online", "offline" or "disabled". None leaves it to the environment's WANDB_MODE, and
    where that says nothing the run stays offline: nothing leaves the machine unasked.
    Raises ``MissingExtra`` when wandb is not installed.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        project: str = "transduce",
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        mode: str | None = None,
    ) -> None:
        mode = mode or os.environ.get("WANDB_MODE") or "offline"
        if mode not in ("online", "offline", "disabled"):
            raise ConfigError(f'the mode of W&B is online, offline or disabled; got "{mode}".')
        if mode != "online":  # W&B would still send reports of its own errors
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            self._wandb: Any = import_module("wandb")
        except ImportError:
            raise MissingExtra("wandb", "Logging to Weights & Biases") from None
        Path(folder).mkdir(parents=True, exist_ok=True)
        chosen = cast(Literal["online", "offline", "disabled"], mode)
        self._run = self._wandb.init(
            project=project, name=name, dir=str(folder), config=dict(config or {}), mode=chosen
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({f"train/{name}": value for name, value in values.items()}, step=step)

    def validation(self, step: int, measures: Mapping[str, float], *, best: bool) -> None:
        self._run.log({f"validation/{name}": value for name, value in measures.items()}, step=step)

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        table = self._wandb.Table(columns=list(Sample._fields), data=[list(sample) for sample in samples])
        self._run.log({"samples": table}, step=step)

    def event(self, step: int, name: str, text: str) -> None:
        self._run.log({f"events/{name}": text}, step=step)

    def progress(self, status: Status) -> None: ...

    def close(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.finish()
