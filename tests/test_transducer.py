"""A trained model from Python: text in, text out, and numbers that agree with each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import transduce
from tests.conftest import number_pairs
from transduce.data.readers import Pair
from transduce.errors import ConfigError, DataError, TransduceError
from transduce.models import RNNConfig
from transduce.transducer import Transducer, count_parameters, load, spoken_count

TEXTS = ["one two three", "", "nine", "four four", "  \t", "six five four three two one"]


@pytest.fixture(scope="module")
def model(trained: Path) -> Iterator[Transducer]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield load(trained)
    torch.set_num_threads(threads)


def test_a_text_gives_a_text_and_a_list_a_list(model: Transducer) -> None:
    found = model.translate(TEXTS)
    assert isinstance(found, list)
    assert found == [model.translate(text) for text in TEXTS]
    assert found[1] == found[4] == ""
    assert model.translate([]) == []
    assert model.translate("") == ""
    assert model.translate(tuple(TEXTS)) == model.translate(pd.Series(TEXTS)) == found


def test_it_learned_what_the_pairs_teach(model: Transducer) -> None:
    pairs = number_pairs()
    right = sum(
        output == target for output, (_, target) in zip(model.translate([s for s, _ in pairs]), pairs, strict=True)
    )
    assert right > 100


def test_the_model_names_itself(model: Transducer, trained: Path) -> None:
    bleu = model.config.scores["test"]["bleu"]["value"]
    size = spoken_count(model.config.parameters)
    assert repr(model) == f"<Transducer lstm 1x32, english -> french, {size} parameters, BLEU {bleu:.1f}>"
    assert model.path == trained
    assert [spoken_count(number) for number in (9_999, 10_000, 640_400, 999_999, 2_040_000)] == [
        "9999", "10k", "640k", "1000k", "2.0M",
    ]  # fmt: skip


def test_tied_weights_stay_one_parameter(model: Transducer) -> None:
    """Loading must not make two parameters of them, which would count twice and drift apart when trained on."""
    assert model.model.output.weight is model.model.target_embedding.weight  # type: ignore[union-attr]
    assert sum(weight.numel() for weight in model.model.parameters()) == model.config.parameters


@pytest.mark.parametrize(
    "config", [RNNConfig(), RNNConfig(tied="none", layers=2), RNNConfig(attention="additive", tied="decoder")]
)
def test_parameters_are_counted_without_memory(config: RNNConfig) -> None:
    real = transduce.RNN(config, source_vocab=50, target_vocab=50)
    assert count_parameters(config, 50, 50) == sum(weight.numel() for weight in real.parameters())
    huge = count_parameters(RNNConfig(hidden=1_000_000, embed=1_000_000), 10**6, 10**6)
    assert huge > 10**13
    with pytest.raises(ConfigError, match="beyond what any machine can hold"):
        count_parameters(RNNConfig(), 2**62, 2**62)


# --------------------------------------------------------------------------------- numbers agree with each other


def faithful(model: Transducer, text: str, tokens: list[int]) -> bool:
    """Whether encoding the text gives the tokens that were decoded to it, as for all natural text."""
    return model.tokenizers.target.encode(text) == tokens


@pytest.mark.parametrize(
    "options", [{"beam": 1}, {"beam": 4, "nbest": 4}, {"beam": 2, "length_penalty": 0.0}, {"sample": True}]
)
def test_the_score_of_an_output_is_the_one_that_search_reported(model: Transducer, options: dict[str, Any]) -> None:
    asked = [text for text in TEXTS if text.strip()]
    found = model.hypotheses(asked, **options)
    checked = 0
    for source, outputs in zip(asked, found, strict=True):
        assert len(outputs) == options.get("nbest", 1)
        for text, each in outputs:
            if each.finished and faithful(model, text, each.tokens):
                assert model.score([(source, text)]) == pytest.approx([each.log_prob], abs=1e-4)
                checked += 1
    assert checked >= len(asked) - 1


def test_scores_do_not_depend_on_company_or_order(model: Transducer) -> None:
    pairs = number_pairs(50, seed=3)
    together = model.score(pairs)
    assert together == pytest.approx([model.score([pair])[0] for pair in pairs], abs=1e-4)
    assert model.score(reversed(pairs)) == pytest.approx(together[::-1], abs=1e-4)
    assert model.score(iter(pairs)) == together
    assert model.score([]) == []
    assert all(score < 0 for score in together)


def test_evaluation_measures_the_translations(model: Transducer) -> None:
    pairs = number_pairs(40, seed=4)
    found = model.evaluate(pairs, beam=1)
    assert found.outputs == model.translate([source for source, _ in pairs], beam=1)
    exact = 100 * sum(output == target for output, (_, target) in zip(found.outputs, pairs, strict=True)) / 40
    assert found.scores["exact_match"].value == pytest.approx(exact)
    assert [pair.row for pair in found.pairs] == list(range(1, 41))
    rows = [Pair(source, target, row) for row, (source, target) in enumerate(pairs, start=100)]
    assert model.evaluate(rows, beam=1).pairs == rows


def test_spaces_around_a_text_change_nothing(model: Transducer) -> None:
    """Training never saw them: readers take them away."""
    assert model.translate(["  one two\t", "one two "]) == model.translate(["one two"] * 2)
    assert model.score([(" one ", "\tone ")]) == model.score([("one", "one")])


def test_any_text_is_translated(model: Transducer) -> None:
    strange = ["\u2028", "三只猫", "🐈" * 50, "a\nb\r\nc", "</s> <pad>", "\x00", "é" * 30, "\ud83d", "one " * 300]
    found = model.translate(strange, beam=1)
    assert len(found) == len(strange)
    assert all(isinstance(text, str) and text == text.encode("utf-8", "replace").decode() for text in found)


# ------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"temprature": 2}, 'unknown key "temprature". Did you mean "temperature"?'),
        ({"beam": 0}, "decoding.beam must be at least 1"),
        ({"beam": "5"}, 'beam: expected a whole number; got "5".'),
        ({"nbest": 9}, "decoding.nbest cannot exceed beam"),
        ({"sample": 1}, "sample: expected true or false; got 1."),
    ],
)
def test_unknown_options_and_impossible_values(model: Transducer, options: dict[str, Any], told: str) -> None:
    for call in (lambda: model.translate("one", **options), lambda: model.evaluate([("a", "b")], **options)):
        with pytest.raises(ConfigError) as caught:
            call()
        assert told in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_is_no_text_is_refused_by_its_number(model: Transducer) -> None:
    for texts, number in ((["one", None], 2), ([3], 1), ([b"one"], 1)):
        with pytest.raises(DataError, match=rf"text {number} is of type"):
            model.translate(texts)  # type: ignore[call-overload]
    for pairs in ([("one", None)], [("one",)], ["one"], [3]):
        with pytest.raises(DataError, match="pair 1"):
            model.score(pairs)  # type: ignore[arg-type]
        with pytest.raises(DataError, match="pair 1"):
            model.evaluate(pairs)  # type: ignore[arg-type]
    with pytest.raises(DataError):
        model.evaluate([])
    with pytest.raises(TransduceError):
        load("nowhere")
    with pytest.raises(TransduceError, match="device"):
        load(model.path or "", device="tpu")
