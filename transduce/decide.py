"""Every choice of a run that is still open when its pairs are known: by the data, the budget and the user, in this order.

``decide`` measures the machine and asks ``training/budget.choose``; what the user gave with ``--set`` stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch

from transduce.config import require, to_dict, with_settings
from transduce.data.batches import collate
from transduce.data.prepare import Prepared
from transduce.data.readers import language_of
from transduce.decoding import DecodingConfig
from transduce.decoding.hypothesis import with_room
from transduce.models import DEFAULT, ModelConfig, TransformerConfig
from transduce.request import Request, Settings, beginning, given_settings, group
from transduce.run import RunConfig, library_versions
from transduce.training.budget import (
    Choice,
    Speeds,
    Trial,
    choose,
    choose_batch,
    machine_speed,
    measure_threads,
)
from transduce.training.device import describe_machine, memory_gb, precision
from transduce.training.loop import TrainingConfig, batches_per_epoch, epoch_batches
from transduce.transducer import count_parameters

DEFAULT_BUDGET = 300.0  # seconds, when neither a budget nor epochs nor steps are given
REPORT_BEAM = 5
TRIED = 100  # batches that the machine is tried with, again and again where it is fast


def decide(config: RunConfig, prepared: Prepared, device: torch.device, say: Callable[[str], None]) -> RunConfig:
    """``config`` with every choice made, and who made it.

    Leaves torch with the threads that it chose. Raises ``ConfigError`` for settings that do not go together, and for a
    model that this machine cannot hold.
    """
    request = config.request
    start = beginning(request)
    training = with_settings(_ending(start.training, request), group(request, "training"))
    timed = training.epochs is None and training.steps is None
    seconds = request.budget or (DEFAULT_BUDGET if timed else None)
    target_tokens = int(prepared.train.target_lengths.sum(dtype=np.int64)) + len(prepared.train)
    # Recipes are not tried: their models may be large, and are as their papers say, however fast that is.
    tried = msgspec.structs.replace(DEFAULT if request.recipe else start.model,
                                    tied="all" if prepared.tokenizers.joint else "decoder")  # fmt: skip
    if not request.recipe:
        tried = with_settings(tried, group(request, "model"))
        _check(tried, with_settings(training, group(request, "training")), prepared, request)
    machine = _measure_machine(request, prepared, tried, training, device, seconds) if seconds else None
    if request.recipe:
        choice = Choice(start.model, prepared.tokenizer_config, training, [f"recipe: {request.recipe.name}"])
    else:
        batch = machine.batch if machine else training.batch_tokens
        sized = with_settings(msgspec.structs.replace(training, batch_tokens=batch), group(request, "training"))
        choice = choose(pairs=len(prepared.train), target_tokens=target_tokens,
                        batches=batches_per_epoch(prepared.train, sized), seconds=seconds,
                        speed=machine.speed if machine else None, joint=prepared.tokenizers.joint,
                        tokenizer=prepared.tokenizer_config, training=sized,
                        model=tried, given=given_settings(request),
                        together=_speed_together(machine), memory=memory_gb() or math.inf)  # fmt: skip
    model = with_settings(choice.model, group(request, "model"))
    training = with_settings(choice.training, group(request, "training"))
    decided, reasons = _who_decided(request, seconds), list(choice.reasons)
    if training.precision == "auto" and precision("auto", device).name == "bfloat16":
        reasons.append("products of matrices from bfloat16 numbers, which this machine multiplies faster")
    decoding = _searching(request, start.decoding, prepared, decided, reasons)
    _check(model, training, prepared, request)
    threads = torch.get_num_threads()
    if machine and machine.speeds:
        threads = machine.threads if training.members == 1 else machine.speeds.together(training.members)[0]
        torch.set_num_threads(threads)
    for reason in reasons:
        say("  " + reason)
    tokenizers = prepared.tokenizers
    digests = [tokenizers.source.digest] if tokenizers.joint else [tokenizers.source.digest, tokenizers.target.digest]
    return msgspec.structs.replace(
        config, status="training", source=prepared.source_column, target=prepared.target_column,
        source_language=language_of(prepared.source_column), target_language=language_of(prepared.target_column),
        model=model, tokenizer=prepared.tokenizer_config, training=training, decoding=decoding,
        decided=decided, reasons=reasons,
        source_vocab=tokenizers.source.vocab_size, target_vocab=tokenizers.target.vocab_size, tokenizers=digests,
        data=to_dict(prepared.report), fingerprint=prepared.train.fingerprint,
        machine={**describe_machine(device), "threads": threads}, versions=library_versions(),
        request=msgspec.structs.replace(request, budget=seconds),
    )  # fmt: skip


def _ending(training: TrainingConfig, request: Request) -> TrainingConfig:
    """When training ends: as the user asks, or else as the recipe says."""
    if request.budget or request.epochs or request.steps:
        training = msgspec.structs.replace(training, epochs=request.epochs, steps=request.steps)
    return msgspec.structs.replace(training, seed=request.seed)


def _searching(request: Request, recipe: DecodingConfig, prepared: Prepared, decided: dict[str, str],
               reasons: list[str]) -> DecodingConfig:  # fmt: skip
    """How outputs are searched for, with the room that long targets need; writes down who decided, and why."""
    searching = recipe if request.recipe else DecodingConfig(beam=REPORT_BEAM)
    searching = with_settings(searching, group(request, "decoding"))
    if decided.get("decoding.max_length_extra") == "user":
        return searching
    roomy = with_room(searching, prepared.train.source_lengths, prepared.train.target_lengths)
    if roomy != searching:
        decided["decoding.max_length_extra"] = "data"
        reasons.append(f"outputs of at most {roomy.max_length_ratio:g} times the source's tokens and "
                       f"{roomy.max_length_extra:,} more, since many targets are long beside their sources")  # fmt: skip
    return roomy


def _check(model: ModelConfig, training: TrainingConfig, prepared: Prepared, request: Request) -> None:
    """Refuse what does not go together, and a model that this machine cannot hold, before its memory is asked for.

    Raises ``ConfigError``.
    """
    sides = prepared.tokenizers
    require(model.tied != "all" or sides.joint,
            'model.tied="all" needs one vocabulary for both sides; add --set tokenizer.joint=true, or use "decoder".')  # fmt: skip
    require(not training.bpe_dropout or prepared.tokenizer_config.kind == "bpe",
            f'training.bpe_dropout needs tokenizer.kind="bpe"; it is "{prepared.tokenizer_config.kind}".')  # fmt: skip
    if isinstance(model, TransformerConfig) and model.positions == "learned":
        require(model.max_positions > request.max_length,
                f"model.max_positions must be more than --max-length, {request.max_length}, so that the end of the longest "
                f"pair has a position too; got {model.max_positions}.")  # fmt: skip
    size = 16 * training.members * count_parameters(model, sides.source.vocab_size, sides.target.vocab_size)
    memory = memory_gb()  # 0 where the system does not tell
    require(not memory or size < 1e9 * memory,
            f"this model needs {size / 1e9:,.0f} GB to train, four numbers for each parameter, and {memory:g} GB may be used "
            "here. Use a smaller model.hidden, model.layers or tokenizer.vocab.")  # fmt: skip


class Machine(NamedTuple):
    """What a machine trains of the model that it was tried with."""

    batch: int  # tokens of the batch that suits it
    speed: float  # target tokens a second with it, of one model that has the machine for itself
    threads: int  # of the CPU, with which one model is fastest
    speeds: Speeds | None  # of a CPU by threads; None: several models would share one device, or large batches suit it


def _measure_machine(request: Request, prepared: Prepared, model: ModelConfig, training: TrainingConfig,
                     device: torch.device, budget: float) -> Machine:  # fmt: skip
    """Try the machine for a moment; on a CPU, with several numbers of threads, at most those asked for."""
    spend, threads, trial = min(1.5, 0.02 * budget), torch.get_num_threads(), _trial(prepared, model, training)
    if device.type != "cpu":
        speeds, speed = None, machine_speed(trial, device=device, seconds=spend)
    else:
        speeds = measure_threads(trial, most=threads, seconds=spend)
        threads, speed = (threads, speeds.by_threads[threads]) if request.threads else speeds.fastest()
        torch.set_num_threads(threads)

    def measure(tokens: int) -> float:
        larger = _trial(prepared, model, msgspec.structs.replace(training, batch_tokens=tokens))
        return machine_speed(larger, device=device, seconds=spend / 2)

    batch, fastest = choose_batch(speed, measure)
    return Machine(batch, fastest, threads, speeds if fastest == speed else None)


def _trial(prepared: Prepared, model: ModelConfig, training: TrainingConfig) -> Trial:
    """The first batches of training, as many as a moment may need."""
    batches = epoch_batches(prepared.train, training, epoch=0)[:TRIED]
    sides = prepared.tokenizers
    return Trial([collate(prepared.train, rows) for rows in batches], model, sides.source.vocab_size,
                 sides.target.vocab_size, training.precision)  # fmt: skip


def _speed_together(machine: Machine | None) -> Callable[[int], float] | None:
    """The speed of a number of models side by side, where the machine can tell it."""
    speeds = machine.speeds if machine else None
    return None if speeds is None else lambda members: speeds.together(members)[1]


def _who_decided(request: Request, seconds: float | None) -> dict[str, str]:
    chosen = dict.fromkeys(given_settings(request), "user")
    automatic = dict.fromkeys(
        ("tokenizer.kind", "tokenizer.vocab", "tokenizer.joint", "model.tied", "model.dropout", "training.bpe_dropout"),
        "data",
    )
    if seconds is not None:
        automatic |= {
            "model.dropout": "budget",
            "training.bpe_dropout": "budget",
            "training.steps": "budget",
            "training.members": "budget",
            "training.right_to_left": "budget",
            "training.batch_tokens": "budget",
        }
    if request.recipe:
        automatic = {"training.steps": "budget"} if request.budget else {}
        automatic |= {"tokenizer.joint": "data"} if request.recipe.tokenizer.joint is None else {}
        automatic |= dict.fromkeys(_differing(to_dict(beginning(request)), to_dict(Settings())), "preset")
        if request.budget or request.epochs or request.steps:
            automatic |= dict.fromkeys(automatic.keys() & {"training.steps", "training.epochs"},
                                       "budget" if request.budget else "user")  # fmt: skip
    return automatic | chosen


def _differing(values: dict[str, Any], others: dict[str, Any], prefix: str = "") -> list[str]:
    """Dotted paths of the values of ``values`` that are not the same in ``others``."""
    found = []
    for key, value in values.items():
        if isinstance(value, dict):
            inner = others.get(key)
            found += _differing(value, inner if isinstance(inner, dict) else {}, f"{prefix}{key}.")
        elif key not in others or others[key] != value:
            found.append(prefix + key)
    return found
