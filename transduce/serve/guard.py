"""What stands before every route: whose Host and Origin may speak to us, how much they may send, and what every
answer carries. Errors are {"error": "..."} whatever went wrong, as LibreTranslate's clients expect.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, final
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from transduce.errors import TransduceError, nearest
from transduce.serve.engine import Fault
from transduce.serve.gate import Refused
from transduce.serve.settings import is_loopback
from transduce.serve.wire import Abandoned

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from transduce.serve.service import Service

log = logging.getLogger("transduce.serve")
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
          "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")  # fmt: skip
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
DRAINED = 4  # times the limit
# What needs a model, and is refused at once where no more is let in.
MODEL_ROUTES = frozenset({"/translate", "/translate_file", "/v1/translate", "/v1/score", "/v1/explain", "/inside"})
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def refusal(error: Refused) -> JSONResponse:
    headers = {} if error.retry_after is None else {"retry-after": str(max(1, round(error.retry_after)))}
    if error.status in (408, 413):
        headers["connection"] = "close"  # the rest of the body is not read
    return JSONResponse({"error": error.message}, error.status, headers)


@final
class Guard:
    """ASGI middleware around the whole service."""

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, started = time.monotonic(), 500, False
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        allowed = origin if origin in self.service.config.origins else None

        async def send_on(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                self._dress(MutableHeaders(scope=message), allowed)
            await send(message)

        try:
            self._check(scope, headers, allowed)
            if scope["path"] in MODEL_ROUTES and scope["method"] == "POST":
                scope["transduce.route"] = scope["path"]
                self.service.gate.came()
            if scope["method"] == "OPTIONS" and allowed and "access-control-request-method" in headers:
                await Response(status_code=204)(scope, receive, send_on)
            else:
                await self.app(scope, receive, send_on)
        except (Abandoned, ClientDisconnect):
            status = 499  # nobody is there to be answered
        except asyncio.CancelledError:
            status = 499
            if not scope.get("transduce.gone"):
                raise
        except Exception as error:
            if not started:
                await self._answer_for(error)(scope, receive, send_on)
            else:
                log.exception("an answer broke off")
        finally:
            self._note(scope, status, time.monotonic() - began)

    def _check(self, scope: Scope, headers: Headers, allowed: str | None) -> None:
        """Raises ``Refused`` for a Host or an Origin that is not ours.

        On loopback no key is needed, so a page of another site could reach us through the user's browser: by a
        name of its own that it lets point to 127.0.0.1 (Host), or by a form that it posts here (Origin).
        """
        config = self.service.config
        # The server's own limit holds for heads that come in parts; one that comes at once it takes whole.
        head = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        if head + len(scope.get("raw_path") or b"") + len(scope["query_string"]) > config.max_header:
            raise Refused(431, "The head of the request is too large.", "header_size")
        host = headers.get("host", "")
        name = _host_name(host)
        if (config.loopback or config.allowed_hosts) and not (is_loopback(name) or name in config.allowed_hosts):
            raise Refused(403, f'The host "{name[:100]}" is not served here; name it with --allow-host.', "host")
        origin = headers.get("origin")
        foreign = origin is not None and not allowed and urlsplit(origin).netloc != host
        if scope["method"] not in ("GET", "HEAD") and (
            foreign or (headers.get("sec-fetch-site") == "cross-site" and not allowed)
        ):
            raise Refused(403, "Pages of other sites may not use this service; name the site with --origin.", "origin")

    def _dress(self, headers: MutableHeaders, allowed: str | None) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("cache-control", "no-store")
        if self.service.config.origins:
            headers.add_vary_header("Origin")
        if allowed:
            headers["access-control-allow-origin"] = allowed
            headers["access-control-allow-methods"] = "GET, POST"
            headers["access-control-allow-headers"] = "Authorization, Content-Type"
            headers["access-control-max-age"] = "600"
            headers["cross-origin-resource-policy"] = "cross-origin"

    def _answer_for(self, error: Exception) -> Response:
        match error:
            case Refused():
                self.service.metrics.add("transduce_refusals_total", reason=error.reason)
                return refusal(error)
            case TransduceError():
                self.service.metrics.add("transduce_refusals_total", reason="invalid")
                return JSONResponse({"error": str(error)}, 400)
            case _:
                log.error("an error of ours: %s", error, exc_info=None if isinstance(error, Fault) else error)
                return JSONResponse({"error": "Internal error; the log of the service says more."}, 500)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("transduce.route", "other")
        method = scope["method"] if scope["method"] in ("GET", "POST", "HEAD", "OPTIONS") else "other"
        metrics = self.service.metrics
        metrics.add("transduce_http_requests_total", route=route, method=method, status=str(status))
        metrics.observe("transduce_http_request_seconds", seconds, route=route)
        if status == 499:
            metrics.add("transduce_abandoned_total")
        log.info("%s %s %d %.0f ms", method, route, status, 1000 * seconds)


async def read_body(request: Request, limit: int) -> bytes:
    """The body, at most ``limit`` bytes. Raises ``Refused``. (server.py ends requests that come too slowly.)

    Of a body that is not much too large the rest is read and dropped: a client that is still sending does not hear
    an answer.
    """
    told = request.headers.get("content-length", "")
    size = int(told[:20]) if told.isdecimal() else 0
    too_large = Refused(413, f"The request is larger than {limit:,} bytes.", "body_size")
    if size > DRAINED * limit or (size > limit and "expect" in request.headers):
        raise too_large
    found, length = bytearray(), 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= limit:
            found += chunk
        elif length > DRAINED * limit:
            raise too_large
    if length > limit:
        raise too_large
    return bytes(found)


def decode_json(body: bytes, kind: Any, *, depth: int) -> Any:
    """A message of type ``kind``. Raises ``Refused`` with a sentence about what is wrong."""
    if body.count(b"[") + body.count(b"{") > depth and _depth(body, depth) > depth:
        raise Refused(400, f"Invalid JSON: nested deeper than {depth}.", "json_depth")
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise Refused(400, invalid(str(error), kind), "invalid") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"Invalid JSON: {str(error)[:200]}", "json") from None


def invalid(message: str, kind: Any) -> str:
    """A validation error of a message of type ``kind``, in the words that LibreTranslate uses where it has some."""
    if unknown := re.match(r"Object contains unknown field `([^`]*)`", message):
        return f"Invalid request: unknown field {unknown[1][:60]}.{nearest(unknown[1][:60], kind.__struct_fields__)}"
    if missing := re.match(r"Object missing required field `(\w+)`", message):
        return f"Invalid request: missing {missing[1]} parameter"
    return f"Invalid request: {message[:300]}"


def _depth(body: bytes, enough: int) -> int:
    depth = deepest = 0
    for bracket in _brackets(body):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
        if deepest > enough:
            break
    return deepest


def _brackets(body: bytes) -> Iterator[bytes]:
    for found in _BRACKETS.finditer(body):
        if found.group() in (b"[", b"]", b"{", b"}"):
            yield found.group()


def _host_name(host: str) -> str:
    """The name in a Host header, without its port and brackets, in lower case."""
    found = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([^:\s/@]+)(?::\d+)?", host)
    return ((found[1] or found[2]) if found else host).lower().rstrip(".")
