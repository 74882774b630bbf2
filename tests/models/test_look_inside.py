"""What a model returns about itself: the same numbers as training and search compute, and as its equations say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from transduce.models import RNN, Generator, RNNConfig, build
from transduce.models.base import Inside

CELLS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru"},
    "gru_before": {"cell": "gru_before"},
    "tanh": {"cell": "rnn"},
    "relu": {"cell": "rnn", "activation": "relu"},
    "sigmoid": {"cell": "rnn", "activation": "sigmoid"},
}
ATTENTIONS = ("none", "dot", "general", "additive", "scaled_dot")
SOURCE, TARGET_IN = [5, 3, 8, 6, 2], [1, 4, 6, 5]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def made(**values: Any) -> RNN:
    torch.manual_seed(3)
    model = build(RNNConfig(**{"embed": 3, "hidden": 4, "tied": "none", **values}), source_vocab=9, target_vocab=7)
    assert isinstance(model, RNN)
    with torch.no_grad():  # biases start equal or at zero in places, which could hide that one is left out
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    return model.double().eval()


def configs(cell: str, attention: str) -> Iterator[dict[str, Any]]:
    for directions, layers, feeding, turned, bridge in itertools.product(
        (1, 2), (1, 2), (False, True), (False, True), ("copy", "dense")
    ):
        if not (feeding and attention == "none"):
            yield CELLS[cell] | {"attention": attention, "bidirectional": directions == 2, "layers": layers,
                                 "input_feeding": feeding, "reverse_source": turned, "bridge": bridge}  # fmt: skip


def same(got: Tensor, expected: Tensor, told: object) -> None:
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12, msg=lambda text: f"{told}: {text}")


def opened(model: Generator, source: list[int] = SOURCE, target_in: list[int] = TARGET_IN) -> Inside:
    with torch.no_grad():
        return model.look_inside(torch.tensor(source), torch.tensor(target_in))


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_same_numbers_as_training_and_search(cell: str, attention: str) -> None:
    source, target_in = torch.tensor([SOURCE]), torch.tensor([TARGET_IN])
    for values in configs(cell, attention):
        model = made(**values)
        inside = opened(model)
        lengths = torch.tensor([len(SOURCE)])
        with torch.no_grad():
            same(inside.logits, model(source, lengths, target_in)[0], values)
            states, _, _ = model.encode(source, lengths)
            state = model.start(source, lengths)
            top = [each for each in inside.layers if each.part == "encoder"][-model.encoder.directions :]
            same(torch.cat([each.values["h"] for each in top], dim=-1), states[0], values)
            same(inside.first["s_0"], state.hidden[:, 0], values)
            assert inside.summary is not None
            same(inside.summary, state.hidden[-1, 0], values)
            for t, token in enumerate(TARGET_IN):
                _, state = model.step(torch.tensor([token]), state)
                decoder = [each for each in inside.layers if each.part == "decoder"]
                same(torch.stack([each.values["s"][t] for each in decoder]), state.hidden[:, 0], values)
                if state.cell is not None:
                    same(torch.stack([each.values["c"][t] for each in decoder]), state.cell[:, 0], values)
                if attention != "none":
                    assert state.attention is not None
                    assert state.context is not None
                    same(inside.attention[0].weights[t], state.attention[0], values)
                    same(inside.outputs["context"][t], state.context[0], values)
        assert len(inside.attention) == (attention != "none")
