"""The first half of the lesson: equations, weights, encoder, decoder, loss."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from transduce.explain.lesson.task import END, START, Example
from transduce.explain.lesson.writing import HEADING, WIDTH, Writer
from transduce.reference.loss import CrossEntropy
from transduce.reference.recurrent import RNNStep, RNNWeights, Run, Weights

FULL = 4  # units of a state whose numbers are substituted; of larger ones the first
MANY = 10  # symbols whose logits are all substituted; of larger vocabularies the right one

LOOSE = [
    "Encoder and decoder share letters, not numbers. Each has a W_xh, a W_hh and a b_h of its own, learned "
    "separately. Here the decoder's are called W_ys, W_ss, b_s, and its states s_t.",
    "The decoder's input. {fed}",
    "The first states. h_0 is zero: the encoder knows nothing yet. s_0 = h_{last}, the encoder's last state: "
    "all that the decoder will ever know of the input.",
    "sigma. Some mean the sigmoid by it, some any activation. Here it is {sigma}, between encoder, decoder and their "
    "past; --activation chooses another.",
    "The activation of y. {f}",
    "The end. {end}",
]


def equations(writer: Writer, example: Example) -> None:
    title = f"An encoder-decoder reads {' '.join(example.config.symbols_of('input'))} and learns to write "
    for line in textwrap.wrap(title + " ".join(example.names), WIDTH, break_on_hyphens=False):
        writer.line(writer.paint(line, HEADING))
    writer.heading("1. The equations")
    sigma, f = example.sigma.name, example.f.name
    writer.text("As commonly written, in the same letters for encoder and decoder:")
    writer.equation("  h_t = sigma(W_xh x_t + W_hh h_{t-1} + b_h)")
    writer.equation("  y_t = W_hy h_t + b_y, and its activation")
    writer.text("As they are computed here:")
    writer.equation(f"  encoder   h_t = {_of(sigma, 'W_xh x_t + W_hh h_{t-1} + b_h')},   h_0 = 0")
    writer.equation(f"  decoder   s_t = {_of(sigma, 'W_ys y_{t-1} + W_ss s_{t-1} + b_s')},   s_0 = h_{len(example.xs)}")
    writer.equation(f"  output    y_t = {_of(f, 'W_sy s_t + b_y')}")


def _of(function: str, inner: str) -> str:
    return inner if function == "identity" else f"{function}({inner})"


def loose_ends(writer: Writer, example: Example) -> None:
    writer.heading("What the equations leave open, and what is meant")
    if example.symbols:
        fed = (f"x_t is the encoder's; the decoder is fed the word before, y_{{t-1}}: {START} first, then in training "
               "the right word, in use its own.")  # fmt: skip
        f = ("It is softmax, which turns one number for each word into probabilities. x_t is a column of zeros with a "
             "1 at the word's place, so that W_xh x_t is one column of W_xh, the word's embedding; products with zeros "
             "are left out below.")  # fmt: skip
        end = f"{END} is a word like the others. The network is done when it writes it."
    else:
        fed = ("x_t is the encoder's; the decoder is fed the number before, y_{t-1}, not y_t, which it is to find: "
               f"y_0 = {writer.number(example.config.start)} first, then in training the right number, in use its own.")  # fmt: skip
        f = _output_activation(example)
        end = ("Nothing in the equations stops the decoder. With numbers it is stopped after as many as are wanted; "
               "with words (--loss cross-entropy) it learns to write a word that means the end.")  # fmt: skip
    values = {"fed": fed, "f": f, "end": end, "sigma": example.sigma.name, "last": str(len(example.xs))}
    for text in LOOSE:
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        writer.text(text, bullet="- ")


def _output_activation(example: Example) -> str:
    f = example.f
    if f.name == "identity":
        return ("Here there is none, y_t = W_sy s_t + b_y: the outputs are numbers of any size, and a sigmoid, "
                "between 0 and 1, could never reach 4. For words it is softmax (--loss cross-entropy).")  # fmt: skip
    outside = [name for name, k in zip(example.names, example.targets, strict=True) if not f.low <= k <= f.high]
    upper = "infinity" if f.high == np.inf else f"{f.high:g}"
    warning = f" It can never reach {outside[0]}: this training will fail." if outside else ""
    return f"You chose {f.name}, whose values lie between {f.low:g} and {upper}.{warning}"


def first_numbers(writer: Writer, example: Example, w: Weights) -> None:
    writer.heading("2. The first weights")
    writer.text(f"Drawn with seed {example.config.seed} from -0.5 to 0.5 and rounded to two decimals, so that they "
                "can be copied. W[i,j] is row i, column j, counted from 1.")  # fmt: skip
    if example.symbols:
        writer.text("Words by number: " + ", ".join(f"{k + 1} {word}" for k, word in enumerate(example.symbols)) + ".")
    for name, values in named(w).items():
        writer.array(name, values)


def named(w: Weights) -> dict[str, ndarray]:
    """Weights, or their gradients, under the lesson's names."""
    return {
        "W_xh": w.encoder.W_xh,
        "W_hh": w.encoder.W_hh,
        "b_h": w.encoder.b_h,
        "W_ys": w.decoder.W_xh,
        "W_ss": w.decoder.W_hh,
        "b_s": w.decoder.b_h,
        "W_sy": w.output.W_hy,
        "b_y": w.output.b_y,
    }


def encoder(writer: Writer, example: Example, w: Weights, run: Run, *, brief: bool) -> None:
    writer.heading("3. The encoder reads")
    writer.equation(f"h_t[i] = {_of(example.sigma.name, 'W_xh[i,:] x_t + W_hh[i,:] h_{t-1} + b_h[i]')}")
    _only_first(writer, example, brief=brief)
    words = example.config.symbols_of("input")
    for t, (step, word) in enumerate(zip(run.encoder, words, strict=True), start=1):
        writer.line(f"  t = {t}, x_{t} = {word}" + (", and h_0 = 0" if t == 1 else ""))
        _states(writer, example, w.encoder, step, f"h_{t}", brief=brief)
    writer.text(f"h_{len(words)} is the context vector: all of the input, in {_count(example.config.hidden)}.")


def decoder(writer: Writer, example: Example, w: Weights, run: Run, *, brief: bool) -> None:
    writer.heading("4. The decoder writes, with teacher forcing")
    words = [START if example.symbols else writer.number(example.config.start), *example.names[:-1]]
    writer.text(f"While it learns, the decoder is fed the right outputs, {' '.join(words)}, and not its own, which are "
                "still wrong: a first mistake does not spoil what comes after it, and every step learns to go on from "
                "the right past. This is called teacher forcing. "
                f"It begins at s_0 = h_{len(example.xs)}.")  # fmt: skip
    writer.equation(f"s_t[i] = {_of(example.sigma.name, 'W_ys[i,:] y_{t-1} + W_ss[i,:] s_{t-1} + b_s[i]')}")
    if example.symbols:
        writer.equation("a_t = W_sy s_t + b_y,   y_t[k] = exp(a_t[k]) / sum_l exp(a_t[l])")
    else:
        writer.equation(f"y_t = {_of(example.f.name, 'W_sy s_t + b_y')}")
    for t, (step, fed, wanted) in enumerate(zip(run.decoder, words, example.names, strict=True), start=1):
        writer.line(f"  t = {t}, fed y_{t - 1} = {fed}, should write {wanted}")
        _states(writer, example, w.decoder, step, f"s_{t}", brief=brief)
        (_word if example.symbols else _value)(writer, example, w, run, t, brief=brief)


def _states(writer: Writer, example: Example, w: RNNWeights, step: RNNStep, name: str, *, brief: bool) -> None:
    """h_t or s_t, unit by unit."""
    hidden = len(step.h)
    shown = 0 if brief else hidden if hidden <= FULL else 1
    for i in range(shown):
        there = np.flatnonzero(step.x) if example.symbols else np.arange(len(step.x))  # of a word, its column
        terms = [*writer.products(w.W_xh[i, there], step.x[there]), *writer.products(w.W_hh[i], step.h_prev),
                 writer.factor(w.b_h[i])]  # fmt: skip
        sides = [_of(example.sigma.name, " + ".join(terms))]
        if example.sigma.name != "identity":
            sides.append(f"{example.sigma.name}({writer.number(step.a[i])})")
        writer.chain(f"{name}[{i + 1}]", *sides, writer.number(step.h[i]))
    if shown < hidden:
        writer.array(name, step.h)


def _value(writer: Writer, example: Example, w: Weights, run: Run, t: int, *, brief: bool) -> None:
    """y_t of numbers."""
    step = run.output[t - 1]
    sides: list[str] = []
    if not brief:
        terms = [*writer.products(w.output.W_hy[0], step.h), writer.factor(w.output.b_y[0])]
        sides.append(_of(example.f.name, " + ".join(terms)))
        if example.f.name != "identity":
            sides.append(f"{example.f.name}({writer.number(step.a[0])})")
    writer.chain(f"y_{t}", *sides, writer.number(step.y[0]))


def _word(writer: Writer, example: Example, w: Weights, run: Run, t: int, *, brief: bool) -> None:
    """y_t of words: logits, then probabilities."""
    step, right = run.output[t - 1], int(example.targets[t - 1])
    if not brief:
        for k in range(len(step.a)) if len(step.a) <= MANY else [right]:
            terms = [*writer.products(w.output.W_hy[k], step.h), writer.factor(w.output.b_y[k])]
            writer.chain(f"a_{t}[{k + 1}]", " + ".join(terms), writer.number(step.a[k]))
        total = float(np.exp(step.a).sum())
        if len(step.a) <= MANY:
            powers = " + ".join(f"exp({writer.number(a)})" for a in step.a)
            writer.chain(f"sum_{t}", powers, writer.number(total))
        writer.chain(f"y_{t}[{right + 1}]", f"exp({writer.number(step.a[right])}) / {writer.number(total)}",
                     writer.number(step.y[right]))  # fmt: skip
    writer.array(f"y_{t}", step.y)


def _only_first(writer: Writer, example: Example, *, brief: bool) -> None:
    if example.config.hidden > FULL and not brief:
        writer.text(f"Numbers are substituted for the first of {example.config.hidden} units.")


def _count(hidden: int) -> str:
    return "one number" if hidden == 1 else f"{hidden} numbers"


def loss(writer: Writer, example: Example, run: Run) -> None:
    writer.heading("5. The loss: how wrong it is")
    error = example.error(run)
    if isinstance(error, CrossEntropy):
        writer.text("Cross-entropy: what the right word's probability lacks, -log y_t[right], summed over the steps.")
        for t, (y, right) in enumerate(zip(run.ys, example.targets, strict=True), start=1):
            writer.chain(f"L_{t}", f"-log({writer.number(y[int(right)])})", writer.number(error.each[t - 1]))
    else:
        writer.equation("L_t = 1/2 (y_t - target_t)^2,   L = sum_t L_t")
        for t, (y, wanted) in enumerate(zip(run.ys, example.targets, strict=True), start=1):
            writer.chain(f"L_{t}", f"1/2*({difference(writer, y[0], wanted)})^2", writer.number(error.each[t - 1]))
    terms: Sequence[str] = [writer.number(each) for each in error.each]
    writer.chain("L", " + ".join(terms), writer.number(error.loss))
    if not example.symbols:
        writer.text("For words the output is a probability for each word of a vocabulary, and the loss is "
                    "cross-entropy, L_t = -log y_t[right]. Its gradient has the same form, output minus target. "
                    "See it with --loss cross-entropy.")  # fmt: skip


def difference(writer: Writer, a: float, b: float) -> str:
    """a - b, with b in brackets where it is negative."""
    return f"{writer.number(a)} - {writer.factor(b)}"
