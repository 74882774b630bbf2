"""A trace on the terminal: what was read, each step of writing, and how the score adds up.

    show(transduce.trace(model, "A man is riding a horse."))

Colors where the output is a terminal that wants them (NO_COLOR is heard), plain text elsewhere: states
are then drawn by height. Texts are printed as they are, never as markup; what would steer a terminal
comes out escaped.
"""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import zip_longest
from typing import TextIO

from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from transduce import errors
from transduce.explain.trace import Beam, LayerTrace, Output, Quantity, Rows, Step, Token, Trace

PLAIN_WIDTH = 120  # of pipes and files
MANY = 30  # symbols; longer targets get their steps in full only when asked
UNITS = 32  # of a state, drawn
BAR = 12  # cells of a full bar
HEIGHTS = "▁▂▃▄▅▆▇█"
Row = list[str | Text]


def show(trace: Trace, *, step: int | None = None, every: bool = False, file: TextIO | None = None) -> None:
    """Print a trace. ``step``: this one in full, from 1; ``every``: all of them, however many."""
    _Page(trace, _console(file)).show(step=step, every=every)


def _console(file: TextIO | None) -> Console:
    console = Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:
        width = int(os.environ.get("COLUMNS") or 0) or PLAIN_WIDTH
        return Console(file=file, highlight=False, markup=False, emoji=False, width=width, color_system=None)
    if os.environ.get("NO_COLOR"):
        return Console(file=file, highlight=False, markup=False, emoji=False, color_system=None)
    return console


def printable(text: str) -> str:
    """The text with what steers terminals (control and direction characters) escaped, and right-to-left text isolated."""
    whole = errors.printable(text)
    if any(unicodedata.bidirectional(each) in ("R", "AL", "AN") for each in whole):
        return f"\u2068{whole}\u2069"  # or it would turn its neighbors on the line around
    return whole


def piece(token: Token) -> str:
    """A token as it is shown: a leading space as the sign that tokenizers use for it."""
    text = printable(token.text)
    return "▁" + text[1:] if text.startswith(" ") and token.kind == "word" else text


@cache
def _shade(depth: int) -> Style:
    """The background of a value of ``depth`` twentieths."""
    full = abs(depth) * 10
    red, green, blue = (50 + full, 50, 50) if depth >= 0 else (50, 50 + full // 2, 50 + full)
    return Style(bgcolor=Color.from_rgb(red, green, blue))


class _Page:
    def __init__(self, trace: Trace, console: Console) -> None:
        self.trace, self.console = trace, console
        self.scales: dict[int, float] = {}
        self.color = console.color_system is not None
        self.branches = {
            each.id: each for step in trace.beam or [] for each in [*step.kept, *step.ended, *step.dropped]
        }

    def show(self, *, step: int | None, every: bool) -> None:
        self.head()
        self.encoder()
        self.first()
        self.overview()
        shown = self.trace.steps if step is None else [self.trace.steps[step - 1]]
        if step is not None or every or len(shown) <= MANY:
            for each in shown:
                self.step(each)
        else:
            self.say(f"Steps in full: --step N for one of the {len(shown)}, --step all for every one.", style="dim")
        self.score()
        self.why_not()
        self.others()

    # ------------------------------------------------------------------------------------------ parts

    def head(self) -> None:
        trace = self.trace
        self.title(f"{printable(trace.run)}: {trace.model}" if trace.run else trace.model)
        rows: list[Row] = [[printable(trace.source.name), Text(printable(trace.source.text), "bold")]]
        rows.append([printable(trace.target.name), Text(printable(trace.target.text), "bold")])
        rows.append(
            [
                "",
                "the target given (forced decoding)"
                if trace.forced
                else f"written by beam search, beam {trace.beam_width}",
            ]
        )
        self.grid(rows)
        self.say()

    def encoder(self) -> None:
        trace = self.trace
        self.title(f"Reading: {len(trace.source.tokens)} source tokens")
        self.say("  ".join(f"{at}:{piece(each)}" for at, each in enumerate(trace.source.tokens)))
        self.say("▁ is a space before a word. A gate is told by its mean, other values by their length |v|; "
                 f"beside them the first {UNITS} units of the state.", style="dim")  # fmt: skip
        self.equations(each for layer in trace.encoder for each in layer.quantities)
        for layer in trace.encoder:
            self.layer(layer, trace.source.tokens)
        self.say()

    def layer(self, layer: LayerTrace, tokens: Sequence[Token]) -> None:
        named = f"{layer.part} layer {layer.number}, {layer.direction}"
        if layer.order and layer.order != list(range(len(layer.order))):
            named += f" (reads {layer.order[0]}, {', '.join(map(str, layer.order[1:3]))} ... {layer.order[-1]})"
        self.say()
        self.say(named, style="bold")
        self.say(f"  x_t is {layer.input}", style="dim")
        head: Row = ["", "", *(each.name if _is_gate(each) else f"|{each.name}|" for each in layer.quantities), ""]
        rows: list[Row] = [head]
        for at, token in enumerate(tokens):
            values = [layer.values[each.name][at] for each in layer.quantities]
            told = [f"{_told(each, value):.2f}" for each, value in zip(layer.quantities, values, strict=True)]
            rows.append([str(at), piece(token), *told, self.strip(*self.drawn(layer.quantities[-1], layer.values, at))])
        self.grid(rows, justify="r" + "l" + "r" * len(layer.quantities) + "l")

    def first(self) -> None:
        trace = self.trace
        if not trace.first:
            return
        self.title("From reading to writing")
        self.equations(trace.first_quantities)
        self.grid([[f"{name}[{number}]", f"|v| {_norm(row):.2f}", self.strip(row, self.scale(rows))]
                   for name, rows in trace.first.items() for number, row in enumerate(rows)])  # fmt: skip
        if not trace.attention:
            self.say(f"There is no attention: these {sum(len(row) for rows in trace.first.values() for row in rows):,} "
                     "numbers are all that the decoder ever gets of the source. Which source token each symbol "
                     "depends on all the same, --gradient tells.")  # fmt: skip
        self.say()

    def overview(self) -> None:
        trace = self.trace
        self.title(f"Writing: {len(trace.steps)} symbols")
        self.equations([*(each for layer in trace.decoder for each in layer.quantities), *trace.output_quantities],
                       *(f"x_t is {layer.input} (layer {layer.number})" for layer in trace.decoder),
                       *(each.equation for each in trace.attention[:1]))  # fmt: skip
        by_map = [(f"head {each.head} looks at" if len(trace.attention) > 1 else "looks at", each.weights)
                  for each in trace.attention]  # fmt: skip
        by_map += [("depends on", trace.gradient.weights)] if trace.gradient else []
        change = self._changes()
        head: Row = [
            "",
            "wrote",
            "p",
            "rank",
            "log p",
            "total",
            *(["|s|", "change"] if change else []),
            *(name for name, _ in by_map),
        ]
        rows: list[Row] = [head]
        for at, step in enumerate(trace.steps):
            states: Row = [f"{change[at][0]:.2f}", f"{change[at][1]:.2f}"] if change else []
            rows.append([str(step.number), Text(piece(step.chosen), "bold"), f"{step.probability:.3f}", str(step.rank),
                         f"{step.log_prob:.3f}", f"{step.total:.3f}", *states,
                         *(self.strongest(weights[at]) for _, weights in by_map)])  # fmt: skip
        self.grid(rows, justify="rlrrrr" + "rr" * bool(change) + "l" * len(by_map))
        if trace.gradient:
            worst = max(map(abs, trace.gradient.completeness), default=0.0)
            told = {"integrated_gradients": f"each row sums to what the source adds to log p, within {worst:.1g}",
                    "input_x_gradient": "the slope at this very sentence; rows need not sum to anything"}  # fmt: skip
            self.say(f"depends on: {trace.gradient.equation}; {told[trace.gradient.method]}.", style="dim")
        for each in trace.attention:
            self.matrix(each.weights, f"alpha, layer {each.layer}, head {each.head}")
        if trace.gradient:
            self.matrix(trace.gradient.weights, trace.gradient.method.replace("_", " "))
        self.say()

    def step(self, step: Step) -> None:
        trace, at = self.trace, step.number - 1
        self.say(f"step {step.number}: given {piece(step.fed)}, wrote {piece(step.chosen)}, p {step.probability:.4g} "
                 f"(rank {step.rank})", style="bold cyan")  # fmt: skip
        rows: list[Row] = []
        made = [(each, layer.values, f"[{layer.number}]") for layer in trace.decoder for each in layer.quantities]
        made += [(each, trace.outputs, "") for each in trace.output_quantities if each.name in trace.outputs]
        for quantity, values, place in made:
            row = values[quantity.name][at]
            rows.append([f"{quantity.name}_{step.number}{place}", quantity.title, _short(quantity, row),
                         self.strip(*self.drawn(quantity, values, at))])  # fmt: skip
        self.grid(rows)
        blocks: list[tuple[str, list[Row]]] = [("likeliest", [
            [str(rank), f"{each.probability:.4f}", self.bar(each.probability), self.marked(each.text, each.kind, each.id, step.chosen.id)]
            for rank, each in enumerate(step.candidates, start=1)])]  # fmt: skip
        blocks += [(f"attention{f' of head {each.head}' * (len(trace.attention) > 1)}", self.weights(each.weights[at]))
                   for each in trace.attention]  # fmt: skip
        blocks += [("depends on", self.weights(trace.gradient.weights[at]))] if trace.gradient else []
        blocks += [("beam", self.beam(at))] if trace.beam and at < len(trace.beam) else []
        self.side_by_side(blocks)
        self.say()

    def beam(self, at: int) -> list[Row]:
        assert self.trace.beam is not None
        step = self.trace.beam[at]
        rows: list[Row] = []
        for name, found in (("kept", step.kept), ("ended", step.ended), ("dropped", step.dropped)):
            style = {"kept": "green", "ended": "bold green", "dropped": "dim"}[name]
            for each in found:
                score = "" if each.score is None else f"score {each.score:.3f}"
                rows.append([Text(name, style), f"{each.total:.3f}", Text(self.written(each), style), score])
        if step.settled:
            rows.append(["", "", "the search ends: nothing alive can still overtake", ""])
        return rows

    def score(self) -> None:
        score, steps = self.trace.score, self.trace.steps
        self.title("How the score adds up")
        terms = " ".join(f"- {-each.log_prob:.4f}" for each in steps).replace("- ", "-", 1)
        self.say(f"log P(target | source) = sum of log p = {terms} = {score.log_prob:.4f}")
        total = f"{score.log_prob:.4f}"
        if score.right_to_left is not None:
            self.say(
                f"log P of the target from its last token to its first, by the members that know it so = {score.right_to_left:.4f}"
            )
            total = f"({score.log_prob:.4f} - {-score.right_to_left:.4f}) / 2"
        self.say(
            f"length penalty = ((5 + symbols) / 6)^alpha = ((5 + {score.symbols}) / 6)^{score.alpha:g} = {score.length_penalty:.4f}"
        )
        self.say(
            f"score = log P / length penalty = {total} / {score.length_penalty:.4f} = {score.score:.4f}",
            style="bold",
        )
        self.say()

    def why_not(self) -> None:
        trace = self.trace
        if not trace.forced or not trace.alternatives:
            return
        self.title("Beside the model's own translation")
        own = trace.alternatives[0]
        self.outputs([("given", trace.target.text, trace.score.score, trace.score.log_prob, trace.score.symbols),
                      ("own", own.text, own.score, own.log_prob, own.symbols)])  # fmt: skip
        parting = trace.parting
        if parting is None:
            self.say("They are the same.")
            return
        step = trace.steps[parting.step - 1] if parting.step <= len(trace.steps) else None
        if step is not None and parting.token is not None and parting.probability is not None:
            self.say(f"They part at step {parting.step}: the model wrote {piece(parting.token)} (p {parting.probability:.4g}); "
                     f"the given target has {piece(step.chosen)} (p {step.probability:.4g}, rank {step.rank}).")  # fmt: skip
        else:
            self.say(f"They part at step {parting.step}, where the model's own was cut off.")
        if trace.score.score > own.score:
            self.say("The given target scores higher: the model prefers it, and the search missed it "
                     f"(beam {trace.beam_width}; a wider one may find it).")  # fmt: skip
        elif parting.completed:
            self.say("The search completed the given target too; its own scores higher.")
        if not parting.completed:
            self.say(f"The search had the first {parting.followed} of its {trace.score.symbols} symbols in its beam, and then dropped it."
                     if parting.followed else "The search dropped it at its first symbol.")  # fmt: skip
        self.say()

    def others(self) -> None:
        trace = self.trace
        if len(trace.alternatives) < 2:
            return
        self.title("What the search completed" if not trace.forced else "What the model's own search completed")
        self.outputs([(str(number), *_columns(each)) for number, each in enumerate(trace.alternatives, start=1)])

    # ----------------------------------------------------------------------------------------- pieces

    def outputs(self, found: Iterable[tuple[str, str, float, float, int]]) -> None:
        rows: list[Row] = [["", "score", "log P", "symbols", ""]]
        rows += [[name, f"{score:.4f}", f"{log_prob:.4f}", str(symbols), Text(printable(text), "bold")]
                 for name, text, score, log_prob, symbols in found]  # fmt: skip
        self.grid(rows, justify="lrrrl")

    def weights(self, row: Sequence[float]) -> list[Row]:
        """The ten source tokens of most weight, in their order."""
        most = sorted(range(len(row)), key=lambda j: -abs(row[j]))[:10]
        scale = max([abs(row[j]) for j in most] + [1.0 if all(0 <= each <= 1 for each in row) else 0.0])
        return [[str(j), f"{row[j]:.3f}", self.bar(abs(row[j]) / (scale or 1.0)), piece(self.trace.source.tokens[j])]
                for j in sorted(most)]  # fmt: skip

    def strongest(self, row: Sequence[float]) -> str:
        most = sorted(range(len(row)), key=lambda j: -abs(row[j]))[:3]
        return "  ".join(f"{piece(self.trace.source.tokens[j])} {row[j]:.2f}" for j in most)

    def matrix(self, rows: Sequence[Sequence[float]], name: str) -> None:
        """Symbols by source tokens, where it fits on the line."""
        names = [piece(each.chosen) for each in self.trace.steps]
        room = self.console.width - max(map(len, names), default=0) - 8
        if not rows or 2 * len(rows[0]) > room:
            return
        most = max((abs(each) for row in rows for each in row), default=0.0) or 1.0
        self.say()
        self.say(f"{name}: symbols down, source tokens across (numbered as above)", style="dim")
        table: list[Row] = [["", "", "".join(f"{j % 100:<2d}" for j in range(len(rows[0])))]]
        for at, row in enumerate(rows):
            line = Text()
            for each in row:
                mark, style = (
                    self.cell(abs(each) / most, low=0.0) if not self.color else self.cell(each / most, low=-1.0)
                )
                sign = "-" if each < 0 and not style else " "
                line.append((mark if abs(each) > 0.02 * most or style else ".") + sign, style)
            table.append([str(at + 1), names[at], line])
        self.grid(table, justify="rll")

    def written(self, branch: Beam) -> str:
        """The last symbols of a partial output."""
        symbols: list[str] = []
        at: Beam | None = branch
        while at is not None and len(symbols) < 4:
            symbols.append(printable(at.token.text))
            at = self.branches.get(at.parent) if at.parent is not None else None
        return ("..." if at is not None else "") + "".join(reversed(symbols)).strip()

    def marked(self, text: str, kind: str, number: int, chosen: int) -> Text:
        shown = Text(
            printable(text).replace(" ", "▁", 1) if kind == "word" and text.startswith(" ") else printable(text)
        )
        if number == chosen:
            shown.stylize("bold cyan")
            shown.append(" <-")
        return shown

    def equations(self, found: Iterable[Quantity], *more: str) -> None:
        for line in dict.fromkeys([*(each.equation for each in found), *more]):
            self.say(f"  {line}", style="dim")

    def bar(self, share: float) -> Text:
        cells = max(0, min(BAR * 8, round(share * BAR * 8)))
        text = "█" * (cells // 8) + ("▏▎▍▌▋▊▉"[cells % 8 - 1] if cells % 8 else "")
        return Text(text.ljust(BAR), "cyan" if self.color else "")

    def drawn(self, quantity: Quantity, values: dict[str, Rows], at: int) -> tuple[list[float], float, bool]:
        """What ``strip`` needs for one step of a quantity."""
        rows, gate = values[quantity.name], _is_gate(quantity)
        return rows[at], 1.0 if gate else self.scale(rows), gate

    def strip(self, values: Sequence[float], scale: float, gate: bool = False) -> Text:  # noqa: FBT001
        """The first units of a vector, ``scale`` being the fullest: by color, negative blue, positive red; else by height."""
        drawn = Text()
        for each in values[:UNITS]:
            drawn.append(*self.cell(each / scale, low=0.0 if gate else -1.0))
        return drawn

    def cell(self, value: float, *, low: float) -> tuple[str, Style]:
        """A value from ``low`` to 1."""
        height = HEIGHTS[round(min(1.0, max(0.0, (value - low) / (1 - low))) * 7)]
        if not self.color:
            return height, Style.null()
        if self.console.color_system in ("256", "truecolor"):
            return " ", _shade(round(max(-1.0, min(1.0, value)) * 20))
        return height, Style(color="red" if value >= 0 else "blue")

    def scale(self, rows: Sequence[Sequence[float]]) -> float:
        """What is drawn as the fullest of a quantity at all its steps, so that steps can be compared."""
        key = id(rows)
        if key not in self.scales:
            self.scales[key] = max((abs(each) for row in rows for each in row[:UNITS]), default=0.0) or 1.0
        return self.scales[key]

    def _changes(self) -> list[tuple[float, float]]:
        """|s_t| and |s_t - s_{t-1}| of the decoder's top layer."""
        trace = self.trace
        if not trace.decoder or not trace.decoder[-1].quantities:
            return []
        states = trace.decoder[-1].values[trace.decoder[-1].quantities[-1].name]
        before = [trace.summary if len(trace.summary) == len(states[0]) else [0.0] * len(states[0]), *states]
        return [(_norm(s), math.dist(s, last)) for s, last in zip(states, before, strict=False)]

    # ------------------------------------------------------------------------------------------ lines

    def title(self, text: str) -> None:
        self.console.print(Text(text, "bold underline" if self.color else ""))
        if not self.color:
            self.console.print(Text("-" * min(len(text), self.console.width)))

    def say(self, text: str = "", *, style: str = "") -> None:
        self.console.print(Text(text, style))

    def grid(self, rows: Sequence[Row], *, justify: str = "") -> None:
        for line in _grid(rows, justify, self.console):
            self.console.print(line, no_wrap=True, overflow="ignore", crop=False)

    def side_by_side(self, blocks: Sequence[tuple[str, list[Row]]]) -> None:
        """Blocks beside each other where they fit, else below each other."""
        shown = [[Text(name, "underline" if self.color else ""), *_grid(rows, "rrll", self.console)]
                 for name, rows in blocks]  # fmt: skip
        widths = [max(line.cell_len for line in lines) for lines in shown]
        if sum(widths) + 3 * (len(widths) - 1) > self.console.width:
            for line in (line for lines in shown for line in lines):
                self.console.print(line, no_wrap=True, overflow="ignore", crop=False)
            return
        for parts in zip_longest(*shown, fillvalue=Text()):
            line = Text("   ").join(_padded(part, width) for part, width in zip(parts, widths, strict=True))
            line.rstrip()
            self.console.print(line, no_wrap=True, overflow="ignore", crop=False)


def _grid(rows: Sequence[Row], justify: str, console: Console) -> list[Text]:
    """Rows in columns, as lines no wider than the console: the widest columns fold where they must."""
    cells = [[each if isinstance(each, Text) else Text(each) for each in row] for row in rows]
    count = max(map(len, cells), default=0)
    widths = [max((row[at].cell_len for row in cells if at < len(row)), default=0) for at in range(count)]
    over = sum(widths) + 2 * (count - 1) - console.width
    while over > 0 and max(widths) > 1:
        widest = widths.index(max(widths))
        cut = min(over, max(1, widths[widest] - sorted(widths)[-2])) if count > 1 else over
        widths[widest], over = max(1, widths[widest] - cut), over - cut
    lines: list[Text] = []
    for row in cells:
        folded = [[each] if each.cell_len <= width else list(each.wrap(console, width, overflow="fold", no_wrap=False))
                  for each, width in zip(row, widths, strict=False)]  # fmt: skip
        for parts in zip_longest(*folded, fillvalue=Text()):
            line = Text("  ").join(_padded(part, widths[at], right=justify[at : at + 1] == "r")
                                   for at, part in enumerate(parts))  # fmt: skip
            line.rstrip()
            lines.append(line)
    return lines


def _padded(text: Text, width: int, *, right: bool = False) -> Text:
    found = text.copy()
    room = max(0, width - text.cell_len)
    if right:
        found.pad_left(room)
    else:
        found.pad_right(room)
    return found


def _columns(output: Output) -> tuple[str, float, float, int]:
    return output.text + ("" if output.finished else " (cut off)"), output.score, output.log_prob, output.symbols


def _is_gate(quantity: Quantity) -> bool:
    return quantity.low == 0 and quantity.high == 1


def _told(quantity: Quantity, values: Sequence[float]) -> float:
    return sum(values) / len(values) if _is_gate(quantity) else _norm(values)


def _short(quantity: Quantity, values: Sequence[float]) -> str:
    return f"{'mean' if _is_gate(quantity) else '|v|'} {_told(quantity, values):.2f}"


def _norm(values: Sequence[float]) -> float:
    return math.sqrt(sum(each * each for each in values))
