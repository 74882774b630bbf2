"""Services on free ports of loopback, in this process, with workers in processes of their own, as always.

A worker takes seconds to start. When a service of a test ends, its workers wait for the next service that wants such ones.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
import torch

from transduce.run import read_config, write_config
from transduce.serve.keys import Keys
from transduce.serve.process import COMMAND, WorkerProcess
from transduce.serve.server import Server, listener, make_server
from transduce.serve.service import Service
from transduce.serve.settings import ServeConfig
from transduce.serve.wire import Open
from transduce.training.checkpoint import load_weights, save_weights, shapes
from transduce.transducer import Transducer, load

PATIENCE = 120  # seconds for a worker to start on a machine with other work


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """What tests speak to a service with: one connection a request, nothing but the standard library."""

    url: str
    service: Service
    server: Server

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            sent.setdefault("content-type", "application/json")
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self("POST", path, body, **headers)

    def ok(self, path: str, body: Any, **headers: str) -> Any:
        answer = self.post(path, body, **headers)
        assert answer.status == 200, answer.body
        return answer.json

    def refused(self, reason: str) -> float:
        return self.service.metrics.value("transduce_refusals_total", reason=reason)


class Host:
    """A thread with the event loop of all services here, and the workers that wait for the next one."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._idle: dict[Any, list[WorkerProcess]] = defaultdict(list)
        self._thread = threading.Thread(target=self.loop.run_forever, name="services", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    async def hire(self, opening: Open, command: Sequence[str] = COMMAND) -> WorkerProcess:
        key = (tuple(opening.runs), opening.threads, tuple(command))
        waiting = self._idle[key]
        while waiting:
            worker = waiting.pop()
            if not worker.dead:
                return worker
        worker = await WorkerProcess.start(opening, command)
        worker.close = partial(self._keep, waiting, worker)  # type: ignore[method-assign]
        return worker

    async def _keep(self, waiting: list[WorkerProcess], worker: WorkerProcess, timeout: float) -> None:
        worker.on_death = lambda: None
        waiting.append(worker)

    def close(self) -> None:
        async def end() -> None:
            for worker in (worker for waiting in self._idle.values() for worker in waiting):
                await WorkerProcess.close(worker, 5.0)

        self.run(end()).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    found = Host()
    yield found
    found.close()


@contextmanager
def running(host: Host, runs: Sequence[Path], *, keys: Keys | None = None, command: Sequence[str] = COMMAND,
            **settings: Any) -> Iterator[Client]:  # fmt: skip
    """A service that ends with the block. ``command`` starts its workers."""
    settings = {"port": 0, "rate": 0.0, "threads": 1, "drain": 5.0} | settings
    service = Service(runs, ServeConfig(**settings), keys=keys, hire=partial(host.hire, command=command))
    heard: list[str] = []
    listening = threading.Event()

    def told(address: str) -> None:
        heard.append(address)
        listening.set()

    with listener(service) as bound:
        server = make_server(service, told)
        served = host.run(server.serve(sockets=[bound]))
        try:
            assert listening.wait(PATIENCE), server.failure
            yield Client(heard[0], service, server)
        finally:
            server.should_exit = True
            served.result(PATIENCE)


def altered(run: Path, folder: Path, *, weights: Callable[[torch.Tensor], torch.Tensor] | None = None, **changes: Any
            ) -> Path:  # fmt: skip
    """A copy of a run with another configuration or other weights."""
    shutil.copytree(run, folder)
    write_config(folder, msgspec.structs.replace(read_config(folder), **changes))
    if weights is not None:
        path = folder / "model.safetensors"
        found, metadata = load_weights(path, expected=shapes(load(run).model))
        save_weights(path, {name: weights(weight) for name, weight in found.items()}, metadata=metadata)
    return folder


def worker_of(kind: str) -> list[str]:
    """The command of a worker that is not like others: see hand.py."""
    return [sys.executable, "-m", "tests.serve.hand", kind]


@pytest.fixture(scope="session")
def model(trained: Path) -> Transducer:
    """What the service serves, here."""
    torch.set_num_threads(1)
    return load(trained)


@pytest.fixture(scope="session")
def client(host: Host, trained: Path) -> Iterator[Client]:
    with running(host, [trained]) as found:
        yield found


@pytest.fixture
def run_service(host: Host, trained: Path) -> Callable[..., Any]:
    """``running`` with other settings."""
    return lambda **settings: running(host, settings.pop("runs", [trained]), **settings)
