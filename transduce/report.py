"""What a run has to tell when it ends: ``report.md`` and the lines on the screen."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from transduce import metrics
from transduce.config import from_dict, spoken_duration
from transduce.data.report import DataReport
from transduce.errors import printable
from transduce.evaluation import Evaluation
from transduce.files import write_text
from transduce.metrics import Score
from transduce.models import describe
from transduce.run import REPORT, RunConfig

SAMPLES = 10
NAMES = {"bleu": "BLEU", "chrf": "chrF", "ter": "TER", "exact_match": "exact match, %", "perplexity": "perplexity",
         "token_accuracy": "token accuracy, %"}  # fmt: skip


def summary(folder: Path, config: RunConfig, found: Evaluation | None, *, part: str) -> list[str]:
    """The last lines of ``transduce train``: how good, how long, what next."""
    lines = []
    scores = config.scores.get(part)
    if scores and found:
        lines.append(f"On {_pairs(scores)} ({part}), beam {scores['beam']}:")
        lines += [f"  {name:<18} {value:>6}  {signature}".rstrip() for name, value, signature in _rows(scores)]
        for row in _sample_rows(len(found.pairs), config.request.seed)[:3]:
            pair = found.pairs[row]
            lines += [f"  {_shown(pair.source)}", f"    model:     {_shown(found.outputs[row])}",
                      f"    reference: {_shown(pair.target)}"]  # fmt: skip
    lines.append(f"{folder} is ready after {spoken_duration(config.seconds)}. Try: {_command(folder, found)}")
    return lines


def write_report(folder: Path, config: RunConfig, found: Evaluation | None, *, part: str, seed: int) -> None:
    """Write ``report.md``. Raises ``RunError`` when the disk refuses."""
    budget = config.request.budget
    of_budget = f" of {spoken_duration(budget)}, validation and this report included," if budget else ""
    members = config.training.members
    kind = "An encoder-decoder model" if members == 1 else f"{members} encoder-decoder models that translate together"
    lines = [
        f"# {config.source} to {config.target}",
        "",
        f"{kind} ({describe(config.model, members, config.training.right_to_left)}) with {config.parameters:,} parameters, "
        f"made in {spoken_duration(config.seconds)}{of_budget} on {config.machine.get('processor', 'this machine')}.",
        "",
    ]
    scores = config.scores.get(part)
    if scores:
        lines += [f"## How good it is: {_pairs(scores)} ({part}), beam {scores['beam']}", "",
                  "| measure | value | signature |", "|---|---|---|"]  # fmt: skip
        lines += [f"| {name} | {value} | {signature.replace('|', ', ')} |" for name, value, signature in _rows(scores)]
        lines.append("")
    lines += ["## What it learned from", "", *[f"- {line.strip()}" for line in _data_lines(config.data)], ""]
    lines += ["## What was decided", "", *[f"- {reason}" for reason in config.reasons],
              f"- all of it, and by whom: config.json; seed {config.request.seed}", ""]  # fmt: skip
    if found:
        lines += ["## Ten held-out sentences", ""]
        for row in _sample_rows(len(found.pairs), seed):
            pair = found.pairs[row]
            lines += [f"- source: {_inline(pair.source)}", f"  - model: {_inline(found.outputs[row])}",
                      f"  - reference: {_inline(pair.target)}"]  # fmt: skip
        lines.append("")
    name = shlex.quote(str(folder))
    lines += ["## How to use it", "", "```", _command(folder, found),
              f"cat lines.txt | transduce translate {name} > out.txt", f"transduce evaluate {name} pairs.csv", "```", "",
              "```python", "import transduce", f"model = transduce.load({str(folder)!r})",
              f"model.translate({_example(found)!r})", "```", ""]  # fmt: skip
    write_text(folder / REPORT, "\n".join(lines))


def _command(folder: Path, found: Evaluation | None) -> str:
    """The command that translates an example, as a shell wants it."""
    return f'transduce translate {shlex.quote(str(folder))} "{_example(found)}"'


def _pairs(scores: Mapping[str, Any]) -> str:
    return f"{scores['pairs']:,} held-out pair{'s' * (scores['pairs'] != 1)}"


def _rows(scores: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(name, value, signature) of each measure, in a fixed order."""
    return [(NAMES[key], f"{scores[key]['value']:.2f}", scores[key]["signature"]) for key in NAMES if key in scores]


def _data_lines(data: Mapping[str, Any]) -> list[str]:
    return from_dict(DataReport, data).lines() if data else []


def _sample_rows(count: int, seed: int) -> list[int]:
    """Rows of the samples: seeded, so that two runs on the same data show the same ones."""
    chosen = np.random.default_rng(seed).choice(count, min(SAMPLES, count), replace=False)
    return sorted(int(row) for row in chosen)


def _example(found: Evaluation | None) -> str:
    """A held-out source short enough for a command line and free of what a shell or the command would read."""
    sources = [pair.source for pair in found.pairs] if found else []
    fit = [text for text in sources if 10 <= len(text) <= 60 and text.isprintable() and not set(text) & set('"`$\\!')]
    return next((text for text in fit if not text.startswith("-")), "...")


def _shown(text: str, longest: int = 200) -> str:
    """Text on one line of a terminal: white space squeezed, what cannot be printed escaped, cut after ``longest``."""
    line = " ".join(text.split())
    line = line if len(line) <= longest else line[: longest - 3] + "..."
    return printable(line)


def _inline(text: str) -> str:
    """Text on one line of Markdown, its markup shown and not obeyed."""
    return "".join("\\" + char if char in "\\`*_[]<>|#" else char for char in _shown(text, 2_000))


def score_lines(scores: Mapping[str, Score]) -> list[str]:
    """Each measure on a line: name, value, signature."""
    return [
        f"{NAMES[key]:<18} {scores[key].value:7.2f}  {scores[key].signature}".rstrip() for key in NAMES if key in scores
    ]


def write_sentences(path: Path, found: Evaluation) -> None:
    """A table with a row a pair: its row in the file, scores, and the three texts, separated by tabs."""
    scores = metrics.sentence_scores(found.outputs, [pair.target for pair in found.pairs])
    lines = ["row\tbleu\tchrf\tlog_prob\ttokens\tsource\toutput\treference"]
    for pair, output, each, forced in zip(found.pairs, found.outputs, scores, found.forced, strict=True):
        texts = "\t".join(" ".join(text.split()) for text in (pair.source, output, pair.target))
        lines.append(
            f"{pair.row}\t{each['bleu']:.2f}\t{each['chrf']:.2f}\t{forced.log_prob:.4f}\t{forced.tokens}\t{texts}"
        )
    write_text(path, "\n".join(lines) + "\n")
