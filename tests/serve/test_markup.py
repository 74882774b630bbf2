"""HTML: every byte that is not text comes back, and every tag exactly once."""

from __future__ import annotations

import itertools
import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.serve.markup import Block, Mark, blocks, escaped, parts
from transduce.serve.placing import Word, elements, render

BITS = st.sampled_from(["<p>", "</p>", "<b>", "</b>", "<i class='x>y'>", "</i>", "text ", "&amp;", "&lt;b&gt;", "<", "<!--",
                        "-->", "<script>", "</script>", "<br/>", "<a href=u?a&b>", "</a>", "<!doctype html>", "é", ">", '"',
                        "<code>", "</code>", "<span translate=no>", "</span>", "<a b=\"", "</", "<![CDATA[", "]]>"])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(document=st.one_of(st.text(alphabet="<>/!-ab \"'=&;", max_size=40), st.lists(BITS, max_size=25).map("".join)))
def test_nothing_is_lost_and_nothing_is_added(document: str) -> None:
    assert "".join(part.raw for part in parts(document)) == document
    assert "".join(part if isinstance(part, str) else part.raw for part in blocks(document)) == document


class Texts(HTMLParser):
    """The texts that the standard library finds."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.raw = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self.raw = False

    def handle_data(self, data: str) -> None:
        if not self.raw:
            self.found.append(data)


SOUND = """<!DOCTYPE html><html lang="en"><head><title>A &amp; B</title><style>p > b {}</style>
<script>if (a < b) "</p>"</script></head><body class="x"><!-- c <b> --><p>One <a href="?a=1&amp;b=2" title='x > y'>two
<b>three</b></a> four.<br/>Five &lt; six &eacute; &#233;</p><ul><li>seven<li>eight</ul></body></html>"""


def test_text_is_what_another_parser_finds() -> None:
    other = Texts()
    other.feed(SOUND)
    ours = "".join(part.text for part in blocks(SOUND) if isinstance(part, Block))
    assert ours.split() == "".join(other.found).split()


def test_inline_tags_are_marks_and_what_is_not_language_is_kept() -> None:
    found = list(blocks('<p>One <b>two</b> <code>three</code> four<div translate="no">five<p translate=yes>six</div>'))
    texts = [part.text for part in found if isinstance(part, Block)]
    assert texts == ["One two ", " four", "six"]
    assert [(mark.name, mark.at) for mark in found[1].marks] == [("b", 4), ("b", 7)]  # type: ignore[union-attr]


def test_white_space_is_one_space_and_marks_move_along() -> None:
    document = "\n  One \n\t <b>  two</b>\r\n three<i> </i>four \n"
    (block,) = [part for part in blocks(document) if isinstance(part, Block)]
    assert block.text == "\n  One two three four \n"
    cut = [0, *(mark.at for mark in block.marks), len(block.text)]
    assert [block.text[start:end] for start, end in itertools.pairwise(cut)] == [
        "\n  One ", "two", " three", " ", "four \n"]  # fmt: skip


@pytest.mark.parametrize("unit", ["<", "<a ", "<!--", "</", "<a b='", '<a ="x', "<script>", "<b>", "<b></i>", "<code>",
                                  "<code></x>", "&", "<p translate=no>", "<![CDATA[", "&#"])  # fmt: skip
def test_time_is_linear_on_hostile_documents(unit: str) -> None:
    began = time.process_time()
    list(blocks(unit * (60_000 // len(unit))))
    assert time.process_time() - began < 2


def marks_of(document: str) -> tuple[str, list[Mark]]:
    (block,) = [part for part in blocks(document) if isinstance(part, Block)]
    return block.text, block.marks


def rendered(document: str, text: str, order: list[int]) -> str:
    """``document`` with its words replaced by those of ``text``, of which number k comes from word order[k]."""
    source, marks = marks_of(document)
    starts = [found.start() for found in re.finditer(r"\S+", source)]
    words = [Word(found.start(), found.end(), float(starts[order[number]]))
             for number, found in enumerate(re.finditer(r"\S+", text))]  # fmt: skip
    return render(text, elements(marks, len(source)), words)


@pytest.mark.parametrize(
    ("document", "text", "order", "expected"),
    [
        ("a <b>red car</b> here", "une voiture rouge ici", [0, 2, 1, 3], "une <b>voiture rouge</b> ici"),
        ("a <b>red</b> <i>car</i>", "une voiture rouge", [0, 2, 1], "une <i>voiture</i> <b>rouge</b>"),
        ("<a href=u>a <b>red</b> car</a>", "une voiture rouge", [0, 2, 1], "<a href=u>une voiture <b>rouge</b></a>"),
        ("red</b> car", "voiture rouge", [1, 0], "voiture rouge</b>"),
        ("red <b>car", "voiture rouge", [1, 0], "<b>voiture</b> rouge".replace("</b>", "")),
        ("a <b>lost</b> word", "un mot", [0, 2], "un <b>mot</b>"),
        ("x &lt; <b>y</b>", "x < y", [0, 1, 2], "x &lt; <b>y</b>"),
    ],
    ids=range(7),
)
def test_tags_go_where_their_words_went(document: str, text: str, order: list[int], expected: str) -> None:
    assert rendered(document, text, order) == expected


@settings(max_examples=200, deadline=None)
@given(tags=st.lists(st.sampled_from(["<b>", "</b>", "<i>", "</i>", "<a>", "</a>"]), max_size=8),
       places=st.lists(st.integers(0, 11), min_size=8, max_size=8), order=st.lists(st.integers(0, 11), max_size=6))  # fmt: skip
def test_every_tag_comes_out_once_and_the_text_is_untouched(
    tags: list[str], places: list[int], order: list[int]
) -> None:
    marks = [Mark(tag, tag.strip("</>"), "/" not in tag, at) for tag, at in zip(tags, sorted(places), strict=False)]
    text = " ".join("w" * (1 + number % 3) for number in range(len(order)))
    words = [
        Word(found.start(), found.end(), float(order[number])) for number, found in enumerate(re.finditer(r"\S+", text))
    ]
    out = render(text, elements(marks, 12), words)
    assert sorted(re.findall("<[^>]*>", out)) == sorted(tags)
    assert re.sub("<[^>]*>", "", out) == text


def test_a_no_break_space_is_told_from_a_space() -> None:
    assert escaped("a\xa0< b & 'c'") == "a&nbsp;&lt; b &amp; 'c'"
