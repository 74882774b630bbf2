"""Files that are whole or not there: written beside their final name, flushed, then renamed."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from transduce.errors import RunError


@contextmanager
def atomic_write(path: str | Path, mode: str = "wb") -> Iterator[IO[bytes]]:
    """Open a temporary neighbor of ``path`` for writing and rename it over ``path`` when the block ends.

    A reader sees the old file or the new one, never a part. If the block or the disk fails, the
    neighbor is removed and ``path`` keeps what it held. Raises ``RunError`` when the disk refuses.
    """
    final = Path(path)
    beside = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    try:
        with open(beside, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, final)
        _sync_folder(final.parent)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink()
        if isinstance(error, OSError):
            raise write_failed(final, error) from error
        raise


def write_failed(path: str | Path, error: OSError) -> RunError:
    """The ``RunError`` that tells a user why ``path`` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return RunError(f"{path}: no space left to write it; what was saved before is kept. Free some space.")
    return RunError(f"{path}: cannot write it ({error.strerror or error}); what was saved before is kept.")


def write_bytes(path: str | Path, data: bytes) -> None:
    """Replace ``path`` by ``data``, atomically. Raises ``RunError`` when the disk refuses."""
    with atomic_write(path) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    """Replace ``path`` by ``text`` in UTF-8 with line feeds, atomically."""
    write_bytes(path, text.encode("utf-8"))


def own_stdout() -> io.FileIO:
    """stdout for the caller alone, unbuffered. What else this process writes there from now on, or programs that it
    starts, goes to stderr, so that a parent that reads stdout is told nothing by accident.
    """
    own = io.FileIO(os.dup(1), "wb")
    os.dup2(2, 1)
    return own


def sha256(data: bytes) -> str:
    """SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _sync_folder(folder: Path) -> None:
    """Flush the folder's entry, so that the rename itself survives a power cut (where the system can)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
