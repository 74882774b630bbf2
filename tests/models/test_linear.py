"""Linear layers from bfloat16 numbers, against the same products in double precision."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from transduce.models.linear import ROWS, Linear, coarse_products
from transduce.training.device import _cpu_has_matrix_units

# Of a factor, what rounding to 8 binary digits may change, twice; and what sums in single precision do.
ROUNDED = 1.05 * 2 * 2.0**-9


def within(found: Tensor, a: Tensor, b: Tensor, bias: Tensor | None = None) -> None:
    """``found`` is a @ b as near as rounding of every factor allows."""
    a, b = a.double(), b.double()
    wanted = a @ b if bias is None else a @ b + bias.double()
    assert ((found.double() - wanted).abs() <= ROUNDED * (a.abs() @ b.abs()) + 1e-5).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 3 * ROWS), st.integers(1, 3), st.integers(1, 70), st.integers(1, 70), st.booleans(),
       st.integers(0, 10**6))  # fmt: skip
def test_a_coarse_layer_and_its_gradients_are_those_of_torch_but_for_rounding(
    batch: int, length: int, inputs: int, outputs: int, bias: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    layer, x = Linear(inputs, outputs, bias=bias), torch.randn(batch, length, inputs, requires_grad=True)
    with coarse_products():
        found = layer(x)
    gradient = torch.randn_like(found)
    found.backward(gradient)
    assert found.shape == (batch, length, outputs)
    weight, rows, back = layer.weight.detach(), x.detach().flatten(0, 1), gradient.flatten(0, 1)
    within(found.detach().flatten(0, 1), rows, weight.t(), layer.bias.detach() if bias else None)
    assert x.grad is not None
    assert layer.weight.grad is not None
    within(x.grad.flatten(0, 1), back, weight)
    within(layer.weight.grad, back.t(), rows)
    if bias:
        torch.testing.assert_close(layer.bias.grad, back.sum(dim=0))


def test_products_are_coarse_inside_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = torch.set_float32_matmul_precision
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda name: (asked.append(name), real(name)))
    layer, x = Linear(64, 64), torch.randn(2 * ROWS, 64)
    with coarse_products():
        layer(x)
    assert asked == ["medium", "highest"]
    with pytest.raises(RuntimeError), coarse_products():
        layer(x[:, :63])
    assert asked == ["medium", "highest"] * 2
    assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))
    assert len(asked) == 4


@pytest.mark.skipif(not _cpu_has_matrix_units(), reason="this processor has no matrix units for bfloat16")
def test_matrix_units_are_used() -> None:
    layer, x = Linear(256, 1024), torch.randn(20 * ROWS, 256)
    with coarse_products():
        found = layer(x)
    assert not torch.equal(found, F.linear(x, layer.weight, layer.bias))
