"""A service under load: throughput and latency by the number of clients, overload, and the same answers in company.

    python benchmarks/serve_load.py RUN --texts FILE --seconds 20 --overload 10 --leave --same 10000
    python benchmarks/serve_load.py RUN --texts FILE --clients 1 64 --minutes 60

The service is a process of its own on a free port of loopback, with one worker on ``--threads`` threads, started with
``--rate 0`` and what ``--serve`` adds; everything here runs beside it, on the same cores, so its figures include what
the clients cost. Each client sends one sentence of FILE at a time, the next when the answer is there (a closed loop);
one that is refused waits as Retry-After says. Beside it stands the model's own speed: the same sentences through
``Transducer.translate`` in one call, on as many threads.

``--overload K`` sends K times the best throughput at fixed moments, whatever comes back (an open loop), over
``--connections`` kept connections, and compares the accepted requests' p99 with that of one client. ``--minutes M``
does so and ordinary load (64 clients) in turn, a minute each, and prints the memory of the service and of its workers.
``--same N`` translates N sentences alone and then all at once. ``--leave`` measures how soon a worker is free whose
client went away: by when the answer to another one's short request comes, less what that takes by itself.

What clients cost is kept small: requests are rendered beforehand, and of answers only the status, Retry-After and the
length are read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from common import machine, table


@contextmanager
def service(run: Path, options: Sequence[str]) -> Iterator[tuple[int, int]]:
    """A served run: its port and the process's number."""
    command = [sys.executable, "-m", "transduce", "serve", str(run), "--port", "0", "--rate", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"Serving on http://[^ ]*:(\d+) ", line):
                yield int(found[1]), process.pid
                break
        else:
            raise SystemExit("the service did not start")
    finally:
        process.terminate()
        process.wait(40)


def rendered(path: str, message: object) -> bytes:
    """A request as it is sent."""
    body = json.dumps(message).encode()
    return (b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            % (path.encode(), len(body)) + body)  # fmt: skip


class Client(asyncio.Protocol):
    """A connection that is kept. ``ask`` returns the status; 0 where the connection was lost."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost = False
        self._received = bytearray()
        self._wanted = -1  # bytes of the answer that is coming
        self._waiter: asyncio.Future[int] | None = None
        self.status, self.retry_after, self.body = 0, 1.0, b""

    @classmethod
    async def connect(cls, port: int) -> Client:
        _, client = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._finish(0)

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        if self._wanted < 0:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(received[:end]).lower()
            self.status = int(head[9:12])
            self.retry_after = float(head.partition(b"retry-after: ")[2].partition(b"\r")[0] or 1)
            length = head.partition(b"content-length: ")[2].partition(b"\r")[0]
            self._wanted = end + 4 + int(length) if length else sys.maxsize  # a stream: whoever asked for it leaves
        if len(received) >= self._wanted:
            self.body = bytes(received[: self._wanted])
            received.clear()
            self._wanted = -1
            self._finish(self.status)

    def send(self, request: bytes) -> asyncio.Future[int]:
        self._waiter = asyncio.get_running_loop().create_future()
        if self.lost:
            self._finish(0)
        else:
            assert self.transport is not None
            self.transport.write(request)
        return self._waiter

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def _finish(self, status: int) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(status)


class Asked:
    """What came of many requests."""

    def __init__(self) -> None:
        self.seconds: list[float] = []  # of those that were answered
        self.refused: list[float] = []
        self.statuses: Counter[int] = Counter()

    def note(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        (self.seconds if status == 200 else self.refused).append(seconds)


async def closed_loop(port: int, requests: list[bytes], clients: int, seconds: float) -> Asked:
    asked, numbers, end = Asked(), count(), time.perf_counter() + seconds

    async def one() -> None:
        client = await Client.connect(port)
        while (began := time.perf_counter()) < end:
            if client.lost:
                client = await Client.connect(port)
            status = await client.send(requests[next(numbers) % len(requests)])
            asked.note(status, time.perf_counter() - began)
            if status != 200:
                await asyncio.sleep(client.retry_after)
        client.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    return asked


async def open_loop(port: int, requests: list[bytes], rate: float, seconds: float, connections: int
                    ) -> tuple[Asked, Asked]:  # fmt: skip
    """``rate`` requests a second at fixed moments. What came of those of the first second, and of the others.

    A request for which no connection is free at its moment is not sent; it counts as status -1.
    """
    first, rest = Asked(), Asked()
    idle = [await Client.connect(port) for _ in range(connections)]
    running = missing = 0  # missing: connections that the service closed

    def answered(client: Client, began: float, asked: Asked, future: asyncio.Future[int]) -> None:
        nonlocal running, missing
        running -= 1
        asked.note(future.result(), time.perf_counter() - began)
        if client.lost:
            missing += 1
        else:
            idle.append(client)

    start, sent = time.perf_counter(), 0
    while (now := time.perf_counter() - start) < seconds:
        while sent < rate * now:
            asked = first if now < 1 else rest
            while idle and idle[-1].lost:  # it was closed for having nothing to say
                idle.pop()
                missing += 1
            if idle:
                client, began = idle.pop(), time.perf_counter()
                running += 1
                future = client.send(requests[sent % len(requests)])
                future.add_done_callback(lambda future, c=client, b=began, a=asked: answered(c, b, a, future))
            else:
                asked.statuses[-1] += 1
            sent += 1
        await asyncio.sleep(0.001)
        if missing:
            idle.insert(0, await Client.connect(port))
            missing -= 1
    while running:
        await asyncio.sleep(0.01)
    for client in idle:
        client.close()
    return first, rest


async def compare(port: int, requests: list[bytes]) -> int:
    """How many texts are translated otherwise among 64 others than alone."""
    first = await Client.connect(port)
    alone = []
    for request in requests:
        assert await first.send(request) == 200
        alone.append(first.body.partition(b"\r\n\r\n")[2])
    first.close()
    other, numbers = 0, iter(range(len(requests)))

    async def one() -> None:
        nonlocal other
        client = await Client.connect(port)
        for number in numbers:
            while await client.send(requests[number]) == 503:
                await asyncio.sleep(client.retry_after)
            other += client.body.partition(b"\r\n\r\n")[2] != alone[number]
        client.close()

    await asyncio.gather(*(one() for _ in range(64)))
    return other


async def leave(port: int, path: str, message: object, short: bytes, times: int = 15) -> list[float]:
    """Seconds until a worker is free after its client went away in the middle of ``message``."""
    other = await Client.connect(port)
    for _ in range(5):
        await other.send(short)
    alone = []
    for _ in range(15):
        began = time.perf_counter()
        assert await other.send(short) == 200
        alone.append(time.perf_counter() - began)
    usual, found = sorted(alone)[len(alone) // 2], []
    for _ in range(times):
        going = await Client.connect(port)
        going.send(rendered(path, message))
        await asyncio.sleep(0.3)
        began = time.perf_counter()
        going.close()
        status = await other.send(short)
        while status == 503:
            await asyncio.sleep(0.002)
            status = await other.send(short)
        found.append(max(0.0, time.perf_counter() - began - usual))
    other.close()
    return found


def percentile(values: list[float], share: float) -> float:
    """In milliseconds."""
    return 1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def memory(process: int) -> tuple[float, float]:
    """Megabytes that a process holds, and that those it has started do."""

    def held(pid: int) -> float:
        status = Path(f"/proc/{pid}/status")
        found = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
        return int(found[1]) / 1024 if found else float("nan")

    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return held(process), sum(map(held, map(int, listed.stdout.split())))


def refusals(port: int) -> Counter[str]:
    """Reasons of the refusals since the service was started."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        found = re.findall(r'^transduce_refusals_total{reason="(\w+)"} (\d+)', answer.read().decode(), re.MULTILINE)
    return Counter({reason: int(number) for reason, number in found})


def own_speed(run: Path, texts: list[str], threads: int) -> tuple[float, Callable[[str], bytes], float]:
    """Sentences a second of the model itself, a function that renders a request, and p99 of single sentences in ms."""
    import torch

    from transduce.transducer import load

    torch.set_num_threads(threads)
    model = load(run)
    model.translate(texts[:50])
    began = time.perf_counter()
    model.translate(texts)
    speed = len(texts) / (time.perf_counter() - began)
    singles = []
    for text in texts[:200]:
        began = time.perf_counter()
        model.translate(text)
        singles.append(time.perf_counter() - began)
    config = model.config
    pair = {"source": config.source_language or run.name, "target": config.target_language or run.name}
    return speed, lambda text: rendered("/translate", {"q": text, **pair}), percentile(singles, 0.99)


def soak(port: int, process: int, requests: list[bytes], rate: float, minutes: int, connections: int) -> None:
    """Overload and ordinary load in turn, a minute each, and what the memory does."""
    rows, points = [], []
    for minute in range(minutes):
        if minute % 2:
            asked, kind = asyncio.run(closed_loop(port, requests, 64, 60)), "64 clients"
        else:
            asked, kind = asyncio.run(open_loop(port, requests, rate, 60, connections))[1], f"{rate:,.0f}/s"
        ours, workers = memory(process)
        points.append((minute, ours + workers))
        rows.append([minute + 1, kind, f"{len(asked.seconds) / 60:,.0f}", f"{percentile(asked.seconds, 0.99):,.0f}",
                     f"{len(asked.refused) / 60:,.0f}", f"{percentile(asked.refused, 0.99):,.0f}", f"{ours:,.0f}",
                     f"{workers:,.0f}"])  # fmt: skip
        print("  ".join(map(str, rows[-1])), flush=True)
    heads = ["minute", "load", "answered/s", "p99 ms", "refused/s", "p99 ms", "service MB", "workers MB"]
    print(table(heads, rows))
    later = points[min(4, len(points) // 2) :]  # the first minutes fill caches
    mean = sum(at for at, _ in later) / len(later)
    spread = sum((at - mean) ** 2 for at, _ in later)
    slope = sum((at - mean) * value for at, value in later) / spread if spread else float("nan")
    print(f"memory grows by {60 * slope:,.2f} MB an hour, from minute {later[0][0] + 1} on")


def overload(port: int, process: int, requests: list[bytes], rate: float, options: argparse.Namespace, unloaded: float
             ) -> None:  # fmt: skip
    before = memory(process)
    first, rest = asyncio.run(open_loop(port, requests, rate, options.seconds + 1, options.connections))
    after = memory(process)
    rows = []
    for name, asked, seconds in (("first", first, 1.0), ("after it", rest, options.seconds)):
        rows.append([name, f"{sum(asked.statuses.values()) / seconds:,.0f}", f"{len(asked.seconds) / seconds:,.0f}",
                     *(f"{percentile(asked.seconds, share):,.0f}" for share in (0.5, 0.99)),
                     f"{len(asked.refused) / seconds:,.0f}",
                     *(f"{percentile(asked.refused, share):,.1f}" for share in (0.5, 0.99)),
                     asked.statuses[-1] + asked.statuses[0]])  # fmt: skip
    heads = ["second", "asked/s", "answered/s", "p50 ms", "p99 ms", "refused/s", "p50 ms", "p99 ms", "not sent, lost"]
    print(table(heads, rows))
    print(f"p99 of one client alone: {unloaded:,.0f} ms; memory before {before[0]:,.0f} + {before[1]:,.0f} MB, "
          f"after {after[0]:,.0f} + {after[1]:,.0f} MB")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--texts", type=Path, required=True, help="a file with a sentence a line")
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 8, 64, 256])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--threads", type=int, default=1, help="of the model")
    parser.add_argument("--overload", type=float, default=0, help="times the best throughput")
    parser.add_argument("--connections", type=int, default=400, help="of the overload")
    parser.add_argument("--minutes", type=int, default=0, help="of overload (10, if --overload is not given) and not")
    parser.add_argument("--same", type=int, default=0, help="sentences to compare, alone and in company")
    parser.add_argument("--leave", action="store_true", help="how soon a client that goes away frees the worker")
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="options of transduce serve")
    options = parser.parse_args()
    texts = [line for line in options.texts.read_text(encoding="utf-8").split("\n") if line.strip()]
    own, render, single = own_speed(options.run, texts[:1_000], options.threads)
    requests = [render(text) for text in texts]
    print(machine())
    print(f"the model alone on {options.threads} thread(s): {own:,.0f} sentences a second, {min(1_000, len(texts))} in one "
          f"call; p99 of one sentence {single:,.0f} ms")  # fmt: skip
    rows, best, unloaded = [], 0.0, float("nan")
    with service(options.run, ["--threads", str(options.threads), *options.serve]) as (port, process):
        asyncio.run(closed_loop(port, requests, 4, 1))  # to warm up
        for clients in options.clients:
            before = refusals(port)
            asked = asyncio.run(closed_loop(port, requests, clients, options.seconds))
            why = ", ".join(f"{number} {reason}" for reason, number in (refusals(port) - before).items())
            rate = len(asked.seconds) / options.seconds
            best = max(best, rate)
            unloaded = percentile(asked.seconds, 0.99) if clients == 1 else unloaded
            ours, workers = memory(process)
            rows.append([clients, rate,
                         *(f"{percentile(asked.seconds, share):,.0f}" for share in (0.5, 0.95, 0.99)),
                         why or "none", f"{ours:,.0f}", f"{workers:,.0f}"])  # fmt: skip
        own = (own + own_speed(options.run, texts[:1_000], options.threads)[0]) / 2  # before and after: machines drift
        print(f"and again afterwards; the mean is {own:,.0f}")
        rows = [[clients, f"{rate:,.0f}", f"{rate / own:.0%}", *more] for clients, rate, *more in rows]
        heads = [
            "clients",
            "sentences/s",
            "of its own",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "refused",
            "service MB",
            "worker MB",
        ]
        print(table(heads, rows), flush=True)
        if options.leave:
            long = " ".join(texts[:500])[:90_000]
            explained = " ".join(texts[:200])[:2_000]
            rows = []
            for name, path, message in (
                ("translate", "/v1/translate", {"text": long}),
                ("stream", "/v1/translate", {"text": long, "stream": True}),
                ("explain", "/v1/explain", {"text": explained}),
                ("score", "/v1/score", {"pairs": [[text, text] for text in texts[:900]]}),
            ):
                found = asyncio.run(leave(port, path, message, render(texts[0])))
                rows.append([name, *(f"{percentile(found, share):,.0f}" for share in (0.5, 0.9, 1.0))])
            print("free after its client went away:")
            print(table(["what", "p50 ms", "p90 ms", "most ms"], rows), flush=True)
        if options.same:
            many = (requests * (options.same // len(requests) + 1))[: options.same]
            print(f"of {options.same:,} sentences, {asyncio.run(compare(port, many))} were translated otherwise in company "
                  "than alone", flush=True)  # fmt: skip
        if options.overload:
            overload(port, process, requests, options.overload * best, options, unloaded)
        if options.minutes:
            soak(port, process, requests, (options.overload or 10) * best, options.minutes, options.connections)


if __name__ == "__main__":
    main()
