"""What is wrong with the article's program as printed, each defect shown by running it.

    pip install 'transduce[keras]'
    python examples/article_defects.py pairs.csv

The program below is a reconstruction from a description of the article's, not a quotation: a Keras
Tokenizer, sequences padded to 50, an LSTM that reads and an LSTM that writes, Dense and softmax, and
``fit``. Each function takes one defect, runs it on the pairs (columns english and french), runs its cure
beside it, and returns figures. article_keras.py is the program with all of them mended.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
from article_keras import read_pairs

FIXED = 50  # what the article pads to
UNITS = 96
HELD_OUT = 200
LONG = 30  # epochs, of those runs that are compared
Found = dict[str, float | int | str]


class Tokenizer:
    """What the Keras Tokenizer does: lower case, no punctuation, numbers from 1; unknown words are left out."""

    def __init__(self, texts: list[str]) -> None:
        words = dict.fromkeys(word for text in texts for word in self.split(text))
        self.index = {word: number for number, word in enumerate(words, start=1)}

    @staticmethod
    def split(text: str) -> list[str]:
        return re.sub(r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\t\n]", " ", text.lower()).split()

    def sequences(self, texts: list[str]) -> list[list[int]]:
        return [[self.index[word] for word in self.split(text) if word in self.index] for text in texts]


def fixed(rows: list[list[int]]) -> np.ndarray:
    """Padded behind with 0 to ``FIXED`` columns, as ``pad_sequences(..., maxlen=50, padding="post")`` does."""
    return np.array([(row + [0] * FIXED)[:FIXED] for row in rows], dtype=np.int32)


def network(source_words: int, target_words: int, *, mask: bool = False, embed: int = UNITS, units: int = UNITS
            ) -> keras.Model:  # fmt: skip
    """The article's network; with ``mask`` padding is skipped."""
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    read = keras.layers.Embedding(source_words, embed, mask_zero=mask)(source)
    _, h, c = keras.layers.LSTM(units, return_state=True)(read)
    given = keras.layers.Embedding(target_words, embed, mask_zero=mask)(target)
    states = keras.layers.LSTM(units, return_sequences=True)(given, initial_state=[h, c])
    return keras.Model([source, target], keras.layers.Dense(target_words, activation="softmax")(states))


def learn(model: keras.Model, inputs: list[np.ndarray], labels: np.ndarray, *, epochs: int) -> None:
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    model.fit(inputs, labels, batch_size=64, epochs=epochs, verbose=0)


def write(model: keras.Model, source: np.ndarray, first: int, *, steps: int) -> np.ndarray:
    """What a decoder writes that is fed its own words: (batch, steps). It is run again from the start at each step."""
    given = np.full((len(source), 1), first, dtype=np.int32)
    for _ in range(steps):
        last = model.predict([source, np.pad(given, ((0, 0), (0, steps - given.shape[1])))], verbose=0)
        word = last[:, given.shape[1] - 1].argmax(axis=-1)
        given = np.concatenate([given, word[:, None].astype(np.int32)], axis=1)
    return given[:, 1:]


def right(written: np.ndarray, wanted: np.ndarray) -> float:
    """The percentage of wanted words that stand where they should."""
    real = wanted != 0
    return 100 * float((written[:, : wanted.shape[1]] == wanted)[real].mean())


def twice(written: np.ndarray, data: Data) -> float:
    """The percentage of words that repeat the one before them."""
    real = (written[:, 1:] != 0) & (written[:, 1:] != data.end) & ((written == data.end).cumsum(axis=1)[:, :-1] == 0)
    return 100 * float((written[:, 1:] == written[:, :-1])[real].mean())


def judged(written: np.ndarray, wanted: np.ndarray, data: Data) -> Found:
    """Words in their place, whole sentences, and stuttering."""
    whole = 100 * float(((written == wanted) | (wanted == 0)).all(axis=1).mean())
    return {"words_right_percent": right(written, wanted), "sentences_right_percent": whole,
            "same_word_twice_percent": twice(written, data)}  # fmt: skip


class Data:
    """The pairs as the article makes them numbers, but each language with a tokenizer of its own."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.english, self.french = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        self.source_words, self.target_words = Tokenizer(self.english), Tokenizer(self.french)
        self.source = self.source_words.sequences(self.english)
        self.target = self.target_words.sequences(self.french)
        self.sources, self.targets = len(self.source_words.index) + 1, len(self.target_words.index) + 1
        self.start, self.end = self.targets, self.targets + 1  # two numbers behind the words
        self.longest = max(map(len, [*self.source, *self.target])) + 1

    def columns(self, rows: list[list[int]]) -> np.ndarray:
        return fixed(rows)[:, : self.longest]  # so that the runs below take seconds


def labels_shape(data: Data) -> Found:
    """categorical_crossentropy wants one-hot labels (pairs, 50, words), and is given numbers (pairs, 50)."""
    model = network(data.sources, data.targets)
    x, y = fixed(data.source[:64]), fixed(data.target[:64])
    try:
        model.compile("adam", "categorical_crossentropy")
        model.fit([x, y], y, verbose=0)
        error = "none"
    except ValueError as refused:
        error = str(refused).splitlines()[0].replace("Arguments `target` and `output`", "Arguments target and output")
    model.compile("adam", "sparse_categorical_crossentropy")
    loss = model.fit([x, y], y, verbose=0).history["loss"][0]
    one_hot = len(data.english) * FIXED * data.targets * 4 / 1e9
    return {"error": error, "loss_with_sparse": loss, "one_hot_gigabytes": one_hot}


def target_tokenizer(data: Data) -> Found:
    """The tokenizer fitted on English is used for French: what it does not know is left out without a word."""
    words = sum(map(len, data.target))
    kept = data.source_words.sequences(data.french)
    row = max(range(len(kept)), key=lambda row: (len(data.target[row]) == 8, len(set(kept[row]))))
    name = {number: word for word, number in data.source_words.index.items()}
    left = " ".join(name[number] for number in kept[row]) or "(nothing)"
    lost = 100 * (1 - sum(map(len, kept)) / words)
    return {"lost_percent": lost, "sentence": data.french[row], "left": left}


def shift(data: Data) -> Found:
    """The decoder is fed the sentence it is asked for, word for word: it learns to copy, and not to translate."""
    train, test = slice(HELD_OUT, None), slice(0, HELD_OUT)
    x, y = data.columns(data.source), data.columns(data.target)
    copying = network(data.sources, data.targets + 2)
    learn(copying, [x[train], y[train]], y[train], epochs=4)
    _, accuracy = copying.evaluate([x[test], y[test]], y[test], verbose=0)
    alone = right(write(copying, x[test], data.start, steps=y.shape[1]), y[test])
    return {"accuracy_percent": 100 * accuracy, "words_right_alone_percent": alone}


def fed(data: Data) -> Found:
    """``fit([x, x], y)``: the decoder is fed the source. Its word t depends on source words, never on what it wrote."""
    train, test = slice(HELD_OUT, None), slice(0, HELD_OUT)
    x, wanted = data.columns(data.source), data.columns([[*row, data.end] for row in data.target])
    model = network(data.sources, data.targets + 2)
    learn(model, [x[train], x[train]], wanted[train], epochs=LONG)
    written = model.predict([x[test], x[test]], verbose=0).argmax(axis=-1)
    return judged(written, wanted[test], data) | {"twice_in_data_percent": twice(wanted[test], data)}


def shifted(data: Data) -> Found:
    """The cure of ``fed``, ``shift``, ``loss_target`` and padding: <start> before, <end> behind, the padding masked."""
    train, test = slice(HELD_OUT, None), slice(0, HELD_OUT)
    x = data.columns(data.source)
    given = data.columns([[data.start, *row] for row in data.target])
    wanted = data.columns([[*row, data.end] for row in data.target])
    model = network(data.sources, data.targets + 2, mask=True)
    learn(model, [x[train], given[train]], wanted[train], epochs=LONG)
    alone = write(model, x[test], data.start, steps=wanted.shape[1])
    ended = 100 * float((alone == data.end).any(axis=1).mean())
    return judged(alone, wanted[test], data) | {"ended_percent": ended}


def loss_target(data: Data) -> Found:
    """The labels are the padded sentence: most of them are padding, and none says that the sentence is over."""
    labels = fixed(data.target)
    padding = 100 * float((labels == 0).mean())
    train, test = slice(HELD_OUT, None), slice(0, HELD_OUT)
    x = data.columns(data.source)
    given = data.columns([[data.start, *row] for row in data.target])
    wanted = data.columns(data.target)
    model = network(data.sources, data.targets + 2, mask=True)  # words only count, but there is no <end>
    learn(model, [x[train], given[train]], wanted[train], epochs=6)
    alone = write(model, x[test], data.start, steps=wanted.shape[1])
    extra = (alone != 0).sum(axis=1) - (wanted[test] != 0).sum(axis=1)
    return {"padding_percent": padding, "always_padding_accuracy_percent": padding, "extra_words": float(extra.mean())}


def last_state(data: Data) -> Found:
    """Padded to 50 without a mask, the encoder's last state comes after dozens of steps over nothing."""
    rows = [row for row in data.source if len(row) <= 8][:64]
    alike = {}
    for name, mask in (("without_mask", False), ("with_mask", True)):
        keras.utils.set_random_seed(0)
        source = keras.Input((None,), dtype="int32")
        h = keras.layers.LSTM(UNITS)(keras.layers.Embedding(data.sources, UNITS, mask_zero=mask)(source))
        states = keras.Model(source, h).predict(fixed(rows), verbose=0)
        states /= np.linalg.norm(states, axis=1, keepdims=True)
        cosines = states @ states.T
        alike[name] = float(cosines[np.triu_indices(len(rows), k=1)].mean())
    return alike


DEFECTS: list[Callable[[Data], Found]] = [
    labels_shape, target_tokenizer, fed, shift, loss_target, last_state, shifted,
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pairs", type=Path, help="CSV with the columns english and french")
    parser.add_argument("--json", type=Path, help="file for the figures, which docs/course/09_article_program.py shows")
    options = parser.parse_args()
    data, found = Data(read_pairs(options.pairs)), {}
    for defect in DEFECTS:
        keras.utils.set_random_seed(1)
        found[defect.__name__] = defect(data)
        print(f"{defect.__name__}: {defect.__doc__}")
        for name, value in found[defect.__name__].items():
            print(f"    {name}: {value:.3g}" if isinstance(value, float) else f"    {name}: {value}")
    if options.json:
        found = {
            defect: {name: round(value, 3) if isinstance(value, float) else value for name, value in each.items()}
            for defect, each in found.items()
        }
        options.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
