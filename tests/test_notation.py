"""The table of symbols: every name that it calls ours exists, and both languages have the same names."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest
import torch

from transduce.models import RNNConfig, build
from transduce.models.base import AttentionMap
from transduce.reference import attention, gated, recurrent, seq2seq

DOCS = Path(__file__).parent.parent / "docs"
PAGES = ["notation.md", "notation.zh-CN.md"]


def ours(page: str) -> list[list[str]]:
    """The names in the first column of each row."""
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / page).read_text(encoding="utf-8"), flags=re.M)
    return [re.findall(r"`([^`]+)`", cell) for cell in rows]


def existing() -> set[str]:
    known = {field.name for field in msgspec.structs.fields(RNNConfig)} | {each.name for each in fields(AttentionMap)}
    known |= {word for field in msgspec.structs.fields(RNNConfig) for word in getattr(field.type, "__args__", ())
              if isinstance(word, str)}  # fmt: skip
    for kind in (recurrent.RNNWeights, recurrent.RNNStep, recurrent.OutputWeights, recurrent.OutputStep,
                 gated.LSTMWeights, gated.LSTMStep, gated.GRUWeights, gated.GRUStep,
                 attention.AttentionWeights, attention.AttentionStep):  # fmt: skip
        known |= set(kind._fields)
    known |= {each.name for each in fields(seq2seq.DecoderStep)} | {each.name for each in fields(seq2seq.Run)}
    for cell in ("lstm", "gru"):
        config = RNNConfig(
            cell=cell, embed=2, hidden=2, attention="additive", lexical=True, bridge="dense", tied="none"
        )
        model = build(config, source_vocab=5, target_vocab=5)
        with torch.no_grad():
            inside = model.look_inside(torch.tensor([3, 2]), torch.tensor([1, 4]))
        known |= {name for name, _ in model.named_parameters()} | set(inside.first) | set(inside.outputs)
        known |= {each.name for layer in inside.layers for each in layer.quantities}
        known |= {each.name for each in inside.output_quantities}
    return known


@pytest.mark.parametrize("page", PAGES)
def test_every_name_exists(page: str) -> None:
    names = [name for row in ours(page) for name in row]
    assert len(names) > 50
    assert not set(names) - existing()


def test_both_languages_translate_the_same_names() -> None:
    assert ours(PAGES[0]) == ours(PAGES[1])


def test_every_quantity_that_a_model_shows_is_in_the_table() -> None:
    names = {name for row in ours(PAGES[0]) for name in row}
    for cell in ("lstm", "gru", "rnn"):
        model = build(RNNConfig(cell=cell, embed=2, hidden=2, lexical=True), source_vocab=5, target_vocab=5)
        with torch.no_grad():
            inside = model.look_inside(torch.tensor([3, 2]), torch.tensor([1, 4]))
        shown = {each.name for layer in inside.layers for each in layer.quantities}
        shown |= {each.name for each in [*inside.output_quantities, *inside.first_quantities]}
        assert not shown - names
