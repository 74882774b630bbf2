"""The peers one after another, each in an environment of its own, and one table with ours first.

    python benchmarks/peers/run.py --data FOLDER --work WORK --target fr --seconds 300 --threads 2

WORK gets the environments (venv-NAME, 1 to 1.6 GB each, made once) and the runs. Each run's JSON line is in
WORK/TARGET-SECONDSs-SEED/NAME/result.jsonl; all of them are gathered in ``--results``, which benchmarks/time_to_quality.py
--peers reads. A run that is there already is not repeated. ``--pip`` goes to pip, such as the index of torch's CPU builds.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from common import lines_of, machine, multi_bleu_of, peers_table

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Peer:
    """A script, the requirements of its environment (none: this one), and what it is told beside the common options."""

    script: str
    requirements: str | None
    extra: tuple[str, ...] = ()


PEERS = {
    "ours": Peer("ours", None),
    "opennmt": Peer("opennmt", "opennmt"),
    "hf": Peer("hf", "hf"),
    "joey": Peer("joey", "joey"),
    "marian": Peer("marian", "marian"),
    "article": Peer("article", "article"),
    "opennmt-transformer": Peer("opennmt", "opennmt", ("--model", "transformer")),
    "ct2": Peer("ct2", "opennmt"),  # reads the run before it
}


def environment(name: str, work: Path, pip: Sequence[str]) -> Path:
    """Python of the environment for requirements/NAME.txt, made where it is not there. "#no-deps" lines come last."""
    folder, file = work / f"venv-{name}", HERE / "requirements" / f"{name}.txt"
    python, done = folder / "bin" / "python", folder / "installed"
    if done.exists():
        return python
    alone = [line.split()[1] for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("#no-deps")]
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pip]
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([*install, "--requirement", str(file)], check=True)
    if alone:
        subprocess.run([*install, "--no-deps", *alone], check=True)
    done.touch()
    return python


def run(name: str, options: argparse.Namespace, seed: int) -> Path:
    """Run one peer once, unless it has been. Returns its file of JSON lines."""
    peer = PEERS[name]
    out = (options.work / f"{options.target}-{options.seconds:g}s-{seed}" / name).resolve()
    told = out / "result.jsonl"
    if told.exists():
        return told
    python = (
        environment(peer.requirements, options.work.resolve(), options.pip) if peer.requirements else sys.executable
    )
    command = [python, HERE / f"{peer.script}.py", "--data", options.data.resolve(), "--target", options.target,
               "--seconds", options.seconds, "--threads", options.threads, "--seed", seed, "--out", out, *peer.extra]  # fmt: skip
    print(f"{name}, seed {seed}: {shlex.join(map(str, command[1:]))}", file=sys.stderr, flush=True)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "output.txt").open("w", encoding="utf-8") as output:
        ended = subprocess.run(list(map(str, command)), stdout=output, stderr=subprocess.STDOUT, check=False)
    if ended.returncode:
        print(f"{name} failed; its last words are in {out / 'output.txt'}", file=sys.stderr)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--target", default="fr")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--pip", type=shlex.split, default=[], help="options for pip install, in one word")
    parser.add_argument("--results", type=Path, help="file for all JSON lines")
    options = parser.parse_args()
    found = []
    for seed in options.seeds:
        for name in PEERS:
            told = run(name, options, seed) if name in options.peers else None
            if told and told.exists():
                found += [line | published(line, options) for line in lines_of(told)]
    if options.results:
        text = "".join(json.dumps(line | {"out": "", "checkpoint": ""}, ensure_ascii=False) + "\n" for line in found)
        options.results.write_text(text, encoding="utf-8")
    print(
        f"Multi30k en-{options.target}, test_2016_flickr, {options.seconds:g} s, {options.threads} threads; {machine()}\n"
    )
    print(peers_table(found))


def published(line: dict, options: argparse.Namespace) -> dict:
    """For German also the measure of the published tables, from the texts that the run wrote."""
    if options.target != "de":
        return {}
    searches = line["test"]
    scores = {
        search: multi_bleu_of(Path(line["out"]) / f"test.{search}.txt", options.data, "de") for search in searches
    }
    return {"published": scores}


if __name__ == "__main__":
    main()
