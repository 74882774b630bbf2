"""Everything a model computed, searched and decided for one sentence, as one structure of plain numbers.

    trace = transduce.trace(transduce.load("runs/en-fr"), "A man is riding a horse.")
    trace.steps[0].candidates[0].probability, trace.attention[0].weights[0]

``transduce explain --json`` prints it; docs/explain.md tells every name. Nothing here knows a model
family: names, equations and values come from ``Generator.look_inside``. Numbers are rounded to six
significant digits; log-probabilities are natural.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec
import numpy as np
import torch
from torch import Tensor

from transduce.config import from_dict, to_dict
from transduce.data.tokenizer import PieceKind, Tokenizer
from transduce.decoding import BeamStep as FoundStep
from transduce.decoding import Branch, DecodingConfig, Hypothesis, Record, force, length_penalty
from transduce.decoding.rerank import judge_of, search, width
from transduce.decoding.trail import BOS, EOS, device_of, log_softmax, reading, require_finite
from transduce.errors import ConfigError, DataError
from transduce.explain.gradient import EQUATIONS, POINTS, attribute
from transduce.models.base import Inside, Layer
from transduce.models.base import Quantity as ModelQuantity
from transduce.transducer import Transducer

FORMAT = 1
Rows = list[list[float]]
Method = Literal["input_x_gradient", "integrated_gradients"]


class Plain(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all parts of a trace. Subclasses repeat ``frozen`` for type checkers."""


class Token(Plain, frozen=True, kw_only=True):
    id: int
    text: str  # the piece: its leading space kept, a byte as <0xE4>, specials as <s>, </s>, <unk>
    kind: PieceKind


class Text(Plain, frozen=True, kw_only=True):
    name: str  # of the column the model learned from: "english"
    language: str | None  # ISO 639-1, where the name tells
    text: str
    tokens: list[Token]  # with the end token; a target that was cut off at the maximal length has none


class Quantity(Plain, frozen=True, kw_only=True):
    name: str
    title: str
    equation: str
    low: float | None
    high: float | None


class LayerTrace(Plain, frozen=True, kw_only=True):
    part: Literal["encoder", "decoder"]
    number: int
    direction: Literal["forward", "backward"]
    input: str  # what x_t is
    order: list[int]  # positions in the order of reading
    quantities: list[Quantity]
    values: dict[str, Rows]  # name -> (len, width), in the order of the tokens


class MapTrace(Plain, frozen=True, kw_only=True):
    layer: int
    head: int
    equation: str
    scores: Rows  # (symbols, src_len)
    weights: Rows  # (symbols, src_len)


class Score(Plain, frozen=True, kw_only=True):
    log_prob: float  # sum of the steps' log_prob
    right_to_left: float | None  # log-probability by the members that know targets from the end; None: there are none
    symbols: int  # the end counted
    alpha: float
    length_penalty: float  # ((5 + symbols) / 6) ^ alpha
    score: float  # log_prob, or its mean with right_to_left, / length_penalty
    equation: str


class Candidate(Plain, frozen=True, kw_only=True):
    id: int
    text: str
    kind: PieceKind
    probability: float
    log_prob: float


class Step(Plain, frozen=True, kw_only=True):
    number: int  # from 1
    fed: Token  # what the decoder was given
    chosen: Token
    probability: float
    log_prob: float
    total: float  # log-probability of everything up to this symbol
    rank: int  # of the chosen token; 1 is the likeliest
    candidates: list[Candidate]  # the likeliest, falling


class Beam(Plain, frozen=True, kw_only=True):
    id: int
    parent: int | None
    token: Token
    log_prob: float
    total: float
    score: float | None


class BeamStep(Plain, frozen=True, kw_only=True):
    number: int
    kept: list[Beam]
    ended: list[Beam]
    dropped: list[Beam]
    settled: bool


class Output(Plain, frozen=True, kw_only=True):
    text: str
    tokens: list[Token]  # with the end token if finished
    score: float
    log_prob: float
    symbols: int
    finished: bool


class Parting(Plain, frozen=True, kw_only=True):
    """Where a given target leaves the model's own best output."""

    step: int  # the first that differs, from 1
    token: Token | None  # what the model's own output has there; None where it was cut off
    probability: float | None  # of that token, after the symbols both share
    log_prob: float | None
    followed: int  # symbols of the given target that the search kept or completed
    completed: bool  # the search completed the given target


class GradientTrace(Plain, frozen=True, kw_only=True):
    method: Method
    points: int  # at which the gradient was taken, between the baseline and the sentence
    equation: str
    weights: Rows  # (symbols, src_len), signed
    totals: list[float]  # (symbols,): log p_t with the source's embeddings less log p_t with zeros in their place
    completeness: list[float]  # (symbols,): each row's sum less its total; integrated gradients bring it to 0


class Trace(Plain, frozen=True, kw_only=True):
    format: int
    run: str
    model: str
    family: str
    source: Text
    target: Text
    forced: bool  # the target was given, not searched for
    score: Score
    encoder: list[LayerTrace]
    decoder: list[LayerTrace]
    first: dict[str, Rows]
    first_quantities: list[Quantity]
    summary: list[float]
    attention: list[MapTrace]
    outputs: dict[str, Rows]
    output_quantities: list[Quantity]
    steps: list[Step]
    beam_width: int
    beam: list[BeamStep] | None  # None when forced
    alternatives: list[Output]  # what the search completed, best first
    parting: Parting | None  # None unless forced, and where both are the same
    gradient: GradientTrace | None


def trace(
    model: Transducer,
    text: str,
    *,
    target: str | None = None,
    beam: int | None = None,
    length_penalty: float | None = None,
    gradient: Method | None = None,
    top: int = 10,
) -> Trace:
    """Open the model on one text: on its own best translation, or on the ``target`` given.

    ``beam`` and ``length_penalty`` are those of the search, the run's own by default; ``gradient``
    adds what each symbol owes to each source token; ``top`` is the number of candidates a step.
    Raises ``DataError`` for a blank text, ``ConfigError`` for impossible options, ``TransduceError``
    when the model's output is not finite.
    """
    if not text.strip():
        raise DataError("the text is blank: there is nothing to explain.")
    if gradient is not None and gradient not in get_args(Method):
        raise ConfigError(f'gradient must be one of {", ".join(get_args(Method))}; got "{gradient}".')
    if top < 1:
        raise ConfigError(f"top must be at least 1; got {top}.")
    config = _decoding(model, beam, length_penalty)
    text = text.strip(" \t")
    source = [*model.tokenizers.source.encode(text), EOS]
    found, record = _search(model, source, config)
    best = found[0]
    symbols = [*best.tokens, EOS] if best.finished else best.tokens
    if target is not None:
        target = target.strip(" \t")
        symbols = [*model.tokenizers.target.encode(target), EOS]
    device = device_of(model.model)
    with reading(model.model):
        inside = model.model.look_inside(
            torch.tensor(source, device=device), torch.tensor([BOS, *symbols[:-1]], device=device)
        )
        require_finite(inside.logits)
        log_probs = log_softmax(inside.logits).to("cpu", torch.float64)  # (symbols, vocab)
    read, write = model.tokenizers.source, model.tokenizers.target
    settings = model.config
    return Trace(
        format=FORMAT,
        run=str(model.path) if model.path else "",
        model=model.model.describe(),
        family=str(to_dict(settings.model)["family"]),
        source=Text(name=settings.source, language=settings.source_language, text=text, tokens=_tokens(read, source)),
        target=Text(
            name=settings.target,
            language=settings.target_language,
            text=write.decode(symbols) if target is None else target,
            tokens=_tokens(write, symbols),
        ),
        forced=target is not None,
        score=_score(log_probs, symbols, config.length_penalty, _from_the_end(model, source, symbols, config)),
        encoder=[_layer(each) for each in inside.layers if each.part == "encoder"],
        decoder=[_layer(each) for each in inside.layers if each.part == "decoder"],
        first={name: _rows(values) for name, values in inside.first.items()},
        first_quantities=_quantities(inside.first_quantities),
        summary=[] if inside.summary is None else _rows(inside.summary[None])[0],
        attention=_maps(inside),
        outputs={name: _rows(values) for name, values in inside.outputs.items()},
        output_quantities=_quantities(inside.output_quantities),
        steps=_steps(write, log_probs, symbols, top),
        beam_width=width(model.model, config),
        beam=None if target is not None else [_beam_step(write, *each) for each in enumerate(record, start=1)],
        alternatives=[_output(write, each) for each in found],
        parting=None if target is None else _parting(write, symbols, best, log_probs, record),
        gradient=None if gradient is None else _gradient(model, source, symbols, gradient),
    )


def _decoding(model: Transducer, beam: int | None, length_penalty: float | None) -> DecodingConfig:
    """The run's own settings with these changes; all that the beam completes is told."""
    own = model.config.decoding
    width = own.beam if beam is None else beam
    changes: dict[str, float] = {"beam": width, "nbest": max(1, width), "sample": False}
    if length_penalty is not None:
        changes["length_penalty"] = length_penalty
    return from_dict(DecodingConfig, {**to_dict(own), **changes}, where="decoding")


def _search(model: Transducer, source: list[int], config: DecodingConfig) -> tuple[list[Hypothesis], list[FoundStep]]:
    record = Record()
    (found,) = search(model.model, torch.tensor([source]), torch.tensor([len(source)]),
                      max_lengths=[config.max_length(len(source) - 1)], config=config, record=record)  # fmt: skip
    return found, record.steps(0)


def _from_the_end(model: Transducer, source: list[int], symbols: list[int], config: DecodingConfig) -> float | None:
    """What the members that know targets from the end make of this one; None where they do not rank it."""
    judge = judge_of(model.model, config) if symbols[-1:] == [EOS] else None
    if judge is None:
        return None
    (found,) = force(judge, torch.tensor([source]), torch.tensor([len(source)]), [symbols[-2::-1]])
    return found.log_prob


def _score(log_probs: Tensor, symbols: list[int], alpha: float, right_to_left: float | None) -> Score:
    log_prob = float(log_probs[torch.arange(len(symbols)), torch.tensor(symbols)].sum())
    penalty = length_penalty(float(len(symbols)), alpha)
    both = log_prob if right_to_left is None else (log_prob + right_to_left) / 2
    total = "log_prob" if right_to_left is None else "(log_prob + right_to_left) / 2"
    return Score(
        log_prob=_number(log_prob),
        right_to_left=None if right_to_left is None else _number(right_to_left),
        symbols=len(symbols),
        alpha=alpha,
        length_penalty=_number(penalty),
        score=_number(both / penalty),
        equation=f"score = {total} / ((5 + symbols) / 6)^alpha",
    )


def _steps(tokenizer: Tokenizer, log_probs: Tensor, symbols: list[int], top: int) -> list[Step]:
    values, ids = log_probs.topk(min(top, log_probs.shape[1]))  # (symbols, top)
    chosen = log_probs[torch.arange(len(symbols)), torch.tensor(symbols)]  # (symbols,)
    ranks = (log_probs > chosen[:, None]).sum(dim=1) + 1
    steps, total = [], 0.0
    for at, symbol in enumerate(symbols):
        log_prob = float(chosen[at])
        total += log_prob
        steps.append(
            Step(
                number=at + 1,
                fed=_token(tokenizer, symbols[at - 1] if at else BOS),
                chosen=_token(tokenizer, symbol),
                probability=_number(np.exp(log_prob)),
                log_prob=_number(log_prob),
                total=_number(total),
                rank=int(ranks[at]),
                candidates=[
                    _candidate(tokenizer, *each) for each in zip(ids[at].tolist(), values[at].tolist(), strict=True)
                ],
            )
        )
    return steps


def _candidate(tokenizer: Tokenizer, number: int, log_prob: float) -> Candidate:
    token = _token(tokenizer, number)
    probability = _number(np.exp(log_prob))
    return Candidate(id=number, text=token.text, kind=token.kind, probability=probability, log_prob=_number(log_prob))


def _parting(
    tokenizer: Tokenizer, symbols: list[int], best: Hypothesis, log_probs: Tensor, record: list[FoundStep]
) -> Parting | None:
    """Where the given symbols leave the best output, and how long the search had them among its own."""
    own = [*best.tokens, EOS] if best.finished else best.tokens
    if own == symbols:
        return None
    at = next((k for k, pair in enumerate(zip(own, symbols, strict=False)) if pair[0] != pair[1]), len(own))
    log_prob = float(log_probs[at, own[at]]) if at < len(own) else None
    followed, last, completed = 0, None, False
    for step, symbol in zip(record, symbols, strict=False):
        found = next((each for each in [*step.kept, *step.ended] if (each.parent, each.token) == (last, symbol)), None)
        if found is None:
            break
        followed, last, completed = followed + 1, found.id, found.score is not None and symbol == EOS
    return Parting(
        step=at + 1,
        token=_token(tokenizer, own[at]) if at < len(own) else None,
        probability=None if log_prob is None else _number(np.exp(log_prob)),
        log_prob=None if log_prob is None else _number(log_prob),
        followed=followed,
        completed=completed,
    )


def _gradient(model: Transducer, source: list[int], symbols: list[int], method: Method) -> GradientTrace:
    points = POINTS if method == "integrated_gradients" else None
    weights, totals = attribute(model.model, source, symbols, points=points)
    return GradientTrace(
        method=method,
        points=points or 1,
        equation=EQUATIONS[method],
        weights=_rows(weights),
        totals=_rows(totals[None])[0],
        completeness=_rows((weights.sum(dim=1) - totals)[None])[0],
    )


def _output(tokenizer: Tokenizer, found: Hypothesis) -> Output:
    symbols = [*found.tokens, EOS] if found.finished else found.tokens
    return Output(
        text=tokenizer.decode(found.tokens),
        tokens=_tokens(tokenizer, symbols),
        score=_number(found.score),
        log_prob=_number(found.log_prob),
        symbols=len(symbols),
        finished=found.finished,
    )


def _beam_step(tokenizer: Tokenizer, number: int, step: FoundStep) -> BeamStep:
    def beams(found: list[Branch]) -> list[Beam]:
        return [
            Beam(
                id=each.id,
                parent=each.parent,
                token=_token(tokenizer, each.token),
                log_prob=_number(each.log_prob),
                total=_number(each.total),
                score=None if each.score is None else _number(each.score),
            )
            for each in found
        ]

    return BeamStep(number=number, kept=beams(step.kept), ended=beams(step.ended), dropped=beams(step.dropped),
                    settled=step.settled)  # fmt: skip


def _layer(layer: Layer) -> LayerTrace:
    return LayerTrace(
        part=layer.part,
        number=layer.number,
        direction=layer.direction,
        input=layer.input,
        order=layer.order,
        quantities=_quantities(layer.quantities),
        values={name: _rows(values) for name, values in layer.values.items()},
    )


def _maps(inside: Inside) -> list[MapTrace]:
    return [MapTrace(layer=each.layer, head=each.head, equation=each.equation, scores=_rows(each.scores),
                     weights=_rows(each.weights)) for each in inside.attention]  # fmt: skip


def _quantities(found: list[ModelQuantity]) -> list[Quantity]:
    return [Quantity(name=each.name, title=each.title, equation=each.equation, low=each.low, high=each.high)
            for each in found]  # fmt: skip


def _token(tokenizer: Tokenizer, number: int) -> Token:
    return Token(id=number, text=tokenizer.pieces([number])[0], kind=tokenizer.kind_of(number))


def _tokens(tokenizer: Tokenizer, ids: list[int]) -> list[Token]:
    return [_token(tokenizer, each) for each in ids]


# 10^k as Python reads it: products of powers would not all be the nearest floats.
POWERS = np.array([float(f"1e{k}") for k in range(23)])


def _rows(values: Tensor) -> Rows:
    """A matrix with six significant digits an entry; what is below 1e-17 becomes 0."""
    x = values.detach().to("cpu", torch.float64).numpy()
    size = np.abs(x)
    exponent = np.floor(np.log10(np.where(size > 0, size, 1.0))).astype(np.int64)
    up, down = POWERS[np.clip(5 - exponent, 0, 22)], POWERS[np.clip(exponent - 5, 0, 22)]
    rounded: Rows = (np.round(x * up / down) / up * down + 0.0).tolist()  # + 0.0: no negative zero
    return rounded


def _number(value: float) -> float:
    return float(f"{value:.6g}")
