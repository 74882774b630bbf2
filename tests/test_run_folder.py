"""The run folder: what stands in it, and that what is missing, cut, altered or strange is refused in one line."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from safetensors.numpy import load_file, save_file

import transduce
from tests.conftest import Command, read_metrics
from transduce.config import to_dict
from transduce.data.tokenizer import Tokenizer, TokenizerConfig
from transduce.errors import ConfigError, RunError
from transduce.models import RNNConfig
from transduce.request import Request
from transduce.run import FORMAT, RunConfig, read_config, write_config
from transduce.training.checkpoint import load_weights, save_weights
from transduce.transducer import Transducer, load

TEXTS = ["one two three", "four", "nine nine"]


def refused(folder: Path) -> str:
    """Why a folder cannot be loaded: one line that begins with a path in it."""
    with pytest.raises((RunError, ConfigError)) as caught:
        load(folder)
    told = str(caught.value)
    assert "\n" not in told
    assert told.startswith(str(folder))
    return told


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Alter config.json as somebody would who knows how its checksum is made."""
    values = to_dict(read_config(folder))
    change(values)
    write_as(folder, values)


def write_as(folder: Path, values: dict[str, Any]) -> None:
    import msgspec

    from transduce.files import sha256

    values["sha256"] = sha256(msgspec.json.encode(values, order="sorted"))
    (folder / "config.json").write_bytes(msgspec.json.encode(values))


# ------------------------------------------------------------------------------------------------ what is there


def test_a_finished_run_holds_these_files_and_no_training_pairs(trained: Path) -> None:
    names = ["config.json", "metrics.jsonl", "model.safetensors", "report.md", "tokenizer.json"]
    assert sorted(os.listdir(trained)) == names
    config = read_config(trained)
    assert (config.status, config.source, config.target) == ("finished", "english", "french")
    assert (config.source_language, config.target_language) == ("en", "fr")
    assert config.parameters == sum(array.size for array in load_file(trained / "model.safetensors").values())
    assert config.scores["test"]["pairs"] == 10
    assert config.seconds > 0
    assert {"python", "torch", "tokenizers", "numpy", "transduce"} <= config.versions.keys()


def test_who_decided_is_written_down(trained: Path) -> None:
    config = read_config(trained)
    assert config.decided["model.hidden"] == config.decided["training.optim.lr"] == "user"
    assert config.decided["model.dropout"] == config.decided["tokenizer.vocab"] == "data"
    assert config.model.hidden == 32
    assert config.training.steps == config.request.steps == 100
    assert Path(config.request.data[0]).is_absolute()


def test_metrics_are_lines_of_json_in_the_order_of_steps(trained: Path) -> None:
    lines = read_metrics(trained / "metrics.jsonl")
    assert [line["step"] for line in lines] == sorted(line["step"] for line in lines)
    assert {line["kind"] for line in lines} >= {"train", "validation", "samples", "event"}
    assert {"loss", "bleu", "chrf"} <= next(line for line in lines if line["kind"] == "validation").keys()


def test_runs_of_different_seeds_are_watched_on_the_same_pairs(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    """Of 900 held-out pairs of equal length a part is watched: which, is seen in the samples."""
    words = [f"{first}{middle}{last}" for first in "abcdefghi" for middle in "abcdefghij" for last in "abcdefghij"]
    rows = [{"english": source, "french": target} for source, target in pairs]
    held_out = [{"english": word, "french": word} for word in words]
    watched = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        transduce.train(rows, valid=held_out, test=rows[:1], out=folder, steps=1, seed=seed, threads=1, quiet=True,
                        source="english", target="french", settings=["model.hidden=8", "model.embed=8"])  # fmt: skip
        lines = read_metrics(folder / "metrics.jsonl")
        samples = next(line["samples"] for line in lines if line["kind"] == "samples")
        watched.append([sample["source"] for sample in samples])
    assert watched[0] == watched[1]
    assert len(set(watched[0])) == 3


def test_the_report_says_how_good_the_model_is_and_how_to_use_it(trained: Path) -> None:
    text = (trained / "report.md").read_text(encoding="utf-8")
    bleu = read_config(trained).scores["test"]["bleu"]
    assert f"| BLEU | {bleu['value']:.2f} | {bleu['signature'].replace('|', ', ')} |" in text
    assert text.count("- source: ") == 10
    assert f"transduce translate {trained} " in text
    assert "200 read" in text


def test_configs_survive_being_written_down(tmp_path: Path, trained: Path) -> None:
    config = read_config(trained)
    write_config(tmp_path, config)
    assert read_config(tmp_path) == config
    strange = RunConfig(request=Request(data=["/a b/ü.csv"], valid=0.05, test=["/x"], header=False, settings=["a=b"]),
                        scores={"test": {"perplexity": {"value": float("inf")}}}, reasons=["“quoted”\n\u2028"])  # fmt: skip
    write_config(tmp_path, strange)
    assert read_config(tmp_path).request == strange.request
    assert read_config(tmp_path).reasons == strange.reasons


def test_a_copy_elsewhere_is_the_same_model(trained: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(trained, tmp_path / "renamed ü")
    assert load(copy).translate(TEXTS) == load(trained).translate(TEXTS)


def test_runs_from_before_a_setting_existed_are_loaded(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    """Neither config.json nor the weights name a setting that came later; it has its default, what was done before."""
    small = ["model.hidden=32", "model.embed=32", "model.lexical=false"]
    model = transduce.train(pairs[:60], out=tmp_path / "run", steps=2, threads=1, quiet=True, settings=small)
    told = model.translate(TEXTS)
    later = {name: value for name, value in to_dict(RNNConfig()).items() if value == to_dict(model.config.model)[name]}
    assert "lexical" in later

    def forget(values: dict[str, Any]) -> None:
        for name in later.keys() - {"family"}:
            del values["model"][name]
        del values["training"]["members"], values["training"]["bpe_dropout"]

    rewrite(tmp_path / "run", forget)
    weights, notes = load_weights(tmp_path / "run" / "model.safetensors")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    key = json.dumps([config["model"], json.loads(notes["model"])[1]])
    save_weights(tmp_path / "run" / "model.safetensors", weights, metadata={"model": key})
    assert load(tmp_path / "run").translate(TEXTS) == told


# --------------------------------------------------------------------------------------- missing, cut or altered


def test_what_is_no_run_folder_is_named_with_runs_nearby(trained: Path, tmp_path: Path, run_copy: Path) -> None:
    assert "there is no such run folder" in refused(tmp_path / "other")
    assert f"Runs there: {run_copy}" in refused(tmp_path / "other")
    assert "is a file" in refused(trained / "report.md")
    (tmp_path / "empty").mkdir()
    assert "is not a run folder" in refused(tmp_path / "empty")
    assert f"Runs there: {run_copy}" in refused(tmp_path)
    long = "A man is riding a horse. " * 20  # the folder was forgotten
    with pytest.raises(RunError, match="there is no such run folder") as caught:
        load(long)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_missing_and_empty_files_are_named(run_copy: Path, name: str) -> None:
    (run_copy / name).write_bytes(b"")
    assert name in refused(run_copy)
    (run_copy / name).unlink()
    assert name in refused(run_copy)
    (run_copy / name).mkdir()
    assert name in refused(run_copy)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_cut_files_are_refused(run_copy: Path, name: str) -> None:
    content = (run_copy / name).read_bytes()
    for length in {1, 7, 9, 100, len(content) // 2, len(content) - 2}:
        (run_copy / name).write_bytes(content[:length])
        assert name in refused(run_copy) or "tokenizer" in refused(run_copy)
    (run_copy / name).write_bytes(content + b"x")
    refused(run_copy)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_altered_bytes_are_refused_or_change_nothing(run_copy: Path, name: str) -> None:
    path = run_copy / name
    content, before = path.read_bytes(), load(run_copy)
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    places = {*range(12), *(chance.randrange(len(content)) for _ in range(100)), len(content) - 1}
    harmless = 0
    for place in places:
        altered = bytearray(content)
        altered[place] ^= 1 << chance.randrange(8)
        path.write_bytes(altered)
        try:
            after = load(run_copy)
        except (RunError, ConfigError) as error:
            assert str(run_copy) in str(error), f"seed {seed}, place {place}"  # noqa: PT017
            continue
        harmless += 1  # white space between values
        assert after.config == before.config, f"seed {seed}, place {place}"
        assert (
            after.tokenizers == before.tokenizers
            or after.tokenizers.source.to_json() == before.tokenizers.source.to_json()
        )
        same = [bool((a == b).all()) for a, b in zip(after.model.parameters(), before.model.parameters(), strict=True)]
        assert all(same), f"seed {seed}, place {place}"
    assert harmless < len(places) / 2


def test_every_value_of_the_config_is_under_its_checksum(run_copy: Path) -> None:
    path = run_copy / "config.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    for key in values:
        path.write_text(json.dumps({**values, key: "other" if values[key] != "other" else 1}), encoding="utf-8")
        assert "config.json" in refused(run_copy)
        path.write_text(json.dumps({other: values[other] for other in values if other != key}), encoding="utf-8")
        assert "config.json" in refused(run_copy)
    path.write_text(json.dumps(values, indent=7), encoding="utf-8")
    assert read_config(run_copy).status == "finished"  # only its looks were changed


@pytest.mark.parametrize("content", [b"[]", b"3", b'"x"', b"null", b"{}", b'{"format":"1"}', b'{"format":1}', b"[" * 100_000,
                                     b'{"format":1,"sha256":"x","request":{"data":["\\ud800"]}}', b"\xff\xfe{}",
                                     b'{"format":100000000000000000000000000000}', b'{"format":true}'])  # fmt: skip
def test_other_json_is_no_config(run_copy: Path, content: bytes) -> None:
    (run_copy / "config.json").write_bytes(content)
    assert "config.json" in refused(run_copy)


# -------------------------------------------------------------------------------------------- of another version


def test_another_format_names_the_version_that_wrote_it(run_copy: Path) -> None:
    rewrite(run_copy, lambda values: values.update(format=FORMAT + 1, version="9.8.7"))
    assert f"is of format {FORMAT + 1}, written by transduce 9.8.7" in refused(run_copy)
    assert "Use the version that wrote it, or train again." in refused(run_copy)


def test_unknown_keys_of_a_later_version_are_refused(run_copy: Path) -> None:
    rewrite(run_copy, lambda values: values.update(flavour="new"))
    assert 'unknown key "flavour"' in refused(run_copy)


# ------------------------------------------------------------------------------------------------ from strangers


def test_sizes_that_do_not_fit_the_weights_are_refused_before_memory_is_asked_for(
    run_copy: Path, trained: Path
) -> None:
    for change in ({"hidden": 1_000_000}, {"embed": 999_998}, {"layers": 3}, {"hidden": 64}, {"attention": "none"},
                   {"layers": 10**9}, {"hidden": 10**30}, {"embed": -1}, {"hidden": 2**62}):  # fmt: skip
        shutil.copy(trained / "config.json", run_copy)
        rewrite(run_copy, lambda values, change=change: values["model"].update(change))  # type: ignore[misc]
        refused(run_copy)
    for key in ("source_vocab", "target_vocab"):
        for size in (0, -5, 10, 10**12, 10**30):
            shutil.copy(trained / "config.json", run_copy)
            rewrite(run_copy, lambda values, key=key, size=size: values.update({key: size}))  # type: ignore[misc]
            refused(run_copy)


def test_a_tokenizer_or_weights_of_another_run_are_refused(run_copy: Path) -> None:
    other = Tokenizer.train(["un deux trois"], config=TokenizerConfig(vocab=300))
    kept = (run_copy / "tokenizer.json").read_bytes()
    other.save(run_copy / "tokenizer.json")
    assert "tokenizer is not the one it was trained with" in refused(run_copy)
    (run_copy / "tokenizer.json").write_bytes(kept)
    # Weights of the same shapes, written by a library that knows nothing of our hash.
    save_file(load_file(run_copy / "model.safetensors"), run_copy / "model.safetensors")
    assert "model.safetensors" in refused(run_copy)


def test_weights_of_another_model_with_equal_shapes_are_refused(run_copy: Path) -> None:
    rewrite(run_copy, lambda values: values["model"].update(dropout=0.05))
    assert "belongs to another model" in refused(run_copy)


def test_no_weights_yet_says_how_to_go_on(run_copy: Path) -> None:
    (run_copy / "model.safetensors").unlink()
    assert f"Go on with: transduce train --resume {run_copy}" in refused(run_copy)


def test_weights_are_the_best_ones_and_know_their_step(trained: Path) -> None:
    lines = read_metrics(trained / "metrics.jsonl")
    best = [line for line in lines if line["kind"] == "validation" and line["best"]]
    _, metadata = load_weights(trained / "model.safetensors")
    assert int(metadata["step"]) == best[-1]["step"]


@pytest.mark.parametrize(
    "command", [["translate", "RUN", "x"], ["evaluate", "RUN", "x.csv"], ["score", "RUN", "x.csv"]]
)
def test_the_command_line_says_it_in_one_line(command: list[str], cli_in: Command, run_copy: Path) -> None:
    content = (run_copy / "model.safetensors").read_bytes()
    (run_copy / "model.safetensors").write_bytes(content[:-1])
    done = cli_in(*(run_copy if word == "RUN" else word for word in command))
    assert (done.status, done.out) == (1, "")
    assert done.err == f"transduce: {done.said}\n"
    assert "model.safetensors" in done.said


def test_a_run_that_is_being_trained_can_be_used_already(run_copy: Path) -> None:
    write_config(run_copy, replace(read_config(run_copy), status="training", scores={}))
    model = load(run_copy)
    assert isinstance(model, Transducer)
    assert repr(model) == f"<Transducer lstm 1x32, english -> french, {model.config.parameters // 1000}k parameters>"
    assert transduce.load(str(run_copy)).path == run_copy
