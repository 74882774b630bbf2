"""What is served: runs, the languages they read and write, and what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import msgspec

from transduce.data.languages import english_name
from transduce.data.tokenizer import BYTES, SPECIALS, Tokenizer, TokenizerPair
from transduce.errors import RunError
from transduce.serve.wire import About

LETTERS_EACH = 1.6  # of a piece; below it a text is spelled and not known


@dataclass(frozen=True)
class Served:
    """One run, without its weights, which are the workers'."""

    about: About
    tokenizers: TokenizerPair

    @property
    def name(self) -> str:
        return self.about.name

    @property
    def source(self) -> str:
        """What clients call what it reads: a language's code, else the run's name."""
        return self.about.source

    @property
    def target(self) -> str:
        return self.about.target

    @property
    def language(self) -> str | None:
        """Of what it reads."""
        return self.about.language

    @property
    def target_language(self) -> str | None:
        return self.about.target_language

    def fits(self, text: str) -> bool:
        """Whether it was trained on sentences as long."""
        longest = self.about.longest
        if (len(text) if self.about.characters else len(text.split())) > self.about.most_units:
            return False
        if len(text.encode("utf-8", "replace")) <= longest:  # a token is at least a byte
            return True
        return len(text) <= 40 * longest and len(self.tokenizers.source.encode(text)) <= longest

    def knows(self, text: str, ids: Sequence[int]) -> bool:
        """Whether the model can know what ``text`` says, its tokens being ``ids``.

        It cannot where more than half of them are bytes or <unk> (a script that it never saw), nor where words fall
        apart into letters (a name, a code, capitals in a model of small letters), nor where letters are the lesser part.
        """
        if 2 * sum(map(str.isalpha, text)) <= sum(not character.isspace() for character in text):
            return False  # signs and numbers
        tokenizer = self.tokenizers.source
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
        return self.about.card

    def report(self) -> str:
        """``report.md``, or nothing where the run has none yet."""
        return _read(self.about.report)

    def metrics(self, after: int = 0) -> list[dict[str, Any]]:
        """The measurements of ``metrics.jsonl`` from line ``after`` on, counted from 0; live while it is written."""
        lines = _read(self.about.metrics).split("\n")[:-1]  # a last line without its end is still being written
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


def catalog_of(runs: Sequence[About]) -> Catalog:
    """The runs that a worker loaded, with their tokenizers.

    Raises ``RunError`` where a tokenizer is missing, broken, or another than the worker's.
    """
    served = []
    for about in runs:
        both = TokenizerPair.load(about.folder)
        digests = [both.source.digest] if both.joint else [both.source.digest, both.target.digest]
        if digests != about.tokenizers:
            raise RunError(f"{about.folder}: its tokenizer was changed while it was loaded. Start again.")
        served.append(Served(about, both))
    return Catalog(served)


def _first_learned(tokenizer: Tokenizer) -> int:
    """The first id that is neither special nor a byte."""
    first_byte = len(SPECIALS)
    has_bytes = tokenizer.vocab_size > first_byte and tokenizer.pieces([first_byte]) == [BYTES[0]]
    return first_byte + len(BYTES) if has_bytes else first_byte


def _ideographic(text: str) -> bool:
    return any("\u2e80" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7af" for character in text)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return ""
