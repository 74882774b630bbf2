from __future__ import annotations

import errno
import io
import json
import os
import sys
import types
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.training.toys import Notes
from transduce.errors import ConfigError, MissingExtra, RunError
from transduce.training.console import Console
from transduce.training.loggers import JSONL, Logger, Sample, Several, Silent, Status, TensorBoard, WandB

STATUS = Status(step=30, total=1200, loss=3.21, tokens_per_second=8765.4, seconds=61.0, seconds_left=125.0, lr=3e-3)
SAMPLES = [Sample("a [red] cat", "un chat rouge", "un chat\nrouge")]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def tell_all(logger: Logger, step: int = 10) -> None:
    logger.scalars(step, {"loss": 5.0, "learning_rate": 0.003})
    logger.validation(step, {"loss": 4.5, "chrf": 12.34, "token_accuracy": 50.0}, best=True)
    logger.samples(step, SAMPLES)
    logger.event(step, "plan", "1,200 steps")
    logger.progress(STATUS)


# ----------------------------------------------------------------------------------------------------- JSONL


def test_jsonl_writes_one_object_a_line_and_each_is_there_at_once(tmp_path: Path) -> None:
    logger = JSONL(tmp_path / "m.jsonl")
    tell_all(logger)
    assert lines(tmp_path / "m.jsonl") == [
        {"step": 10, "kind": "train", "loss": 5.0, "learning_rate": 0.003},
        {"step": 10, "kind": "validation", "loss": 4.5, "chrf": 12.34, "token_accuracy": 50.0, "best": True},
        {"step": 10, "kind": "samples",
         "samples": [{"source": "a [red] cat", "output": "un chat rouge", "reference": "un chat\nrouge"}]},
        {"step": 10, "kind": "event", "name": "plan", "text": "1,200 steps"},
    ]  # fmt: skip
    logger.close()
    logger.close()


def test_what_is_not_a_number_stays_readable(tmp_path: Path) -> None:
    with closing(JSONL(tmp_path / "m")) as logger:
        logger.scalars(1, {"loss": float("nan"), "gradient_norm": float("inf")})
    assert lines(tmp_path / "m") == [{"step": 1, "kind": "train", "loss": None, "gradient_norm": None}]


def test_a_resumed_run_measures_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "m"
    with closing(JSONL(path)) as logger:
        for step in range(1, 9):
            logger.scalars(step, {"loss": float(step)})
    with open(path, "ab") as file:  # killed within a line
        file.write(b'{"step": 3, "ki')
    with closing(JSONL(path)) as again:
        again.truncate_after(5)
        for step in range(6, 11):
            again.scalars(step, {"loss": float(step)})
    assert [line["step"] for line in lines(path)] == list(range(1, 11))


def test_truncating_what_is_not_there_or_not_ours_does_no_harm(tmp_path: Path) -> None:
    JSONL(tmp_path / "none").truncate_after(3)
    assert not (tmp_path / "none").exists()
    (tmp_path / "odd").write_text('\n[]\n{"step": "x"}\nnull\n{"step": 2}\n')
    JSONL(tmp_path / "odd").truncate_after(3)
    assert lines(tmp_path / "odd") == [{"step": 2}]


def test_a_full_disk_is_told_and_closing_works_afterwards(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    logger = JSONL("/dev/full")
    with pytest.raises(RunError, match="/dev/full: no space left"):
        logger.scalars(1, {"loss": 1.0})
    logger.close()


def test_a_failing_truncation_keeps_all_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m"
    with closing(JSONL(path)) as logger:
        logger.scalars(9, {"loss": 1.0})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match="no space left"):
            JSONL(path).truncate_after(3)
    assert len(lines(path)) == 1


# --------------------------------------------------------------------------------------------------- console


def test_where_there_is_no_terminal_one_plain_line_a_validation_is_all() -> None:
    stream = io.StringIO()
    logger = Console(stream)
    logger.progress(STATUS)
    tell_all(logger, step=1200)
    logger.close()
    assert stream.getvalue() == "step 1,200, 1 min 01 s: loss 4.500, chrF 12.3, tokens right 50.0 % (best)\n"


def test_where_there_is_no_terminal_skipped_updates_are_still_told() -> None:
    stream = io.StringIO()
    Console(stream).event(7, "skipped", "The loss was not finite.")
    assert stream.getvalue() == "step 7: The loss was not finite.\n"


def test_long_lines_are_not_broken_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    Console(stream).validation(1, {f"measure{number}": 1.0 for number in range(40)}, best=False)
    assert stream.getvalue().count("\n") == 1


def test_on_a_terminal_one_line_moves_and_samples_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(Console, "REDRAW", 0.0)
    stream = io.StringIO()
    logger = Console(stream, live=True)
    logger.progress(STATUS)
    told = stream.getvalue()
    for words in ("step 30/1,200", "loss 3.210", "8,765 tokens/s", "2 min 05 s left", "lr 3.0e-03"):
        assert words in told
    tell_all(logger)
    logger.progress(STATUS._replace(total=None, seconds_left=None))
    assert "measuring the speed" in stream.getvalue()
    logger.close()
    for words in ("a [red] cat", "un chat rouge", "1,200 steps", "chrF 12.3"):
        assert words in stream.getvalue()


def test_a_sample_cannot_command_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    logger = Console(stream, live=True)
    logger.samples(1, [Sample("clear\x1b[2Jscreen", "bell\x07", "[bold]plain[/bold]\nline")])
    told = stream.getvalue()
    assert "\x1b[2J" not in told
    assert "\x07" not in told
    assert "clear\\x1b[2Jscreen" in told
    assert "[bold]plain[/bold]\\nline" in told


def test_the_moving_line_is_drawn_a_few_times_a_second_at_most() -> None:
    stream = io.StringIO()
    logger = Console(stream, live=True)
    for step in range(2000):
        logger.progress(STATUS._replace(step=step))
    logger.close()
    assert stream.getvalue().count("tokens/s") < 100


# --------------------------------------------------------------------------------------------------- several


def test_several_passes_everything_on_and_closes_all_even_if_one_cannot() -> None:
    class Broken(Logger):
        def scalars(self, step: int, values: Any) -> None: ...
        def validation(self, step: int, measures: Any, *, best: bool) -> None: ...
        def samples(self, step: int, samples: Any) -> None: ...
        def event(self, step: int, name: str, text: str) -> None: ...
        def progress(self, status: Status) -> None: ...
        def close(self) -> None:
            raise RunError("cannot close")

    closed: list[bool] = []
    notes = Notes()
    notes.close = lambda: closed.append(True)  # type: ignore[method-assign]
    logger = Several(Silent(), Broken(), notes)
    tell_all(logger)
    assert (len(notes.rows), len(notes.validations), len(notes.events), len(notes.statuses)) == (1, 1, 1, 1)
    with pytest.raises(RunError, match="cannot close"):
        logger.close()
    assert closed == [True]


# ---------------------------------------------------------------------------------------------------- extras


@pytest.mark.parametrize(("make", "extra", "module"), [
    (lambda folder: TensorBoard(folder), "tensorboard", "torch.utils.tensorboard"),
    (lambda folder: WandB(folder), "wandb", "wandb"),
])  # fmt: skip
def test_a_missing_extra_is_named_with_its_pip_line(
    make: Any, extra: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'transduce\[{extra}\]'"):
        make(tmp_path)


@pytest.mark.filterwarnings("default")  # tensorboard's own
def test_tensorboard_reads_what_was_written_and_hides_what_a_resume_repeats(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    first = TensorBoard(tmp_path)
    for step in (10, 20, 30):
        first.scalars(step, {"loss": float(step)})
    tell_all(first, step=10)
    first.close()
    second = TensorBoard(tmp_path, resume_at=20)
    second.scalars(30, {"loss": 31.0})
    second.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    seen = {scalar.step: scalar.value for scalar in events.Scalars("train/loss")}
    assert seen[30] == 31.0
    assert [scalar.step for scalar in events.Scalars("train/loss")].count(30) == 1
    assert events.Scalars("validation/chrf")[0].value == pytest.approx(12.34)


class FakeWandB(types.ModuleType):
    """The few names of wandb that are used, as its documentation has them."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.calls: list[tuple[str, Any]] = []
        self.Table = lambda columns, data: ("table", columns, data)

    def init(self, **settings: Any) -> FakeWandB:
        self.calls.append(("init", settings))
        return self

    def log(self, values: dict[str, Any], step: int) -> None:
        self.calls.append(("log", (step, values)))

    def finish(self) -> None:
        self.calls.append(("finish", None))


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> FakeWandB:
    fake = FakeWandB()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return fake


def test_wandb_stays_offline_unless_asked(wandb: FakeWandB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_ERROR_REPORTING", raising=False)
    WandB(tmp_path / "w", config={"lr": 1})
    assert os.environ["WANDB_ERROR_REPORTING"] == "false"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    WandB(tmp_path / "w")
    WandB(tmp_path / "w", mode="online")
    assert [settings["mode"] for _, settings in wandb.calls] == ["offline", "disabled", "online"]
    assert (tmp_path / "w").is_dir()
    with pytest.raises(ConfigError, match="offline"):
        WandB(tmp_path, mode="on")


def test_wandb_gets_scalars_samples_and_one_end(wandb: FakeWandB, tmp_path: Path) -> None:
    logger = WandB(tmp_path)
    tell_all(logger)
    logger.close()
    logger.close()
    logged = {name: value for kind, call in wandb.calls if kind == "log" for name, value in call[1].items()}
    assert logged["train/loss"] == 5.0
    assert logged["validation/chrf"] == 12.34
    assert logged["samples"] == ("table", ["source", "output", "reference"], [list(SAMPLES[0])])
    assert [kind for kind, _ in wandb.calls].count("finish") == 1


def test_the_extras_are_imported_only_when_used() -> None:
    import subprocess

    code = "import sys, transduce.training.loggers; print([m for m in ('wandb', 'tensorboard') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
