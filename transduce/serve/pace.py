"""How long a batch takes, learned from those before it, so that a full service can say so at once."""

from __future__ import annotations

from typing import final

DECAY = 0.9  # of what was learned, a batch: the last ten or so count


@final
class Pace:
    """Seconds of a batch = fixed + each * characters, by least squares over the last batches.

    Two terms, for a batch of fifty sentences takes a few times as long as one sentence, not fifty times.
    """

    def __init__(self) -> None:
        self._count = self._characters = self._seconds = self._squares = self._products = 0.0
        self._largest = 1.0  # characters of the largest batch

    def note(self, characters: int, seconds: float) -> None:
        """Learn from a batch."""
        self._count = DECAY * self._count + 1
        self._characters = DECAY * self._characters + characters
        self._seconds = DECAY * self._seconds + seconds
        self._squares = DECAY * self._squares + characters * characters
        self._products = DECAY * self._products + characters * seconds
        self._largest = max(DECAY * self._largest, float(characters), 1.0)

    def wait(self, characters: float) -> float:
        """Expected seconds until so many characters have been translated; 0 before anything was learned."""
        if not self._count or characters <= 0:
            return 0.0
        fixed, each = self._terms()
        batches = max(1.0, characters / self._largest)
        return batches * fixed + characters * each

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
