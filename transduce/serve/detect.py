"""Which language a text is in, among those that are served: py3langid, offline, one small model in its package."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

_COMMON = "ar bg cs da de el en es fa fi fr he hi hu id it ja ko nl no pl pt ro ru sv th tr uk vi zh"
COMMON = frozenset(_COMMON.split())


def detect(text: str, codes: Collection[str]) -> list[tuple[str, float]]:
    """The served languages that ``text`` may be in, likeliest first, each with a confidence from 0 to 100.

    They compete with the languages most written, so that a text in none of ``codes`` gets a low confidence. Empty
    where ``text`` has no letters.
    """
    if not codes or not any(character.isalpha() for character in text):
        return []
    ranked = _identifier(frozenset(codes)).rank(text[:2_000])
    found = [(code, round(100 * float(probability), 1)) for code, probability in ranked if code in codes]
    return [*found, *((code, 0.0) for code in sorted(codes) if code not in {known for known, _ in found})]


@lru_cache(maxsize=8)
def _identifier(codes: frozenset[str]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(sorted((codes & set(identifier.labels)) | COMMON))
    return identifier
