"""Files in fragments: what is not translated comes back byte for byte, and what is stands as it stood."""

from __future__ import annotations

import csv
import io
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.errors import DataError
from transduce.serve.documents import STEP, Document, Markup, Text, read_document
from transduce.serve.markup import Block


def written(document: Document, translate: dict[str, str] | None = None) -> str:
    """The file again, with some texts put in the place of others."""
    new, out = translate or {}, [document.mark]
    for fragments, _ in document.steps():
        for each in fragments:
            if isinstance(each, Text):
                out.append(each.finish(new.get(each.text, each.text)))
            elif isinstance(each, Markup):
                out += [part.raw if isinstance(part, Block) else part for part in each.parts]
            else:
                out.append(each)
    return "".join(out)


CELLS = st.lists(st.text(alphabet='ab ,;"\t\n|é', max_size=6), min_size=2, max_size=3)
QUOTING = [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(CELLS, min_size=1, max_size=4), quoting=st.sampled_from(QUOTING), delimiter=st.sampled_from(",;\t|"),
       end=st.sampled_from(["\n", "\r\n"]), mark=st.sampled_from(["", "\ufeff"]), cut=st.booleans())  # fmt: skip
def test_tables_as_any_writer_writes_them(
    rows: list[list[str]], quoting: int, delimiter: str, end: str, mark: str, cut: bool
) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(  # type: ignore[arg-type]
        [["first", "second"], *rows]
    )
    file = out.getvalue()
    file = file.removesuffix(end) if cut else file
    document = read_document("a.tsv" if delimiter == "\t" else "a.csv", (mark + file).encode(), column="2")
    assert written(document) == mark + file
    changed = written(document, {row[1]: "x" + row[1] for row in rows}).removeprefix(mark)
    told = list(csv.reader(io.StringIO(changed, newline=""), delimiter=delimiter, strict=True))
    kept = list(csv.reader(io.StringIO(file, newline=""), delimiter=delimiter, strict=True))
    assert told == [kept[0], *([a, *(["x" + b] if b else [b]), *rest] for a, b, *rest in kept[1:])]


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("a.csv", '"id","text"\r\n"1","one"\r\n2,one\r\n', '"id","text"\r\n"1","un"\r\n2,un\r\n'),
        ("a.csv", 'id,text\n1,two\n2,"two"\n', 'id,text\n1,"de, ux"\n2,"de, ux"\n'),
        ("a.csv", "id;text\n\n1;one;x;;\n2", "id;text\n\n1;un;x;;\n2"),
        ("a.csv", 'text,b\n"say ""hi""",1\n', 'text,b\n"dis ""salut""",1\n'),
        ("a.tsv", 'id\ttext\n1\t"one\n2\tone"\n', 'id\ttext\n1\t"one\n2\tone"\n'),
        ("a.tsv", "id\ttext\n1\tthree\n", 'id\ttext\n1\ttr"ois\n'),
    ],
    ids=range(6),
)
def test_cells_are_quoted_as_they_were_or_where_needed(name: str, file: str, expected: str) -> None:
    column = "text"
    texts = {"one": "un", "two": "de, ux", 'say "hi"': 'dis "salut"', "three": 'tr"ois'}
    assert written(read_document(name, file.encode(), column=column), texts) == expected


@pytest.mark.parametrize("file", ['a,b\n1,"open\n', 'a,b\n1,"x"y\n'])
def test_a_table_that_is_none_is_refused_by_row(file: str) -> None:
    with pytest.raises(DataError, match="row 2"):
        read_document("a.csv", file.encode(), column="b")


FILES = {
    "a.srt": "\ufeff1\r\n00:00:01,000 --> 00:00:02,000 X1:1\r\n<i>Tom & Jerry</i>\r\nrun\r\n\r\n\r\n2\n00:00:03,5 --> 00:00:04,0\nsix",
    "b.srt": "no cue\n\n00:00:01.000 --> 00:00:02.000\n\n",
    "a.txt": "one\r\ntwo\n\n\u2028three" + "\nfour" * 300,
    "b.md": "# one\n\n" + "A sentence of some words. " * 900,
    "a.html": "<!doctype html><p class='a'>one <b>two</b>&nbsp;</p><script>a < b</script>" + "<p>six</p>\n" * 3_000,
    "b.xhtml": "<p>one" + "x<" * 500,
    "empty.csv": "", "empty.txt": "", "empty.srt": "",
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_back_as_it_was_a_step_at_a_time(name: str) -> None:
    document = read_document(name, FILES[name].encode())
    if not name.endswith("srt"):
        assert written(document) == FILES[name]
    sizes = [size for _, size in document.steps()]
    assert sum(sizes) == document.characters
    assert max(sizes, default=0) < 4 * STEP


def test_subtitles_keep_their_times_and_their_lines() -> None:
    document = read_document("a.srt", FILES["a.srt"].encode())
    told = {"<i>Tom & Jerry</i> run": "<i>Tom &amp; Jerry</i> courent", "six": "six"}
    assert written(document, told) == FILES["a.srt"].replace("\r\nrun", "\r\ncourent")


def test_what_can_only_be_translated_whole_has_a_bound() -> None:
    for name, file in (("a.csv", "a\n" + "x" * 30), ("a.html", "<p>" + "x" * 30)):
        with pytest.raises(DataError, match="30 characters; at most 20"):
            read_document(name, file.encode(), longest=20)
        assert read_document(name, file.encode(), longest=30).characters == 30


@pytest.mark.parametrize("unit", ['"', '""', '"a,', '"\t', '\t""x', "a,", "\n", "\r", "<p>", "1\n00:00:01,0 --> 0\n"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.html", "a.srt"])
def test_time_is_linear_on_hostile_files(unit: str, name: str) -> None:
    file = (unit * (60_000 // len(unit))).encode()
    began = time.process_time()
    try:
        document = read_document(name, file, column="1" if name[-3:] in ("csv", "tsv") else None, longest=10**9)
        assert sum(1 for _ in document.steps()) >= 0
    except DataError:
        pass
    assert time.process_time() - began < 5
