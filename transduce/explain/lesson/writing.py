"""Numbers, equations, matrices and curves as plain characters, at most 79 a line."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence

from numpy import ndarray

WIDTH = 79
HEADING, EQUATION, RESULT = "1", "36", "1;32"  # what a color terminal is told: bold, cyan, bold green


class Writer:
    """Writes lines. ``color``: whether the reader is a terminal that knows colors."""

    def __init__(self, write: Callable[[str], None], *, digits: int, color: bool) -> None:
        self.line, self.digits, self.color = write, digits, color

    def paint(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.color and text else text

    def heading(self, text: str) -> None:
        self.line("")
        self.line(self.paint(text, HEADING))
        self.line("")

    def text(self, text: str, *, indent: int = 2, bullet: str = "") -> None:
        """A paragraph, wrapped."""
        first = " " * indent + bullet
        for line in textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent=first,
                                  subsequent_indent=" " * len(first), break_on_hyphens=False):  # fmt: skip
            self.line(line)

    def equation(self, text: str) -> None:
        """An equation in letters; one that is too long goes on below its right side."""
        lead = " " * (2 + len(text) - len(text.lstrip()))
        below = lead + " " * (text.strip().find(" = ") + 3)
        for line in textwrap.wrap(text.strip(), WIDTH, initial_indent=lead, subsequent_indent=below,
                                  drop_whitespace=True, break_on_hyphens=False):  # fmt: skip
            self.line(self.paint(line, EQUATION))

    def chain(self, name: str, *sides: str, indent: int = 4, result: bool = True) -> None:
        """``name = side = side``, on one line where it fits, else a line a side, long sums broken before "+".

        The last side is the result, unless ``result`` is false.
        """
        shown = [*sides[:-1], self.paint(sides[-1], RESULT)] if result else list(sides)
        lead = " " * indent + name
        if len(" = ".join([lead, *sides])) <= WIDTH:
            self.line(" = ".join([lead, *shown]))
            return
        for number, (side, painted) in enumerate(zip(sides, shown, strict=True)):
            before = (lead if number == 0 else " " * len(lead)) + " = "
            if len(before + side) <= WIDTH:
                self.line(before + painted)
                continue
            lines = textwrap.wrap(side.replace(" + ", " +\xa0").replace(" - ", " -\xa0"), WIDTH - len(before),
                                  break_long_words=False, break_on_hyphens=False)  # fmt: skip
            for each in lines:
                self.line(before + each.replace("\xa0", " "))
                before = " " * len(before)

    def number(self, value: float | ndarray) -> str:
        """Short where that is exact: 3, 0.14; else with as many decimals as were asked for."""
        value = float(value)
        if not math.isfinite(value):
            return str(value)
        if value == round(value) and abs(value) < 1e6:
            return str(int(value))
        if value == round(value, 2) and abs(value) < 1e6:
            return f"{value:.2f}"
        if abs(value) >= 1e6 or abs(value) < 10.0**-self.digits:
            return f"{value:.{self.digits}e}"
        return f"{value:.{self.digits}f}"

    def factor(self, value: float | ndarray) -> str:
        """A number inside a product or sum: in brackets where it is negative."""
        shown = self.number(value)
        return f"({shown})" if shown.startswith("-") else shown

    def products(self, left: ndarray, right: ndarray) -> list[str]:
        """The products of a scalar product."""
        return [f"{self.factor(a)}*{self.factor(b)}" for a, b in zip(left, right, strict=True)]

    def vector(self, values: ndarray) -> str:
        return "[" + ", ".join(self.number(value) for value in values.reshape(-1)) + "]"

    def array(self, name: str, values: ndarray, *, indent: int = 4) -> None:
        """``name = [[...], [...]]``, a row a line where it has two dimensions; long rows are wrapped."""
        rows = values if values.ndim == 2 else values[None]
        cells = [[self.number(value) for value in row] for row in rows]
        width = max(len(cell) for row in cells for cell in row)
        lead = " " * indent + f"{name} = "
        opened, closed = ("[[", "]]") if values.ndim == 2 else ("[", "]")
        for number, row in enumerate(cells):
            left = lead + opened if number == 0 else " " * (len(lead) + 1) + "["
            right = closed if number == len(cells) - 1 else "],"
            body = ", ".join(cell.rjust(width) for cell in row)
            for line in textwrap.wrap(left.replace(" ", "\xa0") + body + right, WIDTH, break_long_words=False,
                                      subsequent_indent="\xa0" * len(left)) or [left]:  # fmt: skip
                self.line(line.replace("\xa0", " "))

    def curve(self, losses: Sequence[float], *, height: int = 10, width: int = 60) -> None:
        """The loss over the steps, on a logarithmic scale."""
        points = [(step, math.log10(max(loss, 1e-12))) for step, loss in enumerate(losses) if math.isfinite(loss)]
        low, high = min(y for _, y in points), max(y for _, y in points)
        span, last = max(high - low, 1e-9), max(points[-1][0], 1)
        rows = [[" "] * width for _ in range(height)]
        for step, y in points:
            rows[round((high - y) / span * (height - 1))][round(step / last * (width - 1))] = "*"
        for number, row in enumerate(rows):
            label = f"{10 ** (high - span * number / (height - 1)):.3g}" if number % 3 == 0 else ""
            self.line(f"  {label:>9} |{''.join(row)}".rstrip())
        self.line(f"  {'loss':>9} +{'-' * width}")
        self.line(f"  {'':>9}  0{'steps':^{width - 2 - len(str(last))}}{last}")
