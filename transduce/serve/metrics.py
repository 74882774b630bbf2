"""What the service counts, in the text format that Prometheus reads (version 0.0.4).

Names follow its conventions: seconds, totals, one unit a name. Labels come from closed sets (routes, reasons,
models), never from a client, so that no client can make the table grow.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable
from typing import final

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
Labels = tuple[tuple[str, str], ...]


@final
class Metrics:
    """Counters, gauges and histograms. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._help: dict[str, tuple[str, str]] = {}  # name -> kind, help
        self._counts: dict[str, dict[Labels, float]] = {}
        self._buckets: dict[str, tuple[float, ...]] = {}
        self._histograms: dict[str, dict[Labels, tuple[list[int], float]]] = {}
        self._gauges: dict[str, Callable[[], float]] = {}
        self._declare()

    def _declare(self) -> None:
        for name, help in (
            ("transduce_http_requests_total", "Requests answered, by route, method and status."),
            ("transduce_refusals_total", "Requests refused, by reason."),
            ("transduce_sentences_total", "Sentences that a model translated, by model."),
            ("transduce_characters_total", "Characters of these, by model."),
            ("transduce_passed_through_total", "Pieces of text that no model was asked about."),
            ("transduce_abandoned_total", "Requests whose client left before the answer."),
            ("transduce_worker_restarts_total", "Workers that died and were replaced."),
            ("transduce_worker_errors_total", "Batches that failed."),
        ):
            self._help[name], self._counts[name] = ("counter", help), {}
        for name, help, buckets in (
            ("transduce_http_request_seconds", "Time from a request's head to the end of its answer.", SECONDS),
            ("transduce_queue_seconds", "Time that a sentence waited for its batch.", SECONDS),
            ("transduce_batch_rows", "Sentences in a batch.", ROWS),
        ):
            self._help[name], self._buckets[name], self._histograms[name] = ("histogram", help), buckets, {}

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        key = tuple(sorted(labels.items()))
        with self._lock:
            series = self._counts[name]
            series[key] = series.get(key, 0.0) + amount

    def observe(self, name: str, value: float, **labels: str) -> None:
        key = tuple(sorted(labels.items()))
        with self._lock:
            buckets = self._buckets[name]
            counts, total = self._histograms[name].get(key) or ([0] * (len(buckets) + 1), 0.0)
            counts[bisect_left(buckets, value)] += 1
            self._histograms[name][key] = (counts, total + value)

    def gauge(self, name: str, help: str, read: Callable[[], float]) -> None:
        """A value that is read when it is asked for."""
        self._help[name], self._gauges[name] = ("gauge", help), read

    def value(self, name: str, **labels: str) -> float:
        """What a counter stands at."""
        with self._lock:
            return self._counts[name].get(tuple(sorted(labels.items())), 0.0)

    def text(self) -> str:
        """Everything, for ``GET /metrics``."""
        lines: list[str] = []
        with self._lock:
            for name, (kind, help) in self._help.items():
                lines += [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]
                if kind == "gauge":
                    lines.append(f"{name} {_number(self._gauges[name]())}")
                elif kind == "counter":
                    lines += [f"{name}{_labels(key)} {_number(value)}" for key, value in self._counts[name].items()]
                else:
                    for key, (counts, total) in self._histograms[name].items():
                        lines += self._histogram(name, key, counts, total)
        return "\n".join(lines) + "\n"

    def _histogram(self, name: str, key: Labels, counts: list[int], total: float) -> list[str]:
        lines, seen = [], 0
        for bound, count in zip((*map(_number, self._buckets[name]), "+Inf"), counts, strict=True):
            seen += count
            lines.append(f"{name}_bucket{_labels((*key, ('le', bound)))} {seen}")
        return [*lines, f"{name}_sum{_labels(key)} {_number(total)}", f"{name}_count{_labels(key)} {seen}"]


def _labels(key: Labels) -> str:
    if not key:
        return ""
    quoted = ((name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for name, value in key)
    return "{" + ",".join(f'{name}="{value}"' for name, value in quoted) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(value, 6))
