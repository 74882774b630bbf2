"""The programs in examples/, where TensorFlow is installed (or KERAS_PYTHON names a Python that has it)."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
PYTHON = os.environ.get("KERAS_PYTHON") or (sys.executable if importlib.util.find_spec("tensorflow") else "")
needs_keras = pytest.mark.skipif(not PYTHON, reason="needs TensorFlow: pip install 'transduce[keras]', or KERAS_PYTHON")


def run(*words: object) -> str:
    done = subprocess.run([PYTHON, *map(str, words)], cwd=EXAMPLES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@needs_keras
@pytest.mark.parametrize("program", ["article_keras.py", "article_printed.py"])
def test_program_trains_and_writes_a_line_for_each_row(program: str, pairs_csv: Path, tmp_path: Path) -> None:
    out, told = tmp_path / "out.txt", tmp_path / "told.json"
    run(program, pairs_csv, "--minutes", 0.01, "--threads", 1, "--test", pairs_csv, "--out", out, "--json", told)
    assert len(out.read_text(encoding="utf-8").split("\n")) == len(pairs_csv.read_text().splitlines())
    assert json.loads(told.read_text())["words_per_second"] > 0


@needs_keras
def test_corrected_program_learns(pairs_csv: Path, tmp_path: Path) -> None:
    """Pairs of number words and the same in reverse order: after 80 passes it knows many of those it was trained on."""
    out = tmp_path / "out.txt"
    run("article_keras.py", pairs_csv, "--minutes", 10, "--epochs", 80, "--test", pairs_csv, "--out", out)
    wanted = [line.split(",")[1] for line in pairs_csv.read_text().splitlines()[1:]]
    got = out.read_text(encoding="utf-8").split("\n")[:-1]
    assert sum(ours == right for ours, right in zip(got, wanted, strict=True)) > len(wanted) / 4
