from __future__ import annotations

import errno
import json
import math
import os
import random
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.training.toys import VOCAB, Kept, Notes, Pairs, copied, copy_task, measures_of, same_bits, small_model
from transduce.data.batches import collate
from transduce.data.bpe_dropout import Cutter
from transduce.errors import ConfigError, Interrupted, RunError, TrainingError
from transduce.models import Generator
from transduce.models.base import PAD
from transduce.training import loop
from transduce.training.checkpoint import Progress, StateFile
from transduce.training.interrupt import Stop
from transduce.training.loggers import JSONL
from transduce.training.loop import Plan, TrainingConfig, batches_per_epoch, epoch_batches, planned_steps, train
from transduce.training.optim import OptimConfig

CORPUS = copy_task(23)
SLOW = OptimConfig(lr=0.01, warmup=2)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many states are saved here, and flushing each one would be most of the time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def scripted(values: list[float]) -> Any:
    """A validation that measures these values, one after the other."""
    rest = iter(values)
    return lambda model, progress: {"chrf": next(rest)}


def nothing(model: Generator, progress: Progress) -> dict[str, float]:
    return {"chrf": 0.0}


def run(model: Generator, config: TrainingConfig, *, corpus: Any = CORPUS, validate: Any = nothing,
        keep_best: Any = None, **rest: Any) -> Progress:  # fmt: skip
    return train(model, corpus, config, validate=validate, keep_best=keep_best or Kept(), **rest)


def test_a_small_model_learns_to_copy() -> None:
    corpus, model, kept = copy_task(400, longest=4), small_model(embed=32, hidden=32, dropout=0.0), Kept()
    config = TrainingConfig(steps=400, batch_tokens=200, validate_every=100, best_by="token_accuracy",
                            label_smoothing=0.0, optim=OptimConfig(lr=0.01, warmup=20))  # fmt: skip
    progress = run(model, config, corpus=corpus, keep_best=kept, validate=lambda model, _: measures_of(model, corpus))
    assert progress.best is not None
    assert progress.best.value > 0.97
    best = small_model(embed=32, hidden=32, dropout=0.0)
    best.load_state_dict(kept.weights)
    best.eval()
    assert measures_of(best, corpus)["token_accuracy"] == pytest.approx(progress.best.value)


# ------------------------------------------------------------------------------------------------ exact resume

EXACT = TrainingConfig(steps=24, batch_tokens=40, accumulate=2, validate_every=5, average=0.6, average_every=2,
                       save_every=0.0, best_by="loss", optim=OptimConfig(lr=0.02, warmup=5))  # fmt: skip
HALVES = np.array([[11, 6] if piece == 10 else [4, 5] if piece == 11 else [-1, -1] for piece in range(VOCAB)])


class Killed(BaseException):
    """Ends training as SIGKILL would: nothing is saved on the way out."""


def outcome(progress: Progress) -> dict[str, Any]:
    """What must not depend on interruptions: everything but time."""
    told = {name: getattr(progress, name) for name in progress.__struct_fields__ if "seconds" not in name}
    assert progress.best is not None
    return told | {"best": (progress.best.step, progress.best.value, progress.best.averaged)}


class Restless:
    """A validation that draws random numbers of all kinds; ``last`` is what it measured last."""

    last: dict[str, float]

    def __call__(self, model: Generator, progress: Progress) -> dict[str, float]:
        torch.rand(3), random.random(), np.random.rand()
        self.last = measures_of(model, CORPUS)
        return self.last


restless = Restless()


def straight(config: TrainingConfig, **rest: Any) -> tuple[dict[str, Tensor], Kept, Progress]:
    model, kept = small_model(), Kept()
    progress = run(model, config, validate=restless, keep_best=kept, **rest)
    return copied(model.state_dict()), kept, progress


def killed_and_resumed(config: TrainingConfig, path: Path, *, kill_at: list[int], where: str) -> Any:
    """Train, dying at each of the given steps, and go on from the file each time with a fresh model."""
    kept, file = Kept(), StateFile(path)
    for death in [*kill_at, None]:
        model = small_model(seed=0 if not file.exists() else 99)

        def die(progress: Progress, place: str, death: int | None = death) -> None:
            if place == where and death is not None and progress.step >= death:
                raise Killed

        def plan(progress: Progress, die: Any = die) -> Plan:
            die(progress, "update")
            return Plan(config.steps, config.validate_every)

        def validate(model: Generator, progress: Progress, die: Any = die) -> dict[str, float]:
            measures = restless(model, progress)
            die(progress, "validation")
            return measures

        def keep(weights: dict[str, Tensor], progress: Progress, die: Any = die) -> None:
            kept(weights, progress)
            die(progress, "keeping")

        torch.manual_seed(random.randrange(10**6))  # the process that resumes has other random numbers
        try:
            progress = train(model, CORPUS, config, plan=plan, validate=validate, keep_best=keep, state=file,
                             resume=file.load() if file.exists() else None, halves=(HALVES, HALVES))  # fmt: skip
        except Killed:
            continue
    return copied(model.state_dict()), kept, progress


@example(kill_at=[3, 13, 21], where="update", save_every=0.0, optimizer="adamw")
@given(
    kill_at=st.lists(st.integers(0, 24), max_size=3).map(sorted),
    where=st.sampled_from(["update", "validation", "keeping"]),
    save_every=st.sampled_from([0.0, 1e9]),
    optimizer=st.sampled_from(["adamw", "sgd", "rmsprop"]),
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_killed_and_resumed_is_bit_for_bit_the_run_that_was_never_killed(
    kill_at: list[int], where: str, save_every: float, optimizer: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With dropout, BPE-dropout, accumulation, averaging, several epochs, and validations that draw random numbers."""
    settings = OptimConfig(name=optimizer, lr=0.02, warmup=5, momentum=0.5)
    config = TrainingConfig(**{name: getattr(EXACT, name) for name in EXACT.__struct_fields__}
                            | {"save_every": save_every, "optim": settings, "bpe_dropout": 0.4})  # fmt: skip
    weights, kept, progress = straight(config, halves=(HALVES, HALVES))
    of_the_mean = restless.last
    path = tmp_path_factory.mktemp("state") / "s"
    weights_too, kept_too, progress_too = killed_and_resumed(config, path, kill_at=kill_at, where=where)
    assert same_bits(weights, weights_too)
    assert same_bits(kept.weights, kept_too.weights)
    assert of_the_mean == restless.last
    assert outcome(progress) == outcome(progress_too)
    assert progress.epoch >= 2, "the test is to cross the ends of epochs"


@pytest.mark.parametrize(("schedule", "cut"), [("hold", 6), ("constant", 10)])
def test_pieces_are_cut_anew_until_the_rate_falls(schedule: Any, cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    altered: list[bool] = []

    def note(*args: Any, alter: Any, **others: Any) -> Any:
        altered.append(alter is not None)
        assert alter is None or (alter.share, alter.seed) == (0.3, 0)
        return collate(*args, alter=alter, **others)

    monkeypatch.setattr(loop, "collate", note)
    optim = OptimConfig(lr=0.01, warmup=1, schedule=schedule, decay=0.4)
    config = TrainingConfig(steps=10, batch_tokens=40, bpe_dropout=0.3, optim=optim)
    run(small_model(), config, halves=(HALVES, HALVES))
    assert altered == [True] * cut + [False] * (10 - cut)


def test_batches_of_pieces_cut_anew_are_planned_by_their_lengths() -> None:
    """Every row once, as many batches as of whole pieces, and each of rows that are alike as they are cut."""
    corpus, config = copy_task(2_000, longest=15), TrainingConfig(batch_tokens=200)
    cutter = Cutter((HALVES, HALVES), 0.9, config.seed, 2)
    planned = epoch_batches(corpus, config, epoch=2, cutter=cutter)
    assert sorted(np.concatenate(planned).tolist()) == list(range(len(corpus)))
    whole = epoch_batches(corpus, config, epoch=2)
    assert len(planned) == pytest.approx(len(whole), rel=0.02)

    def padding(batches: list[np.ndarray]) -> float:
        target = [collate(corpus, rows, alter=cutter).target_out for rows in batches]
        return 1 - sum(np.count_nonzero(each != PAD) for each in target) / sum(each.size for each in target)

    assert padding(planned) < 0.3 * padding(whole)


def test_a_finished_training_is_left_as_it_is(tmp_path: Path) -> None:
    file, model = StateFile(tmp_path / "s"), small_model()
    run(model, EXACT, state=file, validate=restless)
    again = small_model(seed=3)
    before = copied(again.state_dict())
    progress = run(again, EXACT, state=file, resume=file.load(), validate=restless)
    assert progress.finished
    assert same_bits(before, dict(again.state_dict()))


def test_resuming_another_model_or_optimizer_is_refused(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "s")
    run(small_model(), TrainingConfig(steps=2, optim=SLOW), state=file)
    state = file.load()
    state.progress.finished = False
    with pytest.raises(RunError, match="another model"):
        run(small_model(hidden=8), TrainingConfig(steps=4, optim=SLOW), resume=state)
    with pytest.raises(RunError, match="another optimizer"):
        run(small_model(), TrainingConfig(steps=4, optim=OptimConfig(weight_decay=0.1)), resume=state)


def test_measurements_stand_once_in_the_log_of_a_run_that_was_killed(tmp_path: Path) -> None:
    config = TrainingConfig(steps=12, batch_tokens=40, validate_every=2, save_every=1e9, best_by="loss", optim=SLOW)
    path, file = tmp_path / "metrics.jsonl", StateFile(tmp_path / "s")

    def plan(progress: Progress) -> Plan:
        if progress.step == 7:
            raise Killed
        return Plan(12 if progress.step >= 3 else None, 2)  # the state is saved at step 3, when the end is known

    with closing(JSONL(path)) as logger, pytest.raises(Killed):
        run(small_model(), config, plan=plan, state=file, logger=logger, validate=restless)
    state = file.load()
    assert state.progress.step == 3
    with closing(JSONL(path)) as logger:
        logger.truncate_after(state.progress.step)
        run(small_model(), config, state=file, resume=state, logger=logger, validate=restless)
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["step"] for line in told if line["kind"] == "validation"] == [2, 4, 6, 8, 10, 12]


def test_validation_and_the_callers_random_numbers_leave_training_alone() -> None:
    quiet, busy = small_model(), small_model()
    config = TrainingConfig(steps=8, batch_tokens=40, validate_every=2, optim=SLOW)
    torch.manual_seed(5)
    expected = torch.get_rng_state()
    run(quiet, config)
    assert torch.equal(torch.get_rng_state(), expected)
    torch.manual_seed(6)
    run(busy, config, validate=lambda model, progress: {"chrf": float(torch.rand(1))})
    assert same_bits(dict(quiet.state_dict()), dict(busy.state_dict()))


def test_every_pass_has_its_own_order_and_its_own_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []
    plan_batches = loop.plan_batches

    def spy(*lengths: Any, tokens: int, seed: int, epoch: int) -> Any:
        asked.append((tokens, seed, epoch))
        return plan_batches(*lengths, tokens=tokens, seed=seed, epoch=epoch)

    monkeypatch.setattr(loop, "plan_batches", spy)
    count = batches_per_epoch(CORPUS, TrainingConfig(batch_tokens=40))
    asked.clear()
    run(small_model(), TrainingConfig(steps=3 * count, batch_tokens=40, seed=7, optim=SLOW))
    assert asked == [(40, 7, 0), (40, 7, 1), (40, 7, 2)]


def test_another_seed_is_another_training() -> None:
    models = [small_model() for _ in range(2)]
    for seed, model in enumerate(models):
        run(model, TrainingConfig(steps=3, batch_tokens=40, seed=seed, optim=SLOW))
    assert not same_bits(dict(models[0].state_dict()), dict(models[1].state_dict()))


# --------------------------------------------------------------------------------------------- ends and plans


def test_a_stop_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    weights, _, _ = straight(EXACT)
    stop, file, model = Stop(), StateFile(tmp_path / "s"), small_model()

    def plan(progress: Progress) -> Plan:
        if progress.step == 7:
            stop.request("SIGTERM")
        return Plan(24, 5)

    with pytest.raises(Interrupted, match=r"step 8 by SIGTERM.*saved.*transduce train --resume r") as caught:
        run(model, EXACT, plan=plan, state=file, stop=stop, validate=restless,
            how_to_resume="transduce train --resume r")  # fmt: skip
    assert caught.value.exit_status == 130
    assert file.load().progress.step == 8
    again = small_model(seed=9)
    run(again, EXACT, state=file, resume=file.load(), validate=restless)
    assert same_bits(weights, dict(again.state_dict()))


def test_a_stop_during_the_last_validation_is_heard_when_all_is_done(tmp_path: Path) -> None:
    stop, file = Stop(), StateFile(tmp_path / "new" / "s")

    def validate(model: Generator, progress: Progress) -> dict[str, float]:
        stop.request("SIGINT")
        return {"chrf": 1.0}

    with pytest.raises(Interrupted, match="step 2 by SIGINT"):
        run(small_model(), TrainingConfig(steps=2, optim=SLOW), validate=validate, state=file, stop=stop)
    assert file.load().progress.finished


def test_the_best_weights_are_kept_as_they_were_then() -> None:
    model, kept, seen = small_model(), Kept(), []
    values = iter([3.0, math.nan, 5.0, 4.0, 5.0])

    def validate(model: Generator, progress: Progress) -> dict[str, float]:
        assert not model.training
        assert not torch.is_grad_enabled()
        seen.append(copied(model.state_dict()))
        return {"chrf": next(values)}

    notes = Notes()
    progress = run(model, TrainingConfig(steps=10, validate_every=2, batch_tokens=40, optim=SLOW), validate=validate,
                   keep_best=kept, logger=notes)  # fmt: skip
    assert kept.steps == [2, 6]
    assert same_bits(kept.weights, seen[2])
    assert progress.best is not None
    assert (progress.best.step, progress.best.value, progress.since_best) == (6, 5.0, 2)
    assert [best for _, _, best in notes.validations] == [True, False, True, False, False]
    assert model.training


def test_by_loss_the_smaller_is_better_and_a_first_nan_is_beaten_by_any_number() -> None:
    kept = Kept()
    losses = iter([math.nan, 3.0, 4.0, 2.0])
    config = TrainingConfig(steps=4, validate_every=1, best_by="loss", optim=SLOW)
    run(small_model(), config, keep_best=kept, validate=lambda *_: {"loss": next(losses)})
    assert kept.steps == [1, 2, 4]


@pytest.mark.parametrize(("best_by", "kept_steps"), [("auto", [1, 2, 4, 5]), ("chrf", [1, 2, 5]), ("loss", [1, 4])])
def test_by_itself_a_lower_loss_counts_beside_chrf(best_by: Any, kept_steps: list[int]) -> None:
    """Step 2 writes better though its loss is higher; 3 is worse in both; 4 has less loss than 2; 5 writes better than 4."""
    kept = Kept()
    measures = iter([(50.0, 2.0), (51.0, 2.2), (50.5, 2.3), (50.8, 1.9), (51.5, 1.95)])

    def validate(*_: object) -> dict[str, float]:
        chrf, loss = next(measures)
        return {"chrf": chrf, "loss": loss}

    config = TrainingConfig(steps=5, validate_every=1, best_by=best_by, optim=SLOW)
    progress = run(small_model(), config, keep_best=kept, validate=validate)
    assert kept.steps == kept_steps
    assert progress.best is not None
    assert progress.best.step == kept_steps[-1]


def test_patience_ends_training_and_resuming_does_not_revive_it(tmp_path: Path) -> None:
    config = TrainingConfig(patience=2, validate_every=3, batch_tokens=40, optim=SLOW, save_every=0.0)
    file = StateFile(tmp_path / "s")
    progress = run(small_model(), config, validate=scripted([1.0, 2.0, 1.5, 1.0, 9.0]), state=file)
    assert (progress.step, progress.stopped_early, progress.finished, progress.validations) == (12, True, True, 4)
    assert run(small_model(), config, state=file, resume=file.load()).step == 12


def test_the_last_weights_are_validated_once() -> None:
    notes = Notes()
    run(small_model(), TrainingConfig(steps=7, validate_every=3, optim=SLOW), logger=notes)
    assert [step for step, _, _ in notes.validations] == [3, 6, 7]
    notes = Notes()
    run(small_model(), TrainingConfig(steps=6, validate_every=3, optim=SLOW), logger=notes)
    assert [step for step, _, _ in notes.validations] == [3, 6]


def test_epochs_and_steps_what_comes_first_ends() -> None:
    config = TrainingConfig(epochs=2.5, batch_tokens=40, optim=SLOW)
    count = batches_per_epoch(CORPUS, config)
    assert count >= 3
    assert planned_steps(CORPUS, config)(Progress()).total == math.ceil(2.5 * count)
    both = TrainingConfig(epochs=2.5, steps=3, batch_tokens=40, optim=SLOW)
    assert planned_steps(CORPUS, both)(Progress()).total == 3
    three = TrainingConfig(epochs=1, accumulate=3, batch_tokens=40, optim=SLOW)
    assert planned_steps(CORPUS, three)(Progress()).total == math.ceil(count / 3)
    progress = run(small_model(), TrainingConfig(epochs=1, batch_tokens=40, optim=SLOW))
    assert (progress.pairs, progress.tokens) == (23, int(CORPUS.target_lengths.sum()) + 23)
    with pytest.raises(ConfigError, match="say when training ends"):
        planned_steps(CORPUS, TrainingConfig())


def test_an_end_found_on_the_way_is_logged_and_saved_at_once(tmp_path: Path) -> None:
    file, notes, totals = StateFile(tmp_path / "s"), Notes(), []

    def plan(progress: Progress) -> Plan:
        if file.exists():
            totals.append((progress.step, file.load().progress.total))
        return Plan(None if progress.step < 4 else 9, 100)

    config = TrainingConfig(batch_tokens=40, save_every=1e9, optim=SLOW)
    progress = run(small_model(), config, plan=plan, state=file, logger=notes)
    assert progress.step == 9
    assert [total for step, total in totals if step <= 4] == [None] * 4, "there is a state before the first update"
    assert [total for step, total in totals if step > 4] == [9] * 5
    assert [(step, name) for step, name, _ in notes.events] == [(4, "plan")]


def test_the_learning_rate_follows_the_schedule_to_the_planned_end() -> None:
    notes = Notes()
    config = TrainingConfig(steps=10, batch_tokens=40, optim=OptimConfig(lr=1e-3, warmup=2, decay=0.4))
    run(small_model(), config, logger=notes)
    assert [round(status.lr * 1e3, 4) for status in notes.statuses] == [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    assert notes.statuses[0].seconds_left is not None
    assert notes.statuses[-1].seconds_left == 0
    assert notes.rows[-1][0] == 10, "the last stretch is written down even when it is short"


def test_a_corpus_without_pairs_and_a_measure_that_is_not_measured_are_refused() -> None:
    with pytest.raises(TrainingError, match="no pairs"):
        run(small_model(), TrainingConfig(steps=1), corpus=Pairs([]))
    with pytest.raises(ConfigError, match=r'best_by is "bleu".*chrf'):
        run(small_model(), TrainingConfig(steps=1, best_by="bleu", optim=SLOW))


@pytest.mark.parametrize("settings", [{"steps": 0}, {"epochs": 0.0}, {"epochs": math.nan}, {"batch_tokens": 0},
                                      {"accumulate": 0}, {"clip": -1.0}, {"clip": math.inf}, {"label_smoothing": 1.0},
                                      {"validate_every": 0}, {"patience": -1}, {"average": 1.0},
                                      {"average_every": 0}, {"save_every": -1.0}, {"max_bad_steps": 0}])  # fmt: skip
def test_impossible_values_are_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"training.{next(iter(settings))}"):
        TrainingConfig(**settings)


# ---------------------------------------------------------------------------------------------------- averaging


def averaging_run(
    values: list[float], *, average: float = 0.5
) -> tuple[Generator, Kept, Progress, list[dict[str, Tensor]]]:
    """20 steps, validated after each; returns also the weights of every step."""
    seen: list[dict[str, Tensor]] = []
    rest = iter(values)

    def validate(model: Generator, progress: Progress) -> dict[str, float]:
        seen.append(copied(model.state_dict()))
        return {"chrf": next(rest)}

    model, kept = small_model(), Kept()
    config = TrainingConfig(steps=20, batch_tokens=40, validate_every=1, average=average, average_every=3, optim=SLOW)
    progress = run(model, config, validate=validate, keep_best=kept)
    return model, kept, progress, seen


def test_the_mean_is_the_mean_of_the_late_weights_and_kept_if_it_is_better() -> None:
    model, kept, progress, seen = averaging_run([float(step) for step in range(21)])
    assert len(seen) == 21
    assert progress.best is not None
    assert progress.best.averaged
    for name, mean in kept.weights.items():  # steps 12, 15, 18: multiples of 3 among the last 10
        torch.testing.assert_close(mean, torch.stack([seen[step - 1][name] for step in (12, 15, 18)]).mean(dim=0))
    assert same_bits(kept.weights, seen[20])
    assert same_bits(dict(model.state_dict()), seen[19]), "the model ends with its last weights"


def test_a_mean_that_is_not_better_is_not_kept() -> None:
    _, kept, progress, seen = averaging_run([float(step) for step in range(20)] + [5.0])
    assert progress.best is not None
    assert not progress.best.averaged
    assert same_bits(kept.weights, seen[19])


def test_without_averaging_there_is_no_further_validation() -> None:
    assert len(averaging_run([0.0] * 20, average=0.0)[3]) == 20


# ------------------------------------------------------------------------------------------- gradients and steps


def with_batches(monkeypatch: pytest.MonkeyPatch, *batches: list[int]) -> None:
    monkeypatch.setattr(loop, "plan_batches", lambda *_, **__: [np.array(rows) for rows in batches])


def test_two_accumulated_batches_are_one_of_twice_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every target token weighs the same, in whichever batch it stands."""
    corpus = Pairs([([4, 5], [5]), ([6], [6, 7, 8, 9, 10]), ([7, 8, 9], [4, 4]), ([5], [5, 6, 7])])
    models = [small_model(dropout=0.0).double() for _ in range(2)]
    sgd = OptimConfig(name="sgd", lr=0.5, warmup=0, schedule="constant")
    with_batches(monkeypatch, [0, 1], [2, 3])
    run(models[0], TrainingConfig(steps=3, accumulate=2, optim=sgd), corpus=corpus)
    with_batches(monkeypatch, [0, 1, 2, 3])
    run(models[1], TrainingConfig(steps=3, optim=sgd), corpus=corpus)
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("clip", [0.05, 1e6, 0.0])
def test_the_gradient_is_cut_to_the_given_norm_and_never_stretched(clip: float) -> None:
    model, notes = small_model(dropout=0.0).double(), Notes()
    before = copied(model.state_dict())
    sgd = OptimConfig(name="sgd", lr=1.0, warmup=0, schedule="constant")
    run(model, TrainingConfig(steps=1, clip=clip, optim=sgd), logger=notes)
    moved = torch.cat([(after.detach() - before[name]).flatten() for name, after in model.named_parameters()]).norm()
    norm = notes.rows[-1][1]["gradient_norm"]
    assert norm > 0.05
    assert float(moved) == pytest.approx(0.05 if clip == 0.05 else norm, rel=1e-4)


class Spoiled(nn.Module):
    """A model whose logits or gradients are not numbers at chosen forward passes."""

    def __init__(self, inner: Generator, *, calls: set[int], what: str) -> None:
        super().__init__()
        self.inner, self.calls, self.what, self.count = inner, calls, what, 0

    def forward(self, *batch: Tensor) -> Tensor:
        logits: Tensor = self.inner(*batch)
        self.count += 1
        if self.count in self.calls:
            if self.what == "loss":
                return logits * math.nan
            logits.register_hook(lambda gradient: gradient * math.inf)
        return logits


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_an_update_that_is_not_finite_is_skipped_counted_and_told(what: str) -> None:
    model: Any = Spoiled(small_model(), calls={3, 4, 7}, what=what)
    notes, weights = Notes(), []

    def plan(progress: Progress) -> Plan:
        weights.append(copied(model.state_dict()))
        return Plan(10, 100)

    progress = run(model, TrainingConfig(batch_tokens=40, optim=SLOW), plan=plan, logger=notes)
    unchanged = [step for step in range(1, 11) if same_bits(weights[step - 1], weights[step])]
    assert unchanged == [3, 4, 7]
    assert (progress.step, progress.skipped, progress.bad_steps) == (10, 3, 0)
    assert [step for step, name, text in notes.events if name == "skipped" and what in text] == [3, 4, 7]
    assert math.isfinite(notes.rows[-1][1]["loss"])
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


def test_training_that_diverges_for_good_ends_with_advice_and_the_best_weights() -> None:
    model: Any = Spoiled(small_model(), calls=set(range(6, 99)), what="loss")
    kept = Kept()
    config = TrainingConfig(steps=50, batch_tokens=40, validate_every=4, max_bad_steps=3, optim=SLOW)
    with pytest.raises(TrainingError, match=r"diverged: at step 8 .* best weights \(step 4\) are kept.*learning rate"):
        run(model, config, keep_best=kept)
    assert kept.steps == [4]
    assert all(torch.isfinite(weight).all() for weight in kept.weights.values())


def test_bad_steps_must_follow_each_other_to_end_training() -> None:
    model: Any = Spoiled(small_model(), calls=set(range(1, 30, 2)), what="gradient")
    progress = run(model, TrainingConfig(steps=20, batch_tokens=40, max_bad_steps=2, optim=SLOW))
    assert progress.skipped == 10


def test_bfloat16_learns_too(monkeypatch: pytest.MonkeyPatch) -> None:
    # A processor without it computes the same in single precision.
    monkeypatch.setattr("transduce.training.device._cpu_has_bfloat16", lambda: True)
    asked: list[str] = []
    real = torch.set_float32_matmul_precision
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda name: (asked.append(name), real(name)))
    notes, model = Notes(), small_model(embed=32, hidden=32)
    config = TrainingConfig(steps=60, batch_tokens=60, validate_every=10, best_by="loss", precision="bfloat16",
                            optim=OptimConfig(lr=0.01, warmup=5))  # fmt: skip
    run(model, config, logger=notes, validate=lambda model, _: measures_of(model, CORPUS))
    losses = [measures["loss"] for _, measures, _ in notes.validations]
    assert "medium" in asked
    assert torch.get_float32_matmul_precision() == "highest"
    assert all(weight.dtype == torch.float32 for weight in model.parameters())
    assert losses[-1] < 0.75 * losses[0]


# ------------------------------------------------------------------------------------------------ failing disks


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fills_up_leaves_a_state_to_go_on_from(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, _, _ = straight(EXACT)
    file, model = StateFile(tmp_path / "s"), small_model()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:

        def plan(progress: Progress) -> Plan:
            if progress.step == 9:
                patch.setattr(os, call, full)
            return Plan(24, 5)

        with pytest.raises(RunError, match="no space left"):
            run(model, EXACT, plan=plan, state=file, validate=restless)
    assert list(tmp_path.iterdir()) == [file.path]
    state = file.load()
    assert state.progress.step == 9
    again = small_model(seed=4)
    run(again, EXACT, state=file, resume=state, validate=restless)
    assert same_bits(weights, dict(again.state_dict()))


def test_saving_takes_no_more_than_a_twentieth_of_the_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    saves: list[int] = []
    file = StateFile(tmp_path / "s")
    clock = [0.0]
    monkeypatch.setattr("transduce.training.loop.time.perf_counter", lambda: clock[0])
    save = StateFile.save

    def slow(self: StateFile, state: Any) -> None:
        saves.append(state.progress.step)
        clock[0] += 1.0
        save(self, state)

    def plan(progress: Progress) -> Plan:
        clock[0] += 1.0
        return Plan(60, 1000)

    monkeypatch.setattr(StateFile, "save", slow)
    progress = run(small_model(), TrainingConfig(save_every=0.1, optim=SLOW), plan=plan, state=file)
    assert len(saves) <= 60 / 20 + 2
    assert progress.seconds == pytest.approx(60 + 1 + len(saves), abs=2)
