"""Text of any length in pieces: sentences that a model translates, and what stands between them and stays as it is.

Joined, the pieces are the text again, so layout and blank lines cannot be lost. Lines are paragraphs; within
them sentencex (rules for some 300 languages, one pass, no model) finds the sentences. Web addresses, e-mail
addresses, emoji and whatever holds no letter are passed through: a model that never saw them would invent
something. They cut the sentence that they stand in.

    [piece.text for piece in cut("Hello.  Mail me@x.org!", "en") if piece.translate]  # ['Hello.', 'Mail']
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

MANY_WORDS = 6  # from which a sentence may be halved
# Scripts whose sentences follow one another without a space.
UNSPACED = {"zh", "ja", "th", "lo", "km", "my"}

# Ends of lines, and the gaps between cells of a table.
_LINE = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|\t+| {3,}")
# A bullet or a number at the start of a line belongs to the layout.
_BULLET = re.compile(r"(?:[-*+•◦▪‣·–—>#]+|\d{1,3}[.)]|\(\d{1,3}\))(?=\s)")
_EMOJI = (
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\U0001f1e6-\U0001f1ff]"
    "[\ufe0f\u200d\u20e3\U0001f3fb-\U0001f3ff\U0001f000-\U0001faff\u2600-\u27bf]*"
)
_OPAQUE = re.compile(
    r"(?:https?|ftp|mailto|file)://?[^\s<>\"'“”«»]*[^\s<>\"'“”«».,;:!?)\]}、。，；：！？）]"
    r"|\bwww\.[^\s<>\"'“”«»]*[^\s<>\"'“”«».,;:!?)\]}、。，；：！？）]"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
    rf"|(?:{_EMOJI}\s?)*{_EMOJI}"
)
_NUMBER = re.compile(r"[^\W\d_]*\d[\d.,:/-]*\d[^\W\d_]*|[^\W\d_]*\d[^\W\d_]*")
_DIGITS = re.compile(r"\d+")
_WIDE = "\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_SPACES = str.maketrans(dict.fromkeys(_WIDE, " ") | dict.fromkeys("\xad\u200b\u2060\ufeff", ""))
_RUN = re.compile(r" {2,}")
_AROUND = dict(zip("([{\"'“«「『（‘", ")]}\"'”»」』）’", strict=True))
_CUTS = (re.compile(r"[;:.!?…]+\s+|[；：。！？]"), re.compile(r"[,)\]]\s+|[，、）]"), re.compile(r"\s+"))


class Piece(NamedTuple):
    """A part of a text. ``start`` is its place in it, in characters."""

    text: str
    start: int
    translate: bool


def cut(text: str, language: str | None, *, fits: Callable[[str], bool] | None = None) -> list[Piece]:
    """The pieces of ``text`` in order. ``fits`` tells whether a sentence is short enough for the model; one that is
    not is cut further, at punctuation if it can be, else between words, else anywhere.
    """
    pieces: list[Piece] = []
    for start, line in _lines(text):
        for sentence_start, sentence in _sentences(line, start, language):
            for piece in _parts(sentence, sentence_start):
                if piece.translate and fits is not None:
                    pieces += (Piece(part, at, translate) for part, at, translate in _shortened(piece, fits))
                else:
                    pieces.append(piece)
    return _merged(pieces)


def one(text: str) -> list[Piece]:
    """The whole text as one sentence, without the spaces around it."""
    body = text.strip()
    if not body:
        return [Piece(text, 0, False)] if text else []
    start = text.index(body)
    around = [Piece(text[:start], 0, False), Piece(body, start, True),
              Piece(text[start + len(body) :], start + len(body), False)]  # fmt: skip
    return [piece for piece in around if piece.text]


def halves(piece: Piece) -> list[Piece]:
    """Two parts of a sentence that is too much for a model, and what stands between them; the sentence if it is short."""
    size = len(piece.text)
    return list(_shortened(piece, lambda part: len(part) < size)) if len(piece.text.split()) >= MANY_WORDS else [piece]


def around_numbers(piece: Piece) -> list[Piece]:
    """The parts of a sentence between its numbers, which are passed through."""
    parts: list[Piece] = []
    at = 0
    for number in _NUMBER.finditer(piece.text):
        parts += _trimmed(piece.text[at : number.start()], piece.start + at)
        parts.append(Piece(number.group(), piece.start + number.start(), False))
        at = number.end()
    return _merged([*parts, *_trimmed(piece.text[at:], piece.start + at)])


def same_numbers(source: str, target: str) -> bool:
    """Whether both hold the same runs of digits, in any order."""
    return sorted(_DIGITS.findall(source)) == sorted(_DIGITS.findall(target))


def plain(text: str) -> str:
    """A sentence as models know them: every kind of space is one plain space, and nothing invisible is left."""
    return _RUN.sub(" ", text.translate(_SPACES))


def space_between(separator: str, source: str | None, target: str | None) -> str:
    """What stands between two translated sentences where ``separator`` stood between theirs."""
    if not separator and source in UNSPACED and target not in UNSPACED:
        return " "
    if separator == " " and source not in UNSPACED and target in UNSPACED:
        return ""
    return separator


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines and the ends between them, each with its place."""
    at = 0
    for end in _LINE.finditer(text):
        if end.start() > at:
            yield at, text[at : end.start()]
        yield end.start(), end.group()
        at = end.end()
    if at < len(text):
        yield at, text[at:]


def _sentences(line: str, start: int, language: str | None) -> Iterator[tuple[int, str]]:
    """Sentences of a line, each with the spaces after it."""
    import sentencex

    bullet = _BULLET.match(line.lstrip())
    if bullet:
        width = len(line) - len(line.lstrip()) + bullet.end()
        yield start, line[:width]
        start, line = start + width, line[width:]
    sound = line.encode("utf-8", "replace").decode()  # "?" for what is no character, of the same length
    found = sentencex.segment(language or "en", sound) if line.strip() else [sound]
    if "".join(found) != sound:  # it must lose nothing; where it does, the line is one sentence
        found = [sound]
    at = 0
    for sentence in found:
        yield start + at, line[at : at + len(sentence)]
        at += len(sentence)


def _parts(sentence: str, start: int) -> Iterator[Piece]:
    """The translatable and the opaque parts of a sentence, spaces around them apart."""
    at = 0
    for opaque in _OPAQUE.finditer(sentence):
        yield from _trimmed(sentence[at : opaque.start()], start + at)
        yield Piece(opaque.group(), start + opaque.start(), False)
        at = opaque.end()
    yield from _trimmed(sentence[at:], start + at)


def _trimmed(text: str, start: int) -> Iterator[Piece]:
    body = text.strip()
    if not any(character.isalpha() for character in body):
        if text:
            yield Piece(text, start, False)
        return
    left = len(text) - len(text.lstrip())
    while (
        len(body) > 2 and _AROUND.get(body[0]) == body[-1] and body[0] not in body[1:-1] and body[-1] not in body[1:-1]
    ):
        inner = body[1:-1].lstrip()  # quotes and brackets around the whole are layout
        left, body = left + len(body) - 1 - len(inner), inner.rstrip()
    if left:
        yield Piece(text[:left], start, False)
    yield Piece(body, start + left, True)
    if left + len(body) < len(text):
        yield Piece(text[left + len(body) :], start + left + len(body), False)


def _shortened(piece: Piece, fits: Callable[[str], bool]) -> Iterator[Piece]:
    """The piece, or as many parts of it as it takes. Each cut is as near to the middle as its kind allows."""
    text = piece.text
    if len(text) < 2 or fits(text):
        yield piece
        return
    middle, at = len(text) // 2, len(text) // 2
    for kind in _CUTS:
        places = [found.end() for found in kind.finditer(text) if 0 < found.end() < len(text)]
        near = min(places, key=lambda place: abs(place - middle), default=0)
        if len(text) // 5 <= near <= len(text) * 4 // 5:
            at = near
            break
    for half, start in ((text[:at], piece.start), (text[at:], piece.start + at)):
        for part in _trimmed(half, start):
            if part.translate:
                yield from _shortened(part, fits)
            else:
                yield part


def _merged(pieces: list[Piece]) -> list[Piece]:
    """Neighbors that are passed through become one."""
    merged: list[Piece] = []
    for piece in pieces:
        if merged and not piece.translate and not merged[-1].translate:
            merged[-1] = Piece(merged[-1].text + piece.text, merged[-1].start, False)
        elif piece.text:
            merged.append(piece)
    return merged
