"""A trace: numbers that agree with search, with forced decoding and with each other, for any kind of model."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

import transduce
from tests.conftest import Command
from tests.test_decoding import ToyState
from transduce.errors import ConfigError, DataError
from transduce.explain.trace import Trace, _rows
from transduce.models import Generator, State
from transduce.models.base import AttentionMap, Inside, Layer, Quantity
from transduce.transducer import Transducer

pytestmark = pytest.mark.usefixtures("one_thread")
TEXTS = [
    "one two three",
    "nine",
    "seven eight",
    "four four four four four",
    "\u05e9\u05dc\u05d5\u05dd [bold]</s>",
    "zero " * 12,
]


@pytest.fixture(scope="module")
def model(trained: Path) -> Transducer:
    return transduce.load(trained)


@pytest.fixture(scope="module")
def traces(model: Transducer) -> list[Trace]:
    return [transduce.trace(model, text) for text in TEXTS]


def test_probabilities_are_probabilities(traces: list[Trace]) -> None:
    for step in itertools.chain.from_iterable(trace.steps for trace in traces):
        values = [each.probability for each in step.candidates]
        assert len(values) == 10
        assert values == sorted(values, reverse=True)
        assert sum(values) <= 1 + 1e-5
        for each in step.candidates:
            assert each.probability == pytest.approx(math.exp(each.log_prob), rel=1e-4)
        among = [each.id for each in step.candidates]
        assert step.rank > 10 or among[step.rank - 1] == step.chosen.id
    for trace in traces:
        for found in trace.attention:
            assert np.shape(found.weights) == (len(trace.steps), len(trace.source.tokens))
            np.testing.assert_allclose(np.sum(found.weights, axis=1), 1, atol=1e-4)
            np.testing.assert_allclose(
                np.exp(found.scores) / np.exp(found.scores).sum(axis=1, keepdims=True), found.weights, atol=1e-4
            )


def test_the_score_adds_up_to_what_search_reports(traces: list[Trace], model: Transducer) -> None:
    for text, trace in zip(TEXTS, traces, strict=True):
        (((own, best),),) = model.hypotheses([text])
        assert trace.target.text == own
        assert trace.score.log_prob == pytest.approx(sum(step.log_prob for step in trace.steps), abs=1e-4)
        assert trace.score.score == pytest.approx(trace.score.log_prob / trace.score.length_penalty, abs=1e-4)
        assert trace.score.length_penalty == pytest.approx(
            ((5 + trace.score.symbols) / 6) ** trace.score.alpha, rel=1e-5
        )
        assert trace.score.score == pytest.approx(best.score, abs=1e-4)
        assert trace.alternatives[0].score == pytest.approx(best.score, abs=1e-4)
        assert [step.total for step in trace.steps] == pytest.approx(
            list(np.cumsum([step.log_prob for step in trace.steps])), abs=1e-3
        )
        assert [token.id for token in trace.target.tokens] == best.tokens + [2] * best.finished
        assert [step.fed.id for step in trace.steps] == [1, *(token.id for token in trace.target.tokens)][
            : len(trace.steps)
        ]


def test_forced_decoding_gives_the_same_trace(traces: list[Trace], model: Transducer) -> None:
    for text, trace in zip(TEXTS, traces, strict=True):
        if not trace.alternatives[0].finished:
            continue
        forced = transduce.trace(model, text, target=trace.target.text)
        assert forced.forced
        assert forced.parting is None
        assert msgspec.structs.replace(forced, forced=False, beam=trace.beam) == trace
        assert forced.score.log_prob == pytest.approx(model.score([(text, trace.target.text)])[0], abs=1e-4)


def test_another_translation_parts_where_it_differs(model: Transducer) -> None:
    own = transduce.trace(model, "one two three")
    assert own.target.text == "three two one"
    other = transduce.trace(model, "one two three", target="three one")
    assert other.beam is None
    assert other.parting is not None
    assert (other.parting.step, other.parting.token) == (2, own.steps[1].chosen)
    assert other.parting.probability == own.steps[1].probability
    assert other.score.log_prob == pytest.approx(model.score([("one two three", "three one")])[0], abs=1e-4)
    shorter = transduce.trace(model, "one two three", target="three two")
    assert shorter.parting is not None
    assert shorter.parting.step == 3
    assert shorter.steps[2].chosen.kind == "end"
    second = transduce.trace(model, "one two three", target=own.alternatives[1].text)
    assert second.parting is not None
    assert second.parting.completed
    assert second.parting.followed == len(second.steps)


def test_the_beam_is_a_tree_with_the_winner_in_it(traces: list[Trace]) -> None:
    for trace in traces:
        assert trace.beam is not None
        kept: set[int | None] = {None}
        written: dict[int, list[int]] = {}
        ended = []
        for step in trace.beam:
            for each in [*step.kept, *step.ended, *step.dropped]:
                assert each.parent in kept
                written[each.id] = [*(written[each.parent] if each.parent else []), each.token.id]
            kept = {each.id for each in step.kept}
            ended += step.ended
            assert len(step.kept) <= trace.beam_width
            assert len(step.dropped) <= 2 * trace.beam_width
        winner = max(ended, key=lambda each: (each.token.kind == "end", each.score))
        assert written[winner.id] == [token.id for token in trace.target.tokens]
        assert winner.total == pytest.approx(trace.score.log_prob, abs=1e-4)


def test_layers_have_a_row_for_each_token(traces: list[Trace]) -> None:
    for trace in traces:
        for layer in [*trace.encoder, *trace.decoder]:
            rows = len(trace.source.tokens if layer.part == "encoder" else trace.steps)
            assert sorted(layer.order) == list(range(rows))
            assert [each.name for each in layer.quantities] == list(layer.values)
            assert all(len(values) == rows for values in layer.values.values())
        assert trace.first["s_0"][-1] == trace.summary


def test_text_comes_out_whole(model: Transducer) -> None:
    text = '\u05e9\u05dc\u05d5\u05dd [bold]x[/bold] <b>&amp;</b> \x1b[31m"quoted" </s> \U0001f600'
    trace = transduce.trace(model, text)
    assert trace.source.text == text
    assert trace.source.tokens[-1].kind == "end"
    kinds = [token.kind for token in trace.source.tokens[:-1]]
    assert set(kinds) <= {"word", "byte"}
    spelled = b"".join(
        bytes([int(token.text[3:5], 16)]) if token.kind == "byte" else token.text.encode()
        for token in trace.source.tokens[:-1]
    )
    assert spelled.decode().removeprefix(" ") == text


def test_six_significant_digits() -> None:
    values = [[0.0, -0.0, 1 / 3, -2 / 3e4, 123456.789, 1e9 / 7, 1e-12 / 3, 1e-30]]
    expected = [float(f"{each:.6g}") for each in values[0][:-1]]
    assert _rows(torch.tensor(values, dtype=torch.float64))[0] == [*expected, 0.0]
    assert str(_rows(torch.tensor([[-0.0]]))) == "[[0.0]]"


def test_impossible_wishes_are_refused(model: Transducer) -> None:
    with pytest.raises(DataError, match="blank"):
        transduce.trace(model, " \t")
    with pytest.raises(ConfigError, match="beam"):
        transduce.trace(model, "one", beam=0)
    with pytest.raises(ConfigError, match="top"):
        transduce.trace(model, "one", top=0)
    with pytest.raises(ConfigError, match="input_x_gradient"):
        transduce.trace(model, "one", gradient="saliency")  # type: ignore[arg-type]


def test_a_wider_beam_and_more_candidates(model: Transducer) -> None:
    trace = transduce.trace(model, "one two", beam=3, top=4, length_penalty=0.0)
    assert trace.beam_width == 3
    assert len(trace.alternatives) <= 3
    assert {len(step.candidates) for step in trace.steps} == {4}
    assert (trace.score.alpha, trace.score.length_penalty) == (0, 1)
    everything = transduce.trace(model, "one", beam=1, top=10**6)
    assert {len(step.candidates) for step in everything.steps} == {model.model.vocab}


# ------------------------------------------------------------------------------------ another kind of model


class TwoHeads(Generator):
    """No recurrence: two heads that look at the first and the last source token; logits from what they see."""

    def __init__(self, vocab: int) -> None:
        super().__init__()
        self.vocab = vocab
        self.table = torch.nn.Embedding(vocab, vocab)

    def forward(self, source: Tensor, source_lengths: Tensor, target_in: Tensor, *,
                embedded: Tensor | None = None) -> Tensor:  # fmt: skip
        x = self.embed(source) if embedded is None else embedded
        last = x[torch.arange(len(x)), source_lengths - 1]
        return self.table(target_in) + (x[:, 0] + last)[:, None]

    def embed(self, source: Tensor) -> Tensor:
        x: Tensor = self.table(source)
        return x

    def start(self, source: Tensor, source_lengths: Tensor) -> State:
        x = self.embed(source)
        return ToyState(x[:, 0] + x[torch.arange(len(x)), source_lengths - 1], source_lengths, source.shape[1])

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        assert isinstance(state, ToyState)
        return self.table(tokens) + state.key, state

    def look_inside(self, source: Tensor, target_in: Tensor) -> Inside:
        logits = self(source[None], torch.tensor([len(source)]), target_in[None])[0]
        ends = [torch.zeros(len(target_in), len(source)) for _ in range(2)]
        ends[0][:, 0], ends[1][:, -1] = 1, 1
        maps = [
            AttentionMap(0, head, weights, weights, "weight_tj = [j is first or last]")
            for head, weights in enumerate(ends)
        ]
        layer = Layer("decoder", 0, "forward", "the token before", list(range(len(target_in))),
                      {"e": self.table(target_in)}, [Quantity("e", "row", "e_t = E y_{t-1}")])  # fmt: skip
        return Inside(logits, layers=[layer], attention=maps)

    def describe(self) -> str:
        return "two heads"


@pytest.fixture(scope="module")
def two_heads(model: Transducer) -> Transducer:
    torch.manual_seed(0)
    return Transducer(TwoHeads(model.model.vocab), model.tokenizers, model.config)


def test_a_family_of_another_kind_is_opened_all_the_same(
    two_heads: Transducer, capsys: pytest.CaptureFixture[str]
) -> None:
    from transduce.explain.terminal import show

    trace = transduce.trace(two_heads, "one two three", gradient="input_x_gradient")
    assert trace.model == "two heads"
    assert [each.head for each in trace.attention] == [0, 1]
    assert (trace.encoder, trace.first, trace.summary) == ([], {}, [])
    assert trace.gradient is not None
    weights = np.array(trace.gradient.weights)
    assert not weights[:, 1:-1].any()
    assert weights[:, [0, -1]].all()
    show(trace, step=1)
    said = capsys.readouterr().out
    assert "attention of head 1" in said
    assert "e_t = E y_{t-1}" in said


# --------------------------------------------------------------------------------------------- documentation


def names_in(kind: Any, seen: set[type] | None = None) -> Iterator[tuple[str, str]]:
    """(structure, field) of every structure that a trace is made of."""
    seen = set() if seen is None else seen
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind in seen:
            return
        seen.add(kind)
        for name, hint in get_type_hints(kind).items():
            yield kind.__name__, name
            yield from names_in(hint, seen)
    for part in get_args(kind):
        yield from names_in(part, seen)


def test_every_name_is_documented_and_every_documented_name_is_there() -> None:
    page = (Path(__file__).parents[2] / "docs/explain.md").read_text(encoding="utf-8")
    told: set[tuple[str, str]] = set()
    for block in re.split(r"^### ", page, flags=re.M)[1:]:
        structure = block.split("\n", 1)[0].strip("` ")
        told |= {(structure, name) for name in re.findall(r"^\| `(\w+)` \|", block, flags=re.M)}
    assert told == set(names_in(Trace))


def test_json_on_the_command_line_is_the_trace(trained: Path, model: Transducer, cli_in: Command) -> None:
    done = cli_in("explain", trained, "one two three", "--json", "--gradient", "integrated", "--threads", 1)
    assert done.status == 0, done.err
    printed = msgspec.json.decode(done.out.encode(), type=Trace, strict=True)
    again = transduce.trace(model, "one two three", gradient="integrated_gradients")
    assert printed.source == again.source
    assert printed.target == again.target
    assert set(msgspec.json.decode(done.out)) == {field.encode_name for field in msgspec.structs.fields(Trace)}
