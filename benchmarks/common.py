"""What the benchmarks share: the machine in a line, its matrix-product peak, tables, Multi30k."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

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
