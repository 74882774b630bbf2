"""From pairs to a corpus: nothing is lost unnamed, nothing held out is seen, everything can be taken up again."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transduce.config import to_dict
from transduce.data import prepare as module
from transduce.data.findings import PartReport
from transduce.data.prepare import Prepared, prepare
from transduce.data.readers import Pair, open_pairs
from transduce.data.split import text_key
from transduce.data.tokenizer import TokenizerConfig
from transduce.errors import ConfigError, DataError, RunError, TransduceError

SMALL = TokenizerConfig(vocab=320)
ADJECTIVES = ["red", "blue", "old", "new", "big", "small", "cold", "warm"]
NOUNS = ["house", "boat", "horse", "apple", "city", "road", "hand", "stone"]


def made_up(count: int) -> list[tuple[str, str]]:
    """Pairs without a text in common."""
    return [
        (
            f"The {ADJECTIVES[n % 8]} {NOUNS[n // 8 % 8]} number {n}.",
            f"NUMBER {n}: {NOUNS[n // 8 % 8]}, {ADJECTIVES[n % 8]}",
        )
        for n in range(count)
    ]


def run(data: Any, folder: Path, **options: Any) -> Prepared:
    return prepare(open_pairs(data), folder=folder, **({"tokenizer": SMALL} | options))


def decoded(prepared: Prepared) -> list[tuple[str, str]]:
    """The training part as text again."""
    both = prepared.tokenizers
    rows = [prepared.train[row] for row in range(len(prepared.train))]
    return [(both.source.decode(source.tolist()), both.target.decode(target.tolist())) for source, target in rows]


def test_every_pair_is_in_exactly_one_part(tmp_path: Path) -> None:
    pairs = made_up(400)
    prepared = run(pairs, tmp_path / "data", seed=3)
    assert (len(prepared.train), len(prepared.valid), len(prepared.test)) == (360, 20, 20)
    held_out = [(pair.source, pair.target) for pair in prepared.valid + prepared.test]
    assert sorted(decoded(prepared) + held_out) == sorted(pairs)
    assert all(pairs[pair.row - 1] == (pair.source, pair.target) for pair in prepared.valid + prepared.test)
    assert not (tmp_path / "data" / "text").exists()  # the spooled text is gone


def test_the_same_seed_gives_the_same_data(tmp_path: Path) -> None:
    pairs = made_up(300)
    first, again, other = (run(pairs, tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert first.train.fingerprint == again.train.fingerprint != other.train.fingerprint
    assert (first.valid, first.test) == (again.valid, again.test)
    assert first.valid != other.valid


def test_linked_pairs_stay_together(tmp_path: Path) -> None:
    """Two translations of a source, whatever its case and spacing, never stand on both sides."""
    pairs = [(source, f"{target} {n}") for source, target in made_up(150) for n in (1, 2)]
    pairs += [(source.upper().replace(" ", "  "), f"{target} 3") for source, target in made_up(150)]
    prepared = run(pairs, tmp_path / "data")
    trained = {text_key(source) for source, _ in decoded(prepared)}
    valid = {text_key(pair.source) for pair in prepared.valid}
    test = {text_key(pair.source) for pair in prepared.test}
    assert valid
    assert test
    assert not trained & valid
    assert not trained & test
    assert not valid & test


@pytest.mark.parametrize("labels_first", [False, True])
def test_labels_are_learned_and_held_out_all_the_same(labels_first: bool, tmp_path: Path) -> None:
    """A few targets that link everything must not empty the held-out parts, nor swallow a whole class."""
    pairs = [(source, "good" if n % 3 else "bad") for n, (source, _) in enumerate(made_up(400))]
    prepared = run([pair[::-1] for pair in pairs] if labels_first else pairs, tmp_path / "data")
    assert (len(prepared.train), len(prepared.valid), len(prepared.test)) == (360, 20, 20)
    assert {pair[not labels_first] for pair in decoded(prepared)} == {"good", "bad"}
    assert len(prepared.notes) == 1
    assert f"the held-out {'targets' if labels_first else 'sources'} are not" in prepared.notes[0]
    assert not any("none of it is seen" in line for line in prepared.report.lines())
    assert Prepared.open(tmp_path / "data").notes == prepared.notes


def test_two_sides_of_labels_keep_equal_pairs_together(tmp_path: Path) -> None:
    pairs = [(f"label {n % 7}", f"class {n // 7 % 9}") for n in range(400)]
    prepared = run(pairs, tmp_path / "data")
    held_out = {(pair.source, pair.target) for pair in prepared.valid + prepared.test}
    assert held_out
    assert not held_out & set(decoded(prepared))
    assert "the held-out pairs are not" in prepared.notes[0]


def test_two_pairs_many_times_over_are_not_on_both_sides(tmp_path: Path) -> None:
    prepared = run([("a", "b"), ("c", "d")] * 50, tmp_path / "data")
    assert (len(prepared.train), len(prepared.valid), len(prepared.test)) == (50, 0, 50)
    assert len(set(decoded(prepared))) == 1


@pytest.mark.parametrize(("count", "sizes"), [(2, (1, 1, 0)), (3, (2, 1, 0)), (4, (2, 1, 1)), (30, (28, 1, 1))])
def test_small_data_leaves_something_to_train_on(count: int, sizes: tuple[int, int, int], tmp_path: Path) -> None:
    prepared = run(made_up(count), tmp_path / "data")
    assert (len(prepared.train), len(prepared.valid), len(prepared.test)) == sizes


@pytest.mark.parametrize(
    ("valid", "test", "sizes"),
    [
        (0, 0, (400, 0, 0)),
        (0.1, 0, (360, 40, 0)),
        (7, 50.0, (343, 7, 50)),
        (0, None, (380, 0, 20)),
        (0.0, 0.25, (300, 0, 100)),
        (0.001, 0, (399, 1, 0)),
    ],
)
def test_sizes_can_be_asked_for(valid: Any, test: Any, sizes: tuple[int, int, int], tmp_path: Path) -> None:
    prepared = run(made_up(400), tmp_path / "data", valid=valid, test=test)
    assert (len(prepared.train), len(prepared.valid), len(prepared.test)) == sizes


def test_held_out_files_are_taken_whole(tmp_path: Path) -> None:
    pairs = made_up(250)
    prepared = run(pairs[:200], tmp_path / "a", valid=open_pairs(pairs[200:]), test=0)
    assert [(pair.source, pair.target) for pair in prepared.valid] == pairs[200:]
    assert prepared.test == []
    assert decoded(prepared) == pairs[:200]  # order of the file, nothing split off
    prepared = run(pairs[:200], tmp_path / "b", valid=open_pairs(pairs[200:]))
    assert (len(prepared.train), len(prepared.valid), len(prepared.test)) == (190, 50, 10)


def test_what_is_too_long_is_counted_and_named(tmp_path: Path) -> None:
    pairs = made_up(50)
    pairs[7] = ("word " * 200, "court")
    pairs[30] = ("short", "mot " * 300)
    prepared = run(pairs, tmp_path / "data", valid=0, test=0, max_length=60)
    assert len(prepared.train) == 48
    assert (prepared.too_long.count, prepared.too_long.first_rows) == (2, [8, 31])
    assert prepared.too_long.longest >= 300
    with pytest.raises(DataError, match=r"all 50 training pairs have a side of more than 1 tokens .* --max-length"):
        run(pairs, tmp_path / "none", valid=0, test=0, max_length=1)
    assert not (tmp_path / "none" / "text").exists()
    assert not Prepared.exists(tmp_path / "none")


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("a", "b")], "only one usable pair"),
        ([("a", "b")] * 9, "all 9 usable pairs are the same"),
        ([("a", "b"), ("A", "b"), (" a ", "B")], "all 3 usable pairs are the same"),
        ([("", "b"), ("a", " ")], "no usable pair"),
        ([], "there are none"),
    ],
)
def test_data_that_cannot_teach_anything(pairs: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(TransduceError, match=message) as caught:
        run(pairs, tmp_path / "data")
    assert isinstance(caught.value, DataError)
    assert "\n" not in str(caught.value)


def test_impossible_sizes(tmp_path: Path) -> None:
    for valid in (-1, 1.5, 400):
        with pytest.raises(ConfigError):
            run(made_up(400), tmp_path / "data", valid=valid)


def test_the_vocabulary_may_depend_on_the_pairs(tmp_path: Path) -> None:
    asked: list[int] = []

    def sized(pairs: int, found: PartReport) -> TokenizerConfig:
        assert found.pairs == 400
        asked.append(pairs)
        return TokenizerConfig(vocab=300)

    prepared = run(made_up(400), tmp_path / "data", tokenizer=sized)
    assert asked == [360]
    assert prepared.tokenizers.source.vocab_size == 300
    assert prepared.tokenizer_config == TokenizerConfig(vocab=300, joint=True)


def test_vocabularies_learn_nothing_from_what_is_held_out(tmp_path: Path) -> None:
    train = made_up(100)
    texts = [("zyx " * 50, "wvu " * 50)]
    alone = run(train, tmp_path / "a", valid=0, test=0)
    beside = run(train, tmp_path / "b", valid=open_pairs(texts), test=0)
    assert alone.tokenizers.source.digest == beside.tokenizers.source.digest


def test_vocabularies_are_learned_from_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 50)
    seen: list[tuple[str, int, int | None]] = []
    prepared = run(made_up(300), tmp_path / "data", progress=lambda *each: seen.append(each))
    assert ("learn", 50, 50) in seen
    assert seen[0][:2] == ("read", 300)
    assert seen[-1] == ("encode", 270, 270)
    assert len(decoded(prepared)) == 270


def test_prepared_data_is_taken_up_again(tmp_path: Path) -> None:
    pairs = [*made_up(200), ("a\u2028b", "c\u0085d"), ("\U0001f389", "你好")]
    prepared = run(pairs, tmp_path / "data", tokenizer=TokenizerConfig(vocab=300, joint=False), valid=0.5, test=0.2)
    again = Prepared.open(tmp_path / "data")
    assert Prepared.exists(tmp_path / "data")
    assert (again.valid, again.test) == (prepared.valid, prepared.test)
    assert isinstance(again.valid[0], Pair)
    assert again.train.fingerprint == prepared.train.fingerprint
    assert decoded(again) == decoded(prepared)
    assert again.tokenizer_config == prepared.tokenizer_config
    assert again.tokenizer_config.joint is False
    assert to_dict(again.report) == to_dict(prepared.report)
    assert (again.source_column, again.target_column) == (prepared.source_column, prepared.target_column)


def test_an_attempt_that_was_stopped_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at the end, before the last file: what is there is neither used nor in the way."""
    folder = tmp_path / "data"
    with monkeypatch.context() as patch:
        patch.setattr(module, "_save", lambda prepared, place: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(made_up(100), folder)
    assert not Prepared.exists(folder)
    (folder / ".train.123.tmp").mkdir()
    (folder / "text").mkdir()
    prepared = run(made_up(100), folder)
    assert Prepared.open(folder).train.fingerprint == prepared.train.fingerprint
    names = {path.name for path in folder.iterdir()}
    assert names == {"train", "tokenizer.json", "valid.jsonl", "test.jsonl", "prepared.json"}


def harm(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "altered":
        data[len(data) // 2] ^= 1
    path.write_bytes(data if how == "altered" else data[: len(data) * 2 // 3])
    if how == "gone":
        path.unlink()


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *itertools.product(
            ["valid.jsonl", "test.jsonl", "tokenizer.json", "train/source.bin"], ["cut", "gone", "altered"]
        ),
        ("prepared.json", "cut"),
        ("prepared.json", "gone"),
    ],
)
def test_damaged_data_is_refused(name: str, how: str, tmp_path: Path) -> None:
    run(made_up(100), tmp_path / "data")
    harm(tmp_path / "data" / name, how)
    with pytest.raises(RunError) as caught:
        Prepared.open(tmp_path / "data")
    assert "\n" not in str(caught.value)


def test_files_of_two_preparations_do_not_mix(tmp_path: Path) -> None:
    run(made_up(100), tmp_path / "a")
    run(made_up(120), tmp_path / "b")
    for name in ("prepared.json", "tokenizer.json"):
        run(made_up(100), tmp_path / "a")
        (tmp_path / "b" / name).replace(tmp_path / "a" / name)
        with pytest.raises(RunError, match=r"do not belong together|cut or altered"):
            Prepared.open(tmp_path / "a")
        run(made_up(120), tmp_path / "b")


def test_a_full_disk_is_told_and_leaves_no_complete_data(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(RunError, match="cannot write it"):
        run(made_up(20), tmp_path / "data")


def test_rows_are_those_of_the_file(tmp_path: Path) -> None:
    """Blank cells are dropped, and row numbers still point into the file."""
    path = tmp_path / "pairs.tsv"
    lines = ["english\tfrench", *(f"{source}\t{target}" for source, target in made_up(60))]
    lines[5] = "\tblank"
    path.write_text("\n".join(lines), encoding="utf-8")
    prepared = run(path, tmp_path / "data", valid=0.3, test=0)
    assert (prepared.source_column, prepared.target_column) == ("english", "french")
    for pair in prepared.valid:
        assert lines[pair.row - 1] == f"{pair.source}\t{pair.target}"
    assert len(prepared.train) + len(prepared.valid) == 59
    assert np.array_equal(prepared.train.source_lengths, Prepared.open(tmp_path / "data").train.source_lengths)
    assert json.loads((tmp_path / "data" / "prepared.json").read_text())["format"] == 1
