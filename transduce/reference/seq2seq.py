"""A whole recurrent encoder-decoder, one pair of sentences at a time, forwards and backwards.

It computes what ``models/rnn.py`` computes, from weights under the same names (those of torch's
``state_dict``), so that a trained model can be checked against the equations. For t = 1 ... tgt_len:

    x_j            = E_x[source_j]
    h_j            = cell(x_j, h_{j-1}), layer upon layer, in one direction or both
    s_0            = h_T (bridge "copy"), tanh(W_b h_T + b_b) (bridge "dense")
    y_t            = E_y[target_{t-1}]                with input feeding: [y_t; h~_{t-1}]
    s_t            = cell(y_t, s_{t-1}), layer upon layer
    e, alpha, c_t  = attention(s_t, h_1 ... h_T)      c_t is called context in code
    h~_t           = tanh(W_c [c_t; s_t])             called readout in code; Luong et al. 2015, eq. 5
    logits_t       = W_o h~_t + b_o                   without attention: W_o s_t + b_o

Lexical models (Nguyen and Chiang 2018, section 4, with W_o for both) add the source words to the readout:

    words_t        = tanh(sum_j alpha_j x_j)
    logits_t       = W_o (h~_t + tanh(W_l words_t + b_l) + words_t) + b_o

    run = forward(choices, weights, source, target_in)
    loss = cross_entropy(run.logits, target_out)
    gradients = backward(choices, weights, run, loss.dlogits)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from transduce.reference.activation import Array, tanh, tanh_backward
from transduce.reference.attention import (
    NO_WEIGHTS,
    AttentionStep,
    AttentionWeights,
    attend,
    attend_backward,
)
from transduce.reference.cells import (
    LayerWeights,
    Step,
    cell_backward,
    cell_forward,
    hidden_of,
    memory_of,
    stack,
    unstack,
)
from transduce.reference.compare import Stage

# ------------------------------------------------------------------------------------------ what it is


@dataclass(frozen=True)
class Choices:
    """What the shapes of the weights do not tell. Names and values are those of ``RNNConfig``."""

    cell: Literal["lstm", "gru", "gru_before", "rnn"] = "lstm"
    activation: Literal["tanh", "relu", "sigmoid"] = "tanh"
    layers: int = 1
    enc_layers: int = 1
    bidirectional: bool = True
    reverse_source: bool = False
    attention: Literal["none", "dot", "general", "additive", "scaled_dot"] = "general"
    input_feeding: bool = False
    lexical: bool = False
    bridge: Literal["copy", "dense"] = "copy"
    tied: Literal["none", "decoder", "all"] = "all"

    @property
    def has_lexical(self) -> bool:
        """``lexical``, where there is attention to look with."""
        return self.lexical and self.attention != "none"

    @property
    def directions(self) -> tuple[str, ...]:
        return ("forward", "backward") if self.bidirectional else ("forward",)


# The cell's results, in the order in which a step computes them.
NAMES = {"lstm": ("i", "f", "g", "o", "c", "h"), "gru": ("r", "z", "n", "h"), "gru_before": ("r", "z", "n", "h"),
         "rnn": ("h",)}  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """One encoder layer in one direction: its steps in the order of the tokens, whichever way it read them."""

    number: int
    direction: str
    steps: list[Step]  # src_len
    order: list[int]  # the tokens in the order in which they were read

    @property
    def last(self) -> Step:
        return self.steps[self.order[-1]]


@dataclass(frozen=True)
class DecoderStep:
    """One target step."""

    y: Array  # (embed,): E_y of the token it is fed; with input feeding (2 * embed,)
    layers: list[Step]  # from the lowest
    attention: AttentionStep | None
    attended: Array  # (readout,): h~_t; without attention what takes its place
    words: Array  # (embed,): tanh(sum_j alpha_j x_j); empty unless lexical, as the next
    translated: Array  # (embed,): tanh(W_l words_t + b_l)
    readout: Array  # (readout,): what the output weights multiply: h~_t, with both of these where they are
    logits: Array  # (vocab,)

    @property
    def s(self) -> Array:
        return self.layers[-1].h


@dataclass(frozen=True)
class Run:
    """One pair with everything in between."""

    choices: Choices
    source: list[int]
    target_in: list[int]
    x: Array  # (src_len, embed): the embedded source
    encoder: list[Layer]
    h: Array  # (src_len, encoder hidden): the encoder's states, one row a token
    h_T: list[Array]  # of each layer: its last state, both directions side by side
    c_T: list[Array]  # of each layer: its last memory; zeros unless lstm
    s_0: list[Array]  # of each decoder layer
    c_0: list[Array]
    decoder: list[DecoderStep]

    @property
    def logits(self) -> Array:
        """(tgt_len, vocab)"""
        return np.array([step.logits for step in self.decoder])

    def stages(self) -> list[Stage]:
        """Every named value, one row a step, in the order in which they are computed.

        "encoder 0 forward h": (src_len, width), in the order of the tokens; "s_0", "c_0": (layers, hidden);
        "decoder 0 s": (tgt_len, hidden); "e", "alpha": (tgt_len, src_len); "context", "readout", "logits",
        and "attended", "words", "translated" of lexical models: (tgt_len, width).
        """
        names = NAMES[self.choices.cell]
        found = []
        for layer in self.encoder:
            title = f"encoder {layer.number} {layer.direction}"
            values = {f"{title} {name}": np.array([getattr(step, name) for step in layer.steps]) for name in names}
            found.append(Stage(values, layer.order))
        first = {"s_0": np.array(self.s_0)} | ({"c_0": np.array(self.c_0)} if self.choices.cell == "lstm" else {})
        found.append(Stage(first, range(self.choices.layers), row="layer"))
        written = {}
        for number in range(self.choices.layers):
            for name in names:
                rows = [getattr(step.layers[number], name) for step in self.decoder]
                written[f"decoder {number} {'s' if name == 'h' else name}"] = np.array(rows)
        attention = [step.attention for step in self.decoder if step.attention is not None]
        for name in ("e", "alpha", "context") if attention else ():
            written[name] = np.array([getattr(step, name) for step in attention])
        for name in ("attended", "words", "translated") if self.choices.has_lexical else ():
            written[name] = np.array([getattr(step, name) for step in self.decoder])
        written["readout"] = np.array([step.readout for step in self.decoder])
        written["logits"] = self.logits
        found.append(Stage(written, range(len(self.decoder))))
        return found

    def quantities(self) -> dict[str, Array]:
        """The values of all stages by name."""
        return {name: value for stage in self.stages() for name, value in stage.values.items()}


class Weights:
    """Weights under torch's names, and their gradients, added up under the same names.

    Tied weights are one weight: whichever name it is asked for by, the gradient gathers under the
    target embedding's.
    """

    def __init__(self, choices: Choices, values: Mapping[str, Array]) -> None:
        table = "target_embedding.weight"
        self.same = {} if choices.tied == "none" else {"output.weight": table}
        if choices.tied == "all":
            self.same["source_embedding.weight"] = table
        self.values = values
        self.gradients = {name: np.zeros_like(value) for name, value in values.items() if name not in self.same}

    def __getitem__(self, name: str) -> Array:
        return self.values[self.same.get(name, name)]

    def __contains__(self, name: str) -> bool:
        return self.same.get(name, name) in self.values

    def add(self, name: str, gradient: Array) -> None:
        self.gradients[self.same.get(name, name)] += gradient

    def layer(self, choices: Choices, part: str, number: int, direction: str = "forward") -> LayerWeights:
        """The weights of one layer, gate by gate."""
        return unstack(choices.cell, *(self[name] for name in layer_names(part, number, direction)))

    def add_layer(self, gradient: LayerWeights, part: str, number: int, direction: str = "forward") -> None:
        for name, value in zip(layer_names(part, number, direction), stack(gradient), strict=True):
            self.add(name, value)

    def attention(self) -> AttentionWeights:
        """Those that the score has; the others are empty."""
        names = ("attention.key.weight", "attention.query.weight", "attention.v")
        return AttentionWeights(*(self.values.get(name, none) for name, none in zip(names, NO_WEIGHTS, strict=True)))


def layer_names(part: str, number: int, direction: str) -> list[str]:
    """Torch's names of a layer's four weights."""
    suffix = f"l{number}" + ("_reverse" if direction == "backward" else "")
    return [f"{part}.rnn.{name}_{suffix}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def reading_order(choices: Choices, length: int, direction: str) -> list[int]:
    """Token positions in the order in which an encoder layer reads them.

    With a reversed source (Sutskever et al. 2014, section 3.3) the words come last to first, and the end token
    stays at the end.
    """
    order = [*range(length - 2, -1, -1), length - 1] if choices.reverse_source else list(range(length))
    return order if direction == "forward" else order[::-1]


# --------------------------------------------------------------------------------------------- forwards


def forward(choices: Choices, values: Mapping[str, Array], source: Sequence[int], target_in: Sequence[int]) -> Run:
    """Read the source, write one distribution for each token of target_in (teacher forcing).

    source: (src_len,) ids; target_in: (tgt_len,) ids, the target behind its start token.
    """
    w = Weights(choices, values)
    x = np.array([w["source_embedding.weight"][token] for token in source])
    encoder, h = encode(choices, w, list(x))
    h_T, c_T = last_states(choices, encoder)
    s_0, c_0 = bridge(choices, w, h_T, c_T)
    decoder: list[DecoderStep] = []
    s, c = s_0, c_0
    readout = np.zeros(w["combine.weight"].shape[0] if choices.input_feeding else 0)  # h~_0 = 0
    for token in target_in:
        y = w["target_embedding.weight"][token]
        if choices.input_feeding:
            y = np.concatenate([y, readout])
        decoder.append(decode_step(choices, w, y, s, c, h, x))
        s = [step.h for step in decoder[-1].layers]
        c = [memory_of(step) for step in decoder[-1].layers]
        readout = decoder[-1].readout
    return Run(choices, list(source), list(target_in), x, encoder, h, h_T, c_T, s_0, c_0, decoder)


def encode(choices: Choices, w: Weights, xs: Sequence[Array]) -> tuple[list[Layer], Array]:
    """All layers over the embedded source, and the top one's states (src_len, encoder hidden)."""
    encoder = []
    for number in range(choices.enc_layers):
        sides = []
        for direction in choices.directions:
            weights = w.layer(choices, "encoder", number, direction)
            order = reading_order(choices, len(xs), direction)
            h, c = np.zeros(hidden_of(weights)), np.zeros(hidden_of(weights))
            steps: dict[int, Step] = {}
            for j in order:
                steps[j] = cell_forward(choices.cell, choices.activation, weights, xs[j], h, c)
                h, c = steps[j].h, memory_of(steps[j])
            sides.append(Layer(number, direction, [steps[j] for j in range(len(xs))], order))
        encoder += sides
        xs = [np.concatenate([side.steps[j].h for side in sides]) for j in range(len(xs))]
    return encoder, np.array(xs)


def last_states(choices: Choices, encoder: Sequence[Layer]) -> tuple[list[Array], list[Array]]:
    """Of each layer, its last state and memory in reading order, both directions side by side."""
    by_layer = [[side for side in encoder if side.number == number] for number in range(choices.enc_layers)]
    h_T = [np.concatenate([side.last.h for side in sides]) for sides in by_layer]
    c_T = [np.concatenate([memory_of(side.last) for side in sides]) for sides in by_layer]
    return h_T, c_T


def bridge(choices: Choices, w: Weights, h_T: list[Array], c_T: list[Array]) -> tuple[list[Array], list[Array]]:
    """The decoder's first state and memory, of each layer."""
    if choices.bridge == "copy":
        return h_T, c_T
    first = tanh(w["bridge.weight"] @ h_T[-1] + w["bridge.bias"])  # (states * layers * hidden,)
    parts = np.split(first, choices.layers * (2 if choices.cell == "lstm" else 1))
    return parts[: choices.layers], parts[choices.layers :] or [np.zeros_like(each) for each in parts]


def decode_step(
    choices: Choices, w: Weights, y: Array, s: list[Array], c: list[Array], h: Array, x: Array
) -> DecoderStep:
    """One target step. s, c: the layers' states before it; h: the encoder's states; x: the embedded source."""
    below, layers = y, []
    for number in range(choices.layers):
        weights = w.layer(choices, "decoder", number)
        layers.append(cell_forward(choices.cell, choices.activation, weights, below, s[number], c[number]))
        below = layers[-1].h
    attention, words, translated = None, np.zeros(0), np.zeros(0)
    if choices.attention != "none":
        attention = attend(choices.attention, w.attention(), below, h)
        attended = tanh(w["combine.weight"] @ np.concatenate([attention.context, below]))
    elif "combine.weight" in w:
        attended = w["combine.weight"] @ below
    else:
        attended = below
    if choices.has_lexical:
        assert attention is not None
        words = tanh(attention.alpha @ x)
        translated = tanh(w["lexical.weight"] @ words + w["lexical.bias"])
    readout = attended + translated + words if choices.has_lexical else attended
    logits = w["output.weight"] @ readout + w["output.bias"]
    return DecoderStep(y, layers, attention, attended, words, translated, readout, logits)


# -------------------------------------------------------------------------------------------- backwards


def backward(choices: Choices, values: Mapping[str, Array], run: Run, dlogits: Array) -> dict[str, Array]:
    """dL/d of every weight, by name, from dL/dlogits (tgt_len, vocab)."""
    w = Weights(choices, values)
    ds_0, dc_0, dh, dx = decoder_backward(choices, w, run, dlogits)
    dh_T, dc_T, dh = bridge_backward(choices, w, run, ds_0, dc_0, dh)
    dx = dx + encoder_backward(choices, w, run, dh_T, dc_T, dh)
    dE_x = np.zeros_like(w["source_embedding.weight"])
    np.add.at(dE_x, run.source, dx)
    w.add("source_embedding.weight", dE_x)
    return w.gradients


def decoder_backward(
    choices: Choices, w: Weights, run: Run, dlogits: Array
) -> tuple[list[Array], list[Array], Array, Array]:
    """From the last target step to the first. Returns dL/d of s_0 and c_0 of each layer, of all h_j and of all x_j."""
    dh, dx_j = np.zeros_like(run.h), np.zeros_like(run.x)
    ds = [np.zeros_like(each) for each in run.s_0]  # dL/ds_t of each layer by way of s_{t+1}
    dc = [np.zeros_like(each) for each in run.c_0]
    dfed = np.zeros_like(run.decoder[0].readout)  # dL/dh~_t by way of y_{t+1}
    embed = w["target_embedding.weight"].shape[1]
    for token, step, dlogit in zip(reversed(run.target_in), reversed(run.decoder), dlogits[::-1], strict=True):
        dreadout = w["output.weight"].T @ dlogit + dfed
        w.add("output.weight", np.outer(dlogit, step.readout))
        w.add("output.bias", dlogit)
        dx, dh_step, dx_step = readout_backward(choices, w, step, dreadout, run.x)
        dh, dx_j = dh + dh_step, dx_j + dx_step
        for number in reversed(range(choices.layers)):
            weights = w.layer(choices, "decoder", number)
            back = cell_backward(choices.cell, choices.activation, weights, step.layers[number],
                                 dx + ds[number], dc[number])  # fmt: skip
            w.add_layer(back.weights, "decoder", number)
            dx, ds[number], dc[number] = back.dx, back.dh_prev, back.dc_prev
        dE_y = np.zeros_like(w["target_embedding.weight"])
        dE_y[token] = dx[:embed]
        w.add("target_embedding.weight", dE_y)
        dfed = dx[embed:] if choices.input_feeding else dfed
    return ds, dc, dh, dx_j


def readout_backward(
    choices: Choices, w: Weights, step: DecoderStep, dreadout: Array, x: Array
) -> tuple[Array, Array, Array]:
    """dL/ds_t of the top layer by way of this step's output, and dL/d of all h_j and all x_j."""
    dx_j, dalpha = np.zeros_like(x), np.zeros(len(x))
    if step.attention is None:
        if "combine.weight" not in w:
            return dreadout, np.zeros(1), dx_j
        w.add("combine.weight", np.outer(dreadout, step.s))
        return w["combine.weight"].T @ dreadout, np.zeros(1), dx_j
    assert choices.attention != "none"
    if choices.has_lexical:
        da = tanh_backward(step.translated, dreadout)  # a = W_l words + b_l
        w.add("lexical.weight", np.outer(da, step.words))
        w.add("lexical.bias", da)
        dsum = tanh_backward(step.words, w["lexical.weight"].T @ da + dreadout)
        dx_j, dalpha = np.outer(step.attention.alpha, dsum), x @ dsum
    da = tanh_backward(step.attended, dreadout)
    both = np.concatenate([step.attention.context, step.s])
    w.add("combine.weight", np.outer(da, both))
    dcontext, ds = np.split(w["combine.weight"].T @ da, [len(step.attention.context)])
    back = attend_backward(choices.attention, w.attention(), step.attention, dcontext, dalpha)
    for name, gradient in zip(("key.weight", "query.weight", "v"), back.weights, strict=True):
        if gradient.size:
            w.add(f"attention.{name}", gradient)
    return ds + back.ds, back.dh, dx_j


def bridge_backward(
    choices: Choices, w: Weights, run: Run, ds_0: list[Array], dc_0: list[Array], dh: Array
) -> tuple[list[Array], list[Array], Array]:
    """dL/d of the last state and memory of each encoder layer; dh comes back unchanged."""
    if choices.bridge == "copy":
        return ds_0, dc_0, dh
    lstm = choices.cell == "lstm"
    first = np.concatenate([*run.s_0, *run.c_0] if lstm else run.s_0)
    dfirst = np.concatenate([*ds_0, *dc_0] if lstm else ds_0)
    da = tanh_backward(first, dfirst)
    w.add("bridge.weight", np.outer(da, run.h_T[-1]))
    w.add("bridge.bias", da)
    nothing = [np.zeros_like(each) for each in run.h_T]
    return [*nothing[:-1], w["bridge.weight"].T @ da], nothing, dh


def encoder_backward(choices: Choices, w: Weights, run: Run, dh_T: list[Array], dc_T: list[Array], dh: Array) -> Array:
    """From the top layer to the lowest, each from its last read token to its first. Returns dL/dx (src_len, embed).

    dh: dL/d of the top layer's states by way of attention.
    """
    for number in reversed(range(choices.enc_layers)):
        sides = [layer for layer in run.encoder if layer.number == number]
        parts = zip(sides, *(np.split(each, len(sides), axis=-1) for each in (dh, dh_T[number], dc_T[number])),
                    strict=True)  # fmt: skip
        below = np.zeros(1)
        for side, dh_side, dh_last, dc_last in parts:
            weights = w.layer(choices, "encoder", number, side.direction)
            dx = {}
            through_next, dc = dh_last, dc_last
            for j in reversed(side.order):
                back = cell_backward(choices.cell, choices.activation, weights, side.steps[j],
                                     dh_side[j] + through_next, dc)  # fmt: skip
                w.add_layer(back.weights, "encoder", number, side.direction)
                dx[j], through_next, dc = back.dx, back.dh_prev, back.dc_prev
            below = below + np.array([dx[j] for j in range(len(side.steps))])
        dh = below
    return dh
