"""The largest of many log-probabilities, without sorting them.

A vocabulary holds thousands of tokens, of which a step of search wants one, or a beam's few. Taking the largest
of a tensor whole is quick; telling where they stand is not, so of many rows as few numbers as possible are asked for that.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from transduce.models.base import Groups

CLASSES = 512  # at most, of the tokens of one row; of a class the largest is compared first
FEW = 50_000  # up to so many numbers all are looked at: to arrange classes takes longer


class Continuations(NamedTuple):
    """The best ways to go on from the rows of each sentence, by falling total; (sentences, beam) each."""

    totals: np.ndarray  # of the row and the token
    origins: np.ndarray  # the row that is continued
    tokens: np.ndarray
    log_probs: np.ndarray  # of the token


def largest(log_probs: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The largest number of each row and where it stands, the first of equal ones. log_probs: (rows, vocab)."""
    if log_probs.device.type != "cpu":
        values, words = log_probs.max(dim=-1)
        return values.to("cpu", torch.float64).numpy(), words.cpu().numpy()
    table = log_probs.numpy()  # NumPy finds the place ten times as fast
    places = table.argmax(axis=-1)
    return table[np.arange(len(table)), places].astype(np.float64), places


def best_continuations(log_probs: Tensor, totals: np.ndarray, *, sentences: np.ndarray, beam: int) -> Continuations:
    """The ``beam`` best continuations of each sentence, as many as there are; the rest at -inf.

    log_probs: (rows, vocab); totals: (rows,) float64, what a row has so far; sentences: (rows,), the sentence of each,
    those of one side by side.

    Token w of a row is in class w modulo the number of classes. The best continuations are in the ``beam``
    classes whose best are best: every other class has as many better ones above it. Only the tokens of those few
    classes are compared one by one. Where there are few numbers in all, the best of each row are taken directly.
    """
    rows, vocab = log_probs.shape
    groups = Groups.of(sentences)
    if rows * vocab <= FEW:
        return _of_few(log_probs, totals, groups, beam)
    peaks = _peaks(log_probs)
    classes = peaks.shape[1]
    owed = torch.from_numpy(totals)
    summed = groups.table(peaks.to("cpu", torch.float64) + owed[:, None], fill=-math.inf).flatten(1)
    values, index = summed.topk(min(beam, summed.shape[1]))  # (sentences, beam)
    origins, tokens = index // classes + torch.from_numpy(groups.starts)[:, None], index % classes
    if groups.places is not None:
        origins.clamp_(max=rows - 1)  # a place without a row, at -inf, may stand for any
    if classes == vocab:
        return Continuations(*_arrays(values, origins, tokens, _taken(log_probs, origins, tokens)))
    tokens = tokens[:, :, None] + torch.arange(0, vocab, classes)  # (sentences, beam, tokens of a class)
    origins = origins[:, :, None].expand_as(tokens)
    found = _taken(log_probs, origins, tokens.clamp(max=vocab - 1))
    nothing = (tokens >= vocab) | (values == -torch.inf)[:, :, None]
    summed = (found + owed[origins]).masked_fill_(nothing, -torch.inf).flatten(1)
    values, index = summed.topk(min(beam, summed.shape[1]))
    return Continuations(*_arrays(values, *(each.flatten(1).gather(1, index) for each in (origins, tokens, found))))


def _of_few(log_probs: Tensor, totals: np.ndarray, groups: Groups, beam: int) -> Continuations:
    """``best_continuations`` from the best tokens of each row, ``beam`` of them at most."""
    rows, vocab = log_probs.shape
    most = min(beam, vocab)
    values, tokens = (each.cpu() for each in log_probs.topk(most))
    values = values.double()
    summed = groups.table(values + torch.from_numpy(totals)[:, None], fill=-math.inf).flatten(1).numpy()
    order = (-summed).argsort(axis=1, kind="stable")[:, :beam]
    origins, ranks = np.minimum(order // most + groups.starts[:, None], rows - 1), order % most
    found = (each.numpy()[origins, ranks] for each in (tokens, values))
    return Continuations(summed[np.arange(len(order))[:, None], order], origins, *found)


def _peaks(log_probs: Tensor) -> Tensor:
    """The largest of each class: (rows, vocab) to (rows, classes)."""
    vocab, halvings = log_probs.shape[1], 0
    while -(-vocab >> halvings) > CLASSES:
        halvings += 1
    classes = -(-vocab // 2**halvings)
    for halving in reversed(range(halvings)):
        half = classes * 2**halving  # a multiple of ``classes``, so that each number meets one of its own class
        left, right = log_probs[:, :half], log_probs[:, half:]
        if right.shape[1] == half:
            log_probs = torch.maximum(left, right)
        else:
            log_probs = torch.cat([torch.maximum(left[:, : right.shape[1]], right), left[:, right.shape[1] :]], dim=1)
    return log_probs


def _taken(log_probs: Tensor, rows: Tensor, tokens: Tensor) -> Tensor:
    """Log-probabilities of single tokens, float64 on the CPU."""
    places = (rows * log_probs.shape[1] + tokens).to(log_probs.device)
    return log_probs.take(places).to("cpu", torch.float64)


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [each.numpy() for each in tensors]
