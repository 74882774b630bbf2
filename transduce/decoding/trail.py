"""What was written at each step, kept as pointers back to the row it came from, and read at the end.

No list of tokens is copied while searching: a step stores one origin and one token a row, and the
few hypotheses that are returned are followed backwards, all at once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from transduce.decoding.hypothesis import Hypothesis, length_penalty
from transduce.errors import TransduceError
from transduce.models.base import Generator, State

PAD, BOS, EOS, UNK = 0, 1, 2, 3  # as data/tokenizer.py numbers them
NEVER_WRITTEN = [PAD, BOS, UNK]


class Step(NamedTuple):
    """The rows that go on after a step."""

    origins: np.ndarray  # (new rows,): the row of this step that each came from
    tokens: np.ndarray  # (new rows,): what it wrote
    log_probs: np.ndarray  # (new rows,)


class Ends(NamedTuple):
    """Hypotheses that are complete, one an entry."""

    sentences: np.ndarray
    steps: np.ndarray  # of the last symbol, from 0
    origins: np.ndarray  # the row of that step
    tokens: np.ndarray  # the last symbol: EOS, or another where the maximal length cut it off
    log_probs: np.ndarray  # of the last symbol
    totals: np.ndarray  # log-probability of the whole


class Trail:
    """The record of one search. ``alpha`` is the length penalty of the scores it reports."""

    def __init__(self, *, alpha: float, want_attention: bool, want_log_probs: bool) -> None:
        self.alpha, self.want_attention, self.want_log_probs = alpha, want_attention, want_log_probs
        self.steps: list[Step] = []
        self.attention: list[np.ndarray] = []  # a step: (rows, src_len)
        self.ends: list[Ends] = []

    def look(self, state: State) -> None:
        """Keep the attention of the step just made, if it was asked for."""
        if self.want_attention and state.attention is not None:
            self.attention.append(state.attention.to("cpu", torch.float32).numpy())

    def go_on(self, origins: np.ndarray, tokens: np.ndarray, log_probs: np.ndarray) -> None:
        self.steps.append(Step(origins, tokens, log_probs))

    def end(self, sentences: np.ndarray, origins: np.ndarray, tokens: np.ndarray,
            log_probs: np.ndarray, totals: np.ndarray) -> None:  # fmt: skip
        """Note hypotheses that end with the step which is about to be added."""
        if len(sentences):
            self.ends.append(
                Ends(sentences, np.full(len(sentences), len(self.steps)), origins, tokens, log_probs, totals)
            )

    def best(self, sentences: int, *, nbest: int, source_lengths: np.ndarray) -> list[list[Hypothesis]]:
        """The ``nbest`` hypotheses of each sentence: finished ones first, each kind by falling score."""
        if not self.ends:
            return [[] for _ in range(sentences)]
        ends = Ends(*(np.concatenate(column) for column in zip(*self.ends, strict=True)))
        scores = ends.totals / length_penalty(ends.steps + 1.0, self.alpha)
        order = np.lexsort((-scores, ends.tokens != EOS, ends.sentences))  # the last key sorts first
        first = np.searchsorted(ends.sentences[order], np.arange(sentences))
        order = order[np.arange(len(order)) - first[ends.sentences[order]] < nbest]
        ends, scores = Ends(*(column[order] for column in ends)), scores[order]
        tokens, log_probs, attention = self._read_back(ends)
        results: list[list[Hypothesis]] = [[] for _ in range(sentences)]
        for index, (sentence, step) in enumerate(zip(ends.sentences.tolist(), ends.steps.tolist(), strict=True)):
            finished = bool(ends.tokens[index] == EOS)
            looked = None if attention is None else attention[index, : step + 1, : source_lengths[sentence]].copy()
            results[sentence].append(
                Hypothesis(
                    tokens=tokens[index, : step if finished else step + 1].tolist(),
                    score=float(scores[index]),
                    log_prob=float(ends.totals[index]),
                    finished=finished,
                    token_log_probs=log_probs[index, : step + 1].tolist() if self.want_log_probs else None,
                    attention=looked,
                )
            )
        return results

    def _read_back(self, ends: Ends) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Tokens (ends, steps), their log-probabilities (ends, steps) and attention (ends, steps, src_len)."""
        count, length = len(ends.steps), int(ends.steps.max()) + 1
        tokens, log_probs = np.zeros((count, length), dtype=np.int64), np.zeros((count, length))
        tokens[np.arange(count), ends.steps], log_probs[np.arange(count), ends.steps] = ends.tokens, ends.log_probs
        attention = np.zeros((count, length, self.attention[0].shape[1]), np.float32) if self.attention else None
        row = ends.origins.copy()
        for at in reversed(range(length)):
            before = np.flatnonzero(ends.steps > at)  # they wrote something here and went on
            if len(before):
                step = self.steps[at]
                tokens[before, at], log_probs[before, at] = step.tokens[row[before]], step.log_probs[row[before]]
                row[before] = step.origins[row[before]]
            if attention is not None:
                here = np.flatnonzero(ends.steps >= at)
                attention[here, at] = self.attention[at][row[here]]
        return tokens, log_probs, attention


@contextmanager
def reading(model: nn.Module) -> Iterator[None]:
    """Without gradients and without dropout; a model that was training is set back to it."""
    was_training = model.training
    if was_training:
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if was_training:
            model.train()


def device_of(model: nn.Module) -> torch.device:
    return next((weight.device for weight in itertools.chain(model.parameters(), model.buffers())), torch.device("cpu"))


def next_log_probs(model: Generator, tokens: np.ndarray, state: State, *, at: int, device: torch.device
                   ) -> tuple[Tensor, State]:  # fmt: skip
    """One step. Returns log-probabilities (rows, vocab), those of what is never written at -inf, and the next state.

    PAD, BOS and UNK are never written; the rest is not rescaled to make up for it, so that a
    hypothesis has the probability that forced decoding gives it. Raises ``TransduceError`` when the
    model's output is not finite.
    """
    logits, state = model.step(torch.from_numpy(tokens).to(device), state)
    log_probs = log_softmax(logits)
    log_probs[:, :EOS].fill_(-torch.inf)  # in two pieces: a list of columns takes as long as a small softmax
    log_probs[:, UNK].fill_(-torch.inf)
    require_finite(log_probs.amax(dim=-1), at=at)
    return log_probs, state


def log_softmax(logits: Tensor) -> Tensor:
    """In single precision at least; a new tensor."""
    return logits.log_softmax(dim=-1, dtype=torch.float64 if logits.dtype == torch.float64 else torch.float32)


def require_finite(values: Tensor, *, at: int | None = None) -> None:
    """Raise ``TransduceError`` unless all values are finite. ``at``: the step, from 0."""
    if not math.isfinite(values.detach().sum().item()) and not bool(torch.isfinite(values).all()):
        where = "" if at is None else f" at symbol {at + 1} of a sentence"
        raise TransduceError(
            f"the model's output is not a finite number{where}: its weights hold NaN or infinite values, or overflow. "
            "Load an earlier run, or train again with a lower learning rate."
        )
