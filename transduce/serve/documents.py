"""Files: which parts of them are text to translate. Everything else comes back as it was.

A document is a list of fragments; those that are ``Text`` are translated, the others copied. Plain text and HTML
are one fragment each, SRT has one for each cue, CSV one for each cell of the chosen column.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from transduce.errors import DataError

FORMATS = (".txt", ".srt", ".csv", ".tsv", ".html", ".htm", ".xhtml", ".md")
_TIMING = re.compile(r"\s*\d+:\d\d:\d\d[,.]\d+\s*-->\s*\d+:\d\d:\d\d[,.]\d+")


@dataclass(frozen=True)
class Text:
    """A fragment to translate. ``finish`` makes of its translation what stands in the file."""

    text: str
    format: Literal["text", "html"] = "text"
    finish: Callable[[str], str] = str


Fragments = list[str | Text]


def read_document(name: str, content: bytes, *, column: str | None = None) -> tuple[Fragments, str]:
    """The fragments of a file, and what must stand before them: its byte order mark, or nothing.

    The format is told by the name's ending. ``column``: the name of a CSV column, or its number from 1. Raises
    ``DataError`` for an unknown format, text that is not UTF-8, and a column that is not there.
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
    match ending:
        case ".srt":
            return _subtitles(text), mark
        case ".csv" | ".tsv":
            return _table(text, column, tabs=ending == ".tsv"), mark
        case ".html" | ".htm" | ".xhtml":
            return [Text(text, "html")], mark
        case _:
            return list(_lines(text)), mark


def _lines(text: str) -> Iterator[str | Text]:
    """Plain text: whole lines, some 500 characters at a time, so that progress can be told between them."""
    start = 0
    for end in (found.end() for found in re.finditer("\n", text)):
        if end - start >= 500:
            yield Text(text[start:end])
            start = end
    if start < len(text):
        yield Text(text[start:])


def _subtitles(text: str) -> Fragments:
    """SubRip: numbers and times are copied, the lines of a cue are one text, broken again into as many lines."""
    fragments: Fragments = []
    lines = text.splitlines(keepends=True)
    cue: list[str] = []

    def close() -> None:
        if cue:
            body, end = "".join(cue), re.search(r"[\r\n]*\Z", cue[-1])
            tail = end.group() if end else ""
            body = body[: len(body) - len(tail)]
            newline = "\r\n" if "\r\n" in body else "\n"
            kind: Literal["text", "html"] = "html" if "<" in body else "text"
            count = len(body.splitlines())
            fragments.append(Text(" ".join(body.split()), kind, lambda out: _broken(out, count, newline)))
            fragments.append(tail)
            cue.clear()

    inside = False
    for line in lines:
        if _TIMING.match(line):
            inside = True
            fragments.append(line)
        elif inside and line.strip():
            cue.append(line)
        else:
            close()
            inside = False
            fragments.append(line)
    close()
    return fragments


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


def _table(text: str, column: str | None, *, tabs: bool) -> Fragments:
    """CSV or TSV: the cells of one column below the header. Rows are written again in the same dialect."""
    newline = "\r\n" if "\r\n" in text else "\n"
    first = text.split("\n", 1)[0]
    delimiter = "\t" if tabs else max(",;\t|", key=first.count) if any(map(first.count, ",;\t|")) else ","
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"the file is not a table of cells ({error}).") from None
    if not rows:
        return [text]
    index = _column(rows[0], column)
    fragments: Fragments = []
    for number, row in enumerate(rows):
        if number == 0 or len(row) <= index:
            fragments.append(_written(row, delimiter, newline))
            continue
        before, after = row[:index], row[index + 1 :]
        lead = _written(before, delimiter, "") + delimiter if before else ""
        trail = (delimiter + _written(after, delimiter, "") if after else "") + newline
        fragments += [lead, Text(row[index], finish=lambda out: _written([out], delimiter, "")), trail]
    if not text.endswith(("\n", "\r")) and isinstance(fragments[-1], str):
        fragments[-1] = fragments[-1].removesuffix(newline)
    return fragments


def _column(header: list[str], column: str | None) -> int:
    if column is None:
        if len(header) == 1:
            return 0
        raise DataError(f"say which column to translate (the field column): {', '.join(header[:20])}.")
    if column in header:
        return header.index(column)
    if column.isdecimal() and 1 <= int(column[:6]) <= len(header):
        return int(column[:6]) - 1
    raise DataError(f'there is no column "{column[:80]}"; there are: {", ".join(header[:20])}.')


def _written(row: list[str], delimiter: str, newline: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=newline).writerow(row)
    written = out.getvalue()
    return "" if row == [""] else written
