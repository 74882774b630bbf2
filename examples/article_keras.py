"""An encoder-decoder in Keras and TensorFlow: the article's program, corrected.

    pip install 'transduce[keras]'
    python examples/article_keras.py pairs.csv --minutes 5 --translate "A man is riding a horse."
    python examples/article_keras.py pairs.csv --minutes 5 --test test.csv --out test.out.txt

pairs.csv has the columns english and french. What the article builds is kept: an Embedding and an LSTM
that reads, whose last states start an Embedding and an LSTM that writes, and a Dense softmax over the
words. What had to change is marked "Corrected:"; docs/course/09-article-program.md tells why, and
examples/article_defects.py shows what happens without.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import tensorflow as tf

PAD, START, END, UNKNOWN = 0, 1, 2, 3
EMBED, UNITS = 256, 512
BATCH = 64  # pairs
LONGEST = 50  # words; longer pairs are left out of training

Pairs = Sequence[tuple[str, str]]


class Words:
    """The words of one language and their numbers.

    Corrected: each language has one of its own, fitted on its own texts. Case and punctuation are kept,
    for they are part of a translation.
    """

    def __init__(self, texts: Iterable[str], *, least: int = 2) -> None:
        counts = Counter(word for text in texts for word in self.split(text))
        self.words = ["<pad>", "<start>", "<end>", "<unknown>"]
        self.words += [word for word, count in counts.most_common() if count >= least]
        self.number = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    @staticmethod
    def split(text: str) -> list[str]:
        """Letters and digits, an apostrophe with the word before it ("l'" "homme"), and each other sign alone."""
        return re.findall(r"\w+['’]?|[^\w\s]", text)

    def numbers(self, text: str) -> list[int]:
        return [self.number.get(word, UNKNOWN) for word in self.split(text)]

    def text(self, numbers: Iterable[int]) -> str:
        joined = " ".join(self.words[number] for number in numbers)
        return re.sub(r" (?=[.,)\]-])|(?<=[-(\[])(?<!^) |(?<=\w['’]) ", "", joined)


class Batches(keras.utils.PyDataset):
    """Encoder input, decoder input and labels, padded to the longest of the batch and no further.

    Corrected: the encoder is fed the source; the decoder <start> and the target; the labels are the target
    and <end>. So at each place the decoder has read the words before the one it is asked for, and not that one.
    """

    def __init__(self, sources: list[list[int]], targets: list[list[int]], *, seed: int = 0) -> None:
        super().__init__()
        self.sources, self.targets, self.random = sources, targets, np.random.default_rng(seed)
        # Pairs of like length stand together, so that little is padding; the order of the batches is random.
        order = sorted(range(len(sources)), key=lambda row: (len(targets[row]), len(sources[row])))
        self.rows = [order[first : first + BATCH] for first in range(0, len(order), BATCH)]
        self.random.shuffle(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def on_epoch_end(self) -> None:
        self.random.shuffle(self.rows)

    def __getitem__(self, index: int) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
        rows = self.rows[index]
        source = padded([self.sources[row] for row in rows])
        target_in = padded([[START, *self.targets[row]] for row in rows])
        target_out = padded([[*self.targets[row], END] for row in rows])
        return (source, target_in), target_out


def padded(rows: list[list[int]]) -> np.ndarray:
    """(batch, longest) int32, <pad> behind each row."""
    table = np.full((len(rows), max(map(len, rows))), PAD, dtype=np.int32)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    return table


class Seq2Seq:
    """The article's model: one network that is trained, and two that share its weights and write."""

    def __init__(self, source_words: int, target_words: int) -> None:
        # Corrected: mask_zero. The LSTM skips padding, so the encoder's last state is that of the last word,
        # and the loss counts words only.
        source = keras.Input((None,), dtype="int32", name="source")
        read = keras.layers.Embedding(source_words, EMBED, mask_zero=True, name="source_embedding")(source)
        _, h, c = keras.layers.LSTM(UNITS, return_state=True, name="encoder")(read)

        embedding = keras.layers.Embedding(target_words, EMBED, mask_zero=True, name="target_embedding")
        decoder = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True, name="decoder")
        softmax = keras.layers.Dense(target_words, activation="softmax", name="output")
        target_in = keras.Input((None,), dtype="int32", name="target_in")
        states, _, _ = decoder(embedding(target_in), initial_state=[h, c])
        self.trained = keras.Model([source, target_in], softmax(states))
        # Corrected: labels are numbers of words, (batch, tgt_len), and the loss that takes such labels.
        self.trained.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), loss="sparse_categorical_crossentropy",
                             weighted_metrics=["accuracy"])  # fmt: skip

        # Corrected: to write, the decoder goes one step at a time and is fed the word it wrote itself.
        self.encoder = keras.Model(source, [h, c])
        word, h_in, c_in = keras.Input((1,), dtype="int32"), keras.Input((UNITS,)), keras.Input((UNITS,))
        state, h_out, c_out = decoder(embedding(word), initial_state=[h_in, c_in])
        self.step = keras.Model([word, h_in, c_in], [softmax(state), h_out, c_out])

    def write(self, sources: list[list[int]], *, longest: int = LONGEST) -> list[list[int]]:
        """Greedy search: the likeliest word at each step, until <end> or ``longest`` words."""
        written: list[list[int]] = [[] for _ in sources]
        order = sorted(range(len(sources)), key=lambda row: len(sources[row]))
        encode, advance = tf.function(self.encoder, reduce_retracing=True), tf.function(self.step)
        for first in range(0, len(order), 100):
            rows = order[first : first + 100]
            h, c = encode(padded([sources[row] or [UNKNOWN] for row in rows]))
            word, going = np.full((len(rows), 1), START, dtype=np.int32), np.ones(len(rows), dtype=bool)
            for _ in range(longest):
                probabilities, h, c = advance([word, h, c])
                word = probabilities.numpy()[:, :, START + 1 :].argmax(axis=-1).astype(np.int32) + START + 1
                going &= word[:, 0] != END
                if not going.any():
                    break
                for place in np.flatnonzero(going):
                    written[rows[place]].append(int(word[place, 0]))
        return written


class Deadline(keras.callbacks.Callback):
    """Ends training after some seconds, and says how it goes."""

    def __init__(self, seconds: float, targets: list[list[int]]) -> None:
        super().__init__()
        self.seconds, self.began, self.words, self.said = seconds, time.perf_counter(), 0, 0.0
        self.mean = sum(map(len, targets)) / len(targets) + 1  # labels of a pair

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        spent = time.perf_counter() - self.began
        self.words += round(BATCH * self.mean)
        if spent - self.said > 20:
            self.said = spent
            print(f"{spent:4.0f} s: loss {(logs or {})['loss']:.3f}, {self.words / spent:,.0f} target words a second")
        if spent > self.seconds:
            self.model.stop_training = True


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """The columns english and french of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["english"], row["french"]) for row in csv.DictReader(file)]


def train(
    pairs: Pairs, *, minutes: float, epochs: int = 1_000, seed: int = 0
) -> tuple[Seq2Seq, Words, Words, dict[str, float]]:
    """A model trained for some minutes or passes over the pairs, the words of both languages, and how fast it went."""
    keras.utils.set_random_seed(seed)
    english, french = Words(source for source, _ in pairs), Words(target for _, target in pairs)
    kept = [(english.numbers(source), french.numbers(target)) for source, target in pairs]
    kept = [pair for pair in kept if 0 < len(pair[0]) <= LONGEST and len(pair[1]) < LONGEST]
    sources, targets = [pair[0] for pair in kept], [pair[1] for pair in kept]
    model = Seq2Seq(len(english), len(french))
    print(
        f"{len(kept):,} pairs, {len(english):,} and {len(french):,} words, {model.trained.count_params():,} parameters"
    )
    deadline = Deadline(60 * minutes, targets)
    model.trained.fit(Batches(sources, targets, seed=seed), epochs=epochs, verbose=0, callbacks=[deadline])
    spent = time.perf_counter() - deadline.began
    told = {"seconds": spent, "words_per_second": deadline.words / spent, "parameters": model.trained.count_params()}
    return model, english, french, told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pairs", type=Path, help="CSV with the columns english and french")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training, at most")
    parser.add_argument("--epochs", type=int, default=1_000, help="passes over the pairs, at most")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--translate", nargs="*", default=[], help="sentences to translate at the end")
    parser.add_argument("--test", type=Path, help="CSV whose english is translated, one line a row, into --out")
    parser.add_argument("--out", type=Path, default=Path("test.out.txt"))
    parser.add_argument("--json", type=Path, help="file for the speed, for benchmarks/article.py")
    options = parser.parse_args()
    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    pairs = read_pairs(options.pairs)
    model, english, french, told = train(pairs, minutes=options.minutes, epochs=options.epochs, seed=options.seed)
    for text in options.translate:
        print(text, "->", french.text(model.write([english.numbers(text)])[0]))
    if options.test:
        began = time.perf_counter()
        written = model.write([english.numbers(source) for source, _ in read_pairs(options.test)])
        told["sentences_per_second"] = len(written) / (time.perf_counter() - began)
        options.out.write_text("".join(f"{french.text(row)}\n" for row in written), encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main()
