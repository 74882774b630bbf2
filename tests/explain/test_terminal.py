"""A trace on the terminal: all of it there, whole whatever the text holds, plain where nobody wants colors."""

from __future__ import annotations

import io
import re
from pathlib import Path

import msgspec
import pytest

import transduce
from tests.conftest import Command
from transduce.explain.terminal import printable, show
from transduce.explain.trace import Trace
from transduce.models import RNNConfig, build
from transduce.transducer import Transducer

pytestmark = pytest.mark.usefixtures("one_thread")
ESCAPE = "\x1b"
NASTY = "[bold red]one[/] \x1b[31mtwo\x07 \u202ethree :smile: \u05e9\u05dc\u05d5\u05dd \U0001f600"


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where no shell exports how wide it is."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="module")
def model(trained: Path) -> Transducer:
    return transduce.load(trained)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(trace: Trace, **options: object) -> str:
    out = io.StringIO()
    show(trace, file=out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def test_everything_is_told(model: Transducer) -> None:
    trace = transduce.trace(model, "one two three")
    said = shown(trace)
    for token in trace.source.tokens:
        assert token.text.strip() in said
    for layer in [*trace.encoder, *trace.decoder]:
        assert all(each.equation in said for each in layer.quantities)
    for name in ("context_2", "attention", "likeliest", "kept", "ended", "dropped", "s_3[0]"):
        assert name in said
    for step in trace.steps:
        assert f"step {step.number}: given" in said
        for each in step.candidates:
            assert f"{each.probability:.4f}" in said
    for output in trace.alternatives:
        assert f"{output.score:.4f}" in said


def test_the_numbers_of_the_score_are_substituted(model: Transducer) -> None:
    trace = transduce.trace(model, "one two three")
    line = next(line for line in shown(trace).splitlines() if line.startswith("log P("))
    *terms, total = [float(each) for each in re.findall(r"-?\d+\.\d+", line.replace("- ", "-"))]
    assert sum(terms) == pytest.approx(total, abs=1e-3)
    assert len(terms) == len(trace.steps)
    assert f"score = log P / length penalty = {trace.score.log_prob:.4f} / {trace.score.length_penalty:.4f}" in shown(
        trace
    )


def test_one_step_alone(model: Transducer) -> None:
    said = shown(transduce.trace(model, "one two three"), step=2)
    assert re.findall(r"^step (\d+):", said, flags=re.M) == ["2"]


def test_long_outputs_are_shown_step_by_step_only_when_asked(
    model: Transducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transduce.explain.terminal.MANY", 2)
    trace = transduce.trace(model, "one two three")
    assert "--step N" in shown(trace)
    assert not re.search(r"^step 1:", shown(trace), flags=re.M)
    assert re.search(r"^step 1:", shown(trace, every=True), flags=re.M)


def test_why_not_this_one(model: Transducer) -> None:
    said = shown(transduce.trace(model, "one two three", target="three one"))
    assert "They part at step 2: the model wrote ▁two" in said
    assert re.search(r"^given .* three one\s*$", said, flags=re.M)
    assert re.search(r"^own .* three two one\s*$", said, flags=re.M)
    assert "The search had the first" in said or "completed the given target too" in said
    assert "They are the same." in shown(transduce.trace(model, "one two three", target="three two one"))


def test_a_target_that_search_missed_is_called_so(model: Transducer) -> None:
    trace = transduce.trace(model, "one two three", target="three one")
    lucky = msgspec.structs.replace(trace, score=msgspec.structs.replace(trace.score, score=0.0))
    assert "the search missed it" in shown(lucky)
    assert "the search missed it" not in shown(trace)


def test_without_attention_the_one_vector_is_shown(model: Transducer) -> None:
    plain = build(
        RNNConfig(attention="none", hidden=8, embed=8), source_vocab=model.model.vocab, target_vocab=model.model.vocab
    )
    trace = transduce.trace(Transducer(plain.eval(), model.tokenizers, model.config), "one two")
    said = shown(trace)
    assert "16 numbers are all that the decoder ever gets" in said
    assert "--gradient" in said
    assert "change" in said
    told = shown(
        transduce.trace(Transducer(plain, model.tokenizers, model.config), "one two", gradient="integrated_gradients")
    )
    assert "depends on" in told


def test_nasty_text_comes_out_escaped_and_whole(model: Transducer) -> None:
    said = shown(transduce.trace(model, NASTY, target=NASTY))
    for whole in (
        printable(NASTY),
        "[bold red]one[/]",
        "\\x1b[31mtwo\\x07",
        "\\u202ethree :smile:",
        "\u05e9\u05dc\u05d5\u05dd \U0001f600",
    ):
        assert whole in said
    assert not set(said) & {ESCAPE, "\x07", "\u202e", "\r"}


def test_colors_are_for_terminals_that_want_them(model: Transducer, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = transduce.trace(model, "one two three")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Screen()
    show(trace, file=screen)
    assert ESCAPE in screen.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    show(trace, file=screen)
    assert ESCAPE not in screen.getvalue()
    assert ESCAPE not in shown(trace)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(model: Transducer, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    said = shown(transduce.trace(model, "one two three", gradient="input_x_gradient"))
    assert max(map(len, said.splitlines())) <= width
    assert "seven" in said


def test_command_line(trained: Path, cli_in: Command, tmp_path: Path) -> None:
    done = cli_in("explain", trained, "one two three", "--step", 1, "--beam", 2, "--top", 3)
    assert done.status == 0, done.err
    assert "How the score adds up" in done.out
    assert "three two one" in done.out
    assert (
        cli_in("explain", trained, "-", stdin=b"one two three\n").out == cli_in("explain", trained, "one two three").out
    )
    assert cli_in("explain", trained).status == 2
    assert cli_in("explain", trained, "one", "--step", "0").status == 2
    assert cli_in("explain", trained, "one", "--gradient", "magic").status == 2
    assert "only 2 symbols" in cli_in("explain", trained, "one", "--step", 9).said
    assert "blank" in cli_in("explain", trained, " ").said
    assert "beam" in cli_in("explain", trained, "one", "--beam", 0).said
    done = cli_in("explain", trained, "one", "--html", tmp_path / "no" / "page.html")
    assert done.status == 1
    assert "page.html" in done.said


def test_faces_are_written(trained: Path, cli_in: Command, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = cli_in("explain", trained, "one two", "--html", tmp_path / "a.html", "--png", tmp_path / "a.png", "--json")
    assert done.status == 0, done.err
    assert done.out.startswith("{")
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    lines = b"one two\n\nthree four\none one\n"
    assert "3 sentences" in cli_in("explain", trained, "--map", "-", stdin=lines).out
    done = cli_in("explain", trained, "--map", "-", "--html", tmp_path / "map.html", stdin=lines)
    assert done.status == 0, done.err
    assert (tmp_path / "map.html").exists()
