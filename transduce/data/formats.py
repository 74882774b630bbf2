"""The formats: pieces of text (or a Parquet file) in, batches of rows out.

Rows are counted as a spreadsheet shows them: a header is row 1, and a CSV cell with line breaks in it is one row. Every
error says the row. A batch is a list of cells (CSV, TSV), of JSON values, or of lines.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from transduce.data.columns import looks_like_name, printed
from transduce.data.lines import LineFault, lines_io, shown, split_lines
from transduce.errors import ConfigError, DataError

BATCH = 4096  # rows
LONGEST_CELL = 1 << 25  # characters of one CSV cell
DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
_LONE_RETURN = "\udc0d"  # stands for a carriage return inside a line: decoded text never holds a surrogate

BLANK: Any = object()  # the record of a blank line
Texts = tuple[list[str], list[str], int]  # sources, targets, and the row of the first


def line_batches(chunks: Iterable[str], name: str) -> Iterator[list[str]]:
    """The lines of a plain text file, blank ones kept."""
    done = 0
    try:
        for chunk in chunks:
            lines = split_lines(chunk)
            yield lines
            done += len(lines)
    except LineFault as fault:
        raise DataError(str(fault), file=name, row=done + 1) from None


def tsv_rows(chunks: Iterable[str], name: str) -> Iterator[list[list[str]]]:
    """The cells of each line, split at tabs. Quotes are text."""
    for lines in line_batches(chunks, name):
        yield [line.split("\t") for line in lines]


def csv_rows(chunks: Iterable[str], name: str, delimiter: str) -> Iterator[list[list[str]]]:
    """The cells of each record by RFC 4180: cells in quotes may hold the delimiter, line breaks, and quotes doubled.

    A quote inside a cell that does not begin with one is text (5" disk). A quote that never closes, and text after a
    closing quote, are errors with the row in which the cell began. A blank line is a record without cells.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL))
    hidden = False

    def lines() -> Iterator[str]:
        nonlocal hidden
        for chunk in chunks:
            if "\r" in chunk and chunk.count("\r") != chunk.count("\r\n"):
                # The csv module would end the record at a lone carriage return.
                hidden = True
                chunk = chunk.replace("\r", _LONE_RETURN).replace(_LONE_RETURN + "\n", "\r\n")
            yield from lines_io(chunk)

    records = csv.reader(lines(), delimiter=delimiter, strict=True)
    done = lines_done = 0
    fault: LineFault | csv.Error | None = None
    while fault is None:
        rows: list[list[str]] = []
        try:
            rows.extend(itertools.islice(records, BATCH))  # keeps what came before an error
        except (LineFault, csv.Error) as error:
            fault = error
        if hidden:
            rows = [[cell.replace(_LONE_RETURN, "\r") for cell in row] for row in rows]
        if not rows:
            break
        yield rows
        done += len(rows)
        if fault is not None:
            lines_done += sum(1 + sum(cell.count("\n") for cell in row) for row in rows)
        else:
            lines_done = records.line_num
    if fault is not None:
        line = f" (line {lines_done + 1:,})" if lines_done != done else ""
        raise DataError(_csv_words(fault, line), file=name, row=done + 1) from None


def _csv_words(fault: LineFault | csv.Error, line: str) -> str:
    if isinstance(fault, LineFault):
        return str(fault)
    if "unexpected end of data" in str(fault) or "field limit" in str(fault):
        return (
            f'a quote (") that opens a cell here{line} never closes. Close it; write it twice ("") in a cell in quotes '
            "if it is text; or pass --format tsv if tabs separate the cells and all quotes are text."
        )
    if "expected after" in str(fault):
        return (
            f'text follows the closing quote (") of a cell{line}. Inside a cell in quotes write a quote twice (""); '
            "or pass --format tsv if tabs separate the cells and all quotes are text."
        )
    return f"broken CSV{line}: {fault}."


def as_delimiter(word: str) -> str:
    """The character meant by "tab", "comma", ";" ... Raises ``ConfigError`` for what cannot separate cells."""
    character = DELIMITERS.get(word.strip().lower() or word, word)
    if len(character) != 1 or character in '"\r\n\0' or character == _LONE_RETURN or character.isalnum():
        raise ConfigError(f"delimiter must be one character, or tab, comma, semicolon or pipe; got {shown(word)}.")
    return character


def guess_delimiter(chunk: str, asked: Sequence[str] = ()) -> str:
    """The delimiter of CSV text, by its first record: "," ";" tab or "|".

    Where the first record could be split by several, the one that gives the columns ``asked`` for wins, then the one
    that gives names (a header), then the one by which the next records have as many cells.
    """
    found: list[tuple[tuple[int, ...], str]] = []
    for rank, delimiter in enumerate("|;,\t"):
        rows = first_records(chunk, delimiter, 20)
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        names = [cell.strip() for cell in rows[0]]
        fits = sum(len(row) == width for row in rows)
        found.append(((any(n in names for n in asked), all(map(looks_like_name, names)), fits, rank), delimiter))
    return max(found)[1] if found else ","


def first_records(chunk: str, delimiter: str, count: int) -> list[list[str]]:
    """The first records that are not blank of CSV text, as far as they can be read."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(lines_io(chunk[: 1 << 17]), delimiter=delimiter):
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) == count:
                break
    except csv.Error:
        pass
    return rows


def pick_cells(rows: list[list[str]], columns: Sequence[str], places: tuple[int, int], first: int, name: str,
               delimiter: str) -> Texts:  # fmt: skip
    """The two chosen cells of each row. Blank lines give two blank texts. Raises ``DataError`` for a ragged row."""
    width = len(columns)
    if set(map(len, rows)) != {width}:
        rows = [_regular(row, columns, first + place, name, delimiter) for place, row in enumerate(rows)]
    source, target = places
    return [row[source] for row in rows], [row[target] for row in rows], first


def _regular(row: list[str], columns: Sequence[str], number: int, name: str, delimiter: str) -> list[str]:
    if len(row) == len(columns):
        return row
    if not "".join(row).strip():
        return [""] * len(columns)
    hint = "A tab inside a text must become a space." if len(row) > len(columns) else "Is a tab missing?"
    if delimiter != "\t":
        hint = f'Put cells that contain "{delimiter}" in quotes, or pass --delimiter.'
        breaks = sum(cell.count("\n") for cell in row)
        if breaks:
            hint = f"A quote that opens in this row closes only {breaks:,} lines further down. " + hint
        elif any(cell.startswith(' "') for cell in row):
            hint = "A quote must follow the delimiter at once, without a space. " + hint
    names = f" ({', '.join(map(printed, columns[:8]))})" if columns[0] != "1" else ""
    raise DataError(
        f"expected {len(columns)} cells{names}, found {len(row)}: {shown(delimiter.join(row), 60)}. {hint}",
        file=name, row=number,
    )  # fmt: skip


def json_records(chunks: Iterable[str], name: str) -> Iterator[list[Any]]:
    """The JSON value of each line, ``BLANK`` for a blank one."""
    decode = msgspec.json.Decoder().decode
    done = 0
    for lines in line_batches(chunks, name):
        try:
            yield [decode(line) if line and not line.isspace() else BLANK for line in lines]
        except (ValueError, RecursionError):
            yield [_json_value(line, done + place, name) for place, line in enumerate(lines, 1)]
        done += len(lines)


def _json_value(line: str, row: int, name: str) -> Any:
    if not line or line.isspace():
        return BLANK
    try:
        return msgspec.json.decode(line)
    except (ValueError, RecursionError) as error:
        if row == 1 and line.strip() in ("[", "[{", "{"):
            message = "this JSON goes over several lines. Write one object a line (JSONL): jq -c '.[]' does it."
        elif "\\ud" in line.lower() and "truncated" in str(error):
            message = "broken JSON: half a surrogate pair (\\ud800 to \\udfff), or a line that was cut."
        else:
            reason = str(error).removeprefix("JSON is malformed: ")
            message = f"broken JSON ({reason}): {shown(line)}. Write one object a line."
        raise DataError(message, file=name, row=row) from None


def flat(record: Any) -> Any:
    """A record with the members of "translation" as columns of their own: {"translation": {"en": ..., "fr": ...}}."""
    if isinstance(record, dict) and isinstance(record.get("translation"), dict):
        return {**{key: value for key, value in record.items() if key != "translation"}, **record["translation"]}
    return record


def record_columns(record: Any, *, named: bool, name: str, row: int) -> list[str]:
    """The columns by the first record: an object's keys, or "1" and "2" for an array of two.

    A "translation" with two members is the pair whatever stands beside it, unless columns were ``named`` by the user.
    Raises ``DataError`` for a record that is neither.
    """
    if isinstance(record, dict):
        inner = record.get("translation")
        pair = inner if isinstance(inner, dict) and len(inner) == 2 and not named else None
        return [str(key) for key in pair or flat(record)]
    if isinstance(record, (list, tuple)) and not any(isinstance(value, (dict, list, tuple)) for value in record):
        return [str(place) for place in range(1, len(record) + 1)]
    if isinstance(record, list):
        message = "a JSON array over the whole file. Write one object a line: jq -c '.[]' does it."
        raise DataError(message, file=name, row=row)
    raise DataError(f"expected a pair or an object with two texts, found {_kind(record)}.", file=name, row=row)


def pick_values(records: list[Any], columns: tuple[str, str], places: tuple[int, int] | None, first: int,
                name: str) -> Texts:  # fmt: skip
    """The two chosen texts of each record; None is blank. Raises ``DataError`` for a missing key or what is no text.

    places: for records that are arrays or tuples; None for objects.
    """
    keys: tuple[Any, Any] = columns if places is None else places
    width = 0 if places is None else max(2, *(place + 1 for place in places))
    texts: list[list[str]] = [[], []]
    for number, record in enumerate(records, first):
        if record is BLANK:
            texts[0].append("")
            texts[1].append("")
            continue
        found = flat(record) if places is None else record
        if not isinstance(found, dict if places is None else (list, tuple)):
            wanted = "an object" if places is None else f"an array of {width}"
            raise DataError(f"expected {wanted} as in the first row, found {_kind(found)}.", file=name, row=number)
        for side, key, column in zip(texts, keys, columns, strict=True):
            try:
                value = found[key]
            except KeyError:
                listed = ", ".join(printed(str(each)) for each in list(found)[:8]) or "none"
                raise DataError(f"{printed(column)} is missing; keys here: {listed}.", file=name, row=number) from None
            except IndexError:
                raise DataError(f"expected {width} values, found {len(found)}.", file=name, row=number) from None
            side.append(value if type(value) is str else as_text(value, column, name, number))
    return texts[0], texts[1], first


def as_text(value: Any, column: str, name: str, row: int) -> str:
    """A cell as text: None and not-a-number are blank. Raises ``DataError`` for what is no text."""
    if isinstance(value, str):
        return str(value)
    # NaN and NaT differ from themselves; pandas.NA refuses to say.
    if value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value):
        return ""
    raise DataError(f"column {printed(column)} holds {_kind(value)}, not text.", file=name, row=row)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"a number ({shown(repr(value))[1:-1]})"
    if isinstance(value, str):
        return f"the text {shown(value)}"
    words = {dict: "an object", list: "an array", tuple: "a tuple", bytes: "bytes", type(None): "null"}
    return words.get(type(value), f"a {type(value).__name__}")


def clean(texts: Texts, columns: tuple[str, str], name: str) -> Texts:
    """``texts``, checked: no NUL, no lone surrogate. For formats whose texts do not come from checked lines."""
    for side, column in zip(texts[:2], columns, strict=True):
        whole = "\n".join(side)
        if "\0" not in whole:
            try:
                whole.encode("utf-8")
                continue
            except UnicodeEncodeError:
                pass
        for row, text in enumerate(side, texts[2]):
            if "\0" in text:
                raise DataError(f"a NUL character in column {printed(column)}. Remove it.", file=name, row=row)
            if surrogate := next((char for char in text if "\ud800" <= char <= "\udfff"), None):
                raise DataError(
                    f"half a surrogate pair (U+{ord(surrogate):04X}) in column {printed(column)}: no character. "
                    "Remove it, or write both halves.",
                    file=name, row=row,
                )  # fmt: skip
    return texts
