"""What a person sees of training: a terminal, or plain lines where there is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TextIO, final

import rich.console
import rich.live
import rich.progress_bar
import rich.table
import rich.text

from transduce.config import spoken_duration
from transduce.errors import printable
from transduce.training.loggers import Logger, Sample, Status, measured


@final
class Console(Logger):
    """What a person sees: one line that moves, and above it what stays (validations, samples, events).

    Where the stream is not a terminal it prints one plain line a validation, warnings of skipped updates, and
    what other members say. ``stream``: stderr if None. ``live``: None asks the stream whether it is a terminal.
    """

    REDRAW = 0.25  # seconds between two drawings

    def __init__(self, stream: TextIO | None = None, *, live: bool | None = None) -> None:
        stream = sys.stderr if stream is None else stream
        self._console = rich.console.Console(file=stream, highlight=False, markup=False, force_terminal=live)
        self._live = self._console.is_terminal if live is None else live
        self._display: rich.live.Live | None = None
        self._drawn = 0.0
        self._status: Status | None = None

    def scalars(self, step: int, values: Mapping[str, float]) -> None: ...

    def validation(self, step: int, measures: Mapping[str, float], *, best: bool) -> None:
        spent = f"{spoken_duration(self._status.seconds)}: " if self._status else ""
        self._print(f"step {step:,}, {spent}{measured(measures, best=best)}")

    def samples(self, step: int, samples: Sequence[Sample]) -> None:
        if not self._live:
            return
        for sample in samples:
            for label, words, style in (("source", sample.source, "dim"), ("output", sample.output, "bold"),
                                        ("reference", sample.reference, "dim")):  # fmt: skip
                text = rich.text.Text(f"  {label:<9} ", style="dim")
                self._print(text.append(printable(words), style=style))
            self._print("")

    def event(self, step: int, name: str, text: str) -> None:
        if self._live or name in ("skipped", "member"):
            self._print(f"step {step:,}: {printable(text)}")

    def progress(self, status: Status) -> None:
        self._status = status
        now = time.monotonic()
        if not self._live or now - self._drawn < self.REDRAW:
            return
        self._drawn = now
        if self._display is None:
            self._display = rich.live.Live(console=self._console, auto_refresh=False, transient=True,
                                           redirect_stdout=False, redirect_stderr=False)  # fmt: skip
            self._display.start()
        self._display.update(_status_line(status), refresh=True)

    def close(self) -> None:
        display, self._display = self._display, None
        if display is not None:
            display.stop()

    def _print(self, text: str | rich.text.Text) -> None:
        # soft_wrap: a line of a log file is not broken at the width of a terminal that is not there.
        self._console.print(text, soft_wrap=not self._live)


def _status_line(status: Status) -> rich.table.Table:
    """The line that moves: bar, steps, loss, rate, time left, learning rate."""
    words = [f"step {status.step:,}" + (f"/{status.total:,}" if status.total else ""),
             f"loss {status.loss:.3f}", f"{status.tokens_per_second:,.0f} tokens/s"]  # fmt: skip
    if status.seconds_left is not None:
        words.append(f"{spoken_duration(status.seconds_left)} left")
    words.append(f"lr {status.lr:.1e}" if status.seconds_left is not None or status.total else "measuring the speed")
    line = rich.table.Table.grid(padding=(0, 1))
    line.add_column(width=16)
    line.add_column(no_wrap=True, overflow="ellipsis")
    bar = rich.progress_bar.ProgressBar(total=status.total or None, completed=status.step, width=16,
                                        pulse=status.total is None)  # fmt: skip
    line.add_row(bar, rich.text.Text("  ".join(words)))
    return line
