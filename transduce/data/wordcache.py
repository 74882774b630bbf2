"""Encoding by words that were seen before, several times faster than cutting each text anew.

No piece holds a space except as its first character, so the ids of a text are those of its parts, cut
before each space, one after the other. Most parts of a text have been met already: a look in a
dictionary replaces the library's work on them.
"""

from __future__ import annotations

import itertools
from typing import Any

import tokenizers

_WORDS = 1 << 17  # remembered at most
_CHARACTERS = 24  # of a remembered word: longer ones seldom come again


class WordCache:
    """Ids of texts, by ``whole``, a tokenizer of the library.

    inner: the same without the step that puts a space before a text; None where there is no such step.
    Threads may share it.
    """

    def __init__(self, whole: tokenizers.Tokenizer, inner: tokenizers.Tokenizer | None) -> None:
        self._spaced = inner is not None
        self._first = _Words(whole, before="")
        self._later = _Words(inner or whole, before=" ")

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """Ids of each text."""
        parts = [text.split(" ") for text in texts]
        later = set(itertools.chain.from_iterable(words[1:] for words in parts))
        later.add("")
        followed = self._later.ids(later)
        begun = self._first.ids({words[0] for words in parts})
        encoded = []
        for words in parts:
            # To a text that begins with a space another is added, and its first word is empty.
            head = followed[""] if self._spaced and not words[0] and len(words) > 1 else begun[words[0]]
            ids = head.copy()
            for word in words[1:]:
                ids += followed[word]
            encoded.append(ids)
        return encoded


class _Words:
    """Ids of words, each with ``before`` in front of it."""

    def __init__(self, library: Any, *, before: str) -> None:
        self._library, self._before = library, before
        # When ``_recent`` is full it becomes ``_older``, and what was there and not asked for since is forgotten.
        self._recent: dict[str, list[int]] = {}
        self._older: dict[str, list[int]] = {}

    def ids(self, words: set[str]) -> dict[str, list[int]]:
        """Ids of each of ``words``."""
        recent, older = self._recent, self._older  # another thread may put others in their places, but not empty them
        found = {word: recent[word] for word in words if word in recent}
        if len(found) == len(words):
            return found
        new = {word: older[word] for word in words if word not in found and word in older}
        missing = [word for word in words if word not in found and word not in new]
        encodings = self._library.encode_batch_fast([self._before + word for word in missing], add_special_tokens=False)
        new.update(zip(missing, (encoding.ids for encoding in encodings), strict=True))
        found.update(new)
        if len(recent) + len(new) > _WORDS:
            self._older, self._recent = recent, {}
            recent = self._recent
        short = ((word, ids) for word, ids in new.items() if len(word) <= _CHARACTERS)
        recent.update(itertools.islice(short, _WORDS))
        return found
