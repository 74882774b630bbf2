"""Which of this machine's fonts can write a text, for pictures: matplotlib alone would draw boxes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

FIRST = "DejaVu Sans"  # comes with matplotlib
# Families that fit beside it, liked best first; others are tried after them.
LIKED = ("Noto Sans CJK SC", "Noto Sans CJK", "Noto Sans", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei",
         "WenQuanYi", "Source Han Sans", "Arial Unicode MS", "Segoe UI")  # fmt: skip


def families_for(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """Font families that together can write ``texts``, and the characters for which none was found."""
    wanted = {ord(sign) for text in texts for sign in text if unicodedata.category(sign)[0] not in "CZ"}
    families = [FIRST]
    missing = wanted - _characters(_path_of(FIRST))
    if missing:
        for family, path in _others():
            covered = missing & _characters(path)
            if covered:
                families.append(family)
                missing -= covered
            if not missing:
                break
    return families, [chr(each) for each in sorted(missing)]


def right_to_left(texts: Iterable[str]) -> bool:
    return any(unicodedata.bidirectional(sign) in ("R", "AL") for text in texts for sign in text)


def _others() -> list[tuple[str, str]]:
    """(family, file) of the upright fonts of middle weight, the liked ones first."""
    from matplotlib import font_manager

    def rank(family: str) -> int:
        return next((place for place, liked in enumerate(LIKED) if family.startswith(liked)), len(LIKED))

    found: dict[str, str] = {}
    for entry in font_manager.fontManager.ttflist:
        if entry.style == "normal" and entry.weight in (400, "normal", "regular") and entry.name != FIRST:
            found.setdefault(entry.name, entry.fname)
    return sorted(found.items(), key=lambda each: (rank(each[0]), each[0]))


def _path_of(family: str) -> str:
    from matplotlib import font_manager

    return str(font_manager.findfont(family))


@cache
def _characters(path: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (RuntimeError, OSError):  # a font file that cannot be read is no font
        return frozenset()
