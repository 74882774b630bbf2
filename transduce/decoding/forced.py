"""Forced decoding: the probability that a model gives to targets that are given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from transduce.decoding.hypothesis import Hypothesis, length_penalty
from transduce.decoding.trail import BOS, EOS, PAD, device_of, log_softmax, reading, require_finite
from transduce.models.base import Generator


def force(
    model: Generator,
    source: Tensor,
    source_lengths: Tensor,
    targets: Sequence[Sequence[int]],
    *,
    alpha: float = 1.0,
    want_attention: bool = False,
) -> list[Hypothesis]:
    """Each target as a finished hypothesis, with the log-probability of each of its tokens and of its end.

    targets: ids without start and end, one list a sentence; any id of the vocabulary may occur.
    ``alpha`` is the length penalty of the score. The whole target is computed at once
    (``Generator.forward``), or step by step where the attention is asked for. Raises
    ``TransduceError`` when the model's output is not finite.
    """
    device = device_of(model)
    lengths = np.array([len(target) + 1 for target in targets])
    target_in = np.full((len(targets), lengths.max(initial=1)), PAD)
    target_out = target_in.copy()
    for row, target in enumerate(targets):
        target_in[row, : len(target) + 1] = [BOS, *target]
        target_out[row, : len(target) + 1] = [*target, EOS]
    given, wanted = torch.from_numpy(target_in).to(device), torch.from_numpy(target_out).to(device)
    attention: list[np.ndarray] = []
    with reading(model):
        source, source_lengths = source.to(device), source_lengths.to(device)
        if want_attention:
            state, columns = model.start(source, source_lengths), []
            for at in range(given.shape[1]):
                logits, state = model.step(given[:, at], state)
                columns.append(log_softmax(logits).gather(1, wanted[:, at, None]))
                if state.attention is not None:
                    attention.append(state.attention.to("cpu", torch.float32).numpy())
            found = torch.cat(columns, dim=1)
        else:
            logits = model(source, source_lengths, given)  # (batch, tgt_len, vocab)
            found = log_softmax(logits).gather(2, wanted[:, :, None])[:, :, 0]  # (batch, tgt_len)
        require_finite(found[wanted != PAD])
    values, looked = found.to("cpu", torch.float64).numpy(), np.stack(attention, axis=1) if attention else None
    sources = source_lengths.tolist()
    results = []
    for row, (target, length) in enumerate(zip(targets, lengths.tolist(), strict=True)):
        log_probs = values[row, :length]
        log_prob = float(log_probs.sum())
        results.append(
            Hypothesis(
                tokens=[int(token) for token in target],
                score=log_prob / length_penalty(float(length), alpha),
                log_prob=log_prob,
                finished=True,
                token_log_probs=log_probs.tolist(),
                attention=None if looked is None else looked[row, :length, : sources[row]].copy(),
            )
        )
    return results
