"""What beam search weighed: every step's continuations, those kept, those that ended, and the best of those dropped.

    record = Record()
    beam_search(model, source, source_lengths, max_lengths=[40], record=record)
    record.steps(0)[2].dropped[0].total

A search that is not given a record computes nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch

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
    dropped: list[Branch]  # no place was left for them, or, at a settled step, nothing could come of them
    settled: bool  # no partial hypothesis could overtake the complete ones any more: the search ends here


@final
class Record:
    """The record of one call of ``beam_search``, filled by it."""

    def __init__(self) -> None:
        self._steps: dict[int, list[BeamStep]] = {}
        self._ids = np.zeros((0, 0), dtype=np.int64)  # (batch, beam): the branch in each place; 0 before the first step
        self._next = np.zeros(0, dtype=np.int64)  # (batch,)

    def steps(self, sentence: int) -> list[BeamStep]:
        """The steps of the search of one sentence of the batch."""
        return self._steps.get(sentence, [])

    def add(self, table: np.ndarray, words: np.ndarray, log_probs: np.ndarray, best: np.ndarray, index: np.ndarray,
            *, over: np.ndarray, live: np.ndarray, settled: np.ndarray, scores: np.ndarray) -> None:  # fmt: skip
        """Note a step of all sentences.

        table, words, log_probs: (batch, beam, width), the total, token and log-probability of each continuation
        of each place, total -inf where there is none; best, index: (batch, beam), the highest totals and where
        they stand in the flattened table; over, live: (batch, beam) bool, which of these are complete and which
        go on; settled: (batch,) bool; scores: (batch, beam).
        """
        batch, beam, width = table.shape
        if not len(self._next):
            self._ids, self._next = np.zeros((batch, beam), dtype=np.int64), np.ones(batch, dtype=np.int64)
        rest = table.reshape(batch, -1).copy()
        np.put_along_axis(rest, index, np.where(over | live, -np.inf, best), axis=1)
        count = min(DROPPED * beam, rest.shape[1])
        left, left_index = (each.numpy() for each in torch.from_numpy(rest).topk(count))
        ids = np.zeros_like(self._ids)
        for sentence in np.flatnonzero(best[:, 0] > -np.inf).tolist():
            at_kept, at_over = np.flatnonzero(live[sentence]), np.flatnonzero(over[sentence])

            def branch(flat: int, score: float | None, sentence: int = sentence) -> Branch:
                place, column = divmod(flat, width)
                found = Branch(
                    id=int(self._next[sentence]),
                    parent=int(self._ids[sentence, place]) or None,
                    token=int(words[sentence, place, column]),
                    log_prob=float(log_probs[sentence, place, column]),
                    total=float(table[sentence, place, column]),
                    score=score,
                )
                self._next[sentence] += 1
                return found

            kept = [branch(int(index[sentence, rank]), None) for rank in at_kept]
            ended = [branch(int(index[sentence, rank]), float(scores[sentence, rank])) for rank in at_over]
            dropped = [branch(int(flat), None) for flat in left_index[sentence][left[sentence] > -np.inf]]
            ids[sentence, : len(kept)] = [each.id for each in kept]  # places are filled in the order of the ranks
            self._steps.setdefault(sentence, []).append(BeamStep(kept, ended, dropped, bool(settled[sentence])))
        self._ids = ids
