"""Presets: the papers' sizes and rates, and a run that begins with one, is stopped, goes on and is loaded."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from msgspec.structs import replace

import transduce
from tests.conftest import Command
from transduce import presets
from transduce.config import with_settings
from transduce.errors import ConfigError
from transduce.models import TransformerConfig
from transduce.request import Settings
from transduce.training.optim import lr_at
from transduce.transducer import count_parameters


def millions(model: object, source: int, target: int) -> float:
    return count_parameters(model, source, target) / 1e6  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("preset", "source", "target", "paper", "within"),
    [
        (presets.sutskever2014, 160_000, 80_000, 384, 0.001),  # section 3.4
        (presets.vaswani2017_big, 37_000, 37_000, 213, 0.02),  # table 3
        (presets.vaswani2017_base, 37_000, 37_000, 65, 0.03),
        (presets.tiny_transformer, 10_000, 10_000, 2.6, 0.02),
    ],
)
def test_parameters_are_the_papers(preset: object, source: int, target: int, paper: float, within: float) -> None:
    assert millions(preset().model, source, target) == pytest.approx(paper, rel=within)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("changes", "paper"),
    [
        ({}, 65), ({"layers": 2, "encoder_layers": 2}, 36), ({"layers": 4, "encoder_layers": 4}, 50),
        ({"layers": 8, "encoder_layers": 8}, 80), ({"hidden": 256}, 28), ({"hidden": 1024}, 168),
        ({"feed_forward": 1024}, 53), ({"feed_forward": 4096}, 90),
    ],
)  # fmt: skip
def test_the_rows_of_table_3_at_one_vocabulary(changes: dict[str, int], paper: int) -> None:
    """Vaswani et al. 2017, parts (C) and base: whole millions."""
    model = replace(presets.vaswani2017_base().model, **changes)
    assert millions(model, 41_000, 41_000) == pytest.approx(paper, abs=1)


@pytest.mark.parametrize(("preset", "hidden"), [(presets.vaswani2017_base, 512), (presets.vaswani2017_big, 1024)])
def test_the_learning_rate_is_equation_3(preset: object, hidden: int) -> None:
    optim = preset().training.optim  # type: ignore[operator]
    for step in (1, 100, 3999, 4000, 4001, 50_000):
        expected = hidden**-0.5 * min(step**-0.5, step * 4000**-1.5)
        assert math.isclose(lr_at(optim, step - 1, 100_000), expected, rel_tol=1e-9)


def test_names_pages_and_settings(cli_in: Command) -> None:
    listed = cli_in("presets")
    assert listed.status == 0
    for preset in presets.PRESETS:
        name = preset().name
        assert presets.find(name.replace("-", "_")) == preset()
        assert any(line.startswith(name) for line in listed.out.splitlines())
        page = cli_in("presets", name).out
        assert all(word in page for word in ("Paper:", "Departures:", "Expect:", f"--preset {name}"))
        given = cli_in("presets", name, "--settings").out.splitlines()
        again = with_settings(Settings(), given)
        assert (again.model, again.tokenizer, again.training, again.decoding) == (
            preset().model, preset().tokenizer, preset().training, preset().decoding)  # fmt: skip
    assert len(listed.out.split("\n\n")[0].splitlines()) == len(presets.PRESETS)
    assert 'Did you mean "tiny-transformer"?' in cli_in("presets", "tiny-transfomer").said
    assert 'Did you mean "luong2015"?' in cli_in("train", "pairs.csv", "--preset", "luong2014").said
    with pytest.raises(ConfigError, match="no preset"):
        presets.find("x")


def test_a_run_with_a_preset_from_the_shell(cli_in: Command, pairs_csv: Path) -> None:
    small = ["--set", "model.hidden=16", "--set", "tokenizer.vocab=300", "--threads", 1]
    done = cli_in("train", pairs_csv, "--preset", "tiny-transformer", "--steps", 6, *small, "-o", "run")
    assert done.status == 0, done.err
    assert "Training transformer 4+4x16, 4 heads, post-norm" in done.err
    kept = json.loads(Path("run/config.json").read_text(encoding="utf-8"))
    decided = kept["decided"]
    assert [decided[key] for key in ("model.family", "model.norm", "training.optim.schedule")] == ["preset"] * 3
    assert [decided[key] for key in ("model.hidden", "tokenizer.vocab", "training.steps")] == ["user"] * 3
    assert (kept["request"]["recipe"]["name"], kept["training"]["steps"]) == ("tiny-transformer", 6)
    assert "transformer 4+4x16" in Path("run/report.md").read_text(encoding="utf-8")
    model = transduce.load("run")
    assert repr(model).startswith("<Transducer transformer 4+4x16, english -> french")
    assert cli_in("translate", "run", "one two").out == model.translate("one two") + "\n"
    assert cli_in("explain", "run", "one two").status == 0
    assert cli_in("train", "--resume", "run", "--preset", "cho2014").status == 2


def test_a_stopped_transformer_goes_on_to_the_same_weights(
    tmp_path: Path, pairs_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transduce.training import loop

    options = {"settings": ["model.family=transformer", "model.hidden=16", "training.save_every=0"], "steps": 12,
               "quiet": True, "threads": 1}  # fmt: skip
    straight = transduce.train(str(pairs_csv), out=tmp_path / "straight", **options)  # type: ignore[arg-type]
    assert isinstance(straight.config.model, TransformerConfig)
    log = loop._Run.log

    def stop(run: loop._Run, *rest: object) -> None:
        log(run, *rest)  # type: ignore[arg-type]
        if run.progress.step == 7:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop._Run, "log", stop)
    with pytest.raises(transduce.TransduceError):
        transduce.train(str(pairs_csv), out=tmp_path / "stopped", **options)  # type: ignore[arg-type]
    monkeypatch.setattr(loop._Run, "log", log)
    resumed = transduce.resume(tmp_path / "stopped", quiet=True)
    weights = resumed.model.state_dict()
    assert all(bool((weights[name] == each).all()) for name, each in straight.model.state_dict().items())


def test_a_recipe_from_python_ends_when_it_says(tmp_path: Path, pairs_csv: Path) -> None:
    recipe = replace(
        presets.tiny_transformer(), name="mine", training=replace(presets.tiny_transformer().training, steps=3)
    )
    model = transduce.train(str(pairs_csv), recipe=recipe, out=tmp_path / "run", quiet=True, threads=1,
                            settings=["tokenizer.vocab=300", "model.hidden=16", "model.positions=learned"])  # fmt: skip
    assert (model.config.training.steps, model.config.request.recipe) == (3, recipe)
    with pytest.raises(ConfigError, match="max_positions must be more than --max-length"):
        transduce.train(str(pairs_csv), recipe=recipe, out=tmp_path / "short", quiet=True, threads=1,
                        settings=["model.positions=learned", "model.max_positions=100"])  # fmt: skip
