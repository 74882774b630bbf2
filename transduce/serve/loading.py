"""Runs as a worker loads them, and what it tells the service of each."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch

from transduce.config import to_dict
from transduce.errors import RunError, TransduceError
from transduce.run import METRICS, REPORT, RunConfig, read_config
from transduce.serve.wire import About
from transduce.transducer import Transducer, load, spoken_count

FIRST = "A first sentence."


class Loaded(NamedTuple):
    """A run in memory."""

    about: About
    model: Transducer


def load_runs(paths: Sequence[str | Path], *, device: str = "auto") -> tuple[list[Loaded], list[str]]:
    """Load every run. Returns those that can be served and one line for each other.

    Raises the first run's error when none can.
    """
    loaded: list[Loaded] = []
    failed: list[TransduceError] = []
    for path in paths:
        try:
            read_config(path)  # the cheap checks first
            model = load(path, device=device)
            model.translate(FIRST)  # the first search is slow, and weights that are no numbers show here
            loaded.append(Loaded(_about(model, Path(path), {each.about.name for each in loaded}), model))
        except TransduceError as error:
            failed.append(error)
    if not loaded:
        raise failed[0] if failed else RunError("there is no run to serve.")
    return loaded, [str(error) for error in failed]


def _about(model: Transducer, path: Path, taken: set[str]) -> About:
    name = re.sub(r"[^\w.-]+", "-", Path(os.path.abspath(path)).name) or "run"
    numbers = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    name = name if name not in taken else next(other for other in numbers if other not in taken)
    config = model.config
    longest = config.request.max_length
    source, target = config.source_language or name, config.target_language or name
    most, characters = _most_units(config.data, longest)
    return About(
        name=name, folder=str(path), report=str(path / REPORT), metrics=str(path / METRICS), source=source,
        target=target, language=config.source_language, target_language=config.target_language, longest=longest,
        most_units=most, characters=characters, decoding=config.decoding, tokenizers=config.tokenizers,
        fingerprint=_fingerprint(model), description=model.model.describe(), card=_card(model, name, source, target),
    )  # fmt: skip


def _most_units(data: dict[str, Any], longest: int) -> tuple[int, bool]:
    """Words of the longest sentence that a run is given, and whether they are characters instead.

    The longest that it was trained on, but for outliers: at most twice what 99 of 100 stay below.
    """
    lengths = data.get("source_lengths") or {}
    top, most = lengths.get("longest"), lengths.get("p99")
    if isinstance(top, int) and isinstance(most, int) and top > 0:
        longest = min(top, max(8, 2 * most))
    return longest, lengths.get("unit") == "characters"


def _card(model: Transducer, name: str, source: str, target: str) -> dict[str, Any]:
    """The run as data: its report, without the paths and the command of the machine that trained it."""
    config: RunConfig = model.config
    keep = ("version", "source_language", "target_language", "parameters", "source_vocab", "target_vocab", "scores",
            "reasons", "decided", "data", "seconds", "versions")  # fmt: skip
    values = to_dict(config)
    return {
        "name": name, "source": source, "target": target,
        "columns": {"source": config.source, "target": config.target},
        "description": f"{model.model.describe()}, {spoken_count(config.parameters)} parameters",
        "model": values["model"], "tokenizer": values["tokenizer"], "decoding": values["decoding"],
        **{key: values[key] for key in keep},
    }  # fmt: skip


def _fingerprint(model: Transducer) -> str:
    """Of the configuration and of the weights as they are in memory, not of files that may change meanwhile."""
    found = hashlib.blake2b(msgspec.json.encode(to_dict(model.config), order="sorted"), digest_size=16)
    for name, weight in sorted(model.model.state_dict().items()):
        found.update(name.encode())
        found.update(weight.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()
