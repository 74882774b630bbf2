"""Marian through pymarian: GRU encoder-decoder with attention, asynchronous SGD on one worker a thread.

    python benchmarks/peers/marian.py --data FOLDER --target fr --seconds 300 --threads 2 --out DIR

Adam 3e-3, dropout 0.1, label smoothing 0.1, joint sentencepiece BPE of 3,000, all embeddings tied, 48 sentences a batch
(about 700 target tokens) for each worker. Trained by ``pymarian.Trainer``, translated by ``pymarian.Translator``.
"""

from __future__ import annotations

import re
import signal
import statistics
import sys
from pathlib import Path
from typing import Any

from peer import Job, Translate, checkpoints, curve, finish, job, spaced, subwords, train_for, write_lines

SENTENCES = 48
RNN: dict[str, Any] = {
    "type": "s2s", "dim_emb": 256, "dim_rnn": 256, "enc_cell": "gru", "dec_cell": "gru", "enc_depth": 1, "dec_depth": 1,
    "dropout_rnn": 0.1, "tied_embeddings_all": True, "label_smoothing": 0.1, "learn_rate": 3e-3, "clip_norm": 1,
    "cost_type": "ce-mean-words", "mini_batch": SENTENCES, "maxi_batch": 100, "max_length": 100, "workspace": 1000,
    "disp_freq": 20, "disp_first": 2, "save_freq": "50u", "after": "0e", "overwrite": False, "shuffle_in_ram": True,
}  # fmt: skip


def train(job: Job) -> None:
    """What the child process does: trains until it is stopped."""
    from pymarian import Trainer

    pieces = str((job.out / "subwords.model").with_suffix(".spm").resolve())
    settings = {name: value for name, value in RNN.items() if value is not False}
    Trainer(model=str((job.out / "model.npz").resolve()), vocabs=[pieces, pieces], cpu_threads=job.threads,
            train_sets=[str((job.out / f"train.{side}").resolve()) for side in ("src", "tgt")], seed=job.seed,
            **settings).train()  # fmt: skip


def loaded(job: Job, path: Path) -> Translate:
    from pymarian import Translator

    pieces = str((job.out / "subwords.spm").resolve())
    known: dict[int, Any] = {}

    def translate(texts: list[str], beam: int) -> list[str]:
        if beam not in known:
            known[beam] = Translator(models=str(path.resolve()), vocabs=[pieces, pieces], beam_size=beam, normalize=1.0,
                                     mini_batch=64, maxi_batch=100, maxi_batch_sort="src", max_length_factor=2,
                                     cpu_threads=job.threads, quiet=True, workspace=500)  # fmt: skip
        found = known[beam].translate("\n".join(texts))
        return list(found if isinstance(found, list) else found.rstrip("\n").split("\n"))

    return translate


def main() -> None:
    run = job(__doc__, child="no")
    if run.extra["child"] == "yes":
        train(run)
        return
    subwords(run)
    # Marian knows a sentencepiece model by the end of its name.
    (run.out / "subwords.spm").write_bytes((run.out / "subwords.model").read_bytes())
    for side, lines in zip(("src", "tgt"), run.sides("train"), strict=True):
        write_lines(run.out / f"train.{side}", lines)
    child = [sys.executable, Path(__file__).resolve(), "--child", "yes", "--data", run.data.resolve(), "--target", run.target,
             "--threads", str(run.threads), "--seed", str(run.seed), "--out", run.out.resolve()]  # fmt: skip
    told = train_for(child, run, starts="Training started", stop=signal.SIGTERM)
    saved = checkpoints(run, told, "model.iter*[0-9].npz", "model.npz", grace=10.0)
    log = "\n".join(told.lines)
    rates = [float(found) for found in re.findall(r"([\d.]+) words/s", log)]
    points = curve(run, spaced(saved), lambda path: loaded(run, path))
    trained, last = saved[-1]
    finish(run, loaded(run, last), system="Marian GRU 256, attention", package="pymarian", curve=points,
           trained_seconds=trained, prepare_seconds=told.prepare_seconds, parameters=parameters(last),
           tokens_per_second=statistics.median(rates[2:]) if rates[2:] else None)  # fmt: skip


def parameters(path: Path) -> int:
    """Numbers in a model file, its settings aside."""
    import numpy as np

    with np.load(path) as model:
        return sum(model[name].size for name in model.files if not name.startswith("special:"))


if __name__ == "__main__":
    main()
