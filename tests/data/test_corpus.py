"""What goes into a store or a corpus comes out again; what is cut or altered is refused."""

from __future__ import annotations

import errno
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.data import corpus as corpus_module
from transduce.data import textstore
from transduce.data.corpus import Corpus, CorpusWriter, numericalize
from transduce.data.textstore import TextStore
from transduce.data.tokenizer import Tokenizer, TokenizerConfig, TokenizerPair, train_pair
from transduce.errors import RunError

PAIRS = [("a man", "un homme", 2), ("", "vide\u2028\n", 3), ("你好 🎉", "\ud800 lone", 7), ("x" * 3000, "y", 2**40)]
ROWS = st.lists(st.tuples(st.lists(st.integers(0, 300), max_size=6), st.lists(st.integers(0, 70_000), max_size=6)))


def filled(folder: Path, pairs: Sequence[tuple[str, str, int]]) -> TextStore:
    store = TextStore(folder)
    store.append_many(pairs)
    return store.finish()


def as_lists(corpus: Corpus) -> list[tuple[list[int], list[int]]]:
    return [(source.tolist(), target.tolist()) for source, target in (corpus[row] for row in range(len(corpus)))]


# TextStore ----------------------------------------------------------------------------------------------------


def test_texts_come_back_in_any_order(tmp_path: Path) -> None:
    store = filled(tmp_path / "text", PAIRS)
    assert len(store) == 4
    assert [store.text(place) for place in range(4)] == PAIRS
    assert store.read(range(1, 3)) == PAIRS[1:3]
    assert store.read(np.array([3, 0, 0, 2])) == [PAIRS[3], PAIRS[0], PAIRS[0], PAIRS[2]]
    assert store.read(np.array([], dtype=np.int64)) == []
    for place in (-1, 4):
        with pytest.raises(IndexError):
            store.text(place)
    store.remove()
    assert not (tmp_path / "text").exists()


@settings(max_examples=40, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30), st.integers(1, 2**50)), max_size=40),
    rows=st.integers(1, 9),
    size=st.integers(1, 200),
)
def test_chunks_cover_all_in_order_and_stay_small(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str, int]], rows: int, size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textstore, "CHUNK_BYTES", size)  # writes and reads in many small parts
        store = filled(tmp_path_factory.mktemp("store") / "text", pairs)
        chunks = list(store.chunks(rows=rows))
        read = [store.read(chunk) for chunk in chunks]
    assert [pair for chunk in read for pair in chunk] == pairs
    for chunk in read:
        assert len(chunk) <= rows
        assert len(chunk) == 1 or sum(len(s.encode()) + len(t.encode()) for s, t, _ in chunk) <= size
    store.close()


def test_far_places_are_read_one_by_one_and_near_ones_at_once(tmp_path: Path) -> None:
    """Both ways of reading give the same texts."""
    pairs = [(f"{n} " * (n % 50), "é" * (n % 7), n) for n in range(5_000)]
    store = filled(tmp_path / "text", pairs)
    for places in (np.arange(0, 5_000, 1_000), np.arange(100, 300), np.array([4_999, 3])):
        assert store.read(places) == [pairs[place] for place in places]
    store.close()


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            pass

    store = TextStore(tmp_path / "text")
    store._files[0].close()
    store._files[0] = Full()  # type: ignore[call-overload]
    store.append("a", "b", 1)
    with pytest.raises(RunError, match="no space left"):
        store.finish()
    store.close()
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write it"):
        TextStore(tmp_path / "file")
    with CorpusWriter(tmp_path / "corpus", source_vocab=9, target_vocab=9) as writer:
        real = writer._files[1]
        writer._files[1] = Full()  # type: ignore[call-overload]
        with pytest.raises(RunError, match="no space left"):
            writer.append([[1]], [[2]])
        real.close()
    assert not list(tmp_path.glob("*corpus*"))


# Corpus -------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, cuts=st.lists(st.integers(0, 40), max_size=3))
def test_rows_come_back_however_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[list[int], list[int]]], cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("corpus") / "train"
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    with CorpusWriter(folder, source_vocab=301, target_vocab=70_001) as writer:
        for start, end in itertools.pairwise(bounds):
            writer.append([source for source, _ in rows[start:end]], [target for _, target in rows[start:end]])
        written = writer.close()
    opened = Corpus.open(folder, verify=True)
    memory = Corpus.from_lists(rows, source_vocab=301, target_vocab=70_001)
    for corpus in (written, opened, memory):
        assert as_lists(corpus) == rows
        assert corpus.source_lengths.tolist() == [len(source) for source, _ in rows]
        assert corpus.target_lengths.dtype == np.int32
        assert corpus.fingerprint == memory.fingerprint  # says nothing of how it was written
    assert {path.name for path in folder.parent.iterdir()} == {"train"}


def test_small_vocabularies_take_two_bytes_an_id(tmp_path: Path) -> None:
    for vocab, dtype in ((65_536, "uint16"), (65_537, "uint32")):
        with CorpusWriter(tmp_path / dtype, source_vocab=10, target_vocab=vocab) as writer:
            writer.append([[1, 2]], [[vocab - 1]])
            corpus = writer.close()
        assert corpus.target_ids.dtype == np.dtype(dtype)
        assert corpus[0][1].tolist() == [vocab - 1]
        assert corpus[-1][0].tolist() == [1, 2]


def test_fingerprints_tell_corpora_apart() -> None:
    base = [([5, 6], [7]), ([8], [9, 10])]
    others: list[list[tuple[list[int], list[int]]]] = [
        [([5, 6], [7]), ([8], [9, 11])],
        [([5], [7]), ([6, 8], [9, 10])],  # the same ids, divided otherwise
        [([8], [9, 10]), ([5, 6], [7])],
        base[:1],
    ]
    prints = {Corpus.from_lists(rows, source_vocab=20, target_vocab=20).fingerprint for rows in [base, *others]}
    prints.add(Corpus.from_lists(base, source_vocab=20, target_vocab=21).fingerprint)
    assert len(prints) == 6
    assert Corpus.from_lists([]).source_lengths.shape == (0,)


@pytest.mark.parametrize("rows", [([[10]], [[1]]), ([[1]], [[-1]])])
def test_ids_outside_the_vocabulary_are_not_written(rows: Any, tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="outside the vocabulary"),
        CorpusWriter(tmp_path / "c", source_vocab=10, target_vocab=10) as writer,
    ):
        writer.append(*rows)
    assert not list(tmp_path.iterdir())  # nothing is left beside it either


def test_rows_outside_are_an_index_error() -> None:
    corpus = Corpus.from_lists([([5], [6])])
    assert repr(corpus) == "<Corpus of 1 pairs, 1 source and 1 target tokens>"
    for row in (1, -2):
        with pytest.raises(IndexError):
            corpus[row]


def test_an_unfinished_corpus_does_not_touch_the_one_that_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    with CorpusWriter(folder, source_vocab=10, target_vocab=10) as writer:
        writer.append([[1]], [[2]])
        writer.close()
    with (
        pytest.raises(ValueError, match="1 sources but 0 targets"),
        CorpusWriter(folder, source_vocab=10, target_vocab=10) as writer,
    ):
        writer.append([[3]], [])
    assert as_lists(Corpus.open(folder)) == [([1], [2])]
    with CorpusWriter(folder, source_vocab=10, target_vocab=10) as writer:
        writer.append([[3]], [[4]])
        writer.close()
    assert as_lists(Corpus.open(folder, verify=True)) == [([3], [4])]
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def damage(folder: Path, how: str) -> str:
    """Harm the corpus; the name of the file that the message must tell."""
    if how == "cut":
        (folder / "target.bin").write_bytes((folder / "target.bin").read_bytes()[:-1])
        return r"target\.bin"
    if how == "longer":
        (folder / "source.bin").write_bytes((folder / "source.bin").read_bytes() + b"12")
        return r"source\.bin"
    if how == "missing":
        (folder / "source_lengths.bin").unlink()
        return r"source_lengths\.bin: is missing"
    if how in ("lengths", "negative"):
        path = folder / "source_lengths.bin"
        lengths = np.fromfile(path, "<i4")
        lengths[:2] += (5, 0) if how == "lengths" else (-7, 7)
        lengths.tofile(path)
        return r"source_lengths\.bin: does not fit"
    if how == "json":
        path = folder / "corpus.json"
        path.write_text(path.read_text()[:-20])
        return r"corpus\.json: cut or altered"
    if how == "no json":
        (folder / "corpus.json").unlink()
        return r"corpus\.json: cannot read"
    plain = json.loads((folder / "corpus.json").read_text())
    plain |= {"format": {"format": 99}, "rows": {"rows": -1}, "dtype": {"dtype": "O"}, "key": {"more": 1}}[how]
    (folder / "corpus.json").write_text(json.dumps(plain))
    return {"format": r"format 99 of another version"}.get(how, r"corpus\.json: (cut or )?altered")


HOW = ["cut", "longer", "missing", "lengths", "negative", "json", "no json", "format", "rows", "dtype", "key"]


@pytest.mark.parametrize("how", HOW)
def test_a_damaged_corpus_is_refused(how: str, tmp_path: Path) -> None:
    with CorpusWriter(tmp_path / "train", source_vocab=10, target_vocab=10) as writer:
        writer.append([[1, 2], [3]], [[4], [5, 6]])
        writer.close()
    expected = damage(tmp_path / "train", how)
    with pytest.raises(RunError, match=expected):
        Corpus.open(tmp_path / "train")


def test_verifying_finds_a_flipped_bit(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path / "train", source_vocab=10, target_vocab=10) as writer:
        writer.append([[1, 2], [3]], [[4], [5, 6]])
        writer.close()
    path = tmp_path / "train" / "target.bin"
    data = bytearray(path.read_bytes())
    data[1] ^= 1
    path.write_bytes(data)
    Corpus.open(tmp_path / "train")
    with pytest.raises(RunError, match=r"target\.bin: was altered"):
        Corpus.open(tmp_path / "train", verify=True)


# Numericalize ---------------------------------------------------------------------------------------------------


def trained() -> TokenizerPair:
    texts = ["a man rides a horse", "un homme monte un cheval"] * 5
    return train_pair(texts, texts, config=TokenizerConfig(vocab=300))


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_numericalizing_keeps_every_pair_but_names_those_that_are_too_long(chunk: int, tmp_path: Path) -> None:
    pairs = [(f"a man {n}", "un homme", n + 2) for n in range(20)]
    pairs[4] = ("a man " * 40, "court", 6)
    pairs[9] = ("short", "un cheval " * 50, 11)
    tokenizers = trained()
    store = filled(tmp_path / "text", pairs)
    rows = np.array([0, 2, 4, 5, 9, 19])
    seen: list[int] = []
    corpus, too_long = numericalize(
        store, rows, tokenizers, tmp_path / "train", max_length=30, chunk=chunk, progress=seen.append
    )
    kept = [pairs[row] for row in (0, 2, 5, 19)]
    encoded = [(tokenizers.source.encode(source), tokenizers.target.encode(target)) for source, target, _ in kept]
    assert as_lists(corpus) == encoded
    assert (too_long.count, too_long.first_rows) == (2, [6, 11])
    assert too_long.longest == max(
        len(tokenizers.source.encode(pairs[4][0])), len(tokenizers.target.encode(pairs[9][1]))
    )
    assert seen[-1] == 6
    assert corpus.tokenizer_digests == (tokenizers.source.digest, tokenizers.target.digest)
    assert corpus.fingerprint == Corpus.open(tmp_path / "train", verify=True).fingerprint
    store.close()


def test_exactly_the_longest_allowed_length_is_kept(tmp_path: Path) -> None:
    tokenizers = trained()
    text = "a man rides a horse"
    length = len(tokenizers.source.encode(text))
    store = filled(tmp_path / "text", [(text, "un", 1)])
    assert len(numericalize(store, np.arange(1), tokenizers, tmp_path / "a", max_length=length)[0]) == 1
    corpus, too_long = numericalize(store, np.arange(1), tokenizers, tmp_path / "b", max_length=length - 1)
    assert (len(corpus), too_long.count, too_long.longest) == (0, 1, length)
    store.close()


def test_separate_vocabularies_stay_on_their_sides(tmp_path: Path) -> None:
    pair = TokenizerPair(
        Tokenizer.train(["abc abc"], config=TokenizerConfig(vocab=280)),
        Tokenizer.train(["你好你好"], config=TokenizerConfig(kind="char", vocab=262)),
    )
    store = filled(tmp_path / "text", [("abc", "你好", 1)])
    corpus, _ = numericalize(store, np.arange(1), pair, tmp_path / "c", max_length=10)
    source, target = corpus[0]
    assert pair.source.decode(source.tolist()) == "abc"
    assert pair.target.decode(target.tolist()) == "你好"
    assert (corpus.source_vocab, corpus.target_vocab) == (pair.source.vocab_size, pair.target.vocab_size)
    assert corpus_module.FORMAT == 1
    store.close()
