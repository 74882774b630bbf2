"""Several models trained side by side: real processes, killed and stopped, and the one model they become."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import transduce
from tests.conftest import read_metrics, run_command
from tests.training.toys import copy_task
from transduce import pipeline
from transduce.data.readers import Pair
from transduce.decoding import DecodingConfig
from transduce.errors import Interrupted, RunError
from transduce.evaluation import evaluate_pairs
from transduce.members import _plan, member_seed
from transduce.models import Ensemble
from transduce.request import Request
from transduce.run import RunConfig, read_config
from transduce.training import side_by_side
from transduce.training.budget import Deadline
from transduce.training.checkpoint import load_weights, save_weights
from transduce.training.interrupt import Stop
from transduce.training.loggers import Silent
from transduce.training.loop import TrainingConfig
from transduce.training.side_by_side import Wire, run_members
from transduce.transducer import Transducer, load

ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="looks for processes as Linux shows them"),
    pytest.mark.usefixtures("one_thread"),
]
STEPS = 60
# All that a state has to hold is in use, and saved after every update.
WORDS = ["model.hidden=16", "model.embed=16", "model.dropout=0.2", "training.validate_every=20", "training.average=0.5",
         "training.average_every=1", "training.accumulate=2", "training.save_every=0", "training.optim.lr=0.02"]  # fmt: skip
SETTINGS = ["--threads", "1", "--steps", str(STEPS), *(each for word in WORDS for each in ("--set", word))]
SEVERAL = [*SETTINGS, "--set", "training.members=2"]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]) -> tuple[Path, str]:
    """A finished run of two members on pairs from memory, and what it said."""
    folder, said = tmp_path_factory.mktemp("straight") / "run", io.StringIO()
    threads = torch.get_num_threads()
    with redirect_stderr(said):
        data = [{"english": source, "french": target} for source, target in pairs]
        model = transduce.train(data, out=folder, steps=STEPS, threads=1, settings=[*WORDS, "training.members=2"],
                                source="english", target="french")  # fmt: skip
    torch.set_num_threads(threads)
    assert isinstance(model.model, Ensemble)
    return folder, said.getvalue()


# ---------------------------------------------------------------------------------------------- what comes out


def test_a_member_is_the_model_that_the_same_command_trains_alone(
    straight: tuple[Path, str], pairs_csv: Path, tmp_path: Path
) -> None:
    """Bit for bit; the other members began elsewhere."""
    folder, _ = straight
    assert run_command("train", pairs_csv, *SETTINGS, "-o", tmp_path / "alone", "-q").status == 0
    alone, together = (load_file(place / "model.safetensors") for place in (tmp_path / "alone", folder))
    assert together.keys() == {f"members.{number}.{name}" for number in (0, 1) for name in alone}
    assert all(torch.equal(together[f"members.0.{name}"], weight) for name, weight in alone.items())
    assert not any(torch.equal(together[f"members.1.{name}"], weight) for name, weight in alone.items() if weight.any())
    assert measured(tmp_path / "alone" / "metrics.jsonl") == measured(folder / "metrics.jsonl")


def test_runs_of_neighboring_seeds_share_no_model() -> None:
    seeds = [member_seed(seed, number) for seed in range(1_000) for number in range(4)]
    assert len(set(seeds)) == len(seeds)
    assert [member_seed(seed, 0) for seed in range(1_000)] == list(range(1_000))
    assert all(0 <= member_seed(2**32 - 1, number) < 2**32 for number in range(4))  # all of it reaches torch


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]) -> Transducer:
    """Two members, one of which learned targets from right to left."""
    return _of_words(tmp_path_factory.mktemp("both") / "run", pairs, "training.right_to_left=1")


def _of_words(folder: Path, pairs: list[tuple[str, str]], *more: str) -> Transducer:
    rows = [{"english": source, "french": target} for source, target in pairs]
    return transduce.train(rows[40:], valid=rows[:20], test=rows[20:40], out=folder, steps=STEPS, threads=1, quiet=True,
                           source="english", target="french",
                           settings=[*WORDS, "training.members=2", "tokenizer.kind=word", "training.best_by=loss", *more])  # fmt: skip


def test_a_member_from_right_to_left_is_one_that_learns_reversed_texts(
    both_ways: Transducer, pairs: list[tuple[str, str]], tmp_path: Path
) -> None:
    """Bit for bit: a word is a token here, and so the words of a text can be reversed beforehand."""
    turned = [(source, " ".join(reversed(target.split()))) for source, target in pairs]
    assert turned != pairs
    _of_words(tmp_path / "run", turned)
    assert both_ways.path is not None
    ours, theirs = (load_file(place / "model.safetensors") for place in (both_ways.path, tmp_path / "run"))
    second = {name for name in ours if name.startswith("members.1.")}
    assert all(torch.equal(ours[name], theirs[name]) for name in second)
    assert not all(torch.equal(ours[name], theirs[name]) for name in ours.keys() - second)
    own, other = (measured(place / "metrics-2.jsonl") for place in (both_ways.path, tmp_path / "run"))
    assert own == other
    # What validation writes is in the order of the words: its BLEU is that of the usual texts, not of reversed ones.
    alone = both_ways.model.right_to_left
    assert alone is not None
    found = evaluate_pairs(alone, both_ways.tokenizers, [Pair(*pair, 1) for pair in pairs[:20]],
                           decoding=DecodingConfig(beam=1), right_to_left=True)  # fmt: skip
    lines = read_metrics(both_ways.path / "metrics-2.jsonl")
    best = next(line for line in reversed(lines) if line["kind"] == "validation" and line["best"])
    assert found.scores["chrf"].value == pytest.approx(best["chrf"])
    assert both_ways.config.training.right_to_left == 1


def test_both_directions_rank_what_one_of_them_writes(both_ways: Transducer, pairs: list[tuple[str, str]]) -> None:
    assert both_ways.path is not None
    assert repr(both_ways).startswith("<Transducer 2 x lstm 1x16, english -> french, ")
    assert "general attention, lexical, 1 right to left" in (both_ways.path / "report.md").read_text(encoding="utf-8")
    texts = [source for source, _ in pairs[:20]]
    assert both_ways.translate(texts) == [both_ways.translate(text) for text in texts]
    for text in texts[:5]:
        trace = transduce.trace(both_ways, text)
        (((own, best),),) = both_ways.hypotheses([text])
        assert (trace.target.text, trace.alternatives[0].text) == (own, own)
        assert trace.score.score == pytest.approx(best.score, abs=1e-4)
        assert trace.score.right_to_left is not None
        both = (trace.score.log_prob + trace.score.right_to_left) / 2
        assert trace.score.score == pytest.approx(both / trace.score.length_penalty, abs=1e-4)
        assert trace.beam_width == 10
    told = run_command("explain", both_ways.path, texts[0]).out
    assert "log P of the target from its last token to its first" in told


def test_all_models_from_right_to_left_are_refused(pairs_csv: Path, tmp_path: Path) -> None:
    done = run_command("train", pairs_csv, "--set", "training.members=2", "--set", "training.right_to_left=2", "--steps", "5",
                       "-o", tmp_path / "run")  # fmt: skip
    assert done.status == 1
    assert "below training.members, 2: the others write; got 2" in done.err
    assert not (tmp_path / "run").exists()


def measured(path: Path) -> list[tuple[int, float]]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(line["step"], line["loss"]) for line in lines if line["kind"] == "validation"]


def test_the_run_folder_is_that_of_one_model(straight: tuple[Path, str]) -> None:
    folder, said = straight
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json", "metrics-2.jsonl", "metrics.jsonl", "model.safetensors", "report.md", "tokenizer.json",
    ]  # fmt: skip
    config = read_config(folder)
    assert (config.status, config.training.members, config.decided["training.members"]) == ("finished", 2, "user")
    steps = [[step for step, _ in measured(folder / name)] for name in ("metrics.jsonl", "metrics-2.jsonl")]
    assert steps[0] == steps[1] == [20, 40, 60, 60]
    assert "2 encoder-decoder models that translate together (2 x lstm 1x16, general attention, lexical)" in (
        folder / "report.md"
    ).read_text(encoding="utf-8")
    # The first member is heard as a run of one is, of the other only what is its best.
    assert "Training 2 x lstm 1x16, general attention" in said
    assert "(cpu, 1 thread each)" in said
    assert len([line for line in said.splitlines() if line.startswith("step ") and ": BLEU" in line]) >= 4
    assert all("(best)" in line for line in said.splitlines() if "member 2:" in line)
    assert "member 2: BLEU" in said


def test_what_was_trained_together_translates_together(
    straight: tuple[Path, str], pairs: list[tuple[str, str]], pairs_csv: Path, tmp_path: Path
) -> None:
    folder, _ = straight
    model = load(folder)
    assert isinstance(model.model, Ensemble)
    assert repr(model).startswith("<Transducer 2 x lstm 1x16, english -> french, ")
    assert model.config.parameters == sum(weight.numel() for weight in model.model.parameters())
    # The probability of a pair is the product over its symbols of the members' mean: once more, by hand.
    (source, target) = pairs[3]
    ids = [
        [*side.encode(text), 2] for side, text in ((model.tokenizers.source, source), (model.tokenizers.target, target))
    ]
    given = torch.tensor([[1, *ids[1][:-1]]])
    with torch.no_grad():
        each = [member(torch.tensor([ids[0]]), torch.tensor([len(ids[0])]), given).softmax(dim=-1)[0]
                for member in model.model.members]  # fmt: skip
    mean = (each[0] + each[1]) / 2
    expected = float(mean[torch.arange(len(ids[1])), torch.tensor(ids[1])].log().sum())
    assert model.score([(source, target)])[0] == pytest.approx(expected, abs=1e-4)
    texts = [source for source, _ in pairs[:30]]
    assert model.translate(texts) == [model.translate(text) for text in texts]
    assert model.translate(texts, sample=True) == [model.translate(text, sample=True) for text in texts]
    assert '"bleu"' in run_command("evaluate", folder, pairs_csv, "--json").out
    found = json.loads(run_command("explain", folder, source, "--json", "--gradient", "integrated").out)
    assert [layer["input"] for layer in found["decoder"]] == [
        f"the embedding of the token before; this is layer 0 of member {number}" for number in (1, 2)
    ]
    assert len(found["attention"]) == 1
    page = tmp_path / "page.html"
    assert run_command("explain", folder, source, "--html", page).status == 0
    assert page.stat().st_size > 10_000


def test_a_run_that_is_cut_or_lacks_a_member_is_refused(straight: tuple[Path, str], tmp_path: Path) -> None:
    folder = shutil.copytree(straight[0], tmp_path / "run")
    weights, _ = load_weights(folder / "model.safetensors")
    one = {name: weight for name, weight in weights.items() if name.startswith("members.0.")}
    save_weights(folder / "model.safetensors", one, metadata={"model": "x"})
    with pytest.raises(RunError, match=r"it has no members\.1\."):
        load(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(RunError, match="its members are still trained"):
        load(folder)


@pytest.mark.parametrize(
    ("given", "told"), [("0", "from 1 to 100; got 0"), ("two", "training.members: expected a whole")]
)
def test_impossible_numbers_of_members_are_refused(given: str, told: str, pairs_csv: Path, tmp_path: Path) -> None:
    done = run_command("train", pairs_csv, "--set", f"training.members={given}", "-o", tmp_path / "run")
    assert (done.status, told in done.said) == (1, True), done.err
    assert not (tmp_path / "run").exists()


def test_the_hidden_command_stays_hidden() -> None:
    assert not [line for line in run_command("--help").out.splitlines() if line.split()[:1] == ["member"]]


# ------------------------------------------------------------------------------------------ killed and stopped


def children_of(parent: int) -> list[int]:
    """Processes that a process has started and that live."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = int(status.parent.name), status.read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if int(rest[1]) == parent and rest[0] != "Z":
            found.append(pid)
    return sorted(found)


def gone(pids: list[int], *, within: float = 10.0) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.02)
    return False


def states(folder: Path) -> list[Path]:
    return [folder / "resume" / "members" / str(number) / "state.safetensors" for number in (0, 1)]


@contextmanager
def when_both_learn(folder: Path, act: Callable[[], None]) -> Iterator[None]:
    """``act`` once both members have saved something in this session."""
    began, over = time.time(), threading.Event()

    def wait() -> None:
        while not over.is_set():
            if all(path.exists() and path.stat().st_mtime > began for path in states(folder)):
                act()
                return
            time.sleep(0.005)

    waiting = threading.Thread(target=wait)
    waiting.start()
    try:
        yield
    finally:
        over.set()
        waiting.join()


def test_whatever_kills_them_the_end_is_the_same(straight: tuple[Path, str], pairs_csv: Path, tmp_path: Path) -> None:
    """One run, four sessions: everything is killed; one member is; it is stopped; and it comes to its end."""
    folder = tmp_path / "my run"
    command = [sys.executable, "-m", "transduce", "train", str(pairs_csv), *SEVERAL, "-o", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
    with when_both_learn(folder, lambda: (members.extend(children_of(process.pid)), process.kill())):  # type: ignore[func-returns-value]
        members: list[int] = []
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert len(members) == 2
    assert gone(members)  # no orphan goes on

    own = children_of(os.getpid())
    with when_both_learn(folder, lambda: os.kill(max(set(children_of(os.getpid())) - set(own)), signal.SIGKILL)):
        done = run_command("train", "--resume", folder)
    assert done.status == 1
    assert done.said == ("Member 2 of 2: ended by SIGKILL before it was done. "
                         f"Go on with: transduce train --resume '{folder}'")  # fmt: skip
    assert children_of(os.getpid()) == own
    assert "Going on with 2 x lstm" in done.err

    with when_both_learn(folder, lambda: os.kill(os.getpid(), signal.SIGTERM)):
        done = run_command("train", "--resume", folder, "-q")
    assert done.status == 130
    assert done.said.startswith("Stopped at step ")
    assert done.said.endswith(f"by SIGTERM; all is saved. Go on with: transduce train --resume '{folder}'")
    assert children_of(os.getpid()) == own
    assert not (folder / "model.safetensors").exists()

    assert run_command("train", "--resume", folder, "-q") == (0, "", "")
    assert (folder / "model.safetensors").read_bytes() == (straight[0] / "model.safetensors").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in straight[0].iterdir())
    for name in ("metrics.jsonl", "metrics-2.jsonl"):
        assert measured(folder / name) == measured(straight[0] / name)
    assert read_config(folder).scores == read_config(straight[0]).scores


def test_the_time_of_all_sessions_is_counted(pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    request = Request(data=[], steps=STEPS, threads=1, settings=[*WORDS, "training.members=2"])
    folder, started = tmp_path / "run", time.perf_counter()
    with when_both_learn(folder, lambda: os.kill(os.getpid(), signal.SIGTERM)), pytest.raises(Interrupted):
        pipeline.fit(request, folder, began=started - 1000, quiet=True, in_memory={"data": pairs})
    seconds = pipeline.resume(folder, began=time.perf_counter() - 200, quiet=True).config.seconds
    assert 1200 < seconds <= round(1200 + time.perf_counter() - started, 1)  # written in tenths of a second


def test_a_process_that_is_no_member_is_told_of_with_its_last_words() -> None:
    """What it wrote to stdout is no message and changes nothing; the others are ended with it."""
    with pytest.raises(RunError) as caught:
        run_members(
            [["--version"], ["train", "--help"]], threads=1, logger=Silent(), stop=Stop(), how_to_resume="Go on."
        )
    assert re.fullmatch(r"Member [12] of 2: ended by status 0 before it was done\. Go on\.", str(caught.value))
    with pytest.raises(
        RunError, match=r"^Member 1 of 1: ended by status 2 before it was done \(.*there is no DATA.*\)"
    ):
        run_members([["train", "--quiet"]], threads=1, logger=Silent(), stop=Stop())


# -------------------------------------------------------------------------------------------------- small parts


def test_the_plan_sets_aside_what_the_report_of_all_members_costs(pairs: list[tuple[str, str]]) -> None:
    """A validation is of one member, the report of all."""
    request = Request(data=[], budget=300.0)
    held_out = [Pair(*pair, 1) for pair in pairs[:60]]
    prepared: Any = SimpleNamespace(train=copy_task(40), valid=held_out[:20], test=held_out)

    def cost(members: int, threads: int) -> float:
        training = TrainingConfig(members=members)
        config = RunConfig(request=request, training=training, machine={"threads": threads})
        plan = _plan(config, training, prepared, began=0.0, resumed=False)
        assert isinstance(plan, Deadline)
        return plan.report_cost

    assert cost(1, 4) == pytest.approx(3 * 60 / 20)
    assert cost(4, 4) == pytest.approx(4 * 3 * 60 / 20)
    assert cost(2, 3) == pytest.approx(2 * 3 * 60 / 20)
    # Four on two threads make each validation take twice as long, but the report has the machine for itself.
    assert cost(4, 2) == pytest.approx(2 * 3 * 60 / 20)


def test_measures_that_are_no_numbers_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON has no nan; a member that diverges is heard all the same."""
    told: list[bytes] = []
    wire = Wire.__new__(Wire)
    wire._told = 0.0

    class File:
        def write(self, line: bytes) -> None:
            told.append(line)

    wire._file = File()  # type: ignore[assignment]
    wire.validation(7, {"loss": float("nan"), "bleu": 3.5}, best=True)
    (line,) = told
    found = side_by_side._DECODER.decode(line)
    assert isinstance(found, side_by_side.Validated)
    assert found.measures == {"loss": None, "bleu": 3.5}
