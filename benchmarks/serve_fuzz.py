"""Requests made up from the OpenAPI document, thousands of them, and no answer of a fault of ours.

    pip install schemathesis
    python benchmarks/serve_fuzz.py RUN --examples 1000

Starts the service on loopback and lets schemathesis send well-formed and malformed requests to every operation. What
must hold: no 500, no crash, every answer as the document says, malformed requests refused. (A well-formed request may be
refused too: for a language that is not served.) ``--examples`` are those of each operation and phase.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from serve_load import service

CHECKS = ("not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
          "negative_data_rejection,unsupported_method")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schemathesis", default=shutil.which("schemathesis") or "schemathesis")
    options = parser.parse_args()
    with service(options.run, []) as (port, _):
        url = f"http://127.0.0.1:{port}"
        command = [options.schemathesis, "run", f"{url}/openapi.json", "--url", url, "-n", str(options.examples), "--seed",
                   str(options.seed), "--checks", CHECKS, "--continue-on-failure"]  # fmt: skip
        with tempfile.TemporaryDirectory() as scratch:  # where schemathesis keeps its database
            status = subprocess.run(command, check=False, cwd=scratch).returncode
        with urllib.request.urlopen(f"{url}/metrics") as answer:
            metrics = answer.read().decode()
    totals: dict[str, int] = {}
    for code, number in re.findall(r'^transduce_http_requests_total{.*status="(\d+)"} (\d+)', metrics, re.MULTILINE):
        totals[code] = totals.get(code, 0) + int(number)
    print(f"answers by status: {dict(sorted(totals.items()))}, {sum(totals.values()):,} in all")
    sys.exit(status or int("500" in totals))


if __name__ == "__main__":
    main()
