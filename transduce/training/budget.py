"""From minutes to a model, a vocabulary, a batch, a number of models and a number of steps.

``measure_threads`` measures, ``choose`` decides, ``Deadline`` turns the measured speed of the real run
into a fixed number of steps so that everything, the final report included, ends on time.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import msgspec
import torch

from transduce.config import spoken_duration
from transduce.data.batches import Batch
from transduce.data.tokenizer import PAD, TokenizerConfig
from transduce.models import DEFAULT, ModelConfig, TransformerConfig, build
from transduce.training.checkpoint import Progress
from transduce.training.device import PrecisionName, precision
from transduce.training.loop import Plan, TrainingConfig
from transduce.training.loss import token_loss
from transduce.training.optim import OptimConfig, make_optimizer

# Several models side by side, each in a process of its own: as many as still get enough out of the data.
MEMBER_PASSES = 5.5  # passes over the data that each member gets at least
MEMBER_UPDATES = 1_200  # and updates: a small corpus is passed often before attention has found its words
FEW_MEMBERS, MOST_MEMBERS = 4, 8  # more than a few only where each gets more:
MANY_PASSES, MANY_UPDATES = 16, 2_400  # until then, passes bring as much as members
MEMBER_MEMORY = 1.5  # 10^9 bytes of the machine for each member, whose process takes up to 1.1: others want some too
TOGETHER = 0.95  # of the speed of a model that has the machine for itself, what it keeps beside others
TRAINED = 0.85  # of a budget, what is spent in updates
MEASURE_SHARE = 0.08  # of a budget, spent training before its steps are fixed
VALIDATION_SHARE = 0.04  # of a budget, spent validating
AIM = 0.985  # of a budget: where the plan ends, so that small delays do not overshoot
UNTRAINED = 0.5  # of what is left of a budget, what is set aside at most before the learning rate falls
DRIFT = 0.02  # of a budget: a plan that would miss the end by more is made anew, once past each mark
FALLS = 1 - OptimConfig().decay  # of the steps, where the learning rate begins to fall
MARKS = (0.1, 0.2, 0.4, FALLS, 0.75, 0.85, 0.93, 0.97)  # shares of the steps at which the plan is looked at again
RECENT = 0.05  # of the steps: from FALLS on, a validation that is older tells too little for another plan,
CHEAP = 0.05  # if another takes no more than this of what is left of the budget
LATE = 0.9  # past this share a plan is only made shorter: the learning rate has all but reached its end
TRANSFORMER_RATE = 1e-3  # of a Transformer; not tuned: no budget chooses one by itself
BATCH, LARGE_BATCH = 700, 2_800  # target tokens
BUSY = 30_000.0  # target tokens a second up to which a small batch keeps a machine busy: a step takes 20 ms or more
NOISY_PASSES, BPE_DROPOUT = 20, 0.1  # from so many passes on, and MEMBER_UPDATES, pieces are cut anew (docs/log.md)
LONG_STEP = 3.0  # seconds: a model that takes longer for its second update is measured with this one
LONGEST_PASSES = 60  # over the data; more only learns it by heart


class Choice(NamedTuple):
    """What ``choose`` decided, and why."""

    model: ModelConfig
    tokenizer: TokenizerConfig
    training: TrainingConfig
    reasons: list[str]


class Trial(NamedTuple):
    """What the machine is tried with: some of the batches of training, which say more than made-up ones."""

    batches: Sequence[Batch]
    model: ModelConfig
    source_vocab: int
    target_vocab: int
    precision: PrecisionName = "auto"


class Speeds(NamedTuple):
    """What a CPU trains of one model: target tokens a second by number of threads."""

    by_threads: dict[int, float]

    def fastest(self, most: int | None = None) -> tuple[int, float]:
        """The number of threads, at most ``most``, that is fastest, and its speed."""
        tried = [count for count in self.by_threads if most is None or count <= most] or [min(self.by_threads)]
        best = max(tried, key=lambda count: self.by_threads[count])
        return best, self.by_threads[best]

    def together(self, members: int) -> tuple[int, float]:
        """Threads of ``members`` models side by side, and the speed of all together.

        Where there are fewer cores than models, these share them.
        """
        cores = max(self.by_threads)
        threads, speed = self.fastest(max(1, cores // members))
        return min(cores, threads * members), TOGETHER * min(members, cores) * speed


def measure_threads(trial: Trial, *, most: int, seconds: float = 1.5) -> Speeds:
    """The speed of the trial's model with ``most`` CPU threads, half of them, and so on.

    Small models do not fill many cores, and a core that another program uses slows all threads down.
    """
    before = torch.get_num_threads()
    counts = sorted({max(1, most >> half) for half in range(most.bit_length())}, reverse=True)
    speeds: dict[int, float] = {}
    try:
        for count in counts:
            torch.set_num_threads(count)
            speeds[count] = machine_speed(trial, device=torch.device("cpu"), seconds=seconds / len(counts))
            # Ever fewer would be ever slower, but several models may want as few.
            if speeds[count] < 0.7 * max(speeds.values()) and count <= max(1, most // MOST_MEMBERS):
                break
    finally:
        torch.set_num_threads(before)
    return Speeds(speeds)


def machine_speed(trial: Trial, *, device: torch.device, seconds: float) -> float:
    """Target tokens a second of the trial's model on this machine: real steps on real batches.

    Leaves torch's random state as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build(trial.model, source_vocab=trial.source_vocab, target_vocab=trial.target_vocab).to(device).train()
        optimizer = make_optimizer(model, TrainingConfig().optim)
        batches, autocast = itertools.cycle(trial.batches), precision(trial.precision, device).autocast

        def step() -> int:
            source, lengths, target_in, target_out = (torch.from_numpy(each).to(device) for each in next(batches))
            with autocast():
                logits = model(source, lengths, target_in)
            loss = token_loss(logits, target_out, smoothing=0.1).loss
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
            loss.item()
            return int((target_out != PAD).sum())

        def speed(seconds: float) -> float:
            tokens, began = 0, time.perf_counter()
            while not tokens or time.perf_counter() - began < seconds:
                tokens += step()
            return tokens / (time.perf_counter() - began)

        speed(0.0)  # the first two updates allocate
        began = time.perf_counter()
        second = speed(0.0)
        return second if time.perf_counter() - began > LONG_STEP else speed(seconds)


def choose_batch(speed: float, measure: Callable[[int], float]) -> tuple[int, float]:
    """Tokens of a batch, and the speed with them. ``speed``: with ``BATCH``; ``measure(tokens)``: with another.

    Small batches learn most from each token. A large one has a quarter of the updates, so it is taken only where it
    trains at least twice as many tokens a second: on a machine that small ones leave idle.
    """
    if speed <= BUSY:
        return BATCH, speed
    large = measure(LARGE_BATCH)
    return (LARGE_BATCH, large) if large >= 2 * speed else (BATCH, speed)


def choose_vocab(pairs: int) -> int:
    """Vocabulary size by the number of training pairs.

    On 2,000 pairs 4,000 pieces were better than 1,000, 2,500 and 7,000, on 29,000 all from 3,000 to 10,000 were alike
    (docs/log.md). Short texts of tiny data repeat fewer pieces than that; then there are fewer.
    """
    return 4_000 if pairs < 250_000 else 6_000 if pairs < 1_000_000 else 8_000


def choose_members(passes: Callable[[int], float], *, updates: float, memory: float = math.inf) -> int:
    """The most models that all get enough out of the data; one, where there is not enough time for several.

    passes(n): over the data, of each of n models side by side. updates: of one pass. memory: of the machine, 10^9
    bytes. One model that passes often learns the data by heart; several that pass less often make different
    mistakes, and the mean of their probabilities makes fewer.
    """

    def enough(count: int) -> bool:
        each = min(passes(count), LONGEST_PASSES)
        few = count <= FEW_MEMBERS
        least, least_updates = (MEMBER_PASSES, MEMBER_UPDATES) if few else (MANY_PASSES, MANY_UPDATES)
        return (few and each == LONGEST_PASSES) or (each >= least and each * updates >= least_updates)

    most = max(1, int(min(MOST_MEMBERS, memory / MEMBER_MEMORY)))
    return max(count for count in range(1, most + 1) if count == 1 or enough(count))


def choose(*, pairs: int, target_tokens: int, batches: int, seconds: float | None, speed: float | None, joint: bool,
           tokenizer: TokenizerConfig, training: TrainingConfig, model: ModelConfig | None = None,
           together: Callable[[int], float] | None = None, given: Collection[str] = (),
           memory: float = math.inf) -> Choice:  # fmt: skip
    """Model and recipe for ``pairs`` training pairs with ``target_tokens`` in all, in ``batches`` a pass.

    ``seconds`` is the budget and ``speed`` what ``machine_speed`` measured; None without a budget. ``model``:
    the defaults of the family that was asked for; None: the recurrent one. ``together(n)``: the speed of n
    models side by side, all of them counted; None: they would share one device, and one is trained. ``given``:
    settings ("model.dropout") that ``model`` and ``training`` hold as the user asks; they stay, and no reason is given
    for them. ``memory``: of the machine, 10^9 bytes.
    """
    model = msgspec.structs.replace(model or DEFAULT, tied="all" if joint else "decoder")
    reasons = [f"vocabulary {tokenizer.vocab:,} for {pairs:,} training pairs"]
    if tokenizer.kind == "char" and "tokenizer.kind" not in given:
        reasons = ["character by character, since one side of nearly all pairs is a single word"]
    passes = 10.0 if training.epochs is None else training.epochs
    updates = batches / training.accumulate  # of a pass
    count, right_to_left = training.members, training.right_to_left
    if training.steps is not None:
        passes = training.steps / updates
    if seconds is not None and speed is not None:
        alone, share = speed, TRAINED * seconds / max(1, target_tokens)  # share: passes for each token a second

        def speed_of(count: int) -> float:
            return alone if together is None or count == 1 else together(count)

        if together is not None and "training.members" not in given:
            count = choose_members(lambda n: share * speed_of(n) / n, updates=updates, memory=memory)
            if count > FEW_MEMBERS and "training.right_to_left" not in given:
                right_to_left = count // 2
        speed = speed_of(count)
        passes = share * speed / count
        reasons.append(f"this machine trains about {speed:,.0f} target tokens a second: "
                       f"{spoken_duration(seconds)} are about {share * speed:.1f} passes over the data")  # fmt: skip
        if count > 1:
            reasons.append(f"{count} models side by side, which translate together: {passes:.1f} passes for each")
        if right_to_left and "training.right_to_left" not in given:
            reasons.append(f"{right_to_left} of them learn targets from right to left, to rank what the others write")
    rate = 5e-3 if model.hidden <= 256 else 3e-3
    if isinstance(model, TransformerConfig):
        rate = TRANSFORMER_RATE
    updates *= min(passes, LONGEST_PASSES)
    warmup = max(1, min(training.optim.warmup, round(updates / 10)))  # a tenth of a short run at most
    optim = msgspec.structs.replace(training.optim, lr=rate, warmup=warmup)
    training = msgspec.structs.replace(training, optim=optim, members=count, right_to_left=right_to_left)
    if passes > LONGEST_PASSES and seconds is not None:
        reasons.append(
            f"training ends early, after {LONGEST_PASSES} passes: more would only learn so little data by heart"
        )
    noise = []  # what is chosen against learning by heart
    if "model.dropout" not in given:
        model = msgspec.structs.replace(model, dropout=0.1 if passes < 5.5 else 0.2 if passes < 11 else 0.3)
        noise.append(f"dropout {model.dropout}")
    if "training.bpe_dropout" not in given:
        cut = passes >= NOISY_PASSES and updates >= MEMBER_UPDATES and tokenizer.kind == "bpe"
        training = msgspec.structs.replace(training, bpe_dropout=BPE_DROPOUT if cut else 0.0)
        noise += [f"BPE-dropout {BPE_DROPOUT}"] * cut
    rounded = max(1, round(min(passes, LONGEST_PASSES)))
    if noise:
        reasons.append(f"{', '.join(noise)} for about {rounded} pass{'es' * (rounded > 1)}")
    return Choice(model, tokenizer, training, reasons)


class Deadline:
    """A plan for ``train`` that ends when a time budget does.

    The first MEASURE_SHARE of the budget trains without a known end; then one validation is timed and
    the number of steps is fixed. Past each of MARKS it is fixed anew if it would miss the end by more
    than DRIFT: the machine may have been slower or faster while it was measured, and a model that has learned
    to end its outputs makes a quicker report (so a validation is timed anew). A resumed run keeps the number it
    was given.

    began: ``time.perf_counter()`` when the user began to wait. report_cost: how many validations the
    final report costs. most_steps: a limit that does not come from time.
    """

    def __init__(
        self, *, seconds: float, began: float, report_cost: float, most_steps: int, keep: bool = False
    ) -> None:
        self.seconds, self.began, self.report_cost, self.most_steps = seconds, began, report_cost, most_steps
        self.keep = keep
        self._every = 0
        self._next = 0  # step at which the plan is looked at again
        self._since = Progress()  # from where the pace is measured
        self._timed = Progress()  # up to where validations have been timed
        self._validation = 0.0  # seconds of the latest one

    def __call__(self, progress: Progress) -> Plan:
        if progress.validations > self._timed.validations:
            spent = progress.validation_seconds - self._timed.validation_seconds
            self._validation = spent / (progress.validations - self._timed.validations)
            self._timed = msgspec.structs.replace(progress)
        if progress.total is None:
            return self._measure(progress)
        if not self._every:  # resumed after the number was fixed
            self._every = math.ceil(progress.total / self._validations())
        if self.keep or progress.step < self._next:
            return Plan(progress.total, self._every)
        pace = self._pace(progress)
        total = self._steps(progress, pace)
        if progress.step > LATE * progress.total:
            total = min(total, progress.total)
        if abs(total - progress.total) * pace <= DRIFT * self.seconds:
            total = progress.total
        elif self._wants_validation(progress):
            return Plan(progress.total, 1)  # validate, then look again
        return self._agreed(progress, total)

    def _wants_validation(self, progress: Progress) -> bool:
        """Whether, once the learning rate falls, the last one is too old to go by, and another is cheap."""
        total = progress.total or 0
        old = progress.step - progress.validated > RECENT * total
        return old and self._next >= math.ceil(FALLS * total) and self._validation <= CHEAP * self._left()

    def _agreed(self, progress: Progress, total: int) -> Plan:
        self._since = msgspec.structs.replace(progress)
        self._every = math.ceil(total / self._validations())
        self._next = _next_mark(progress.step, total)
        return Plan(total, self._every)

    def _measure(self, progress: Progress) -> Plan:
        waited = time.perf_counter() - self.began
        if not self._since.step and progress.step >= 5:  # the first, slow steps are over
            self._since = msgspec.structs.replace(progress)
        measured = progress.update_seconds >= MEASURE_SHARE * self.seconds or waited > 0.4 * self.seconds
        if not (measured and progress.step >= 10) and progress.step < self.most_steps:
            return Plan(None, 10**9)
        if not progress.validations:
            return Plan(None, max(1, progress.step))  # validate now: its cost is part of the plan
        return self._agreed(progress, self._steps(progress, self._pace(progress)))

    def _pace(self, progress: Progress) -> float:
        """Seconds of one update and what the loop does around it, since the last plan."""
        busy, before = (each.seconds - each.validation_seconds for each in (progress, self._since))
        return max(1e-6, busy - before) / max(1, progress.step - self._since.step)

    def _steps(self, progress: Progress, pace: float) -> int:
        """Total steps so that training, validations and the report end at AIM of the budget."""
        left = self._left()
        validations = max(1, self._validations() - progress.validations)
        kept = (self.report_cost + validations) * self._validation + 1.0
        if self._next <= math.ceil(FALLS * (progress.total or 0)):
            kept = min(kept, UNTRAINED * left)  # until then a model may write without end; the report will be quicker
        total = progress.step + max(1, int((left - kept) / pace))
        return min(total, max(self.most_steps, progress.step + 1))

    def _left(self) -> float:
        """Seconds until the report has to be there."""
        return self.began + AIM * self.seconds - time.perf_counter()

    def _validations(self) -> int:
        """How many validations the budget affords."""
        return min(16, max(3, int(VALIDATION_SHARE * self.seconds / max(self._validation, 1e-3))))


def _next_mark(step: int, total: int) -> int:
    """The step of the first of MARKS behind ``step``; the end behind the last."""
    return next((ahead for mark in MARKS if (ahead := math.ceil(mark * total)) > step), total)
