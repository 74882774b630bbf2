"""Drawing from the model's distribution, reproducibly and whatever else is in the batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from transduce.decoding.guide import Guide
from transduce.decoding.hypothesis import DecodingConfig, Hypothesis
from transduce.decoding.search import walk
from transduce.decoding.trail import Trail
from transduce.models.base import Generator

SHORTLIST = 256  # tokens among which ``top_p`` looks first: sorting a whole vocabulary costs more than a step


def sample(
    model: Generator,
    source: Tensor,
    source_lengths: Tensor,
    *,
    max_lengths: Sequence[int] | np.ndarray,
    config: DecodingConfig | None = None,
    streams: Sequence[int] | None = None,
    want_attention: bool = False,
    want_log_probs: bool = False,
    guide: Guide | None = None,
) -> list[list[Hypothesis]]:
    """``config.nbest`` independent draws for each sentence, in the order drawn (not sorted by score).

    ``config`` gives seed, temperature, top_k and top_p (see ``draw``). Draw number d of a sentence
    takes its randomness from (seed, the sentence's stream, d) alone; ``streams`` are integers from 0
    upwards, by default the position in the batch. Other arguments as in ``greedy``. Scores and
    log-probabilities are the model's own, as in search.
    """
    config = config or DecodingConfig(sample=True)
    streams = range(len(source)) if streams is None else streams
    noise = [  # one uniform number a symbol and walk
        np.random.default_rng([config.seed, stream, number]).random(limit)
        for stream, limit in zip(streams, np.asarray(max_lengths).tolist(), strict=True)
        for number in range(config.nbest)
    ]

    def at_random(log_probs: Tensor, walks: np.ndarray, at: int) -> tuple[np.ndarray, np.ndarray]:
        uniform = torch.tensor([noise[each][at] for each in walks.tolist()], dtype=torch.float64)
        log_probs = log_probs.to("cpu", torch.float64)
        words = draw(log_probs, uniform, temperature=config.temperature, top_k=config.top_k, top_p=config.top_p)
        return words.numpy(), log_probs.gather(1, words[:, None])[:, 0].numpy()

    trail = Trail(alpha=config.length_penalty, want_attention=want_attention, want_log_probs=want_log_probs)
    return walk(model, source, source_lengths, max_lengths=max_lengths, choose=at_random, trail=trail,
                copies=config.nbest, guide=guide)  # fmt: skip


def draw(log_probs: Tensor, uniform: Tensor, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """One token a row, by inversion of the distribution function at ``uniform``.

    The distribution is softmax(log_probs / temperature); of it the ``top_k`` most probable tokens
    (0: all); of these, rescaled to one, the fewest that hold a mass of at least ``top_p``.
    log_probs: (rows, vocab) float64, -inf for what is never drawn; uniform: (rows,) float64 in [0, 1).
    Returns (rows,) int64.
    """
    probs, words = (log_probs / temperature).softmax(dim=-1), None
    if top_k or top_p < 1:
        whole = probs
        probs, words = whole.topk(min(top_k or SHORTLIST, whole.shape[1]))  # falling
        if top_k:
            probs = probs / probs.sum(dim=-1, keepdim=True)
        elif bool((probs.sum(dim=-1) < top_p).any()):
            probs, words = whole.sort(descending=True)
    mass = probs.cumsum(dim=-1)  # (rows, tokens)
    total = mass[:, -1:]
    if top_p < 1:
        total = mass.gather(1, ((mass - probs) < top_p).sum(dim=-1, keepdim=True) - 1)
    # mass[picked - 1] <= uniform * total < mass[picked]; below 1, uniform * total rounds to less than total
    picked = torch.searchsorted(mass, uniform[:, None] * total, right=True)
    return (picked if words is None else words.gather(1, picked))[:, 0]
