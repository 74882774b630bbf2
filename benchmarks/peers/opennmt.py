"""OpenNMT-py: bidirectional LSTM encoder, LSTM decoder of width 256, general attention, no input feeding.

    python benchmarks/peers/opennmt.py --data FOLDER --target fr --seconds 300 --threads 2 --out DIR

Adam at a constant 3e-3, dropout 0.1, label smoothing 0.1, joint BPE of 3,000, all embeddings shared, batches of 700 target
tokens: the settings that came out best for it. ``--model transformer`` trains 3 + 3 layers of width 256 instead. Trained
by its command; its checkpoints are translated by its ``InferenceEnginePY``.
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

RNN = {
    "encoder_type": "brnn", "decoder_type": "rnn", "rnn_type": "LSTM", "layers": 1, "global_attention": "general",
    "input_feed": 0, "learning_rate": 3e-3, "max_grad_norm": 5.0, "decay_method": "none",
}  # fmt: skip
TRANSFORMER = {
    "encoder_type": "transformer", "decoder_type": "transformer", "layers": 3, "heads": 4, "transformer_ff": 1024,
    "position_encoding": True, "learning_rate": 1.0, "decay_method": "noam", "warmup_steps": 800, "adam_beta2": 0.98,
    "self_attn_type": "scaled-dot",  # the default, by another name, CTranslate2's converter refuses
    "max_grad_norm": 0.0, "param_init": 0.0, "param_init_glorot": True,
}  # fmt: skip
SHARED = {
    "word_vec_size": 256, "hidden_size": 256, "share_embeddings": True, "share_decoder_embeddings": True,
    "share_vocab": True, "dropout": [0.1], "attention_dropout": [0.1], "label_smoothing": 0.1, "optim": "adam",
    "batch_type": "tokens", "batch_size": BATCH_TOKENS, "batch_size_multiple": 1, "normalization": "tokens",
    "bucket_size": 29000, "num_workers": 0, "report_every": 20, "train_steps": 10_000_000,
    "valid_steps": 10_000_000, "save_checkpoint_steps": 25, "keep_checkpoint": -1, "world_size": 1, "gpu_ranks": [],
}  # fmt: skip


def prepare(job: Job, model: dict[str, Any]) -> Path:
    """Write the text in subwords, the vocabulary and the configuration. JSON is YAML too."""
    pieces = subwords(job)
    names = [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]
    write_lines(job.out / "vocab.txt", [f"{name}\t1" for name in names if name not in ("<unk>", "<s>", "</s>")])
    for side, lines in zip(("src", "tgt"), job.sides("train"), strict=True):
        write_lines(job.out / f"train.{side}", [" ".join(row) for row in pieces.encode(lines, out_type=str)])
    out = job.out.resolve()
    corpus = {"path_src": str(out / "train.src"), "path_tgt": str(out / "train.tgt"), "transforms": [], "weight": 1}
    config = SHARED | model | {
        "data": {"corpus": corpus}, "src_vocab": str(out / "vocab.txt"), "tgt_vocab": str(out / "vocab.txt"),
        "save_model": str(out / "checkpoint"), "save_data": str(out / "data"), "overwrite": True, "seed": job.seed,
    }  # fmt: skip
    path = out / "config.yaml"
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")
    return path


def loaded(pieces: Any, threads: int, path: Path) -> Translate:
    """Translations by OpenNMT-py's own engine, batches of 64 sentences."""
    import torch
    from onmt.inference_engine import InferenceEnginePY
    from onmt.opts import translate_opts
    from onmt.utils.parse import ArgumentParser

    torch.set_num_threads(threads)
    engines: dict[int, Any] = {}

    def engine(beam: int) -> Any:
        if beam not in engines:
            parser = ArgumentParser()
            translate_opts(parser)
            opt = parser.parse_args(["--model", str(path), "--src", "unused", "--beam_size", str(beam), "--batch_size",
                                     "64", "--batch_type", "sents", "--length_penalty", "avg", "--gpu", "-1",
                                     "--max_length", "100", "--output", str(path.with_name("pred.txt"))])  # fmt: skip
            ArgumentParser.validate_translate_opts(opt)
            ArgumentParser._get_all_transform_translate(opt)
            ArgumentParser._validate_transforms_opts(opt)
            ArgumentParser.validate_translate_opts_dynamic(opt)
            engines[beam] = InferenceEnginePY(opt)
        return engines[beam]

    def translate(texts: list[str], beam: int) -> list[str]:
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        rows = [" ".join(pieces.encode(texts[row], out_type=str)) for row in order]
        _, found = engine(beam).infer_list(rows)
        written = [""] * len(texts)
        for row, best in zip(order, found, strict=True):
            written[row] = pieces.decode(best[0].split())
        return written

    return translate


def main() -> None:
    # Its checkpoints hold a Namespace, which torch 2.6 and later refuse to load unless told so. They are our own.
    os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"
    run = job(__doc__, model="rnn")
    transformer = run.extra["model"] == "transformer"
    config = prepare(run, TRANSFORMER if transformer else RNN)
    command = [sys.executable, "-m", "onmt.bin.train", "--config", config]
    told = train_for(command, run, starts="Starting training on CPU", stop=signal.SIGKILL)
    saved = checkpoints(run, told, "checkpoint_step_*.pt")
    log = "\n".join(told.lines)
    rates = [float(found) for found in re.findall(r"/\s*(\d+) tok/s", log)]
    counted = re.search(r"number of parameters: (\d+)", log)
    pieces = subwords(run)
    points = curve(run, spaced(saved), lambda path: loaded(pieces, run.threads, path))
    trained, last = saved[-1]
    for path in {path for _, path in saved[:-1]}:
        path.unlink()
    finish(run, loaded(pieces, run.threads, last), package="OpenNMT-py", beside=["torch"], curve=points,
           system="OpenNMT-py Transformer 3+3x256" if transformer else "OpenNMT-py biLSTM 256, general attention",
           trained_seconds=trained, prepare_seconds=told.prepare_seconds,
           parameters=int(counted[1]) if counted else None,
           tokens_per_second=statistics.median(rates) if rates else None, checkpoint=str(last.resolve()))  # fmt: skip


if __name__ == "__main__":
    main()
