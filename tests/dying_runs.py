"""A program that runs the command line in processes that die or run out of disk. ``test_resume.py`` runs it.

It is a program of its own because its children are forked after everything was imported and before anything was
computed: that saves seconds each. It prints one line of JSON: what became of every run.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sacrebleu.metrics
import torch
import torch._dynamo

from tests.conftest import number_pairs, write_csv
from transduce import cli, pipeline
from transduce.run import CONFIG, METRICS, WEIGHTS

assert sacrebleu.metrics, (pipeline, torch._dynamo)  # imported, so that no child has to
STEPS = 5
# All that a state has to hold is in use: dropout, accumulation, averaging, several passes and validations.
SETTINGS = ["--steps", str(STEPS), "--threads", "1", "--set", "model.hidden=8", "--set", "model.embed=8",
            "--set", "model.dropout=0.2", "--set", "training.batch_tokens=400", "--set", "training.accumulate=2",
            "--set", "training.save_every=0", "--set", "training.validate_every=2", "--set", "training.average=0.5",
            "--set", "training.average_every=1", "--set", "decoding.beam=2"]  # fmt: skip
Happening = Callable[[], None]


def nothing() -> None:
    pass


class Run:
    """One run, in as many processes as it takes. ``statuses`` and ``said`` tell how each of them ended."""

    def __init__(self, root: Path, name: str) -> None:
        self.folder, self.pairs, self.log = root / name, root / "pairs.csv", root / f"{name}.log"
        self.statuses: list[int] = []
        self.said: list[str] = []

    def start(self, happening: Happening = nothing) -> int:
        """Begin the run, or go on with it where there is something to go on with; returns the process id."""
        words = ["train", str(self.pairs), "-o", str(self.folder), *SETTINGS]
        if (self.folder / CONFIG).exists():
            words = ["train", "--resume", str(self.folder)]
        child = os.fork()
        if not child:
            os.dup2(os.open(self.log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 2)
            sys.argv, status = ["transduce", *words], 0
            try:
                happening()
                cli.main()
            except SystemExit as left:
                status = left.code if isinstance(left.code, int) else 1
            except BaseException as error:
                os.write(2, f"Traceback {error!r}\n".encode())
                status = 99
            os._exit(status)
        return child

    def end(self, child: int) -> int:
        self.statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        self.said.append((self.log.read_text(encoding="utf-8").splitlines() or [""])[-1])
        return self.statuses[-1]

    def go(self, happening: Happening = nothing) -> int:
        return self.end(self.start(happening))

    def state(self) -> dict[str, Any]:
        """What is there now, for the tests to judge."""
        found: dict[str, Any] = {"statuses": self.statuses, "said": self.said, "exists": self.folder.exists()}
        if (self.folder / WEIGHTS).exists():
            config = json.loads((self.folder / CONFIG).read_text(encoding="utf-8"))
            lines = [json.loads(line) for line in (self.folder / METRICS).read_text(encoding="utf-8").splitlines()]
            found |= {
                "files": sorted(path.name for path in self.folder.iterdir()),
                "weights": hashlib.sha256((self.folder / WEIGHTS).read_bytes()).hexdigest(),
                "status": config["status"], "scores": config["scores"],
                "measured": [[line["step"], line["loss"]] for line in lines if line["kind"] == "validation"],
            }  # fmt: skip
        return found


def at_replace(number: int, act: Happening) -> Happening:
    """Make the call number ``number`` of ``os.replace``, by which every file gets its place, act instead."""

    def install() -> None:
        real, calls = os.replace, [0]

        def counted(*arguments: Any) -> None:
            calls[0] += 1
            if calls[0] == number:
                act()
            real(*arguments)

        os.replace = counted  # type: ignore[assignment]

    return install


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def no_space() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def small_files(limit: int) -> Happening:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def finished(run: Run) -> dict[str, Any]:
    run.go()
    return run.state()


def at_random_moments(run: Run, chance: random.Random, length: float, signals: list[signal.Signals]) -> dict[str, Any]:
    """Interrupt the run by each of the signals, at some moment of what it would take; then let it finish."""
    for each in signals:
        child = run.start()
        time.sleep(chance.uniform(0, length))
        os.kill(child, each)
        if run.end(child) == 0:
            break
    return finished(run) if run.statuses[-1] else run.state()


def at_every_file(root: Path, acts: dict[str, Happening]) -> dict[str, list[dict[str, Any]]]:
    """One run for every file that is put in its place: there, one or the other thing happens; then it goes on to its end."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in acts}
    for number, name in enumerate(itertools.cycle(acts), start=1):
        run = Run(root, f"{name}{number}")
        if run.go(at_replace(number, acts[name])) == 0:
            return found
        left = run.state()
        found[name].append({"left": left, **finished(run)})
    raise AssertionError


def main() -> None:
    torch.set_num_threads(1)
    os.fsync = lambda handle: None  # it outlives the machine, not only the process; without it, no waiting
    root, seed = Path(sys.argv[1]), int(sys.argv[2])
    write_csv(root / "pairs.csv", number_pairs(40))
    began = time.perf_counter()
    straight = finished(Run(root, "straight"))
    length = time.perf_counter() - began
    chance = random.Random(seed)
    kill, stop = signal.SIGKILL, [signal.SIGINT, signal.SIGTERM]
    found = {
        "straight": [straight],
        "killed": [at_random_moments(Run(root, f"killed{number}"), chance, length, [kill] * 3) for number in range(3)],
        "stopped": [at_random_moments(Run(root, f"stopped{number}"), chance, length, [stop[number % 2]])
                    for number in range(4)],
        **at_every_file(root, {"died": die, "full": no_space} if seed % 2 else {"full": no_space, "died": die}),
        "small": [],
    }  # fmt: skip
    for limit in (2_000, 6_000, 50_000):  # a state file has more; config.json has 5,000, the prepared files less
        run = Run(root, f"small{limit}")
        run.go(small_files(limit))
        found["small"].append({"left": run.state(), **finished(run)})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
