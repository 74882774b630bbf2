from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from transduce.errors import ConfigError
from transduce.training.optim import OptimConfig, lr_at, make_optimizer, set_lr

SCHEDULES = ("hold", "constant", "linear", "cosine", "inverse_sqrt")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_warm_up_rises_in_even_steps_to_the_peak(schedule: str) -> None:
    config = OptimConfig(lr=2.0, warmup=4, schedule=schedule)  # type: ignore[arg-type]
    assert [lr_at(config, step, 1000) for step in range(4)] == pytest.approx([0.5, 1.0, 1.5, 2.0])


def test_hold_keeps_the_peak_and_falls_in_a_straight_line_over_the_last_share() -> None:
    config = OptimConfig(lr=1.0, warmup=0, decay=0.4)
    rates = [lr_at(config, step, 10) for step in range(10)]
    assert rates == pytest.approx([1, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])
    floor = OptimConfig(lr=1.0, warmup=0, decay=0.4, final=0.5)
    assert lr_at(floor, 8, 10) == pytest.approx(0.75)
    assert lr_at(floor, 10, 10) == lr_at(floor, 99, 10) == pytest.approx(0.5)


def test_hold_without_a_share_to_fall_in_is_constant_to_the_last_update() -> None:
    config = OptimConfig(lr=1.0, warmup=0, decay=0.0)
    assert [lr_at(config, step, 5) for step in range(5)] == [1.0] * 5


def test_linear_and_cosine_end_at_the_final_share() -> None:
    linear = OptimConfig(lr=1.0, warmup=2, schedule="linear", final=0.1)
    assert lr_at(linear, 6, 10) == pytest.approx(0.1 + 0.9 * 0.5)
    assert lr_at(linear, 10, 10) == pytest.approx(0.1)
    cosine = OptimConfig(lr=1.0, warmup=2, schedule="cosine")
    assert lr_at(cosine, 4, 10) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert lr_at(cosine, 6, 10) == pytest.approx(0.5)


def test_inverse_sqrt_has_the_shape_of_vaswani_2017() -> None:
    config = OptimConfig(lr=1.0, warmup=100, schedule="inverse_sqrt")

    def paper(step: int) -> float:  # equation 3, scaled to 1 at its peak
        return min(step**-0.5, step * 100**-1.5) / 100**-0.5

    for step in (1, 50, 100, 101, 400, 10_000):
        assert lr_at(config, step - 1, None) == pytest.approx(paper(step))


@pytest.mark.parametrize("schedule", ["hold", "linear", "cosine"])
def test_an_end_that_is_not_known_counts_as_far_away(schedule: str) -> None:
    config = OptimConfig(lr=1.0, warmup=3, schedule=schedule)  # type: ignore[arg-type]
    assert lr_at(config, 1, None) == pytest.approx(2 / 3)
    assert lr_at(config, 10**6, None) == 1.0


@given(
    schedule=st.sampled_from(SCHEDULES), warmup=st.integers(0, 50), decay=st.floats(0, 1), final=st.floats(0, 1),
    total=st.integers(1, 200) | st.none(), step=st.integers(0, 300),
)  # fmt: skip
def test_no_update_gets_a_rate_outside_of_zero_and_the_peak(schedule, warmup, decay, final, total, step) -> None:  # type: ignore[no-untyped-def]
    config = OptimConfig(lr=3.0, warmup=warmup, schedule=schedule, decay=decay, final=final)
    rate = lr_at(config, step, total)
    assert 0 <= rate <= 3.0
    if total is not None and step < total:
        assert rate > 0, "an update with a rate of zero is wasted"


@pytest.mark.parametrize("settings", [{"lr": 0.0}, {"lr": math.nan}, {"lr": -1.0}, {"betas": (1.0, 0.9)},
                                      {"alpha": 1.0}, {"momentum": 1.0}, {"warmup": -1}, {"decay": 1.5},
                                      {"final": -0.1}, {"eps": 0.0}, {"weight_decay": -1.0}])  # fmt: skip
def test_impossible_values_are_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"training.optim.{next(iter(settings))}"):
        OptimConfig(**settings)


@pytest.mark.parametrize(("name", "reference"), [
    ("adamw", lambda weights: torch.optim.AdamW(weights, lr=0.1, betas=(0.9, 0.98), weight_decay=0.0, foreach=False)),
    ("rmsprop", lambda weights: torch.optim.RMSprop(weights, lr=0.1, momentum=0.5, foreach=False)),
    ("sgd", lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=0.5, foreach=False)),
])  # fmt: skip
def test_the_fast_variants_walk_as_the_plain_ones(name: str, reference) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    ours, plain = nn.Linear(5, 3), nn.Linear(5, 3)
    plain.load_state_dict(ours.state_dict())
    config = OptimConfig(name=name, lr=0.1, momentum=0.0 if name == "adamw" else 0.5)  # type: ignore[arg-type]
    pairs = [(ours, make_optimizer(ours, config)), (plain, reference(plain.parameters()))]
    for _ in range(20):
        x = torch.randn(4, 5)
        for model, optimizer in pairs:
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, plain.weight, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["adamw", "rmsprop", "sgd"])
def test_weight_decay_shrinks_matrices_and_leaves_biases(name: str) -> None:
    model = nn.Linear(3, 2)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = make_optimizer(model, OptimConfig(name=name, lr=1e-4, weight_decay=0.5))  # type: ignore[arg-type]
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    assert (model.weight.abs() < before["weight"].abs()).all()
    assert torch.equal(model.bias, before["bias"])


def test_tied_and_frozen_weights_move_once_and_never() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight  # type: ignore[union-attr]
    model[2].weight.requires_grad_(False)  # type: ignore[union-attr]
    optimizer = make_optimizer(model, OptimConfig())
    assert [len(group["params"]) for group in optimizer.param_groups] == [1]


def test_set_lr_reaches_all_groups() -> None:
    optimizer = make_optimizer(nn.Linear(2, 2), OptimConfig(weight_decay=0.1))
    set_lr(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]
