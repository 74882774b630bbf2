"""A budget is kept: the plan against machines with a clock of their own, and what is chosen for which data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.data.batches import collate
from transduce.data.tokenizer import TokenizerConfig
from transduce.models import DEFAULT, RNNConfig
from transduce.training import budget
from transduce.training.budget import (
    FEW_MEMBERS,
    LONGEST_PASSES,
    MANY_PASSES,
    MEMBER_PASSES,
    MOST_MEMBERS,
    Choice,
    Deadline,
    Speeds,
    Trial,
    choose,
    choose_vocab,
)
from transduce.training.checkpoint import Progress
from transduce.training.loop import TrainingConfig

REPORT = 4.0  # validations that the report costs
TRIAL = Trial([], DEFAULT, source_vocab=3_000, target_vocab=3_000)
Pace = Callable[[float], float]  # share of the budget that is over -> seconds of an update


def at_first(times: float) -> Callable[[Progress], float]:
    """What knows nothing yet writes to the maximal length."""
    return lambda progress: 1.0 if progress.validations else times


class Machine:
    """A training loop as the plan sees it, on a clock that only the updates, validations and the report move."""

    def __init__(self, patch: pytest.MonkeyPatch, *, seconds: float, pace: Pace, validation: float,
                 slower: Callable[[Progress], float] = lambda _: 1.0, report: float = REPORT) -> None:  # fmt: skip
        self.now, self.seconds, self.pace, self.validation, self.report = 100.0, seconds, pace, validation, report
        self.slower = slower  # how many times as long a validation takes, by what the model has learned
        self.totals: list[int | None] = []
        patch.setattr(budget.time, "perf_counter", lambda: self.now)

    def run(self, *, most_steps: int = 10**9, total: int | None = None) -> Progress:
        """Until the report is there. ``total``: the number of steps that a resumed run was given."""
        progress = Progress(total=total)
        plan = Deadline(seconds=self.seconds, began=self.now, report_cost=self.report, most_steps=most_steps,
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
        self.now += self.report * self.validation * self.slower(progress)
        return progress

    def _validate(self, progress: Progress) -> None:
        self._pass(progress, self.slower(progress) * self.validation, validating=True)
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
                          validation=validation, slower=at_first(3.0))  # fmt: skip
        progress = machine.run()
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


def test_a_first_validation_that_takes_very_long_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, seconds=120, pace=lambda _: 0.1, validation=0.3, slower=at_first(100.0))
    machine.run()
    assert 0.9 <= machine.share <= 1.02


@pytest.mark.parametrize("until", [0.3, 0.6, 0.7])
@pytest.mark.parametrize("report", [4.0, 42.0])
def test_a_model_that_writes_without_end_for_long_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, until: float, report: float
) -> None:
    """Outputs end only after a share of the steps: until then a validation tells too much for the report."""

    def slower(progress: Progress) -> float:
        return 4.0 if progress.total is None or progress.step < until * progress.total else 1.0

    machine = Machine(monkeypatch, seconds=240, pace=lambda _: 0.06, validation=1.0, slower=slower, report=report)
    machine.run()
    assert 0.9 <= machine.share <= 1.05


def test_a_model_that_writes_without_end_to_the_last_is_expected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, seconds=240, pace=lambda _: 0.06, validation=3.2, report=42.0)
    machine.run()
    assert 0.9 <= machine.share <= 1.15


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
    return choose(pairs=pairs, target_tokens=14 * pairs, batches=max(1, pairs // 50), seconds=seconds, speed=speed, joint=True,
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
    assert len(set(sizes)) == 3
    assert sizes[0] >= 4_000  # words cut into too small pieces cost two points on 2,000 pairs


def test_more_passes_get_more_dropout() -> None:
    short, long = choice(29_000), choice(29_000, seconds=3600)
    assert short.model.dropout < long.model.dropout
    slow = choice(29_000, seconds=3600, speed=500)  # a slow machine's hour is short
    assert slow.model.dropout == short.model.dropout


def test_many_passes_see_words_in_other_pieces() -> None:
    long = choice(29_000, seconds=3600)
    assert long.training.bpe_dropout > 0
    assert "BPE-dropout" in long.reasons[-1]
    assert choice(29_000).training.bpe_dropout == 0
    words = choose(pairs=29_000, target_tokens=400_000, batches=580, seconds=3600, speed=7000.0, joint=True,
                   tokenizer=TokenizerConfig(kind="word"), training=TrainingConfig())  # fmt: skip
    assert words.training.bpe_dropout == 0  # words are not merged from anything
    assert choice(300, seconds=60).training.bpe_dropout == 0  # many passes, but few updates


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"model.dropout"}, "BPE-dropout 0.1 for"),
        ({"training.bpe_dropout"}, "dropout 0.3 for"),
        ({"model.dropout", "training.bpe_dropout"}, None),
    ],
)
def test_no_reason_is_told_for_what_the_user_gave(given: set[str], told: str | None) -> None:
    found = choose(pairs=29_000, target_tokens=400_000, batches=580, seconds=3600, speed=7000.0, joint=True, given=given,
                   model=RNNConfig(dropout=0.25), tokenizer=TokenizerConfig(),
                   training=TrainingConfig(bpe_dropout=0.05))  # fmt: skip
    if "model.dropout" in given:
        assert found.model.dropout == 0.25
    if "training.bpe_dropout" in given:
        assert found.training.bpe_dropout == 0.05
    reasons = [reason for reason in found.reasons if "dropout" in reason]
    assert len(reasons) == (told is not None)
    assert all(reason.startswith(told or "") for reason in reasons)


def together(members: int) -> float:
    """Two cores of which one model alone uses hardly more than one."""
    return Speeds({2: 8_000.0, 1: 5_600.0}).together(members)[1]


def members(pairs: int, minutes: float, asked: int | None = None, **machine: Any) -> int:
    """What is chosen on those two cores, or asked for."""
    given = ["training.members"] if asked else []
    found = choose(pairs=pairs, target_tokens=14 * pairs, batches=max(1, pairs // 50), seconds=60 * minutes, speed=8_000, joint=True,
                   tokenizer=TokenizerConfig(), training=TrainingConfig(members=asked or 1), together=together,
                   given=given, **machine)  # fmt: skip
    assert any("side by side" in reason for reason in found.reasons) == (found.training.members > 1)
    return found.training.members


def test_several_models_are_trained_where_each_still_passes_often_enough() -> None:
    assert members(29_000, 5) == 1
    assert members(160_000, 20) == 1
    chosen = [members(29_000, minutes) for minutes in (5, 10, 20, 40, 60, 240)]
    assert chosen == sorted(chosen)
    assert (chosen[0], chosen[-1]) == (1, MOST_MEMBERS)
    for minutes, count in zip((5, 10, 20, 40, 60, 240), chosen, strict=True):
        if count > 1:
            least = MEMBER_PASSES if count <= FEW_MEMBERS else MANY_PASSES
            assert 0.85 * 60 * minutes * together(count) / count >= least * 14 * 29_000
    assert members(29_000, 60, asked=1) == 1  # who asks for a number gets it
    assert members(29_000, 1, asked=3) == 3


def test_half_of_many_models_learn_targets_from_right_to_left() -> None:
    def of(minutes: float, **given: int) -> tuple[int, int]:
        found = choose(pairs=29_000, target_tokens=400_000, batches=580, seconds=60 * minutes, speed=8_000, joint=True,
                       tokenizer=TokenizerConfig(), training=TrainingConfig(**given), together=together,
                       given=[f"training.{name}" for name in given])  # fmt: skip
        told = any("right to left" in reason for reason in found.reasons)
        assert told == (found.training.right_to_left > 0 and "right_to_left" not in given)
        return found.training.members, found.training.right_to_left

    assert of(240) == (MOST_MEMBERS, MOST_MEMBERS // 2)
    assert of(20)[1] == 0
    assert of(240, right_to_left=0) == (MOST_MEMBERS, 0)
    assert of(240, members=8) == (8, 0)  # who asks for a number gets those that write
    assert of(20, members=4, right_to_left=1) == (4, 1)


def test_a_tiny_corpus_that_is_passed_often_still_wants_its_updates() -> None:
    """A minute passes sixteen times over 2,000 pairs, and that is no more than 700 updates."""
    assert members(2_000, 1) == 1
    assert members(2_000, 10) == FEW_MEMBERS < members(2_000, 20)
    assert members(2_000, 40) == MOST_MEMBERS
    assert members(20, 1) == FEW_MEMBERS  # where one would end early, a few may
    assert members(20, 60) == FEW_MEMBERS  # but no more, as none of them can make its updates


def test_a_small_memory_holds_fewer_models() -> None:
    sizes = (0.5, 3.1, 4.1, 8.2, 64)
    chosen = [members(29_000, 240, memory=size) for size in sizes]
    assert chosen == [1, 2, 2, 5, MOST_MEMBERS]
    # A member was measured to take up to 1.1, and the process that waits for them half as much.
    assert all(1.1 * count + 0.5 < size for count, size in zip(chosen, sizes, strict=True) if count > 1)


def test_one_device_trains_one_model() -> None:
    assert choice(29_000, seconds=36_000).training.members == 1


@given(
    speeds=st.dictionaries(st.sampled_from([1, 2, 4, 8, 16]), st.floats(100, 1e5), min_size=1), count=st.integers(1, 9)
)
def test_members_share_the_cores_that_there_are(speeds: dict[int, float], count: int) -> None:
    threads, speed = Speeds(speeds).together(count)
    cores = max(speeds)
    assert 1 <= threads <= cores
    if count <= cores and min(speeds) <= cores // count:  # as many as were measured, for each
        assert threads // count in speeds
        assert speed <= count * speeds[threads // count]
    best, fastest = Speeds(speeds).fastest()
    assert fastest == max(speeds.values()) == speeds[best]


def test_the_threads_that_several_models_may_want_are_measured_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where fewer threads are ever slower, the trying ends, but not before each of eight could have its share."""
    tried: list[int] = []

    def speed(*_: object, **__: object) -> float:
        tried.append(torch.get_num_threads())
        return 100.0 * tried[-1]

    monkeypatch.setattr(budget, "machine_speed", speed)
    before = torch.get_num_threads()
    assert budget.measure_threads(TRIAL, most=16).fastest() == (16, 1600.0)
    assert tried == [16, 8, 4, 2]
    assert torch.get_num_threads() == before


class Counted(torch.nn.Module):
    """A model on a clock of its own: a step takes ``cost`` a source position, and the first an hour more."""

    def __init__(self, patch: pytest.MonkeyPatch, *, cost: float, target_vocab: int) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(target_vocab))
        self.cost, self.now, self.steps = cost, 0.0, 0
        patch.setattr(budget.time, "perf_counter", lambda: self.now)

    def forward(self, source: torch.Tensor, lengths: torch.Tensor, target_in: torch.Tensor) -> torch.Tensor:
        self.steps += 1
        self.now += self.cost * source.numel() + (3_600 if self.steps == 1 else 0)
        return self.logits.expand(*target_in.shape, -1)


def test_speed_is_that_of_the_trials_model_on_the_trials_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long sources with short targets train fewer target tokens a second, and so does a wider model."""

    def model(config: RNNConfig, *, source_vocab: int, target_vocab: int) -> Counted:
        assert (source_vocab, target_vocab) == (TRIAL.source_vocab, TRIAL.target_vocab)
        return Counted(monkeypatch, cost=1e-6 * config.hidden, target_vocab=target_vocab)

    monkeypatch.setattr(budget, "build", model)

    def speed(*batches: tuple[int, int, int], hidden: int = 256) -> float:
        trial = TRIAL._replace(
            batches=[
                collate([([9] * source, [7] * target)] * pairs, range(pairs)) for pairs, source, target in batches
            ],
            model=msgspec.structs.replace(DEFAULT, hidden=hidden),
        )
        return budget.machine_speed(trial, device=torch.device("cpu"), seconds=3)

    source, target = (each.shape[1] for each in collate([([9] * 60, [7] * 17)], [0])[::2])
    assert speed((41, 60, 17)) == pytest.approx(target / (256e-6 * source))
    assert speed((8, 60, 17)) == pytest.approx(speed((41, 60, 17)))
    # Eight dialogues of 170 tokens with summaries of 30 train far fewer target tokens a second than 41 captions.
    assert speed((8, 170, 30)) < 0.7 * speed((41, 60, 17))
    assert speed((1, 300, 2)) < 0.1 * speed((41, 60, 17))
    assert speed((8, 170, 17)) < 0.5 * speed((8, 60, 17))
    assert speed((8, 60, 17), hidden=1024) == pytest.approx(speed((8, 60, 17)) / 4)
    assert speed((41, 17, 17), hidden=1024) < 0.4 * speed((41, 17, 17))
    both = speed((41, 60, 17), (8, 170, 17))
    assert speed((8, 170, 17)) < both < speed((41, 60, 17))


def test_the_warm_up_is_at_most_a_tenth_of_the_run() -> None:
    tiny = choice(200, seconds=10, speed=1000)
    updates = 0.85 * 10 * 1000 / tiny.training.batch_tokens
    assert tiny.training.optim.warmup <= max(1, updates / 10 + 1)


def test_an_early_end_is_told() -> None:
    assert any(f"after {LONGEST_PASSES} passes" in reason for reason in choice(1_000).reasons)
    assert not any("ends early" in reason for reason in choice(29_000).reasons)
