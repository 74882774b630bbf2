"""From a model to sequences: greedy search, beam search, sampling, forced decoding. Ids in, ids out.

Search knows nothing of the model but ``start``, ``step`` and ``State.select`` (models/base.py).
Rows whose sequence is complete leave the batch, so that a batch ends as cheaply as its last row.

    found = decode(model, [[17, 4, 92], [8]], config=DecodingConfig(beam=5, nbest=2))
    found[0][0].tokens, found[0][0].score

``decode`` takes any number of sentences in any order. Under it, each on one padded batch:
``greedy``, ``beam_search``, ``sample`` and ``force``.
"""

from __future__ import annotations

from transduce.decoding.batched import decode
from transduce.decoding.forced import force
from transduce.decoding.guide import Guide
from transduce.decoding.hypothesis import DecodingConfig, Hypothesis, length_penalty
from transduce.decoding.record import BeamStep, Branch, Record
from transduce.decoding.sampling import sample
from transduce.decoding.search import beam_search, greedy

__all__ = [
    "BeamStep",
    "Branch",
    "DecodingConfig",
    "Guide",
    "Hypothesis",
    "Record",
    "beam_search",
    "decode",
    "force",
    "greedy",
    "length_penalty",
    "sample",
]
