"""Outputs ranked from both ends: what some models write, others read from its last token to its first.

    score = (log P(y | x) + log P(y reversed | x)) / 2 / lp(y)

By the chain rule both are probabilities of the same sequence, but the models of the one direction know the beginning
of an output when they judge its end, those of the other its end when they judge its beginning, and their mistakes
differ more than those of models of one direction do (Liu et al. 2016; Sennrich et al. 2016, section 2.4, who rank the
best of a beam so).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from transduce.decoding.forced import force
from transduce.decoding.hypothesis import DecodingConfig, Hypothesis, length_penalty
from transduce.decoding.search import beam_search
from transduce.models.base import Generator

POSITIONS = 2_000  # of the outputs that are read at once, padding included: bounds their logits


def search(model: Generator, source: Tensor, source_lengths: Tensor, *, max_lengths: Sequence[int] | np.ndarray,
           config: DecodingConfig, **wanted: Any) -> list[list[Hypothesis]]:  # fmt: skip
    """``beam_search``, or where the model has a ``right_to_left``, the ``nbest`` best of a wider one by both.

    ``config.rerank`` says how much wider; 0: the beam's own order. ``wanted``: what else ``beam_search`` takes. Raises
    ``TransduceError`` when a model's output is not finite.
    """
    if not (config.rerank and model.right_to_left):
        return beam_search(model, source, source_lengths, max_lengths=max_lengths, config=config, **wanted)
    wide = width(model, config)
    found = beam_search(model, source, source_lengths, max_lengths=max_lengths,
                        config=msgspec.structs.replace(config, beam=wide, nbest=wide), **wanted)  # fmt: skip
    ranked = rank(model.right_to_left, source, source_lengths, found, alpha=config.length_penalty)
    return [each[: config.nbest] for each in ranked]


def width(model: Generator, config: DecodingConfig) -> int:
    """The beam that ``search`` uses."""
    return config.beam * (config.rerank or 1) if model.right_to_left else config.beam


def rank(judge: Generator, source: Tensor, source_lengths: Tensor, found: Sequence[Sequence[Hypothesis]], *, alpha: float
         ) -> list[list[Hypothesis]]:  # fmt: skip
    """The hypotheses of each sentence by the mean of their own log-probability and that of ``judge``, which reads them reversed.

    Those that are not finished stay behind the others as they are. Only scores change; ``alpha``: of the length penalty.
    """
    whole = [(row, each) for row, hypotheses in enumerate(found) for each in hypotheses if each.finished]
    ranked = [[each for each in hypotheses if not each.finished] for hypotheses in found]
    read: dict[int, float] = {}
    for places in _batches([len(each.tokens) + 1 for _, each in whole]):
        rows = torch.tensor([whole[place][0] for place in places])
        lengths = source_lengths[rows]
        judged = force(judge, source[rows, : int(lengths.max())], lengths,
                       [whole[place][1].tokens[::-1] for place in places])  # fmt: skip
        read |= {place: each.log_prob for place, each in zip(places, judged, strict=True)}
    scored: list[list[Hypothesis]] = [[] for _ in found]
    for place, (row, each) in enumerate(whole):
        mean = (each.log_prob + read[place]) / 2
        scored[row].append(replace(each, score=mean / length_penalty(len(each.tokens) + 1.0, alpha)))
    return [sorted(best, key=lambda each: -each.score) + rest for best, rest in zip(scored, ranked, strict=True)]


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places by rising length, cut where rows * longest would exceed ``POSITIONS``."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if batch and (len(batch) + 1) * lengths[place] > POSITIONS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
