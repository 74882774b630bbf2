"""Whatever a client sends, the fault is not ours: requests near to the right ones, and far from them."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serve.conftest import Client

TEXTS = st.one_of(st.text(max_size=30), st.sampled_from(["one two. six!", "<b>one</b> two", "\x00", "\u2028one", "😀"]))
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 30), st.floats(allow_nan=False), TEXTS,
              st.sampled_from(["en", "fr", "auto", "run", "html", "text"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)  # fmt: skip
RIGHT: dict[str, dict[str, Any]] = {
    "/translate": {"q": "one", "source": "en", "target": "fr"},
    "/detect": {"q": "one"},
    "/v1/translate": {"text": "one"},
    "/v1/score": {"pairs": [["one", "two"]]},
}
FIELDS = ["q", "source", "target", "format", "alternatives", "api_key", "text", "model", "beam", "nbest", "length_penalty",
          "sample", "temperature", "top_k", "top_p", "seed", "prefix", "top", "tokens", "attention", "split", "stream",
          "pairs", "deadline"]  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(sorted(RIGHT)), changes=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3))
def test_no_request_is_answered_by_a_fault(client: Client, path: str, changes: dict[str, Any]) -> None:
    answer = client.post(path, RIGHT[path] | changes)
    assert answer.status in (200, 400, 413, 503), answer.body
    if answer.status != 200:
        assert set(answer.json) == {"error"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(sorted(RIGHT)), body=st.binary(max_size=60),
       kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                             "multipart/form-data", "text/plain", ""]))  # fmt: skip
def test_no_body_is_answered_by_a_fault(client: Client, path: str, body: bytes, kind: str) -> None:
    assert client.post(path, body, content_type=kind).status in (200, 400, 413, 415)
    assert client.post("/translate_file", body, content_type=kind).status in (400, 413, 415)
