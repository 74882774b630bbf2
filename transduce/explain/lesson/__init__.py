"""The worked example of encoder-decoder articles: 1 2 3 goes in, 4 5 6 is to come out; every number shown.

    transduce lesson --hidden 3 --activation relu

Every number that is printed comes from ``transduce.reference``. No torch is needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from transduce.explain.lesson import backwards, forwards, training
from transduce.explain.lesson.task import LessonConfig, example_of, first_weights, learn
from transduce.explain.lesson.writing import Writer

__all__ = ["LessonConfig", "lesson"]


def lesson(config: LessonConfig, write: Callable[[str], None], *, color: bool = False, brief: bool = False) -> bool:
    """Write the lesson, line by line. Returns whether the network learned its example.

    color: whether lines may carry a terminal's color codes; brief: results without the numbers substituted.
    """
    with np.errstate(all="ignore"):  # numbers without bounds are printed as such, and explained at the end
        return _lesson(config, Writer(write, digits=config.digits, color=color), brief=brief)


def _lesson(config: LessonConfig, writer: Writer, *, brief: bool) -> bool:
    example = example_of(config)
    weights = first_weights(example)
    forwards.equations(writer, example)
    forwards.loose_ends(writer, example)
    forwards.first_numbers(writer, example, weights)
    run = example.run(weights)
    forwards.encoder(writer, example, weights, run, brief=brief)
    forwards.decoder(writer, example, weights, run, brief=brief)
    forwards.loss(writer, example, run)
    gradient = backwards.gradients(writer, example, weights, run, brief=brief)
    training.one_step(writer, example, weights, gradient, brief=brief)
    learned = learn(example, weights)
    training.until_it_writes(writer, example, learned)
    return learned.reached
