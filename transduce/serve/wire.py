"""What the service and its workers say to one another: frames over a worker's stdin and stdout.

A frame is its length (four bytes, little-endian) and a message in MessagePack. The messages are a closed set of plain
data: no code crosses, and nothing is unpickled. Floats arrive with the same bits, attention as raw float32.

    the service says        the worker answers
    Open                    Hello, once all its models have translated something
    Decode                  Found
    Stream                  Said, after each token, then Found
    Score                   Scored
    Likely                  Candidates
    Explain                 Page
    Gone                    nothing: what it works on may end with Failed("abandoned")

Each question but ``Gone`` has one answer, or ``Failed``. A worker is asked one thing at a time.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, Literal

import msgspec
import numpy as np

from transduce.decoding.hypothesis import DecodingConfig, Hypothesis
from transduce.files import own_stdout
from transduce.serve.messages import Candidate

HEAD = 4  # bytes of a frame's length
LARGEST = 1 << 30  # bytes of a frame; more is no frame of ours


class Abandoned(Exception):
    """Nobody waits for the answer any more, or its time is over."""


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of all messages."""


# To a worker -----------------------------------------------------------------------------------------------


class Open(Frame, frozen=True):
    """The first message: what to load. ``threads`` 0: those of the cores, shared among ``workers``, that are fastest."""

    runs: list[str]
    device: str
    threads: int
    workers: int


class Decode(Frame, frozen=True):
    """Search for outputs of sentences of one run. ``ids`` name the sentences for ``Gone``."""

    ids: list[int]
    run: str
    sources: list[list[int]]
    config: DecodingConfig
    prefixes: list[list[int]] | None
    attention: bool
    log_probs: bool
    most_tokens: int


class Stream(Frame, frozen=True):
    """The one output of a sentence, greedy or drawn, each token told when it is chosen."""

    ids: list[int]
    run: str
    source: list[int]
    config: DecodingConfig
    prefix: list[int]
    attention: bool
    log_probs: bool


class Score(Frame, frozen=True):
    """Forced decoding of pairs of texts."""

    ids: list[int]
    run: str
    pairs: list[tuple[str, str]]


class Likely(Frame, frozen=True):
    """The ``top`` likeliest tokens at each symbol of outputs: pairs of source ids and the output's symbols."""

    ids: list[int]
    run: str
    pairs: list[tuple[list[int], list[int]]]
    top: int


class Explain(Frame, frozen=True):
    """What the explaining functions make of a text: JSON, or a page."""

    ids: list[int]
    run: str
    text: str
    options: dict[str, Any]
    page: bool


class Gone(Frame, frozen=True):
    """Nobody waits any more for these parts of what the worker does now."""

    ids: list[int]


Single = Stream | Score | Likely | Explain  # done alone, not in a batch
Task = Decode | Single
Order = Open | Task | Gone


# From a worker ---------------------------------------------------------------------------------------------


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A run as its worker loaded it: all that the service needs to know, without weights.

    ``fingerprint`` is of the configuration and of every weight in memory; ``tokenizers`` are their files' hashes.
    """

    name: str
    folder: str
    report: str  # paths of what can be read while the run still trains
    metrics: str
    source: str  # what clients call its sides: a language's code, else the run's name
    target: str
    language: str | None
    target_language: str | None
    longest: int  # tokens of the longest text it is given at once: no training pair was longer
    most_units: int  # words of the longest sentence it is given
    characters: bool  # ... which are characters instead
    decoding: DecodingConfig
    tokenizers: list[str]
    fingerprint: str
    description: str
    card: dict[str, Any]


class Hello(Frame, frozen=True):
    """What was loaded, why other runs were not, and how fast it is: (sentences, characters, seconds) of some batches."""

    runs: list[About]
    failed: list[str]
    threads: int
    speeds: list[tuple[int, int, float]]
    explains: bool
    pages: bool


class Output(Frame, frozen=True):
    """A ``Hypothesis``."""

    tokens: list[int]
    score: float
    log_prob: float
    finished: bool
    token_log_probs: list[float] | None
    attention: bytes | None  # float32
    shape: tuple[int, int] | None  # of it: (symbols, src_len)


class Found(Frame, frozen=True):
    """The outputs of each sentence, best first."""

    outputs: list[list[Output]]


class Said(Frame, frozen=True):
    """The tokens of a stream up to now."""

    tokens: list[int]


class Scored(Frame, frozen=True):
    """(log-probability, tokens) of each pair."""

    scores: list[tuple[float, int]]


class Candidates(Frame, frozen=True):
    """For each output, for each of its symbols, the likeliest tokens there."""

    outputs: list[list[list[Candidate]]]


class Page(Frame, frozen=True):
    """What an explaining function returned."""

    body: bytes


class Failed(Frame, frozen=True):
    """``user``: the message is meant for the client. ``fault``: it is for the log."""

    kind: Literal["abandoned", "user", "fault"]
    message: str


Answer = Found | Scored | Candidates | Page | Failed
Reply = Hello | Said | Answer

_encoder = msgspec.msgpack.Encoder()
decode_order: Callable[[bytes], Order] = msgspec.msgpack.Decoder(Order).decode
decode_reply: Callable[[bytes], Reply] = msgspec.msgpack.Decoder(Reply).decode


def own_streams() -> tuple[BinaryIO, BinaryIO]:
    """stdin and stdout of a worker's process, for frames alone. Ctrl-C and SIGTERM are the service's to handle."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    return sys.stdin.buffer, own_stdout()


def encoded(message: Frame) -> bytes:
    """A message as a frame."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEAD, "little") + body


def length_of(head: bytes) -> int:
    """Bytes that follow a frame's first four. Raises ``ValueError`` where they are none of ours."""
    length = int.from_bytes(head, "little")
    if length > LARGEST:
        raise ValueError(f"a frame of {length:,} bytes")
    return length


def packed(found: Hypothesis) -> Output:
    looked = None if found.attention is None else np.ascontiguousarray(found.attention, dtype=np.float32)
    return Output(
        found.tokens, found.score, found.log_prob, found.finished, found.token_log_probs,
        None if looked is None else looked.tobytes(), None if looked is None else (looked.shape[0], looked.shape[1]),
    )  # fmt: skip


def unpacked(output: Output) -> Hypothesis:
    attention = None
    if output.attention is not None and output.shape is not None:
        attention = np.frombuffer(output.attention, dtype=np.float32).reshape(output.shape)
    return Hypothesis(tokens=output.tokens, score=output.score, log_prob=output.log_prob, finished=output.finished,
                      token_log_probs=output.token_log_probs, attention=attention)  # fmt: skip
