"""The OWASP API security top ten (2023), one after the other; docs/serve.md has the table that names these tests."""

from __future__ import annotations

import hmac
import os
import pickle
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import transduce
from tests.serve.conftest import Client, Host, running
from tests.serve.test_libre import multipart
from transduce.errors import RunError
from transduce.serve import keys as keys_module
from transduce.serve import reference
from transduce.serve.keys import Keys, add_key, digest, read_keys
from transduce.serve.openapi import OPERATIONS

ASKED = {"q": "one", "source": "en", "target": "fr"}
OPEN = {"/health", "/ready", "/languages", "/frontend/settings", "/download_file/{word}/{name}"}


@pytest.fixture(scope="module")
def keyed(host: Host, trained: Path) -> Iterator[Client]:
    keys = Keys([(digest("right"), "phone"), (digest("other"), "desk")])
    with running(host, [trained], keys=keys, rate=0.5, burst=40) as found:
        yield found


# 1: broken object level authorization


def test_files_of_others_cannot_be_found(client: Client) -> None:
    words = []
    for _ in range(4):
        sent = multipart({"source": "en", "target": "fr"}, "a.txt", b"one")
        words.append(client.ok("/translate_file", **sent)["translatedFileUrl"].split("/")[-2])
    assert len(set(words)) == 4
    assert all(len(word) >= 32 for word in words)  # 24 random bytes
    assert client.get(f"/download_file/{words[0]}/a.txt").status == 200
    for guess in (
        words[0][:-1],
        words[0][:-1] + ("A" if words[0][-1] != "A" else "B"),
        words[0].swapcase(),
        "..",
        "%2e%2e",
        "x",
    ):
        assert client.get(f"/download_file/{guess}/a.txt").status == 404
    for path in (
        "/download_file/../etc/passwd",
        "/download_file/x/..%2f..%2f..%2fetc%2fpasswd",
        "/..%2fsettings.py",
        "/%2e%2e/app.py",
    ):
        assert client.get(path).status == 404
    assert client.get("/download_file").status == client.get("/download_file/").status == 404  # nothing lists them


# 2: broken authentication


def test_keys_are_kept_as_hashes_and_each_is_compared_in_constant_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, compared = tmp_path / "keys", []
    monkeypatch.delenv(keys_module.ENVIRONMENT, raising=False)
    made = [add_key(file, name) for name in ("phone", "desk", "car")]
    assert not any(key in file.read_text(encoding="utf-8") for key in made)
    found = read_keys(file)
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or compare(a, b))
    for key, name in ((made[0], "phone"), (made[2], "car"), ("guess", None), ("", None)):
        compared.clear()
        assert found.name_of(key) == name
        assert len(compared) == 3  # whichever it is, and however early it was found
        assert all(len(a) == len(b) == 64 for a, b in compared)


def test_guessing_keys_is_refused_and_then_slowed_down(keyed: Client) -> None:
    statuses = [keyed.post("/translate", {**ASKED, "api_key": f"guess {number}"}).status for number in range(45)]
    assert statuses[0] == 403
    assert set(statuses) == {403, 429}
    assert statuses[-1] == 429
    assert keyed.refused("key") <= 41
    assert keyed.post("/translate", ASKED, authorization="Bearer right").status == 200  # its owner is not kept out


# 3: broken object property level authorization


@pytest.mark.parametrize("path", ["/v1/translate", "/v1/score", "/v1/explain"])
def test_fields_that_are_not_offered_are_refused(client: Client, path: str) -> None:
    right: dict[str, Any] = {"pairs": [["one", "two"]]} if path == "/v1/score" else {"text": "one"}
    for field in ("path", "is_admin", "model_path", "__class__", "config"):
        answer = client.post(path, {**right, field: "x"})
        assert answer.status == 400
        assert "unknown field" in answer.json["error"]


def test_answers_hold_no_folders_of_the_machine(client: Client, trained: Path) -> None:
    bodies = [client.get(path).body for path in ("/", "/docs", "/openapi.json", "/languages", "/frontend/settings", "/metrics",
              "/v1/models", "/v1/models/run", "/v1/models/run/report", "/v1/models/run/metrics", "/nothing")]  # fmt: skip
    bodies += [
        client.post("/v1/translate", body).body
        for body in ({"text": "one"}, {"text": "one", "model": str(trained)}, {})
    ]
    told = b"\n".join(bodies).decode().replace(str(trained), "", 1)  # the name that was asked for is said again, cut
    package = str(Path(transduce.__file__).parent)
    assert not any(folder in told for folder in (str(trained.parent), package, str(Path.home()) + os.sep))


# 4: unrestricted resource consumption (queues, slow senders, connections and deadlines: tests/serve/test_load.py)


def test_every_size_has_a_limit(run_service: Callable[..., Any]) -> None:
    with run_service(max_body=2_000, max_file=3_000, max_text=500, max_texts=5, max_depth=4, max_header=2_000,
                     max_beam=3) as client:  # fmt: skip
        one = {"source": "en", "target": "fr"}
        for status, reason, path, sent in [
            (413, "body_size", "/translate", {"body": {**ASKED, "q": "x" * 2_000}}),
            (413, "body_size", "/translate_file", multipart(one, "a.txt", b"x" * 3_000)),
            (413, "text_length", "/translate", {"body": {**ASKED, "q": "x" * 501}}),
            (413, "text_length", "/v1/translate", {"body": {"text": ["x" * 300, "x" * 300]}}),
            (413, "list_length", "/translate", {"body": {**ASKED, "q": ["x"] * 6}}),
            (400, "json_depth", "/v1/translate", {"body": '{"text": [[[["x"]]]]}', "content_type": "application/json"}),
            (431, "header_size", "/translate", {"body": ASKED, "x_long": "y" * 2_000}),
            (400, "beam", "/v1/translate", {"body": {"text": "one", "beam": 4}}),
            (400, "beam", "/v1/translate", {"body": {"text": "one", "nbest": 4}}),
        ]:
            before = client.refused(reason)
            answer = client.post(path, **sent)
            assert (answer.status, client.refused(reason)) == (status, before + 1), (reason, answer.body)
        found = client.ok("/translate", {**ASKED, "alternatives": 100})
        assert len(found["alternatives"]) <= 2  # no wider than --max-beam


# 5: broken function level authorization


def test_nothing_but_what_is_open_is_done_without_a_key(keyed: Client) -> None:
    for each in OPERATIONS:
        path = each.path.replace("{name}", "run").replace("{word}", "x")
        sent: dict[str, Any] = (
            multipart(ASKED, "a.txt", b"one") if each.path == "/translate_file" else {"body": {**ASKED}}
        )
        if each.path.startswith("/v1"):
            sent = {"body": {"pairs": [["one", "two"]]} if each.path == "/v1/score" else {"text": "one"}}
        if each.method == "get":
            sent = {}
        # By a right key's reserve, so that the rate of this address, spent above, does not answer instead.
        status = keyed(each.method.upper(), path, **sent).status
        assert status in ((200, 404, 429) if each.path in OPEN else (403, 429)), (each.path, status)


def test_there_are_no_other_methods_and_nothing_to_administer(client: Client) -> None:
    for each in OPERATIONS:
        path = each.path.replace("{name}", "run").replace("{word}", "x")
        for method in ("PUT", "DELETE", "PATCH", "TRACE"):
            assert client(method, path).status == 405, (method, path)
    for path in ("/admin", "/keys", "/v1/keys", "/shutdown", "/reload", "/debug", "/.env", "/.git/config"):
        assert client.get(path).status == 404


# 6: unrestricted access to sensitive business flows


def test_each_key_has_a_rate_of_its_own(run_service: Callable[..., Any]) -> None:
    with run_service(keys=Keys([(digest("a"), "a"), (digest("b"), "b")]), rate=0.2, burst=3) as client:

        def asks(key: str) -> list[int]:
            return [client.get("/v1/models", authorization=f"Bearer {key}").status for _ in range(4)]

        assert asks("a") == [200, 200, 200, 429]
        assert asks("b") == [200, 200, 200, 429]
        assert client.get("/v1/models").status == 403  # by address: a third reserve


# 7: server side request forgery


def test_nothing_that_a_client_names_is_fetched(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.3)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        assert client.ok("/translate", {**ASKED, "q": url})["translatedText"] == url
        page = f'<p>one <img src="{url}"><link rel=stylesheet href="{url}"><iframe src="{url}"></iframe></p><!DOCTYPE x SYSTEM "{url}">'
        assert client.ok("/translate", {**ASKED, "q": page, "format": "html"})["translatedText"].count(url) == 4
        assert client.post("/translate", {**ASKED, "source": url}).status == 400
        assert client.post("/v1/translate", {"text": url, "model": url}).status == 400
        assert client.ok("/v1/translate", {"text": [url, f"one {url} two"]})
        sent = multipart({"source": "en", "target": "fr", "file": url}, "a.xhtml", page.encode())
        assert client.ok("/translate_file", **sent)
        assert client.post("/translate", f"q={url}", content_type="application/x-www-form-urlencoded").status == 400
        with pytest.raises(TimeoutError):
            listener.accept()


# 8: security misconfiguration (Host, Origin, headers: tests/serve/test_load.py)


def test_faults_tell_nothing_of_the_inside(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(client.service, "find", fails)
    answer = client.post("/translate", ASKED)
    assert answer.status == 500
    assert set(answer.json) == {"error"}
    assert not re.search(r"secret|Traceback|RuntimeError|\.py", answer.body.decode())
    assert "x-powered-by" not in answer.headers
    assert "server" not in answer.headers
    assert "content-security-policy" in answer.headers


def test_what_a_client_sends_is_text_in_every_page(client: Client) -> None:
    hostile = '"><script>alert(1)</script>'
    told = client.get("/docs", host=f"127.0.0.1:80{hostile}")
    assert told.headers["content-type"] == "application/json"  # and browsers may not take it for anything else
    assert told.headers["x-content-type-options"] == "nosniff"
    page = reference.page(url=hostile, source=hostile, target=hostile, keys=True, config=client.service.config)
    assert "<script>alert" not in page


# 10: unsafe consumption of APIs: run folders are what the service takes from others


class _Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_nothing_in_a_run_folder_is_executed(run_copy: Path, tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    for name in ("model.pkl", "model.pt", "pytorch_model.bin", "optimizer.pt", "model.safetensors.index.json"):
        (run_copy / name).write_bytes(pickle.dumps(_Trap(sprung)))
    code = f"import pathlib; pathlib.Path({str(sprung)!r}).touch()\n"
    for name in ("__init__.py", "sitecustomize.py", "usercustomize.py", "torch.py", "config.py", "conftest.py", "modeling.py",
                 "hook.pth"):  # fmt: skip
        (run_copy / name).write_text(code, encoding="utf-8")
    (run_copy / "resume").mkdir(exist_ok=True)
    (run_copy / "resume" / "state.pkl").write_bytes(pickle.dumps(_Trap(sprung)))
    process = subprocess.Popen([sys.executable, "-m", "transduce", "serve", str(run_copy), "--port", "0", "--threads", "1"],
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        assert process.stderr is not None
        port = next(
            int(found[1]) for line in process.stderr if (found := re.search(r"Serving on http://[^ ]*:(\d+)", line))
        )
        served = Client(f"http://127.0.0.1:{port}", None, None)  # type: ignore[arg-type]
        for _ in range(200):
            answer = served.post("/translate", ASKED)
            if answer.status != 503:
                break
            threading.Event().wait(0.1)
        assert answer.status == 200, answer.body
        assert served.get("/v1/models/run/report").status == 200
    finally:
        timer.cancel()
        process.terminate()
        process.wait(40)
        assert process.stderr is not None
        process.stderr.close()
    assert not sprung.exists()


def test_tampered_runs_are_refused(run_copy: Path) -> None:
    for name, old, new in (
        ("config.json", b'"hidden":', b'"hidden": 9'), ("config.json", b"{", b'{"code": "import os", '),
        ("model.safetensors", b"F32", b"F64"), ("tokenizer.json", b"{", b"["),
    ):  # fmt: skip
        whole = (run_copy / name).read_bytes()
        assert old in whole
        (run_copy / name).write_bytes(whole.replace(old, new, 1))
        with pytest.raises(RunError):
            transduce.load(run_copy)
        (run_copy / name).write_bytes(pickle.dumps({"weights": 1}))
        with pytest.raises(RunError):
            transduce.load(run_copy)
        (run_copy / name).write_bytes(whole)
    assert transduce.load(run_copy).translate("one")
