"""The map of sentences: its components against another computation, its order, its errors."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transduce.errors import DataError
from transduce.explain.sentences import map_lines, principal_components, sentence_map
from transduce.transducer import Transducer, load


@pytest.fixture(scope="module")
def model(trained: Path) -> Transducer:
    return load(trained)


@pytest.mark.parametrize("shape", [(40, 6), (5, 64), (3, 2), (2, 9)])
def test_components_are_the_covariance_s_eigenvectors(shape: tuple[int, int]) -> None:
    vectors = np.random.default_rng(3).normal(size=shape) * np.linspace(3, 1, shape[1])
    places, shares = principal_components(vectors)
    values, directions = np.linalg.eigh(np.cov(vectors, rowvar=False, bias=True))
    count = min(2, shape[0] - 1)
    for k in range(count):
        along = (vectors - vectors.mean(axis=0)) @ directions[:, -1 - k]
        assert np.abs(places[:, k]) == pytest.approx(np.abs(along), abs=1e-8)
        assert shares[k] == pytest.approx(values[-1 - k] / values.sum())
    assert not places[:, count:].any()


@given(arrays(np.float64, (6, 4), elements=st.floats(-100, 100, width=32)), st.permutations(range(6)))
def test_the_map_is_no_matter_of_order(vectors: np.ndarray, order: list[int]) -> None:
    """Shuffled sentences lie where they lay; distances never grow; shares fall and are at most 1."""
    places, shares = principal_components(vectors)
    again, _ = principal_components(vectors[order])
    gaps = np.diff(np.sort(np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False))[::-1][:3])
    if (np.abs(gaps) > 1e-3).all():  # else the two directions are anybody's choice
        assert np.abs(again) == pytest.approx(np.abs(places[order]), abs=1e-5)
    assert 1 + 1e-9 >= shares.sum() >= shares[0] >= shares[1] >= 0
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    assert (np.linalg.norm(places[:, None] - places[None], axis=2) <= apart + 1e-6).all()


def test_the_sign_is_fixed() -> None:
    vectors = np.random.default_rng(0).normal(size=(10, 5))
    places, _ = principal_components(vectors)
    mirrored, _ = principal_components(-vectors)
    assert mirrored == pytest.approx(-places)
    for k in range(2):  # the largest component of the direction is positive
        direction = np.linalg.lstsq(places, vectors - vectors.mean(axis=0), rcond=None)[0][k]
        assert direction[np.abs(direction).argmax()] > 0


def test_a_map_of_a_model(model: Transducer) -> None:
    texts = ["one two three", "nine", " one two three ", "", "two one", "six <b>"]
    found = sentence_map(model, texts)
    assert [point.text for point in found.points] == ["one two three", "nine", "one two three", "two one", "six <b>"]
    assert (found.points[0].x, found.points[0].y) == (found.points[2].x, found.points[2].y)
    state = model.model.start(*_batch(model, "nine"))
    vectors = {
        text: model.model.start(*_batch(model, text)).hidden[-1, 0].detach().double().numpy()
        for text in {p.text for p in found.points}
    }  # type: ignore[attr-defined]
    stacked = np.stack([vectors[point.text] for point in found.points])
    assert found.width == state.hidden.shape[-1]  # type: ignore[attr-defined]
    assert np.array([[p.x, p.y] for p in found.points]) == pytest.approx(principal_components(stacked)[0], abs=1e-4)
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


def _batch(model: Transducer, text: str) -> tuple:  # type: ignore[type-arg]
    import torch

    ids = [*model.tokenizers.source.encode(text), 2]
    return torch.tensor([ids]), torch.tensor([len(ids)])


def test_too_few_sentences(model: Transducer) -> None:
    for texts in ([], ["one"], ["one", " ", ""]):
        with pytest.raises(DataError, match="at least two"):
            sentence_map(model, texts)
    same = sentence_map(model, ["one", "one"])
    assert [(point.x, point.y) for point in same.points] == [(0, 0), (0, 0)]
    assert same.variance == [0, 0]


def test_the_map_in_characters(model: Transducer) -> None:
    found = sentence_map(model, ["one two", "nine", "six\x1b[31m\u202e", "two one"])
    lines = map_lines(found, width=60, height=12)
    plane, table = lines[1:13], lines[13:]
    assert len(table) == 4
    assert max(len(line) for line in plane) <= 60
    right = max(found.points, key=lambda point: point.x)
    number = str(found.points.index(right) + 1)
    assert any(line.endswith(number) and len(line) == 60 for line in plane)
    top = max(found.points, key=lambda point: point.y)
    assert str(found.points.index(top) + 1) in plane[0]
    assert not {"\x1b", "\u202e"} & set("".join(lines))
