"""Picture of a run: validation BLEU and loss against minutes, from one or more run folders.

python benchmarks/learning_curve.py RUN... -o docs/pictures/learning.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from common import lines_of, run_curve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), dpi=130)
    for run in options.runs:
        checks = run_curve(run)
        trained = [line for line in lines_of(run / "metrics.jsonl") if line["kind"] == "train"]
        left.plot([when / 60 for when, _ in checks], [bleu for _, bleu in checks], "o-", markersize=3.5, label=run.name)
        right.plot(
            [line["seconds"] / 60 for line in trained], [line["loss"] for line in trained], linewidth=1, label=run.name
        )
    left.set(xlabel="minutes of training", ylabel="validation BLEU (greedy)", ylim=(0, None))
    right.set(xlabel="minutes of training", ylabel="training loss, nats a token")
    left.legend(frameon=False, fontsize=9)
    figure.tight_layout()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out)


if __name__ == "__main__":
    main()
