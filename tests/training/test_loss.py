from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.training.loss import token_loss


def random_case(*, seed: int, vocab: int = 7, scale: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (3, 5, vocab) and targets (3, 5), some of them padding (0)."""
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 5, vocab, generator=chance, dtype=torch.float64) * scale
    return logits.requires_grad_(), torch.randint(0, vocab, (3, 5), generator=chance)


@given(seed=st.integers(0, 10**6), smoothing=st.sampled_from([0.0, 0.1, 0.7]), scale=st.sampled_from([0.1, 3.0, 50.0]))
@settings(deadline=None, max_examples=50)
def test_loss_and_gradient_are_those_of_torch(seed: int, smoothing: float, scale: float) -> None:
    logits, targets = random_case(seed=seed, scale=scale)
    sums = token_loss(logits, targets, smoothing=smoothing, count_correct=True)
    (ours,) = torch.autograd.grad(sums.loss, logits)
    flat, wanted = logits.flatten(0, 1), targets.flatten()
    theirs = F.cross_entropy(flat, wanted, ignore_index=0, label_smoothing=smoothing, reduction="sum")
    (expected,) = torch.autograd.grad(theirs, logits)
    torch.testing.assert_close(sums.loss, theirs)
    torch.testing.assert_close(ours, expected)
    plain = F.cross_entropy(flat, wanted, ignore_index=0, reduction="sum")
    torch.testing.assert_close(sums.nll, plain.detach())
    assert sums.tokens == (targets != 0).sum()
    assert sums.correct == ((logits.argmax(-1) == targets) & (targets != 0)).sum()


def test_gradient_agrees_with_finite_differences() -> None:
    logits, targets = random_case(seed=1)
    (ours,) = torch.autograd.grad(0.3 * token_loss(logits, targets, smoothing=0.1).loss, logits)
    step = 1e-5
    for place in [(0, 0, 0), (1, 2, 3), (2, 4, 6), (0, 1, int(targets[0, 1]))]:
        moved = []
        for sign in (1, -1):
            x = logits.detach().clone()
            x[place] += sign * step
            moved.append(0.3 * token_loss(x, targets, smoothing=0.1).loss)
        assert float(ours[place]) == pytest.approx(float((moved[0] - moved[1]) / (2 * step)), abs=1e-6)


def test_padding_influences_nothing_even_when_it_is_not_a_number() -> None:
    logits, targets = random_case(seed=2)
    targets[:, 3:] = 0
    targets[:, :3].clamp_(min=1)
    spoiled = logits.detach().clone()
    spoiled[:, 3:] = float("nan")
    spoiled.requires_grad_()
    short = logits.detach()[:, :3].clone().requires_grad_()
    whole, cut = token_loss(spoiled, targets, smoothing=0.1), token_loss(short, targets[:, :3], smoothing=0.1)
    torch.testing.assert_close(whole.loss, cut.loss)
    whole.loss.backward()
    cut.loss.backward()
    assert spoiled.grad is not None
    torch.testing.assert_close(spoiled.grad[:, :3], short.grad)
    assert (spoiled.grad[:, 3:] == 0).all()


def test_half_precision_logits_are_summed_in_single_precision() -> None:
    logits, targets = random_case(seed=3, vocab=4000)
    half = logits.detach().to(torch.bfloat16).requires_grad_()
    sums = token_loss(half, targets, smoothing=0.1)
    exact = token_loss(half.detach().double().requires_grad_(), targets, smoothing=0.1)
    assert sums.loss.dtype == torch.float32
    torch.testing.assert_close(sums.loss.double(), exact.loss, rtol=1e-4, atol=0)
    sums.loss.backward()
    assert half.grad is not None
    assert half.grad.dtype == torch.bfloat16


def test_a_second_backward_is_refused_rather_than_wrong() -> None:
    logits, targets = random_case(seed=4)
    loss = token_loss(logits, targets).loss
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
