from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transduce.config import Config, duration, from_dict, require, spoken_duration, to_dict, with_settings
from transduce.errors import ConfigError, nearest


class Inner(Config, frozen=True, kw_only=True):
    rate: float = 0.5
    kind: Literal["plain", "fancy"] = "plain"
    sizes: tuple[int, int] = (1, 2)


class Outer(Config, frozen=True, kw_only=True):
    count: int = 3
    limit: int | None = None
    name: str = "x"
    on: bool = False
    inner: Inner = Inner()

    def __post_init__(self) -> None:
        require(self.count >= 1, f"count must be at least 1; got {self.count}.")


def said(call: Any, *arguments: Any, **options: Any) -> str:
    """The message of the ``ConfigError`` that a call raises: one line."""
    with pytest.raises(ConfigError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------- durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("5min", 300), ("1h30m", 5400), ("1h", 3600), ("1h2m3s", 3723), ("2", 120), ("0.5", 30),
     (" 5M ", 300), ("1.5h", 5400), ("0.5s", 0.5)],
)  # fmt: skip
def test_durations_as_people_write_them(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "x", "5 m", "-5m", "5m1h", "m", "1d", "nan", "inf", "1e3", "0", "0s", "0h0m", "5,5", "9" * 400]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert "duration" in said(duration, text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_hours_minutes_and_seconds_add_up(hours: int, minutes: int, seconds: int) -> None:
    whole = 3600 * hours + 60 * minutes + seconds
    if whole:
        assert duration(f"{hours}h{minutes}m{seconds}s") == whole


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        seconds = duration(text)
    except ConfigError:
        return
    assert 0 < seconds < math.inf


def test_durations_are_spoken_without_a_minute_of_sixty_seconds() -> None:
    assert [spoken_duration(seconds) for seconds in (-1, 0, 59.4, 59.6, 61, 3599.6, 7380)] == [
        "0 s", "0 s", "59 s", "1 min 00 s", "1 min 01 s", "1 h 00 min", "2 h 03 min",
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------------- --set


def test_settings_reach_every_depth_and_read_values_as_meant() -> None:
    changed = with_settings(
        Outer(),
        ["count=7", " inner.rate = 2 ", "name=a=b", "on=true", "limit=4", "inner.kind=fancy", "inner.sizes=[3,4]"],
    )
    assert changed == Outer(count=7, name="a=b", on=True, limit=4, inner=Inner(rate=2.0, kind="fancy", sizes=(3, 4)))
    assert with_settings(changed, ["limit=null", "on=false"]) == with_settings(changed, ["limit=None", "on=False"])
    assert with_settings(Outer(), []) == Outer()


def test_values_that_depend_on_each_other_are_checked_together() -> None:
    assert with_settings(Outer(), ["count=0", "count=2"]).count == 2
    assert said(with_settings, Outer(), ["count=2", "count=0"]) == "count must be at least 1; got 0."


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("count", 'write key=value, for example model.hidden=512; got "count"'),
        ("", "write key=value"),
        ("=3", "write key=value"),
        ("cuont=3", 'unknown key "cuont". Did you mean "count"?'),
        ("inner.rat=3", 'unknown key "inner.rat". Did you mean "inner.rate"?'),
        ("rate=3", 'unknown key "rate". Did you mean "inner.rate"?'),
        ("iner.rate=3", 'unknown key "iner.rate". Did you mean "inner.rate"?'),
        ("inner.zzz=3", 'unknown key "inner.zzz". Known here: inner.rate, inner.kind, inner.sizes.'),
        ("zzz=3", 'unknown key "zzz". Known here: count, limit, name, on, inner.'),
        ("count.x=3", 'unknown key "count.x".'),
        ("inner..rate=3", 'unknown key "inner..rate". Did you mean "inner.rate"?'),
        ("inner=3", '"inner" is a group; name one key in it: inner.rate, inner.kind, inner.sizes.'),
        ("count=many", 'count: expected a whole number; got "many".'),
        ("count=1.5", "count: expected a whole number; got 1.5."),
        ("count=", 'count: expected a whole number; got "".'),
        ("limit=x", 'limit: expected a whole number or null; got "x".'),
        ("on=yes", 'on: expected true or false; got "yes".'),
        ("name=3", "name: expected text; got 3."),
        ("inner.rate=1e999", 'inner.rate: expected a number; got "1e999".'),
        ("inner.rate=nan", 'inner.rate: expected a number; got "nan".'),
        ("inner.kind=fancu", 'inner.kind: expected one of plain, fancy; got "fancu". Did you mean "fancy"?'),
        ("inner.sizes=3", "inner.sizes: expected a list; got 3."),
        ('inner.sizes=[1,"x"]', 'inner.sizes: expected a whole number; got [1,"x"].'),
    ],
)
def test_impossible_settings_say_what_is_meant(setting: str, message: str) -> None:
    assert said(with_settings, Outer(), [setting]).startswith("--set: ")
    assert message in said(with_settings, Outer(), [setting])


@given(st.text(max_size=30))
def test_any_word_is_a_setting_or_refused(word: str) -> None:
    for setting in (word, f"inner.{word}", f"count={word}", f"inner.kind={word}", f"inner.sizes={word}"):
        with suppress(ConfigError):
            with_settings(Outer(), [setting])


# ------------------------------------------------------------------------------------------ from and to data


def test_configs_survive_being_written_down() -> None:
    config = Outer(count=9, inner=Inner(kind="fancy", sizes=(5, 6)))
    assert from_dict(Outer, to_dict(config)) == config


def test_unknown_keys_are_refused_at_every_depth() -> None:
    assert said(from_dict, Outer, {"cuont": 1}, where="config.json") == (
        'config.json: unknown key "cuont". Did you mean "count"?'
    )
    assert 'unknown key "rat". Did you mean "rate"?' in said(from_dict, Outer, {"inner": {"rat": 1}})


def test_nothing_is_converted_behind_the_users_back() -> None:
    for values in ({"count": "3"}, {"count": 3.0}, {"on": 1}, {"name": None}, {"inner": []}, {"inner": {"rate": "1"}}):
        assert "expected" in said(from_dict, Outer, values)


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=5))
def test_hints_are_known_words(name: str, known: list[str]) -> None:
    hint = nearest(name, known)
    assert not hint or any(f'"{word}"' in hint for word in known)
