"""Real processes that are killed with SIGKILL or run out of disk, and what is left of their training."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from transduce.training.checkpoint import StateFile

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(os.name != "posix", reason="needs fork")
def test_processes_that_die_lose_nothing(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    program = [sys.executable, "-m", "tests.training.dying", str(tmp_path), str(seed)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["left"] == 25, "the state from before the disk was full is there"
    straight = {name: (tmp_path / "straight" / name).read_bytes() for name in ("best", "last")}
    for name in ("killed", "full"):
        for file, content in straight.items():
            assert (tmp_path / name / file).read_bytes() == content, f"{name}/{file} differs (seed {seed}, {told})"
        assert StateFile(tmp_path / name / "state").load().progress.finished
        leftovers = {path.name for path in (tmp_path / name).iterdir()} - {"best", "last", "state"}
        assert all(name.endswith(".tmp") for name in leftovers)
