"""How long batches take, learned from those before, and whether more is asked than can be answered.

The queue has two lengths. Sixty-four clients that each wait for their answer before they ask again keep sixty-four
requests waiting: large batches, the most that the model can do, and nobody is worse off. Ten times the load that the
model can carry would fill the same queue for ever, and everyone would wait as long as the limit allows. What tells the
two apart is how often it is asked. ``Demand`` counts all requests, also the refused ones, against what the model can do
at its best, half as much again. Below that, the queue may be ``--max-wait`` long. Above it, batches are kept so short that they take
little longer than a sentence alone, and the next one is let in only shortly before the one before ends: an answer then
comes about as soon as on an idle machine, at the price of fewer answers.
"""

from __future__ import annotations

import time
from typing import final

DECAY = 0.9  # of what was learned, a batch: the last ten or so count
BEST_DECAY = 0.999  # of the best speed, a batch: quiet times teach nothing about it
EXCESS = 1.5  # times the best speed: more than that is too much
SURGE = 80  # requests that may come at once before that is looked at: clients that all begin at the same moment
AT_BEST = 1.5  # times as long as at the best speed is the most that many characters are expected to take
SHORT = 1.7  # times as long as a sentence alone may a batch take when too much is asked


@final
class Pace:
    """Seconds of a batch = fixed + each * characters, by least squares over the last batches.

    Two terms, for a batch of fifty sentences takes a few times as long as one sentence, not fifty times.
    """

    def __init__(self) -> None:
        self._count = self._characters = self._seconds = self._squares = self._products = 0.0
        self._largest = 1.0  # characters of the largest batch
        self._alone = 0.0  # seconds of a sentence alone
        self.short_rows = 2.0  # sentences of a batch that takes little longer
        self.best = 0.0  # characters a second of the fastest batch

    def note(self, rows: int, characters: int, seconds: float) -> None:
        """Learn from a batch."""
        self._count = DECAY * self._count + 1
        self._characters = DECAY * self._characters + characters
        self._seconds = DECAY * self._seconds + seconds
        self._squares = DECAY * self._squares + characters * characters
        self._products = DECAY * self._products + characters * seconds
        self._largest = max(DECAY * self._largest, float(characters), 1.0)
        if rows == 1:
            self._alone += (seconds - self._alone) * (1 - DECAY) if self._alone else seconds
        self.best = max(BEST_DECAY * self.best, characters / max(seconds, 1e-6))

    def wait(self, characters: float) -> float:
        """Expected seconds until so many characters have been translated; 0 before anything was learned."""
        if not self._count or characters <= 0:
            return 0.0
        fixed, each = self._terms()
        batches = max(1.0, characters / self._largest)
        # Of sentences alone, or few at a time, nothing follows for large batches: the best speed known does.
        return min(batches * fixed + characters * each, self._alone + AT_BEST * characters / self.best)

    def note_short(self, rows: int, seconds: float) -> None:
        """Learn from a batch how many sentences make a short one: a little more, as long as it is in time."""
        if rows > self.short_rows:
            return  # what had been let in before
        if seconds > self.short:
            self.short_rows = max(1.0, 0.9 * self.short_rows)
        elif rows + 1 > self.short_rows:  # it was full
            self.short_rows += 0.1

    @property
    def short(self) -> float:
        """Seconds that a batch may take when too much is asked."""
        return SHORT * self._alone

    def _terms(self) -> tuple[float, float]:
        mean_characters, mean_seconds = self._characters / self._count, self._seconds / self._count
        spread = self._squares / self._count - mean_characters**2
        even = mean_seconds / max(1.0, mean_characters)  # if nothing were fixed
        if spread > (0.05 * mean_characters) ** 2:
            each = (self._products / self._count - mean_characters * mean_seconds) / spread
        else:
            each = even / 4
        each = min(max(each, even / 50), even)  # neither free nor without a fixed part that is negative
        return max(0.0, mean_seconds - each * mean_characters), each


@final
class Demand:
    """A reserve of ``SURGE`` requests, from which each that comes takes one, and which fills with what can be done.

    A request that finds nothing there takes what has come in since the one before, so the reserve stays empty as long
    as too many come.
    """

    def __init__(self) -> None:
        self._reserve, self._when = float(SURGE), time.monotonic()
        self._weight = 0.0  # characters of a request, of late

    def accepted(self, weight: int) -> None:
        """Learn how large requests are."""
        self._weight += (weight - self._weight) / 20 if self._weight else weight

    def came(self, speed: float) -> None:
        """A request, whether it is refused or not. speed: characters a second that the workers do at their best."""
        now = time.monotonic()
        can = EXCESS * speed / max(1.0, self._weight)
        self._reserve = max(0.0, min(float(SURGE), self._reserve + (now - self._when) * can) - 1.0)
        self._when = now

    @property
    def excessive(self) -> bool:
        """Whether more is asked than can be answered. (Nothing is known before the first batch.)"""
        return self._reserve <= 0
