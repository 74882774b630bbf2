"""The data doctor: what is in the pairs before anything is learned from them.

    report = inspect_pairs(open_pairs("pairs.csv"), test_reader=open_pairs("test.csv"))
    print("\\n".join(report.lines()))

Memory is bounded: of each pair some 32 bytes are kept (hashes, row, ratio of lengths), of the texts nothing.
"""

from __future__ import annotations

import math
import operator
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Generic, Literal, TypeAlias, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from transduce.data.characters import LOST, MOJIBAKE, Characters
from transduce.data.findings import CharacterFinding, DataReport, Finding, Lengths, Overlap, PartReport
from transduce.data.readers import Dropped, Pair, PairReader
from transduce.data.split import Keys, squeezed_keys

__all__ = ["DataReport", "Finding", "Inspector", "Lengths", "Overlap", "PartReport", "inspect_pairs"]

Number = TypeVar("Number", bound=np.generic)
Part: TypeAlias = Literal["train", "valid", "test"]
_BATCH = 4096
_FIRST = 5  # rows named for each finding
_SMOOTHING = 10  # characters added to both lengths of a ratio: "Hi." and "Good morning!" are no odd pair
# Thai and Lao, Burmese, Khmer, kana, Han: scripts that put no spaces between words.
_WORDLESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


def inspect_pairs(
    reader: PairReader, *, valid_reader: PairReader | None = None, test_reader: PairReader | None = None
) -> DataReport:
    """Read all pairs and tell what is in them. Raises ``DataError`` as the readers do."""
    inspector = Inspector()
    parts: list[tuple[Part, PairReader | None]] = [("train", reader), ("valid", valid_reader), ("test", test_reader)]
    for part, each in parts:
        for pairs in each.batches() if each is not None else ():
            inspector.add_many(pairs, part)
    return inspector.finish(reader, valid=valid_reader, test=test_reader)


class Inspector:
    """Looks at pairs as they pass by. ``add_many`` is the fast way; ``finish`` gives the report."""

    def __init__(self) -> None:
        self._parts: dict[str, _Part] = {"train": _Part(), "valid": _Part(), "test": _Part()}
        self._waiting: dict[str, list[Pair]] = {"train": [], "valid": [], "test": []}

    def add(self, pair: Pair, part: Part = "train") -> None:
        """Look at one pair."""
        waiting = self._waiting[part]
        waiting.append(pair)
        if len(waiting) >= _BATCH:
            self._flush(part)

    def add_many(self, pairs: Sequence[Pair], part: Part = "train") -> None:
        """Look at pairs, in their order."""
        self._flush(part)
        for start in range(0, len(pairs), _BATCH):
            self._parts[part].add(pairs[start : start + _BATCH])

    def keys(self, part: Part = "train") -> tuple[Keys, Keys]:
        """``split.text_keys`` of the sources and of the targets of a part, in the order they were added."""
        self._flush(part)
        found = self._parts[part]
        return found.source_keys.whole(), found.target_keys.whole()

    def finish(
        self, reader: PairReader, *, valid: PairReader | None = None, test: PairReader | None = None,
        parts: npt.NDArray[np.uint8] | None = None,
    ) -> DataReport:  # fmt: skip
        """The report on all that was added.

        reader, valid, test: where the parts came from, iterated to their ends. parts: of each training pair added, the
        part that ``split.split`` drew it into, where held-out parts were split off the training data.
        """
        for part in self._waiting:
            self._flush(part)
        reports = {
            part: self._parts[part].report(each)
            for part, each in (("train", reader), ("valid", valid), ("test", test))
            if each is not None
        }
        overlaps = [
            _overlap(part, self._parts["train"], self._parts[part]) for part in ("valid", "test") if part in reports
        ]
        numbers = {"valid": 1, "test": 2}
        held_out = {} if parts is None else {name: int((parts == number).sum()) for name, number in numbers.items()}
        train = reports["train"]
        return DataReport(
            **{name: getattr(train, name) for name in train.__struct_fields__},
            held_out={name: count for name, count in held_out.items() if count},
            valid=reports.get("valid"), test=reports.get("test"), overlaps=overlaps,
        )  # fmt: skip

    def _flush(self, part: str) -> None:
        if self._waiting[part]:
            pairs, self._waiting[part] = self._waiting[part], []
            self._parts[part].add(pairs)


class _Column(Generic[Number]):
    """A growing array."""

    def __init__(self, kind: type[Number]) -> None:
        self._kind = kind
        self._pieces: list[npt.NDArray[Number]] = []

    def append(self, values: npt.ArrayLike) -> None:
        self._pieces.append(np.asarray(values, dtype=self._kind))

    def whole(self) -> npt.NDArray[Number]:
        """All of it; further pieces may still follow."""
        if len(self._pieces) != 1:
            self._pieces = [np.concatenate(self._pieces) if self._pieces else np.zeros(0, dtype=self._kind)]
        return self._pieces[0]


class _Side:
    """One side of the pairs of one part: lengths and characters."""

    def __init__(self) -> None:
        self.characters = Characters()
        self._words: Counter[int] = Counter()
        self._lengths: Counter[int] = Counter()
        self._longest = {"words": (0, 0), "characters": (0, 0)}  # length, row
        self._sample: list[int] = [0, 0, 0]  # characters without spaces, of scripts without spaces, words

    def add(self, texts: Sequence[str], rows: Sequence[int]) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Returns the texts with their white space squeezed, and their lengths in characters."""
        words = list(map(str.split, texts))
        counts, lengths = list(map(len, words)), list(map(len, texts))
        self._words.update(counts)
        self._lengths.update(lengths)
        for unit, found in (("words", counts), ("characters", lengths)):
            longest = max(found)
            if longest > self._longest[unit][0]:
                self._longest[unit] = (longest, rows[found.index(longest)])
        some = "".join(map("".join, words[:32]))[:4096]
        self._sample[0] += len(some)
        self._sample[1] += 0 if some.isascii() else sum(map(len, _WORDLESS.findall(some)))
        self._sample[2] += sum(counts[:32])
        self.characters.add(texts, rows)
        return list(map(" ".join, words)), np.asarray(lengths, dtype=np.int64)

    def lengths(self) -> Lengths:
        seen, wordless, words = self._sample
        # Poems written with a space after each character have words after all.
        unspaced = wordless > 0.4 * seen and seen > 2 * words
        unit, counted = ("characters", self._lengths) if unspaced else ("words", self._words)
        longest, row = self._longest[unit]
        median, p95, p99 = _quantiles(counted, (0.5, 0.95, 0.99))
        return Lengths(unit=unit, median=median, p95=p95, p99=p99, longest=longest, longest_row=row)


class _Part:
    """What is kept of the pairs of one part."""

    def __init__(self) -> None:
        self.source, self.target = _Side(), _Side()
        self.source_keys, self.target_keys = _Column(np.uint64), _Column(np.uint64)
        self._exact, self._rows, self._ratios = _Column(np.int64), _Column(np.uint32), _Column(np.float32)
        self._same = Dropped()

    def add(self, pairs: Sequence[Pair]) -> None:
        sources, targets, rows = zip(*pairs, strict=True)
        squeezed, source_lengths = self.source.add(sources, rows)
        self.source_keys.append(squeezed_keys(squeezed))
        squeezed, target_lengths = self.target.add(targets, rows)
        self.target_keys.append(squeezed_keys(squeezed))
        self._exact.append(list(map(hash, zip(sources, targets, strict=True))))
        self._rows.append(rows)
        self._ratios.append(np.log((target_lengths + _SMOOTHING) / (source_lengths + _SMOOTHING)))
        if any(map(operator.eq, sources, targets)):
            for source, target, row in pairs:
                if source == target:
                    self._same.add(row)

    def row(self, places: npt.NDArray[np.signedinteger]) -> list[int]:
        """Rows of the first of some pairs, given by their places in the order they were added."""
        return [int(row) for row in self._rows.whole()[places[:_FIRST]]]

    def report(self, reader: PairReader) -> PartReport:
        pairs = len(self._rows.whole())
        repeats = _repeats(self._exact.whole())
        sources, several_targets = self._several(self.source_keys.whole(), self.target_keys.whole())
        targets, several_sources = self._several(self.target_keys.whole(), self.source_keys.whole())
        report = PartReport(
            name=reader.name, format=reader.format, source=reader.source_column, target=reader.target_column,
            rows=reader.rows, pairs=pairs,
            dropped={reason: _finding(dropped) for reason, dropped in reader.dropped.items()},
            source_lengths=self.source.lengths(), target_lengths=self.target.lengths(),
            distinct_pairs=pairs - len(repeats), distinct_sources=sources, distinct_targets=targets,
            duplicates=Finding(count=len(repeats), rows=self.row(repeats)),
            several_targets=several_targets, several_sources=several_sources, same_text=_finding(self._same),
            characters=self._characters(),
        )  # fmt: skip
        if not (report.are_labels(sources) or report.are_labels(targets)):  # whose length means nothing
            report = msgspec.structs.replace(report, odd_ratios=self._odd_ratios())
        return _with_notes(report, reader.notes)

    def _several(self, keys: Keys, others: Keys) -> tuple[int, Finding]:
        """How many different keys there are, and those of them that stand beside different others."""
        if not len(keys):
            return 0, Finding()
        order = np.argsort(keys)
        ranked, beside = keys[order], others[order]
        begins = np.ones(len(keys), dtype=bool)
        begins[1:] = ranked[1:] != ranked[:-1]
        changes = begins.copy()  # where a new key begins, or another text stands beside it than in the pair before
        changes[1:] |= beside[1:] != beside[:-1]
        del ranked, beside
        starts = np.flatnonzero(begins)
        several = np.add.reduceat(changes, starts, dtype=np.int32) > 1
        first = np.sort(np.minimum.reduceat(order, starts)[several])
        return len(starts), Finding(count=len(first), rows=self.row(first))

    def _odd_ratios(self) -> Finding:
        """Pairs whose ratio of lengths lies more than 4 median deviations and a factor of 3 from the median.

        The clearest come first.
        """
        ratios = self._ratios.whole()
        if len(ratios) < 20:
            return Finding()
        away = np.abs(ratios - np.median(ratios))
        limit = max(4 * float(np.median(away)), math.log(3))
        odd = np.flatnonzero(away > limit)
        clearest = odd[np.argsort(-away[odd], kind="stable")]
        return Finding(count=len(odd), rows=self.row(clearest))

    def _characters(self) -> list[CharacterFinding]:
        source, target = self.source.characters.found, self.target.characters.found
        found = [
            CharacterFinding(
                name=name, source=_finding(source.get(name, Dropped())), target=_finding(target.get(name, Dropped()))
            )
            for name in {**source, **target}
        ]
        return sorted(found, key=lambda each: -(each.source.count + each.target.count))


def _with_notes(report: PartReport, notes: Iterable[str]) -> PartReport:
    """``report`` with what it means in plain words, where it may not be plain."""
    said = list(notes)
    if report.pairs > 1 and report.distinct_pairs == 1:
        said.append(f"All {report.pairs:,} pairs are the same: nothing can be learned from them.")
    elif report.pairs > 1 and report.distinct_targets == 1:
        said.append("All targets are the same: whatever the source, a model will learn to say just that.")
    elif report.are_labels(report.distinct_sources) and not report.are_labels(report.distinct_targets):
        said.append(
            f"The source has only {report.distinct_sources} different texts. Are the columns the wrong way round? "
            f"Then pass --source {report.target} --target {report.source}."
        )
    if report.pairs and report.same_text.count > 0.5 * report.pairs:
        said.append("Most pairs have the same text on both sides: are these the right columns?")
    if report.pairs and report.duplicates.count > 0.2 * report.pairs and report.distinct_pairs > 1:
        said.append(f"{report.duplicates.count / report.pairs:.0%} of the pairs repeat an earlier one.")
    kinds = {found.name for found in report.characters}
    if LOST in kinds:
        said.append("Where U+FFFD stands, characters were lost in an earlier conversion; go back to the original.")
    if MOJIBAKE in kinds:
        said.append("Some text was UTF-8 and was read as Windows-1252 before it was saved; go back to the original.")
    return msgspec.structs.replace(report, notes=said)


def _overlap(part: str, train: _Part, held_out: _Part) -> Overlap:
    """What ``held_out`` shares with ``train``."""
    sources = _found_in(held_out.source_keys.whole(), train.source_keys.whole())
    together = [_together(each.source_keys.whole(), each.target_keys.whole()) for each in (held_out, train)]
    both = _found_in(*together)
    return Overlap(
        part=part, pairs=len(held_out.source_keys.whole()),
        sources=Finding(count=len(sources), rows=held_out.row(sources)),
        same_pairs=Finding(count=len(both), rows=held_out.row(both)),
    )  # fmt: skip


def _together(sources: Keys, targets: Keys) -> Keys:
    """One key of each pair."""
    return sources * np.uint64(0x9E3779B97F4A7C15) + (targets ^ (targets >> np.uint64(31)))


def _found_in(few: Keys, many: Keys) -> npt.NDArray[np.int64]:
    """Places in ``few`` of what occurs in ``many``; ``many`` may be large and is not sorted."""
    if not len(few) or not len(many):
        return np.zeros(0, dtype=np.int64)
    ranked = np.unique(few)
    places = np.minimum(np.searchsorted(ranked, many), len(ranked) - 1)
    occurs = np.zeros(len(ranked), dtype=bool)
    occurs[places[ranked[places] == many]] = True
    return np.flatnonzero(occurs[np.searchsorted(ranked, few)])


def _repeats(hashes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Places of what occurred before, in order."""
    order = np.argsort(hashes, kind="stable")
    ranked = hashes[order]
    return np.sort(order[1:][ranked[1:] == ranked[:-1]])


def _quantiles(counted: Counter[int], shares: Sequence[float]) -> list[int]:
    """For each share the least length that so many texts do not exceed."""
    lengths = sorted(counted)
    up_to = np.cumsum([counted[length] for length in lengths])
    if not lengths:
        return [0] * len(shares)
    return [lengths[int(np.searchsorted(up_to, share * up_to[-1]))] for share in shares]


def _finding(counted: Dropped) -> Finding:
    return Finding(count=counted.count, rows=list(counted.first_rows))
