"""What a model returns about itself: the same numbers as training and search compute, and as its equations say."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from transduce.models import RNN, Generator, RNNConfig, State, build
from transduce.models.base import Inside, Layer

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


pytestmark = pytest.mark.usefixtures("one_thread")


def made(**values: Any) -> RNN:
    torch.manual_seed(3)
    model = build(RNNConfig(**{"embed": 3, "hidden": 4, "tied": "none", **values}), source_vocab=9, target_vocab=7)
    assert isinstance(model, RNN)
    with torch.no_grad():  # biases start equal or at zero in places, which could hide that one is left out
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    return model.double().eval()


def configs(cell: str, attention: str) -> Iterator[dict[str, Any]]:
    """Every combination of directions, layers, input feeding and bridge, half of them with reversal."""
    for directions, layers, feeding, bridge in itertools.product((1, 2), (1, 2), (False, True), ("copy", "dense")):
        if not (feeding and attention == "none"):
            turned = (bridge == "dense") ^ (layers == 2) ^ (directions == 2)
            lexical = attention != "none" and feeding ^ (directions == 2)
            yield CELLS[cell] | {"attention": attention, "bidirectional": directions == 2, "layers": layers,
                                 "input_feeding": feeding, "reverse_source": turned, "bridge": bridge, "lexical": lexical}  # fmt: skip


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
            _, states, _, _ = model.encode(source, lengths)
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
                    same(inside.attention[0].weights[t], state.attention[0], values)
            if model.config.lexical:
                rows = inside.attention[0].weights @ model.embed(source[0])
                same(inside.outputs["words"], rows.tanh(), values)
        assert len(inside.attention) == (attention != "none")


# --------------------------------------------------------------------- the lines of text are what was computed


def value_of(line: str, names: dict[str, Any]) -> tuple[str, Tensor]:
    """The name that an equation defines, and what its right side gives with these values."""
    name, right = line.split(" = ")
    right = right.replace("{t-1}", "last").replace(" . ", " @ ")
    right = re.sub(r"\[(\w+); (\w+)\]", r"cat([\1, \2])", right)
    right = re.sub(r"(W_\w+) (?=[\w(])", r"\1 @ ", right)
    functions = {name: getattr(torch, name) for name in ("sigmoid", "tanh", "relu", "cat")}
    functions |= {"softmax": lambda x: torch.softmax(x, dim=-1), "sqrt": lambda x: x**0.5}
    return name, eval(right, {"__builtins__": {}}, functions | names)


def check_layer(model: RNN, layer: Layer, xs: Tensor, first: dict[str, Tensor]) -> None:
    """Each line of a layer, at each step in the order of reading."""
    stack = model.encoder if layer.part == "encoder" else model.decoder
    suffix = f"_l{layer.number}" + ("_reverse" if layer.direction == "backward" else "")
    gates = {"lstm": "ifgo", "rnn": "h"}.get(model.config.cell, "rzn")
    names: dict[str, Any] = {}
    for kind, side in itertools.product(("weight", "bias"), "ih"):
        parts = getattr(stack.rnn, f"{kind}_{side}h{suffix}").chunk(len(gates))
        names |= {
            f"{'W' if kind == 'weight' else 'b'}_{side}{gate}": part for gate, part in zip(gates, parts, strict=True)
        }
    last = {name: first.get(name, torch.zeros(stack.hidden).double()) for name in ("h", "s", "c")}
    for t in layer.order:
        names |= {"x_t": xs[t]} | {f"{name}_last": value for name, value in last.items()}
        for each in layer.quantities:
            name, got = value_of(each.equation, names)
            assert name == f"{each.name}_t"
            same(got, layer.values[each.name][t], each.equation)
            assert each.low is None or bool((got >= each.low).all())
            assert each.high is None or bool((got <= each.high).all())
            names[name] = got
        last |= {name: names[f"{name}_t"] for name in last if f"{name}_t" in names}
    assert [each.name for each in layer.quantities] == list(layer.values)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("cell", CELLS)
@torch.no_grad()
def test_equations_give_the_values_beside_them(cell: str, attention: str) -> None:
    feeding, lexical = attention in ("general", "dot"), attention in ("general", "additive")
    model = made(
        **CELLS[cell], attention=attention, layers=2, input_feeding=feeding, reverse_source=cell in ("gru", "tanh"),
        lexical=lexical,
    )  # fmt: skip
    inside = opened(model)
    below = xs = model.source_embedding(torch.tensor(SOURCE))
    for number in range(2):
        layers = [each for each in inside.layers if (each.part, each.number) == ("encoder", number)]
        for layer in layers:
            check_layer(model, layer, below, {})
        below = torch.cat([each.values["h"] for each in layers], dim=-1)
    memory, below = below, model.target_embedding(torch.tensor(TARGET_IN))
    readout = inside.outputs["readout"]
    if feeding:
        below = torch.cat([below, torch.cat([torch.zeros_like(readout[:1]), readout[:-1]])], dim=-1)
    for layer in (each for each in inside.layers if each.part == "decoder"):
        first = {"s": inside.first["s_0"][layer.number]}
        first |= {"c": inside.first["c_0"][layer.number]} if "c_0" in inside.first else {}
        check_layer(model, layer, below, first)
        below = layer.values["s"]
    weights = {
        "W_c": getattr(model.combine, "weight", None),
        "W_y": model.output.weight,
        "b_y": model.output.bias,
        "hidden": 4,
    }
    lines = {each.name: each.equation for each in inside.output_quantities}
    for t, s_t in enumerate(below):
        names: dict[str, Any] = weights | {"s_t": s_t, "r_t": readout[t]}
        if attention != "none":
            names["context_t"] = inside.outputs["context"][t]
            names |= {"W_a": getattr(getattr(model.attention, "key", None), "weight", None)}
            if attention == "additive":
                names |= {"W_q": model.attention.query.weight, "v": model.attention.v}
            (found,) = inside.attention
            line = found.equation.split("; ")[0]
            scores = torch.stack([value_of(line, names | {"h_j": h_j})[1] for h_j in memory])
            same(scores, found.scores[t], line)
            alpha = scores.exp() / scores.exp().sum()
            same(alpha, found.weights[t], found.equation)
            same(
                sum((a * h_j for a, h_j in zip(alpha, memory, strict=True)), torch.zeros(())),
                names["context_t"],
                "context",
            )
            if lexical:
                names |= {"W_l": model.lexical.weight, "b_l": model.lexical.bias}
                same(value_of(lines["attended"], names)[1], inside.outputs["attended"][t], "attended")
                assert lines["words"] == "words_t = tanh(sum_j alpha_tj x_j)"
                same(torch.tanh(alpha @ xs), inside.outputs["words"][t], "words")
                names |= {f"{name}_t": inside.outputs[name][t] for name in ("attended", "words", "translated")}
                same(value_of(lines["translated"], names)[1], names["translated_t"], "translated")
        same(value_of(lines["readout"], names)[1], readout[t], lines["readout"])
        same(value_of(lines["p"], names)[1], inside.logits[t].softmax(dim=-1), lines["p"])
    assert set(inside.outputs) | {"p"} == set(lines)
    assert set(inside.first) == {each.name for each in inside.first_quantities}


def test_every_family_says_more_than_its_logits() -> None:
    families = [cls for cls in Generator.__subclasses__() if cls.__module__.startswith("transduce.models.")]
    assert RNN in families
    for cls in families:
        assert cls.look_inside is not Generator.look_inside, cls
        assert cls.embed is not Generator.embed, cls
        assert cls.describe is not Generator.describe, cls


def test_a_model_of_another_kind_shows_its_logits() -> None:
    class Echo(Generator):
        vocab = 7

        def forward(self, source: Tensor, source_lengths: Tensor, target_in: Tensor, *,
                    embedded: Tensor | None = None) -> Tensor:  # fmt: skip
            return torch.nn.functional.one_hot(target_in, 7).double()

        def start(self, source: Tensor, source_lengths: Tensor) -> State:
            raise NotImplementedError

        def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
            raise NotImplementedError

    inside = opened(Echo())
    assert inside.logits.argmax(dim=-1).tolist() == TARGET_IN
    assert not inside.layers


@pytest.mark.parametrize("turned", [False, True])
def test_layers_tell_the_order_in_which_they_read(turned: bool) -> None:
    forward, backward, _ = opened(made(reverse_source=turned)).layers
    assert forward.order == ([3, 2, 1, 0, 4] if turned else [0, 1, 2, 3, 4])
    assert backward.order == forward.order[::-1]


def test_forward_reads_the_vectors_it_is_given() -> None:
    model = made(attention="general", reverse_source=True)
    source, target_in = torch.tensor([SOURCE]), torch.tensor([TARGET_IN])
    lengths = torch.tensor([len(SOURCE)])
    with torch.no_grad():
        own = model(source, lengths, target_in)
        same(model(source, lengths, target_in, embedded=model.embed(source)), own, "embedded")
        other = model(source, lengths, target_in, embedded=model.embed(source) * 0)
    assert not torch.allclose(own, other)
