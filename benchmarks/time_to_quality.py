"""BLEU against wall-clock time: the whole command, from typing it to the end of its report. A table and a picture.

    python benchmarks/time_to_quality.py --data FOLDER --target fr --budgets 1m 5m 20m --seeds 1 2 3 --keep RUNS \\
        --configuration "transformer: model.family=transformer" --peers peers.jsonl --picture docs/pictures/time-to-quality.svg

FOLDER holds Multi30k as train.en, train.fr, val.* and test_2016_flickr.*. Each budget of each configuration and seed is
one ``transduce train`` in a process of its own; the clock runs from before the process starts until it has ended.
``--set`` holds for all configurations; without ``--configuration`` there is one, what the budget chooses. ``--keep`` keeps
the runs, and a run that it has already is not repeated. ``--peers`` takes the JSON lines of benchmarks/peers/run.py.

Validation and test are translated whole after the clock has stopped, greedy and with beam 5. BLEU is sacreBLEU's 13a,
cased; for German also the measure of the published tables (``common.multi_bleu``). The curves are greedy validation BLEU.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import lines_of, machine, multi30k, multi_bleu, peers_table, run_curve, spread, table, trained

import transduce
from transduce.config import duration
from transduce.metrics import corpus_scores

SEARCHES = {"greedy": 1, "beam": 5}
LANGUAGES = {"fr": "French", "de": "German"}
COLORS = ["#0b5cad", "#a84300", "#2e7d32", "#6a1b9a", "#00838f", "#8d6e00"]


def measured(out: Path, options: argparse.Namespace, wall: float, began: float) -> dict[str, Any]:
    """What a finished run reaches on the whole validation and test parts."""
    model = transduce.load(out)
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = {
        "wall": wall, "parameters": config["parameters"], "model": described(config["model"]),
        "curve": run_curve(out, began=began), "valid": {}, "test": {}, "published": {},
    }  # fmt: skip
    for part, file in (("valid", "val"), ("test", "test_2016_flickr")):
        source, references = (multi30k(options.data, file, language) for language in ("en", options.target))
        for search, beam in SEARCHES.items():
            lines = model.translate(source, beam=beam)
            score = corpus_scores(lines, references)["bleu"]
            found[part][search], found["signature"] = score.value, score.signature
            if part == "test" and options.target == "de":
                found["published"][search], found["published_signature"] = multi_bleu(lines, references, "de")
    return found


def described(model: Mapping[str, Any]) -> str:
    """The family of a model and its size in a few words."""
    cell = model.get("cell", model["family"])
    layers = model.get("layers", "")
    encoder = model.get("encoder_layers")
    return f"{cell} {f'{encoder}+' if encoder else ''}{layers}x{model.get('hidden', '')}"


def run(
    options: argparse.Namespace, name: str, settings: list[str], budget: str, seed: int, folder: Path
) -> dict[str, Any]:
    """Train once, unless that has been done; measure once."""
    label = "" if name == "budget's choice" else f"-{name.replace(' ', '-')}"
    out = folder / f"en-{options.target}-{budget}{label}-{seed}"
    told = out.with_name(f"{out.name}.figures.json")
    if told.exists():
        return json.loads(told.read_text(encoding="utf-8"))
    if (wall := finished(out)) is None:
        wall, began = trained(options.data, options.target, budget, seed, settings, out, threads=options.threads)
    else:
        began = 0.0  # reading and preparing, a few seconds, are not in the run's own clock
    kept = {"configuration": name, "budget": budget, "seed": seed} | measured(out, options, wall, began)
    told.write_text(json.dumps(kept, ensure_ascii=False) + "\n", encoding="utf-8")
    return kept


def finished(out: Path) -> float | None:
    """Seconds of the whole command, as a finished run tells them; None where there is none."""
    path = out / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return config["seconds"] if config.get("status") == "finished" else None


def grouped(runs: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Runs by configuration and budget, in the order in which they were asked for."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in runs:
        groups.setdefault((each["configuration"], each["budget"]), []).append(each)
    return groups


def summary(runs: Sequence[dict[str, Any]], target: str) -> str:
    """One row a configuration and budget: means over seeds, with their deviation."""
    rows = []
    for (name, budget), group in grouped(runs).items():

        def pair(part: str, group: list[dict[str, Any]] = group) -> str:
            greedy, beam = (spread([each[part][search] for each in group], 2) for search in SEARCHES)
            return f"{greedy} ({beam})"

        walls = [each["wall"] for each in group]
        share = 100 * max(walls) / duration(budget)
        models = ", ".join(sorted({each["model"] for each in group}))
        rows.append([name, budget, len(group), f"{statistics.fmean(walls):.0f}", f"{share:.1f}", models,
                     f"{group[0]['parameters'] / 1e6:.2f}M", pair("valid"), pair("test"),
                     *([pair("published")] if target == "de" else [])])  # fmt: skip
    heads = ["configuration", "budget", "seeds", "seconds", "at most, % of budget", "model", "parameters",
             "valid BLEU greedy (beam 5)", "test BLEU greedy (beam 5)"]  # fmt: skip
    return table(heads + (["test, published measure"] if target == "de" else []), rows)


def order(runs: Sequence[dict[str, Any]]) -> str:
    """Whether choosing by validation is choosing by test, among the configurations of each budget."""
    told = []
    for budget in dict.fromkeys(each["budget"] for each in runs):
        means = {
            part: {name: statistics.fmean(each[part]["beam"] for each in group)
                   for (name, when), group in grouped(runs).items() if when == budget}
            for part in ("valid", "test")
        }  # fmt: skip
        orders = [sorted(means[part], key=means[part].__getitem__, reverse=True) for part in ("valid", "test")]
        if len(orders[0]) > 1:
            told.append(f"{budget}: by validation {' > '.join(orders[0])}; by test {' > '.join(orders[1])}")
    return "\n".join(told)


def draw(runs: Sequence[dict[str, Any]], peers: Sequence[dict[str, Any]], path: Path, target: str) -> None:
    """One curve a run, one color a configuration or peer; a dot where a run ended."""
    import matplotlib
    import matplotlib.ticker

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 10, "font.family": "sans-serif", "svg.fonttype": "none", "svg.hashsalt": "transduce",
                         "axes.spines.top": False, "axes.spines.right": False})  # fmt: skip
    figure, axes = plt.subplots(figsize=(8, 4.4), dpi=130)
    names = list(dict.fromkeys(each["configuration"] for each in runs))
    for number, name in enumerate(names):
        color, label = COLORS[number % len(COLORS)], f"Transduce, {name}"
        for each in (each for each in runs if each["configuration"] == name):
            minutes, scores = zip(*each["curve"], strict=True) if each["curve"] else ((), ())
            axes.plot([when / 60 for when in minutes], scores, color=color, linewidth=1.1, alpha=0.75, label=label)
            axes.plot(each["wall"] / 60, each["valid"]["greedy"], "o", color=color, markersize=5)
            label = None
    systems = [name for name in dict.fromkeys(each["system"] for each in peers) if name != "Transduce"]
    for number, system in enumerate(systems):
        color, label = plt.get_cmap("Dark2")(number % 8), system
        for each in (each for each in peers if each["system"] == system and each["trained_seconds"]):
            points = each["curve"] or [(each["trained_seconds"], each["valid"]["greedy"])]
            minutes, scores = zip(*points, strict=True)
            axes.plot(
                [when / 60 for when in minutes], scores, "s--", color=color, linewidth=1, markersize=3, label=label
            )
            label = None
    walls = [each["wall"] for each in runs]
    if max(walls) > 8 * min(walls):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    else:
        axes.set_xlim(0, None)
    axes.set(ylim=(0, None), ylabel="validation BLEU, greedy", title=f"Multi30k English to {LANGUAGES[target]}",
             xlabel="minutes of wall clock: ours of the whole command, the peers' of training alone\n"
                    "lines: ours on 300 sentences of validation, the peers' on all; dots: ours on all, at the end")  # fmt: skip
    axes.grid(axis="y", color="#e4e7ea", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", default="fr", choices=LANGUAGES)
    parser.add_argument("--budgets", nargs="+", default=["5m"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--threads", type=int, help="of training; all cores without it")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE for every run")
    parser.add_argument(
        "--configuration", action="append", default=[], help='"NAME: KEY=VALUE KEY=VALUE", a curve of its own'
    )
    parser.add_argument("--keep", type=Path, help="folder to keep the runs in; what it has is not repeated")
    parser.add_argument("--peers", type=Path, help="JSON lines of benchmarks/peers/run.py")
    parser.add_argument("--picture", type=Path, help="file for the picture: .svg or .png")
    options = parser.parse_args()
    named = [each.partition(":")[::2] for each in options.configuration] or [("budget's choice", "")]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        runs = [run(options, name.strip(), [*options.set, *settings.split()], budget, seed, folder)
                for name, settings in named for budget in options.budgets for seed in options.seeds]  # fmt: skip
    peers = lines_of(options.peers) if options.peers else []
    print(f"\nMulti30k en-{options.target}, test_2016_flickr; {machine()}\n")
    print(summary(runs, options.target))
    print("\n".join(filter(None, ["", order(runs), runs[0]["signature"], runs[0].get("published_signature")])))
    if peers:
        print(f"\n{peers_table(peers)}")
    if options.picture:
        draw(runs, peers, options.picture, options.target)


if __name__ == "__main__":
    main()
