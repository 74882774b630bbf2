"""Sentences of many clients, batched by length for the models, in threads beside the one that speaks HTTP.

A sentence waits in one list. An idle worker takes the oldest, waits a few milliseconds for company (``window``), adds
those for the same model and settings whose lengths are nearest, as many as a batch may hold, and searches. What a
sentence becomes does not depend on its company (decoding/batched.py). Sentence number k of a request counts as
``SPACING * k`` seconds younger than its first, so a long document lets short requests through.

A worker that dies is replaced, and its sentences are tried once more. Requests are given up between two steps of
the search: when their client is gone, or their time is.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import torch

from transduce.decoding import DecodingConfig, Hypothesis, decode
from transduce.errors import TransduceError
from transduce.serve.catalog import FIRST, Served
from transduce.serve.gate import Ticket
from transduce.serve.metrics import Metrics
from transduce.serve.pace import Pace
from transduce.serve.settings import ServeConfig

SPACING = 0.02  # seconds
BEHIND = 1.0  # seconds that a file's sentences count as younger: whoever waits for a few goes first
TRIES = 2  # of a sentence, where its worker died or its batch failed
log = logging.getLogger("transduce.serve")


class Abandoned(Exception):
    """Nobody waits for the answer any more, or its time is over."""


def fastest_threads(served: Served, most: int) -> int:
    """How many processor threads translate fastest, from 1 to ``most``: tried, for it depends on the model's size.

    More than one must be a tenth faster: other work of the machine wants to run too.
    """
    ids = served.model.tokenizers.source.encode(FIRST)[:12] or [0]
    sources, best, least = [ids] * 32, 1, float("inf")
    before = torch.get_num_threads()
    for threads in sorted({1, max(1, most // 2), most}):
        torch.set_num_threads(threads)
        decode(served.model.model, sources[:4], config=served.model.config.decoding)
        began = time.perf_counter()
        decode(served.model.model, sources, config=served.model.config.decoding)
        seconds = time.perf_counter() - began
        if seconds < 0.9 * least:
            best, least = threads, seconds
    torch.set_num_threads(before)
    return best


@dataclass(eq=False)
class Job:
    """One sentence for one model."""

    served: Served
    source: list[int]
    config: DecodingConfig
    ticket: Ticket
    characters: int
    prefix: list[int] = field(default_factory=list)
    attention: bool = False
    log_probs: bool = False
    call: Callable[[], Any] | None = None  # anything else that a worker shall do, alone
    due: float = 0.0
    since: float = 0.0
    tries: int = 0
    alone: bool = False  # after a failure: its company is not to fail with it again
    future: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def kind(self) -> tuple[Any, ...]:
        """Jobs of equal kind can share a batch."""
        return (self.served.name, self.config, self.attention, self.log_probs)


@final
class Engine:
    """The workers and what waits for them. ``submit`` and ``call`` belong to the event loop's thread."""

    def __init__(self, config: ServeConfig, metrics: Metrics) -> None:
        self.config, self.metrics = config, metrics
        self.threads = config.threads or 1  # of each worker
        self.pace = Pace()
        self._waiting: list[Job] = []
        self._ready = threading.Condition()
        self._closing = False
        self._workers: set[threading.Thread] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        metrics.gauge("transduce_waiting_sentences", "Sentences that wait for a batch.", lambda: len(self._waiting))
        metrics.gauge("transduce_workers", "Workers that live.", lambda: self.alive)

    @property
    def alive(self) -> int:
        return sum(worker.is_alive() for worker in self._workers)

    def wait(self, characters: float) -> float:
        """Expected seconds until so many characters have been translated."""
        return self.pace.wait(characters / self.config.workers)

    def start(self) -> None:
        """Begin to work, on the running event loop's behalf."""
        self._loop = asyncio.get_running_loop()
        for _ in range(self.config.workers):
            self._hire()

    def close(self, timeout: float = 5.0) -> None:
        """Let the workers end, and wait for them."""
        with self._ready:
            self._closing = True
            self._ready.notify_all()
        for worker in list(self._workers):
            worker.join(timeout)

    async def submit(self, jobs: Sequence[Job]) -> list[list[Hypothesis]]:
        """The hypotheses of each job, best first. Raises ``Abandoned``, or what the model raised."""
        if not jobs:
            return []
        self._enqueue(jobs)
        return list(await asyncio.gather(*(job.future for job in jobs)))

    async def call(self, served: Served, ticket: Ticket, call: Callable[[], Any], *, characters: int) -> Any:
        """What ``call()`` returns, made by a worker with nothing beside it."""
        job = Job(served, [], DecodingConfig(), ticket, characters, call=call)
        self._enqueue([job])
        return await job.future

    def _enqueue(self, jobs: Sequence[Job]) -> None:
        now = time.monotonic()
        for number, job in enumerate(jobs):
            job.due, job.since = now + SPACING * number + (BEHIND if job.ticket.background else 0.0), now
        with self._ready:
            self._waiting += jobs
            self._ready.notify()

    # In the workers' threads --------------------------------------------------------------------------

    def _hire(self) -> None:
        worker = threading.Thread(target=self._live, name="transduce-worker", daemon=True)
        self._workers.add(worker)
        worker.start()

    def _live(self) -> None:
        """Work until told to end. Whatever else ends a worker brings another in its place."""
        batch: list[Job] = []
        try:
            torch.set_num_threads(self.threads)
            while True:
                batch = self._take()
                if not batch:
                    return
                self._work(batch)
                batch = []
        except BaseException as error:
            log.error("a worker died (%s: %s); another takes its place", type(error).__name__, error)
            self.metrics.add("transduce_worker_restarts_total")
            self._again(batch, error)
            if not self._closing:
                self._hire()
        finally:
            self._workers.discard(threading.current_thread())

    def _take(self) -> list[Job]:
        """The next batch; empty when it is time to end."""
        with self._ready:
            while True:
                self._drop_abandoned()
                if self._waiting:
                    oldest = min(self._waiting, key=lambda job: job.due)
                    batch = self._company(oldest)
                    left = oldest.since + self.config.window - time.monotonic()
                    if left <= 0 or self._closing or len(batch) < len(self._waiting):
                        taken = set(map(id, batch))
                        self._waiting = [job for job in self._waiting if id(job) not in taken]
                        return batch
                    self._ready.wait(left)
                elif self._closing:
                    return []
                else:
                    self._ready.wait()

    def _drop_abandoned(self) -> None:
        gone = [job for job in self._waiting if job.ticket.over]
        if gone:
            self._waiting = [job for job in self._waiting if not job.ticket.over]
            self._tell([(job, Abandoned()) for job in gone])

    def _company(self, oldest: Job) -> list[Job]:
        """``oldest`` and those that may be searched with it, nearest in length first, within the batch's budget."""
        if oldest.call is not None or oldest.alone:
            return [oldest]
        kind, size = oldest.kind, len(oldest.source)
        others = [job for job in self._waiting if job is not oldest and job.call is None and not job.alone
                  and job.kind == kind]  # fmt: skip
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

    def _work(self, batch: list[Job]) -> None:
        began = time.monotonic()
        for job in batch:
            self.metrics.observe("transduce_queue_seconds", began - job.since)
        try:
            found = self._compute(batch)
        except (Exception, MemoryError) as error:
            if not isinstance(error, TransduceError):
                log.exception("a batch of %d failed", len(batch))
            self.metrics.add("transduce_worker_errors_total")
            self._again(batch, error)
            return
        self._tell([(job, Abandoned() if job.ticket.over else value)
                    for job, value in zip(batch, found, strict=True)])  # fmt: skip
        if batch[0].call is None:
            characters = sum(job.characters for job in batch)
            self.pace.note(characters, time.monotonic() - began)
            self.metrics.observe("transduce_batch_rows", len(batch))
            self.metrics.add("transduce_sentences_total", len(batch), model=batch[0].served.name)
            self.metrics.add("transduce_characters_total", characters, model=batch[0].served.name)

    def _compute(self, batch: list[Job]) -> list[Any]:
        first = batch[0]
        if first.call is not None:
            return [first.call()]
        prefixes = [job.prefix for job in batch]
        return decode(
            first.served.model.model, [job.source for job in batch], config=first.config,
            want_attention=first.attention, want_log_probs=first.log_probs, max_tokens=self.config.batch_tokens,
            prefixes=prefixes if any(prefixes) else None, gone=lambda place: batch[place].ticket.over,
        )  # fmt: skip

    def _again(self, batch: list[Job], error: BaseException) -> None:
        """Try the sentences of a failed batch once more, each alone; those that failed before are told why."""
        tried: list[tuple[Job, Any]] = []
        for job in batch:
            job.tries += 1
            if job.tries >= TRIES or job.call is not None:
                tried.append((job, error if isinstance(error, Exception) else RuntimeError("the worker died")))
            else:
                job.alone = True
                with self._ready:
                    self._waiting.append(job)
                    self._ready.notify()
        self._tell(tried)

    def _tell(self, results: Sequence[tuple[Job, Any]]) -> None:
        """Hand results over to the event loop's thread, all at once."""

        def deliver() -> None:
            for job, value in results:
                if job.future.done():
                    continue
                if isinstance(value, BaseException):
                    job.future.set_exception(value)
                else:
                    job.future.set_result(value)

        if results and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(deliver)
