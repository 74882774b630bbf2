"""Pairs that are in memory already: data frames (recognized without importing pandas) and iterables."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from transduce.data.columns import choose, printed
from transduce.data.formats import BATCH, Texts, clean, pick_values, record_columns
from transduce.data.sources import Opened, Request
from transduce.errors import ConfigError, DataError


def open_memory(data: Any, request: Request) -> Opened:
    """Open an iterable of (source, target), of mappings, or of objects with ``source`` and ``target``."""
    name = "pairs in memory"
    if isinstance(data, (bytes, Mapping)) or not isinstance(data, Iterable):
        raise ConfigError(
            f"cannot read pairs from {type(data).__name__}; give a path, two paths, a DataFrame, or an iterable of "
            "(source, target) or of mappings."
        )
    iterator = iter(data)
    ahead = [_record(each) for each in itertools.islice(iterator, 1)]
    if not ahead:
        raise DataError("there are none.", file=name)
    columns = record_columns(ahead[0], named=bool(request.asked), name=name, row=1)
    source, target = request.source, request.target
    if not request.asked and {"source", "target"} <= set(columns):
        source, target = "source", "target"
    places = choose(columns, source=source, target=target, name=name)
    chosen = (columns[places[0]], columns[places[1]])
    by_place = None if isinstance(ahead[0], dict) else places

    def texts() -> Iterator[Texts]:
        start = 1
        records = itertools.chain(ahead, map(_record, iterator))
        while found := list(itertools.islice(records, BATCH)):
            yield clean(pick_values(found, chosen, by_place, start, name), chosen, name)
            start += len(found)

    return Opened(texts=texts(), name=name, format="memory", columns=columns, chosen=chosen, header=by_place is None)


def _record(each: Any) -> Any:
    """A row from memory as a dict, a list or a tuple; what is neither is left to be refused with its row."""
    if isinstance(each, (dict, list)):
        return each
    if hasattr(each, "source") and hasattr(each, "target"):
        return (each.source, each.target)
    if isinstance(each, tuple):
        return each
    if isinstance(each, Mapping):
        return dict(each)
    is_row = hasattr(each, "__len__") and hasattr(each, "__getitem__") and not isinstance(each, (str, bytes))
    return tuple(each) if is_row else each


def open_frame(frame: Any, request: Request) -> Opened:
    """Open a pandas.DataFrame, or what has its ``columns`` and ``itertuples``. Missing values are blank."""
    name = "DataFrame"
    columns = [str(column) for column in frame.columns]
    if twice := next((column for place, column in enumerate(columns) if column in columns[:place]), None):
        raise DataError(f"the column name {printed(twice)} occurs twice. Rename one.", file=name)
    places = choose(columns, source=request.source, target=request.target, name=name)
    chosen = (columns[places[0]], columns[places[1]])

    def texts() -> Iterator[Texts]:
        start = 1
        rows = iter(frame.itertuples(index=False, name=None))
        while found := list(itertools.islice(rows, BATCH)):
            yield clean(pick_values(found, chosen, places, start, name), chosen, name)
            start += len(found)

    return Opened(texts=texts(), name=name, format="memory", columns=columns, chosen=chosen, header=True)
