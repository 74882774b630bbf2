"""The Transformer of Vaswani et al. 2017: an encoder and a decoder made of attention.

Every position of a layer looks at all others at once: the encoder's at the whole source, the decoder's at what is
written so far and, through cross attention, at the encoder's states. Nothing is passed from one position to the
next, so training computes a whole target in one go; order comes in only through the positions added to embeddings.

Decoding writes one token a step and keeps the keys and values of those before (``TransformerState``). Each layer is
written once (``EncoderLayer``, ``DecoderLayer``) and returns all that it computed by name: training, decoding and
``look_inside`` run the same lines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transduce.config import Config, require
from transduce.errors import DataError
from transduce.models import transformer_equations
from transduce.models.base import AttentionMap, Generator, Groups, Inside, Layer, State, inside
from transduce.models.dropout import dropout
from transduce.models.linear import Linear


class TransformerConfig(Config, frozen=True, kw_only=True, tag_field="family", tag="transformer"):
    """Everything that shapes a Transformer. Sections, equations and tables are those of Vaswani et al. 2017."""

    hidden: int = 256  # width of embeddings and states, d_model; 512 and 1024 in table 3
    heads: int = 4  # of attention; each is hidden / heads wide: 64, as in table 3
    layers: int = 2  # of the decoder, which runs once a token written
    encoder_layers: int | None = 4  # None: as ``layers``; deeper than the decoder: Kasai et al. 2021, section 3
    feed_forward: int | None = None  # width between the two matrices of eq. 2; None: 4 * hidden, as in section 3.3
    norm: Literal["pre", "post"] = "pre"
    # post: norm(x + f(x)), section 3.1; pre: x + f(norm(x)) and a norm on top, which learns without a long
    # warm-up (Xiong et al. 2020)
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"  # section 3.5; sinusoids have no longest sequence
    max_positions: int = 1024  # with learned positions: tokens of the longest sequence, its end included
    activation: Literal["relu", "gelu"] = "relu"  # eq. 2; gelu: Hendrycks and Gimpel 2016
    tied: Literal["none", "decoder", "all"] = "all"
    # decoder: target embedding = output weights (Press and Wolf 2017); all: source embedding too (section 3.4)
    scale_embeddings: bool = True  # times sqrt(hidden), section 3.4
    dropout: float = 0.1  # on embeddings with positions and on what each sub-layer adds, section 5.4
    attention_dropout: float = 0.0  # on attention weights; not in the paper, but in its authors' code
    activation_dropout: float = 0.0  # behind the activation of eq. 2; not in the paper, but in its authors' code

    def __post_init__(self) -> None:
        for name, most in (("hidden", 1_000_000), ("heads", 10_000), ("layers", 1_000), ("encoder_layers", 1_000),
                           ("feed_forward", 1_000_000), ("max_positions", 10_000_000)):  # fmt: skip
            size = getattr(self, name)
            require(size is None or 1 <= size <= most, f"model.{name} must be from 1 to {most:,}; got {size}.")
        for name in ("dropout", "attention_dropout", "activation_dropout"):
            share = getattr(self, name)
            require(0 <= share < 1, f"model.{name} must be at least 0 and below 1; got {share}.")
        require(self.hidden % self.heads == 0,
                f"model.hidden must be a multiple of model.heads; got {self.hidden} and {self.heads}.")  # fmt: skip
        require(self.positions == "learned" or self.hidden % 2 == 0,
                f"model.hidden must be even: each sine of a position has its cosine; got {self.hidden}.")  # fmt: skip

    @property
    def enc_layers(self) -> int:
        return self.layers if self.encoder_layers is None else self.encoder_layers

    @property
    def inner(self) -> int:
        return 4 * self.hidden if self.feed_forward is None else self.feed_forward


# ------------------------------------------------------------------------------------------------ positions


def sinusoids(first: int, count: int, width: int, *, like: Tensor) -> Tensor:
    """Positions first ... first + count - 1 as vectors: (count, width), in ``like``'s type and place.

    PE(pos, 2i) = sin(pos / 10000^(2i / width)), PE(pos, 2i + 1) = cos(the same); section 3.5.
    """
    wide = torch.float32 if like.device.type == "mps" else torch.float64  # far positions need the digits
    position = torch.arange(first, first + count, dtype=wide, device=like.device)
    slow = torch.arange(0, width, 2, dtype=wide, device=like.device) / width
    angle = position[:, None] * torch.exp(-math.log(10_000) * slow)  # (count, width / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).to(like.dtype)


class Embedding(nn.Module):
    """Tokens and their places as vectors: E[token] * sqrt(hidden) + position."""

    def __init__(self, config: TransformerConfig, vocab: int) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(vocab, config.hidden)
        if config.positions == "learned":
            self.positions = nn.Embedding(config.max_positions, config.hidden)

    def forward(self, tokens: Tensor, *, first: int = 0) -> Tensor:
        """tokens: (rows, len), the first of them at position ``first``. Returns (rows, len, hidden)."""
        return self.place(self.tokens(tokens), first=first)

    def place(self, x: Tensor, *, first: int = 0) -> Tensor:
        """``forward`` of vectors that stand for tokens, (rows, len, hidden)."""
        config, last = self.config, first + x.shape[1]
        if config.scale_embeddings:
            x = x * math.sqrt(config.hidden)
        if config.positions == "sinusoidal":
            positions = sinusoids(first, x.shape[1], config.hidden, like=x)
        elif last > config.max_positions:
            raise DataError(f"a sequence has {last:,} tokens, its end included, and this model has learned "
                            f"{config.max_positions:,} positions (model.max_positions). Cut the text, or train a model "
                            'with model.positions="sinusoidal", which has no limit.')  # fmt: skip
        else:
            positions = self.positions.weight[first:last]
        return dropout(x + positions, config.dropout, training=self.training)


# ------------------------------------------------------------------------------------------------ attention


def attend(query: Tensor, keys: Tensor, values: Tensor, *, mask: Tensor | None = None, causal: bool = False,
           dropout: float = 0.0) -> Tensor:  # fmt: skip
    """softmax(q k^T / sqrt(head_dim)) v, eq. 1, of all heads at once.

    query: (rows, heads, tgt_len, head_dim); keys, values: (rows, heads, src_len, head_dim); mask: True where
    a key may be looked at, broadcast to (rows, heads, tgt_len, src_len). Returns the shape of ``query``.
    """
    return F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, is_causal=causal, dropout_p=dropout)


def scores_of(query: Tensor, keys: Tensor, mask: Tensor | None = None) -> Tensor:
    """What ``attend`` takes the softmax of: (rows, heads, tgt_len, src_len), -inf where ``mask`` is False."""
    scores = query @ keys.mT / math.sqrt(query.shape[-1])
    return scores if mask is None else scores.masked_fill(~mask, -torch.inf)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(rows, len, hidden) to (rows, heads, len, head_dim)."""
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """(rows, heads, len, head_dim) to (rows, len, hidden)."""
    return x.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Each position looks at those of its own sequence; section 3.2.2."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.attention_dropout
        self.project = Linear(config.hidden, 3 * config.hidden)  # W_q, W_k and W_v of all heads, one below another
        self.output = Linear(config.hidden, config.hidden)

    def forward(self, x: Tensor, *, mask: Tensor | None = None, causal: bool = False, past: Tensor | None = None
                ) -> dict[str, Tensor]:  # fmt: skip
        """x: (rows, len, hidden); past: keys and values of earlier positions, (2, rows, heads, before, head_dim).

        Returns q, k and v, (rows, heads, len, head_dim) each, and a (rows, len, hidden); with a past also "past",
        to which the keys and values of x were added.
        """
        q, k, v = (split_heads(each, self.heads) for each in self.project(x).chunk(3, dim=-1))
        computed = {"q": q, "k": k, "v": v}
        if past is not None:
            computed["past"] = torch.cat([past, torch.stack([k, v])], dim=3)
            k, v = computed["past"].unbind()
        share = self.dropout if self.training else 0.0
        computed["a"] = self.output(join_heads(attend(q, k, v, mask=mask, causal=causal, dropout=share)))
        return computed


class CrossAttention(nn.Module):
    """Each position of the target looks at the source; section 3.2.3."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.attention_dropout
        self.query = Linear(config.hidden, config.hidden)
        self.project = Linear(config.hidden, 2 * config.hidden)  # W_k and W_v
        self.output = Linear(config.hidden, config.hidden)

    def remember(self, states: Tensor) -> Tensor:
        """Keys and values of encoder states (batch, src_len, hidden): (2, batch, heads, src_len, head_dim)."""
        return torch.stack([split_heads(each, self.heads) for each in self.project(states).chunk(2, dim=-1)])

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None, groups: Groups) -> dict[str, Tensor]:
        """x: (rows, len, hidden), in ``groups`` by sentence of the memory.

        The rows of a sentence look at one copy of it, as if they were more positions of one target. Returns the
        query, (batch, heads, most rows of a sentence * len, head_dim), and c (rows, len, hidden).
        """
        table = groups.table(self.query(x))  # (batch, rows of a sentence, len, hidden)
        q = split_heads(table.flatten(1, 2), self.heads)
        share = self.dropout if self.training else 0.0
        attended = join_heads(attend(q, memory[0], memory[1], mask=mask, dropout=share)).view_as(table)
        return {"qs": q, "c": self.output(groups.rows(attended))}


# --------------------------------------------------------------------------------------------------- layers


class FeedForward(nn.Module):
    """W_2 max(0, W_1 x + b_1) + b_2 at each position; eq. 2."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.up, self.down = Linear(config.hidden, config.inner), Linear(config.inner, config.hidden)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.up(x)) if self.config.activation == "relu" else F.gelu(self.up(x))
        out: Tensor = self.down(dropout(inner, self.config.activation_dropout, training=self.training))
        return out


class Block(nn.Module):
    """What layers of both sides share: how a sub-layer's output joins its input."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.attention, self.attention_norm = SelfAttention(config), nn.LayerNorm(config.hidden)
        self.feed_forward, self.feed_forward_norm = FeedForward(config), nn.LayerNorm(config.hidden)

    def before(self, x: Tensor, norm: nn.LayerNorm) -> Tensor:
        """What a sub-layer reads."""
        read: Tensor = norm(x) if self.config.norm == "pre" else x
        return read

    def after(self, x: Tensor, added: Tensor, norm: nn.LayerNorm) -> Tensor:
        """What the next one gets. ``added``: the sub-layer's output, with dropout in training."""
        total = x + dropout(added, self.config.dropout, training=self.training)
        joined: Tensor = norm(total) if self.config.norm == "post" else total
        return joined

    def feed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The last sub-layer: what it adds, and the layer's state."""
        added = self.feed_forward(self.before(x, self.feed_forward_norm))
        return added, self.after(x, added, self.feed_forward_norm)


class EncoderLayer(Block):
    """Self-attention over the source, then the feed-forward network."""

    def forward(self, x: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
        """x: (batch, src_len, hidden). Returns all that transformer_equations.py names; "h" goes on."""
        computed: dict[str, Tensor] = self.attention(self.before(x, self.attention_norm), mask=mask)
        computed["u"] = self.after(x, computed["a"], self.attention_norm)
        computed["f"], computed["h"] = self.feed(computed["u"])
        return computed


class DecoderLayer(Block):
    """Self-attention over what is written, cross attention to the source, then the feed-forward network."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        self.cross, self.cross_norm = CrossAttention(config), nn.LayerNorm(config.hidden)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None, groups: Groups, past: Tensor | None = None
                ) -> dict[str, Tensor]:  # fmt: skip
        """x: (rows, tgt_len, hidden), or one position of each row with the ``past`` of those before it.

        ``groups`` as in ``CrossAttention``. Returns all that transformer_equations.py names; "s" goes on.
        """
        read = self.before(x, self.attention_norm)
        computed: dict[str, Tensor] = self.attention(read, causal=past is None, past=past)
        computed["u"] = self.after(x, computed["a"], self.attention_norm)
        computed |= self.cross(self.before(computed["u"], self.cross_norm), memory, mask, groups)
        computed["w"] = self.after(computed["u"], computed["c"], self.cross_norm)
        computed["f"], computed["s"] = self.feed(computed["w"])
        return computed


# ---------------------------------------------------------------------------------------------------- model


@dataclass(frozen=True)
class Memory:
    """The source as cross attention sees it, one row a sentence."""

    layers: tuple[Tensor, ...]  # keys and values of each decoder layer: (2, batch, heads, src_len, head_dim)
    mask: Tensor | None  # (batch, 1, 1, src_len) bool: True where there is a source token; None: everywhere
    groups: Groups  # the rows of the decoder that look at each

    def select(self, rows: Tensor) -> Memory:
        """The memory of the given rows of the decoder."""
        groups, left = self.groups.select(rows)
        if left is None:
            return replace(self, groups=groups)
        mask = None if self.mask is None else self.mask[left]
        return Memory(tuple(each[:, left] for each in self.layers), mask, groups)


@dataclass(frozen=True)
class TransformerState(State):
    """The decoder between two steps."""

    past: tuple[Tensor, ...]  # keys and values of each layer: (2, rows, heads, tokens read so far, head_dim)
    memory: Memory
    query: Tensor | None = None  # (rows, heads, head_dim): what the top layer asked the source at the last step

    def __len__(self) -> int:
        return self.past[0].shape[1]

    def select(self, rows: Tensor) -> TransformerState:
        return TransformerState(
            past=tuple(each.index_select(1, rows) for each in self.past),
            memory=self.memory.select(rows),
            query=None if self.query is None else self.query[rows],
        )

    @property
    def attention(self) -> Tensor | None:  # type: ignore[override]  # read only: computed when somebody looks
        """(rows, src_len): weights of the top layer at the last step, the mean of its heads."""
        if self.query is None:
            return None
        keys = self.memory.layers[-1][0]  # (batch, heads, src_len, head_dim)
        grouped = self.memory.groups.table(self.query).transpose(1, 2)  # (batch, heads, beam, head_dim)
        weights = scores_of(grouped, keys, self.memory.mask).softmax(dim=-1).mean(dim=1)  # (batch, beam, src_len)
        return self.memory.groups.rows(weights)


class Transformer(Generator):
    """The encoder-decoder Transformer: embeddings with positions, layers of both sides, and the output."""

    def __init__(self, config: TransformerConfig, *, source_vocab: int, target_vocab: int) -> None:
        super().__init__()
        require(config.tied != "all" or source_vocab == target_vocab,
                f'model.tied="all" needs one vocabulary for both sides; got {source_vocab} and {target_vocab} tokens. '
                'Use tied="decoder".')  # fmt: skip
        self.config, self.vocab = config, target_vocab
        self.target_embedding = Embedding(config, target_vocab)
        self.source_embedding = Embedding(config, source_vocab)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.enc_layers))
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        pre = config.norm == "pre"  # the sums of its layers were never brought to one size
        self.encoder_norm: nn.Module = nn.LayerNorm(config.hidden) if pre else nn.Identity()
        self.decoder_norm: nn.Module = nn.LayerNorm(config.hidden) if pre else nn.Identity()
        self.output = Linear(config.hidden, target_vocab)
        if config.tied == "all":
            self.source_embedding.tokens = self.target_embedding.tokens
        self._init_weights()
        if config.tied != "none":
            self.output.weight = self.target_embedding.tokens.weight

    def _init_weights(self) -> None:
        """Matrices as Glorot and Bengio 2010, eq. 16; embeddings so that they are of size 1 when scaled."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=self.config.hidden**-0.5)

    def forward(self, source: Tensor, source_lengths: Tensor, target_in: Tensor, *,
                embedded: Tensor | None = None) -> Tensor:  # fmt: skip
        memory = self._remember(*self._encoded(source, source_lengths, embedded=embedded))
        x = self.target_embedding(target_in)  # (batch, tgt_len, hidden)
        for layer, remembered in zip(self.decoder, memory.layers, strict=True):
            x = layer(x, remembered, memory.mask, memory.groups)["s"]
        logits: Tensor = self.output(self.decoder_norm(x))  # (batch, tgt_len, vocab)
        return logits

    def encode(self, source: Tensor, source_lengths: Tensor, *, embedded: Tensor | None = None) -> Tensor:
        """Encoder states (batch, src_len, hidden), as cross attention reads them; behind the ends anything."""
        return self._encoded(source, source_lengths, embedded=embedded)[0]

    def start(self, source: Tensor, source_lengths: Tensor) -> TransformerState:
        memory = self._remember(*self._encoded(source, source_lengths))
        nothing = memory.layers[0][:, :, :, :0]
        return TransformerState(past=(nothing,) * len(self.decoder), memory=memory)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, TransformerState]:
        assert isinstance(state, TransformerState)
        x = self.target_embedding(tokens[:, None], first=state.past[0].shape[3])  # (rows, 1, hidden)
        past, query = [], None
        for layer, before, remembered in zip(self.decoder, state.past, state.memory.layers, strict=True):
            computed = layer(x, remembered, state.memory.mask, state.memory.groups, before)
            x, query = computed["s"], computed["qs"]
            past.append(computed["past"])
        assert query is not None
        query = state.memory.groups.rows(query.transpose(1, 2))  # (rows, heads, head_dim)
        return self.output(self.decoder_norm(x[:, 0])), TransformerState(tuple(past), state.memory, query)

    def embed(self, source: Tensor) -> Tensor:
        x: Tensor = self.source_embedding.tokens(source)
        return x

    def _encoded(self, source: Tensor, source_lengths: Tensor, *, embedded: Tensor | None = None
                 ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Encoder states, and the mask of the source: None without padding, which is computed faster."""
        real = inside(source_lengths, source.shape[1])
        mask = None if bool(real.all()) else real[:, None, None]  # (batch, 1, 1, src_len)
        x = self.source_embedding.place(self.embed(source) if embedded is None else embedded)
        for layer in self.encoder:
            x = layer(x, mask)["h"]
        return self.encoder_norm(x), mask

    def _remember(self, states: Tensor, mask: Tensor | None) -> Memory:
        layers = tuple(layer.cross.remember(states) for layer in self.decoder)  # type: ignore[union-attr, operator]
        return Memory(layers, mask, Groups.of(np.arange(len(states))))

    def describe(self) -> str:
        return transformer_equations.describe(self.config)

    def look_inside(self, source: Tensor, target_in: Tensor) -> Inside:
        config = self.config
        x, encoded = self.source_embedding.place(self.embed(source[None])), []
        for layer in self.encoder:
            encoded.append(layer(x, None))
            x = encoded[-1]["h"]
        states = self.encoder_norm(x)
        memory, decoded, x = self._remember(states, None), [], self.target_embedding(target_in[None])
        for layer, remembered in zip(self.decoder, memory.layers, strict=True):
            decoded.append(layer(x, remembered, None, memory.groups))
            x = decoded[-1]["s"]
        readout = self.decoder_norm(x)[0]  # (tgt_len, hidden)
        written = torch.ones(len(target_in), len(target_in), dtype=torch.bool, device=source.device).tril()
        crossing = [(each["qs"], remembered[0]) for each, remembered in zip(decoded, memory.layers, strict=True)]
        return Inside(
            logits=self.output(readout),
            layers=[*_layers("encoder", encoded, config), *_layers("decoder", decoded, config)],
            summary=states[0].mean(dim=0),
            attention=_maps("cross", crossing, None),
            self_attention=[*_maps("encoder", [(each["q"], each["k"]) for each in encoded], None),
                            *_maps("decoder", [(each["q"], each["k"]) for each in decoded], written)],
            outputs={"readout": readout},
            output_quantities=transformer_equations.outputs(config),
        )  # fmt: skip


def _layers(part: Literal["encoder", "decoder"], computed: list[dict[str, Tensor]], config: TransformerConfig
            ) -> list[Layer]:  # fmt: skip
    """Each layer's values, (len, width) each, the heads side by side."""
    shown = transformer_equations.layer(config, part)
    return [Layer(part, number, "forward", transformer_equations.layer_input(config, part, number),
                  list(range(values["u"].shape[1])),
                  {each.name: (join_heads(values[each.name]) if values[each.name].ndim == 4 else values[each.name])[0]
                   for each in shown}, shown)
            for number, values in enumerate(computed)]  # fmt: skip


def _maps(kind: Literal["cross", "encoder", "decoder"], asked: list[tuple[Tensor, Tensor]], mask: Tensor | None
          ) -> list[AttentionMap]:  # fmt: skip
    """Maps of each layer and head from its queries and keys, (1, heads, len, head_dim) each."""
    found = []
    for number, (query, keys) in enumerate(asked):
        for head, scores in enumerate(scores_of(query, keys, mask)[0]):
            equation = transformer_equations.attention(kind)
            found.append(AttentionMap(number, head, scores, scores.softmax(dim=-1), equation, kind))
    return found
