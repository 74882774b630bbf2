"""Opening what holds pairs: find the format, the header and the two columns, and give the texts in batches.

What is opened here is read once, from front to back; ``readers`` turns the texts into pairs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from transduce.data.columns import choose, header_of, printed
from transduce.data.formats import (
    BATCH,
    BLANK,
    Texts,
    clean,
    csv_rows,
    first_records,
    guess_delimiter,
    json_records,
    line_batches,
    pick_cells,
    pick_values,
    record_columns,
    tsv_rows,
)
from transduce.data.languages import column_word, language_of
from transduce.data.lines import STDIN, LineFault, Progress, display_name, shown, split_lines, text_chunks
from transduce.data.parquet import ParquetFile
from transduce.errors import ConfigError, DataError

_ENDINGS = {"csv": "csv", "tsv": "tsv", "tab": "tsv", "jsonl": "jsonl", "ndjson": "jsonl", "json": "jsonl",
            "parquet": "parquet", "pq": "parquet"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the caller of ``open_pairs`` said, checked."""

    source: str | None
    target: str | None
    format: str | None
    encoding: str
    header: bool | None
    delimiter: str | None

    @property
    def asked(self) -> list[str]:
        return [name for name in (self.source, self.target) if name]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What was found, and the texts still to be read. The fields are those of ``PairReader``."""

    texts: Iterator[Texts]
    name: str
    format: str
    columns: list[str]
    chosen: tuple[str, str]
    header: bool
    paths: tuple[Path, ...] = ()
    progress: Progress = field(default_factory=Progress)
    notes: list[str] = field(default_factory=list)


def open_files(paths: Sequence[Path], request: Request) -> Opened:
    """Open files, or standard input ("-"), by the format that was asked for, that their names or their content tell."""
    files = _Files(paths, request)
    chosen = request.format or _format_by_name(paths) or files.sniff()
    if request.delimiter is not None and chosen not in ("csv", "tsv"):
        raise ConfigError(f"{files.name}: a delimiter has no meaning for {chosen}; it is for CSV.")
    if request.header is not None and chosen not in ("csv", "tsv"):
        raise ConfigError(f"{files.name}: a header row is a matter of CSV and TSV; this is {chosen}.")
    if chosen == "text":
        return _open_parallel(files)
    if chosen == "jsonl":
        return _open_jsonl(files)
    if chosen == "parquet":
        return _open_parquet(files)
    if chosen == "tsv" and request.delimiter not in (None, "\t"):
        chosen = "csv"
    return _open_tables(files, chosen)


class _Files:
    """The files of one request, and their text in pieces."""

    def __init__(self, paths: Sequence[Path], request: Request) -> None:
        self.paths, self.request = tuple(paths), request
        self.progress = Progress()
        self.name = " + ".join(display_name(path) for path in paths)
        self.sniffed = False  # whether neither the user nor the names told the format
        self._ahead: dict[Path, Iterator[str]] = {}

    def chunks(self, path: Path) -> Iterator[str]:
        """The pieces of a file, from its beginning."""
        ahead = self._ahead.pop(path, None)
        return ahead or text_chunks(path, encoding=self.request.encoding, progress=self.progress)

    def first_chunk(self, path: Path) -> str:
        """The first piece of a file, which ``chunks`` will give again; empty for an empty file."""
        chunks = self.chunks(path)
        try:
            first = next(chunks, "")
        except LineFault as fault:
            raise DataError(str(fault), file=display_name(path), row=1) from None
        self._ahead[path] = itertools.chain([first], chunks)
        return first

    def sniff(self) -> str:
        """The format that the first lines look like. Raises ``DataError`` when they look like no pairs."""
        path, self.sniffed = self.paths[0], True
        if self.request.delimiter is not None:
            return "tsv" if self.request.delimiter == "\t" else "csv"
        chunk = self.first_chunk(path)
        line = next((line for line in split_lines(chunk) if line.strip()), "").lstrip()
        if line.startswith(('{"', '["', "{ ")) and "\t" not in line:
            return "jsonl"
        if "\t" in line or not line:
            return "tsv"
        if path == STDIN or language_of(path.name) is None:
            rows = first_records(chunk, guess_delimiter(chunk, self.request.asked), 20)
            if rows and len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows):
                return "csv"
        raise DataError(
            f"this looks like plain text, where no target stands beside the source: {shown(line)}. Give both files of "
            f"parallel text{_sibling(path)}, or a table of two columns (if it is one, pass --format or --delimiter).",
            file=display_name(path),
        )


def _sibling(path: Path) -> str:
    """An example of two files, where the folder holds one beside ``path`` that differs in its ending only."""
    stem, _, ending = path.name.removesuffix(".gz").rpartition(".")
    if not stem or path == STDIN or language_of(ending) is None:
        return ""
    for other in sorted(itertools.islice(path.parent.iterdir(), 10_000)):
        beside, _, its_ending = other.name.removesuffix(".gz").rpartition(".")
        if beside == stem and other.name != path.name and language_of(its_ending):
            return f" ({path} {other})"
    return ""


def _format_by_name(paths: Sequence[Path]) -> str | None:
    """The format that the names tell; None where the content must tell."""
    kinds = [_ENDINGS.get(path.name.lower().removesuffix(".gz").rpartition(".")[2]) for path in paths]
    if len(set(kinds)) == 1 and kinds[0]:
        return kinds[0]
    if len(paths) == 1:
        return None
    names = ", ".join(display_name(path) for path in paths)
    if any(kinds):
        raise ConfigError(f"{names}: these are files of different formats; give files of one, or pass --format.")
    if len(paths) != 2:
        raise ConfigError(
            f"{names}: {len(paths)} files, but parallel text is two. Tables end in .csv, .tsv, .jsonl or .parquet; "
            "for other names pass --format. Of held-out parallel text name one file, --valid val.en: "
            "the other is found beside it."
        )
    return "text"


# ----------------------------------------------------------------------------------------------- CSV and TSV


class _Table:
    """One CSV or TSV file: its columns at once, its rows in pieces (row number of the first, rows)."""

    def __init__(self, files: _Files, path: Path, format: str, *, header: bool | None, asked: Sequence[str]) -> None:
        self.name = display_name(path)
        head = files.first_chunk(path)
        if "\n" not in head and '"' not in head and head.count("\r") > 1:
            message = "its lines end in carriage returns alone, as on old Macintoshes. Convert it: tr '\\r' '\\n'."
            raise DataError(message, file=self.name)
        if format == "tsv":
            self.delimiter = "\t"
            rows = tsv_rows(files.chunks(path), self.name)
        else:
            self.delimiter = files.request.delimiter or guess_delimiter(head, asked)
            rows = csv_rows(files.chunks(path), self.name, self.delimiter)
        blank = 0
        for batch in rows:
            place = next((place for place, row in enumerate(batch) if "".join(row).strip()), None)
            if place is not None:
                break
            blank += len(batch)
        else:
            raise DataError("it has nothing but blank lines." if blank else "it is empty.", file=self.name)
        first = blank + place + 1
        cells = batch[place]
        names = header_of(cells, header=header, cautious=format == "tsv" or files.sniffed, asked=asked,
                          file=self.name, row=first)  # fmt: skip
        self.header = names is not None
        self.columns = names or [str(number) for number in range(1, len(cells) + 1)]
        self.sample = "" if names else ", ".join(shown(cell, 20) for cell in cells[:6])
        body = batch[place + 1 :] if names else batch[place:]
        self.pieces = self._pieces(first - 1, body, first + self.header, rows)

    @staticmethod
    def _pieces(
        blank: int, body: list[list[str]], start: int, rows: Iterator[list[list[str]]]
    ) -> Iterator[tuple[int, list[list[str]]]]:
        for before in range(0, blank, BATCH):
            yield before + 1, [[]] * min(BATCH, blank - before)
        for batch in itertools.chain([body], rows):
            yield start, batch
            start += len(batch)


def _open_tables(files: _Files, format: str) -> Opened:
    request = files.request
    first = _Table(files, files.paths[0], format, header=request.header, asked=request.asked)
    try:
        places = choose(
            first.columns, source=request.source, target=request.target, name=first.name, sample=first.sample
        )
    except DataError as error:
        if files.sniffed or first.header or format == "csv":
            raise
        message = f"its first row has no tab: {first.sample}. If it is CSV, pass --format csv."
        raise DataError(message, file=first.name) from error
    chosen = (first.columns[places[0]], first.columns[places[1]])
    notes = _header_notes(first, request)
    if len(files.paths) > 1:
        notes.append(f"Rows are counted through all {len(files.paths)} files, as if they were one.")
    return Opened(
        texts=_table_texts(files, first, format, places), name=files.name, format=format, columns=first.columns,
        chosen=chosen, header=first.header, paths=files.paths, progress=files.progress, notes=notes,
    )  # fmt: skip


def _header_notes(table: _Table, request: Request) -> list[str]:
    """What a guess about the header may have got wrong."""
    names = ", ".join(printed(column) for column in table.columns[:4])
    if not table.header:
        return [f"{table.name} has no header row: the first row is a pair. Pass --header if it is not."]
    sure = request.header or any(column_word(column) for column in table.columns)
    if sure or any(name in table.columns for name in request.asked):
        return []
    return [f"The first row of {table.name} ({names}) was read as the header. Pass --no-header if it is a pair."]


def _table_texts(files: _Files, first: _Table, format: str, places: tuple[int, int]) -> Iterator[Texts]:
    before = 0  # rows of the files before this one
    for path in files.paths:
        table = first
        if path != files.paths[0]:
            header = files.request.header if first.header else False
            table = _Table(files, path, format, header=header, asked=first.columns)
            if len(table.columns) != len(first.columns) or (table.header and set(table.columns) != set(first.columns)):
                raise DataError(
                    f"its columns ({', '.join(map(printed, table.columns[:8]))}) are not those of {first.name} "
                    f"({', '.join(map(printed, first.columns[:8]))}).",
                    file=table.name,
                )
            if table.header != first.header:
                raise DataError(f"it has no header row, {first.name} has one.", file=table.name)
        chosen = (table.columns.index(first.columns[places[0]]), table.columns.index(first.columns[places[1]]))
        last = 0
        for start, rows in table.pieces:
            sources, targets, _ = pick_cells(rows, table.columns, chosen, start, table.name, table.delimiter)
            last = start + len(rows) - 1
            yield sources, targets, before + start
        before += last


# --------------------------------------------------------------------------------------------- parallel text


def _open_parallel(files: _Files) -> Opened:
    if len(files.paths) != 2:
        raise DataError("parallel text is two files, one with the sources and one with the targets.", file=files.name)
    columns = _side_names(*files.paths)
    request = files.request
    places = choose(columns, source=request.source, target=request.target, name=files.name)
    return Opened(
        texts=_parallel_texts(files, places), name=files.name, format="text", columns=columns,
        chosen=(columns[places[0]], columns[places[1]]), header=True, paths=files.paths, progress=files.progress,
    )  # fmt: skip


def _side_names(left: Path, right: Path) -> list[str]:
    """What tells two files apart: their endings, else a part of their names before it, else their folders."""
    parts = [path.name.removesuffix(".gz").split(".")[::-1] for path in (left, right)]
    for one, other in zip(*parts, strict=False):
        if one and other and one != other and "-" not in (one, other):
            return [one, other]
    if left.parent.name and right.parent.name and left.parent.name != right.parent.name:
        return [left.parent.name, right.parent.name]
    return ["source", "target"]


def _parallel_texts(files: _Files, places: tuple[int, int]) -> Iterator[Texts]:
    names = [display_name(path) for path in files.paths]
    sides = [
        itertools.chain.from_iterable(line_batches(files.chunks(path), name))
        for path, name in zip(files.paths, names, strict=True)
    ]
    done = 0
    while True:
        texts = [list(itertools.islice(side, BATCH)) for side in sides]
        if len(texts[0]) != len(texts[1]):
            counts = [done + len(lines) + sum(1 for _ in side) for lines, side in zip(texts, sides, strict=True)]
            raise DataError(
                f"{names[0]} has {counts[0]:,} lines and {names[1]} has {counts[1]:,}. The files of parallel text must "
                "have as many lines; where one is missing, all later pairs are shifted. Nothing was used."
            )
        if not texts[0]:
            return
        yield texts[places[0]], texts[places[1]], done + 1
        done += len(texts[0])


# ---------------------------------------------------------------------------------------- JSONL and Parquet


def _open_jsonl(files: _Files) -> Opened:
    request, path = files.request, files.paths[0]
    name = display_name(path)
    batches = json_records(files.chunks(path), name)
    blank = 0
    for batch in batches:
        place = next((place for place, record in enumerate(batch) if record is not BLANK), None)
        if place is not None:
            break
        blank += len(batch)
    else:
        raise DataError("it has nothing but blank lines." if blank else "it is empty.", file=name)
    columns = record_columns(batch[place], named=bool(request.asked), name=name, row=blank + place + 1)
    places = choose(columns, source=request.source, target=request.target, name=name)
    chosen = (columns[places[0]], columns[places[1]])
    by_place = None if isinstance(batch[place], dict) else places

    def texts() -> Iterator[Texts]:
        before = 0
        for each in files.paths:
            start, its_name = 1, display_name(each)
            later = each != path
            rest = json_records(files.chunks(each), its_name) if later else batches
            records = rest if later else itertools.chain([batch], rest)
            if blank and not later:
                start += blank
                yield [""] * blank, [""] * blank, 1
            for found in records:
                picked = clean(pick_values(found, chosen, by_place, start, its_name), chosen, its_name)
                yield picked[0], picked[1], before + start
                start += len(found)
            before += start - 1

    return Opened(
        texts=texts(), name=files.name, format="jsonl", columns=columns, chosen=chosen, header=by_place is None,
        paths=files.paths, progress=files.progress,
    )  # fmt: skip


def _open_parquet(files: _Files) -> Opened:
    request = files.request
    first = ParquetFile(files.paths[0])
    places = choose(first.columns, source=request.source, target=request.target, name=first.name)
    chosen = (first.columns[places[0]], first.columns[places[1]])

    def texts() -> Iterator[Texts]:
        before = 0
        for path in files.paths:
            file = first if path == files.paths[0] else ParquetFile(path)
            for name in chosen:
                if name not in file.columns:
                    raise DataError(f"it has no column {printed(name)}, {first.name} has.", file=file.name)
            done = 0
            for sources, targets, start in file.texts(*chosen, files.progress):
                yield sources, targets, before + start
                done += len(sources)
            before += done

    return Opened(
        texts=texts(), name=files.name, format="parquet", columns=first.columns, chosen=chosen, header=True,
        paths=files.paths, progress=files.progress,
    )  # fmt: skip
