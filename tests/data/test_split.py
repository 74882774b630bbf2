"""Nothing held out shares a text with training, and the parts have the sizes that were asked for."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.data.split import default_held_out, linked_groups, split, text_key, text_keys
from transduce.errors import ConfigError

Keys = npt.NDArray[np.uint64]


def keys(values: list[int]) -> Keys:
    return np.asarray(values, dtype=np.uint64)


def components(source: list[int], target: list[int]) -> list[frozenset[int]]:
    """Connected components of pairs by breadth-first search: the independent implementation."""
    found, seen = [], set()
    for start in range(len(source)):
        if start in seen:
            continue
        group, front = {start}, [start]
        while front:
            here = front.pop()
            for other in range(len(source)):
                if other not in group and (source[other] == source[here] or target[other] == target[here]):
                    group.add(other)
                    front.append(other)
        seen |= group
        found.append(frozenset(group))
    return found


linked = st.integers(1, 12).flatmap(
    lambda kinds: st.lists(st.tuples(st.integers(0, kinds), st.integers(0, kinds)), min_size=1, max_size=30)
)


@given(linked)
@settings(deadline=None)
def test_groups_are_the_connected_components(pairs: list[tuple[int, int]]) -> None:
    source, target = [a for a, _ in pairs], [b for _, b in pairs]
    groups = linked_groups(keys(source), keys(target))
    found = {frozenset(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups)}
    assert found == set(components(source, target))
    assert sorted(set(groups.tolist())) == list(range(len(found)))


@pytest.mark.parametrize("pairs", [2, 1000, 30_000])
def test_long_chains_are_one_group(pairs: int) -> None:
    """a-b, c-b, c-d, e-d ...: the worst case for labels that only spread to neighbors."""
    places = np.arange(pairs, dtype=np.uint64)
    for order in (slice(None), slice(None, None, -1), np.random.default_rng(0).permutation(pairs)):
        assert linked_groups((places // 2)[order], ((places + 1) // 2)[order]).max() == 0


@given(linked, st.integers(0, 8), st.integers(0, 8), st.integers(0, 99))
@settings(deadline=None)
def test_nothing_held_out_was_seen(pairs: list[tuple[int, int]], valid: int, test: int, seed: int) -> None:
    source, target = keys([a for a, _ in pairs]), keys([b for _, b in pairs])
    if valid + test >= len(pairs) and valid + test > 0:
        with pytest.raises(ConfigError, match="leave none to train on"):
            split(source, target, valid=valid, test=test, seed=seed)
        return
    parts = split(source, target, valid=valid, test=test, seed=seed)
    assert parts.dtype == np.uint8
    for side in (source, target):
        seen = [set(side[parts == part].tolist()) for part in range(3)]
        assert not seen[0] & seen[1]
        assert not seen[0] & seen[2]
        assert not seen[1] & seen[2]
    sizes = sorted(len(group) for group in components(source.tolist(), target.tolist()))
    for part, asked in ((1, valid), (2, test)):
        taken = int((parts == part).sum())
        if not asked:
            assert taken == 0
        elif taken > asked:  # only one whole group, where none was small enough, and never the larger half
            assert sizes[0] > asked or (part == 1 and test)
            assert taken <= len(pairs) // 2
    assert (parts == 0).any()
    assert np.array_equal(parts, split(source, target, valid=valid, test=test, seed=seed))


def test_sizes_are_met_exactly_where_single_pairs_abound() -> None:
    generator = np.random.default_rng(0)
    source = generator.integers(0, 30_000, 40_000).astype(np.uint64)
    target = generator.integers(0, 10**9, 40_000).astype(np.uint64)
    assert np.bincount(split(source, target, valid=1000, test=500, seed=1)).tolist() == [38_500, 1000, 500]
    assert np.bincount(split(source, target, valid=0.1, test=0.0, seed=1)).tolist() == [36_000, 4000]
    assert split(source, target, valid=0, test=0, seed=1).max() == 0
    first, second = (split(source, target, valid=1000, test=500, seed=seed) for seed in (1, 2))
    assert not np.array_equal(first, second)
    held_out = np.flatnonzero(first == 1)
    assert held_out.min() < 2000  # drawn from everywhere, not from one end
    assert held_out.max() > 38_000


def test_a_giant_group_stays_in_training() -> None:
    giant, single = np.zeros(900, dtype=np.uint64), np.arange(1, 101, dtype=np.uint64)
    source, target = np.concatenate([giant, single]), np.arange(1000, dtype=np.uint64)
    parts = split(source, target, valid=200, test=0, seed=0)
    assert not parts[:900].any()
    assert (parts[900:] == 1).all()
    assert not split(giant, target[:900], valid=100, test=100, seed=0).any()


def test_when_nothing_fits_the_smallest_group_is_taken() -> None:
    source = keys([0] * 5 + [1] * 4 + [2] * 9)
    parts = split(source, np.arange(18, dtype=np.uint64), valid=2, test=0, seed=0)
    assert np.flatnonzero(parts).tolist() == [5, 6, 7, 8]


@pytest.mark.parametrize("size", [-1, 1.5, -0.1, float("nan"), float("inf"), 1_000_000, 3])
def test_impossible_sizes(size: float) -> None:
    places = np.arange(3, dtype=np.uint64)
    with pytest.raises(ConfigError):
        split(places, places, valid=size, test=0, seed=0)


def test_default_sizes() -> None:
    assert [default_held_out(pairs) for pairs in (0, 1, 2, 3, 39, 40, 1000, 19_999, 10**7)] == [
        0,
        0,
        1,
        1,
        1,
        2,
        50,
        999,
        1000,
    ]


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")))
@settings(deadline=None)
def test_key_ignores_case_spaces_and_normal_form(text: str) -> None:
    key = text_key(text)
    assert 0 <= key < 2**64
    assert key == text_key(f" {text}\t")
    assert key == text_key(unicodedata.normalize("NFD", text)) == text_key(unicodedata.normalize("NFC", text))
    assert key == text_key(" \u3000".join(text.split()))
    if text.lower().upper() == text.upper() and text.isascii():
        assert key == text_key(text.upper())
    assert key != text_key(text + "x")


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")), max_size=8))
@settings(deadline=None)
def test_keys_of_many_are_the_keys_of_each(texts: list[str]) -> None:
    assert text_keys(texts).tolist() == [text_key(text) for text in texts]


def test_keys_are_the_same_in_every_session() -> None:
    code = "from transduce.data.split import text_key; print(text_key('Un  homme'), text_key('un homme'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(text_key("Un homme"))] * 2
