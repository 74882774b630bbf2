"""Who is let in, and how much: the bounded queue and the limits of rate.

Everything here runs in the event loop's thread and takes microseconds, so a refusal is quick however long the
queue is.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol, final

from transduce.serve.metrics import Metrics
from transduce.serve.pace import Demand
from transduce.serve.settings import ServeConfig

REMEMBERED = 10_000  # clients whose rate is known
COUNTED = 1_000  # characters of one request that others are expected to wait for: the rest lets them through


class Refused(Exception):
    """A request that is not answered. ``reason`` labels it in the metrics; ``status`` and ``message`` go to the client."""

    def __init__(self, status: int, message: str, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.reason, self.retry_after = status, message, reason, retry_after


@dataclass(eq=False)
class Ticket:
    """One accepted request. ``gone``: it is over, answered or not. ``pending``: its jobs that are not done yet."""

    characters: int
    deadline: float  # on the clock of time.monotonic
    gone: bool = False
    pending: int = 0
    background: bool = False  # a file: it takes what the others leave, piece by piece
    clock: asyncio.Timeout | None = None  # what ends the request at its deadline

    def hurry(self, deadline: float) -> None:
        """Bring the deadline forward. In the event loop's thread."""
        if deadline < self.deadline:
            self.deadline = deadline
            if self.clock is not None:
                self.clock.reschedule(asyncio.get_running_loop().time() + max(0.0, deadline - time.monotonic()))

    @property
    def weight(self) -> int:
        return 0 if self.background else min(self.characters, COUNTED)


class Workers(Protocol):
    """What the gate must know of those who work (engine.py)."""

    @property
    def alive(self) -> int: ...
    @property
    def demand(self) -> Demand: ...
    @property
    def speed(self) -> float:
        """Characters a second at their best."""

    @property
    def room(self) -> bool:
        """Whether one more may come in where more is asked than can be answered."""

    def wait(self, characters: float) -> float:
        """Expected seconds until so many characters have been translated."""


@final
class Gate:
    """Accepts requests as long as the queue has room."""

    def __init__(self, config: ServeConfig, metrics: Metrics, workers: Workers) -> None:
        self.config, self._workers = config, workers
        self.draining = False
        self.inside: set[Ticket] = set()
        self.characters = self.weight = 0
        metrics.gauge("transduce_accepted_requests", "Requests accepted and not answered yet.",
                      lambda: len(self.inside))  # fmt: skip
        metrics.gauge("transduce_accepted_characters", "Characters of these.", lambda: self.characters)

    def enter(self, characters: int, *, deadline: float | None = None, background: bool = False) -> Ticket:
        """Accept a request, or raise ``Refused``. Give the ticket back with ``leave``."""
        config = self.config
        self.look()
        if characters > config.max_text:
            raise Refused(413, f"The text has {characters:,} characters; at most {config.max_text:,} are allowed.",
                          "text_length")  # fmt: skip
        if self.inside and self.characters + characters > config.max_characters:
            raise Refused(503, "The queue is full; try again later.", "queue_characters",
                          retry_after=max(1.0, self.wait()))  # fmt: skip
        longest = config.file_deadline if background else config.deadline
        ticket = Ticket(characters, time.monotonic() + min(longest, deadline or longest), background=background)
        self.inside.add(ticket)
        self.characters += ticket.characters
        self.weight += ticket.weight
        if not background:
            self._workers.demand.accepted(ticket.weight)
        return ticket

    def drain(self, seconds: float) -> None:
        """Let nobody in any more, and have everyone answered in time, if only with a refusal."""
        self.draining = True
        for ticket in list(self.inside):
            ticket.hurry(time.monotonic() + seconds)

    def came(self) -> None:
        """A request has come. Raises ``Refused`` as ``look`` does: before anything of it is read."""
        self._workers.demand.came(self._workers.speed)
        self.look()

    def missed(self) -> None:
        """A request has come that ``look`` did not let in."""
        self._workers.demand.came(self._workers.speed)

    def look(self) -> None:
        """Raise ``Refused`` where no request at all would be let in."""
        config = self.config
        if self.draining:
            raise Refused(503, "The service is shutting down; try again elsewhere.", "draining", retry_after=1)
        if not self._workers.alive:
            raise Refused(503, "No model is ready; try again in a moment.", "no_worker", retry_after=2)
        if len(self.inside) >= config.max_requests:
            raise Refused(503, "The queue is full; try again later.", "queue_requests",
                          retry_after=max(1.0, self.wait()))  # fmt: skip
        if self._workers.demand.excessive and not self._workers.room:
            raise Refused(503, "More is asked than can be answered; try again later.", "overload", retry_after=1)
        if self.wait() > config.max_wait:
            raise Refused(503, f"The service is busy; the wait would be about {self.wait():.1f} s.", "wait",
                          retry_after=max(1.0, self.wait()))  # fmt: skip

    def carry(self, ticket: Ticket, characters: int) -> None:
        """From now on a request has so many characters in the queue: a file is translated piece by piece."""
        if ticket in self.inside:
            self.characters += characters - ticket.characters
            self.weight -= ticket.weight
            ticket.characters = characters
            self.weight += ticket.weight

    def leave(self, ticket: Ticket) -> None:
        if ticket in self.inside:
            self.inside.remove(ticket)
            self.characters -= ticket.characters
            self.weight -= ticket.weight

    def wait(self) -> float:
        """Expected seconds until a request that came now would be begun."""
        return self._workers.wait(self.weight)


@final
class Rates:
    """Requests a second of each client, with a reserve of ``burst`` (a token bucket each)."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> reserve, when it was that

    def spend(self, client: str, cost: float = 1.0) -> None:
        """Take from a client's reserve. Raises ``Refused`` where there is not enough."""
        if not self.rate:
            return
        now = time.monotonic()
        reserve, when = self._buckets.pop(client, (self.burst, now))
        reserve = min(self.burst, reserve + (now - when) * self.rate)
        enough = reserve >= cost
        self._buckets[client] = (reserve - cost if enough else reserve, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if not enough:
            wait = (cost - reserve) / self.rate
            raise Refused(429, f"Slowdown: at most {self.rate:g} requests a second.", "rate", retry_after=wait)
