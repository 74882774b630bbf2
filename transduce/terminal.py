"""What the command line owes its surroundings: signals, pipes, full disks, and words of any encoding.

Everything a command can end by comes out as one line on stderr and an exit status: 0 done, 1 the user's
input was at fault, 2 usage, 130 interrupted.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any, NoReturn

from typer.core import TyperGroup

from transduce.errors import DataError, Interrupted, TransduceError

# What torch imports and only those need who train, or trace and compile models. The first is a third of the whole.
LATER = ("torch._meta_registrations", "torch.export", "torch.distributions", "torch.quantization")
OUT_OF_MEMORY = "out of memory. Use shorter texts, a smaller --beam, or to train a smaller training.batch_tokens."


class Commands(TyperGroup):
    """The commands. Ends that typer would turn into words and statuses of its own come out as ours."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            raise Interrupted("interrupted.") from None
        except BrokenPipeError:
            raise _Gone from None
        return result


class _Gone(Exception):
    """The reader of our output has left, as ``head`` does."""


class Lasting:
    """stderr that training outlives: when nobody reads it any more, or its disk is full, the rest is dropped."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._lasting():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._lasting():
            self._stream.flush()

    @contextmanager
    def _lasting(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            _drop(self._stream)


class _Later(ModuleType):
    """Stands for a module until somebody asks for something in it; only then is it imported."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # that one is asked for by whoever imports a part of it
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def start_sooner() -> None:
    """Spare this process a third of the time of importing torch. Only for one that does not train."""
    if "torch" not in sys.modules:
        for name in LATER:
            sys.modules[name] = _Later(name)


def guarded(app: Callable[..., Any]) -> None:
    """Call the app, and leave with the right status and at most one line where it fails."""
    try:
        _prepare()
        app(prog_name="transduce")
    except TransduceError as error:
        _leave(str(error), error.exit_status)
    except KeyboardInterrupt:
        _leave("interrupted.", 130)
    except SystemExit as left:
        if left.code == 130:  # typer was interrupted before it called a command, and said nothing
            _leave("interrupted.", 130)
        raise
    except _Gone:
        _leave("", 0)
    except MemoryError:
        _leave(OUT_OF_MEMORY, 1)
    except OSError as error:  # of our own output; all files report theirs as TransduceError
        _leave(f"writing failed ({error.strerror or error}). Where does the output go?", 1)
    except RuntimeError as error:  # torch says so when there is no memory
        if not re.search(r"out of memory|can't allocate memory|not enough memory", str(error)):
            raise
        _leave(OUT_OF_MEMORY, 1)


def _prepare() -> None:
    """UTF-8 in pipes on every system; SIGTERM ends like Ctrl-C. Raises ``DataError`` for words that are not UTF-8."""
    for number, word in enumerate(sys.argv[1:], start=1):
        if re.search("[\ud800-\udfff]", word):
            raise DataError(f"argument {number}, {word!a}, is not UTF-8. Rename the file, or set a UTF-8 locale.")
    if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    # torch brings some million objects that live until the end. Looking through them for garbage while it is imported,
    # and once more at the end, takes as long as translating a sentence.
    gc.set_threshold(100_000, 20, 100)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def _leave(message: str, status: int) -> NoReturn:
    """Say why on stderr, and end. What is still to be written to an output that is gone or full is given up."""
    with suppress(OSError):
        if message:
            print(f"transduce: {message}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        _drop(sys.stdout)
    sys.exit(status)


def _drop(stream: Any) -> None:
    """Let whatever is written to a stream vanish."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
