"""Text in pieces: nothing is lost, and what no model can know is not given to one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.serve.segments import Piece, around_numbers, cut, halves, one, plain, same_numbers

WORDS = st.sampled_from(["A man", " rides", ". ", "\n", "\r\n", "  ", "- ", "42", "😀", "https://a.b/c?d=1", "me@x.org",
                         "!", "。", "你好", "\u2028", "\t", "Dr. ", "é", "\ud800", "(", "3) "])  # fmt: skip


def translated(text: str, language: str = "en") -> list[str]:
    return [piece.text for piece in cut(text, language) if piece.translate]


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=20).map("".join)), short=st.booleans(),
       language=st.sampled_from(["en", "zh", "ar", None, "xx"]))  # fmt: skip
def test_pieces_joined_are_the_text(text: str, short: bool, language: str | None) -> None:
    pieces = cut(text, language, fits=(lambda part: len(part) <= 7) if short else None)
    assert "".join(piece.text for piece in pieces) == text
    assert all(text[piece.start :].startswith(piece.text) for piece in pieces)
    for piece in pieces:
        if piece.translate:
            assert piece.text == piece.text.strip()
            assert any(character.isalpha() for character in piece.text)
            assert not short or len(piece.text) <= 7


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A man. Two dogs!  Why?", ["A man.", "Two dogs!", "Why?"]),
        ("Dr. Smith paid $3.50 to Mr. Wu.", ["Dr. Smith paid $3.50 to Mr. Wu."]),
        ("A man\n\n\n- Two dogs\n  2) a cat", ["A man", "Two dogs", "a cat"]),
        ("你好。我很好！", ["你好。", "我很好！"]),
        ("See https://x.org/a?b=1. Then go.", ["See", "Then go."]),
        ("Mail me.you+z@x.co.uk now", ["Mail", "now"]),
        ("Good 😀👍🏽 day 🇫🇷", ["Good", "day"]),
        ("42", []),
        ("3.14 - 15 %", []),
        ("😀", []),
        ("", []),
        (" \n\t\n", []),
        ("www.example.org", []),
        ("dog", ["dog"]),
        ('"A man."  (Two dogs)', ["A man.", "Two dogs"]),
        ("a\tb   c", ["a", "b", "c"]),
    ],
    ids=str,
)
def test_sentences_and_what_is_passed_through(text: str, expected: list[str]) -> None:
    assert translated(text) == expected


def test_a_sentence_that_is_too_long_is_cut_where_it_hurts_least() -> None:
    text = "one two three four; five six seven, eight nine ten"
    parts = [piece.text for piece in cut(text, "en", fits=lambda part: len(part) < 30) if piece.translate]
    assert parts == ["one two three four;", "five six seven, eight nine ten"] or parts[0] == "one two three four;"
    assert all(len(part) < 30 for part in parts)


def test_numbers_and_halves_lose_nothing() -> None:
    text = "A man with 42 dogs at 3:15, and B2 too"
    for parts in (around_numbers(Piece(text, 5, True)), halves(Piece(text, 5, True))):
        assert "".join(part.text for part in parts) == text
        assert all(text[part.start - 5 :].startswith(part.text) for part in parts)
    between = [part.text for part in around_numbers(Piece(text, 0, True)) if part.translate]
    assert between == ["A man with", "dogs at", ", and", "too"]
    assert halves(Piece("a b c", 0, True)) == [Piece("a b c", 0, True)]
    assert same_numbers("1 man, 22 dogs", "22 chiens, 1 homme")
    assert not same_numbers("1 man", "un homme")


def test_sentences_are_plain_to_the_model() -> None:
    assert plain("a\xa0b\u3000 c\xad\u200bd") == "a b cd"


def test_one_keeps_the_spaces_around() -> None:
    assert [(piece.text, piece.translate) for piece in one("  a. b\n")] == [
        ("  ", False),
        ("a. b", True),
        ("\n", False),
    ]
    assert [piece.translate for piece in one("  ")] == [False]


@pytest.mark.parametrize("unit", ["a", "a@", "www.", "😀", "http://", "a.b@c.", "- ", "+", "a, ", "\n", "(", '"', ". "])
def test_time_is_linear_on_hostile_text(unit: str) -> None:
    began = time.process_time()
    cut(unit * (30_000 // len(unit)), "en", fits=lambda part: len(part) < 300)
    assert time.process_time() - began < 2
