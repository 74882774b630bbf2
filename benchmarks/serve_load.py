"""A service under load: throughput and latency by the number of clients, overload, and the same answers in company.

    python benchmarks/serve_load.py RUN --texts FILE --clients 1 8 64 256 --seconds 10 --overload 10 --same 1000

The service is a process of its own on a free port of loopback, started with ``--rate 0`` and what ``--serve`` adds;
everything here runs beside it, on the same cores, so its figures include what the clients cost. Each client sends one
sentence of FILE at a time, the next when the answer is there (a closed loop); one that is refused waits as Retry-After
says. Beside it stands the model's own speed: the same sentences through ``Transducer.translate`` in one call.

``--overload K`` sends K times the best throughput at fixed moments, whatever comes back (an open loop), and compares
the accepted requests' p99 with that of one client. ``--same N`` translates N sentences alone and then all at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

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


class Client:
    """One connection that is kept, with just enough HTTP."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None
        self.retry_after = 0.0  # seconds, as the last answer said

    async def translate(self, text: str, *, source: str, target: str) -> tuple[int, Any]:
        """Status and body; the connection is opened again when it was closed."""
        if self.writer is None or self.writer.is_closing():
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        assert self.reader is not None
        body = json.dumps({"q": text, "source": source, "target": target}).encode()
        self.writer.write(b"POST /translate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                          b"content-length: %d\r\n\r\n" % len(body) + body)  # fmt: skip
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        answer = await self.reader.readexactly(int(length[1])) if length else b"{}"
        later = re.search(rb"retry-after: (\d+)", head.lower())
        self.retry_after = float(later[1]) if later else 0.0
        if b"connection: close" in head.lower():
            self.close()
        return int(head.split(b" ", 2)[1]), json.loads(answer)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None


class Asked:
    """What came of many requests."""

    def __init__(self) -> None:
        self.seconds: list[float] = []  # of those that were answered
        self.refused: list[float] = []
        self.statuses: Counter[int] = Counter()

    def note(self, status: int, seconds: float) -> None:
        self.statuses[status] += 1
        (self.seconds if status == 200 else self.refused).append(seconds)


async def closed_loop(port: int, texts: list[str], clients: int, seconds: float, pair: dict[str, str]) -> Asked:
    asked, numbers, end = Asked(), count(), time.perf_counter() + seconds

    async def one() -> None:
        client = Client(port)
        while (began := time.perf_counter()) < end:
            status, _ = await client.translate(texts[next(numbers) % len(texts)], **pair)
            asked.note(status, time.perf_counter() - began)
            if status != 200:
                await asyncio.sleep(client.retry_after)
        client.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    return asked


async def open_loop(port: int, texts: list[str], rate: float, seconds: float, pair: dict[str, str]) -> Asked:
    """``rate`` requests a second at fixed moments, over as many kept connections as are needed at once."""
    asked, idle, running = Asked(), [], set()
    began = time.perf_counter()

    async def one(text: str) -> None:
        client = idle.pop() if idle else Client(port)
        sent = time.perf_counter()
        try:
            status, _ = await client.translate(text, **pair)
            asked.note(status, time.perf_counter() - sent)
            idle.append(client)
        except (OSError, asyncio.IncompleteReadError):
            asked.note(0, time.perf_counter() - sent)

    for number in range(int(rate * seconds)):
        delay = began + number / rate - time.perf_counter()
        if delay > 0 or number % 50 == 0:
            await asyncio.sleep(max(0, delay))
        task = asyncio.create_task(one(texts[number % len(texts)]))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    for client in idle:
        client.close()
    return asked


async def compare(port: int, texts: list[str], pair: dict[str, str]) -> int:
    """How many texts are translated otherwise among 64 others than alone."""
    first = Client(port)
    alone = [(await first.translate(text, **pair))[1] for text in texts]
    first.close()
    together: dict[int, Any] = {}
    numbers = iter(range(len(texts)))

    async def one() -> None:
        client = Client(port)
        for number in numbers:
            while (found := await client.translate(texts[number], **pair))[0] == 503:
                await asyncio.sleep(client.retry_after)
            together[number] = found[1]
        client.close()

    await asyncio.gather(*(one() for _ in range(64)))
    return sum(together[number] != answer for number, answer in enumerate(alone))


def percentile(values: list[float], share: float) -> float:
    """In milliseconds."""
    return 1000 * sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def memory(process: int) -> float:
    """Megabytes that a process holds."""
    status = Path(f"/proc/{process}/status")
    found = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else float("nan")


def own_speed(run: Path, texts: list[str], threads: int) -> tuple[float, dict[str, str]]:
    """Sentences a second of the model itself, and its languages."""
    import torch

    from transduce.transducer import load

    torch.set_num_threads(threads)
    model = load(run)
    model.translate(texts[:50])
    began = time.perf_counter()
    model.translate(texts)
    speed = len(texts) / (time.perf_counter() - began)
    config = model.config
    return speed, {"source": config.source_language or run.name, "target": config.target_language or run.name}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--texts", type=Path, required=True, help="a file with a sentence a line")
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 8, 64, 256])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--threads", type=int, default=1, help="of the model")
    parser.add_argument("--overload", type=float, default=0, help="times the best throughput")
    parser.add_argument("--same", type=int, default=0, help="sentences to compare, alone and in company")
    parser.add_argument("--serve", nargs=argparse.REMAINDER, default=[], help="options of transduce serve")
    options = parser.parse_args()
    texts = [line for line in options.texts.read_text(encoding="utf-8").split("\n") if line.strip()]
    own, pair = own_speed(options.run, texts[:1_000], options.threads)
    print(machine())
    print(f"the model alone, {min(1_000, len(texts))} sentences in one call: {own:,.0f} sentences a second")
    rows, best, unloaded = [], 0.0, float("nan")
    with service(options.run, ["--threads", str(options.threads), *options.serve]) as (port, process):
        asyncio.run(closed_loop(port, texts, 4, 1, pair))  # to warm up
        for clients in options.clients:
            asked = asyncio.run(closed_loop(port, texts, clients, options.seconds, pair))
            rate = len(asked.seconds) / options.seconds
            best = max(best, rate)
            unloaded = percentile(asked.seconds, 0.99) if clients == 1 else unloaded
            rows.append([clients, f"{rate:,.0f}", f"{rate / own:.0%}",
                         *(f"{percentile(asked.seconds, share):,.0f}" for share in (0.5, 0.95, 0.99)),
                         sum(asked.statuses.values()) - asked.statuses[200], f"{memory(process):,.0f}"])  # fmt: skip
        heads = ["clients", "sentences/s", "of its own", "p50 ms", "p95 ms", "p99 ms", "refused", "memory MB"]
        print(table(heads, rows))
        if options.same:
            other = asyncio.run(compare(port, (texts * (options.same // len(texts) + 1))[: options.same], pair))
            print(f"of {options.same:,} sentences, {other} were translated otherwise in company than alone")
        if options.overload:
            before, began = memory(process), time.perf_counter()
            asked = asyncio.run(open_loop(port, texts, options.overload * best, options.seconds, pair))
            total, took = sum(asked.statuses.values()), time.perf_counter() - began
            print(f"overload: {total / took:,.0f} requests a second for {took:.0f} s, {dict(asked.statuses)}; "
                  f"accepted p99 {percentile(asked.seconds, 0.99):,.0f} ms (one client: {unloaded:,.0f} ms), "
                  f"refusals p50 {percentile(asked.refused, 0.5):,.0f} ms, p99 {percentile(asked.refused, 0.99):,.0f} ms, "
                  f"memory {before:,.0f} to {memory(process):,.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
