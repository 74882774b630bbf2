"""The state of one sentence while it is being written: chance, who is spoken to, what was used."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

from transduce.data.builtin.words import Text, Words, words

T = TypeVar("T")


class Weighted(Generic[T]):
    """Things to choose from, each with a weight."""

    def __init__(self, weights: Mapping[T, float]) -> None:
        self.items = tuple(weights)
        self.bounds = list(accumulate(weights.values()))


class Address(NamedTuple):
    """Who "you" is. Without a ``name`` it is vous, one man; with one, the name tells."""

    person: int = 4  # 1 is tu, 4 is vous
    gender: str = "m"
    plural: bool = False
    name: Text = Text("", "")


_SIR = Address(4, "m", False, Text("sir", "monsieur"))
_MADAM = Address(4, "f", False, Text("madam", "madame"))
_CHILDREN = Address(4, "m", True, Text("children", "les enfants"))


class Draft(NamedTuple):
    """A sentence before it is spelled; ``mark`` is its final mark. Without words it is not to be used."""

    en: str
    fr: str
    mark: str = "."


REJECTED = Draft("", "")


def draft(text: Text, mark: str = ".") -> Draft:
    """``text`` as a whole sentence."""
    return Draft(text.en, text.fr, mark)


class Writer:
    """Draws from one seeded stream. Only ``random.random`` is asked: it is the same in every Python."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed).random
        self.words: Words = words()
        self.begin()

    def begin(self) -> None:
        """Forget the sentence before."""
        self.bonds: set[str] = set()  # pairs of words that this sentence puts together
        self.used: set[object] = set()  # nouns and names in it: none comes twice
        self.addressed = False  # whether "you" or "your" occurs
        self.them = True  # whether "them" may stand for people not named (it is masculine then)
        self.plain = False  # whether verbs come without manner, company or place
        self.address = Address()
        draw = self.random()
        if draw < 0.2:
            gender = "m" if draw < 0.1 else "f"
            name = self.name(gender)
            self.address = Address(1, gender, False, Text(name, name))
        elif draw < 0.3:
            self.address = _SIR if draw < 0.23 else _MADAM if draw < 0.26 else _CHILDREN

    def chance(self, probability: float) -> bool:
        """True with ``probability``."""
        return self.random() < probability

    def pick(self, items: Sequence[T]) -> T:
        """One of ``items``, all alike."""
        return items[int(self.random() * len(items))]

    def early(self, items: Sequence[T]) -> T:
        """One of ``items``, the first ones more often."""
        return items[int(self.random() ** 1.7 * len(items))]

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.random() * (high - low + 1))

    def choose(self, weighted: Weighted[T]) -> T:
        """One of the items, by weight."""
        return weighted.items[bisect_right(weighted.bounds, self.random() * weighted.bounds[-1])]

    def fresh(self, items: Sequence[T]) -> T:
        """One of ``items`` that the sentence does not hold yet; noted as used."""
        for _ in range(20):
            item = self.pick(items)
            if item not in self.used:
                break
        self.used.add(item)
        return item

    def name(self, gender: str = "") -> str:
        """A first name not yet in the sentence."""
        return self.fresh(self.words.names[gender or ("m" if self.chance(0.5) else "f")])

    def bond(self, *parts: str) -> None:
        """Note that the sentence puts these words together."""
        self.bonds.add(" ".join(parts))
