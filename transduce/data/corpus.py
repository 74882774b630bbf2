"""Pairs of ids to train on: on disk, memory-mapped, larger than memory if need be.

A corpus is flat files, so opening one costs next to nothing, several processes share it, and only what
is used is read.

    train/
      corpus.json             format, counts, tokenizers' digests, SHA-256 of each file, fingerprint
      source.bin target.bin   ids end to end, uint16 (uint32 where the vocabulary needs it)
      source_lengths.bin target_lengths.bin   tokens of each row, int32
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from transduce.config import Config
from transduce.data.textstore import CHUNK_ROWS, Ids, TextStore, mapped
from transduce.data.tokenizer import TokenizerPair
from transduce.errors import RunError
from transduce.files import sha256, write_failed, write_text

FORMAT = 1
_FILES = ("source.bin", "target.bin", "source_lengths.bin", "target_lengths.bin")
_DTYPES: dict[str, np.dtype[Any]] = {"uint16": np.dtype("<u2"), "uint32": np.dtype("<u4")}

Lengths = NDArray[np.int32]


class _Header(Config, frozen=True, kw_only=True):
    """``corpus.json``."""

    format: int
    rows: int
    source_tokens: int
    target_tokens: int
    source_vocab: int
    target_vocab: int
    dtype: str
    tokenizers: list[str]  # digests: source, target
    sha256: dict[str, str]  # of each file
    fingerprint: str


class Corpus:
    """Pairs of ids, without start and end, in order. ``corpus[i]`` is (source ids, target ids).

    source_ids, target_ids: all ids end to end; source_starts, target_starts: where each row begins in
    them (rows + 1 numbers); source_lengths, target_lengths: int32, tokens of each row.
    """

    def __init__(self, header: _Header, ids: tuple[Ids, Ids], lengths: tuple[Lengths, Lengths]) -> None:
        self.source_ids, self.target_ids = ids
        self.source_lengths, self.target_lengths = lengths
        self.source_starts, self.target_starts = (np.concatenate(([0], np.cumsum(n, dtype=np.int64))) for n in lengths)
        self.source_vocab, self.target_vocab = header.source_vocab, header.target_vocab
        self.tokenizer_digests = tuple(header.tokenizers)
        self.fingerprint = header.fingerprint  # SHA-256 over ids, lengths and tokenizers: equal data, equal fingerprint

    @classmethod
    def open(cls, folder: str | Path, *, verify: bool = False) -> Corpus:
        """Map the corpus in ``folder``. ``verify`` reads everything and compares the SHA-256 of each file.

        Raises ``RunError`` when a file is missing, cut, altered (as far as its size or, with ``verify``,
        its bytes tell), or of another version. Nothing is mapped before the sizes fit.
        """
        place = Path(folder)
        header = _read_header(place)
        dtype = _DTYPES[header.dtype]
        tokens = (header.source_tokens, header.target_tokens)
        sizes = (tokens[0] * dtype.itemsize, tokens[1] * dtype.itemsize, header.rows * 4, header.rows * 4)
        for name, size in zip(_FILES, sizes, strict=True):
            found = (place / name).stat().st_size if (place / name).is_file() else None
            if found != size:
                was = "is missing" if found is None else f"has {found:,} bytes where {size:,} were written"
                raise RunError(f"{place / name}: {was}; the prepared data is cut or altered. Prepare it again.")
            if verify and _digest_of(place / name) != header.sha256.get(name):
                raise RunError(f"{place / name}: was altered since it was written. Prepare the data again.")
        lengths = [np.fromfile(place / name, dtype="<i4").astype(np.int32, copy=False) for name in _FILES[2:]]
        for name, count, each in zip(_FILES[2:], tokens, lengths, strict=True):
            if int(each.sum(dtype=np.int64)) != count or (each < 0).any():
                raise RunError(
                    f"{place / name}: does not fit the ids beside it; it was altered. Prepare the data again."
                )
        ids = [mapped(place / name, dtype) for name in _FILES[:2]]
        return cls(header, (ids[0], ids[1]), (lengths[0], lengths[1]))

    @classmethod
    def from_lists(
        cls,
        pairs: Iterable[tuple[Sequence[int], Sequence[int]]],
        *,
        source_vocab: int | None = None,
        target_vocab: int | None = None,
    ) -> Corpus:
        """A corpus in memory, of (source ids, target ids). Vocabularies default to the largest id + 1."""
        listed = list(pairs)
        sides = [[side for side, _ in listed], [side for _, side in listed]]
        vocabs = [
            given if given is not None else 1 + max((max(row, default=0) for row in side), default=0)
            for given, side in zip((source_vocab, target_vocab), sides, strict=True)
        ]
        dtype = _dtype_for(vocabs)
        flat, lengths = zip(
            *(_flatten(side, dtype, vocab) for side, vocab in zip(sides, vocabs, strict=True)), strict=True
        )
        digests = {name: sha256(data.tobytes()) for name, data in zip(_FILES, (*flat, *lengths), strict=True)}
        header = _header(len(listed), (len(flat[0]), len(flat[1])), vocabs, dtype, ["", ""], digests)
        return cls(header, flat, lengths)

    def __len__(self) -> int:
        return len(self.source_lengths)

    def __getitem__(self, row: int) -> tuple[Ids, Ids]:
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        row %= len(self)
        source = self.source_ids[self.source_starts[row] : self.source_starts[row + 1]]
        return source, self.target_ids[self.target_starts[row] : self.target_starts[row + 1]]

    def __repr__(self) -> str:
        tokens = f"{len(self.source_ids):,} source and {len(self.target_ids):,} target tokens"
        return f"<Corpus of {len(self):,} pairs, {tokens}>"


class CorpusWriter:
    """Writes a corpus row by row, beside ``folder``; ``close`` puts it there, complete.

    Used as a context manager, an error inside leaves nothing behind. Raises ``RunError`` when the disk
    refuses and ``ValueError`` for an id outside the vocabulary.
    """

    def __init__(
        self, folder: str | Path, *, source_vocab: int, target_vocab: int, tokenizers: Sequence[str] = ("", "")
    ) -> None:
        self.folder = Path(folder)
        self._beside = self.folder.with_name(f".{self.folder.name}.{os.getpid()}.tmp")
        self._vocabs, self._digests = (source_vocab, target_vocab), list(tokenizers)
        self._dtype = _dtype_for(self._vocabs)
        self._hashes = [hashlib.sha256() for _ in _FILES]
        self._rows, self._tokens = 0, [0, 0]
        self._files: list[IO[bytes]] = []
        try:
            shutil.rmtree(self._beside, ignore_errors=True)
            self._beside.mkdir(parents=True)
            self._files = [open(self._beside / name, "wb") for name in _FILES]  # noqa: SIM115
        except OSError as error:
            raise write_failed(self.folder, error) from error

    def append(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> None:
        """Add rows: ids of each source and of its target."""
        if len(sources) != len(targets):
            raise ValueError(f"{len(sources)} sources but {len(targets)} targets")
        sides = [
            _flatten(side, self._dtype, vocab) for side, vocab in zip((sources, targets), self._vocabs, strict=True)
        ]
        parts = (sides[0][0], sides[1][0], sides[0][1], sides[1][1])
        try:
            for file, running, part in zip(self._files, self._hashes, parts, strict=True):
                data = part.tobytes()
                file.write(data)
                running.update(data)
        except OSError as error:
            self.abandon()
            raise write_failed(self.folder, error) from error
        self._rows += len(sources)
        for side in (0, 1):
            self._tokens[side] += len(parts[side])

    def close(self) -> Corpus:
        """Flush everything, move the folder to its place (an older corpus there is replaced) and open it."""
        digests = {name: running.hexdigest() for name, running in zip(_FILES, self._hashes, strict=True)}
        header = _header(
            self._rows, (self._tokens[0], self._tokens[1]), self._vocabs, self._dtype, self._digests, digests
        )
        try:
            for file in self._files:
                file.flush()
                os.fsync(file.fileno())
                file.close()
            write_text(self._beside / "corpus.json", msgspec.json.format(msgspec.json.encode(header)).decode() + "\n")
            if self.folder.exists():
                shutil.rmtree(self.folder)
            os.replace(self._beside, self.folder)
        except OSError as error:
            self.abandon()
            raise write_failed(self.folder, error) from error
        return Corpus.open(self.folder)

    def abandon(self) -> None:
        """Give up: close and delete what was written."""
        for file in self._files:
            try:
                file.close()
            except OSError:
                continue
        shutil.rmtree(self._beside, ignore_errors=True)

    def __enter__(self) -> CorpusWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abandon()


class TooLong(Config, frozen=True, kw_only=True):
    """Pairs left out because a side has too many tokens."""

    count: int = 0
    first_rows: list[int] = msgspec.field(default_factory=list)  # row numbers in the user's file, at most 5
    longest: int = 0  # tokens of the longest side


def numericalize(
    store: TextStore,
    rows: Ids,
    tokenizers: TokenizerPair,
    folder: str | Path,
    *,
    max_length: int,
    chunk: int = CHUNK_ROWS,
    progress: Callable[[int], None] | None = None,
) -> tuple[Corpus, TooLong]:
    """Write the pairs of ``store`` at ``rows`` as a corpus in ``folder``.

    A pair with more than ``max_length`` tokens on either side is left out, counted and named; nothing is
    cut. ``progress`` gets the number of pairs done so far, chunk by chunk.
    """
    count, first_rows, longest, done = 0, list[int](), 0, 0
    writer = CorpusWriter(
        folder,
        source_vocab=tokenizers.source.vocab_size,
        target_vocab=tokenizers.target.vocab_size,
        tokenizers=(tokenizers.source.digest, tokenizers.target.digest),
    )
    with writer:
        for places in store.chunks(rows, rows=chunk):
            texts = store.read(places)
            sources = tokenizers.source.encode_batch([source for source, _, _ in texts])
            targets = tokenizers.target.encode_batch([target for _, target, _ in texts])
            lengths = [max(len(s), len(t)) for s, t in zip(sources, targets, strict=True)]
            fits = [length <= max_length for length in lengths]
            if not all(fits):
                longest = max(longest, max(lengths))
                over = [row for (_, _, row), fit in zip(texts, fits, strict=True) if not fit]
                count, first_rows = count + len(over), (first_rows + over)[:5]
                sources, targets = (list(itertools.compress(side, fits)) for side in (sources, targets))
            writer.append(sources, targets)
            done += len(texts)
            if progress is not None:
                progress(done)
        return writer.close(), TooLong(count=count, first_rows=first_rows, longest=longest)


def _flatten(rows: Sequence[Sequence[int]], dtype: np.dtype[Any], vocab: int) -> tuple[Ids, Lengths]:
    lengths = np.fromiter(map(len, rows), dtype="<i4", count=len(rows))
    flat = np.fromiter(itertools.chain.from_iterable(rows), dtype=np.int64, count=int(lengths.sum(dtype=np.int64)))
    if flat.size and (flat.min() < 0 or flat.max() >= vocab):
        raise ValueError(f"an id is outside the vocabulary of {vocab}")
    return flat.astype(dtype), lengths


def _dtype_for(vocabs: Sequence[int]) -> np.dtype[Any]:
    return _DTYPES["uint16" if max(vocabs) <= 1 << 16 else "uint32"]


def _header(
    rows: int,
    tokens: tuple[int, int],
    vocabs: Sequence[int],
    dtype: np.dtype[Any],
    tokenizers: list[str],
    digests: dict[str, str],
) -> _Header:
    identity = msgspec.json.encode([rows, list(vocabs), tokenizers, digests], order="sorted")
    return _Header(
        format=FORMAT,
        rows=rows,
        source_tokens=tokens[0],
        target_tokens=tokens[1],
        source_vocab=vocabs[0],
        target_vocab=vocabs[1],
        dtype=dtype.name,
        tokenizers=tokenizers,
        sha256=digests,
        fingerprint=sha256(identity),
    )


def _read_header(folder: Path) -> _Header:
    path = folder / "corpus.json"
    try:
        plain = msgspec.json.decode(path.read_bytes())
        version = plain.get("format") if isinstance(plain, dict) else None
        if version is not None and version != FORMAT:
            raise RunError(f"{path}: format {version} of another version; this one reads {FORMAT}. Prepare it again.")
        header = msgspec.convert(plain, _Header)
    except OSError as error:
        raise RunError(f"{path}: cannot read the prepared data ({error.strerror}). Prepare it again.") from error
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise RunError(f"{path}: cut or altered. Prepare the data again.") from error
    numbers = (header.rows, header.source_tokens, header.target_tokens, header.source_vocab, header.target_vocab)
    if header.dtype not in _DTYPES or min(numbers) < 0:
        raise RunError(f"{path}: altered. Prepare the data again.")
    return header


def _digest_of(path: Path) -> str:
    running = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            running.update(block)
    return running.hexdigest()
