"""From data to a model in a run folder: the table of contents of training.

``fit`` reads top to bottom what happens: prepare the pairs, decide, train, report.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import torch

from transduce import report
from transduce.config import duration, require, with_settings
from transduce.data.alike import beside, open_like
from transduce.data.findings import PartReport
from transduce.data.prepare import Prepared, prepare
from transduce.data.readers import Data, PairReader, open_pairs
from transduce.data.tokenizer import TokenizerConfig
from transduce.decide import decide
from transduce.errors import Interrupted, RunError
from transduce.evaluation import TER_SECONDS, Evaluation
from transduce.members import Say, has_learned, train_alone, train_member, train_side_by_side
from transduce.request import (
    Recipe,
    Request,
    beginning,
    check_request,
    default_folder,
    given_settings,
    group,
    held_out_request,
    paths_of,
)
from transduce.run import (
    MEMBERS,
    PREPARED,
    RESUME,
    WEIGHTS,
    RunConfig,
    alone,
    check_empty,
    library_versions,
    make_folder,
    read_config,
    remove_folder,
    remove_leftovers,
    write_config,
)
from transduce.training.budget import choose_vocab
from transduce.training.device import choose_device, usable_threads
from transduce.transducer import Transducer, load

TER_SHARE = 0.01  # of a budget: TER is left out of the report where it would take longer


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
    recipe: Recipe | None = None,
    settings: Sequence[str] = (),
    seed: int = 0,
    device: str = "auto",
    quiet: bool = False,
    **reading: Any,
) -> Transducer:
    """Train a model on pairs and return it; everything is kept in the run folder ``out``.

    data: a path (CSV, TSV, JSONL, Parquet, parallel text), two paths, a DataFrame, or an iterable of
    pairs. valid, test: the same, or a share ("5%", 0.05) or a count of the pairs. budget: "5m", "90s",
    "1h", or a number of minutes; without budget, epochs or steps it is five minutes, or as long as the recipe
    says. recipe: settings to begin with, such as what ``tiny_transformer()`` of transduce.presets returns; settings:
    "key=value" words as of ``--set``, which change them. ``reading`` passes other fields of ``Request`` on: format,
    encoding, delimiter, header, threads, max_length, tensorboard, wandb. Raises ``TransduceError`` when the input is at fault.
    """
    began = time.perf_counter()
    require(data is not None, "there is no data; give a path, two paths, a DataFrame, or an iterable of pairs.")
    asked: dict[str, Any] = {"data": paths_of(data), "valid": held_out_request(valid), "test": held_out_request(test)}
    given = {"data": data, "valid": valid, "test": test}
    in_memory = {name: each for name, each in given.items() if each is not None and asked[name] is None}
    request = Request(
        **asked | {name: [] for name in in_memory},
        source=source, target=target, budget=None if budget is None else duration(str(budget)), epochs=epochs, steps=steps,
        recipe=recipe, settings=[settings] if isinstance(settings, str) else list(settings), seed=seed, device=device, **reading,
    )  # fmt: skip
    folder = Path(out) if out is not None else default_folder(request)
    return fit(request, folder, began=began, quiet=quiet, in_memory=in_memory)


def fit(request: Request, folder: Path, *, began: float, quiet: bool = False,
        in_memory: dict[str, Any] | None = None, say: Say | None = None) -> Transducer:  # fmt: skip
    """Carry out ``request`` in a new run folder. ``began``: ``time.perf_counter()`` when the user began to wait."""
    check_request(request)
    config = RunConfig(request=request, version=library_versions()["transduce"])
    made = make_folder(folder)
    with alone(folder):
        check_empty(folder)
        remove_leftovers(folder)
        try:
            write_config(folder, config)
            return _run(folder, config, began=began, quiet=quiet, in_memory=in_memory or {}, say=say)
        except BaseException as error:
            _fail(folder, made, error)
            raise


def _fail(folder: Path, made: Sequence[Path], error: BaseException) -> None:
    """Take a run away that failed before there was anything worth keeping; else say how to go on with it."""
    stopped = isinstance(error, KeyboardInterrupt)
    if not has_learned(folder) and not (
        Prepared.exists(folder / PREPARED) and (stopped or isinstance(error, RunError))
    ):
        remove_folder(folder, made)
        if stopped:
            raise Interrupted("Stopped before the pairs were prepared; nothing is kept.") from None
        if isinstance(error, RunError):
            raise RunError(f"{error} Nothing was learned yet; start again then.") from error
    elif stopped:
        raise Interrupted(f"Stopped. {_go_on(folder)}") from None
    elif isinstance(error, RunError) and not str(error).endswith(_go_on(folder)):
        raise RunError(f"{error} {_go_on(folder)}") from error


def resume(
    folder: str | Path, *, quiet: bool = False, began: float | None = None, say: Say | None = None
) -> Transducer:
    """Go on with an interrupted run; the weights at the end are those of a run that was never interrupted.

    A finished run is loaded as it is. Raises ``RunError`` for what is no run folder.
    """
    config, place = read_config(folder), Path(folder)
    if config.status == "finished":
        shutil.rmtree(place / RESUME, ignore_errors=True)  # if it was stopped in the last moment
        if not quiet:
            (say or _say)(
                f"{folder} is finished; there is nothing to go on with. Use it: transduce translate {folder} TEXT"
            )
        return load(folder, device=config.request.device)
    try:
        with alone(place):
            remove_leftovers(place)
            return _run(place, config, began=began or time.perf_counter(), quiet=quiet, in_memory=None, say=say)
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped. {_go_on(place)}") from None


def _run(folder: Path, config: RunConfig, *, began: float, quiet: bool, in_memory: dict[str, Any] | None, say: Say | None
         ) -> Transducer:  # fmt: skip
    """Prepare, decide, train, report; each stage finds what an earlier session left of it.

    in_memory: "data", "valid" and "test" that are no paths; None in a resumed run, which has none.
    """
    say = _silence if quiet else say or _say
    request = config.request
    device = choose_device(request.device)
    torch.set_num_threads(int(request.threads or config.machine.get("threads") or usable_threads()))
    prepared = _prepare(folder, request, in_memory, say)
    if config.status == "preparing":
        config = decide(config, prepared, device, say)
        prepared.tokenizers.save(folder)
        write_config(folder, config)
    train_model = train_alone if config.training.members == 1 else train_side_by_side
    seconds = train_model(folder, config, prepared, device, began=began, quiet=quiet, say=say,
                          how_to_resume=_go_on(folder))  # fmt: skip
    transducer = load_trained(folder, config)
    return _report(folder, transducer, prepared, began=began - seconds, say=say)


def train_one_member(folder: Path, number: int, *, began: float) -> None:
    """What a process does that ``train_side_by_side`` has started. began: ``time.time()`` when the user began to wait."""
    config = read_config(folder)
    place = folder / MEMBERS / str(number)
    make_folder(place)
    with alone(place):  # an orphan of a killed session ends within a moment of it
        train_member(folder, config, _prepare(folder, config.request, None, _silence), number, began=began)


# --------------------------------------------------------------------------------------------------- prepare


def _prepare(folder: Path, request: Request, in_memory: dict[str, Any] | None, say: Say) -> Prepared:
    """The pairs as numbers: read now, or found where an earlier session left them."""
    place = folder / PREPARED
    if Prepared.exists(place):
        return _measurable(Prepared.open(place), request)[0]
    parts = {name: getattr(request, name) for name in ("data", "valid", "test")} | (in_memory or {})
    if in_memory is None and any(each in ([], ["-"]) for each in parts.values()):
        raise RunError(f"{folder}: was stopped before its pairs were read, and they came from memory or standard input. "
                       "Remove the folder, and start again from there.")  # fmt: skip
    settings: dict[str, Any] = {"source": request.source, "target": request.target, "format": request.format,
                                "encoding": request.encoding, "header": request.header,
                                "delimiter": request.delimiter}  # fmt: skip
    reader = open_pairs(_one_or_many(parts["data"]), **settings)
    say(f"Reading {reader.name} ({reader.format}): {reader.source_column} -> {reader.target_column}")
    valid, test = (_held_out(parts[name], settings, reader) for name in ("valid", "test"))
    start = beginning(request)
    tokenizer = with_settings(start.tokenizer, group(request, "tokenizer"))
    cut_anew = with_settings(start.training, group(request, "training")).bpe_dropout > 0  # which characters cannot be

    def fitting(pairs: int, found: PartReport) -> TokenizerConfig:
        if request.recipe:
            return tokenizer
        vocab = tokenizer.vocab if "tokenizer.vocab" in given_settings(request) else choose_vocab(pairs)
        spelled = found.are_words and not cut_anew and "tokenizer.kind" not in given_settings(request)
        kind = "char" if spelled else tokenizer.kind
        return msgspec.structs.replace(tokenizer, vocab=vocab, kind=kind)

    prepared = prepare(reader, folder=place, tokenizer=fitting, valid=valid, test=test, max_length=request.max_length,
                       seed=request.seed)  # fmt: skip
    prepared, left_out = _measurable(prepared, request)
    for line in [*prepared.report.lines(), *prepared.notes, *_too_long_lines(prepared, request.max_length), *left_out]:
        say("  " + line)
    return prepared


def _measurable(prepared: Prepared, request: Request) -> tuple[Prepared, list[str]]:
    """``prepared`` with held-out parts that can be measured again and again, and what to say of it.

    Held-out pairs that training would leave out for their length are left out too: one of them may take longer
    than all others together. A test file is measured whole. Where there is no validation part, because the
    data was enough for one part only, the test part takes its place.
    """
    kept, long, tokenizers = {"valid": prepared.valid, "test": prepared.test}, list[int](), prepared.tokenizers
    for part, pairs in kept.items():
        lengths = zip(tokenizers.source.encode_batch([pair.source for pair in pairs]),
                      tokenizers.target.encode_batch([pair.target for pair in pairs]), strict=True)  # fmt: skip
        fits = [max(map(len, sides)) <= request.max_length for sides in lengths]
        if any(fits) and not all(fits) and not (part == "test" and isinstance(request.test, list)):
            long += [pair.row for pair, fit in zip(pairs, fits, strict=True) if not fit]
            kept[part] = [pair for pair, fit in zip(pairs, fits, strict=True) if fit]
    if not kept["valid"]:
        kept = {"valid": kept["test"], "test": []}
    rows = ", ".join(f"{row:,}" for row in sorted(long)[:5]) + (", ..." if len(long) > 5 else "")
    told = [f"{len(long):,} held-out pair{'s are' if len(long) > 1 else ' is'} longer than {request.max_length:,} tokens "
            f"and left out (row{'s' * (len(long) > 1)} {rows})"]  # fmt: skip
    return replace(prepared, valid=kept["valid"], test=kept["test"]), told if long else []


def _too_long_lines(prepared: Prepared, limit: int) -> list[str]:
    """What was left out of training for its length, if anything."""
    found = prepared.too_long
    if not found.count:
        return []
    rows = ", ".join(f"{row:,}" for row in found.first_rows)
    more = ", ..." if found.count > len(found.first_rows) else ""
    were = "pair is" if found.count == 1 else "pairs are"
    return [f"{found.count:,} training {were} longer than {limit:,} tokens and left out (row{'s' * (found.count > 1)} "
            f"{rows}{more}; the longest has {found.longest:,} tokens); --max-length takes them in."]  # fmt: skip


def _held_out(given: Any, settings: dict[str, Any], reader: PairReader) -> PairReader | float | int | None:
    """A held-out part as ``prepare`` takes it: a reader, a share, a count, or None for the default."""
    if given is None or isinstance(given, (int, float)):
        return given
    if isinstance(given, list) and given and all(isinstance(each, str) for each in given):
        given = beside(given, reader)
    settings = {**settings, "format": None, "header": None}
    if not reader.header:
        return open_pairs(given, **settings)
    del settings["source"], settings["target"]
    return open_like(given, reader.source_column, reader.target_column, **settings)


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
        limit = TER_SHARE * config.request.budget if config.request.budget else TER_SECONDS
        found = transducer.evaluate(pairs, ter_seconds=limit)
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


def _one_or_many(data: Any) -> Any:
    """One path for a list of one path, anything else as it is."""
    return data[0] if isinstance(data, list) and len(data) == 1 and isinstance(data[0], str) else data


def _go_on(folder: Path) -> str:
    return f"Go on with: transduce train --resume {shlex.quote(str(folder))}"


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
