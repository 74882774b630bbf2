"""Transformers: what search, training and users rely on, and that the equations are those of the paper."""

from __future__ import annotations

import itertools
import math
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.models.alike import ids, padded, same, stepped
from transduce.config import from_dict, to_dict, with_settings
from transduce.decoding import DecodingConfig, beam_search, force, greedy
from transduce.errors import ConfigError, DataError
from transduce.models import Transformer, TransformerConfig, build
from transduce.models.base import Groups, Inside
from transduce.models.transformer import sinusoids
from transduce.training.loss import token_loss

SOURCE_VOCAB, TARGET_VOCAB = 11, 9
FAMILIES: dict[str, dict[str, Any]] = {
    "pre": {},
    "post": {"norm": "post", "activation": "gelu", "layers": 1},
    "learned": {"positions": "learned", "max_positions": 16, "heads": 1},
    "wide": {"feed_forward": 5, "scale_embeddings": False, "encoder_layers": None, "layers": 3, "heads": 4},
}


pytestmark = pytest.mark.usefixtures("one_thread")


def made(*, seed: int = 1, vocabs: tuple[int, int] = (SOURCE_VOCAB, TARGET_VOCAB), **values: Any) -> Transformer:
    torch.manual_seed(seed)
    config = TransformerConfig(**{"hidden": 8, "heads": 2, "layers": 2, "encoder_layers": 2, "tied": "none", **values})
    model = build(config, source_vocab=vocabs[0], target_vocab=vocabs[1])
    assert isinstance(model, Transformer)
    with torch.no_grad():  # biases at zero and gains at one could hide that one is left out
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.2)
    return model


@cache
def family(name: str) -> Transformer:
    """A model in float64, where 1e-10 tells rounding from mistakes. Not to be changed: it is shared."""
    return made(**FAMILIES[name]).double().eval()


PAIRS = st.lists(
    st.tuples(ids(SOURCE_VOCAB, least=1, most=6), ids(TARGET_VOCAB, least=1, most=5)), min_size=1, max_size=4
)


# ------------------------------------------------------------------------------------------- an independent one


def torchs_own(model: Transformer) -> nn.Transformer:
    """torch's own Transformer with the same weights."""
    config = model.config
    theirs = nn.Transformer(config.hidden, config.heads, config.enc_layers, config.layers, config.inner, dropout=0.0,
                            activation=config.activation, batch_first=True, norm_first=config.norm == "pre")  # fmt: skip
    if config.norm == "post":
        theirs.encoder.norm = theirs.decoder.norm = None
    theirs.double().eval()
    renamed = {}
    for name, weight in model.state_dict().items():
        name = re.sub(r"^(encoder|decoder)\.(\d+)", r"\1.layers.\2", name)
        name = re.sub(r"^(encoder|decoder)_norm", r"\1.norm", name)
        last = "norm3" if name.startswith("decoder") else "norm2"
        for ours, word in {"feed_forward_norm": last, "cross_norm": "norm2", "attention_norm": "norm1",
                           "feed_forward.up": "linear1", "feed_forward.down": "linear2",
                           "attention.project.": "self_attn.in_proj_", "attention.output": "self_attn.out_proj",
                           "cross.output": "multihead_attn.out_proj"}.items():  # fmt: skip
            name = name.replace(ours, word)
        renamed[name] = weight
    for number in range(config.layers):
        for kind in ("weight", "bias"):
            parts = [renamed.pop(f"decoder.layers.{number}.cross.{part}.{kind}") for part in ("query", "project")]
            renamed[f"decoder.layers.{number}.multihead_attn.in_proj_{kind}"] = torch.cat(parts)
    theirs.load_state_dict({name: each for name, each in renamed.items() if not re.search("embedding|^output", name)})
    return theirs


def places(length: int, width: int) -> Tensor:
    """Section 3.5 with its own indices, in NumPy."""
    table = np.zeros((length, width))
    for position in range(length):
        for i in range(width // 2):
            table[position, 2 * i] = np.sin(position / 10000 ** (2 * i / width))
            table[position, 2 * i + 1] = np.cos(position / 10000 ** (2 * i / width))
    return torch.from_numpy(table)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")  # torch speaks of a fast path that it does not take
@pytest.mark.parametrize("name", ["pre", "post"])
def test_torchs_own_layers_give_the_same_logits(name: str) -> None:
    model = family(name)
    source, lengths = padded([[3, 4, 5, 2], [6, 2]])
    target = torch.tensor([[1, 4, 5], [1, 6, 7]])
    scale = math.sqrt(model.config.hidden)
    x = model.source_embedding.tokens(source) * scale + places(4, model.config.hidden)
    y = model.target_embedding.tokens(target) * scale + places(3, model.config.hidden)
    padding = torch.arange(4) >= lengths[:, None]
    future = torch.ones(3, 3, dtype=torch.bool).triu(1)
    states = torchs_own(model)(x, y, tgt_mask=future, src_key_padding_mask=padding, memory_key_padding_mask=padding)
    same(model(source, lengths, target), model.output(states))


def test_sinusoids_are_the_papers_and_go_on_for_ever() -> None:
    like = torch.zeros(1, dtype=torch.float64)
    same(sinusoids(0, 50, 12, like=like), places(50, 12))
    same(sinusoids(47, 3, 12, like=like), places(50, 12)[47:])
    far = sinusoids(1_000_000, 2, 12, like=like)
    assert bool((far[0] != far[1]).any())


# ------------------------------------------------------------------------------------- padding, steps, selections


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(FAMILIES)), PAIRS, st.integers(0, 3), st.integers(0, 99))
def test_padding_and_batching_change_nothing(
    name: str, pairs: list[tuple[list[int], list[int]]], more: int, filler: int
) -> None:
    """Logits and gradients of each pair alone, and of all of them in one batch with any ids behind their ends."""
    model = family(name)
    weights = list(model.parameters())

    def opened(some: list[tuple[list[int], list[int]]], extra: int) -> tuple[list[Tensor], list[Tensor]]:
        source, lengths = padded([each for each, _ in some], more=extra, filler=filler % SOURCE_VOCAB)
        target, ends = padded([each for _, each in some], more=extra, filler=filler % TARGET_VOCAB)
        real = [each[:end] for each, end in zip(model(source, lengths, target), ends.tolist(), strict=True)]
        loss = torch.stack([(each**2).sum() for each in real]).sum()
        return real, list(torch.autograd.grad(loss, weights, materialize_grads=True))

    together, summed = opened(pairs, more)
    alone = [opened([pair], 0) for pair in pairs]
    for got, (expected, _) in zip(together, alone, strict=True):
        same(got, expected[0])
    for at, gradient in enumerate(summed):
        torch.testing.assert_close(gradient, torch.stack([each[at] for _, each in alone]).sum(0), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", FAMILIES)
def test_stepping_gives_the_logits_of_the_whole(name: str) -> None:
    model = family(name)
    source, lengths = padded([[3, 4, 5, 2], [6, 2], [7, 8, 2]])
    target = torch.randint(0, TARGET_VOCAB, (3, 7), generator=torch.Generator().manual_seed(2))
    logits, state = stepped(model, model.start(source, lengths), target)
    same(logits, model(source, lengths, target))
    assert len(state) == 3
    changed = target.clone()
    changed[:, 4:] = 0
    same(model(source, lengths, changed)[:, :4], logits[:, :4], "later words")


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(FAMILIES)), st.data())
def test_selected_rows_go_on_as_if_never_moved(name: str, data: st.DataObject) -> None:
    """Any rows, any number of times: each goes on as its own sentence with its own beginning would alone."""
    model = family(name)
    sources = [[3, 4, 5, 2], [6, 2], [7, 8, 2]]
    state = model.start(*padded(sources))
    owners, written = [0, 1, 2], [[], [], []]  # type: list[int], list[list[int]]
    for _ in range(3):
        equal = data.draw(st.booleans(), label="equal groups, as beam search")
        copies = data.draw(st.integers(1, 3), label="copies")
        kept = sorted(set(owners))
        rows = ([row for owner in kept for row in
                 data.draw(st.lists(st.sampled_from([i for i, o in enumerate(owners) if o == owner]),
                                    min_size=copies, max_size=copies))] if equal
                else sorted(data.draw(st.lists(st.integers(0, len(owners) - 1), min_size=1, max_size=5))))  # fmt: skip
        before = state
        state = state.select(torch.tensor(rows))
        assert [each.shape[1] for each in before.past] == [len(owners)] * model.config.layers
        owners, written = [owners[row] for row in rows], [list(written[row]) for row in rows]
        tokens = data.draw(st.lists(st.integers(0, TARGET_VOCAB - 1), min_size=len(rows), max_size=len(rows)))
        with torch.no_grad():
            logits, state = model.step(torch.tensor(tokens), state)
        for row, token in enumerate(tokens):
            written[row].append(token)
            source, lengths = padded([sources[owners[row]]])
            expected, alone = stepped(model, model.start(source, lengths), torch.tensor([written[row]]))
            same(logits[row], expected[0, -1])
            assert state.attention is not None
            assert alone.attention is not None
            same(state.attention[row, : len(sources[owners[row]])], alone.attention[0])
        # Copied at most once for each time that a row of another sentence stands between.
        turns = sum(one != other for one, other in itertools.pairwise([-1, *owners]))
        assert state.memory.layers[0].shape[1] == turns


def test_beams_share_their_sentence() -> None:
    model = family("pre")
    state = model.start(*padded([[3, 4, 5, 2], [6, 2]])).select(torch.tensor([0, 0, 0, 1, 1, 1]))
    assert state.memory.layers[0].shape[1] == 2
    swapped = state.select(torch.tensor([2, 1, 0, 4, 4, 3]))
    assert swapped.memory.layers is state.memory.layers
    unequal = swapped.select(torch.tensor([0, 0, 1, 4]))
    assert unequal.memory.layers is state.memory.layers
    assert state.select(torch.tensor([3, 4])).memory.layers[0].shape[1] == 1
    assert len(state.select(torch.tensor([], dtype=torch.long))) == 0


def test_groups_tell_whose_rows_are_left() -> None:
    two = Groups.of(np.array([7, 7, 9, 9]))
    assert two.owners.tolist() == [0, 0, 1, 1]
    for rows, left, owners in (
        ([1, 0, 3, 2], None, [0, 0, 1, 1]),
        ([0, 2, 3], None, [0, 1, 1]),
        ([2, 3], [1], [0, 0]),
        ([2, 0, 1], [1, 0], [0, 1, 1]),
        ([0, 2, 1], [0, 1, 0], [0, 1, 2]),
        ([], [], []),
    ):
        groups, found = two.select(torch.tensor(rows, dtype=torch.long))
        assert (None if found is None else found.tolist()) == left
        assert groups.owners.tolist() == owners


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(1, 3))
def test_a_table_of_groups_holds_each_row_in_its_line(counts: list[int], width: int) -> None:
    groups = Groups.of(np.arange(len(counts)).repeat(counts))
    x = torch.arange(float(sum(counts) * width)).view(-1, width)
    table = groups.table(x, fill=-1.0)
    assert table.shape == (len(counts), max(counts), width)
    assert torch.equal(groups.rows(table), x)
    for line, own in zip(table, x.split(counts), strict=True):
        assert torch.equal(line[: len(own)], own)
        assert bool((line[len(own) :] == -1).all())


def test_attention_looks_at_real_positions_only() -> None:
    model = family("pre")
    state = model.start(*padded([[3, 4, 5, 2], [6, 2]]))
    assert state.attention is None
    _, state = model.step(torch.tensor([1, 1]), state)
    weights = state.attention
    assert weights is not None
    same(weights.sum(dim=1), torch.ones(2, dtype=torch.float64))
    assert bool((weights[1, 2:] == 0).all())


@pytest.mark.parametrize("name", ["pre", "post"])
def test_search_and_forced_decoding_agree(name: str) -> None:
    model = family(name)
    source, lengths = padded([[3, 4, 5, 2], [6, 2], [7, 8, 2]])
    limits = [8, 8, 8]
    one = beam_search(model, source, lengths, max_lengths=limits, config=DecodingConfig(beam=1), want_attention=True)
    for found, expected in zip(one, greedy(model, source, lengths, max_lengths=limits), strict=True):
        assert found[0].tokens == expected.tokens
    found = beam_search(model, source, lengths, max_lengths=limits, config=DecodingConfig(beam=4, nbest=2))
    for row, hypotheses in enumerate(found):
        for each in hypotheses:
            if each.finished:
                (forced,) = force(model, source[row : row + 1, : lengths[row]], lengths[row : row + 1], [each.tokens])
                assert each.log_prob == pytest.approx(forced.log_prob, abs=1e-9)


# ----------------------------------------------------------------------------------------------- long sequences


def test_sinusoids_take_sequences_longer_than_any_seen() -> None:
    model = family("pre")
    source = torch.randint(3, SOURCE_VOCAB, (1, 600))
    logits = model(source, torch.tensor([600]), torch.randint(3, TARGET_VOCAB, (1, 700)))
    assert bool(torch.isfinite(logits).all())


def test_learned_positions_end_with_a_message() -> None:
    model = family("learned")
    most = torch.full((1, 16), 3)
    assert bool(torch.isfinite(model(most, torch.tensor([16]), most[:, :16])).all())
    with pytest.raises(DataError, match=r"17 tokens.*16 positions \(model.max_positions\)"):
        model(torch.full((1, 17), 3), torch.tensor([17]), most)
    state = model.start(most, torch.tensor([16]))
    _, state = stepped(model, state, most)
    with pytest.raises(DataError, match="17 tokens"):
        model.step(torch.tensor([3]), state)


# ------------------------------------------------------------------------------------------------ look inside


SOURCE, TARGET_IN = [5, 3, 8, 6, 2], [1, 4, 6, 5]


def opened(model: Transformer) -> Inside:
    with torch.no_grad():
        return model.look_inside(torch.tensor(SOURCE), torch.tensor(TARGET_IN))


@pytest.mark.parametrize("name", FAMILIES)
def test_look_inside_has_the_numbers_of_training_and_search(name: str) -> None:
    model = family(name)
    inside, config = opened(model), model.config
    source, lengths, target = torch.tensor([SOURCE]), torch.tensor([len(SOURCE)]), torch.tensor([TARGET_IN])
    same(inside.logits, model(source, lengths, target)[0])
    same(inside.summary, model.encode(source, lengths)[0].mean(dim=0))  # type: ignore[arg-type]
    assert [each.kind for each in inside.attention] == ["cross"] * config.layers * config.heads
    assert [each.weights.shape for each in inside.attention] == [(4, 5)] * config.layers * config.heads
    kinds = [each.kind for each in inside.self_attention]
    assert kinds == ["encoder"] * config.enc_layers * config.heads + ["decoder"] * config.layers * config.heads
    state = model.start(source, lengths)
    top = torch.stack([each.weights for each in inside.attention if each.layer == config.layers - 1]).mean(dim=0)
    for t, token in enumerate(TARGET_IN):
        _, state = model.step(torch.tensor([token]), state)
        assert state.attention is not None
        same(top[t], state.attention[0])


@pytest.mark.parametrize("name", FAMILIES)
def test_lines_of_text_are_what_was_computed(name: str) -> None:
    """Each equation of each layer, evaluated with the weights of the file and the values shown beside it."""
    model = family(name)
    inside, config = opened(model), model.config
    embeddings = {
        "encoder": (model.source_embedding, SOURCE), "decoder": (model.target_embedding, TARGET_IN)
    }  # fmt: skip
    below = {part: each(torch.tensor([tokens]))[0] for part, (each, tokens) in embeddings.items()}
    maps = [*inside.attention, *inside.self_attention]
    memory = model.encoder_norm(inside.layers[config.enc_layers - 1].values["h"])
    for layer in inside.layers:
        block: Any = getattr(model, layer.part)[layer.number]
        values: dict[str, Any] = {f"{name}_t": value for name, value in layer.values.items()} | {
            "x_t": below[layer.part]
        }

        def mixed(kind: str, v: Tensor, at: int = layer.number) -> Tensor:
            alphas = [each.weights for each in maps if (each.kind, each.layer) == (kind, at)]
            return torch.cat(
                [alpha @ part for alpha, part in zip(alphas, v.chunk(config.heads, -1), strict=True)], dim=-1
            )

        w, b = block.attention.project.weight.chunk(3), block.attention.project.bias.chunk(3)
        names: dict[str, Any] = {"W_q": w[0], "W_k": w[1], "W_v": w[2], "b_q": b[0], "b_k": b[1], "b_v": b[2]}
        names |= {f"{kind}_{at}": getattr(part, word) for at, part in (("1", block.feed_forward.up), ("2", block.feed_forward.down))
                  for kind, word in (("W", "weight"), ("b", "bias"))}  # fmt: skip
        norms = {"q": block.attention_norm, "k": block.attention_norm, "v": block.attention_norm, "u": block.attention_norm,
                 "f": block.feed_forward_norm, "h": block.feed_forward_norm, "s": block.feed_forward_norm}  # fmt: skip
        if layer.part == "decoder":
            names |= {"W_qs": block.cross.query.weight, "b_qs": block.cross.query.bias}
            norms |= {"qs": block.cross_norm, "w": block.cross_norm}
            vs = block.cross.project(memory).chunk(2, dim=-1)[1]
            same(block.cross.output(mixed("cross", vs)), layer.values["c"], "c")
        same(block.attention.output(mixed(layer.part, layer.values["v"])), layer.values["a"], "a")
        for quantity in layer.quantities:
            if quantity.name in ("a", "c"):
                continue
            right = re.sub(r"(W_\w+) ", r"times(\1) @@ ", quantity.equation.split(" = ")[1]).replace(" @@ ", " @ ")
            functions = {
                "times": Times,
                "norm": norms.get(quantity.name),
                "relu": torch.relu,
                "gelu": nn.functional.gelu,
            }
            got = eval(right, {"__builtins__": {}}, functions | names | values)
            same(got, layer.values[quantity.name], f"{layer.part} {layer.number} {quantity.name}")
        below[layer.part] = layer.values["h" if layer.part == "encoder" else "s"]
    same(inside.outputs["readout"], model.decoder_norm(below["decoder"]))


class Times:
    """A matrix that stands left of vectors which are rows here."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight

    def __matmul__(self, x: Tensor) -> Tensor:
        return x @ self.weight.mT


def test_vectors_may_stand_for_the_source() -> None:
    model = family("pre")
    source, lengths = padded([[3, 4, 5, 2], [6, 2]])
    target = torch.tensor([[1, 4], [1, 5]])
    x = model.embed(source).detach().requires_grad_()
    logits = model(source, lengths, target, embedded=x)
    same(logits, model(source, lengths, target))
    (slope,) = torch.autograd.grad(logits.log_softmax(-1)[:, -1, 3].sum(), x)
    assert bool((slope[0] != 0).any(dim=-1).all())
    assert bool((slope[1, 2:] == 0).all())


# ------------------------------------------------------------------------------------------------- weights


def test_tied_weights_are_one_and_one_vocabulary_is_needed() -> None:
    model = made(tied="all", vocabs=(9, 9))
    assert model.output.weight is model.target_embedding.tokens.weight is model.source_embedding.tokens.weight
    assert made(tied="decoder").output.weight.shape == (TARGET_VOCAB, 8)
    with pytest.raises(ConfigError, match="one vocabulary"):
        made(tied="all")


@pytest.mark.parametrize("name", FAMILIES)
def test_every_weight_takes_part(name: str) -> None:
    model = made(**FAMILIES[name])
    source, lengths = padded([[3, 4, 5, 2]])
    model(source, lengths, torch.tensor([[1, 4, 5]])).pow(2).sum().backward()
    assert not [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]


@pytest.mark.parametrize("place", ["dropout", "attention_dropout", "activation_dropout"])
def test_dropout_is_for_training_only(place: str) -> None:
    model = made(**{"dropout": 0.0, place: 0.5})
    source, lengths, target = *padded([[3, 4, 5, 2]]), torch.tensor([[1, 4, 5]])
    assert not torch.equal(model.train()(source, lengths, target), model(source, lengths, target))
    assert torch.equal(model.eval()(source, lengths, target), model(source, lengths, target))


# -------------------------------------------------------------------------------------------------- config


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"hidden": 0}, "model.hidden"), ({"heads": 3}, "model.heads"), ({"layers": 0}, "model.layers"),
        ({"encoder_layers": 0}, "model.encoder_layers"), ({"feed_forward": 0}, "model.feed_forward"),
        ({"max_positions": 0}, "model.max_positions"), ({"dropout": 1.0}, "model.dropout"),
        ({"attention_dropout": -0.1}, "model.attention_dropout"), ({"hidden": 7, "heads": 7}, "model.hidden"),
        ({"activation_dropout": math.nan}, "model.activation_dropout"),
    ],
)  # fmt: skip
def test_impossible_values_are_named(values: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(key)):
        TransformerConfig(**values)


def test_the_family_is_chosen_by_a_word_and_its_keys_are_its_own() -> None:
    from transduce.request import Settings

    chosen = with_settings(Settings(), ["model.heads=8", "model.family=transformer"]).model
    assert chosen == TransformerConfig(heads=8)
    assert with_settings(Settings(), ["model.family=rnn"]) == Settings()
    assert from_dict(Settings, to_dict(Settings(model=chosen))).model == chosen
    for words, told in (
        (
            ["model.family=transfomer"],
            'expected one of rnn, transformer; got "transfomer". Did you mean "transformer"?',
        ),
        (["model.family=transformer", "model.cell=gru"], "model.family=rnn"),
        (["model.heads=8"], "model.family=transformer"),
        (["model.family=transformer", "model.headz=8"], 'Did you mean "model.heads"?'),
        (["model.family=transformer", "model.norm=prr"], "expected one of pre, post"),
        (["training.family=transformer"], "unknown key"),
    ):
        with pytest.raises(ConfigError, match=re.escape(told)):
            with_settings(Settings(), words)


# ------------------------------------------------------------------------------------------------ learning


@pytest.mark.parametrize(("norm", "turned"), [("pre", True), ("post", False)])
def test_it_learns(norm: Any, *, turned: bool) -> None:
    """To copy, or to turn around, sequences it has not seen."""
    torch.manual_seed(0)
    config = TransformerConfig(hidden=32, heads=4, layers=1, encoder_layers=1, norm=norm, dropout=0.0)
    model = build(config, source_vocab=10, target_vocab=10).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(1)

    def batch(rows: int) -> tuple[Tensor, Tensor, Tensor]:
        words = torch.randint(4, 10, (rows, 4), generator=generator)
        ends = torch.full((rows, 1), 2)
        return (
            torch.cat([words, ends], 1),
            torch.full((rows,), 5),
            torch.cat([words.flip(1) if turned else words, ends], 1),
        )

    for step in range(250):
        source, lengths, target = batch(32)
        target_in = torch.cat([torch.ones(32, 1, dtype=torch.long), target[:, :-1]], 1)
        loss = token_loss(model(source, lengths, target_in), target).loss / target.numel()
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = 5e-3 * min((step + 1) / 30, (250 - step) / 125, 1)
        optimizer.step()
    source, lengths, target = batch(100)
    found = greedy(model, source, lengths, max_lengths=[8] * 100)
    right = sum(each.tokens == wanted[:-1] for each, wanted in zip(found, target.tolist(), strict=True))
    assert right >= 95
