"""Held-out parts that share nothing with the training part.

Pairs that have a text in common are linked: the same source with two translations, or two sources with the same
translation. A random split would put such pairs on both sides (half of a random test part of Tatoeba shares a text
with the training part) and measure memory instead of skill. Here all that is linked, directly or through other pairs,
stays together.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from transduce.config import require

TRAIN, VALID, TEST = 0, 1, 2

Keys: TypeAlias = npt.NDArray[np.uint64]
_Places: TypeAlias = npt.NDArray[np.signedinteger]


def text_key(text: str) -> int:
    """A 64-bit hash of a text after NFC, case folding, and white space squeezed to single spaces.

    The same on every machine and in every session. Texts with the same key count as the same text.
    """
    return int(text_keys([text])[0])


def text_keys(texts: Sequence[str]) -> Keys:
    """``text_key`` of many texts: an array of as many uint64."""
    return squeezed_keys([" ".join(text.split()) for text in texts])


def squeezed_keys(texts: Sequence[str]) -> Keys:
    """``text_key`` of texts whose white space is squeezed already; they hold no NUL."""
    if not texts:
        return np.zeros(0, dtype=np.uint64)
    # All at once: NUL neither composes with a neighbor nor changes its case, and stands in no text.
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", "\0".join(texts)).casefold())
    digests = [hashlib.blake2b(text, digest_size=8).digest() for text in folded.encode("utf-8").split(b"\0")]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64, copy=False)


def default_held_out(pairs: int) -> int:
    """How many of ``pairs`` one held-out part takes where nothing else is asked for: 5 %, at least 1, at most 1,000.

    0 of fewer than two pairs. Two or three pairs leave room for one such part, not for two.
    """
    return 0 if pairs < 2 else min(1000, max(1, pairs // 20))


def split(
    source_keys: Keys, target_keys: Keys, *, valid: float | int, test: float | int, seed: int
) -> npt.NDArray[np.uint8]:
    """The part of each pair: 0 training, 1 validation, 2 test.

    source_keys, target_keys: ``text_keys`` of the sources and the targets. valid, test: a share (a float below 1) or a
    count of pairs. Pairs that are linked get the same part, so no key of one part occurs in another. Linked groups are
    drawn at random by ``seed``, whole, until a part is full; those that no longer fit stay in training. A part can
    therefore stay below its size. Only where nothing at all fits does it take the smallest group, and only one that
    leaves training the larger half. Raises ``ConfigError`` for sizes that are impossible or leave nothing to train on.
    """
    assert len(source_keys) == len(target_keys)
    pairs = len(source_keys)
    sizes = [_count(size, pairs, name) for size, name in ((valid, "valid"), (test, "test"))]
    require(
        not any(sizes) or sum(sizes) < pairs,
        f"{sum(sizes):,} held-out pairs of {pairs:,} leave none to train on; ask for fewer with --valid and --test.",
    )
    parts = np.zeros(pairs, dtype=np.uint8)
    if not any(sizes):
        return parts
    groups = linked_groups(source_keys, target_keys)
    members = np.bincount(groups)  # pairs in each group
    part_of_group = np.zeros(len(members), dtype=np.uint8)
    order = np.random.default_rng(seed).permutation(len(members))
    # The test part is drawn first: its size should not depend on what validation took.
    for part, size in ((TEST, sizes[1]), (VALID, sizes[0])):
        free = order[part_of_group[order] == TRAIN]
        left = int(members[free].sum())
        part_of_group[_draw(free, members, min(size, left - 1), most=left // 2)] = part  # one pair at least stays
    return part_of_group[groups]


def linked_groups(source_keys: Keys, target_keys: Keys) -> _Places:
    """The number, from 0, of the group of each pair: the connected components over shared keys.

    Labels spread by taking the least label among all pairs with the same key, hooking on at the root of the own tree,
    and pointer jumping (Shiloach and Vishkin 1982): a number of rounds logarithmic in the longest chain.
    """
    kind = np.int32 if len(source_keys) < 2**31 else np.int64  # half the memory
    label: _Places = np.arange(len(source_keys), dtype=kind)  # of each pair: a pair of its group, at last the least
    sides = [_by_key(keys, kind) for keys in (source_keys, target_keys)] if len(label) else []
    while True:
        least = label
        for order, starts, run in sides:
            least = np.minimum(least, np.minimum.reduceat(label[order], starts)[run])
        if np.array_equal(least, label):
            break
        np.minimum.at(label, label.copy(), least)  # the root of the tree hooks on
        np.minimum(label, least, out=label)
        while not np.array_equal(jumped := label[label], label):
            label = jumped
    number = np.cumsum(label == np.arange(len(label), dtype=kind), dtype=kind) - 1  # of the roots, in their order
    return np.asarray(number[label])


def _by_key(keys: Keys, kind: type[np.signedinteger]) -> tuple[_Places, _Places, _Places]:
    """Pairs in the order of their keys, where each run of one key starts, and the run of each pair."""
    order = np.argsort(keys).astype(kind)
    ranked = keys[order]
    begins = np.ones(len(keys), dtype=bool)
    begins[1:] = ranked[1:] != ranked[:-1]
    del ranked
    run = np.empty(len(keys), dtype=kind)
    run[order] = np.cumsum(begins, dtype=kind) - 1
    return order, np.flatnonzero(begins), run


def _draw(groups: _Places, members: _Places, size: int, *, most: int) -> list[int]:
    """Groups in the given order, each taken if it still fits in ``size`` pairs.

    If none fits, the smallest one, unless it has more than ``most`` pairs.
    """
    taken: list[int] = []
    left = size
    for start in range(0, len(groups), 8192):
        if not left:
            break
        some = groups[start : start + 8192]
        for group, count in zip(some.tolist(), members[some].tolist(), strict=True):
            if count <= left:
                taken.append(group)
                left -= count
    if size and not taken and len(groups):
        smallest = int(groups[np.argmin(members[groups])])
        if members[smallest] <= most:
            taken.append(smallest)
    return taken


def _count(size: float | int, pairs: int, name: str) -> int:
    """A share below 1 or a count as a count of pairs; a share above 0 is at least one pair."""
    if isinstance(size, float) and 0 < size < 1:
        return min(max(1, round(size * pairs)), pairs)
    require(
        size >= 0 and float(size).is_integer(),
        f"--{name}: give a share between 0 and 1, or a whole number of pairs; got {size}.",
    )
    return int(size)
