"""Opening pairs that should be like others: held-out parts, and files that a trained model is measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from transduce.data.languages import language_of
from transduce.data.readers import PairReader, open_pairs
from transduce.errors import ConfigError


def open_like(data: Any, source: str, target: str, **settings: Any) -> PairReader:
    """Open pairs whose columns should be those that a model was trained on, ``source`` and ``target``.

    Columns of these names are taken, wherever they stand; else columns that mean the same ("French" for
    "french", "fra" or "fr"); else two columns in their order. settings: as of ``open_pairs``, which also
    tells what is raised.
    """
    if isinstance(data, (str, list)) and data in ("-", ["-"]):  # can be opened only once
        reader = open_pairs(data, **settings)
        if _meant(reader.columns, source, target) == (reader.target_column, reader.source_column):
            raise ConfigError(
                f"{reader.name}: its columns are {reader.source_column} -> {reader.target_column}, the wrong way round. "
                f"Pass --source {reader.target_column} --target {reader.source_column}."
            )
        return reader
    if isinstance(data, Iterator):
        data = list(data)
    try:
        return open_pairs(data, **{**settings, "source": source, "target": target})
    except ConfigError:  # other names: guess, or say what is wrong, as for any file
        reader = open_pairs(data, **settings)
    meant = _meant(reader.columns, source, target)
    return open_pairs(data, **{**settings, "source": meant[0], "target": meant[1]}) if meant else reader


def beside(paths: Sequence[str], reader: PairReader) -> str | list[str]:
    """Paths as ``open_pairs`` takes them; for parallel text like ``reader``'s, one of two files or their stem will do."""
    if reader.format != "text" or len(paths) != 1:
        return list(paths) if len(paths) > 1 else paths[0]
    endings = [path.name.removesuffix(".gz").rpartition(".")[2] for path in reader.paths]
    stem = paths[0]
    for ending in endings:
        stem = stem.removesuffix(f".{ending}")
    both = [f"{stem}.{ending}" for ending in endings]
    return both if all(Path(path).exists() for path in both) else paths[0]


def _meant(columns: Sequence[str], source: str, target: str) -> tuple[str, str] | None:
    """The two of ``columns`` that are called like ``source`` and ``target`` but for case, or name their languages."""
    found: list[str] = []
    for wanted in (source, target):
        language = language_of(wanted)
        alike = [
            column
            for column in columns
            if column.casefold() == wanted.casefold() or (language is not None and language_of(column) == language)
        ]
        if len(alike) != 1:
            return None
        found += alike
    return (found[0], found[1]) if found[0] != found[1] else None
