"""What bad input gets, through the command line: one line saying what, where and what to do; nothing lost."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.conftest import SMALL, Command, write_csv

GOOD = b"english,french\n" + b"".join(b"one %d,un %d\n" % (number, number) for number in range(20))
QUICK = [*SMALL, "--steps", "2", "-o", "out"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -------------------------------------------------------------------------------------------------- data files

REFUSED: dict[str, tuple[str, bytes, list[str]]] = {  # file, content, what the message must hold
    "empty": ("pairs.csv", b"", ["pairs.csv: it is empty."]),
    "blank lines": ("pairs.csv", b"\n\r\n\n", ["pairs.csv: it has nothing but blank lines."]),
    "header only": ("pairs.csv", b"english,french\n", ["pairs.csv: ", "header"]),
    "one row": ("pairs.csv", b"english,french\na,b\n", ["pairs.csv: only one usable pair", "at least two"]),
    "one column": ("pairs.csv", b"english\na\nb\n", ["pairs.csv: only one column", "--delimiter"]),
    "three columns": ("pairs.csv", b"id,en,fr\n1,a,b\n2,c,d\n", ["id, en, fr", "--source and --target"]),
    "duplicate columns": ("pairs.csv", b"en,en\na,b\nc,d\n", ['pairs.csv, row 1: the column name "en" occurs twice']),
    "too many cells": ("pairs.csv", b"en,fr\na,b\nc,d,e\n", ["pairs.csv, row 3: expected 2 cells (en, fr), found 3", "quotes"]),
    "too few cells": ("pairs.csv", b"en,fr\na,b\nc\n", ["pairs.csv, row 3: expected 2 cells (en, fr), found 1"]),
    "ragged TSV": ("pairs.tsv", b"en\tfr\na\tb\nc\td\te\n", ["pairs.tsv, row 3: expected 2 cells"]),
    "unclosed quote": ("pairs.csv", b'en,fr\na,b\n"c,d\ne,f\n', ["pairs.csv, row 3: a quote", "never closes", "Close it"]),
    "NUL": ("pairs.csv", b"en,fr\na,b\nc\0,d\n", ["pairs.csv, row 3: a NUL character at character 2", "tr -d"]),
    "Latin-1": ("pairs.csv", "en,fr\na,b\nc,été\n".encode("latin-1"), ["pairs.csv, row 3: not UTF-8", "--encoding cp1252"]),
    "UTF-16": ("pairs.csv", GOOD.decode().encode("utf-16"), ["pairs.csv, row 1: this is UTF-16", "--encoding utf-16"]),
    "all blank": ("pairs.csv", b"en,fr\n,\nx,\n,y\n", ["pairs.csv: no usable pair: of 3 rows", "right columns?"]),
    "identical": ("pairs.csv", b"en,fr\n" + b"a,b\n" * 50, ["pairs.csv: all 50 usable pairs are the same"]),
    "cut gzip": ("pairs.csv.gz", gzip.compress(GOOD)[:-20], ["pairs.csv.gz, row", "gzip", "ends too early"]),
    "broken gzip": ("pairs.csv.gz", gzip.compress(GOOD)[:40] + b"\xff" * 40, ["pairs.csv.gz, row", "gzip"]),
    "no gzip": ("pairs.csv.gz", b"\x1f\x8bnonsense", ["pairs.csv.gz, row", "gzip"]),
    "broken JSON": ("pairs.jsonl", b'{"a":"x","b":"y"}\n{"a":"x",\n', ["pairs.jsonl, row 2: broken JSON", "one object a line"]),
    "missing key": ("pairs.jsonl", b'{"a":"x","b":"y"}\n{"a":"x"}\n', ["pairs.jsonl, row 2: b is missing"]),
    "no text": ("pairs.jsonl", b'{"a":"x","b":"y"}\n{"a":"x","b":3}\n', ["pairs.jsonl, row 2", "number"]),
    "JSON array": ("pairs.jsonl", b'[{"a":"x","b":"y"}]', ["pairs.jsonl, row 1: a JSON array", "jq -c"]),
    "one text file": ("train.en", b"one\ntwo\nthree\n", ["train.en: this looks like plain text", "both files"]),
    "all too long": ("pairs.csv", b"en,fr\n" + b"".join(b"%d x" % n + b" x" * 50_000 + b",y\n" for n in range(3)),
                     ["pairs.csv: all", "more than 250 tokens", "--max-length"]),
    "picture": ("pairs.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0", ["pairs.csv, row"]),
    "spreadsheet": ("pairs.csv", b"PK\x03\x04" + bytes(60), ["pairs.csv: ", "spreadsheet", "CSV"]),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_files_are_refused_with_place_and_advice(case: str, cli_in: Command, tmp_path: Path) -> None:
    name, content, words = REFUSED[case]
    (tmp_path / name).write_bytes(content)
    done = cli_in("train", name, *QUICK, "--quiet")
    assert (done.status, done.out) == (1, "")
    assert done.err == f"transduce: {done.said}\n"  # one line, and nothing else
    assert [word for word in words if word not in done.said] == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("case", ["empty", "Latin-1", "too many cells", "missing key", "cut gzip"])
def test_evaluate_score_and_inspect_say_the_same(case: str, cli_in: Command, tmp_path: Path, trained: Path) -> None:
    name, content, words = REFUSED[case]
    (tmp_path / name).write_bytes(content)
    for command in (["evaluate", trained, name], ["score", trained, name], ["inspect", name]):
        done = cli_in(*command)
        assert done.status == 1
        assert [word for word in words if word not in done.said] == []


def test_missing_files_and_folders_are_named(cli_in: Command, tmp_path: Path, trained: Path) -> None:
    (tmp_path / "pairs.csv").write_bytes(GOOD)
    (tmp_path / "folder").mkdir()
    for given, words in (
        ("pairs.cvs", 'pairs.cvs: no such file. Did you mean "pairs.csv"?'),
        ("nowhere/pairs.csv", "nor the folder"),
        ("folder", "this is a folder; give the file in it."),
        (trained, "this is a run folder, not a file of pairs."),
        ("n" * 300 + ".csv", "File name too long"),
        ("", "an empty name is no file"),
    ):
        for option in ([given], ["pairs.csv", "--valid", given], ["pairs.csv", "--test", given]):
            done = cli_in("train", *option, *QUICK, "-q")
            assert done.status == 1
            assert words in done.said
            assert not (tmp_path / "out").exists()


def test_columns_that_are_not_there_are_named_with_the_nearest(cli_in: Command, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_bytes(GOOD)
    done = cli_in("train", "pairs.csv", "--source", "englsih", *QUICK)
    assert 'no source column "englsih". Did you mean "english"? It has 2 columns: english, french.' in done.said
    done = cli_in("train", "pairs.csv", "--source", "french", "--target", "french", *QUICK)
    assert "source and target are the same column, french" in done.said


def test_parallel_files_of_unequal_length_are_refused_with_both_counts(cli_in: Command, tmp_path: Path) -> None:
    (tmp_path / "train.en").write_text("a\nb\nc\n")
    (tmp_path / "train.fr").write_text("a\nb\n")
    done = cli_in("train", "train.en", "train.fr", *QUICK)
    assert "train.en has 3 lines and train.fr has 2" in done.said
    assert done.status == 1
    assert not (tmp_path / "out").exists()


USABLE: dict[str, tuple[str, bytes, list[str]]] = {
    "byte order mark": ("pairs.csv", b"\xef\xbb\xbf" + GOOD, []),
    "CRLF": ("pairs.csv", GOOD.replace(b"\n", b"\r\n"), []),
    "no final line feed": ("pairs.csv", GOOD[:-1], []),
    "embedded newlines": ("pairs.csv", GOOD + b'"a\nb","c\r\nd"\n', []),
    "blank cells": ("pairs.csv", GOOD + b"x,\n,y\n , \n\n", ["blank target", "blank source", "row"]),
    "words that look missing": ("pairs.csv", GOOD + b"None,NA\nnull,nan\n", ["22 read, all used"]),
    "UTF-16": ("pairs.csv", GOOD.decode().encode("utf-16"), []),
    "gzip": ("pairs.csv.gz", gzip.compress(GOOD), []),
    "gzip under another name": ("pairs.csv", gzip.compress(GOOD), []),
    "long row": ("pairs.csv", GOOD + b"x " * 50_000 + b",y\n" + b"z," + b"x" * 100_000 + b"\n",
                 ["longer than 250 tokens and left out (row"]),
}  # fmt: skip


@pytest.mark.parametrize("case", USABLE)
def test_usable_files_are_used_and_what_is_left_out_is_named(case: str, cli_in: Command, tmp_path: Path) -> None:
    name, content, words = USABLE[case]
    (tmp_path / name).write_bytes(content)
    done = cli_in("train", name, *QUICK, *(["--encoding", "utf-16"] if case == "UTF-16" else []), "--test", "0")
    assert done.status == 0, done.err
    assert [word for word in words if word not in done.err] == []
    data = json.loads((tmp_path / "out" / "config.json").read_text())["data"]
    assert (data["source"], data["target"]) == ("english", "french")  # the mark and the line ends are no part of a name


def test_standard_input_is_read_once_and_its_faults_are_named(cli_in: Command, tmp_path: Path) -> None:
    assert cli_in("train", "-", *QUICK, stdin=GOOD).status == 0
    done = cli_in("train", "-", *SMALL, "--steps", 2, "-o", "other", stdin=b"english,french\n")
    assert done.status == 1
    assert "standard input: " in done.said
    assert not (tmp_path / "other").exists()


# --------------------------------------------------------------------------------------- options and settings

IMPOSSIBLE = [
    (["--steps", "0"], "--steps must be at least 1; got 0."),
    (["--epochs", "0"], "--epochs must be more than 0"),
    (["--epochs", "nan"], "--epochs must be more than 0"),
    (["--epochs", "inf"], "--epochs must be more than 0"),
    (["--budget", "5x"], 'cannot read "5x" as a duration; write 90s, 5m or 1h30m.'),
    (["--budget", "0"], "a duration must be longer than nothing"),
    (["--budget", "3s"], "--budget must be at least 10s."),
    (["--budget", "1m", "--steps", "3"], "choose one of --budget, --epochs and --steps; got --budget and --steps."),
    (["--seed", "-1"], "--seed must be between 0 and"),
    (["--seed", str(10**30)], "--seed must be between 0 and"),
    (["--threads", "0"], "--threads must be at least 1"),
    (["--threads", "1000000"], "--threads must be at most"),
    (["--threads", str(10**12)], "--threads must be at most"),
    (["--device", "gpu"], 'device "gpu" is none of'),
    (["--device", "cpu:1"], 'device "cpu:1" is none of'),
    (["--max-length", "0"], "--max-length must be at least 1"),
    (["--format", "cvs"], 'unknown format "cvs". Did you mean "csv"?'),
    (["--encoding", "utf-9"], 'unknown encoding "utf-9". Did you mean "utf-8"?'),
    (["--delimiter", "ab"], "delimiter must be one character"),
    (["--valid", "0"], "--valid must be more than 0; got 0. The held-out pairs decide"),
    (["--valid", "-5"], "--valid must be more than 0; got -5."),
    (["--valid", "1.5"], "--valid: give a share between 0 and 1, or a whole number"),
    (["--valid", "1000"], "held-out pairs of 20 leave none to train on"),
    (["--valid", "60%", "--test", "0.6"], "leave none to train on"),
    (["--test", "-1"], "--test must be at least 0; got -1."),
    (["--set", "model.hiden=3"], 'unknown key "model.hiden". Did you mean "model.hidden"?'),
    (["--set", "hidden=3"], 'unknown key "hidden". Did you mean "model.hidden"?'),
    (["--set", "lr=3"], 'Did you mean "training.optim.lr"?'),
    (["--set", "model.hidden"], "write key=value"),
    (["--set", "model.hidden=big"], 'model.hidden: expected a whole number; got "big".'),
    (["--set", "model.hidden=0"], "model.hidden must be"),
    (["--set", "model.hidden=33"], "even model.hidden"),
    (["--set", "model.hidden=1000000"], "GB to train"),
    (["--set", "model.hidden=10000000000000000000000"], "model.hidden must be"),
    (["--set", "model.layers=1000000000"], "model.layers must be"),
    (["--set", "model.dropout=1"], "model.dropout must be"),
    (["--set", "model.cell=lsmt"], 'expected one of lstm, gru, gru_before, rnn; got "lsmt". Did you mean "lstm"?'),
    (
        ["--set", "model.attention=bahdanau"],
        "model.attention: expected one of none, dot, general, additive, scaled_dot",
    ),
    (
        ["--set", "tokenizer.kind=bep"],
        'tokenizer.kind: expected one of bpe, unigram, word, char; got "bep". Did you mean "bpe"?',
    ),
    (["--set", "tokenizer.vocab=5"], "vocab must be at least 262"),
    (
        ["--set", "tokenizer.joint=false", "--set", "model.tied=all"],
        'model.tied="all" needs one vocabulary for both sides',
    ),
    (
        ["--set", "tokenizer.kind=char", "--set", "training.bpe_dropout=0.1"],
        'training.bpe_dropout needs tokenizer.kind="bpe"; it is "char".',
    ),
    (["--set", "training.bpe_dropout=1"], "training.bpe_dropout must be at least 0 and below 1"),
    (["--set", "training.optim.lr=-1"], "training.optim.lr must be above 0"),
    (["--set", "training.optim.lr=nan"], 'training.optim.lr: expected a number; got "nan".'),
    (["--set", "training.batch_tokens=0"], "training.batch_tokens must be at least 1"),
    (["--set", "training.best_by=ter"], "training.best_by: expected one of"),
    (["--set", "training.precision=float16"], 'precision "float16" is for CUDA devices'),
    (["--set", "decoding.beam=0"], "decoding.beam must be at least 1"),
    (["--set", "decoding.nbest=9"], "decoding.nbest cannot exceed beam"),
    (["--set", "decoding.temperature=0"], "decoding.temperature must be above 0"),
]


@pytest.mark.parametrize(
    ("options", "words"), IMPOSSIBLE, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_impossible_values_are_refused_before_anything_is_made(
    options: list[str], words: str, cli_in: Command, tmp_path: Path
) -> None:
    (tmp_path / "pairs.csv").write_bytes(GOOD)
    if not {"--steps", "--epochs", "--budget"} & set(options):
        options = ["--steps", "2", *options]
    if "--threads" not in options:
        options = ["--threads", "1", *options]
    done = cli_in("train", "pairs.csv", "-o", "made/out", "-q", *options)
    assert (done.status, done.out) == (1, "")
    assert words in done.said
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--bugdet", "5m"], "--budget"),
        (["--steps", "many"], "--steps"),
        (["--epochs", "few"], "--epochs"),
        (["--steps"], "--steps"),
        (["--resume", "runs/x"], "leave DATA out"),
    ],
)
def test_wrong_usage_is_told_apart_from_bad_input(words: list[str], told: str, cli_in: Command, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_bytes(GOOD)
    done = cli_in("train", "pairs.csv", *words)
    assert (done.status, done.out) == (2, "")
    assert told in done.err
    assert "Traceback" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.csv"]


def test_missing_extras_are_named_with_their_pip_line(
    cli_in: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pairs.csv").write_bytes(GOOD)
    monkeypatch.setattr("transduce.request.find_spec", lambda name: None)
    for option in ("tensorboard", "wandb"):
        done = cli_in("train", "pairs.csv", *QUICK, f"--{option}")
        assert f"pip install 'transduce[{option}]'" in done.said
        assert not (tmp_path / "out").exists()


def test_words_that_are_not_utf8_are_refused(cli_in: Command, trained: Path, tmp_path: Path) -> None:
    for words in (
        ["train", "caf\udce9.csv"],
        ["translate", trained, "caf\udce9"],
        ["translate", trained, "--json", "\udce9"],
    ):
        done = cli_in(*words)
        assert done.status == 1
        assert "is not UTF-8" in done.said
    assert not list(tmp_path.iterdir())


# ----------------------------------------------------------------------------------------------- output folders


def test_folders_with_something_in_them_are_left_alone(cli_in: Command, tmp_path: Path, run_copy: Path) -> None:
    (tmp_path / "pairs.csv").write_bytes(GOOD)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("x")
    before = contents(tmp_path)
    for folder, words in (
        (run_copy, f"this run exists already, and nothing in it is overwritten. Go on with it by: transduce train --resume {run_copy}"),
        ("mine", "mine: is not empty, and nothing in it is overwritten. Choose another folder with -o."),
        ("file", "file: is a file; choose another folder with -o."),
        ("file/out", "file/out: cannot write it"),
        ("n" * 300, "cannot write it"),
    ):  # fmt: skip
        done = cli_in("train", "pairs.csv", *SMALL, "--steps", 2, "-o", folder)
        assert done.status == 1
        assert words in done.said
        assert contents(tmp_path) == before


def test_a_failed_start_takes_away_what_it_made_and_nothing_else(cli_in: Command, tmp_path: Path) -> None:
    write_csv(tmp_path / "bad.csv", [("a", "b")])
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "note.txt").write_text("mine")
    (tmp_path / "empty").mkdir()
    for folder in ("runs/out", "new/deep/out", "empty"):
        assert cli_in("train", "bad.csv", *SMALL, "--steps", 2, "-o", folder).status == 1
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "bad.csv", "empty", "runs", "runs/note.txt",
    ]  # fmt: skip


def test_an_empty_folder_may_be_used(cli_in: Command, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_bytes(GOOD)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".config.json.123.tmp").write_text("of a process that was killed")
    assert cli_in("train", "pairs.csv", *QUICK).status == 0
