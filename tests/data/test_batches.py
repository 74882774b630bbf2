"""Every row once an epoch, no batch over its tokens, arrays as the equations want them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.data.batches import SOURCE_SHARE, collate, plan_batches
from transduce.data.corpus import Corpus
from transduce.data.tokenizer import BOS, EOS, PAD
from transduce.errors import ConfigError

LENGTHS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=300)
PAIRS = st.lists(
    st.tuples(st.lists(st.integers(2, 90), max_size=9), st.lists(st.integers(2, 90), max_size=9)),
    min_size=1,
    max_size=12,
)


def sample_lengths(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Source and target lengths that go together, as in a real corpus."""
    random = np.random.default_rng(seed)
    source = np.maximum(1, random.lognormal(2.5, 0.4, rows)).astype(np.int32)
    return source, np.maximum(1, source * random.uniform(0.8, 1.3, rows)).astype(np.int32)


@settings(max_examples=150, deadline=None)
@given(
    lengths=LENGTHS, tokens=st.integers(1, 400), seed=st.integers(0, 5), epoch=st.integers(0, 5), shuffle=st.booleans()
)
def test_every_row_once_and_no_batch_over_its_tokens(
    lengths: list[tuple[int, int]],
    tokens: int,
    seed: int,
    epoch: int,
    shuffle: bool,
) -> None:
    source, target = (np.array([pair[side] for pair in lengths], dtype=np.int32) for side in (0, 1))
    batches = plan_batches(source, target, tokens=tokens, seed=seed, epoch=epoch, shuffle=shuffle)
    rows = np.concatenate(batches) if batches else np.zeros(0)
    assert sorted(rows.tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * (target[batch].max() + 1) <= tokens
        assert len(batch) == 1 or len(batch) * (source[batch].max() + 1) <= SOURCE_SHARE * tokens


def test_the_order_is_fixed_by_seed_and_epoch() -> None:
    source, target = sample_lengths(5_000)

    def plan(seed: int, epoch: int, *, shuffle: bool = True) -> list[list[int]]:
        batches = plan_batches(source, target, tokens=300, seed=seed, epoch=epoch, shuffle=shuffle)
        return [batch.tolist() for batch in batches]

    assert plan(1, 2) == plan(1, 2)
    assert plan(1, 2) != plan(1, 3)
    assert plan(1, 2) != plan(2, 2)
    assert plan(1, 2, shuffle=False) == plan(5, 6, shuffle=False)
    # Not only the order of batches differs between epochs: other rows come together.
    together = {frozenset(batch) for batch in plan(1, 2)} & {frozenset(batch) for batch in plan(1, 3)}
    assert len(together) < 5


def test_batches_come_in_no_order_of_length() -> None:
    source, target = sample_lengths(20_000)
    batches = plan_batches(source, target, tokens=400, seed=0, epoch=0)
    means = np.array([target[batch].mean() for batch in batches])
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.15
    sorted_means = [
        target[batch].mean() for batch in plan_batches(source, target, tokens=400, seed=0, epoch=0, shuffle=False)
    ]
    assert sorted_means == sorted(sorted_means)


def test_little_is_padding() -> None:
    source, target = sample_lengths(29_000)
    batches = plan_batches(source, target, tokens=700, seed=0, epoch=0)
    positions = [sum(len(batch) * (side[batch].max() + 1) for batch in batches) for side in (source, target)]
    assert 1 - (target.sum() + len(target)) / positions[1] < 0.03
    assert 1 - (source.sum() + len(source)) / positions[0] < 0.12
    assert len(batches) < 1.05 * (target.sum() + len(target)) / 700


def test_equal_rows_are_all_the_same_to_it() -> None:
    """All pairs of one length: full batches, one rest, and other company each epoch."""
    lengths = np.full(1_000, 9)
    batches = plan_batches(lengths, lengths, tokens=100, seed=0, epoch=0)
    assert [len(batch) for batch in batches] == [10] * 100
    again = plan_batches(lengths, lengths, tokens=100, seed=0, epoch=1)
    assert {frozenset(batch.tolist()) for batch in batches}.isdisjoint(frozenset(batch.tolist()) for batch in again)


def test_nothing_to_do_and_impossible_values() -> None:
    assert plan_batches([], [], tokens=10, seed=0, epoch=0) == []
    with pytest.raises(ConfigError, match="at least 1 token"):
        plan_batches([1], [1], tokens=0, seed=0, epoch=0)


def plainly(pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> tuple[list[list[int]], ...]:
    """The four arrays of a batch, row by row in plain Python."""
    src_len = max(len(source) for source, _ in pairs) + 1
    tgt_len = max(len(target) for _, target in pairs) + 1

    def row(ids: Sequence[int], length: int) -> list[int]:
        return [*ids, *[PAD] * (length - len(ids))]

    return (
        [row([*source, EOS], src_len) for source, _ in pairs],
        [row([BOS, *target], tgt_len) for _, target in pairs],
        [row([*target, EOS], tgt_len) for _, target in pairs],
    )


@settings(max_examples=150, deadline=None)
@given(pairs=PAIRS, data=st.data())
def test_collated_arrays(pairs: list[tuple[list[int], list[int]]], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(pairs) - 1), min_size=1, max_size=8))
    source, target_in, target_out = plainly([pairs[row] for row in rows])
    arrays = [(np.array(s, dtype=np.uint16), np.array(t)) for s, t in pairs]
    for given_as in (pairs, arrays, Corpus.from_lists(pairs)):
        batch = collate(given_as, np.array(rows))  # type: ignore[arg-type]
        assert batch.source.tolist() == source
        assert batch.source_lengths.tolist() == [len(pairs[row][0]) + 1 for row in rows]
        assert batch.target_in.tolist() == target_in
        assert batch.target_out.tolist() == target_out
        assert {array.dtype for array in batch} == {np.dtype(np.int64)}
        backwards = collate(given_as, np.array(rows), right_to_left=True)  # type: ignore[arg-type]
        expected = plainly([(pairs[row][0], pairs[row][1][::-1]) for row in rows])
        assert (backwards.source.tolist(), backwards.target_in.tolist(), backwards.target_out.tolist()) == expected
        assert all(array.flags.c_contiguous for array in batch)
