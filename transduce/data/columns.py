"""Which columns hold the pairs: is the first row a header, and which column is the source, which the target."""

from __future__ import annotations

import re
from collections.abc import Sequence

from transduce.data.languages import column_word
from transduce.data.lines import shown
from transduce.errors import ConfigError, DataError, nearest, printable

_NAME = re.compile(r"[^\W\d_][\w .\-/()#:]{0,39}")
_SENTENCE_END = (".", "!", "?", "。", "！", "？")
_HINT = "Say which with --source and --target"


def looks_like_name(cell: str) -> bool:
    """A short cell that begins with a letter and is no sentence: at most 40 characters and 4 words, no final mark."""
    text = cell.strip()
    return bool(_NAME.fullmatch(text)) and not text.endswith(_SENTENCE_END) and len(text.split()) <= 4


def header_of(
    cells: Sequence[str], *, header: bool | None, cautious: bool, asked: Sequence[str], file: str, row: int
) -> list[str] | None:
    """The column names if the first row ``cells`` is a header, None if it is the first pair.

    header: what the user says; None decides. The row is a header when a column that was ``asked`` for by name is in it.
    Otherwise all cells must look like names, and where ``cautious`` (every format but CSV) one of them must be a
    well-known name as well, for a first pair of two short words is common ("Hi", "Salut"). Raises ``DataError`` when
    a name occurs twice or the header that the user promised is blank.
    """
    names = [cell.strip() for cell in cells]
    if header is None:
        named = any(name in names for name in asked if not name.isdigit())
        header = named or _is_header(names, cautious=cautious)
    if not header:
        return None
    if not any(names):
        raise DataError("the header row is blank.", file=file, row=row)
    names = [name or str(place) for place, name in enumerate(names, 1)]
    if twice := next((name for place, name in enumerate(names) if name in names[:place]), None):
        raise DataError(
            f"the column name {shown(twice)} occurs twice. Rename one; or, if this row is a pair, pass --no-header.",
            file=file, row=row,
        )  # fmt: skip
    return names


def _is_header(names: list[str], *, cautious: bool) -> bool:
    if not names[0] and len(names) > 2:
        names = names[1:]  # the row numbers that data frames write have no name
    if len(names) < 2 or not all(looks_like_name(name) for name in names):
        return False
    kinds = [column_word(name) for name in names]
    return not cautious or "known" in kinds or all(kinds)


def choose(
    columns: Sequence[str], *, source: str | None, target: str | None, name: str, sample: str = ""
) -> tuple[int, int]:
    """Places of the source and the target column.

    Two columns need no names (the first is the source), and one name is enough to tell both. A number counts columns
    from 1 where no column is called so. sample: the first row, shown when the file has no header. Raises
    ``ConfigError`` when a choice is missing, unknown or twice the same.
    """
    seen = f"{len(columns)} columns: {', '.join(printed(column) for column in columns[:20])}"
    if len(columns) > 20:
        seen += ", ..."
    if sample:
        seen += f" (no header; the first row is {sample})"
    if len(columns) < 2:
        what = f" (the first row is {sample})" if sample else "".join(f", {printed(column)}" for column in columns)
        message = f"only one column{what}; pairs need two. If another character separates the cells, pass --delimiter."
        raise DataError(message, file=name)
    numbered = bool(sample)
    first = None if source is None else _place(columns, source, f"{name}: no source column", seen, numbered=numbered)
    second = None if target is None else _place(columns, target, f"{name}: no target column", seen, numbered=numbered)
    if first is None or second is None:
        if len(columns) > 2:
            raise ConfigError(f"{name}: {seen}. {_HINT}.")
        given = first if first is not None else second
        if given is None:
            return 0, 1
        return (given, 1 - given) if second is None else (1 - given, given)
    if first == second:
        raise ConfigError(f"{name}: source and target are the same column, {printed(columns[first])}.")
    return first, second


def _place(columns: Sequence[str], wanted: str, problem: str, seen: str, *, numbered: bool) -> int:
    wanted = wanted.strip()
    if wanted in columns:
        return list(columns).index(wanted)
    if re.fullmatch(r"[0-9]{1,6}", wanted) and 1 <= int(wanted) <= len(columns):
        return int(wanted) - 1
    advice = f" {_HINT}, as numbers, or give the file a header row." if numbered else ""
    hint = nearest(wanted, map(printable, columns)) if not numbered else ""
    raise ConfigError(f"{problem} {shown(wanted)}.{hint} It has {seen}.{advice}")


def printed(column: str) -> str:
    """A column's name as messages list it, in quotes only where it needs them."""
    return column if re.fullmatch(r"[\w\-.]{1,40}", column) else shown(column)
