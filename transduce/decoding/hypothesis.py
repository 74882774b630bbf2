"""How to search, what comes out of it, and how hypotheses of different lengths are compared."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import numpy as np

from transduce.config import Config, require

Length = TypeVar("Length", float, np.ndarray)


class DecodingConfig(Config, frozen=True, kw_only=True):
    """How output is searched for."""

    beam: int = 5  # partial hypotheses kept per sentence; 1 is greedy search
    beam_threshold: float = 2.0
    # a partial hypothesis whose log-probability is this far below that of the best (with ``nbest`` above 1: of the
    # ``nbest``-th best) of its sentence is dropped (Freitag and Al-Onaizan 2017, section 3.1); 0: none is
    rerank: int = 2
    # with models of both directions (training.right_to_left): so many times ``beam`` outputs are searched for, and ranked
    # by both; 0: those that write decide alone, in half the time or less
    nbest: int = 1  # results per sentence: at most ``beam``; when sampling, the number of draws
    length_penalty: float = 1.0  # alpha of ``length_penalty`` below; 0 ranks by log-probability alone
    max_length_ratio: float = 2.0  # a sentence gets at most ratio * (source tokens) + extra symbols, its end included
    max_length_extra: int = 20
    sample: bool = False  # draw from the model's distribution instead of searching; ``beam`` is then not used
    temperature: float = 1.0  # of sampling: logits are divided by it
    top_k: int = 0  # sample among the k most probable tokens only; 0: among all
    top_p: float = 1.0  # sample from the fewest tokens that hold this mass (Holtzman et al. 2020, section 3.1)
    seed: int = 0  # of sampling

    def __post_init__(self) -> None:
        for name, least in (("beam", 1), ("nbest", 1), ("max_length_extra", 0), ("top_k", 0), ("seed", 0)):
            value = getattr(self, name)
            require(value >= least, f"decoding.{name} must be at least {least}; got {value}.")
        for name, most in (
            ("rerank", 100),
            ("length_penalty", 10),
            ("beam_threshold", 1_000),
            ("max_length_ratio", 1_000),
        ):
            value = getattr(self, name)
            require(0 <= value <= most, f"decoding.{name} must be from 0 to {most:,}; got {value}.")
        require(
            self.max_length_ratio > 0 or self.max_length_extra > 0,
            "decoding.max_length_ratio and max_length_extra cannot both be 0: nothing could be written.",
        )
        require(
            0 < self.temperature < math.inf,
            f"decoding.temperature must be above 0; got {self.temperature}. "
            "Without sampling, the most probable tokens are written.",
        )
        require(0 < self.top_p <= 1, f"decoding.top_p must be above 0 and at most 1; got {self.top_p}.")
        require(
            self.sample or self.nbest <= self.beam,
            f"decoding.nbest cannot exceed beam; got nbest {self.nbest} and beam {self.beam}. Raise beam.",
        )

    def max_length(self, source_tokens: int) -> int:
        """The most symbols written for a source of that many tokens, the end symbol included; at least 1."""
        return max(1, math.ceil(self.max_length_ratio * source_tokens) + self.max_length_extra)


CUT_AT_MOST = 0.001  # share of pairs whose targets may be longer than what would be written: some are misaligned
ROOM = 2  # times what targets are longer than the ratio allows: what is met later may be longer than what was learned


def with_room(config: DecodingConfig, source_lengths: np.ndarray, target_lengths: np.ndarray) -> DecodingConfig:
    """``config``, or where it would cut the targets of these pairs, one that would not: with more ``max_length_extra``.

    Translations hardly differ from their sources in length; commands written as single steps, or keywords as prose,
    do. source_lengths, target_lengths: (pairs,), tokens without start and end.
    """
    beyond = target_lengths + 1 - np.ceil(config.max_length_ratio * source_lengths)  # the end symbol counts
    if np.mean(beyond > config.max_length_extra) <= CUT_AT_MOST:
        return config
    needed = np.quantile(beyond, 1 - CUT_AT_MOST, method="higher")  # a pair's own need, more than there is
    return msgspec.structs.replace(config, max_length_extra=math.ceil(ROOM * needed))


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One output. Log-probabilities are natural, of the model itself: no temperature, nothing cut off."""

    tokens: list[int]  # without start and end
    score: float  # log_prob / length_penalty(symbols): what ranks
    log_prob: float  # sum over the tokens and, if ``finished``, the end symbol
    finished: bool  # the model wrote the end symbol within the maximal length
    token_log_probs: list[float] | None = None  # one a symbol, the end included if ``finished``; None unless asked for
    # (symbols, src_len) float32: weights over the source with its end; None unless asked for and the model has them
    attention: np.ndarray | None = field(default=None, compare=False, repr=False)


def length_penalty(symbols: Length, alpha: float) -> Length:
    """lp(Y) = (5 + |Y|)^alpha / (5 + 1)^alpha, Wu et al. 2016, eq. 14, without their coverage term.

    |Y| is the number of symbols written, the end symbol counted. A hypothesis ranks by log P(Y | X) / lp(Y).
    """
    penalty: Length = ((5.0 + symbols) / 6.0) ** alpha
    return penalty
