"""The recurrent models against the same equations written a second time, in NumPy, one sentence at a time.

The second writing knows nothing of batches, padding, fused layers or chunks: whatever those change
beyond the rounding of float64 is a mistake.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy import exp, ndarray, tanh
from torch import Tensor

from transduce.models import RNNConfig, build, rnn
from transduce.models.rnn import RNN, RNNState

CELLS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "lstm"},
    "gru": {"cell": "gru"},
    "gru_before": {"cell": "gru_before"},
    "tanh": {"cell": "rnn", "activation": "tanh"},
    "relu": {"cell": "rnn", "activation": "relu"},
    "sigmoid": {"cell": "rnn", "activation": "sigmoid"},
}
ATTENTIONS = ("none", "dot", "general", "additive", "scaled_dot")

SOURCES = [[5, 3, 8, 2], [2], [7, 6, 2]]  # 2 ends each, as in training; 9 words
TARGETS = [[1, 4, 6], [1, 5, 3], [1, 2, 0]]  # 7 words


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tensors this small only lose time with more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# ------------------------------------------------------------------------------- the second writing


def sigmoid(a: ndarray) -> ndarray:
    return np.asarray(1 / (1 + exp(-a)))


def relu(a: ndarray) -> ndarray:
    return np.asarray(np.maximum(a, 0))


def gates(weights: ndarray, count: int) -> ndarray:
    apart: ndarray = weights.reshape(count, len(weights) // count, *weights.shape[1:])
    return apart


def lstm(W: ndarray, U: ndarray, b: ndarray, d: ndarray, x: ndarray, h: ndarray, c: ndarray) -> tuple[ndarray, ndarray]:
    """Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000."""
    (W_i, W_f, W_g, W_o), (U_i, U_f, U_g, U_o) = gates(W, 4), gates(U, 4)
    (b_i, b_f, b_g, b_o), (d_i, d_f, d_g, d_o) = gates(b, 4), gates(d, 4)
    i = sigmoid(W_i @ x + b_i + U_i @ h + d_i)
    f = sigmoid(W_f @ x + b_f + U_f @ h + d_f)
    g = tanh(W_g @ x + b_g + U_g @ h + d_g)
    o = sigmoid(W_o @ x + b_o + U_o @ h + d_o)
    c = f * c + i * g
    h = o * tanh(c)
    return h, c


def gru(W: ndarray, U: ndarray, b: ndarray, d: ndarray, x: ndarray, h: ndarray, c: ndarray) -> tuple[ndarray, ndarray]:
    """Cho et al. 2014, eq. 5 to 8, but with the reset gate behind the product, as cuDNN has it."""
    (W_r, W_z, W_n), (U_r, U_z, U_n) = gates(W, 3), gates(U, 3)
    (b_r, b_z, b_n), (d_r, d_z, d_n) = gates(b, 3), gates(d, 3)
    r = sigmoid(W_r @ x + b_r + U_r @ h + d_r)
    z = sigmoid(W_z @ x + b_z + U_z @ h + d_z)
    n = tanh(W_n @ x + b_n + r * (U_n @ h + d_n))
    h = z * h + (1 - z) * n
    return h, c


def gru_before(
    W: ndarray, U: ndarray, b: ndarray, d: ndarray, x: ndarray, h: ndarray, c: ndarray
) -> tuple[ndarray, ndarray]:
    """Cho et al. 2014, eq. 5 to 8, with biases."""
    (W_r, W_z, W_n), (U_r, U_z, U_n) = gates(W, 3), gates(U, 3)
    (b_r, b_z, b_n), (d_r, d_z, d_n) = gates(b, 3), gates(d, 3)
    r = sigmoid(W_r @ x + b_r + U_r @ h + d_r)
    z = sigmoid(W_z @ x + b_z + U_z @ h + d_z)
    n = tanh(W_n @ x + b_n + U_n @ (r * h) + d_n)
    h = z * h + (1 - z) * n
    return h, c


def plain(sigma: Callable[[ndarray], ndarray]) -> Callable[..., tuple[ndarray, ndarray]]:
    """Elman 1990."""

    def cell(
        W: ndarray, U: ndarray, b: ndarray, d: ndarray, x: ndarray, h: ndarray, c: ndarray
    ) -> tuple[ndarray, ndarray]:
        h = sigma(W @ x + b + U @ h + d)
        return h, c

    return cell


EQUATIONS = {
    "lstm": lstm,
    "gru": gru,
    "gru_before": gru_before,
    "tanh": plain(tanh),
    "relu": plain(relu),
    "sigmoid": plain(sigmoid),
}


class Written:
    """The encoder-decoder of one model's weights, by hand."""

    def __init__(self, model: RNN) -> None:
        self.config = model.config
        self.weight = {name: value.detach().double().numpy() for name, value in model.state_dict().items()}
        self.cell = EQUATIONS[model.config.activation if model.config.cell == "rnn" else model.config.cell]

    def at(self, x: ndarray, h: ndarray, c: ndarray, *, part: str, layer: str) -> tuple[ndarray, ndarray]:
        """One step of one layer of the encoder or decoder."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        W, U, b, d = (self.weight[f"{part}.rnn.{name}_{layer}"] for name in names)
        return self.cell(W, U, b, d, x, h, c)

    def sweep(self, xs: list[ndarray], layer: str) -> tuple[list[ndarray], ndarray]:
        """One encoder layer over a sentence from left to right: all h, the last c."""
        h = c = np.zeros(self.weight[f"encoder.rnn.weight_hh_{layer}"].shape[1])
        hs = []
        for x in xs:
            h, c = self.at(x, h, c, part="encoder", layer=layer)
            hs.append(h)
        return hs, c

    def encode(self, words: list[int]) -> tuple[list[ndarray], list[ndarray], list[ndarray]]:
        """All h_j of the top layer in the source's order; each layer's last h; each layer's last c."""
        turned = self.config.reverse_source
        read = [*words[:-1][::-1], words[-1]] if turned else words
        xs = [self.weight["source_embedding.weight"][word] for word in read]
        last_h, last_c = [], []
        for layer in range(self.config.encoder_layers or self.config.layers):
            hs, c = self.sweep(xs, f"l{layer}")
            if self.config.bidirectional:
                back, back_c = self.sweep(xs[::-1], f"l{layer}_reverse")
                last_h.append(np.concatenate([hs[-1], back[-1]]))
                last_c.append(np.concatenate([c, back_c]))
                xs = [np.concatenate(both) for both in zip(hs, back[::-1], strict=True)]
            else:
                last_h.append(hs[-1])
                last_c.append(c)
                xs = hs
        return ([*xs[:-1][::-1], xs[-1]] if turned else xs), last_h, last_c

    def first(self, last_h: list[ndarray], last_c: list[ndarray]) -> tuple[list[ndarray], list[ndarray]]:
        """The decoder's first h and c of each layer."""
        if self.config.bridge == "copy":
            return last_h, last_c
        every = tanh(self.weight["bridge.weight"] @ last_h[-1] + self.weight["bridge.bias"])
        parts = np.split(every, len(every) // self.config.hidden)
        return parts[: self.config.layers], parts[self.config.layers :]

    def score(self, s: ndarray, h_j: ndarray) -> float:
        match self.config.attention:
            case "dot":
                value = s @ h_j
            case "scaled_dot":
                value = s @ h_j / np.sqrt(len(s))
            case "general":
                value = s @ self.weight["attention.key.weight"] @ h_j
            case "additive":
                inner = tanh(self.weight["attention.query.weight"] @ s + self.weight["attention.key.weight"] @ h_j)
                value = self.weight["attention.v"] @ inner
            case other:
                raise AssertionError(other)
        return float(value)

    def __call__(self, source: list[int], target_in: list[int]) -> tuple[ndarray, dict[str, ndarray]]:
        """Logits (tgt_len, vocab); hidden, cell, attention and context behind the last token."""
        memory, last_h, last_c = self.encode(source)
        h, c = (list(each) for each in self.first(last_h, last_c))
        c = c if self.config.cell == "lstm" else list(h)  # others have none: anything does
        fed = np.zeros(self.config.embed)
        alpha = context = np.zeros(0)
        logits = []
        for word in target_in:
            x = self.weight["target_embedding.weight"][word]
            x = np.concatenate([x, fed]) if self.config.input_feeding else x
            for layer in range(self.config.layers):
                h[layer], c[layer] = self.at(x, h[layer], c[layer], part="decoder", layer=f"l{layer}")
                x = h[layer]
            if self.config.attention != "none":
                e = np.array([self.score(x, h_j) for h_j in memory])
                alpha = exp(e) / exp(e).sum()
                context = sum(a * h_j for a, h_j in zip(alpha, memory, strict=True))
                x = fed = tanh(self.weight["combine.weight"] @ np.concatenate([context, x]))
            elif "combine.weight" in self.weight:
                x = self.weight["combine.weight"] @ x
            logits.append(self.weight["output.weight"] @ x + self.weight["output.bias"])
        return np.array(logits), {"hidden": np.array(h), "cell": np.array(c), "attention": alpha, "context": context}


# ------------------------------------------------------------------------------------------ both agree


def padded(sources: list[list[int]]) -> tuple[Tensor, Tensor]:
    width = max(map(len, sources)) + 2
    lengths = torch.tensor([len(row) for row in sources])
    return torch.tensor([row + [0] * (width - len(row)) for row in sources]), lengths


def made(seed: int = 1, source_vocab: int = 9, target_vocab: int = 7, **values: Any) -> RNN:
    torch.manual_seed(seed)
    model = build(RNNConfig(**values), source_vocab=source_vocab, target_vocab=target_vocab)
    assert isinstance(model, RNN)
    with torch.no_grad():  # biases start equal or at zero in places, which could hide that one is left out
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.3)
    return model.double().eval()


def agree(model: RNN) -> None:
    """Logits of the whole batch, of stepping, and every quantity of the state are those of the equations."""
    source, lengths = padded(SOURCES)
    target_in = torch.tensor(TARGETS)
    written = Written(model)
    expected = [written(*pair) for pair in zip(SOURCES, TARGETS, strict=True)]
    logits = np.stack([each for each, _ in expected])
    with torch.no_grad():
        np.testing.assert_allclose(model(source, lengths, target_in).numpy(), logits, rtol=0, atol=1e-9)
        state = model.start(source, lengths)
        for t in range(target_in.shape[1]):
            step_logits, state = model.step(target_in[:, t], state)
            np.testing.assert_allclose(step_logits.numpy(), logits[:, t], rtol=0, atol=1e-9)
    assert isinstance(state, RNNState)
    for row, (_, inside) in enumerate(expected):
        of_row = {"hidden": state.hidden[:, row]}
        if state.cell is not None:
            of_row["cell"] = state.cell[:, row]
        if state.attention is not None and state.context is not None:
            of_row |= {"attention": state.attention[row, : len(SOURCES[row])], "context": state.context[row]}
        for name, value in of_row.items():
            np.testing.assert_allclose(value.numpy(), inside[name], rtol=0, atol=1e-9, err_msg=name)
    assert (state.cell is None) == (model.config.cell != "lstm")
    assert (state.attention is None) == (model.config.attention == "none")


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_logits_and_states_are_those_of_the_equations(cell: str, attention: str) -> None:
    """Every combination of directions, layers, input feeding and bridge, half of them with reversal."""
    for bidirectional, layers, feeding, bridge in itertools.product(
        (False, True), (1, 2), (False, True), ("copy", "dense")
    ):
        if feeding and attention == "none":
            continue
        turned = (bridge == "dense") ^ (layers == 2) ^ bidirectional  # with each pair of the others
        values = CELLS[cell] | {"bidirectional": bidirectional, "layers": layers, "input_feeding": feeding,
                                "bridge": bridge, "reverse_source": turned}  # fmt: skip
        try:
            agree(made(embed=3, hidden=4, tied="none", attention=attention, **values))
        except AssertionError as error:
            raise AssertionError(f"{values}: {error}") from error


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("attention", ["none", "general", "additive"])
def test_encoder_and_decoder_of_different_sizes(cell: str, attention: str) -> None:
    feeding = attention == "additive"
    agree(made(embed=5, hidden=4, encoder_hidden=6, layers=2, encoder_layers=3, bridge="dense", tied="decoder",
               attention=attention, input_feeding=feeding, **CELLS[cell]))  # fmt: skip
    agree(made(embed=4, hidden=3, encoder_hidden=2, layers=3, encoder_layers=1, bridge="dense", tied="all",
               attention=attention, source_vocab=9, target_vocab=9, **CELLS[cell]))  # fmt: skip


def test_plain_model_multiplies_the_state_itself() -> None:
    """Without attention and tying, the article's y = W_o s_t + b and no other weights, whatever the sizes."""
    model = made(embed=3, hidden=4, tied="none", attention="none", cell="rnn", bidirectional=False)
    modules = {name.split(".")[0] for name, _ in model.named_parameters()}
    assert modules == {"source_embedding", "target_embedding", "encoder", "decoder", "output"}
    agree(model)


# ------------------------------------------------------------------------------------------- gradients


def check_gradients(model: RNN) -> None:
    """Gradients with respect to every weight equal finite differences of the model itself."""
    source, lengths = padded([[5, 3, 2], [2]])
    target_in = torch.tensor([[1, 4], [1, 3]])
    names, weights = zip(*model.named_parameters(), strict=True)
    inputs = tuple(weight.detach().clone().requires_grad_() for weight in weights)

    def logits(*values: Tensor) -> Tensor:
        given = dict(zip(names, values, strict=True))
        called: Tensor = torch.func.functional_call(model, given, (source, lengths, target_in))
        return called

    assert torch.autograd.gradcheck(logits, inputs, atol=1e-6, rtol=1e-4, fast_mode=True)


SMALL: dict[str, Any] = {"embed": 2, "hidden": 2, "source_vocab": 6, "target_vocab": 5}


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_every_cell(cell: str) -> None:
    check_gradients(made(tied="decoder", attention="dot", input_feeding=cell != "sigmoid", **SMALL, **CELLS[cell]))


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_gradients_of_every_attention(attention: str) -> None:
    check_gradients(made(tied="none", attention=attention, cell="gru", layers=2, bridge="dense", reverse_source=True,
                         **SMALL))  # fmt: skip


def test_gradients_of_additive_attention_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnn, "ADDITIVE_LIMIT", 1)
    check_gradients(made(tied="none", attention="additive", cell="rnn", **SMALL))


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_the_equations(cell: str) -> None:
    """Along random directions, the slope of the NumPy loss is the gradient's: an oracle without autograd."""
    model = made(embed=3, hidden=4, tied="none", attention="additive", input_feeding=True, layers=2, **CELLS[cell])
    (source, lengths), target_in = padded(SOURCES), torch.tensor(TARGETS)
    mix = torch.randn(*target_in.shape, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    (model(source, lengths, target_in) * mix).sum().backward()
    written, step = Written(model), 1e-5
    generator = np.random.default_rng(4)
    for name, weight in model.named_parameters():
        assert weight.grad is not None
        direction = generator.standard_normal(weight.shape)
        sides = []
        for sign in (1, -1):
            kept = written.weight[name]
            written.weight[name] = kept + sign * step * direction
            pairs = zip(SOURCES, TARGETS, mix.numpy(), strict=True)
            sides.append(sum(float((written(source, target)[0] * each).sum()) for source, target, each in pairs))
            written.weight[name] = kept
        slope = (sides[0] - sides[1]) / (2 * step)
        assert float((weight.grad.numpy() * direction).sum()) == pytest.approx(slope, rel=1e-5, abs=1e-6), name
