"""Files: which parts of them are text to translate. Everything else comes back byte for byte.

A document is a row of fragments; those that are ``Text`` or ``Markup`` are translated, the others copied. Fragments
are found while they are asked for, a step of some 2,000 characters at a time: a book takes no more memory than its
text, and other clients have their turn between two steps.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple

from transduce.errors import DataError
from transduce.serve.markup import Block, blocks

FORMATS = (".txt", ".srt", ".csv", ".tsv", ".html", ".htm", ".xhtml", ".md")
STEP = 2_000  # characters of a step; so many are about a batch
MOST_FRAGMENTS = 500  # of a step
LONG_LINE = 4_000  # characters from which a line of plain text is cut between sentences
HEAD = 2_000  # characters by which a document's language is told
_TIMING = re.compile(r"\s*\d+:\d\d:\d\d[,.]\d+\s*-->\s*\d+:\d\d:\d\d[,.]\d+")
_PLACES = (re.compile(r"[.!?…][\"'”’»)\]]*\s+|[。！？][”’」』）]*\s*"), re.compile(r"\s+"))


@dataclass(frozen=True)
class Text:
    """A fragment to translate. ``finish`` makes of its translation what stands in the file."""

    text: str
    format: Literal["text", "html"] = "text"
    finish: Callable[[str], str] = str


@dataclass(frozen=True)
class Markup:
    """Parts of an HTML document, one after the other."""

    parts: list[str | Block]

    @property
    def text(self) -> str:
        return " ".join(part.text for part in self.parts if isinstance(part, Block))


Fragment = str | Text | Markup


@dataclass(frozen=True)
class Document:
    """A file that can be translated. ``characters`` are those to translate; ``head`` is the first of them; ``mark``
    stands before everything: the file's byte order mark, or nothing.
    """

    fragments: Callable[[], Iterator[Fragment]]
    mark: str
    characters: int
    head: str

    def steps(self) -> Iterator[tuple[list[Fragment], int]]:
        """The fragments in groups, and how many characters of each are to translate."""
        step: list[Fragment] = []
        size = 0
        for fragment in self.fragments():
            step.append(fragment)
            size += _size(fragment)
            if size >= STEP or len(step) >= MOST_FRAGMENTS:
                yield step, size
                step, size = [], 0
        if step:
            yield step, size


def read_document(name: str, content: bytes, *, column: str | None = None, longest: int = 100_000) -> Document:
    """Look through a file, whose format is told by its name's ending.

    ``column``: the name of a CSV column, or its number from 1. ``longest``: characters of what can only be translated
    whole, a cell or a paragraph of HTML. Raises ``DataError`` for an unknown format, text that is not UTF-8, a table
    that is none, a column that is not there, and what is longer than that.
    """
    ending = "." + name.rpartition(".")[2].lower() if "." in name else ""
    if ending not in FORMATS:
        raise DataError(f"file format {ending or 'without an ending'} is not supported; use {', '.join(FORMATS)}.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"the file is not UTF-8 (byte {error.start + 1:,}); convert it first.") from None
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    fragments: Callable[[], Iterator[Fragment]]
    match ending:
        case ".srt":
            fragments = lambda: _subtitles(text)  # noqa: E731
        case ".csv" | ".tsv":
            table = _Table(text, tabs=ending == ".tsv")
            index = table.column(column)
            fragments = lambda: table.fragments(index)  # noqa: E731
        case ".html" | ".htm" | ".xhtml":
            fragments = lambda: _markup(text)  # noqa: E731
        case _:
            fragments = lambda: _lines(text, min(longest, LONG_LINE))  # noqa: E731
    characters, head = 0, ""
    for fragment in fragments():
        if isinstance(fragment, str):
            continue
        wholes = fragment.parts if isinstance(fragment, Markup) else [fragment]
        size = max((len(each.text) for each in wholes if not isinstance(each, str)), default=0)
        if size > longest:
            raise DataError(f"one cell or paragraph of the file has {size:,} characters; at most {longest:,} are "
                            "translated at once. Split it.")  # fmt: skip
        characters += _size(fragment)
        if len(head) < HEAD:
            head += fragment.text[:HEAD] + "\n"
    return Document(fragments, mark, characters, head)


def _size(fragment: Fragment) -> int:
    if isinstance(fragment, Markup):
        return sum(len(part.text) for part in fragment.parts if isinstance(part, Block))
    return len(fragment.text) if isinstance(fragment, Text) else 0


# Plain text ------------------------------------------------------------------------------------------------


def _lines(text: str, most: int) -> Iterator[Fragment]:
    """Whole lines, some 500 characters at a time; a line that is very long is cut between sentences."""
    start = 0
    for end in chain((found.end() for found in re.finditer("\n", text)), [len(text)]):
        if end - start < 500 and end < len(text):
            continue
        while end - start > most:
            place = _place(text[start : start + most])
            yield Text(text[start : start + place])
            start += place
        if start < end:
            yield Text(text[start:end])
        start = end


def _place(text: str) -> int:
    """Where the last sentence of a text begins, else its last word, else its end; not in its first half."""
    for kind in _PLACES:
        last = 0
        for found in kind.finditer(text, len(text) // 2):
            last = found.end()
        if last:
            return last
    return len(text)


# SubRip ----------------------------------------------------------------------------------------------------


def _subtitles(text: str) -> Iterator[Fragment]:
    """Numbers and times are copied; the lines of a cue are one text, broken again into as many lines."""
    cue: list[str] = []
    inside = False
    for line in (found.group() for found in re.finditer(r"[^\r\n]*(?:\r\n|[\r\n])|[^\r\n]+\Z", text)):
        if not _TIMING.match(line) and inside and line.strip():
            cue.append(line)
            continue
        yield from _cue(cue)
        cue = []
        inside = bool(_TIMING.match(line))
        yield line
    yield from _cue(cue)


def _cue(lines: list[str]) -> Iterator[Fragment]:
    if not lines:
        return
    body = "".join(lines).rstrip("\r\n")
    newline = "\r\n" if "\r\n" in body else "\n"
    kind: Literal["text", "html"] = "html" if "<" in body else "text"
    entities = html.unescape(body) != body  # tags are HTML's, but "&" is itself
    count = len(lines)

    def finish(out: str) -> str:
        return _broken(out if entities or kind == "text" else html.unescape(out), count, newline)

    yield Text(" ".join(body.split()), kind, finish)
    yield "".join(lines)[len(body) :]


def _broken(text: str, count: int, newline: str) -> str:
    """``text`` in ``count`` lines of like length, broken between words and never inside a tag."""
    parts = re.findall(r"(?:<[^>]*>|[^\s<]|<)+", text)
    if count <= 1 or len(parts) < count:
        return text
    lines: list[str] = []
    share, line = len(text) / count, ""
    for part in parts:
        if line and len(lines) < count - 1 and len(line) + len(part) / 2 >= share:
            lines.append(line)
            line = part
        else:
            line = f"{line} {part}" if line else part
    return newline.join([*lines, line])


# HTML ------------------------------------------------------------------------------------------------------


def _markup(text: str) -> Iterator[Fragment]:
    parts: list[str | Block] = []
    size = 0
    for part in blocks(text):
        parts.append(part)
        size += len(part.text) if isinstance(part, Block) else 0
        if size >= STEP or len(parts) >= MOST_FRAGMENTS:
            yield Markup(parts)
            parts, size = [], 0
    if parts:
        yield Markup(parts)


# Tables ----------------------------------------------------------------------------------------------------


class _Cell(NamedTuple):
    row: int  # from 0
    column: int
    start: int
    end: int


class _Table:
    """CSV or TSV as it is written (RFC 4180): where each cell stands, so that all but the chosen ones are copied.

    In a TSV a quote that nothing closes is a letter like any other; in a CSV it is an error.
    """

    def __init__(self, text: str, *, tabs: bool) -> None:
        first = re.split(r"[\r\n]", text, maxsplit=1)[0]
        self.text, self.tabs = text, tabs
        self.delimiter = "\t" if tabs else max(",;\t|", key=first.count)
        mark = re.escape(self.delimiter)
        self._quoted = re.compile(rf'"[^"]*(?:""[^"]*)*"(?={mark}|[\r\n]|\Z)')
        self._bare = re.compile(rf"[^{mark}\r\n]*")
        self._quotes = re.compile(r"[\t\r\n]|^\"" if tabs else rf'[{mark}"\r\n]')

    def cells(self) -> Iterator[_Cell]:
        row = column = at = 0
        while at < len(self.text):
            found = self._quoted.match(self.text, at)
            if found is None and self.text[at] == '"' and not self.tabs:
                raise DataError(f"the file is not a table of cells: a quote of row {row + 1:,} is not closed, or text "
                                "follows it.")  # fmt: skip
            end = (found or self._bare.match(self.text, at)).end()  # type: ignore[union-attr]
            yield _Cell(row, column, at, end)
            if self.text.startswith(self.delimiter, end):
                at, column = end + 1, column + 1
                if at == len(self.text):
                    yield _Cell(row, column, at, at)
            else:
                at, row, column = end + (2 if self.text.startswith("\r\n", end) else 1), row + 1, 0

    def column(self, asked: str | None) -> int:
        """The number of a column, from 0, by its name or its number from 1."""
        header: list[str] = []
        for cell in self.cells():
            if cell.row:
                break
            header.append(self._content(self.text[cell.start : cell.end]))
        if asked is None:
            if len(header) <= 1:
                return 0
            raise DataError(f"say which column to translate (the field column): {', '.join(header[:20])}.")
        if asked in header:
            return header.index(asked)
        if asked.isdecimal() and 1 <= int(asked[:6]) <= len(header):
            return int(asked[:6]) - 1
        raise DataError(f'there is no column "{asked[:80]}"; there are: {", ".join(header[:20])}.')

    def fragments(self, column: int) -> Iterator[Fragment]:
        """The cells of one column, below the header, and what stands between them."""
        copied = 0
        for cell in self.cells():
            if cell.row and cell.column == column and cell.end > cell.start:
                fragment = self._text(self.text[cell.start : cell.end])
                if fragment.text:
                    yield self.text[copied : cell.start]
                    yield fragment
                    copied = cell.end
        yield self.text[copied:]

    def _text(self, raw: str) -> Text:
        content, quoted = self._content(raw), self._quoted.fullmatch(raw) is not None

        def finish(out: str) -> str:
            if out == content:
                return raw
            return f'"{out.replace(chr(34), chr(34) * 2)}"' if quoted or self._quotes.search(out) else out

        return Text(content, finish=finish)

    def _content(self, raw: str) -> str:
        return raw[1:-1].replace('""', '"') if self._quoted.fullmatch(raw) else raw
