"""The process: sockets, slow senders, signals, and an end that leaves nobody without an answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import final

import uvicorn
from h11 import ERROR, IDLE, SEND_BODY
from uvicorn.protocols.http.h11_impl import H11Protocol

from transduce.errors import ConfigError
from transduce.serve.app import make_app
from transduce.serve.gate import Refused
from transduce.serve.guard import HEADERS, MODEL_ROUTES
from transduce.serve.lasting import settle
from transduce.serve.service import Service
from transduce.serve.settings import ServeConfig

log = logging.getLogger("transduce.serve")
EXIT_SECONDS = 3.0  # beyond the drain, for what is cancelled then
# Heads with one of these have their answer from the application, which knows what they mean.
_DELICATE = (b"\nconnection:", b"\nexpect:", b"\norigin:", b"\ntransfer-encoding:", b"\nupgrade:")
_GUARDED = "".join(f"{name}: {value}\r\n" for name, value in (*HEADERS.items(), ("cache-control", "no-store")))


@final
class Server(uvicorn.Server):
    """A uvicorn server that listens at once, is ready when the models are, and is not from the moment it is told to stop.

    ``listening`` hears its address when it is ready. ``failure`` is why it never was.
    """

    def __init__(self, config: uvicorn.Config, service: Service, listening: Callable[[str], None] | None) -> None:
        super().__init__(config)
        self.service, self._listening = service, listening
        self.failure: Exception | None = None
        self._opening: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        assert sockets
        self._opening = asyncio.create_task(self._open(address_of(sockets[0])))

    async def _open(self, address: str) -> None:
        try:
            await self.service.open()
        except Exception as error:
            self.failure, self.should_exit = error, True
        else:
            if self._listening is not None:
                self._listening(address)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.service.gate.drain(0.9 * self.service.config.drain)
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await super().shutdown(sockets=sockets)
        await self.service.engine.close(EXIT_SECONDS)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM or Ctrl-C: no new requests, the accepted ones are answered. A second Ctrl-C does not wait."""
        self.service.gate.draining = True
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Our handlers while serving, and the former ones afterwards. To have been stopped is no failure: the signal is
        not raised again, as uvicorn would.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that waits only so long for a request to arrive whole, and for so many connections.

    uvicorn's own time-out counts only between requests, and begins anew with every byte: a client that sends one byte
    now and then would hold its connection for ever. ``limits`` is set by ``serve``.
    """

    limits: ServeConfig
    service: Service
    _arrival: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self.access_log = False  # it would hold what clients ask for; guard.py logs routes
        if len(self.connections) > self.limits.max_connections:
            self.service.metrics.add("transduce_refusals_total", reason="connections")
            self._refuse(503, "Too many connections.")
            return
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.conn.their_state is IDLE:
            if self.conn.our_state is IDLE and self._refused_at_once(data):
                return
            if self._arrival is None:
                self._expect()
        super().data_received(data)
        if self.conn.their_state is not IDLE and self.conn.their_state is not SEND_BODY:
            self._arrived()  # the whole request is here

    def on_response_complete(self) -> None:
        self._arrived()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        self._arrived()
        large = getattr(sys.exception(), "error_status_hint", 400) == 431
        self.service.metrics.add("transduce_refusals_total", reason="header_size" if large else "http")
        if self.conn.our_state in (IDLE, ERROR) or self.cycle is None or self.cycle.response_complete:
            self._refuse(431 if large else 400, "The head of the request is too large." if large else msg)
        else:
            self.transport.close()

    def _expect(self) -> None:
        self._arrived()
        self._arrival = self.loop.call_later(self.limits.receive_timeout, self._too_slow)

    def _arrived(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _too_slow(self) -> None:
        self._arrival = None
        self.service.metrics.add("transduce_refusals_total", reason="slow")
        self._refuse(408, "The request did not arrive in time.")

    def _refused_at_once(self, data: bytes) -> bool:
        """Refuse a request that nobody has room for, before it is parsed: under overload most are, and the processor's
        time is the translator's. Only for the plain case: one POST to a model, whole, on a connection that is kept.
        """
        if not data.startswith(b"POST /") or self.conn.trailing_data[0]:
            return False
        head, _, body = data.partition(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        path = line[5:-9].decode("latin-1")
        lowered = (b"\n" + fields.lower()).replace(b"\nconnection: keep-alive", b"")
        told = lowered.partition(b"\ncontent-length:")[2].partition(b"\r")[0].strip()
        if (path not in MODEL_ROUTES or line[-9:] != b" HTTP/1.1" or any(name in lowered for name in _DELICATE)
                or not told.isdigit() or int(told) != len(body) or len(head) > self.limits.max_header):  # fmt: skip
            return False
        began = time.perf_counter()
        try:
            self.service.gate.look()
        except Refused as error:
            self.service.gate.missed()
            self.service.count_refusal(error, path, time.perf_counter() - began)
            self._arrived()
            self._unset_keepalive_if_required()
            message = b'{"error":"' + error.message.encode() + b'"}'
            retry = max(1, round(error.retry_after or 1))
            self.transport.write(
                f"HTTP/1.1 {error.status} \r\n{_GUARDED}content-type: application/json\r\nretry-after: {retry}\r\n"
                f"content-length: {len(message)}\r\n\r\n".encode()
                + message
            )
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
            return True
        return False

    def _refuse(self, status: int, message: str) -> None:
        """Answer past the application, if nothing has been answered yet, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is None or not self.cycle.response_started:
            body = b'{"error": "' + message.encode() + b'"}'
            head = (f"HTTP/1.1 {status} \r\ncontent-type: application/json\r\nconnection: close\r\n"
                    f"content-length: {len(body)}\r\n\r\n")  # fmt: skip
            self.transport.write(head.encode() + body)
            if self.cycle is not None:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        self.transport.close()


def serve(service: Service, *, listening: Callable[[str], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. ``listening`` hears the address when the models are ready.

    Raises ``ConfigError`` where no key is set and others could reach the service, and where the address cannot be had;
    ``RunError`` where no run can be served.
    """

    def ready(address: str) -> None:
        settle()
        if listening is not None:
            listening(address)

    with listener(service) as bound:
        server = make_server(service, ready)
        server.run(sockets=[bound])
    if server.failure is not None:
        raise server.failure


def make_server(service: Service, listening: Callable[[str], None] | None) -> Server:
    config = service.config
    protocol = type("Protocol", (PatientProtocol,), {"limits": config, "service": service})
    return Server(
        uvicorn.Config(
            make_app(service), http=protocol, ws="none", lifespan="off", log_config=None, access_log=False,
            loop="asyncio", server_header=False, h11_max_incomplete_event_size=config.max_header,
            timeout_keep_alive=max(1, round(config.keep_alive)), timeout_graceful_shutdown=max(1, round(config.drain)),
            proxy_headers=bool(config.proxies), forwarded_allow_ips=config.proxies or None, backlog=1024,
        ),
        service, listening,
    )  # fmt: skip


def address_of(listener: socket.socket) -> str:
    """The address of a listening socket, as a browser takes it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listener(service: Service) -> socket.socket:
    """The service's address, taken before any model is loaded. Raises ``ConfigError`` as ``serve``."""
    config = service.config
    if not config.loopback and not service.keys:
        raise ConfigError(
            f"--host {config.host}: others could then use this service, and no key is set. Make one with: "
            "transduce serve --keys FILE --new-key NAME"
        )
    try:
        found = socket.getaddrinfo(
            config.host.strip("[]"), config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, number, _, address = found[0]
        with contextlib.ExitStack() as unless_bound:
            bound = unless_bound.enter_context(socket.socket(family, kind, number))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            unless_bound.pop_all()
            return bound
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {config.host}, port {config.port} ({error.strerror or error}). Choose another --port."
        ) from None
