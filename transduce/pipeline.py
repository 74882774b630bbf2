"""From data to a model in a run folder: the table of contents of training.

``fit`` reads top to bottom what happens: prepare the pairs, decide, train, report.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from transduce import report
from transduce.config import Config, duration, require, to_dict, with_settings
from transduce.data.prepare import Prepared, prepare
from transduce.data.readers import Data, Pair, PairReader, language_of, open_pairs
from transduce.data.tokenizer import TokenizerConfig
from transduce.decoding import DecodingConfig
from transduce.errors import RunError, TransduceError
from transduce.evaluation import Evaluation, evaluate_pairs
from transduce.files import write_failed
from transduce.models import Generator, ModelConfig, RNNConfig, build
from transduce.run import METRICS, RESUME, WEIGHTS, Request, RunConfig, library_versions, read_config, write_config
from transduce.training.budget import LONGEST_PASSES, Deadline, choose, choose_vocab, fastest_threads, machine_speed
from transduce.training.checkpoint import Progress, StateFile, save_weights, shapes
from transduce.training.device import choose_device, describe_machine
from transduce.training.interrupt import catch_signals
from transduce.training.loggers import JSONL, Console, Logger, Sample, Several, Silent, TensorBoard, WandB
from transduce.training.loop import Plan, TrainingConfig, batches_per_epoch, planned_steps
from transduce.training.loop import train as train_model
from transduce.transducer import Transducer, load, model_key, spoken_count

DEFAULT_BUDGET = 300.0  # seconds, when neither a budget nor epochs nor steps are given
WATCHED = 300  # validation pairs translated during training; the final report takes all
REPORT_BEAM = 5
Say = Callable[[str], None]


class Settings(Config, frozen=True, kw_only=True):
    """The groups that ``--set`` reaches."""

    model: ModelConfig = RNNConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    training: TrainingConfig = TrainingConfig()
    decoding: DecodingConfig = DecodingConfig()


def train(
    data: Data,
    *,
    source: str | None = None,
    target: str | None = None,
    valid: Data | float | None = None,
    test: Data | float | None = None,
    budget: str | float | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    out: str | Path | None = None,
    settings: Sequence[str] = (),
    seed: int = 0,
    device: str = "auto",
    quiet: bool = False,
    **reading: Any,
) -> Transducer:
    """Train a model on pairs and return it; everything is kept in the run folder ``out``.

    data: a path (CSV, TSV, JSONL, Parquet, parallel text), two paths, a DataFrame, or an iterable of
    pairs. budget: "5m", "90s", "1h", or a number of minutes; without budget, epochs or steps it is
    five minutes. settings: "key=value" words as of ``--set``. ``reading`` passes format, encoding,
    delimiter and header on. Raises ``TransduceError`` when the input is at fault.
    """
    began = time.perf_counter()
    paths = paths_of(data)
    request = Request(
        data=paths or [],
        source=source, target=target,
        valid=held_out_request(valid), test=held_out_request(test),
        budget=None if budget is None else duration(str(budget)),
        epochs=epochs, steps=steps, settings=list(settings), seed=seed, device=device, **reading,
    )  # fmt: skip
    in_memory = {"data": data if paths is None else None}
    in_memory |= {name: part for name, part in (("valid", valid), ("test", test)) if held_out_request(part) is None}
    folder = Path(out) if out is not None else default_folder(request)
    return fit(request, folder, began=began, quiet=quiet, in_memory=in_memory)


def fit(request: Request, folder: Path, *, began: float, quiet: bool = False,
        in_memory: dict[str, Any] | None = None, say: Say | None = None) -> Transducer:  # fmt: skip
    """Carry out ``request`` in a new run folder. ``began``: ``time.perf_counter()`` when the user began to wait."""
    check_request(request)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(
            f"{folder}: exists already, and nothing in it is overwritten. Go on with it by: transduce train --resume "
            f"{folder}; or choose another folder with -o."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_failed(folder, error) from None
    config = RunConfig(request=request, version=library_versions()["transduce"])
    write_config(folder, config)
    try:
        return _run(folder, config, began=began, quiet=quiet, in_memory=in_memory or {}, say=say)
    except (TransduceError, KeyboardInterrupt):
        if read_config(folder).status == "preparing":  # nothing was learned yet: leave no empty run behind
            shutil.rmtree(folder, ignore_errors=True)
        raise


def resume(folder: str | Path, *, quiet: bool = False, began: float | None = None, say: Say | None = None) -> Transducer:
    """Go on with an interrupted run; the weights at the end are those of a run that was never interrupted.

    A finished run is loaded as it is. Raises ``RunError`` for what is no run folder.
    """
    config = read_config(folder)
    if config.status == "finished":
        if not quiet:
            (say or _say)(f"{folder} is finished; there is nothing to go on with. Use it: transduce translate {folder} TEXT")
        return load(folder, device=config.request.device)
    return _run(Path(folder), config, began=began or time.perf_counter(), quiet=quiet, in_memory={}, say=say)


def _run(folder: Path, config: RunConfig, *, began: float, quiet: bool, in_memory: dict[str, Any], say: Say | None) -> Transducer:
    """Prepare, decide, train, report; each stage finds what an earlier session left of it."""
    say = _silence if quiet else say or _say
    request = config.request
    device = choose_device(request.device)
    threads = request.threads or config.machine.get("threads")
    if threads:
        torch.set_num_threads(int(threads))
    prepared = _prepare(folder, config, in_memory, say)
    if config.status == "preparing":
        config = _decide(config, prepared, device, say)
        prepared.tokenizers.save(folder)
        write_config(folder, config)
    torch.manual_seed(request.seed)
    model = build(config.model, source_vocab=config.source_vocab, target_vocab=config.target_vocab).to(device)
    seconds = _train(folder, config, prepared, model, device, began=began, quiet=quiet, say=say)
    transducer = load_trained(folder, config)
    return _report(folder, transducer, prepared, began=began - seconds, say=say)


# --------------------------------------------------------------------------------------------------- prepare


def _prepare(folder: Path, config: RunConfig, in_memory: dict[str, Any], say: Say) -> Prepared:
    """The pairs as numbers: read now, or found where an earlier session left them."""
    request = config.request
    place = folder / RESUME / "data"
    if Prepared.exists(place):
        return Prepared.open(place)
    data = in_memory.get("data")
    if data is None and (not request.data):
        raise RunError(
            f"{folder}: was stopped before its pairs were read, and they came from memory. Start it again from there."
        )
    settings: dict[str, Any] = {"source": request.source, "target": request.target, "format": request.format,
                "encoding": request.encoding, "header": request.header, "delimiter": request.delimiter}  # fmt: skip
    reader = open_pairs(data if data is not None else _one_or_many(request.data), **settings)
    say(f"Reading {reader.name} ({reader.format}): {reader.source_column} -> {reader.target_column}")
    held_out = {}
    for part in ("valid", "test"):
        given = in_memory.get(part) if in_memory.get(part) is not None else getattr(request, part)
        held_out[part] = _held_out(given, settings, reader)
    tokenizer = with_settings(TokenizerConfig(), _group(request, "tokenizer"))

    def sized(pairs: int) -> TokenizerConfig:
        asked = any(setting.startswith("tokenizer.vocab") for setting in request.settings)
        return tokenizer if asked else msgspec.structs.replace(tokenizer, vocab=choose_vocab(pairs))

    prepared = prepare(reader, folder=place, tokenizer=sized, valid=held_out["valid"], test=held_out["test"],
                       max_length=request.max_length, seed=request.seed)  # fmt: skip
    for line in [*prepared.report.lines(), *prepared.notes, *_too_long_lines(prepared, request.max_length)]:
        say("  " + line)
    return prepared


def _too_long_lines(prepared: Prepared, limit: int) -> list[str]:
    """What was left out of training for its length, if anything."""
    found = prepared.too_long
    if not found.count:
        return []
    rows = ", ".join(f"{row:,}" for row in found.first_rows)
    return [f"{found.count:,} training pairs are longer than {limit:,} tokens and were left out (rows {rows}"
            f"{' ...' if found.count > len(found.first_rows) else ''}; the longest has {found.longest:,}); "
            "--max-length takes them in."]  # fmt: skip


def _held_out(given: Any, settings: dict[str, Any], reader: PairReader) -> PairReader | float | int | None:
    """A held-out part as ``prepare`` takes it: a reader, a share, a count, or None for the default."""
    if given is None or isinstance(given, (int, float)):
        return given
    # The same columns are meant, under the same names where the training file has a header.
    columns = {"source": reader.source_column, "target": reader.target_column} if reader.header else {}
    if isinstance(given, list) and given and all(isinstance(each, str) for each in given):
        given = _beside(given, reader)
    return open_pairs(given, **{**settings, **columns, "format": None, "header": None})


def _beside(paths: list[str], reader: PairReader) -> str | list[str]:
    """Held-out paths; for parallel text one of the two files, or their common beginning, is enough."""
    if reader.format != "text" or len(paths) != 1:
        return paths if len(paths) > 1 else paths[0]
    endings = [path.name.removesuffix(".gz").rpartition(".")[2] for path in reader.paths]
    stem = paths[0]
    for ending in endings:
        stem = stem.removesuffix(f".{ending}")
    both = [f"{stem}.{ending}" for ending in endings]
    return both if all(Path(path).exists() for path in both) else paths[0]


# ---------------------------------------------------------------------------------------------------- decide


def _decide(config: RunConfig, prepared: Prepared, device: torch.device, say: Say) -> RunConfig:
    """Every choice that is still open, by the data, the budget and the user, in this order."""
    request = config.request
    timed = request.epochs is None and request.steps is None
    seconds = request.budget or (DEFAULT_BUDGET if timed else None)
    training = TrainingConfig(steps=request.steps, epochs=request.epochs, seed=request.seed)
    target_tokens = int(prepared.train.target_lengths.sum(dtype=np.int64)) + len(prepared.train)
    speed = _measure_machine(request, device, seconds) if seconds else None
    choice = choose(pairs=len(prepared.train), target_tokens=target_tokens, seconds=seconds, speed=speed,
                    joint=prepared.tokenizers.joint, tokenizer=prepared.tokenizer_config, training=training)  # fmt: skip
    model = with_settings(choice.model, _group(request, "model"))
    training = with_settings(choice.training, _group(request, "training"))
    decoding = with_settings(DecodingConfig(beam=REPORT_BEAM), _group(request, "decoding"))
    for reason in choice.reasons:
        say("  " + reason)
    tokenizers = prepared.tokenizers
    digests = [tokenizers.source.digest] if tokenizers.joint else [tokenizers.source.digest, tokenizers.target.digest]
    return msgspec.structs.replace(
        config, status="training", source=prepared.source_column, target=prepared.target_column,
        source_language=language_of(prepared.source_column), target_language=language_of(prepared.target_column),
        model=model, tokenizer=prepared.tokenizer_config, training=training, decoding=decoding,
        decided=_who_decided(request, seconds), reasons=choice.reasons,
        source_vocab=tokenizers.source.vocab_size, target_vocab=tokenizers.target.vocab_size, tokenizers=digests,
        data=to_dict(prepared.report), fingerprint=prepared.train.fingerprint,
        machine={**describe_machine(device), "threads": torch.get_num_threads()}, versions=library_versions(),
        request=msgspec.structs.replace(request, budget=seconds),
    )  # fmt: skip


def _measure_machine(request: Request, device: torch.device, budget: float) -> float:
    """Target tokens a second; on a CPU, with the number of threads that turns out fastest, which then holds."""
    spend = min(1.5, 0.02 * budget)
    if device.type != "cpu" or request.threads:
        return machine_speed(device=device, seconds=spend)
    threads, speed = fastest_threads(most=torch.get_num_threads(), seconds=spend)
    torch.set_num_threads(threads)
    return speed


def _who_decided(request: Request, seconds: float | None) -> dict[str, str]:
    chosen = dict.fromkeys((setting.partition("=")[0].strip() for setting in request.settings), "user")
    automatic = {"tokenizer.vocab": "data", "tokenizer.joint": "data", "model.tied": "data", "model.dropout": "data"}
    if seconds is not None:
        automatic |= {"model.hidden": "budget", "model.dropout": "budget", "training.steps": "budget"}
    return automatic | chosen


# ----------------------------------------------------------------------------------------------------- train


def _train(folder: Path, config: RunConfig, prepared: Prepared, model: Generator, device: torch.device, *,
           began: float, quiet: bool, say: Say) -> float:  # fmt: skip
    """Train until the plan ends. Returns the seconds that earlier sessions spent on this run."""
    training = config.training
    state_file = StateFile(folder / RESUME / "state.safetensors", identity={"corpus": config.fingerprint})
    resumed = state_file.load(expected=shapes(model)) if state_file.exists() else None
    earlier = resumed.progress.seconds if resumed else 0.0
    plan = _plan(config, prepared, began=began - earlier, resumed=resumed is not None)
    logger = _loggers(folder, config, step=resumed.progress.step if resumed else None, quiet=quiet)
    watched = _watched(prepared, config.request.seed)

    def validate(model: Generator, progress: Progress) -> dict[str, float]:
        found = evaluate_pairs(model, prepared.tokenizers, watched, decoding=DecodingConfig(beam=1),
                               language=config.target_language, measures=("bleu", "chrf"))  # fmt: skip
        logger.samples(progress.step, [Sample(pair.source, output, pair.target)
                                       for pair, output in zip(watched[:3], found.outputs, strict=False)])  # fmt: skip
        measures = {name: score.value for name, score in found.scores.items()}
        return measures | {"loss": float(np.log(measures["perplexity"]))}

    def keep_best(weights: dict[str, Tensor], progress: Progress) -> None:
        save_weights(folder / WEIGHTS, weights, metadata={"model": model_key(config), "step": str(progress.step)})

    parameters = sum(weight.numel() for weight in model.parameters())
    verb = "Going on with" if resumed else "Training"
    say(f"{verb} {describe_model(config)}, {spoken_count(parameters)} parameters, on {len(prepared.train):,} pairs "
        f"({device}, {torch.get_num_threads()} threads)")  # fmt: skip
    try:
        with catch_signals() as stop:
            progress = train_model(
                model, prepared.train, training, validate=validate, keep_best=keep_best, plan=plan,
                state=state_file, resume=resumed, logger=logger, device=device, stop=stop,
                how_to_resume=f"Go on with: transduce train --resume {folder}",
            )  # fmt: skip
    finally:
        logger.close()
    if progress.skipped:
        say(f"{progress.skipped} updates were skipped for a loss or gradient that was not finite.")
    return earlier


def _plan(config: RunConfig, prepared: Prepared, *, began: float, resumed: bool) -> Callable[[Progress], Plan]:
    """Where training ends: after the steps or epochs that were asked for, or when the time is up."""
    seconds, training = config.request.budget, config.training
    if seconds is None:
        return planned_steps(prepared.train, training)
    report_pairs = len(prepared.test or prepared.valid)
    watched = max(1, min(WATCHED, len(prepared.valid) or report_pairs))
    most = training.steps or int(LONGEST_PASSES * batches_per_epoch(prepared.train, training))
    return Deadline(seconds=seconds, began=began, report_cost=REPORT_BEAM * report_pairs / watched, most_steps=most, keep=resumed)


def _watched(prepared: Prepared, seed: int) -> list[Pair]:
    """The held-out pairs that validation translates again and again; the first three are shown."""
    pairs = prepared.valid or prepared.test
    if len(pairs) > WATCHED:
        rows = np.random.default_rng(seed).choice(len(pairs), WATCHED, replace=False)
        pairs = [pairs[row] for row in sorted(rows)]
    middle = sorted(pairs, key=lambda pair: abs(len(pair.target) - float(np.median([len(p.target) for p in pairs]))))
    shown = middle[:3]
    return shown + [pair for pair in pairs if pair not in shown]


def _loggers(folder: Path, config: RunConfig, *, step: int | None, quiet: bool) -> Logger:
    lines = JSONL(folder / METRICS)
    if step is not None:
        lines.truncate_after(step)
    parts: list[Logger] = [lines, Silent() if quiet else Console()]
    if config.request.tensorboard:
        parts.append(TensorBoard(folder / "tensorboard", resume_at=step))
    if config.request.wandb:
        parts.append(WandB(folder, name=folder.name, config=to_dict(config)))
    return Several(*parts)


# ---------------------------------------------------------------------------------------------------- report


def load_trained(folder: Path, config: RunConfig) -> Transducer:
    """The best weights of a run that has just been trained."""
    if not (folder / WEIGHTS).exists():
        raise RunError(f"{folder}: no weights were kept; the run ended before its first validation.")
    return load(folder, device=config.request.device)


def _report(folder: Path, transducer: Transducer, prepared: Prepared, *, began: float, say: Say) -> Transducer:
    """Translate the held-out part with the best weights, write the report, and clear what a resume needed."""
    config = transducer.config
    part, pairs = ("test", prepared.test) if prepared.test else ("valid", prepared.valid)
    found: Evaluation | None = None
    scores: dict[str, Any] = {}
    if pairs:
        found = transducer.evaluate(pairs)
        scores = {part: {name: {"value": score.value, "signature": score.signature} for name, score in found.scores.items()}
                  | {"pairs": len(pairs), "beam": config.decoding.beam}}  # fmt: skip
    parameters = sum(weight.numel() for weight in transducer.model.parameters())
    config = msgspec.structs.replace(config, status="finished", scores=scores, parameters=parameters,
                                     seconds=round(time.perf_counter() - began, 1))  # fmt: skip
    report.write_report(folder, config, found, part=part, seed=config.request.seed)
    write_config(folder, config)
    shutil.rmtree(folder / RESUME, ignore_errors=True)
    transducer.config = config
    for line in report.summary(folder, config, found, part=part):
        say(line)
    return transducer


# ---------------------------------------------------------------------------------------------------- helpers


def check_request(request: Request) -> None:
    """Refuse impossible requests before anything is read. Raises ``ConfigError``."""
    given = [name for name in ("budget", "epochs", "steps") if getattr(request, name) is not None]
    require(len(given) <= 1, f"choose one of --budget, --epochs and --steps; got {' and '.join('--' + name for name in given)}.")
    require(request.steps is None or request.steps >= 1, f"--steps must be at least 1; got {request.steps}.")
    require(request.epochs is None or request.epochs > 0, f"--epochs must be more than 0; got {request.epochs}.")
    require(request.budget is None or request.budget >= 10, "--budget must be at least 10s.")
    require(request.threads is None or request.threads >= 1, f"--threads must be at least 1; got {request.threads}.")
    require(request.max_length >= 1, f"--max-length must be at least 1; got {request.max_length}.")
    require(0 <= request.seed < 2**32, f"--seed must be between 0 and {2**32 - 1}; got {request.seed}.")
    for part in ("valid", "test"):
        share = getattr(request, part)
        require(not isinstance(share, float) or share >= 0, f"--{part}: a share or a count is at least 0; got {share}.")
    choose_device(request.device)
    with_settings(Settings(), request.settings)


def paths_of(data: Any) -> list[str] | None:
    """Absolute paths, where ``data`` is a path or several; None where it is held in memory. "-" stays."""
    if isinstance(data, (str, Path)):
        data = [data]
    if isinstance(data, (list, tuple)) and data and all(isinstance(each, (str, Path)) for each in data):
        return [str(each) if str(each) == "-" else str(Path(each).absolute()) for each in data]
    return None


def held_out_request(part: Any) -> list[str] | float | None:
    """A held-out part as the request keeps it: paths, a share below 1 or a count; None for the default or for memory."""
    if isinstance(part, (int, float)):
        return float(part)
    if isinstance(part, str) and re.fullmatch(r"\d+(\.\d*)?|\.\d+", part):
        return float(part)
    return paths_of(part)


def default_folder(request: Request) -> Path:
    """``runs/NAME``, or the first of ``runs/NAME-2``, ``-3`` ... that is free."""
    name = Path(request.data[0]).name.split(".")[0] if request.data and request.data[0] != "-" else "model"
    number = 1
    while True:
        folder = Path("runs") / (name if number == 1 else f"{name}-{number}")
        if not folder.exists():
            return folder
        number += 1


def describe_model(config: RunConfig) -> str:
    """The model in a few words: "lstm 1x256, general attention"."""
    model = config.model
    attention = "no attention" if model.attention == "none" else f"{model.attention} attention"
    return f"{model.cell} {model.layers}x{model.hidden}, {attention}"


def _one_or_many(paths: list[str]) -> str | list[str]:
    return paths[0] if len(paths) == 1 else paths


def _group(request: Request, group: str) -> list[str]:
    """The ``--set`` words of one group, without its name."""
    return [word.strip()[len(group) + 1 :] for word in request.settings if word.strip().startswith(f"{group}.")]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _silence(line: str) -> None:
    pass


def demo(out: Path | None, *, seconds: float, seed: int, began: float) -> Transducer:
    """Train on the built-in pairs. Raises ``RunError`` when ``out`` exists."""
    from transduce.data.builtin import builtin_split

    request = Request(data=[], source="english", target="french", budget=seconds, seed=seed)
    folder = out or default_folder(msgspec.structs.replace(request, data=["demo"]))
    parts = builtin_split(20_000, 500, 500, seed=seed)
    names = ("data", "valid", "test")
    in_memory = {name: [{"english": english, "french": french} for english, french in part]
                 for name, part in zip(names, parts, strict=True)}  # fmt: skip
    return fit(request, folder, began=began, in_memory=in_memory)
