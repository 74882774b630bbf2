"""Pictures of a trace and of a map of sentences, drawn by matplotlib (the extra ``plot``).

    save_picture(trace, "attention.png")

Attention as a heat map with the tokens on its axes, the states of the top layers beside it. For a model
without attention: the gradient's map, if the trace has one, and the states.
"""

from __future__ import annotations

import math
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from transduce.errors import MissingExtra
from transduce.explain.fonts import families_for, right_to_left
from transduce.files import atomic_write

if TYPE_CHECKING:
    from transduce.explain.sentences import SentenceMap
    from transduce.explain.trace import LayerTrace, Token, Trace

DPI = 130
BLUE, ORANGE, GRAY, INK = "#0b5cad", "#a84300", "#f3f4f6", "#1c2024"
UP, DOWN = ("#9ecae1", "#3182bd", "#08306b"), ("#fdc48c", "#e26e1e", "#7a2805")
NAMED = 60  # most sentences whose texts are written on a map


def save_picture(trace: Trace, path: str | Path) -> list[str]:
    """Draw a trace into a PNG file, atomically. Returns warnings for the user: characters that no font has.

    Raises ``MissingExtra`` without matplotlib, ``RunError`` when the disk refuses.
    """
    plot = _matplotlib()
    columns, rows = ([_label(token) for token in side.tokens] for side in (trace.source, trace.target))
    texts = [*columns, *rows, trace.source.text, trace.target.text]
    left = _left_panels(trace)
    encoder, decoder = _joined(trace.encoder, "h"), _joined(trace.decoder, "s")
    right = [(f"encoder, top layer: h_t, {encoder.shape[1]} units", encoder, columns)] if encoder is not None else []
    right += [(f"decoder, top layer: s_t, {decoder.shape[1]} units", decoder, rows)] if decoder is not None else []
    cell = float(np.clip(14 / max(len(columns), len(rows), 1), 0.13, 0.34))  # inches a token
    map_size = max(3.2, len(columns) * cell) + 1.9, max(2.0, len(rows) * cell) + 1.2
    # The states are as high as the map beside them.
    state_cell = float(np.clip(map_size[1] / max(sum(len(each[2]) for each in right), 1) if left else 0.2, 0.04, 0.34))
    heights = [len(labels) * state_cell + 0.4 for _, _, labels in right]
    widths = [map_size[0]] * len(left) + [6.6] * bool(right)
    height = max(map_size[1] if left else 0, sum(heights)) + 0.8
    with plot.rc_context({"font.family": families_for(texts)[0], "font.size": 9, "text.color": INK}):
        figure = _figure((sum(widths), height))
        sides = figure.subfigures(1, len(widths), squeeze=False, width_ratios=widths)[0]
        for panel, (title, weights, signed) in zip(sides, left, strict=False):
            _grid(panel.subplots(), weights, title, rows=rows, columns=columns, signed=signed, cell=cell)
        if right:
            axes = sides[-1].subplots(len(right), 1, squeeze=False, height_ratios=heights)[:, 0]
            for axis, (title, values, labels) in zip(axes, right, strict=True):
                _grid(axis, values, title, rows=labels, columns=None, signed=True, cell=state_cell)
        figure.suptitle(
            f"{_short(trace.source.text, 110)}\n{_short(trace.target.text, 110)}", parse_math=False, fontsize=10
        )
        return _save(figure, path, texts)


def save_map(found: SentenceMap, path: str | Path) -> list[str]:
    """Draw a map of sentences into a PNG file, as ``save_picture``. Up to 60 sentences are written beside their points."""
    plot = _matplotlib()
    texts = [_short(point.text, 48) for point in found.points]
    named = len(texts) <= NAMED
    with plot.rc_context({"font.family": families_for(texts if named else [])[0], "font.size": 9, "text.color": INK}):
        figure = _figure((10, 7))
        axis = figure.subplots()
        axis.scatter([point.x for point in found.points], [point.y for point in found.points],
                     s=28 if named else 10, color=BLUE, alpha=0.8, linewidths=0)  # fmt: skip
        axis.set_aspect("equal", adjustable="datalim")
        axis.margins(0.12)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        axis.set_xlabel(f"direction 1 ({found.variance[0]:.1%} of the variance)")
        axis.set_ylabel(f"direction 2 ({found.variance[1]:.1%})")
        axis.set_title(f"{len(texts):,} sentences, the vectors of {found.model}", fontsize=10, parse_math=False)
        if named:
            _write_beside(figure, axis, found, texts)
        return _save(figure, path, texts if named else [])


def _left_panels(trace: Trace) -> list[tuple[str, np.ndarray, bool]]:
    """(title, (symbols, src_len), signed): every attention map up to four, or else the gradient."""
    if trace.attention:
        several = len(trace.attention) > 1
        return [(f"attention, layer {each.layer + 1}, head {each.head + 1}" if several else "attention",
                 np.asarray(each.weights), False) for each in trace.attention[-4:]]  # fmt: skip
    if trace.gradient is not None:
        method = trace.gradient.method.replace("_", " ").replace(" x ", " times ")
        return [(method, np.asarray(trace.gradient.weights), True)]
    return []


def _joined(layers: Sequence[LayerTrace], name: str) -> np.ndarray | None:
    """States of the top layer, its directions side by side: (len, width)."""
    top = max((layer.number for layer in layers), default=0)
    found = [np.asarray(layer.values[name]) for layer in layers if layer.number == top and name in layer.values]
    return np.concatenate(found, axis=1) if found else None


def _grid(axis: Any, values: np.ndarray, title: str, *, rows: list[str], columns: list[str] | None, signed: bool,
          cell: float) -> None:  # fmt: skip
    from matplotlib.colors import LinearSegmentedColormap

    colors = [*reversed(DOWN), GRAY, *UP] if signed else [GRAY, *UP]
    most = float(np.abs(values).max(initial=0)) or 1.0
    image = axis.imshow(values, aspect="equal" if columns else "auto", interpolation="nearest",
                        cmap=LinearSegmentedColormap.from_list("transduce", colors),
                        vmin=-most if signed else 0, vmax=most if signed else 1)  # fmt: skip
    every = math.ceil(0.13 / cell - 1e-9)  # where rows are thinner than letters, not each has its label
    size = float(np.clip(cell * every * 72 * 0.55, 4.5, 9))
    axis.set_yticks(range(0, len(rows), every), rows[::every], fontsize=size, parse_math=False)
    if columns:
        axis.set_xticks(range(len(columns)), columns, fontsize=size, rotation=55, ha="left", rotation_mode="anchor",
                        parse_math=False)  # fmt: skip
    axis.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False, length=0)
    axis.set_title(title, fontsize=9, loc="left", pad=8)
    for spine in axis.spines.values():
        spine.set_visible(False)
    if columns:
        axis.set_anchor("N")
    bar = axis.figure.colorbar(image, ax=axis, shrink=0.5, aspect=20, pad=0.02, anchor=(0, 1), panchor=False)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, length=2)


def _write_beside(figure: Any, axis: Any, found: SentenceMap, texts: list[str]) -> None:
    """Each text beside its point where it covers no other; those in a crowd stay points."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    renderer = figure.canvas.get_renderer()
    spots = [axis.transData.transform((point.x, point.y)) for point in found.points]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    left, low, right, high = axis.get_window_extent(renderer).extents
    for point, text in zip(found.points, texts, strict=True):
        for dx, dy, across in ((7, 3, "left"), (-7, 3, "right"), (0, 8, "center"), (0, -13, "center")):
            note = axis.annotate(text, (point.x, point.y), xytext=(dx, dy), textcoords="offset points", ha=across,
                                 fontsize=8, parse_math=False)  # fmt: skip
            box = note.get_window_extent(renderer).extents
            free = all(box[2] < each[0] or box[0] > each[2] or box[3] < each[1] or box[1] > each[3] for each in taken)
            if free and box[0] >= left and box[2] <= right and box[1] >= low and box[3] <= high:
                taken.append(tuple(box))
                break
            note.remove()


def _save(figure: Any, path: str | Path, texts: Iterable[str]) -> list[str]:
    texts = list(texts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(missing from|does not support).*")  # told below, in one line
        with atomic_write(path) as file:
            dpi = min(DPI, 4_500 / figure.get_size_inches().max())  # a long text needs inches, not more dots in each
            figure.savefig(file, format="png", dpi=dpi, facecolor="white", pil_kwargs={"compress_level": 4})
    told = []
    missing = families_for(texts)[1]
    if missing:
        shown = " ".join(missing[:10]) + (" ..." if len(missing) > 10 else "")
        told.append(f"{path}: no font on this machine has {shown}; these stand as boxes. Install one, e.g. Noto Sans.")
    if right_to_left(texts) and not _joins_letters():
        told.append(f"{path}: this matplotlib writes right-to-left letters apart and from the left; 3.11 joins them.")
    return told


def _joins_letters() -> bool:
    import matplotlib

    return tuple(matplotlib.__version_info__[:2]) >= (3, 11)


def _figure(size: tuple[float, float]) -> Any:
    """A figure that no window knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise MissingExtra("plot", "a picture") from None
    return matplotlib


def _label(token: Token) -> str:
    """A token on an axis: without the blank before it, on one line, never empty."""
    text = "".join(sign if sign.isprintable() else f"U+{ord(sign):04X}" for sign in token.text)
    return _short(text.strip(" ") or text.replace(" ", "\u2423"), 24)


def _short(text: str, most: int = 70) -> str:
    text = " ".join("".join(sign for sign in text if unicodedata.category(sign) != "Cf").split())
    return text if len(text) <= most else text[: most - 1] + "\u2026"
