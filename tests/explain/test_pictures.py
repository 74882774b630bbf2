"""Pictures of a trace and of a map: what is drawn, in which fonts, and what is said when something is missing."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from transduce.errors import MissingExtra, RunError
from transduce.explain import fonts, pictures
from transduce.explain.pictures import save_map, save_picture
from transduce.explain.sentences import sentence_map
from transduce.explain.trace import GradientTrace, Trace, trace
from transduce.transducer import load


@pytest.fixture(scope="module")
def found(trained: Path) -> Trace:
    return trace(load(trained), "one two $three$ 猫", beam=2)


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG file."""
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that were saved."""
    figures: list[Any] = []
    save = pictures._save

    def note(figure: Any, *rest: Any) -> list[str]:
        figures.append(figure)
        return save(figure, *rest)

    monkeypatch.setattr(pictures, "_save", note)
    return figures


def heat_maps(figure: Any) -> list[Any]:
    return [axis for axis in figure.axes if axis.images]


def test_attention_with_its_tokens_and_states(found: Trace, tmp_path: Path, drawn: list[Any]) -> None:
    assert save_picture(found, tmp_path / "a.png") == []
    assert min(size(tmp_path / "a.png")) > 300
    attention, encoder, decoder = heat_maps(drawn[0])
    assert np.asarray(attention.images[0].get_array()) == pytest.approx(np.array(found.attention[0].weights))
    assert [label.get_text() for label in attention.get_yticklabels()] == [t.text.strip() for t in found.target.tokens]
    assert len(attention.get_xticklabels()) == len(found.source.tokens)
    both = np.concatenate([layer.values["h"] for layer in found.encoder], axis=1)
    assert np.asarray(encoder.images[0].get_array()) == pytest.approx(both)
    assert np.asarray(decoder.images[0].get_array()) == pytest.approx(np.array(found.decoder[0].values["s"]))


def test_without_attention_the_gradient_and_the_states(found: Trace, tmp_path: Path, drawn: list[Any]) -> None:
    rows = [[0.5, -0.25] + [0.0] * (len(found.source.tokens) - 2) for _ in found.target.tokens]
    zeros = [0.0] * len(rows)
    gradient = GradientTrace(
        method="input_x_gradient", points=1, equation="w = x . g", weights=rows, totals=zeros, completeness=zeros
    )
    for attention, given, maps in (([], gradient, 3), ([], None, 2), (found.attention * 2, None, 4)):
        save_picture(msgspec.structs.replace(found, attention=attention, gradient=given), tmp_path / "b.png")
        assert len(heat_maps(drawn[-1])) == maps
    image = heat_maps(drawn[0])[0].images[0]
    assert image.norm.vmin == -image.norm.vmax == -0.5  # signed: zero in the middle


def test_fonts_are_taken_until_all_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    holds = {
        "first": set(map(ord, "abc")),
        "second": set(map(ord, "猫")),
        "third": set(map(ord, "犬猫")),
        "fourth": {1},
    }
    monkeypatch.setattr(fonts, "_path_of", lambda family: "first")
    monkeypatch.setattr(fonts, "_others", lambda: [("Two", "second"), ("Three", "third"), ("Four", "fourth")])
    monkeypatch.setattr(fonts, "_characters", lambda path: frozenset(holds[path]))
    assert fonts.families_for(["ab c\n"]) == (["DejaVu Sans"], [])
    assert fonts.families_for(["a猫犬"]) == (["DejaVu Sans", "Two", "Three"], [])
    assert fonts.families_for(["猫鳥"]) == (["DejaVu Sans", "Two"], ["鳥"])


def test_missing_characters_are_told_in_one_line(found: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_others", lambda: [])
    (told,) = save_picture(found, tmp_path / "d.png")
    assert "猫" in told
    assert str(tmp_path / "d.png") in told
    assert "\n" not in told
    assert size(tmp_path / "d.png")


def test_matplotlib_missing(found: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"transduce\[plot\]"):
        save_picture(found, tmp_path / "e.png")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(found: Trace, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot write"):
        save_picture(found, tmp_path / "no" / "f.png")


def test_a_map_writes_its_sentences(trained: Path, tmp_path: Path, drawn: list[Any]) -> None:
    texts = ["one two", "nine $eight$", "four", "猫"]
    found = sentence_map(load(trained), texts)
    assert save_map(found, tmp_path / "map.png") == []
    (axis,) = drawn[0].axes
    assert np.asarray(axis.collections[0].get_offsets()) == pytest.approx(
        np.array([[each.x, each.y] for each in found.points])
    )
    assert {note.get_text() for note in axis.texts} == set(texts)
    save_map(msgspec.structs.replace(found, points=found.points * 20), tmp_path / "many.png")
    assert not drawn[1].axes[0].texts  # too many to be read
