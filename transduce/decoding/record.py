"""What beam search weighed: every step's continuations, those kept, those that ended, and the best of those dropped.

    record = Record()
    beam_search(model, source, source_lengths, max_lengths=[40], record=record)
    record.steps(0)[2].dropped[0].total

A search that is not given a record computes nothing for it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

DROPPED = 2  # times the beam: how many of the dropped are told at each step


@dataclass(frozen=True, slots=True)
class Branch:
    """One continuation. Log-probabilities are natural."""

    id: int  # counts from 1 within the sentence
    parent: int | None  # the branch it continues; None at the first step
    token: int
    log_prob: float  # of the token
    total: float  # of everything up to it: the parent's total + log_prob
    score: float | None  # total / length penalty, once it is complete


@dataclass(frozen=True, slots=True)
class BeamStep:
    """One step of one sentence, each list by falling total."""

    kept: list[Branch]  # they go on
    ended: list[Branch]  # complete: with the end symbol, or with another one at the maximal length
    dropped: list[Branch]  # no place was left for them, they were too far behind, or the search was settled
    settled: bool  # no partial hypothesis could overtake the complete ones any more: the search ends here


@final
class Record:
    """The record of one call of ``beam_search``, which fills it."""

    def __init__(self) -> None:
        self._steps: dict[int, list[BeamStep]] = {}
        self._next: Counter[int] = Counter()  # sentence -> the last branch
        self._ids: list[int | None] | None = None  # the branch that each row is at

    def steps(self, sentence: int) -> list[BeamStep]:
        """The steps of the search of one sentence of the batch."""
        return self._steps.get(sentence, [])

    def weigh(self, log_probs: Tensor, *, sentences: np.ndarray, totals: np.ndarray, beam: int) -> None:
        """Look at a step before anything is chosen. log_probs: (rows, vocab); sentences, totals: (rows,)."""
        values, words = log_probs.topk(min((1 + DROPPED) * beam, log_probs.shape[1]))
        self._values, self._words = values.to("cpu", torch.float64).numpy(), words.cpu().numpy()
        self._sentences, self._totals, self._beam = sentences, totals, beam
        if self._ids is None:
            self._ids = [None] * len(sentences)

    def choose(self, origins: np.ndarray, tokens: np.ndarray, log_probs: np.ndarray, totals: np.ndarray,
               scores: np.ndarray, *, over: np.ndarray, live: np.ndarray, settled: np.ndarray,
               rows: tuple[np.ndarray, np.ndarray]) -> None:  # fmt: skip
        """Note what the search chose: its best continuations, (batch, beam) each, by falling total.

        origins: the row each continues; over, live: which of them are complete and which go on; settled:
        (batch,) bool; rows: (sentences, ranks) of the rows of the next step.
        """
        assert self._ids is not None
        ids = np.zeros(totals.shape, dtype=np.int64)
        for sentence in np.unique(self._sentences[self._totals > -np.inf]).tolist():
            chosen: dict[str, list[Branch]] = {"live": [], "over": []}
            taken = set()
            for rank in np.flatnonzero(live[sentence] | over[sentence]).tolist():
                at = sentence, rank
                taken.add((int(origins[at]), int(tokens[at])))
                found = self._branch(sentence, int(origins[at]), int(tokens[at]), float(log_probs[at]),
                                     float(totals[at]), score=float(scores[at]) if over[at] else None)  # fmt: skip
                chosen["over" if over[at] else "live"].append(found)
                ids[at] = found.id
            dropped = self._dropped(sentence, taken)
            step = BeamStep(chosen["live"], chosen["over"], dropped, bool(settled[sentence]))
            self._steps.setdefault(sentence, []).append(step)
        self._ids = ids[rows].tolist()

    def _dropped(self, sentence: int, taken: set[tuple[int, int]]) -> list[Branch]:
        """The best continuations of a sentence that were not taken."""
        rows = np.flatnonzero((self._sentences == sentence) & (self._totals > -np.inf))
        totals = self._totals[rows, None] + self._values[rows]  # (rows, candidates)
        left: list[Branch] = []
        for flat in np.argsort(-totals, axis=None, kind="stable").tolist():
            place, column = divmod(flat, totals.shape[1])
            row, token = int(rows[place]), int(self._words[rows[place], column])
            if len(left) == DROPPED * self._beam or totals[place, column] == -np.inf:
                break
            if (row, token) not in taken:
                log_prob, total = float(self._values[row, column]), float(totals[place, column])
                left.append(self._branch(sentence, row, token, log_prob, total))
        return left

    def _branch(self, sentence: int, row: int, token: int, log_prob: float, total: float,
                *, score: float | None = None) -> Branch:  # fmt: skip
        assert self._ids is not None
        self._next[sentence] += 1
        return Branch(self._next[sentence], self._ids[row], token, log_prob, total, score)
