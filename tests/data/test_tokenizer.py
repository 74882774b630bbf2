"""Text survives the round trip; the vocabulary has the size that was asked for; files are read with suspicion."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.data import wordcache
from transduce.data.tokenizer import (
    BOS,
    BYTES,
    EOS,
    PAD,
    SPECIALS,
    UNK,
    Kind,
    Tokenizer,
    TokenizerConfig,
    TokenizerPair,
    shares_script,
    train_pair,
)
from transduce.data.vocabulary import thinned
from transduce.errors import ConfigError, RunError

ENGLISH = [
    f"{who} {does} {what}{end}"
    for who in ("A man", "The old woman", "My brother", "Nobody", "The cat's owner", "O'Neill", "They don't know who")
    for does in ("sees", "is riding", "never eats", "paints", "bought", "sold", "talks about")
    for what in ("a horse", "the red house", "12 apples", "two boats (in 1998)", "the city, the sea", '"it"')
    for end in (".", "!", " again.")
]
CHINESE = [
    f"{who}{does}{what}。"
    for who in ("我", "你", "他们", "老师", "那个孩子")
    for does in ("喜欢", "看见了", "不想要", "买了")
    for what in ("苹果", "一本书", "那只猫", "北京的天气", "iPhone 手机")
]
KINDS: list[Kind] = ["bpe", "unigram", "word", "char"]
CONFIGS: dict[str, TokenizerConfig] = {kind: TokenizerConfig(kind=kind, vocab=420) for kind in KINDS}
TRAINED = {kind: Tokenizer.train(ENGLISH + CHINESE, config=config) for kind, config in CONFIGS.items()}
EXACT = {
    kind: Tokenizer.train(ENGLISH, config=TokenizerConfig(kind=kind, vocab=400, normalization="none")) for kind in KINDS
}
ODD = [
    "", " ", "  ", " leading", "trailing ", "two  spaces", "\t", "a\tb\n\nc\r\n", "</s>", "<s> <pad><unk>", "<0x41>",
    "<0x0A><0xFF>", "▁ and ▁▁", "l’homme qu'on a vu", "e\u0301", "\u0301", " \u0301x", "\u2028", "a\u0085b\u000bc",
    "\u00a0!", "\u202f;", "مرحبا بالعالم", "สวัสดีชาวโลก", "नमस्ते", "你好，世界！", " 你好", "你 好", "こんにちはコーヒー",
    "🎉🎉", "\U0001f469\u200d\U0001f469", "\u2764\ufe0f", "\U0001f1eb\U0001f1f7", "\0", "\ufffd", "\ufeff", "x" * 300,
    "12345", "½²Ⅷ", "한국어", "\u212b \u212a", " <", "'", "’ ’", "don't 'tis", "T恤 和 iPhone15", "\u1100\u1161\u11a8",
    "ﬁ ﬀ Ａ", "\U00020000", "\ufdfa",
]  # fmt: skip
# Every assigned character, and words that mix pieces which must not join.
TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(exclude_categories=("Cs", "Cn"), max_codepoint=0x1FAFF), max_size=40),
    st.lists(st.sampled_from([*ODD, "man", " horse", "苹果", "<", "0x41", ">"]), max_size=8).map("".join),
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
def test_any_text_survives_up_to_its_normalization(kind: Kind, text: str) -> None:
    tokenizer = TRAINED[kind]
    assert tokenizer.decode(tokenizer.encode(text)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
def test_without_normalization_any_text_survives_exactly(kind: Kind, text: str) -> None:
    tokenizer = EXACT[kind]
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert not {PAD, BOS, EOS, UNK} & set(ids)  # no text can turn into a special token


@pytest.mark.parametrize("kind", KINDS)
def test_odd_texts_one_by_one_and_in_a_batch(kind: Kind) -> None:
    tokenizer = TRAINED[kind]
    batch = tokenizer.encode_batch(ODD)
    assert batch == [tokenizer.encode(text) for text in ODD]
    assert tokenizer.decode_batch(batch) == [unicodedata.normalize("NFC", text) for text in ODD]
    assert batch[0] == []
    # Another runtime that reads our file must see the same text; it has its own decoder.
    library = tokenizers.Tokenizer.from_str(tokenizer.to_json())
    assert [library.decode(ids, skip_special_tokens=False) for ids in batch] == tokenizer.decode_batch(batch)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=100, deadline=None)
@given(ids=st.lists(st.integers(0, 419), max_size=30))
def test_whatever_a_model_writes_can_be_decoded(kind: Kind, ids: list[int]) -> None:
    """Bytes that are no UTF-8 become U+FFFD, and the pieces around them stay whole."""
    tokenizer = TRAINED[kind]
    ids = [number % tokenizer.vocab_size for number in ids]
    text = tokenizer.decode(ids)
    text.encode("utf-8")
    before_end = ids[: ids.index(EOS)] if EOS in ids else ids
    assert tokenizer.decode([number for number in before_end if number not in (PAD, BOS)] + [EOS, 5, 6]) == text
    for number in before_end:
        if number >= len(SPECIALS) + 256:
            assert tokenizer.decode([number]) in text
    assert len(tokenizer.pieces(ids)) == len(ids)


FORMS = [
    Tokenizer.train(ENGLISH + CHINESE, config=TokenizerConfig(kind=kind, vocab=420, normalization=form, lowercase=low))
    for kind, form, low in [
        ("bpe", "nfc", False), ("bpe", "nfkc", True), ("unigram", "nfkc", False), ("unigram", "none", True),
        ("word", "nfc", True), ("word", "nfkc", False), ("char", "nfkc", True), ("char", "none", False),
    ]
]  # fmt: skip
FORMS.append(Tokenizer.train(ENGLISH, config=TokenizerConfig(kind="word", vocab=60, byte_fallback=False)))
FORMS.append(Tokenizer.train(ENGLISH, config=TokenizerConfig(kind="bpe", vocab=60, byte_fallback=False)))
LIBRARIES = [tokenizers.Tokenizer.from_str(tokenizer.to_json()) for tokenizer in FORMS]
SPACED = st.lists(st.sampled_from([*ODD, " ", "  ", "\u00a0", "\u00a8", "man", "Σ", "苹果", "'"]), max_size=12).map(
    "".join
)


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(st.one_of(TEXTS, SPACED), max_size=6))
def test_encoding_word_by_word_gives_what_the_library_gives_for_whole_texts(texts: list[str]) -> None:
    for tokenizer, library in zip(FORMS, LIBRARIES, strict=True):
        whole = [encoding.ids for encoding in library.encode_batch(texts, add_special_tokens=False)]
        assert tokenizer.encode_batch(texts) == whole


def test_remembered_words_are_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = Tokenizer.from_json(TRAINED["bpe"].to_json())
    monkeypatch.setattr(wordcache, "_WORDS", 100)
    texts = [f"word{n} {'x' * (n % 40)} {n % 7} again" for n in range(1_000)]
    for start in range(0, 1_000, 30):
        some = texts[start : start + 30]
        assert tokenizer.encode_batch(some) == TRAINED["bpe"].encode_batch(some)
        for words in (tokenizer._words._first, tokenizer._words._later):
            assert max(len(words._recent), len(words._older)) <= 100
            assert all(len(word) <= 24 for word in words._recent | words._older)


def test_threads_may_share_a_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = Tokenizer.from_json(TRAINED["bpe"].to_json())
    monkeypatch.setattr(wordcache, "_WORDS", 50)
    batches = [[f"word{n + 7 * thread} and {n % 13}" for n in range(400)] for thread in range(4)]
    expected = [TRAINED["bpe"].encode_batch(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            found = list(pool.map(lambda batch: [tokenizer.encode(text) for text in batch], batches))
            assert found == expected


@pytest.mark.parametrize("number", [-1, 420, 10**9])
def test_ids_outside_the_vocabulary_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="outside the vocabulary of 420"):
        TRAINED["bpe"].decode([300, number])
    with pytest.raises(ValueError, match="outside the vocabulary of 420"):
        TRAINED["bpe"].pieces([number])


def test_ids_have_their_agreed_places() -> None:
    assert (PAD, BOS, EOS, UNK) == (0, 1, 2, 3)
    for tokenizer in TRAINED.values():
        assert tuple(tokenizer.pieces(range(260))) == SPECIALS + BYTES
        assert tokenizer.decode([BOS, PAD, 4 + 0xE4, 4 + 0xBD, 4 + 0xA0, EOS, 300]) == "你"
    bare = Tokenizer.train(ENGLISH, config=TokenizerConfig(kind="word", vocab=40, byte_fallback=False))
    assert tuple(bare.pieces(range(4))) == SPECIALS
    assert bare.vocab_size == 40


@pytest.mark.parametrize("kind", KINDS)
def test_the_vocabulary_is_no_larger_than_asked(kind: Kind) -> None:
    for vocab in (262, 270, 300, 500):
        tokenizer = Tokenizer.train(ENGLISH + CHINESE, config=TokenizerConfig(kind=kind, vocab=vocab))
        assert tokenizer.vocab_size <= vocab
        assert vocab > 400 or tokenizer.vocab_size > vocab - 3
        assert max(max(ids, default=0) for ids in tokenizer.encode_batch(ODD)) < tokenizer.vocab_size
    # A text that holds fewer pieces than were asked for gives a smaller vocabulary; none at all is no error.
    assert 262 <= Tokenizer.train(["ab ab"], config=TokenizerConfig(kind=kind)).vocab_size < 275
    nothing = Tokenizer.train([], config=TokenizerConfig(kind=kind))
    assert nothing.decode(nothing.encode("héllo")) == "héllo"


@pytest.mark.parametrize(
    "values", [{"vocab": 261}, {"vocab": 5, "byte_fallback": False}, {"vocab": -1}, {"min_count": 0}]
)
def test_impossible_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be at least"):
        TokenizerConfig(**values)


@pytest.mark.parametrize("kind", KINDS)
def test_training_twice_gives_the_same_bytes(kind: Kind) -> None:
    config = TokenizerConfig(kind=kind, vocab=700)
    texts = ENGLISH * 2 + CHINESE + [f"w{a}{b} {b}{a}" for a in "abcdefgh" for b in "ijklmnopé"]  # many ties
    first = Tokenizer.train(texts, config=config)
    shuffled = list(texts)
    random.Random(1).shuffle(shuffled)
    for again in (texts, texts, iter(texts), shuffled):
        assert Tokenizer.train(again, config=config).to_json() == first.to_json()


def test_another_process_learns_the_same() -> None:
    """Hash tables begin at another place in each process, and the number of threads may differ."""
    code = (
        "from tests.data.test_tokenizer import CONFIGS, ENGLISH, CHINESE, Tokenizer\n"
        "print(*[Tokenizer.train(ENGLISH + CHINESE, config=config).digest for config in CONFIGS.values()])"
    )
    environment = {**os.environ, "RAYON_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=root
    )
    assert done.stdout.split() == [TRAINED[kind].digest for kind in CONFIGS]


def test_words_as_in_the_article() -> None:
    """Lower case, a cut-off, and one <unk> for a word that did not make it."""
    texts = ["The cat sat", "the cat ran", "A dog sat on THE mat"]
    config = TokenizerConfig(kind="word", vocab=100, lowercase=True, min_count=2, byte_fallback=False)
    tokenizer = Tokenizer.train(texts, config=config)
    assert tokenizer.pieces(range(tokenizer.vocab_size)) == [*SPECIALS, " the", " cat", " sat"]
    assert tokenizer.encode("The dog SAT") == [4, UNK, 6]
    assert tokenizer.decode(tokenizer.encode("The dog SAT")) == "the <unk> sat"


def test_words_that_are_known_are_one_piece_and_others_are_spelled() -> None:
    tokenizer = Tokenizer.train(ENGLISH + CHINESE, config=TokenizerConfig(kind="word", vocab=1000))
    assert tokenizer.pieces(tokenizer.encode("The old woman")) == [" The", " old", " woman"]
    assert tokenizer.pieces(tokenizer.encode("我喜欢iPhone")) == ["我", "喜", "欢", "iPhone"]
    assert tokenizer.pieces(tokenizer.encode("womane")) == [" ", *"womane"]
    assert UNK not in tokenizer.encode("zyzzyva ж")


def test_chinese_words_are_characters_and_no_space_is_put_before_them() -> None:
    words, characters, pieces = TRAINED["word"], TRAINED["char"], TRAINED["bpe"]
    assert words.pieces(words.encode("我不想要那只猫。"))[:3] == ["我", "不", "想"]
    assert characters.pieces(characters.encode("我想要")) == ["我", "想", "要"]
    assert not pieces.pieces(pieces.encode("我喜欢苹果。"))[0].startswith(" ")


def test_digits_and_punctuation_stand_alone() -> None:
    for kind in ("bpe", "unigram"):
        pieces = EXACT[kind].pieces(EXACT[kind].encode("in 1998) 19"))
        assert [piece.strip() for piece in pieces if any(c.isdigit() for c in piece)] == ["1", "9", "9", "8", "1", "9"]


def test_pieces_join_to_the_text_and_show_what_cannot_be_seen() -> None:
    tokenizer = TRAINED["bpe"]
    assert "".join(tokenizer.pieces(tokenizer.encode("The old woman sees"))) == " The old woman sees"
    assert tokenizer.pieces(tokenizer.encode("\t")) in (["\\t"], [" ", "<0x09>"], [" ", "\\t"])


def test_lower_case_and_folding() -> None:
    tokenizer = Tokenizer.train(ENGLISH, config=TokenizerConfig(vocab=400, lowercase=True, normalization="nfkc"))
    assert tokenizer.decode(tokenizer.encode("Ａ MAN ﬁnds  ½")) == "a man finds  1⁄2"


def test_lone_surrogates_and_other_types() -> None:
    for tokenizer in (*TRAINED.values(), *EXACT.values()):
        assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"
    with pytest.raises(TypeError):
        TRAINED["bpe"].encode(3)  # type: ignore[arg-type]
    Tokenizer.train(["a\udc80b"], config=CONFIGS["unigram"])


def test_a_word_of_a_hundred_thousand_letters() -> None:
    for kind, tokenizer in TRAINED.items():
        text = "né " * 10 + "abcdé" * 20_000 if kind != "unigram" else "abcdé" * 2_000
        assert tokenizer.decode(tokenizer.encode(text)) == text


# Two sides --------------------------------------------------------------------------------------------------


def test_sides_that_share_their_letters_share_a_vocabulary() -> None:
    french = ["Un homme monte à cheval.", "La vieille femme voit la maison rouge."]
    assert shares_script(ENGLISH, french)
    assert not shares_script(ENGLISH, CHINESE)
    assert not shares_script(ENGLISH, ["Старая женщина видит дом."])
    assert shares_script(["jump left twice"], ["LEFT JUMP TWICE"])
    assert shares_script(["1 2 3"], ["3 2 1"])
    assert shares_script([], ["x"])
    assert train_pair(ENGLISH, french, config=CONFIGS["bpe"]).joint
    assert not train_pair(iter(ENGLISH), iter(CHINESE), config=CONFIGS["bpe"]).joint


def test_joint_can_be_decided() -> None:
    both = train_pair(ENGLISH, CHINESE, config=TokenizerConfig(vocab=500, joint=True))
    assert both.source is both.target
    apart = train_pair(ENGLISH, ENGLISH[:40], config=TokenizerConfig(vocab=500, joint=False))
    assert not apart.joint


def test_a_pair_is_saved_and_loaded(tmp_path: Path) -> None:
    apart = train_pair(ENGLISH, CHINESE, config=CONFIGS["bpe"])
    apart.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source.json", "target.json"]
    again = TokenizerPair.load(tmp_path)
    assert (again.source.digest, again.target.digest) == (apart.source.digest, apart.target.digest)
    TokenizerPair(TRAINED["word"], TRAINED["word"]).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]
    loaded = TokenizerPair.load(tmp_path)
    assert loaded.joint
    assert loaded.source is loaded.target
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(RunError, match=r"no tokenizer\.json"):
        TokenizerPair.load(tmp_path)
    apart.source.save(tmp_path / "source.json")
    with pytest.raises(RunError, match=r"target\.json: cannot read"):
        TokenizerPair.load(tmp_path)


# Files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_tokenizer_is_the_same_again(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    TRAINED[kind].save(path)
    again = Tokenizer.load(path)
    assert again.to_json() == TRAINED[kind].to_json()
    assert again.digest == TRAINED[kind].digest
    assert again.kind == kind
    assert again.encode_batch(ODD) == TRAINED[kind].encode_batch(ODD)


def altered() -> list[tuple[str, str]]:
    """Files that were tokenizers once, or never."""
    text = TRAINED["bpe"].to_json()
    cases = [
        ("cut", text[: len(text) // 2]),
        ("empty", ""),
        ("list", "[]"),
        ("null", "null"),
        ("model", '{"model": 1}'),
    ]

    def change(name: str, *keys: str, value: Any, kind: str = "bpe") -> None:
        plain = json.loads(TRAINED[kind].to_json())
        place = plain
        for key in keys[:-1]:
            place = place[key]
        if value is None:
            del place[keys[-1]]
        else:
            place[keys[-1]] = value
        cases.append((name, json.dumps(plain)))

    vocab = json.loads(text)["model"]["vocab"]
    change("pattern", "pre_tokenizer", "pattern", value={"Regex": "(a+)+$"})
    change("no pre-tokenizer", "pre_tokenizer", value=None)
    change("added tokens", "added_tokens", value=[{"id": 2, "content": "</s>"}])
    change("truncation", "truncation", value={"max_length": 3})
    change("gap", "model", "vocab", value={**vocab, "zz": 1000})
    change("twice", "model", "vocab", value={**vocab, "zz": 7})
    change("negative", "model", "vocab", value={**vocab, "zz": -1})
    change("text id", "model", "vocab", value={**vocab, "zz": "419"})
    change("specials moved", "model", "vocab", value={**vocab, "<s>": 2, "</s>": 1})
    change("no bytes", "model", "vocab", value={piece: i for i, piece in enumerate([*SPECIALS, "a"])})
    change("unknown merge", "model", "merges", value=[["qq", "zz"]])
    change("merges no list", "model", "merges", value=3)
    change("no merges", "model", "merges", value=None)
    change("no vocab", "model", "vocab", value=None)
    change("dropout", "model", "dropout", value=0.5)
    change("unigram score", "model", "vocab", value=[["a", "b"]], kind="unigram")
    change("unigram triple", "model", "vocab", value=[["a", 1.0, 2]], kind="unigram")
    change("unigram empty", "model", "vocab", value=[], kind="unigram")
    cases.append(("surrogate", text.replace('" The"', '"\\ud800"', 1)))
    return cases


@pytest.mark.parametrize(("name", "text"), altered(), ids=[name for name, _ in altered()])
def test_an_altered_file_is_refused_in_one_line(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=r"tokenizer\.json: not a tokenizer that this version wrote, or altered"):
        Tokenizer.load(tmp_path / "tokenizer.json")


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot read the tokenizer"):
        Tokenizer.load(tmp_path / "none.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(RunError, match="not UTF-8"):
        Tokenizer.load(tmp_path / "bytes.json")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_damage_never_ends_in_anything_but_a_run_error(data: st.DataObject) -> None:
    text = TRAINED["unigram" if data.draw(st.booleans()) else "bpe"].to_json()
    place = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:place] + data.draw(st.text(max_size=3)) + text[place + data.draw(st.integers(0, 20)) :]
    try:
        tokenizer = Tokenizer.from_json(damaged)
    except RunError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:  # a piece or a score was changed into another valid one
        tokenizer.decode(tokenizer.encode("A man, 12 苹果"))


# Bounded memory -----------------------------------------------------------------------------------------------


def test_thinning_keeps_all_or_an_even_part() -> None:
    texts = [f"{number:08d}" for number in range(10_000)]
    assert thinned(texts) == texts
    kept = thinned(iter(texts), characters=8_000)
    assert 400 <= len(kept) <= 1_000
    assert kept == thinned(texts, characters=8_000) == sorted(kept)
    halves = sum(text < "00005000" for text in kept) / len(kept)
    even = sum(int(text) % 2 == 0 for text in kept) / len(kept)
    assert 0.4 < halves < 0.6
    assert 0.4 < even < 0.6
    assert sum(map(len, thinned(["x" * 100_000] * 50, characters=30_000))) <= 30_000


def test_a_forked_child_neither_warns_nor_hangs() -> None:
    code = (
        "import os, sys\n"
        "from transduce.data.tokenizer import Tokenizer, TokenizerConfig\n"
        "t = Tokenizer.train(['a man and a horse'] * 50, config=TokenizerConfig(vocab=280))\n"
        "t.encode_batch(['a man'] * 500)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    t.encode_batch(['a man'] * 500)\n"
        "    os._exit(0)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    environment = {key: value for key, value in os.environ.items() if key != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
