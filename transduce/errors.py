"""What can go wrong, as the user should hear of it: what, where, and what to do.

    TransduceError
    |-- DataError        a data file: which file, which row
    |-- ConfigError      an option, a --set key, an impossible value
    |-- RunError         a run folder that is missing, incomplete, altered or of another version
    |-- TrainingError    training that cannot go on
    |-- MissingExtra     an optional package is needed; the message holds the pip line
    `-- Interrupted      the user stopped it; the message says how to go on

Each carries a message of one line. The command line prints it and leaves with ``exit_status``;
it never shows a traceback for these. ``assert`` is for our own mistakes only.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TransduceError(Exception):
    """Base of every error meant for users. ``str(error)`` is one line."""

    exit_status = 1

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class DataError(TransduceError):
    """A data file is at fault.

    ``file`` and ``row`` say where. ``row`` counts records from 1 as a spreadsheet shows them: the
    header, where there is one, is row 1.
    """

    def __init__(self, message: str, *, file: str | None = None, row: int | None = None) -> None:
        self.file, self.row = file, row
        where = ", ".join(([file] if file else []) + ([f"row {row:,}"] if row is not None else []))
        super().__init__(f"{where}: {message}" if where else message)


class ConfigError(TransduceError):
    """An option or a configuration key is unknown or its value is impossible."""


class RunError(TransduceError):
    """A run folder cannot be used."""


class TrainingError(TransduceError):
    """Training cannot go on; the message says what is kept and what to try."""


class MissingExtra(TransduceError):
    """An optional package is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an optional package. Install it with: pip install 'transduce[{extra}]'")


class Interrupted(TransduceError):
    """The user stopped the program (SIGINT or SIGTERM); what was saved is named in the message."""

    exit_status = 130


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint ``' Did you mean "x"?'``, or an empty string when nothing known is close to ``name``."""
    lowered = {word.lower(): word for word in known}
    found = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return f' Did you mean "{lowered[found[0]]}"?' if found else ""


def printable(text: str) -> str:
    """``text`` with what cannot be printed (line ends, NUL, what steers terminals, lone surrogates, ...) written as escapes."""
    if text.isprintable():  # nearly always, and much faster
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
