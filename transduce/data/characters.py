"""Characters that look like others, or like nothing: what hides in text and splits words, lines and vocabularies."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from transduce.data.readers import Dropped as Occurrences

_NAMES = {
    "\n": "line break inside a text",
    "\r": "carriage return inside a text",
    "\t": "tab inside a text",
    "\x0b": "vertical tab U+000B",
    "\x0c": "form feed U+000C",
    "\x85": "next line U+0085",
    "\xa0": "no-break space U+00A0",
    "\xad": "soft hyphen U+00AD",
    "\u200b": "zero-width space U+200B",
    "\u2028": "line separator U+2028",
    "\u2029": "paragraph separator U+2029",
    "\u202f": "narrow no-break space U+202F",
    "\u3000": "ideographic space U+3000",
    "\ufeff": "byte order mark U+FEFF inside a text",
}
LOST = "replacement character U+FFFD"
MOJIBAKE = 'wrongly decoded text ("Ã©" for "é")'
NOT_NFC = "not in Unicode normal form NFC"
_IN_WORDS = {"\u200c", "\u200d"}  # the zero-width joiners of Persian, of Indian scripts and of emoji

# What UTF-8 looks like when it was read as Windows-1252 or Latin-1: a lead byte, then one or two continuation bytes.
_CONTINUATION = "[\x80-\xbf" + re.escape(bytes(range(0x80, 0xA0)).decode("cp1252", "ignore")) + "]"
_WRONG = re.compile(f"[\xc2-\xde]{_CONTINUATION}|[\xe0-\xef]{_CONTINUATION}{{2}}")
_WRONG_HINTS = ("Ã", "Â", "Ä", "Å", "Î", "Ï", "Ð", "Ñ", "Ø", "Ù", "â€", "ã€", "ï¼", "å", "æ", "ä")


class Characters:
    """Counts the texts of one side in which something unusual stands, by what it is."""

    def __init__(self) -> None:
        self.found: dict[str, Occurrences] = {}

    def add(self, texts: Sequence[str], rows: Sequence[int]) -> None:
        """Look at a batch of texts. Cheap where all are plain: whole batches are looked at first."""
        printable = list(map(str.isprintable, texts))
        if not all(printable):
            for text, row, plain in zip(texts, rows, printable, strict=True):
                if not plain:
                    names = {_name(char) for char in set(text) if not char.isprintable()}
                    for name in sorted(filter(None, names)):
                        self._count(name, row)
        whole = "\n".join(texts)
        if whole.isascii():
            return
        if "\ufffd" in whole:
            self._count_where(texts, rows, LOST, [("\ufffd" in text) for text in texts])
        if any(hint in whole for hint in _WRONG_HINTS) and _WRONG.search(whole):
            self._count_where(texts, rows, MOJIBAKE, [bool(_WRONG.search(text)) for text in texts])
        if not unicodedata.is_normalized("NFC", whole):
            wrong = [not unicodedata.is_normalized("NFC", text) for text in texts]
            self._count_where(texts, rows, NOT_NFC, wrong)

    def _count_where(self, texts: Sequence[str], rows: Sequence[int], name: str, where: list[bool]) -> None:
        for row, true in zip(rows, where, strict=True):
            if true:
                self._count(name, row)

    def _count(self, name: str, row: int) -> None:
        self.found.setdefault(name, Occurrences()).add(row)


@lru_cache(maxsize=4096)
def _name(char: str) -> str | None:
    """What to call a character that cannot be printed, None for those that belong in words."""
    if char in _NAMES:
        return _NAMES[char]
    kind, code = unicodedata.category(char), f"U+{ord(char):04X}"
    if char in _IN_WORDS or kind == "Cn" or 0xE0000 <= ord(char) < 0xE0080:
        return None  # joiners, characters newer than this Python, the tags in emoji flags
    if kind == "Zs":
        return f"unusual space {code}"
    if kind == "Co":
        return "private-use character"
    if kind == "Cc":
        return f"control character {code}"
    return f"invisible character {code}"
