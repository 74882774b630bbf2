"""Sentences of many clients, batched by length for the models, which live in worker processes.

A sentence waits in one list. An idle worker takes the oldest, waits a few milliseconds for company (``window``), adds
those for the same model and settings whose lengths are nearest, as many as a batch may hold, and searches. What a
sentence becomes does not depend on its company (decoding/batched.py). Sentence number k of a request counts as
``SPACING * k`` seconds younger than its first, so a long document lets short requests through.

Everything here runs in the event loop: a coroutine for each worker, no threads, no locks. A worker that dies is
replaced, and its sentences are tried once more, each alone. Whoever is not waited for any more is taken out of the
list, and the worker is told, which gives up between two steps of the search.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import msgspec

from transduce.decoding.hypothesis import DecodingConfig, Hypothesis
from transduce.errors import RunError, TransduceError
from transduce.serve.gate import Ticket
from transduce.serve.metrics import Metrics
from transduce.serve.pace import Demand, Pace
from transduce.serve.process import Died, Hire, WorkerProcess
from transduce.serve.settings import ServeConfig
from transduce.serve.wire import (
    Abandoned,
    Answer,
    Candidates,
    Decode,
    Failed,
    Found,
    Gone,
    Hello,
    Open,
    Page,
    Scored,
    Single,
    unpacked,
)

SPACING = 0.02  # seconds
BEHIND = 1.0  # seconds that a file's sentences count as younger: whoever waits for a few goes first
TRIES = 2  # of a sentence, where its worker died or its batch failed
CONSIDERED = 1_000  # of those that wait, when a batch is made up
RETURN = 0.15  # of a batch's time, its clients are waited for: they may ask again as soon as they are answered
LEAD = 0.2  # of a short batch's time before its end, the next one is let in
MOST_ROOM = 64  # sentences of a short batch
STUCK = 30.0  # seconds that a worker has to give up what nobody waits for; then it is ended
STEADY = 10.0  # seconds of a worker's life after which its death is no reason to be careful
PAUSES = (0.5, 30.0)  # seconds before a worker is replaced that was not steady: the first, and the longest
log = logging.getLogger("transduce.serve")
_numbers = itertools.count(1)


class Fault(Exception):
    """A task failed by a fault of ours, or took its worker with it."""


@dataclass(eq=False)
class Job:
    """One sentence for one model, or whatever else a worker shall do, alone (``single``)."""

    run: str
    source: list[int]
    config: DecodingConfig
    ticket: Ticket
    characters: int
    prefix: list[int] = field(default_factory=list)
    attention: bool = False
    log_probs: bool = False
    single: Single | None = None
    hear: Callable[[list[int]], None] | None = None  # of the tokens of a stream
    due: float = 0.0
    since: float = 0.0
    tries: int = 0
    alone: bool = False  # after a failure: its company is not to fail with it again
    number: int = field(default_factory=lambda: next(_numbers))
    future: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def kind(self) -> tuple[Any, ...]:
        """Jobs of equal kind can share a batch."""
        return (self.run, self.config, self.attention, self.log_probs)


@final
class Engine:
    """The workers and what waits for them. All methods belong to the event loop."""

    def __init__(self, config: ServeConfig, metrics: Metrics, hire: Hire) -> None:
        self.config, self.metrics, self._hire = config, metrics, hire
        self.pace, self.demand = Pace(), Demand()
        self._waiting: list[Job] = []  # by ``due``
        self._at_work: dict[WorkerProcess, list[Job]] = {}
        self._until: dict[WorkerProcess, float] = {}  # when they will probably be done
        self._idle: set[asyncio.Future[None]] = set()  # workers that wait for news
        self._living: set[WorkerProcess] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._closing = False
        self._opening = Open([], "cpu", 1, 1)
        self._fingerprints: dict[str, tuple[str, str]] = {}  # name -> folder, fingerprint
        metrics.gauge("transduce_waiting_sentences", "Sentences that wait for a batch.", lambda: len(self._waiting))
        metrics.gauge("transduce_workers", "Workers that live.", lambda: self.alive)

    @property
    def alive(self) -> int:
        return len(self._living)

    @property
    def pids(self) -> list[int]:
        """Of the workers that live."""
        return sorted(worker.pid for worker in self._living)

    @property
    def speed(self) -> float:
        """Characters a second that the workers do at their best."""
        return self.pace.best * self.config.workers

    @property
    def room(self) -> bool:
        """Whether one more sentence has room in the next batch, if that is short, and does not wait long for it."""
        first = itertools.islice(self._waiting, MOST_ROOM)
        if 1 + sum(not job.ticket.background for job in first) > self.pace.short_rows:
            return False
        if len(self._at_work) < len(self._living):
            return True
        return min(self._until.values(), default=0.0) - time.monotonic() < LEAD * self.pace.short

    def wait(self, characters: float) -> float:
        """Expected seconds until so many characters have been translated."""
        return self.pace.wait(characters / self.config.workers)

    # From the first worker to the last ------------------------------------------------------------------

    async def open(self, runs: Sequence[str], device: str) -> Hello:
        """Start the workers; returns what the first of them has loaded. The others must load the same.

        Raises ``RunError`` where nothing can be loaded.
        """
        self._opening = Open(list(runs), device, self.config.threads, self.config.workers)
        try:
            first = await self._hire(self._opening)
        except Died as error:
            raise RunError(f"the models cannot be loaded: the worker that tried ended ({error}).") from None
        self._fingerprints = {each.name: (each.folder, each.fingerprint) for each in first.hello.runs}
        self._opening = msgspec.structs.replace(self._opening, threads=first.hello.threads)
        for speed in first.hello.speeds:
            self.pace.note(*speed)
        for worker in (first, *([None] * (self.config.workers - 1))):
            self._keepers.append(asyncio.create_task(self._keep(worker)))
        if self._closing:
            await self.close(0.0)
        return first.hello

    async def close(self, timeout: float) -> None:
        """Let the workers end, and wait for them."""
        self._closing = True
        self._wake()
        if self._keepers:
            _, late = await asyncio.wait(self._keepers, timeout=timeout)
            for keeper in late:
                keeper.cancel()
            await asyncio.gather(*self._keepers, return_exceptions=True)
        self._tell([(job, Abandoned()) for job in self._waiting])
        self._waiting = []

    async def _keep(self, worker: WorkerProcess | None) -> None:
        """Keep one worker at work: when it dies, another takes its place, sooner or later."""
        pause = 0.0
        while not self._closing:
            began = float("inf")
            try:
                worker = worker or await self._replacement()
                began = time.monotonic()
                await self._employ(worker)
            except Exception as error:
                pause = 0.0 if time.monotonic() - began > STEADY else pause
                known = isinstance(error, (Died, TransduceError))
                log.error("a worker died (%s); another takes its place%s", error, f" in {pause:g} s" if pause else "",
                          exc_info=None if known else error)  # fmt: skip
                self.metrics.add("transduce_worker_restarts_total")
                await self._rest(pause)
                pause = min(max(2 * pause, PAUSES[0]), PAUSES[1])
            worker = None

    async def _replacement(self) -> WorkerProcess:
        """A new worker. Raises ``RunError`` where it does not have what we serve: answers must not change under way."""
        worker = await self._hire(self._opening)
        theirs = {each.name: each.fingerprint for each in worker.hello.runs}
        changed = [folder for name, (folder, ours) in self._fingerprints.items() if theirs.get(name) != ours]
        if changed:
            worker.kill()
            await worker.wait()
            raise RunError(f"{', '.join(changed)}: changed since the service was started; start it anew to serve that")
        return worker

    async def _employ(self, worker: WorkerProcess) -> None:
        """Give a worker batches until the end. Raises ``Died``."""
        worker.on_death = self._lost
        self._living.add(worker)
        try:
            rows, took = 0, 0.0
            while batch := await self._take(worker, rows, RETURN * took):
                rows, took = len(batch), await self._work(worker, batch)
            self._living.discard(worker)
            await worker.close(STUCK)
        except BaseException:
            worker.kill()
            await worker.wait()
            raise
        finally:
            self._living.discard(worker)

    def _lost(self) -> None:
        self._living = {worker for worker in self._living if not worker.dead}
        self._wake()

    async def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._closing and (left := end - time.monotonic()) > 0:
            await self._news(left)

    # What waits ------------------------------------------------------------------------------------------

    async def submit(self, jobs: Sequence[Job]) -> list[list[Hypothesis]]:
        """The hypotheses of each job, best first. Raises ``Abandoned``, ``TransduceError`` or ``Fault``."""
        if not jobs:
            return []
        self._enqueue(jobs)
        return list(await asyncio.gather(*(job.future for job in jobs)))

    async def call(self, single: Single, ticket: Ticket, *, characters: int,
                   hear: Callable[[list[int]], None] | None = None) -> Answer:  # fmt: skip
        """The answer to a task that a worker does with nothing beside it. Raises as ``submit``."""
        job = Job(single.run, [], DecodingConfig(), ticket, characters, single=single, hear=hear)
        self._enqueue([job])
        answer: Answer = await job.future
        return answer

    def forget(self, ticket: Ticket) -> None:
        """Nobody waits for this request any more: nothing is begun for it, and what is being done is given up."""
        if not ticket.pending:
            return
        self._tell([(job, Abandoned()) for job in self._waiting if job.ticket is ticket])
        self._waiting = [job for job in self._waiting if job.ticket is not ticket]
        for worker, batch in self._at_work.items():
            if gone := [job.number for job in batch if job.ticket is ticket]:
                worker.send(Gone(gone))
                if all(job.ticket.gone for job in batch):
                    asyncio.get_running_loop().call_later(STUCK, self._end_if_stuck, worker, batch)
        self._wake()

    def _end_if_stuck(self, worker: WorkerProcess, batch: list[Job]) -> None:
        if self._at_work.get(worker) is batch:
            log.error("a worker does not give up what nobody waits for; it is ended")
            worker.kill()

    def _enqueue(self, jobs: Sequence[Job]) -> None:
        now = time.monotonic()
        for number, job in enumerate(jobs):
            job.due, job.since = now + SPACING * number + (BEHIND if job.ticket.background else 0.0), now
            job.ticket.pending += 1
            insort(self._waiting, job, key=lambda each: each.due)
        self._wake()

    def _wake(self) -> None:
        for waiter in self._idle:
            if not waiter.done():
                waiter.set_result(None)

    async def _news(self, seconds: float | None = None) -> None:
        """Until something has changed, or so many seconds have passed."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self._wake)
        self._idle.add(waiter)
        try:
            await waiter
        finally:
            self._idle.discard(waiter)
            if timer is not None:
                timer.cancel()

    async def _take(self, worker: WorkerProcess, before: int, moment: float) -> list[Job]:
        """The next batch; empty when it is time to end. Raises ``Died``.

        before: how many were answered just now. They may ask again at once, so they are given a ``moment`` (seconds):
        else clients fall into two groups, each of which waits for the batch of the other.
        """
        again, back = time.monotonic() + moment, before + len(self._waiting)
        while not worker.dead:
            left = None
            if self._waiting:
                oldest = self._waiting[0]
                batch = self._company(oldest)
                left = self._until_full(oldest, again, back) - time.monotonic()
                if left <= 0 or self._closing or len(batch) < len(self._waiting):
                    taken = set(map(id, batch))
                    self._waiting = [job for job in self._waiting if id(job) not in taken]
                    if self._waiting:
                        self._wake()
                    return batch
            elif self._closing:
                return []
            await self._news(left)
        raise Died(await worker.wait())

    def _until_full(self, oldest: Job, again: float, back: int) -> float:
        """Until when a batch waits for company: until ``again`` for those who are expected back, so many in all."""
        if self.demand.excessive or len(self._waiting) >= back > 0:
            return 0.0
        return max(again, oldest.since + self.config.window)

    def _company(self, oldest: Job) -> list[Job]:
        """``oldest`` and those that may be searched with it, nearest in length first, within the batch's budget."""
        if oldest.single is not None or oldest.alone:
            return [oldest]
        kind, size = oldest.kind, len(oldest.source)
        others = [job for job in itertools.islice(self._waiting, CONSIDERED) if job is not oldest and not job.alone
                  and job.single is None and job.kind == kind]  # fmt: skip
        others.sort(key=lambda job: (abs(len(job.source) - size), job.due))
        copies = oldest.config.nbest if oldest.config.sample else oldest.config.beam
        batch, longest = [oldest], size + 1
        # Draws of a sentence that comes twice in a batch would depend on the other (decoding/batched.py).
        drawn = {tuple(oldest.source)} if oldest.config.sample else set()
        for job in others:
            longest = max(longest, len(job.source) + 1)
            if (len(batch) + 1) * copies * longest > self.config.batch_tokens:
                break
            if oldest.config.sample:
                if tuple(job.source) in drawn:
                    continue
                drawn.add(tuple(job.source))
            batch.append(job)
        return batch

    # What is done ----------------------------------------------------------------------------------------

    async def _work(self, worker: WorkerProcess, batch: list[Job]) -> float:
        """Let a worker do one batch. Returns its seconds. Raises ``Died``, after its sentences have been put back."""
        began, first = time.monotonic(), batch[0]
        for job in batch:
            self.metrics.observe("transduce_queue_seconds", began - job.since)
        self._at_work[worker] = batch
        characters = sum(job.characters for job in batch)
        self._until[worker] = began + (self.pace.short if self.demand.excessive else self.pace.wait(characters))
        try:
            worker.send(self._task(batch))
            answer = await worker.answer(first.hear)
        except Died as error:
            self._again(batch, Fault(f"its worker died ({error})"))
            raise
        finally:
            del self._at_work[worker], self._until[worker]
        took = time.monotonic() - began
        match answer:
            case Failed(kind="fault", message=message):
                self.metrics.add("transduce_worker_errors_total")
                self._again(batch, Fault(message))
            case Failed(kind="user", message=message):
                self.metrics.add("transduce_worker_errors_total")
                self._again(batch, TransduceError(message))
            case Failed():
                self._tell([(job, Abandoned()) for job in batch])
            case Found(outputs) if first.single is None:
                self._tell([(job, Abandoned() if job.ticket.gone else [unpacked(each) for each in some])
                            for job, some in zip(batch, outputs, strict=True)])  # fmt: skip
                self._count(batch, took)
            case Found() | Scored() | Candidates() | Page():
                self._tell([(first, answer)])
        return took

    def _task(self, batch: list[Job]) -> Decode | Single:
        first = batch[0]
        if first.single is not None:
            return msgspec.structs.replace(first.single, ids=[first.number])
        prefixes = [job.prefix for job in batch]
        return Decode([job.number for job in batch], first.run, [job.source for job in batch], first.config,
                      prefixes if any(prefixes) else None, first.attention, first.log_probs,
                      self.config.batch_tokens)  # fmt: skip

    def _count(self, batch: list[Job], seconds: float) -> None:
        characters = sum(job.characters for job in batch)
        if not any(job.ticket.gone for job in batch):  # else it ended sooner than it would have
            self.pace.note(len(batch), characters, seconds)
            if self.demand.excessive:
                self.pace.note_short(len(batch), seconds)
        self.metrics.observe("transduce_batch_rows", len(batch))
        self.metrics.add("transduce_sentences_total", len(batch), model=batch[0].run)
        self.metrics.add("transduce_characters_total", characters, model=batch[0].run)

    def _again(self, batch: list[Job], error: Exception) -> None:
        """Try the sentences of a failed batch once more, each alone; those that failed before are told why.

        What was asked for alone and failed by a fault of its own would fail again.
        """
        told: list[tuple[Job, Any]] = []
        for job in batch:
            job.tries += 1
            if job.ticket.gone:
                told.append((job, Abandoned()))
            elif job.tries >= TRIES or (job.single is not None and isinstance(error, TransduceError)) or job.hear:
                told.append((job, error))
            else:
                job.alone = True
                insort(self._waiting, job, key=lambda each: each.due)
        self._tell(told)
        self._wake()

    def _tell(self, results: Sequence[tuple[Job, Any]]) -> None:
        for job, value in results:
            job.ticket.pending -= 1
            if job.future.done():
                continue
            if isinstance(value, BaseException):
                job.future.set_exception(value)
            else:
                job.future.set_result(value)
