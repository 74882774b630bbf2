"""Rows a second and memory of data preparation: from a file of pairs to a memory-mapped corpus of ids.

    python benchmarks/preparation.py                    # 5,000,000 pairs, some minutes
    python benchmarks/preparation.py --pairs 200000

The pairs are made up: seeded mixtures of 60,000 words a side that follow Zipf's law, ten words a
sentence or so. They are written to a temporary TSV file, then prepared exactly as ``transduce train``
does it: read and inspected, split, vocabularies learned, encoded.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tokenizers

from transduce.data.prepare import prepare
from transduce.data.readers import open_pairs
from transduce.data.tokenizer import TokenizerConfig

WORDS = 60_000
STAGES = {"read": "read, inspect, spool", "split": "split", "learn": "learn vocabularies", "encode": "encode"}


def made_up_words(random: np.random.Generator, syllables: list[str]) -> list[str]:
    """``WORDS`` different words, the frequent ones short."""
    words: dict[str, None] = {}
    while len(words) < WORDS:
        length = 1 + min(5, len(words) // 400 + int(random.integers(0, 2)))
        words["".join(syllables[place] for place in random.integers(0, len(syllables), length))] = None
    return list(words)


def write_pairs(path: Path, pairs: int, seed: int) -> None:
    """Write ``pairs`` made-up pairs as TSV, in pieces."""
    random = np.random.default_rng(seed)
    english = made_up_words(random, [c + v for c in "bcdfglmnprst" for v in ("a", "e", "i", "o", "oo", "er")])
    french = made_up_words(random, [c + v for c in "bcdfglmnprst" for v in ("a", "é", "i", "ou", "ien", "è")])
    shares = 1 / (np.arange(WORDS) + 2.7)
    steps = np.cumsum(shares / shares.sum())
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("english\tfrench\n")
        for start in range(0, pairs, 20_000):
            count = min(20_000, pairs - start)
            lengths = np.clip(random.lognormal(2.2, 0.45, count), 1, 60).astype(int)
            places = np.minimum(np.searchsorted(steps, random.random(int(lengths.sum()))), WORDS - 1).tolist()
            lines, first = [], 0
            for length in lengths.tolist():
                chosen = places[first : first + length]
                first += length
                source, target = " ".join([english[p] for p in chosen]), " ".join([french[p] for p in chosen])
                lines.append(f"{source.capitalize()}.\t{target.capitalize()}.\n")
            file.write("".join(lines))


def resident() -> float:
    """Most MB of memory this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


class Clock:
    """Seconds, processor seconds and peak memory of each stage, told by progress."""

    def __init__(self, *, quiet: bool) -> None:
        self.stages: dict[str, list[float]] = {}
        self.last = ("", time.perf_counter(), time.process_time())
        self.quiet = quiet

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """A stage begins when it is first named; what was before it ends there."""
        name, since, worked = self.last
        now, work = time.perf_counter(), time.process_time()
        before = self.stages.setdefault(name or stage, [0.0, 0.0, 0.0])
        before[0] += now - since
        before[1] += work - worked
        before[2] = resident()
        self.last = (stage, now, work)
        if not self.quiet:
            print(f"\r{stage:<8} {done:>12,}", end="", file=sys.stderr, flush=True)


def processor() -> str:
    """The processor's name, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def folder_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5_000_000)
    parser.add_argument("--vocab", type=int, default=8_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to put the temporary files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        path = folder / "pairs.tsv"
        write_pairs(path, options.pairs, options.seed)
        print(f"{options.pairs:,} pairs, {path.stat().st_size / 1e6:,.0f} MB of TSV; {resident():,.0f} MB held so far")
        clock = Clock(quiet=not sys.stderr.isatty())
        began = time.perf_counter()
        config = TokenizerConfig(vocab=options.vocab)
        prepared = prepare(open_pairs(path), folder=folder / "data", tokenizer=config, seed=0, progress=clock)
        clock("done", options.pairs, None)
        total = time.perf_counter() - began
        print(f"\n{'stage':<22}{'seconds':>9}{'processor s':>13}{'pairs/s':>12}{'peak MB':>9}")
        for stage, label in STAGES.items():
            seconds, worked, peak = clock.stages[stage]
            print(f"{label:<22}{seconds:>9.1f}{worked:>13.1f}{options.pairs / max(seconds, 1e-9):>12,.0f}{peak:>9,.0f}")
        worked = sum(each[1] for each in clock.stages.values())
        print(f"{'all':<22}{total:>9.1f}{worked:>13.1f}{options.pairs / total:>12,.0f}{resident():>9,.0f}\n")
        print(
            f"{prepared.train!r}, {folder_size(folder / 'data') / 1e6:,.0f} MB on disk, {prepared.tokenizers.source!r}"
        )
        print(f"validation {len(prepared.valid):,}, test {len(prepared.test):,}, too long {prepared.too_long.count:,}")
    print(f"{processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
          f"numpy {np.__version__}, tokenizers {tokenizers.__version__}")  # fmt: skip


if __name__ == "__main__":
    main()
