"""The recurrent models against ``transduce.reference``: the same equations in NumPy, one sentence at a time.

The reference knows nothing of batches, padding, fused layers or chunks: whatever those change
beyond the rounding of float64 is a mistake.
"""

from __future__ import annotations

import itertools
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy import ndarray
from torch import Tensor

from tests.models.alike import padded
from transduce.models import RNNConfig, build, rnn
from transduce.models.rnn import RNN, RNNState
from transduce.reference.cells import memory_of
from transduce.reference.compare import first_difference
from transduce.reference.loss import cross_entropy
from transduce.reference.seq2seq import Choices, backward, forward

CELLS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru"},
    "gru_before": {"cell": "gru_before"},
    "tanh": {"cell": "rnn", "activation": "tanh"},
    "relu": {"cell": "rnn", "activation": "relu"},
    "sigmoid": {"cell": "rnn", "activation": "sigmoid"},
}
ATTENTIONS = ("none", "dot", "general", "additive", "scaled_dot")

SOURCES = [[5, 3, 8, 2], [2], [7, 6, 2]]  # 2 ends each, as in training; 9 words
TARGETS = [[1, 4, 6], [1, 5, 3], [1, 2, 0]]  # 7 words


pytestmark = pytest.mark.usefixtures("one_thread")


# ------------------------------------------------------------------------------------------ both agree


def made(seed: int = 1, source_vocab: int = 9, target_vocab: int = 7, **values: Any) -> RNN:
    torch.manual_seed(seed)
    model = build(RNNConfig(**values), source_vocab=source_vocab, target_vocab=target_vocab)
    assert isinstance(model, RNN)
    with torch.no_grad():  # biases start equal or at zero in places, which could hide that one is left out
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    return model.double().eval()


def choices_of(model: RNN) -> Choices:
    return Choices(**{each.name: getattr(model.config, each.name) for each in fields(Choices)})


def weights_of(model: RNN) -> dict[str, ndarray]:
    return {name: value.detach().numpy() for name, value in model.state_dict().items()}


def seen(model: RNN, source: list[int], target_in: list[int]) -> dict[str, ndarray]:
    """What ``look_inside`` returns, under the names of ``Run.quantities``."""
    with torch.no_grad():
        inside = model.look_inside(torch.tensor(source), torch.tensor(target_in))
    found = dict(inside.first) | {"logits": inside.logits} | inside.outputs
    for layer in inside.layers:
        title = f"{layer.part} {layer.number}" + (f" {layer.direction}" if layer.part == "encoder" else "")
        found |= {f"{title} {name}": value for name, value in layer.values.items()}
    for each in inside.attention:
        found |= {"e": each.scores, "alpha": each.weights}
    return {name: value.numpy() for name, value in found.items()}


def agree(model: RNN) -> None:
    """Every named quantity at every step; the logits of a padded batch and of stepping, and the last state."""
    source, lengths = padded(SOURCES, more=2)
    target_in = torch.tensor(TARGETS)
    runs = [forward(choices_of(model), weights_of(model), *pair) for pair in zip(SOURCES, TARGETS, strict=True)]
    for run in runs[:2]:
        difference = first_difference(run.stages(), seen(model, run.source, run.target_in))
        assert difference is None, difference
    logits = np.stack([run.logits for run in runs])
    with torch.no_grad():
        np.testing.assert_allclose(model(source, lengths, target_in).numpy(), logits, rtol=0, atol=1e-9)
        state = model.start(source, lengths)
        for t in range(target_in.shape[1]):
            step_logits, state = model.step(target_in[:, t], state)
            np.testing.assert_allclose(step_logits.numpy(), logits[:, t], rtol=0, atol=1e-9)
    assert isinstance(state, RNNState)
    for row, run in enumerate(runs):
        last = run.decoder[-1]
        of_row = {"s": (state.hidden[:, row], [step.h for step in last.layers])}
        if state.cell is not None:
            of_row["c"] = (state.cell[:, row], [memory_of(step) for step in last.layers])
        if state.attention is not None and state.context is not None:
            assert last.attention is not None
            of_row["alpha"] = (state.attention[row, : len(run.source)], last.attention.alpha)
            of_row["context"] = (state.context[row], last.attention.context)
        if state.words is not None:
            of_row["words"] = (state.words[row], last.words)
        for name, (got, expected) in of_row.items():
            np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=1e-9, err_msg=name)
    assert (state.cell is None) == (model.config.cell != "lstm")
    assert (state.attention is None) == (model.config.attention == "none")


def agree_backwards(model: RNN) -> None:
    """The gradient of the loss with respect to every weight, summed over the batch."""
    source, lengths = padded(SOURCES, more=2)
    targets_out = [[*target[1:], 2] for target in TARGETS]
    logits = model(source, lengths, torch.tensor(TARGETS))
    loss = F.cross_entropy(logits.flatten(0, 1), torch.tensor(targets_out).flatten(), reduction="sum",
                           label_smoothing=0.1)  # fmt: skip
    model.zero_grad()
    loss.backward()
    choices, weights = choices_of(model), weights_of(model)
    total: dict[str, ndarray] = {}
    losses = []
    for pair_source, target_in, target_out in zip(SOURCES, TARGETS, targets_out, strict=True):
        run = forward(choices, weights, pair_source, target_in)
        error = cross_entropy(run.logits, target_out, smoothing=0.1)
        losses.append(error.loss)
        for name, gradient in backward(choices, weights, run, error.dlogits).items():
            total[name] = total.get(name, 0) + gradient
    assert sum(losses) == pytest.approx(loss.item(), abs=1e-9)
    named = {name: weight.grad for name, weight in model.named_parameters()}
    assert total.keys() == named.keys()
    for name, gradient in named.items():
        assert gradient is not None
        np.testing.assert_allclose(gradient.numpy(), total[name], rtol=0, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_logits_and_states_are_those_of_the_equations(cell: str, attention: str) -> None:
    """Every combination of directions, layers, input feeding and bridge, half of them with reversal."""
    for bidirectional, layers, feeding, bridge in itertools.product(
        (False, True), (1, 2), (False, True), ("copy", "dense")
    ):
        if feeding and attention == "none":
            continue
        turned = (bridge == "dense") ^ (layers == 2) ^ bidirectional  # with each pair of the others
        lexical = attention != "none" and feeding ^ bidirectional
        values = CELLS[cell] | {"bidirectional": bidirectional, "layers": layers, "input_feeding": feeding,
                                "bridge": bridge, "reverse_source": turned, "lexical": lexical}  # fmt: skip
        try:
            agree(made(embed=3, hidden=4, tied="none", attention=attention, **values))
        except AssertionError as error:
            raise AssertionError(f"{values}: {error}") from error


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("attention", ["none", "general", "additive"])
def test_encoder_and_decoder_of_different_sizes(cell: str, attention: str) -> None:
    feeding = attention == "additive"
    agree(made(embed=5, hidden=4, encoder_hidden=6, layers=2, encoder_layers=3, bridge="dense", tied="decoder",
               attention=attention, input_feeding=feeding, **CELLS[cell]))  # fmt: skip
    agree(made(embed=4, hidden=3, encoder_hidden=2, layers=3, encoder_layers=1, bridge="dense", tied="all",
               attention=attention, source_vocab=9, target_vocab=9, **CELLS[cell]))  # fmt: skip


def test_plain_model_multiplies_the_state_itself() -> None:
    """Without attention and tying, the article's y = W_o s_t + b and no other weights, whatever the sizes."""
    model = made(embed=3, hidden=4, tied="none", attention="none", cell="rnn", bidirectional=False)
    modules = {name.split(".")[0] for name, _ in model.named_parameters()}
    assert modules == {"source_embedding", "target_embedding", "encoder", "decoder", "output"}
    agree(model)


# ------------------------------------------------------------------------------------------- gradients


def check_gradients(model: RNN) -> None:
    """Gradients with respect to every weight equal finite differences of the model itself."""
    source, lengths = padded([[5, 3, 2], [2]], more=2)
    target_in = torch.tensor([[1, 4], [1, 3]])
    names, weights = zip(*model.named_parameters(), strict=True)
    inputs = tuple(weight.detach().clone().requires_grad_() for weight in weights)

    def logits(*values: Tensor) -> Tensor:
        given = dict(zip(names, values, strict=True))
        called: Tensor = torch.func.functional_call(model, given, (source, lengths, target_in))
        return called

    assert torch.autograd.gradcheck(logits, inputs, atol=1e-6, rtol=1e-4, fast_mode=True)


SMALL: dict[str, Any] = {"embed": 2, "hidden": 2, "source_vocab": 6, "target_vocab": 5}


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_every_cell(cell: str) -> None:
    check_gradients(made(tied="decoder", attention="dot", input_feeding=cell != "sigmoid", **SMALL, **CELLS[cell]))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_gradients_of_every_attention(attention: str) -> None:
    check_gradients(made(tied="none", attention=attention, cell="gru", layers=2, bridge="dense", reverse_source=True,
                         **SMALL))  # fmt: skip


def test_gradients_of_additive_attention_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnn, "ADDITIVE_LIMIT", 1)
    check_gradients(made(tied="none", attention="additive", cell="rnn", **SMALL))


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_the_equations(cell: str, attention: str) -> None:
    """By hand and by autograd; every value of every option occurs with each cell and each attention."""
    agree_backwards(made(embed=3, hidden=4, tied="all", attention=attention, layers=2, reverse_source=True,
                         source_vocab=9, target_vocab=9, bridge="copy" if cell == "gru" else "dense",
                         input_feeding=attention != "none", lexical=attention != "none", **CELLS[cell]))  # fmt: skip
    agree_backwards(made(embed=3, hidden=4, tied="none", attention=attention, bidirectional=False, **CELLS[cell]))
    if "dot" not in attention:
        agree_backwards(made(embed=3, hidden=4, encoder_hidden=2, encoder_layers=2, tied="decoder", bridge="dense",
                             attention=attention, **CELLS[cell]))  # fmt: skip


@pytest.mark.parametrize(
    ("weight", "first"),
    [
        ("encoder.rnn.weight_hh_l0_reverse", "encoder 0 backward i differs at step 3"),  # reads from the end; h_0 is 0
        ("bridge.bias", "s_0 differs at layer 1"),
        ("attention.v", "e differs at step 1"),
        ("combine.weight", "readout differs at step 1"),
    ],
)
def test_a_model_that_computes_something_else_is_caught_at_the_first_quantity(weight: str, first: str) -> None:
    model = made(embed=3, hidden=4, tied="none", attention="additive", bridge="dense")
    run = forward(
        choices_of(model), {name: value.copy() for name, value in weights_of(model).items()}, SOURCES[0], [1, 4]
    )
    assert first_difference(run.stages(), seen(model, SOURCES[0], [1, 4])) is None
    with torch.no_grad():
        model.get_parameter(weight).flatten()[0] += 0.5
    difference = first_difference(run.stages(), seen(model, SOURCES[0], [1, 4]))
    assert difference is not None
    assert difference.startswith(first)
