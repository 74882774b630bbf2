"""A translator of one's own behind an API that clients already speak.

``transduce serve RUN...`` starts one process that speaks HTTP (LibreTranslate's API, ours under /v1, metrics and the
page) and needs no torch, and beside it the workers, which hold the models.

    settings.py    every limit                        segments.py    text in sentences, and what is passed through
    catalog.py     the runs and their languages       markup.py      HTML: text and tags apart
    gate.py        the queue's bounds, rates          placing.py     tags back into a translated sentence
    engine.py      batches for the workers            documents.py   SRT, CSV, text, HTML files
    pace.py        how long batches take              process.py     a worker, as the service holds it
    worker.py      a worker, as it sees itself        wire.py        what the two say to one another
    loading.py     runs with their weights            reports.py     report.md without the machine's folders
    openapi.py     the document of the API            reference.py   the same as a page
    translator.py  text in, text out                  keys.py        API keys, kept as hashes
    libre.py       LibreTranslate's endpoints         guard.py       Host, Origin, headers, errors
    native.py      ours                               server.py      the process
    inside.py      the page of one sentence           page/          what browsers get: the translator, runs, comparisons
    lasting.py     memory that stays flat
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def start(runs: Sequence[str | Path], options: dict[str, Any], *, keys: Path | None = None, device: str = "auto",
          verbose: bool = False) -> None:  # fmt: skip
    """Serve ``runs`` until SIGTERM or Ctrl-C. What is said goes to stderr.

    ``options``: fields of ``ServeConfig``; ``allow_host``, ``origin`` and ``proxy`` are the command line's words
    for three of them, and other keys are ignored. Raises ``RunError`` where no run can be loaded, ``ConfigError``
    for impossible options, ``DataError`` for a keys file that is none.
    """
    from transduce.config import from_dict
    from transduce.serve.keys import read_keys
    from transduce.serve.server import serve
    from transduce.serve.service import Service
    from transduce.serve.settings import ServeConfig

    known = {name: value for name, value in options.items() if name in ServeConfig.__struct_fields__}
    known |= {"allowed_hosts": tuple(options.get("allow_host") or ()), "origins": tuple(options.get("origin") or ()),
              "proxies": options.get("proxy") or ""}  # fmt: skip
    config = from_dict(ServeConfig, {name: float(value) if _is_float(name) else value for name, value in known.items()})
    log_to_stderr(verbose=verbose or config.log_text)
    service = Service(runs, config, keys=read_keys(keys), device=device)

    def ready(address: str) -> None:
        for line in service.failed:
            print(f"transduce: not served: {line}", file=sys.stderr)
        for each in service.catalog.runs:
            pair = f"{each.source} to {each.target}" if each.source != each.target else f"under the name {each.name}"
            print(f"{each.name}: {pair}, {each.about.description}", file=sys.stderr)
        print(f"Serving on {address} (Ctrl-C ends)", file=sys.stderr, flush=True)

    serve(service, listening=ready)


def _is_float(name: str) -> bool:
    from transduce.serve.settings import ServeConfig

    return isinstance(getattr(ServeConfig(), name), float)


def log_to_stderr(*, verbose: bool = False) -> None:
    """Our log on stderr: errors always, a line for each request if asked."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("transduce.serve")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.propagate = False
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what it says of requests, we say
