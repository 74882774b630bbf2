"""Two services behind nginx, one of them killed under load: no request may fail.

    python benchmarks/serve_nginx.py RUN --texts FILE --seconds 30

The configuration is the one that docs/serve.md shows, read from there; only ports, certificates and the folders that
nginx writes to are put in. Clients on addresses 127.0.0.2, 127.0.0.3 ... (so that nginx's hash spreads them) send a
sentence every so often through kept connections. After a third of the time the service that answers most is killed
with SIGKILL, after two thirds it is started again. Whatever is not a translation counts as a failure, and is the exit
status. Needs nginx (Debian: apt-get install nginx-light).
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from common import machine, table
from serve_load import percentile

PAGE = Path(__file__).parents[1] / "docs/serve.md"
AROUND = """daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{inner}
}}
"""


def configuration(folder: Path, port: int, services: list[int]) -> str:
    """The page's configuration for these ports."""
    found = re.search(r"^```nginx\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    inner, ports = found[1], iter(services)
    inner = re.sub(r"127\.0\.0\.1:500\d", lambda _: f"127.0.0.1:{next(ports)}", inner)
    inner = inner.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    return AROUND.format(folder=folder, inner=re.sub(r"^ *ssl_certificate.*\n", "", inner, flags=re.MULTILINE))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def start(run: Path, port: int, options: list[str]) -> subprocess.Popen[str]:
    """A service that is ready."""
    command = [sys.executable, "-m", "transduce", "serve", str(run), "--port", str(port), "--threads", "1", "--rate", "0",
               "--allow-host", "translate.example.org", "--proxy", "127.0.0.1", "--max-wait", "5", *options]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True)
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2):
                return process
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise SystemExit("a service did not start")


class Load:
    """Clients that ask at a steady rate until told to stop."""

    def __init__(self, port: int, texts: list[str], pair: dict[str, str], clients: int, every: float) -> None:
        self.port, self.texts, self.pair, self.every = port, texts, pair, every
        self.done: list[tuple[float, float, str]] = []  # when it was sent, seconds, what went wrong
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._client, args=(number,)) for number in range(clients)]
        for thread in self._threads:
            thread.start()

    def _client(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60,
                                                source_address=(f"127.0.0.{2 + number}", 0))  # fmt: skip
        turn = number
        while not self._end.wait(self.every):
            body = json.dumps({"q": self.texts[turn % len(self.texts)], **self.pair})
            turn, began = turn + len(self._threads), time.monotonic()
            try:
                connection.request("POST", "/translate", body,
                                   {"content-type": "application/json", "host": "translate.example.org"})  # fmt: skip
                answer = connection.getresponse()
                told = answer.read()
                wrong = "" if answer.status == 200 and b"translatedText" in told else f"{answer.status}"
            except (OSError, http.client.HTTPException) as error:
                wrong = type(error).__name__
                connection.close()
            self.done.append((began, time.monotonic() - began, wrong))
        connection.close()

    def stop(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(90)


def busiest(services: dict[int, subprocess.Popen[str]]) -> int:
    """The port of the service that has answered most."""

    def answered(port: int) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            found = re.findall(r'_http_requests_total{.*route="/translate",.*} (\d+)', answer.read().decode())
        return sum(map(int, found))

    told = {port: answered(port) for port in services}
    print(f"answered by each before: {list(told.values())}", flush=True)
    return max(told, key=lambda port: told[port])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--texts", type=Path, required=True, help="a file with a sentence a line")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--every", type=float, default=0.2, help="seconds between two requests of a client")
    parser.add_argument("--nginx", default=shutil.which("nginx") or "/usr/sbin/nginx")
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="options of transduce serve")
    options = parser.parse_args()
    texts = [line for line in options.texts.read_text(encoding="utf-8").split("\n") if line.strip()]
    config: dict[str, Any] = json.loads((options.run / "config.json").read_text(encoding="utf-8"))
    name = options.run.resolve().name
    pair = {"source": config.get("source_language") or name, "target": config.get("target_language") or name}
    services: dict[int, subprocess.Popen[str]] = {}
    proxy = None
    with tempfile.TemporaryDirectory() as scratch:
        try:
            for port in (free_port(), free_port()):
                services[port] = start(options.run, port, options.serve)
            port, file = free_port(), Path(scratch) / "nginx.conf"
            file.write_text(configuration(Path(scratch), port, list(services)), encoding="utf-8")
            proxy = subprocess.Popen([options.nginx, "-p", scratch, "-c", str(file)], stderr=subprocess.PIPE, text=True)
            time.sleep(1)
            if proxy.poll() is not None:
                raise SystemExit(f"nginx did not start: {proxy.stderr.read() if proxy.stderr else ''}")
            load, began = Load(port, texts, pair, options.clients, options.every), time.monotonic()
            time.sleep(options.seconds / 3)
            victim = busiest(services)
            services[victim].send_signal(signal.SIGKILL)
            killed = time.monotonic()
            services[victim].wait()
            time.sleep(options.seconds / 3)
            services[victim] = start(options.run, victim, options.serve)
            back = time.monotonic()
            time.sleep(options.seconds / 3)
            load.stop()
        finally:
            for process in [*services.values(), *([proxy] if proxy else [])]:
                process.terminate()
                process.wait(40)
    print(machine())
    rows = []
    for what, first, last in (
        ("both", began, killed),
        ("one killed", killed, back),
        ("both again", back, float("inf")),
    ):
        some = [each for each in load.done if first <= each[0] < last]
        seconds = [each[1] for each in some]
        rows.append([what, len(some), sum(bool(each[2]) for each in some),
                     *(f"{percentile(seconds, share):,.0f}" for share in (0.5, 0.99, 1))])  # fmt: skip
    print(table(["services", "requests", "failures", "p50 ms", "p99 ms", "longest ms"], rows))
    wrong = Counter(each[2] for each in load.done if each[2])
    print(f"{len(load.done):,} requests, {sum(wrong.values())} failures {dict(wrong) if wrong else ''}".rstrip())
    sys.exit(1 if wrong or not load.done else 0)


if __name__ == "__main__":
    main()
