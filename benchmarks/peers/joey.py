"""JoeyNMT: bidirectional LSTM encoder, LSTM decoder of width 256, Luong attention with input feeding.

    python benchmarks/peers/joey.py --data FOLDER --target fr --seconds 300 --threads 2 --out DIR

Adam at a constant 3e-3, dropout 0.1, label smoothing 0.1, joint BPE of 3,000, all embeddings tied, batches of 700 tokens.
Trained by its command, which saves only where it validates: it validates on ten sentences, so that this costs it next to
nothing. Translated by the interface that it offers to torch.hub.
"""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import sys
from pathlib import Path
from typing import Any

from peer import BATCH_TOKENS, Job, Translate, checkpoints, curve, finish, job, spaced, subwords, train_for, write_lines

SMALL = 10  # sentences of its own validation


def prepare(job: Job) -> Path:
    """Write the text, the vocabulary and the configuration. JSON is YAML too."""
    out = job.out.resolve()
    pieces = subwords(job)
    names = [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]
    write_lines(out / "vocab.txt", ["<unk>", "<pad>", "<s>", "</s>",
                                    *(name for name in names if name not in ("<unk>", "<s>", "</s>"))])  # fmt: skip
    for part, most in (("train", None), ("valid", SMALL)):
        for language, lines in zip(("en", job.target), job.sides(part), strict=True):
            write_lines(out / f"{part}.{language}", lines[:most])

    def side(language: str) -> dict[str, Any]:
        model = {"model_file": str(out / "subwords.model")}
        return {"lang": language, "level": "bpe", "max_length": 100, "voc_file": str(out / "vocab.txt"),
                "tokenizer_type": "sentencepiece", "tokenizer_cfg": model}  # fmt: skip

    layer = {"rnn_type": "lstm", "embeddings": {"embedding_dim": 256, "dropout": 0.1}, "num_layers": 1, "dropout": 0.1}
    config = {
        "name": "multi30k", "model_dir": str(out / "model"), "use_cuda": False, "random_seed": job.seed,
        "normalization": "tokens",
        "data": {"train": str(out / "train"), "dev": str(out / "valid"), "dataset_type": "plain",
                 "src": side("en"), "trg": side(job.target)},
        "testing": {"beam_size": 1, "batch_size": 64, "batch_type": "sentence", "max_output_length": 100},
        "training": {
            # It has no constant schedule: an exponential one with a factor of 1.
            "optimizer": "adam", "learning_rate": 3e-3, "learning_rate_min": 0.0, "scheduling": "exponential",
            "decrease_factor": 1.0, "clip_grad_norm": 5.0, "batch_size": BATCH_TOKENS, "batch_type": "token",
            "normalization": "tokens", "label_smoothing": 0.1, "epochs": 1000, "validation_freq": 50,
            "logging_freq": 25, "keep_best_ckpts": -1, "early_stopping_metric": "loss", "overwrite": True,
            "print_valid_sents": [0]},
        "model": {
            "tied_embeddings": True, "tied_softmax": True,
            "encoder": layer | {"type": "recurrent", "hidden_size": 128, "bidirectional": True},
            "decoder": layer | {"type": "recurrent", "hidden_size": 256, "hidden_dropout": 0.1, "attention": "luong",
                                "input_feeding": True, "init_hidden": "bridge"}},
    }  # fmt: skip
    path = out / "config.yaml"
    path.write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def loaded(job: Job, path: Path) -> Translate:
    import torch
    from joeynmt.config import load_config, parse_global_args
    from joeynmt.hub_interface import TranslatorHubInterface
    from joeynmt.prediction import prepare

    torch.set_num_threads(job.threads)
    config = load_config(job.out / "config.yaml")
    config["testing"]["load_model"] = str(path.resolve())
    settings = parse_global_args(config, rank=0, mode="translate")
    model, _, _, stream = prepare(settings, rank=0, mode="translate")
    interface = TranslatorHubInterface(model, stream, settings)

    def translate(texts: list[str], beam: int) -> list[str]:
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        written = [""] * len(texts)
        for first in range(0, len(order), 64):
            rows = order[first : first + 64]
            found = interface.translate([texts[row] for row in rows], beam_size=beam, n_best=1,
                                        beam_alpha=1.0 if beam > 1 else -1)  # fmt: skip
            for row, text in zip(rows, found, strict=True):
                written[row] = text
        return written

    return translate


def main() -> None:
    # Its checkpoints hold more than weights, which torch 2.6 and later refuse to load unless told so. They are our own.
    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"
    run = job(__doc__)
    config = prepare(run)
    command = [sys.executable, "-m", "joeynmt", "train", config, "--skip-test"]
    told = train_for(command, run, starts="EPOCH 1", stop=signal.SIGINT)
    saved = checkpoints(run, told, "model/[0-9]*.ckpt", grace=10.0)
    log = "\n".join(told.lines)
    rates = [float(found) for found in re.findall(r"Tokens per Sec:\s*([\d.]+)", log)]
    counted = re.search(r"Total params:\s*(\d+)", log)
    points = curve(run, spaced(saved), lambda path: loaded(run, path))
    trained, last = saved[-1]
    finish(run, loaded(run, last), system="JoeyNMT LSTM 256, input feeding", package="joeynmt", beside=["torch"],
           curve=points, trained_seconds=trained, prepare_seconds=told.prepare_seconds,
           parameters=int(counted[1]) if counted else None,
           tokens_per_second=statistics.median(rates) if rates else None)  # fmt: skip


if __name__ == "__main__":
    main()
