"""Many clients, hostile clients, clients that leave, and a process that ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import run_command
from tests.serve.conftest import Client
from transduce.serve import engine as engine_module
from transduce.serve.catalog import Catalog, Served, load_catalog
from transduce.serve.gate import Gate, Rates, Refused
from transduce.serve.metrics import Metrics
from transduce.serve.pace import Pace
from transduce.serve.settings import ServeConfig
from transduce.training.checkpoint import load_weights, save_weights, shapes
from transduce.transducer import load

LONG = "one two three four five six. " * 2_000


def wait_until(holds: Callable[[], bool], seconds: float = 3.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def opened(client: Client, path: str, body: bytes, *, head: str = "") -> socket.socket:
    """A connection on which a request has been sent, and nothing read."""
    connection = socket.create_connection(("127.0.0.1", client.port), timeout=10)
    connection.sendall(f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{head}"
                       f"content-length: {len(body)}\r\n\r\n".encode() + body)  # fmt: skip
    return connection


def read_all(connection: socket.socket) -> bytes:
    found = b""
    try:
        while chunk := connection.recv(65_536):
            found += chunk
    except ConnectionResetError:
        pass
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_an_answer_does_not_depend_on_who_else_asks(
    client: Client, run_service: Callable[..., Any], pairs: list[tuple[str, str]], workers: int
) -> None:
    bodies = [
        {"text": source, "tokens": True, "nbest": 2 + number % 2} for number, (source, _) in enumerate(pairs[:80])
    ]
    bodies += [{"text": source, "sample": True, "seed": 3} for source, _ in pairs[:20] + pairs[:20]]

    def outputs(asked: Client, body: dict[str, Any]) -> Any:
        found = asked.ok("/v1/translate", body)["translations"][0]["sentences"][0]["outputs"]
        return [(each["text"], [token["id"] for token in each.get("tokens", ())]) for each in found]

    alone = [outputs(client, body) for body in bodies]
    with run_service(workers=workers) as crowded, ThreadPoolExecutor(16) as many:
        assert list(many.map(lambda body: outputs(crowded, body), bodies)) == alone
        text = crowded.service.metrics.text()
    (rows,) = re.findall(r"^transduce_batch_rows_sum (\d+)", text, re.MULTILINE)
    (batches,) = re.findall(r"^transduce_batch_rows_count (\d+)", text, re.MULTILINE)
    assert int(rows) > int(batches)  # there was company


@pytest.mark.parametrize("body", [{"text": LONG}, {"text": LONG, "stream": True}], ids=["whole", "stream"])
def test_a_client_that_leaves_frees_the_processor(client: Client, body: dict[str, Any]) -> None:
    service = client.service
    before = service.metrics.value("transduce_abandoned_total")
    with opened(client, "/v1/translate", json.dumps(body).encode()):
        wait_until(lambda: len(service.gate.inside) == 1)
        time.sleep(0.05)
    wait_until(lambda: not service.gate.inside, 0.5)
    assert client.ok("/v1/translate", {"text": "one"})  # and its sentences stand in nobody's way
    assert not service.engine._waiting
    wait_until(lambda: service.metrics.value("transduce_abandoned_total") == before + 1)


def test_a_deadline_ends_a_request(client: Client) -> None:
    began = time.monotonic()
    answer = client.post("/v1/translate", {"text": LONG, "deadline": 1})
    assert (answer.status, set(answer.json)) == (503, {"error"})
    assert int(answer.headers["retry-after"]) >= 1
    assert time.monotonic() - began < 3


def test_a_full_queue_refuses_at_once(run_service: Callable[..., Any]) -> None:
    with run_service(max_requests=2) as client:
        held = [opened(client, "/v1/translate", json.dumps({"text": LONG}).encode()) for _ in range(2)]
        wait_until(lambda: len(client.service.gate.inside) == 2)
        began = time.monotonic()
        answer = client.post("/translate", {"q": "one", "source": "en", "target": "fr"})
        assert time.monotonic() - began < 0.5
        assert answer.status == 503
        assert "retry-after" in answer.headers
        assert client.refused("queue_requests") == 1
        for each in held:
            each.close()


def test_the_gate_counts_requests_characters_and_time() -> None:
    config = ServeConfig(max_requests=3, max_characters=500, max_text=400, max_wait=2.0)
    gate = Gate(config, Metrics(), lambda characters: characters / 100)

    def reason(characters: int) -> str:
        with pytest.raises(Refused) as refused:
            gate.enter(characters)
        assert refused.value.status == (413 if refused.value.reason == "text_length" else 503)
        return refused.value.reason

    assert reason(401) == "text_length"
    first = gate.enter(150)
    assert reason(360) == "queue_characters"
    second = gate.enter(100)
    assert reason(1) == "wait"  # 250 characters at 100 a second
    gate.leave(first)
    third, fourth = gate.enter(1), gate.enter(2)
    assert reason(1) == "queue_requests"
    gate.draining = True
    assert reason(1) == "draining"
    for ticket in (second, third, fourth, fourth):
        gate.leave(ticket)
    assert (gate.characters, gate.weight, len(gate.inside)) == (0, 0, 0)


def test_the_pace_of_batches_is_learned() -> None:
    pace = Pace()
    assert pace.wait(1_000) == 0
    for characters in (50, 60, 2_000, 40, 1_500, 3_000):
        pace.note(characters, 0.03 + 0.0001 * characters)
    assert pace.wait(50) == pytest.approx(0.035, rel=0.01)
    assert pace.wait(3_000) == pytest.approx(0.33, rel=0.01)
    assert pace.wait(6_000) == pytest.approx(0.66, rel=0.01)
    same = Pace()
    for _ in range(5):
        same.note(60, 0.04)
    assert same.wait(60) == pytest.approx(0.04)


def test_threads_are_tried(served: Served) -> None:
    before = torch.get_num_threads()
    assert engine_module.fastest_threads(served, 2) in (1, 2)
    assert torch.get_num_threads() == before


def test_rates_are_of_each_client_and_fill_again() -> None:
    rates = Rates(rate=100.0, burst=3)
    for _ in range(3):
        rates.spend("a")
    with pytest.raises(Refused) as refused:
        rates.spend("a")
    assert (refused.value.status, refused.value.reason) == (429, "rate")
    assert 0 < (refused.value.retry_after or 0) <= 0.01
    rates.spend("b")
    time.sleep(0.03)
    rates.spend("a")


def test_too_many_requests_of_one_address(run_service: Callable[..., Any]) -> None:
    with run_service(rate=0.5, burst=2) as client:
        assert [client.get("/languages").status for _ in range(3)] == [200, 200, 429]
        assert client.get("/health").status == 200


def test_slow_and_oversized_requests_are_ended(run_service: Callable[..., Any]) -> None:
    with run_service(receive_timeout=0.3, max_header=1_000, keep_alive=1.0) as client:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", client.port), timeout=5) as slow_head:
            slow_head.sendall(b"GET /health HTTP/1.1\r\nhost: ")
            assert b" 408 " in read_all(slow_head)
        with socket.create_connection(("127.0.0.1", client.port), timeout=5) as slow_body:
            slow_body.sendall(
                b"POST /translate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                b"content-length: 50\r\n\r\n{"
            )
            assert b" 408 " in read_all(slow_body)
        assert time.monotonic() - began < 3
        with opened(client, "/translate", b"", head=f"x: {'y' * 2_000}\r\n") as large:
            answer = read_all(large)
            assert b" 431 " in answer
            assert b'{"error":' in answer
        with socket.create_connection(("127.0.0.1", client.port), timeout=5) as in_parts:
            in_parts.sendall(b"GET /health HTTP/1.1\r\nx: " + b"y" * 1_100)
            assert b" 431 " in read_all(in_parts)
        with socket.create_connection(("127.0.0.1", client.port), timeout=5) as nonsense:
            nonsense.sendall(b"\x00\x01\r\n\r\n")
            assert b" 400 " in read_all(nonsense)
        assert [client.refused(reason) for reason in ("slow", "header_size", "http")] == [2, 2, 1]
        with socket.create_connection(
            ("127.0.0.1", client.port), timeout=5
        ) as idle:  # a kept connection is not a slow one
            for _ in range(2):
                idle.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")
                answer = b""
                while not answer.endswith(b'{"status":"ok"}'):
                    answer += idle.recv(4_096)
                assert answer.startswith(b"HTTP/1.1 200 ")
                time.sleep(0.5)
        assert not client.service.gate.inside


def test_connections_are_bounded(run_service: Callable[..., Any]) -> None:
    with run_service(max_connections=3) as client:
        held = [socket.create_connection(("127.0.0.1", client.port), timeout=5) for _ in range(3)]
        wait_until(lambda: len(client.server.server_state.connections) == 3)
        with socket.create_connection(("127.0.0.1", client.port), timeout=5) as fourth:
            assert b" 503 " in read_all(fourth)
        for each in held:
            each.close()
        wait_until(lambda: not client.server.server_state.connections)
        assert client.get("/health").status == 200


def test_a_worker_that_dies_is_replaced_and_its_sentences_tried_again(
    run_service: Callable[..., Any], served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, deaths = engine_module.decode, iter([SystemExit, SystemExit])

    def mortal(*arguments: Any, **options: Any) -> Any:
        for death in deaths:
            raise death
        return decode(*arguments, **options)

    with run_service() as client:
        monkeypatch.setattr(engine_module, "decode", mortal)
        body = {"q": "one two", "source": "en", "target": "fr"}
        assert client.post("/translate", body).status == 500  # died twice of it
        assert client.ok("/translate", body)["translatedText"] == served.model.translate("one two")
        assert client.service.metrics.value("transduce_worker_restarts_total") == 2
        assert client.get("/ready").status == 200


def test_a_sentence_that_fails_takes_nobody_with_it(
    run_service: Callable[..., Any], served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, bad = engine_module.decode, served.model.tokenizers.source.encode("six six")

    def picky(model: Any, sources: Any, **options: Any) -> Any:
        if bad in list(sources):
            raise ValueError("this one")
        return decode(model, sources, **options)

    with run_service(window=0.2) as client, ThreadPoolExecutor(4) as many:
        monkeypatch.setattr(engine_module, "decode", picky)
        bodies = [{"q": text, "source": "en", "target": "fr"} for text in ("one two", "six six", "two one")]
        statuses = [answer.status for answer in many.map(lambda body: client.post("/translate", body), bodies)]
        assert statuses == [200, 500, 200]


def test_pages_of_other_sites_are_kept_out(client: Client, run_service: Callable[..., Any]) -> None:
    body = {"q": "one", "source": "en", "target": "fr"}
    own = f"http://localhost:{client.port}"
    assert client.get("/languages", host="evil.example").status == 403
    assert client.get("/languages", host="127.0.0.1.evil.example:80").status == 403
    assert client.get("/languages", host="[::1]:80").status == 200
    assert client.post("/translate", body, origin="https://evil.example").status == 403
    assert client.post("/translate", body, origin="null").status == 403
    assert client.post("/translate", body, sec_fetch_site="cross-site").status == 403
    assert client.post("/translate", body, origin=own, host=own.removeprefix("http://")).status == 200
    assert "access-control-allow-origin" not in client.get("/languages", origin="https://evil.example").headers
    with run_service(origins=("https://good.example",), allowed_hosts=("translate.lan",)) as open_one:
        asked = open_one("OPTIONS", "/translate", origin="https://good.example", access_control_request_method="POST")
        assert (asked.status, asked.headers["access-control-allow-origin"]) == (204, "https://good.example")
        assert open_one.post("/translate", body, origin="https://good.example").status == 200
        assert open_one.post("/translate", body, origin="https://evil.example").status == 403
        assert open_one.get("/languages", host="translate.lan").status == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/languages", "/nothing"])
def test_every_answer_carries_the_headers_that_protect_pages(client: Client, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_logs_hold_no_text_of_users(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        client.post("/translate", {"q": "secret words", "source": "en", "target": "fr"})
        client.post("/translate", {"q": "secret words", "source": "secret", "target": "secret"})
        client.get("/secret?q=secret")
    assert "secret" not in caplog.text


def test_texts_are_logged_only_when_asked_and_never_with_keys(
    run_service: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    with run_service(log_text=True) as client, caplog.at_level("INFO"):
        client.ok("/translate", {"q": "one two", "source": "en", "target": "fr", "api_key": "secret"})
    assert "one two" in caplog.text
    assert "secret" not in caplog.text


def test_metrics_are_in_the_format_of_prometheus(client: Client) -> None:
    client.get("/nothing")
    text = client.get("/metrics").body.decode()
    sample = re.compile(r'[a-z_]+(?:\{(?:[a-z]+="[^"]*",?)+\})? (?:[0-9.e+-]+|\+Inf)')
    lines = text.splitlines()
    assert all(line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line) for line in lines)
    assert 'transduce_http_requests_total{method="GET",route="other",status="404"}' in text


def test_what_cannot_be_finished_before_the_end_is_refused_in_time(run_service: Callable[..., Any]) -> None:
    with run_service(drain=1.0) as client:
        body = json.dumps({"text": LONG, "deadline": 50, "beam": 20}).encode()
        with opened(client, "/v1/translate", body) as connection:
            wait_until(lambda: len(client.service.gate.inside) == 1)
            began = time.monotonic()
            client.server.should_exit = True
            assert read_all(connection).startswith(b"HTTP/1.1 503 ")
            assert time.monotonic() - began < 2


def test_without_its_packages_the_command_says_what_to_install(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencex", None)
    assert "pip install 'transduce[serve]'" in run_command("serve", trained, "--port", "0").said


def test_a_stranger_needs_a_key(trained: Path) -> None:
    done = run_command("serve", trained, "--host", "0.0.0.0", "--port", "0")
    assert done.status == 1
    assert "no key is set" in done.said


def test_keys_are_made_once_and_kept_as_hashes(tmp_path: Path, trained: Path) -> None:
    file = tmp_path / "keys"
    key = run_command("serve", "--keys", file, "--new-key", "phone").out.strip()
    assert len(key) > 40
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    file.write_text(file.read_text() + key + "\n")
    assert "row 2" in run_command("serve", trained, "--keys", file, "--port", "0").said


def test_runs_that_cannot_be_loaded(tmp_path: Path, catalog: Catalog) -> None:
    done = run_command("serve", tmp_path / "none")
    assert "no such run folder" in done.said


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_sigterm_answers_what_was_accepted_and_ends(trained: Path, tmp_path: Path) -> None:
    """One process, as a user starts it: a broken run beside a good one, a long request, SIGTERM in the middle."""
    process = subprocess.Popen(
        [sys.executable, "-m", "transduce", "serve", str(trained), str(tmp_path), "--port", "0", "--threads", "1"],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(3)]
        assert said[0].startswith("transduce: not served: ")
        assert "en to fr" in said[1]
        port = int(re.search(r":(\d+) ", said[2])[1])  # type: ignore[index]
        body = json.dumps({"text": "one two three four five six. " * 300}).encode()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"POST /v1/translate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                               b"content-length: %d\r\n\r\n" % len(body) + body)  # fmt: skip
            time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert read_all(connection).startswith(b"HTTP/1.1 200 ")
        assert process.wait(30) == 0
        assert time.monotonic() - began < 30
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def test_not_ready_from_the_signal_on(run_service: Callable[..., Any]) -> None:
    with run_service() as client:
        assert (client.get("/ready").status, client.get("/health").status) == (200, 200)
        client.service.gate.draining = True
        assert (client.get("/ready").status, client.get("/health").status) == (503, 200)
        assert client.post("/translate", {"q": "one", "source": "en", "target": "fr"}).status == 503
    assert threading.active_count() < 50


def test_a_run_whose_weights_are_no_numbers_is_not_served(run_copy: Path, trained: Path) -> None:
    path = run_copy / "model.safetensors"
    expected = shapes(load(run_copy).model)
    weights, metadata = load_weights(path, expected=expected)
    save_weights(path, {name: weight * float("nan") for name, weight in weights.items()}, metadata=metadata)
    catalog, failed = load_catalog([run_copy, trained])
    assert [each.name for each in catalog.runs] == ["run"]
    assert len(failed) == 1
    assert "not a finite number" in failed[0]
