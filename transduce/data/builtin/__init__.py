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

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from transduce.data.builtin.grammar import Sentence, sentences
from transduce.errors import ConfigError

__all__ = ["BuiltinSplit", "builtin_pairs", "builtin_split"]

Example = tuple[str, str]

_RESERVED = 20  # one pair of words in so many is kept out of the training part
_SEEN = 3  # every word of a held-out sentence occurs at least this often in the training part
_PATIENCE = 200_000  # sentences in a row that bring nothing new


class BuiltinSplit(NamedTuple):
    """English-French pairs for training and for holding out."""

    train: list[Example]
    valid: list[Example]
    test: list[Example]


def builtin_pairs(n: int = 20_000, *, seed: int = 0) -> list[Example]:
    """``n`` pairs (english, french) with distinct English sides; a longer list begins with the shorter one.

    Raises ``ConfigError`` when ``n`` is negative or more than the grammar yields in reasonable time.
    """
    if n < 0:
        raise ConfigError(f"builtin pairs: the number of pairs must not be negative, got {n}.")
    found: dict[str, str] = {}
    for sentence in _until_stale(seed, lambda: len(found) >= n, lambda: len(found)):
        found.setdefault(sentence.english, sentence.french)
    return list(found.items())
