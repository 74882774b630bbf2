from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.models.dropout import dropout


@given(shape=st.lists(st.integers(0, 9), max_size=3), share=st.sampled_from([0.1, 0.25, 0.5, 0.999999]),
       dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]), seed=st.integers(0, 1000))  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_what_is_kept_is_scaled_and_its_gradient_alike(
    shape: list[int], share: float, dtype: torch.dtype, seed: int
) -> None:
    torch.manual_seed(seed)
    x = torch.randn(shape, dtype=dtype).exp().requires_grad_()  # nothing is zero of itself
    y = dropout(x, share, training=True)
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    kept = y != 0
    exact = 1 / (1 - min(round(share * 65536), 65535) / 65536)
    torch.testing.assert_close(y, torch.where(kept, x * exact, 0).to(dtype))
    torch.testing.assert_close(gradient, kept.to(dtype) * exact, check_dtype=False)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_every_place_is_dropped_as_often_whatever_happens_beside_it(share: float) -> None:
    torch.manual_seed(1)
    zero = (dropout(torch.ones(40_000, 8), share, training=True) == 0).double()
    allowed = 4.5 * math.sqrt(share * (1 - share) / len(zero))  # standard deviations of a share of 40,000
    assert (zero.mean(dim=0) - share).abs().max() < allowed
    # Four numbers come from one draw of 64 bits: pairs are both dropped with the product of the shares.
    both = (zero.T @ zero) / len(zero)
    apart = ~torch.eye(8, dtype=torch.bool)
    assert (both[apart] - share**2).abs().max() < 4.5 * math.sqrt(share**2 * (1 - share**2) / len(zero))


def test_a_resumed_generator_drops_the_same_numbers() -> None:
    x = torch.ones(7, 11)
    state = torch.get_rng_state()
    first, second = dropout(x, 0.5, training=True), dropout(x, 0.5, training=True)
    assert not torch.equal(first, second)
    torch.set_rng_state(state)
    assert torch.equal(dropout(x, 0.5, training=True), first)
    assert torch.equal(dropout(x, 0.5, training=True), second)


def test_nothing_is_dropped_or_drawn_outside_training() -> None:
    x, state = torch.randn(5), torch.get_rng_state()
    assert dropout(x, 0.5, training=False) is x
    assert dropout(x, 0.0, training=True) is x
    assert torch.equal(torch.get_rng_state(), state)
