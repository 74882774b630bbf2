"""Pairs from files and from memory: one call opens them, one loop reads them, bad input is told by file and row.

    reader = open_pairs("pairs.csv", source="english", target="french")
    for pair in reader:
        print(pair.source, pair.target, pair.row)
    print(reader.dropped)

CSV, TSV, JSONL, Parquet and parallel plain text, gzip allowed; data frames and iterables of pairs. Files are streamed:
memory does not grow with their size. Texts are kept as they are, but for ASCII spaces and tabs around them; a pair
whose source or target is then blank is dropped and counted. "None", "NA", "null" and "nan" are text.
"""

from __future__ import annotations

import itertools
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

from transduce.data.formats import as_delimiter, line_batches
from transduce.data.languages import language_of
from transduce.data.lines import STDIN, display_name, opened, text_chunks, text_encoding
from transduce.data.memory import open_frame, open_memory
from transduce.data.sources import Opened, Request, open_files
from transduce.errors import ConfigError, DataError, nearest, printable

__all__ = ["Data", "Dropped", "Pair", "PairReader", "language_of", "open_pairs", "read_lines"]

FORMATS = ("csv", "tsv", "jsonl", "parquet", "text")
_BRACES = re.compile(r"\{([^{},]+(?:,[^{},]+)+)\}")

# A path or several; "-" is standard input; a pandas.DataFrame; an iterable of (source, target) or of mappings.
Data: TypeAlias = "str | Path | Sequence[str] | Sequence[Path] | Iterable[Any] | Any"


class Pair(NamedTuple):
    """One source text with its target.

    row: the number of its record in the data from 1, the header being row 1. Several files are counted as one.
    """

    source: str
    target: str
    row: int


_make_pair = cast("Callable[[tuple[str, str, int]], Pair]", partial(tuple.__new__, Pair))


@dataclass
class Dropped:
    """Rows that were left out for one reason."""

    count: int = 0
    first_rows: list[int] = field(default_factory=list)  # at most five

    def add(self, row: int) -> None:
        self.count += 1
        if len(self.first_rows) < 5:
            self.first_rows.append(row)


class PairReader:
    """The pairs of an opened source, to be iterated once.

    name: as in messages ("pairs.csv", "train.en + train.fr"). format: csv, tsv, jsonl, parquet, text or memory.
    columns: all that there are; source_column and target_column: those that were chosen ("1" and "2" where columns
    have no names). header: whether columns have names. While it is iterated ``rows``, ``pairs`` and ``dropped``
    count, and ``bytes_read`` of ``bytes_total`` (None for pipes and memory) tells how far it is. notes: what was
    guessed and may be wrong, in words. Iterating raises ``DataError`` where a row is at fault, and at the end when
    there was no usable pair.
    """

    def __init__(self, found: Opened) -> None:
        self.name, self.format, self.paths, self.header = found.name, found.format, found.paths, found.header
        self.columns, (self.source_column, self.target_column) = found.columns, found.chosen
        self.dropped: dict[str, Dropped] = {}
        self.rows = self.pairs = 0
        self.notes = found.notes
        self.bytes_total = _total_size(self.paths)
        self._progress = found.progress
        self._texts: Iterator[tuple[list[str], list[str], int]] | None = found.texts

    def __repr__(self) -> str:
        return f"<PairReader {self.name} ({self.format}): {self.source_column} -> {self.target_column}>"

    def __iter__(self) -> Iterator[Pair]:
        return itertools.chain.from_iterable(self.batches())

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, before decompression."""
        return self._progress.bytes_read

    def batches(self) -> Iterator[list[Pair]]:
        """The pairs in lists of some thousands, which is faster than one by one."""
        if self._texts is None:
            raise DataError("its pairs have been read already; open it again with open_pairs.", file=self.name)
        texts, self._texts = self._texts, None
        for sources, targets, first in texts:
            self.rows += len(sources)
            if pairs := self._pairs(sources, targets, first):
                self.pairs += len(pairs)
                yield pairs
        if not self.pairs:
            raise DataError(self._nothing(), file=self.name)

    def _pairs(self, sources: list[str], targets: list[str], first: int) -> list[Pair]:
        sources = [text.strip(" \t") for text in sources]
        targets = [text.strip(" \t") for text in targets]
        rows = range(first, first + len(sources))
        pairs = map(_make_pair, zip(sources, targets, rows, strict=True))
        full = all(sources) and all(targets)
        if full and not any(map(str.isspace, sources)) and not any(map(str.isspace, targets)):
            return list(pairs)
        kept = []
        for pair in pairs:
            blank_source, blank_target = not pair.source.strip(), not pair.target.strip()
            if blank_source or blank_target:
                both = "blank line" if blank_source and blank_target else ""
                reason = both or ("blank source" if blank_source else "blank target")
                self.dropped.setdefault(reason, Dropped()).add(pair.row)
            else:
                kept.append(pair)
        return kept

    def _nothing(self) -> str:
        if not self.rows:
            if self.header and self.format in ("csv", "tsv"):
                return "nothing stands under the header row. If that row is a pair, pass --no-header."
            return "it is empty."
        reasons = ", ".join(f"{dropped.count:,} with a {reason}" for reason, dropped in self.dropped.items())
        reasons = reasons.replace("with a blank line", "blank")
        return f"no usable pair: of {self.rows:,} rows, {reasons}. Are --source and --target the right columns?"


def open_pairs(
    data: Data, *, source: str | None = None, target: str | None = None, format: str | None = None,
    encoding: str = "utf-8", header: bool | None = None, delimiter: str | None = None,
) -> PairReader:  # fmt: skip
    """Open pairs for reading once.

    data: a path, "-" for standard input, several tables of one format (read one after the other), the two files of
    parallel text (also as "train.{en,fr}"), a pandas.DataFrame, or an iterable of (source, target) or of mappings.
    source, target: columns by name, or by number from 1; guessed when there are two. format: csv, tsv, jsonl,
    parquet or text, else told by the name or the content. header: whether the first row of CSV or TSV names the
    columns, else guessed. delimiter: of CSV, a character or "tab", "comma", "semicolon", "pipe"; else guessed.

    Raises ``DataError`` for files that cannot be read as asked, ``ConfigError`` for impossible options and for
    columns that are missing or must be named.
    """
    request = Request(
        source=None if source is None else str(source).strip(), target=None if target is None else str(target).strip(),
        format=None if format is None else _known_format(format), encoding=text_encoding(encoding), header=header,
        delimiter=None if delimiter is None else as_delimiter(delimiter),
    )  # fmt: skip
    paths = _paths(data)
    if paths is not None:
        for path in paths:
            if path != STDIN and not _is_pipe(path):
                with opened(path):  # fail at once, not after the files before it
                    pass
        return PairReader(open_files(paths, request))
    if hasattr(data, "itertuples") and hasattr(data, "columns"):
        return PairReader(open_frame(data, request))
    return PairReader(open_memory(data, request))


def read_lines(path: str | Path, *, encoding: str = "utf-8") -> Iterator[str]:
    """The lines of a text file or of standard input ("-") without their ends; blank ones are kept, gzip is unpacked.

    The same rule of lines and the same errors as of pairs.
    """
    place = Path(path)
    for lines in line_batches(text_chunks(place, encoding=encoding), display_name(place)):
        yield from lines


def _known_format(format: str) -> str:
    word = {"json": "jsonl", "ndjson": "jsonl", "txt": "text", "tab": "tsv"}.get(format.lower(), format.lower())
    if word not in FORMATS:
        raise ConfigError(f'unknown format "{printable(format)}".{nearest(word, FORMATS)} Known: {", ".join(FORMATS)}.')
    return word


def _paths(data: Any) -> list[Path] | None:
    """The files that ``data`` names, None when it is no path. Braces stand for alternatives: "train.{en,fr}"."""
    if isinstance(data, (str, Path)):
        data = [data]
    if not (isinstance(data, (list, tuple)) and data and all(isinstance(each, (str, Path)) for each in data)):
        return None
    paths = [path for each in data for path in _expanded(str(each))]
    if any(not str(each) for each in data):
        raise DataError("an empty name is no file.")
    if twice := next((path for place, path in enumerate(paths) if path in paths[:place]), None):
        raise DataError("this file is given twice.", file=display_name(twice))
    return paths


def _expanded(name: str) -> list[Path]:
    braces = _BRACES.search(name)
    if braces is None or os.path.exists(name):
        return [Path(name)]
    start, end = name[: braces.start()], name[braces.end() :]
    return [Path(start + part.strip() + end) for part in braces[1].split(",")]


def _is_pipe(path: Path) -> bool:
    """Whether what is read from ``path`` is gone then, as with "<(zcat pairs.csv.gz)" of a shell."""
    try:
        kind = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))


def _total_size(paths: Iterable[Path]) -> int | None:
    """Bytes of all files together, None where one is a pipe or there is no file."""
    sizes = [path.stat().st_size if path != STDIN and path.is_file() else None for path in paths]
    return sum(size or 0 for size in sizes) if sizes and None not in sizes else None
