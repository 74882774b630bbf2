"""The command line as people and scripts meet it: pipes, order, JSON, statuses, silence."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import SMALL, Command, run_command, write_csv
from transduce import __version__
from transduce.transducer import load

ROOT = Path(__file__).parents[1]
COMMANDS = ["train", "translate", "evaluate", "score", "inspect", "demo"]


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A pipe of real processes; $T is the command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "T": f"{sys.executable} -m transduce"}
    return subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], cwd=folder, env=environment, capture_output=True,
                          text=True, check=False)  # fmt: skip


# -------------------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    for flag in ("--help", "-h"):
        done = run_command(command, flag)
        assert (done.status, done.err) == (0, "")
        assert f"Example: transduce {command}" in " ".join(done.out.split())


def test_help_lists_the_commands_and_names_the_first_one_to_try() -> None:
    text = run_command("--help").out
    assert all(re.search(rf"^  {command} ", text, flags=re.MULTILINE) for command in COMMANDS)
    assert "transduce demo" in text


def test_version() -> None:
    assert run_command("--version") == (0, f"transduce {__version__}\n", "")


@pytest.mark.parametrize(
    "words", [[], ["trian"], ["--verison"], ["translate"], ["train"], ["evaluate", "runs/x"], ["train", "-q"]]
)
def test_wrong_usage_has_status_2(words: list[str], cli_in: Command, tmp_path: Path) -> None:
    done = cli_in(*words)
    assert (done.status, done.out) == (2, "")
    assert "Usage: transduce" in done.err
    assert "Traceback" not in done.err
    assert not list(tmp_path.iterdir())


def test_misspelled_commands_and_options_are_guessed() -> None:
    assert "'train'" in run_command("trian").err
    assert "--beam" in run_command("translate", "x", "--baem", "3").err


def test_set_list_shows_every_setting_as_it_can_be_given_back() -> None:
    done = run_command("train", "--set", "list")
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert {"model.hidden=256", "model.bidirectional=true", "model.encoder_hidden=null"} <= set(lines)
    assert "model.family=rnn" in lines
    from transduce.config import with_settings
    from transduce.request import Settings

    assert with_settings(Settings(), lines) == Settings()


# --------------------------------------------------------------------------------------------------- translate


def test_lines_come_out_as_many_and_in_order(trained: Path) -> None:
    lines = [
        "one two",
        "",
        "  ",
        "three\u2028four",
        "five\u0085six\x0bseven",
        "nine\teight",
        " one two ",
        "",
        "one two",
    ]
    done = run_command("translate", trained, stdin="\n".join(lines).encode())
    assert (done.status, done.err) == (0, "")
    found = done.out.split("\n")
    assert found.pop() == ""
    assert len(found) == len(lines)
    assert found[1] == found[2] == found[7] == ""
    assert found[0] == found[6] == found[8] != ""
    model = load(trained)
    assert found == [model.translate(line) for line in lines]


def test_many_lines_are_no_different_from_few(trained: Path) -> None:
    lines = [f"{one} {two}" for one in ("one", "two", "three", "four") for two in ("six", "seven", "eight")] * 90
    found = run_command("translate", trained, "--beam", 1, stdin="\n".join(lines).encode()).out.splitlines()
    assert len(found) == len(lines) == 1080
    assert {len(set(found[index::12])) for index in range(12)} == {1}


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_line_ends_are_not_lines(trained: Path, end: bytes) -> None:
    both = run_command("translate", trained, stdin=b"one two\r\nthree" + end)
    assert both.out == run_command("translate", trained, "one two", "three").out
    assert both.out.count("\n") == 2


def test_texts_files_and_standard_input_give_the_same(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_bytes(b"one two\nthree\n")
    said = run_command("translate", trained, "one two", "three").out
    assert said.count("\n") == 2
    for words, stdin in (
        (["-"], b"one two\nthree\n"),
        (["-f", "-"], b"one two\nthree\n"),
        (["-f", tmp_path / "lines.txt"], b""),
    ):
        assert run_command("translate", trained, *words, stdin=stdin) == (0, said, "")
    utf16 = run_command("translate", trained, "--encoding", "utf-16", stdin="one two\nthree".encode("utf-16"))
    assert utf16.out == said


def test_empty_input_gives_empty_output(trained: Path) -> None:
    assert run_command("translate", trained, stdin=b"") == (0, "", "")
    assert run_command("translate", trained, "") == (0, "\n", "")
    assert run_command("translate", trained, "--json", stdin=b"") == (0, "", "")


def test_json_is_an_object_a_line(trained: Path) -> None:
    texts = ["one two", "", 'quote " and \\ and \u2028', "三"]
    done = run_command("translate", trained, "--json", "--nbest", 2, stdin="\n".join(texts).encode())
    found = [json.loads(line) for line in done.out.split("\n")[:-1]]
    assert [each["source"] for each in found] == texts
    assert [len(each["outputs"]) for each in found] == [2, 0, 2, 2]
    first = found[0]["outputs"]
    assert first[0]["score"] >= first[1]["score"]
    assert first[0]["text"] == run_command("translate", trained, "one two").out.rstrip("\n")
    assert all(output["log_prob"] < 0 for output in first)


def test_the_n_best_are_numbered_and_blank_texts_keep_their_place(trained: Path) -> None:
    done = run_command("translate", trained, "--nbest", 3, "one two", "", "four")
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3", "1", "1", "2", "3"]
    assert rows[3][1:] == ["0.0000", ""]
    assert [float(row[1]) for row in rows[:3]] == sorted((float(row[1]) for row in rows[:3]), reverse=True)
    assert len({row[2] for row in rows[:3]}) == 3


def test_samples_are_drawn_by_the_seed(trained: Path) -> None:
    def sample(seed: int) -> str:
        done = run_command(
            "translate", trained, "--sample", "--temperature", 3, "--seed", seed, "one two", "one two", "six"
        )
        assert done.status == 0
        return done.out

    assert sample(1) == sample(1) != sample(2)
    lines = sample(1).split("\n")
    assert lines[0] != lines[1]  # the same text twice is drawn twice
    tame = run_command("translate", trained, "--sample", "--top-k", 1, "one two").out
    assert tame == run_command("translate", trained, "--beam", 1, "one two").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--beam", "0"], "decoding.beam must be at least 1"),
        (["--nbest", "3", "--beam", "2"], "decoding.nbest cannot exceed beam"),
        (["--nbest", "0"], "decoding.nbest must be at least 1"),
        (["--length-penalty", "nan"], "decoding.length_penalty must be"),
        (["--length-penalty", "1e6"], "decoding.length_penalty must be"),
        (["--sample", "--temperature", "0"], "decoding.temperature must be above 0"),
        (["--sample", "--top-p", "1.5"], "decoding.top_p must be above 0 and at most 1"),
        (["--sample", "--top-k", "-1"], "decoding.top_k must be at least 0"),
        (["--threads", "0"], "--threads must be at least 1"),
        (["--device", "cuda:77"], 'device "cuda:77"'),
        (["--device", "tpu"], 'device "tpu" is none of'),
    ],
)
def test_impossible_options_are_refused(trained: Path, words: list[str], told: str) -> None:
    done = run_command("translate", trained, "x", *words)
    assert (done.status, done.out) == (1, "")
    assert told in done.said


@pytest.mark.parametrize(
    "words", [["x", "-f", "y"], ["x", "--temperature", "2"], ["x", "--seed", "1"], ["x", "--beam", "two"]]
)
def test_options_that_do_not_go_together_are_wrong_usage(trained: Path, words: list[str]) -> None:
    assert run_command("translate", trained, *words).status == 2


@pytest.mark.parametrize(
    ("stdin", "told"),
    [(b"one\ntw\xe9o\n", "standard input, row 2: not UTF-8"), (b"one\ntwo\nth\0ree", "standard input, row 3: a NUL")],
)
def test_faults_of_the_input_are_named_with_their_line(trained: Path, stdin: bytes, told: str) -> None:
    done = run_command("translate", trained, stdin=stdin)
    assert done.status == 1
    assert told in done.said


def test_a_text_far_too_long_is_announced_and_translated(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text("one two\n" + "one two three " * 1000 + "\nthree\n")
    done = run_command("translate", trained, "--beam", 1, "-f", tmp_path / "lines.txt")
    assert done.status == 0
    assert re.fullmatch(
        r"text 2 has 3,\d\d\d tokens, and the model learned from at most 250: .* Cut it into sentences.\n", done.err
    )
    assert done.out.count("\n") == 3


# ----------------------------------------------------------------------------------------------------- in pipes


def test_pipes_of_real_processes(trained: Path, tmp_path: Path) -> None:
    """Closed by their reader, full, or in a locale without UTF-8: never a traceback."""
    lines = "one two\n\nthree\u2028four\nfive"
    (tmp_path / "lines.txt").write_text(lines, encoding="utf-8")
    done = shell(
        f"cat lines.txt | LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 $T translate {trained} --json > out.txt", tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = [json.loads(line)["source"] for line in (tmp_path / "out.txt").read_text(encoding="utf-8").split("\n")[:-1]]
    assert found == lines.split("\n")

    (tmp_path / "many.txt").write_text("one two three\n" * 3_000)
    done = shell(f"cat many.txt | $T translate {trained} --beam 1 | head -n 1", tmp_path)
    assert done.stdout == run_command("translate", trained, "--beam", 1, "one two three").out
    assert done.stderr == ""
    if os.path.exists("/dev/full"):
        done = shell(f"$T translate {trained} one > /dev/full", tmp_path)
        assert done.returncode == 1
        assert re.fullmatch(r"transduce: writing failed \(.*\)\..*\n", done.stderr)


def test_training_outlives_the_reader_of_its_messages(tmp_path: Path, pairs_csv: Path) -> None:
    done = shell(f"$T train {pairs_csv} {' '.join(SMALL)} --steps 3 -o out 2>&1 | head -n 1", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Reading pairs.csv (csv): english -> french\n"
    assert load(tmp_path / "out").config.status == "finished"


def test_a_person_at_a_terminal_gets_each_line_at_once(trained: Path) -> None:
    pty = pytest.importorskip("pty")
    terminal, side = pty.openpty()
    words = [sys.executable, "-m", "transduce", "translate", str(trained)]
    with subprocess.Popen(words, cwd=ROOT, stdin=side, stdout=side, stderr=side) as process:
        os.close(side)
        assert b"Ctrl-D ends." in until(terminal, b"ends.\r\n")
        for text in ("one two", "three"):
            os.write(terminal, text.encode() + b"\n")
            until(terminal, text.encode() + b"\r\n")  # the echo
            assert until(terminal, b"\r\n").decode().strip() == load(trained).translate(text)
        os.write(terminal, b"\x04")
    os.close(terminal)
    assert process.returncode == 0


def test_translating_leaves_out_what_only_compilers_of_models_need(trained: Path) -> None:
    """A third of the time before the first sentence; whoever asks for it still gets it."""
    code = (
        "import sys; sys.argv = ['transduce', 'translate', sys.argv[1], 'one two']\n"
        "from transduce.cli import main\n"
        "try: main()\n"
        "except SystemExit as leave: assert not leave.code\n"
        "assert 'rich' not in sys.modules\n"
        "import torch\n"
        "assert 'torch.fx' in sys.modules\n"
        "assert not hasattr(sys.modules['torch._meta_registrations'], '__file__')\n"
        "from torch._meta_registrations import pooling_output_shape\n"
        "assert pooling_output_shape(5, 2, 0, 1, 1, False) == 4\n"
        "assert torch._meta_registrations is sys.modules['torch._meta_registrations']\n"
        "assert torch._meta_registrations.__file__\n"
        "from transduce.terminal import LATER\n"
        "for name in LATER[1:]:\n"
        "    assert not hasattr(sys.modules[name], '__file__'), name\n"
        "import torch.distributions.normal\n"
        "assert torch.distributions.Normal(0, 1).sample().ndim == 0\n"
        "assert torch.export.Dim('rows').__name__ == 'rows'\n"
        "assert torch.quantization.QuantStub()(1) == 1"
    )
    done = subprocess.run([sys.executable, "-c", code, trained], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run_command("translate", trained, "one two").out


def until(terminal: int, end: bytes) -> bytes:
    found = b""
    while not found.endswith(end):
        found += os.read(terminal, 1)
    return found


def test_an_interrupted_translation_says_so(trained: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.MonkeyPatch.context() as patch:
            interrupt = lambda *_, **__: signal.raise_signal(signal.SIGINT)  # noqa: E731
            patch.setattr("transduce.transducer.Transducer.hypotheses", interrupt)
            done = run_command("translate", trained, "one")
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == (130, "", "transduce: interrupted.\n")


def test_being_out_of_memory_is_said_in_one_line(trained: Path) -> None:
    for error in (
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 TB"),
    ):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("transduce.transducer.Transducer.hypotheses", fail)
            done = run_command("translate", trained, "one")
        assert done.status == 1
        assert "out of memory" in done.said


def test_our_own_mistakes_are_not_hidden(trained: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake of ours")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transduce.transducer.Transducer.hypotheses", fail)
        with pytest.raises(RuntimeError, match="a mistake of ours"):
            run_command("translate", trained, "one")


# ------------------------------------------------------------------------------------------------------ silence


def test_training_says_nothing_on_stdout_and_is_brief_without_a_terminal(cli_in: Command, pairs_csv: Path) -> None:
    done = cli_in("train", pairs_csv, *SMALL, "--steps", 3, "-o", "out")
    assert (done.status, done.out) == (0, "")
    assert done.err.count("\n") < 40
    assert "\x1b" not in done.err
    assert "\r" not in done.err
    assert "english -> french" in done.err
    assert done.err.splitlines()[-1].startswith("out is ready after ")
    assert "Try: transduce translate out " in done.err.splitlines()[-1]


def test_the_command_that_training_names_works(cli_in: Command, pairs_csv: Path) -> None:
    import shlex

    done = cli_in("train", pairs_csv, *SMALL, "--steps", 3, "-o", "it's a run")
    (name, *words) = shlex.split(done.err.splitlines()[-1].partition("Try: ")[2])
    assert name == "transduce"
    assert cli_in(*words).status == 0


def test_quiet_is_silent(cli_in: Command, pairs_csv: Path) -> None:
    assert cli_in("train", pairs_csv, *SMALL, "--steps", 3, "-o", "out", "--quiet") == (0, "", "")


def test_without_a_name_runs_get_the_files(cli_in: Command, tmp_path: Path, pairs_csv: Path) -> None:
    for _ in range(2):
        assert cli_in("train", pairs_csv, *SMALL, "--steps", 1, "-q").status == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["pairs", "pairs-2"]


# ----------------------------------------------------------------------------- evaluate, score, inspect and demo


def test_evaluate_prints_each_measure_with_its_signature(trained: Path, pairs_csv: Path) -> None:
    done = run_command("evaluate", trained, pairs_csv)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("200 pairs, translated in ")
    assert [line.split("  ")[0].split(",")[0] for line in done.out.splitlines()[1:]] == [
        "BLEU", "chrF", "TER", "exact match", "perplexity", "token accuracy",
    ]  # fmt: skip
    assert re.search(r"BLEU +\d+\.\d\d  nrefs:1\|case:mixed\|eff:no\|tok:13a", done.out)


def test_evaluate_as_json_and_by_sentence(trained: Path, pairs_csv: Path, tmp_path: Path) -> None:
    done = run_command("evaluate", trained, pairs_csv, "--json", "--beam", 1, "--per-sentence", tmp_path / "table.tsv")
    found = json.loads(done.out)
    assert done.out.count("\n") == 1
    assert found["pairs"] == 200
    assert found["scores"].keys() == {"bleu", "chrf", "ter", "exact_match", "perplexity", "token_accuracy"}
    rows = [line.split("\t") for line in (tmp_path / "table.tsv").read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["row", "bleu", "chrf", "log_prob", "tokens", "source", "output", "reference"]
    assert [int(row[0]) for row in rows[1:]] == list(range(2, 202))
    exact = sum(row[6] == row[7] for row in rows[1:]) / 2
    assert found["scores"]["exact_match"]["value"] == pytest.approx(exact)


def test_a_table_that_cannot_be_written_is_refused(trained: Path, pairs_csv: Path, tmp_path: Path) -> None:
    assert (
        "there is no folder"
        in run_command("evaluate", trained, pairs_csv, "--per-sentence", tmp_path / "no" / "x").said
    )
    assert "cannot write it" in run_command("evaluate", trained, pairs_csv, "--per-sentence", tmp_path).said


def test_score_gives_a_line_for_each_pair_and_names_rows_left_out(trained: Path) -> None:
    table = b"english,french\none two,two one\n,x\none two,three\n"
    done = run_command("score", trained, "-", stdin=table)
    assert done.status == 0
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert len(rows) == 2
    assert 0 > float(rows[0][0]) > float(rows[1][0])
    assert int(rows[0][1]) == 3
    assert done.err == "standard input: 1 left out, blank source (row 3)\n"
    found = [json.loads(line) for line in run_command("score", trained, "--json", "-", stdin=table).out.splitlines()]
    assert [(each["row"], each["source"], each["target"]) for each in found] == [
        (2, "one two", "two one"),
        (4, "one two", "three"),
    ]
    assert [f"{each['log_prob']:.4f}" for each in found] == [row[0] for row in rows]


def test_columns_are_found_by_what_they_are_called(trained: Path, tmp_path: Path) -> None:
    """The model reads english and writes french; the columns may stand the other way round, under other names."""
    pairs = [("one two three", "three two one"), ("four", "four")]
    right = run_command("score", trained, write_csv(tmp_path / "right.csv", pairs)).out
    turned = [(target, source) for source, target in pairs]
    for header in (("french", "english"), ("French", "English"), ("fr", "en"), ("Français", "English")):
        path = write_csv(tmp_path / "turned.csv", turned, header=header)
        assert run_command("score", trained, path).out == right
        assert run_command("score", trained, path, "--source", header[1], "--target", header[0]).out == right
    for header in (("a", "b"), ("en", "fr"), ("english", "other")):
        assert run_command("score", trained, write_csv(tmp_path / "other.csv", pairs, header=header)).out == right
    done = run_command("score", trained, "-", stdin=(tmp_path / "turned.csv").read_bytes())
    assert "the wrong way round. Pass --source English --target Français." in done.said


def test_inspect_tells_what_is_in_a_file(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "pairs.csv", [("one", "un"), ("two", "deux"), ("one", "un"), ("", "x")])
    test = write_csv(tmp_path / "test.csv", [("two", "deux")])
    done = run_command("inspect", path, "--test", test)
    assert (done.status, done.err) == (0, "")
    for words in ("english -> french", "4 read", "blank source", "row 5", "repeat", "also stand"):
        assert words in done.out
    found = json.loads(run_command("inspect", path, "--json").out)
    assert (found["rows"], found["pairs"], found["duplicates"]["count"]) == (4, 3, 1)


def test_demo_refuses_what_it_cannot_do_before_it_begins(cli_in: Command, tmp_path: Path) -> None:
    assert "--budget must be at least 10s." in cli_in("demo", "--budget", "1s").said
    assert "cannot read" in cli_in("demo", "--budget", "soon").said
    assert not list(tmp_path.iterdir())
