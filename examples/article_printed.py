"""The article's program as printed, put together again from its description, as far as it can be run.

    python examples/article_printed.py pairs.csv --minutes 5 --test test.csv --out test.out.txt

Two things had to be mended for it to run and to write French at all: the shape of the labels, and a
tokenizer for French. All else is as described: both sides lower-cased and padded to 50 without a mask, the
decoder fed the very sentence that it is asked for, all texts in one array. See article_defects.py.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from article_defects import FIXED, Tokenizer, fixed, network
from article_keras import EMBED, UNITS, read_pairs


class Deadline(keras.callbacks.Callback):
    """Ends training after some seconds and counts the batches."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds, self.began, self.batches = seconds, time.perf_counter(), 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.batches += 1
        if time.perf_counter() - self.began > self.seconds:
            self.model.stop_training = True


def write(model: keras.Model, source: np.ndarray) -> np.ndarray:
    """Greedy output of a decoder that is fed what it wrote, after a padding number for want of a start."""
    given = np.zeros((len(source), FIXED), dtype=np.int32)
    written = np.zeros_like(given)
    for at in range(FIXED):
        last = model.predict([source, given[:, : at + 1]], batch_size=100, verbose=0)[:, -1]
        written[:, at] = last.argmax(axis=-1)
        if not written[:, at].any():
            break
        given[:, at + 1 : at + 2] = written[:, at : at + 1]
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--minutes", type=float, default=5.0, help="of training")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("test.out.txt"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(0)
    pairs, test = read_pairs(options.pairs), read_pairs(options.test)
    english, french = Tokenizer([pair[0] for pair in pairs]), Tokenizer([pair[1] for pair in pairs])
    x = fixed(english.sequences([pair[0] for pair in pairs]))
    y = fixed(french.sequences([pair[1] for pair in pairs]))
    model = network(len(english.index) + 1, len(french.index) + 1, embed=EMBED, units=UNITS)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    deadline = Deadline(60 * options.minutes)
    history = model.fit([x, y], y, batch_size=64, epochs=1_000, validation_split=0.02, verbose=0, callbacks=[deadline])
    spent = time.perf_counter() - deadline.began
    began = time.perf_counter()
    written = write(model, fixed(english.sequences([source for source, _ in test])))
    told = {
        "seconds": spent, "words_per_second": deadline.batches * 64 * float((y != 0).sum(axis=1).mean()) / spent,
        "parameters": model.count_params(), "sentences_per_second": len(written) / (time.perf_counter() - began),
        "accuracy": history.history["accuracy"][-1],
    }  # fmt: skip
    words = {number: word for word, number in french.index.items()}
    lines = [" ".join(words[number] for number in row.tolist() if number) for row in written]
    options.out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
