"""An ensemble is the mean of its members' probabilities, in training's form, in search's, and when it is opened."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from transduce.config import Config
from transduce.decoding import DecodingConfig, Hypothesis, decode, force
from transduce.explain.gradient import attribute
from transduce.models import Ensemble, Generator, ModelConfig, RNNConfig, TransformerConfig, build, describe

pytestmark = pytest.mark.usefixtures("one_thread")
VOCAB = 11
FAMILIES: dict[str, ModelConfig] = {
    "lstm": RNNConfig(embed=6, hidden=8),
    "gru, two layers, feeding": RNNConfig(cell="gru", embed=6, hidden=8, layers=2, input_feeding=True),
    "no attention": RNNConfig(embed=6, hidden=8, attention="none", tied="decoder"),
    "transformer": TransformerConfig(hidden=8, heads=2, layers=2),
}
each_family = pytest.mark.parametrize("config", FAMILIES.values(), ids=FAMILIES)
SOURCES = [[5, 3, 8, 6], [4], [9, 9, 10, 4, 5, 6, 7], [10, 8], [5, 3, 8, 6, 7]]


def members_of(config: ModelConfig, count: int = 3, *, dtype: torch.dtype = torch.float64) -> list[Generator]:
    torch.manual_seed(0)
    return [build(config, source_vocab=VOCAB, target_vocab=VOCAB).to(dtype).eval() for _ in range(count)]


def batch() -> tuple[Tensor, Tensor, Tensor]:
    rows = [[*source, 2] for source in SOURCES]
    source = torch.tensor([row + [0] * (8 - len(row)) for row in rows])
    return source, torch.tensor([len(row) for row in rows]), torch.tensor([[1, 4, 6, 5, 9]] * len(rows))


def mean_of(logits: list[Tensor]) -> Tensor:
    return torch.stack([each.softmax(dim=-1) for each in logits]).mean(dim=0)


@each_family
@torch.no_grad()
def test_probabilities_are_the_mean_of_the_members(config: ModelConfig) -> None:
    source, lengths, target = batch()
    for dtype, within in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        members = members_of(config, dtype=dtype)
        logits = Ensemble(members)(source, lengths, target)
        assert logits.dtype == dtype
        expected = mean_of([each(source, lengths, target) for each in members])
        torch.testing.assert_close(logits.exp(), expected, rtol=0, atol=within)
        torch.testing.assert_close(logits.exp().sum(dim=-1), torch.ones(5, 5, dtype=dtype))


@torch.no_grad()
def test_a_mean_of_probabilities_that_vanish_stays_finite() -> None:
    """Log-probabilities below what a float32 can hold as a probability do not become minus infinity."""
    members = members_of(FAMILIES["lstm"], dtype=torch.float32)
    for each in members:
        each.output.bias.copy_(torch.linspace(-400, 0, VOCAB))  # type: ignore[union-attr]
    logits = Ensemble(members)(*batch())
    assert bool(torch.isfinite(logits).all())
    assert logits.min() < -300


@each_family
@torch.no_grad()
def test_an_ensemble_of_one_is_its_member(config: ModelConfig) -> None:
    (member,) = members = members_of(config, 1)
    own = member(*batch()).log_softmax(dim=-1)
    torch.testing.assert_close(Ensemble(members)(*batch()), own, rtol=0, atol=1e-12)
    settings = DecodingConfig(beam=3, nbest=2)
    alone, in_it = (decode(each, SOURCES, config=settings) for each in (member, Ensemble(members)))
    assert [[each.tokens for each in found] for found in alone] == [[each.tokens for each in found] for found in in_it]


@each_family
@torch.no_grad()
def test_steps_are_the_forward_pass_and_their_attention_is_the_mean(config: ModelConfig) -> None:
    members = members_of(config)
    model, (source, lengths, target) = Ensemble(members), batch()
    whole, state = model(source, lengths, target), model.start(source, lengths)
    states = [each.start(source, lengths) for each in members]
    for t in range(target.shape[1]):
        logits, state = model.step(target[:, t], state)
        torch.testing.assert_close(logits, whole[:, t], rtol=0, atol=1e-12)
        states = [each.step(target[:, t], own)[1] for each, own in zip(members, states, strict=True)]
        looked = [own.attention for own in states if own.attention is not None]
        assert (state.attention is None) == (not looked)
        if state.attention is not None:
            torch.testing.assert_close(state.attention, torch.stack(looked).mean(dim=0))
    assert len(state) == 5
    picked = state.select(torch.tensor([2, 2, 0]))
    assert len(picked) == 3
    logits, _ = model.step(torch.tensor([4, 4, 4]), picked)
    every, _ = model.step(torch.tensor([4] * 5), state)
    torch.testing.assert_close(logits, every[[2, 2, 0]], rtol=0, atol=1e-12)


def same(one: list[Hypothesis], other: list[Hypothesis]) -> None:
    assert [(each.tokens, each.finished) for each in one] == [(each.tokens, each.finished) for each in other]
    for left, right in zip(one, other, strict=True):
        assert left.token_log_probs == pytest.approx(right.token_log_probs, abs=1e-9)
        if left.attention is not None and right.attention is not None:
            np.testing.assert_allclose(left.attention, right.attention, atol=1e-6)


@each_family
@pytest.mark.parametrize("settings", [{"beam": 1}, {"beam": 4, "nbest": 3}, {"sample": True, "nbest": 2}], ids=str)
def test_a_sentence_alone_is_the_sentence_among_others(config: ModelConfig, settings: dict[str, Any]) -> None:
    model, wanted = Ensemble(members_of(config)), {"want_attention": True, "want_log_probs": True}
    found: DecodingConfig = DecodingConfig(**settings)
    together = decode(model, SOURCES, config=found, **wanted)
    for source, here in zip(SOURCES, together, strict=True):
        same(decode(model, [source], config=found, **wanted)[0], here)
        source_batch = torch.tensor([[*source, 2]])
        forced = force(model, source_batch, torch.tensor([len(source) + 1]), [here[0].tokens])[0]
        if here[0].finished:
            assert here[0].log_prob == pytest.approx(forced.log_prob, abs=1e-9)


@each_family
@torch.no_grad()
def test_look_inside_shows_every_members_layers_under_one_mean(config: ModelConfig) -> None:
    members = members_of(config)
    model, source, target = Ensemble(members), torch.tensor([5, 3, 8, 2]), torch.tensor([1, 4, 6])
    inside, own = model.look_inside(source, target), [each.look_inside(source, target) for each in members]
    torch.testing.assert_close(
        inside.logits, model(source[None], torch.tensor([4]), target[None])[0], rtol=0, atol=1e-12
    )
    # Every layer of every member once, and no two with one name.
    assert len({(each.part, each.number, each.direction) for each in inside.layers}) == len(inside.layers)
    assert len(inside.layers) == sum(len(each.layers) for each in own)
    for part in ("encoder", "decoder"):
        theirs = [layer for each in own for layer in each.layers if layer.part == part]
        for shown, layer in zip([each for each in inside.layers if each.part == part], theirs, strict=True):
            assert shown.values.keys() == layer.values.keys()
            assert all(torch.equal(shown.values[name], value) for name, value in layer.values.items())
            assert "of member" in shown.input
    for name, values in inside.first.items():  # a decoder layer's first state stands under its number
        for layer in (each for each in inside.layers if each.part == "decoder"):
            member, number = divmod(layer.number, config.layers)
            torch.testing.assert_close(values[layer.number], own[member].first[name][number])
    assert len(inside.attention) == len({each.layer for each in own[0].attention})
    state = model.start(source[None], torch.tensor([4]))
    for t, token in enumerate(target.tolist()):
        _, state = model.step(torch.tensor([token]), state)
        if inside.attention:
            assert state.attention is not None
            torch.testing.assert_close(inside.attention[-1].weights[t], state.attention[0])
    for each in inside.attention:
        torch.testing.assert_close(each.scores.softmax(dim=-1), each.weights)
    assert inside.summary is not None
    assert len(inside.summary) == sum(len(each.summary) for each in own if each.summary is not None)


@each_family
def test_gradients_reach_the_source_of_every_member(config: ModelConfig) -> None:
    """Integrated gradients add up to what the source adds to log p: the embeddings really are what is read."""
    weights, totals = attribute(Ensemble(members_of(config)), [5, 3, 8, 2], [4, 6, 2], points=300)
    torch.testing.assert_close(weights.sum(dim=1), totals, rtol=0, atol=3e-3)  # the paths have kinks
    assert float(totals.abs().max()) > 1e-2


def test_names_and_refusals() -> None:
    config = FAMILIES["lstm"]
    model = build(config, source_vocab=VOCAB, target_vocab=VOCAB, members=2)
    assert isinstance(model, Ensemble)
    assert model.describe() == describe(config, 2) == "2 x lstm 1x8, general attention"
    assert isinstance(config, Config)
    with pytest.raises(AssertionError):  # members are trained alone
        model.train()(*batch())
