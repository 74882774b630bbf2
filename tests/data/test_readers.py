"""Every format gives back what was written into it, and columns are found as users expect."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.data.languages import language_of
from transduce.data.readers import Pair, PairReader, open_pairs, read_lines
from transduce.errors import ConfigError, DataError

Texts = list[tuple[str, str]]
# What str.splitlines would split at, and what naive readers take for missing values or for quoting.
HARD = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\ufeffx"]
HARD += ["None", "NA", "nan", "null", '"', '""', '5" disk', "'", "\\"]
characters = st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")
anything = st.one_of(st.text(characters, min_size=1, max_size=12), st.sampled_from(HARD))


def usable(text: str) -> bool:
    """Neither blank nor with the ASCII spaces around it that readers take off."""
    return bool(text.strip()) and text == text.strip(" \t")


cells = anything.filter(usable)
line_texts = cells.filter(lambda text: "\n" not in text and not text.endswith("\r"))
ends = st.sampled_from(["\n", "\r\n"])
tab_free = line_texts.filter(lambda text: "\t" not in text)


def pairs_of(path: Any, **options: Any) -> Texts:
    return [(pair.source, pair.target) for pair in open_pairs(path, **options)]


def first_dropped(reader: PairReader) -> dict[str, list[int]]:
    return {reason: found.first_rows for reason, found in reader.dropped.items()}


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    return lambda name, content: write(tmp_path / name, content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of a property."""
    return tmp_path_factory.mktemp("pairs")


# ------------------------------------------------------------------------------------------- what was written


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6), st.sampled_from(",;|\t"), ends)
@settings(deadline=None)
def test_csv_gives_back_any_text(folder: Path, texts: Texts, delimiter: str, end: str) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("english", "french"), *texts])
    path = write(folder / "pairs.csv", buffer.getvalue())
    assert pairs_of(path) == texts
    assert pairs_of(path, delimiter=delimiter) == texts


@given(st.lists(st.tuples(line_texts, line_texts), min_size=1, max_size=6))
@settings(deadline=None)
def test_csv_with_least_quoting_gives_back_any_text(folder: Path, texts: Texts) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([("english", "french"), *texts])
    assert pairs_of(write(folder / "pairs.csv", buffer.getvalue())) == texts


@given(texts=st.lists(st.tuples(tab_free, tab_free), min_size=1, max_size=6), end=ends, ended=st.booleans())
@settings(deadline=None)
def test_tsv_gives_back_any_text(folder: Path, texts: Texts, end: str, *, ended: bool) -> None:
    content = end.join("\t".join(pair) for pair in texts) + (end if ended else "")
    path = write(folder / "pairs.tsv", "english\tfrench" + end + content)
    assert pairs_of(path) == texts
    assert pairs_of(path, source="french", target="english") == [(b, a) for a, b in texts]


@given(texts=st.lists(st.tuples(cells, cells), min_size=1, max_size=6), ascii_only=st.booleans())
@settings(deadline=None)
def test_jsonl_gives_back_any_text(folder: Path, texts: Texts, *, ascii_only: bool) -> None:
    records = [json.dumps({"en": a, "fr": b}, ensure_ascii=ascii_only) for a, b in texts]
    assert pairs_of(write(folder / "a.jsonl", "\n".join(records))) == texts
    nested = [json.dumps({"id": 1, "translation": {"en": a, "fr": b}}, ensure_ascii=ascii_only) for a, b in texts]
    assert pairs_of(write(folder / "b.jsonl", "\n".join(nested) + "\n")) == texts
    assert pairs_of(write(folder / "c.jsonl", "\n".join(json.dumps(pair) for pair in texts))) == texts


@given(st.lists(st.tuples(line_texts, line_texts), min_size=1, max_size=6))
@settings(deadline=None)
def test_parallel_text_gives_back_any_text(folder: Path, texts: Texts) -> None:
    contents = {side: "".join(f"{pair[i]}\n" for pair in texts) for i, side in enumerate(["en", "fr"])}
    # A byte order mark of the file goes; one that is text stays.
    paths = [write(folder / f"train.{side}", "\ufeff" + content) for side, content in contents.items()]
    assert pairs_of(paths) == texts
    assert pairs_of(folder / "train.{en,fr}") == texts
    assert pairs_of(paths, source="fr", target="en") == [(b, a) for a, b in texts]
    assert list(read_lines(paths[0])) == [a for a, _ in texts]


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_parquet_gives_back_any_text(folder: Path, texts: Texts) -> None:
    table = pa.table({"id": range(len(texts)), "en": [a for a, _ in texts], "fr": [b for _, b in texts]})
    path = folder / "pairs.parquet"
    pq.write_table(table, path)
    assert pairs_of(path, source="en", target="fr") == texts
    pq.write_table(pa.table({"translation": [{"en": a, "fr": b} for a, b in texts]}), path)
    assert pairs_of(path) == texts


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
@settings(deadline=None)
def test_memory_gives_back_any_text(texts: Texts) -> None:
    assert pairs_of(texts) == texts
    assert pairs_of(iter(texts)) == texts
    assert pairs_of([{"target": b, "source": a, "id": 3} for a, b in texts]) == texts
    assert pairs_of(({"en": a, "fr": b} for a, b in texts), source="en", target="fr") == texts
    assert pairs_of([Pair(a, b, 9) for a, b in texts]) == texts


def test_data_frame_gives_back_text_and_drops_missing_values() -> None:
    english, french = ["one", "two", float("nan"), "None"], ["un", None, "trois", "NA"]
    frame = pd.DataFrame({"fr": french, "n": [1, 2, 3, 4], "en": english})
    reader = open_pairs(frame, source="en", target="fr")
    assert list(reader) == [Pair("one", "un", 1), Pair("None", "NA", 4)]
    assert first_dropped(reader) == {"blank target": [2], "blank source": [3]}


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
def test_missing_values_are_blank(missing: Any) -> None:
    reader = open_pairs([("a", "b"), ("c", missing)])
    assert list(reader) == [Pair("a", "b", 1)]
    assert reader.dropped["blank target"].first_rows == [2]


FILES: dict[str, str] = {
    "pairs.csv": 'english,french\n"Hello, you",Salut\nNo,Non\n',
    "pairs.tsv": "english\tfrench\nHello, you\tSalut\nNo\tNon\n",
    "pairs.jsonl": '{"english": "Hello, you", "french": "Salut"}\n{"english": "No", "french": "Non"}\n',
}


@pytest.mark.parametrize("name", FILES)
def test_gzip_standard_input_and_any_name(file: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    expected = [("Hello, you", "Salut"), ("No", "Non")]
    content = FILES[name].encode()
    packed = gzip.compress(content[:20]) + gzip.compress(content[20:])  # two members, as of "cat a.gz b.gz"
    assert pairs_of(file(name, content)) == expected
    assert pairs_of(file(name + ".gz", packed)) == expected
    assert pairs_of(file("packed." + name, packed)) == expected
    assert pairs_of(file("nameless", content)) == expected
    assert pairs_of(file("odd.gz", b"\xef\xbb\xbf" + content)) == expected
    for piped in (content, packed):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(piped)))
        assert pairs_of("-") == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp1252", "utf-8-sig"])
def test_other_encodings(file: Any, encoding: str) -> None:
    text = "english\tfrench\nsummer\tété\nL\u010a\tx\n" if encoding != "cp1252" else "english\tfrench\nsummer\tété\n"
    found = pairs_of(file("pairs.tsv", text.encode(encoding)), encoding=encoding)
    assert found == [("summer", "été"), ("L\u010a", "x")][: len(found)]
    assert found[0] == ("summer", "été")


def test_multibyte_encoding_across_blocks(file: Any) -> None:
    texts = [(f"line {n}", "中文测试" * 20) for n in range(5000)]  # several blocks, cut inside characters
    path = file("pairs.tsv", "".join(f"{a}\t{b}\n" for a, b in texts).encode("gb18030"))
    assert pairs_of(path, encoding="gb18030") == texts
    path = file("utf8.tsv", "".join(f"{a}\t{b}\n" for a, b in texts).encode())
    assert pairs_of(path) == texts


def test_long_rows_and_large_files(file: Any) -> None:
    long = "word " * 200_000  # a million characters, several blocks
    path = file("pairs.csv", f'en,fr\n"{long}\n{long}",b\nc,d\n')
    assert pairs_of(path) == [(f"{long}\n{long.strip()}", "b"), ("c", "d")]
    assert pairs_of(file("pairs.tsv", f"{long}\tb\nc\t{long}")) == [(long.strip(), "b"), ("c", long.strip())]
    rows = [pair.row for pair in open_pairs(file("many.csv", "en,fr\n" + "a,b\n" * 300_000))]
    assert rows == list(range(2, 300_002))


# ------------------------------------------------------------------------------------------- lines and blanks


def test_only_line_feeds_end_lines(file: Any) -> None:
    inside = "a\u2028b\x85c\x0bd\x0ce\x1cf\rg"
    assert pairs_of([file("t.en", f"{inside}\r\nx\n"), file("t.fr", f"y\n{inside}")]) == [(inside, "y"), ("x", inside)]
    assert pairs_of(file("t.tsv", f"{inside}\tb\n")) == [(inside, "b")]
    assert pairs_of(file("t.csv", f"en,fr\n{inside},b\r\nc,{inside}\n")) == [(inside, "b"), ("c", inside)]
    assert list(read_lines(file("t.txt", f"{inside}\n\n \r\nlast"))) == [inside, "", " ", "last"]


def test_blank_side_drops_the_whole_pair(file: Any) -> None:
    reader = open_pairs([file("t.en", "one\n\nthree\n\u3000\nfive\n"), file("t.fr", "un\ndeux\n \t\n\u00a0\ncinq\n")])
    assert list(reader) == [Pair("one", "un", 1), Pair("five", "cinq", 5)]
    dropped = {reason: (found.count, found.first_rows) for reason, found in reader.dropped.items()}
    assert dropped == {"blank source": (1, [2]), "blank target": (1, [3]), "blank line": (1, [4])}
    assert (reader.rows, reader.pairs) == (5, 2)


@pytest.mark.parametrize(("name", "tab"), [("p.csv", ","), ("p.tsv", "\t")])
def test_blank_lines_and_cells_of_tables(file: Any, name: str, tab: str) -> None:
    rows = ["", "", "english,french", "", "one,un", "   ", ",", "two,", ",trois", " four ,\u00a0quatre"]
    reader = open_pairs(file(name, "\n".join(rows).replace(",", tab)))
    assert list(reader) == [Pair("one", "un", 5), Pair("four", "\u00a0quatre", 10)]
    assert first_dropped(reader) == {"blank line": [1, 2, 4, 6, 7], "blank target": [8], "blank source": [9]}


def test_missing_looking_words_and_quotes_are_text(file: Any) -> None:
    words = ["None", "NA", "null", "nan", "NaN", "N/A", "", '5" disk', "#"]
    kept = [word for word in words if word]
    assert [a for a, _ in pairs_of(file("p.csv", "en,fr\n" + "".join(f"{word},x\n" for word in words)))] == kept
    assert pairs_of(file("q.csv", 'en,fr\n"""",guillemet\n')) == [('"', "guillemet")]
    path = file("q.tsv", '"\tguillemet\n"open\tx\nclose"\ty\n')
    assert pairs_of(path) == [('"', "guillemet"), ('"open', "x"), ('close"', "y")]
    assert pairs_of(file("p.jsonl", '{"a": "null", "b": "x"}\n{"a": null, "b": "y"}\n')) == [("null", "x")]


def test_embedded_line_breaks_keep_row_numbers(file: Any) -> None:
    pairs = list(open_pairs(file("p.csv", 'en,fr\r\n"two\r\nlines",b\r\nc,"d\n\n"\r\ne,f\r\n')))
    assert pairs == [Pair("two\r\nlines", "b", 2), Pair("c", "d\n\n", 3), Pair("e", "f", 4)]


# ------------------------------------------------------------------------------------------ headers and columns


@pytest.mark.parametrize(
    ("name", "first", "is_header"),
    [
        ("p.csv", "english,french", True), ("p.csv", "English,Français", True), ("p.csv", "英文,中文", True),
        ("p.csv", "foo,bar_2", True), ("p.csv", "Go.,Va !", False), ("p.csv", "12,douze", False),
        ("p.csv", "你好。,Hello", False), ("p.csv", "A man is riding a horse,Un homme", False),
        ("p.csv", '"Hi, you",Salut', False), ("p.csv", "en;fr", True), ("p.csv", "train.en|train.fr", True),
        ("p.tsv", "english\tfrench", True), ("p.tsv", "source\ttarget", True), ("p.tsv", "en\tfr", True),
        ("p.tsv", "Hi\tSalut", False), ("p.tsv", "No\tNon", False), ("p.tsv", "foo\tbar", False),
        ("p.tsv", "neg\t是要放假了吗？", False), ("p.tsv", "label\ttext", True), ("p.tsv", "en-US\tzh_Hans", True),
        ("p.txt", "english\tfrench", True), ("p.txt", "yes\toui", False), ("p.txt", "yes,oui", False),
    ],
)  # fmt: skip
def test_header_is_recognized(file: Any, name: str, first: str, *, is_header: bool) -> None:
    tab = next(mark for mark in "\t;|," if mark in first)
    path = file(name, f"{first}\nx{tab}y\n")
    reader = open_pairs(path)
    assert reader.header == is_header
    assert len(list(reader)) == (1 if is_header else 2)
    assert open_pairs(path, header=not is_header).header != is_header


def test_named_columns_make_a_header(file: Any) -> None:
    path = file("p.tsv", "no\tfoo\tbar\n1\ta\tb\n")
    assert list(open_pairs(path, source="foo", target="bar")) == [Pair("a", "b", 2)]
    assert list(open_pairs(path, source="2", target="3")) == [Pair("foo", "bar", 1), Pair("a", "b", 2)]


def test_columns_are_chosen(file: Any) -> None:
    path = file("p.csv", "english,french\na,b\n")
    for options in ({}, {"source": "english"}, {"target": "french"}, {"source": "1", "target": "2"}):
        assert pairs_of(path, **options) == [("a", "b")]
    for options in ({"source": "french"}, {"target": "english"}, {"source": "french", "target": "english"}):
        assert pairs_of(path, **options) == [("b", "a")]
    wide = file("w.csv", "id,english,french\n1,a,b\n")
    with pytest.raises(ConfigError, match=r"w\.csv: 3 columns: id, english, french\. Say which with --source and"):
        open_pairs(wide)
    with pytest.raises(ConfigError, match="3 columns"):
        open_pairs(wide, source="english")
    assert pairs_of(wide, source="french", target="english") == [("b", "a")]
    with pytest.raises(ConfigError, match=r'no source column "engish"\. Did you mean "english"\? .*id, english'):
        open_pairs(wide, source="engish", target="french")
    with pytest.raises(ConfigError, match="same column, french"):
        open_pairs(wide, source="french", target="french")


def test_quoted_delimiters_do_not_confuse_the_guess(file: Any) -> None:
    assert pairs_of(file("p.csv", '"One; two; three, four","Un; deux."\n"a;b","c,d"\n')) == [
        ("One; two; three, four", "Un; deux."), ("a;b", "c,d"),
    ]  # fmt: skip
    path = file("q.csv", "Yes, Sir.;Oui, Monsieur.\nNo.;Non.\n")
    assert pairs_of(path) == [("Yes, Sir.", "Oui, Monsieur."), ("No.", "Non.")]
    assert pairs_of(file("q.txt", "a~b\n"), delimiter="~") == [("a", "b")]
    assert pairs_of(file("r.txt", 'a\t"b\n'), delimiter="tab") == [("a", '"b')]


def test_several_tables_are_read_as_one(file: Any) -> None:
    first = file("a.csv", "english,french\none,un\n")
    second = file("b.csv.gz", gzip.compress(b"french;english\ndeux;two\n\ntrois;three\n"))
    reader = open_pairs([first, second])
    assert list(reader) == [Pair("one", "un", 2), Pair("two", "deux", 4), Pair("three", "trois", 6)]
    assert reader.name == "a.csv + b.csv.gz"
    third = file("c.csv", "english,german\none,eins\n")
    with pytest.raises(DataError, match=r"c\.csv: its columns \(english, german\) are not those of a\.csv"):
        pairs_of([first, third])
    assert pairs_of([file("a.tsv", "Go.\tVa.\n"), file("b.tsv", "en\tfr\n")]) == [("Go.", "Va."), ("en", "fr")]
    lines = [file(f"{n}.jsonl", json.dumps({"a": f"{n}", "b": "x"})) for n in range(3)]
    assert [pair.row for pair in open_pairs(lines)] == [1, 2, 3]


def test_sides_of_parallel_text_get_names(file: Any, tmp_path: Path) -> None:
    def names(left: str, right: str) -> tuple[str, str]:
        for each in (left, right):
            (tmp_path / each).parent.mkdir(exist_ok=True)
            write(tmp_path / each, "a\n")
        reader = open_pairs([tmp_path / left, tmp_path / right])
        return reader.source_column, reader.target_column

    assert names("train.en", "train.fr") == ("en", "fr")
    assert names("europarl.en.txt", "europarl.fr.txt") == ("en", "fr")
    assert names("source.txt", "target.txt") == ("source", "target")
    assert names("en/train.txt", "fr/train.txt") == ("en", "fr")
    assert names("train.tok.en", "train.fr") == ("en", "fr")


def test_reader_tells_where_it_is(file: Any) -> None:
    path = file("p.csv", "Yes,Oui\n" + "a,b\n" * 200_000)
    reader = open_pairs(path)
    assert (reader.name, reader.format, reader.paths) == ("p.csv", "csv", (path,))
    assert reader.bytes_total == path.stat().st_size
    next(iter(reader))
    assert 0 < reader.bytes_read < path.stat().st_size
    assert "english -> french" in repr(open_pairs(file("q.csv", "english,french\na,b\n")))
    assert any("Yes, Oui" in note and "--no-header" in note for note in reader.notes)
    with pytest.raises(DataError, match="read already"):
        next(iter(reader))


def test_lines_come_from_a_pipe_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pipe(io.RawIOBase):
        """Gives a line at each read, and fails when it is read further than asked for."""

        lines = iter([b"first line\n", b"second\n"])

        def read1(self, size: int) -> bytes:
            return next(self.lines)

        read = read1  # type: ignore[assignment]

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Pipe()))
    assert list(itertools.islice(read_lines("-"), 2)) == ["first line", "second"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("packed", [False, True])
def test_named_pipe_is_opened_once(tmp_path: Path, *, packed: bool) -> None:
    """As of a shell's "transduce train <(zcat pairs.csv.gz)": what is read is gone."""
    pipe, content = tmp_path / "63", b"english\tfrench\n" + b"one\tun\n" * 50_000
    os.mkfifo(pipe)
    writer = threading.Thread(
        target=pipe.write_bytes, args=(gzip.compress(content) if packed else content,), daemon=True
    )
    writer.start()
    reader = open_pairs(pipe)
    assert reader.bytes_total is None
    assert len(list(reader)) == 50_000
    writer.join()


def test_unfinished_reader_closes_its_file(file: Any) -> None:
    path = file("p.tsv", "a\tb\n" * 300_000)
    reader: PairReader | None = open_pairs(path)
    assert reader is not None
    next(iter(reader))
    reader = None  # warnings are errors here: a file left open would fail the test
    path.unlink()


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("english", "en"), ("EN", "en"), ("en-US", "en"), ("zh_Hans", "zh"), ("Français", "fr"), ("法语", "fr"),
        ("train.fr", "fr"), ("train.fr.gz", "fr"), ("source_en", "en"), ("French text", "fr"), ("deu", "de"),
        ("pt-BR", "pt"), ("1", None), ("text", None), ("my_text", None), ("summary", None), ("", None), ("x.y", None),
    ],
)  # fmt: skip
def test_language_of(column: str, code: str | None) -> None:
    assert language_of(column) == code


@given(st.text())
@settings(deadline=None)
def test_language_of_never_fails(column: str) -> None:
    assert language_of(column) is None or len(str(language_of(column))) == 2
