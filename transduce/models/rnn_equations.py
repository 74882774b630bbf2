"""The equations of rnn.py as lines of text, so that values can be shown beside what made them.

W and b are the weights in the model file, under torch's names where torch has the layer; [a; b] is a and b
side by side; * is element by element. tests/models/test_look_inside.py evaluates these very lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transduce.models.base import Quantity

if TYPE_CHECKING:
    from transduce.models.rnn import RNNConfig

SCORES = {
    "dot": "s_t . h_j",
    "scaled_dot": "s_t . h_j / sqrt(hidden)",
    "general": "s_t . (W_a h_j)",
    "additive": "v . tanh(W_q s_t + W_a h_j)",
}


def describe(config: RNNConfig) -> str:
    """The model in a few words: "lstm 1x256, general attention"."""
    cell = f"{config.activation} rnn" if config.cell == "rnn" else config.cell
    attention = "no" if config.attention == "none" else config.attention
    more = [", input feeding"] * config.input_feeding + [", lexical"] * config.has_lexical
    return "".join([f"{cell} {config.layers}x{config.hidden}, {attention} attention", *more])


def cell(config: RNNConfig, state: str) -> list[Quantity]:
    """What ``cell_step`` returns. ``state`` names its state: h in the encoder, s in the decoder."""
    last = f"{state}_{{t-1}}"

    def total(name: str) -> str:
        return f"W_i{name} x_t + b_i{name} + W_h{name} {last} + b_h{name}"

    def gate(name: str, title: str) -> Quantity:
        return Quantity(name, f"{title} gate", f"{name}_t = sigmoid({total(name)})", 0, 1)

    if config.cell == "lstm":
        return [
            gate("i", "input"),
            gate("f", "forget"),
            Quantity("g", "candidate", f"g_t = tanh({total('g')})", -1, 1),
            gate("o", "output"),
            Quantity("c", "memory", "c_t = f_t * c_{t-1} + i_t * g_t"),
            Quantity(state, "state", f"{state}_t = o_t * tanh(c_t)", -1, 1),
        ]
    if config.cell == "rnn":
        low, high = {"tanh": (-1, 1), "relu": (0, None), "sigmoid": (0, 1)}[config.activation]
        return [Quantity(state, "state", f"{state}_t = {config.activation}({total('h')})", low, high)]
    reset = f"r_t * (W_hn {last} + b_hn)" if config.cell == "gru" else f"W_hn (r_t * {last}) + b_hn"
    return [
        gate("r", "reset"),
        gate("z", "update"),
        Quantity("n", "candidate", f"n_t = tanh(W_in x_t + b_in + {reset})", -1, 1),
        Quantity(state, "state", f"{state}_t = z_t * {last} + (1 - z_t) * n_t", -1, 1),
    ]


def encoder_input(layer: int) -> str:
    """What x_t of an encoder layer is."""
    return (
        "the embedding of token t" if layer == 0 else f"h_t of encoder layer {layer - 1}, its directions side by side"
    )


def decoder_input(config: RNNConfig, layer: int) -> str:
    """What x_t of a decoder layer is."""
    if layer:
        return f"s_t of decoder layer {layer - 1}"
    token = "the embedding of the token before"
    return f"{token}, beside r_{{t-1}} (zero at first)" if config.input_feeding else token


def first(config: RNNConfig) -> list[Quantity]:
    """What the decoder starts from. T is the last step that each direction of the encoder made."""
    states = ["s", "c"] if config.cell == "lstm" else ["s"]
    titles = {"s": "first state of the decoder", "c": "first memory of the decoder"}
    bounds = (0, None) if config.activation == "relu" else (0, 1) if config.activation == "sigmoid" else (-1, 1)
    if config.bridge == "dense":
        last = "[h_T forward; h_T backward]" if config.bidirectional else "h_T"
        return [Quantity(f"{s}_0", titles[s], f"{s}_0 = tanh(W_b{s} {last} of the top layer + b_b{s})", -1, 1)
                for s in states]  # fmt: skip
    found = []
    for s in states:
        name = {"s": "h", "c": "c"}[s]
        last = f"[{name}_T forward; {name}_T backward]" if config.bidirectional else f"{name}_T"
        low, high = bounds if s == "s" else (None, None)
        found.append(Quantity(f"{s}_0", titles[s], f"{s}_0 = {last} of the same layer", low, high))
    return found


def attention(config: RNNConfig) -> str:
    """How the decoder's top state looks back at the encoder's states of the top layer, directions side by side."""
    return f"score_tj = {SCORES[config.attention]}; alpha_tj = exp(score_tj) / sum_k exp(score_tk)"


def outputs(config: RNNConfig, *, combined: bool) -> list[Quantity]:
    """From the decoder's top state to probabilities; ``combined``: whether a matrix stands between."""
    p = Quantity("p", "probability of each token", "p_t = softmax(W_y r_t + b_y)", 0, 1)
    if config.attention == "none":
        readout = "r_t = W_c s_t" if combined else "r_t = s_t"
        return [Quantity("readout", "what the output weights multiply", readout), p]
    context = Quantity("context", "context", "context_t = sum_j alpha_tj h_j")
    attentional = "tanh(W_c [context_t; s_t])"
    if not config.has_lexical:
        return [context, Quantity("readout", "attentional state", f"r_t = {attentional}", -1, 1), p]
    readout = "r_t = attended_t + words_t + translated_t"
    return [
        context,
        Quantity("attended", "attentional state", f"attended_t = {attentional}", -1, 1),
        Quantity("words", "source words looked at", "words_t = tanh(sum_j alpha_tj x_j)", -1, 1),
        Quantity("translated", "those words, translated", "translated_t = tanh(W_l words_t + b_l)", -1, 1),
        Quantity("readout", "what the output weights multiply", readout, -3, 3),
        p,
    ]
