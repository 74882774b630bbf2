"""The measures of the benchmarks that are not a library call: the published tables' BLEU, curves, spreads."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def loaded(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


common = loaded("benchmarks_common", BENCHMARKS / "common.py")
peer = loaded("benchmarks_peer", BENCHMARKS / "peers" / "peer.py")


def by_hand(lines: list[str], references: list[str]) -> float:
    """Corpus BLEU of multi-bleu.perl: clipped counts of 1 to 4 words, geometric mean, brevity penalty, no smoothing."""
    right, all_of, written, wanted = [0] * 4, [0] * 4, 0, 0
    for line, reference in zip(lines, references, strict=True):
        words, goal = line.split(" "), reference.split(" ")
        written, wanted = written + len(words), wanted + len(goal)
        for n in range(1, 5):
            have, may = (Counter(zip(*(side[k:] for k in range(n)), strict=False)) for side in (words, goal))
            right[n - 1] += sum((have & may).values())
            all_of[n - 1] += sum(have.values())
    mean = sum(math.log(r / a) for r, a in zip(right, all_of, strict=True)) / 4
    return 100 * math.exp(mean + min(0.0, 1 - wanted / written))


def test_published_bleu_is_multi_bleu_of_lowercased_tokenized_text() -> None:
    pytest.importorskip("sacremoses")
    written = ["Ein Mann (mit Hut) läuft schnell.", "Zwei Hunde spielen, und ein Kind „lacht“ laut."]
    wanted = ["Ein Mann mit Hut läuft sehr schnell.", 'Zwei Hunde spielen und ein Kind "lacht" laut.']
    # What lowercase, normalize-punctuation and tokenizer make of them, by hand.
    tokens = ["ein mann ( mit hut ) läuft schnell .", "zwei hunde spielen , und ein kind &quot; lacht &quot; laut ."]
    goal = ["ein mann mit hut läuft sehr schnell .", "zwei hunde spielen und ein kind &quot; lacht &quot; laut ."]
    score, signature = common.multi_bleu(written, wanted, "de")
    assert score == pytest.approx(by_hand(tokens, goal))
    assert "tok:none" in signature
    assert "smooth:none" in signature


def test_curve_stands_on_the_clock_of_the_command(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"step": 10, "kind": "train", "seconds": 2.0},
        {"step": 12, "kind": "validation", "bleu": 5.0},
        {"step": 20, "kind": "train", "seconds": 4.0},
        {"step": 20, "kind": "validation", "bleu": 9.0},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert common.run_curve(tmp_path, began=1.5) == [(3.5, 5.0), (5.5, 9.0)]


def test_spread_is_mean_and_sample_deviation() -> None:
    assert common.spread([50.0]) == "50.0"
    assert common.spread([49.0, 50.0, 51.0]) == "50.0 ± 1.0"
    assert common.spread([]) == ""


def test_curve_of_a_peer_keeps_the_last_checkpoint_and_few_others() -> None:
    saved = [(float(seconds), Path(str(seconds))) for seconds in range(1, 100)]
    points = peer.spaced(saved, points=5)
    assert [seconds for seconds, _ in points] == pytest.approx([20, 40, 59, 79, 99], abs=1)
    assert points[-1] == saved[-1]
    assert peer.spaced(saved[:1], points=5) == saved[:1]


def test_table_groups_seeds_and_says_what_a_system_cannot() -> None:
    line: dict[str, Any] = {
        "system": "A", "version": "1", "seconds": 300.0, "parameters": 2_000_000, "tokens_per_second": 100.0,
        "valid": {"greedy": 10.0}, "test": {"greedy": 20.0, "beam": 30.0}, "sentences_per_second": {"greedy": 5.0},
        "milliseconds_a_sentence": {},
    }  # fmt: skip
    told = common.peers_table([line, line | {"test": {"greedy": 22.0, "beam": 30.0}}])
    assert "21.0 ± 1.4 (30.0 ± 0.0)" in told
    assert len(told.split("\n")) == 3
