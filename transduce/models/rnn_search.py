"""The decoder's step of rnn.py for search: the same equations in fewer and smaller products.

Search takes thousands of steps with one set of weights and reads each source once. What such steps share is
computed beforehand:

    of the weights (``prepare``): W_ih E[y] + b_ih of the first layer is one row of a table for each token y, so a
    step looks it up; an LSTM's gates stand in the order i, f, o, g, so that one call does all its sigmoids;
    of the source (``remember``): W_c [context; s] = sum_j alpha_j (W_cc h_j) + W_cs s, where W_c = [W_cc, W_cs], so
    the memory holds W_cc h_j and the context itself is never computed.

Results differ from ``RNN._step`` by rounding alone, which tests/models/test_rnn.py holds against each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from transduce.models.base import inside

if TYPE_CHECKING:
    from transduce.models.rnn import RNN, Memory, RNNState

# The table takes vocab * gates * hidden numbers. Where it would be larger, its rows are computed at each step:
# there the product with the output weights is what a step costs.
TABLE_LIMIT = 32_000_000


@dataclass(frozen=True)
class Layer:
    """One layer's weights, as ``Prepared`` has them."""

    w_in: Tensor | None  # (inputs, gates * hidden); None where the table has all that comes in
    b_in: Tensor  # (gates * hidden,)
    w_hh: Tensor  # (hidden, gates * hidden), of an LSTM; as torch has them for other cells
    b_hh: Tensor | None  # None where it is part of b_in: an LSTM adds both


@dataclass(frozen=True)
class Prepared:
    """A decoder's weights, arranged for ``step``. Matrices stand so that rows are multiplied from the left."""

    table: Tensor | None  # (vocab, gates * hidden): W_ih E[y] + biases of the first layer
    layers: tuple[Layer, ...]
    context: Tensor | None  # (encoder hidden, readout): W_cc
    query: Tensor | None  # (hidden, readout): W_cs
    output: Tensor  # (readout, vocab)


def prepare(model: RNN) -> Prepared:
    """Arrange the weights of ``model``. Costs about as much as reading as many tokens as the vocabulary has."""
    config, gated = model.config, model.config.cell == "lstm"
    order = torch.arange(4 * config.hidden).view(4, -1)[[0, 1, 3, 2]].flatten() if gated else None  # i, f, o, g
    layers: list[Layer] = []
    for number in range(config.layers):
        w_ih, w_hh, b_ih, b_hh = model.decoder.weights(number)
        if order is not None:
            layers.append(Layer(w_ih[order].t().contiguous(), (b_ih + b_hh)[order], w_hh[order].t().contiguous(), None))
        else:
            layers.append(Layer(w_ih.t().contiguous(), b_ih.clone(), w_hh.clone(), b_hh.clone()))
    first, table = layers[0], None
    if model.vocab * len(first.b_in) <= TABLE_LIMIT:
        assert first.w_in is not None
        token, fed = first.w_in[: config.embed], first.w_in[config.embed :]
        table = torch.addmm(first.b_in, model.target_embedding.weight, token)
        layers[0] = replace(first, w_in=fed if config.input_feeding else None)
    context = query = None
    if config.attention != "none":
        context, query = model.combine.weight.t().contiguous().split([config.enc_hidden, config.hidden])  # type: ignore[operator]
    return Prepared(table, tuple(layers), context, query, model.output.weight.t().contiguous())


def remember(prepared: Prepared, memory: Memory, lengths: Tensor) -> Memory:
    """What ``Attention.remember`` gave, for ``step``."""
    assert prepared.context is not None
    real = inside(lengths, memory.keys.shape[1])
    shut = torch.zeros(real.shape, dtype=memory.keys.dtype, device=real.device).masked_fill_(~real, -torch.inf)
    return replace(memory, values=memory.values @ prepared.context, shut=shut[:, None])


def step(model: RNN, tokens: Tensor, state: RNNState) -> tuple[Tensor, RNNState]:
    """``RNN.step``. tokens: (rows,); ``state.prepared`` is there. Returns logits (rows, vocab) and the next state."""
    prepared = state.prepared
    assert prepared is not None
    hidden, cell = _recur(model, prepared, tokens, state)
    top = hidden[-1]
    readout, alpha = _read_out(model, prepared, top, state.memory)
    logits = torch.addmm(model.output.bias, readout, prepared.output)
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
            projected = torch.addmm(layer.b_in, hidden[-1], layer.w_in)  # type: ignore[arg-type]
        elif prepared.table is None:
            x = model.target_embedding.weight.index_select(0, tokens)
            if state.fed is not None:
                x = torch.cat([x, state.fed], dim=-1)
            projected = torch.addmm(layer.b_in, x, layer.w_in)  # type: ignore[arg-type]
        else:
            projected = prepared.table.index_select(0, tokens)
            if state.fed is not None:
                projected.addmm_(state.fed, layer.w_in)  # type: ignore[arg-type]
        before = state.hidden[number]
        if state.cell is None:
            hidden.append(model.decoder.cell(projected, before, None, layer.w_hh, layer.b_hh)["h"])  # type: ignore[arg-type]
            continue
        width = before.shape[-1]
        gates = projected.addmm_(before, layer.w_hh)  # (rows, 4 * hidden): i, f, o, g
        i, f, o = gates[:, : 3 * width].sigmoid_().chunk(3, dim=-1)
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
    looked = groups.rows(torch.bmm(alpha, memory.values))  # (rows, readout)
    return torch.addmm(looked, top, prepared.query).tanh_(), groups.rows(alpha)
