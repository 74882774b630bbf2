"""HTML in, HTML out: tags, attributes, comments, scripts and styles stay byte for byte, only text changes.

A parser that builds a tree and writes it out again repairs, reorders and requotes. So the text is found by its
place, with the tokenizer of the HTML standard (section 13.2.5) as far as it decides where tags, comments and
raw elements end, and everything else is copied. One pass, no going back: time is linear in the length, also on
malformed input, on which ``html.parser`` of Python 3.11 can take quadratic time.

Text between two block boundaries is one ``Block``: inline tags (<b>, <a>, <em> ...) are marks inside it, so that
a sentence is translated whole and not in shreds.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["text", "open", "close", "other"]

_INLINE = "a abbr b bdi bdo big cite del dfn em font i ins label mark q s small span strong sub sup u"
_VOID = "area base br col embed hr img input link meta param source track wbr"
_RAW = "script style xmp iframe noembed noframes noscript textarea plaintext"
_KEPT = "code kbd samp var tt pre math svg"  # shown, but no language
INLINE, VOID, RAW, KEPT = (frozenset(names.split()) for names in (_INLINE, _VOID, _RAW, _KEPT))

_SPACE = re.compile(r"[ \t\r\n\f]+")
_NAME = re.compile(r"[^\s/>]+")
_SKIP = re.compile(r"[\s/]*")
_ATTRIBUTE = re.compile(r"[^\s/>][^\s/>=]*")
_EQUALS = re.compile(r"\s*=\s*")
_UNQUOTED = re.compile(r"[^\s>]*")


class Part(NamedTuple):
    """A piece of the document, in order; ``raw`` joined over all parts is the document."""

    kind: Kind
    raw: str
    name: str = ""
    keep: bool | None = None  # what a start tag says of its content: translate="no", class="notranslate"


@dataclass
class Mark:
    """An inline tag inside a block's text. ``at``: the character before which it stands."""

    raw: str
    name: str
    opens: bool
    at: int


@dataclass
class Block:
    """Text that belongs together, entities resolved, and its inline tags. ``raw``: how it was written."""

    text: str
    raw: str
    marks: list[Mark] = field(default_factory=list)


class _Growing:
    """A block that is being read. Lists, for adding to a long string again and again takes quadratic time."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.raw: list[str] = []
        self.marks: list[Mark] = []
        self.length = 0

    def add(self, part: Part) -> None:
        self.raw.append(part.raw)
        if part.kind == "text":
            self.text.append(html.unescape(part.raw))
            self.length += len(self.text[-1])
        else:
            self.marks.append(Mark(part.raw, part.name, part.kind == "open", self.length))

    def whole(self) -> Block:
        text, marks = _collapsed("".join(self.text), self.marks)
        return Block(text, "".join(self.raw), marks)


def blocks(document: str) -> Iterator[str | Block]:
    """What is copied (text) and what is translated (``Block``), in order."""
    block, kept = _Growing(), _Kept()
    for part in parts(document):
        inline = part.kind in ("open", "close") and part.name in INLINE and not part.keep
        if (part.kind == "text" or inline) and not kept:
            block.add(part)
        else:
            if block.raw:
                yield block.whole()
                block = _Growing()
            yield part.raw
        if part.kind != "text":
            kept.see(part)
    if block.raw:
        yield block.whole()


def _collapsed(text: str, marks: list[Mark]) -> tuple[str, list[Mark]]:
    """Runs of white space as one space, as a browser shows them, except those around the whole; marks move along."""
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    kept: list[str] = []
    runs: list[tuple[int, int, int]] = []  # start, end, and how much shorter the text was before
    at = shorter = 0
    for run in _SPACE.finditer(text, first, max(first, last)):
        kept += [text[at : run.start()], " "]
        runs.append((run.start(), run.end(), shorter))
        at, shorter = run.end(), shorter + len(run.group()) - 1
    moved = []
    for mark in marks:
        number = bisect_right(runs, (mark.at, len(text), 0)) - 1
        start, end, before = runs[number] if number >= 0 else (0, 0, 0)
        place = start + (mark.at > start) - before if mark.at < end else mark.at - before - max(0, end - start - 1)
        moved.append(Mark(mark.raw, mark.name, mark.opens, place))
    return "".join([*kept, text[at:]]), moved


def escaped(text: str) -> str:
    """Text as HTML. A no-break space is named, for it cannot be told from a space by eye."""
    return html.escape(text, quote=False).replace("\xa0", "&nbsp;")


class _Kept:
    """Open elements, as far as it must be known whether their content is to be left alone."""

    def __init__(self) -> None:
        self._open: list[tuple[str, bool]] = []

    def __bool__(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def see(self, part: Part) -> None:
        if part.kind == "open" and part.name not in VOID:
            inherited = bool(self)
            keep = True if part.name in KEPT else inherited if part.keep is None else part.keep
            if keep or inherited or self._open:  # outside, elements that change nothing need not be known
                self._open.append((part.name, keep))
        elif part.kind == "close" and any(name == part.name for name, _ in reversed(self._open[-100:])):
            while self._open.pop()[0] != part.name:
                pass


def parts(document: str) -> Iterator[Part]:
    """The document cut at its markup."""
    at, text_from, size = 0, 0, len(document)
    while (at := document.find("<", at)) >= 0:
        found = _markup(document, at)
        if found is None:  # a "<" that is text
            at += 1
            continue
        if at > text_from:
            yield Part("text", document[text_from:at])
        yield found
        at = text_from = at + len(found.raw)
        if found.kind == "open" and found.name in RAW and at < size:
            end = _end_of_raw(document, at, found.name)
            if end > at:
                yield Part("other", document[at:end])
            at = text_from = end
    if text_from < size:
        yield Part("text", document[text_from:])


def _markup(document: str, at: int) -> Part | None:
    """The markup that begins with the "<" at ``at``; None where it is text. What is never closed reaches to the end."""
    after = document[at + 1 : at + 2]
    if after.isascii() and after.isalpha():
        return _tag(document, at, at + 1, "open")
    if after == "/":
        second = document[at + 2 : at + 3]
        if second.isascii() and second.isalpha():
            return _tag(document, at, at + 2, "close")
        return _until(document, at, at + 2, ">") if second else None
    if document.startswith("<!--", at):
        if document.startswith((">", "->"), at + 4):  # "<!-->" is an empty comment
            return _until(document, at, at + 4, ">")
        return _until(document, at, at + 4, "-->", "--!>")
    if document.startswith("<![CDATA[", at):
        return _until(document, at, at + 9, "]]>")
    return _until(document, at, at + 2, ">") if after in ("!", "?") and after else None


def _until(document: str, at: int, begin: int, *ends: str) -> Part:
    places = [place + len(end) for end in ends if (place := document.find(end, begin)) >= 0]
    return Part("other", document[at : min(places, default=len(document))])


def _tag(document: str, at: int, begin: int, kind: Literal["open", "close"]) -> Part:
    named = _NAME.match(document, begin)
    assert named is not None
    name, place, size = named.group().lower(), named.end(), len(document)
    keep: bool | None = None
    while True:
        place = _SKIP.match(document, place).end()  # type: ignore[union-attr]
        if place >= size:
            return Part("other", document[at:])
        if document[place] == ">":
            return Part(kind, document[at : place + 1], name, keep)
        attribute = _ATTRIBUTE.match(document, place)
        assert attribute is not None
        place, value = attribute.end(), ""
        if equals := _EQUALS.match(document, place):
            place = equals.end()
            quote = document[place : place + 1]
            if quote in ('"', "'") and quote:
                end = document.find(quote, place + 1)
                if end < 0:
                    return Part("other", document[at:])
                value, place = document[place + 1 : end], end + 1
            else:
                unquoted = _UNQUOTED.match(document, place)
                assert unquoted is not None
                value, place = unquoted.group(), unquoted.end()
        keep = _keeps(attribute.group().lower(), value, keep)


def _keeps(attribute: str, value: str, before: bool | None) -> bool | None:  # noqa: FBT001
    if attribute == "translate":
        return {"no": True, "yes": False, "": False}.get(value.strip().lower(), before)
    if attribute == "class" and "notranslate" in value.split():
        return True
    return before


def _end_of_raw(document: str, at: int, name: str) -> int:
    """Where the content of a raw element ends: at its end tag."""
    if name == "plaintext":
        return len(document)
    found = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(document, at)
    return found.start() if found else len(document)
