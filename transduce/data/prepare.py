"""From a file of pairs to what training needs: one pass over the input, in bounded memory.

    read      every pair once: inspected, spooled to disk as text, its keys noted
    split     held-out parts are drawn, so that nothing in them is seen in training
    learn     vocabularies, from a sample of the training part
    encode    the training part becomes a memory-mapped corpus of ids

Held-out pairs stay text, in memory: they are few (at most 1,000 each unless asked for). All of it is
kept in a folder, from which ``Prepared.open`` takes it up again without the user's file.
"""

from __future__ import annotations

import gc
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from transduce.config import Config, from_dict, to_dict
from transduce.data.corpus import Corpus, TooLong, numericalize
from transduce.data.findings import PartReport
from transduce.data.readers import Pair, PairReader
from transduce.data.report import DataReport, Inspector, Part
from transduce.data.split import TEST, TRAIN, VALID, Keys, default_held_out, split
from transduce.data.textstore import Ids, TextStore
from transduce.data.tokenizer import TokenizerConfig, TokenizerPair, train_pair
from transduce.errors import ConfigError, DataError, RunError
from transduce.files import sha256, write_bytes, write_failed, write_text

FORMAT = 1
HELD_OUT = ("valid.jsonl", "test.jsonl")
SAMPLE = 100_000  # training pairs that vocabularies are learned from
MAX_LENGTH = 250  # tokens of the longer side of a training pair

HeldOut = PairReader | float | int | None
Progress = Callable[[str, int, int | None], None]  # stage, pairs done, pairs in all where known


class _Header(Config, frozen=True, kw_only=True):
    """``prepared.json``, written last: where it stands, everything else does."""

    format: int
    source_column: str
    target_column: str
    tokenizer: TokenizerConfig
    report: DataReport
    too_long: TooLong
    notes: list[str]
    fingerprint: str  # of the corpus
    sha256: dict[str, str]  # of valid.jsonl and test.jsonl


@dataclass(frozen=True)
class Prepared:
    """What training needs of the data."""

    train: Corpus
    valid: list[Pair]
    test: list[Pair]
    tokenizers: TokenizerPair
    tokenizer_config: TokenizerConfig  # as it was used: ``joint`` is decided
    report: DataReport
    too_long: TooLong
    source_column: str
    target_column: str
    notes: list[str]  # what the user should know beside the report, a sentence each

    @staticmethod
    def exists(folder: str | Path) -> bool:
        """Whether ``folder`` holds complete prepared data."""
        return (Path(folder) / "prepared.json").is_file()

    @classmethod
    def open(cls, folder: str | Path) -> Prepared:
        """Take up what ``prepare`` left in ``folder``. Raises ``RunError`` when it is missing, cut or altered."""
        place = Path(folder)
        path = place / "prepared.json"
        try:
            header = from_dict(_Header, json.loads(path.read_text(encoding="utf-8")))
            held_out = [_read_pairs(place / name, header.sha256[name]) for name in HELD_OUT]
        except OSError as error:
            raise RunError(f"{place}: cannot read the prepared data ({error.strerror}). Prepare it again.") from error
        except (ValueError, TypeError, KeyError, ConfigError) as error:
            raise RunError(f"{place}: the prepared data is cut or altered. Prepare it again.") from error
        corpus, tokenizers = Corpus.open(place / "train", verify=True), TokenizerPair.load(place)
        digests = (tokenizers.source.digest, tokenizers.target.digest)
        if header.format != FORMAT or header.fingerprint != corpus.fingerprint or corpus.tokenizer_digests != digests:
            raise RunError(f"{place}: the prepared files do not belong together. Prepare the data again.")
        return cls(
            train=corpus,
            valid=held_out[0],
            test=held_out[1],
            tokenizers=tokenizers,
            tokenizer_config=header.tokenizer,
            report=header.report,
            too_long=header.too_long,
            source_column=header.source_column,
            target_column=header.target_column,
            notes=header.notes,
        )


@contextmanager
def _rare_collection() -> Iterator[None]:
    """Look for reference cycles once a million objects, not once 700: tuples of text have none, and it takes time."""
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@_rare_collection()
def prepare(
    reader: PairReader,
    *,
    folder: str | Path,
    tokenizer: TokenizerConfig | Callable[[int, PartReport], TokenizerConfig] | None = None,
    valid: HeldOut = None,
    test: HeldOut = None,
    max_length: int = MAX_LENGTH,
    seed: int = 0,
    progress: Progress | None = None,
) -> Prepared:
    """Read, inspect, split, learn vocabularies and encode; everything is kept in ``folder``.

    tokenizer: its config, or a function that gives one for a number of training pairs and what was found in all
    pairs. valid, test: a reader whose pairs are all kept, in memory; a share (below 1) or a count of the pairs, 0 for none;
    None for the default, ``default_held_out``. max_length: a training pair with a longer side, in
    tokens, is left out, counted and named. progress: called with the stage ("read", "split",
    "learn", "encode"), the pairs done, and the pairs in all where they are known.

    Raises ``DataError`` for data that cannot be trained on, ``ConfigError`` for impossible sizes, and
    ``RunError`` when the disk refuses.
    """
    place = Path(folder)
    report_progress = progress or _no_progress
    _clear(place)
    inspector = Inspector()
    store = TextStore(place / "text")
    try:
        _read(reader, store, inspector, report_progress)
        held_out = [_held_out_pairs("valid", valid, inspector), _held_out_pairs("test", test, inspector)]
        keys = inspector.keys("train")
        _check_usable(reader, *keys)
        sizes = _sizes(len(store), valid, test)
        report_progress("split", 0, len(store))
        parts, notes = _split(*keys, sizes, seed)
        del keys
        for part in (VALID, TEST):
            if sizes[part - 1]:
                held_out[part - 1] = [Pair(*text) for text in store.read(np.flatnonzero(parts == part))]
        files = {part: given for part, given in (("valid", valid), ("test", test)) if isinstance(given, PairReader)}
        # Of parts it says that nothing of them is seen in training; where that cannot be had, a note tells.
        report = inspector.finish(reader, **files, parts=None if notes else parts)
        del inspector
        rows = np.flatnonzero(parts == TRAIN)
        config = tokenizer(len(rows), report) if callable(tokenizer) else tokenizer or TokenizerConfig()
        tokenizers = _learn(store, rows, config, seed, report_progress)
        corpus, too_long = numericalize(
            store,
            rows,
            tokenizers,
            place / "train",
            max_length=max_length,
            progress=lambda done: report_progress("encode", done, len(rows)),
        )
        if not len(corpus):
            raise DataError(_all_too_long(too_long, max_length), file=reader.name)
    finally:
        store.remove()
    prepared = Prepared(
        train=corpus,
        valid=held_out[0],
        test=held_out[1],
        tokenizers=tokenizers,
        tokenizer_config=msgspec.structs.replace(config, joint=tokenizers.joint),
        report=report,
        too_long=too_long,
        source_column=reader.source_column,
        target_column=reader.target_column,
        notes=notes,
    )
    _save(prepared, place)
    return prepared


def _read(reader: PairReader, store: TextStore, inspector: Inspector, progress: Progress) -> None:
    """Pass over the input, once."""
    for pairs in reader.batches():
        inspector.add_many(pairs, "train")
        store.append_many(pairs)
        progress("read", len(store), None)
    store.finish()


def _held_out_pairs(part: Part, given: HeldOut, inspector: Inspector) -> list[Pair]:
    """All pairs of a held-out file; none when there is no file."""
    if not isinstance(given, PairReader):
        return []
    kept: list[Pair] = []
    for pairs in given.batches():
        inspector.add_many(pairs, part)
        kept += pairs
    return kept


def _check_usable(reader: PairReader, source_keys: Keys, target_keys: Keys) -> None:
    count = len(source_keys)
    if count < 2:
        raise DataError("only one usable pair; training needs at least two that differ, and learns little from less "
                        "than a thousand.", file=reader.name)  # fmt: skip
    if (source_keys == source_keys[0]).all() and (target_keys == target_keys[0]).all():
        raise DataError(f"all {count:,} usable pairs are the same; there is nothing to learn. Training needs at least "
                        "two pairs that differ.", file=reader.name)  # fmt: skip


def _sizes(count: int, valid: HeldOut, test: HeldOut) -> tuple[float, float]:
    """Sizes of the validation and the test part that are to be split off; 0 where a file is given."""
    default = default_held_out(count)
    sizes: list[float] = [
        0 if isinstance(given, PairReader) else default if given is None else given for given in (valid, test)
    ]
    if count < 4 and valid is None and test is None:
        sizes[1] = 0  # there is room for one part only
    return sizes[0], sizes[1]


def _split(
    source_keys: Keys, target_keys: Keys, sizes: tuple[float, float], seed: int
) -> tuple[NDArray[np.uint8], list[str]]:
    """The part of each pair, linked pairs together as far as the data allows; else a note says how far.

    Where a few texts stand in most pairs (labels, say), all pairs are linked and no part has the size
    asked for. Then only pairs with the same source stay together, or only those with the same target,
    and failing that, equal pairs.
    """
    wanted = [max(1.0, size * len(source_keys)) if 0 < size < 1 else size for size in sizes]
    for apart in ("texts", "sources", "targets", "pairs"):
        match apart:
            case "texts":
                left, right = source_keys, target_keys
            case "sources":
                left, right = source_keys, source_keys
            case "targets":
                left, right = target_keys, target_keys
            case _:
                left = right = source_keys * np.uint64(0x9E3779B97F4A7C15) ^ target_keys
        parts = split(left, right, valid=sizes[0], test=sizes[1], seed=seed)
        found = np.bincount(parts, minlength=3)[1:].tolist()
        if all(size / 2 <= count <= 2 * size for size, count in zip(wanted, found, strict=True)):
            break
    if apart == "texts":
        return parts, []
    asked = " and ".join(f"{count:,} for {name}" for name, count in zip(("valid", "test"), found, strict=True) if count)
    note = f"Held out: {asked}. Nearly all pairs are linked by texts that repeat, labels perhaps, so some of them are "
    return parts, [note + f"on both sides; the held-out {apart} are not."]


def _learn(store: TextStore, rows: Ids, config: TokenizerConfig, seed: int, progress: Progress) -> TokenizerPair:
    """Vocabularies from at most ``SAMPLE`` seeded pairs of the training part."""
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
    progress("learn", 0, len(rows))

    def texts(side: int) -> Iterator[str]:
        blocks = (store.read(places) for places in store.chunks(rows))
        return (pair[0] if side == 0 else pair[1] for pair in itertools.chain.from_iterable(blocks))

    pair = train_pair(texts(0), texts(1), config=config)
    progress("learn", len(rows), len(rows))
    return pair


def _save(prepared: Prepared, place: Path) -> None:
    prepared.tokenizers.save(place)
    digests = {}
    for name, pairs in zip(HELD_OUT, (prepared.valid, prepared.test), strict=True):
        # Escaped to ASCII: nothing but the line feed can then be taken for the end of a line.
        lines = "".join(json.dumps(list(pair)) + "\n" for pair in pairs).encode("ascii")
        write_bytes(place / name, lines)
        digests[name] = sha256(lines)
    header = _Header(
        format=FORMAT,
        source_column=prepared.source_column,
        target_column=prepared.target_column,
        tokenizer=prepared.tokenizer_config,
        report=prepared.report,
        too_long=prepared.too_long,
        notes=prepared.notes,
        fingerprint=prepared.train.fingerprint,
        sha256=digests,
    )
    write_text(place / "prepared.json", json.dumps(to_dict(header), indent=1) + "\n")


def _read_pairs(path: Path, digest: str) -> list[Pair]:
    lines = path.read_bytes()
    if sha256(lines) != digest:
        raise ValueError("altered")
    return [Pair(*json.loads(line)) for line in lines.splitlines()]


def _clear(place: Path) -> None:
    """Take away what an earlier attempt, stopped midway, left in the folder."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / "prepared.json").unlink(missing_ok=True)
        for name in ("text", "train"):
            shutil.rmtree(place / name, ignore_errors=True)
        for leftover in place.glob(".*.tmp"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    except OSError as error:
        raise write_failed(place, error) from error


def _all_too_long(too_long: TooLong, max_length: int) -> str:
    return (
        f"all {too_long.count:,} training pairs have a side of more than {max_length:,} tokens (the longest has "
        f"{too_long.longest:,}). Pass a larger --max-length, or cut the texts into sentences."
    )


def _no_progress(stage: str, done: int, total: int | None) -> None:
    pass
