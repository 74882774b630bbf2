"""What the benchmarks share: the machine in a line, its matrix-product peak, tables, Multi30k and its measures."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch


def machine() -> str:
    """Processor, cores, threads and torch in a line."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}, {platform.system()}"


def seconds_each(function: Callable[[], object], *, least: float = 1.0) -> float:
    """Seconds of one call: the mean over at least ``least`` seconds, after two calls to warm up."""
    function(), function()
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < least:
        function()
        calls += 1
    return (time.perf_counter() - began) / calls


def peak_gflops() -> float:
    """Billions of floating-point operations a second in a large float32 matrix product."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    return 2 * 1024**3 / seconds_each(lambda: a @ b) / 1e9


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table with aligned columns."""
    cells = [list(map(str, heads)), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def multi30k(folder: Path, part: str, language: str) -> list[str]:
    """The sentences of one side of one part (train, val, test_2016_flickr)."""
    path = folder / f"{part}.{language}"
    if not path.exists():
        raise SystemExit(
            f"{path}: not there. Name the folder that holds train.en, train.fr, val.* and test_2016_flickr.* with --data."
        )
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def multi_bleu(lines: Sequence[str], references: Sequence[str], language: str) -> tuple[float, str]:
    """BLEU as the published Multi30k tables have it (41.02 for the Transformer-tiny), and its signature.

    Those models read and write the corpus's own tokenized files, made by Moses's lowercase.perl,
    normalize-punctuation.perl and tokenizer.perl, in this order (scripts/task1-tokenize.sh of multi30k/dataset), and
    multi-bleu.perl compares the words that are there, without smoothing. Ours is plain text, so both sides go through
    the same three (sacremoses), then through sacreBLEU with tok:none and smooth:none.
    """
    try:
        from sacremoses import MosesPunctNormalizer, MosesTokenizer
    except ImportError:
        raise SystemExit("The published measure needs sacremoses: pip install sacremoses") from None
    from importlib.metadata import version

    from sacrebleu.metrics import BLEU

    normalizer, tokenizer = MosesPunctNormalizer(lang=language), MosesTokenizer(lang=language)

    def prepared(texts: Sequence[str]) -> list[str]:
        return [tokenizer.tokenize(normalizer.normalize(text.lower()), return_str=True) for text in texts]

    metric = BLEU(tokenize="none", smooth_method="none", force=True)
    score = metric.corpus_score(prepared(lines), [prepared(references)]).score
    return (
        score,
        f"{metric.get_signature()} of Moses lowercase, normalize, tokenize (sacremoses {version('sacremoses')})",
    )


def multi_bleu_of(path: Path, data: Path, language: str) -> float:
    """``multi_bleu`` of a file of translations of the test part."""
    written = path.read_text(encoding="utf-8").split("\n")[:-1]
    return multi_bleu(written, multi30k(data, "test_2016_flickr", language), language)[0]


def trained(
    data: Path, target: str, budget: str, seed: int, settings: Sequence[str], out: Path, *, threads: int | None = None
) -> tuple[float, float]:
    """``transduce train`` on Multi30k in a process of its own.

    Returns the wall-clock seconds from before it started until it had ended, and those until it measured its training
    for the first time, less what it had then trained for: where its own clock begins on ours.
    """
    command = [sys.executable, "-m", "transduce", "train", data / "train.en", data / f"train.{target}",
               "--valid", data / "val.en", "--test", data / "test_2016_flickr.en", "--budget", budget,
               "--seed", seed, "-o", out]  # fmt: skip
    command += ["--threads", threads] if threads else []
    for setting in settings:
        command += ["--set", setting]
    began, first, log = time.perf_counter(), 0.0, out / "metrics.jsonl"
    process = subprocess.Popen(list(map(str, command)))
    while process.poll() is None:
        if not first and log.exists() and "\n" in (text := log.read_text(encoding="utf-8")):
            line = json.loads(text.split("\n")[0])
            first = time.perf_counter() - began - line.get("seconds", 0.0)
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"transduce train ended with {process.returncode}")
    return time.perf_counter() - began, first


def run_curve(run: Path, *, began: float = 0.0) -> list[tuple[float, float]]:
    """(seconds, validation BLEU, greedy) of a run's validations; ``began`` is added to its own seconds."""
    lines = lines_of(run / "metrics.jsonl")
    seconds = {line["step"]: line["seconds"] for line in lines if line["kind"] == "train"}
    points, last = [], 0.0
    for line in lines:
        if line["kind"] == "validation":
            last = max((when for step, when in seconds.items() if step <= line["step"]), default=last)
            points.append((round(began + last, 1), line["bleu"]))
    return points


def spread(values: Sequence[float], digits: int = 1) -> str:
    """The mean, and the deviation between seeds where there are several."""
    if not values:
        return ""
    mean = f"{statistics.fmean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def peers_table(lines: Sequence[Mapping[str, Any]]) -> str:
    """One row a system and a time, as benchmarks/peers/peer.py has them: means over seeds."""
    groups: dict[tuple[str, float], list[Mapping[str, Any]]] = {}
    for line in lines:
        groups.setdefault((line["system"], line["seconds"]), []).append(line)
    with_published = any("published" in line for line in lines)
    rows = []
    for (system, seconds), runs in groups.items():
        first = runs[0]

        def pair(name: str, digits: int = 1, runs: list[Mapping[str, Any]] = runs) -> str:
            greedy = spread([each[name]["greedy"] for each in runs if "greedy" in each.get(name, {})], digits)
            beam = spread([each[name]["beam"] for each in runs if "beam" in each.get(name, {})], digits)
            return f"{greedy} ({beam})" if beam else greedy

        rates = [each["tokens_per_second"] for each in runs if each["tokens_per_second"]]
        name = system if system.startswith("the article") else f"{system} {first['version']}"
        size = f"{first['parameters'] / 1e6:.1f}M" if first["parameters"] else ""
        row = [
            name,
            size,
            f"{seconds:g}",
            f"{statistics.fmean(rates):,.0f}" if rates else "",
            pair("valid"),
            pair("test"),
        ]
        row += [pair("published")] if with_published else []
        rows.append([*row, pair("sentences_per_second", 0), pair("milliseconds_a_sentence")])
    heads = [
        "system",
        "parameters",
        "seconds",
        "target tokens/s",
        "valid BLEU greedy (beam 5)",
        "test BLEU greedy (beam 5)",
    ]
    heads += ["test, published measure"] if with_published else []
    return table([*heads, "sentences/s greedy (beam 5)", "one sentence, median ms"], rows)
