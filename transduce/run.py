"""The run folder: what stands in it, how it is read with suspicion and written whole.

config.json            everything that was decided, and by whom
tokenizer.json         (source.json and target.json where they differ)
model.safetensors      the best weights, ready to load
metrics.jsonl          one line a measurement; of several models trained side by side, the first one's
metrics-2.jsonl ...    those of the others
report.md              what was learned from what, and how good it is
resume/                all that an exact continuation needs; gone when the run is finished
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from transduce import __version__
from transduce.config import Config, from_dict, to_dict
from transduce.data.tokenizer import TokenizerConfig
from transduce.decoding import DecodingConfig
from transduce.errors import ConfigError, RunError
from transduce.files import sha256, write_failed, write_text
from transduce.models import ModelConfig, RNNConfig
from transduce.request import Request
from transduce.training.loop import TrainingConfig

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

FORMAT = 1  # of the run folder; a reader refuses what it does not know
CONFIG, WEIGHTS, METRICS, REPORT, RESUME = "config.json", "model.safetensors", "metrics.jsonl", "report.md", "resume"
STATE, PREPARED = f"{RESUME}/state.safetensors", f"{RESUME}/data"
MEMBERS = f"{RESUME}/members"  # a folder for each of several models: its training state, and its best weights


class RunConfig(Config, frozen=True, kw_only=True):
    """``config.json``."""

    format: int = FORMAT
    version: str = __version__
    status: Literal["preparing", "training", "finished"] = "preparing"
    request: Request
    source: str = ""  # name of the source column
    target: str = ""
    source_language: str | None = None  # ISO 639-1, where the column's name tells
    target_language: str | None = None
    model: ModelConfig = RNNConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()
    decided: dict[str, str] = {}  # key -> who decided it: "user", "preset", "budget" or "data"; all else is a default
    reasons: list[str] = []  # why, in words
    source_vocab: int = 0
    target_vocab: int = 0
    tokenizers: list[str] = []  # SHA-256 of the tokenizer files: one if both sides share it, else source and target
    data: dict[str, Any] = {}  # the data report
    fingerprint: str = ""  # of the training pairs, numericalized
    parameters: int = 0
    scores: dict[str, Any] = {}  # of the final report: part -> measure -> value and signature
    seconds: float = 0.0  # of wall-clock time, from the command to the report
    machine: dict[str, Any] = {}
    versions: dict[str, str] = {}


def write_config(folder: Path, config: RunConfig) -> None:
    """Write ``config.json`` atomically, with a checksum of its own content."""
    values = to_dict(config)
    values["sha256"] = _checksum(values)
    write_text(folder / CONFIG, msgspec.json.format(msgspec.json.encode(values), indent=2).decode() + "\n")


def read_config(folder: str | Path) -> RunConfig:
    """Read and check ``config.json`` of a run folder.

    Raises ``RunError`` when the folder or the file is missing, cut, altered, or of another version.
    """
    folder = Path(folder)
    if not os.path.exists(folder):  # unlike Path.exists, it takes a name that is too long for a "no"
        raise RunError(f"{_shown(folder)}: there is no such run folder. {_runs_nearby(folder)}")
    if not folder.is_dir():
        raise RunError(f"{folder}: is a file; a run folder is needed.")
    path = folder / CONFIG
    if not path.is_file():
        raise RunError(f"{folder}: is not a run folder: it has no {CONFIG}. {_runs_nearby(folder)}")
    try:
        values = msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RunError(f"{path}: is cut or altered (not JSON). Restore it from a copy, or train again.") from None
    except OSError as error:
        raise RunError(f"{path}: cannot read it ({error.strerror}).") from None
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise RunError(f"{path}: is not the configuration of a run.")
    if values["format"] != FORMAT:
        raise RunError(
            f"{path}: is of format {values['format']}, written by transduce {values.get('version', '?')}; this is "
            f"transduce {__version__}, which reads format {FORMAT}. Use the version that wrote it, or train again."
        )
    if values.pop("sha256", None) != _checksum(values):
        raise RunError(f"{path}: was altered since it was written (its checksum differs). Restore it, or train again.")
    try:
        return from_dict(RunConfig, values)
    except ConfigError as error:
        raise RunError(f"{path}: {error}") from None


def make_folder(folder: Path) -> list[Path]:
    """Make the folder of a new run. Returns the folders that were not there before, the innermost first.

    Raises ``RunError`` when the disk refuses.
    """
    if os.path.exists(folder) and not folder.is_dir():
        raise RunError(f"{folder}: is a file; choose another folder with -o.")
    try:
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_failed(_shown(folder), error) from None
    return made


def check_empty(folder: Path) -> None:
    """Refuse to begin a run in a folder that holds something. Raises ``RunError``."""
    if (folder / CONFIG).exists():
        raise RunError(f"{folder}: this run exists already, and nothing in it is overwritten. Go on with it by: "
                       f"transduce train --resume {shlex.quote(str(folder))}; or choose another folder with -o.")  # fmt: skip
    if not all(_is_leftover(path) for path in folder.iterdir()):
        raise RunError(f"{folder}: is not empty, and nothing in it is overwritten. Choose another folder with -o.")


def remove_folder(folder: Path, made: Sequence[Path]) -> None:
    """Take away a run that failed to start, and the folders that were ``made`` for it."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        for each in made:
            each.rmdir()


def remove_leftovers(folder: Path) -> None:
    """Take away files that a killed process left half-written."""
    for path in [*folder.glob(".*.tmp"), *(folder / RESUME).glob(".*.tmp"), *(folder / MEMBERS).glob("*/.*.tmp")]:
        if path.is_file():
            path.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from training in this folder at the same time, where the system can.

    Raises ``RunError`` when one does already.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"{folder}: another process is training this run. Wait for it, or stop it first.") from None
        except OSError:  # some network file systems have no locks
            pass
        yield
    finally:
        os.close(handle)


def library_versions() -> dict[str, str]:
    """Versions of what computes the result."""
    import numpy
    import tokenizers
    import torch

    return {"python": platform.python_version(), "transduce": __version__, "torch": str(torch.__version__),
            "tokenizers": tokenizers.__version__, "numpy": numpy.__version__}  # fmt: skip


def _checksum(values: dict[str, Any]) -> str:
    return sha256(msgspec.json.encode(values, order="sorted"))


def _is_leftover(path: Path) -> bool:
    """Whether a file is what a process that was killed left half-written."""
    return path.name.startswith(".") and path.name.endswith(".tmp") and path.is_file()


def _shown(folder: Path) -> str:
    """The folder's name, cut where it is none but a sentence that was taken for one."""
    name = str(folder)
    return name if len(name) <= 100 else name[:97] + "..."


def _runs_nearby(folder: Path) -> str:
    """Run folders beside or inside ``folder``, as a hint."""
    parent = folder if os.path.isdir(folder) else folder.parent
    found = sorted(str(path.parent) for path in parent.glob(f"*/{CONFIG}"))[:5] if os.path.isdir(parent) else []
    return f"Runs there: {', '.join(found)}." if found else "Train one with: transduce train pairs.csv"
