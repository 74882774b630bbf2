"""From a model to sequences: greedy search, beam search, sampling, forced decoding. Ids in, ids out.

Search knows nothing of the model but ``start``, ``step`` and ``State.select`` (models/base.py).
Rows whose sequence is complete leave the batch, so that a batch ends as cheaply as its last row.

    found = decode(model, [[17, 4, 92], [8]], config=DecodingConfig(beam=5, nbest=2))
    found[0][0].tokens, found[0][0].score

``decode`` takes any number of sentences in any order. Under it, each on one padded batch:
``greedy``, ``beam_search``, ``sample`` and ``force``.

Each name is imported when it is first used: who only describes a search (``DecodingConfig``) needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "BeamStep": "record",
    "Branch": "record",
    "DecodingConfig": "hypothesis",
    "Guide": "guide",
    "Hypothesis": "hypothesis",
    "Record": "record",
    "beam_search": "search",
    "decode": "batched",
    "force": "forced",
    "greedy": "search",
    "length_penalty": "hypothesis",
    "sample": "sampling",
}

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

if TYPE_CHECKING:
    from transduce.decoding.batched import decode as decode
    from transduce.decoding.forced import force as force
    from transduce.decoding.guide import Guide as Guide
    from transduce.decoding.hypothesis import DecodingConfig as DecodingConfig
    from transduce.decoding.hypothesis import Hypothesis as Hypothesis
    from transduce.decoding.hypothesis import length_penalty as length_penalty
    from transduce.decoding.record import BeamStep as BeamStep
    from transduce.decoding.record import Branch as Branch
    from transduce.decoding.record import Record as Record
    from transduce.decoding.sampling import sample as sample
    from transduce.decoding.search import beam_search as beam_search
    from transduce.decoding.search import greedy as greedy


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'transduce.decoding' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"transduce.decoding.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return __all__
