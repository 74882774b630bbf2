"""Parquet, through the optional package pyarrow, which is imported here and only when a file is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transduce.data.columns import printed
from transduce.data.formats import BATCH, Texts, clean
from transduce.data.lines import STDIN, Progress, display_name, opened
from transduce.errors import DataError, MissingExtra, TransduceError, printable

_STUMBLES = (OSError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError)


class ParquetFile:
    """One Parquet file: its ``columns`` at once, its texts in batches.

    The members of a struct called "translation" are columns of their own, as in JSONL.
    """

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise MissingExtra("parquet", "Reading Parquet") from None
        self.path, self.name = path, display_name(path)
        if path == STDIN:
            raise DataError("Parquet cannot be read from a pipe; give the file.", file=self.name)
        self._pyarrow: Any = pyarrow
        self._fields: list[tuple[str, str | None, Any]] = []  # field, member of a struct, type; one a column
        with self._open() as file:
            for field in file.schema_arrow:
                if field.name == "translation" and pyarrow.types.is_struct(field.type):
                    members = [field.type.field(place) for place in range(field.type.num_fields)]
                    self._fields += [(field.name, member.name, member.type) for member in members]
                else:
                    self._fields.append((field.name, None, field.type))
        self.columns = [member or field for field, member, _ in self._fields]
        if twice := next((name for place, name in enumerate(self.columns) if name in self.columns[:place]), None):
            raise DataError(f"the column name {printed(twice)} occurs twice. Rename one.", file=self.name)

    def texts(self, source: str, target: str, progress: Progress) -> Iterator[Texts]:
        """The texts of two columns; null is blank. Raises ``DataError`` for a column that holds no text."""
        chosen = [self._fields[self.columns.index(name)] for name in (source, target)]
        for name, (_, _, kind) in zip((source, target), chosen, strict=True):
            if not self._is_text(kind):
                raise DataError(f"column {printed(name)} holds {kind}, not text.", file=self.name)
        paths = [field if member is None else f"{field}.{member}" for field, member, _ in chosen]
        done = 0
        with self._open() as file:
            rows = max(1, file.metadata.num_rows)
            size = self.path.stat().st_size
            for batch in file.iter_batches(batch_size=BATCH, columns=paths):
                sources, targets = (self._column(batch, field, member, done) for field, member, _ in chosen)
                yield clean((sources, targets, done + 1), (source, target), self.name)
                done += batch.num_rows
                progress.bytes_read = size * done // rows

    def _is_text(self, kind: Any) -> bool:
        types = self._pyarrow.types
        if types.is_dictionary(kind):
            kind = kind.value_type
        return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind)
                    or getattr(types, "is_string_view", lambda _: False)(kind))  # fmt: skip

    def _column(self, batch: Any, field: str, member: str | None, done: int) -> list[str]:
        array = batch.column(batch.schema.get_field_index(field))
        if member is not None:
            array = array.flatten()[array.type.get_field_index(member)]
        try:
            return [value or "" for value in array.to_pylist()]
        except UnicodeDecodeError:
            for place in range(len(array)):
                try:
                    array[place].as_py()
                except UnicodeDecodeError:
                    raise DataError("the text is not UTF-8.", file=self.name, row=done + place + 1) from None
            raise

    @contextmanager
    def _open(self) -> Iterator[Any]:
        with opened(self.path):  # a missing file, a folder and the like are told in our words
            pass
        try:
            with self._pyarrow.parquet.ParquetFile(str(self.path)) as file:
                yield file
        except TransduceError:
            raise
        except (self._pyarrow.ArrowException, *_STUMBLES) as error:
            # A damaged file makes pyarrow stumble in many ways, over names that are not UTF-8 among others.
            reason = printable(" ".join(str(error).split()))[:200]
            raise DataError(f"broken Parquet file ({reason}). Copy or download it again.", file=self.name) from None
