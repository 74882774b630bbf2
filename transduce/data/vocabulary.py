"""How a vocabulary is learned from texts: the same one from the same texts every time, in bounded memory.

All functions take texts that are already normalized (``normalized``). The work is the ``tokenizers``
library's; what stands here chooses the characters, counts words and takes chance out of the result.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tokenizers

# Scripts whose words are not set apart by spaces: a text that begins with one gets no space before it.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_SINGLE = r"\p{Han}\p{Hiragana}\p{Katakana}"
_REST = r" ?\p{N}| ?[^\s\p{L}\p{M}\p{N}]+|\s"

FIRST_SPACE = rf"\A(?=[^{_UNSPACED}])"  # the place before a text where a space is put
SUBWORDS = rf" ?[\p{{L}}\p{{M}}]+['’]?|{_REST}"  # what bpe and unigram pieces lie within
WORDS = rf"[{_SINGLE}]| ?[\p{{L}}\p{{M}}&&[^{_SINGLE}]]+['’]?|{_REST}"

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_TRAINING_CHARACTERS = 20_000_000  # more text than this is thinned before a vocabulary is learned from it
_LONGEST_TEXT = 10_000  # characters of one text that count: learning BPE is quadratic in the longest word
_COVERAGE = 0.9999  # characters beyond this share of a text are left to bytes


def thinned(texts: Iterable[str], *, characters: int = _TRAINING_CHARACTERS) -> list[str]:
    """All ``texts``, or an evenly spread part of them that holds at most ``characters`` characters.

    Reads ``texts`` once and holds no more than that; which texts are kept depends on their places only.
    """
    kept: list[tuple[int, str]] = []
    held, level = 0, 0
    for place, text in enumerate(texts):
        # The golden ratio spreads the places evenly over 32 bits, in step with no period of the file.
        mark = place * 0x9E3779B1 & 0xFFFFFFFF
        if mark >> (32 - level):
            continue
        kept.append((mark, text[: min(characters, _LONGEST_TEXT)]))
        held += len(kept[-1][1])
        while held > characters and len(kept) > 1 and level < 32:
            level += 1
            kept = [(mark, text) for mark, text in kept if not mark >> (32 - level)]
            held = sum(len(text) for _, text in kept)
    return [text for _, text in kept]


def encodable(text: str) -> str:
    """``text`` with U+FFFD for lone surrogates, which UTF-8 cannot hold. Raises ``TypeError`` for what is no text."""
    if not isinstance(text, str):
        raise TypeError(f"text expected, got {type(text).__name__}")
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def normalized(texts: Iterable[str], normalizer: Mapping[str, Any] | None) -> list[str]:
    """The texts after a normalizer of the library, given as its JSON structure."""
    if normalizer is None:
        return [encodable(text) for text in texts]
    rest: dict[str, Any] = dict.fromkeys(("truncation", "padding", "pre_tokenizer", "post_processor", "decoder"))
    rest |= {"version": "1.0", "added_tokens": [], "model": {"type": "WordLevel", "vocab": {}, "unk_token": ""}}
    library = tokenizers.Tokenizer.from_str(json.dumps({**rest, "normalizer": normalizer}))
    return [library.normalizer.normalize_str(encodable(text)) for text in texts]


def characters_by_count(texts: Sequence[str], *, most: int, least: int, cover: bool) -> tuple[list[str], list[str]]:
    """Characters that get a piece, the most frequent first, and those that do not.

    At most ``most`` of them, seen at least ``least`` times; with ``cover`` the rarest, which together
    make up less than one in ten thousand of the text, are left out too.
    """
    counts = np.zeros(0x110000, dtype=np.int64)
    for start in range(0, len(texts), 10_000):
        joined = "".join(texts[start : start + 10_000]).encode("utf-32-le")
        counts += np.bincount(np.frombuffer(joined, dtype=np.uint32), minlength=0x110000)
    seen = np.flatnonzero(counts)
    order = seen[np.lexsort((seen, -counts[seen]))]
    kept = min(most, int((counts[order] >= least).sum()))
    if cover and order.size:
        kept = min(kept, 1 + int(np.searchsorted(np.cumsum(counts[order]), _COVERAGE * counts.sum())))
    characters = [chr(code) for code in order]
    return characters[:kept], characters[kept:]


def without(rare: Sequence[str], texts: Iterable[str]) -> Iterator[str]:
    """The texts with a line feed, which no piece crosses, in place of each character in ``rare``."""
    if not rare:
        return iter(texts)
    pattern = re.compile("[" + "".join(map(re.escape, rare)) + "]")
    return (pattern.sub("\n", text) for text in texts)


def learn_bpe(
    texts: Iterable[str], *, room: int, alphabet: list[str], least: int
) -> tuple[list[str], list[tuple[str, str]]]:
    """At most ``room`` pieces and their merges (Sennrich et al. 2016), of pairs seen at least ``least`` times.

    The library's result depends on nothing but the counts.
    """
    library = _bare(tokenizers.models.BPE())
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=room,
        min_frequency=least,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    library.train_from_iterator(texts, trainer)
    model = json.loads(library.to_str())["model"]
    return sorted(model["vocab"], key=model["vocab"].__getitem__), model["merges"]


def learn_unigram(texts: Iterable[str], *, room: int, alphabet: list[str]) -> list[tuple[str, float]]:
    """At most ``room`` pieces and log-probabilities (Kudo 2018), in an order and with digits that never vary.

    The library walks through a hash table: its sums differ in their last bits, and the characters that
    it prunes and puts back get min + 0.0001 k in random order. Both are smoothed out.
    """
    library = _bare(tokenizers.models.Unigram())
    # The line feed that stands for rare characters needs room, and is taken out again.
    spare = 0 if "\n" in alphabet else 1
    trainer = tokenizers.trainers.UnigramTrainer(vocab_size=room + spare, show_progress=False)
    library.train_from_iterator(texts, trainer)
    found = [(piece, score) for piece, score in json.loads(library.to_str())["model"]["vocab"]]
    lowest = min((score for _, score in found), default=0.0)
    put_back = lowest + 0.0001 * (len(alphabet) + spare)
    scored = [
        (piece, round(lowest if len(piece) == 1 and score <= put_back else score, 4))
        for piece, score in found
        if piece != "\n" or not spare
    ]
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:room]


def learn_words(texts: Iterable[str], *, room: int, alphabet: list[str], least: int) -> list[str]:
    """The alphabet, then words seen at least ``least`` times by falling count, ties by their characters."""
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(WORDS), "isolated")
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word, _ in split.pre_tokenize_str(text))
    for character in alphabet:
        counts.pop(character, None)
    words = sorted((word for word, count in counts.items() if count >= least), key=lambda word: (-counts[word], word))
    return [*alphabet, *words[: room - len(alphabet)]]


def _bare(model: Any) -> tokenizers.Tokenizer:
    """A tokenizer of the library that splits but does not normalize, to be trained."""
    library = tokenizers.Tokenizer(model)
    library.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(SUBWORDS), "isolated")
    return library
