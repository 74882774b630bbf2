"""What is served: runs, the languages they read and write, and what is known of each."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import msgspec

from transduce.config import to_dict
from transduce.data.languages import english_name
from transduce.data.tokenizer import BYTES, SPECIALS, Tokenizer
from transduce.errors import RunError, TransduceError
from transduce.run import METRICS, REPORT, read_config
from transduce.transducer import Transducer, load, spoken_count

FIRST = "A first sentence."
LETTERS_EACH = 1.6  # of a piece; below it a text is spelled and not known


@dataclass(frozen=True)
class Served:
    """One run. ``source`` and ``target`` are what clients call its sides: a language's code, else the run's name."""

    name: str
    model: Transducer
    source: str
    target: str

    @property
    def language(self) -> str | None:
        """Of what it reads."""
        return self.model.config.source_language

    @property
    def target_language(self) -> str | None:
        return self.model.config.target_language

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest text it is given at once: no training pair was longer."""
        return self.model.config.request.max_length

    @cached_property
    def most_units(self) -> tuple[int, bool]:
        """Words of the longest sentence it is given, and whether they are characters instead.

        The longest that it was trained on, but for outliers: at most twice what 99 of 100 stay below.
        """
        lengths = self.model.config.data.get("source_lengths") or {}
        longest, most = lengths.get("longest"), lengths.get("p99")
        known = isinstance(longest, int) and isinstance(most, int) and longest > 0
        return (min(longest, max(8, 2 * most)) if known else self.longest), lengths.get("unit") == "characters"  # type: ignore[operator,type-var,return-value]

    def fits(self, text: str) -> bool:
        """Whether it was trained on sentences as long."""
        most, characters = self.most_units
        if (len(text) if characters else len(text.split())) > most:
            return False
        if len(text.encode("utf-8", "replace")) <= self.longest:  # a token is at least a byte
            return True
        return len(text) <= 40 * self.longest and len(self.model.tokenizers.source.encode(text)) <= self.longest

    def knows(self, text: str, ids: Sequence[int]) -> bool:
        """Whether the model can know what ``text`` says, its tokens being ``ids``.

        It cannot where more than half of them are bytes or <unk> (a script that it never saw), nor where words fall
        apart into letters (a name, a code, capitals in a model of small letters), nor where letters are the lesser part.
        """
        if 2 * sum(map(str.isalpha, text)) <= sum(not character.isspace() for character in text):
            return False  # signs and numbers
        tokenizer = self.model.tokenizers.source
        first = _first_learned(tokenizer)
        known = sum(number >= first for number in ids)
        if len(ids) - known >= max(1, known):
            return False
        if tokenizer.kind not in ("bpe", "unigram") or _ideographic(text):
            return True
        spelled = [sum(map(str.isalpha, piece)) for number, piece in zip(ids, tokenizer.pieces(ids), strict=True)
                   if number >= first]  # fmt: skip
        letters, pieces = sum(spelled), sum(map(bool, spelled))
        least = 4 if len(text.split()) == 1 else 8  # too few letters tell nothing
        return letters < least or letters >= LETTERS_EACH * pieces

    def card(self) -> dict[str, Any]:
        """The run as data: its report, without the paths and the command of the machine that trained it."""
        config = self.model.config
        keep = ("version", "source_language", "target_language", "parameters", "source_vocab", "target_vocab", "scores",
                "reasons", "decided", "data", "seconds", "versions")  # fmt: skip
        values = to_dict(config)
        return {
            "name": self.name, "source": self.source, "target": self.target,
            "columns": {"source": config.source, "target": config.target},
            "description": f"{self.model.model.describe()}, {spoken_count(config.parameters)} parameters",
            "model": values["model"], "tokenizer": values["tokenizer"], "decoding": values["decoding"],
            **{key: values[key] for key in keep},
        }  # fmt: skip

    def report(self) -> str:
        """``report.md``, or nothing where the run has none yet."""
        return _read(self.model.path, REPORT)

    def metrics(self, after: int = 0) -> list[dict[str, Any]]:
        """The measurements of ``metrics.jsonl`` from line ``after`` on, counted from 0; live while it is written."""
        lines = _read(self.model.path, METRICS).split("\n")[:-1]  # a last line without its end is still being written
        found = []
        for line in lines[after:]:
            try:
                found.append(msgspec.json.decode(line))
            except msgspec.DecodeError:
                found.append({})
        return found


@final
class Catalog:
    """The runs that are served, in the order they were named."""

    def __init__(self, served: Sequence[Served]) -> None:
        self.runs = list(served)
        self.by_name = {each.name: each for each in served}

    def find(self, source: str, target: str) -> Served | None:
        """The first run that translates so. A run may be named in place of the target, whatever the source."""
        for each in self.runs:
            if (each.source, each.target) == (source, target):
                return each
        named = self.by_name.get(target)
        return named if named and source in (named.source, named.name, "auto") else None

    def sources_of(self, target: str) -> list[Served]:
        return [each for each in self.runs if each.target == target]

    @property
    def codes(self) -> set[str]:
        """All languages, by their ISO 639-1 codes."""
        sides = (side for each in self.runs for side in (each.language, each.target_language))
        return {code for code in sides if code}

    def languages(self) -> list[dict[str, Any]]:
        """``GET /languages``: what can be translated from, and into what."""
        found: dict[str, dict[str, Any]] = {}
        for each in self.runs:
            for code in (each.source, each.target):
                found.setdefault(code, {"code": code, "name": english_name(code) or code, "targets": []})
            targets = found[each.source]["targets"]
            if each.target not in targets:
                targets.append(each.target)
        for entry in found.values():
            entry["targets"].sort()
        return sorted(found.values(), key=lambda entry: str(entry["name"]))


def load_catalog(paths: Sequence[str | Path], *, device: str = "auto") -> tuple[Catalog, list[str]]:
    """Load every run. Returns the catalog and one line for each run that cannot be served.

    Raises the first run's error when none can.
    """
    served: list[Served] = []
    failed: list[TransduceError] = []
    for path in paths:
        try:
            read_config(path)  # the cheap checks first
            model = load(path, device=device)
            model.translate(FIRST)  # the first search is slow, and weights that are no numbers show here
            served.append(_served(model, Path(path), {each.name for each in served}))
        except TransduceError as error:
            failed.append(error)
    if not served:
        raise failed[0] if failed else RunError("there is no run to serve.")
    return Catalog(served), [str(error) for error in failed]


def _served(model: Transducer, path: Path, taken: set[str]) -> Served:
    name = re.sub(r"[^\w.-]+", "-", Path(os.path.abspath(path)).name) or "run"
    numbers = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    name = name if name not in taken else next(other for other in numbers if other not in taken)
    config = model.config
    return Served(name, model, config.source_language or name, config.target_language or name)


def _first_learned(tokenizer: Tokenizer) -> int:
    """The first id that is neither special nor a byte."""
    first_byte = len(SPECIALS)
    has_bytes = tokenizer.vocab_size > first_byte and tokenizer.pieces([first_byte]) == [BYTES[0]]
    return first_byte + len(BYTES) if has_bytes else first_byte


def _ideographic(text: str) -> bool:
    return any("\u2e80" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7af" for character in text)


def _read(folder: Path | None, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8") if folder else ""
    except (OSError, UnicodeError):
        return ""
