"""From data to a run: the split, held-out parts, settings, and the Python face."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

import transduce
from tests.conftest import LEARNING, SMALL, Command, number_pairs, read_metrics, run_command, write_csv
from transduce.data.alike import open_like
from transduce.data.corpus import Corpus
from transduce.data.prepare import Prepared
from transduce.data.split import text_key
from transduce.errors import ConfigError, DataError, RunError, TransduceError
from transduce.presets import find
from transduce.request import Request, check_request, default_folder, held_out_request, paths_of
from transduce.run import read_config
from transduce.training.budget import Trial
from transduce.transducer import Transducer, load

QUICK: dict[str, Any] = {"steps": 2, "threads": 1, "quiet": True, "settings": SMALL[3::2]}
Pairs = list[tuple[str, str]]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test in its own folder, and the number of threads as it was."""
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    yield
    torch.set_num_threads(threads)


class Kept(Exception):
    pass


def prepared(data: Any, **options: Any) -> tuple[Pairs, Pairs, Pairs]:
    """Training, validation and test pairs as a run of these options has them."""
    parts: list[Prepared] = []

    def keep(config: Any, prepared: Prepared, *rest: Any) -> None:
        parts.append(prepared)
        texts.extend(pairs_of(prepared.train, prepared))
        raise Kept

    texts: Pairs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transduce.pipeline.decide", keep)
        with pytest.raises(Kept):
            transduce.train(data, out="kept", **{**QUICK, **options})
    assert not Path("kept").exists()
    return texts, [pair[:2] for pair in parts[0].valid], [pair[:2] for pair in parts[0].test]


def pairs_of(corpus: Corpus, prepared: Prepared) -> Pairs:
    sides = prepared.tokenizers
    return [(sides.source.decode(source.tolist()), sides.target.decode(target.tolist())) for source, target in corpus]


# --------------------------------------------------------------------------------------------------- the split


def linked_pairs() -> Pairs:
    """Sources with several targets, targets with several sources, and texts that differ in case and spaces only."""
    pairs = []
    for number in range(60):
        pairs += [(f"a {number}", f"x {number}"), (f"a {number}", f"y {number}"), (f"B {number}", f"x {number}"),
                  (f"b  {number}", f"z {number}")]  # fmt: skip
    return pairs


def test_nothing_held_out_by_default_was_seen_in_training() -> None:
    train, valid, test = prepared(linked_pairs())
    assert len(train) + len(valid) + len(test) == 240
    assert 4 <= len(valid) <= 12
    assert 4 <= len(test) <= 12
    seen = {text_key(text) for pair in train for text in pair}
    for part in (valid, test):
        assert not seen & {text_key(text) for pair in part for text in pair}


def test_the_split_is_drawn_by_the_seed(pairs: Pairs) -> None:
    assert prepared(pairs) == prepared(pairs)
    assert prepared(pairs)[1:] != prepared(pairs, seed=1)[1:]


@pytest.mark.parametrize(
    ("valid", "test", "sizes"),
    [
        (None, None, (10, 10)),
        (0.1, 0.2, (20, 40)),
        (7, 3, (7, 3)),
        ("7", "0.05", (7, 10)),
        ("10%", 0, (20, 0)),
        (None, 0.0, (10, 0)),
    ],
)
def test_held_out_parts_by_share_and_by_count(pairs: Pairs, valid: Any, test: Any, sizes: tuple[int, int]) -> None:
    found = prepared(pairs, valid=valid, test=test)
    assert tuple(map(len, found)) == (200 - sum(sizes), *sizes)
    assert sorted(pair for part in found for pair in part) == sorted(pairs)


def test_held_out_files_are_used_whole_and_nothing_is_split_off(pairs: Pairs, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "pairs.csv", pairs)
    valid, test = number_pairs(12, seed=5), number_pairs(8, seed=6)
    write_csv(tmp_path / "valid.csv", valid)
    # Its columns stand the other way round: they are found by their names.
    write_csv(tmp_path / "test.csv", [(target, source) for source, target in test], header=("french", "english"))
    assert prepared(path, valid="valid.csv", test=tmp_path / "test.csv") == (pairs, valid, test)
    assert list(map(len, prepared(path, valid="valid.csv"))) == [190, 12, 10]
    assert prepared(path, valid=valid, test=pd.DataFrame(test, columns=["english", "french"])) == (pairs, valid, test)
    assert prepared(path, valid=(pair for pair in valid), test=5)[1] == valid


def test_parallel_text_and_one_of_two_names(pairs: Pairs, tmp_path: Path) -> None:
    held_out = number_pairs(9, seed=7)
    for name, part in (("train", pairs), ("dev", held_out)):
        for ending, side in (("en", 0), ("fr", 1)):
            (tmp_path / f"{name}.{ending}").write_text("".join(pair[side] + "\n" for pair in part))
    for data in (["train.en", "train.fr"], "train.{en,fr}", [tmp_path / "train.en", tmp_path / "train.fr"]):
        for valid in ("dev.en", "dev.fr", "dev", ["dev.en", "dev.fr"], "dev.{en,fr}"):
            assert prepared(data, valid=valid, test=0)[1] == held_out
    assert prepared(["train.fr", "train.en"], valid="dev.en", test=0)[1] == [
        (target, source) for source, target in held_out
    ]
    path = write_csv(
        tmp_path / "dev.csv", [(target, source) for source, target in held_out], header=("French", "English")
    )
    assert prepared(["train.en", "train.fr"], valid=path, test=0)[1] == held_out


def test_held_out_pairs_that_are_too_long_are_left_out_and_named(cli_in: Command, tmp_path: Path, pairs: Pairs) -> None:
    long = ("one " * 300, "one " * 300)
    path = write_csv(tmp_path / "pairs.csv", pairs)
    write_csv(tmp_path / "valid.csv", [long, ("one two", "two one"), long])
    done = cli_in("train", path, *SMALL, "--steps", 1, "--valid", "valid.csv", "--test", 0, "-o", "out")
    assert "2 held-out pairs are longer than 250 tokens and left out (rows 2, 4)" in done.err
    assert read_config("out").scores["valid"]["pairs"] == 1
    # A test file is measured whole.
    done = cli_in("train", path, *SMALL, "--steps", 1, "--test", "valid.csv", "-o", "whole", "--set", "decoding.beam=1")
    assert "left out" not in done.err
    assert read_config("whole").scores["test"]["pairs"] == 3


def test_data_for_one_held_out_part_validates_on_it() -> None:
    model = transduce.train([("a b", "b a"), ("c d", "d c")], out="out", **QUICK)
    assert list(model.config.scores) == ["valid"]
    assert model.config.scores["valid"]["pairs"] == 1
    # All pairs are linked: one of two equal groups must be held out, and there is none for a second part.
    model = transduce.train([("a b", "b a")] * 20 + [("c d", "d c")] * 19, out="linked", **QUICK)
    assert list(model.config.scores) == ["valid"]


# ---------------------------------------------------------------------------------------------------- settings


def test_the_articles_plain_model(cli_in: Command, pairs_csv: Path) -> None:
    plain = ["model.attention=none", "model.bidirectional=false", "tokenizer.kind=word", "tokenizer.lowercase=true"]
    words = [word for setting in plain for word in ("--set", setting)]
    assert cli_in("train", pairs_csv, *SMALL, *words, "--steps", 30, "-o", "out", "-q").status == 0
    config = read_config("out")
    assert (config.model.attention, config.model.bidirectional) == ("none", False)
    assert (config.tokenizer.kind, config.tokenizer.lowercase) == ("word", True)
    model = load("out")
    assert model.translate("ONE TWO") == model.translate("one two") != ""
    assert not [name for name, _ in model.model.named_parameters() if "attention" in name]


@pytest.mark.parametrize("kind", ["word", "char", "bpe", "unigram"])
def test_every_tokenizer_trains_and_translates(kind: str) -> None:
    chinese = [
        (f"{word} 只猫", f"猫 {word} 只") for word in ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十")
    ]
    model = transduce.train(chinese, out="out", **{**QUICK, "settings": [*SMALL[3::2], f"tokenizer.kind={kind}"]})
    assert model.config.tokenizer.kind == kind
    assert isinstance(load("out").translate("三 只猫"), str)


@pytest.mark.parametrize("attention", ["none", "dot", "general", "additive", "scaled_dot"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "gru_before", "rnn"])
def test_every_cell_and_attention_goes_the_whole_way(pairs: Pairs, cell: str, attention: str) -> None:
    settings = [*SMALL[3::2], f"model.cell={cell}", f"model.attention={attention}", "model.layers=2"]
    model = transduce.train(pairs[:60], out="out", **{**QUICK, "settings": settings})
    again = load("out")
    texts = [source for source, _ in pairs[:5]]
    assert again.translate(texts, beam=2) == model.translate(texts, beam=2)
    assert again.score(pairs[:5]) == model.score(pairs[:5])
    assert math.isfinite(model.score(pairs[:1])[0])


@pytest.mark.parametrize(
    "settings",
    [
        ["model.cell=rnn", "model.activation=sigmoid"],
        ["model.cell=rnn", "model.activation=relu"],
        ["model.input_feeding=true"],
        ["model.reverse_source=true"],
        ["model.bridge=dense", "model.encoder_hidden=16", "model.encoder_layers=2"],
        ["model.tied=none"],
        ["model.tied=decoder"],
        ["training.optim.name=sgd", "training.optim.momentum=0.9"],
        ["training.optim.name=rmsprop", "training.optim.schedule=inverse_sqrt"],
        ["training.average=0.5", "training.average_every=1", "training.accumulate=2"],
        ["decoding.sample=true", "decoding.nbest=2"],
        ["tokenizer.byte_fallback=false", "tokenizer.normalization=nfkc", "tokenizer.min_count=2"],
    ],
    ids=lambda settings: " ".join(settings),
)
def test_settings_go_the_whole_way(pairs: Pairs, settings: list[str]) -> None:
    model = transduce.train(pairs[:60], out="out", **{**QUICK, "settings": [*SMALL[3::2], *settings]})
    again = load("out")
    assert again.config == model.config
    assert again.translate("one two") == model.translate("one two")
    flat = {}

    def flatten(values: dict[str, Any], prefix: str) -> None:
        for key, value in values.items():
            flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else flat.update({prefix + key: value})

    flatten(json.loads(Path("out/config.json").read_text()), "")
    for setting in settings:
        key, _, value = setting.partition("=")
        assert str(flat[key]).lower() == value
        assert model.config.decided[key] == "user"


def test_targets_far_longer_than_their_sources_are_written_whole() -> None:
    """As commands become single steps (SCAN): validation, the report and later translations all write to the end."""
    story = " ".join("abcdefghijklmnopqrstuvwxyz0123456789")
    told = [(word, f"{word} {story}") for word in ("eins", "zwei", "drei", "vier")]
    settings = [*(word for word in LEARNING if "=" in word), "tokenizer.kind=word"]
    options = {**QUICK, "steps": 60, "settings": settings, "valid": told, "test": told}
    model = transduce.train(told, out="out", **options)
    assert model.translate("drei") == f"drei {story}"
    assert model.config.scores["test"]["exact_match"]["value"] == 100
    lines = read_metrics(Path("out/metrics.jsonl"))
    assert [line for line in lines if line["kind"] == "validation"][-1]["exact_match"] == 100
    assert model.config.decided["decoding.max_length_extra"] == "data"
    options["settings"] = [*settings, "decoding.max_length_extra=3"]
    short = transduce.train(told, out="short", **options)
    assert short.config.decoding.max_length_extra == 3
    assert short.config.decided["decoding.max_length_extra"] == "user"


def test_words_are_spelled_unless_the_user_says_otherwise() -> None:
    words = [(f"w{number}", " ".join(f"W{number}")) for number in range(60)]
    model = transduce.train(words, out="spelled", **QUICK)
    assert (model.config.tokenizer.kind, model.config.decided["tokenizer.kind"]) == ("char", "data")
    assert "character by character" in model.config.reasons[0]
    pieces = {**QUICK, "settings": [*QUICK["settings"], "tokenizer.kind=bpe"]}
    model = transduce.train(words, out="pieces", **pieces)
    assert (model.config.tokenizer.kind, model.config.decided["tokenizer.kind"]) == ("bpe", "user")
    cut = {**QUICK, "settings": [*QUICK["settings"], "training.bpe_dropout=0.1"]}  # there is none without BPE
    assert transduce.train(words, out="cut", **cut).config.tokenizer.kind == "bpe"


def test_steps_and_epochs_may_be_set_either_way(pairs: Pairs) -> None:
    settings = QUICK["settings"]
    for number, options in enumerate(
        (
            {"steps": 4},
            {"settings": [*settings, "training.steps=4"]},
            {"epochs": 2.0},
            {"settings": [*settings, "training.epochs=2"]},
        )
    ):
        model = transduce.train(pairs[:30], out=f"{number}", **{**QUICK, "steps": None, **options})
        events = read_metrics(Path(f"{number}/metrics.jsonl"))
        last = max(line["step"] for line in events)
        assert last == (4 if number < 2 else 2 * math.ceil(last / 2))
        assert last < 30
        assert model.config.request.budget is None


# --------------------------------------------------------------------------------------------- the Python face


def test_data_of_every_kind_gives_the_same_model(pairs: Pairs, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "pairs.csv", pairs)
    frame = pd.DataFrame(pairs, columns=["english", "french"])
    frame["id"] = range(len(frame))
    kinds: list[tuple[Any, dict[str, Any]]] = [
        (path, {}),
        (str(path), {"source": "english", "target": "french"}),
        (frame, {"source": "english", "target": "french"}),
        (pairs, {}),
        ((pair for pair in pairs), {}),
        (
            [{"french": target, "english": source} for source, target in pairs],
            {"source": "english", "target": "french"},
        ),
    ]
    found = []
    for number, (data, options) in enumerate(kinds):
        model = transduce.train(data, out=tmp_path / str(number), **{**QUICK, **options})
        assert isinstance(model, Transducer)
        found.append((tmp_path / str(number) / "model.safetensors").read_bytes())
    assert len(set(found)) == 1


def test_what_train_returns_is_what_load_gives(pairs: Pairs) -> None:
    model = transduce.train(pairs, **QUICK)
    assert model.path == Path("runs/model")
    again = transduce.load("runs/model")
    assert repr(again) == repr(model)
    assert again.config == model.config
    texts = [source for source, _ in pairs[:20]]
    assert again.translate(texts) == model.translate(texts)


def test_training_leaves_the_callers_random_numbers_alone(pairs: Pairs) -> None:
    import random

    import numpy as np

    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())
    transduce.train(pairs[:30], out="out", **QUICK)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), repr(np.random.get_state())) == before[1:]


@pytest.mark.parametrize(
    ("data", "options", "told"),
    [
        (None, {}, "there is no data"),
        ([], {}, "there are none"),
        (3, {}, "cannot read pairs from int"),
        ([("a", "b"), ("c",)], {}, "row 2"),
        ([("a", 1)], {}, "row 1"),
        ({"a": "b"}, {}, "cannot read pairs from dict"),
        ("missing.csv", {}, "no such file"),
        ([("a", "b")] * 9, {}, "the same"),
        ([("a", "b"), ("c", "d")], {"steps": "many"}, "steps: expected a whole number"),
        ([("a", "b"), ("c", "d")], {"steps": 1.5}, "steps: expected a whole number"),
        ([("a", "b"), ("c", "d")], {"seed": None}, "seed: expected a whole number"),
        ([("a", "b"), ("c", "d")], {"settings": ["x"]}, "write key=value"),
        ([("a", "b"), ("c", "d")], {"settings": "model.hiden=3"}, "model.hidden"),
        ([("a", "b"), ("c", "d")], {"steps": None, "budget": "soon"}, "cannot read"),
        ([("a", "b"), ("c", "d")], {"steps": None, "budget": -1}, "cannot read"),
        ([("a", "b"), ("c", "d")], {"device": 3}, "device: expected text"),
        ([("a", "b"), ("c", "d")], {"valid": 0.0}, "--valid must be more than 0"),
        ([("a", "b"), ("c", "d")], {"valid": "missing.csv"}, "no such file"),
        ([("a", "b"), ("c", "d")], {"valid": object()}, "cannot read pairs from object"),
        ([("a", "b"), ("c", "d")], {"source": object()}, "impossible type"),
        ("caf\udce9.csv", {}, "not UTF-8"),
    ],
)
def test_errors_are_ours_and_leave_nothing_behind(data: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises(TransduceError) as caught:
        transduce.train(data, out="out", **{**QUICK, **options})
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not Path("out").exists()


@pytest.mark.parametrize("rate", ["1e30", "1e38"])
def test_training_that_diverges_says_what_is_kept_and_what_to_try(pairs: Pairs, rate: str) -> None:
    settings = [*SMALL[3::2], f"training.optim.lr={rate}", "training.optim.warmup=0", "training.max_bad_steps=3"]
    with pytest.raises(TransduceError, match="Training diverged: at step") as caught:
        transduce.train(pairs, out="out", **{**QUICK, "steps": 50, "settings": settings})
    assert "lower learning rate" in str(caught.value)
    assert "No weights were validated" in str(caught.value)


def test_sides_with_letters_of_their_own_get_a_vocabulary_each(pairs: Pairs) -> None:
    """And a user may ask for one or two; weights are tied over both sides only where there is one."""
    other = [(source, target.translate(str.maketrans("abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщ")))
             for source, target in pairs[:60]]  # fmt: skip
    for number, (data, asked, files) in enumerate((
        (pairs[:60], [], ["tokenizer.json"]),
        (other, [], ["source.json", "target.json"]),
        (other, ["tokenizer.joint=true"], ["tokenizer.json"]),
    )):  # fmt: skip
        model = transduce.train(data, out=str(number), **{**QUICK, "settings": [*SMALL[3::2], *asked]})
        assert sorted(path.name for path in Path(str(number)).glob("*e*.json") if path.name != "config.json") == files
        assert model.config.model.tied == ("all" if len(files) == 1 else "decoder")
        assert load(str(number)).translate("one two") == model.translate("one two")
    with pytest.raises(ConfigError, match="needs one vocabulary for both sides"):
        transduce.train(other, out="no", **{**QUICK, "settings": ["model.tied=all", "tokenizer.vocab=300"]})


# ------------------------------------------------------------------------------------------------- small parts


def test_requests_keep_paths_that_hold_anywhere(tmp_path: Path) -> None:
    assert paths_of("a.csv") == [str(tmp_path / "a.csv")]
    assert paths_of(["a.en", Path("a.fr")]) == [str(tmp_path / "a.en"), str(tmp_path / "a.fr")]
    assert paths_of("-") == ["-"]
    assert paths_of([("a", "b")]) is paths_of([]) is paths_of(3) is None
    assert held_out_request("5%") == held_out_request("0.05") == held_out_request(0.05) == 0.05
    assert held_out_request("500") == held_out_request(500) == 500
    assert held_out_request("./5") == [str(tmp_path / "5")]
    assert held_out_request(None) is None


def test_default_folders_are_free_and_named_after_the_data(tmp_path: Path) -> None:
    def name(data: list[str]) -> str:
        return str(default_folder(Request(data=data)))

    assert name(["/x/pairs.csv.gz"]) == "runs/pairs"
    assert name(["/x/train.en", "/x/train.fr"]) == "runs/train"
    assert name([]) == name(["-"]) == name(["/x/.csv"]) == "runs/model"
    (tmp_path / "runs" / "pairs").mkdir(parents=True)
    assert name(["/x/pairs.csv"]) == "runs/pairs-2"


def test_possible_requests_pass() -> None:
    check_request(Request(data=["x"]))
    check_request(
        Request(data=[], valid=[], test=0.0, epochs=0.5, threads=1, settings=["model.hidden=8"], tensorboard=True)
    )
    with pytest.raises(ConfigError, match="choose one of"):
        check_request(Request(data=["x"], epochs=1, steps=3))


def test_columns_that_mean_the_same_are_found(tmp_path: Path) -> None:
    def chosen(header: tuple[str, str], source: str, target: str) -> tuple[str, str]:
        reader = open_like(write_csv(tmp_path / "x.csv", [("a", "b")], header=header), source, target)
        return reader.source_column, reader.target_column

    assert chosen(("english", "french"), "english", "french") == ("english", "french")
    assert chosen(("french", "english"), "english", "french") == ("english", "french")
    assert chosen(("FRENCH", "English"), "english", "french") == ("English", "FRENCH")
    assert chosen(("fra", "eng"), "en", "fr") == ("eng", "fra")
    assert chosen(("question", "answer"), "english", "french") == ("question", "answer")
    assert chosen(("target", "source"), "Source", "Target") == ("source", "target")
    with pytest.raises(DataError, match="no such file"):
        open_like(tmp_path / "missing.csv", "a", "b")


@pytest.mark.parametrize("end", [{"steps": 2}, {"steps": None, "budget": 60}])
def test_a_model_too_large_for_the_machine_is_refused_before_memory_is_asked_for(
    pairs: Pairs, end: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="GB to train"):
        transduce.train(pairs, out="out", **{**QUICK, **end, "settings": ["model.hidden=900000"]})
    assert not Path("out").exists()


@pytest.mark.parametrize(("options", "hidden"), [
    ({"settings": ["model.hidden=48"]}, 48),
    ({"settings": ["model.family=transformer", "model.hidden=80"]}, 80),
    ({"settings": [], "recipe": find("sutskever2014")}, 256),  # of 1,000, which a moment cannot try
])  # fmt: skip
def test_a_budget_tries_the_machine_with_the_model_that_is_asked_for(pairs: Pairs, options: dict[str, Any], hidden: int,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    tried: list[Trial] = []

    def keep(trial: Trial, **_: object) -> None:
        tried.append(trial)
        raise Kept

    monkeypatch.setattr("transduce.decide.measure_threads", keep)
    with pytest.raises(Kept):
        transduce.train(pairs, out="out", **{**QUICK, "steps": None, "budget": 60, **options})
    assert [trial.model.hidden for trial in tried] == [hidden]


def test_resume_of_nothing() -> None:
    with pytest.raises(RunError, match="no such run folder"):
        transduce.resume("nowhere")
    assert run_command("train", "--resume", "nowhere").status == 1
