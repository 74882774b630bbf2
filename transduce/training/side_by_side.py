"""Several models trained at once, each in a process of its own: small models do not fill the cores, several do.

``run_members`` starts the processes and hears them; ``Wire`` and ``heeding`` are their side of it. A member tells what
it measures as lines of JSON on its stdout. The line "stop" on its stdin asks it to save and end; when its
stdin ends, its parent is gone, and it ends at once: what it saved last is on disk.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, final

import msgspec

from transduce import errors
from transduce.errors import RunError, TransduceError
from transduce.files import own_stdout
from transduce.training.interrupt import Stop, catch_signals
from transduce.training.loggers import Logger, Sample, Status, measured

TELL = 0.25  # seconds between two tellings of where a member stands
PATIENCE = 60.0  # seconds that members have for saving when they were asked to stop


class Told(msgspec.Struct, kw_only=True, tag_field="kind"):
    """Base of what a member says, one object a line."""


class Stands(Told, kw_only=True, tag="status"):
    """Floats that are no number arrive as null, as JSON has it."""

    step: int
    total: int | None
    loss: float | None
    tokens_per_second: float
    seconds: float
    seconds_left: float | None
    lr: float


class Validated(Told, kw_only=True, tag="validation"):
    step: int
    measures: dict[str, float | None]
    best: bool


class Sampled(Told, kw_only=True, tag="samples"):
    step: int
    samples: list[tuple[str, str, str]]


class Happened(Told, kw_only=True, tag="event"):
    step: int
    name: str
    text: str


class Failed(Told, kw_only=True, tag="failed"):
    error: str  # name of a class in errors.py
    message: str


class Ended(Told, kw_only=True, tag="ended"):
    step: int
    earlier: float = 0.0  # seconds that earlier sessions spent on it
    skipped: int = 0
    stopped: bool = False  # by a signal or by the parent; all is saved


_DECODER = msgspec.json.Decoder(Stands | Validated | Sampled | Happened | Failed | Ended)

# --------------------------------------------------------------------------------------------- the member's side


@final
class Wire(Logger):
    """Passes what a member measures on to its parent."""

    def __init__(self) -> None:
        self._file = own_stdout()
        self._told = 0.0

    def tell(self, told: Told) -> None:
        with suppress(OSError):  # the parent is gone; ``heeding`` ends this process
            self._file.write(msgspec.json.encode(told) + b"\n")

    def scalars(self, step: int, values: Mapping[str, float]) -> None: ...

    def validation(self, step: int, measures: Mapping[str, float], *, best: bool) -> None:
        self.tell(Validated(step=step, measures=dict(measures), best=best))

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        self.tell(Sampled(step=step, samples=[(each.source, each.output, each.reference) for each in samples]))

    def event(self, step: int, name: str, text: str) -> None:
        self.tell(Happened(step=step, name=name, text=text))

    def progress(self, status: Status) -> None:
        now = time.monotonic()
        if now - self._told >= TELL:
            self._told = now
            self.tell(Stands(**status._asdict()))

    def close(self) -> None: ...


@contextmanager
def heeding() -> Iterator[Stop]:
    """``with heeding() as stop:`` the parent's "stop" and signals become ``stop.requested``; without a parent, the end."""
    with catch_signals() as stop:

        def listen() -> None:
            heard = b""
            while part := os.read(0, 64):  # not sys.stdin: a thread in it would be in the way at the end
                heard += part
                if b"stop\n" in heard:
                    stop.request("its parent")
            os._exit(1)

        threading.Thread(target=listen, daemon=True).start()
        yield stop


# --------------------------------------------------------------------------------------------- the parent's side


@final
class _Member:
    """A process that trains one model, as its parent sees it. ``inbox`` gets (number, what it said or None at its end)."""

    def __init__(self, number: int, words: Sequence[str], *, threads: int,
                 inbox: queue.SimpleQueue[tuple[int, Told | None]]) -> None:  # fmt: skip
        # In a session of its own: Ctrl-C in a terminal goes to the parent alone, which asks all of them to stop.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "transduce", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=_environment(threads), start_new_session=True,
        )  # fmt: skip
        self.ended: Ended | None = None
        self.failed: Failed | None = None
        self._words: deque[bytes] = deque(maxlen=20)  # the last it said on stderr
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._threads = [threading.Thread(target=self._hear, args=(number, self.process.stdout, inbox), daemon=True),
                         threading.Thread(target=self._words.extend, args=(self.process.stderr,), daemon=True)]  # fmt: skip
        for each in self._threads:
            each.start()

    def _hear(self, number: int, stream: IO[bytes], inbox: queue.SimpleQueue[tuple[int, Told | None]]) -> None:
        for line in stream:
            with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                inbox.put((number, _DECODER.decode(line)))
        self.process.wait()
        inbox.put((number, None))

    def stop(self) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(b"stop\n")
            self.process.stdin.flush()

    def close(self) -> None:
        """End the process, if it has not ended, and let its pipes go."""
        self.process.kill()
        self.process.wait()
        for each in self._threads:
            each.join(timeout=5)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    @property
    def stopped(self) -> bool:
        """Whether a process that has ended did as it was asked to, or was interrupted before it could hear that."""
        signals = (130, -signal.SIGTERM, -signal.SIGINT)
        return self.ended is not None or (self.failed is None and self.process.returncode in signals)

    def why(self, how_to_resume: str) -> TransduceError | None:
        """What went wrong with a process that has ended; None if nothing did."""
        if self.failed is not None:
            kind = getattr(errors, self.failed.error, RunError)
            return kind(self.failed.message) if issubclass(kind, TransduceError) else RunError(self.failed.message)
        if self.ended is not None:
            return RunError(f"was stopped by a signal. {how_to_resume}") if self.ended.stopped else None
        status = self.process.returncode
        by = signal.Signals(-status).name if status < 0 else f"status {status}"
        said = b" ".join(list(self._words)[-1:]).decode("utf-8", "replace").strip()
        return RunError(f"ended by {by} before it was done{f' ({said})' if said else ''}. {how_to_resume}")


def run_members(commands: Sequence[Sequence[str]], *, threads: int, logger: Logger, stop: Stop, how_to_resume: str = ""
                ) -> list[Ended]:  # fmt: skip
    """Run one process for each of ``commands``, the words behind ``transduce``, until all have ended.

    threads: of each. logger: hears all of the first member, and of the others the validations that are their best.
    When ``stop`` is requested, or one of them fails, all the others are asked to save and to stop too.
    Returns how each ended, in their order. Raises the error of a member that failed; ``RunError`` for one that died,
    with ``how_to_resume`` at its end.
    """
    inbox: queue.SimpleQueue[tuple[int, Told | None]] = queue.SimpleQueue()
    members: list[_Member] = []
    failure: TransduceError | None = None
    deadline = float("inf")  # for those that were asked to stop
    try:
        for number, words in enumerate(commands):
            members.append(_Member(number, words, threads=threads, inbox=inbox))
        alive = set(range(len(members)))
        while alive and time.monotonic() < deadline:
            if (stop.requested or failure) and deadline == float("inf"):
                deadline = time.monotonic() + PATIENCE
                for each in members:
                    each.stop()
            try:
                number, told = inbox.get(timeout=0.2)
            except queue.Empty:
                continue
            if told is not None:
                _take(members[number], number, told, logger)
                continue
            alive.discard(number)
            why = members[number].why(how_to_resume)
            if why is not None and failure is None and not (stop.requested and members[number].stopped):
                failure = type(why)(f"Member {number + 1} of {len(members)}: {why}")
    finally:
        for each in members:
            each.close()
    if failure is not None:
        raise failure
    return [each.ended or Ended(step=0, stopped=True) for each in members]


def _take(member: _Member, number: int, told: Told, logger: Logger) -> None:
    """Note what a member said, and pass it on to the logger."""
    match told:
        case Ended():
            member.ended = told
        case Failed():
            member.failed = told
        case Validated():
            measures = {name: _number(value) for name, value in told.measures.items()}
            if number == 0:
                logger.validation(told.step, measures, best=told.best)
            elif told.best:
                logger.event(told.step, "member", f"member {number + 1}: {measured(measures, best=True)}")
        case Happened() if number == 0 or told.name == "skipped":
            text = told.text if number == 0 else f"member {number + 1}: {told.text}"
            logger.event(told.step, told.name, text)
        case Sampled() if number == 0:
            logger.samples(told.step, [Sample(*each) for each in told.samples])
        case Stands() if number == 0:
            logger.progress(Status(told.step, told.total, _number(told.loss), told.tokens_per_second, told.seconds,
                                   told.seconds_left, told.lr))  # fmt: skip


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _environment(threads: int) -> dict[str, str]:
    """Of a member: as many threads as it will use, and this very package."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    place = Path(__file__).parents[2]
    if place.name not in (
        "site-packages",
        "dist-packages",
    ):  # found anyway, and not to stand before the standard library
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([known, str(place)] if known else [str(place)])
    return environment
