"""Server-sent events (HTML standard, section 9.2): progress and tokens while the work goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from transduce.errors import TransduceError
from transduce.serve.gate import Refused, Ticket

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from transduce.serve.service import Service

Work = Callable[[Ticket, "Events"], Awaitable[Any]]


@final
class Events:
    """Where events are written to."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def send(self, name: str, data: Any) -> None:
        await self._begin()
        text = msgspec.json.encode(data).decode()  # one line: JSON escapes line ends
        await self._send({"type": "http.response.body", "body": f"event: {name}\ndata: {text}\n\n".encode(),
                          "more_body": True})  # fmt: skip

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin(self) -> None:
        if self.begun:
            return
        self.begun = True
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"),
                   (b"x-accel-buffering", b"no")]  # fmt: skip
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})


@final
class EventStream(Response):
    """An answer that is written while ``work`` goes on: its events, then ``done`` with what it returns, or ``error``.

    What fails before the first event is an ordinary error with its own status.
    """

    def __init__(self, service: Service, request: Request, characters: int, deadline: float | None, work: Work, *,
                 background: bool = False) -> None:  # fmt: skip
        self.service, self.request, self.characters, self.deadline, self.work = (
            service, request, characters, deadline, work)  # fmt: skip
        self.in_background = background  # Starlette's own ``background`` is what is done after an answer
        self.background = None
        self.status_code = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        events = Events(send)
        try:
            async with self.service.accepted(self.request, self.characters, self.deadline,
                                             background=self.in_background) as ticket:  # fmt: skip
                result = await self.work(ticket, events)
                await events.send("done", result)
        except (Refused, TransduceError) as error:
            if not events.begun:
                raise
            await events.send("error", {"error": str(error)})
        await events.end()
