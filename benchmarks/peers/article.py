"""The article's model in Keras and TensorFlow: as printed (with the two mends that let it run), and corrected.

    python benchmarks/peers/article.py --data FOLDER --target fr --seconds 300 --threads 2 --out DIR

The programs are examples/article_printed.py and examples/article_keras.py, run as they are; both search greedily only,
and neither tells how it does along the way. benchmarks/article.py shows them beside a run of ours, for the course.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

from peer import Job, finish, job, read_lines

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
PROGRAMS = {
    "article_printed": "the article's program, Keras LSTM 512, as printed",
    "article_keras": "the article's program, Keras LSTM 512, corrected",
}


def write_pairs(path: Path, sides: tuple[list[str], list[str]]) -> Path:
    """The programs read the columns english and french, whatever the target language is."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("english", "french"), *zip(*sides, strict=True)])
    return path


def measure(job: Job, program: str, train: Path, held_out: Path, sentences: list[str]) -> None:
    out, told = job.out / f"{program}.txt", job.out / f"{program}.json"
    command = [sys.executable, EXAMPLES / f"{program}.py", train, "--minutes", job.seconds / 60, "--threads", job.threads,
               "--test", held_out, "--out", out, "--json", told]  # fmt: skip
    began = time.time()
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)
    wall, found = time.time() - began, json.loads(told.read_text(encoding="utf-8"))
    written = dict(zip(sentences, read_lines(out), strict=True))
    decoding = len(sentences) / found["sentences_per_second"]
    finish(job, lambda texts, _: [written[text] for text in texts], system=PROGRAMS[program], package="keras",
           beside=["tensorflow-cpu"], searches={"greedy": 1}, speeds={"greedy": found["sentences_per_second"]}, folder=program,
           trained_seconds=found["seconds"], prepare_seconds=wall - found["seconds"] - decoding,
           parameters=found["parameters"], tokens_per_second=found["words_per_second"])  # fmt: skip


def main() -> None:
    run = job(__doc__)
    train = write_pairs(run.out / "train.csv", run.sides("train"))
    valid, test = run.sides("valid"), run.sides("test")
    sides = valid[0] + test[0], valid[1] + test[1]
    held_out = write_pairs(run.out / "held_out.csv", sides)
    for program in PROGRAMS:
        measure(run, program, train, held_out, sides[0])


if __name__ == "__main__":
    main()
