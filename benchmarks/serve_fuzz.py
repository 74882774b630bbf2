"""Requests made up from the OpenAPI document, a hundred thousand of them, and no answer of a fault of ours.

    pip install schemathesis
    python benchmarks/serve_fuzz.py RUN --requests 100000

Starts the service on loopback and lets schemathesis send well-formed and malformed requests to every operation, round
after round with a new seed, until so many were sent. What must hold: no 5xx, no crash, every answer as the document
says, malformed requests refused. (A well-formed request may be refused too: for a language that is not served.)

schemathesis makes up the same requests however fast the service is, so the rate is its own. It runs without what
would repeat itself: the deterministic phase of edge cases (``coverage``) only in the first round, no example
database, no shrinking of failures, no complaints about its own slowness (health checks). ``--workers`` of it are
threads: they share a core, and with several of them Python 3.11 now and then fails to parse hypothesis's own source.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from serve_load import service

CHECKS = ("not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
          "negative_data_rejection,unsupported_method")  # fmt: skip
STANDING = ["--checks", CHECKS, "--continue-on-failure", "--no-shrink", "--generation-database", "none",
            "--suppress-health-check", "all", "--warnings", "off"]  # fmt: skip
SERVE = ["--threads", "1", "--max-wait", "60"]  # to be refused because it is busy would be right, but is not asked here
TELLING = re.compile(r"^transduce_http_requests_total{(.*)} (\d+)", re.MULTILINE)


def sent(url: str) -> dict[str, int]:
    """Requests that the service has answered, by status; its own metrics count them."""
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        metrics = answer.read().decode()
    totals: dict[str, int] = {}
    for labels, number in TELLING.findall(metrics):
        found = re.search(r'status="(\d+)"', labels)
        assert found is not None
        totals[found[1]] = totals.get(found[1], 0) + int(number)
    return totals


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--examples", type=int, default=300, help="of each operation in a round, at most")
    parser.add_argument("--workers", type=int, default=1, help="threads of schemathesis")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60, help="at most")
    parser.add_argument("--schemathesis", default=shutil.which("schemathesis") or "schemathesis")
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=SERVE, help="options of transduce serve")
    options = parser.parse_args()
    rounds = failed = 0
    with service(options.run, options.serve) as (port, _), tempfile.TemporaryDirectory() as scratch:
        url, began, answers = f"http://127.0.0.1:{port}", time.perf_counter(), {}
        while sum(answers.values()) < options.requests and time.perf_counter() - began < 60 * options.minutes:
            command = [options.schemathesis, "run", f"{url}/openapi.json", "--url", url, "-n", str(options.examples),
                       "-w", str(options.workers), "--seed", str(options.seed + rounds), *STANDING,
                       "--phases", "fuzzing" if rounds else "coverage,fuzzing"]  # fmt: skip
            done = subprocess.run(command, check=False, cwd=scratch, capture_output=True, text=True)
            rounds += 1
            if done.returncode:
                failed += 1
                print(f"round {rounds}, seed {options.seed + rounds - 1}:\n{done.stdout}{done.stderr}", flush=True)
            answers = sent(url)
            print(
                f"{sum(answers.values()):,} requests after {time.perf_counter() - began:.0f} s",
                file=sys.stderr,
                flush=True,
            )
        seconds = time.perf_counter() - began
    total, faults = sum(answers.values()), sum(number for status, number in answers.items() if status >= "500")
    print(f"{total:,} requests in {rounds} rounds and {seconds:,.0f} s ({total / seconds:.0f} a second); by status: "
          + ", ".join(f"{status}: {number:,}" for status, number in sorted(answers.items()))
          + f"; rounds with failures: {failed}; answers of a fault (5xx): {faults}")  # fmt: skip
    sys.exit(1 if failed or faults or total < options.requests else 0)


if __name__ == "__main__":
    main()
