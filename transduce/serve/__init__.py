"""A translator of one's own behind an API that clients already speak.

``transduce serve RUN...`` starts one process: LibreTranslate's API, ours under /v1, metrics and the page.

    settings.py    every limit                        segments.py    text in sentences, and what is passed through
    catalog.py     the runs and their languages       markup.py      HTML: text and tags apart
    gate.py        the queue's bounds, rates          placing.py     tags back into a translated sentence
    engine.py      batches for the models             documents.py   SRT, CSV, text, HTML files
    pace.py        how long batches take
    translator.py  text in, text out                  keys.py        API keys, kept as hashes
    libre.py       LibreTranslate's endpoints         guard.py       Host, Origin, headers, errors
    native.py      ours                               server.py      the process
    inside.py      the page of one sentence           page/          what browsers get: the translator, runs, comparisons
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transduce.transducer import Transducer


def start(runs: Sequence[str | Path], options: dict[str, Any], *, keys: Path | None = None, device: str = "auto",
          verbose: bool = False, explain: Callable[[Transducer, str, dict[str, Any]], bytes] | None = None,
          explain_page: Callable[[Transducer, str, dict[str, Any]], str] | None = None) -> None:  # fmt: skip
    """Serve ``runs`` until SIGTERM or Ctrl-C. What is said goes to stderr.

    ``options``: fields of ``ServeConfig``; ``allow_host``, ``origin`` and ``proxy`` are the command line's words
    for three of them, and other keys are ignored. Raises ``RunError`` where no run can be loaded, ``ConfigError``
    for impossible options, ``DataError`` for a keys file that is none.
    """
    import torch

    from transduce.config import from_dict
    from transduce.serve.catalog import load_catalog
    from transduce.serve.engine import fastest_threads
    from transduce.serve.keys import read_keys
    from transduce.serve.server import serve
    from transduce.serve.service import Service
    from transduce.serve.settings import ServeConfig

    known = {name: value for name, value in options.items() if name in ServeConfig.__struct_fields__}
    known |= {"allowed_hosts": tuple(options.get("allow_host") or ()), "origins": tuple(options.get("origin") or ()),
              "proxies": options.get("proxy") or ""}  # fmt: skip
    config = from_dict(ServeConfig, {name: float(value) if _is_float(name) else value for name, value in known.items()})
    _log(verbose=verbose or config.log_text)
    found = read_keys(keys)
    catalog, failed = load_catalog(runs, device=device)
    for line in failed:
        print(f"transduce: not served: {line}", file=sys.stderr, flush=True)
    for each in catalog.runs:
        pair = f"{each.source} to {each.target}" if each.source != each.target else f"under the name {each.name}"
        print(f"{each.name}: {pair}, {each.model.model.describe()}", file=sys.stderr)
    service = Service(catalog, config, keys=found, explain=explain, explain_page=explain_page)
    if not config.threads:
        largest = max(catalog.runs, key=lambda each: each.model.config.parameters)
        service.engine.threads = fastest_threads(largest, max(1, torch.get_num_threads() // config.workers))
    serve(service, listening=lambda address: print(f"Serving on {address} (Ctrl-C ends)", file=sys.stderr, flush=True))


def _is_float(name: str) -> bool:
    from transduce.serve.settings import ServeConfig

    return isinstance(getattr(ServeConfig(), name), float)


def _log(*, verbose: bool) -> None:
    """Our log on stderr: errors always, a line for each request if asked."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("transduce.serve")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.propagate = False
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what it says of requests, we say
