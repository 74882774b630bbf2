"""``POST /inside``: the page that explains one sentence, as the page's form asks for it, in a tab of its own.

A form and not a link, so that the text stands in no address: not in the browser's history, not in a proxy's log.
The explaining page brings its own script and style, and a policy in its head that allows these two by their hashes
and nothing else; the answer's header says the same, and that nobody may frame it.
"""

from __future__ import annotations

import html
import re
from typing import final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from transduce.errors import TransduceError
from transduce.serve.gate import Refused
from transduce.serve.libre import message
from transduce.serve.messages import InsideRequest
from transduce.serve.service import Service

MOST_CHARACTERS = 2_000  # an explanation holds every state of every token
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"<>]*)">')


@final
class Inside:
    """The endpoint."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def page(self, request: Request) -> Response:
        """``POST /inside``: the page, or one that says why there is none."""
        try:
            return await self._page(request)
        except Refused as error:
            self.service.metrics.add("transduce_refusals_total", reason=error.reason)
            retry = error.retry_after
            return _refusal(error.status, error.message, retry)
        except TransduceError as error:
            self.service.metrics.add("transduce_refusals_total", reason="invalid")
            return _refusal(400, str(error), None)

    async def _page(self, request: Request) -> Response:
        service = self.service
        asked: InsideRequest = await message(request, service, InsideRequest)
        if not service.pages:
            raise Refused(404, "This service explains nothing.", "not_found")
        served = service.catalog.by_name.get(asked.model)
        if served is None:
            raise Refused(400, f'There is no model "{asked.model[:60]}".', "language")
        text, force = asked.text.replace("\r\n", "\n"), (asked.force or "").replace("\r\n", "\n")  # as forms send it
        characters = len(text) + len(force)
        if characters > MOST_CHARACTERS:
            raise Refused(413, f"To look inside, a sentence may have {MOST_CHARACTERS:,} characters.", "text_length")
        options = {"target": force} if force else {}
        async with service.accepted(request, characters) as ticket:
            page = (await service.explained(served, text, options, ticket, page=True)).decode("utf-8")
        return HTMLResponse(page, headers=_headers(page))


def _headers(page: str) -> dict[str, str]:
    """The page's own policy as a header. A page that has none gets the service's, under which no inline script runs."""
    found = _POLICY.search(page.partition("<title>")[0])  # before anything that came from outside
    return {"content-security-policy": f"{html.unescape(found[1])}; frame-ancestors 'none'"} if found else {}


def _refusal(status: int, reason: str, retry: float | None) -> Response:
    headers = {} if retry is None else {"retry-after": str(max(1, round(retry)))}
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="/icon.svg"><title>Look inside</title>'
        f"</head><body><h1>There is nothing to look at</h1><p>{html.escape(reason)}</p>"
        "<p>Close this tab; what you wrote is still in the other one.</p></body></html>", status, headers,
    )  # fmt: skip
