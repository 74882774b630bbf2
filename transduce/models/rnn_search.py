"""The decoder's step of rnn.py for search: the same equations in fewer and smaller products.

Search takes thousands of steps with one set of weights and reads each source once. What such steps share is
computed beforehand:

    of the weights (``prepare``): W_ih E[y] + b_ih of the first layer is one row of a table for each token y, so a
    step looks it up; an LSTM's gates stand in the order i, f, o, g, so that one call does all its sigmoids;
    of the source (``remember``): W_c [context; s] = sum_j alpha_j (W_cc h_j) + W_cs s, where W_c = [W_cc, W_cs], so
    the memory holds W_cc h_j and the context itself is never computed. The embedded source, which lexical models look
    at as well, stands beside it: one product with alpha for both.

Results differ from ``RNN._step`` by rounding alone, which tests/models/test_rnn.py holds against each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from transduce.models.base import inside
from transduce.models.products import Product

if TYPE_CHECKING:
    from transduce.models.rnn import RNN, Memory, RNNState

# The table takes vocab * gates * hidden numbers. Where it would be larger, its rows are computed at each step:
# there the product with the output weights is what a step costs.
TABLE_LIMIT = 32_000_000


@dataclass(frozen=True)
class Layer:
    """One layer's weights, as ``Prepared`` has them."""

    w_in: Product | None  # (inputs, gates * hidden); None where the table has all that comes in
    b_in: Tensor  # (gates * hidden,)
    w_hh: Product | Tensor  # of an LSTM (hidden, gates * hidden); as torch has it for other cells
    b_hh: Tensor | None  # None where it is part of b_in: an LSTM adds both

    def project(self, total: Tensor, x: Tensor) -> Tensor:
        """``total`` + x W_ih, as ``Product.add_to``."""
        assert self.w_in is not None
        return self.w_in.add_to(total, x)


@dataclass(frozen=True)
class Prepared:
    """A decoder's weights, arranged for ``step``. Matrices stand so that rows are multiplied from the left."""

    table: Tensor | None  # (vocab, gates * hidden): W_ih E[y] + biases of the first layer
    layers: tuple[Layer, ...]
    context: Tensor | None  # (encoder hidden, readout): W_cc
    query: Product | None  # (hidden, readout): W_cs
    lexical: Product | None  # (embed, embed)
    output: Product  # (readout, vocab)


def prepare(model: RNN) -> Prepared:
    """Arrange the weights of ``model``. Costs about as much as reading as many tokens as the vocabulary has."""
    config, gated = model.config, model.config.cell == "lstm"
    order = torch.arange(4 * config.hidden).view(4, -1)[[0, 1, 3, 2]].flatten() if gated else None  # i, f, o, g
    layers: list[Layer] = []
    table = None
    for number in range(config.layers):
        w_ih, w_hh, b_ih, b_hh = model.decoder.weights(number)
        recurrent: Product | Tensor
        if order is not None:
            w_in, b_in, b_rec = w_ih[order].t().contiguous(), (b_ih + b_hh)[order], None
            recurrent = Product(w_hh[order].t().contiguous())
        else:
            w_in, b_in, b_rec, recurrent = w_ih.t().contiguous(), b_ih.clone(), b_hh.clone(), w_hh.clone()
        if number == 0 and model.vocab * len(b_in) <= TABLE_LIMIT:
            token, w_in = w_in[: config.embed], w_in[config.embed :]
            table = torch.addmm(b_in, model.target_embedding.weight, token)
        layers.append(Layer(Product(w_in) if len(w_in) else None, b_in, recurrent, b_rec))
    context = query = None
    if config.attention != "none":
        context, below = model.combine.weight.t().contiguous().split([config.enc_hidden, config.hidden])  # type: ignore[operator]
        query = Product(below)
    lexical = Product(model.lexical.weight.t().contiguous()) if config.has_lexical else None
    return Prepared(table, tuple(layers), context, query, lexical, Product(model.output.weight.t().contiguous()))


def remember(prepared: Prepared, memory: Memory, lengths: Tensor) -> Memory:
    """What ``Attention.remember`` gave, for ``step``."""
    assert prepared.context is not None
    real = inside(lengths, memory.keys.shape[1])
    shut = torch.zeros(real.shape, dtype=memory.keys.dtype, device=real.device).masked_fill_(~real, -torch.inf)
    values = memory.values @ prepared.context
    if memory.words is not None:
        values = torch.cat([values, memory.words], dim=-1)  # (batch, src_len, readout + embed)
    return replace(memory, values=values, words=None, shut=shut[:, None])


def step(model: RNN, tokens: Tensor, state: RNNState) -> tuple[Tensor, RNNState]:
    """``RNN.step``. tokens: (rows,); ``state.prepared`` is there. Returns logits (rows, vocab) and the next state."""
    prepared = state.prepared
    assert prepared is not None
    hidden, cell = _recur(model, prepared, tokens, state)
    top = hidden[-1]
    readout, alpha = _read_out(model, prepared, top, state.memory)
    logits = prepared.output.add_to(model.output.bias, readout)
    return logits, replace(
        state,
        hidden=hidden[0][None] if len(hidden) == 1 else torch.stack(hidden),
        cell=None if not cell else cell[0][None] if len(cell) == 1 else torch.stack(cell),
        fed=None if state.fed is None else readout,
        attention=alpha,
    )


def _recur(model: RNN, prepared: Prepared, tokens: Tensor, state: RNNState) -> tuple[list[Tensor], list[Tensor]]:
    """New h and c of each layer, (rows, hidden) each; c of an LSTM only."""
    hidden: list[Tensor] = []
    cell: list[Tensor] = []
    for number, layer in enumerate(prepared.layers):
        if number:
            projected = layer.project(layer.b_in, hidden[-1])
        elif prepared.table is None:
            x = model.target_embedding.weight.index_select(0, tokens)
            if state.fed is not None:
                x = torch.cat([x, state.fed], dim=-1)
            projected = layer.project(layer.b_in, x)
        else:
            projected = prepared.table.index_select(0, tokens)
            if state.fed is not None:
                projected = layer.project(projected, state.fed)
        before = state.hidden[number]
        if not isinstance(layer.w_hh, Product):
            hidden.append(model.decoder.cell(projected, before, None, layer.w_hh, layer.b_hh)["h"])  # type: ignore[arg-type]
            continue
        width = before.shape[-1]
        gates = layer.w_hh.add_to(projected, before)  # (rows, 4 * hidden): i, f, o, g
        i, f, o = gates[:, : 3 * width].sigmoid_().chunk(3, dim=-1)
        assert state.cell is not None
        c = torch.mul(f, state.cell[number]).addcmul_(i, gates[:, 3 * width :].tanh_())
        cell.append(c)
        hidden.append(c.tanh().mul_(o))
    return hidden, cell


def _read_out(model: RNN, prepared: Prepared, top: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor | None]:
    """What the output weights multiply, (rows, readout), and alpha (rows, src_len)."""
    if memory is None:
        return model.combine(top), None
    assert prepared.query is not None
    assert memory.shut is not None
    groups = memory.groups
    grouped = groups.table(top)  # (batch, beam, hidden): the beams of a sentence share its memory
    if model.attention.kind == "additive":
        scores = model.attention.scores(grouped, memory)
    else:
        scale = 1 / math.sqrt(top.shape[-1]) if model.attention.kind == "scaled_dot" else 1.0
        scores = torch.baddbmm(memory.shut, grouped, memory.keys.mT, alpha=scale)
    alpha = scores.softmax(dim=-1)  # (batch, beam, src_len)
    looked = groups.rows(torch.bmm(alpha, memory.values))  # (rows, readout), or (rows, readout + embed)
    if prepared.lexical is None:
        return prepared.query.add_to(looked, top).tanh_(), groups.rows(alpha)
    looked, words = looked.tensor_split([model.config.embed], dim=-1)
    words = words.tanh()
    readout = prepared.query.add_to(looked, top).tanh_().add_(words)
    return readout.add_(prepared.lexical.add_to(model.lexical.bias, words).tanh_()), groups.rows(alpha)
