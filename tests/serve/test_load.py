"""Many clients, hostile clients, clients that leave, and a process that ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import run_command
from tests.serve.conftest import PATIENCE, Client, Host, altered, running, worker_of
from transduce.errors import RunError
from transduce.serve import engine as engine_module
from transduce.serve import loading, wire, worker
from transduce.serve.gate import Gate, Rates, Refused
from transduce.serve.metrics import Metrics
from transduce.serve.pace import SHORT, SURGE, Demand, Pace
from transduce.serve.process import COMMAND, WorkerProcess
from transduce.serve.settings import ServeConfig
from transduce.serve.wire import Found, Open, packed, unpacked
from transduce.transducer import Transducer

LONG = "one two three four five six. " * 2_000
SLOW = {"beam": 20, "nbest": 20}  # all places are wanted, so that none is dropped for being far behind
# Seconds until a worker is free that has lost its client. It takes a tenth of one or less on a machine with nothing else
# to do (benchmarks/serve_load.py --leave measures it), and this one may have much.
FREED = 1.0


def wait_until(holds: Callable[[], bool], seconds: float = 15.0) -> None:
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


LEAVING = {
    "translate": ("/v1/translate", {"text": LONG}),
    "stream": ("/v1/translate", {"text": LONG, "stream": True}),
    "candidates": ("/v1/translate", {"text": LONG, "top": 5}),
    "explain": ("/v1/explain", {"text": "one two"}),
    "score": ("/v1/score", {"pairs": [("one two", "two one")]}),
}


@pytest.mark.parametrize("what", LEAVING)
@pytest.mark.alone
def test_a_client_that_leaves_frees_the_worker(run_service: Callable[..., Any], what: str) -> None:
    path, body = LEAVING[what]
    endless = worker_of("slow") if what in ("explain", "score") else COMMAND
    with run_service(command=endless) as client:
        service = client.service
        with opened(client, path, json.dumps(body).encode()):
            wait_until(lambda: bool(service.engine._at_work))
            time.sleep(0.05)
            assert service.gate.inside  # it would go on for long
        wait_until(lambda: not service.gate.inside and not service.engine._at_work, FREED)
        assert not service.engine._waiting
        assert client.ok("/v1/translate", {"text": "one"})  # and its sentences stand in nobody's way
        assert service.metrics.value("transduce_abandoned_total") == 1
        assert not service.metrics.value("transduce_worker_restarts_total")


def test_a_worker_that_does_not_give_up_is_ended(
    run_service: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "STUCK", 0.2)
    with run_service(command=worker_of("deaf"), deadline=1.0) as client:
        assert client.post("/translate", {"q": "six six", "source": "en", "target": "fr"}).status == 503
        wait_until(lambda: not client.service.engine.alive)
        wait_until(lambda: client.get("/ready").status == 200, PATIENCE)


@pytest.mark.alone
def test_a_deadline_ends_a_request(client: Client) -> None:
    began = time.monotonic()
    answer = client.post("/v1/translate", {"text": LONG, "deadline": 1, **SLOW})
    assert (answer.status, set(answer.json)) == (503, {"error"})
    assert int(answer.headers["retry-after"]) >= 1
    assert time.monotonic() - began < 3


@pytest.mark.alone
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


class Fakes:
    """Workers that do a hundred characters a second, and make no difference between long queues and short ones."""

    def __init__(self) -> None:
        self.alive, self.speed, self.room, self.demand = 1, 100.0, True, Demand()

    def wait(self, characters: float) -> float:
        return characters / self.speed


def reason_of(gate: Gate, characters: int) -> str:
    with pytest.raises(Refused) as refused:
        gate.enter(characters)
    assert refused.value.status == (413 if refused.value.reason == "text_length" else 503)
    assert (refused.value.retry_after is None) == (refused.value.status == 413)
    return refused.value.reason


def test_the_gate_counts_requests_characters_and_time() -> None:
    config = ServeConfig(max_requests=3, max_characters=500, max_text=400, max_wait=2.0)
    workers = Fakes()
    gate = Gate(config, Metrics(), workers)
    assert reason_of(gate, 401) == "text_length"
    first = gate.enter(150)
    assert reason_of(gate, 360) == "queue_characters"
    second = gate.enter(100)
    assert reason_of(gate, 1) == "wait"  # 250 characters at 100 a second
    gate.leave(first)
    third, fourth = gate.enter(1), gate.enter(2)
    assert reason_of(gate, 1) == "queue_requests"
    workers.alive = 0
    assert reason_of(gate, 1) == "no_worker"
    gate.draining = True
    assert reason_of(gate, 1) == "draining"
    for ticket in (second, third, fourth, fourth):
        gate.leave(ticket)
    assert (gate.characters, gate.weight, len(gate.inside)) == (0, 0, 0)


def test_where_too_much_is_asked_few_are_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    now, most = 1_000.0, 0.0
    monkeypatch.setattr("transduce.serve.pace.time.monotonic", lambda: now)
    workers = Fakes()
    gate = Gate(ServeConfig(max_wait=10.0), Metrics(), workers)

    def ask(times: int, every: float) -> int:
        """How many of so many requests of ten characters are accepted; each is answered a tenth of a second later."""
        nonlocal now, most
        accepted, inside = 0, []
        for _ in range(times):
            now += every
            while inside and inside[0][0] <= now:
                gate.leave(inside.pop(0)[1])
            workers.room = len(inside) < 2
            try:
                gate.came()
                inside.append((max(now, inside[-1][0] if inside else 0) + 0.1, gate.enter(10)))
                accepted, most = accepted + 1, max(most, gate.weight)
            except Refused as refused:
                assert refused.reason == "overload"  # noqa: PT017
        for _, ticket in inside:
            gate.leave(ticket)
        return accepted

    assert ask(SURGE - 1, 0.0) == SURGE - 1  # clients that begin at the same moment
    now += 60
    assert ask(600, 0.1) == 600  # as much as can be done
    most = 0.0
    assert 150 < ask(2_000, 0.01) < 250 + SURGE  # ten times as much: what can be done, after the first few
    most = 0.0
    assert ask(2_000, 0.01) == pytest.approx(200, abs=10)
    assert most <= 20  # characters of two requests
    now += 60
    assert ask(600, 0.1) == 600


def test_a_full_service_refuses_before_it_reads(run_service: Callable[..., Any]) -> None:
    with run_service(max_requests=1) as client:
        with opened(client, "/v1/translate", json.dumps({"text": LONG}).encode()):
            wait_until(lambda: len(client.service.gate.inside) == 1)
            with socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE) as kept:
                for body in (b"{}", b'{"q": "one"}'):  # whole requests, on one connection
                    kept.sendall(b"POST /translate HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n"
                                 b"Content-Length: %d\r\n\r\n" % len(body) + body)  # fmt: skip
                    answer = kept.recv(65_536)
                    assert answer.startswith(b"HTTP/1.1 503 ")
                    assert b"retry-after: " in answer
                    assert b"x-content-type-options: nosniff" in answer
                    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"].startswith("The queue is full")
                kept.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n")  # the connection is as good as before
                assert kept.recv(65_536).startswith(b"HTTP/1.1 200 ")
            with opened(client, "/translate", b"", head="connection: close\r\n") as part:  # by the longer way
                assert b" 503 " in read_all(part)
            assert client.refused("queue_requests") == 3
        text = client.get("/metrics").body.decode()
        assert 'transduce_http_requests_total{method="POST",route="/translate",status="503"} 3' in text


def test_the_pace_of_batches_is_learned() -> None:
    pace = Pace()
    assert pace.wait(1_000) == 0
    for rows, characters in ((1, 50), (1, 60), (40, 2_000), (1, 40), (30, 1_500), (60, 3_000)):
        pace.note(rows, characters, 0.03 + 0.0001 * characters)
    assert pace.wait(50) == pytest.approx(0.035, rel=0.01)
    assert pace.wait(3_000) == pytest.approx(0.33, rel=0.01)
    assert pace.wait(6_000) == pytest.approx(0.66, rel=0.01)
    assert pace.best == pytest.approx(3_000 / 0.33)
    for _ in range(300):  # six sentences take as long as may be
        rows = int(pace.short_rows)
        pace.note_short(rows, pace.short * rows / 6)
        pace.note_short(1_000, 1_000.0)  # one that is not short tells nothing
    assert pace.short == pytest.approx(SHORT * 0.035, rel=0.1)
    assert 5 <= pace.short_rows < 8
    same = Pace()
    for _ in range(5):
        same.note(1, 60, 0.04)
    assert same.wait(60) == pytest.approx(0.04)


def test_threads_are_tried(model: Transducer, trained: Path) -> None:
    before = torch.get_num_threads()
    (loaded,), _ = loading.load_runs([trained])
    assert worker.fastest_threads(loaded, 2) in (1, 2)
    assert torch.get_num_threads() == before


def test_hypotheses_arrive_as_they_were_found(model: Transducer) -> None:
    found = [each for _, each in model.hypotheses(["one two"], nbest=3, want_attention=True, want_log_probs=True)[0]]
    frame = wire.encoded(Found([[packed(each) for each in found]]))
    reply = wire.decode_reply(frame[wire.HEAD :])
    assert isinstance(reply, Found)
    for sent, got in zip(found, map(unpacked, reply.outputs[0]), strict=True):
        assert got == sent  # floats and all
        assert sent.attention is not None
        assert got.attention is not None
        assert (got.attention == sent.attention).all()
    assert wire.length_of(frame[: wire.HEAD]) == len(frame) - wire.HEAD
    with pytest.raises(ValueError, match="frame"):
        wire.length_of(b"HTTP")


def test_rates_are_of_each_client_and_fill_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 5.0
    monkeypatch.setattr("transduce.serve.gate.time.monotonic", lambda: now)
    rates = Rates(rate=100.0, burst=3)
    for _ in range(3):
        rates.spend("a")
    with pytest.raises(Refused) as refused:
        rates.spend("a")
    assert (refused.value.status, refused.value.reason) == (429, "rate")
    assert 0 < (refused.value.retry_after or 0) <= 0.01
    rates.spend("b")
    now += 0.0101
    rates.spend("a")
    with pytest.raises(Refused):
        rates.spend("a")


@pytest.mark.alone
def test_too_many_requests_of_one_address(run_service: Callable[..., Any]) -> None:
    with run_service(rate=0.5, burst=2) as client:
        assert [client.get("/languages").status for _ in range(3)] == [200, 200, 429]
        assert client.get("/health").status == 200


@pytest.mark.alone
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


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_worker_that_dies_is_replaced_and_its_sentences_tried_again(
    run_service: Callable[..., Any], model: Transducer
) -> None:
    text = "one two three four five six. " * 1_000
    # A command that no other test has, so that no worker of another is at hand as the next.
    with run_service(command=[COMMAND[0], "-u", *COMMAND[1:]]) as client, ThreadPoolExecutor(1) as other:
        service = client.service
        expected = client.ok("/v1/translate", {"text": text})["translations"][0]["text"]
        asked = other.submit(client.ok, "/v1/translate", {"text": text})
        wait_until(lambda: bool(service.engine._at_work))
        (killed,) = service.engine.pids
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: not service.engine.alive)
        assert client.get("/ready").status == 503  # nobody is there; new requests are refused and do not hang
        refused = client.post("/translate", {"q": "one", "source": "en", "target": "fr"})
        assert (refused.status, client.refused("no_worker")) == (503, 1)
        assert int(refused.headers["retry-after"]) >= 1
        assert asked.result(PATIENCE)["translations"][0]["text"] == expected
        assert service.metrics.value("transduce_worker_restarts_total") == 1
        assert client.get("/ready").status == 200
        assert killed not in service.engine.pids
        os.kill(service.engine.pids[0], signal.SIGKILL)  # one that has nothing to do
        wait_until(lambda: service.metrics.value("transduce_worker_restarts_total") == 2)
        wait_until(lambda: client.get("/ready").status == 200, PATIENCE)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_sentence_that_kills_takes_nobody_with_it(
    run_service: Callable[..., Any], model: Transducer, caplog: pytest.LogCaptureFixture
) -> None:
    texts = ["one two", "six six", "two one"]
    with run_service(window=0.2, command=worker_of("mortal")) as client, ThreadPoolExecutor(3) as many:
        bodies = [{"q": text, "source": "en", "target": "fr"} for text in texts]
        answers = list(many.map(lambda body: client.post("/translate", body), bodies))
        assert [answer.status for answer in answers] == [200, 500, 200]
        assert answers[0].json["translatedText"] == model.translate("one two")
        assert client.service.metrics.value("transduce_worker_restarts_total") == 2
    assert "killed by SIGKILL" in caplog.text
    assert "six" not in caplog.text


def test_a_sentence_that_fails_takes_nobody_with_it(run_service: Callable[..., Any]) -> None:
    with run_service(window=0.2, command=worker_of("picky")) as client, ThreadPoolExecutor(4) as many:
        bodies = [{"q": text, "source": "en", "target": "fr"} for text in ("one two", "six six", "two one")]
        statuses = [answer.status for answer in many.map(lambda body: client.post("/translate", body), bodies)]
        assert statuses == [200, 500, 200]
        assert not client.service.metrics.value("transduce_worker_restarts_total")


def test_what_a_worker_prints_harms_no_frame(run_service: Callable[..., Any], model: Transducer) -> None:
    with run_service(command=worker_of("loud")) as client:
        found = client.ok("/translate", {"q": "one two", "source": "en", "target": "fr"})
        assert found["translatedText"] == model.translate("one two")


def test_workers_do_not_fill_memory_with_code_for_every_shape_unless_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"  # torch's own is 1,024, which takes hours to fill
    says = ("import os, sys; from transduce.serve.wire import Failed, encoded; "
            f"sys.stdout.buffer.write(encoded(Failed('user', os.environ['{name}'])))")  # fmt: skip

    def told() -> int:
        opening = Open(runs=["none"], device="cpu", threads=1, workers=1)
        with pytest.raises(RunError) as caught:
            asyncio.run(WorkerProcess.start(opening, [sys.executable, "-c", says]))
        return int(str(caught.value))

    monkeypatch.delenv(name, raising=False)
    assert 0 < told() < 100
    monkeypatch.setenv(name, "1000")
    assert told() == 1_000


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_run_that_changed_meanwhile_is_not_mixed_with_what_was_served(
    host: Host, trained: Path, run_copy: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine_module, "PAUSES", (0.05, 0.05))
    weights = run_copy / "model.safetensors"
    before = weights.read_bytes()
    with running(host, [run_copy]) as client:
        text = {"text": "one two three"}
        expected = client.ok("/v1/translate", text)["translations"]
        changed = altered(run_copy, run_copy.parent / "changed", weights=lambda weight: 0.9 * weight)
        weights.write_bytes((changed / "model.safetensors").read_bytes())
        os.kill(client.service.engine.pids[0], signal.SIGKILL)
        wait_until(lambda: "changed since the service was started" in caplog.text, PATIENCE)
        assert (client.get("/ready").status, client.post("/v1/translate", text).status) == (503, 503)
        weights.write_bytes(before)
        wait_until(lambda: client.get("/ready").status == 200, PATIENCE)
        assert client.ok("/v1/translate", text)["translations"] == expected


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


@pytest.mark.alone
def test_what_cannot_be_finished_before_the_end_is_refused_in_time(run_service: Callable[..., Any]) -> None:
    with run_service(drain=1.0) as client:
        body = json.dumps({"text": LONG, "deadline": 50, **SLOW}).encode()
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


def test_runs_that_cannot_be_loaded(tmp_path: Path) -> None:
    done = run_command("serve", tmp_path / "none", "--port", "0")
    assert done.status == 1
    assert "no such run folder" in done.said


@pytest.mark.alone
def test_an_address_that_is_taken_is_said_before_anything_is_loaded(trained: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        began = time.monotonic()
        done = run_command("serve", trained, "--port", taken.getsockname()[1])
    assert "Choose another --port" in done.said
    assert time.monotonic() - began < 2


def test_the_process_that_listens_needs_no_torch() -> None:
    code = "import sys, transduce.cli, transduce.serve.server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def children(process: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in listed.stdout.split()]


def alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


@contextmanager
def served_by_command(*words: object) -> Iterator[tuple[subprocess.Popen[str], int, list[str]]]:
    """``transduce serve`` as a user starts it: the process, its port, and the lines it wrote before that it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "transduce", "serve", *map(str, words), "--port", "0", "--threads", "1"],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    try:
        said: list[str] = []
        for line in process.stderr:
            if found := re.match(r"Serving on http://127\.0\.0\.1:(\d+) ", line):
                yield process, int(found[1]), said
                break
            said.append(line)
        else:
            raise AssertionError(said)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="/proc")
def test_sigterm_answers_what_was_accepted_and_ends(trained: Path, tmp_path: Path) -> None:
    """One process, as a user starts it: a broken run beside a good one, a long request, SIGTERM in the middle."""
    with served_by_command(trained, tmp_path) as (process, port, said):
        assert said[0].startswith("transduce: not served: ")
        assert "en to fr" in said[1]
        (worker,) = children(process.pid)
        body = json.dumps({"text": "one two three four five six. " * 300}).encode()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"POST /v1/translate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                               b"content-length: %d\r\n\r\n" % len(body) + body)  # fmt: skip
            time.sleep(0.1)
            os.kill(worker, signal.SIGTERM)  # as systemd does, to every process of a unit
            os.kill(worker, signal.SIGINT)  # and a terminal
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert read_all(connection).startswith(b"HTTP/1.1 200 ")
        assert process.wait(30) == 0
        assert time.monotonic() - began < 30
        assert not alive(worker)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="/proc")
@pytest.mark.alone
def test_no_worker_outlives_its_service(trained: Path) -> None:
    with served_by_command(trained) as (process, port, _):
        (worker,) = children(process.pid)
        body = json.dumps({"text": LONG}).encode()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:  # it is busy, too
            connection.sendall(b"POST /v1/translate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                               b"content-length: %d\r\n\r\n" % len(body) + body)  # fmt: skip
            time.sleep(0.1)
            process.kill()
            process.wait()
        wait_until(lambda: not alive(worker), 1.0)


def test_not_ready_from_the_signal_on(run_service: Callable[..., Any]) -> None:
    with run_service() as client:
        assert (client.get("/ready").status, client.get("/health").status) == (200, 200)
        client.service.gate.draining = True
        assert (client.get("/ready").status, client.get("/health").status) == (503, 200)
        assert client.post("/translate", {"q": "one", "source": "en", "target": "fr"}).status == 503
    assert threading.active_count() < 50


def test_a_run_whose_weights_are_no_numbers_is_not_served(
    trained: Path, tmp_path: Path, run_service: Callable[..., Any]
) -> None:
    broken = altered(trained, tmp_path / "broken", weights=lambda weight: weight * float("nan"))
    with run_service(runs=[broken, trained]) as client:
        assert [each["name"] for each in client.get("/v1/models").json["models"]] == ["run"]
        assert len(client.service.failed) == 1
        assert "not a finite number" in client.service.failed[0]
