"""Start-up time: how long a user waits before anything happens.

    python benchmarks/startup.py [--run RUN]

The median of several processes each. With a run folder, the first sentence from a cold shell too.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from common import machine, table


def median_seconds(command: list[str], *, times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path)
    parser.add_argument("--times", type=int, default=7)
    options = parser.parse_args()
    transduce = [str(Path(sys.executable).with_name("transduce"))]
    jobs = {"python -c pass": [sys.executable, "-c", "pass"], "transduce --help": [*transduce, "--help"],
            "transduce train --help": [*transduce, "train", "--help"],
            "python -c 'import torch'": [sys.executable, "-c", "import torch"]}  # fmt: skip
    if options.run:
        for verb in ("translate", "explain"):
            command = [*transduce, verb, str(options.run), "A man is riding a horse."]
            jobs[f"transduce {verb} RUN (one sentence)"] = command
    rows = [[name, f"{median_seconds(command, times=options.times):.2f}"] for name, command in jobs.items()]
    print(f"{machine()}\n")
    print(table(["command", f"seconds (median of {options.times})"], rows))


if __name__ == "__main__":
    main()
