"""Any number of sentences, in any order, through search: sorted by length, cut into batches, put back in order."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from transduce.decoding.guide import Guide
from transduce.decoding.hypothesis import DecodingConfig, Hypothesis
from transduce.decoding.rerank import search, width
from transduce.decoding.sampling import sample
from transduce.decoding.search import greedy
from transduce.decoding.trail import EOS, PAD
from transduce.models.base import Generator

MAX_TOKENS = 8_000  # rows * source length of a batch, as long as none is dropped
MAX_ROWS = 600  # of a batch, so that the logits of very short sentences stay small too


def decode(
    model: Generator,
    sources: Sequence[Sequence[int]],
    *,
    config: DecodingConfig | None = None,
    want_attention: bool = False,
    want_log_probs: bool = False,
    max_tokens: int = MAX_TOKENS,
    progress: Callable[[int], None] | None = None,
    prefixes: Sequence[Sequence[int]] | None = None,
    gone: Callable[[int], bool] | None = None,
) -> list[list[Hypothesis]]:
    """The hypotheses of each source, best first, in the order of ``sources``; one list a source.

    sources: ids without start and end; EOS is appended here, as in training, so that an empty source
    is EOS alone. ``config`` chooses: sampling, else greedy search where beam is 1, else beam search. A
    batch holds at most ``max_tokens`` source positions, counted once for every hypothesis of the beam
    (a longer sentence stands alone). ``progress`` hears after each batch how many sentences it had.

    ``prefixes``: the first tokens of every output, one list a source. ``gone``: place in ``sources`` ->
    whether its search may be given up (see ``Guide``).

    A sentence gets the same result alone and among others. Samples depend on the seed, the sentence
    and, for a sentence that comes again, on how often it came before. Raises ``TransduceError`` when
    the model's output is not finite.
    """
    config = config or DecodingConfig()
    results: list[list[Hypothesis]] = [[] for _ in sources]
    copies = config.nbest if config.sample else width(model, config)
    streams = _streams(sources) if config.sample else []
    for rows in _batches([len(source) + 1 for source in sources], copies=copies, max_tokens=max_tokens):
        source, lengths = _pad([sources[row] for row in rows])
        limits = [config.max_length(len(sources[row])) for row in rows]
        guide = None
        if prefixes is not None or gone is not None:
            guide = _guide(rows, prefixes, gone)
        if prefixes is not None:  # the output has room to go on after its prefix
            beginnings = [len(prefixes[row]) for row in rows]
            limits = [max(limit, length + config.max_length_extra + 1) if length else limit
                      for limit, length in zip(limits, beginnings, strict=True)]  # fmt: skip
        wanted: dict[str, Any] = {"want_attention": want_attention, "want_log_probs": want_log_probs, "guide": guide}
        if config.sample:
            chosen = [streams[row] for row in rows]
            found = sample(model, source, lengths, max_lengths=limits, config=config, streams=chosen, **wanted)
        elif config.beam == 1:
            found = [[each] for each in greedy(model, source, lengths, max_lengths=limits, config=config, **wanted)]
        else:
            found = search(model, source, lengths, max_lengths=limits, config=config, **wanted)
        for row, hypotheses in zip(rows, found, strict=True):
            results[row] = hypotheses
        if progress is not None:
            progress(len(rows))
    return results


def _guide(rows: list[int], prefixes: Sequence[Sequence[int]] | None, gone: Callable[[int], bool] | None) -> Guide:
    """The guide of one batch, whose sentence number ``n`` is number ``rows[n]`` of all."""
    asked = None if gone is None else lambda sentence: gone(rows[sentence])
    return Guide(prefixes=None if prefixes is None else [prefixes[row] for row in rows], gone=asked)


def _batches(lengths: Sequence[int], *, copies: int, max_tokens: int) -> Iterator[list[int]]:
    """Rows by falling length, cut where rows * copies * longest would exceed the budget."""
    rows = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    first = 0
    while first < len(rows):
        count = max(1, min(max_tokens // (copies * lengths[rows[first]]), MAX_ROWS // copies))
        yield rows[first : first + count]
        first += count


def _pad(sources: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Sources with EOS, padded: (batch, src_len) and (batch,) int64."""
    lengths = [len(source) + 1 for source in sources]
    padded = np.full((len(sources), max(lengths)), PAD)
    for row, source in enumerate(sources):
        padded[row, : len(source) + 1] = [*source, EOS]
    return torch.from_numpy(padded), torch.tensor(lengths)


def _streams(sources: Sequence[Sequence[int]]) -> list[int]:
    """The stream of randomness of each source: from its tokens and how often they came before."""
    seen: Counter[bytes] = Counter()
    streams = []
    for source in sources:
        content = np.asarray(source, dtype=np.int64).tobytes()
        key = hashlib.blake2b(content, digest_size=8, salt=seen[content].to_bytes(8, "little"))
        streams.append(int.from_bytes(key.digest(), "little"))
        seen[content] += 1
    return streams
