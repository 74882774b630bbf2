"""From prepared pairs to weights in the run folder: one model, or several side by side.

    train_alone          in this process
    train_side_by_side   a process for each member, and their weights put together at the end
    train_member         what such a process does: what ``train_alone`` does, with a seed and a folder of its own

An ensemble's members differ in their seeds (first weights, order of the batches, dropout), and in the direction in which
they learn targets where ``training.right_to_left`` is not 0. Each keeps its own best weights; models/ensemble.py makes
them one model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor

from transduce.config import to_dict
from transduce.data.prepare import Prepared
from transduce.data.readers import Pair
from transduce.decoding import DecodingConfig
from transduce.errors import Interrupted, RunError, TrainingError, TransduceError
from transduce.evaluation import evaluate_pairs
from transduce.models import Generator, build, describe
from transduce.run import MEMBERS, METRICS, STATE, WEIGHTS, RunConfig
from transduce.training.budget import LONGEST_PASSES, Deadline
from transduce.training.checkpoint import Progress, StateFile, load_weights, save_weights, shapes
from transduce.training.console import Console
from transduce.training.device import choose_device
from transduce.training.interrupt import Stop, catch_signals
from transduce.training.loggers import JSONL, Logger, Sample, Several, Silent, TensorBoard, WandB
from transduce.training.loop import Plan, TrainingConfig, batches_per_epoch, planned_steps
from transduce.training.loop import train as train_model
from transduce.training.side_by_side import Ended, Failed, Wire, heeding, run_members
from transduce.transducer import are_of, count_parameters, model_key, spoken_count

WATCHED = 300  # validation pairs translated during training; the final report takes all
APART = 2_654_435_769  # 2^32 over the golden ratio: what lies between the seeds of two members, so that runs of
# neighboring seeds share none
REPORT_COST = 3.0  # what a pair of the report takes, beam included, in pairs of a validation (measured: 2 to 3.6)
Say = Callable[[str], None]


class Place(NamedTuple):
    """Where a model in training keeps what it needs: member ``number`` of ``of``, counted from 0."""

    folder: Path
    number: int = 0
    of: int = 1

    @property
    def own(self) -> Path:
        return self.folder / MEMBERS / str(self.number)

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS if self.of == 1 else self.own / WEIGHTS

    @property
    def metrics(self) -> Path:
        """The first member's where a single model has its own."""
        return self.folder / (METRICS if self.number == 0 else METRICS.replace(".", f"-{self.number + 1}."))

    def state(self, config: RunConfig) -> StateFile:
        identity = {"corpus": config.fingerprint} | ({} if self.of == 1 else {"member": f"{self.number} of {self.of}"})
        return StateFile(self.folder / STATE if self.of == 1 else self.own / Path(STATE).name, identity=identity)


def places(folder: Path, config: RunConfig) -> list[Place]:
    """One for each model of the run."""
    return [Place(folder, number, config.training.members) for number in range(config.training.members)]


def member_seed(seed: int, number: int) -> int:
    """Of member ``number``, in a run of this seed. The first has the run's own. torch heeds 32 bits of a seed only."""
    return (seed + number * APART) % 2**32


def has_learned(folder: Path) -> bool:
    """Whether a run folder holds something that training made."""
    states = [folder / STATE, folder / WEIGHTS, *(folder / MEMBERS).glob(f"*/{Path(STATE).name}")]
    return any(each.is_file() for each in states)


# ----------------------------------------------------------------------------------------------------- one


def train_alone(folder: Path, config: RunConfig, prepared: Prepared, device: torch.device, *,
                began: float, quiet: bool, say: Say, how_to_resume: str) -> float:  # fmt: skip
    """Train the one model of a run until the plan ends. Returns the seconds that earlier sessions spent on it."""
    place = Place(folder)
    _announce(config, prepared, device, resumed=place.state(config).exists(), say=say)
    with catch_signals() as stop:
        progress, earlier = _learn(place, config, prepared, device, began=began, stop=stop,
                                   shown=Silent() if quiet else Console(), how_to_resume=how_to_resume)  # fmt: skip
    _tell_skipped(progress.skipped, say)
    return earlier


def _learn(place: Place, config: RunConfig, prepared: Prepared, device: torch.device, *, began: float, stop: Stop,
           shown: Logger, how_to_resume: str = "") -> tuple[Progress, float]:  # fmt: skip
    """Train one model, from where it stands. Returns where it ends, and the seconds of earlier sessions.

    ``shown``: beside the files, who hears of it.
    """
    training = msgspec.structs.replace(config.training, seed=member_seed(config.training.seed, place.number))
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
        torch.manual_seed(member_seed(config.request.seed, place.number))
        model = build(config.model, source_vocab=config.source_vocab, target_vocab=config.target_vocab).to(device)
    state_file = place.state(config)
    resumed = state_file.load(expected=shapes(model)) if state_file.exists() else None
    earlier = resumed.progress.start_seconds + resumed.progress.seconds if resumed else 0.0
    plan = _plan(config, training, prepared, began=began - earlier, resumed=resumed is not None)
    right_to_left = place.number >= place.of - config.training.right_to_left
    tokenizers = prepared.tokenizers
    halves = (tokenizers.source.halves(), tokenizers.target.halves()) if training.bpe_dropout else None
    logger = _loggers(place, config, resumed.progress if resumed else None, shown)
    watched = _watched(prepared)
    greedy = DecodingConfig(beam=1, max_length_ratio=config.decoding.max_length_ratio,
                            max_length_extra=config.decoding.max_length_extra)  # fmt: skip

    def validate(model: Generator, progress: Progress) -> dict[str, float]:
        try:
            found = evaluate_pairs(model, prepared.tokenizers, watched, decoding=greedy,
                                   language=config.target_language, measures=("bleu", "chrf"),
                                   right_to_left=right_to_left)  # fmt: skip
            if not np.isfinite(found.scores["perplexity"].value):
                raise TrainingError("the loss of the validation is not finite. Try a lower learning rate.")
        except TransduceError as error:
            best = progress.best
            kept = f"The best weights (step {best.step:,}) are kept." if best else "No weights were validated before."
            raise TrainingError(f"Training diverged: at step {progress.step:,} {error} {kept}") from None
        logger.samples(progress.step, [Sample(pair.source, output, pair.target)
                                       for pair, output in zip(watched[:3], found.outputs, strict=False)])  # fmt: skip
        measures = {name: score.value for name, score in found.scores.items()}
        return measures | {"loss": float(np.log(measures["perplexity"]))}

    def keep_best(weights: dict[str, Tensor], progress: Progress) -> None:
        save_weights(place.weights, weights, metadata={"model": model_key(config), "step": str(progress.step)})

    try:
        progress = train_model(
            model, prepared.train, training, validate=validate, keep_best=keep_best, plan=plan,
            state=state_file, resume=resumed, began=began, logger=logger, device=device, stop=stop,
            how_to_resume=how_to_resume, halves=halves, right_to_left=right_to_left,
        )  # fmt: skip
    finally:
        logger.close()
    return progress, earlier


def _plan(config: RunConfig, training: TrainingConfig, prepared: Prepared, *, began: float, resumed: bool
          ) -> Callable[[Progress], Plan]:  # fmt: skip
    """Where training ends: after the steps or epochs that were asked for, or when the time is up."""
    seconds = config.request.budget
    if seconds is None:
        return planned_steps(prepared.train, training)
    report_pairs = len(prepared.test or prepared.valid)
    watched = max(1, min(WATCHED, len(prepared.valid) or report_pairs))
    most: int | None = int(LONGEST_PASSES * batches_per_epoch(prepared.train, training))
    if training.steps is not None or training.epochs is not None:
        most = planned_steps(prepared.train, training)(Progress()).total
    assert most is not None
    # The report asks all members at every step, and has the machine for itself. A validation is of one, and takes as
    # many times as long as there are members for each thread: so only those that compute at once count.
    at_once = min(training.members, int(config.machine["threads"]))
    report_cost = at_once * REPORT_COST * report_pairs / watched
    return Deadline(seconds=seconds, began=began, report_cost=report_cost, most_steps=most, keep=resumed)


def _watched(prepared: Prepared) -> list[Pair]:
    """The held-out pairs that validation translates again and again; the first three are shown.

    Drawn alike for every seed, so that curves of runs with the same held-out pairs can be compared.
    """
    pairs = prepared.valid or prepared.test
    if len(pairs) > WATCHED:
        rows = np.random.default_rng(0).choice(len(pairs), WATCHED, replace=False)
        pairs = [pairs[row] for row in sorted(rows)]
    usual = float(np.median([len(pair.target) for pair in pairs]))
    shown = sorted(pairs, key=lambda pair: abs(len(pair.target) - usual))[:3]
    return shown + [pair for pair in pairs if pair not in shown]


def _loggers(place: Place, config: RunConfig, resumed: Progress | None, shown: Logger) -> Logger:
    """Everybody who hears what is measured. TensorBoard and W&B get one run a run: the first member."""
    lines = JSONL(place.metrics)
    step = resumed.step if resumed else None
    lines.truncate_after(-1 if resumed is None else resumed.step, validated=resumed.validated if resumed else None)
    parts: list[Logger] = [lines, shown]
    if config.request.tensorboard and place.number == 0:
        parts.append(TensorBoard(place.folder / "tensorboard", resume_at=step))
    if config.request.wandb and place.number == 0:
        parts.append(WandB(place.folder, name=place.folder.name, config=to_dict(config)))
    return Several(*parts)


# ------------------------------------------------------------------------------------------------- side by side


def threads_of_each(config: RunConfig) -> int:
    """Threads of each member: those of the run, divided among them."""
    return max(1, int(config.machine["threads"]) // config.training.members)


def train_side_by_side(folder: Path, config: RunConfig, prepared: Prepared, device: torch.device, *,
                       began: float, quiet: bool, say: Say, how_to_resume: str) -> float:  # fmt: skip
    """Train the members of a run, each in a process of its own, and put their weights together.

    Returns the seconds that earlier sessions spent on it. Raises ``Interrupted`` when a signal asked for it and all
    have saved, the error of a member that failed, and ``RunError`` for one that died: the others have saved then.
    """
    members = places(folder, config)
    _announce(config, prepared, device, resumed=has_learned(folder), say=say)
    clock = time.time() - (time.perf_counter() - began)  # what all processes read alike
    commands = [["member", "--began", repr(clock), "--", str(folder), str(each.number)] for each in members]
    shown: Logger = Silent() if quiet else Console()
    try:
        with catch_signals() as stop:
            ended = run_members(commands, threads=threads_of_each(config), logger=shown, stop=stop,
                                how_to_resume=how_to_resume)  # fmt: skip
    finally:
        shown.close()
    if any(each.stopped for each in ended):
        raise Interrupted(f"Stopped at step {ended[0].step:,} by {stop.signal}; all is saved. {how_to_resume}")
    _tell_skipped(sum(each.skipped for each in ended), say)
    _put_together(folder, config)
    return max(each.earlier for each in ended)


def train_member(folder: Path, config: RunConfig, prepared: Prepared, number: int, *, began: float) -> None:
    """Train one member in this process, which ``train_side_by_side`` started, and tell it all.

    began: ``time.time()`` when the user began to wait. Errors are told, not raised: the parent raises them.
    """
    wire, place = Wire(), places(folder, config)[number]
    device = choose_device(config.request.device)
    if device.type == "cpu":
        torch.set_num_threads(threads_of_each(config))
    waited = time.time() - began
    with heeding() as stop:
        try:
            progress, earlier = _learn(place, config, prepared, device, began=time.perf_counter() - waited, stop=stop,
                                       shown=wire)  # fmt: skip
        except Interrupted:
            wire.tell(Ended(step=place.state(config).load().progress.step, stopped=True))
        except TransduceError as error:
            wire.tell(Failed(error=type(error).__name__, message=str(error)))
        else:
            wire.tell(Ended(step=progress.step, earlier=earlier, skipped=progress.skipped))


def _put_together(folder: Path, config: RunConfig) -> None:
    """One file of all members' best weights, under members.0. and so forth. Raises ``RunError`` for a damaged one."""
    together: dict[str, Tensor] = {}
    for each in places(folder, config):
        if not each.weights.exists():
            raise RunError(f"{each.weights}: no weights were kept; the member ended before its first validation.")
        weights, metadata = load_weights(each.weights)
        if not are_of(metadata, config):
            raise RunError(f"{each.weights}: belongs to another model than the run's. Restore it.")
        together |= {f"members.{each.number}.{name}": weight for name, weight in weights.items()}
    save_weights(folder / WEIGHTS, together, metadata={"model": model_key(config)})


# ----------------------------------------------------------------------------------------------------- telling


def _announce(config: RunConfig, prepared: Prepared, device: torch.device, *, resumed: bool, say: Say) -> None:
    members = config.training.members
    parameters = members * count_parameters(config.model, config.source_vocab, config.target_vocab)
    threads = torch.get_num_threads() if members == 1 else threads_of_each(config)
    told = f", {threads} thread{'s' * (threads > 1)}{' each' * (members > 1)}" if device.type == "cpu" else ""
    model = describe(config.model, members, config.training.right_to_left)
    say(f"{'Going on with' if resumed else 'Training'} {model}, {spoken_count(parameters)} "
        f"parameters, on {len(prepared.train):,} pair{'s' * (len(prepared.train) != 1)} ({device}{told})")  # fmt: skip


def _tell_skipped(updates: int, say: Say) -> None:
    if updates:
        say(f"{updates} updates were skipped for a loss or gradient that was not finite.")
