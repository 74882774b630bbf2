"""English-French pairs from a grammar and a lexicon of our own: what demo, tests and docs train on.

The pairs need no file and no network, are the same for the same seed, and each English sentence
has exactly one French one. What English leaves open is settled by these conventions:

- "you" is vous, one man; with a name after it ("Are you tired, Marie?") it is tu, with "sir" or
  "madam" vous, with "children" vous of several. "I" and "we" are masculine; so is "they", unless it
  stands for women or feminine things named in the sentence.
- The past is the compound past, for states ("was", "had", "knew") and for "used to" and "was -ing"
  the imperfect. "Will" is the simple future, "going to" aller with an infinitive.
- Yes-or-no questions begin with est-ce que. "!" and "?" have a plain space before them in French.
- Numbers are written in words, on both sides.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple
from zlib import crc32

from transduce.data.builtin.grammar import Sentence, sentences
from transduce.errors import ConfigError

__all__ = ["BuiltinSplit", "builtin_pairs", "builtin_split"]

Example = tuple[str, str]

RESERVED = 20  # one pair of words in so many is kept out of the training part
SEEN = 3  # every word of a held-out sentence occurs at least this often in the training part
_ASIDE = 10  # one sentence in so many is kept out for itself
_PATIENCE = 300_000  # sentences in a row that bring nothing new


class BuiltinSplit(NamedTuple):
    """English-French pairs for training and for holding out."""

    train: list[Example]
    valid: list[Example]
    test: list[Example]


def builtin_pairs(n: int = 20_000, *, seed: int = 0) -> list[Example]:
    """``n`` pairs (english, french), no English sentence twice; a longer list begins with the shorter one.

    Raises ``ConfigError`` when ``n`` is negative, or more than the grammar can write.
    """
    if n < 0:
        raise ConfigError(f"built-in pairs: their number cannot be negative, got {n:,}.")
    found: dict[str, str] = {}
    idle = 0
    stream = sentences(seed)
    while len(found) < n:
        sentence = next(stream)
        idle = idle + 1 if sentence.english in found else 0
        found.setdefault(sentence.english, sentence.french)
        if idle > _PATIENCE:
            raise ConfigError(f"built-in pairs: the grammar does not write {n:,} different sentences.")
    return list(found.items())


def builtin_split(train: int, valid: int, test: int, *, seed: int = 0) -> BuiltinSplit:
    """Pairs for training, validation and test, where what is held out combines known words in unseen ways.

    No sentence, English or French, stands in two parts. Every word of a held-out sentence, as
    written, occurs at least three times in the training part, on its side. Half of the held-out
    sentences hold a pair of words (a verb and its object, an adjective and its noun) that the
    training part never puts together; the others are unseen sentences only.

    Raises ``ConfigError`` for negative sizes, and when ``train`` is so small that its words do not
    make the held-out sentences asked for.
    """
    if min(train, valid, test) < 0:
        raise ConfigError(f"built-in pairs: sizes cannot be negative, got {train:,}, {valid:,} and {test:,}.")
    stream = sentences(seed)
    learned: dict[str, str] = {}
    aside: list[Sentence] = []
    while len(learned) < train:
        sentence = next(stream)
        if _held_out(sentence, seed):
            aside.append(sentence)
        else:
            learned.setdefault(sentence.english, sentence.french)
    counts = [Counter(word for text in side for word in _words(text)) for side in (learned, learned.values())]
    known = [{word for word, count in side.items() if count >= SEEN} for side in counts]

    parts: tuple[dict[str, str], dict[str, str]] = ({}, {})
    wanted = {(part, novel): (size + novel) // 2 for part, size in enumerate((valid, test)) for novel in (False, True)}
    budget = 20_000 + 400 * (valid + test)
    while any(wanted.values()):
        if aside:
            sentence = aside.pop()
        else:
            sentence = next(stream)
            budget -= 1
            if budget < 0:
                raise ConfigError(
                    f"built-in pairs: {train:,} training pairs hold too few words for {valid + test:,} held-out ones; "
                    "ask for more of the former or fewer of the latter."
                )
            if not _held_out(sentence, seed):
                continue
        part, novel = _hash(seed, "part", sentence.french) % 2, _novel(sentence, seed)
        if wanted[part, novel] and sentence.english not in parts[part] and _all_known(sentence, known):
            parts[part][sentence.english] = sentence.french
            wanted[part, novel] -= 1
    return BuiltinSplit(list(learned.items()), *(list(part.items()) for part in parts))


def _hash(seed: int, *words: str) -> int:
    return crc32("\t".join((str(seed), *words)).encode())


def _novel(sentence: Sentence, seed: int) -> bool:
    """Whether it puts together two words that the training part keeps apart."""
    return any(_hash(seed, "bond", bond) % RESERVED == 0 for bond in sentence.bonds)


def _held_out(sentence: Sentence, seed: int) -> bool:
    """Whether it is kept out of the training part. The French side decides, so that it stands in one part only."""
    return _novel(sentence, seed) or _hash(seed, "aside", sentence.french) % _ASIDE == 0


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _all_known(sentence: Sentence, known: list[set[str]]) -> bool:
    return known[0].issuperset(_words(sentence.english)) and known[1].issuperset(_words(sentence.french))
