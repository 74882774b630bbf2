"""The state of a running service, and the way of every request through it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, final

from starlette.requests import Request

from transduce.serve.catalog import Catalog, Served, catalog_of
from transduce.serve.detect import detect
from transduce.serve.engine import Engine
from transduce.serve.gate import Gate, Rates, Refused, Ticket
from transduce.serve.keys import Keys
from transduce.serve.metrics import Metrics
from transduce.serve.process import Hire, WorkerProcess
from transduce.serve.settings import ServeConfig
from transduce.serve.translator import Translator
from transduce.serve.wire import Abandoned, Explain, Page


@final
class Service:
    """Everything that lives as long as the process. ``hire`` starts workers; its default does so by the command line."""

    def __init__(self, runs: Sequence[str | Path], config: ServeConfig, *, keys: Keys | None = None,
                 device: str = "auto", hire: Hire = WorkerProcess.start) -> None:  # fmt: skip
        self.runs, self.device, self.config, self.keys = [str(run) for run in runs], device, config, keys or Keys()
        self.failed: list[str] = []  # why runs are not served, a line for each
        self.explains = self.pages = False  # whether the workers can explain, as data and as a page
        self._catalog: Catalog | None = None
        self.metrics = Metrics()
        self.engine = Engine(config, self.metrics, hire)
        self.gate = Gate(config, self.metrics, self.engine)
        self.rates = Rates(config.rate, config.burst)
        self.translator = Translator(self.engine)
        self.files = FileStore(config.file_space, config.file_seconds)

    async def open(self) -> None:
        """Start the workers, and learn from them what is served. Raises ``RunError`` where it is nothing."""
        hello = await self.engine.open(self.runs, self.device)
        self.failed, self.explains, self.pages = hello.failed, hello.explains, hello.pages
        catalog = await asyncio.to_thread(catalog_of, hello.runs)
        await asyncio.to_thread(detect, "Read in now, not by the first who asks.", catalog.codes)
        self._catalog = catalog

    @property
    def catalog(self) -> Catalog:
        """What is served. Raises ``Refused`` before that is known."""
        if self._catalog is None:
            raise Refused(503, "The models are being loaded; try again in a moment.", "no_worker", retry_after=2)
        return self._catalog

    @property
    def ready(self) -> bool:
        return not self.gate.draining and self._catalog is not None and self.engine.alive > 0

    def check_rate(self, request: Request) -> None:
        """Spend from the reserve of the request's key, or of its address. Raises ``Refused``."""
        key = _bearer(request)
        name = self.keys.name_of(key) if key else None
        address = request.client.host if request.client else ""
        self.rates.spend(f"key {name}" if name else f"address {address}")

    def check_key(self, request: Request, given: str | None = None) -> None:
        """Raises ``Refused`` unless a key came with the request, or none is needed. ``given``: its api_key field."""
        if not self.keys:
            return
        key = _bearer(request) or given
        if not key:
            raise Refused(403, "An API key is needed: send it as api_key, or as Authorization: Bearer KEY.", "key")
        if self.keys.name_of(key) is None:
            raise Refused(403, "Invalid API key", "key")

    def count_refusal(self, error: Refused, route: str, seconds: float) -> None:
        """Note what was refused before it reached its route."""
        self.metrics.add("transduce_refusals_total", reason=error.reason)
        self.metrics.add("transduce_http_requests_total", route=route, method="POST", status=str(error.status))
        self.metrics.observe("transduce_http_request_seconds", seconds, route=route)

    @asynccontextmanager
    async def accepted(self, request: Request, characters: int, deadline: float | None = None, *,
                       background: bool = False) -> AsyncIterator[Ticket]:  # fmt: skip
        """Inside, the request has its place in the queue; it ends with its deadline, or when its client leaves.

        Raises ``Refused`` where there is no place and when the time is over, ``Abandoned`` when nobody is there.
        """
        ticket = self.gate.enter(characters, deadline=deadline, background=background)
        task = asyncio.current_task()
        assert task is not None
        watcher = asyncio.create_task(_watch(request, ticket, task))
        try:
            async with asyncio.timeout(max(0.0, ticket.deadline - time.monotonic())) as ticket.clock:
                yield ticket
        except TimeoutError:
            raise self._late() from None
        except Abandoned:
            if ticket.gone:
                raise
            raise self._late() from None
        except asyncio.CancelledError:
            if ticket.gone:
                request.scope["transduce.gone"] = True
            raise
        finally:
            ticket.gone = True  # whatever a worker still does for it is wasted
            self.engine.forget(ticket)
            self.gate.leave(ticket)
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher

    async def explained(self, served: Served, text: str, options: dict[str, Any], ticket: Ticket, *, page: bool
                        ) -> bytes:  # fmt: skip
        """What the workers' explaining function makes of a text: JSON, or a page."""
        task = Explain([], served.name, text, options, page)
        answer = await self.engine.call(task, ticket, characters=ticket.characters)
        assert isinstance(answer, Page)
        return answer.body

    def _late(self) -> Refused:
        return Refused(503, "The translation was not ready by its deadline.", "deadline",
                       retry_after=max(1.0, self.gate.wait()))  # fmt: skip

    def find(self, source: str, target: str, text: str) -> tuple[Served, float | None]:
        """The run for a pair of languages, and the confidence where the source was to be found ("auto").

        Raises ``Refused`` (400) with what can be had instead.
        """
        if source == "auto":
            candidates = self.catalog.sources_of(target)
            if not candidates and (named := self.catalog.find("auto", target)):
                candidates = [named]
            codes = {each.language for each in candidates if each.language}
            found = [each for each in detect(text, self.catalog.codes) if each[0] in codes]
            if found and found[0][1] > 0:
                return next(each for each in candidates if each.language == found[0][0]), found[0][1]
            if candidates:
                return candidates[0], 0.0
        elif served := self.catalog.find(source, target):
            return served, None
        known = {entry["code"] for entry in self.catalog.languages()} | set(self.catalog.by_name)
        for code in (source, target):
            if code not in known and code != "auto":
                raise Refused(400, f"{code[:60]} is not supported", "language")
        pairs = ", ".join(f"{each.source} to {each.target}" for each in self.catalog.runs[:20])
        raise Refused(400, f"{target[:60]} is not available as a target language from {source[:60]}; "
                      f"there are: {pairs}", "language")  # fmt: skip


@final
class FileStore:
    """Translated files until they are fetched, for some minutes, in bounded memory; the oldest make room."""

    def __init__(self, space: int, seconds: float) -> None:
        self.space, self.seconds = space, seconds
        self._files: OrderedDict[str, tuple[str, bytes, float]] = OrderedDict()

    def put(self, name: str, content: bytes) -> str:
        """Keep a file; returns the word that it can be fetched by, which cannot be guessed."""
        self._forget()
        while self._files and sum(len(kept) for _, kept, _ in self._files.values()) + len(content) > self.space:
            self._files.popitem(last=False)
        word = secrets.token_urlsafe(24)
        self._files[word] = (name, content, time.monotonic() + self.seconds)
        return word

    def get(self, word: str) -> tuple[str, bytes] | None:
        self._forget()
        found = self._files.get(word)
        return found and found[:2]

    def _forget(self) -> None:
        now = time.monotonic()
        for word in [word for word, (_, _, end) in self._files.items() if end < now]:
            del self._files[word]


async def _watch(request: Request, ticket: Ticket, task: asyncio.Task[Any]) -> None:
    """Give the request up when its client leaves. The body has been read: nothing else can come."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            ticket.gone = True
            task.cancel()
            return


def _bearer(request: Request) -> str | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None
