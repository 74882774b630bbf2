"""The few largest found without sorting, against sorting everything in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.decoding import best
from transduce.decoding.best import best_continuations, largest


@settings(deadline=None, max_examples=150)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 40), st.integers(1, 12), st.integers(1, 9),
       st.sampled_from([0, best.FEW]), st.integers(0, 10**6))  # fmt: skip
def test_the_best_continuations_are_those_of_a_sorted_list(
    widths: list[int], vocab: int, beam: int, classes: int, few: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    sentences = np.arange(len(widths)).repeat(widths)
    values = generator.normal(size=(len(sentences), vocab)).astype(np.float32)
    values[generator.random(values.shape) < 0.1] = -np.inf
    totals = generator.normal(size=len(sentences))
    totals[generator.random(len(totals)) < 0.2] = -np.inf
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(best, "CLASSES", classes)  # from one class for all tokens to one for each
        patch.setattr(best, "FEW", few)
        found = best_continuations(torch.from_numpy(values), totals, sentences=sentences, beam=beam)
    for sentence in range(len(widths)):
        rows = np.flatnonzero(sentences == sentence).tolist()
        every = sorted((totals[row] + float(values[row, word]) for row in rows for word in range(vocab)), reverse=True)
        count = found.totals.shape[1]
        assert min(beam, max(widths) * vocab) <= count <= beam
        assert found.totals[sentence].tolist() == (every + [-math.inf] * count)[:count]
        chosen = list(zip(found.origins[sentence].tolist(), found.tokens[sentence].tolist(), strict=True))
        for (row, word), total, log_prob in zip(chosen, found.totals[sentence], found.log_probs[sentence], strict=True):
            if total > -math.inf:
                assert row in rows
                assert log_prob == values[row, word]
                assert total == totals[row] + log_prob
        real = [pair for pair, total in zip(chosen, found.totals[sentence], strict=True) if total > -math.inf]
        assert len(set(real)) == len(real)


def test_the_largest_is_the_first_of_equal_ones() -> None:
    values, places = largest(torch.tensor([[-3.0, -1.0, -1.0, -2.0], [-math.inf, -math.inf, -5.0, -9.0]]))
    assert places.tolist() == [1, 2]
    assert values.tolist() == [-1.0, -5.0]
