"""``POST /inside`` without a browser: what comes back, under which policy, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.serve.conftest import Answer, Client, Host, running, worker_of
from transduce.serve.keys import Keys, digest

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def site(host: Host, trained: Path) -> Iterator[Client]:
    with running(host, [trained], keys=Keys([(digest("sesame"), "me")]), command=worker_of("explains")) as found:
        yield found


def inside(site: Client, **fields: str) -> Answer:
    fields = {"text": "one two", "model": "run", "api_key": "sesame"} | fields
    return site.post("/inside", urlencode(fields), content_type=FORM)


def test_the_page_comes_under_its_own_policy(site: Client) -> None:
    answer = inside(site)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == "default-src 'none'; script-src 'x'; frame-ancestors 'none'"
    assert answer.headers["cache-control"] == "no-store"
    assert b"<title>'one two' {}</title>" in answer.body
    assert b"'one\\ntwo' {'target': 'two'}" in inside(site, text="one\r\ntwo", force="two").body


def test_a_page_without_a_policy_may_run_nothing(site: Client) -> None:
    for text in ("bare", "late"):  # the second names one only in what came from outside
        policy = inside(site, text=text).headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "'x'" not in policy


def test_refusals_are_pages_that_say_why(site: Client) -> None:
    for status, fields, reason in [
        (403, {"api_key": "guess"}, "Invalid API key"),
        (400, {"model": "<b>"}, "There is no model &quot;&lt;b&gt;&quot;"),
        (413, {"text": "one " * 1_000}, "2,000 characters"),
        (400, {"colour": "red"}, "colour"),
    ]:
        answer = inside(site, **fields)
        assert answer.status == status
        assert answer.headers["content-type"].startswith("text/html")
        assert reason in answer.body.decode()
    assert site.refused("key") == 1


def test_other_sites_cannot_ask(site: Client) -> None:
    fields = urlencode({"text": "one", "model": "run", "api_key": "sesame"})
    assert site.post("/inside", fields, content_type=FORM, origin="https://example.org").status == 403


def test_where_nothing_explains_the_page_does_not_offer_it(run_service: Callable[..., Any]) -> None:
    with run_service(command=worker_of("mute")) as client:
        assert client.get("/frontend/settings").json["inside"] is False
        assert client.post("/inside", urlencode({"text": "one", "model": "run"}), content_type=FORM).status == 404
        assert client.post("/v1/explain", {"text": "one"}).status == 404
