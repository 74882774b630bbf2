"""What the user asked for, refused here where it is impossible, before anything is read or written."""

from __future__ import annotations

import math
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transduce.config import Config, from_dict, require, to_dict, with_settings
from transduce.data.tokenizer import TokenizerConfig
from transduce.decoding import DecodingConfig
from transduce.errors import ConfigError, MissingExtra
from transduce.models import DEFAULT, ModelConfig
from transduce.training.device import choose_device, precision
from transduce.training.loop import TrainingConfig

SHORTEST_BUDGET = 10.0  # seconds; less is gone before the first update
_NUMBER = re.compile(r"([-+]?(?:\d+(?:\.\d*)?|\.\d+))\s*(%?)")


class Settings(Config, frozen=True, kw_only=True):
    """The groups that ``--set`` reaches."""

    model: ModelConfig = DEFAULT
    tokenizer: TokenizerConfig = TokenizerConfig()
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()


class Recipe(Settings, frozen=True, kw_only=True):
    """Settings to begin with in place of those that data and time would choose: a preset, or one's own."""

    name: str  # as it is told in messages and reports


class Request(Config, frozen=True, kw_only=True):
    """What the user asked for: all that is needed to begin the same run again."""

    data: list[str]  # absolute paths; empty when the pairs came from memory, "-" for standard input
    source: str | None = None
    target: str | None = None
    valid: list[str] | float | None = None  # paths, a share (below 1) or a count; None: the default split
    test: list[str] | float | None = None
    format: str | None = None
    encoding: str = "utf-8"
    delimiter: str | None = None
    header: bool | None = None
    budget: float | None = None  # seconds
    epochs: float | None = None
    steps: int | None = None
    recipe: Recipe | None = None  # of --preset
    settings: list[str] = []  # --set key=value
    seed: int = 0
    device: str = "auto"
    threads: int | None = None
    max_length: int = 250  # longest side of a training pair, in tokens
    tensorboard: bool = False
    wandb: bool = False


def check_request(request: Request) -> None:
    """Refuse an impossible request. Raises ``ConfigError``, and ``MissingExtra`` for what is not installed."""
    _check_types(request)
    given = [name for name in ("budget", "epochs", "steps") if getattr(request, name) is not None]
    require(len(given) <= 1, f"choose one of --budget, --epochs and --steps; got --{' and --'.join(given)}.")
    require(request.steps is None or request.steps >= 1, f"--steps must be at least 1; got {request.steps}.")
    require(
        request.epochs is None or 0 < request.epochs < math.inf, f"--epochs must be more than 0; got {request.epochs}."
    )
    require(
        request.budget is None or request.budget >= SHORTEST_BUDGET,
        f"--budget must be at least {SHORTEST_BUDGET:.0f}s.",
    )
    require(request.max_length >= 1, f"--max-length must be at least 1; got {request.max_length}.")
    require(0 <= request.seed < 2**32, f"--seed must be between 0 and {2**32 - 1}; got {request.seed}.")
    require(request.valid is None or isinstance(request.valid, list) or request.valid > 0,
            f"--valid must be more than 0; got {_plain(request.valid)}. The held-out pairs decide which weights are kept.")  # fmt: skip
    require(request.test is None or isinstance(request.test, list) or request.test >= 0,
            f"--test must be at least 0; got {_plain(request.test)}.")  # fmt: skip
    check_threads(request.threads)
    settings = with_settings(beginning(request), request.settings)
    device = choose_device(request.device)
    precision(settings.training.precision, device)
    for wanted, package, extra, purpose in (
        (request.tensorboard, "tensorboard", "tensorboard", "Logging to TensorBoard"),
        (request.wandb, "wandb", "wandb", "Logging to Weights & Biases"),
    ):
        if wanted and find_spec(package) is None:
            raise MissingExtra(extra, purpose)


def _check_types(request: Request) -> None:
    """Refuse what cannot be written down: wrong types, from Python, and names that are not UTF-8, from a shell."""
    for name in request.__struct_fields__:
        value = getattr(request, name)
        for text in value if isinstance(value, list) else [value]:
            printable = not isinstance(text, str) or text.isascii() or not re.search("[\ud800-\udfff]", text)
            require(printable, f"{name}: {text!a} is not UTF-8. Rename the file, or set a UTF-8 locale.")
    try:
        from_dict(Request, to_dict(request))
    except TypeError as error:
        raise ConfigError(f"an option has an impossible type: {error}") from None


def check_threads(threads: int | None) -> None:
    """Refuse a number of threads below 1, or so large that it would bring the process down. Raises ``ConfigError``."""
    most = 16 * (os.cpu_count() or 1)
    require(threads is None or threads >= 1, f"--threads must be at least 1; got {threads}.")
    require(threads is None or threads <= most,
            f"--threads must be at most {most} on this machine of {os.cpu_count()} cores; got {threads}.")  # fmt: skip


def paths_of(data: Any) -> list[str] | None:
    """Absolute paths, where ``data`` is a path or several; None where it is held in memory. "-" stays."""
    if isinstance(data, (str, Path)):
        data = [data]
    if isinstance(data, (list, tuple)) and data and all(isinstance(each, (str, Path)) for each in data):
        return [str(each) if str(each) in ("-", "") else str(Path(each).absolute()) for each in data]
    return None


def held_out_request(part: Any) -> list[str] | float | None:
    """A held-out part as the request keeps it: paths, a share below 1 or a count; None for the default or for memory.

    "0.05" and "5%" are shares, "500" is a count.
    """
    if isinstance(part, (int, float)):
        return float(part)
    if isinstance(part, str) and (number := _NUMBER.fullmatch(part.strip())):
        return float(number[1]) / (100 if number[2] else 1)
    return paths_of(part)


def default_folder(request: Request) -> Path:
    """``runs/NAME``, or the first of ``runs/NAME-2``, ``-3`` ... that is free."""
    name = Path(request.data[0]).name.split(".")[0] if request.data and request.data[0] != "-" else ""
    number = 1
    while True:
        folder = Path("runs") / ((name or "model") + (f"-{number}" if number > 1 else ""))
        if not folder.exists():
            return folder
        number += 1


def beginning(request: Request) -> Settings:
    """The settings that ``--set`` changes: the recipe's or the defaults, with the model of the family asked for."""
    chosen = request.recipe or Settings()
    start = Settings(model=chosen.model, tokenizer=chosen.tokenizer, training=chosen.training, decoding=chosen.decoding)
    return with_settings(start, [word for word in request.settings if _names_family(word)])


def group(request: Request, name: str) -> list[str]:
    """The ``--set`` words of one group, without its name; the family is ``beginning``'s."""
    return [word.strip()[len(name) + 1 :] for word in request.settings
            if word.strip().startswith(f"{name}.") and not _names_family(word)]  # fmt: skip


def given_settings(request: Request) -> list[str]:
    """Dotted paths of the settings that the user gives."""
    return [word.partition("=")[0].strip() for word in request.settings]


def _names_family(word: str) -> bool:
    return word.partition("=")[0].strip() == "model.family"


def _plain(number: float | list[str] | None) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)
