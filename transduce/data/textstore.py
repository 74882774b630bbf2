"""Pairs of text spooled to disk between the one reading of the user's file and what is made of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from transduce.files import write_failed

CHUNK_ROWS, CHUNK_BYTES = 20_000, 16 << 20  # of text in memory at a time

Text = tuple[str, str, int]  # source, target, row number in the user's file
Ids = NDArray[np.integer[Any]]


class TextStore:
    """Pairs of text spooled to a folder: appended, then ``finish``ed, then read in any order.

    Memory holds one chunk while writing, and the offsets as far as they are used while reading. What is
    read comes through the file, not a map, so that passing over all of it leaves nothing behind in
    resident memory. Raises ``RunError`` when the disk refuses.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._files: list[IO[bytes]] = []
        self._waiting: list[Text] = []
        self._waiting_characters = 0
        self._bytes, self._count = 0, 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in ("text.bin", "offsets.bin", "rows.bin"):
                self._files.append(open(self.folder / name, "w+b"))  # noqa: SIM115
            self._files[1].write(np.zeros(1, dtype="<u8").tobytes())
        except OSError as error:
            self.close()
            raise write_failed(self.folder, error) from error

    def append(self, source: str, target: str, row: int) -> None:
        """Add one pair; ``row`` is its number in the user's file."""
        self._waiting.append((source, target, row))
        self._waiting_characters += len(source) + len(target)
        if len(self._waiting) >= CHUNK_ROWS or self._waiting_characters >= CHUNK_BYTES // 4:
            self._write()

    def append_many(self, pairs: Iterable[Text]) -> None:
        """Add pairs (source, target, row)."""
        for source, target, row in pairs:
            self.append(source, target, row)

    def finish(self) -> TextStore:
        """End writing; from now on pairs can be read."""
        self._write()
        try:
            for file in self._files:
                file.flush()
        except OSError as error:
            raise write_failed(self.folder, error) from error
        self._offsets = mapped(self.folder / "offsets.bin", np.dtype("<u8"))
        self._rows = mapped(self.folder / "rows.bin", np.dtype("<i8"))
        return self

    def __len__(self) -> int:
        return self._count + len(self._waiting)

    def text(self, place: int) -> Text:
        """The pair at ``place`` (from 0): source, target and row number."""
        if not 0 <= place < self._count:
            raise IndexError(f"place {place} of {self._count} pairs")
        return self.read(np.array([place]))[0]

    def read(self, places: Ids | range) -> list[Text]:
        """The pairs at ``places``; all of them are held in memory."""
        where = np.asarray(places, dtype=np.int64)
        if not where.size:
            return []
        starts, middles, ends = (np.asarray(self._offsets[2 * where + step], dtype=np.int64) for step in (0, 1, 2))
        first, last = int(starts.min()), int(ends.max())
        wanted = zip(starts.tolist(), middles.tolist(), ends.tolist(), self._rows[where].tolist(), strict=True)
        texts = []
        if last - first <= 4 * int((ends - starts).sum()) + (1 << 16):  # close together: one read for all
            block = self._bytes_between(first, last)
            for start, middle, end, row in wanted:
                texts.append(
                    (_text(block[start - first : middle - first]), _text(block[middle - first : end - first]), row)
                )
            return texts
        for start, middle, end, row in wanted:
            block = self._bytes_between(start, end)
            texts.append((_text(block[: middle - start]), _text(block[middle - start :]), row))
        return texts

    def chunks(self, places: Ids | range | None = None, *, rows: int = CHUNK_ROWS) -> Iterator[Ids]:
        """``places`` (default: all) in pieces of at most ``rows`` pairs and 16 MiB of text, to be read in turn."""
        where = np.arange(self._count) if places is None else np.asarray(places, dtype=np.int64)
        for start in range(0, len(where), rows):
            piece = where[start : start + rows]
            sizes = np.cumsum((self._offsets[2 * piece + 2] - self._offsets[2 * piece]).astype(np.int64))
            yield from (part for part in np.split(piece, _cuts(sizes, CHUNK_BYTES)) if len(part))

    def close(self) -> None:
        """Close the files; they stay on disk."""
        for file in self._files:
            file.close()

    def remove(self) -> None:
        """Close and delete the folder."""
        self.close()
        self._offsets = self._rows = np.zeros(0, dtype=np.int64)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _bytes_between(self, start: int, end: int) -> bytes:
        self._files[0].seek(start)
        return self._files[0].read(end - start)

    def _write(self) -> None:
        if not self._waiting:
            return
        encoded = [side.encode("utf-8", "surrogatepass") for pair in self._waiting for side in pair[:2]]
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
        ends = self._bytes + np.cumsum(lengths)
        try:
            self._files[0].write(b"".join(encoded))
            self._files[1].write(ends.astype("<u8").tobytes())
            self._files[2].write(np.fromiter((pair[2] for pair in self._waiting), "<i8").tobytes())
        except OSError as error:
            raise write_failed(self.folder, error) from error
        self._bytes, self._count = int(ends[-1]), self._count + len(self._waiting)
        self._waiting, self._waiting_characters = [], 0


def mapped(path: Path, dtype: np.dtype[Any]) -> Ids:
    """The numbers in a file, memory-mapped."""
    # An empty file cannot be mapped.
    return np.memmap(path, dtype=dtype, mode="r") if path.stat().st_size else np.zeros(0, dtype=dtype)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _cuts(sums: Ids, most: int) -> list[int]:
    """Where to cut so that no part adds up to more than ``most``, unless it is a single element."""
    cuts: list[int] = []
    start = 0
    while sums[-1] - (sums[start - 1] if start else 0) > most:
        start = max(start + 1, int(np.searchsorted(sums, (sums[start - 1] if start else 0) + most, side="right")))
        if start >= len(sums):
            break
        cuts.append(start)
    return cuts
