"""Typed, closed, frozen configuration, and the words users write it in.

A config is a subclass of ``Config``, placed directly above what it configures. Unknown keys are
refused with the nearest known one, wherever they come from: ``--set``, Python or a run folder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from transduce.errors import ConfigError, nearest


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all configs. Subclasses check their values in ``__post_init__`` with ``require``.

    They repeat ``frozen=True, kw_only=True``: the second is not inherited, the first tells type checkers.
    """


C = TypeVar("C", bound=Config)


def require(condition: bool, message: str) -> None:  # noqa: FBT001
    """Raise ``ConfigError(message)`` unless ``condition`` holds."""
    if not condition:
        raise ConfigError(message)


def to_dict(config: Config) -> dict[str, Any]:
    """The config as plain JSON-able data, tag fields included."""
    plain: dict[str, Any] = msgspec.to_builtins(config)
    return plain


def from_dict(kind: type[C], values: Mapping[str, Any], *, where: str = "") -> C:
    """Build a config of type ``kind`` from plain data.

    ``where`` prefixes the messages ("config.json", "--set"). Raises ``ConfigError`` for an unknown
    key (with the nearest known one), a wrong type or an impossible value.
    """
    at = f"{where}: " if where else ""
    try:
        return msgspec.convert(dict(values), kind, strict=True)
    except msgspec.ValidationError as error:
        unknown = re.search(r"unknown field `([^`]+)`(?: - at `\$\.?([^`]*)`)?", str(error))
        if unknown:
            known = _fields_at(kind, unknown[2] or "", values)
            raise ConfigError(f'{at}unknown key "{unknown[1]}".{nearest(unknown[1], known)}') from None
        raise ConfigError(at + _plain_words(str(error), kind, values)) from None


def with_settings(config: C, settings: Iterable[str], *, where: str = "--set") -> C:
    """``config`` changed by ``key=value`` words, where a key is a dotted path ("model.hidden=512").

    Values are read as JSON where that works (numbers, true, false, null) and as text otherwise. Where a group
    is one of several families, ``model.family=transformer`` puts that family's defaults in its place, before any
    other word of the group is read. Raises ``ConfigError`` for a word without "=", an unknown key or an
    impossible value.
    """
    values = to_dict(config)
    for setting in sorted(settings, key=lambda each: not each.partition("=")[0].strip().endswith(".family")):
        path, equals, value = (part.strip() for part in setting.partition("="))
        require(bool(equals and path), f'{where}: write key=value, for example model.hidden=512; got "{setting}".')
        *parents, leaf = path.split(".")
        place: Any = values
        for key in parents:
            place = place.get(key) if isinstance(place, dict) else None
        group = ".".join(parents)
        if leaf == "family" and (families := _families(_type_at(type(config), group, None))):
            if place["family"] != value:
                require(value in families, f"{where}: {path}: expected one of {', '.join(families)}; "
                        f'got "{value}".{nearest(value, families)}')  # fmt: skip
                place.clear()
                place.update(to_dict(families[value]()))
            continue
        # Every key is known: the written-out config has every field.
        if not isinstance(place, dict) or leaf not in place or leaf == "family":
            others = _families(_type_at(type(config), group, None)).items()
            owner = next((name for name, each in others if leaf in each.__struct_fields__), None)
            if owner:
                raise ConfigError(f'{where}: "{path}" is a key of {group}.family={owner}, and this is '
                                  f'{place["family"]}. Add --set {group}.family={owner}, or leave it out.')  # fmt: skip
            raise ConfigError(f'{where}: unknown key "{path}".{_nearest_path(path, values)}')
        if isinstance(place[leaf], dict):
            inside = ", ".join(f"{path}.{key}" for key in place[leaf] if key != "family")
            raise ConfigError(f'{where}: "{path}" is a group; name one key in it: {inside}.')
        place[leaf] = _value(value)
    return from_dict(type(config), values, where=where)


def duration(text: str) -> float:
    """Seconds in a duration as users write it: ``90s``, ``5m``, ``1h30m``; a bare number is minutes.

    Raises ``ConfigError`` for anything else, and for zero.
    """
    word = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", word):
        seconds = float(word) * 60
    else:
        parts = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?", word)
        require(bool(parts and word), f'cannot read "{text}" as a duration; write 90s, 5m or 1h30m.')
        assert parts is not None
        seconds = sum(float(part or 0) * unit for part, unit in zip(parts.groups(), (3600, 60, 1), strict=True))
    require(0 < seconds < math.inf, f'a duration must be longer than nothing, and end; got "{text}".')
    return seconds


def spoken_duration(seconds: float) -> str:
    """Seconds in short words: ``45 s``, ``5 min 07 s``, ``2 h 03 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _value(text: str) -> Any:
    """What a word after "=" means: JSON, Python's spelling of true, false and null, or the text itself."""
    try:
        return msgspec.json.decode({"True": "true", "False": "false", "None": "null"}.get(text, text))
    except msgspec.DecodeError:
        return text


def _nearest_path(path: str, values: Mapping[str, Any]) -> str:
    """A hint at the key that was meant by an unknown ``path``: a key of that name elsewhere, or one spelled like it."""
    known = [each for each in _paths(values) if each.rpartition(".")[2] != "family"]
    group, _, leaf = path.rpartition(".")
    elsewhere = [each for each in known if each.rpartition(".")[2] == leaf]
    if elsewhere:
        return f' Did you mean "{elsewhere[0]}"?'
    inside = [each.rpartition(".")[2] for each in known if group and each.rpartition(".")[0] == group]
    hint = nearest(leaf, inside).replace('mean "', f'mean "{group}.') if inside else nearest(path, known)
    if hint or not known:
        return hint
    tops = dict.fromkeys(each.partition(".")[0] for each in known)
    return f" Known here: {', '.join([f'{group}.{name}' for name in inside] or tops)}."


def _paths(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted path of every value that is no group."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def _families(kind: Any) -> dict[str, type[Config]]:
    """The members of a union of configs by their tags; of any other type none."""
    members = [each for each in get_args(kind) if isinstance(each, type) and issubclass(each, Config)]
    return {str(each.__struct_config__.tag): each for each in members if each.__struct_config__.tag}


def _type_at(kind: Any, path: str, values: Any) -> Any:
    """The type of the field that ``path`` ("model.cell", "" for ``kind`` itself) leads to; None where there is none.

    values: what was given for ``kind``, which tells the member of a union; None keeps the union itself.
    """
    for name in filter(None, path.split(".")):
        if not (isinstance(kind, type) and issubclass(kind, Config)):
            return None
        kind = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}.get(name)
        values = values.get(name) if isinstance(values, Mapping) else None
        if isinstance(values, Mapping):
            kind = _families(kind).get(str(values.get("family")), kind)
    return kind


def _fields_at(kind: type[Config], path: str, values: Mapping[str, Any]) -> list[str]:
    """Names of the fields of the struct that ``path`` ("model.encoder") leads to."""
    found = _type_at(kind, path, values)
    if not (isinstance(found, type) and issubclass(found, Config)):
        return []
    return [field.encode_name for field in msgspec.structs.fields(found)]


def _words_of(kind: Any) -> list[str]:
    """The words that a ``Literal``, alone or in a union, allows."""
    if get_origin(kind) is Literal:
        return [str(word) for word in get_args(kind)]
    return [word for part in get_args(kind) for word in _words_of(part)]


_TYPES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text", "array": "a list",
          "object": "a group", "null": "null"}  # fmt: skip


def _plain_words(message: str, kind: type[Config], values: Mapping[str, Any]) -> str:
    """msgspec's message in our words: the key first, then what is expected and what was given."""
    found = re.fullmatch(r"(.*) - at `\$\.?([^`]*)`", message, flags=re.DOTALL)
    if not found or not found[2]:
        return message
    problem, path = found.groups()
    key = path.partition("[")[0]
    given: Any = values
    for name in key.split("."):
        given = given.get(name) if isinstance(given, Mapping) else None
    try:
        shown = msgspec.json.encode(given).decode()
    except (TypeError, ValueError, OverflowError):
        shown = repr(given)
    got = f"got {shown if len(shown) <= 60 else shown[:57] + '...'}."
    if problem.startswith("Invalid enum value"):
        words = _words_of(_type_at(kind, key, values))
        return f"{key}: expected one of {', '.join(words)}; {got}{nearest(str(given), words)}"
    if expected := re.match(r"Expected `([^`]+)`, got ", problem):
        spoken = " or ".join(_TYPES.get(word, word) for word in expected[1].split(" | "))
        return f"{key}: expected {spoken}; {got}"
    return f"{key}: {problem}; {got}"
