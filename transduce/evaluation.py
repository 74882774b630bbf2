"""How good a model is: its translations against references, and the probability it gives to references."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from transduce import metrics
from transduce.data.batches import collate
from transduce.data.readers import Pair
from transduce.data.tokenizer import PAD, TokenizerPair
from transduce.decoding import DecodingConfig, Hypothesis, decode
from transduce.metrics import Score
from transduce.models import Generator

TER_SECONDS = 20.0  # TER is left out where it would take longer
FORCED_TOKENS = 4_000  # target positions of one batch of forced decoding; bounds its memory


@dataclass(frozen=True)
class Forced:
    """What a model says of one given pair."""

    log_prob: float  # natural logarithm, summed over the target's tokens and its end
    tokens: int  # the target's tokens and its end
    correct: int  # tokens that would have been the model's first choice


@dataclass(frozen=True)
class Evaluation:
    """Measures over pairs, with what they were computed from."""

    scores: dict[str, Score]
    pairs: Sequence[Pair]
    outputs: list[str]
    forced: list[Forced]
    seconds: float  # of decoding


def forced_scores(model: Generator, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[Forced]:
    """Forced decoding: the probability of each target given its source (Cho et al. 2014, section 3.1).

    sources, targets: token ids without start and end. Returns one ``Forced`` a pair, in the input's order.
    """
    device = next(model.parameters()).device
    pairs = list(zip(sources, targets, strict=True))
    order = sorted(range(len(pairs)), key=lambda i: (len(pairs[i][1]), len(pairs[i][0])))
    found: list[Forced] = [Forced(0.0, 0, 0)] * len(pairs)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for rows in _by_tokens(order, [max(len(s), len(t)) + 1 for s, t in pairs]):
            batch = collate(pairs, rows)
            target = torch.from_numpy(batch.target_out).to(device)  # (batch, tgt_len)
            logits = model(torch.from_numpy(batch.source).to(device), torch.from_numpy(batch.source_lengths).to(device),
                           torch.from_numpy(batch.target_in).to(device))  # fmt: skip
            log_probs = -F.cross_entropy(logits.float().mT, target, reduction="none")  # (batch, tgt_len)
            real = target != PAD
            correct = ((logits.argmax(dim=-1) == target) & real).sum(dim=1)
            sums = (log_probs.double() * real).sum(dim=1)
            for row, log_prob, tokens, right in zip(
                rows, sums.tolist(), real.sum(dim=1).tolist(), correct.tolist(), strict=True
            ):
                found[row] = Forced(log_prob, tokens, right)
    model.train(was_training)
    return found


def evaluate_pairs(
    model: Generator,
    tokenizers: TokenizerPair,
    pairs: Sequence[Pair],
    *,
    decoding: DecodingConfig,
    language: str | None = None,
    measures: Sequence[str] = ("bleu", "chrf", "ter"),
    ter_seconds: float = TER_SECONDS,
    right_to_left: bool = False,
) -> Evaluation:
    """Translate the sources of ``pairs`` and compare with their targets.

    ``language`` is the targets' ISO 639-1 code where known; it chooses BLEU's tokenizer. Scores hold
    ``measures`` (sacrebleu's), "exact_match", "perplexity" and "token_accuracy"; without "ter" where its
    search would take longer than ``ter_seconds``. ``right_to_left``: whether the model writes from the end; texts are
    in their usual order here.
    """
    sources = tokenizers.source.encode_batch([pair.source for pair in pairs])
    targets = [_in_order(ids, right_to_left) for ids in tokenizers.target.encode_batch([pair.target for pair in pairs])]
    began = time.perf_counter()
    found = decode(model, sources, config=decoding)
    seconds = time.perf_counter() - began
    outputs = tokenizers.target.decode_batch([_in_order(best_tokens(each), right_to_left) for each in found])
    references = [pair.target for pair in pairs]
    forced = forced_scores(model, sources, targets)
    tokens = sum(each.tokens for each in forced)
    scores = metrics.corpus_scores(outputs, references, metrics=tuple(measures), language=language,
                                   ter_seconds=ter_seconds)  # fmt: skip
    scores["exact_match"] = metrics.exact_match(outputs, references)
    scores["perplexity"] = metrics.perplexity(-sum(each.log_prob for each in forced), tokens)
    scores["token_accuracy"] = metrics.token_accuracy(sum(each.correct for each in forced), tokens)
    return Evaluation(scores, pairs, outputs, forced, seconds)


def _in_order(tokens: Sequence[int], right_to_left: bool) -> Sequence[int]:  # noqa: FBT001
    return tokens[::-1] if right_to_left else tokens


def best_tokens(hypotheses: Sequence[Hypothesis]) -> Sequence[int]:
    """The tokens of the first hypothesis; none where there is none."""
    return hypotheses[0].tokens if hypotheses else []


def _by_tokens(order: Sequence[int], lengths: Sequence[int]) -> list[np.ndarray]:
    """Cut rows sorted by length into batches of at most FORCED_TOKENS positions (a longer row stands alone)."""
    batches: list[list[int]] = []
    longest = 0
    for row in order:
        longest = max(longest, lengths[row])
        if not batches or (len(batches[-1]) + 1) * longest > FORCED_TOKENS:
            batches.append([])
            longest = lengths[row]
        batches[-1].append(row)
    return [np.asarray(rows, dtype=np.int64) for rows in batches]
