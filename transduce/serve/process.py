"""A worker as the service holds it: a process, what is said to it, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import final

from transduce.errors import RunError
from transduce.serve.wire import (
    HEAD,
    Answer,
    Failed,
    Frame,
    Hello,
    Open,
    Reply,
    Said,
    decode_reply,
    encoded,
    length_of,
)

COMMAND = (sys.executable, "-m", "transduce", "serve-worker")
# oneDNN keeps the code it made for each of the last 1,024 shapes. Requests come in ever new ones, which cost 20 MB and
# hours to fill up; to make the code of an encoder anew costs nothing that could be measured. The products of search
# (models/products.py) need room for some seven shapes each, as they come at every step. Read when torch is loaded.
ENVIRONMENT = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64"}


class Died(Exception):
    """A worker's process ended by itself; the message says how."""


@final
class WorkerProcess:
    """One worker that has loaded its models. ``on_death`` is called when its process ends, whoever ended it."""

    hello: Hello

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._replies: asyncio.Queue[Reply | None] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())
        self.dead = False
        self.on_death: Callable[[], None] = lambda: None

    @classmethod
    async def start(cls, opening: Open, command: Sequence[str] = COMMAND) -> WorkerProcess:
        """Start a process and wait until its models are loaded and have translated something.

        Raises ``RunError`` with the worker's words where nothing could be loaded, ``Died`` where it ended.
        """
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**ENVIRONMENT, **os.environ},  # what is set outside counts
            start_new_session=True,  # where there are sessions: the terminal's Ctrl-C is ours to handle
        )  # fmt: skip
        worker = cls(process)
        try:
            worker.send(opening)
            match await worker._receive():
                case Hello() as hello:
                    worker.hello = hello
                case Failed(message=message):
                    raise RunError(message)
                case other:
                    raise AssertionError(other)
        except BaseException:
            worker.kill()
            await worker.wait()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Frame) -> None:
        if not self.dead and self._process.stdin is not None:
            self._process.stdin.write(encoded(message))

    async def answer(self, hear: Callable[[list[int]], None] | None = None) -> Answer:
        """The answer to the task that was sent last; ``hear`` gets what a stream says before. Raises ``Died``."""
        while True:
            match await self._receive():
                case Said(tokens):
                    if hear is not None:
                        hear(tokens)
                case Hello():
                    raise AssertionError("one hello is enough")
                case answer:
                    return answer

    def kill(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                if os.name == "posix":  # asyncio's own would first ask how the process ended, and take the answer away
                    os.kill(self.pid, signal.SIGKILL)
                else:
                    self._process.kill()

    async def close(self, timeout: float) -> None:
        """Let it end, and see to it that it has."""
        if self._process.stdin is not None:
            self._process.stdin.close()  # the end of its orders is its end
        try:
            async with asyncio.timeout(timeout):
                await self.wait()
        except TimeoutError:
            self.kill()
            await self.wait()

    async def wait(self) -> str:
        """Until the process has ended. Returns how, in words."""
        code = await self._process.wait()
        await self._reading
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"killed by {signal.Signals(-code).name}"
        return f"exit status {code}"

    async def _receive(self) -> Reply:
        reply = await self._replies.get()
        if reply is None:
            self._replies.put_nowait(None)  # the end stays the end
            raise Died(await self.wait())
        return reply

    async def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        with contextlib.suppress(asyncio.IncompleteReadError, OSError, ValueError):
            while True:
                length = length_of(await stdout.readexactly(HEAD))
                self._replies.put_nowait(decode_reply(await stdout.readexactly(length)))
        self.dead = True
        self.kill()  # what sends no frames any more is of no use
        self._replies.put_nowait(None)
        self.on_death()


Hire = Callable[[Open], Awaitable[WorkerProcess]]
