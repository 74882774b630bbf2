"""Where two computations part: the first quantity and step whose numbers differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from transduce.reference.activation import Array


class Stage(NamedTuple):
    """Quantities that are computed together, step by step."""

    values: dict[str, Array]  # by name, in the order of computation within a step; one row a step
    order: Sequence[int]  # the steps in the order in which they are computed, counted from 0
    row: str = "step"  # what a row is


def first_difference(ours: Sequence[Stage], theirs: Mapping[str, Array], *, tolerance: float = 1e-9) -> str | None:
    """One line that names the first difference in the order of computation, or None where there is none.

    What is computed first decides: a mistake shows in everything that comes after it. Steps are
    counted from 1. A name that only one side has is a difference too.

        alpha differs at step 3: 0.2 against 0.3 (element 1 of 4)
    """
    names = [name for stage in ours for name in stage.values]
    lacking = [name for name in names if name not in theirs] or [name for name in theirs if name not in names]
    if lacking:
        return f"{lacking[0]} is missing on one side"
    for stage in ours:
        for name, value in stage.values.items():
            if value.shape != theirs[name].shape:
                return f"{name} has shape {value.shape} against {theirs[name].shape}"
        for step in stage.order:
            for name, value in stage.values.items():
                a, b = np.atleast_1d(value[step]), np.atleast_1d(theirs[name][step])
                apart = ~(np.abs(a - b) <= tolerance)  # not ">", which a nan would pass
                if apart.any():
                    place = int(np.argmax(apart))
                    where = f" (element {place + 1} of {len(a)})" if len(a) > 1 else ""
                    return f"{name} differs at {stage.row} {step + 1}: {a[place]:.12g} against {b[place]:.12g}{where}"
    return None
