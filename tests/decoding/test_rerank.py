"""What some members write, the others read from the end, and both say which output is best."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from torch import Tensor

from transduce.decoding import DecodingConfig, Hypothesis, decode
from transduce.decoding.rerank import log_probs, rank
from transduce.errors import ConfigError
from transduce.models import Ensemble, Generator, RNNConfig, build

pytestmark = pytest.mark.usefixtures("one_thread")
BOS, EOS, VOCAB = 1, 2, 9
SOURCES = [[5, 3, 8, 6], [4], [7, 7, 4, 5, 6, 7], [8, 5], [5, 3, 8, 6, 7]]
CONFIG = DecodingConfig(beam=3, max_length_ratio=0, max_length_extra=8)


def members(count: int = 5) -> list[Generator]:
    """Models that are sure of themselves, so that both directions do not agree."""
    torch.manual_seed(3)
    made = [build(RNNConfig(embed=6, hidden=8), source_vocab=VOCAB, target_vocab=VOCAB).double() for _ in range(count)]
    for model in made:
        for weight in model.parameters():
            weight.data *= 3
    return [model.eval() for model in made]


def log_prob(models: list[Generator], source: list[int], target: list[int]) -> float:
    """Of the target and its end, token by token, by the mean of the models' probabilities."""
    given, total = torch.tensor([[*source, EOS]]), 0.0
    with torch.no_grad():
        states = [model.start(given, torch.tensor([len(source) + 1])) for model in models]
        for before, token in zip([BOS, *target], [*target, EOS], strict=True):
            steps = [model.step(torch.tensor([before]), state) for model, state in zip(models, states, strict=True)]
            states = [state for _, state in steps]
            total += math.log(sum(float(logits.softmax(dim=-1)[0, token]) for logits, _ in steps) / len(models))
    return total


def test_both_directions_choose_among_what_a_wider_beam_completes() -> None:
    made = members()
    model = Ensemble(made, right_to_left=2)
    found = decode(model, SOURCES, config=replace(CONFIG, nbest=3))
    written = decode(Ensemble(made[:3]), SOURCES, config=replace(CONFIG, beam=6, nbest=6))
    changed = 0
    for source, best, all_written in zip(SOURCES, found, written, strict=True):
        whole = [each for each in all_written if each.finished]

        def score(each: Hypothesis, source: list[int] = source) -> float:
            mean = (each.log_prob + log_prob(made[3:], source, each.tokens[::-1])) / 2
            return mean / ((5 + len(each.tokens) + 1) / 6)

        expected = sorted(whole, key=score, reverse=True)[:3]
        assert [each.tokens for each in best[: len(expected)]] == [each.tokens for each in expected]
        assert [each.score for each in best[: len(expected)]] == pytest.approx([score(each) for each in expected])
        own = [each.log_prob for each in best[: len(expected)]]  # stays that of those that wrote it
        assert own == pytest.approx([log_prob(made[:3], source, each.tokens) for each in expected])
        changed += best[0].tokens != all_written[0].tokens
    assert changed  # else this test could not fail


def test_a_sentence_gets_the_same_result_alone_and_among_others() -> None:
    model = Ensemble(members(), right_to_left=2)
    together = decode(model, SOURCES, config=CONFIG)
    alone = [decode(model, [source], config=CONFIG)[0] for source in SOURCES]
    for one, other in zip(together, alone, strict=True):
        assert [each.tokens for each in one] == [each.tokens for each in other]
        assert [each.score for each in one] == pytest.approx([each.score for each in other])


@pytest.mark.parametrize("changes", [{"rerank": 0}, {"beam": 1}, {"sample": True}], ids=str)
def test_those_that_write_decide_alone(changes: dict[str, int]) -> None:
    made, config = members(), replace(CONFIG, **changes)
    found = decode(Ensemble(made, right_to_left=2), SOURCES, config=config)
    assert found == decode(Ensemble(made[:3]), SOURCES, config=config)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_targets_that_begin_alike_are_read_once_and_alike(data: st.DataObject) -> None:
    made, (source, lengths, rows) = members(2), batch()
    ids = st.lists(st.integers(3, 5), max_size=4)  # few, so that many share their beginnings
    targets = [(row, each) for row in range(rows) for each in data.draw(st.lists(ids, max_size=6))]
    found = log_probs(Ensemble(made), source, lengths, targets)
    expected = [log_prob(made, SOURCES[row], each) for row, each in targets]
    assert found.tolist() == pytest.approx(expected)


def batch() -> tuple[Tensor, Tensor, int]:
    longest = max(map(len, SOURCES)) + 1
    padded = torch.tensor([[*source, EOS, *[0] * (longest - len(source) - 1)] for source in SOURCES])
    return padded, torch.tensor([len(source) + 1 for source in SOURCES]), len(SOURCES)


def test_what_was_cut_off_stays_behind() -> None:
    made = members()
    whole = Hypothesis([4, 5], score=-9.0, log_prob=-9.0, finished=True)
    cut = [Hypothesis([6, 6, 6], score=score, log_prob=score, finished=False) for score in (-1.0, -2.0)]
    source = torch.tensor([[5, 3, EOS], [4, EOS, 0]])
    ranked = rank(Ensemble(made[3:]), source, torch.tensor([3, 2]), [[*cut, whole], []], alpha=1.0)
    assert [each.tokens for each in ranked[0]] == [[4, 5], [6, 6, 6], [6, 6, 6]]
    assert ranked[0][1:] == cut
    assert ranked[1] == []


def test_members_that_know_targets_from_the_end_do_not_write() -> None:
    made = members()
    model, writing = Ensemble(made, right_to_left=2), Ensemble(made[:3])
    source, lengths, target = torch.tensor([[5, 3, EOS]]), torch.tensor([3]), torch.tensor([[BOS, 4, 6]])

    def same(one: Tensor | None, other: Tensor | None) -> bool:
        assert one is not None
        assert other is not None
        return torch.equal(one, other)

    with torch.no_grad():
        assert torch.equal(model(source, lengths, target), writing(source, lengths, target))
        embedded = model.embed(source)
        assert same(embedded, writing.embed(source))
        assert torch.equal(model(source, lengths, target, embedded=embedded), writing(source, lengths, target))
        assert torch.equal(
            model.look_inside(source[0], target[0]).logits, writing.look_inside(source[0], target[0]).logits
        )
    assert model.describe() == "5 x lstm 1x8, general attention, 2 right to left"
    assert writing.right_to_left is None
    assert isinstance(model.right_to_left, Ensemble)
    assert [each is own for each, own in zip(model.right_to_left.members, made[3:], strict=True)] == [True, True]


def test_a_width_below_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"decoding\.rerank must be from 0 to 100; got -1"):
        DecodingConfig(rerank=-1)
