"""Whatever a user gives, the answer is pairs or one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import builtins
import codecs
import csv
import gzip
import io
import os
import random
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transduce.data.readers import open_pairs, read_lines
from transduce.errors import ConfigError, DataError, MissingExtra, TransduceError

File = Callable[[str, "str | bytes"], Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    def make(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return make


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


def complaint(data: Any, **options: Any) -> str:
    """The error that reading ``data`` ends with: one line that can be printed."""
    with pytest.raises(TransduceError) as caught:
        list(open_pairs(data, **options))
    message = str(caught.value)
    assert message
    assert message.isprintable()
    return message


def says(data: Any, pattern: str, **options: Any) -> None:
    message = complaint(data, **options)
    assert re.search(pattern, message), message


# -------------------------------------------------------------------------------------------- files that are not


def test_missing_file_names_the_nearest(file: File, tmp_path: Path) -> None:
    file("pairs.csv", "en,fr\na,b\n")
    says(tmp_path / "pear.csv", r'pear\.csv: no such file\. Did you mean "pairs\.csv"\?')
    says(tmp_path / "nowhere" / "pairs.csv", r"no such file, nor the folder .*nowhere")
    says([file("t.en", "a\n"), tmp_path / "t.fr"], r"t\.fr: no such file")
    says(str(tmp_path / "x.{en,fr}"), r"x\.en: no such file")


def test_folder(tmp_path: Path) -> None:
    says(tmp_path, "this is a folder; give the file in it")
    (tmp_path / "config.json").write_text("{}")
    says(tmp_path, "this is a run folder, not a file of pairs")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(file: File) -> None:
    path = file("pairs.csv", "en,fr\na,b\n")
    path.chmod(0)
    says(path, "no permission to read it")


def test_no_permission_whoever_runs_this(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    path = file("pairs.csv", "en,fr\na,b\n")
    monkeypatch.setattr(builtins, "open", refuse)
    says(path, r"pairs\.csv: no permission to read it")


@pytest.mark.parametrize("name", ["", "a\0b.csv", "x" * 5000, "\ud800.csv", "new\nline.csv"])
def test_impossible_names(name: str) -> None:
    complaint(name)


def test_reading_fails_halfway(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.RawIOBase):
        def read1(self, size: int) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Failing()))
    says("-", r"standard input: reading failed \(Input/output error\)")
    monkeypatch.setattr(sys, "stdin", None)
    says("-", "standard input is closed")


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.jsonl", "p.txt", "p.csv.gz"])
def test_empty_files(file: File, name: str) -> None:
    for content in ("", "\ufeff"):
        says(file(name, content), rf"{re.escape(name)}: it is empty")
    says(file(name, "\n \n\r\n"), "it has nothing but blank lines")
    says(file(name, gzip.compress(b"")), "it is empty")


def test_empty_parallel_text(file: File) -> None:
    says([file("t.en", ""), file("t.fr", "")], r"t\.en \+ t\.fr: it is empty")


def test_header_only(file: File) -> None:
    says(file("p.csv", "english,french\n"), r"p\.csv: nothing stands under the header row")
    says(file("p.tsv", "english\tfrench"), r"p\.tsv: nothing stands under the header row")


def test_one_row_is_read(file: File) -> None:
    assert len(list(open_pairs(file("p.csv", "english,french\na,b")))) == 1


def test_all_pairs_blank(file: File) -> None:
    reasons = "of 3 rows, 1 with a blank target, 1 with a blank source, 1 blank"
    says(file("p.csv", "en,fr\na,\n,b\n,\n"), f"no usable pair: {reasons}")


# ------------------------------------------------------------------------------------------------------ columns


def test_wrong_missing_and_duplicate_columns(file: File) -> None:
    path = file("p.csv", "id,english,french\n1,a,b\n")
    says(path, r"3 columns: id, english, french\. Say which")
    says(path, r'no target column "frenhc"\. Did you mean "french"\?', source="english", target="frenhc")
    says(path, r'no source column "7"\. It has 3 columns', source="7", target="french")
    says(file("d.csv", "english,french,english\na,b,c\n"), r'd\.csv, row 1: the column name "english" occurs twice')
    says(file("d.tsv", "english\tenglish\na\tb\n"), r"occurs twice\. .* pass --no-header")
    says(file("e.csv", "x,x\na,b\n"), "occurs twice")
    says(file("one.csv", "english\na\n"), r'only one column \(the first row is "english"\); pairs need two')
    says(file("one.tsv", "a,b\nc,d\n"), r'its first row has no tab: "a,b"\. If it is CSV, pass --format csv')
    says(file("n.tsv", "A.\tB.\tC.\n"), r'3 columns: 1, 2, 3 \(no header; the first row is "A\.", "B\.", "C\."\)')
    says(file("n.tsv", "A.\tB.\n"), r'no source column "english"\. It has 2 columns.*as numbers', source="english")
    frame = pd.DataFrame([["a", "b", "c"]], columns=["en", "fr", "fr"])
    says(frame, "DataFrame: the column name fr occurs twice", source="en", target="fr")


def test_ragged_rows(file: File) -> None:
    says(
        file("p.csv", "en,fr\na,b\nHello, you,Salut\n"),
        r'p\.csv, row 3: expected 2 cells \(en, fr\), found 3: "Hello, you,Salut"\. Put cells that contain "," in '
        r"quotes, or pass --delimiter",
    )
    says(file("p.csv", "en,fr\na,b\nc\n"), r"row 3: expected 2 cells \(en, fr\), found 1")
    says(file("p.tsv", "a.\tb\n\nc\n"), r"p\.tsv, row 3: expected 2 cells, found 1.*Is a tab missing\?")
    says(file("p.tsv", "a.\tb\nc\td\te\n"), r"row 2: expected 2 cells, found 3.*must become a space")
    says(file("p.csv", 'en,fr\n"a,b\nc,d\ne,f"\n'), "row 2: .*opens in this row closes only 2 lines further down")
    says(file("p.csv", 'en,fr\na, "b, c"\n'), "row 2: .*without a space")


def test_unclosed_quote(file: File) -> None:
    says(file("p.csv", 'en,fr\na,b\n"c,d\ne,f\n'), r'p\.csv, row 3: a quote \("\) that opens a cell here never closes')
    says(file("p.csv", 'en,fr\n"a\nb",c\nd,"e\nf,g\n'), r"row 3: a quote .* here \(line 4\) never closes")
    says(file("p.csv", "en,fr\n" + "a,b\n" * 10_000 + '"c,d\n' + "e,f\n" * 10_000), r"row 10,002: a quote")
    says(file("p.csv", 'en,fr\n"a" b,c\n'), r'row 2: text follows the closing quote \("\)')


def test_quote_that_never_closes_costs_bounded_memory(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = csv.field_size_limit()
    monkeypatch.setattr("transduce.data.formats.LONGEST_CELL", 200_000)
    try:
        csv.field_size_limit(1)
        says(file("p.csv", 'en,fr\n"a,b\n' + "c,d\n" * 100_000), "row 2: a quote .* never closes")
    finally:
        csv.field_size_limit(limit)


def test_line_that_never_ends(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transduce.data.lines.LONGEST_LINE", 500_000)
    says(file("p.tsv", "a.\tb\n" + "x" * 2_000_000), r"p\.tsv, row 2: a line of more than 500,000 characters")


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.txt"])
def test_lines_that_end_in_carriage_returns_alone(file: File, name: str) -> None:
    tab = "," if name == "p.csv" else "\t"
    says(file(name, f"en{tab}fr\ra{tab}b\rc{tab}d\r"), rf"{name}: its lines end in carriage returns alone.*tr ")


def test_impossible_options(file: File) -> None:
    path = file("p.csv", "en,fr\na,b\n")
    says(path, r'unknown format "cvs"\. Did you mean "csv"\?', format="cvs")
    says(path, r'unknown encoding "utf-9"\. Did you mean "utf.', encoding="utf-9")
    for encoding in ("hex", "rot13", "", "a\0b", "é", "undefined", "base64", "unicode_escape", "idna"):
        says(path, "unknown encoding", encoding=encoding)
    for delimiter in ("", "::", '"', "\n", "x"):
        says(path, "delimiter must be one character", delimiter=delimiter)
    sides = [file("t.en", "a\n"), file("t.fr", "b\n")]
    says(sides, "a delimiter has no meaning for text", delimiter=",")
    says(sides, "a header row is a matter of CSV and TSV", header=True)
    says([*sides, file("t.de", "c\n")], "3 files, but parallel text is two")
    says([path, sides[0]], "different formats")
    says(sides[0], "parallel text is two files", format="text")
    says([path, path], r"p\.csv: this file is given twice")


def test_one_side_of_parallel_text(file: File) -> None:
    file("train.fr", "Un homme, assis.\n")
    says(file("train.en", "A man, sitting.\n"), r"train\.en: this looks like plain text.*train\.en .*train\.fr\)")
    says(file("notes.txt", "First line.\nSecond line.\n"), r"notes\.txt: this looks like plain text.*Give both files")


# ----------------------------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp1252", "Il a été vu au café de la gare, où l'été finit."),
        ("gb18030", "今天天气很好，我们去公园玩吧。你想一起来吗？"),
        ("cp1251", "Человек едет на лошади по широкой дороге."),
        ("shift_jis", "今日はとてもいい天気ですね。こうえんにいきましょう。"),
    ],
)
def test_wrong_encoding_is_named_with_its_row(file: File, codec: str, text: str) -> None:
    content = "en,fr\n" + "a,b\n" * 15 + f'x,"{text}"\n' + f'y,"{text}"\n' * 3
    message = complaint(file("pairs.csv", content.encode(codec)))
    assert message.startswith("pairs.csv, row 17: not UTF-8 (byte 0x")
    assert f"iconv -f {codec} -t utf-8, or pass --encoding {codec}." in message
    assert len(list(open_pairs(file("pairs.csv", content.encode(codec)), encoding=codec))) == 19


def test_the_place_of_a_wrong_byte(file: File) -> None:
    says(
        file("p.tsv", b"a.\tb\nthe caf\xe9\tc\n"),
        r'p\.tsv, row 2: not UTF-8 \(byte 0xE9 at character 8, after "the caf"; it looks like Windows-1252\)',
    )
    sides = [file("t.en", b"a\n" * 9), file("t.fr", b"b\n" * 8 + b"\xe9t\xe9\n")]
    says(sides, r"t\.fr, row 9: not UTF-8 \(byte 0xE9 at character 1;")
    many = b"a.\tb\n" * 200_000
    says(file("p.tsv", many + b"x\t\xff\n" + many), r"row 200,001: not UTF-8 \(byte 0xFF at character 3")
    quoted = b'en,fr\n"a\n\nb",c\n"d\n\xe9",e\n'
    says(file("p.csv", quoted), r"p\.csv, row 3: not UTF-8")
    says(file("p.tsv", "a.\tété".encode()[:-1]), "row 1: the file ends in the middle of a character")


def test_utf16_is_named(file: File) -> None:
    text = "english\tfrench\na\tb\n"
    for codec in ("utf-16-le", "utf-16-be"):
        bom = codecs.BOM_UTF16_LE if codec == "utf-16-le" else codecs.BOM_UTF16_BE
        says(file("p.tsv", bom + text.encode(codec)), "this is UTF-16, by its byte order mark. Pass --encoding utf-16")
        says(file("p.tsv", (text + "c\td\n" * 90).encode(codec)), "UTF-16 .*pass --encoding utf-16-le or utf-16-be")
    says(file("p.tsv", text.encode("utf-16-le")), "no byte order mark. Pass --encoding utf-16-le", encoding="utf-16")
    says(file("p.tsv", b"a.\tb\n\xc3\xa9\tc\n"), "row 2: not ascii at character 1", encoding="ascii")


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.txt"])
def test_nul_bytes(file: File, name: str) -> None:
    tab = "," if name == "p.csv" else "\t"
    says(file(name, f"english{tab}french\na{tab}b\nc{tab}d\0e\n"), rf"{name}, row 3: a NUL character at character 4")


def test_nul_and_surrogates_in_other_formats(file: File, tmp_path: Path) -> None:
    good = '{"a": "b", "c": "d"}\n'
    says(file("p.jsonl", good + '{"a": "\\u0000", "c": "d"}\n'), r"p\.jsonl, row 2: a NUL character in column a")
    says(file("p.jsonl", good + '{"a": "b", "c": "\\ud800"}\n'), r"p\.jsonl, row 2: .*surrogate")
    says(file("p.jsonl", good + '{"a": "\\udc00 and more", "c": ""}\n'), r"p\.jsonl, row 2: ")
    says([("a", "b"), ("c", "\0")], "pairs in memory, row 2: a NUL")
    says([("a", "b"), ("\udcff", "c")], r"pairs in memory, row 2: half a surrogate pair \(U\+DCFF\)")
    pq.write_table(pa.table({"a": ["x", "y"], "b": ["z", "\0"]}), tmp_path / "p.parquet")
    says(tmp_path / "p.parquet", r"p\.parquet, row 2: a NUL character in column b")
    says(file("p.tsv", b"a.\tb\nc\t+2AA-\n"), r"p\.tsv, row 2: not utf-7", encoding="utf-7")


@pytest.mark.parametrize("name", ["p.csv.gz", "p.tsv.gz", "p.jsonl.gz"])
def test_corrupt_gzip(file: File, name: str) -> None:
    row = {"p.csv.gz": "a,b{}\n", "p.tsv.gz": "a\tb{}\n", "p.jsonl.gz": '{{"a": "b", "c": "{}"}}\n'}[name]
    noise = random.Random(0)
    packed = gzip.compress("".join(row.format(noise.getrandbits(32)) for _ in range(20_000)).encode())
    for broken, what in (
        (packed[: len(packed) // 2], "ends too early"),
        (packed[:-4], "ends too early"),
        (packed[:9], "ends too early"),
        (packed[:-8] + b"\0" * 8, "is damaged"),
        (packed + b"rubbish", "is damaged"),
    ):
        says(file(name, broken), rf"{re.escape(name)}, row [\d,]+: the gzip data {what} here; it was cut or altered")
    # Altered in the middle, it may first give wrong text.
    says(file(name, packed[:5000] + b"\xff" * 200 + packed[5200:]), rf"{re.escape(name)}, row [\d,]+: ")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04\x14\0\x06\0", "spreadsheet"), (b"%PDF-1.7\n%\xe2\xe3", "PDF"), (b"\xfd7zXZ\0\0", "unxz"),
        (b"SQLite format 3\0", "SQLite"), (b"\x28\xb5\x2f\xfd\x24", "unzstd"), (b"\xd0\xcf\x11\xe0\xa1\xb1", "Excel"),
    ],
)  # fmt: skip
def test_other_kinds_of_files_are_named(file: File, content: bytes, what: str) -> None:
    says(file("p.csv", content), rf"p\.csv: this is .*{what}|p\.csv: this is compressed .*{what}")


# ---------------------------------------------------------------------------------------- the formats' own faults


@pytest.mark.parametrize(("left", "right"), [(3, 2), (2, 3), (5000, 4096), (4096, 20_000), (1, 0)])
def test_parallel_files_of_unequal_length(file: File, left: int, right: int) -> None:
    sides = [file("t.en", "a\n" * left), file("t.fr", "b\n" * right)]
    says(sides, rf"t\.en has {left:,} lines and t\.fr has {right:,}\.")


def test_broken_jsonl(file: File) -> None:
    good = '{"en": "a", "fr": "b"}\n'
    for bad, pattern in (
        ('{"en": "a", "fr": "b"', r"row 2: broken JSON \(.*\): .*One|row 2: broken JSON"),
        ('{"en": "a"}', "row 2: fr is missing; keys here: en"),
        ('{"en": "a", "fr": 3}', r"row 2: column fr holds a number \(3\), not text"),
        ('{"en": "a", "fr": ["b"]}', "row 2: column fr holds an array, not text"),
        ('{"en": true, "fr": "b"}', "row 2: column en holds true, not text"),
        ('["a", "b"]', "row 2: expected an object as in the first row, found an array"),
        ('"text"', "row 2: expected an object"),
        ("null", "row 2: expected an object as in the first row, found null"),
        ("[" * 100_000, "row 2: broken JSON"),
        ('{"en": NaN, "fr": "b"}', "row 2: broken JSON"),
        ('{"en": 1e999, "fr": "b"}', "row 2: "),
    ):
        says(file("p.jsonl", good + bad + "\n" + good), rf"p\.jsonl, {pattern}")
    says(file("p.json", '[\n  {"en": "a", "fr": "b"}\n]\n'), "row 1: this JSON goes over several lines")
    says(file("p.json", '[{"en": "a", "fr": "b"}, {"en": "c", "fr": "d"}]'), "a JSON array over the whole file")
    says(file("p.jsonl", '["a"]\n'), "only one column")
    says(file("p.jsonl", '["a", "b"]\n["c"]\n'), "row 2: expected 2 values, found 1")
    says(file("p.jsonl", "{}\n"), "only one column|pairs need two")
    says(file("p.jsonl", '{"en": "a", "fr": "b", "id": "3"}\n'), "3 columns: en, fr, id")


def test_broken_parquet(file: File, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"en": ["a"] * 1000, "n": range(1000)}), path)
    whole = path.read_bytes()
    says(path, r"p\.parquet: column n holds int64, not text")
    says(file("cut.parquet", whole[:-100]), r"cut\.parquet: broken Parquet file")
    says(file("text.parquet", "en,fr\na,b\n"), r"text\.parquet: broken Parquet file")
    says(file("empty.parquet", ""), r"empty\.parquet: broken Parquet file")
    says(file("named.csv", whole), r"named\.csv: this is a Parquet file.*--format parquet")
    says("-", "Parquet cannot be read from a pipe", format="parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=re.escape("pip install 'transduce[parquet]'")):
        open_pairs(path)


def test_parquet_text_that_is_not_utf8(tmp_path: Path) -> None:
    raw = pa.array([b"good", b"caf\xe9"], type=pa.binary())
    table = pa.table({"en": pa.Array.from_buffers(pa.string(), 2, raw.buffers()), "fr": ["a", "b"]})
    pq.write_table(table, tmp_path / "p.parquet")
    says(tmp_path / "p.parquet", r"p\.parquet, row 2: the text is not UTF-8")


def test_bad_pairs_in_memory() -> None:
    says([], "pairs in memory: there are none")
    says(pd.DataFrame({"a": [], "b": []}), "DataFrame: it is empty")
    says([("a", "b"), ("c", 3)], r"pairs in memory, row 2: column 2 holds a number \(3\), not text")
    says([("a", "b"), ("c",)], "row 2: expected 2 values, found 1")
    says([("a", "b"), None], "row 2: expected an array of 2 as in the first row, found null")
    says([("a", "b", "c")], "3 columns: 1, 2, 3")
    says([{"a": "x", "b": "y"}, {"a": "x"}], "row 2: b is missing; keys here: a")
    says(iter(["one", "two"]), 'row 1: expected a pair or an object with two texts, found the text "one"')
    says(pd.DataFrame({"a": ["x"], "b": [3]}), r"DataFrame, row 1: column b holds a number \(3\), not text")
    for what in (3, None, b"pairs.csv", {"en": ["a"], "fr": ["b"]}):
        with pytest.raises(ConfigError, match="cannot read pairs from"):
            open_pairs(what)


# ------------------------------------------------------------------------------------------------- anything at all

NAMES = ["p.csv", "p.tsv", "p.jsonl", "p.parquet", "p.txt", "p"]
pieces = st.sampled_from(
    [b"a", b"b", b",", b"\t", b";", b"|", b'"', b"\n", b"\r\n", b"\r", b"\0", b"\xe9", b"\xc3\xa9", b"\xff\xfe", b"{",
     b"}", b"[", b"]", b":", b'{"a": "b", "c": "d"}\n', b"\\ud800", b"en,fr\n", b"en\tfr\n", b"\x1f\x8b\x08",
     b"PAR1\x15", b" ", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"null", b"1e999", b"source"]
)  # fmt: skip
contents = st.one_of(
    st.binary(max_size=60),
    st.lists(pieces, max_size=25).map(b"".join),
    st.lists(pieces, max_size=25).map(lambda parts: gzip.compress(b"".join(parts))),
    st.builds(lambda parts, cut: gzip.compress(b"".join(parts))[:-cut], st.lists(pieces), st.integers(1, 30)),
)
encodings = ["utf-8", "utf-16", "utf-16-be", "utf-7", "utf-32", "cp1252", "cp1253", "gb18030", "shift_jis"]
encodings += ["iso2022_jp", "hz", "unicode_escape", "idna", "punycode"]
options = st.fixed_dictionaries(
    {},
    optional={
        "encoding": st.sampled_from(encodings),
        "header": st.booleans(),
        "source": st.sampled_from(["en", "a", "1", "3"]),
        "target": st.sampled_from(["fr", "c", "2"]),
        "format": st.sampled_from(["csv", "tsv", "jsonl", "parquet"]),
        "delimiter": st.sampled_from([",", "tab", ";", "|", " ", "\u2028"]),
    },
)  # fmt: skip


def pairs_or_one_line(data: Any, **options: Any) -> None:
    """Pairs of texts that can be used, or a ``TransduceError`` of one printable line. Nothing else."""
    try:
        reader = open_pairs(data, **options)
        rows = 0
        for pair in reader:
            assert pair.row > rows
            rows = pair.row
            assert pair.source.strip()
            assert pair.target.strip()
            assert "\0" not in pair.source + pair.target
            (pair.source + pair.target).encode("utf-8")
        assert reader.pairs + sum(found.count for found in reader.dropped.values()) == reader.rows
    except TransduceError as error:
        message = str(error)
        assert message.isprintable(), message


@given(st.sampled_from(NAMES), contents, options)
@settings(max_examples=600, deadline=None)
@example("p.csv", b'\xef\xbb\xbf"', {})
@example("p.jsonl", b'{"a": "\\udc00"}', {})
def test_any_bytes_in_any_file(folder: Path, name: str, content: bytes, options: dict[str, Any]) -> None:
    path = folder / name
    path.write_bytes(content)
    pairs_or_one_line(path, **options)


@given(contents, contents, st.sampled_from(["utf-8", "cp1252", "utf-16", "gb18030"]))
@settings(max_examples=150, deadline=None)
def test_any_bytes_in_parallel_text(folder: Path, left: bytes, right: bytes, encoding: str) -> None:
    (folder / "t.en").write_bytes(left)
    (folder / "t.fr").write_bytes(right)
    pairs_or_one_line(folder / "t.{en,fr}", encoding=encoding)
    try:
        lines = list(read_lines(folder / "t.en", encoding=encoding))
        assert not any("\n" in line for line in lines)
    except DataError as error:
        message = str(error)
        assert message.isprintable()


@given(st.integers(0, 400), st.integers(0, 255), st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_any_damage_to_a_parquet_file(folder: Path, place: int, byte: int, cut: int) -> None:
    path = folder / "whole.parquet"
    if not path.exists():
        pq.write_table(pa.table({"a": ["x", "y", None] * 9, "b": ["z"] * 27}), path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    damaged = folder / "damaged.parquet"
    damaged.write_bytes(content[: len(content) - cut])
    pairs_or_one_line(damaged)


texts = st.one_of(st.text(max_size=3), st.sampled_from(["\ud800", "a\0"]))
atoms = st.one_of(texts, st.none(), st.integers(), st.floats(), st.binary(max_size=2))
objects = st.dictionaries(st.sampled_from(["source", "target", "x"]), atoms)
records = st.one_of(atoms, st.tuples(atoms, atoms), st.lists(atoms, max_size=3), objects)


@given(st.lists(records, max_size=5))
@settings(max_examples=200, deadline=None)
def test_any_records_in_memory(data: list[Any]) -> None:
    pairs_or_one_line(iter(data))
