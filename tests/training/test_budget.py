"""A budget is kept: the plan against machines with a clock of their own, and what is chosen for which data."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.data.tokenizer import TokenizerConfig
from transduce.training import budget
from transduce.training.budget import LONGEST_PASSES, Choice, Deadline, choose, choose_vocab
from transduce.training.checkpoint import Progress
from transduce.training.loop import TrainingConfig

REPORT = 4.0  # validations that the report costs
Pace = Callable[[float], float]  # share of the budget that is over -> seconds of an update


class Machine:
    """A training loop as the plan sees it, on a clock that only the updates, validations and the report move."""

    def __init__(self, patch: pytest.MonkeyPatch, *, seconds: float, pace: Pace, validation: float,
                 first: float = 1.0) -> None:  # fmt: skip
        self.now, self.seconds, self.pace, self.validation, self.first = 100.0, seconds, pace, validation, first
        self.totals: list[int | None] = []
        patch.setattr(budget.time, "perf_counter", lambda: self.now)

    def run(self, *, most_steps: int = 10**9, total: int | None = None) -> Progress:
        """Until the report is there. ``total``: the number of steps that a resumed run was given."""
        progress = Progress(total=total)
        plan = Deadline(seconds=self.seconds, began=self.now, report_cost=REPORT, most_steps=most_steps,
                        keep=total is not None)  # fmt: skip
        self.now += 3  # reading the pairs
        while progress.step < 200_000:
            agreed = plan(progress)
            if agreed.total != progress.total:
                self.totals.append(agreed.total)
                progress.total = agreed.total
            if progress.total is not None and progress.step >= progress.total:
                break
            self._pass(progress, self.pace((self.now - 100) / self.seconds), validating=False)
            progress.step += 1
            if progress.step - progress.validated >= agreed.validate_every:
                self._validate(progress)
        if progress.validated != progress.step:
            self._validate(progress)
        self.now += REPORT * self.validation
        return progress

    def _validate(self, progress: Progress) -> None:
        first = 1.0 if progress.validations else self.first
        self._pass(progress, first * self.validation, validating=True)
        progress.validations, progress.validated = progress.validations + 1, progress.step

    def _pass(self, progress: Progress, seconds: float, *, validating: bool) -> None:
        self.now += seconds
        progress.seconds += seconds
        if validating:
            progress.validation_seconds += seconds
        else:
            progress.update_seconds += seconds

    @property
    def share(self) -> float:
        """Of the budget, what the user has waited."""
        return (self.now - 100) / self.seconds


@settings(deadline=None)  # a simulated run takes as long as it has steps
@given(
    seconds=st.sampled_from([60.0, 300.0, 1200.0]),
    update=st.floats(0.02, 0.5),
    validation=st.floats(0.1, 1.0),
    slower=st.floats(0.5, 2.0),
    when=st.floats(0.0, 0.9),
)
def test_a_run_ends_within_a_twentieth_of_its_budget_whatever_happens_to_the_machine(
    seconds: float, update: float, validation: float, slower: float, when: float
) -> None:
    """Another program comes or goes at any time up to nine tenths."""
    with pytest.MonkeyPatch.context() as patch:
        machine = Machine(patch, seconds=seconds, pace=lambda now: update * (slower if now > when else 1.0),
                          validation=validation, first=3.0)  # fmt: skip
        progress = machine.run()  # the first validation is slow: what knows nothing yet writes to the maximal length
    # An update that began in time is finished; a machine that became faster late ends early.
    assert machine.share <= 1.05 + 2 * update / seconds
    if slower >= 0.9:
        assert machine.share >= 0.93
    assert progress.validations >= 3


@pytest.mark.parametrize("slower", [3, 10, 30])
def test_a_machine_that_was_starved_while_it_was_measured_still_uses_its_time(
    monkeypatch: pytest.MonkeyPatch, slower: float
) -> None:
    machine = Machine(monkeypatch, seconds=240, pace=lambda now: 0.1 * (slower if now < 0.15 else 1.0), validation=0.5)
    progress = machine.run()
    assert 0.95 <= machine.share <= 1.02
    assert progress.step > 0.8 * 0.85 * 240 / 0.1


def test_on_a_steady_machine_the_number_of_steps_is_fixed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, seconds=300, pace=lambda _: 0.1, validation=0.5)
    progress = machine.run()
    assert len(machine.totals) == 1
    assert 0.95 <= machine.share <= 1.0
    assert progress.step > 0.85 * 300 / 0.1


def test_the_rate_that_has_fallen_does_not_rise_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that becomes faster in the last tenth ends early."""
    machine = Machine(monkeypatch, seconds=300, pace=lambda now: 0.1 if now < 0.9 else 0.02, validation=0.5)
    machine.run()
    assert len(machine.totals) == 1


def test_a_resumed_run_keeps_its_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, seconds=60, pace=lambda _: 1.0, validation=0.5)
    assert machine.run(total=200).step == 200
    assert machine.totals == []


def test_little_data_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, seconds=300, pace=lambda _: 0.1, validation=0.5)
    assert 120 <= machine.run(most_steps=120).step <= 122  # one update later, the first validation being due
    assert machine.share < 0.2


def choice(pairs: int, *, seconds: float | None = 300, speed: float = 7000.0) -> Choice:
    return choose(pairs=pairs, target_tokens=14 * pairs, seconds=seconds, speed=speed, joint=True,
                  tokenizer=TokenizerConfig(vocab=choose_vocab(pairs)), training=TrainingConfig())  # fmt: skip


@pytest.mark.parametrize(
    ("small", "large", "chosen"),
    [(8_000, 80_000, 700), (100_000, 150_000, 700), (100_000, 300_000, 2_800)],
    ids=["busy already", "hardly faster", "idle"],
)
def test_a_large_batch_is_taken_only_where_small_ones_leave_the_machine_idle(
    small: float, large: float, chosen: int
) -> None:
    asked: list[int] = []
    batch, speed = budget.choose_batch(small, lambda tokens: asked.append(tokens) or large)  # type: ignore[func-returns-value]
    assert (batch, speed) == (chosen, large if chosen == 2_800 else small)
    assert asked == ([] if small < 30_000 else [2_800])  # a slow machine loses no time with it


def test_more_pairs_get_a_larger_vocabulary() -> None:
    sizes = [choose_vocab(pairs) for pairs in (500, 5_000, 29_000, 160_000, 500_000, 5_000_000)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == len(sizes)


def test_more_passes_get_more_dropout_and_more_time_a_larger_model() -> None:
    short, long = choice(29_000), choice(29_000, seconds=3600)
    assert short.model.dropout < long.model.dropout
    assert short.model.hidden < long.model.hidden
    assert choice(29_000, seconds=3600, speed=500).model.hidden == short.model.hidden  # a slow machine's hour is short


def test_the_warm_up_is_at_most_a_tenth_of_the_run() -> None:
    tiny = choice(200, seconds=10, speed=1000)
    updates = 0.85 * 10 * 1000 / tiny.training.batch_tokens
    assert tiny.training.optim.warmup <= max(1, updates / 10 + 1)


def test_an_early_end_is_told() -> None:
    assert any(f"after {LONGEST_PASSES} passes" in reason for reason in choice(1_000).reasons)
    assert not any("ends early" in reason for reason in choice(29_000).reasons)
