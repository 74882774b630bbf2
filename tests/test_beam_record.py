"""What beam search says it weighed, against a search in plain lists; and that being asked changes nothing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_decoding import Toy, batch
from transduce.decoding import BeamStep, Branch, DecodingConfig, Record, beam_search, length_penalty

EOS = 2
DROPPED = 2
SOURCES = st.lists(st.lists(st.sampled_from([4, 5, 6]), max_size=4), min_size=1, max_size=3)

pytestmark = pytest.mark.usefixtures("one_thread")


def searched(model: Toy, sources: list[list[int]], limit: int, *, beam: int, nbest: int = 1) -> Record:
    record = Record()
    config = DecodingConfig(beam=beam, nbest=nbest)
    found = beam_search(model, *batch(sources), max_lengths=[limit] * len(sources), config=config, record=record)
    assert found == beam_search(model, *batch(sources), max_lengths=[limit] * len(sources), config=config)
    return record


def symbols_of(steps: list[BeamStep]) -> dict[int, tuple[int, ...]]:
    """All the symbols of each branch, followed through its parents."""
    found: dict[int, tuple[int, ...]] = {}
    for step in steps:
        for each in [*step.kept, *step.ended, *step.dropped]:
            found[each.id] = (*(found[each.parent] if each.parent is not None else ()), each.token)
    return found


@settings(deadline=None, max_examples=60)
@given(SOURCES, st.integers(1, 7), st.integers(1, 4), st.integers(0, 5), st.data())
def test_every_step_is_that_of_a_search_in_lists(
    sources: list[list[int]], limit: int, beam: int, seed: int, data: st.DataObject
) -> None:
    model = Toy(seed)
    nbest = data.draw(st.integers(1, beam))
    record = searched(model, sources, limit, beam=beam, nbest=nbest)
    for number, source in enumerate(sources):
        steps = record.steps(number)
        symbols = symbols_of(steps)
        partial, free = [((), 0.0)], beam
        for at, step in enumerate(steps):
            grown = sorted(
                (((*words, word), total + value)
                 for words, total in partial for word, value in model.next(source, words).items()),
                key=lambda each: -each[1],
            )  # fmt: skip
            taken, rest = grown[: min(free, beam)], grown[min(free, beam) :]
            over = [each for each in taken if each[0][-1] == EOS or at + 1 == limit]
            live = [each for each in taken if each not in over]
            if step.settled:
                live, rest = [], sorted(live + rest, key=lambda each: -each[1])
                assert at + 1 == len(steps)
            elif len(live) > nbest:
                least = live[nbest - 1][1] - DecodingConfig().beam_threshold
                far = [each for each in live if each[1] < least]
                live, rest = [each for each in live if each[1] >= least], sorted(far + rest, key=lambda each: -each[1])
            free -= sum(each[0][-1] == EOS for each in over)
            partial = live
            for told, expected in ((step.kept, live), (step.ended, over), (step.dropped, rest[: DROPPED * beam])):
                assert [symbols[each.id] for each in told] == [words for words, _ in expected]
                assert [each.total for each in told] == pytest.approx([total for _, total in expected])
        assert not partial


@settings(deadline=None, max_examples=40)
@given(SOURCES, st.integers(1, 7), st.integers(1, 4), st.integers(0, 5))
def test_the_record_is_a_tree_whose_best_leaf_is_the_result(
    sources: list[list[int]], limit: int, beam: int, seed: int
) -> None:
    model = Toy(seed)
    record = Record()
    found = beam_search(model, *batch(sources), max_lengths=[limit] * len(sources), config=DecodingConfig(beam=beam),
                        record=record)  # fmt: skip
    for number, (best,) in enumerate(found):
        kept: dict[int, Branch] = {}
        ids: set[int] = set()
        ended: list[Branch] = []
        for at, step in enumerate(record.steps(number)):
            for each in [*step.kept, *step.ended, *step.dropped]:
                assert each.id not in ids
                ids.add(each.id)
                assert (each.parent is None) == (at == 0)
                before = kept[each.parent].total if each.parent is not None else 0.0
                assert math.isclose(each.total, before + each.log_prob)
                assert (each.score is not None) == (each in step.ended)
            for each in step.ended:
                assert each.score == pytest.approx(each.total / length_penalty(at + 1.0, 1.0))
            kept, ended = {each.id: each for each in step.kept}, ended + step.ended
        complete = [each for each in ended if each.token == EOS]
        winner = max(complete or ended, key=lambda each: each.score or 0.0)
        assert winner.score == pytest.approx(best.score)
        written = symbols_of(record.steps(number))[winner.id]
        assert written == (*best.tokens, EOS) if best.finished else tuple(best.tokens)


def test_nothing_is_computed_without_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Record, "weigh", None)
    monkeypatch.setattr(Record, "choose", None)
    beam_search(Toy(), *batch([[4, 5]]), max_lengths=[5])
