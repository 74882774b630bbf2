"""The queue in virtual time: the service's own gate, engine and pace, on a clock that only waiting moves.

Workers are pretended: a batch takes a fixed time, and one for each step and row, as it does for a small model on one core
(benchmarks/serve_load.py measures the real thing). So minutes of load take seconds, and come out the same everywhere.
"""

from __future__ import annotations

import asyncio
import random
import selectors
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from transduce.decoding.hypothesis import DecodingConfig
from transduce.serve.engine import Engine, Job
from transduce.serve.gate import Gate, Refused
from transduce.serve.metrics import Metrics
from transduce.serve.process import WorkerProcess
from transduce.serve.settings import ServeConfig
from transduce.serve.wire import Answer, Decode, Found, Hello, Open, Output

LENGTHS = [6, 8, 9, 10, 10, 11, 11, 12, 12, 13, 14, 15, 16, 18, 20, 24, 30]  # words of the sentences that are sent
HTTP = 0.001  # seconds of a request beside the model, each way


class Jump(selectors.SelectSelector):
    """Waiting takes no time: the clock is put on."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += max(0.0, timeout or 0.0)
        return super().select(0)


class Clock(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jump = Jump()
        super().__init__(self.jump)

    def time(self) -> float:
        return self.jump.now


class Pretended:
    """A worker whose batches take ``step`` seconds for each word of the longest sentence, and ``row`` for each word."""

    dead, pid = False, 1

    def __init__(self, step: float, row: float, chance: random.Random) -> None:
        self.step, self.row, self.chance = step, row, chance
        speeds = [(rows, 17 * rows, self.seconds([5] * rows)) for rows in (1, 32)]
        self.hello = Hello([], [], 1, speeds, explains=False, pages=False)

    def seconds(self, lengths: list[int]) -> float:
        return (0.004 + self.step * max(lengths) + self.row * sum(lengths)) * self.chance.uniform(0.95, 1.1)

    def send(self, task: Decode) -> None:
        self.sources = task.sources

    async def answer(self, hear: object = None) -> Answer:
        await asyncio.sleep(self.seconds([len(source) for source in self.sources]))
        return Found([[Output([5], 0.0, 0.0, True, None, None, None)] for _ in self.sources])

    async def close(self, timeout: float) -> None: ...
    async def wait(self) -> str:
        return ""

    def kill(self) -> None: ...


class Load:
    """Requests of one sentence each, and what came of them."""

    def __init__(self, worker: Pretended) -> None:
        async def hire(opening: Open) -> WorkerProcess:
            return worker  # type: ignore[return-value]

        self.engine = Engine(ServeConfig(), metrics := Metrics(), hire)
        self.gate = Gate(ServeConfig(), metrics, self.engine)
        self.worker = worker
        self.begin()

    def begin(self) -> None:
        self.answered: list[tuple[float, float]] = []  # when it was asked, and seconds
        self.refused: list[str] = []

    async def ask(self, number: int) -> bool:
        words = LENGTHS[number * 7 % len(LENGTHS)]
        began = time.monotonic()
        await asyncio.sleep(HTTP)
        try:
            self.gate.came()
            ticket = self.gate.enter(5 * words)
        except Refused as refused:
            self.refused.append(refused.reason)
            return False
        try:
            await self.engine.submit([Job("run", [7] * words, DecodingConfig(), ticket, 5 * words)])
        finally:
            self.gate.leave(ticket)
        await asyncio.sleep(HTTP)
        self.answered.append((began, time.monotonic() - began))
        return True

    async def closed(self, clients: int, seconds: float) -> float:
        """Clients that each wait for their answer. Returns answers a second."""
        self.begin()
        numbers, end = iter(range(10**9)), time.monotonic() + seconds

        async def one() -> None:
            while time.monotonic() < end:
                if not await self.ask(next(numbers)):
                    await asyncio.sleep(1)

        await asyncio.gather(*(one() for _ in range(clients)))
        return len(self.answered) / seconds

    async def open(self, rate: float, seconds: float) -> None:
        """``rate`` requests a second, whatever comes back."""
        self.begin()
        asked, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            asked.append(asyncio.create_task(self.ask(len(asked))))
            await asyncio.sleep(self.worker.chance.expovariate(rate))
        await asyncio.gather(*asked)

    def p99(self, since: float = 0.0) -> float:
        taken = sorted(seconds for began, seconds in self.answered if began >= since)
        return taken[int(0.99 * len(taken))]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    loop = Clock()
    monkeypatch.setattr(time, "monotonic", loop.time)
    yield loop
    loop.close()


def run(clock: Clock, load: Load, work: Coroutine[Any, Any, None]) -> None:
    async def all_of_it() -> None:
        await load.engine.open(["run"], "cpu")
        try:
            await work
        finally:
            await load.engine.close(5.0)

    clock.run_until_complete(all_of_it())


COSTS = [(0.0012, 0.00028), (0.0025, 0.0004), (0.0008, 0.00015)]  # step, row


@pytest.mark.parametrize(("step", "row"), COSTS)
def test_clients_that_wait_for_their_answers_are_all_served(clock: Clock, step: float, row: float) -> None:
    load = Load(Pretended(step, row, random.Random(1)))
    batches = [sorted(LENGTHS * 50)[first : first + 50] for first in range(0, 850, 50)]
    own = 850 / sum(load.worker.seconds(batch) for batch in batches)  # sentences a second, by the batch

    async def work() -> None:
        for clients, least in ((1, 0.05), (8, 0.3), (64, 0.75)):
            assert await load.closed(clients, 20) >= least * own
            assert load.refused == []

    run(clock, load, work())


@pytest.mark.parametrize(("step", "row"), COSTS[:2])
def test_under_ten_times_the_load_the_accepted_are_answered_soon(clock: Clock, step: float, row: float) -> None:
    load = Load(Pretended(step, row, random.Random(2)))

    async def work() -> None:
        await load.closed(1, 20)
        alone = load.p99()
        most = await load.closed(64, 20)
        for _ in range(2):
            begins = time.monotonic()
            await load.open(10 * most, 8)
            assert load.p99(since=begins + 1) <= 2 * alone
            assert len(load.answered) >= 0.15 * most * 8  # little is let in, but not nothing
            assert set(load.refused) <= {"overload", "wait"}
            await asyncio.sleep(2)
        assert await load.closed(8, 10) > 0.3 * most  # and when it is over, it is over
        assert load.refused == []

    run(clock, load, work())
