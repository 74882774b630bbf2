"""Do the papers' findings show at this scale? The same small model with and without each, three seeds.

    python benchmarks/papers_signs.py --data FOLDER --target fr --steps 1500

FOLDER holds Multi30k as train.en, train.fr, val.* and test_2016_flickr.*. Each run is one ``transduce train`` of so many
updates in a process with one thread, ``--jobs`` of them at a time; runs that ``--keep`` holds already are not trained again.
BLEU is sacreBLEU's 13a, cased, of test_2016_flickr with beam 5, unless a column says otherwise.

- Sutskever et al. 2014, section 3.3: without attention, an encoder of one direction does better with the source reversed.
- Bahdanau et al. 2015, section 5.2.1: attention helps, and more on long sentences.
- Nguyen and Chiang 2018: source words at the output help.
- Sennrich and Zhang 2019, section 3.2: on little data a small vocabulary helps.
- Sutskever et al. 2014, section 3.6: models with different first weights, together, are better than each alone.
- Polyak and Juditsky 1992: the mean of late weights is better than the last, while the learning rate does not fall.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import lines_of, machine, multi30k, table

SMALL = 4_000  # pairs of the small data
LONG = 16  # words from which a source counts as long; up to SHORT as short
SHORT = 9
PLAIN = ["model.attention=none", "model.bidirectional=false"]  # what reads both ways has nothing to gain from reversal
EVERY = ["training.average=0.2", "tokenizer.vocab=3000"]  # settings of all runs on the whole data
ATTENTION = "attention, both directions"
CONSTANT = "attention, constant rate"
ALONE = ["model.lexical=false"]  # attention alone, as in the papers
RUNS = {  # name -> settings
    "no attention": PLAIN,
    "no attention, reversed": [*PLAIN, "model.reverse_source=true"],
    "no attention, both directions": ["model.attention=none"],
    ATTENTION: ALONE,
    CONSTANT: [*ALONE, "training.optim.schedule=constant"],
    "attention, lexical": [],
}
VOCABULARIES = (1_000, 8_000)


class Runs:
    """Trains what is missing, several at a time, and knows where everything is."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.commands: dict[Path, list[str]] = {}

    def add(self, name: str, seed: int, settings: list[str], *, data: Path, steps: int) -> Path:
        target, texts = self.options.target, self.options.data
        out = self.folder / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
        command = [sys.executable, "-m", "transduce", "train", data / "train.en", data / f"train.{target}", "--valid", texts / "val.en",
                   "--test", texts / "test_2016_flickr.en", "--steps", steps, "--seed", seed, "--threads", 1, "-o", out]  # fmt: skip
        for setting in [*settings, f"training.validate_every={max(1, steps // 5)}"]:
            command += ["--set", setting]
        self.commands[out] = [str(word) for word in command]
        return out

    def train(self) -> None:
        def one(out: Path) -> None:
            if not (out / "report.md").exists():
                subprocess.run(
                    self.commands[out],
                    check=True,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                )
            print(f"{out.name}: BLEU {bleu(out):.1f}", file=sys.stderr, flush=True)

        with ThreadPoolExecutor(self.options.jobs) as jobs:
            list(jobs.map(one, self.commands))


def small_part(data: Path, target: str, folder: Path) -> Path:
    """The first SMALL training pairs as files of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    for language in ("en", target):
        lines = multi30k(data, "train", language)[:SMALL]
        (folder / f"train.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def bleu(run: Path) -> float:
    """Of the test set, as the run's report has it."""
    return json.loads((run / "config.json").read_text())["scores"]["test"]["bleu"]["value"]


def last_and_mean(run: Path) -> tuple[float, float]:
    """Validation BLEU (greedy) of the last weights and of the mean of the late ones."""
    checks = [line["bleu"] for line in lines_of(run / "metrics.jsonl") if line["kind"] == "validation"]
    return checks[-2], checks[-1]


def by_length(outputs: list[str], sources: list[str], references: list[str]) -> tuple[float, float]:
    """BLEU of the short sources and of the long ones."""
    from sacrebleu import corpus_bleu

    scores = []
    for fits in (lambda words: words <= SHORT, lambda words: words >= LONG):
        chosen = [place for place, source in enumerate(sources) if fits(len(source.split()))]
        scores.append(
            corpus_bleu([outputs[place] for place in chosen], [[references[place] for place in chosen]]).score
        )
    return scores[0], scores[1]


def spoken(values: list[float]) -> str:
    """Mean and spread over the seeds: "54.2 ± 0.3"."""
    return f"{statistics.fmean(values):.1f} ± {statistics.stdev(values) if len(values) > 1 else 0:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", default="fr")
    parser.add_argument("--steps", type=int, default=1_500)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, help="folder to keep the runs in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        runs = Runs(options, folder)
        found = {name: [runs.add(name, seed, [*settings, *EVERY], data=options.data, steps=options.steps)
                        for seed in options.seeds]
                 for name, settings in RUNS.items()}  # fmt: skip
        small = small_part(options.data, options.target, folder / "small")
        vocabularies = {size: [runs.add(f"vocabulary {size}", seed, [*ALONE, f"tokenizer.vocab={size}"], data=small,
                                        steps=options.steps // 2) for seed in options.seeds]
                        for size in VOCABULARIES}  # fmt: skip
        runs.train()
        report(options, found, vocabularies)


def report(options: argparse.Namespace, found: dict[str, list[Path]], vocabularies: dict[int, list[Path]]) -> None:
    """Print the tables."""
    from sacrebleu import corpus_bleu

    from transduce.models.ensemble import Ensemble
    from transduce.transducer import Transducer, load

    sources = multi30k(options.data, "test_2016_flickr", "en")
    references = multi30k(options.data, "test_2016_flickr", options.target)
    rows = []
    for name, runs in found.items():
        outputs = [load(run).translate(sources, beam=5) for run in runs]
        lengths = [by_length(each, sources, references) for each in outputs]
        rows.append([name, spoken([bleu(run) for run in runs]), spoken([short for short, _ in lengths]),
                     spoken([long for _, long in lengths])])  # fmt: skip
    members = [load(run) for run in found[ATTENTION]]
    together = Transducer(Ensemble([each.model for each in members]), members[0].tokenizers, members[0].config)
    outputs = together.translate(sources, beam=5)
    score = corpus_bleu(outputs, [references]).score
    rows.append(
        [f"{ATTENTION}, {len(members)} seeds together", f"{score:.1f}", *map("{:.1f}".format, by_length(outputs, sources, references))]
    )  # fmt: skip
    print(f"Multi30k en-{options.target}, {options.steps:,} updates, seeds {options.seeds}; {machine()}\n")
    print(table(["model", "BLEU", f"sources up to {SHORT} words", f"from {LONG} words"], rows), end="\n\n")
    rows = []
    for name, rate in ((ATTENTION, "falls to nothing"), (CONSTANT, "constant")):
        both = [last_and_mean(run) for run in found[name]]
        rows.append([rate, spoken([last for last, _ in both]), spoken([mean for _, mean in both]),
                     spoken([mean - last for last, mean in both])])  # fmt: skip
    print(table(["learning rate (attention)", "last weights", "mean of the last fifth", "gain"], rows))
    print("(validation BLEU, greedy, of 300 sentences that differ from seed to seed)", end="\n\n")
    print(table([f"vocabulary, {SMALL:,} pairs, {options.steps // 2:,} updates", "BLEU"],
                [[f"{size:,}", spoken([bleu(run) for run in runs])] for size, runs in vocabularies.items()]))  # fmt: skip


if __name__ == "__main__":
    main()
