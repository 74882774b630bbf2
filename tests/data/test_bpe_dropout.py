"""Pieces cut anew in every pass: the text stays, what is seen of it changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.data import bpe_dropout
from transduce.data.batches import collate
from transduce.data.bpe_dropout import Cutter, fall_apart
from transduce.data.corpus import Corpus
from transduce.data.tokenizer import Tokenizer, TokenizerConfig

TEXTS = [
    "the cat and the other cat gather together",
    "another weather, another feather, whether or not",
    "rather than bother the others, gather the feathers",
] * 4
TOKENIZER = Tokenizer.train(TEXTS, config=TokenizerConfig(vocab=340))
HALVES = TOKENIZER.halves()


def rows_of(flat: np.ndarray, lengths: np.ndarray) -> list[list[int]]:
    return [row.tolist() for row in np.split(flat, np.cumsum(lengths)[:-1])]


def cut(rows: list[list[int]], share: float, seed: int) -> list[list[int]]:
    lengths = np.array([len(row) for row in rows])
    flat = np.array([number for row in rows for number in row], dtype=np.uint16)
    keys = np.random.default_rng(seed).integers(0, 2**64, len(flat), dtype=np.uint64)
    return rows_of(*fall_apart(flat, lengths, HALVES, share=share, keys=keys))


@settings(max_examples=100, deadline=None)
@given(
    texts=st.lists(st.sampled_from([*TEXTS, "", "a 1 é"]), min_size=1, max_size=6),
    share=st.floats(0, 0.999),
    seed=st.integers(0, 9),
)
def test_every_row_keeps_its_text_and_each_piece_is_there_or_what_it_was_merged_from(
    texts: list[str], share: float, seed: int
) -> None:
    rows = TOKENIZER.encode_batch(texts)
    again = cut(rows, share, seed)
    assert TOKENIZER.decode_batch(again) == texts
    assert all(len(new) >= len(old) for new, old in zip(again, rows, strict=True))
    assert again == cut(rows, share, seed)


def test_without_a_chance_nothing_falls_and_with_certainty_only_letters_remain() -> None:
    rows = TOKENIZER.encode_batch(TEXTS)
    assert max(len(piece) for row in rows for piece in TOKENIZER.pieces(row)) > 4  # there is something to undo
    assert cut(rows, 0.0, 0) == rows
    letters = cut(rows, 1.0, 0)
    assert {len(piece) for row in letters for piece in TOKENIZER.pieces(row)} == {1}


def test_merges_are_undone_as_often_as_the_share_says() -> None:
    whole = TOKENIZER.encode("together")
    assert len(whole) == 1
    many = cut([whole] * 20_000, 0.3, 1)
    assert np.mean([row != whole for row in many]) == pytest.approx(0.3, abs=0.02)
    # Of those that fell, each part that can fall has done so as often again.
    left, right = HALVES[whole[0]].tolist()
    able = [part for part in (left, right) if HALVES[part, 0] >= 0]
    fallen = [row for row in many if row != whole]
    assert np.mean([row == [left, right] for row in fallen]) == pytest.approx(0.7 ** len(able), abs=0.03)


def cutter(share: float = 0.3, *, seed: int = 1, epoch: int = 0) -> Cutter:
    return Cutter((HALVES, HALVES), share, seed, epoch)


def test_draws_of_neighbors_rows_sides_and_passes_have_nothing_in_common() -> None:
    halves = np.array([[-1, -1], [-1, -1], [0, 1]])  # 2 was merged from 0 and 1
    rows, side = np.arange(2_000), (np.full(20_000, 2), np.full(2_000, 10))

    def fell(epoch: int, number: int) -> np.ndarray:
        """(rows, places): whether each piece fell apart."""
        flat, _ = Cutter((halves, halves), 0.3, 1, epoch)(rows, side, side)[number]
        return flat[flat != 1].reshape(2_000, 10) == 0

    found = [fell(epoch, number) for epoch in (0, 1) for number in (0, 1)]
    assert [each.mean() for each in found] == pytest.approx([0.3] * 4, abs=0.015)
    one, other_side, other_pass = found[:3]
    pairs = [(one, other_side), (one, other_pass), (one[:, :-1], one[:, 1:]), (one[:-1], one[1:])]
    assert all(abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.03 for a, b in pairs)


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.integers(0, len(TEXTS) - 1), min_size=1, max_size=20), share=st.floats(0, 0.999))
def test_a_row_is_cut_alike_wherever_it_stands_and_its_lengths_are_known_before(rows: list[int], share: float) -> None:
    ids = TOKENIZER.encode_batch(TEXTS)
    corpus = Corpus.from_lists(zip(ids, ids[::-1], strict=True))
    cut = cutter(share)
    together = collate(corpus, rows, alter=cut)
    source, target = cut.lengths(corpus)
    assert together.source_lengths.tolist() == (source[rows] + 1).tolist()
    assert np.count_nonzero(together.target_out, axis=1).tolist() == (target[rows] + 1).tolist()
    for place, row in enumerate(rows):
        alone = collate(corpus, [row], alter=cut)
        assert together.source[place, : source[row] + 1].tolist() == alone.source[0].tolist()
        assert together.target_out[place, : target[row] + 1].tolist() == alone.target_out[0].tolist()


def test_lengths_of_many_rows_are_found_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = TOKENIZER.encode_batch(TEXTS)
    corpus = Corpus.from_lists(zip(ids, ids, strict=True))
    at_once = cutter().lengths(corpus)
    monkeypatch.setattr(bpe_dropout, "CHUNK", 5)
    assert [each.tolist() for each in cutter().lengths(corpus)] == [each.tolist() for each in at_once]


def test_draws_differ_between_passes_rows_and_seeds_but_not_when_asked_again() -> None:
    ids = np.array(TOKENIZER.encode(" ".join(TEXTS)))
    side = ids, np.array([len(ids)])

    def at(row: int, **of: int) -> list[list[int]]:
        return [flat.tolist() for flat, _ in cutter(0.5, **of)(np.array([row]), side, side)]

    assert at(1) == at(1)
    seen = [at(1), at(2), at(1, epoch=1), at(1, seed=2)]
    assert len({str(each) for each in seen}) == 4
    assert at(1)[0] != at(1)[1]  # the sides are drawn for apart


@pytest.mark.parametrize("kind", ["unigram", "word", "char"])
def test_only_merges_can_be_undone(kind: str) -> None:
    tokenizer = Tokenizer.train(TEXTS, config=TokenizerConfig(kind=kind, vocab=340))  # type: ignore[arg-type]
    assert (tokenizer.halves() == -1).all()
