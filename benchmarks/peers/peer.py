"""What the peers' scripts share: their command line, Multi30k, joint subwords, the clock, the scores, the JSON line.

Each script imports this inside the environment of its peer, so nothing of Transduce is needed here; sacrebleu and
sentencepiece are. A script prepares (apart), trains for ``--seconds`` of wall clock, and gives ``finish`` a function
that translates; the line that ``finish`` appends to ``OUT/result.jsonl`` has the fields of ``Result``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

VOCAB = 3000  # joint subwords, as the figures of docs/time-to-quality.md
BATCH_TOKENS = 700  # target tokens a batch, about
PARTS = {"train": "train", "valid": "val", "test": "test_2016_flickr"}
SEARCHES = {"greedy": 1, "beam": 5}
CURVE_POINTS = 6

Translate = Callable[[list[str], int], list[str]]


@dataclass(frozen=True)
class Job:
    """One run of one peer. ``seconds`` are of training, by the wall clock."""

    data: Path
    target: str
    seconds: float
    threads: int
    out: Path
    seed: int
    extra: Mapping[str, str] = field(default_factory=dict)

    def sentences(self, part: str, language: str) -> list[str]:
        """The lines of one side of "train", "valid" or "test"; any white space is one space.

        German has no-break spaces, which the trainers that split their input at spaces would take for the ends of words.
        """
        return [" ".join(line.split()) for line in read_lines(self.data / f"{PARTS[part]}.{language}")]

    def sides(self, part: str) -> tuple[list[str], list[str]]:
        return self.sentences(part, "en"), self.sentences(part, self.target)


@dataclass(frozen=True)
class Result:
    """The figures of one run. BLEU is sacreBLEU's 13a, cased; ``curve`` holds (seconds, validation BLEU, greedy)."""

    system: str
    version: str
    versions: Mapping[str, str]
    python: str
    target: str
    seconds: float
    trained_seconds: float
    prepare_seconds: float
    threads: int
    seed: int
    parameters: int | None
    tokens_per_second: float | None
    valid: Mapping[str, float]
    test: Mapping[str, float]
    sentences_per_second: Mapping[str, float]
    milliseconds_a_sentence: Mapping[str, float]
    curve: Sequence[tuple[float, float]]
    signature: str
    out: str
    checkpoint: str = ""


def read_lines(path: Path) -> list[str]:
    """The lines of a text file; only a line feed ends one."""
    if not path.exists():
        raise SystemExit(f"{path}: not there. --data names the folder of train.*, val.* and test_2016_flickr.*.")
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def job(description: str | None, **extra: str) -> Job:
    """Read the command line, and hold every library to ``--threads``: to be called before torch is imported.

    extra: further options of one script, with their defaults; found again in ``Job.extra``.
    """
    parser = argparse.ArgumentParser(description=(description or "").split("\n")[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of train.en, train.fr, val.*, test_2016_flickr.*"
    )
    parser.add_argument("--target", default="fr")
    parser.add_argument("--seconds", type=float, default=300.0, help="of training; preparing and translating are apart")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, required=True, help="folder for all that the run writes")
    parser.add_argument("--seed", type=int, default=1)
    for name, default in extra.items():
        parser.add_argument(f"--{name}", default=default)
    options = vars(parser.parse_args())
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(options["threads"])
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    options["out"].mkdir(parents=True, exist_ok=True)
    return Job(extra={name: options.pop(name) for name in extra}, **options)


def subwords(job: Job, *, size: int = VOCAB, **options: Any) -> Any:
    """A sentencepiece BPE model of both sides of the training part, learned once: ``OUT/subwords.model``."""
    import sentencepiece

    model = job.out / "subwords.model"
    if not model.exists():
        text = write_lines(job.out / "subwords.txt", [line for side in job.sides("train") for line in side])
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=str(model.with_suffix("")), model_type="bpe", vocab_size=size,
            character_coverage=1.0, normalization_rule_name="identity", minloglevel=2, **options)  # fmt: skip
    return sentencepiece.SentencePieceProcessor(model_file=str(model))


@dataclass
class Training:
    """When a trainer that runs as a command began to train, and what it said."""

    began: float = 0.0
    prepare_seconds: float = 0.0
    lines: list[str] = field(default_factory=list)


def train_for(command: Sequence[str | Path], job: Job, *, starts: str, stop: signal.Signals) -> Training:
    """Run a trainer, and send it ``stop`` when ``job.seconds`` have passed since it printed ``starts``.

    Its output goes to ``OUT/train.log`` and into ``Training.lines``. Raises ``SystemExit`` when it ends before it
    began to train.
    """
    launched, told = time.time(), Training()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, encoding="utf-8", errors="replace", cwd=job.out)  # fmt: skip

    # A thread reads, so that the deadline does not wait for the trainer's next line.
    def listen() -> None:
        with (job.out / "train.log").open("w", encoding="utf-8") as log:
            for line in process.stdout or ():
                log.write(line)
                told.lines.append(line.rstrip("\n"))
                if not told.began and starts in line:
                    told.began = time.time()

    ears = threading.Thread(target=listen, daemon=True)
    ears.start()
    while process.poll() is None and not (told.began and time.time() - told.began >= job.seconds):
        time.sleep(0.02)
    if process.poll() is None:
        process.send_signal(stop)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    ears.join(timeout=10)
    if not told.began:
        raise SystemExit(
            "\n".join([*told.lines[-25:], f"the trainer ended with {process.returncode} before it trained"])
        )
    told.prepare_seconds = told.began - launched
    return told


def checkpoints(job: Job, training: Training, *patterns: str, grace: float = 0.0) -> list[tuple[float, Path]]:
    """(seconds of training, file) of what the trainer saved within the time, the earliest first.

    ``grace`` is for a trainer that saves once more after it was told to stop.
    """
    paths = {path for pattern in patterns for path in job.out.glob(pattern)}
    found = sorted((path.stat().st_mtime - training.began, path) for path in paths)
    kept = [(seconds, path) for seconds, path in found if 0 < seconds <= job.seconds + grace]
    if not kept:
        raise SystemExit(f"{job.out}: nothing was saved within {job.seconds:g} seconds; give it more.")
    return kept


def spaced(saved: Sequence[tuple[float, Path]], *, points: int = CURVE_POINTS) -> list[tuple[float, Path]]:
    """Up to ``points`` checkpoints at about equal distances in time; the last is always among them."""
    last = saved[-1][0]
    wanted = [last * (number + 1) / points for number in range(points)]
    return sorted({min(saved, key=lambda each: abs(each[0] - when)) for when in wanted} | {saved[-1]})


def bleu(lines: Sequence[str], references: Sequence[str]) -> tuple[float, str]:
    """sacreBLEU, 13a, cased, and its signature."""
    from sacrebleu.metrics import BLEU

    metric = BLEU()
    score = metric.corpus_score(list(lines), [list(references)]).score
    return score, str(metric.get_signature())


def curve(
    job: Job, points: Sequence[tuple[float, Path]], load: Callable[[Path], Translate]
) -> list[tuple[float, float]]:
    """Validation BLEU, greedy, of each checkpoint; measured after training, so it costs the peer nothing."""
    source, references = job.sides("valid")
    return [(round(seconds, 1), bleu(load(path)(source, 1), references)[0]) for seconds, path in points]


def finish(
    job: Job,
    translate: Translate,
    *,
    system: str,
    package: str,
    beside: Sequence[str] = (),
    curve: Sequence[tuple[float, float]] = (),
    one_at_a_time: int = 0,
    searches: Mapping[str, int] = SEARCHES,
    speeds: Mapping[str, float] | None = None,
    folder: str = "",
    **figures: Any,
) -> Result:
    """Translate validation and test, greedy and beam 5; write the texts and the JSON line.

    translate: (sentences, beam) to translations. The first call warms it up, and is not timed.
    package, beside: distributions whose versions are kept. one_at_a_time: sentences of the test part that are
    translated each alone, for the median of their times. speeds: sentences a second, where they are known already.
    folder: in ``OUT``, for the texts, where one script measures several systems.
    """
    texts = job.out / folder
    scores: dict[str, dict[str, float]] = {"valid": {}, "test": {}}
    speed, alone, signature = dict[str, float](), dict[str, float](), ""
    for search, beam in searches.items():
        translate(job.sentences("valid", "en")[:32], beam)
        for part, kept in scores.items():
            source, references = job.sides(part)
            began = time.perf_counter()
            lines = translate(source, beam)
            speed[search] = len(source) / (time.perf_counter() - began)
            write_lines(texts / f"{part}.{search}.txt", lines)
            kept[search], signature = bleu(lines, references)
        taken = sorted(timed(translate, text, beam) for text in job.sentences("test", "en")[:one_at_a_time])
        if taken:
            alone[search] = 1000 * taken[len(taken) // 2]
    result = Result(
        system=system, version=version(package), versions={name: version(name) for name in beside},
        python=platform.python_version(), target=job.target, seconds=job.seconds, threads=job.threads, seed=job.seed,
        valid=scores["valid"], test=scores["test"], sentences_per_second=speeds or speed, milliseconds_a_sentence=alone,
        curve=list(curve), signature=signature, out=str(texts), **figures)  # fmt: skip
    line = json.dumps(asdict(result), ensure_ascii=False)
    with (job.out / "result.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    print(line, file=sys.stdout, flush=True)
    return result


def timed(translate: Translate, text: str, beam: int) -> float:
    began = time.perf_counter()
    translate([text], beam)
    return time.perf_counter() - began
