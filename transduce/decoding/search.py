"""Greedy search and beam search over one padded batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from transduce.decoding.best import Continuations, best_continuations, largest
from transduce.decoding.guide import Guide
from transduce.decoding.hypothesis import DecodingConfig, Hypothesis, length_penalty
from transduce.decoding.record import Record
from transduce.decoding.trail import BOS, EOS, Trail, device_of, next_log_probs, reading
from transduce.models.base import Generator

# (log-probabilities (rows, vocab), which walk each row is on (rows,), step) -> tokens (rows,), their log-probabilities
Choice = Callable[[Tensor, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def greedy(
    model: Generator,
    source: Tensor,
    source_lengths: Tensor,
    *,
    max_lengths: Sequence[int] | np.ndarray,
    config: DecodingConfig | None = None,
    want_attention: bool = False,
    want_log_probs: bool = False,
    guide: Guide | None = None,
) -> list[Hypothesis]:
    """Write the most probable token at every step. One hypothesis a sentence.

    source: (batch, src_len) int64, padded; source_lengths: (batch,); max_lengths: the most symbols
    of each sentence, its end included. Of ``config`` only the length penalty counts, for the score.
    ``guide``: beginnings, and whom to drop.
    Raises ``TransduceError`` when the model's output is not finite.
    """

    def most_probable(log_probs: Tensor, walks: np.ndarray, at: int) -> tuple[np.ndarray, np.ndarray]:
        values, words = largest(log_probs)
        return words, values

    trail = Trail(alpha=(config or DecodingConfig()).length_penalty, want_attention=want_attention,
                  want_log_probs=want_log_probs)  # fmt: skip
    found = walk(model, source, source_lengths, max_lengths=max_lengths, choose=most_probable, trail=trail,
                 guide=guide)  # fmt: skip
    return [each for (each,) in found]


def walk(
    model: Generator,
    source: Tensor,
    source_lengths: Tensor,
    *,
    max_lengths: Sequence[int] | np.ndarray,
    choose: Choice,
    trail: Trail,
    copies: int = 1,
    guide: Guide | None = None,
) -> list[list[Hypothesis]]:
    """Write one token a step as ``choose`` says, ``copies`` times from each source: a list of them a sentence.

    Walk w is copy w % copies of sentence w // copies. A row leaves the batch with its last symbol.
    """
    device, walks = device_of(model), np.arange(len(source) * copies)
    limits = np.asarray(max_lengths).repeat(copies)
    with reading(model):
        state = model.start(source.to(device), source_lengths.to(device))
        if copies > 1:
            state = state.select(torch.from_numpy(walks // copies).to(device))
        tokens, totals = np.full(len(walks), BOS), np.zeros(len(walks))
        for at in itertools.count():
            if not len(walks):
                break
            log_probs, state = next_log_probs(model, tokens, state, at=at, device=device)
            if guide is not None:
                guide.hold(log_probs, walks // copies, at)
                guide.shorten(limits, at, copies=copies)
            trail.look(state)
            tokens, values = choose(log_probs, walks, at)
            totals = totals + values
            ended = (tokens == EOS) | (limits[walks] == at + 1)
            over, live = np.flatnonzero(ended), np.flatnonzero(~ended)
            trail.end(walks[over], over, tokens[over], values[over], totals[over])
            trail.go_on(live, tokens[live], values[live])
            if len(over) and len(live):
                state = state.select(torch.from_numpy(live).to(device))
            walks, tokens, totals = walks[live], tokens[live], totals[live]
    lengths = source_lengths.cpu().numpy().repeat(copies)
    found = trail.best(len(limits), nbest=1, source_lengths=lengths)
    return [[best for (best,) in found[first : first + copies]] for first in range(0, len(limits), copies)]


def beam_search(
    model: Generator,
    source: Tensor,
    source_lengths: Tensor,
    *,
    max_lengths: Sequence[int] | np.ndarray,
    config: DecodingConfig | None = None,
    want_attention: bool = False,
    want_log_probs: bool = False,
    guide: Guide | None = None,
    record: Record | None = None,
) -> list[list[Hypothesis]]:
    """Keep the ``beam`` best partial hypotheses at every step; the ``nbest`` best complete ones of each sentence.

    Of all continuations of a sentence's hypotheses, the most probable go on. One that ends with
    EOS is complete and gives up its place (Sutskever et al. 2014, section 3.2: it "is removed from
    the beam"); its place is not filled again, so a beam of one is greedy search. Of those that go on,
    the ones below the ``nbest``-th best by more than ``beam_threshold`` are dropped: what is so far behind
    hardly ever wins, and costs as much as the others. The search of a
    sentence is over when no place is left, at its maximal length, or as soon as no partial
    hypothesis can overtake the ``nbest`` complete ones: log-probabilities only fall, so a partial
    hypothesis of log-probability l cannot score above l / lp(maximal length). That stop is exact: it
    changes no result. Partial hypotheses at the maximal length are returned as not finished, behind
    all finished ones.

    Arguments as in ``greedy``; ``config`` gives beam, beam_threshold, nbest and length_penalty. ``record`` hears of all that
    was weighed; it changes no result.
    """
    config = config or DecodingConfig()
    trail = Trail(alpha=config.length_penalty, want_attention=want_attention, want_log_probs=want_log_probs)
    device, limits = device_of(model), np.array(max_lengths)
    places = Places(config, limits, record)
    with reading(model):
        state = model.start(source.to(device), source_lengths.to(device))
        tokens = np.full(len(limits), BOS)
        for at in itertools.count():
            if not len(tokens):
                break
            log_probs, state = next_log_probs(model, tokens, state, at=at, device=device)
            if guide is not None:
                guide.hold(log_probs, places.sentences, at)
                guide.shorten(limits, at)
            trail.look(state)
            if record is not None:
                record.weigh(log_probs, sentences=places.sentences, totals=places.totals, beam=config.beam)
            best = best_continuations(log_probs, places.totals, sentences=places.sentences, beam=config.beam)
            tokens, origins = places.choose(best, at, trail)
            if len(origins) and not np.array_equal(origins, np.arange(len(state))):
                state = state.select(torch.from_numpy(origins).to(device))
    return trail.best(len(limits), nbest=config.nbest, source_lengths=source_lengths.cpu().numpy())


class Places:
    """The beam of every sentence: which row stands in which place, and what may still come.

    Tables of places are (batch, beam) throughout; rows are the places that live, those of a sentence side by side.
    """

    def __init__(self, config: DecodingConfig, limits: np.ndarray, record: Record | None = None) -> None:
        self.config, self.limits, self.record = config, limits, record
        self.free = np.full(len(limits), config.beam)  # places that no complete hypothesis has given up
        self.kept = np.full((len(limits), config.nbest), -np.inf)  # the best scores of complete hypotheses, falling
        self.sentences = np.arange(len(limits))  # (rows,)
        self.totals = np.zeros(len(limits))  # (rows,): log-probability so far

    def choose(self, found: Continuations, at: int, trail: Trail) -> tuple[np.ndarray, np.ndarray]:
        """Choose among the best continuations of each sentence; note in ``trail`` what ends and what goes on.

        found: of the sentences that go on, as many as they have places. Returns the tokens of the rows that go on
        and the rows they come from.
        """
        batch, beam = len(self.limits), found.totals.shape[1]
        if len(found.totals) == batch:
            best, origins, tokens, log_probs = found
        else:  # some sentences are over
            own = np.bincount(self.sentences).nonzero()[0]
            best = np.full((batch, beam), -np.inf)
            origins, tokens, log_probs = (np.zeros((batch, beam), dtype=each.dtype) for each in found[1:])
            best[own], origins[own], tokens[own], log_probs[own] = found
        taken = (np.arange(beam) < self.free[:, None]) & (best > -np.inf)
        ended = taken & (tokens == EOS)
        cut = taken & ~ended & (self.limits == at + 1)[:, None]
        over = ended | cut
        trail.end(np.nonzero(over)[0], origins[over], tokens[over], log_probs[over], best[over])
        settled = self._settled(best, ended, at)
        live = self._near(taken & ~over & ~settled[:, None], best)
        sentences, ranks = np.nonzero(live)
        rows = sentences, ranks
        self.sentences, self.totals = sentences, best[rows]
        if self.record is not None:
            scores = best / length_penalty(at + 1.0, self.config.length_penalty)
            self.record.choose(origins, tokens, log_probs, best, scores, over=over, live=live,
                               settled=settled & (taken & ~over).any(axis=1), rows=rows)  # fmt: skip
        trail.go_on(origins[rows], tokens[rows], log_probs[rows])
        return tokens[rows], origins[rows]

    def _near(self, live: np.ndarray, best: np.ndarray) -> np.ndarray:
        """What of ``live`` is not too far behind. Both (batch, beam), by falling log-probability."""
        if not self.config.beam_threshold:
            return live
        last = live & (live.cumsum(axis=1) == self.config.nbest)  # the n-th that lives
        least = np.where(last, best, -np.inf).max(axis=1) - self.config.beam_threshold
        near: np.ndarray = live & (best >= least[:, None])
        return near

    def _settled(self, best: np.ndarray, ended: np.ndarray, at: int) -> np.ndarray:
        """Note what ended, and tell for which sentences no partial hypothesis can change the result: (batch,) bool."""
        if ended.any():
            scores = np.where(ended, best / length_penalty(at + 1.0, self.config.length_penalty), -np.inf)
            self.kept = -np.sort(-np.concatenate([self.kept, scores], axis=1), axis=1)[:, : self.config.nbest]
            self.free -= ended.sum(axis=1)
        # best[:, 0] bounds all that live: the places are sorted, and log-probabilities only fall.
        highest: np.ndarray = best[:, 0] / length_penalty(self.limits * 1.0, self.config.length_penalty)
        settled: np.ndarray = self.kept[:, -1] >= highest
        return settled
