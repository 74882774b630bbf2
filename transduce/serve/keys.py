"""API keys: random, shown once, kept as hashes.

A key is 32 random bytes, so one round of SHA-256 keeps it: there is nothing to guess, and a slow hash would only
slow the service. A keys file has a line for each key: its hash, a space, and a name.

    sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 phone
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import final

from transduce.errors import ConfigError, DataError

ENVIRONMENT = "TRANSDUCE_API_KEY"
_LINE = re.compile(r"sha256:([0-9a-f]{64})(?:\s+(\S.*))?")


@final
class Keys:
    """Hashes of keys with their names. Empty: no key is needed."""

    def __init__(self, hashes: Iterable[tuple[str, str]] = ()) -> None:
        self._hashes = list(hashes)

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def name_of(self, key: str) -> str | None:
        """The name of a key; None where there is no such key. Takes the same time whichever it is."""
        given, found = digest(key), None
        for known, name in self._hashes:
            if hmac.compare_digest(given, known):
                found = name
        return found


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def read_keys(file: Path | None) -> Keys:
    """Keys of a file and of the environment variable TRANSDUCE_API_KEY. Raises ``DataError`` and ``ConfigError``."""
    found = list(_lines(file)) if file else []
    if given := os.environ.get(ENVIRONMENT):
        if len(given) < 16:
            raise ConfigError(f"{ENVIRONMENT} is shorter than 16 characters: it could be guessed.")
        found.append((digest(given), ENVIRONMENT))
    if file and not found:
        raise DataError("holds no key. Make one with: transduce serve --keys FILE --new-key NAME", file=str(file))
    return Keys(found)


def add_key(file: Path, name: str) -> str:
    """Make a key, write its hash to ``file``, and return it. It is not kept anywhere."""
    name = " ".join(name.split())
    if not name:
        raise ConfigError("--new-key needs a name for the key.")
    if file.exists():
        list(_lines(file))  # refused if it is not a keys file
    key = secrets.token_urlsafe(32)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(f"sha256:{digest(key)} {name}\n")
    except OSError as error:
        raise DataError(f"cannot write it ({error.strerror}).", file=str(file)) from None
    return key


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise DataError(f"cannot read the keys ({reason}).", file=str(file)) from None
    for row, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = _LINE.fullmatch(line.strip())
        if parts is None:
            raise DataError('is not "sha256:<64 hexadecimal digits> NAME"; the key itself does not belong here.',
                            file=str(file), row=row)  # fmt: skip
        yield parts[1], parts[2] or f"key {row}"
