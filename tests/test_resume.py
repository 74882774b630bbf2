"""Runs that are killed, stopped, or out of disk: nothing is lost, and the end is the same to the last bit.

The processes that die are those of ``dying_runs.py``; the tests judge what became of them.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import transduce
from tests.conftest import SMALL, Command, number_pairs, read_metrics, write_csv
from transduce import pipeline
from transduce.errors import Interrupted, RunError
from transduce.request import Request
from transduce.run import alone, read_config
from transduce.training import loop

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs fork and signals")
SAME = ("files", "weights", "status", "scores", "measured")  # of a run that ended, however often it was interrupted


@pytest.fixture(scope="module")
def fates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    seed = random.randrange(10**6)
    program = [sys.executable, "-m", "tests.dying_runs", str(tmp_path_factory.mktemp("dying")), str(seed)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, f"seed {seed}: {done.stderr[-2000:]}"
    fates: dict[str, list[dict[str, Any]]] = json.loads(done.stdout.splitlines()[-1])
    return fates


def same_end(fates: dict[str, list[dict[str, Any]]], fate: str) -> None:
    (straight,) = fates["straight"]
    assert straight["statuses"] == [0]
    assert straight["status"] == "finished"
    for run in fates[fate]:
        assert run["statuses"][-1] == 0, run["said"]
        assert {key: run[key] for key in SAME} == {key: straight[key] for key in SAME}, run["said"]


@pytest.mark.parametrize("fate", ["killed", "died"])
def test_killed_runs_go_on_to_the_same_weights(fates: dict[str, list[dict[str, Any]]], fate: str) -> None:
    """``killed``: by SIGKILL, at random moments; ``died``: just before one of the files was put in its place."""
    assert len(fates["died"]) > 6
    same_end(fates, fate)
    assert all(status in (0, -signal.SIGKILL) for run in fates[fate] for status in run["statuses"])


def test_stopped_runs_say_how_to_go_on_and_do(fates: dict[str, list[dict[str, Any]]]) -> None:
    same_end(fates, "stopped")
    for run in fates["stopped"]:
        if run["statuses"][0]:
            assert run["statuses"][0] == 130
            told = run["said"][0]
            assert told.startswith("transduce: ")
            assert "transduce train --resume" in told or "nothing is kept" in told or told == "transduce: interrupted."


@pytest.mark.parametrize("fate", ["full", "small"])
def test_a_full_disk_loses_nothing(fates: dict[str, list[dict[str, Any]]], fate: str) -> None:
    """``full``: no space for one of the files; ``small``: files may not grow beyond a size."""
    same_end(fates, fate)
    kept = 0
    for run in fates[fate]:
        assert run["statuses"] == [1, 0]
        told = run["said"][0]
        assert told.startswith("transduce: ")
        assert "no space left" in told
        # Either the run can go on, and the message says how; or nothing had been learned, and it is gone.
        assert ("transduce train --resume" in told) == run["left"]["exists"]
        assert run["left"]["exists"] or "start again" in told
        kept += run["left"]["exists"]
    assert kept


def test_a_real_process_is_stopped_and_goes_on(tmp_path: Path, cli_in: Command) -> None:
    data = write_csv(tmp_path / "pairs.csv", number_pairs(60))
    options = [str(data), *SMALL, "--steps", "300"]
    process = subprocess.Popen([sys.executable, "-m", "transduce", "train", *options, "-o", "my run"], cwd=tmp_path,
                               env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)  # fmt: skip
    while process.poll() is None and not (tmp_path / "my run" / "resume" / "state.safetensors").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    last = told.splitlines()[-1]
    assert last.startswith("transduce: Stopped at step ")
    assert last.endswith("Go on with: transduce train --resume 'my run'")
    assert read_config(tmp_path / "my run").status == "training"
    assert cli_in("train", "--resume", "my run", "-q") == (0, "", "")
    assert cli_in("train", *options, "-o", "straight", "-q").status == 0
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("my run", "straight")]
    assert weights[0] == weights[1]


# ------------------------------------------------------------------------------- what resume does and refuses


def test_a_finished_run_is_left_as_it_is(cli_in: Command, run_copy: Path) -> None:
    (run_copy / "resume").mkdir()  # killed in the last moment
    before = {path.name: path.read_bytes() for path in run_copy.iterdir() if path.is_file()}
    done = cli_in("train", "--resume", run_copy)
    assert done.status == 0
    assert "is finished" in done.err
    assert {path.name: path.read_bytes() for path in run_copy.iterdir()} == before
    assert cli_in("train", "--resume", run_copy, "-q") == (0, "", "")


def test_a_run_goes_on_as_it_began(cli_in: Command, run_copy: Path) -> None:
    for words in (["--steps", "9"], ["--budget", "5m"], ["--set", "model.hidden=8"], ["-o", "x"], ["--threads", "2"]):
        done = cli_in("train", "--resume", run_copy, *words)
        assert done.status == 2
        assert "cannot be changed on --resume" in done.err


def test_what_is_no_run_cannot_go_on(cli_in: Command, tmp_path: Path, pairs_csv: Path) -> None:
    (tmp_path / "folder").mkdir()
    for given, words in (
        ("nothing", "no such run folder"),
        ("folder", "is not a run folder"),
        (pairs_csv, "is a file"),
    ):
        done = cli_in("train", "--resume", given)
        assert done.status == 1
        assert words in done.said


def stopped_run(tmp_path: Path, **options: Any) -> Path:
    """A run that was interrupted in its first update, when all is prepared."""
    folder = tmp_path / "run"
    options = {"data": number_pairs(40), "steps": 3, "settings": SMALL[3::2], **options}

    class Stopped(Exception):
        pass

    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transduce.training.loop._accumulate", stop)
        with pytest.raises(Interrupted, match="--resume"):
            transduce.train(options.pop("data"), out=folder, threads=1, quiet=True, **options)
    return folder


def test_pairs_from_memory_need_no_second_telling_once_prepared(tmp_path: Path) -> None:
    folder = stopped_run(tmp_path, valid=number_pairs(10, seed=1))
    model = transduce.resume(folder, quiet=True)
    assert model.config.status == "finished"
    assert model.config.data["valid"]["pairs"] == 10


def test_pairs_from_memory_that_were_not_prepared_are_asked_for(tmp_path: Path) -> None:
    folder = stopped_run(tmp_path)
    shutil.rmtree(folder / "resume")
    config = read_config(folder)
    from msgspec.structs import replace

    from transduce.run import write_config

    write_config(folder, replace(config, status="preparing"))
    with pytest.raises(RunError, match="came from memory or standard input"):
        transduce.resume(folder, quiet=True)


def test_the_time_of_a_run_is_that_of_all_its_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What passed before the first update included: reading, preparing, starting."""
    accumulate, sessions = loop._accumulate, iter([True, True])

    def stopped(*arguments: Any) -> Any:
        if next(sessions, False):
            os.kill(os.getpid(), signal.SIGTERM)
        return accumulate(*arguments)

    monkeypatch.setattr(loop, "_accumulate", stopped)
    folder, request = tmp_path / "run", Request(data=[], steps=3, threads=1, settings=SMALL[3::2])
    started = time.perf_counter()
    with pytest.raises(Interrupted):
        pipeline.fit(request, folder, began=started - 1000, quiet=True, in_memory={"data": number_pairs(40)})
    with pytest.raises(Interrupted):
        pipeline.resume(folder, began=time.perf_counter() - 200, quiet=True)
    seconds = pipeline.resume(folder, began=time.perf_counter() - 30, quiet=True).config.seconds
    assert 1230 < seconds <= round(1230 + time.perf_counter() - started, 1)  # written in tenths of a second


def test_two_processes_do_not_train_one_run(tmp_path: Path) -> None:
    folder = stopped_run(tmp_path)
    with alone(folder), pytest.raises(RunError, match="another process is training this run"):
        transduce.resume(folder, quiet=True)
    assert transduce.resume(folder, quiet=True).config.status == "finished"


@pytest.mark.parametrize(
    "name", ["state.safetensors", "data/prepared.json", "data/train/source.bin", "data/tokenizer.json"]
)
def test_a_damaged_resume_folder_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    folder = stopped_run(tmp_path)
    path = folder / "resume" / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError):
        transduce.resume(folder, quiet=True)
    path.write_bytes(content)
    assert transduce.resume(folder, quiet=True).config.status == "finished"


def test_metrics_of_a_session_that_was_never_saved_are_measured_again(tmp_path: Path) -> None:
    folder = stopped_run(tmp_path)
    with open(folder / "metrics.jsonl", "a") as file:
        file.write(
            '{"step":2,"kind":"train","loss":1}\n{"step":3,"kind":"validation","loss":1,"best":true}\n{"step":3,"ki'
        )
    transduce.resume(folder, quiet=True)
    lines = read_metrics(folder / "metrics.jsonl")
    seen = [(line["kind"], line["step"]) for line in lines if line["kind"] != "event"]
    assert sorted(set(seen)) == sorted(seen)
    assert {"step": 2, "kind": "train", "loss": 1} not in lines
