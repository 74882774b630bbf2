"""A worker: a process that holds the models and does what the service asks, one thing at a time.

Started by the service through the command line, it reads orders from stdin and writes replies to stdout (wire.py). A
second thread reads, so that it hears at once when nobody waits any more, or when the service is gone:

- A search asks between its steps. What cannot ask (explaining, scoring) is interrupted by a signal to the main thread,
  whose handler raises ``Abandoned`` only while the very thing is being done that is to be given up.
- At the end of stdin the process ends, whatever it is doing: no worker outlives its service.

Ctrl-C and SIGTERM, which reach all processes of a terminal or of a systemd unit, are the service's to handle.
"""

from __future__ import annotations

import _thread
import contextlib
import logging
import math
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, BinaryIO, final

import torch
from torch import Tensor

from transduce.data.tokenizer import BOS, EOS
from transduce.decoding import decode
from transduce.decoding.trail import NEVER_WRITTEN, device_of, log_softmax, reading
from transduce.errors import TransduceError
from transduce.models.base import Generator, State
from transduce.serve.lasting import settle
from transduce.serve.loading import FIRST, Loaded, load_runs
from transduce.serve.messages import Candidate
from transduce.serve.wire import (
    HEAD,
    Abandoned,
    Answer,
    Candidates,
    Decode,
    Explain,
    Failed,
    Found,
    Gone,
    Hello,
    Likely,
    Open,
    Order,
    Page,
    Reply,
    Said,
    Score,
    Scored,
    Stream,
    Task,
    decode_order,
    encoded,
    length_of,
    packed,
)
from transduce.training.device import usable_threads
from transduce.transducer import Transducer

# (model, text, options) -> JSON; ... -> HTML, with its own policy in its head
ExplainText = Callable[[Transducer, str, dict[str, Any]], bytes]
ExplainPage = Callable[[Transducer, str, dict[str, Any]], str]
log = logging.getLogger("transduce.serve")


def work(orders: BinaryIO, replies: BinaryIO, *, explain: ExplainText | None = None,
         explain_page: ExplainPage | None = None) -> None:  # fmt: skip
    """Do what ``orders`` say and answer in ``replies``; never returns. For the main thread of a process."""
    Worker(orders, replies, explain, explain_page).run()


@final
class Worker:
    """The two threads and what they share."""

    def __init__(self, orders: BinaryIO, replies: BinaryIO, explain: ExplainText | None,
                 explain_page: ExplainPage | None) -> None:  # fmt: skip
        self._orders, self._replies, self._explain, self._explain_page = orders, replies, explain, explain_page
        self._tasks: queue.SimpleQueue[Open | Task] = queue.SimpleQueue()
        self._gone: set[int] = set()  # of the task that was read last
        self._current: int | None = None  # what a signal may interrupt
        self._runs: dict[str, Loaded] = {}

    def run(self) -> None:
        signal.signal(signal.SIGINT, self._interrupted)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        threading.Thread(target=self._listen, name="orders", daemon=True).start()
        while True:
            task = self._tasks.get()
            if isinstance(task, Open):
                hello = self._open(task)
                settle()
                self._tell(hello)
            else:
                self._tell(self._done(task))

    # In a thread of its own ----------------------------------------------------------------------------

    def _listen(self) -> None:
        try:
            for order in self._heard():
                if isinstance(order, Gone):
                    self._gone.update(order.ids)
                    # First the set, then the look: the main thread does it the other way round, so one of them sees.
                    if self._current in self._gone:
                        _thread.interrupt_main(signal.SIGINT)
                else:
                    self._gone.clear()  # frames keep their order: these were about what came before
                    self._tasks.put(order)
        except Exception:  # a frame that is none: not ours to guess at
            log.exception("a worker cannot read what it is told")
        finally:
            os._exit(0)

    def _heard(self) -> Iterator[Order]:
        while len(head := self._orders.read(HEAD)) == HEAD:
            body = self._orders.read(length := length_of(head))
            if len(body) < length:
                return
            yield decode_order(body)

    # In the main thread --------------------------------------------------------------------------------

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if self._current is not None and self._current in self._gone:
            self._current = None  # once is enough
            raise Abandoned

    @contextlib.contextmanager
    def _interruptible(self, ident: int) -> Iterator[None]:
        self._current = ident
        try:
            if ident in self._gone:
                raise Abandoned
            yield
        finally:
            self._current = None

    def _tell(self, reply: Reply) -> None:
        frame = memoryview(encoded(reply))
        try:
            while frame:
                frame = frame[self._replies.write(frame) :]
        except OSError:  # the service is gone
            os._exit(0)

    def _open(self, order: Open) -> Hello | Failed:
        try:
            loaded, failed = load_runs(order.runs, device=order.device)
        except (TransduceError, MemoryError) as error:
            return Failed("user", str(error) or "there is not enough memory for the models.")
        self._runs = {each.about.name: each for each in loaded}
        largest = max(loaded, key=lambda each: each.model.config.parameters)
        most = max(1, usable_threads() // order.workers)
        torch.set_num_threads(order.threads or fastest_threads(largest, most))
        return Hello([each.about for each in loaded], failed, torch.get_num_threads(), speeds(largest),
                     self._explain is not None, self._explain_page is not None)  # fmt: skip

    def _done(self, task: Task) -> Answer:
        try:
            if isinstance(task, Decode):
                return self._decode(task)
            with self._interruptible(task.ids[0]):
                return self._alone(task)
        except Abandoned:
            return Failed("abandoned", "")
        except TransduceError as error:
            return Failed("user", str(error))
        except (Exception, MemoryError) as error:
            log.exception("%s failed", type(task).__name__)
            return Failed("fault", f"{type(error).__name__}: {error}")

    def _alone(self, task: Task) -> Answer:
        model = self._runs[task.run].model
        match task:
            case Stream():
                return self._stream(task, model)
            case Score():
                return Scored([(each.log_prob, each.tokens) for each in model.forced(task.pairs)])
            case Likely():
                return Candidates(candidates(model, task.pairs, task.top))
            case Explain(page=True) if self._explain_page is not None:
                return Page(self._explain_page(model, task.text, task.options).encode("utf-8"))
            case Explain(page=False) if self._explain is not None:
                return Page(self._explain(model, task.text, task.options))
        raise AssertionError(task)

    def _decode(self, task: Decode) -> Found:
        ids, gone = task.ids, self._gone
        found = decode(
            self._runs[task.run].model.model, task.sources, config=task.config, want_attention=task.attention,
            want_log_probs=task.log_probs, max_tokens=task.most_tokens, prefixes=task.prefixes,
            gone=lambda place: ids[place] in gone,
        )  # fmt: skip
        return Found([[packed(each) for each in outputs] for outputs in found])

    def _stream(self, task: Stream, model: Transducer) -> Found:
        listening = _Heard(model.model, lambda tokens: self._tell_within(Said(tokens)))
        (found,) = decode(
            listening, [task.source], config=task.config, want_attention=task.attention, want_log_probs=task.log_probs,
            prefixes=[task.prefix] if task.prefix else None,
        )  # fmt: skip
        return Found([[packed(each) for each in found]])

    def _tell_within(self, reply: Reply) -> None:
        """Write a frame whole, though what is being done may be interrupted at any moment."""
        ident, self._current = self._current, None
        self._tell(reply)
        self._current = ident
        if ident in self._gone:
            raise Abandoned


def fastest_threads(loaded: Loaded, most: int) -> int:
    """How many processor threads translate fastest, from 1 to ``most``: tried, for it depends on the model's size.

    More than one must be a tenth faster: other work of the machine wants to run too.
    """
    best, least = 1, float("inf")
    before = torch.get_num_threads()
    for threads in sorted({1, max(1, most // 2), most}):
        torch.set_num_threads(threads)
        _timed(loaded, 4)
        seconds = _timed(loaded, 32)
        if seconds < 0.9 * least:
            best, least = threads, seconds
    torch.set_num_threads(before)
    return best


def speeds(loaded: Loaded) -> list[tuple[int, int, float]]:
    """(sentences, characters, seconds) of a small and of a large batch, so that the service knows what it can carry."""
    _timed(loaded, 4)
    return [(rows, rows * len(FIRST), _timed(loaded, rows)) for rows in (1, 32)]


def _timed(loaded: Loaded, rows: int) -> float:
    ids = loaded.model.tokenizers.source.encode(FIRST)[:12] or [0]
    began = time.perf_counter()
    decode(loaded.model.model, [ids] * rows, config=loaded.model.config.decoding)
    return time.perf_counter() - began


def candidates(run: Transducer, pairs: list[tuple[list[int], list[int]]], top: int) -> list[list[list[Candidate]]]:
    """The ``top`` likeliest tokens at each symbol of each output, given those before it."""
    model, tokenizer = run.model, run.tokenizers.target
    device, results = device_of(model), []
    with reading(model):
        for source, symbols in pairs:
            lengths = torch.tensor([len(source) + 1], device=device)
            given = torch.tensor([[BOS, *symbols[:-1]]], device=device)
            logits = model(torch.tensor([[*source, EOS]], device=device), lengths, given)
            log_probs = log_softmax(logits[0])
            log_probs[:, NEVER_WRITTEN] = -torch.inf
            values, words = log_probs.topk(min(top, log_probs.shape[1]))
            results.append([[Candidate(id=word, text=piece, probability=round(math.exp(value), 6))
                             for word, value, piece in zip(row, level, tokenizer.pieces(row), strict=True)]
                            for row, level in zip(words.tolist(), values.tolist(), strict=True)])  # fmt: skip
    return results


class _Heard(Generator):
    """A model whose every chosen token is told. For one sequence at a time."""

    def __init__(self, model: Generator, hear: Callable[[list[int]], None]) -> None:
        super().__init__()
        self.model, self.vocab, self._hear = model, model.vocab, hear
        self._tokens: list[int] = []
        self.training = False

    def forward(self, source: Tensor, source_lengths: Tensor, target_in: Tensor, *,
                embedded: Tensor | None = None) -> Tensor:  # fmt: skip
        raise AssertionError("search goes step by step")

    def start(self, source: Tensor, source_lengths: Tensor) -> State:
        return self.model.start(source, source_lengths)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        token = int(tokens[0])
        if token != BOS:
            self._tokens.append(token)
            self._hear(list(self._tokens))
        return self.model.step(tokens, state)
