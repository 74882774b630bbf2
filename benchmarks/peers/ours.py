"""Transduce: ``transduce train --budget``, measured as the peers are.

    python benchmarks/peers/ours.py --data FOLDER --target fr --seconds 300 --threads 2 --out DIR [--run RUN]

Our seconds are of the whole command, from typing it to the end of its report; the peers' are of training alone. The
curve comes from the run's own validations, each of 300 sentences. ``--run`` measures a run that is there already.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from peer import Translate, finish, job

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import lines_of, run_curve, trained

ALONE = 200  # sentences that are translated each alone


def main() -> None:
    run = job(__doc__, run="")
    import torch

    import transduce

    torch.set_num_threads(run.threads)
    folder = Path(run.extra["run"]) if run.extra["run"] else run.out / "run"
    wall, began = None, 0.0
    if not run.extra["run"]:
        wall, began = trained(run.data, run.target, f"{run.seconds:g}s", run.seed, [], folder, threads=run.threads)
    model = transduce.load(folder)
    log = [line for line in lines_of(folder / "metrics.jsonl") if line["kind"] == "train"]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))

    def translate(texts: list[str], beam: int) -> list[str]:
        return model.translate(texts, beam=beam)

    measured: Translate = translate
    finish(run, measured, system="Transduce", package="transduce", beside=["torch"], one_at_a_time=ALONE,
           curve=run_curve(folder, began=began), trained_seconds=wall or config["seconds"], prepare_seconds=0.0,
           parameters=config["parameters"],
           tokens_per_second=statistics.median(line["tokens_per_second"] for line in log))  # fmt: skip


if __name__ == "__main__":
    main()
