"""The training loop, on one screen.

``train`` is the loop; what it calls stands below it, in the order of the calls. What a run is made of
comes in from above as plain functions: when it ends (``plan``), how good it is (``validate``), where
the best weights go (``keep_best``).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Literal, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from transduce.config import Config, require
from transduce.data.batches import Batch, collate, plan_batches
from transduce.data.bpe_dropout import Cutter, Halves
from transduce.data.corpus import Corpus
from transduce.errors import ConfigError, Interrupted, RunError, TrainingError
from transduce.models.base import PAD, Generator
from transduce.training.checkpoint import (
    Best,
    Progress,
    StateFile,
    TrainingState,
    optimizer_state_fits,
    random_state,
    restore_random_state,
    shapes,
)
from transduce.training.device import Precision, PrecisionName, precision
from transduce.training.interrupt import Stop
from transduce.training.loggers import Logger, Silent, Status
from transduce.training.loss import token_loss
from transduce.training.optim import OptimConfig, falling, lr_at, make_optimizer, set_lr

Measure = Literal["auto", "loss", "bleu", "chrf", "token_accuracy", "exact_match"]


class TrainingConfig(Config, frozen=True, kw_only=True):
    """How a model is trained, whatever the model."""

    steps: int | None = None  # updates
    epochs: float | None = None  # passes over the corpus; with ``steps``, what comes first ends it
    batch_tokens: int = 700  # at most, padding included
    accumulate: int = 1  # batches an update
    clip: float = 1.0  # largest norm of the gradient (Pascanu et al. 2013); 0: no limit
    label_smoothing: float = 0.1  # Szegedy et al. 2016, section 7
    validate_every: int = 200  # updates
    patience: int = 0  # validations without improvement that end training; 0: never
    # The measure that decides which weights are kept; auto: chrF, or a lower loss than of those that were kept before
    best_by: Measure = "auto"
    # Probability that a piece is cut in two, anew in each pass (data/bpe_dropout.py); with the schedule "hold" until the
    # learning rate falls, so that the model ends with one way to write a text.
    bpe_dropout: float = 0.0
    average: float = 0.0  # share of the last updates whose weights are averaged; the mean is kept if it is better
    average_every: int = 10  # updates between two weights in the mean
    precision: PrecisionName = "auto"
    seed: int = 0
    members: int = 1  # models trained side by side, each as these settings say, whose probabilities are averaged
    # So many of them learn targets from the last token to the first; they rank what the others write.
    right_to_left: int = 0
    save_every: float = 30.0  # seconds between two savings of the training state; 0: after every update
    max_bad_steps: int = 20  # updates in a row with a non-finite loss or gradient that end training
    optim: OptimConfig = OptimConfig()

    def __post_init__(self) -> None:
        for name in ("batch_tokens", "accumulate", "validate_every", "average_every", "max_bad_steps"):
            require(getattr(self, name) >= 1, f"training.{name} must be at least 1; got {getattr(self, name)}.")
        require(self.steps is None or self.steps >= 1, f"training.steps must be at least 1; got {self.steps}.")
        require(self.epochs is None or (math.isfinite(self.epochs) and self.epochs > 0),
                f"training.epochs must be above 0; got {self.epochs}.")  # fmt: skip
        require(math.isfinite(self.clip) and self.clip >= 0, f"training.clip must not be negative; got {self.clip}.")
        require(0 <= self.label_smoothing < 1,
                f"training.label_smoothing must be at least 0 and below 1; got {self.label_smoothing}.")  # fmt: skip
        require(0 <= self.bpe_dropout < 1,
                f"training.bpe_dropout must be at least 0 and below 1; got {self.bpe_dropout}.")  # fmt: skip
        require(self.patience >= 0, f"training.patience must not be negative; got {self.patience}.")
        require(0 <= self.average < 1, f"training.average is a share, at least 0 and below 1; got {self.average}.")
        require(1 <= self.members <= 100, f"training.members must be from 1 to 100; got {self.members}.")
        require(0 <= self.right_to_left < self.members,
                f"training.right_to_left must be at least 0 and below training.members, {self.members}: the others write; "
                f"got {self.right_to_left}.")  # fmt: skip
        require(self.save_every >= 0, f"training.save_every must not be negative; got {self.save_every}.")


class Plan(NamedTuple):
    """When training ends and how often it is looked at."""

    total: int | None  # updates in all; None: not known yet
    validate_every: int  # updates


def train(
    model: Generator,
    corpus: Corpus,
    config: TrainingConfig,
    *,
    validate: Callable[[Generator, Progress], dict[str, float]],
    keep_best: Callable[[dict[str, Tensor], Progress], None],
    plan: Callable[[Progress], Plan] | None = None,
    state: StateFile | None = None,
    resume: TrainingState | None = None,
    began: float | None = None,
    logger: Logger | None = None,
    device: torch.device | None = None,
    stop: Stop | None = None,
    how_to_resume: str = "",
    halves: Halves | None = None,
    right_to_left: bool = False,
) -> Progress:
    """Train ``model`` in place; it ends with the last weights, the best ones went to ``keep_best``.

    plan: asked before every update; None is ``planned_steps(corpus, config)``. validate: measures by
    name, ``config.best_by`` among them; the model is in eval mode without gradients, and the random
    numbers it draws do not change the training. state: where to save (None: nowhere); resume: what
    ``state.load()`` gave. began: ``time.perf_counter()`` when the user began to wait; None: now. halves: what
    pieces fall into, asked for by ``config.bpe_dropout`` alone. right_to_left: whether this model learns targets from
    their last token to their first. The caller's random state is the same afterwards.

    Raises ``Interrupted`` when ``stop`` asks for it (all is saved then, and ``how_to_resume`` ends the
    message), ``TrainingError`` when training diverges, ``RunError`` when a file cannot be written.
    """
    progress = resume.progress if resume else Progress()
    if progress.finished:
        return progress
    plan, stop = plan or planned_steps(corpus, config), stop or Stop()
    run = _Run(model, config, progress, validate, keep_best, state, logger or Silent(), device or torch.device("cpu"))
    batches = _endless_batches(corpus, config, progress, halves, right_to_left=right_to_left)
    with _own_random_numbers(config.seed, run.device):
        if resume:
            run.restore(resume)
        if began is not None:
            progress.start_seconds += run.mark - began
        while not run.complete(agreed := plan(progress)):
            lr = lr_at(config.optim, progress.step, progress.total)
            set_lr(run.optimizer, lr)
            sums = _accumulate(model, islice(batches, config.accumulate), config, run.precision, run.device)
            norm = _clip(run.optimizer, run.precision, config.clip)
            run.step(sums, norm)
            run.log(sums, norm, lr)
            if progress.step - progress.validated >= agreed.validate_every:
                run.evaluate()
            if stop.requested or run.save_is_due():
                run.save()
            if stop.requested:
                break
        else:
            run.finish()
    if stop.requested:
        raise Interrupted(f"Stopped at step {progress.step:,} by {stop.signal}; all is saved. {how_to_resume}")
    return progress


def planned_steps(corpus: Corpus, config: TrainingConfig) -> Callable[[Progress], Plan]:
    """The plan for ``config.steps`` and ``config.epochs``: what comes first ends the training.

    Raises ``ConfigError`` when neither is given and no ``patience`` ends it either.
    """
    ends = [] if config.steps is None else [config.steps]
    if config.epochs is not None:
        ends.append(math.ceil(config.epochs * batches_per_epoch(corpus, config) / config.accumulate))
    require(bool(ends) or config.patience > 0, "say when training ends: training.steps, .epochs or .patience.")
    fixed = Plan(max(1, min(ends)) if ends else None, config.validate_every)
    return lambda progress: fixed


def batches_per_epoch(corpus: Corpus, config: TrainingConfig) -> int:
    """Batches in the first pass over the corpus."""
    return len(epoch_batches(corpus, config, epoch=0))


class _Sums(NamedTuple):
    """Of one update, over all its batches."""

    loss: float  # what was minimized, nats a target token
    nll: float  # without smoothing, nats
    tokens: int  # target tokens
    pairs: int


def _endless_batches(corpus: Corpus, config: TrainingConfig, progress: Progress, halves: Halves | None, *,
                     right_to_left: bool) -> Iterator[Batch]:  # fmt: skip
    """Batch after batch, pass after pass; ``progress`` holds the place of the next one."""
    while True:
        cutter = None
        if config.bpe_dropout:
            assert halves is not None
            cutter = Cutter(halves, config.bpe_dropout, config.seed, progress.epoch)
        if not progress.batch:
            progress.cut = cutter is not None and not falling(config.optim, progress.step, progress.total)
        epoch = epoch_batches(corpus, config, epoch=progress.epoch, cutter=cutter if progress.cut else None)
        while progress.batch < len(epoch):
            progress.batch += 1
            cuts = progress.cut and not falling(config.optim, progress.step, progress.total)
            yield collate(
                corpus, epoch[progress.batch - 1], alter=cutter if cuts else None, right_to_left=right_to_left
            )
        progress.epoch, progress.batch = progress.epoch + 1, 0


def epoch_batches(
    corpus: Corpus, config: TrainingConfig, *, epoch: int, cutter: Cutter | None = None
) -> list[np.ndarray]:
    """Rows of each batch of one pass over the corpus, in their order. Raises ``TrainingError`` where there are none.

    With a ``cutter``, batches of its lengths, about as many as without: so they hold more tokens.
    """
    if not len(corpus):
        raise TrainingError("There are no pairs to train on.")
    if cutter is None:
        return plan_batches(corpus.source_lengths, corpus.target_lengths, tokens=config.batch_tokens, seed=config.seed,
                            epoch=epoch)  # fmt: skip
    source, target = cutter.lengths(corpus)
    longer = float((target + 1).mean()) / float((corpus.target_lengths + 1).mean())
    return plan_batches(source, target, tokens=round(longer * config.batch_tokens), seed=config.seed, epoch=epoch)


def _accumulate(
    model: Generator, batches: Iterable[Batch], config: TrainingConfig, chosen: Precision, device: torch.device
) -> _Sums:
    """Gradients of the mean loss over the target tokens of all ``batches``, left in the weights."""
    update = list(batches)
    tokens = sum(int(np.count_nonzero(batch.target_out != PAD)) for batch in update)
    loss = nll = torch.zeros((), device=device)
    for batch in update:
        source, lengths, target_in, target_out = (
            torch.from_numpy(array).to(device, non_blocking=True)
            for array in (batch.source, batch.source_lengths, batch.target_in, batch.target_out)
        )
        with chosen.autocast():
            logits = model(source, lengths, target_in)  # (batch, tgt_len, vocab)
        sums = token_loss(logits, target_out, smoothing=config.label_smoothing)
        mean = sums.loss / tokens
        (chosen.scaler.scale(mean) if chosen.scaler else mean).backward()  # type: ignore[no-untyped-call]
        loss, nll = loss + mean.detach(), nll + sums.nll
    return _Sums(loss.item(), nll.item(), tokens, sum(len(batch.source) for batch in update))


def _clip(optimizer: torch.optim.Optimizer, chosen: Precision, limit: float) -> float:
    """Scale the gradient down to norm ``limit`` if it is longer; its norm before that, maybe not finite."""
    if chosen.scaler:
        chosen.scaler.unscale_(optimizer)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    return torch.nn.utils.clip_grad_norm_(weights, limit or math.inf).item()


@contextmanager
def _own_random_numbers(seed: int, device: torch.device) -> Iterator[None]:
    """Random numbers from ``seed`` inside, and the caller's own again afterwards."""
    outside = random_state(device)
    torch.manual_seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        restore_random_state(outside, device)


@final
class _Run:
    """What the loop works on, and the smaller steps that it calls by name."""

    def __init__(
        self,
        model: Generator,
        config: TrainingConfig,
        progress: Progress,
        validate: Callable[[Generator, Progress], dict[str, float]],
        keep_best: Callable[[dict[str, Tensor], Progress], None],
        state: StateFile | None,
        logger: Logger,
        device: torch.device,
    ) -> None:
        self.model, self.config, self.progress = model.to(device).train(), config, progress
        self.validate, self.keep_best = validate, keep_best
        self.state, self.logger, self.device = state, logger, device
        self.precision = precision(config.precision, device)
        self.optimizer = make_optimizer(model, config.optim)
        self.mean: dict[str, Tensor] = {}  # running mean of late weights
        self.averaged = 0  # weights in it
        self.mark = time.perf_counter()  # until here, ``progress.seconds`` has been counted
        self.saved, self.save_cost = -math.inf, 0.0  # when the state was saved last, and seconds that took
        self.meter = _Meter()

    def restore(self, resume: TrainingState) -> None:
        """Go back to a saved state: weights, optimizer, mean, scaler, random numbers."""
        for weights in (resume.model, resume.average or resume.model):
            if shapes(self.model) != {name: tuple(weight.shape) for name, weight in weights.items()}:
                raise RunError("the training state belongs to another model; training cannot go on from it.")
        self.model.load_state_dict(resume.model)
        if not optimizer_state_fits(self.optimizer, resume.optimizer):
            raise RunError("the training state belongs to another optimizer; training cannot go on from it.")
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": resume.optimizer["state"], "param_groups": groups})
        self.mean = {name: each.to(self.device, copy=True) for name, each in resume.average.items()}
        self.averaged = resume.averaged
        if self.precision.scaler and resume.scaler:
            self.precision.scaler.load_state_dict(dict(resume.scaler))
        restore_random_state(resume.rng, self.device)
        self.saved = time.perf_counter()
        threads = torch.get_num_threads()
        differ = f" With {threads} threads instead of {resume.threads}, last bits may differ."
        told = "" if threads == resume.threads else differ
        self.logger.event(self.progress.step, "resumed", f"Training goes on from step {self.progress.step:,}.{told}")

    def complete(self, plan: Plan) -> bool:
        """Whether the planned end is reached or patience has run out.

        A new plan is noted and saved at once, so that a resumed run has the same end; so is the beginning.
        """
        progress, patience = self.progress, self.config.patience
        if plan.total != progress.total:
            progress.total = plan.total
            known = "not known yet" if plan.total is None else f"{plan.total:,} steps"
            self.logger.event(progress.step, "plan", f"Planned length of training: {known}.")
            self.save()
        elif self.saved == -math.inf:
            self.save()
        progress.stopped_early = bool(patience) and progress.since_best >= patience
        return progress.stopped_early or (plan.total is not None and progress.step >= plan.total)

    def step(self, sums: _Sums, norm: float) -> None:
        """Move the weights along the gradient, or skip this update if that is not finite."""
        progress, scaler = self.progress, self.precision.scaler
        progress.step += 1
        progress.tokens += sums.tokens
        progress.pairs += sums.pairs
        finite = math.isfinite(sums.loss) and math.isfinite(norm)
        if finite:
            scaler.step(self.optimizer) if scaler else self.optimizer.step()
            progress.bad_steps = 0
            self._average()
        if scaler:
            scaler.update()
        self.optimizer.zero_grad()
        if not finite:
            self._skip("gradient" if math.isfinite(sums.loss) else "loss")

    def _skip(self, what: str) -> None:
        progress = self.progress
        progress.bad_steps += 1
        progress.skipped += 1
        self.logger.event(progress.step, "skipped", f"The {what} was not finite; this update was skipped "
                          f"({progress.bad_steps} in a row, {progress.skipped} in all).")  # fmt: skip
        if progress.bad_steps >= self.config.max_bad_steps:
            best = progress.best
            kept = f"The best weights (step {best.step:,}) are kept." if best else "No weights were validated yet."
            raise TrainingError(
                f"Training diverged: at step {progress.step:,} the {what} was not finite for the "
                f"{progress.bad_steps}th time in a row. {kept} Try a lower learning rate (now training.optim.lr="
                f"{self.config.optim.lr:g}), more training.optim.warmup, a smaller training.clip, or float32."
            )

    def _average(self) -> None:
        """Let the weights into the running mean, once in ``average_every`` late updates."""
        share, step, total = self.config.average, self.progress.step, self.progress.total
        if not share or total is None or step <= (1 - share) * total or step % self.config.average_every:
            return
        self.averaged += 1
        for name, weight in self.model.state_dict().items():
            if name not in self.mean or not weight.is_floating_point():
                self.mean[name] = weight.clone()
            else:  # m_n = m_{n-1} + (w_n - m_{n-1}) / n
                self.mean[name].lerp_(weight, 1 / self.averaged)

    def log(self, sums: _Sums, norm: float, lr: float) -> None:
        """Count the time; tell the status; about once a second, and more rarely later, write it down."""
        progress, meter = self.progress, self.meter
        spent = self._tick()
        progress.update_seconds += spent
        meter.add(sums, spent)
        left = None
        if progress.total is not None:
            left = (progress.total - progress.step) * progress.seconds / progress.step
        loss, rate = meter.shown
        self.logger.progress(Status(progress.step, progress.total, loss, rate, progress.seconds, left, lr))
        if meter.elapsed >= max(1.0, progress.seconds / 500) or progress.step == progress.total:
            loss, rate = meter.read()
            self.logger.scalars(progress.step, {
                "loss": loss, "learning_rate": lr, "gradient_norm": norm, "tokens_per_second": rate,
                "tokens": progress.tokens, "epoch": progress.epoch, "seconds": round(progress.seconds, 3),
            })  # fmt: skip

    def evaluate(self, *, averaged: bool = False) -> None:
        """Validate the model as it is, and keep its weights if nothing before was better."""
        progress, best = self.progress, self.progress.best
        auto = self.config.best_by == "auto"
        by = "chrf" if auto else self.config.best_by
        self._tick()
        numbers = random_state(self.device)
        self.model.eval()
        try:
            with torch.no_grad():
                measures = self.validate(self.model, progress)
        finally:
            self.model.train()
            restore_random_state(numbers, self.device)
        if by not in measures:
            raise ConfigError(f'training.best_by is "{by}", but what validation measures is: {", ".join(measures)}.')
        improved = best is None or _better(measures[by], best.value, lower=by == "loss")
        if auto and best and "loss" in measures:
            # Of a few hundred pairs chrF varies more than it rises while the learning rate falls; the loss varies less.
            improved |= _better(measures["loss"], best.measures["loss"], lower=True)
        progress.validations += 1
        progress.validated = progress.step
        progress.since_best = 0 if improved else progress.since_best + 1
        if improved:
            progress.best = Best(step=progress.step, value=measures[by], measures=measures, averaged=averaged)
            self.keep_best(self.model.state_dict(), progress)
        progress.validation_seconds += self._tick()
        self.logger.validation(progress.step, measures, best=improved)

    def save(self) -> None:
        """Write all that an exact continuation needs."""
        self._tick()
        if self.state:
            began = time.perf_counter()
            self.state.save(TrainingState(
                progress=self.progress, model=self.model.state_dict(), optimizer=self.optimizer.state_dict(),
                rng=random_state(self.device), average=self.mean, averaged=self.averaged,
                scaler=self.precision.scaler.state_dict() if self.precision.scaler else {},
                threads=torch.get_num_threads(),
            ))  # fmt: skip
            self.save_cost = time.perf_counter() - began
        self.saved = time.perf_counter()

    def save_is_due(self) -> bool:
        """Every ``save_every`` seconds, and more rarely where that would cost a twentieth of the time."""
        every = self.config.save_every
        return not every or time.perf_counter() - self.saved >= max(every, 20 * self.save_cost)

    def finish(self) -> None:
        """Validate the last weights, and their mean with late ones; the better is kept."""
        progress = self.progress
        if progress.validated != progress.step:
            self.evaluate()
        if self.averaged:
            last = {name: weight.clone() for name, weight in self.model.state_dict().items()}
            try:
                self.model.load_state_dict(self.mean)
                self.logger.event(progress.step, "average", f"Validating the mean of {self.averaged} late weights.")
                self.evaluate(averaged=True)
            finally:
                self.model.load_state_dict(last)
        progress.finished = True
        self.save()

    def _tick(self) -> float:
        """Count the seconds since the last tick into ``progress.seconds``; returns them."""
        now = time.perf_counter()
        spent, self.mark = now - self.mark, now
        self.progress.seconds += spent
        return spent


@final
class _Meter:
    """Loss and rate between two readings."""

    def __init__(self) -> None:
        self.shown = (math.nan, 0.0)  # the last reading, or the first update before there is one
        self._begin()

    def _begin(self) -> None:
        self.nll = self.seconds = 0.0
        self.tokens = 0
        self.began = time.perf_counter()

    def add(self, sums: _Sums, seconds: float) -> None:
        if math.isfinite(sums.nll):
            self.nll, self.tokens = self.nll + sums.nll, self.tokens + sums.tokens
        self.seconds += seconds
        if math.isnan(self.shown[0]):
            self.shown = self._now()

    def read(self) -> tuple[float, float]:
        """Nats a target token, and target tokens a second of updates, since the last reading."""
        self.shown = self._now()
        self._begin()
        return self.shown

    def _now(self) -> tuple[float, float]:
        return self.nll / self.tokens if self.tokens else math.nan, self.tokens / max(1e-9, self.seconds)

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self.began


def _better(value: float, than: float, *, lower: bool) -> bool:
    """Whether a measure beats another; what is not a number is beaten by all that are."""
    if math.isnan(value) or math.isnan(than):
        return math.isnan(than) and not math.isnan(value)
    return value < than if lower else value > than
