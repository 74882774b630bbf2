"""Text to ids and back, through the ``tokenizers`` library: words, characters, BPE or unigram pieces.

A piece holds its real leading space (" man"), so pieces joined are the text again: nothing stands
for a space and nothing has to be glued or "detokenized". What no piece covers is spelled by the
bytes of its UTF-8, so with ``byte_fallback`` every text survives the round trip, unchanged but for
the Unicode normalization that was asked for. Digits, letters and punctuation never share a piece;
for that reason no text, not even "</s>" or "<0x41>", can turn into a special token.

    tokenizer = Tokenizer.train(texts, config=TokenizerConfig(vocab=3000))
    tokenizer.decode(tokenizer.encode("A man is riding a horse."))  # the same sentence

Ids: <pad> <s> </s> <unk>, then the 256 bytes <0x00> to <0xFF> (with ``byte_fallback``), then what
was learned. All of them count in ``vocab``, which is thus the size of the model's output. The bytes
are cheap: on English-French image captions, a joint BPE vocabulary of 3,000 ids takes 17.0 tokens
a sentence with the bytes inside the 3,000 and 16.7 with them on top.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tokenizers
from numpy.typing import NDArray

from transduce.config import Config, require
from transduce.data import vocabulary
from transduce.data.vocabulary import thinned
from transduce.data.wordcache import WordCache
from transduce.errors import RunError, printable
from transduce.files import write_text

PAD, BOS, EOS, UNK = 0, 1, 2, 3
SPECIALS = ("<pad>", "<s>", "</s>", "<unk>")
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))

Kind = Literal["bpe", "unigram", "word", "char"]
Normalization = Literal["nfc", "nfkc", "none"]
PieceKind = Literal["word", "byte", "padding", "start", "end", "unknown"]

# The library uses all cores (RAYON_NUM_THREADS bounds them). A forked child must not touch the
# parent's threads: said beforehand, the library neither warns nor blocks there.
if "TOKENIZERS_PARALLELISM" not in os.environ:
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: os.environ.update(TOKENIZERS_PARALLELISM="false"))


class TokenizerConfig(Config, frozen=True, kw_only=True):
    """What to cut text into.

    kind           bpe or unigram pieces, words (of letters; a Chinese or Japanese character is a word), characters
    vocab          number of ids, specials and bytes included; fewer when the text does not hold as many pieces
    joint          one vocabulary for both sides; None: when both sides are written with the same letters
    lowercase      make all text lower case (output is lower case too)
    normalization  Unicode form: nfc (canonical: looks the same), nfkc (also folds width, ligatures, ...), none
    min_count      words, characters and merges seen less often get no piece (merges: at least 2; unigram: characters)
    byte_fallback  spell what has no piece by its bytes; without it such text becomes <unk>, a word or character each
    """

    kind: Kind = "bpe"
    vocab: int = 3000
    joint: bool | None = None
    lowercase: bool = False
    normalization: Normalization = "nfc"
    min_count: int = 1
    byte_fallback: bool = True

    def __post_init__(self) -> None:
        least = len(_fixed_pieces(byte_fallback=self.byte_fallback)) + 2
        besides = "4 special and 256 byte tokens" if self.byte_fallback else "4 special tokens"
        require(
            self.vocab >= least, f"tokenizer.vocab must be at least {least} ({besides} count in it); got {self.vocab}."
        )
        require(self.vocab <= 10_000_000, f"tokenizer.vocab must be at most 10,000,000; got {self.vocab}.")
        require(self.min_count >= 1, f"min_count must be at least 1; got {self.min_count}.")


class Tokenizer:
    """Text to ids and back. Made by ``train``, ``load`` or ``from_json``; never changes."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        """From the library's JSON structure, which must be one that ``train`` makes.

        Raises ``ValueError`` (or whatever the library raises) otherwise; ``from_json`` is the door for files.
        """
        self.kind, self._byte_fallback = _recognized(description)
        self._prefixed = self.kind != "char"
        self._pieces = _pieces_in_order(description["model"])
        self._json = json.dumps(description, ensure_ascii=False, separators=(",", ":"))
        library, inner = tokenizers.Tokenizer.from_str(self._json), None
        if self._prefixed:
            steps = description["normalizer"]["normalizers"][:-1]  # all but the space before a text
            without = {"type": "Sequence", "normalizers": steps} if steps else None
            inner = tokenizers.Tokenizer.from_str(json.dumps({**description, "normalizer": without}))
        self._words = WordCache(library, inner)
        table = [piece.encode("utf-8") for piece in self._pieces]
        if self._byte_fallback:
            table[len(SPECIALS) : len(SPECIALS) + 256] = [bytes([byte]) for byte in range(256)]
        table[PAD] = table[BOS] = table[EOS] = b""
        table[UNK] = b" <unk>" if self.kind == "word" else b"<unk>"
        self._table = table

    @classmethod
    def train(cls, texts: Iterable[str], *, config: TokenizerConfig | None = None) -> Tokenizer:
        """Learn a vocabulary from ``texts``, the same one from the same texts every time.

        Memory is bounded: beyond 20 million characters an evenly spread part of the texts is used.
        """
        config = config or TokenizerConfig()
        description = _skeleton(config.kind, config.normalization, config.lowercase, config.byte_fallback)
        fixed = _fixed_pieces(byte_fallback=config.byte_fallback)
        room = config.vocab - len(fixed)
        texts = vocabulary.normalized(thinned(texts), description["normalizer"])
        # Single characters take all the room where nothing else is wanted, and leave some where it is.
        shares = {"char": room, "word": room // 4, "bpe": room * 3 // 4, "unigram": room * 3 // 4}
        alphabet, rare = vocabulary.characters_by_count(
            texts,
            most=max(1, shares[config.kind]),
            least=config.min_count,
            cover=config.byte_fallback and config.kind != "char",
        )
        known = vocabulary.without(rare, texts)
        model: dict[str, Any] = description["model"]
        learned: list[str] = alphabet
        if config.kind == "unigram":
            scored = vocabulary.learn_unigram(known, room=room, alphabet=alphabet)
            lowest = min((score for _, score in scored), default=0.0)
            model["vocab"] = [[piece, lowest] for piece in fixed] + [[piece, score] for piece, score in scored]
            return cls(description)
        if config.kind == "bpe":
            least = max(2, config.min_count)
            learned, model["merges"] = vocabulary.learn_bpe(known, room=room, alphabet=alphabet, least=least)
        elif config.kind == "word":
            alphabet = alphabet if config.byte_fallback else []
            learned = vocabulary.learn_words(texts, room=room, alphabet=alphabet, least=config.min_count)
        model["vocab"] = {piece: number for number, piece in enumerate([*fixed, *learned])}
        return cls(description)

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        """Read what ``save`` wrote. Raises ``RunError`` when the file is missing, broken or altered in structure."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise RunError(f"{path}: cannot read the tokenizer ({reason}).") from error
        return cls.from_json(text, where=str(path))

    @classmethod
    def from_json(cls, text: str, *, where: str = "tokenizer") -> Tokenizer:
        """From the text that ``to_json`` gave. Raises ``RunError`` for any other; ``where`` opens the message."""
        try:
            return cls(json.loads(text))
        except BaseException as error:
            # The library raises plain Exception, and on some inputs a panic that is not even that.
            if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
                raise
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise RunError(f"{where}: not a tokenizer that this version wrote, or altered since ({reason}).") from error

    def save(self, path: str | Path) -> None:
        """Write the tokenizer to ``path``, atomically, in the format of the ``tokenizers`` library."""
        write_text(path, self._json)

    def to_json(self) -> str:
        """The whole tokenizer as text, the same for equal tokenizers."""
        return self._json

    @property
    def vocab_size(self) -> int:
        """Number of ids."""
        return len(self._pieces)

    @property
    def digest(self) -> str:
        """SHA-256 of ``to_json()`` in hexadecimal: equal digests, equal ids."""
        return hashlib.sha256(self._json.encode("utf-8")).hexdigest()

    def encode(self, text: str) -> list[int]:
        """Ids of ``text``, without <s> and </s>. An empty text has none; a lone surrogate counts as U+FFFD."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """Ids of each text."""
        return self._words.encode_batch([vocabulary.encodable(text) for text in texts])

    def decode(self, ids: Iterable[int]) -> str:
        """Text of ``ids`` up to the first </s>; <pad> and <s> give nothing, bytes that are not UTF-8 give U+FFFD.

        Raises ``ValueError`` for an id outside the vocabulary.
        """
        table, size = self._table, len(self._table)
        parts: list[bytes] = []
        for number in ids:
            if number == EOS:
                break
            if not 0 <= number < size:
                raise ValueError(f"id {number} is outside the vocabulary of {size} pieces")
            parts.append(table[number])
        text = b"".join(parts).decode("utf-8", errors="replace")
        return text[1:] if self._prefixed and text.startswith(" ") else text

    def decode_batch(self, batch: Iterable[Iterable[int]]) -> list[str]:
        """Text of each row of ids."""
        return [self.decode(ids) for ids in batch]

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """The pieces that ``ids`` stand for, to be read: leading space kept, bytes as <0xE4>, specials by name.

        Tabs and other control characters are escaped. Raises ``ValueError`` for an id outside the vocabulary.
        """
        size = len(self._pieces)
        named = []
        for number in ids:
            if not 0 <= number < size:
                raise ValueError(f"id {number} is outside the vocabulary of {size} pieces")
            named.append(printable(self._pieces[number]))
        return named

    def halves(self) -> NDArray[np.int64]:
        """(vocab, 2) ids: the two pieces that each BPE piece was merged from, or -1 where it was not."""
        numbers = {piece: number for number, piece in enumerate(self._pieces)}
        found = np.full((len(self._pieces), 2), -1)
        for left, right in json.loads(self._json)["model"].get("merges", ()):
            found[numbers[left + right]] = numbers[left], numbers[right]
        return found

    def kind_of(self, number: int) -> PieceKind:
        """What an id stands for: learned text, a byte of it, or one of the specials."""
        if number < len(SPECIALS):
            return ("padding", "start", "end", "unknown")[number]
        return "byte" if self._byte_fallback and number < len(SPECIALS) + len(BYTES) else "word"

    def __repr__(self) -> str:
        return f"<Tokenizer {self.kind}, {self.vocab_size:,} pieces>"


@dataclass(frozen=True)
class TokenizerPair:
    """The tokenizers of the two sides; one and the same when the vocabulary is joint."""

    source: Tokenizer
    target: Tokenizer

    @property
    def joint(self) -> bool:
        """Whether both sides share one vocabulary."""
        return self.source is self.target or self.source.to_json() == self.target.to_json()

    def save(self, folder: str | Path) -> None:
        """Write tokenizer.json (joint), or source.json and target.json, into ``folder``, which must exist."""
        place = Path(folder)
        if self.joint:
            self.source.save(place / "tokenizer.json")
        else:
            self.source.save(place / "source.json")
            self.target.save(place / "target.json")
        for name in ("source.json", "target.json") if self.joint else ("tokenizer.json",):
            (place / name).unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: str | Path) -> TokenizerPair:
        """Read what ``save`` wrote. Raises ``RunError`` when a file is missing or broken."""
        place = Path(folder)
        if (place / "tokenizer.json").exists():
            both = Tokenizer.load(place / "tokenizer.json")
            return cls(both, both)
        if not (place / "source.json").exists() and not (place / "target.json").exists():
            raise RunError(f"{place}: no tokenizer.json (nor source.json and target.json) in this folder.")
        return cls(Tokenizer.load(place / "source.json"), Tokenizer.load(place / "target.json"))


def train_pair(
    source_texts: Iterable[str], target_texts: Iterable[str], *, config: TokenizerConfig | None = None
) -> TokenizerPair:
    """Learn a joint vocabulary or one for each side, of ``config.vocab`` ids each.

    ``config.joint`` decides; where it is None, ``shares_script`` does.
    """
    config = config or TokenizerConfig()
    source, target = thinned(source_texts), thinned(target_texts)
    if shares_script(source, target) if config.joint is None else config.joint:
        both = Tokenizer.train(itertools.chain(source, target), config=config)
        return TokenizerPair(both, both)
    return TokenizerPair(Tokenizer.train(source, config=config), Tokenizer.train(target, config=config))


def shares_script(source_texts: Iterable[str], target_texts: Iterable[str]) -> bool:
    """Whether both sides are written with the same letters: their shares, letter by letter, overlap by half.

    English and French 0.9, English and Russian 0.0. Case is ignored. Sides without letters are compared by
    all their characters; an empty side shares with every other.
    """
    shares = []
    for texts in (source_texts, target_texts):
        counts = Counter(itertools.chain.from_iterable(text.casefold() for text in itertools.islice(texts, 20_000)))
        letters = {character: count for character, count in counts.items() if character.isalpha()}
        shares.append(letters or {character: count for character, count in counts.items() if not character.isspace()})
    source, target = shares
    if not source or not target:
        return True
    totals = sum(source.values()), sum(target.values())
    common = (min(count / totals[0], target.get(character, 0) / totals[1]) for character, count in source.items())
    return sum(common) >= 0.5


# What a tokenizer consists of ---------------------------------------------------------------------------


def _fixed_pieces(*, byte_fallback: bool) -> tuple[str, ...]:
    return SPECIALS + BYTES if byte_fallback else SPECIALS


def _skeleton(kind: str, normalization: str, lowercase: bool, byte_fallback: bool) -> dict[str, Any]:  # noqa: FBT001
    """The library's JSON structure with an empty vocabulary."""
    steps: list[dict[str, Any]] = [] if normalization == "none" else [{"type": normalization.upper()}]
    steps += [{"type": "Lowercase"}] if lowercase else []
    decoders: list[dict[str, Any]] = [{"type": "ByteFallback"}] if byte_fallback else []
    decoders += [{"type": "Fuse"}]
    pre_tokenizer = None
    if kind != "char":
        steps += [{"type": "Replace", "pattern": {"Regex": vocabulary.FIRST_SPACE}, "content": " "}]
        decoders += [{"type": "Strip", "content": " ", "start": 1, "stop": 0}]
        pattern = {"Regex": vocabulary.WORDS if kind == "word" else vocabulary.SUBWORDS}
        pre_tokenizer = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
    model: dict[str, Any]
    if kind == "unigram":
        model = {"type": "Unigram", "unk_id": UNK, "vocab": [], "byte_fallback": byte_fallback}
    elif kind == "word" and not byte_fallback:
        model = {"type": "WordLevel", "vocab": {}, "unk_token": SPECIALS[UNK]}
    else:
        model = {"type": "BPE", "dropout": None, "unk_token": SPECIALS[UNK], "continuing_subword_prefix": None}
        model |= {"end_of_word_suffix": None, "fuse_unk": kind == "bpe", "byte_fallback": byte_fallback}
        model |= {"ignore_merges": kind == "word", "vocab": {}, "merges": []}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": steps} if steps else None,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": model,
    }


def _recognized(description: Mapping[str, Any]) -> tuple[Kind, bool]:
    """The kind, and whether bytes spell the rest. ``ValueError`` unless it is a structure of ``_skeleton``.

    Only these few structures are let into the library, so that a stranger's file cannot bring in a
    pattern that runs forever or a step that loses text.
    """
    if not isinstance(description, dict) or not isinstance(description.get("model"), dict):
        raise ValueError("not a tokenizer")
    empty = {"vocab": None, "merges": None}
    kinds: tuple[Kind, ...] = ("bpe", "unigram", "word", "char")
    options = itertools.product(kinds, ("nfc", "nfkc", "none"), (False, True), (True, False))
    for kind, form, lowercase, fallback in options:
        ours = _skeleton(kind, form, lowercase, fallback)
        if {**ours, "model": {**ours["model"], **empty}} == {**description, "model": {**description["model"], **empty}}:
            pieces = _pieces_in_order(description["model"])
            fixed = _fixed_pieces(byte_fallback=fallback)
            if tuple(pieces[: len(fixed)]) != fixed:
                raise ValueError("special tokens or bytes are not in their places")
            return kind, fallback
    raise ValueError("unknown structure")


def _pieces_in_order(model: Mapping[str, Any]) -> list[str]:
    """Piece of each id. ``ValueError`` unless ids run from 0 without a gap and pieces differ."""
    vocab = model["vocab"]
    if isinstance(vocab, list):
        pieces = [piece for piece, _ in vocab]
        distinct = len(set(pieces)) == len(pieces)
    else:
        pieces = sorted(vocab, key=vocab.__getitem__)
        distinct = [vocab[piece] for piece in pieces] == list(range(len(pieces)))
    if not distinct:
        raise ValueError("ids have gaps or pieces repeat")
    return pieces
