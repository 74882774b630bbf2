"""Search that is told how outputs begin, and which sentences nobody waits for any more."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_decoding import Toy, batch, enumerated, ranked, symbols
from transduce.decoding import DecodingConfig, Guide, beam_search, decode, force
from transduce.errors import ConfigError

SOURCES = [[4, 5], [6], [5, 5, 4]]
CONFIGS = [
    DecodingConfig(beam=1),
    DecodingConfig(beam=3, nbest=2),
    DecodingConfig(sample=True, nbest=2, seed=4),
    DecodingConfig(sample=True, top_k=2, top_p=0.8),
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_an_empty_prefix_changes_nothing(config: DecodingConfig) -> None:
    plain = decode(Toy(), SOURCES, config=config, want_log_probs=True)
    assert decode(Toy(), SOURCES, config=config, want_log_probs=True, prefixes=[[], [], []]) == plain
    assert decode(Toy(), SOURCES, config=config, want_log_probs=True, gone=lambda sentence: False) == plain


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@settings(max_examples=15, deadline=None)
@given(prefixes=st.lists(st.lists(st.sampled_from([4, 5, 6]), max_size=4), min_size=3, max_size=3))
def test_every_output_begins_with_its_prefix_at_the_models_own_probability(
    config: DecodingConfig, prefixes: list[list[int]]
) -> None:
    model = Toy(seed=2)
    for source, prefix, found in zip(
        SOURCES, prefixes, decode(model, SOURCES, config=config, prefixes=prefixes), strict=True
    ):
        assert found
        for each in found:
            assert each.tokens[: len(prefix)] == prefix
            if each.finished:
                (forced,) = force(model, *batch([source]), [each.tokens])
                assert each.log_prob == pytest.approx(forced.log_prob, abs=1e-9)


@pytest.mark.parametrize("prefix", [[4], [6, 5], [5, 5, 5]], ids=str)
def test_a_beam_that_holds_everything_finds_the_best_outputs_that_begin_so(prefix: list[int]) -> None:
    model, limit, alpha = Toy(seed=1), 5, 0.7
    complete = [found for found in enumerated(model, [4, 5], limit) if list(found[0][: len(prefix)]) == prefix]
    expected = ranked(complete, alpha)
    config = DecodingConfig(beam=200, nbest=5, length_penalty=alpha)
    (found,) = beam_search(model, *batch([[4, 5]]), max_lengths=[limit], config=config,
                           guide=Guide(prefixes=[prefix]))  # fmt: skip
    finished = [each for each in found if each.finished]
    assert finished
    best = [entry for entry in expected if entry[0][-1] == 2][: len(finished)]
    assert [symbols(each) for each in finished] == [entry[0] for entry in best]
    assert [each.log_prob for each in finished] == pytest.approx([entry[2] for entry in best], abs=1e-9)


def test_a_prefix_as_long_as_the_limit_still_gets_an_end() -> None:
    config = DecodingConfig(beam=2, max_length_ratio=1, max_length_extra=0)
    ((found,),) = decode(Toy(), [[4]], config=config, prefixes=[[5, 5, 5, 5, 5, 5]])
    assert found.tokens[:6] == [5] * 6


@pytest.mark.parametrize("token", [0, 1, 2, 3])
def test_a_prefix_of_what_is_never_written_is_refused(token: int) -> None:
    with pytest.raises(ConfigError, match="prefix"):
        Guide(prefixes=[[4, token]])


class Endless(Toy):
    """Never writes the end of a sentence, and counts its steps."""

    steps = 0

    def step(self, tokens: torch.Tensor, state: Any) -> Any:
        self.steps += 1
        logits, state = super().step(tokens, state)
        logits = logits.clone()
        logits[:, 2] = -math.inf
        return logits, state


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_sentence_that_is_gone_ends_at_once_and_the_others_go_on(config: DecodingConfig) -> None:
    model = Endless()
    found = decode(model, SOURCES, config=config, gone=lambda sentence: sentence == 1 and model.steps >= 3)
    assert [len(each.tokens) for each in found[1]] == [3] * len(found[1])
    plain = decode(Endless(), SOURCES, config=config)
    assert found[0] == plain[0]
    assert found[2] == plain[2]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_when_all_are_gone_the_model_is_left_alone(config: DecodingConfig) -> None:
    model = Endless()
    decode(model, SOURCES, config=config, gone=lambda sentence: model.steps >= 2)
    assert model.steps <= 3
