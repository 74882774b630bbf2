"""The equations of transformer.py as lines of text, so that values can be shown beside what made them.

W and b are weights of the model file; [a; b] is a and b side by side; * is element by element; norm is layer
normalization with its own gain and bias. tests/models/test_transformer.py evaluates these very lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from transduce.models.base import Quantity

if TYPE_CHECKING:
    from transduce.models.transformer import TransformerConfig

Part = Literal["encoder", "decoder"]


def describe(config: TransformerConfig) -> str:
    """The model in a few words: "transformer 4+2x256, 4 heads, pre-norm"."""
    return (f"transformer {config.enc_layers}+{config.layers}x{config.hidden}, {config.heads} "
            f"head{'s' * (config.heads > 1)}, {config.norm}-norm")  # fmt: skip


def layer(config: TransformerConfig, part: Part) -> list[Quantity]:
    """What a layer returns, in the order in which it is computed; t is a position, j those it looks at."""
    state, pre = {"encoder": "h", "decoder": "s"}[part], config.norm == "pre"

    def read(x: str) -> str:
        return f"norm({x})" if pre else x

    def joined(x: str, added: str) -> str:
        return f"{x} + {added}" if pre else f"norm({x} + {added})"

    first = [
        Quantity("q", "query, heads side by side", f"q_t = W_q {read('x_t')} + b_q"),
        Quantity("k", "key, heads side by side", f"k_t = W_k {read('x_t')} + b_k"),
        Quantity("v", "value, heads side by side", f"v_t = W_v {read('x_t')} + b_v"),
        Quantity("a", "what self-attention adds", "a_t = W_o [sum_j alpha_tj v_j of each head] + b_o"),
        Quantity("u", "after self-attention", f"u_t = {joined('x_t', 'a_t')}"),
    ]
    cross, last = [], "u_t"
    if part == "decoder":
        last = "w_t"
        cross = [
            Quantity("qs", "query to the source, heads side by side", f"qs_t = W_qs {read('u_t')} + b_qs"),
            Quantity("c", "what cross attention adds", "c_t = W_c [sum_j alpha_tj vs_j of each head] + b_c"),
            Quantity("w", "after cross attention", f"w_t = {joined('u_t', 'c_t')}"),
        ]
    return [
        *first,
        *cross,
        Quantity("f", "what the feed-forward network adds",
                 f"f_t = W_2 {config.activation}(W_1 {read(last)} + b_1) + b_2"),
        Quantity(state, "state", f"{state}_t = {joined(last, 'f_t')}"),
    ]  # fmt: skip


def layer_input(config: TransformerConfig, part: Part, number: int) -> str:
    """What x_t of a layer is."""
    if number:
        return f"{'h' if part == 'encoder' else 's'}_t of {part} layer {number - 1}"
    token = "token t" if part == "encoder" else "the token before"
    scaled = f" * sqrt({config.hidden})" if config.scale_embeddings else ""
    return f"the embedding of {token}{scaled}, plus the vector of position t"


def attention(kind: Literal["cross", "encoder", "decoder"]) -> str:
    """Scores and weights of one head. vs and ks are made of the encoder's states."""
    query, key = ("qs_t", "ks_j") if kind == "cross" else ("q_t", "k_j")
    seen = " for j up to t" if kind == "decoder" else ""
    return f"score_tj = {query} . {key} / sqrt(head_dim){seen}; alpha_tj = exp(score_tj) / sum_k exp(score_tk)"


def outputs(config: TransformerConfig) -> list[Quantity]:
    """From the decoder's top state to probabilities."""
    return [
        Quantity("readout", "what the output weights multiply", "r_t = norm(s_t)" if config.norm == "pre" else "r_t = s_t"),
        Quantity("p", "probability of each token", "p_t = softmax(W_y r_t + b_y)", 0, 1),
    ]  # fmt: skip
