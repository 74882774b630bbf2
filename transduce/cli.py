"""The command line: each command parses, calls one library function, and prints.

Text goes to stdout, everything else to stderr. torch is imported only inside commands, so that
``--help`` answers at once. Exit status: 0 done, 1 the user's input was at fault, 2 usage, 130 interrupted.
"""

from __future__ import annotations

import inspect as python_inspect
import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from transduce import __version__
from transduce.errors import ConfigError
from transduce.terminal import Commands, Lasting, guarded, start_sooner

if TYPE_CHECKING:
    from transduce.data.readers import PairReader
    from transduce.transducer import Transducer

BEGAN = time.perf_counter()  # as near to the moment the command was typed as we can tell
CHUNK = 1_000  # lines read, translated and written together
LONG = 10  # times the longest training pair; a text of more tokens gets a warning

app = typer.Typer(
    name="transduce", cls=Commands,
    help="Sequence-to-sequence learning on the machine you have: a file of pairs in, a model of your own out.\n\n"
    "Begin with: transduce demo, or transduce train pairs.csv",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip

DataArgument = Annotated[
    list[str],
    typer.Argument(metavar="DATA", help="CSV, TSV, JSONL, Parquet, or two parallel text files; .gz too; - is stdin."),
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as train wrote it.")]
SourceOption = Annotated[str | None, typer.Option(help="Column to read from (guessed when there are two).")]
TargetOption = Annotated[str | None, typer.Option(help="Column to write.")]
FormatOption = Annotated[str | None, typer.Option(help="csv, tsv, jsonl, parquet or text; told by the name otherwise.")]
EncodingOption = Annotated[str, typer.Option(help="Encoding of text files.")]
DelimiterOption = Annotated[str | None, typer.Option(help="What separates CSV cells: , ; | or tab.")]
HeaderOption = Annotated[
    bool | None, typer.Option("--header/--no-header", help="Whether the first row names the columns.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
ThreadsOption = Annotated[int | None, typer.Option(help="Processor threads; all cores by default.")]
BeamOption = Annotated[int | None, typer.Option(help="Beam width; 1 is greedy search.")]
PenaltyOption = Annotated[
    float | None, typer.Option("--length-penalty", help="Exponent of the length penalty (Wu et al. 2016).")
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(help="Drop what is this far below the best in log-probability (2 by default); 0: nothing."),
]
RerankOption = Annotated[
    int | None,
    typer.Option(
        help="With models of both directions: so many times the beam's outputs are ranked by both (2 by default); 0: none, which is quicker."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


@app.callback(invoke_without_command=True)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"transduce {__version__}")
        raise typer.Exit


@app.command(no_args_is_help=True)
def train(
    data: Annotated[list[str] | None, typer.Argument(metavar="DATA", help="CSV, TSV, JSONL, Parquet, or two parallel text files; .gz too; - is stdin.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder to make; runs/NAME by default.")] = None,
    source: SourceOption = None,
    target: TargetOption = None,
    valid: Annotated[list[str] | None, typer.Option(help="Pairs to validate on: a file, a share (0.05) or a count; 5 %, at most 1,000, by default.")] = None,
    test: Annotated[list[str] | None, typer.Option(help="Pairs for the final report: as --valid.")] = None,
    budget: Annotated[str | None, typer.Option(help="Time to be ready in, everything included: 5m, 90s, 1h30m. 5m by default.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the data, instead of a budget.")] = None,
    steps: Annotated[int | None, typer.Option(help="Updates, instead of a budget.")] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="A paper's recipe to begin with; transduce presets lists them.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting, e.g. model.attention=none, model.family=transformer, tokenizer.kind=char; --set list shows them all.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
    resume: Annotated[Path | None, typer.Option(metavar="RUN", help="Go on with an interrupted run.")] = None,
    format: FormatOption = None,
    encoding: EncodingOption = "utf-8",
    delimiter: DelimiterOption = None,
    header: HeaderOption = None,
    max_length: Annotated[int, typer.Option(help="Longest side of a training pair, in tokens; longer pairs are left out and counted.")] = 250,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard events too.")] = False,
    wandb: Annotated[bool, typer.Option("--wandb", help="Write Weights & Biases logs too, offline unless WANDB_MODE says otherwise.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:  # fmt: skip
    """Train a model on pairs of text, evaluate it, and keep it in a run folder.

    Example: transduce train pairs.csv --source english --target french --budget 5m -o runs/en-fr
    """
    options = locals()
    sys.stderr = cast(TextIO, Lasting(sys.stderr))
    if settings and "list" in settings:
        _list_settings(preset, [word for word in settings if word != "list"])
        return
    if resume is not None:
        if data:
            raise typer.BadParameter("--resume RUN goes on with that run's own data; leave DATA out.")
        _refuse_changes(options)
        from transduce import pipeline

        pipeline.resume(resume, quiet=quiet, began=BEGAN)
        return
    if not data:
        raise typer.BadParameter("there is no DATA. Example: transduce train pairs.csv")
    from transduce.config import duration

    seconds = None if budget is None else duration(budget)
    from transduce import pipeline
    from transduce.presets import find
    from transduce.request import Request, default_folder, held_out_request, paths_of

    request = Request(
        data=paths_of(data) or [], source=source, target=target, budget=seconds,
        valid=held_out_request(_one_or_many(valid)), test=held_out_request(_one_or_many(test)),
        epochs=epochs, steps=steps, recipe=find(preset) if preset else None, settings=settings or [], seed=seed, device=device, threads=threads,
        format=format, encoding=encoding, delimiter=delimiter, header=header, max_length=max_length,
        tensorboard=tensorboard, wandb=wandb,
    )  # fmt: skip
    pipeline.fit(request, out or default_folder(request), began=BEGAN, quiet=quiet)


@app.command(hidden=True)
def member(
    run: RunArgument,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The member, from 0.")],
    began: Annotated[float, typer.Option(help="time.time() when the user began to wait.")],
) -> None:
    """Train one of the models of a run that are trained side by side. Started by train, and ended with it.

    Example: transduce member runs/en-fr 0 --began 1700000000
    """
    from transduce import pipeline

    pipeline.train_one_member(run, number, began=began)


@app.command()
def presets(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The preset to show; all of them, a line each, without it.")] = None,
    settings: Annotated[bool, typer.Option("--settings", help="Only the settings, as --set takes them.")] = False,
) -> None:  # fmt: skip
    """The papers' recipes: what each sets, where from, where we depart, and what to expect.

    Example: transduce presets tiny-transformer
    """
    if settings and name is None:
        raise typer.BadParameter("--settings needs NAME, the preset whose settings are wanted.")
    from transduce.presets import find, lines, overview, page

    shown = overview() if name is None else lines(find(name)) if settings else page(name)
    print("\n".join(shown))


@app.command(no_args_is_help=True)
def translate(
    run: RunArgument,
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts, each translated to a line; stdin, line by line, when there is none.")] = None,
    file: Annotated[str | None, typer.Option("--file", "-f", metavar="FILE", help="Translate this file's lines; - is stdin.")] = None,
    beam: BeamOption = None,
    nbest: Annotated[int, typer.Option(help="Outputs for each text: number, score and text, separated by tabs.")] = 1,
    beam_threshold: ThresholdOption = None,
    rerank: RerankOption = None,
    length_penalty: PenaltyOption = None,
    sample: Annotated[bool, typer.Option("--sample", help="Draw from the distribution instead of searching.")] = False,
    temperature: Annotated[float | None, typer.Option(help="With --sample: below 1 is more certain, above 1 more varied.")] = None,
    top_k: Annotated[int | None, typer.Option(help="With --sample: only among the k likeliest tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(help="With --sample: only among the likeliest tokens that make up p.")] = None,
    seed: Annotated[int | None, typer.Option(help="With --sample.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line: source, outputs with scores.")] = False,
    encoding: EncodingOption = "utf-8",
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:  # fmt: skip
    """Translate texts, a file, or standard input, in the input's order.

    Example: transduce translate runs/en-fr "A man is riding a horse."
    """
    if text and file:
        raise typer.BadParameter("Give TEXT or --file, not both.")
    if not sample and any(value is not None for value in (temperature, top_k, top_p, seed)):
        raise typer.BadParameter("--temperature, --top-k, --top-p and --seed belong to --sample.")
    options = _chosen(beam=beam, beam_threshold=beam_threshold, rerank=rerank, nbest=nbest, length_penalty=length_penalty,
                      temperature=temperature, top_k=top_k, top_p=top_p, seed=seed) | ({"sample": True} if sample else {})  # fmt: skip
    if nbest > 1 and beam is None and not sample:
        options["beam"] = max(5, nbest)
    lines: Iterable[str] = text or []
    at_once = CHUNK
    if not text or text == ["-"]:
        from transduce.data.readers import read_lines

        lines = read_lines(file or "-", encoding=encoding)
        at_once = 1 if file in (None, "-") and sys.stdin is not None and sys.stdin.isatty() else CHUNK
    model = _load(run, device, threads)
    if at_once == 1:
        print("Type a text and Enter; Ctrl-D ends.", file=sys.stderr)
    done = 0
    for chunk in _chunks(lines, at_once):
        _warn_of_long(chunk, done, model)
        for source, outputs in zip(chunk, model.hypotheses(chunk, **options), strict=True):
            _print_outputs(source, outputs, nbest=nbest, as_json=json)
        sys.stdout.flush()
        done += len(chunk)


@app.command(no_args_is_help=True)
def evaluate(
    run: RunArgument,
    data: DataArgument,
    source: SourceOption = None,
    target: TargetOption = None,
    beam: BeamOption = None,
    beam_threshold: ThresholdOption = None,
    rerank: RerankOption = None,
    length_penalty: PenaltyOption = None,
    json: JsonOption = False,
    per_sentence: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a table with a row a pair: scores, source, output, reference (TSV).")] = None,
    ter: Annotated[bool, typer.Option("--ter", help="TER however long it takes; without this it is left out where that is more than 20 seconds.")] = False,
    format: FormatOption = None,
    encoding: EncodingOption = "utf-8",
    delimiter: DelimiterOption = None,
    header: HeaderOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:  # fmt: skip
    """Measure a model against pairs: BLEU, chrF, TER, exact match, perplexity, token accuracy.

    Example: transduce evaluate runs/en-fr test.csv
    """
    model = _load(run, device, threads)
    if per_sentence and not per_sentence.absolute().parent.is_dir():
        raise ConfigError(f"--per-sentence {per_sentence}: there is no folder {per_sentence.parent}.")
    reader = _pairs(model, data, source, target, format=format, encoding=encoding, delimiter=delimiter, header=header)
    pairs = list(reader)
    _tell_dropped(reader)
    patience = {"ter_seconds": float("inf")} if ter else {}
    found = model.evaluate(
        pairs,
        **_chosen(beam=beam, beam_threshold=beam_threshold, rerank=rerank, length_penalty=length_penalty),
        **patience,
    )
    if "ter" not in found.scores:
        print(
            "TER is left out: its search takes long on outputs like these. Give --ter to wait for it.", file=sys.stderr
        )
    if per_sentence:
        from transduce.report import write_sentences

        write_sentences(per_sentence, found)
    if json:
        scores: dict[str, Any] = {
            key: {"value": score.value, "signature": score.signature} for key, score in found.scores.items()
        }
        _print_json(
            {"run": str(run), "data": data, "pairs": len(pairs), "seconds": round(found.seconds, 3), "scores": scores}
        )
        return
    from transduce.report import score_lines

    print(
        f"{len(pairs):,} pair{'s' * (len(pairs) > 1)}, translated in {found.seconds:.1f} s ({len(pairs) / max(found.seconds, 1e-9):,.0f} a second)"
    )
    for line in score_lines(found.scores):
        print(line)


@app.command(no_args_is_help=True)
def score(
    run: RunArgument,
    data: DataArgument,
    source: SourceOption = None,
    target: TargetOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    format: FormatOption = None,
    encoding: EncodingOption = "utf-8",
    delimiter: DelimiterOption = None,
    header: HeaderOption = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Log-probability of given pairs: for each, its sum over tokens (natural logarithm) and the number of tokens.

    Example: transduce score runs/en-fr pairs.csv
    """
    model = _load(run, device, threads)
    reader = _pairs(model, data, source, target, format=format, encoding=encoding, delimiter=delimiter, header=header)
    for chunk in _chunks(reader, CHUNK):
        for pair, found in zip(chunk, model.forced((pair.source, pair.target) for pair in chunk), strict=True):
            if json:
                _print_json({"row": pair.row, "log_prob": found.log_prob, "tokens": found.tokens,
                             "source": pair.source, "target": pair.target})  # fmt: skip
            else:
                print(f"{found.log_prob:.4f}\t{found.tokens}")
        sys.stdout.flush()
    _tell_dropped(reader)


@app.command(no_args_is_help=True)
def explain(
    run: RunArgument,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The text to translate; - is the first line of stdin.")] = None,
    target: Annotated[str | None, typer.Option(help="Explain this translation instead of the model's own: why not this one?")] = None,
    beam: BeamOption = None,
    length_penalty: PenaltyOption = None,
    top: Annotated[int, typer.Option(help="Likeliest tokens shown at each step.")] = 10,
    step: Annotated[str | None, typer.Option(metavar="N", help="Show only step N in full, from 1; all: every step, however many.")] = None,
    gradient: Annotated[str | None, typer.Option(metavar="METHOD", help="Which source tokens each symbol depends on: input-x-gradient or integrated.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Every number, as one JSON object (docs/explain.md).")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page to open in a browser: one file, no network.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw attention and states.")] = None,
    map: Annotated[str | None, typer.Option(metavar="FILE", help="Instead of one TEXT: where each line of this file lies among the others; - is stdin.")] = None,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:  # fmt: skip
    """Open a model on one text: states, attention, what the beam kept and dropped, how the score adds up.

    Example: transduce explain runs/en-fr "A man is riding a horse." --html man.html
    """
    methods = {"input-x-gradient": "input_x_gradient", "integrated": "integrated_gradients"}
    if gradient is not None and gradient not in methods:
        raise typer.BadParameter(f"--gradient is {' or '.join(methods)}; got {gradient}.")
    if (text is None) == (map is None):
        raise typer.BadParameter("give one TEXT, or --map FILE.")
    if step is not None and step != "all" and not (step.isdecimal() and int(step) >= 1):
        raise typer.BadParameter(f"--step is a number from 1, or all; got {step}.")
    from transduce.data.readers import read_lines

    if map is not None:
        _map(_load(run, device, threads), list(read_lines(map, encoding="utf-8")), as_json=json, html=html, png=png)
        return
    given = next(iter(read_lines("-", encoding="utf-8")), "") if text == "-" else text or ""
    # One sentence is too little work to share, but for gradients.
    model = _load(run, device, threads or (1 if gradient is None else None))
    from transduce.explain.trace import trace

    _warn_of_long([given], 0, model)
    found = trace(model, given, target=target, beam=beam, length_penalty=length_penalty, top=top,
                  gradient=cast(Any, methods.get(gradient or "")))  # fmt: skip
    if step not in (None, "all") and int(step or 0) > len(found.steps):
        raise ConfigError(f"--step {step}: only {len(found.steps):,} symbols were written.")
    if html:
        from transduce.explain.page import render_page
        from transduce.files import write_text

        write_text(html, render_page(found))
    if png:
        from transduce.explain.pictures import save_picture

        _warn(save_picture(found, png))
    if json:
        _print_json(found)
    elif html or png:
        print(
            f"{_one_line(found.target.text)}\nwrote {' and '.join(str(path) for path in (html, png) if path)}",
            file=sys.stderr,
        )
    else:
        from transduce.explain.terminal import show

        show(found, step=int(step) if step not in (None, "all") else None, every=step == "all")


@app.command(no_args_is_help=True)
def inspect(
    data: DataArgument,
    source: SourceOption = None,
    target: TargetOption = None,
    valid: Annotated[list[str] | None, typer.Option(help="A held-out file, to look for overlap.")] = None,
    test: Annotated[list[str] | None, typer.Option(help="Another held-out file.")] = None,
    json: JsonOption = False,
    format: FormatOption = None,
    encoding: EncodingOption = "utf-8",
    delimiter: DelimiterOption = None,
    header: HeaderOption = None,
) -> None:
    """Look at a file before training on it: rows, lengths, duplicates, overlap, odd rows by number.

    Example: transduce inspect pairs.csv --test test.csv
    """
    from transduce.config import to_dict
    from transduce.data.readers import open_pairs
    from transduce.data.report import inspect_pairs

    settings: dict[str, Any] = {
        "source": source,
        "target": target,
        "encoding": encoding,
        "header": header,
        "delimiter": delimiter,
    }
    readers = [open_pairs(paths if len(paths) > 1 else paths[0], format=format, **settings) if paths else None
               for paths in (data, valid, test)]  # fmt: skip
    assert readers[0] is not None
    found = inspect_pairs(readers[0], valid_reader=readers[1], test_reader=readers[2])
    if json:
        _print_json(to_dict(found))
    else:
        print("\n".join(found.lines()))


@app.command(no_args_is_help=True)
def serve(
    runs: Annotated[list[Path] | None, typer.Argument(metavar="RUN...", help="Run folders; each is a pair of languages, or is served under its name.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; others than loopback need a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 5000,
    keys: Annotated[Path | None, typer.Option(metavar="FILE", help="Hashes of API keys; one more key may stand in TRANSDUCE_API_KEY.")] = None,
    new_key: Annotated[str | None, typer.Option(metavar="NAME", help="Make a key, add its hash to --keys FILE, print it, and end.")] = None,
    allow_host: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Name beside localhost that clients may call us by.")] = None,
    origin: Annotated[list[str] | None, typer.Option(metavar="URL", help="Site whose pages may call us (CORS), e.g. https://example.org.")] = None,
    proxy: Annotated[str, typer.Option(metavar="ADDRESSES", help="Reverse proxies whose X-Forwarded-For is believed, separated by commas.")] = "",
    rate: Annotated[float, typer.Option(help="Requests a second of one key or address; 0: no limit.")] = 50,
    burst: Annotated[int, typer.Option(help="Requests that may come at once before the rate counts.")] = 200,
    max_body: Annotated[int, typer.Option(help="Bytes of a request.")] = 2_000_000,
    max_file: Annotated[int, typer.Option(help="Bytes of a request to /translate_file.")] = 10_000_000,
    max_text: Annotated[int, typer.Option(help="Characters of a request, all texts together.")] = 100_000,
    max_texts: Annotated[int, typer.Option(help="Texts of a request.")] = 1_000,
    max_depth: Annotated[int, typer.Option(help="Depth of JSON.")] = 16,
    max_header: Annotated[int, typer.Option(help="Bytes of a request's head.")] = 16_384,
    max_beam: Annotated[int, typer.Option(help="Widest beam, and most alternatives, that a client may ask for.")] = 20,
    receive_timeout: Annotated[float, typer.Option(help="Seconds for a request to arrive whole.")] = 10,
    keep_alive: Annotated[float, typer.Option(help="Seconds that an idle connection is kept.")] = 15,
    max_connections: Annotated[int, typer.Option(help="Connections at once.")] = 1_000,
    max_requests: Annotated[int, typer.Option(help="Requests accepted and not answered yet; beyond it: 503.")] = 512,
    max_characters: Annotated[int, typer.Option(help="Characters of these.")] = 1_000_000,
    max_wait: Annotated[float, typer.Option(help="Expected seconds until a new request is begun; beyond it: 503.")] = 1,
    deadline: Annotated[float, typer.Option(help="Seconds for a request to be answered; the longest that a client may name.")] = 60,
    file_deadline: Annotated[float, typer.Option(help="Seconds for a file to be translated.")] = 3_600,
    window: Annotated[float, typer.Option(help="Seconds that an idle worker waits for company of a sentence.")] = 0.003,
    batch_tokens: Annotated[int, typer.Option(help="Sentences of a batch * beam * longest, in tokens.")] = 4_000,
    workers: Annotated[int, typer.Option(help="Processes that translate.")] = 1,
    threads: Annotated[int, typer.Option(help="Processor threads of each worker; 0: as many as are fastest, which is tried at the start.")] = 0,
    drain: Annotated[float, typer.Option(help="Seconds after SIGTERM for what was accepted.")] = 25,
    file_space: Annotated[int, typer.Option(help="Bytes kept of translated files.")] = 64_000_000,
    file_seconds: Annotated[float, typer.Option(help="Seconds that a translated file is kept.")] = 600,
    log_text: Annotated[bool, typer.Option("--log-text", help="Write users' texts to the log, for finding faults.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="A line in the log for each request, without its text.")] = False,
    device: DeviceOption = "auto",
) -> None:  # fmt: skip
    """Serve translators over HTTP: LibreTranslate's API, ours, and a page.

    Example: transduce serve runs/en-fr runs/fr-en
    """
    options = locals()
    if new_key is not None:
        if keys is None:
            raise typer.BadParameter("--new-key needs --keys FILE, to keep the hash in.")
        from transduce.serve.keys import add_key

        print(add_key(keys, new_key))
        return
    if not runs:
        raise typer.BadParameter("there is no RUN. Example: transduce serve runs/en-fr")
    from transduce.errors import MissingExtra

    try:
        import py3langid  # noqa: F401
        import python_multipart  # noqa: F401
        import sentencex  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise MissingExtra("serve", "Serving") from None
    from transduce.serve import start

    start(runs, options, keys=keys, device=device, verbose=verbose)


@app.command(hidden=True)
def serve_worker() -> None:
    """A process that holds models for serve, which starts it and speaks to it over stdin and stdout."""
    from transduce.serve.wire import own_streams

    orders, replies = own_streams()  # before anything can print
    start_sooner()
    import transduce.explain.page
    import transduce.explain.trace  # noqa: F401  (an import that is given up half-way would be missing later)
    from transduce.serve import log_to_stderr
    from transduce.serve.worker import work

    log_to_stderr()
    work(orders, replies, explain=_explained, explain_page=_explained_page)


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Run folder to make; runs/demo by default.")] = None,
    budget: Annotated[str, typer.Option(help="Time to be ready in.")] = "2m",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
) -> None:
    """Train a translator on the built-in English-French pairs, in about two minutes, with no network.

    Example: transduce demo
    """
    from transduce.config import duration

    seconds = duration(budget)
    from transduce import pipeline

    pipeline.demo(out, seconds=seconds, seed=seed, began=BEGAN)


@app.command()
def lesson(
    input: Annotated[str, typer.Option(help="What is read: numbers, or words with --loss cross-entropy.")] = "1 2 3",
    output: Annotated[str, typer.Option(help="What is to be written.")] = "4 5 6",
    loss: Annotated[str, typer.Option(help="squared, for numbers; cross-entropy, for words: the symbols of a vocabulary.")] = "squared",
    activation: Annotated[str, typer.Option(help="sigma: tanh, sigmoid, relu or identity.")] = "tanh",
    output_activation: Annotated[str | None, typer.Option(help="Of y, for numbers: identity, sigmoid, tanh or relu; identity by default.")] = None,
    hidden: Annotated[int, typer.Option(help="Units of encoder and decoder.")] = 2,
    start: Annotated[float, typer.Option(help="y_0, the number that the decoder is fed first.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the first weights.")] = 0,
    learning_rate: Annotated[float | None, typer.Option(help="Of gradient descent; 0.02 by default, 0.3 for words.")] = None,
    steps: Annotated[int, typer.Option(help="At most.")] = 5000,
    clip: Annotated[float | None, typer.Option(help="Shorten gradients to this length; not done by default.")] = None,
    within: Annotated[float, typer.Option(help="How near each written number must come.")] = 0.05,
    digits: Annotated[int, typer.Option(help="Decimals.")] = 4,
    brief: Annotated[bool, typer.Option("--brief", help="Results only, without the numbers substituted.")] = False,
) -> None:  # fmt: skip
    """The worked example: 1 2 3 goes in, 4 5 6 is to come out, and every number on the way is shown.

    Exit status 1 where the network did not learn it. Example: transduce lesson --hidden 3 | less
    """
    options = locals()
    del options["brief"]
    from transduce.config import from_dict
    from transduce.explain.lesson import LessonConfig
    from transduce.explain.lesson import lesson as give

    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    if not give(from_dict(LessonConfig, options), print, color=color, brief=brief):
        raise typer.Exit(1)


def main() -> None:
    """The ``transduce`` command."""
    guarded(app)


def _explained(model: Transducer, text: str, options: dict[str, Any]) -> bytes:
    """What the service answers to /v1/explain."""
    import msgspec

    from transduce.explain.trace import trace

    return msgspec.json.encode(
        msgspec.structs.replace(trace(model, text, **options), run=model.path.name if model.path else "")
    )


def _explained_page(model: Transducer, text: str, options: dict[str, Any]) -> str:
    """The page that the service opens for a sentence."""
    import msgspec

    from transduce.explain.page import render_page
    from transduce.explain.trace import trace

    found = trace(model, text, **options)
    return render_page(msgspec.structs.replace(found, run=model.path.name if model.path else ""))


def _refuse_changes(options: dict[str, Any]) -> None:
    """Refuse options beside --resume: a run goes on as it began. Raises ``typer.BadParameter``."""
    parameters = python_inspect.signature(train).parameters
    for name, value in options.items():
        if name not in ("resume", "quiet", "data") and value != parameters[name].default:
            option = {"settings": "set"}.get(name, name).replace("_", "-")
            raise typer.BadParameter(f"--{option} cannot be changed on --resume: a run goes on as it began.")


def _load(run: Path, device: str, threads: int | None) -> Transducer:
    start_sooner()
    from transduce.run import read_config

    read_config(run)  # the cheap checks first
    import torch

    from transduce.request import check_threads
    from transduce.training.device import usable_threads
    from transduce.transducer import load

    check_threads(threads)
    torch.set_num_threads(threads or usable_threads())
    return load(run, device=device)


def _pairs(model: Transducer, data: list[str], source: str | None, target: str | None, **reading: Any) -> PairReader:
    """Pairs to measure on; the columns are those the model was trained on, where the file has them."""
    from transduce.data.alike import open_like
    from transduce.data.readers import open_pairs

    paths = _one_or_many(data)
    if source is None and target is None:
        return open_like(paths, model.config.source, model.config.target, **reading)
    return open_pairs(paths, source=source, target=target, **reading)


def _map(model: Transducer, texts: list[str], *, as_json: bool, html: Path | None, png: Path | None) -> None:
    """Sentences by their vectors: a page, a picture, JSON, or characters."""
    from transduce.explain.sentences import map_lines, sentence_map

    found = sentence_map(model, texts)
    if html:
        from transduce.explain.page import render_map
        from transduce.files import write_text

        write_text(html, render_map(found))
    if png:
        from transduce.explain.pictures import save_map

        _warn(save_map(found, png))
    if as_json:
        _print_json(found)
    elif html or png:
        print(f"wrote {' and '.join(str(path) for path in (html, png) if path)}", file=sys.stderr)
    else:
        from shutil import get_terminal_size

        print("\n".join(map_lines(found, width=get_terminal_size().columns)))


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


def _one_or_many(given: list[str] | None) -> Any:
    return given[0] if given and len(given) == 1 else given or None


def _tell_dropped(reader: PairReader) -> None:
    """Say which rows were left out: the output has no line for them."""
    for reason, dropped in reader.dropped.items():
        rows = ", ".join(f"{row:,}" for row in dropped.first_rows) + (
            ", ..." if dropped.count > len(dropped.first_rows) else ""
        )
        print(f"{reader.name}: {dropped.count:,} left out, {reason} (row {rows})", file=sys.stderr)


def _warn_of_long(texts: list[str], before: int, model: Transducer) -> None:
    """Say which texts are so long that the model will take its time and not do well."""
    limit = LONG * model.config.request.max_length
    for number, text in enumerate(texts, start=before + 1):
        if len(text) > limit and (tokens := len(model.tokenizers.source.encode(text))) > limit:
            print(f"text {number:,} has {tokens:,} tokens, and the model learned from at most {model.config.request.max_length:,}: "
                  "this takes long and will not be good. Cut it into sentences.", file=sys.stderr, flush=True)  # fmt: skip


def _print_outputs(source: str, outputs: list[tuple[str, Any]], *, nbest: int, as_json: bool) -> None:
    if as_json:
        _print_json({"source": source, "outputs": [{"text": text, "score": each.score, "log_prob": each.log_prob}
                                                   for text, each in outputs]})  # fmt: skip
    elif nbest > 1:
        for number, (text, each) in enumerate(outputs, start=1):
            print(f"{number}\t{each.score:.4f}\t{_one_line(text)}")
        if not outputs:  # a blank text; number 1 begins each text's outputs
            print("1\t0.0000\t")
    else:
        print(_one_line(outputs[0][0]) if outputs else "")


def _one_line(text: str) -> str:
    """A line feed in an output would shift every line after it."""
    return text.replace("\r", " ").replace("\n", " ")


def _print_json(value: Any) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _chosen(**options: Any) -> dict[str, Any]:
    """The options that were given; the run's own defaults hold for the others."""
    return {name: value for name, value in options.items() if value is not None}


def _list_settings(preset: str | None, settings: list[str]) -> None:
    """Every setting as ``--set`` takes it: the preset's or the defaults, with these words."""
    from transduce.config import with_settings
    from transduce.presets import find, lines
    from transduce.request import Settings

    print("\n".join(lines(with_settings(find(preset) if preset else Settings(), settings))))
