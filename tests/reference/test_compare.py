"""A comparison that fails says which quantity and which step differ first."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from tests.reference.test_gradients import weights_of
from transduce.reference.compare import Stage, first_difference
from transduce.reference.seq2seq import Choices, forward


def stage(row: str = "step", **values: ndarray) -> Stage:
    return Stage(values, range(len(next(iter(values.values())))), row)


def test_nothing_to_say_where_all_agrees() -> None:
    ours = [stage(h=np.array([[1.0, 2.0]])), stage(alpha=np.array([[0.2]]))]
    assert first_difference(ours, {"h": np.array([[1.0, 2.0 + 1e-12]]), "alpha": np.array([[0.2]])}) is None


def test_names_quantity_step_and_element() -> None:
    alpha = np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
    other = alpha.copy()
    other[2] = [0.3, 0.7]
    ours, theirs = [stage(h=np.ones((3, 1)), alpha=alpha)], {"alpha": other, "h": np.ones((3, 1))}
    assert first_difference(ours, theirs) == "alpha differs at step 3: 0.2 against 0.3 (element 1 of 2)"


def test_an_earlier_step_comes_before_an_earlier_name() -> None:
    theirs = {"h": np.array([[0.0], [0.0], [5.0]]), "c": np.array([[0.0], [4.0], [4.0]])}
    ours = stage(h=np.zeros((3, 1)), c=np.zeros((3, 1)))
    assert first_difference([ours], theirs) == "c differs at step 2: 0 against 4"
    reads_backward = ours._replace(order=[2, 1, 0])
    assert first_difference([reads_backward], theirs) == "h differs at step 3: 0 against 5"
    apart = [stage(h=ours.values["h"]), stage(c=ours.values["c"], row="layer")]
    assert first_difference(apart, theirs) == "h differs at step 3: 0 against 5"
    assert first_difference(apart[1:], {"c": theirs["c"]}) == "c differs at layer 2: 0 against 4"


def test_a_number_that_is_none_differs_from_all() -> None:
    assert (
        first_difference([stage(h=np.zeros(2))], {"h": np.array([0, np.nan])}) == "h differs at step 2: 0 against nan"
    )


def test_names_and_shapes_must_be_the_same() -> None:
    h = np.zeros(2)
    assert first_difference([stage(h=h, c=h)], {"h": h}) == "c is missing on one side"
    assert first_difference([stage(h=h)], {"h": h, "r": h}) == "r is missing on one side"
    assert first_difference([stage(h=h)], {"h": np.zeros(3)}) == "h has shape (2,) against (3,)"


def test_a_wrong_weight_shows_where_it_is_first_used() -> None:
    """Of all quantities of a whole model, the one named is the one that the changed weight makes."""
    choices = Choices(cell="lstm", attention="additive", bidirectional=False)
    generator = np.random.default_rng(1)
    weights = weights_of(choices, lambda *shape: generator.standard_normal(shape))
    right = forward(choices, weights, [3, 4, 2], [1, 3]).stages()

    def first(name: str, row: int = 0) -> str:
        wrong = {key: value.copy() for key, value in weights.items()}
        wrong[name][row] += 0.5
        return str(first_difference(right, forward(choices, wrong, [3, 4, 2], [1, 3]).quantities()))

    assert first("encoder.rnn.bias_ih_l0", 2).startswith("encoder 0 forward f differs at step 1")
    assert first("encoder.rnn.weight_hh_l0").startswith("encoder 0 forward i differs at step 2")  # h_0 is zero
    assert first("decoder.rnn.bias_hh_l0", 6).startswith("decoder 0 o differs at step 1")
    assert first("attention.v").startswith("e differs at step 1")
    assert first("combine.weight").startswith("readout differs at step 1")
    assert first("output.bias").startswith("logits differs at step 1")
