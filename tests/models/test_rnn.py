"""Recurrent models: what search, training and users rely on, whatever the cell, attention or bridge."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from tests.models.alike import ids, padded, same, stepped
from transduce.config import from_dict, to_dict, with_settings
from transduce.errors import ConfigError
from transduce.models import RNN, RNNConfig, build, rnn, rnn_search
from transduce.models.base import inside, reverse_words, reversed_positions
from transduce.request import Settings

SOURCE_VOCAB, TARGET_VOCAB = 11, 9

# Each line differs from the first in what could break; together they hold every cell, attention and option.
FAMILIES: dict[str, dict[str, Any]] = {
    "lstm-general": {},
    "lstm-plain": {"attention": "none", "bidirectional": False},
    "lstm-feeding": {"input_feeding": True, "layers": 2, "attention": "dot"},
    "lstm-reversed": {"reverse_source": True, "bidirectional": False, "layers": 2},
    "gru-additive": {"cell": "gru", "attention": "additive", "bridge": "dense"},
    "gru-feeding": {"cell": "gru", "attention": "additive", "input_feeding": True, "reverse_source": True},
    "before-scaled": {"cell": "gru_before", "attention": "scaled_dot", "layers": 2, "reverse_source": True},
    "before-deeper": {"cell": "gru_before", "bridge": "dense", "layers": 2, "encoder_layers": 1},
    "before-feeding": {"cell": "gru_before", "input_feeding": True},
    "lstm-lexical": {"lexical": True, "embed": 7},
    "gru-lexical": {"cell": "gru", "attention": "additive", "lexical": True, "input_feeding": True, "layers": 2},
    "tanh-lexical": {"cell": "rnn", "attention": "dot", "lexical": True, "reverse_source": True},
    "tanh-dot": {"cell": "rnn", "attention": "dot", "layers": 2},
    "relu-general": {"cell": "rnn", "activation": "relu", "input_feeding": True},
    "sigmoid-plain": {"cell": "rnn", "activation": "sigmoid", "attention": "none", "layers": 2},
    "sigmoid-additive": {"cell": "rnn", "activation": "sigmoid", "attention": "additive", "bridge": "dense"},
}
ATTENTIVE = [name for name, values in FAMILIES.items() if values.get("attention") != "none"]
PLAIN = ["lstm-plain", "sigmoid-plain"]


pytestmark = pytest.mark.usefixtures("one_thread")


def made(*, seed: int = 1, vocabs: tuple[int, int] = (SOURCE_VOCAB, TARGET_VOCAB), **values: Any) -> RNN:
    torch.manual_seed(seed)
    config = RNNConfig(**{"embed": 5, "hidden": 6, "tied": "none", **values})
    model = build(config, source_vocab=vocabs[0], target_vocab=vocabs[1])
    assert isinstance(model, RNN)
    return model


@cache
def family(name: str) -> RNN:
    """A model in float64, where 1e-10 tells rounding from mistakes. Not to be changed: it is shared."""
    return made(**FAMILIES[name]).double().eval()


PAIR = st.tuples(ids(SOURCE_VOCAB, least=1, most=7), ids(TARGET_VOCAB, least=1, most=5))
LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=4)
PAIRS = st.lists(PAIR, min_size=1, max_size=5)


# --------------------------------------------------------------------------------------------- padding


def gradients(model: RNN, pairs: list[tuple[list[int], list[int]]], mixes: list[Tensor], *,
              more: int = 0, filler: int = 0) -> tuple[list[Tensor], dict[str, Tensor]]:  # fmt: skip
    """Unpadded logits of each pair, and the gradients of their sum weighted by ``mixes``."""
    source, lengths = padded([source for source, _ in pairs], more=more, filler=filler % SOURCE_VOCAB)
    target_in, target_lengths = padded([target for _, target in pairs], more=more, filler=filler % TARGET_VOCAB)
    logits = model(source, lengths, target_in)
    real = [each[:length] for each, length in zip(logits, target_lengths, strict=True)]
    loss = torch.stack([(each * mix[: len(each)]).sum() for each, mix in zip(real, mixes, strict=True)]).sum()
    names, weights = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, weights, materialize_grads=True)
    return [each.detach() for each in real], dict(zip(names, found, strict=True))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(FAMILIES)), PAIRS, st.integers(0, 4), st.integers(0, 99), st.data())
def test_padding_batching_and_order_change_nothing(
    name: str, pairs: list[tuple[list[int], list[int]]], more: int, filler: int, data: st.DataObject
) -> None:
    """Each pair alone; all of them, shuffled, in one batch, with any ids behind their ends."""
    model = family(name)
    generator = torch.Generator().manual_seed(5)
    mixes = [torch.randn(5, TARGET_VOCAB, dtype=torch.float64, generator=generator) for _ in pairs]
    alone = [gradients(model, [pair], [mix]) for pair, mix in zip(pairs, mixes, strict=True)]
    order = data.draw(st.permutations(range(len(pairs))), label="order")
    logits, summed = gradients(model, [pairs[i] for i in order], [mixes[i] for i in order], more=more, filler=filler)
    for at, i in enumerate(order):
        same(logits[at], alone[i][0][0], f"logits of pair {i}")
    for weight, gradient in summed.items():
        same(gradient, torch.stack([each[weight] for _, each in alone]).sum(dim=0), f"gradient of {weight}")


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.integers(0, 3), st.integers(1, 2), st.booleans())
def test_lstms_train_on_padded_rows_as_on_packed_ones(lengths: list[int], more: int, layers: int, two: bool) -> None:
    """Outputs, last states and all gradients in training, on rows with anything behind their ends, and in evaluation."""
    torch.manual_seed(3)
    config = RNNConfig(embed=5, hidden=8, layers=layers, bidirectional=two, dropout=0.0)
    stack = rnn.Recurrence(config, inputs=5, hidden=8, layers=layers, bidirectional=two)
    x, ends = 3 * torch.randn(len(lengths), max(lengths) + more, 5), torch.tensor(lengths)
    found = []
    for training in (True, False):
        given = x.clone().requires_grad_()
        results = stack.train(training)(given, ends)
        loss = torch.stack([(each * (each + 1)).sum() for each in results]).sum()
        found.append([*results, *torch.autograd.grad(loss, [given, *stack.parameters()])])
    for padded_rows, packed in zip(*found, strict=True):
        torch.testing.assert_close(padded_rows, packed, rtol=1e-4, atol=1e-5)
    assert bool((found[0][0][~inside(ends, x.shape[1])] == 0).all())


@pytest.mark.parametrize("name", FAMILIES)
def test_states_say_nothing_of_padding(name: str) -> None:
    """Encoder states are zero behind the end; the decoder's are those of the sentence without padding."""
    model = family(name)
    target = torch.tensor([[1, 4], [1, 5]])
    sources = [[3, 4, 2], [5, 2]]
    _, states, _, _ = model.encode(*padded(sources, more=3, filler=7))
    for row, source in enumerate(sources):
        assert bool((states[row, len(source) :] == 0).all())
        assert bool((states[row, : len(source)] != 0).any(dim=1).all())
    _, padded_state = stepped(model, model.start(*padded(sources, more=3, filler=7)), target)
    for row, source in enumerate(sources):
        _, state = stepped(model, model.start(*padded([source])), target[row : row + 1])
        same(padded_state.hidden[:, row], state.hidden[:, 0])
        if state.cell is not None:
            assert padded_state.cell is not None
            same(padded_state.cell[:, row], state.cell[:, 0])


@pytest.mark.parametrize("name", FAMILIES)
def test_nothing_flows_from_later_target_words(name: str) -> None:
    source, lengths = padded([[3, 4, 2]])
    first = family(name)(source, lengths, torch.tensor([[1, 4, 5]]))
    other = family(name)(source, lengths, torch.tensor([[1, 4, 6]]))
    same(first[:, :2], other[:, :2])
    assert (first[:, 2] - other[:, 2]).abs().max() > 1e-6


# ------------------------------------------------------------------------------------ the plain model


@pytest.mark.parametrize("name", PLAIN)
def test_plain_decoder_gets_the_last_state_and_nothing_else(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another source, of another length, with the first one's last state, gives the first one's logits."""
    model = family(name)
    target_in = torch.tensor([[1, 4, 5]])
    one, other = padded([[3, 4, 2]]), padded([[6, 5, 7, 8, 2]])
    expected = model(*one, target_in)
    assert (model(*other, target_in) - expected).abs().max() > 1e-4  # the source counts, through its last state
    x, states, h, c = model.encode(*one)
    unread = [torch.full_like(each, torch.nan) for each in (x, states)]
    monkeypatch.setattr(model, "encode", lambda source, lengths, embedded=None: (*unread, h, c))
    assert torch.equal(model(*other, target_in), expected)
    state = model.start(*other)
    assert state.memory is None
    same(stepped(model, state, target_in)[0], expected)


@pytest.mark.parametrize("name", ATTENTIVE)
def test_attention_sees_more_than_the_last_state(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = family(name)
    target_in = torch.tensor([[1, 4, 5]])
    one, other = padded([[3, 4, 2]]), padded([[6, 5, 7, 8, 2]])
    expected = model(*one, target_in)
    _, _, h, c = model.encode(*one)
    x, states, _, _ = model.encode(*other)
    monkeypatch.setattr(model, "encode", lambda source, lengths, embedded=None: (x, states, h, c))
    assert (model(*other, target_in) - expected).abs().max() > 1e-6


def test_copy_bridge_hands_over_the_last_state_itself() -> None:
    model = made(layers=2, bidirectional=False).eval()
    state = model.start(*padded([[3, 4, 2], [5, 2]]))
    _, _, h, c = model.encode(*padded([[3, 4, 2], [5, 2]]))
    assert torch.equal(state.hidden, h)
    assert state.cell is not None
    assert c is not None
    assert torch.equal(state.cell, c)


# ----------------------------------------------------------------------------- stepping and selecting


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(FAMILIES)), PAIRS)
def test_stepping_gives_the_logits_of_the_whole(name: str, pairs: list[tuple[list[int], list[int]]]) -> None:
    model = family(name)
    source, lengths = padded([source for source, _ in pairs])
    target_in, _ = padded([target for _, target in pairs])
    with torch.no_grad():
        same(stepped(model, model.start(source, lengths), target_in)[0], model(source, lengths, target_in))


@settings(deadline=None, max_examples=80)
@given(st.sampled_from(sorted(FAMILIES)), st.data())
def test_selected_rows_go_on_as_if_never_moved(name: str, data: st.DataObject) -> None:
    """Any number of selections between steps, with repeats and in any order, equals starting from those rows."""
    model = family(name)
    sources = data.draw(st.lists(ids(SOURCE_VOCAB, least=1, most=5), min_size=1, max_size=4), label="sources")
    token = st.integers(0, TARGET_VOCAB - 1)
    histories: list[tuple[list[int], list[int]]] = [(source, []) for source in sources]
    with torch.no_grad():
        state = model.start(*padded(sources))
        for _ in range(data.draw(st.integers(1, 3), label="selections")):
            tokens = data.draw(st.lists(token, min_size=len(histories), max_size=len(histories)), label="tokens")
            logits, state = model.step(torch.tensor(tokens), state)
            histories = [(source, [*past, new]) for (source, past), new in zip(histories, tokens, strict=True)]
            rows = data.draw(st.lists(st.integers(0, len(histories) - 1), min_size=1, max_size=8), label="rows")
            looked = state.attention
            state = state.select(torch.tensor(rows))
            if looked is not None:
                assert state.attention is not None
                assert torch.equal(state.attention, looked[rows])
            histories = [histories[row] for row in rows]
            assert len(state) == len(rows)
        last = torch.full((len(histories),), 3)
        logits, state = model.step(last, state)
        again = model.start(*padded([source for source, _ in histories], more=max(map(len, sources))))
        expected, fresh = stepped(model, again, torch.tensor([[*past, 3] for _, past in histories]))
    same(logits, expected[:, -1])
    if state.attention is not None:
        assert fresh.attention is not None
        width = max(len(source) for source, _ in histories)
        same(state.attention[:, :width], fresh.attention[:, :width])


@pytest.mark.parametrize("name", FAMILIES)
def test_steps_and_selections_leave_the_old_state_alone(name: str) -> None:
    """Search holds on to states: a step twice from one state gives one result."""
    model = family(name)
    with torch.no_grad():
        state = stepped(model, model.start(*padded([[3, 4, 2], [5, 2]])), torch.tensor([[1], [1]]))[1]
        kept = {key: value.clone() for key, value in vars(state).items() if isinstance(value, Tensor)}
        first, _ = model.step(torch.tensor([4, 5]), state)
        state.select(torch.tensor([1, 1, 0]))
        second, _ = model.step(torch.tensor([4, 5]), state)
    assert torch.equal(first, second)
    for key, value in kept.items():
        assert torch.equal(getattr(state, key), value), key


@pytest.mark.parametrize("name", ATTENTIVE)
def test_beams_share_their_sentence(name: str) -> None:
    """The memory is copied only when sentences leave, never at a beam's every step."""
    model = family(name)

    def tokens(count: int) -> Tensor:
        return torch.full((count,), 4)

    with torch.no_grad():
        state = model.start(*padded([[3, 4, 2], [5, 2], [6, 7, 8, 2]]))
        assert state.memory is not None
        keys = state.memory.keys
        state = state.select(torch.arange(3).repeat_interleave(4))  # four beams a sentence
        assert state.memory is not None
        assert state.memory.keys is keys
        state = model.step(tokens(12), state)[1].select(torch.tensor([3, 0, 0, 1, 7, 7, 7, 7, 8, 11, 10, 9]))
        assert state.memory is not None
        assert state.memory.keys is keys
        state = model.step(tokens(12), state)[1].select(torch.tensor([0, 3, 4, 5, 8, 8]))  # two beams a sentence
        assert state.memory is not None
        assert state.memory.keys is keys
        state = model.step(tokens(6), state)[1].select(torch.tensor([0, 1, 4, 5]))  # the second sentence is done
        assert state.memory is not None
        assert len(state.memory.keys) == 2
        keys = state.memory.keys
        state = model.step(tokens(4), state)[1].select(torch.tensor([1, 1, 3, 2]))
        assert state.memory is not None
        assert state.memory.keys is keys
        state = model.step(tokens(4), state)[1].select(torch.tensor([0, 2, 3]))  # one beam and two
        assert state.memory is not None
        assert state.memory.keys is keys
        model.step(tokens(3), state)


@pytest.mark.parametrize("name", FAMILIES)
def test_selecting_nothing_leaves_nothing(name: str) -> None:
    state = family(name).start(*padded([[3, 4, 2], [5, 2]])).select(torch.tensor([], dtype=torch.long))
    assert len(state) == 0
    assert len(state.select(torch.tensor([], dtype=torch.long))) == 0


# ------------------------------------------------------------------------------------------- attention


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(ATTENTIVE), LENGTHS, st.integers(1, 3), st.integers(0, 2))
def test_attention_is_a_distribution_over_real_positions(name: str, lengths: list[int], beam: int, more: int) -> None:
    model = family(name)
    source, source_lengths = padded([[3] * length for length in lengths], more=more, filler=5)
    rows = torch.arange(len(lengths)).repeat_interleave(beam)
    with torch.no_grad():
        _, state = model.step(torch.full((len(rows),), 4), model.start(source, source_lengths).select(rows))
    assert state.attention is not None
    assert state.attention.shape == (len(rows), source.shape[1])
    same(state.attention.sum(dim=1), torch.ones(len(rows), dtype=torch.float64))
    real = inside(source_lengths, source.shape[1])[rows]
    assert bool((state.attention[~real] == 0).all())
    assert bool((state.attention[real] > 0).all())
    _, state = model.step(torch.full((len(rows),), 4), model.start(source, source_lengths).select(rows))
    assert state.context is not None  # with gradients; search mixes what comes after it
    assert state.attention is not None
    _, states, _, _ = model.encode(source, source_lengths)
    same(state.context, torch.einsum("rs,rsh->rh", state.attention, states[rows]))


def test_attention_before_the_first_step_and_without_attention_is_none() -> None:
    assert family("lstm-general").start(*padded([[3, 2]])).attention is None
    _, state = family("lstm-plain").step(torch.tensor([1]), family("lstm-plain").start(*padded([[3, 2]])))
    assert state.attention is None


@pytest.mark.parametrize("cell", ["lstm", "gru_before"])
def test_reversal_reads_backwards_and_remembers_in_order(cell: str) -> None:
    """Reading a b c end reversed is reading c b a end; h_j and its attention still belong to word j."""
    turned = made(cell=cell, reverse_source=True, bidirectional=False, attention="dot").double().eval()
    straight = made(cell=cell, bidirectional=False, attention="dot").double().eval()
    straight.load_state_dict(turned.state_dict())
    words, mirrored = [[3, 4, 5, 2], [6, 7, 2]], [[5, 4, 3, 2], [7, 6, 2]]
    _, states, h, _ = turned.encode(*padded(words, more=2, filler=8))
    _, expected, h_expected, _ = straight.encode(*padded(mirrored, more=2))
    same(h, h_expected)
    for row, order in enumerate([[2, 1, 0, 3, 4, 5], [1, 0, 2, 3, 4, 5]]):
        same(states[row], expected[row, order])
    _, looks = turned.step(torch.tensor([1, 1]), turned.start(*padded(words)))
    _, mirrored_looks = straight.step(torch.tensor([1, 1]), straight.start(*padded(mirrored)))
    assert looks.attention is not None
    assert mirrored_looks.attention is not None
    same(looks.attention[0], mirrored_looks.attention[0, [2, 1, 0, 3]])
    same(looks.attention[1], mirrored_looks.attention[1, [1, 0, 2, 3]])


def test_reversed_words_keep_end_and_padding() -> None:
    source, lengths = padded([[3, 4, 5, 2], [6, 2], [2]], more=1)
    assert reverse_words(source, lengths).tolist() == [[5, 4, 3, 2, 0], [6, 2, 0, 0, 0], [2, 0, 0, 0, 0]]
    order = reversed_positions(lengths, 5)
    assert torch.equal(order.gather(1, order), torch.arange(5).expand(3, 5))


class Largest(TorchDispatchMode):
    """The size in bytes of the largest tensor that any operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(each, Tensor):
                self.bytes = max(self.bytes, each.untyped_storage().nbytes())
        return result


def test_two_thousand_words_with_additive_attention_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training keeps no tensor of tgt_len * src_len * hidden numbers, neither at once nor part by part."""
    limit, src_len, tgt_len, hidden = 1_000_000, 2000, 500, 16
    monkeypatch.setattr(rnn, "ADDITIVE_LIMIT", limit)
    attention = rnn.Attention(RNNConfig(hidden=hidden, attention="additive"))
    states = torch.randn(1, src_len, hidden, requires_grad=True)
    query = torch.randn(1, tgt_len, hidden, requires_grad=True)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with Largest() as largest:
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            context, _ = attention(query, attention.remember(states, torch.tensor([src_len])))
        context.square().mean().backward()
    scores = 4 * tgt_len * src_len  # bytes of the scores themselves, which every attention keeps
    assert largest.bytes <= max(4 * limit, scores)
    assert sum(kept.values()) < 4 * scores  # tanh alone would be 16 times the scores


@pytest.mark.parametrize("limit", [1, 40, 100, 10**9])
def test_additive_attention_in_parts_is_the_same(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = made(attention="additive", dropout=0.0).double()
    batch = (*padded([[3, 4, 5, 2], [6, 2]]), torch.tensor([[1, 4, 5], [1, 6, 3]]))
    found = []
    for each in (10**9, limit):
        monkeypatch.setattr(rnn, "ADDITIVE_LIMIT", each)
        logits = model(*batch)
        found.append([logits, *torch.autograd.grad(logits.square().sum(), list(model.parameters()))])
    for whole, parts in zip(*found, strict=True):
        same(parts, whole)


@pytest.mark.parametrize("name", ["lstm-general", "gru-additive", "before-scaled", "relu-general", "sigmoid-plain"])
def test_long_sources_stay_finite(name: str) -> None:
    """Two thousand words give finite logits and gradients in float32."""
    model = made(**(FAMILIES[name] | {"layers": 1}))
    source = torch.randint(3, SOURCE_VOCAB, (1, 2000), generator=torch.Generator().manual_seed(1))
    logits = model(source, torch.tensor([2000]), torch.tensor([[1, 4, 5]]))
    assert bool(logits.isfinite().all())
    assert all(bool(each.isfinite().all()) for each in torch.autograd.grad(logits.sum(), list(model.parameters())))


def test_sharp_attention_stays_finite() -> None:
    """Scores in the thousands: the softmax neither overflows nor spills onto padding."""
    config = RNNConfig(embed=4, hidden=4, attention="dot")
    attention = rnn.Attention(config)
    states = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(1)) * 1e3
    memory = attention.remember(states, torch.tensor([5, 2]))
    context, alpha = attention(states[:, :2] * 1e3, memory)
    assert bool(context.isfinite().all())
    torch.testing.assert_close(alpha.sum(dim=-1), torch.ones(2, 2))
    assert bool((alpha[1, :, 2:] == 0).all())


# ------------------------------------------------------------------------------- weights and their counts


def test_tied_weights_are_one_storage_and_stay_so() -> None:
    for tied, target_is_output, source_is_target in (
        ("none", False, False), ("decoder", True, False), ("all", True, True),
    ):  # fmt: skip
        model = made(tied=tied, vocabs=(9, 9))
        model(*padded([[3, 4, 2]]), torch.tensor([[1, 4]])).sum().backward()
        torch.optim.SGD(model.parameters(), lr=0.1).step()
        model.load_state_dict(made(seed=2, tied=tied, vocabs=(9, 9)).state_dict())
        model = model.double()
        source, target, output = model.source_embedding.weight, model.target_embedding.weight, model.output.weight
        assert (target.data_ptr() == output.data_ptr()) == target_is_output, tied
        assert (source.data_ptr() == target.data_ptr()) == source_is_target, tied


def test_one_vocabulary_is_needed_to_tie_all() -> None:
    with pytest.raises(ConfigError, match=r'model\.tied="all" needs one vocabulary.* 9 and 8 tokens'):
        made(tied="all", vocabs=(9, 8))


def test_parameter_counts_by_hand() -> None:
    def count(model: RNN) -> int:
        return sum(weight.numel() for weight in model.parameters())

    # The default: biLSTM 2 x 128, LSTM 256, general attention, all embeddings tied.
    vocab, e, h, half = 3000, 256, 256, 128
    encoder = 2 * 4 * (half * e + half * half + 2 * half)
    decoder = 4 * (h * e + h * h + 2 * h)
    expected = vocab * e + encoder + decoder + h * h + e * (h + h) + vocab
    assert count(made(embed=e, hidden=h, tied="all", vocabs=(vocab, vocab))) == expected
    # The article's: one layer each way, nothing shared, nothing between.
    source_vocab, vocab, e, h = 30, 20, 7, 5
    cell = h * e + h * h + 2 * h
    model = made(embed=e, hidden=h, cell="rnn", bidirectional=False, attention="none", tied="none", vocabs=(30, 20))
    assert count(model) == source_vocab * e + vocab * e + 2 * cell + vocab * h + vocab
    # GRU, other sizes on both sides, additive attention, input feeding, dense bridge, output tied to its input.
    e, h, wide, layers = 7, 5, 6, 2
    half = wide // 2
    encoder = 2 * 3 * (half * e + half * half + 2 * half)
    decoder = 3 * (h * (e + e) + h * h + 2 * h) + 3 * (h * h + h * h + 2 * h)
    bridge = wide * layers * h + layers * h
    attention = h * wide + h * h + h
    model = made(embed=e, hidden=h, encoder_hidden=wide, layers=layers, encoder_layers=1, cell="gru", bridge="dense",
                 attention="additive", input_feeding=True, tied="decoder", vocabs=(30, 20))  # fmt: skip
    assert count(model) == 30 * e + 20 * e + encoder + decoder + bridge + attention + e * (wide + h) + 20


@pytest.mark.parametrize("name", FAMILIES)
def test_every_weight_takes_part(name: str) -> None:
    """No weight is made and then left out: each has a gradient."""
    model = made(**(FAMILIES[name] | {"hidden": 16}))
    model(*padded([[3, 4, 5, 2], [6, 2]]), torch.tensor([[1, 4, 5], [1, 6, 3]])).square().sum().backward()
    for weight_name, weight in model.named_parameters():
        assert weight.grad is not None, weight_name
        assert weight.grad.abs().sum() > 0, weight_name


def test_one_seed_gives_one_model() -> None:
    first = made(tied="none").state_dict()
    kept = []  # alive, so that each model lies elsewhere in memory
    for _ in range(20):
        kept.append(made(tied="none"))
        for name, weight in kept[-1].state_dict().items():
            assert torch.equal(weight, first[name]), name


def test_forget_gates_start_open() -> None:
    model = made(cell="lstm", hidden=8, bidirectional=True)
    for side, size in ((model.encoder.rnn, 4), (model.decoder.rnn, 8)):
        for name, bias in side.named_parameters():
            if name.startswith("bias_ih"):
                i, f, g, o = bias.detach().split(size)
                assert f.min() > 0.25
                assert max(each.abs().max() for each in (i, g, o)) < 1


# --------------------------------------------------------------------------------------------- dropout


@pytest.mark.parametrize("name", FAMILIES)
def test_dropout_is_for_training_only(name: str) -> None:
    batch = (*padded([[3, 4, 5, 2], [6, 2]]), torch.tensor([[1, 4, 5], [1, 6, 3]]))
    model, without = made(dropout=0.5, **FAMILIES[name]), made(dropout=0.0, **FAMILIES[name])
    without.load_state_dict(model.state_dict())
    torch.testing.assert_close(model.eval()(*batch), without.train()(*batch))
    torch.testing.assert_close(without.eval()(*batch), without.train()(*batch))
    first, second = model.train()(*batch), model(*batch)
    assert not torch.allclose(first, second)
    state = without.train().start(*batch[:2])
    torch.testing.assert_close(stepped(without, state, batch[2])[0], without(*batch))


@pytest.mark.parametrize("side", ["encoder", "decoder"])
@pytest.mark.parametrize("cell", ["lstm", "gru_before"])
@pytest.mark.parametrize("stepwise", [False, True])
def test_dropout_between_layers(side: str, cell: str, *, stepwise: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the encoder and decoder, in fused and in written-out layers, and only between: never before or behind."""
    sizes: dict[str, Any] = (
        {"encoder_layers": 2, "layers": 1} if side == "encoder" else {"encoder_layers": 1, "layers": 2}
    )
    batch = (*padded([[3, 4, 5, 2]]), torch.tensor([[1, 4, 5]]))
    for values, random in ((sizes, True), ({"layers": 1}, False)):
        model = made(cell=cell, bridge="dense", dropout=0.5, input_feeding=stepwise, **values).train()
        monkeypatch.setattr(model, "_drop", lambda x: x)
        assert torch.equal(model(*batch), model(*batch)) != random, values


def test_dropout_of_embeddings_and_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inverted: what stays is scaled up. The share that stays is what was asked for."""
    model = made(dropout=0.25, embed=64, hidden=64).train()
    seen: list[Tensor] = []
    original = model._drop
    monkeypatch.setattr(model, "_drop", lambda x: seen.append(original(torch.ones_like(x))) or x)  # type: ignore[func-returns-value]
    model(*padded([[3, 4, 5, 2]] * 20), torch.full((20, 5), 4))
    assert [tuple(each.shape) for each in seen] == [(20, 4, 64), (20, 5, 64), (20, 5, 64)]  # source, target, readout
    for each in seen:
        assert each.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
        assert float((each > 0).float().mean()) == pytest.approx(0.75, abs=0.03)


# ---------------------------------------------------------------------------------------------- config


def test_runs_begin_lexical_and_those_from_before_stay_as_they_were() -> None:
    """A stored configuration without the key is of a run whose weights have no such layer."""
    begun = Settings().model
    assert isinstance(begun, RNNConfig)
    assert begun.has_lexical
    before = {key: value for key, value in to_dict(begun).items() if key != "lexical"}
    assert not from_dict(RNNConfig, before).has_lexical
    assert not hasattr(made(attention="none", lexical=True), "lexical")  # nothing to look with


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"embed": 0}, "embed"),
    ({"hidden": 0}, "hidden"),
    ({"hidden": -4}, "hidden"),
    ({"layers": 0}, "layers"),
    ({"hidden": 2_000_000}, "hidden"),
    ({"layers": 5_000}, "layers"),
    ({"encoder_hidden": 0}, "encoder_hidden"),
    ({"encoder_layers": 0, "bridge": "dense"}, "encoder_layers"),
    ({"dropout": 1.0}, "dropout"),
    ({"dropout": -0.1}, "dropout"),
    ({"dropout": float("nan")}, "dropout"),
    ({"hidden": 5}, "hidden"),
    ({"encoder_hidden": 5, "bridge": "dense"}, "encoder_hidden"),
    ({"encoder_hidden": 4, "bridge": "dense", "attention": "dot"}, "attention"),
    ({"encoder_hidden": 4, "bridge": "dense", "attention": "scaled_dot"}, "attention"),
    ({"encoder_hidden": 4}, "bridge"),
    ({"encoder_layers": 2}, "bridge"),
    ({"attention": "none", "input_feeding": True}, "input_feeding"),
    ({"cell": "lstm", "activation": "relu"}, "activation"),
    ({"cell": "gru", "activation": "sigmoid"}, "activation"),
]


@pytest.mark.parametrize(("values", "key"), IMPOSSIBLE)
def test_impossible_values_are_named(values: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=rf"\bmodel\.{key}\b") as caught:
        RNNConfig(**values)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match=rf"\bmodel\.{key}\b"):
        from_dict(RNNConfig, {"family": "rnn", **values}, where="config.json")


@pytest.mark.parametrize(
    "values",
    [{"cell": "elman"}, {"activation": "gelu"}, {"attention": "bahdanau"}, {"bridge": "mean"}, {"tied": True},
     {"hidden": "256"}, {"layers": 1.5}, {"dropout": None}, {"bidirectional": 1}, {"input_feeding": "yes"}],
)  # fmt: skip
def test_wrong_types_and_unknown_words_are_named(values: dict[str, Any]) -> None:
    (key,) = values
    with pytest.raises(ConfigError, match=rf"^config\.json: {key}: ") as caught:
        from_dict(RNNConfig, values, where="config.json")
    assert "\n" not in str(caught.value)


def test_unknown_keys_name_the_nearest() -> None:
    for wrong, right in (("hiden", "hidden"), ("droput", "dropout"), ("input_feed", "input_feeding")):
        with pytest.raises(ConfigError, match=re.escape(f'unknown key "{wrong}". Did you mean "{right}"?')):
            from_dict(RNNConfig, {wrong: 1})
        with pytest.raises(ConfigError, match=re.escape(f'Did you mean "{right}"?')):
            with_settings(RNNConfig(), [f"{wrong}=1"])


@pytest.mark.parametrize("name", FAMILIES)
def test_configs_survive_being_written_down(name: str) -> None:
    config = family(name).config
    assert from_dict(RNNConfig, to_dict(config)) == config
    assert to_dict(config)["family"] == "rnn"


# -------------------------------------------------------------------------------------------- learning


def digits(count: int, *, least: int, most: int, turned: bool, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Strings of the digits 4 to 13: source with its end 2, lengths, and the same (or reversed) string as target."""
    lengths = torch.randint(least, most + 1, (count,), generator=generator)
    text = torch.randint(4, 14, (count, most), generator=generator).masked_fill(~inside(lengths, most), 0)
    source = F.pad(text, (0, 1)).scatter(1, lengths[:, None], 2)
    wanted = reverse_words(source, lengths + 1) if turned else source
    return source, lengths + 1, F.pad(wanted[:, :-1], (1, 0), value=1), wanted


@torch.no_grad()
def written(model: RNN, source: Tensor, lengths: Tensor, steps: int) -> Tensor:
    """The likeliest token at each step: (batch, steps), 0 behind the end."""
    state, token, done, tokens = model.start(source, lengths), torch.ones_like(lengths), lengths < 0, []
    for _ in range(steps):
        logits, state = model.step(token, state)
        token = logits.argmax(dim=-1).masked_fill(done, 0)
        done = done | (token == 2)
        tokens.append(token)
    return torch.stack(tokens, dim=1)


@pytest.mark.parametrize(
    ("values", "most", "turned", "steps"),
    [
        ({"cell": "lstm", "attention": "general"}, 5, True, 300),
        ({"cell": "gru", "attention": "additive", "input_feeding": True}, 4, False, 200),
        ({"cell": "lstm", "attention": "none", "bidirectional": False, "reverse_source": True}, 3, False, 400),
        ({"cell": "rnn", "attention": "none", "bidirectional": False}, 3, True, 400),
    ],
    ids=["reverse-attention", "copy-feeding", "copy-unattended", "reverse-article"],
)
def test_it_learns(values: dict[str, Any], most: int, *, turned: bool, steps: int) -> None:
    """Nine of ten unseen digit strings come out right, written by start and step."""
    model = made(embed=32, hidden=64, tied="all", dropout=0.0, vocabs=(14, 14), **values)
    optimizer = torch.optim.Adam(model.parameters(), lr=7e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, steps)
    generator = torch.Generator().manual_seed(7)
    for _ in range(steps):
        source, lengths, target_in, wanted = digits(32, least=most // 2, most=most, turned=turned, generator=generator)
        loss = F.cross_entropy(model(source, lengths, target_in).flatten(0, 1), wanted.flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    source, lengths, _, wanted = digits(300, least=most // 2, most=most, turned=turned, generator=generator)
    right = (written(model.eval(), source, lengths, wanted.shape[1]) == wanted).all(dim=1).float().mean()
    assert right > 0.9


# ---------------------------------------------------------------------------------------- the step of search


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize("table", [True, False], ids=["table", "no table"])
@pytest.mark.parametrize("name", FAMILIES)
def test_search_steps_as_the_equations_say(
    name: str, *, table: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With gradients a state goes by the equations as they are written; without, by what search makes of them.

    In single precision its products may be oneDNN's.
    """
    monkeypatch.setattr(rnn_search, "TABLE_LIMIT", 10**9 if table else 0)
    equal = same if dtype == torch.float64 else torch.testing.assert_close
    model = made(**FAMILIES[name]).to(dtype).eval()
    sources, rows = padded([[3, 4, 2], [5, 2], [6, 7, 8, 9, 2]]), torch.tensor([0, 0, 1, 1, 2, 2])
    plain = model.start(*sources).select(rows)
    assert plain.prepared is None
    with torch.no_grad():
        state = model.start(*sources).select(rows)
        assert state.prepared is not None
        assert (state.prepared.table is not None) == table
    for token in (1, 4, 7, 5):
        tokens = torch.full((len(rows),), token)
        expected, plain = model.step(tokens, plain)
        with torch.no_grad():
            logits, state = model.step(tokens, state)
        equal(logits, expected)
        equal(state.hidden, plain.hidden)
        if plain.cell is not None:
            assert state.cell is not None
            equal(state.cell, plain.cell)
        if plain.attention is not None:
            assert state.attention is not None
            equal(state.attention, plain.attention)


CHANGES: dict[str, Callable[[RNN], object]] = {
    "a step of training": lambda model: torch.optim.SGD(model.parameters(), lr=1.0).step(),
    "weights loaded": lambda model: model.load_state_dict(made(**FAMILIES["lstm-general"]).state_dict()),
    "others in their place": lambda model: model.load_state_dict(
        {name: weight + 0.5 for name, weight in model.state_dict().items()}, assign=True),
    "a change in place": lambda model: (model.output.bias.data.add_(1), model.train().eval()),
    "another type": lambda model: model.double(),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_search_never_steps_with_weights_that_were(change: Callable[[RNN], object]) -> None:
    model = made(**FAMILIES["lstm-general"]).eval()
    source, lengths = padded([[3, 4, 2], [5, 2]])
    tokens = torch.tensor([1, 1])
    with torch.no_grad():
        before, _ = model.step(tokens, model.start(source, lengths))
    logits = model(source, lengths, tokens[:, None])
    torch.testing.assert_close(before, logits[:, 0])
    logits.square().sum().backward()
    with torch.no_grad():
        if change is not CHANGES["a step of training"]:
            model.output.bias += 1  # so that what is loaded differs from what was
        change(model)
        after, _ = model.step(tokens, model.start(source, lengths))
        torch.testing.assert_close(after, model(source, lengths, tokens[:, None])[:, 0])
        copied = copy.deepcopy(model)
        copied.output.bias += 3
        torch.testing.assert_close(copied.step(tokens, copied.start(source, lengths))[0], after + 3)
