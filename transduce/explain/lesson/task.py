"""What the lesson is about: the example, its first weights, its loss, and how it is learned."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy import ndarray

from transduce.config import Config, require
from transduce.errors import ConfigError
from transduce.reference import recurrent
from transduce.reference.activation import ACTIVATIONS, Activation
from transduce.reference.loss import CrossEntropy, SquaredError, cross_entropy, squared_error

START, END = "<start>", "<end>"
CERTAIN = 0.9  # a word counts as learned from this probability on
LARGEST = 1e6  # of a number that is read or written


class LessonConfig(Config, frozen=True, kw_only=True):
    """Everything that the learner can choose."""

    input: str = "1 2 3"
    output: str = "4 5 6"
    start: float = 0.0  # y_0, what the decoder is fed first; for numbers
    loss: Literal["squared", "cross-entropy"] = "squared"
    activation: Literal["tanh", "sigmoid", "relu", "identity"] = "tanh"
    output_activation: Literal["identity", "sigmoid", "tanh", "relu"] | None = None  # None: identity; softmax for words
    hidden: int = 2
    seed: int = 0
    learning_rate: float | None = None  # None: 0.02 for numbers, 0.3 for words
    steps: int = 5000  # at most
    clip: float | None = None  # longest gradient
    within: float = 0.05  # how near each written number must come
    digits: int = 4

    def __post_init__(self) -> None:
        for name in ("input", "output"):
            count = len(self.symbols_of(name))
            require(1 <= count <= 50, f"--{name} needs from 1 to 50 numbers or words; got {count}.")
            if self.loss == "squared":
                for word in self.symbols_of(name):
                    _number(word, f"--{name}")
        if self.loss == "cross-entropy":
            words = self.symbols_of("input") + self.symbols_of("output")
            require(not {START, END} & set(words), f"{START} and {END} are the lesson's own words; leave them out.")
            require(self.output_activation is None, "--output-activation is for numbers; words need softmax.")
            require(self.start == 0, f"--start is for numbers; with words the decoder is fed {START} first.")
        _finite("--start", self.start)
        require(1 <= self.hidden <= 256, f"--hidden must be from 1 to 256; got {self.hidden}.")
        require(self.seed >= 0, f"--seed must be at least 0; got {self.seed}.")
        require(0 < self.rate < math.inf, f"--learning-rate must be above 0, and finite; got {self.rate:g}.")
        require(1 <= self.steps <= 1_000_000, f"--steps must be from 1 to 1,000,000; got {self.steps:,}.")
        require(self.clip is None or 0 < self.clip < math.inf, f"--clip must be above 0, and finite; got {self.clip}.")
        require(0 < self.within < math.inf, f"--within must be above 0, and finite; got {self.within:g}.")
        require(1 <= self.digits <= 12, f"--digits must be from 1 to 12; got {self.digits}.")

    def symbols_of(self, name: Literal["input", "output"] | str) -> list[str]:
        """The words of "1 2 3", "1,2,3" or "[1, 2, 3]"; of words, commas belong to them unless there is no space."""
        text = (self.input if name == "input" else self.output).strip()
        if self.loss == "squared":
            return re.split(r"[\s,]+", text.strip("[](), ")) if text.strip("[](), ") else []
        return text.split() if " " in text else [word for word in text.split(",") if word]

    @property
    def rate(self) -> float:
        """The learning rate."""
        if self.learning_rate is not None:
            return self.learning_rate
        return self.usual_rate

    @property
    def usual_rate(self) -> float:
        return 0.02 if self.loss == "squared" else 0.3

    @property
    def words(self) -> bool:
        """Whether inputs and outputs are symbols of a vocabulary, not numbers."""
        return self.loss == "cross-entropy"


def _finite(name: str, value: float) -> None:
    require(math.isfinite(value) and abs(value) <= LARGEST,
            f"{name} must be a number from -1,000,000 to 1,000,000; got {value:g}.")  # fmt: skip


def _number(word: str, name: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise ConfigError(f'{name}: "{word}" is not a number. For words, add --loss cross-entropy.') from None
    _finite(name, value)
    return value


@dataclass(frozen=True)
class Example:
    """One input and one output as the equations take them."""

    config: LessonConfig
    symbols: list[str]  # the vocabulary, by index; empty for numbers
    xs: list[ndarray]  # each (1,), or (vocab,) with a single 1
    ys_in: list[ndarray]  # what the decoder is fed, y_0 ... y_{T-1}
    targets: list[float]  # numbers, or indices of symbols
    sigma: Activation
    f: Activation

    @property
    def names(self) -> list[str]:
        """The right outputs as a reader writes them."""
        return [self.symbols[int(k)] for k in self.targets] if self.symbols else self.config.symbols_of("output")

    def run(self, w: recurrent.Weights) -> recurrent.Run:
        """Forward with teacher forcing."""
        return recurrent.forward(w, self.xs, self.ys_in, sigma=self.sigma, f=self.f)

    def error(self, run: recurrent.Run) -> SquaredError | CrossEntropy:
        if self.symbols:
            return cross_entropy(np.array([step.a for step in run.output]), [int(k) for k in self.targets])
        return squared_error(np.array(run.ys), np.array(self.targets)[:, None])

    def das(self, run: recurrent.Run) -> list[ndarray]:
        """dL/d of the sum in front of each output."""
        error = self.error(run)
        if isinstance(error, CrossEntropy):
            return list(error.dlogits)
        return [self.f.backward(y, dy) for y, dy in zip(run.ys, error.dy, strict=True)]

    def write(self, w: recurrent.Weights) -> recurrent.Run:
        """Forward on its own outputs."""
        fed = (lambda y: np.eye(len(y))[y.argmax()]) if self.symbols else (lambda y: y)
        return recurrent.write(w, self.xs, self.ys_in[0], len(self.targets), sigma=self.sigma, f=self.f, fed=fed)

    def reached(self, ys: Sequence[ndarray]) -> bool:
        """Whether these outputs are the right ones."""
        if self.symbols:
            return all(y[int(k)] >= CERTAIN for y, k in zip(ys, self.targets, strict=True))
        return all(abs(float(y[0]) - target) <= self.config.within for y, target in zip(ys, self.targets, strict=True))


def example_of(config: LessonConfig) -> Example:
    """The example of the options."""
    sigma = ACTIVATIONS[config.activation]
    source, target = config.symbols_of("input"), config.symbols_of("output")
    if not config.words:
        numbers = [float(word) for word in target]
        return Example(config, [], [np.array([float(word)]) for word in source],
                       [np.array([each]) for each in [config.start, *numbers[:-1]]], numbers, sigma,
                       ACTIVATIONS[config.output_activation or "identity"])  # fmt: skip
    symbols = list(dict.fromkeys([START, END, *source, *target]))
    one_hot = np.eye(len(symbols))
    return Example(config, symbols, [one_hot[symbols.index(word)] for word in source],
                   [one_hot[symbols.index(word)] for word in [START, *target]],
                   [float(symbols.index(word)) for word in [*target, END]], sigma, ACTIVATIONS["softmax"])  # fmt: skip


def first_weights(example: Example) -> recurrent.Weights:
    """Small random numbers, rounded to two decimals so that they can be copied by hand."""
    generator = np.random.default_rng(example.config.seed)
    hidden, size = example.config.hidden, len(example.ys_in[0])

    def draw(*shape: int) -> ndarray:
        return np.round(generator.uniform(-0.5, 0.5, shape), 2)

    decoder = recurrent.RNNWeights(draw(hidden, size), draw(hidden, hidden), draw(hidden))
    encoder = recurrent.RNNWeights(draw(hidden, size), draw(hidden, hidden), draw(hidden))
    output = recurrent.OutputWeights(draw(size, hidden), draw(size))
    return recurrent.Weights(encoder, decoder, output)


def clipped(gradient: recurrent.Weights, clip: float | None) -> tuple[recurrent.Weights, float]:
    """The gradient shortened to length ``clip``, and the factor (Pascanu et al. 2013); unchanged without clip."""
    length = math.sqrt(sum(float((d**2).sum()) for part in gradient for d in part))
    factor = 1.0 if clip is None or length <= clip else clip / length
    encoder, decoder = (
        recurrent.RNNWeights(*(factor * d for d in part)) for part in (gradient.encoder, gradient.decoder)
    )
    output = recurrent.OutputWeights(*(factor * d for d in gradient.output))
    return recurrent.Weights(encoder, decoder, output), factor


@dataclass(frozen=True)
class Learned:
    """A training, whole."""

    weights: recurrent.Weights
    losses: list[float]  # before each step, and at the end
    written: dict[int, list[ndarray]]  # what it wrote on its own, after some numbers of steps
    reached: bool
    diverged: bool


def learn(example: Example, w: recurrent.Weights) -> Learned:
    """Gradient descent until the example is written, the steps are used up, or the loss has no bounds."""
    losses: list[float] = []
    written: dict[int, list[ndarray]] = {}
    for step in range(example.config.steps + 1):
        run = example.run(w)
        losses.append(example.error(run).loss)
        if not losses[-1] <= 1e6 * (1 + losses[0]):
            return Learned(w, losses, written, reached=False, diverged=True)
        ys = example.write(w).ys
        if _worth_telling(step) or step == example.config.steps:
            written[step] = ys
        if example.reached(ys):
            written[step] = ys
            return Learned(w, losses, written, reached=True, diverged=False)
        if step < example.config.steps:
            gradient, _ = clipped(recurrent.backward(w, run, example.das(run)).weights, example.config.clip)
            w = recurrent.descend(w, gradient, example.config.rate)
    return Learned(w, losses, written, reached=False, diverged=False)


def _worth_telling(step: int) -> bool:
    """0, 1, 2, 5, 10, 20, 50, 100, ..."""
    return step == 0 or step in (1, 2, 5) or (str(step).rstrip("0") in ("1", "2", "5"))
