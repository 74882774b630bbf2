"""LibreTranslate's API, by its own client from PyPI and by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest
from libretranslatepy import LibreTranslateAPI

from tests.serve.conftest import Client, altered
from transduce.serve.keys import Keys, digest
from transduce.transducer import Transducer

FORM = "application/x-www-form-urlencoded"


def multipart(fields: dict[str, str], name: str, content: bytes) -> dict[str, Any]:
    parts = [f'--x\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    parts.append(f'--x\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n\r\n')
    return {"body": "".join(parts).encode() + content + b"\r\n--x--\r\n",
            "content_type": "multipart/form-data; boundary=x"}  # fmt: skip


def test_its_own_client_translates_detects_and_lists(client: Client, model: Transducer) -> None:
    api = LibreTranslateAPI(client.url)
    text = "one two three"
    assert api.translate(text, "en", "fr") == model.translate(text)
    assert api.translate(text, "auto", "fr") == model.translate(text)
    assert {each["code"]: each["targets"] for each in api.languages()} == {"en": ["fr"], "fr": []}
    assert {each["language"] for each in api.detect("Where are you going?")} == {"en", "fr"}
    with pytest.raises(HTTPError) as failed:
        api.translate(text, "en", "de")
    with failed.value as error:
        assert (error.code, json.loads(error.read())) == (400, {"error": "de is not supported"})


def test_json_form_and_multipart_say_the_same(client: Client, model: Transducer) -> None:
    fields = {"q": "four five", "source": "en", "target": "fr"}
    expected = {"translatedText": model.translate("four five")}
    assert client.ok("/translate", fields) == expected
    assert client.ok("/translate", urlencode(fields), content_type=FORM) == expected
    assert client.ok(f"/translate?{urlencode(fields)}", None) == expected  # as deep-translator posts
    sent = multipart(fields, "unused.txt", b"")
    assert client.ok("/translate", **sent) == expected


def test_lists_come_back_as_lists_in_their_order(client: Client, model: Transducer) -> None:
    texts = ["one", "", "two three four", "9 9 9", "five\n\nsix"]
    found = client.ok("/translate", {"q": texts, "source": "auto", "target": "fr", "alternatives": 2})
    words = model.translate(["one", "two three four", "five", "six"])
    assert found["translatedText"] == [words[0], "", words[1], "9 9 9", f"{words[2]}\n\n{words[3]}"]
    assert len(found["alternatives"]) == len(found["detectedLanguage"]) == len(texts)
    assert found["alternatives"][1] == found["alternatives"][3] == []
    assert all(each["language"] == "en" and 0 <= each["confidence"] <= 100 for each in found["detectedLanguage"])


def test_what_the_model_cannot_know_is_passed_through(client: Client, model: Transducer) -> None:
    def translate(text: str) -> str:
        found = client.ok("/translate", {"q": text, "source": "en", "target": "fr"})["translatedText"]
        assert isinstance(found, str)
        return found

    for text in ("你好，世界", "xqzkvw", "a < b && c", "7 + 8", "me@x.org", "😀", " \n ", "\u200b"):
        assert translate(text) == text
    one, six = model.translate(["one two", "six"])
    assert translate("one two 77 six") == f"{one} 77 {six}"  # the model would lose the number
    assert translate("one two https://x.org/one six") == f"{one} https://x.org/one {six}"
    assert translate('"one two"\t(six)') == f'"{one}"\t({six})'
    long = " ".join(["one two three"] * 30)  # many times longer than any sentence it was trained on
    assert len(translate(long).split()) > 60


def test_alternatives_are_other_outputs_of_the_beam(client: Client, model: Transducer) -> None:
    found = client.ok("/translate", {"q": "one two six", "source": "en", "target": "fr", "alternatives": 3})
    ((*outputs,),) = model.hypotheses(["one two six"], nbest=4, beam=5)
    finished = [text for text, _ in outputs]
    assert found["translatedText"] == finished[0]
    assert found["alternatives"] == list(dict.fromkeys(text for text in finished[1:] if text != finished[0]))
    assert "detectedLanguage" not in found


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"source": "en", "target": "fr"}, 400, "missing q parameter"),
        ({"q": "one", "source": "en"}, 400, "missing target parameter"),
        ({"q": 3, "source": "en", "target": "fr"}, 400, "$.q"),
        ({"q": "one", "source": "fr", "target": "en"}, 400, "en to fr"),
        ({"q": "one", "source": "en", "target": "fr", "format": "pdf"}, 400, "$.format"),
        ({"q": "one", "source": "en", "target": "fr", "alternatives": -1}, 400, "$.alternatives"),
        (b"{", 400, "Invalid JSON"),
        (b"\xff", 400, "Invalid JSON"),
        ([], 400, "Invalid request"),
        ({"q": ["one"] * 1_001, "source": "en", "target": "fr"}, 413, "1,001 texts"),
        ({"q": "one " * 30_000, "source": "en", "target": "fr"}, 413, "120,000 characters"),
        (b" " * 2_000_001, 413, "2,000,000 bytes"),
        (b'{"q": ' + b"[" * 10_000, 400, "nested deeper than 16"),
    ],
    ids=range(13),
)  # fmt: skip
def test_wrong_requests_are_refused_with_a_sentence(client: Client, body: Any, status: int, words: str) -> None:
    answer = client.post("/translate", body, content_type="application/json")
    assert (answer.status, set(answer.json)) == (status, {"error"})
    assert words in answer.json["error"]


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/nothing", 404), ("PUT", "/translate", 405), ("GET", "/translate", 405), ("POST", "/suggest", 403),
    ("GET", "/download_file/x/y.txt", 404), ("GET", "/v1/models/x", 404),
])  # fmt: skip
def test_every_error_has_the_same_shape(client: Client, method: str, path: str, status: int) -> None:
    answer = client(method, path)
    assert (answer.status, set(answer.json)) == (status, {"error"})


def test_a_body_of_another_kind_is_refused(client: Client) -> None:
    assert client.post("/translate", b"q=one", content_type="text/plain").status == 415


def test_html_keeps_its_tags_and_only_text_changes(client: Client, model: Transducer) -> None:
    document = '<p class="a">one two</p><script>one</script><b translate=no>two</b> &lt;3'
    found = client.ok("/translate", {"q": document, "source": "en", "target": "fr", "format": "html"})
    expected = document.replace("one two", model.translate("one two"), 1)
    assert found["translatedText"] == expected


def test_files_are_translated_and_fetched_once_named(client: Client, model: Transducer) -> None:
    subtitles = b"1\r\n00:00:01,000 --> 00:00:02,000\r\none two\r\n\r\n2\r\n00:00:03,5 --> 00:00:04,0\r\nsix\r\n"
    fields = {"source": "en", "target": "fr"}
    url = client.ok("/translate_file", **multipart(fields, "é.srt", subtitles))["translatedFileUrl"]
    assert url.startswith(f"http://127.0.0.1:{client.port}/download_file/")
    answer = client.get(url.removeprefix(client.url))
    one, six = model.translate(["one two", "six"])
    assert answer.body.decode() == subtitles.decode().replace("one two", one).replace("six", six)
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''%C3%A9.srt"


def test_a_column_of_a_table_is_translated_and_the_others_are_not(client: Client, model: Transducer) -> None:
    table = b'id,text,note\n1,"one, two",one\n2,six,"a ""b"""\n'
    fields = {"source": "en", "target": "fr", "column": "text"}
    url = client.ok("/translate_file", **multipart(fields, "t.csv", table))["translatedFileUrl"]
    rows = client.get(url.removeprefix(client.url)).body.decode().splitlines()
    six = model.translate("six")
    assert rows[0] == "id,text,note"
    assert rows[1].endswith(",one")
    assert rows[2] == f'2,{six},"a ""b"""'
    refused = client.post("/translate_file", **multipart({**fields, "column": "x"}, "t.csv", table))
    assert (refused.status, "id, text, note" in refused.json["error"]) == (400, True)


def test_progress_of_a_file_comes_as_events(client: Client) -> None:
    for name, content in (("a.txt", b"one two three\n" * 600), ("a.html", b"<p>one two three</p>\n" * 600)):
        sent = multipart({"source": "en", "target": "fr"}, name, content)
        answer = client.post("/translate_file", **sent, accept="text/event-stream")
        assert answer.headers["content-type"].startswith("text/event-stream")
        blocks = [block.split("\n") for block in answer.body.decode().strip().split("\n\n")]
        assert [head for head, _ in blocks] == ["event: progress"] * (len(blocks) - 1) + ["event: done"]
        told = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
        done, totals = [each["done"] for each in told[:-1]], {each["total"] for each in told[:-1]}
        assert done == sorted(done)
        assert len(done) >= 4
        assert (done[0], {done[-1]}) == (0, totals)
        assert "translatedFileUrl" in told[-1]


@pytest.mark.alone
def test_a_book_is_longer_than_a_text_may_be_and_lets_others_through(
    run_service: Callable[..., Any], model: Transducer
) -> None:
    one, two = model.translate(["one two three.", "six"])
    with run_service(max_text=300, max_characters=5_000, deadline=1.0) as client, ThreadPoolExecutor(2) as many:
        assert client.post("/translate", {"q": "x" * 301, "source": "en", "target": "fr"}).status == 413
        book = multipart({"source": "en", "target": "fr"}, "book.txt", b"one two three.\n" * 4_000)
        coming = [many.submit(client.ok, "/translate_file", **book) for _ in range(2)]
        answered = []
        while not all(each.done() for each in coming):
            began = time.monotonic()
            assert client.ok("/translate", {"q": "six", "source": "en", "target": "fr"})["translatedText"] == two
            answered.append(time.monotonic() - began)
            assert client.service.gate.characters <= 5_000
        assert len(answered) > 3
        for each in coming:
            found = client.get(each.result()["translatedFileUrl"].removeprefix(client.url)).body.decode()
            assert found == f"{one}\n" * 4_000


def test_files_at_once_are_bounded(run_service: Callable[..., Any]) -> None:
    with run_service(file_space=50_000) as client, ThreadPoolExecutor(1) as many:
        book = multipart({"source": "en", "target": "fr"}, "book.txt", b"one two three.\n" * 3_000)
        coming = many.submit(client.post, "/translate_file", **book)
        while not client.service.gate.inside:
            time.sleep(0.01)
        refused = client.post("/translate_file", **book)
        assert (refused.status, refused.headers["retry-after"]) == (503, "10")
        assert client.refused("files") == 1
        assert coming.result().status == 200
        assert client.post("/translate_file", **book).status == 200


def test_a_file_has_a_deadline_of_its_own(run_service: Callable[..., Any]) -> None:
    with run_service(file_deadline=0.3) as client:
        book = multipart({"source": "en", "target": "fr"}, "book.txt", b"one two three.\n" * 30_000)
        answer = client.post("/translate_file", **book, accept="text/event-stream")
        assert answer.body.decode().strip().split("\n\n")[-1].startswith("event: error")
        assert client.post("/translate_file", **book).status == 503


@pytest.mark.parametrize(("name", "content"), [("a.pdf", b"%PDF"), ("a", b"one"), ("a.txt", b"\xff\xfe"), ("", b"one")])
def test_files_that_cannot_be_read_are_refused(client: Client, name: str, content: bytes) -> None:
    assert client.post("/translate_file", **multipart({"source": "en", "target": "fr"}, name, content)).status == 400


def test_a_key_is_asked_for_and_compared(run_service: Callable[..., Any], model: Transducer) -> None:
    body = {"q": "one", "source": "en", "target": "fr"}
    with run_service(keys=Keys([(digest("right key"), "phone")])) as client:
        assert client.post("/translate", body).status == 403
        assert client.post("/translate", {**body, "api_key": "wrong"}).status == 403
        assert client.get("/v1/models").status == 403
        assert client.get("/metrics").status == 403
        assert client.ok("/translate", {**body, "api_key": "right key"})
        assert client.ok("/translate", body, authorization="Bearer right key")
        assert LibreTranslateAPI(client.url, "right key").translate("one", "en", "fr") == model.translate("one")
        assert client.get("/health").status == client.get("/languages").status == 200


def test_a_run_without_languages_is_served_under_its_name(
    trained: Path, tmp_path: Path, run_service: Callable[..., Any], model: Transducer
) -> None:
    nameless = altered(trained, tmp_path / "numbers", source_language=None, target_language=None)
    with run_service(runs=[nameless, trained]) as client:
        expected = model.translate("one two")
        for source in ("numbers", "auto"):
            found = client.ok("/translate", {"q": "one two", "source": source, "target": "numbers"})
            assert found["translatedText"] == expected
        assert {each["code"] for each in client.get("/languages").json} == {"numbers", "en", "fr"}
        assert [each["name"] for each in client.get("/v1/models").json["models"]] == ["numbers", "run"]
        assert client.ok("/v1/translate", {"text": "one", "model": "numbers"})["model"] == "numbers"


def test_the_settings_that_clients_read_first(client: Client, trained: Path) -> None:
    found = client.get("/frontend/settings").json
    assert (found["charLimit"], found["maxFileSize"]) == (100_000, 10_000_000)
    assert found["language"]["source"] == {"code": "en", "name": "English"}
    assert str(trained.parent) not in client.get("/v1/models").body.decode()
