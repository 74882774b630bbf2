"""Recurrent encoder-decoder models, from the article's plain one to Luong's and Bahdanau's with attention.

The encoder reads x_1 ... x_T into states h_1 ... h_T; the bridge turns its last state into the
decoder's first; the decoder writes one token a step. Without attention that first state is all
the decoder gets (Sutskever et al. 2014). With attention, each decoder state also looks back at all
h_j (Bahdanau et al. 2015; Luong et al. 2015).

Whole sequences go through torch's fused layers where torch has the equations (LSTM, GRU, tanh and
ReLU RNN). The same equations stand in ``cell_step``, which writes one token at a time and runs the
variants that torch has not. Both share one set of weights, under torch's names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint

from transduce.config import Config, require
from transduce.models import rnn_equations, rnn_search
from transduce.models.base import (
    PAD,
    AttentionMap,
    Generator,
    Groups,
    Inside,
    Kept,
    Layer,
    State,
    inside,
    reversed_positions,
)
from transduce.models.dropout import dropout
from transduce.models.linear import Linear, linear

# Scores of additive attention take batch * tgt_len * src_len * hidden numbers; longer ones are computed in parts.
ADDITIVE_LIMIT = 64_000_000

# Embeddings start this many times wider than 1 / sqrt(embed), so that the recurrent layers
# hear them above their own biases: attention finds its words sooner (docs/log.md).
EMBEDDING_SPREAD = 3.0

SHUT = 1e4  # subtracted before a sigmoid shuts a gate to the last bit; added, opens it


class RNNConfig(Config, frozen=True, kw_only=True, tag_field="family", tag="rnn"):
    """Everything that shapes a recurrent encoder-decoder."""

    cell: Literal["lstm", "gru", "gru_before", "rnn"] = "lstm"
    # gru: reset gate after the product, as in torch; gru_before: before it, as in Cho et al. 2014, eq. 8
    activation: Literal["tanh", "relu", "sigmoid"] = "tanh"  # of the plain "rnn" cell
    embed: int = 256
    hidden: int = 256  # of the decoder
    encoder_hidden: int | None = None  # width of an encoder state, both directions together; None: as ``hidden``
    layers: int = 1
    encoder_layers: int | None = None  # None: as ``layers``
    bidirectional: bool = True  # each direction has half of ``encoder_hidden``
    reverse_source: bool = False  # Sutskever et al. 2014, section 3.3
    attention: Literal["none", "dot", "general", "additive", "scaled_dot"] = "general"
    input_feeding: bool = False  # the last attentional state is part of the next input (Luong et al. 2015, section 3.3)
    # The source words that attention looks at speak at the output themselves (Nguyen and Chiang 2018, section 4);
    # without attention nothing. True where a run begins (models.DEFAULT); False in runs from before it was known.
    lexical: bool = False
    bridge: Literal["copy", "dense"] = "copy"
    # copy: layer l of the decoder starts from layer l's last encoder state; dense: tanh(W h_T + b) of the top layer
    tied: Literal["none", "decoder", "all"] = "all"
    # decoder: target embedding = output weights (Press and Wolf 2017); all: source embedding too (one vocabulary)
    dropout: float = 0.1  # on embeddings, between layers, before the output (Zaremba et al. 2014)

    def __post_init__(self) -> None:
        for name in ("embed", "hidden", "layers", "encoder_hidden", "encoder_layers"):
            size, most = getattr(self, name), 1_000 if "layers" in name else 1_000_000
            require(size is None or 1 <= size <= most, f"model.{name} must be from 1 to {most:,}; got {size}.")
        require(0 <= self.dropout < 1, f"model.dropout must be at least 0 and below 1; got {self.dropout}.")
        width = "hidden" if self.encoder_hidden is None else "encoder_hidden"
        require(not self.bidirectional or self.enc_hidden % 2 == 0,
                f"model.bidirectional needs an even model.{width}, half for each direction; "
                f"got {self.enc_hidden}.")  # fmt: skip
        same = self.enc_hidden == self.hidden
        require(same or self.attention not in ("dot", "scaled_dot"),
                f'model.attention="{self.attention}" needs encoder states as wide as decoder states; got '
                f'{self.enc_hidden} and {self.hidden}. Use "general".')  # fmt: skip
        require(self.bridge == "dense" or (same and self.enc_layers == self.layers),
                'model.bridge="copy" needs an encoder of the decoder\'s width and layers. Use "dense".')  # fmt: skip
        require(not self.input_feeding or self.attention != "none",
                'model.input_feeding needs attention; got model.attention="none".')  # fmt: skip
        require(self.cell == "rnn" or self.activation == "tanh",
                f'model.activation is a choice for model.cell="rnn" only; got cell "{self.cell}".')  # fmt: skip

    @property
    def enc_hidden(self) -> int:
        return self.hidden if self.encoder_hidden is None else self.encoder_hidden

    @property
    def enc_layers(self) -> int:
        return self.layers if self.encoder_layers is None else self.encoder_layers

    @property
    def has_lexical(self) -> bool:
        """``lexical``, where there is attention to look with."""
        return self.lexical and self.attention != "none"

    @property
    def fused(self) -> bool:
        """Whether torch computes a whole sequence of this cell in one call."""
        return self.cell in ("lstm", "gru") or (self.cell == "rnn" and self.activation != "sigmoid")


# ----------------------------------------------------------------------------------------------- recurrence


def cell_step(config: RNNConfig, projected: Tensor, h: Tensor, c: Tensor | None,
              w_hh: Tensor, b_hh: Tensor) -> dict[str, Tensor]:  # fmt: skip
    """One step of one layer. ``projected`` is W_ih x_t + b_ih, of shape (rows, gates * hidden).

    rnn:         h_t = sigma(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)
    lstm:        Hochreiter and Schmidhuber 1997 with forget gates; gates in the order i, f, g, o
    gru:         n = tanh(W_in x + b_in + r * (W_hn h + b_hn)); torch's, reset after the product
    gru_before:  n = tanh(W_in x + b_in + W_hn (r * h) + b_hn); Cho et al. 2014, eq. 8
    both grus:   h_t = z * h_{t-1} + (1 - z) * n; Cho's eq. 7 (in Bahdanau et al. 2015, A.1.1, z and 1 - z swap)
    h, c: (rows, hidden), of the step before. Returns everything computed by name, (rows, hidden) each: the
    gates, the new c (lstm only) and the new h.
    """
    if config.cell == "lstm":
        assert c is not None
        i, f, g, o = (projected + F.linear(h, w_hh, b_hh)).chunk(4, dim=-1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * c + i * g
        return {"i": i, "f": f, "g": g, "o": o, "c": c, "h": o * torch.tanh(c)}
    if config.cell == "rnn":
        sigma = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid}[config.activation]
        return {"h": sigma(projected + F.linear(h, w_hh, b_hh))}
    x_r, x_z, x_n = projected.chunk(3, dim=-1)
    if config.cell == "gru":
        h_r, h_z, h_n = F.linear(h, w_hh, b_hh).chunk(3, dim=-1)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + r * h_n)
    else:
        hidden = h.shape[-1]
        h_r, h_z = F.linear(h, w_hh[: 2 * hidden], b_hh[: 2 * hidden]).chunk(2, dim=-1)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        n = torch.tanh(x_n + F.linear(r * h, w_hh[2 * hidden :], b_hh[2 * hidden :]))
    return {"r": r, "z": z, "n": n, "h": (1 - z) * n + z * h}


class Recurrence(nn.Module):
    """A stack of recurrent layers, in one direction or both, over whole sequences or step by step."""

    def __init__(self, config: RNNConfig, *, inputs: int, hidden: int, layers: int, bidirectional: bool) -> None:
        super().__init__()
        self.config, self.layers, self.directions = config, layers, 2 if bidirectional else 1
        self.hidden = hidden // self.directions  # of one direction
        kind = {"lstm": nn.LSTM, "gru": nn.GRU, "gru_before": nn.GRU, "rnn": nn.RNN}[config.cell]
        between = config.dropout if layers > 1 else 0.0
        extra = {"nonlinearity": config.activation} if config.cell == "rnn" and config.activation == "relu" else {}
        # For the cells that torch has not, this module only holds the weights, under the usual names.
        self.rnn = kind(inputs, self.hidden, layers, batch_first=True, dropout=between,
                        bidirectional=bidirectional, **extra)  # fmt: skip
        if config.cell == "lstm":  # a forget gate that starts open: Jozefowicz et al. 2015
            with torch.no_grad():
                for name, weight in self.rnn.named_parameters():
                    if name.startswith("bias_ih"):
                        weight[self.hidden : 2 * self.hidden] += 1.0

    def forward(self, x: Tensor, lengths: Tensor | None, h: Tensor | None = None, c: Tensor | None = None
                ) -> tuple[Tensor, Tensor, Tensor | None]:  # fmt: skip
        """Run over whole sequences.

        x: (batch, len, inputs); lengths: (batch,) or None when every position counts;
        h, c: first states, (layers * directions, batch, hidden of one direction), zeros if None.
        Returns outputs (batch, len, directions * hidden), zero behind each length, and the last h and c
        at each row's own length, shaped as the first ones.
        """
        if not self.config.fused:
            outputs, last, _ = self.loop(x, lengths, h)
            return outputs, last["h"], None
        if lengths is not None and h is None and self._padded_is_faster(x):
            return self._padded(x, lengths)
        first = None if h is None else (h if c is None else (h, c))
        if lengths is None:
            outputs, last = self.rnn(x, first)
        else:
            packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
            packed, last = self.rnn(packed, first)
            outputs, _ = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        return (outputs, *last) if self.config.cell == "lstm" else (outputs, last, None)

    def _padded_is_faster(self, x: Tensor) -> bool:
        """Whether oneDNN's LSTM, which knows no lengths, trains faster on padded rows than torch's on packed ones.

        In search it would gain little, and make code for every new shape.
        """
        if self.config.cell != "lstm" or x.device.type != "cpu" or x.dtype != torch.float32:
            return False
        return self.training and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]

    def _padded(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``forward`` of an LSTM from zeros on whole padded rows.

        A further input, 1 at padding and 0 elsewhere, shuts the input gate there and opens the forget gate: c stays as it
        is behind the last token, and zero before the first that the backward direction reads.
        """
        real = inside(lengths, x.shape[1])[:, :, None]
        padding = (~real).to(x.dtype)
        gates = x.new_zeros(4 * self.hidden, 1)
        gates[: self.hidden], gates[self.hidden : 2 * self.hidden] = -SHUT, SHUT  # i and f; g and o are as they may be
        start = x.new_zeros(self.directions, len(x), self.hidden)
        # Where a direction ends: the last token, and the first for the one that reads backwards.
        rows, ends = torch.arange(len(x)), [lengths - 1, torch.zeros_like(lengths)][: self.directions]
        last_h, last_c = [], []
        for layer in range(self.layers):
            if layer:
                x = dropout(x, self.config.dropout, training=True)
            flat: list[Tensor] = []
            for side in range(self.directions):
                w_ih, *others = self.weights(layer, side)
                flat += [torch.cat([w_ih, gates], dim=1), *others]
            outputs, _, c = torch.lstm(torch.cat([x, padding], dim=2), (start, start), flat, has_biases=True, num_layers=1,
                                       dropout=0.0, train=True, bidirectional=self.directions == 2, batch_first=True)  # fmt: skip
            x = outputs * real
            last_h += [half[rows, end] for half, end in zip(x.chunk(self.directions, dim=2), ends, strict=True)]
            last_c.append(c)
        return x, torch.stack(last_h), torch.cat(last_c)

    def step(self, x: Tensor, h: Tensor, c: Tensor | None) -> list[dict[str, Tensor]]:
        """One step of a stack in one direction. x: (rows, inputs); h, c: (layers, rows, hidden).

        Returns for each layer, the lowest first, what ``cell_step`` computed.
        """
        computed: list[dict[str, Tensor]] = []
        for layer in range(self.layers):
            if layer and self.training:
                x = dropout(x, self.config.dropout, training=True)
            w_ih, w_hh, b_ih, b_hh = self.weights(layer)
            computed.append(cell_step(self.config, F.linear(x, w_ih, b_ih), h[layer],
                                      None if c is None else c[layer], w_hh, b_hh))  # fmt: skip
            x = computed[-1]["h"]
        return computed

    def loop(self, x: Tensor, lengths: Tensor | None, h: Tensor | None = None, c: Tensor | None = None
             ) -> tuple[Tensor, dict[str, Tensor], list[list[dict[str, Tensor]]]]:  # fmt: skip
        """``forward`` step by step: for the cells that torch has not, and to see what every step computed.

        Arguments as in ``forward``. Returns the outputs, the last states by name, and for each layer and
        direction, in the order of the states, what ``cell_step`` returned at each position.
        """
        batch, length, _ = x.shape
        real = x.new_ones(batch, length, dtype=torch.bool) if lengths is None else inside(lengths, length)
        last: list[dict[str, Tensor]] = []
        computed: list[list[dict[str, Tensor]]] = []
        for layer in range(self.layers):
            if layer:
                x = dropout(x, self.config.dropout, training=self.training)
            for side in range(self.directions):
                w_ih, w_hh, b_ih, b_hh = self.weights(layer, side)
                projected = linear(x, w_ih, b_ih).unbind(dim=1)  # len of (batch, gates * hidden)
                first = {"h": h, "c": c} if self.config.cell == "lstm" else {"h": h}
                state = {name: x.new_zeros(batch, self.hidden) if each is None else each[len(last)]
                         for name, each in first.items()}  # fmt: skip
                steps: list[dict[str, Tensor]] = [state] * length
                for t in reversed(range(length)) if side else range(length):
                    new = cell_step(self.config, projected[t], state["h"], state.get("c"), w_hh, b_hh)
                    # Padding leaves the state as it was.
                    state = {name: torch.where(real[:, t, None], new[name], old) for name, old in state.items()}
                    steps[t] = new | state
                last.append(state)
                computed.append(steps)
            outputs = [torch.stack([each["h"] for each in steps], dim=1) for steps in computed[-self.directions :]]
            x = torch.cat(outputs, dim=-1) * real[:, :, None]
        return x, {name: torch.stack([each[name] for each in last]) for name in last[0]}, computed

    def cell(self, projected: Tensor, h: Tensor, c: Tensor | None, w_hh: Tensor, b_hh: Tensor) -> dict[str, Tensor]:
        """``cell_step`` of this stack's kind."""
        return cell_step(self.config, projected, h, c, w_hh, b_hh)

    def weights(self, layer: int, side: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """W_ih, W_hh, b_ih and b_hh of a layer in one direction; side 1 is backwards."""
        suffix = f"_l{layer}" + ("_reverse" if side else "")
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w_ih, w_hh, b_ih, b_hh = (getattr(self.rnn, name + suffix) for name in names)
        return w_ih, w_hh, b_ih, b_hh


# ------------------------------------------------------------------------------------------------ attention


@dataclass(frozen=True)
class Memory:
    """The source as attention sees it, one row a sentence."""

    keys: Tensor  # (batch, src_len, hidden): encoder states, projected as the score needs them
    values: Tensor  # (batch, src_len, encoder hidden): encoder states h_j; in search W_cc h_j, as wide as the readout
    padding: Tensor  # (batch, src_len) bool: True where there is no source token
    groups: Groups  # the rows of the decoder that look at each
    words: Tensor | None = None  # (batch, src_len, embed), ``lexical`` only: x_j; in search beside the values instead
    shut: Tensor | None = None  # in search (batch, 1, src_len): what is added to scores, -inf where there is no token

    def select(self, rows: Tensor) -> Memory:
        """The memory of the given rows of the decoder."""
        groups, left = self.groups.select(rows)
        if left is None:
            return replace(self, groups=groups)
        keys, values, padding = (each.index_select(0, left) for each in (self.keys, self.values, self.padding))
        words, shut = (None if each is None else each.index_select(0, left) for each in (self.words, self.shut))
        return Memory(keys, values, padding, groups, words, shut)


class Attention(nn.Module):
    """score(q_t, h_j), softmax over j, and the context sum_j alpha_tj h_j.

    dot: q . h;  scaled_dot: q . h / sqrt(hidden) (Vaswani et al. 2017, eq. 1, one head, no projections);
    general: q . W h (Luong et al. 2015, eq. 8);  additive: v . tanh(W_q q + W_k h) (Bahdanau et al. 2015,
    appendix A.1.2; our query is the decoder's state of this step, theirs that of the step before).
    """

    def __init__(self, config: RNNConfig) -> None:
        super().__init__()
        self.kind = config.attention
        if self.kind in ("general", "additive"):
            self.key = Linear(config.enc_hidden, config.hidden, bias=False)
        if self.kind == "additive":
            # A plain one: ``_additive`` may compute it again on the way back, where ``coarse_products`` has ended.
            self.query = nn.Linear(config.hidden, config.hidden, bias=False)
            self.v = nn.Parameter(torch.empty(config.hidden).uniform_(-1, 1) / math.sqrt(config.hidden))

    def remember(self, states: Tensor, lengths: Tensor, words: Tensor | None = None) -> Memory:
        """Prepare encoder states (batch, src_len, encoder hidden) once for all decoder steps."""
        keys = self.key(states) if self.kind in ("general", "additive") else states
        return Memory(keys, states, ~inside(lengths, states.shape[1]), Groups.of(np.arange(len(states))), words)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """query: (batch, tgt_len, hidden).

        Returns context (batch, tgt_len, encoder hidden) and alpha (batch, tgt_len, src_len).
        """
        alpha = self.scores(query, memory).softmax(dim=-1)  # (batch, tgt_len, src_len)
        return alpha @ memory.values, alpha

    def scores(self, query: Tensor, memory: Memory) -> Tensor:
        """(batch, tgt_len, src_len), -inf where there is no source token. query: (batch, tgt_len, hidden)."""
        scores = self._additive(query, memory.keys) if self.kind == "additive" else query @ memory.keys.mT
        if self.kind == "scaled_dot":
            scores = scores / math.sqrt(query.shape[-1])
        return scores.masked_fill(memory.padding[:, None], -torch.inf)

    def _additive(self, query: Tensor, keys: Tensor) -> Tensor:
        part = max(1, ADDITIVE_LIMIT // (keys.numel() or 1))
        if part >= query.shape[1]:
            return self._additive_part(query, keys)
        # Training computes each part again on the way back, so that never more than one is in memory.
        parts = [checkpoint(self._additive_part, q, keys, use_reentrant=False, preserve_rng_state=False)
                 for q in torch.split(query, part, dim=1)]  # fmt: skip
        return torch.cat(parts, dim=1)

    def _additive_part(self, query: Tensor, keys: Tensor) -> Tensor:
        scores: Tensor = (self.query(query)[:, :, None] + keys[:, None]).tanh_() @ self.v  # (batch, tgt_len, src_len)
        return scores


# ---------------------------------------------------------------------------------------------------- model


@dataclass(frozen=True)
class RNNState(State):
    """The decoder between two steps, under the names of the equations."""

    hidden: Tensor  # (layers, rows, hidden): s_t of each layer
    cell: Tensor | None  # (layers, rows, hidden): the LSTM's memory; None for other cells
    memory: Memory | None  # the source, one row a sentence; None without attention
    fed: Tensor | None = None  # (rows, embed): the attentional state that input feeding passes on
    attention: Tensor | None = None  # (rows, src_len): alpha of the last step
    context: Tensor | None = None  # (rows, encoder hidden): sum_j alpha_j h_j of the last step; None in search
    words: Tensor | None = None  # (rows, embed), ``lexical`` only: tanh(sum_j alpha_j x_j), likewise
    # What ``cell_step`` returned in each layer at the last step; ``select`` does not keep it.
    computed: Sequence[Mapping[str, Tensor]] = ()
    prepared: rnn_search.Prepared | None = None  # in search: the weights, arranged for its steps

    def __len__(self) -> int:
        return self.hidden.shape[1]

    def select(self, rows: Tensor) -> RNNState:
        return RNNState(
            hidden=self.hidden.index_select(1, rows),
            cell=None if self.cell is None else self.cell.index_select(1, rows),
            memory=None if self.memory is None else self.memory.select(rows),
            fed=None if self.fed is None else self.fed.index_select(0, rows),
            attention=None if self.attention is None else self.attention.index_select(0, rows),
            context=None if self.context is None else self.context.index_select(0, rows),
            words=None if self.words is None else self.words.index_select(0, rows),
            prepared=self.prepared,
        )


class ReadOut(NamedTuple):
    """What the output weights multiply, and what it was made of, each (batch, tgt_len, its width)."""

    readout: Tensor
    context: Tensor | None = None
    alpha: Tensor | None = None
    words: Tensor | None = None


class RNN(Generator):
    """The recurrent encoder-decoder. Weights of both sides, the bridge, attention and the output."""

    def __init__(self, config: RNNConfig, *, source_vocab: int, target_vocab: int) -> None:
        super().__init__()
        require(config.tied != "all" or source_vocab == target_vocab,
                f'model.tied="all" needs one vocabulary for both sides; got {source_vocab} and {target_vocab} tokens. '
                'Use tied="decoder".')  # fmt: skip
        self.config, self.vocab = config, target_vocab
        self.target_embedding = nn.Embedding(target_vocab, config.embed)
        self.source_embedding = (
            self.target_embedding if config.tied == "all" else nn.Embedding(source_vocab, config.embed)
        )
        self.encoder = Recurrence(config, inputs=config.embed, hidden=config.enc_hidden, layers=config.enc_layers,
                                  bidirectional=config.bidirectional)  # fmt: skip
        self.decoder = Recurrence(config, inputs=config.embed * (2 if config.input_feeding else 1),
                                  hidden=config.hidden, layers=config.layers, bidirectional=False)  # fmt: skip
        states = 2 if config.cell == "lstm" else 1
        if config.bridge == "dense":
            self.bridge = Linear(config.enc_hidden, states * config.layers * config.hidden)
        # What the output weights multiply: h~ = tanh(W_c [context; s_t]) with attention (Luong et al. 2015, eq. 5);
        # without it s_t itself, brought to the embedding's width only where tied weights ask for it.
        readout = config.hidden if config.attention == "none" and config.tied == "none" else config.embed
        self.combine: nn.Module = nn.Identity()
        if config.attention != "none":
            self.attention = Attention(config)
            self.combine = Linear(config.enc_hidden + config.hidden, readout, bias=False)
        elif config.hidden != readout:
            self.combine = Linear(config.hidden, readout, bias=False)
        if config.has_lexical:
            self.lexical = Linear(config.embed, config.embed)
        self.output = Linear(readout, target_vocab)
        if config.tied != "none":
            self.output.weight = self.target_embedding.weight
        self._prepared: Kept[rnn_search.Prepared] = Kept()
        self._init_embeddings()

    def _init_embeddings(self) -> None:
        with torch.no_grad():
            for table in dict.fromkeys((self.source_embedding, self.target_embedding)):  # in one order for one seed
                table.weight.normal_(std=EMBEDDING_SPREAD * self.config.embed**-0.5)
            self.output.bias.zero_()

    def forward(self, source: Tensor, source_lengths: Tensor, target_in: Tensor, *,
                embedded: Tensor | None = None) -> Tensor:  # fmt: skip
        state = self._begin(*self.encode(source, source_lengths, embedded=embedded), source_lengths)
        x = self._drop(self.target_embedding(target_in))  # (batch, tgt_len, embed)
        if not self.config.input_feeding:
            outputs, _, _ = self.decoder(x, None, state.hidden, state.cell)
            readout = self._read_out(outputs, state.memory).readout
        else:
            steps = []
            for x_t in x.unbind(dim=1):
                readout, state = self._step(x_t, state)
                steps.append(readout)
            readout = torch.stack(steps, dim=1)
        logits: Tensor = self.output(self._drop(readout))  # (batch, tgt_len, vocab)
        return logits

    def start(self, source: Tensor, source_lengths: Tensor) -> RNNState:
        """Without gradients and dropout, the steps that follow are those of search (rnn_search.py)."""
        state = self._begin(*self.encode(source, source_lengths), source_lengths)
        if self.training or torch.is_grad_enabled():
            return state
        prepared = self._prepared.get(self.parameters(), lambda: rnn_search.prepare(self))
        memory = None if state.memory is None else rnn_search.remember(prepared, state.memory, source_lengths)
        return replace(state, prepared=prepared, memory=memory)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, RNNState]:
        assert isinstance(state, RNNState)
        if state.prepared is not None:
            return rnn_search.step(self, tokens, state)
        readout, state = self._step(self._drop(self.target_embedding(tokens)), state)
        return self.output(self._drop(readout)), state

    def train(self, mode: bool = True) -> RNN:  # noqa: FBT001  # torch's signature
        if mode:
            self._prepared.forget()
        return super().train(mode)

    def embed(self, source: Tensor) -> Tensor:
        x: Tensor = self.source_embedding(source)
        return x

    def encode(self, source: Tensor, source_lengths: Tensor, *, embedded: Tensor | None = None
               ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:  # fmt: skip
        """The embedded source x_j (batch, src_len, embed), states h_j (batch, src_len, encoder hidden), last h and c.

        x_j and h_j are in the source's order; the last states are (layers * directions, batch, hidden of one direction).
        """
        x = self._drop(self.embed(source) if embedded is None else embedded)
        if not self.config.reverse_source:
            return x, *self.encoder(x, source_lengths)
        order = reversed_positions(source_lengths, source.shape[1])[:, :, None]
        states, h, c = self.encoder(x.gather(1, order.expand_as(x)), source_lengths)
        return x, states.gather(1, order.expand_as(states)), h, c

    def _begin(self, x: Tensor, states: Tensor, h: Tensor, c: Tensor | None, source_lengths: Tensor) -> RNNState:
        """The decoder before its first step, from what ``encode`` returns."""
        hidden, cell = self._bridge(h, c)
        memory = None
        if self.config.attention != "none":
            memory = self.attention.remember(states, source_lengths, x if self.config.has_lexical else None)
        fed = states.new_zeros(len(states), self.config.embed) if self.config.input_feeding else None
        return RNNState(hidden=hidden, cell=cell, memory=memory, fed=fed)

    def _bridge(self, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The decoder's first state from the encoder's last: (layers, batch, hidden) each."""
        joined = [None if each is None else self._join(each) for each in (h, c)]
        if self.config.bridge == "copy":
            assert joined[0] is not None
            return joined[0], joined[1]
        top = joined[0][-1]  # type: ignore[index]  # (batch, encoder hidden)
        first = torch.tanh(self.bridge(top)).view(len(top), -1, self.config.layers, self.config.hidden)
        hidden = first[:, 0].transpose(0, 1).contiguous()
        return hidden, first[:, 1].transpose(0, 1).contiguous() if c is not None else None

    def _join(self, states: Tensor) -> Tensor:
        """Both directions of a layer side by side: (layers * directions, batch, half) to (layers, batch, whole)."""
        _, batch, _ = states.shape
        split = states.view(self.encoder.layers, self.encoder.directions, batch, -1)
        return split.transpose(1, 2).reshape(self.encoder.layers, batch, -1)

    def _step(self, x: Tensor, state: RNNState) -> tuple[Tensor, RNNState]:
        """One decoder step on embedded tokens x (rows, embed). Returns the readout (rows, embed) and the next state."""
        if state.fed is not None:
            x = torch.cat([x, state.fed], dim=-1)
        computed = self.decoder.step(x, state.hidden, state.cell)
        top = computed[-1]["h"]
        state = replace(state, hidden=torch.stack([each["h"] for each in computed]), computed=computed,
                        cell=None if state.cell is None else torch.stack([each["c"] for each in computed]))  # fmt: skip
        if state.memory is None:
            return self._read_out(top, None).readout, state
        groups = state.memory.groups  # the beams of a sentence share its memory
        found = self._read_out(groups.table(top), state.memory)  # of (batch, beam, hidden)
        readout, context, alpha, words = (None if each is None else groups.rows(each) for each in found)
        assert readout is not None
        fed = readout if state.fed is not None else None
        return readout, replace(state, fed=fed, attention=alpha, context=context, words=words)

    def _read_out(self, top: Tensor, memory: Memory | None) -> ReadOut:
        """top: decoder states (batch, tgt_len, hidden), or (rows, hidden) without attention."""
        if memory is None:
            return ReadOut(self.combine(top))
        context, alpha = self.attention(top, memory)
        readout = torch.tanh(self.combine(torch.cat([context, top], dim=-1)))
        if memory.words is None:
            return ReadOut(readout, context, alpha)
        words = torch.tanh(alpha @ memory.words)
        return ReadOut(readout + torch.tanh(self.lexical(words)) + words, context, alpha, words)

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self.config.dropout, training=self.training)

    def describe(self) -> str:
        return rnn_equations.describe(self.config)

    def look_inside(self, source: Tensor, target_in: Tensor) -> Inside:
        config, length = self.config, source.new_tensor([len(source)])
        order = torch.arange(len(source), device=source.device)
        if config.reverse_source:
            order = reversed_positions(length, len(source))[0]
        x = self.embed(source)[None]
        states, last, encoded = self.encoder.loop(x[:, order], None)
        begun = state = self._begin(x, states[:, order], last["h"], last.get("c"), length)
        steps, readouts = [], []
        for x_t in self.target_embedding(target_in).split(1):
            readout, state = self._step(x_t, state)
            steps.append(state)
            readouts.append(readout)
        outputs, maps = {"readout": torch.cat(readouts)}, []  # (tgt_len, embed)
        if begun.memory is not None:
            context = torch.cat([each.context for each in steps if each.context is not None])
            outputs = {"context": context, **self._lexical_parts(context, steps), **outputs}
            scores = self.attention.scores(torch.stack([each.hidden[-1] for each in steps], dim=1), begun.memory)[0]
            maps = [AttentionMap(config.layers - 1, 0, scores, scores.softmax(dim=-1), rnn_equations.attention(config))]
        return Inside(
            logits=self.output(outputs["readout"]),
            layers=[*self._encoder_layers(encoded, order.tolist()), *self._decoder_layers(steps)],
            first={"s_0": begun.hidden[:, 0]} | ({} if begun.cell is None else {"c_0": begun.cell[:, 0]}),
            first_quantities=rnn_equations.first(config),
            summary=begun.hidden[-1, 0],
            attention=maps,
            outputs=outputs,
            output_quantities=rnn_equations.outputs(config, combined=isinstance(self.combine, nn.Linear)),
        )

    def _lexical_parts(self, context: Tensor, steps: list[RNNState]) -> dict[str, Tensor]:
        """What the readout of a lexical model is the sum of, (tgt_len, embed) each."""
        if not self.config.has_lexical:
            return {}
        words = torch.cat([each.words for each in steps if each.words is not None])
        top = torch.cat([each.hidden[-1] for each in steps])
        attended = torch.tanh(self.combine(torch.cat([context, top], dim=-1)))
        return {"attended": attended, "words": words, "translated": torch.tanh(self.lexical(words))}

    def _encoder_layers(self, encoded: list[list[dict[str, Tensor]]], order: list[int]) -> Iterator[Layer]:
        """``encoded``: what ``Recurrence.loop`` saw of the source, read in this ``order``."""
        shown = rnn_equations.cell(self.config, "h")
        for index, steps in enumerate(encoded):
            number, side = divmod(index, self.encoder.directions)
            values = {each.name: torch.cat([steps[t][each.name] for t in order]) for each in shown}
            yield Layer("encoder", number, "backward" if side else "forward", rnn_equations.encoder_input(number),
                        order[::-1] if side else order, values, shown)  # fmt: skip

    def _decoder_layers(self, steps: list[RNNState]) -> Iterator[Layer]:
        shown, order = rnn_equations.cell(self.config, "s"), list(range(len(steps)))
        for number in range(self.config.layers):
            values = {each.name: torch.cat([step.computed[number][{"s": "h"}.get(each.name, each.name)] for step in steps])
                      for each in shown}  # fmt: skip
            yield Layer("decoder", number, "forward", rnn_equations.decoder_input(self.config, number), order,
                        values, shown)  # fmt: skip


# The id of padding is fixed by models/base.py; embeddings of padded positions are computed and never used.
assert PAD == 0
