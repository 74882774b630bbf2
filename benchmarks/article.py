"""The article's program beside ours: the same pairs, the same minutes, the same cores. Prints one table.

    python -m venv keras-env && keras-env/bin/pip install 'tensorflow-cpu==2.21.0'
    python benchmarks/article.py --data FOLDER --minutes 5 --keras keras-env/bin/python

FOLDER holds Multi30k as train.en, train.fr, val.* and test_2016_flickr.*. The Keras programs
(examples/article_printed.py, examples/article_keras.py) get the minutes for training alone; reading and
translating come on top. Ours gets them for everything, its report included. BLEU is sacreBLEU's 13a, cased,
of greedy output; beam 5 in brackets where a program has it. ``--json`` keeps the table for docs/course.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from common import lines_of, machine, multi30k, table

import transduce
from transduce.metrics import corpus_scores

EXAMPLES = Path(__file__).parent.parent / "examples"
KERAS = {
    "as printed, labels and tokenizer mended": "article_printed.py",
    "corrected (examples/article_keras.py)": "article_keras.py",
}


def write_csv(path: Path, rows: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("english", "french"), *rows])
    return path


def keras_row(name: str, options: argparse.Namespace, files: dict[str, Path], references: list[str]) -> dict[str, Any]:
    """Run one of the Keras programs and score what it wrote."""
    out, told = files["train"].with_name("out.txt"), files["train"].with_name("told.json")
    command = [options.keras, EXAMPLES / KERAS[name], files["train"], "--minutes", options.minutes,
               "--threads", options.threads, "--test", files["test"], "--out", out, "--json", told]  # fmt: skip
    began = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True, env=environment(options.threads))
    wall = time.perf_counter() - began
    lines = out.read_text(encoding="utf-8").split("\n")[:-1]
    found = json.loads(told.read_text(encoding="utf-8"))
    return {
        "program": name, "parameters": found["parameters"], "words_per_second": found["words_per_second"],
        "train_seconds": found["seconds"], "wall_seconds": wall, "bleu": corpus_scores(lines, references)["bleu"].value,
        "bleu_beam": None, "sentences_per_second": found["sentences_per_second"], "samples": lines[:3],
        "accuracy": found.get("accuracy"),
    }  # fmt: skip


def our_row(options: argparse.Namespace, files: dict[str, Path], test: list[tuple[str, str]]) -> dict[str, Any]:
    """``transduce train`` from the shell, then greedy output of its run."""
    folder = files["train"].with_name("run")
    command = [sys.executable, "-m", "transduce", "train", files["train"], "--valid", files["valid"],
               "--test", files["test"], "--budget", f"{options.minutes}m", "--seed", options.seed,
               "--threads", options.threads, "-o", folder]  # fmt: skip
    began = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True, env=environment(options.threads))
    wall = time.perf_counter() - began
    torch.set_num_threads(options.threads)
    model = transduce.load(folder)
    began = time.perf_counter()
    lines = model.translate([source for source, _ in test], beam=1)
    greedy_seconds = time.perf_counter() - began
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    log = [line for line in lines_of(folder / "metrics.jsonl") if line["kind"] == "train"]
    rates = sorted(line["tokens_per_second"] for line in log)
    # A token is a piece of a word; words are what the other rows count.
    french = [target for _, target in read(files["train"])]
    pieces = sum(map(len, model.tokenizers.target.encode_batch(french))) / sum(len(text.split()) for text in french)
    return {
        "program": "transduce train --budget", "parameters": config["parameters"],
        "words_per_second": rates[len(rates) // 2] / pieces, "train_seconds": log[-1]["seconds"], "wall_seconds": wall,
        "bleu": corpus_scores(lines, [target for _, target in test])["bleu"].value,
        "bleu_beam": config["scores"]["test"]["bleu"]["value"], "sentences_per_second": len(lines) / greedy_seconds,
        "samples": lines[:3], "accuracy": None,
    }  # fmt: skip


def read(path: Path) -> list[tuple[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["english"], row["french"]) for row in csv.DictReader(file)]


def environment(threads: int) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": str(threads), "TF_ENABLE_ONEDNN_OPTS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--keras", type=Path, required=True, help="the Python that has TensorFlow")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for the figures, which docs/course/09_article_program.py shows")
    options = parser.parse_args()
    names = {"train": "train", "valid": "val", "test": "test_2016_flickr"}
    pairs = {
        part: list(zip(multi30k(options.data, name, "en"), multi30k(options.data, name, "fr"), strict=True))
        for part, name in names.items()
    }
    with tempfile.TemporaryDirectory() as scratch:
        files = {part: write_csv(Path(scratch) / f"{part}.csv", rows) for part, rows in pairs.items()}
        rows = [keras_row(name, options, files, [target for _, target in pairs["test"]]) for name in KERAS]
        rows.append(our_row(options, files, pairs["test"]))
    print(f"\nMulti30k en-fr, test_2016_flickr, {options.minutes:g} minutes, {options.threads} threads; {machine()}\n")
    heads = ["program", "parameters", "target words/s", "training s", "wall s", "BLEU greedy (beam 5)", "sentences/s"]
    print(table(heads, [cells(row) for row in rows]))
    if options.json:
        kept = {"machine": machine(), "minutes": options.minutes, "threads": options.threads, "seed": options.seed,
                "sources": [source for source, _ in pairs["test"][:3]], "rows": rows}  # fmt: skip
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")


def cells(row: dict[str, Any]) -> list[str]:
    beam = "" if row["bleu_beam"] is None else f" ({row['bleu_beam']:.1f})"
    return [row["program"], f"{row['parameters'] / 1e6:.1f}M", f"{row['words_per_second']:,.0f}",
            f"{row['train_seconds']:.0f}", f"{row['wall_seconds']:.0f}", f"{row['bleu']:.2f}{beam}",
            f"{row['sentences_per_second']:,.0f}"]  # fmt: skip


if __name__ == "__main__":
    main()
