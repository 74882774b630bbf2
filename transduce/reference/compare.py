"""Where two computations part: the first quantity and step whose numbers differ."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from transduce.reference.activation import Array


def first_difference(ours: Mapping[str, Array], theirs: Mapping[str, Array], *, tolerance: float = 1e-9) -> str | None:
    """One line that names the first difference, or None where there is none.

    Both hold, by name and in the order of computation, one row a step (the first dimension). Steps are
    counted from 1. Quantities come in the order of ``ours``; names that only one side has are a difference.

        alpha differs at step 3: 0.2 against 0.3 (element 1 of 4)
    """
    lacking = [name for name in ours if name not in theirs] or [name for name in theirs if name not in ours]
    if lacking:
        return f"{lacking[0]} is missing on one side"
    for name, mine in ours.items():
        a, b = np.atleast_1d(np.asarray(mine)), np.atleast_1d(np.asarray(theirs[name]))
        if a.shape != b.shape:
            return f"{name} has shape {a.shape} against {b.shape}"
        apart = ~(np.abs(a - b) <= tolerance)  # not ">", which a nan would pass
        if apart.any():
            place = tuple(np.argwhere(apart)[0])
            where = f" (element {', '.join(str(i + 1) for i in place[1:])} of {', '.join(map(str, a.shape[1:]))})"
            return (
                f"{name} differs at step {place[0] + 1}: {a[place]:.12g} against {b[place]:.12g}"
                f"{where if place[1:] else ''}"
            )
    return None
