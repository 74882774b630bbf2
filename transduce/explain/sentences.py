"""A map of sentences: the vectors that a model makes of them, seen along their two main directions.

    found = sentence_map(transduce.load("runs/en-fr"), ["A man rides a horse.", "A horse is ridden by a man."])
    found.points[0].x, found.variance

Like sentences lie together, as in Sutskever et al. 2014, figure 2 (PCA of LSTM states), and Cho et al.
2014, figures 4 and 5. The vector is ``Inside.summary``: what stands for the source before anything is written.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import msgspec
import numpy as np
import torch

from transduce.decoding.trail import BOS, EOS, device_of, reading
from transduce.errors import ConfigError, DataError, TransduceError
from transduce.transducer import Transducer

FORMAT = 1


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence on the map."""

    text: str
    x: float  # along the direction of most variance, in the units of the vectors
    y: float  # along the next


class SentenceMap(msgspec.Struct, frozen=True, kw_only=True):
    """What ``transduce explain --map --json`` prints."""

    format: int
    run: str
    model: str
    width: int  # numbers in each vector
    variance: list[float]  # share of the whole variance along x and along y
    points: list[Point]  # in the order of the texts


def sentence_map(model: Transducer, texts: Sequence[str]) -> SentenceMap:
    """Place texts by the vectors that the model makes of them. Blank texts are left out.

    Raises ``DataError`` when fewer than two texts remain, ``ConfigError`` when the model has no one
    vector for a sentence.
    """
    kept = [text.strip(" \t") for text in texts if text.strip()]
    if len(kept) < 2:
        raise DataError(f"a map needs at least two sentences; got {len(kept)}. Give one a line.")
    vectors = _vectors(model, kept)
    places, variance = principal_components(vectors)
    points = [Point(text=text, x=_number(x), y=_number(y)) for text, (x, y) in zip(kept, places, strict=True)]
    return SentenceMap(
        format=FORMAT,
        run=str(model.path) if model.path else "",
        model=model.model.describe(),
        width=vectors.shape[1],
        variance=[_number(each) for each in variance],
        points=points,
    )


def principal_components(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates along the two directions of most variance, and these directions' shares of all variance.

    vectors: (rows, width). Returns (rows, 2) and (2,), both float64: X - mean = U S V^T, the coordinates
    are the first two columns of U S. A direction and its opposite are equally right; the one is taken
    whose component of largest size is positive, so that the same vectors give the same map.
    """
    centered = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    u, s, vt = np.linalg.svd(centered, full_matrices=False)
    places, shares = np.zeros((len(vectors), 2)), np.zeros(2)
    total = float((s**2).sum())
    for k in range(min(2, len(s))):
        if s[k] <= 1e-12 * max(1.0, float(s[0])):  # rounding, not a direction
            break
        sign = np.sign(vt[k, np.abs(vt[k]).argmax()])
        places[:, k], shares[k] = u[:, k] * s[k] * sign, s[k] ** 2 / total
    return places, shares


def map_lines(found: SentenceMap, *, width: int = 80, height: int = 20) -> list[str]:
    """The map in characters: each sentence's number where it lies, ``+`` where several do, and the list of them."""
    width, height = max(20, width), max(5, height)
    grid = [[" "] * width for _ in range(height)]
    for number, point in enumerate(found.points, start=1):
        label = str(number)
        row = round((height - 1) * (1 - _place(point.y, [each.y for each in found.points])))
        column = round((width - len(label)) * _place(point.x, [each.x for each in found.points]))
        if all(grid[row][column + k] == " " for k in range(len(label))):
            grid[row][column : column + len(label)] = label
        else:
            grid[row][column] = "+"
    shares = ", ".join(f"{share:.1%}" for share in found.variance)
    lines = [f"{len(found.points):,} sentences, {found.width} numbers each; across and up: {shares} of the variance"]
    lines += ["".join(row).rstrip() for row in grid]
    digits = len(str(len(found.points)))
    return lines + [f"{number:>{digits}}  {point.x:>9.4f} {point.y:>9.4f}  {_printable(point.text)}"
                    for number, point in enumerate(found.points, start=1)]  # fmt: skip


def _vectors(model: Transducer, texts: Sequence[str]) -> np.ndarray:
    """(texts, width) float64, each distinct text read once."""
    device, found = device_of(model.model), {}
    distinct = list(dict.fromkeys(texts))
    start = torch.tensor([BOS], device=device)
    with reading(model.model):
        for text, ids in zip(distinct, model.tokenizers.source.encode_batch(distinct), strict=True):
            summary = model.model.look_inside(torch.tensor([*ids, EOS], device=device), start).summary
            if summary is None:
                raise ConfigError("this model has no one vector for a sentence, and so no map.")
            vector = summary.to("cpu", torch.float64).numpy()
            if not np.isfinite(vector).all():
                raise TransduceError("the model's states are not finite; its weights may be damaged.")
            found[text] = vector
    return np.stack([found[text] for text in texts])


def _place(value: float, among: Sequence[float]) -> float:
    """Where a value lies between the least and the greatest: 0 to 1."""
    low, high = min(among), max(among)
    return (value - low) / (high - low) if high > low else 0.5


def _printable(text: str) -> str:
    """The text on one line, without what would move a terminal's cursor or turn its direction."""
    return "".join(" " if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp") else sign for sign in text)


def _number(value: float) -> float:
    return float(f"{value:.6g}") + 0.0
