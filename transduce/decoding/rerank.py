"""Outputs ranked from both ends: what some models write, others read from its last token to its first.

    score = (log P(y | x) + log P(y reversed | x)) / 2 / lp(y)

By the chain rule both are probabilities of the same sequence, but the models of the one direction know the beginning
of an output when they judge its end, those of the other its end when they judge its beginning, and their mistakes
differ more than those of models of one direction do (Liu et al. 2016; Sennrich, Haddow and Birch 2016, who rank the
best of a beam so).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from transduce.decoding.hypothesis import DecodingConfig, Hypothesis, length_penalty
from transduce.decoding.search import beam_search
from transduce.decoding.trail import BOS, EOS, device_of, log_softmax, reading, require_finite
from transduce.models.base import Generator


def search(model: Generator, source: Tensor, source_lengths: Tensor, *, max_lengths: Sequence[int] | np.ndarray,
           config: DecodingConfig, **wanted: Any) -> list[list[Hypothesis]]:  # fmt: skip
    """``beam_search``, or where the model has a ``right_to_left``, the ``nbest`` best of a wider one by both.

    ``config.rerank`` says how much wider; 0, or a beam of one: nothing is ranked. ``wanted``: what else ``beam_search`` takes. Raises
    ``TransduceError`` when a model's output is not finite.
    """
    judge = judge_of(model, config)
    if judge is None:
        return beam_search(model, source, source_lengths, max_lengths=max_lengths, config=config, **wanted)
    wide = config.beam * config.rerank
    found = beam_search(model, source, source_lengths, max_lengths=max_lengths,
                        config=msgspec.structs.replace(config, beam=wide, nbest=wide), **wanted)  # fmt: skip
    ranked = rank(judge, source, source_lengths, found, alpha=config.length_penalty)
    return [each[: config.nbest] for each in ranked]


def judge_of(model: Generator, config: DecodingConfig) -> Generator | None:
    """Who ranks with the model in such a search; None: nobody."""
    return model.right_to_left if config.rerank and config.beam > 1 else None


def width(model: Generator, config: DecodingConfig) -> int:
    """The beam that ``search`` uses."""
    return config.beam if judge_of(model, config) is None else config.beam * config.rerank


def rank(judge: Generator, source: Tensor, source_lengths: Tensor, found: Sequence[Sequence[Hypothesis]], *, alpha: float
         ) -> list[list[Hypothesis]]:  # fmt: skip
    """The hypotheses of each sentence by the mean of their own log-probability and that of ``judge``, which reads them reversed.

    Those that are not finished stay behind the others as they are. Only scores change; ``alpha``: of the length penalty.
    """
    whole = [(row, each) for row, hypotheses in enumerate(found) for each in hypotheses if each.finished]
    read = log_probs(judge, source, source_lengths, [(row, each.tokens[::-1]) for row, each in whole])
    ranked: list[list[Hypothesis]] = [[] for _ in found]
    for (row, each), reversed_log_prob in zip(whole, read.tolist(), strict=True):
        mean = (each.log_prob + reversed_log_prob) / 2
        ranked[row].append(replace(each, score=mean / length_penalty(len(each.tokens) + 1.0, alpha)))
    return [sorted(best, key=lambda each: -each.score) + [each for each in hypotheses if not each.finished]
            for best, hypotheses in zip(ranked, found, strict=True)]  # fmt: skip


def log_probs(model: Generator, source: Tensor, source_lengths: Tensor, targets: Sequence[tuple[int, Sequence[int]]]
              ) -> np.ndarray:  # fmt: skip
    """Natural log-probability of each target and its end: (targets,).

    targets: the row of ``source`` that each belongs to, rising, and its ids. What several targets of one row begin with
    is read once: the best outputs of a sentence mostly end alike.
    """
    totals = np.zeros(len(targets))
    lengths = np.array([len(ids) for _, ids in targets], dtype=np.int64)
    symbols = np.full((len(targets), int(lengths.max(initial=0)) + 1), EOS)
    for place, (_, ids) in enumerate(targets):
        symbols[place, : len(ids)] = ids
    device, going = device_of(model), np.arange(len(targets))
    origins, node = np.unique(np.array([row for row, _ in targets], dtype=np.int64), return_inverse=True)
    tokens = np.full(len(origins), BOS)
    with reading(model):
        state = model.start(source.to(device), source_lengths.to(device))
        for at in range(symbols.shape[1] if len(targets) else 0):
            logits, state = model.step(
                torch.from_numpy(tokens).to(device), state.select(torch.from_numpy(origins).to(device))
            )
            found = log_softmax(logits)[torch.from_numpy(node), torch.from_numpy(symbols[going, at])]
            require_finite(found, at=at)
            totals[going] += found.to("cpu", torch.float64).numpy()
            on = lengths[going] > at
            going, node = going[on], node[on]
            nodes, node = np.unique(node * model.vocab + symbols[going, at], return_inverse=True)
            origins, tokens = np.divmod(nodes, model.vocab)
    return totals
