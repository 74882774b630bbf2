"""BLEU against wall-clock time: the whole command, from typing it to the end of its report.

    python benchmarks/time_to_quality.py --data FOLDER --target fr --budgets 1m 5m

FOLDER holds Multi30k as train.en, train.fr, val.* and test_2016_flickr.*. Each budget is one
``transduce train`` in a process of its own; the clock runs from before the process starts until it has
ended. Test BLEU is sacreBLEU's 13a, cased, as the run reports it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import machine, table

from transduce.config import duration


def run(data: Path, target: str, budget: str, seed: int, settings: list[str], out: Path) -> tuple[float, dict]:
    """Train once. Returns the wall-clock seconds of the whole command, and the run's config."""
    command = [sys.executable, "-m", "transduce", "train", data / "train.en", data / f"train.{target}",
               "--valid", data / "val.en", "--test", data / "test_2016_flickr.en", "--budget", budget,
               "--seed", str(seed), "-o", out]  # fmt: skip
    for setting in settings:
        command += ["--set", setting]
    began = time.perf_counter()
    subprocess.run(list(map(str, command)), check=True)
    return time.perf_counter() - began, json.loads((out / "config.json").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", default="fr")
    parser.add_argument("--budgets", nargs="+", default=["5m"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--keep", type=Path, help="folder to keep the runs in")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for budget in options.budgets:
            for seed in options.seeds:
                out = (options.keep or Path(scratch)) / f"en-{options.target}-{budget}-{seed}"
                seconds, config = run(options.data, options.target, budget, seed, options.set, out)
                curve = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
                best = max((line["bleu"] for line in curve if "bleu" in line), default=float("nan"))
                scores = config["scores"]["test"]
                rows.append([budget, seed, f"{seconds:.1f}", f"{100 * seconds / duration(budget):.1f}",
                             f"{config['model']['cell']} {config['model']['layers']}x{config['model']['hidden']}",
                             f"{config['parameters'] / 1e6:.2f}M", f"{best:.1f}", f"{scores['bleu']['value']:.2f}",
                             f"{scores['chrf']['value']:.2f}", f"{scores['perplexity']['value']:.2f}"])  # fmt: skip
    print(f"\nMulti30k en-{options.target}, test_2016_flickr, beam {scores['beam']}; {machine()}\n")
    print(table(["budget", "seed", "seconds", "% of budget", "model", "parameters", "valid BLEU (greedy, 300)",
                 "test BLEU", "chrF", "perplexity"], rows))  # fmt: skip
    print(f"\n{scores['bleu']['signature']}")


if __name__ == "__main__":
    main()
