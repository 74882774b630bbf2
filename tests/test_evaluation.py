"""Measures of a model against a computation of one's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sacrebleu
import torch
from torch import Tensor

from transduce import evaluation
from transduce.data.readers import Pair
from transduce.data.tokenizer import BOS, EOS, Tokenizer, TokenizerConfig, TokenizerPair
from transduce.decoding import DecodingConfig
from transduce.errors import DataError
from transduce.evaluation import evaluate_pairs, forced_scores
from transduce.models import RNN, RNNConfig

PAIRS = [
    Pair("a man rides a horse", "un homme monte un cheval", 2),
    Pair("a cat", "un chat", 3),
    Pair("", "le vide", 4),
    Pair("the horse rides a man", "le cheval monte un homme", 7),
    Pair("nothing", "", 9),
]


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def tokenizers() -> TokenizerPair:
    both = Tokenizer.train(
        [text for pair in PAIRS for text in pair[:2]], config=TokenizerConfig(kind="char", vocab=300)
    )
    return TokenizerPair(both, both)


@pytest.fixture(scope="module")
def model(tokenizers: TokenizerPair) -> RNN:
    torch.manual_seed(0)
    size = tokenizers.source.vocab_size
    return RNN(RNNConfig(embed=8, hidden=8, dropout=0.5), source_vocab=size, target_vocab=size)


def ids(tokenizers: TokenizerPair, pairs: list[Pair]) -> tuple[list[list[int]], list[list[int]]]:
    return [tokenizers.source.encode(pair.source) for pair in pairs], [
        tokenizers.target.encode(pair.target) for pair in pairs
    ]


def by_hand(model: RNN, source: list[int], target: list[int]) -> tuple[float, int, int]:
    """Log-probability, tokens and right tokens of one pair, a token at a time, through ``start`` and ``step``."""
    total, right = 0.0, 0
    with torch.no_grad():
        state = model.start(torch.tensor([[*source, EOS]]), torch.tensor([len(source) + 1]))
        for last, token in zip([BOS, *target], [*target, EOS], strict=True):
            logits, state = model.step(torch.tensor([last]), state)
            probabilities = logits[0].double().exp() / logits[0].double().exp().sum()
            total += math.log(probabilities[token])
            right += int(probabilities.argmax()) == token
    return total, len(target) + 1, right


def test_forced_scores_are_those_of_one_token_at_a_time(model: RNN, tokenizers: TokenizerPair) -> None:
    model.train()  # dropout must not be at work
    sources, targets = ids(tokenizers, PAIRS)
    found = forced_scores(model, sources, targets)
    assert model.training
    model.eval()
    for each, source, target in zip(found, sources, targets, strict=True):
        log_prob, tokens, right = by_hand(model, source, target)
        assert each.log_prob == pytest.approx(log_prob, abs=1e-4)
        assert (each.tokens, each.correct) == (tokens, right)


@pytest.mark.parametrize("limit", [1, 7, 30, 10_000])
def test_batches_of_any_size_give_the_same_in_the_same_order(
    model: RNN, tokenizers: TokenizerPair, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    sources, targets = ids(tokenizers, PAIRS * 3)
    expected = forced_scores(model, sources, targets)
    batches = []
    forward = model.forward

    def watched(source: Tensor, lengths: Tensor, target_in: Tensor) -> Tensor:
        batches.append((source.shape, target_in.shape))
        return forward(source, lengths, target_in)

    monkeypatch.setattr(model, "forward", watched)
    monkeypatch.setattr(evaluation, "FORCED_TOKENS", limit)
    found = forced_scores(model, sources, targets)
    assert [each.log_prob for each in found] == pytest.approx([each.log_prob for each in expected], abs=1e-4)
    assert [each.tokens for each in found] == [each.tokens for each in expected]
    assert sum(source[0] for source, _ in batches) == len(sources)
    assert all(source[0] == 1 or source[0] * max(source[1], target[1]) <= limit for source, target in batches)


def test_no_pairs_no_scores(model: RNN) -> None:
    assert forced_scores(model, [], []) == []


def test_measures_are_those_of_the_outputs(model: RNN, tokenizers: TokenizerPair) -> None:
    found = evaluate_pairs(model, tokenizers, PAIRS, decoding=DecodingConfig(beam=2))
    references = [pair.target for pair in PAIRS]
    assert list(found.scores) == ["bleu", "chrf", "ter", "exact_match", "perplexity", "token_accuracy"]
    assert found.scores["bleu"].value == pytest.approx(
        sacrebleu.corpus_bleu(found.outputs, [references], force=True).score
    )
    assert found.scores["chrf"].value == pytest.approx(sacrebleu.corpus_chrf(found.outputs, [references]).score)
    hands = [by_hand(model, source, target) for source, target in zip(*ids(tokenizers, PAIRS), strict=True)]
    nats, tokens = -sum(log_prob for log_prob, _, _ in hands), sum(count for _, count, _ in hands)
    assert found.scores["perplexity"].value == pytest.approx(math.exp(nats / tokens), rel=1e-4)
    assert found.scores["token_accuracy"].value == pytest.approx(100 * sum(right for _, _, right in hands) / tokens)
    assert f"tokens:{tokens}" in found.scores["perplexity"].signature
    assert found.pairs == PAIRS
    assert np.isfinite(found.seconds)


def test_the_language_chooses_the_tokenizer_of_bleu(model: RNN, tokenizers: TokenizerPair) -> None:
    found = evaluate_pairs(model, tokenizers, PAIRS, decoding=DecodingConfig(beam=1), language="zh", measures=["bleu"])
    assert "tok:zh" in found.scores["bleu"].signature
    assert "chrf" not in found.scores


def test_nothing_to_measure_is_an_error(model: RNN, tokenizers: TokenizerPair) -> None:
    with pytest.raises(DataError):
        evaluate_pairs(model, tokenizers, [], decoding=DecodingConfig())
