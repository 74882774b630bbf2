"""A trained model with its tokenizers: text in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final, overload

import msgspec
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from transduce import evaluation
from transduce.config import from_dict, to_dict
from transduce.data.readers import Pair
from transduce.data.tokenizer import TokenizerPair
from transduce.decoding import Hypothesis, decode
from transduce.errors import ConfigError, DataError, RunError
from transduce.models import Generator, ModelConfig, build, describe
from transduce.run import CONFIG, WEIGHTS, RunConfig, read_config
from transduce.training.checkpoint import load_weights
from transduce.training.device import choose_device


@final
class Transducer:
    """A model, the tokenizers it was trained with, and the record of how it came about.

    ``config`` holds every decision; ``path`` is the run folder, None for a model that was never saved.
    """

    def __init__(
        self, model: Generator, tokenizers: TokenizerPair, config: RunConfig, *, path: Path | None = None
    ) -> None:
        self.model, self.tokenizers, self.config, self.path = model, tokenizers, config, path

    def __repr__(self) -> str:
        model = describe(self.config.model, self.config.training.members).partition(",")[0]
        names = f"{self.config.source} -> {self.config.target}"
        bleu = self.config.scores.get("test", self.config.scores.get("valid", {})).get("bleu", {}).get("value")
        size = sum(weight.numel() for weight in self.model.parameters())
        told = f", BLEU {bleu:.1f}" if bleu is not None else ""
        return f"<Transducer {model}, {names}, {spoken_count(size)} parameters{told}>"

    @overload
    def translate(self, text: str, **options: Any) -> str: ...
    @overload
    def translate(self, text: Sequence[str], **options: Any) -> list[str]: ...
    def translate(self, text: str | Sequence[str], **options: Any) -> str | list[str]:
        """Translate a text, or each of a list of texts, in the given order.

        ``options`` are the fields of ``DecodingConfig`` (beam, length_penalty, sample, temperature,
        top_k, top_p, seed ...). A blank text gives an empty one. Raises ``ConfigError`` for unknown
        options and impossible values.
        """
        texts = [text] if isinstance(text, str) else list(text)
        best = [found[0][0] if found else "" for found in self.hypotheses(texts, **options)]
        return best[0] if isinstance(text, str) else best

    def hypotheses(
        self, texts: Sequence[str], *, want_attention: bool = False, want_log_probs: bool = False, **options: Any
    ) -> list[list[tuple[str, Hypothesis]]]:
        """The n best outputs for each text, best first, each with its tokens and scores.

        A blank text has no hypotheses: the model is not asked.
        """
        decoding = from_dict(type(self.config.decoding), {**to_dict(self.config.decoding), **options}, where="decoding")
        wrong = next((number for number, text in enumerate(texts, start=1) if not isinstance(text, str)), None)
        if wrong is not None:
            raise DataError(
                f"text {wrong:,} is of type {type(texts[wrong - 1]).__name__}; give text, or a list of texts."
            )
        asked = [index for index, text in enumerate(texts) if text.strip()]
        sources = self.tokenizers.source.encode_batch([_trimmed(texts[index]) for index in asked])
        results: list[list[tuple[str, Hypothesis]]] = [[] for _ in texts]
        found = decode(
            self.model, sources, config=decoding, want_attention=want_attention, want_log_probs=want_log_probs
        )
        for index, hypotheses in zip(asked, found, strict=True):
            results[index] = [(self.tokenizers.target.decode(each.tokens), each) for each in hypotheses]
        return results

    def score(self, pairs: Iterable[tuple[str, str]]) -> list[float]:
        """Natural log-probability of each target given its source, end of sentence included.

        Members that know targets from right to left are not asked; nor are they by ``forced``.
        """
        return [each.log_prob for each in self.forced(pairs)]

    def forced(self, pairs: Iterable[tuple[str, str]]) -> list[evaluation.Forced]:
        """What the model says of each given pair: log-probability, tokens, and how many it would have chosen."""
        kept = list(_checked(pairs))
        sources = self.tokenizers.source.encode_batch([pair.source for pair in kept])
        targets = self.tokenizers.target.encode_batch([pair.target for pair in kept])
        return evaluation.forced_scores(self.model, sources, targets)

    def evaluate(
        self, pairs: Iterable[tuple[str, str] | Pair], *, ter_seconds: float = evaluation.TER_SECONDS, **options: Any
    ) -> evaluation.Evaluation:
        """Translate the sources and compare with the targets; ``options`` as in ``translate``.

        TER is left out where its search, slow on long and bad outputs, would take longer than ``ter_seconds``.
        """
        decoding = from_dict(type(self.config.decoding), {**to_dict(self.config.decoding), **options}, where="decoding")
        kept = list(_checked(pairs))
        return evaluation.evaluate_pairs(self.model, self.tokenizers, kept, decoding=decoding,
                                         language=self.config.target_language, ter_seconds=ter_seconds)  # fmt: skip


def _checked(pairs: Iterable[tuple[str, str] | Pair]) -> Iterator[Pair]:
    """Each pair with its row, counted from 1 where it has none. Raises ``DataError`` for what is no pair of texts."""
    for number, pair in enumerate(pairs, start=1):
        if not (isinstance(pair, (tuple, list)) and len(pair) >= 2 and all(isinstance(text, str) for text in pair[:2])):
            raise DataError(f"pair {number:,} is not a pair of texts; give an iterable of (source, target).")
        row = pair.row if isinstance(pair, Pair) else number
        yield Pair(_trimmed(pair[0]), _trimmed(pair[1]), row)


def _trimmed(text: str) -> str:
    """The text without spaces and tabs around it, as pairs are read from files."""
    return text.strip(" \t")


def load(run: str | Path, *, device: str = "auto") -> Transducer:
    """The trained model in a run folder.

    Nothing in the folder is executed; sizes, shapes and hashes are checked first. Raises ``RunError``
    when the folder is missing, incomplete, altered, or of another version.
    """
    folder = Path(run)
    config = read_config(folder)
    members, right_to_left = config.training.members, config.training.right_to_left
    if not (folder / WEIGHTS).is_file():
        why = (
            "its training was stopped before the first validation" if members == 1 else "its members are still trained"
        )
        raise RunError(f"{folder}: has no {WEIGHTS} yet: {why}. Go on with: transduce train --resume {folder}")
    tokenizers = TokenizerPair.load(folder)
    digests = [tokenizers.source.digest] if tokenizers.joint else [tokenizers.source.digest, tokenizers.target.digest]
    if digests != config.tokenizers:
        raise RunError(f"{folder}: its tokenizer is not the one it was trained with (the hashes differ). Restore it.")
    try:
        model = _without_memory(config.model, config.source_vocab, config.target_vocab, members, right_to_left)
    except ConfigError as error:
        raise RunError(f"{folder / CONFIG}: {error}") from None
    weights, metadata = load_weights(
        folder / WEIGHTS, expected={n: tuple(w.shape) for n, w in model.state_dict().items()}
    )
    if not are_of(metadata, config):
        raise RunError(f"{folder}: {WEIGHTS} belongs to another model than config.json describes. Restore it.")
    _fill(model, weights)
    model.eval()
    try:
        model.to(choose_device(device))
    except ConfigError as error:
        raise ConfigError(f"--device: {error}") from None
    return Transducer(model, tokenizers, config, path=folder)


def _fill(model: Generator, weights: Mapping[str, Tensor]) -> None:
    """Give a model without memory its weights. What was tied is tied again: torch would make two parameters of it."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    model.load_state_dict(weights, assign=True)
    for first, *others in names.values():
        for name in others:
            owner, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(owner), leaf, model.get_parameter(first))


class _NothingDrawn(TorchFunctionMode):
    """First weights are not drawn. On tensors without memory torch would import its compiler for that, for a second."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in ("uniform_", "normal_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def _without_memory(config: ModelConfig, source_vocab: int, target_vocab: int, members: int = 1, right_to_left: int = 0
                    ) -> Generator:  # fmt: skip
    """The model's shapes, before anything is allocated. Raises ``ConfigError`` for sizes that no tensor can have."""
    try:
        with torch.device("meta"), _NothingDrawn():
            return build(config, source_vocab=source_vocab, target_vocab=target_vocab, members=members,
                         right_to_left=right_to_left)  # fmt: skip
    except (RuntimeError, TypeError, OverflowError):
        raise ConfigError("the model's sizes are beyond what any machine can hold.") from None


def count_parameters(config: ModelConfig, source_vocab: int, target_vocab: int) -> int:
    """Parameters of the model that ``config`` describes, tied ones counted once. Raises ``ConfigError`` for impossible sizes."""
    return sum(weight.numel() for weight in _without_memory(config, source_vocab, target_vocab).parameters())


def model_key(config: RunConfig) -> str:
    """What weights are stored under: the model's configuration and its tokenizers."""
    return msgspec.json.encode([to_dict(config.model), config.tokenizers], order="sorted").decode()


def are_of(metadata: Mapping[str, str], config: RunConfig) -> bool:
    """Whether weights with this metadata are of the run's model.

    Settings that came after the weights were stored are not named there: they have their defaults.
    """
    try:
        model, tokenizers = msgspec.json.decode(metadata.get("model", ""), type=tuple[ModelConfig, list[str]])
    except (msgspec.MsgspecError, ConfigError):
        return False
    return model == config.model and tokenizers == config.tokenizers


def spoken_count(number: int) -> str:
    """A number of parameters in short words: 2.0M, 640k, 312."""
    if number >= 1_000_000:
        return f"{number / 1e6:.1f}M"
    return f"{number / 1e3:.0f}k" if number >= 10_000 else str(number)
