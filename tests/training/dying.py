"""A program that trains in child processes and lets them die. ``test_death.py`` runs it and reads its one line.

A program of its own, because children are forked from it after torch was imported and before it computed.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tests.training.toys import copy_task, measures_of, small_model
from transduce.errors import RunError
from transduce.training.checkpoint import Progress, StateFile, load_weights, save_weights, shapes
from transduce.training.loop import Plan, TrainingConfig, train
from transduce.training.optim import OptimConfig

CORPUS = copy_task(40)
CONFIG = TrainingConfig(steps=60, batch_tokens=60, validate_every=15, save_every=0.0, average=0.5, best_by="loss",
                        optim=OptimConfig(lr=0.01, warmup=5))  # fmt: skip


def work(folder: Path, at_step: Callable[[int], None] = lambda step: None) -> None:
    """Train in ``folder``, from where it stands; ends with last.safetensors beside best.safetensors."""
    model, file = small_model(), StateFile(folder / "state")

    def plan(progress: Progress) -> Plan:
        at_step(progress.step)
        return Plan(CONFIG.steps, CONFIG.validate_every)

    train(model, CORPUS, CONFIG, plan=plan, validate=lambda model, _: measures_of(model, CORPUS), state=file,
          keep_best=lambda weights, _: save_weights(folder / "best", weights),
          resume=file.load(expected=shapes(model)) if file.exists() else None)  # fmt: skip
    save_weights(folder / "last", model.state_dict())


def in_child(job: Callable[[], None]) -> int:
    child = os.fork()
    if not child:
        try:
            job()
        except RunError as error:
            os._exit(3 if "no space left" in str(error) else 4)
        except BaseException:
            os._exit(5)
        os._exit(0)
    return child


def status(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(folder: Path, chance: random.Random) -> int:
    """Train with three deaths at random moments; returns how many of them hit."""
    hits = 0
    for _ in range(3):
        child = in_child(lambda: work(folder))
        time.sleep(chance.uniform(0.02, 0.3))
        os.kill(child, signal.SIGKILL)
        hits += status(child) == -signal.SIGKILL
    assert status(in_child(lambda: work(folder))) == 0
    return hits


def out_of_space(folder: Path) -> int:
    """Train until files may no longer grow; returns the step of the state that is left. Then finish."""

    def limit(step: int) -> None:
        if step == 25:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    assert status(in_child(lambda: work(folder, limit))) == 3
    left = StateFile(folder / "state").load().progress.step
    load_weights(folder / "best")
    assert sorted(path.name for path in folder.iterdir()) == ["best", "state"]
    assert status(in_child(lambda: work(folder))) == 0
    return left


def main() -> None:
    torch.set_num_threads(1)
    os.fsync = lambda handle: None  # it outlives the machine, not only the process; without it, no waiting
    root, seed = Path(sys.argv[1]), int(sys.argv[2])
    for name in ("straight", "killed", "full"):
        (root / name).mkdir()
    assert status(in_child(lambda: work(root / "straight"))) == 0
    print(json.dumps({"hits": killed(root / "killed", random.Random(seed)), "left": out_of_space(root / "full")}))


if __name__ == "__main__":
    main()
