"""What a look at the data found, as plain data and as lines to read."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from transduce.config import Config

_FORMATS = {"csv": "CSV", "tsv": "TSV", "jsonl": "JSONL", "parquet": "Parquet", "text": "parallel text", "memory": ""}
FEW = 20  # so many different texts, or fewer, may be labels
SHORT = 16  # words (or characters, where words are not spaced) of what may stand beside a single word to be spelled
_MOST_CHARACTERS = 6  # lines


class Finding(Config, frozen=True, kw_only=True):
    """How often something occurs, and the rows of the first (or the clearest) cases."""

    count: int = 0
    rows: list[int] = msgspec.field(default_factory=list)

    def places(self, word: str = "row") -> str:
        """ "(rows 17, 203, ...)", empty where there is nothing."""
        if not self.rows:
            return ""
        listed = ", ".join(map(str, self.rows)) + (", ..." if self.count > len(self.rows) else "")
        return f"({word}{'s' if len(self.rows) > 1 else ''} {listed})"


class Lengths(Config, frozen=True, kw_only=True):
    """Lengths of the texts of one side, in words or, where words are not spaced, in characters."""

    unit: str = "words"
    median: int = 0
    p95: int = 0
    p99: int = 0
    longest: int = 0
    longest_row: int = 0

    def __str__(self) -> str:
        unit = self.unit if self.median != 1 else self.unit.removesuffix("s")
        return (
            f"median {self.median:,} {unit}, 95 % up to {self.p95:,}, 99 % up to {self.p99:,}, "
            f"longest {self.longest:,} (row {self.longest_row})"
        )


class CharacterFinding(Config, frozen=True, kw_only=True):
    """Texts in which a kind of unusual character stands."""

    name: str
    source: Finding = Finding()
    target: Finding = Finding()


class PartReport(Config, frozen=True, kw_only=True):
    """What is in one source of pairs. Rows are numbered as in the file, from 1."""

    name: str
    format: str
    source: str  # the columns
    target: str
    rows: int  # read, without a header
    pairs: int  # used
    dropped: dict[str, Finding] = msgspec.field(default_factory=dict)
    source_lengths: Lengths = Lengths()
    target_lengths: Lengths = Lengths()
    distinct_pairs: int = 0
    distinct_sources: int = 0  # these two without regard to case and white space
    distinct_targets: int = 0
    duplicates: Finding = Finding()  # pairs that repeat an earlier one, character by character
    several_targets: Finding = Finding()  # sources with different targets; the row of the first of each
    several_sources: Finding = Finding()
    same_text: Finding = Finding()  # source and target are one text
    odd_ratios: Finding = Finding()  # one side far longer than its partner asks for; the clearest first
    characters: list[CharacterFinding] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)

    @property
    def column_names(self) -> tuple[str, str]:
        """The two columns as people speak of them: "english", or "column 1" where columns have no names."""
        source, target = (f"column {name}" if name.isdigit() else name for name in (self.source, self.target))
        return source, target

    def are_labels(self, distinct: int) -> bool:
        """Whether so many different texts on a side are labels: few, each of them often."""
        return distinct <= FEW and self.pairs >= 5 * distinct

    @property
    def are_words(self) -> bool:
        """Whether a side of nearly all pairs is a single word, most of them different, and the other side is short.

        Pronunciations, transliterations and inflected forms are; labels are not, and neither are dictionaries' definitions.
        """
        sides = [(self.source_lengths, self.distinct_sources), (self.target_lengths, self.distinct_targets)]
        return any(
            one.unit == "words" and one.p95 == 1 and 2 * distinct >= self.pairs and other.p95 <= SHORT
            for (one, distinct), (other, _) in (sides, reversed(sides))
        )

    def rows_line(self) -> str:
        """Rows read, used and dropped, with the reasons."""
        if not self.dropped:
            return f"{self.rows:,} read, all used"
        reasons = [f"{found.count:,} for a {reason} {found.places()}" for reason, found in self.dropped.items()]
        return f"{self.rows:,} read, {self.pairs:,} used; left out: {', '.join(reasons)}"


class Overlap(Config, frozen=True, kw_only=True):
    """What a held-out part shares with the training part, without regard to case and white space."""

    part: str
    pairs: int  # of the held-out part
    sources: Finding  # held-out pairs whose source stands in the training part
    same_pairs: Finding  # those whose target stands there with it

    def __str__(self) -> str:
        if not self.sources.count:
            return "no source stands in the training part"
        stand = "source also stands" if self.sources.count == 1 else "sources also stand"
        same = f", {self.same_pairs.count:,} with the same target" if self.same_pairs.count else ""
        return f"{self.sources.count:,} {stand} in the training part{same} {self.sources.places()}"


class DataReport(PartReport, frozen=True, kw_only=True):
    """What is in the data: of the training part directly, of held-out files in ``valid`` and ``test``."""

    # Pairs split off the training data: {"valid": 1000, "test": 1000}.
    held_out: dict[str, int] = msgspec.field(default_factory=dict)
    valid: PartReport | None = None
    test: PartReport | None = None
    overlaps: list[Overlap] = msgspec.field(default_factory=list)

    def lines(self) -> list[str]:
        """The report for people, the most important first; at most about 25 lines."""
        labeled = [*self._what(), *self._parts(), *self._doubts(), *self._characters()]
        labeled += [("note", note) for note in self.notes]
        width = max(len(label) for label, _ in labeled)
        return [f"{label:<{width}}  {re.sub(' +', ' ', text).strip()}" for label, text in labeled]

    def _what(self) -> Iterator[tuple[str, str]]:
        source, target = self.column_names
        kind = _FORMATS.get(self.format, self.format)
        yield "data", f"{self.name}{f', {kind}' if kind else ''}: {source} -> {target}"
        yield "rows", self.rows_line()
        for side, lengths, distinct in (
            ("source", self.source_lengths, self.distinct_sources),
            ("target", self.target_lengths, self.distinct_targets),
        ):
            few = f", only {distinct} different text{'s' if distinct > 1 else ''}" if self.are_labels(distinct) else ""
            yield side, f"{lengths}{few}"

    def _parts(self) -> Iterator[tuple[str, str]]:
        """Held-out parts and what they share with training."""
        if self.held_out:
            sizes = " and ".join(f"{count:,} for {part}" for part, count in self.held_out.items())
            yield "held out", f"{sizes}; pairs that share a text stay together, so none of it is seen in training"
        shared = {overlap.part: overlap for overlap in self.overlaps}
        for part, report in (("valid", self.valid), ("test", self.test)):
            if report is not None:
                yield part, f"{report.name}: {report.rows_line()}; {shared[part]}"

    def _doubts(self) -> Iterator[tuple[str, str]]:
        if self.duplicates.count:
            text = "pair repeats an earlier one" if self.duplicates.count == 1 else "pairs repeat an earlier one"
            yield "duplicates", f"{self.duplicates.count:,} {text} {self.duplicates.places()}"
        ambiguous = [
            f"{found.count:,} {one if found.count == 1 else one.replace(' has', 's have')} {found.places()}"
            for found, distinct, one in (
                (self.several_targets, self.distinct_sources, "source has several targets"),
                (self.several_sources, self.distinct_targets, "target has several sources"),
            )
            if found.count and not self.are_labels(distinct)
        ]
        if ambiguous:
            yield "ambiguous", "; ".join(ambiguous)
        if self.same_text.count:
            have = "pair has" if self.same_text.count == 1 else "pairs have"
            yield "same text", f"{self.same_text.count:,} {have} the same text on both sides {self.same_text.places()}"
        if self.odd_ratios.count:
            pairs = "pair has" if self.odd_ratios.count == 1 else "pairs have"
            text = f"{pairs} one side far longer or shorter than usual beside the other"
            yield "lengths", f"{self.odd_ratios.count:,} {text} {self.odd_ratios.places()}"

    def _characters(self) -> Iterator[tuple[str, str]]:
        for found in self.characters[:_MOST_CHARACTERS]:
            sides = [
                f"{side.count:,} {what}{'s' if side.count > 1 else ''} {side.places()}"
                for side, what in ((found.source, "source"), (found.target, "target"))
                if side.count
            ]
            yield "characters", f"{found.name}: in {' and '.join(sides)}"
        if len(self.characters) > _MOST_CHARACTERS:
            yield "characters", f"and {len(self.characters) - _MOST_CHARACTERS} other kinds that are rarer"
