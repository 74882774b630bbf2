"""A service on a free port of loopback, in this process, with the tiny run that all tests share."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import torch

from transduce.serve.catalog import Catalog, Served, load_catalog
from transduce.serve.keys import Keys
from transduce.serve.server import Server, serve
from transduce.serve.service import Service
from transduce.serve.settings import ServeConfig


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
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
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


@contextmanager
def running(catalog: Catalog, *, keys: Keys | None = None, explain: Any = None, **settings: Any) -> Iterator[Client]:
    """A service that ends with the block."""
    settings = {"port": 0, "rate": 0.0, "threads": 1, "drain": 5.0} | settings
    service = Service(catalog, ServeConfig(**settings), keys=keys, explain=explain)
    heard: list[Any] = []
    listening = threading.Event()

    def told(address: str) -> None:
        heard.append(address)
        listening.set()

    thread = threading.Thread(
        target=lambda: serve(service, listening=told, started=heard.append), name="served", daemon=True
    )
    thread.start()
    assert listening.wait(20)
    server, address = heard
    try:
        yield Client(address, service, server)
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def catalog(trained: Path) -> Catalog:
    torch.set_num_threads(1)
    found, failed = load_catalog([trained])
    assert not failed
    return found


@pytest.fixture(scope="session")
def served(catalog: Catalog) -> Served:
    return catalog.runs[0]


@pytest.fixture(scope="session")
def client(catalog: Catalog) -> Iterator[Client]:
    with running(catalog) as found:
        yield found


@pytest.fixture
def run_service(catalog: Catalog) -> Callable[..., Any]:
    """``running`` with other settings."""
    return lambda **settings: running(settings.pop("catalog", catalog), **settings)
