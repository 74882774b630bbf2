"""From bytes to lines of text: gzip, encodings, and one rule of lines.

Only the line feed ends a line, with or without a carriage return before it. U+2028, U+0085, vertical tab and form feed
stay inside (``str.splitlines`` and text mode would split there, and shift every later pair of two parallel files).
Decoding is strict: a wrong byte is an error with its row, never a replacement character.
"""

from __future__ import annotations

import codecs
import gzip
import io
import itertools
import os
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from encodings.aliases import aliases
from pathlib import Path
from typing import IO, Any

from transduce.errors import ConfigError, DataError, nearest, printable

BLOCK = 1 << 18  # bytes read at a time
LONGEST_LINE = 1 << 25  # characters; a longer line is no line of text, and would fill the memory
STDIN = Path("-")
PLACE = "{place}"  # in the message of a fault: where in its line, filled in by who knows the line
_MAGIC = {
    b"PAR1\x15": "a Parquet file. Give it a name ending in .parquet, or pass --format parquet.",
    b"PK\x03\x04": "a zip archive or a spreadsheet (.xlsx, .ods). Unzip it, or save the table as CSV UTF-8.",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file. Save the table as CSV UTF-8.",
    b"BZh91AY&SY": "compressed with bzip2. Unpack it with bunzip2, or compress it with gzip.",
    b"\xfd7zXZ": "compressed with xz. Unpack it with unxz, or compress it with gzip.",
    b"\x28\xb5\x2f\xfd": "compressed with zstd. Unpack it with unzstd, or compress it with gzip.",
    b"%PDF": "a PDF document. Save its text as CSV UTF-8.",
    b"SQLite format 3": "an SQLite database. Export the table as CSV UTF-8.",
}
_NO_CHARACTER_SETS = {"unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined"}
_SURROGATE = re.compile("[\ud800-\udfff]")


class LineFault(Exception):
    """The next line cannot be read; whoever counts the rows turns this into a ``DataError`` with its row."""


class Progress:
    """Bytes read so far of all files (before decompression), for a progress bar."""

    def __init__(self) -> None:
        self.bytes_read = 0


def display_name(path: Path) -> str:
    """What messages call a file."""
    return "standard input" if path == STDIN else printable(path.name or str(path))


def text_chunks(path: Path, *, encoding: str = "utf-8", progress: Progress | None = None) -> Iterator[str]:
    """The text of a file or of standard input ("-") in pieces of whole lines, the line ends kept.

    Every piece but the file's last ends in a line feed. gzip is recognized by its first bytes, whatever the name; a
    byte order mark is dropped. Raises ``DataError`` when the file cannot be opened, and ``LineFault`` at the place
    (after all lines before it were given) where bytes are not ``encoding``, are NUL, or the gzip data is damaged.
    """
    texts = _decoded(_blocks(path, progress or Progress()), text_encoding(encoding))
    rest: list[str] = []  # the beginning of a line that goes on in the next block
    length = 0
    fault: LineFault | None = None
    while fault is None:
        try:
            text = next(texts, None)
        except LineFault as found:
            line = "".join(rest)
            after = f", after {shown(line[-12:])}" if line else ""
            raise LineFault(str(found).replace(PLACE, f"at character {len(line) + 1}{after}")) from None
        if text is None:
            if length:
                yield "".join(rest)
            return
        if "\0" in text:
            text, fault = text[: text.index("\0")], _nul(text)
        end = text.rfind("\n") + 1
        if end:
            yield "".join(rest) + text[:end]
            rest, length = [], 0
        rest.append(text[end:])
        length += len(text) - end
        if fault is None and length > LONGEST_LINE:
            fault = LineFault(f"a line of more than {LONGEST_LINE:,} characters. Is this text, one record a line?")
    raise fault


def _decoded(blocks: Iterator[bytes], encoding: str) -> Iterator[str]:
    """The text of blocks of bytes. Raises ``LineFault`` at the first place that is not text in ``encoding``."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    strict = codecs.lookup(encoding).name == "utf-8"  # lets no lone surrogate through
    begins = True
    for block in itertools.chain(blocks, [b""]):
        state = decoder.getstate()
        try:
            text = decoder.decode(block, not block)
        except ValueError as error:
            text = _before(decoder, state, block, error)
            yield text.removeprefix("\ufeff") if begins else text
            raise _undecodable(encoding, state[0] + block, error, begins=begins and not text) from None
        if not strict and (surrogate := _SURROGATE.search(text)):
            yield text[: surrogate.start()]
            raise LineFault(f"not {encoding}: a lone surrogate (U+{ord(surrogate[0]):04X}) {PLACE}.")
        if begins and text:
            text, begins = text.removeprefix("\ufeff"), False
        yield text


def split_lines(chunk: str) -> list[str]:
    """The lines of a piece from ``text_chunks``, without their ends."""
    if "\r" in chunk:
        chunk = chunk.replace("\r\n", "\n")
        if chunk.endswith("\r"):
            chunk = chunk[:-1]
            return chunk.split("\n")
    lines = chunk.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def text_encoding(name: str) -> str:
    """``name`` when it is an encoding of text. Raises ``ConfigError`` with the nearest known one otherwise."""
    try:
        if codecs.lookup(name).name.replace("-", "_") in _NO_CHARACTER_SETS:
            raise LookupError
        b"".decode(name)
        decoder = codecs.getincrementaldecoder(name)("strict")
        decoder.decode(b"a", True)
        decoder.getstate()
    except UnicodeDecodeError:
        return name  # such as UTF-16, for which one byte is not enough
    except (LookupError, ValueError, TypeError, AttributeError):
        known = {*aliases, *aliases.values(), "utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1"}
        hint = nearest(name, known) or " For example: utf-8, utf-16, cp1252, gb18030, shift_jis."
        raise ConfigError(f"unknown encoding {shown(name)}.{hint}") from None
    return name


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, open for reading bytes. Raises ``DataError`` in plain words when that fails."""
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115
    except (OSError, ValueError) as error:
        raise _cannot_open(path, error) from None
    with file:
        yield file


def nearest_file(path: Path) -> str:
    """The hint with the existing file nearest to a missing one's name, or an empty string."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in itertools.islice(entries, 10_000)]
    except (OSError, ValueError):
        return ""
    return nearest(path.name, names)


def _cannot_open(path: Path, error: OSError | ValueError) -> DataError:
    where = printable(str(path))
    if isinstance(error, FileNotFoundError):
        if not os.path.exists(path.parent):
            return DataError(f"no such file, nor the folder {printable(str(path.parent))}.", file=where)
        return DataError(f"no such file.{nearest_file(path)}", file=where)
    if isinstance(error, IsADirectoryError) or (isinstance(error, PermissionError) and os.path.isdir(path)):
        if os.path.exists(path / "config.json"):
            return DataError("this is a run folder, not a file of pairs.", file=where)
        return DataError("this is a folder; give the file in it.", file=where)
    if isinstance(error, PermissionError):
        return DataError("no permission to read it.", file=where)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return DataError(f"cannot open it ({reason}).", file=where)


class _Source:
    """Bytes of a file or a pipe, counted; ``head`` holds the first ones, which ``read`` gives again.

    From a pipe ``read`` gives what is there now instead of waiting for a whole block.
    """

    def __init__(self, raw: Any, progress: Progress, *, pipe: bool) -> None:
        self._take = getattr(raw, "read1", raw.read) if pipe else raw.read
        self._progress, self._pipe = progress, pipe
        self.head = b""
        while len(self.head) < 16 and not (pipe and b"\n" in self.head) and (more := self._read(16 - len(self.head))):
            self.head += more
        self._again = self.head

    def read(self, size: int) -> bytes:
        found, self._again = self._again[:size], self._again[size:]
        if len(found) == size or (found and self._pipe):
            return found
        return found + self._read(size - len(found))

    def _read(self, size: int) -> bytes:
        found: bytes = self._take(size) or b""
        self._progress.bytes_read += len(found)
        return found


def _blocks(path: Path, progress: Progress) -> Iterator[bytes]:
    """Blocks of bytes, decompressed. Raises ``DataError``, and ``LineFault`` for damaged gzip data."""
    if path == STDIN:
        if sys.stdin is None or not hasattr(sys.stdin, "buffer"):
            raise DataError("standard input is closed. Give a file, or pipe the pairs in.")
        yield from _unpacked(sys.stdin.buffer, path, progress)
        return
    with opened(path) as file:
        yield from _unpacked(file, path, progress)


def _unpacked(raw: IO[bytes], path: Path, progress: Progress) -> Iterator[bytes]:
    name = display_name(path)
    try:
        source = _Source(raw, progress, pipe=path == STDIN)
        if source.head.startswith(b"\x1f\x8b"):
            unpacked = gzip.GzipFile(fileobj=source, mode="rb")  # type: ignore[call-overload]
            source = _Source(unpacked, Progress(), pipe=path == STDIN)
        for magic, what in _MAGIC.items():
            if source.head.startswith(magic):
                raise DataError(f"this is {what}", file=name)
        while block := source.read(BLOCK):
            yield block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        what = "ends too early" if isinstance(error, EOFError) else "is damaged"
        raise LineFault(f"the gzip data {what} here; it was cut or altered. Copy or download the file again.") from None
    except OSError as error:
        raise DataError(f"reading failed ({error.strerror or error}).", file=name) from None


def _before(decoder: codecs.IncrementalDecoder, state: tuple[bytes, int], block: bytes, error: ValueError) -> str:
    """The text of ``block`` before the byte that ``decoder`` stumbled over."""
    place = error.start - len(state[0]) if isinstance(error, UnicodeDecodeError) else 0
    with suppress(ValueError):
        decoder.setstate(state)
        return decoder.decode(block[: max(place, 0)], False)
    return ""


def _undecodable(encoding: str, seen: bytes, error: ValueError, *, begins: bool) -> LineFault:
    """What to say of bytes that are not text in ``encoding``; ``begins`` where the file begins with them."""
    if codecs.lookup(encoding).name != "utf-8":
        if "BOM" in str(error):
            return LineFault(f"not {encoding}: it has no byte order mark. Pass --encoding utf-16-le or utf-16-be.")
        return LineFault(f"not {encoding} {PLACE}. Pass the right --encoding, or save the file as UTF-8.")
    assert isinstance(error, UnicodeDecodeError)
    bad = seen[error.start :]
    if begins and bad[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return LineFault("this is UTF-16, by its byte order mark. Pass --encoding utf-16, or save the file as UTF-8.")
    if error.reason == "unexpected end of data":
        return LineFault("the file ends in the middle of a character; it was cut. Copy or download it again.")
    place = f"byte 0x{bad[0]:02X} {PLACE}"
    if guess := guess_encoding(bad[:4096]):
        codec, spoken = guess
        return LineFault(
            f"not UTF-8 ({place}; it looks like {spoken}). "
            f"Convert it with iconv -f {codec} -t utf-8, or pass --encoding {codec}."
        )
    return LineFault(f"not UTF-8 ({place}). Save the file as UTF-8, or pass its --encoding.")


def guess_encoding(sample: bytes) -> tuple[str, str] | None:
    """(codec, its name in words) that text which is not UTF-8 is probably in, None when nothing fits. A hint only."""
    high = [place for place, byte in enumerate(sample) if byte >= 0x80]
    if not high:
        return None
    bytes_ = [sample[place] for place in high]
    inside = set(high)
    beside = sum(place + 1 in inside or place - 1 in inside for place in high) / len(high)
    candidates = [("cp1252", "Windows-1252")]
    if beside > 0.6 and len(high) > 3:
        if sum(byte in (0x81, 0x82, 0x83) for byte in bytes_) > 0.2 * len(high):
            candidates = [("shift_jis", "Shift JIS"), ("gb18030", "GBK")]
        elif sum(byte >= 0xC0 for byte in bytes_) > 0.9 * len(high):
            candidates = [("cp1251", "Windows-1251")]
        else:
            candidates = [("gb18030", "GBK"), ("big5", "Big5"), ("euc_kr", "EUC-KR")]
    for codec, spoken in candidates:
        for cut in range(4):  # the sample may end inside a character
            with suppress(UnicodeDecodeError):
                text = sample[: len(sample) - cut].decode(codec)
                if all(char.isprintable() or char in "\r\n\t\xa0\u3000" for char in text):
                    return codec, spoken
    return None


def _nul(text: str) -> LineFault:
    """A NUL in ``text``, with what it probably means."""
    place = text.index("\0")
    around = text[max(0, place - 1) : place + 400]
    if around.count("\0") > max(2, 0.3 * len(around)):
        return LineFault(
            "NUL characters, as in UTF-16 read as UTF-8, or in a file that is not text. "
            "If it is UTF-16, pass --encoding utf-16-le or utf-16-be."
        )
    column = place - text.rfind("\n", 0, place)
    return LineFault(f"a NUL character at character {column}. Remove it with tr -d '\\000'; or is this no text file?")


def shown(text: str, longest: int = 40) -> str:
    """``text`` in quotes for a message: on one line, unprintable characters escaped, cut after ``longest``."""
    short = text if len(text) <= longest else text[: longest - 3] + "..."
    return f'"{printable(short)}"'


def lines_io(chunk: str) -> io.StringIO:
    """The lines of a piece with their ends, as the csv module wants them."""
    return io.StringIO(chunk, newline="\n")
