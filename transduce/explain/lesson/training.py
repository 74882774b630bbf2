"""The lesson's last part: one step of gradient descent, and then as many as it takes."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from transduce.explain.lesson.forwards import named
from transduce.explain.lesson.task import CERTAIN, END, Example, Learned, clipped
from transduce.explain.lesson.writing import Writer
from transduce.reference.recurrent import Gradient, Weights, descend

MANY = 40  # weights that are all shown; of larger networks the first of each kind


def one_step(writer: Writer, example: Example, w: Weights, gradient: Gradient, *, brief: bool) -> None:
    writer.heading("7. One step of gradient descent")
    rate, clip = example.config.rate, example.config.clip
    writer.text(f"Every weight goes a little way down its slope. The learning rate is {rate:g}.")
    slopes, factor = clipped(gradient.weights, clip)
    if clip is not None:
        writer.text(
            f"The gradient is at most {clip:g} long (--clip): it is multiplied by {writer.number(factor)} first."
        )
    after = descend(w, slopes, rate)
    writer.equation("after = before - learning rate * gradient")
    befores, afters, downs = named(w), named(after), named(slopes)
    every = sum(values.size for values in befores.values()) <= MANY and not brief
    for name, values in befores.items():
        for place in list(np.ndindex(values.shape))[: None if every else 1]:
            label = f"{name}[{','.join(str(k + 1) for k in place)}]"
            writer.chain(label, f"{writer.number(values[place])} - {rate:g}*{writer.factor(downs[name][place])}",
                         writer.number(afters[name][place]))  # fmt: skip
    before_loss, after_loss = (example.error(example.run(each)).loss for each in (w, after))
    change = "down" if after_loss < before_loss else "not down"
    writer.text(f"The loss was {writer.number(before_loss)} and is now {writer.number(after_loss)}: {change}"
                + ("." if change == "down" else ", the step was too long."))  # fmt: skip


def until_it_writes(writer: Writer, example: Example, learned: Learned) -> None:
    writer.heading("8. The same step, again and again")
    goal = (f"gives each right word a probability of {CERTAIN:g}" if example.symbols
            else f"is within {example.config.within:g} of every number")  # fmt: skip
    writer.text(f"Until the network, fed its own outputs, {goal}; at most {example.config.steps:,} steps.")
    writer.line(f"    {'steps':>7}  {'loss':>12}  what it writes on its own")
    for step, ys in learned.written.items():
        shown = "  ".join(_outputs(writer, example, ys))
        writer.line(f"    {step:>7,}  {writer.number(learned.losses[step]):>12}  {shown}"[:79])
    writer.line("")
    writer.curve(learned.losses)
    (_written if learned.reached else _failed)(writer, example, learned)


def _outputs(writer: Writer, example: Example, ys: list[ndarray]) -> list[str]:
    if example.symbols:
        return [f"{example.symbols[int(y.argmax())]}" for y in ys]
    return [writer.number(y[0]) for y in ys]


def _written(writer: Writer, example: Example, learned: Learned) -> None:
    writer.heading("9. It writes")
    run = example.write(learned.weights)
    fed = "<start>" if example.symbols else writer.number(example.config.start)
    for t, (y, shown, target) in enumerate(
        zip(run.ys, _outputs(writer, example, run.ys), example.names, strict=True), 1
    ):
        if example.symbols:
            writer.line(f"    fed {fed:<9} writes {shown}  (probability {writer.number(y.max())})")
        else:
            far = writer.number(abs(y[0] - example.targets[t - 1]))
            line = f"    fed {fed:<9} writes {shown}, which is {target} up to {far}"
            writer.line(line)
        fed = shown
    written = " ".join(name for name in example.names if name != END)
    writer.line("")
    writer.text(f"After {len(learned.losses) - 1:,} steps it reads {' '.join(example.config.symbols_of('input'))} and "
                f"writes {written}. It has learned one example by heart; to translate, it must learn from many: "
                "transduce train.")  # fmt: skip


def _failed(writer: Writer, example: Example, learned: Learned) -> None:
    writer.heading("9. It did not learn this")
    config = example.config
    steps, losses = len(learned.losses) - 1, learned.losses
    f, s = example.f, example.run(learned.weights).decoder
    shorter = "" if config.clip else ", or --clip 1"
    if learned.diverged:
        text = (f"After {steps:,} step{'s' * (steps > 1)} the loss has grown beyond all bounds: each step overshot by "
                f"more than the one before. Try --learning-rate {min(config.rate / 10, config.usual_rate):g}{shorter}."
                )  # fmt: skip
    elif not example.symbols and any(not f.low <= target <= f.high for target in example.targets):
        text = f"A {f.name} output cannot reach the numbers wanted. Leave out --output-activation."
    elif config.activation == "relu" and not any(step.h.any() for step in s):
        text = ("All units of the decoder are at 0, where relu has no slope: they are dead, and only b_y still learns. "
                "Try another --seed, a larger --hidden, a smaller --learning-rate, or --activation tanh.")  # fmt: skip
    elif max(losses[-len(losses) // 10 :]) > 1.5 * min(losses[-len(losses) // 10 :]):
        text = (f"After {steps:,} steps the loss still jumps up and down: the steps are too long for this valley. "
                f"Try --learning-rate {config.rate / 4:g}{shorter}.")  # fmt: skip
    elif losses[-1] < 0.9 * losses[len(losses) // 2]:
        text = f"After {steps:,} steps the loss is still falling. Try more --steps, or a larger --learning-rate."
    else:
        text = (f"After {steps:,} steps the loss stays at {writer.number(losses[-1])}. Try a larger --hidden or another "
                "--seed.")  # fmt: skip
    writer.text(text)
