"""Transduce: sequence-to-sequence learning on the machine you have.

    import transduce

    model = transduce.train("pairs.csv", source="english", target="french", budget="5m")
    model.translate("A man is riding a horse.")
    model = transduce.load("runs/en-fr")

Under these lines are ordinary functions: ``Tokenizer``, ``Corpus``, ``beam_search`` and the others
below, each imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Corpus": "data.corpus",
    "DecodingConfig": "decoding",
    "Hypothesis": "decoding",
    "Pair": "data.readers",
    "RNN": "models",
    "RNNConfig": "models",
    "Tokenizer": "data.tokenizer",
    "TokenizerConfig": "data.tokenizer",
    "TrainingConfig": "training.loop",
    "TransduceError": "errors",
    "TransformerConfig": "models",
    "Transducer": "transducer",
    "beam_search": "decoding",
    "builtin_pairs": "data.builtin",
    "greedy": "decoding",
    "inspect_pairs": "data.report",
    "load": "transducer",
    "open_pairs": "data.readers",
    "resume": "pipeline",
    "sample": "decoding",
    "trace": "explain.trace",
    "train": "pipeline",
}

__all__ = ["__version__", *sorted(_HOMES)]

if TYPE_CHECKING:
    from transduce.data.builtin import builtin_pairs as builtin_pairs
    from transduce.data.corpus import Corpus as Corpus
    from transduce.data.readers import Pair as Pair
    from transduce.data.readers import open_pairs as open_pairs
    from transduce.data.report import inspect_pairs as inspect_pairs
    from transduce.data.tokenizer import Tokenizer as Tokenizer
    from transduce.data.tokenizer import TokenizerConfig as TokenizerConfig
    from transduce.decoding import DecodingConfig as DecodingConfig
    from transduce.decoding import Hypothesis as Hypothesis
    from transduce.decoding import beam_search as beam_search
    from transduce.decoding import greedy as greedy
    from transduce.decoding import sample as sample
    from transduce.errors import TransduceError as TransduceError
    from transduce.explain.trace import trace as trace
    from transduce.models import RNN as RNN
    from transduce.models import RNNConfig as RNNConfig
    from transduce.models import TransformerConfig as TransformerConfig
    from transduce.pipeline import resume as resume
    from transduce.pipeline import train as train
    from transduce.training.loop import TrainingConfig as TrainingConfig
    from transduce.transducer import Transducer as Transducer
    from transduce.transducer import load as load


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'transduce' has no attribute {name!r}")
    return getattr(import_module(f"transduce.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
