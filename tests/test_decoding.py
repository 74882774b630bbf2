"""Search over a toy model small enough to enumerate, and over small recurrent models with random weights."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from torch import Tensor

from transduce.config import Config
from transduce.decoding import (
    DecodingConfig,
    Hypothesis,
    beam_search,
    decode,
    force,
    greedy,
    length_penalty,
    sample,
    sampling,
)
from transduce.decoding.hypothesis import with_room
from transduce.decoding.sampling import draw
from transduce.errors import ConfigError, TransduceError
from transduce.models import RNN, Generator, RNNConfig, State

PAD, BOS, EOS, UNK = range(4)
WRITABLE = [EOS, 4, 5, 6]  # all that the toy model's vocabulary of 7 lets search write
STATES = 997


pytestmark = pytest.mark.usefixtures("one_thread")


# ------------------------------------------------------------------------------------------------ the toy model


@dataclass(frozen=True)
class ToyState(State):
    key: Tensor  # (rows,): a number that depends on the source and on every token since
    length: Tensor  # (rows,): of the source
    width: int
    at: int = 0
    attention: Tensor | None = None

    def select(self, rows: Tensor) -> ToyState:
        return ToyState(self.key[rows], self.length[rows], self.width, self.at)

    def __len__(self) -> int:
        return len(self.key)


class Toy(Generator):
    """Logits are a row of a table, found by a key that mixes in the whole history. Attention moves on by one a step."""

    def __init__(self, seed: int = 0, *, vocab: int = 7, scale: float = 2.0) -> None:
        super().__init__()
        self.vocab = vocab
        table = torch.randn(STATES, vocab, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        self.table = scale * table
        self.rows: list[int] = []  # how many rows each step saw
        self.read: list[tuple[int, int]] = []  # shape of each source read

    def mix(self, key: Tensor, token: Tensor) -> Tensor:
        return (key * 31 + token * 7 + 1) % STATES

    def start(self, source: Tensor, source_lengths: Tensor) -> ToyState:
        self.read.append((source.shape[0], source.shape[1]))
        key = torch.zeros(len(source), dtype=torch.int64)
        for column in range(source.shape[1]):
            key = torch.where(column < source_lengths, self.mix(key, source[:, column]), key)
        return ToyState(key, source_lengths, source.shape[1])

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, ToyState]:
        assert isinstance(state, ToyState)
        self.rows.append(len(tokens))
        assert len(tokens) == len(state)
        key = self.mix(state.key, tokens)
        attention = torch.zeros(len(tokens), state.width)
        attention[torch.arange(len(tokens)), (key % state.length)] = 1.0
        return self.table[key], ToyState(key, state.length, state.width, state.at + 1, attention)

    def forward(self, source: Tensor, source_lengths: Tensor, target_in: Tensor) -> Tensor:
        key, columns = self.start(source, source_lengths).key, []
        for column in target_in.T:
            key = self.mix(key, column)
            columns.append(self.table[key])
        return torch.stack(columns, dim=1)

    def next(self, source: list[int], written: tuple[int, ...]) -> dict[int, float]:
        """Log-probability of each writable token, in plain Python: what the tests' own searches ask."""
        key = 0
        for token in [*source, EOS, BOS, *written]:
            key = (key * 31 + token * 7 + 1) % STATES
        row = self.table[key].tolist()
        total = math.log(sum(math.exp(value) for value in row))
        return {word: row[word] - total for word in WRITABLE}


def batch(sources: list[list[int]]) -> tuple[Tensor, Tensor]:
    width = max(map(len, sources)) + 1
    return (torch.tensor([[*s, EOS] + [PAD] * (width - len(s) - 1) for s in sources]),
            torch.tensor([len(s) + 1 for s in sources]))  # fmt: skip


def ranked(complete: list[tuple[tuple[int, ...], float]], alpha: float) -> list[tuple[tuple[int, ...], float, float]]:
    """Symbols, score, log-probability: those that end with EOS first, each kind by falling score."""
    scored = [(symbols, total / ((5 + len(symbols)) / 6) ** alpha, total) for symbols, total in complete]
    return sorted(scored, key=lambda each: (each[0][-1] != EOS, -each[1]))


def enumerated(model: Toy, source: list[int], limit: int) -> list[tuple[tuple[int, ...], float]]:
    """Everything the model can write in ``limit`` symbols, with its log-probability."""
    complete, partial = [], [((), 0.0)]
    for at in range(limit):
        grown = [((*words, word), total + value)
                 for words, total in partial for word, value in model.next(source, words).items()]  # fmt: skip
        complete += [each for each in grown if each[0][-1] == EOS or at + 1 == limit]
        partial = [each for each in grown if each[0][-1] != EOS]
    return complete


def slow_beam(
    model: Toy, source: list[int], limit: int, config: DecodingConfig, sizes: list[int] | None = None
) -> list[tuple[tuple[int, ...], float]]:
    """The documented beam search in lists, without its early stop. ``sizes`` hears how many are partial."""
    beam, nbest, threshold = config.beam, config.nbest, config.beam_threshold or math.inf
    complete: list[tuple[tuple[int, ...], float]] = []
    partial: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    for _ in range(limit):
        if sizes is not None and partial:
            sizes.append(len(partial))
        grown = [((*words, word), total + value)
                 for words, total in partial for word, value in model.next(source, words).items()]  # fmt: skip
        best = sorted(grown, key=lambda each: -each[1])[: beam - len(complete)]
        complete += [each for each in best if each[0][-1] == EOS]
        partial = [each for each in best if each[0][-1] != EOS]
        if len(partial) > nbest and len(partial[0][0]) < limit:
            partial = [each for each in partial if each[1] >= partial[nbest - 1][1] - threshold]
    return complete + partial


def symbols(hypothesis: Hypothesis) -> tuple[int, ...]:
    return (*hypothesis.tokens, EOS) if hypothesis.finished else tuple(hypothesis.tokens)


def agree(found: list[Hypothesis], expected: list[tuple[tuple[int, ...], float, float]]) -> None:
    assert [symbols(each) for each in found] == [each[0] for each in expected]
    assert [each.score for each in found] == pytest.approx([each[1] for each in expected], abs=1e-9)
    assert [each.log_prob for each in found] == pytest.approx([each[2] for each in expected], abs=1e-9)


SOURCES = [[4, 5, 6], [], [5], [6, 6, 4, 5, 4, 4, 5], [4, 5, 6, 4], [5, 5]]


def rnns() -> list[RNN]:
    configs = [
        RNNConfig(embed=8, hidden=12, attention="general"),
        RNNConfig(embed=8, hidden=12, attention="none", cell="gru", layers=2, tied="none", reverse_source=True),
        RNNConfig(embed=8, hidden=12, attention="additive", input_feeding=True, tied="decoder"),
    ]
    models = []
    for seed, config in enumerate(configs):
        torch.manual_seed(seed)
        model = RNN(config, source_vocab=13, target_vocab=13).double()
        with torch.no_grad():
            for weight in model.parameters():
                weight *= 3  # so that it has opinions
            model.output.bias[EOS] += 2  # and comes to an end
        models.append(model.eval())
    return models


MODELS = [Toy(3), *rnns()]
NAMES = ["toy", "lstm-attention", "gru", "input-feeding"]
each_model = pytest.mark.parametrize("model", MODELS, ids=NAMES)

# ------------------------------------------------------------------------------------------------- beam search


def test_length_penalty_is_that_of_wu_et_al() -> None:
    assert length_penalty(1.0, 0.7) == 1  # (5 + 1) / 6
    assert length_penalty(7.0, 1.0) == 2  # 12 / 6
    assert length_penalty(19.0, 0.5) == 2  # the root of 24 / 6
    assert length_penalty(19.0, 0.0) == 1


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_beam_that_holds_everything_finds_what_enumeration_finds(seed: int, alpha: float) -> None:
    model, limit = Toy(seed), 4
    config = DecodingConfig(beam=400, nbest=200, length_penalty=alpha, beam_threshold=0)
    found = beam_search(model, *batch(SOURCES), max_lengths=[limit] * len(SOURCES), config=config)
    for source, hypotheses in zip(SOURCES, found, strict=True):
        expected = ranked(enumerated(model, source, limit), alpha)
        assert len(expected) == 121  # 40 that end, 81 that are cut
        agree(hypotheses, expected)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), beam=st.integers(1, 6), data=st.data(), limit=st.integers(1, 12),
       alpha=st.sampled_from([0.0, 0.5, 1.0, 3.0]), scale=st.sampled_from([0.5, 2.0, 6.0]),
       threshold=st.sampled_from([0.0, 0.3, 1.5, 2.5]))  # fmt: skip
def test_beam_search_is_the_documented_one(
    seed: int, beam: int, data: st.DataObject, limit: int, alpha: float, scale: float, threshold: float
) -> None:
    # The slow search has no early stop: that the stop changes no result is tested here, too.
    model, nbest = Toy(seed, scale=scale), data.draw(st.integers(1, beam))
    config = DecodingConfig(beam=beam, nbest=nbest, length_penalty=alpha, beam_threshold=threshold)
    limits = [limit + at % 3 for at in range(len(SOURCES))]
    found = beam_search(model, *batch(SOURCES), max_lengths=limits, config=config)
    for source, most, hypotheses in zip(SOURCES, limits, found, strict=True):
        agree(hypotheses, ranked(slow_beam(model, source, most, config), alpha)[:nbest])


def test_the_search_of_a_sentence_stops_when_nothing_can_overtake() -> None:
    steps = {}
    for nbest in (1, 4):
        model = Toy(5, scale=4.0)
        config = DecodingConfig(beam=4, nbest=nbest, length_penalty=0)
        beam_search(model, *batch(SOURCES), max_lengths=[60] * 6, config=config)
        steps[nbest] = sum(model.rows)
    assert steps[1] < steps[4]


@each_model
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_beam_of_one_is_greedy_search(model: Generator, alpha: float) -> None:
    config = DecodingConfig(beam=1, length_penalty=alpha)
    limits = [12 + 2 * len(source) for source in SOURCES]
    best = greedy(model, *batch(SOURCES), max_lengths=limits, config=config, want_log_probs=True)
    beams = beam_search(model, *batch(SOURCES), max_lengths=limits, config=config, want_log_probs=True)
    assert [each for (each,) in beams] == best


@each_model
def test_nbest_are_sorted_and_distinct(model: Generator) -> None:
    for hypotheses in decode(model, SOURCES, config=DecodingConfig(beam=6, nbest=6, max_length_extra=8)):
        assert len(hypotheses) == 6
        assert len({symbols(each) for each in hypotheses}) == 6
        keys = [(not each.finished, -each.score) for each in hypotheses]
        assert keys == sorted(keys)


# -------------------------------------------------------------------------------------------------- invariants


CONFIGS = {
    "greedy": DecodingConfig(beam=1),
    "beam": DecodingConfig(beam=4, nbest=3),
    "sample": DecodingConfig(sample=True, nbest=3, seed=7),
    "nucleus": DecodingConfig(sample=True, nbest=2, top_k=5, top_p=0.8, temperature=1.3),
}
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def same(one: list[Hypothesis], other: list[Hypothesis]) -> None:
    assert [(each.tokens, each.finished) for each in one] == [(each.tokens, each.finished) for each in other]
    for left, right in zip(one, other, strict=True):
        assert (left.score, left.log_prob) == pytest.approx((right.score, right.log_prob), abs=1e-9)
        assert left.token_log_probs == pytest.approx(right.token_log_probs, abs=1e-9)
        if left.attention is None or right.attention is None:
            assert left.attention is right.attention
        else:
            np.testing.assert_allclose(left.attention, right.attention, atol=1e-6)


@each_model
@each_config
@pytest.mark.parametrize("max_tokens", [1, 40, 10_000])
def test_a_sentence_alone_is_the_sentence_among_others(
    model: Generator, config: DecodingConfig, max_tokens: int
) -> None:
    together = decode(model, SOURCES, config=config, max_tokens=max_tokens, want_attention=True, want_log_probs=True)
    backwards = decode(model, SOURCES[::-1], config=config, want_attention=True, want_log_probs=True)[::-1]
    for source, here, there in zip(SOURCES, together, backwards, strict=True):
        alone = decode(model, [source], config=config, want_attention=True, want_log_probs=True)[0]
        same(alone, here)
        same(alone, there)


@each_model
@each_config
def test_forced_decoding_gives_the_score_that_search_reported(model: Generator, config: DecodingConfig) -> None:
    found = decode(model, SOURCES, config=config, want_attention=True, want_log_probs=True)
    assert any(each.finished for hypotheses in found for each in hypotheses)
    for rank in range(config.nbest):
        chosen = [hypotheses[rank] for hypotheses in found]
        targets = [each.tokens for each in chosen]
        forced = force(model, *batch(SOURCES), targets, alpha=config.length_penalty)
        stepped = force(model, *batch(SOURCES), targets, alpha=config.length_penalty, want_attention=True)
        for each, whole, steps in zip(chosen, forced, stepped, strict=True):
            assert each.token_log_probs is not None
            assert whole.token_log_probs is not None
            written = len(each.token_log_probs)
            assert written == len(each.tokens) + each.finished
            assert each.token_log_probs == pytest.approx(whole.token_log_probs[:written], abs=1e-9)
            assert each.log_prob == pytest.approx(sum(each.token_log_probs), abs=1e-9)
            assert each.score == pytest.approx(each.log_prob / length_penalty(written, config.length_penalty))
            if each.finished:
                assert (each.score, each.log_prob) == pytest.approx((whole.score, whole.log_prob), abs=1e-9)
                same([each], [steps])
            assert whole.attention is None


@each_model
def test_attention_is_over_the_source_and_its_end_for_every_symbol(model: Generator) -> None:
    for source, (each,) in zip(SOURCES, decode(model, SOURCES, want_attention=True), strict=True):
        if isinstance(model, RNN) and model.config.attention == "none":
            assert each.attention is None
            continue
        assert each.attention is not None
        assert each.attention.shape == (len(symbols(each)), len(source) + 1)
        np.testing.assert_allclose(each.attention.sum(axis=1), 1, atol=1e-5)


@each_config
def test_what_is_not_asked_for_is_not_there(config: DecodingConfig) -> None:
    for hypotheses in decode(MODELS[1], SOURCES, config=config):
        assert all(each.attention is None and each.token_log_probs is None for each in hypotheses)


@each_config
def test_a_training_model_is_read_without_dropout_and_goes_on_training(config: DecodingConfig) -> None:
    torch.manual_seed(1)
    model = RNN(RNNConfig(embed=8, hidden=8, dropout=0.5), source_vocab=13, target_vocab=13).eval()
    expected = decode(model, SOURCES, config=config)
    model.train()
    assert decode(model, SOURCES, config=config) == expected
    assert model.training
    assert model.encoder.training
    forced = [force(model, *batch(SOURCES), SOURCES) for _ in range(2)]
    assert forced[0] == forced[1]


# -------------------------------------------------------------------------------------------- rows and lengths


def test_rows_leave_with_their_last_symbol() -> None:
    model = Toy(3)
    found = greedy(model, *batch(SOURCES), max_lengths=[9, 9, 1, 9, 4, 9])
    lengths = [len(symbols(each)) for each in found]
    assert len(set(lengths)) > 2  # or the test tests nothing
    assert model.rows == [sum(length > at for length in lengths) for at in range(max(lengths))]


def test_sentences_and_places_of_the_beam_leave_the_batch() -> None:
    model = Toy(11)
    limits = [3, 30, 1, 5, 2, 9]
    beam_search(model, *batch(SOURCES), max_lengths=limits, config=DecodingConfig(beam=4, nbest=4))
    assert model.rows[0] == 6  # one row a sentence before the first choice
    for at, rows in enumerate(model.rows[1:], start=1):
        assert rows <= 4 * sum(limit > at for limit in limits)
    sizes: list[int] = []
    model, config = Toy(12), DecodingConfig(beam=6, nbest=6)
    slow_beam(model, SOURCES[0], 30, config, sizes)
    beam_search(model, *batch(SOURCES[:1]), max_lengths=[30], config=config)
    assert len(set(sizes)) > 3  # or the test tests nothing
    assert model.rows == sizes


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_batch_holds_the_rows_that_its_sentences_have_alone(threshold: float) -> None:
    model, config = Toy(7), DecodingConfig(beam=5, beam_threshold=threshold)
    beam_search(model, *batch(SOURCES), max_lengths=[20] * len(SOURCES), config=config)
    together, alone = model.rows, Counter[int]()
    for source in SOURCES:
        model.rows = []
        beam_search(model, *batch([source]), max_lengths=[20], config=config)
        alone.update(dict(enumerate(model.rows)))
    assert together == [alone[at] for at in range(len(together))]


def test_what_falls_behind_is_dropped() -> None:
    """A threshold that spares nothing leaves greedy search, one that nothing passes changes nothing."""
    found, rows = {}, {}
    for threshold in (0.0, 1e-9, 1.0, 1000.0):
        model = Toy(3)
        config = DecodingConfig(beam=5, beam_threshold=threshold)
        found[threshold] = beam_search(model, *batch(SOURCES), max_lengths=[20] * len(SOURCES), config=config)
        rows[threshold] = sum(model.rows)
    assert found[0.0] == found[1000.0]
    assert rows[1e-9] < rows[1.0] < rows[0.0] == rows[1000.0]


class Stubborn(Toy):
    """Writes 4 for ever: EOS has no probability at all."""

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, ToyState]:
        logits, state = super().step(tokens, state)
        logits = torch.zeros_like(logits)
        logits[:, EOS], logits[:, 4] = -torch.inf, 5.0
        return logits, state


@pytest.mark.parametrize("config", [DecodingConfig(beam=1, max_length_ratio=1.5, max_length_extra=2),
                                    DecodingConfig(beam=3, max_length_ratio=1.5, max_length_extra=2),
                                    DecodingConfig(sample=True, max_length_ratio=1.5, max_length_extra=2)])  # fmt: skip
def test_nothing_is_longer_than_the_maximum(config: DecodingConfig) -> None:
    found = decode(Stubborn(), SOURCES, config=config)
    # ceil(1.5 n) + 2 symbols for sources of 3, 0, 1, 7, 4 and 2 tokens
    assert [len(each.tokens) for (each,) in found] == [7, 2, 4, 13, 8, 5]
    assert not any(each.finished for (each,) in found)


def test_the_maximal_length_is_ratio_times_source_plus_extra() -> None:
    assert DecodingConfig().max_length(0) == 20
    assert DecodingConfig().max_length(2_000) == 4_020
    assert DecodingConfig(max_length_ratio=0.3, max_length_extra=0).max_length(0) == 1
    assert DecodingConfig(max_length_ratio=0.3, max_length_extra=0).max_length(4) == 2


LENGTHS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=60)


@given(pairs=LENGTHS, ratio=st.floats(0, 4), extra=st.integers(1, 40))
@example(pairs=[(200, 40)] * 499 + [(3, 40)], ratio=2.0, extra=20)  # summaries, and one of a text shorter than it
def test_what_was_learned_can_be_written(pairs: list[tuple[int, int]], ratio: float, extra: int) -> None:
    config = DecodingConfig(beam=3, max_length_ratio=ratio, max_length_extra=extra)
    sources, targets = np.array(pairs).T
    roomy = with_room(config, sources, targets)
    assert all(target + 1 <= roomy.max_length(source) for source, target in pairs)
    if all(target + 1 <= config.max_length(source) for source, target in pairs):
        assert roomy == config
    assert replace(roomy, max_length_extra=extra) == config


def test_a_misaligned_pair_does_not_lengthen_all_output() -> None:
    sources, targets = np.full(5_000, 10), np.full(5_000, 12)
    targets[17] = 250
    assert with_room(DecodingConfig(), sources, targets) == DecodingConfig()


@pytest.mark.parametrize("config", [DecodingConfig(beam=1), DecodingConfig(beam=4), DecodingConfig(sample=True)])
def test_empty_one_word_and_two_thousand_words(config: DecodingConfig) -> None:
    sources = [[5], [4 + at % 9 for at in range(2_000)], [], [6] * 10]
    found = decode(MODELS[1], sources, config=config, want_attention=True)
    for source, hypotheses in zip(sources, found, strict=True):
        assert len(hypotheses) == 1
        assert 1 <= len(symbols(hypotheses[0])) <= config.max_length(len(source))
        assert hypotheses[0].attention is not None
        assert hypotheses[0].attention.shape[1] == len(source) + 1
    assert decode(MODELS[1], [], config=config) == []


@pytest.mark.parametrize("copies", [{"beam": 1}, {"beam": 5}, {"sample": True, "nbest": 5}])
def test_batches_keep_to_the_budget_and_progress_counts_all(copies: dict[str, int]) -> None:
    config, model, heard = DecodingConfig(**copies), Toy(), []
    sources = [[4 + at % 3] * (at * 7 % 40) for at in range(120)]
    found = decode(model, sources, config=config, max_tokens=300, progress=heard.append)
    assert sum(heard) == len(found) == len(sources)
    times = config.nbest if config.sample else config.beam
    assert all(rows * times * width <= 300 for rows, width in model.read)
    assert len(model.read) < len(sources) / (2 if times == 1 else 1)
    assert found[17] == decode(Toy(), [sources[17]], config=config)[0]


def test_start_padding_and_unknown_are_never_written_and_their_mass_stays_theirs() -> None:
    model = Toy(2)
    model.table[:, [PAD, BOS, UNK]] += 9.0
    for config in CONFIGS.values():
        for source, hypotheses in zip(SOURCES, decode(model, SOURCES, config=config), strict=True):
            for each in hypotheses:
                assert set(each.tokens) <= {4, 5, 6}
                written = symbols(each)
                exact = sum(model.next(source, written[:at])[word] for at, word in enumerate(written))
                assert each.log_prob == pytest.approx(exact)


# ---------------------------------------------------------------------------------------------------- sampling


def expected_mass(logits: list[float], temperature: float, top_k: int, top_p: float) -> list[float]:
    """The distribution to draw from, computed token by token."""
    mass = [math.exp(value / temperature) for value in logits]
    order = sorted(range(len(mass)), key=lambda word: -mass[word])
    order = order[: top_k or len(order)]
    total, kept, reached = sum(mass[word] for word in order), [], 0.0
    for word in order:
        if reached < top_p:
            kept.append(word)
        reached += mass[word] / total
    return [mass[word] / sum(mass[other] for other in kept) if word in kept else 0.0 for word in range(len(mass))]


DRAWS = [(1.0, 0, 1.0), (0.5, 0, 1.0), (2.0, 3, 1.0), (1.0, 0, 0.7), (1.5, 4, 0.6), (1.0, 1, 1.0), (1.0, 50, 0.999)]


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), DRAWS)
@pytest.mark.parametrize("shortlist", [2, 256])
def test_draw_inverts_the_distribution_function(
    temperature: float, top_k: int, top_p: float, shortlist: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "SHORTLIST", shortlist)  # 2: often too short, so that all must be sorted
    logits = [0.3, -math.inf, 2.0, 1.1, -1.5, 0.9, -math.inf, 1.6]
    many = 20_000
    uniform = (torch.arange(many, dtype=torch.float64) + 0.5) / many
    log_probs = torch.tensor(logits, dtype=torch.float64).log_softmax(-1).expand(many, -1)
    words = draw(log_probs, uniform, temperature=temperature, top_k=top_k, top_p=top_p)
    shares = words.bincount(minlength=len(logits)) / many
    assert shares.tolist() == pytest.approx(expected_mass(logits, temperature, top_k, top_p), abs=1e-4)


@pytest.mark.parametrize("uniform", [0.0, 1.0 - 2.0**-53])
def test_the_ends_of_the_unit_interval_draw_tokens_that_have_mass(uniform: float) -> None:
    log_probs = torch.tensor([[-math.inf, -0.1, -3.0, -3.0, -math.inf]], dtype=torch.float64)
    numbers = torch.tensor([uniform], dtype=torch.float64)
    for options in ({}, {"top_k": 2}, {"top_p": 0.5}, {"temperature": 1e-3}):
        assert draw(log_probs, numbers, **options).item() in (1, 2, 3)


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), DRAWS)
def test_samples_come_as_often_as_they_are_probable(temperature: float, top_k: int, top_p: float) -> None:
    model, source, count = Toy(8), [[4, 6]], 4_000
    config = DecodingConfig(sample=True, nbest=count, temperature=temperature, top_k=top_k, top_p=top_p, seed=1)
    found = sample(model, *batch(source), max_lengths=[2], config=config)[0]
    counts = Counter(symbols(each) for each in found)

    def mass(written: tuple[int, ...]) -> dict[int, float]:
        logits = [model.next(source[0], written).get(word, -math.inf) for word in range(7)]
        return dict(enumerate(expected_mass(logits, temperature, top_k, top_p)))

    expected = {(EOS,): mass(())[EOS]}
    expected |= {(one, two): mass(())[one] * mass((one,))[two] for one in (4, 5, 6) for two in WRITABLE}
    assert set(counts) <= {written for written, share in expected.items() if share > 0}
    chi_square = sum((counts[written] - count * share) ** 2 / (count * share)
                     for written, share in expected.items() if share > 0)  # fmt: skip
    assert chi_square < 33  # 12 degrees of freedom at most: 1 in 1,000


@each_model
@pytest.mark.parametrize("options", [{"top_k": 1}, {"top_p": 1e-9}, {"temperature": 1e-5}], ids=str)
def test_sampling_without_choice_is_greedy_search(model: Generator, options: dict[str, float]) -> None:
    sampled = decode(model, SOURCES, config=DecodingConfig(sample=True, seed=3, **options), want_log_probs=True)
    assert sampled == decode(model, SOURCES, config=DecodingConfig(beam=1), want_log_probs=True)


def test_a_seed_means_the_same_draws_and_another_seed_others() -> None:
    configs = [DecodingConfig(sample=True, nbest=4, seed=seed) for seed in (0, 0, 1)]
    first, again, other = (decode(Toy(1, scale=0.5), SOURCES, config=config) for config in configs)
    assert first == again
    assert first != other


def test_draws_of_a_sentence_differ_and_so_do_those_of_its_copies() -> None:
    model, config = Toy(1, scale=0.3), DecodingConfig(sample=True, nbest=5)
    model.table[:, EOS] -= 2
    source = [4, 5, 6, 4, 5]
    once, again, other = decode(model, [source, source, [6]], config=config)
    assert len({symbols(each) for each in (*once, *again)}) > 6
    assert once != again
    assert once == decode(model, [[5], source], config=config)[1]
    more = decode(model, [source], config=DecodingConfig(sample=True, nbest=9))[0]
    assert more[:5] == once  # asking for more keeps what was drawn
    assert len(other) == 5


# ------------------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_an_error_and_not_an_output(config: DecodingConfig, bad: float) -> None:
    torch.manual_seed(0)
    model = RNN(RNNConfig(embed=8, hidden=8), source_vocab=13, target_vocab=13)
    with torch.no_grad():
        model.output.bias[7] = bad
    with pytest.raises(TransduceError, match="not a finite number at symbol 1 "):
        decode(model, SOURCES, config=config)
    for want_attention in (False, True):
        with pytest.raises(TransduceError, match="not a finite number"):
            force(model, *batch(SOURCES), SOURCES, want_attention=want_attention)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_model_that_lets_nothing_be_written_is_an_error(config: DecodingConfig) -> None:
    model = Toy()
    model.table[:, WRITABLE] = -torch.inf
    with pytest.raises(TransduceError):
        decode(model, SOURCES, config=config)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"beam": 0}, "beam"),
        ({"nbest": 0}, "nbest"),
        ({"beam": 2, "nbest": 3}, "Raise beam"),
        ({"length_penalty": -0.1}, "length_penalty"),
        ({"length_penalty": math.nan}, "length_penalty"),
        ({"max_length_ratio": math.inf}, "max_length_ratio"),
        ({"max_length_extra": -1}, "max_length_extra"),
        ({"max_length_ratio": 0.0, "max_length_extra": 0}, "max_length_ratio"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"top_k": -1}, "top_k"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_values_are_refused_by_name(options: dict[str, float], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        DecodingConfig(**options)


def test_sampling_takes_as_many_draws_as_asked_whatever_the_beam() -> None:
    assert issubclass(DecodingConfig, Config)
    assert len(decode(Toy(), [[4]], config=DecodingConfig(sample=True, beam=1, nbest=8))[0]) == 8
