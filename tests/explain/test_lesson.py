"""The lesson's lines are true: what is substituted gives what is printed, and all of it is what the equations say."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy import ndarray

from transduce.config import from_dict
from transduce.errors import ConfigError
from transduce.explain.lesson import LessonConfig, lesson
from transduce.explain.lesson.task import example_of, first_weights, learn
from transduce.explain.lesson.writing import Writer

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]\d+)?")
FUNCTIONS: dict[str, Any] = {"__builtins__": {}, "tanh": math.tanh, "exp": math.exp, "log": math.log,
                             "sigmoid": lambda a: 1 / (1 + math.exp(-a)), "relu": lambda a: max(0.0, a)}  # fmt: skip


def given(*, brief: bool = False, color: bool = False, **options: Any) -> tuple[list[str], bool]:
    lines: list[str] = []
    reached = lesson(LessonConfig(**options), lines.append, brief=brief, color=color)
    return lines, reached


def chains(lines: list[str]) -> list[list[str]]:
    """``name = side = side`` as lists, continued lines joined. Equations in letters and arrays are left out."""
    joined: list[str] = []
    for line in lines:
        if re.match(r"    \S+ = ", line):
            joined.append(line.strip())
        elif joined and re.match(r"     +(=|[+-]) ", line):
            joined[-1] += " " + line.strip()
        else:
            joined.append("")
    found = [line.split(" = ") for line in joined if line and not line.split(" = ")[1].startswith("[")]
    return [sides for sides in found if not re.search(r"sum_t|_t\b", " ".join(sides))]


def value(expression: str) -> float:
    return float(eval(expression.replace("^", "**"), FUNCTIONS))


def rounding(expression: str) -> float:
    """By how much the expression can be off, its numbers being rounded. Whole ones and those of two decimals are exact."""
    base, total = value(expression), 0.0
    for found in NUMBER.finditer(expression):
        mantissa, _, exponent = found[0].partition("e")
        decimals = len(mantissa.partition(".")[2])
        if decimals > 2:
            moved = float(found[0]) + 0.5 * 10.0 ** (int(exponent or 0) - decimals)
            total += abs(value(f"{expression[: found.start()]}{moved!r}{expression[found.end() :]}") - base)
    return total


def check_chains(lines: list[str]) -> int:
    """Every side of every chain gives the next, up to the rounding of what is printed."""
    found = chains(lines)
    for name, *sides in found:
        for left, right in pairwise(sides):
            apart, allowed = abs(value(left) - value(right)), rounding(left) + rounding(right)
            assert apart <= 1.02 * allowed + 1e-9, f"{name} = {left} = {right}: {apart} apart, {allowed} allowed"
    return sum(len(sides) > 1 for _, *sides in found)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"activation": "sigmoid", "steps": 20, "hidden": 3},
    {"activation": "relu", "hidden": 4, "seed": 2, "steps": 20},
    {"activation": "identity"},
    {"hidden": 7, "digits": 6},
    {"hidden": 1, "steps": 3},
    {"input": "-0.5, 1.25, 3", "output": "[0.123, -2]", "start": -1.5, "steps": 10},
    {"output_activation": "sigmoid", "output": "0.2 0.9", "steps": 5},
    {"output_activation": "tanh", "output": "0.2 0.9", "digits": 8, "steps": 5},
    {"output_activation": "relu", "steps": 5},
    {"learning_rate": 0.5, "clip": 1.0, "steps": 20},
    {"loss": "cross-entropy"},
    {"loss": "cross-entropy", "input": "ich bin müde", "output": "i am tired", "hidden": 5, "activation": "relu"},
    {"loss": "cross-entropy", "input": "a b c d e f", "output": "g h i j k l", "steps": 10},
    {"input": "1" + " 1" * 30, "steps": 2},
    {"input": "1000000", "output": "-1000000", "steps": 5},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_substituted_numbers_give_the_results(options: dict[str, Any]) -> None:
    lines, _ = given(**options)
    steps = len(LessonConfig(**options).symbols_of("input")) + len(LessonConfig(**options).symbols_of("output"))
    assert check_chains(lines) >= 4 * steps
    assert max(map(len, lines)) <= 79
    assert not any("\x1b" in line for line in lines)


def test_a_wrong_number_is_noticed() -> None:
    """The check above can fail: two digits changed in one chain."""
    lines, _ = given()
    place = next(k for k, line in enumerate(lines) if "dL/dv_3[1] = " in line)
    wrong = lines[place][:-2] + f"{(int(lines[place][-2:]) + 50) % 100:02d}"
    with pytest.raises(AssertionError, match=r"dL/dv_3\[1\]"):
        check_chains([*lines[:place], wrong, *lines[place + 1 :]])


def printed(lines: list[str]) -> tuple[dict[str, float], dict[str, ndarray]]:
    """Results and arrays by name, the first of each."""
    results: dict[str, float] = {}
    for name, *sides in chains(lines):
        results.setdefault(name, value(sides[-1]))
    arrays: dict[str, ndarray] = {}
    text = "\n".join(lines)
    for found in re.finditer(r"^    (\S+) = (\[[^=]*?\])$", text, flags=re.M):
        if found[2].count("[") == found[2].count("]"):
            arrays.setdefault(found[1], np.array(eval(found[2])))
    return results, arrays


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "identity"])
@pytest.mark.parametrize("hidden", [2, 6])
def test_the_numbers_are_those_of_the_article(activation: str, hidden: int) -> None:
    """From the printed weights alone, by the article's equations written here once more."""
    lines, _ = given(activation=activation, hidden=hidden, steps=1, digits=9)
    results, arrays = printed(lines)
    sigma = np.vectorize(FUNCTIONS.get(activation, lambda a: a))
    targets = [4.0, 5.0, 6.0]
    weights = {
        name: arrays[name].astype(float) for name in ("W_xh", "W_hh", "b_h", "W_ys", "W_ss", "b_s", "W_sy", "b_y")
    }

    def run() -> tuple[dict[str, ndarray], float]:
        w, seen = weights, {}
        h = np.zeros(hidden)
        for t, x in enumerate((1.0, 2.0, 3.0), start=1):
            h = seen[f"h_{t}"] = sigma(w["W_xh"] @ [x] + w["W_hh"] @ h + w["b_h"])
        for t, y in enumerate((0.0, 4.0, 5.0), start=1):
            h = seen[f"s_{t}"] = sigma(w["W_ys"] @ [y] + w["W_ss"] @ h + w["b_s"])
            seen[f"y_{t}"] = w["W_sy"] @ h + w["b_y"]
        return seen, sum((seen[f"y_{t}"][0] - target) ** 2 / 2 for t, target in enumerate(targets, start=1))

    seen, loss = run()
    assert results["L"] == pytest.approx(loss, abs=1e-8)
    for name, values in seen.items():
        if name[0] == "y":
            assert results[name] == pytest.approx(values[0], abs=1e-8)
        elif hidden == 2:
            assert [results[f"{name}[1]"], results[f"{name}[2]"]] == pytest.approx(list(values), abs=1e-8)
        else:
            np.testing.assert_allclose(arrays[name], values, rtol=0, atol=1e-8)
    for name, weight in weights.items():
        slopes = np.zeros_like(weight)
        for place in np.ndindex(weight.shape):
            kept = weight[place]
            sides = []
            for sign in (1, -1):
                weight[place] = kept + sign * 1e-6
                sides.append(run()[1])
            weight[place] = kept
            slopes[place] = (sides[0] - sides[1]) / 2e-6
        np.testing.assert_allclose(arrays[f"dL/d{name}"], slopes, rtol=1e-5, atol=1e-5, err_msg=name)
        first = (0,) * weight.ndim
        after = weight[first] - 0.02 * arrays[f"dL/d{name}"][first]
        assert results[f"{name}[{','.join('1' * weight.ndim)}]"] == pytest.approx(after, abs=1e-8)


def test_default_options_write_the_output() -> None:
    lines, reached = given()
    assert reached
    end = "\n".join(lines[-12:])
    assert [round(float(each)) for each in re.findall(r"writes ([-\d.]+), which", end)] == [4, 5, 6]
    assert [fed for fed, _ in re.findall(r"fed (\S+) +writes (\S+),", end)][1:] == re.findall(r"writes (\S+),", end)[
        :-1
    ]
    assert "writes 4 5 6" in end
    assert sum("|" in line for line in lines) == 10  # the curve
    curve = [line.partition("|")[2] for line in lines if "|" in line]
    assert curve[0].startswith("*")
    assert curve[-1].endswith("*")


def test_words_end_with_a_word() -> None:
    lines, reached = given(loss="cross-entropy", input="ich bin müde", output="i am tired", hidden=4)
    assert reached
    written = [line.split()[3] for line in lines if re.search(r"fed \S+ +writes", line)]
    assert written == ["i", "am", "tired", "<end>"]
    assert float(next(line for line in lines if line.startswith("    L = ")).split()[-1]) > 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("hidden", [2, 3])
def test_other_seeds_learn_it_too(seed: int, hidden: int) -> None:
    assert given(seed=seed, hidden=hidden, brief=True)[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"learning_rate": 1.0}, "beyond all bounds.* --learning-rate 0.02, or --clip 1"),
        ({"learning_rate": 1e300}, "beyond all bounds"),
        ({"output_activation": "sigmoid", "steps": 30}, "sigmoid output cannot reach"),
        ({"activation": "relu", "seed": 1, "hidden": 1, "output": "4 -5 60", "steps": 40}, "It did not learn this"),
        ({"hidden": 1, "steps": 5}, "still falling"),
        ({"learning_rate": 0.3, "clip": 5.0, "steps": 200}, "It did not learn this"),
    ],
)
def test_what_it_says_where_it_cannot_learn(options: dict[str, Any], said: str) -> None:
    lines, reached = given(**options)
    assert not reached
    text = " ".join(" ".join(lines).split())
    assert re.search(said, text.rpartition("9. ")[2])
    assert max(map(len, lines)) <= 79


def test_dead_units_are_named() -> None:
    """Said exactly where relu holds all units of the decoder at 0."""
    told = []
    for seed in range(12):
        config = LessonConfig(activation="relu", seed=seed, hidden=1, steps=60)
        example = example_of(config)
        learned = learn(example, first_weights(example))
        dead = not any(step.h.any() for step in example.run(learned.weights).decoder)
        lines: list[str] = []
        lesson(config, lines.append)
        told.append("they are dead" in " ".join(lines))
        assert told[-1] == dead
    assert any(told)
    assert not all(told)


def test_brief_leaves_out_the_numbers_and_keeps_the_results() -> None:
    whole, brief = given()[0], given(brief=True)[0]
    assert len(brief) < 0.75 * len(whole)
    assert not any("tanh(0" in line or "tanh((" in line for line in brief)
    assert next(line for line in whole if line.startswith("    dL/dW_ss = [")) in brief
    assert whole[-3:] == brief[-3:]


def test_color_changes_nothing_but_the_color() -> None:
    plain, painted = given()[0], given(color=True)[0]
    assert any("\x1b[" in line for line in painted)
    assert [re.sub(r"\x1b\[[\d;]*m", "", line) for line in painted] == plain
    assert all(line.count("\x1b[0m") == len(re.findall(r"\x1b\[[1-9]", line)) for line in painted)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"input": "one two"}, '--input: "one" is not a number. For words, add --loss cross-entropy.'),
        ({"input": " , "}, "--input needs from 1 to 50 numbers"),
        ({"output": "nan"}, "--output must be a number"),
        ({"hidden": 0}, "--hidden must be from 1 to 256; got 0."),
        ({"learning_rate": 0.0}, "--learning-rate must be above 0"),
        ({"learning_rate": float("nan")}, "--learning-rate must be above 0"),
        ({"start": float("inf")}, "--start must be a number"),
        ({"steps": 0}, "--steps must be from 1"),
        ({"clip": -1.0}, "--clip must be above 0"),
        ({"within": 0.0}, "--within must be above 0"),
        ({"digits": 13}, "--digits must be from 1 to 12"),
        ({"seed": -1}, "--seed must be at least 0"),
        ({"loss": "cross-entropy", "output": "a <end>"}, "<start> and <end> are the lesson's own words"),
        ({"loss": "cross-entropy", "output_activation": "tanh"}, "words need softmax"),
        ({"loss": "cross-entropy", "start": 1.0}, "--start is for numbers"),
        ({"activation": "tan"}, "expected one of tanh, sigmoid, relu, identity"),
    ],
)
def test_impossible_values_are_refused_in_one_line(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_dict(LessonConfig, options)
    assert said in str(caught.value)


def test_numbers_are_short_where_that_is_exact() -> None:
    writer = Writer(print, digits=4, color=False)
    shown = [writer.number(value) for value in (3.0, -0.0, 0.14, 0.5, 0.14001, 1 / 3, 1e-7, 12345678.9, math.inf)]
    assert shown == ["3", "0", "0.14", "0.50", "0.1400", "0.3333", "1.0000e-07", "1.2346e+07", "inf"]
    assert writer.factor(-2.0) == "(-2)"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    code = ("import sys; from transduce.cli import main\ntry: main()\nfinally:\n"
            " print([name for name in ('torch', 'tokenizers', 'sacrebleu') if name in sys.modules], file=sys.stderr)")  # fmt: skip
    return subprocess.run([sys.executable, "-c", code, "lesson", *words], capture_output=True, text=True, check=False)


def test_the_command() -> None:
    done = run("--digits", "3", "--brief")
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"  # it starts without torch
    assert "\x1b" not in done.stdout
    assert "writes 4 5 6" in done.stdout
    failed = run("--learning-rate", "1")
    assert failed.returncode == 1
    assert "did not learn this" in failed.stdout
    refused = run("--hidden", "0")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == "transduce: --hidden must be from 1 to 256; got 0."


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_color_on_a_terminal_unless_it_is_not_wanted(no_color: str) -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen([sys.executable, "-m", "transduce", "lesson", "--brief"], stdout=theirs,
                               env=os.environ | {"TERM": "xterm", "NO_COLOR": no_color})  # fmt: skip
    os.close(theirs)
    written = b""
    with suppress(OSError):  # Linux says EIO when the other side is closed
        while part := os.read(ours, 65536):
            written += part
    os.close(ours)
    assert process.wait() == 0
    assert (b"\x1b[" in written) == (no_color == "")
    assert b"writes 4 5 6" in written
