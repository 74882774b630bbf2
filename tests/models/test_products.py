"""Products with weights that stay, against torch's own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.models import products
from transduce.models.products import FEW_ROWS, Product

DTYPES = st.sampled_from([torch.float32, torch.float64])


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 20), st.integers(1, 70), st.integers(1, 70), DTYPES, st.integers(0, 10**6))
def test_rows_are_added_to_a_total(rows: int, inputs: int, outputs: int, dtype: torch.dtype, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, weight, bias, totals = (
        torch.randn(shape, generator=generator, dtype=dtype)
        for shape in ((rows, inputs), (inputs, outputs), (outputs,), (rows, outputs))
    )
    product, kept, before = Product(weight), bias.clone(), totals.clone()
    torch.testing.assert_close(product.add_to(bias, x), x @ weight + bias)
    assert torch.equal(bias, kept)
    found = product.add_to(totals, x)
    torch.testing.assert_close(found, x @ weight + before)
    assert torch.equal(totals, found)  # in place


def test_without_onednns_operators_the_product_is_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch promises neither of the two: another build or a later release may have none."""
    x, weight, bias = torch.randn(FEW_ROWS[0], 5), torch.randn(5, 7), torch.randn(7)
    monkeypatch.setattr(products, "_ONEDNN", torch.ops.no_such_library)
    torch.testing.assert_close(Product(weight).add_to(bias, x), x @ weight + bias)
