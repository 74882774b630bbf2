"""Which language a text is in, among those that are served: py3langid, offline, one small model in its package."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from copy import copy
from functools import lru_cache
from typing import Any

LOOKED_AT = 2_000  # characters of a text; more tells nothing new

# The scripts that languages are written in, by the first word of a letter's Unicode name. All others: Latin.
_SCRIPTS = {
    "CYRILLIC": "be bg kk ky mk mn ru sr uk", "GREEK": "el", "HEBREW": "he", "ARABIC": "ar fa ps ug ur",
    "DEVANAGARI": "hi mr ne", "BENGALI": "as bn", "GURMUKHI": "pa", "GUJARATI": "gu", "ORIYA": "or", "TAMIL": "ta",
    "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "SINHALA": "si", "THAI": "th", "LAO": "lo", "KHMER": "km",
    "GEORGIAN": "ka", "ARMENIAN": "hy", "ETHIOPIC": "am", "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja",
    "KATAKANA-HIRAGANA": "ja", "CJK": "ja ko zh", "BOPOMOFO": "zh",
}  # fmt: skip
_WRITTEN = {
    code: frozenset(script for script, codes in _SCRIPTS.items() if code in codes.split())
    for codes in _SCRIPTS.values() for code in codes.split()
}  # fmt: skip
_WRITTEN["sr"] |= {"LATIN"}


def detect(text: str, codes: Collection[str]) -> list[tuple[str, float]]:
    """The served languages that ``text`` may be in, likeliest first, each with a confidence from 0 to 100.

    The confidence is the probability among ``codes`` alone, so that a short text that is clear between them scores
    high; times the share of the letters that the language is written with, so that what is in none of their scripts
    scores 0. Empty where ``text`` has no letters.
    """
    letters = [character for character in text[:LOOKED_AT] if character.isalpha()]
    if not codes or not letters:
        return []
    identifier = _identifier(frozenset(codes))
    found = dict(identifier.rank(text[:LOOKED_AT])) if identifier is not None else {}
    written = {code: sum(_script(letter) in _WRITTEN.get(code, ("LATIN",)) for letter in letters) / len(letters)
               for code in codes}  # fmt: skip
    weights = {code: float(found.get(code, 0.0)) * written[code] for code in codes}
    total = sum(weights.values())
    sure = {code: 100 * written[code] * weights[code] / total if total else 0.0 for code in codes}
    return sorted(((code, round(sure[code], 1)) for code in codes), key=lambda each: (-each[1], each[0]))


@lru_cache(maxsize=4_096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


@lru_cache(maxsize=1)
def _every_language() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@lru_cache(maxsize=64)
def _identifier(codes: frozenset[str]) -> Any:
    """An identifier of these languages only; None where py3langid knows none of them."""
    identifier = copy(_every_language())  # its tables are shared and only read
    known = sorted(codes & set(identifier.labels))
    if not known:
        return None
    identifier.set_languages(known)
    return identifier
