"""What many tests share: the command line in this process, synthetic pairs, and one tiny trained run."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings

# Of `pytest -n` each process has one core's share; torch reads this when it is first imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.browser import browser as browser
from transduce import cli

# Other programs on the machine may make an example take any time.
settings.register_profile("transduce", deadline=None)
settings.load_profile("transduce")

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
# A model small enough that training it takes a moment. One thread: the same bits every time.
SMALL = ["--threads", "1", "--set", "model.hidden=32", "--set", "model.embed=32"]
# In a hundred steps it learns most of what there is to learn in the pairs below.
LEARNING = [*SMALL, "--steps", "100", "--set", "training.optim.warmup=10", "--set", "training.optim.lr=0.02"]


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """The error message, if it is what it must be: the last line of stderr, one line, no traceback."""
        *before, last = self.err.splitlines()
        assert last.startswith("transduce: "), self.err
        assert not any(line.startswith(("transduce: ", "Traceback")) for line in before), self.err
        return last.removeprefix("transduce: ")


Command = Callable[..., Done]


def run_command(*words: object, stdin: bytes = b"") -> Done:
    """``transduce WORDS...`` in this process, with these bytes on stdin."""
    streams = [io.TextIOWrapper(io.BytesIO(each), encoding="utf-8", newline="") for each in (stdin, b"", b"")]
    with _in_place_of(["transduce", *map(str, words)], *streams):
        try:
            cli.main()
            status = 0
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else int(left.code is not None)
    for stream in streams[1:]:
        stream.flush()
    out, err = (stream.buffer.getvalue().decode("utf-8") for stream in streams[1:])  # type: ignore[attr-defined]
    return Done(status, out, err)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """What a ``metrics.jsonl`` holds, line by line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@contextmanager
def _in_place_of(argv: list[str], stdin: io.TextIOWrapper, stdout: io.TextIOWrapper, stderr: io.TextIOWrapper
                 ) -> Iterator[None]:  # fmt: skip
    """Words and streams of a process of its own; afterwards everything that a command changes is put back."""
    import torch

    before = sys.argv, sys.stdin, sys.stdout, sys.stderr
    threads, terminate = torch.get_num_threads(), signal.getsignal(signal.SIGTERM)
    sys.argv, sys.stdin, sys.stdout, sys.stderr = argv, stdin, stdout, stderr
    try:
        yield
    finally:
        sys.argv, sys.stdin, sys.stdout, sys.stderr = before
        torch.set_num_threads(threads)
        signal.signal(signal.SIGTERM, terminate)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Tensors this small only lose time with more threads, and far more on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def cli_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line, standing in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return run_command


def number_pairs(count: int = 200, *, seed: int = 0) -> list[tuple[str, str]]:
    """Distinct pairs to learn: number words, and the same words in reverse order."""
    draw = random.Random(seed)
    sources = {" ".join(draw.choice(WORDS) for _ in range(draw.randint(1, 6))): None for _ in range(2 * count)}
    return [(source, " ".join(reversed(source.split()))) for source in list(sources)[:count]]


def write_csv(path: Path, pairs: list[tuple[str, str]], *, header: tuple[str, str] = ("english", "french")) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *pairs])
    return path


@pytest.fixture(scope="session")
def pairs() -> list[tuple[str, str]]:
    return number_pairs()


@pytest.fixture(scope="session")
def pairs_csv(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]) -> Path:
    return write_csv(tmp_path_factory.mktemp("data") / "pairs.csv", pairs)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, pairs_csv: Path) -> Path:
    """A finished run. Read it only; ``run_copy`` is for changing."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    done = run_command("train", pairs_csv, *LEARNING, "-o", folder)
    assert done.status == 0, done.err
    return folder


@pytest.fixture
def run_copy(trained: Path, tmp_path: Path) -> Path:
    """A finished run of one's own."""
    return shutil.copytree(trained, tmp_path / "run")
