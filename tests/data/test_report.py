"""The data report counts what a slow look at every text counts, and says it in few lines."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.config import from_dict, to_dict
from transduce.data.characters import MOJIBAKE, NOT_NFC, Characters
from transduce.data.readers import Pair, open_pairs
from transduce.data.report import DataReport, Finding, Inspector, inspect_pairs
from transduce.data.split import split, text_key

Texts = list[tuple[str, str]]


def report_on(texts: Texts, **parts: Texts) -> DataReport:
    readers = {f"{part}_reader": open_pairs(held_out) for part, held_out in parts.items()}
    return inspect_pairs(open_pairs(texts), **readers)


def cases(rows: list[int], *, longest: int = 5) -> Finding:
    return Finding(count=len(rows), rows=sorted(rows)[:longest])


# ---------------------------------------------------------------------------------------------- counted slowly

words = st.text("aAé b\u00a0中", min_size=1, max_size=6).filter(
    lambda text: bool(text.strip()) and text == text.strip(" ")
)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=25))
@settings(deadline=None)
def test_repetitions_are_counted_as_by_hand(texts: Texts) -> None:
    report = report_on(texts)
    rows = range(1, len(texts) + 1)
    assert report.duplicates == cases([row for row in rows if texts[row - 1] in texts[: row - 1]])
    assert report.distinct_pairs == len(set(texts))
    assert report.same_text == cases([row for row, (a, b) in enumerate(texts, 1) if a == b])
    keyed = [(text_key(a), text_key(b)) for a, b in texts]
    for side, found, distinct in ((0, report.several_targets, report.distinct_sources),
                                  (1, report.several_sources, report.distinct_targets)):  # fmt: skip
        beside: dict[int, set[int]] = {}
        for pair in keyed:
            beside.setdefault(pair[side], set()).add(pair[1 - side])
        firsts = [next(row for row in rows if keyed[row - 1][side] == key) for key in beside if len(beside[key]) > 1]
        assert found == cases(firsts)
        assert distinct == len(beside)


@given(
    st.lists(st.tuples(words, words), min_size=1, max_size=20),
    st.lists(st.tuples(words, words), min_size=1, max_size=9),
)
@settings(deadline=None)
def test_overlap_is_counted_as_by_hand(train: Texts, test: Texts) -> None:
    (overlap,) = report_on(train, test=test).overlaps
    seen = [(text_key(a), text_key(b)) for a, b in train]
    rows = [row for row, (a, _) in enumerate(test, 1) if text_key(a) in {key for key, _ in seen}]
    assert (overlap.part, overlap.pairs, overlap.sources) == ("test", len(test), cases(rows))
    both = [row for row, (a, b) in enumerate(test, 1) if (text_key(a), text_key(b)) in seen]
    assert overlap.same_pairs == cases(both)


@given(st.lists(words, min_size=1, max_size=40))
@settings(deadline=None)
def test_lengths_are_those_of_sorted_texts(texts: list[str]) -> None:
    lengths = report_on([("a b", text) for text in texts]).target_lengths
    counted = [len(text.split() if lengths.unit == "words" else text) for text in texts]
    ranked = sorted(counted)
    for found, share in ((lengths.median, 0.5), (lengths.p95, 0.95), (lengths.p99, 0.99)):
        assert found == next(
            length for length in ranked if sum(each <= length for each in ranked) >= share * len(ranked)
        )
    assert (lengths.longest, lengths.longest_row) == (max(counted), counted.index(max(counted)) + 1)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=12), st.integers(1, 12))
@settings(deadline=None)
def test_one_by_one_equals_many_at_once(texts: Texts, cut: int) -> None:
    pairs = [Pair(a, b, row) for row, (a, b) in enumerate(texts, 1)]
    single, many = Inspector(), Inspector()
    for pair in pairs:
        single.add(pair)
    many.add_many(pairs[:cut])
    many.add_many(pairs[cut:])
    reader = open_pairs(texts)
    list(reader)
    assert single.finish(reader) == many.finish(reader)
    for found, side in zip(single.keys(), zip(*texts, strict=True), strict=True):
        assert found.tolist() == [text_key(text) for text in side]


# ------------------------------------------------------------------------------------------------- characters


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a\u00a0b", "no-break space U+00A0"), ("a\u202f?", "narrow no-break space U+202F"),
        ("a\u200bb", "zero-width space U+200B"), ("\ufeffa", "byte order mark U+FEFF inside a text"),
        ("a\u2028b", "line separator U+2028"), ("a\x85b", "next line U+0085"), ("a\x0bb", "vertical tab U+000B"),
        ("a\x0cb", "form feed U+000C"), ("a\nb", "line break inside a text"), ("a\xadb", "soft hyphen U+00AD"),
        ("a\ufffdb", "replacement character U+FFFD"), ("a\x07b", "control character U+0007"),
        ("a\u200eb", "invisible character U+200E"), ("a\u3000b", "ideographic space U+3000"),
        ("Ã©tÃ©", MOJIBAKE), ("donâ€™t", MOJIBAKE), ("ä½\xa0å¥½", MOJIBAKE), ("cafe\u0301", NOT_NFC),
    ],
)  # fmt: skip
def test_unusual_characters_are_named(text: str, name: str) -> None:
    report = report_on([("plain", "plain"), ("plain", text), (text, "plain"), (text, "plain")])
    found = {each.name: each for each in report.characters}
    assert found[name].source == Finding(count=2, rows=[3, 4])
    assert found[name].target == Finding(count=1, rows=[2])


@pytest.mark.parametrize(
    "text",
    [
        "Où est l'été ? « Là-bas », dit-elle à Noël…", "Größe – „Straße“, Äpfel und Übermut", "¿Qué? ¡Señor!",
        "NÃO, VOCÊ ESTÁ", "我们去公园吧。", "今日は、いい天気ですね", "Привет, мир", "می‌خواهم", "हिन्दी", "Tiếng Việt",
        "👩‍👩‍👧 ok 🏴\U000e0067\U000e0062\U000e007f", "ÅÄÖ åäö Ærø",
    ],
)  # fmt: skip
def test_ordinary_writing_is_not_unusual(text: str) -> None:
    characters = Characters()
    characters.add([unicodedata.normalize("NFC", text)], [1])
    assert not characters.found


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
@settings(deadline=None)
def test_any_characters_can_be_counted(texts: list[str]) -> None:
    characters = Characters()
    characters.add(texts, range(len(texts)))
    assert all(name.isprintable() and 0 < found.count <= len(texts) for name, found in characters.found.items())


def test_unit_is_characters_where_words_are_not_spaced() -> None:
    report = report_on([("We go to the park.", "我们去公园，你想一起来吗？")] * 3)
    assert (report.source_lengths.unit, report.target_lengths.unit) == ("words", "characters")
    assert report.target_lengths.median == 13
    spaced = report_on([("a b", "張 筵 白 鳥 起")])
    assert (spaced.target_lengths.unit, spaced.target_lengths.median) == ("words", 5)


# ------------------------------------------------------------------------------------------------ odd and useless


def test_wrongly_matched_pairs_stand_out() -> None:
    generator = np.random.default_rng(0)
    texts = []
    for _ in range(500):
        count = int(generator.integers(4, 30))
        texts.append(("word " * count, "wort " * (count + int(generator.integers(-2, 3)))))
    texts[99] = ("word " * 40, "wort")
    texts[199] = ("one two", "wort " * 60)
    report = report_on(texts)
    assert report.odd_ratios == Finding(count=2, rows=[200, 100])  # the clearest first
    labels = report_on([(text, f"label{row % 3}") for row, (text, _) in enumerate(texts)])
    assert not labels.odd_ratios.count
    assert not report_on([("Hi.", "Good morning!"), ("I see.", "I understand you.")] * 20).odd_ratios.count


def test_useless_data_is_said_plainly() -> None:
    def notes(texts: Texts) -> str:
        return " ".join(report_on(texts).notes)

    assert "All 50 pairs are the same" in notes([("a", "b")] * 50)
    assert "All targets are the same" in notes([(f"a{n}", "b") for n in range(50)])
    assert "the same text on both sides" in notes([(f"a{n}", f"a{n}") for n in range(50)])
    assert "50% of the pairs repeat" in notes([(f"a{n}", f"b{n}") for n in range(50)] * 2)
    labels = notes([(("pos", "neg")[n % 2], f"text {n}") for n in range(300)])
    assert "The source has only 2 different texts" in labels
    assert "--source 2 --target 1" in labels
    assert "U+FFFD" in notes([("a", "b\ufffd")])
    assert not notes([(f"source {n}", f"target {n}") for n in range(300)])


# ------------------------------------------------------------------------------------------------------ to read


def messy(tmp_path: Path) -> dict[str, Any]:
    rows = [
        "english\tfrench",
        *(f"sentence {n}\tphrase {n}" for n in range(60)),
        "",
        "alone\t",
        "\tseul",
        "twice\tdeux",
    ]
    rows += ["twice\tdeux", "twice\tbis", "same\tsame", "a\u00a0b\tc\u200bd", "x\ty\ufffd", "short\t" + "long " * 400]
    rows += [f"odd{code:x}{chr(code)}x\tz{code}" for code in (1, 2, 3, 4, 5, 6, 7, 0xB, 0xC)]
    (tmp_path / "pairs.tsv").write_text("\n".join(rows), encoding="utf-8")
    (tmp_path / "test.tsv").write_text(
        "english\tfrench\nsentence 1\tphrase 1\nSENTENCE  2\tx\nnew\tneuf\n", encoding="utf-8"
    )
    return {"reader": open_pairs(tmp_path / "pairs.tsv"), "test_reader": open_pairs(tmp_path / "test.tsv")}


def test_lines_are_few_and_tell_rows(tmp_path: Path) -> None:
    report = inspect_pairs(**messy(tmp_path))
    lines = report.lines()
    text = "\n".join(lines)
    for expected in (
        "pairs.tsv, TSV: english -> french",
        "79 read, 76 used; left out: 1 for a blank line (row 62), 1 for a blank target (row 63), 1 for a blank source",
        "test.tsv: 3 read, all used; 2 sources also stand in the training part, 1 with the same target (rows 2, 3)",
        "1 pair repeats an earlier one (row 66)",
        "1 source has several targets (row 65)",
        "1 pair has the same text on both sides (row 68)",
        "1 pair has one side far longer or shorter than usual beside the other (row 71)",
        "in 1 source (row 69)",
        "rarer",
    ):
        assert expected in text, text
    assert len(lines) <= 25
    assert all(line.isprintable() and line == line.strip() for line in lines), text


def test_report_is_plain_data(tmp_path: Path) -> None:
    report = inspect_pairs(**messy(tmp_path))
    plain = json.loads(json.dumps(to_dict(report)))
    assert from_dict(DataReport, plain) == report
    assert from_dict(DataReport, plain).lines() == report.lines()
    assert plain["pairs"] == 76
    assert msgspec.json.decode(msgspec.json.encode(report), type=DataReport) == report


def test_split_parts_are_told() -> None:
    texts = [(f"source {n}", f"target {n}") for n in range(100)]
    reader, inspector = open_pairs(texts), Inspector()
    for pairs in reader.batches():
        inspector.add_many(pairs)
    parts = split(*inspector.keys(), valid=10, test=5, seed=0)
    report = inspector.finish(reader, parts=parts)
    assert report.held_out == {"valid": 10, "test": 5}
    assert any("10 for valid and 5 for test" in line for line in report.lines())


NUMBERED = [f"w{number}ord" for number in range(200)]


@pytest.mark.parametrize(
    ("texts", "spelled"),
    [
        ([(word, " ".join(word.upper())) for word in NUMBERED], True),  # pronunciation
        ([(f"{word} V PAST", f"{word}ed") for word in NUMBERED], True),  # inflection
        ([(word, "カタカナ" + word[1:4]) for word in NUMBERED], True),  # transliteration
        ([(word, "name" if number % 2 else "place") for number, word in enumerate(NUMBERED)], True),
        ([(f"a short title {word}", "sports" if number % 2 else "art") for number, word in enumerate(NUMBERED)], False),
        ([(word, " ".join(["a definition"] * 9)) for word in NUMBERED], False),
        ([(f"a {word}", f"un {word}") for word in NUMBERED], False),
        ([("我喜欢猫" + word[1:3], "我愛貓" + word[1:4]) for word in NUMBERED], False),  # sentences without spaces
    ],
    ids=["spoken", "inflected", "transliterated", "names", "titles", "defined", "phrases", "chinese"],
)
def test_words_that_are_to_be_spelled_are_told_from_labels_and_sentences(texts: Texts, *, spelled: bool) -> None:
    assert report_on(texts).are_words == spelled
