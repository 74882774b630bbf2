"""Languages of texts: whole sentences, single words, and what is in none of the languages that are served."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transduce.serve.detect import detect


@pytest.mark.parametrize(
    ("text", "codes", "language"),
    [
        ("Bonjour", "en fr", "fr"), ("Merci beaucoup", "en fr de", "fr"), ("Ein Hund", "en fr de", "de"),
        ("A man is riding a horse.", "en fr de", "en"), ("Deux chiens courent dans l'herbe.", "en fr", "fr"),
        ("一個男人", "en zh", "zh"), ("Мужчина", "en ru", "ru"), ("猫が好き", "zh ja", "ja"),
    ],
)  # fmt: skip
def test_short_texts_that_are_clear_score_high(text: str, codes: str, language: str) -> None:
    found = detect(text, set(codes.split()))
    assert found[0][0] == language
    assert found[0][1] > 80
    assert {code for code, _ in found} == set(codes.split())


@pytest.mark.parametrize("text", ["", "1234", " \n", "3.14 - 15 %", "😀"])
def test_what_has_no_letters_is_in_no_language(text: str) -> None:
    assert detect(text, {"en", "fr"}) == []


def test_what_is_in_the_script_of_none_scores_nothing() -> None:
    assert detect("你好，世界", {"en", "fr"}) == [("en", 0.0), ("fr", 0.0)]
    assert detect("Hello, world", {"zh"}) == [("zh", 0.0)]
    assert detect("hello", {"xx"}) == [("xx", 0.0)]  # a language that py3langid does not know


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=40), codes=st.sets(st.sampled_from(["en", "fr", "de", "zh", "ru", "xx"]), max_size=4))
def test_confidences_are_shares_of_a_hundred(text: str, codes: set[str]) -> None:
    found = detect(text, codes)
    assert sum(sure for _, sure in found) <= 100.5
    assert [sure for _, sure in found] == sorted((sure for _, sure in found), reverse=True)
    assert all(0 <= sure <= 100 for _, sure in found)
