"""Inline tags put back into a translated sentence, where attention says that their words went.

Each word of the translation belongs to the source position that its tokens attended to most (Bahdanau et al.
2015, section 5.2.1, read attention as such an alignment). An element goes around the words that belong to its
own; every tag comes out once, and what was nested stays nested. Without attention the places are proportional.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from transduce.data.tokenizer import BYTES, SPECIALS, Tokenizer
from transduce.serve.markup import Mark, escaped


@dataclass
class Element:
    """An inline element within a sentence. A tag whose other half is in another sentence has an empty one here."""

    opening: str
    closing: str
    start: int  # first character of the source inside it
    end: int
    inner: list[Element] = field(default_factory=list)


@dataclass(frozen=True)
class Word:
    """A word of the translation."""

    start: int
    end: int
    source: float  # the character of the source that it belongs to


def elements(marks: list[Mark], length: int) -> Element:
    """The marks of one sentence of ``length`` characters as a tree; ``Mark.at`` counts from the sentence's start."""
    root = Element("", "", 0, length)
    stack, names = [root], [""]
    for mark in marks:
        if mark.opens:
            element = Element(mark.raw, "", mark.at, length)
            stack[-1].inner.append(element)
            stack.append(element)
            names.append(mark.name)
        elif mark.name in names[1:]:
            while names[-1] != mark.name:  # misnested: the inner one ends with it, its own end tag comes alone
                stack.pop().end = mark.at
                names.pop()
            names.pop()
            element = stack.pop()
            element.closing, element.end = mark.raw, mark.at
        else:  # its start is in an earlier sentence: it holds all that came before on this level
            here = stack[-1]
            here.inner = [Element("", mark.raw, here.start, mark.at, here.inner)]
    return root


def words(text: str, tokenizer: Tokenizer, ids: list[int], source: str, source_tokenizer: Tokenizer,
          source_ids: list[int], attention: np.ndarray | None) -> list[Word]:  # fmt: skip
    """The words of ``text``, the translation that ``ids`` stand for, each with its place in ``source``."""
    starts = _starts(source_tokenizer, source_ids, source)
    starts = [start + (source[start : start + 1] == " ") for start in starts]  # a piece holds the space before it
    found: list[Word] = []
    spans = _starts(tokenizer, ids, text)
    weights: list[np.ndarray] = []
    for number, (start, end) in enumerate(zip(spans, [*spans[1:], len(text)], strict=True)):
        stripped = start + len(text[start:end]) - len(text[start:end].lstrip())
        begins = (
            stripped > start
            or not found
            or not (text[start : start + 1].isalnum() and text[start - 1 : start].isalnum())
        )
        spaced = not _ideographic(text[start:end])
        weight = np.zeros(len(source_ids)) if attention is None else attention[number, : len(source_ids)]
        if begins or not spaced:
            found.append(Word(stripped, end, 0.0))
            weights.append(weight)
        else:
            found[-1] = Word(found[-1].start, end, 0.0)
            weights[-1] = weights[-1] + weight
    placed = []
    for word, weight in zip(found, weights, strict=True):
        middle = (word.start + word.end) / 2 / max(1, len(text)) * len(source)
        at = float(starts[int(weight.argmax())]) if attention is not None and len(starts) else middle
        if word.end > word.start:
            placed.append(Word(word.start, word.end, at))
    return placed


def render(text: str, root: Element, found: list[Word]) -> str:
    """The translation as HTML, with the elements of ``root`` around their words."""
    return _inside(text, root, found, 0, len(text))


def _inside(text: str, element: Element, found: list[Word], low: int, high: int) -> str:
    free = [word for word in found if low <= word.start and word.end <= high]
    spans: list[tuple[int, int, int]] = []
    for number, inner in enumerate(element.inner):
        own = [word for word in free if inner.start <= word.source < inner.end]
        if not own and inner.end > inner.start and free:  # no word went there: the one nearest to it
            own = [min(free, key=lambda word: min(abs(word.source - inner.start), abs(word.source - inner.end)))]
        if own:
            spans.append((min(word.start for word in own), max(word.end for word in own), number))
        else:
            width = max(1, element.end - element.start)
            place = low + round((inner.start - element.start) / width * (high - low))
            at = min((word.start for word in free if word.start >= place), default=high)
            spans.append((at, at, number))
    written, at = [], low
    for start, end, number in sorted(spans):
        start, end = max(start, at), max(end, at)
        inner = element.inner[number]
        written += [escaped(text[at:start]), inner.opening, _inside(text, inner, found, start, end), inner.closing]
        at = end
    return "".join([*written, escaped(text[at:high])])


def _starts(tokenizer: Tokenizer, ids: list[int], text: str) -> list[int]:
    """The character of ``text`` at which each token starts. ``ids`` must be those of ``text``, as near as may be."""
    kept = np.array(
        [index for index, character in enumerate(text) for _ in character.encode("utf-8", "replace")] or [0]
    )
    starts, place = [], -1 if ids and tokenizer.pieces(ids[:1])[0].startswith(" ") else 0
    for number, piece in zip(ids, tokenizer.pieces(ids), strict=True):
        starts.append(int(kept[min(max(place, 0), len(kept) - 1)]))
        place += 1 if piece in _BYTES and number < len(SPECIALS) + 256 else len(piece.encode("utf-8"))
    return starts


_BYTES = frozenset(BYTES)


def _ideographic(text: str) -> bool:
    return any("\u2e80" <= character <= "\u9fff" or "\u0e00" <= character <= "\u0eff" for character in text)
