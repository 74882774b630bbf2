"""Typed, closed, frozen configuration, and the words users write it in.

A config is a subclass of ``Config``, placed directly above what it configures. Unknown keys are
refused with the nearest known one, wherever they come from: ``--set``, Python or a run folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from transduce.errors import ConfigError, nearest


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all configs. Subclasses check their values in ``__post_init__`` with ``require``.

    They repeat ``frozen=True, kw_only=True``: the second is not inherited, the first tells type checkers.
    """


C = TypeVar("C", bound=Config)


def require(condition: bool, message: str) -> None:
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
            known = _fields_at(kind, unknown[2] or "")
            raise ConfigError(f'{at}unknown key "{unknown[1]}".{nearest(unknown[1], known)}') from None
        raise ConfigError(at + _plain_words(str(error))) from None


def with_settings(config: C, settings: Iterable[str], *, where: str = "--set") -> C:
    """``config`` changed by ``key=value`` words, where a key is a dotted path ("model.hidden=512").

    Values are read as JSON where that works (numbers, true, false, null) and as text otherwise.
    Raises ``ConfigError`` for a word without "=", an unknown key or an impossible value.
    """
    values = to_dict(config)
    for setting in settings:
        path, equals, value = setting.partition("=")
        require(bool(equals), f'{where}: write key=value, for example model.hidden=512; got "{setting}".')
        *parents, leaf = path.strip().split(".")
        place: Any = values
        for depth, key in enumerate([*parents, leaf]):
            # The known keys at this depth are those of the written-out config: every field is there.
            if not isinstance(place, dict) or key not in place or key == "family":
                known = list(place) if isinstance(place, dict) else []
                prefix = ".".join([*parents, leaf][:depth])
                hint = nearest(key, known)
                listed = f" Known here: {', '.join(k for k in known if k != 'family')}." if known and not hint else ""
                raise ConfigError(f'{where}: unknown key "{path}".{_with_prefix(hint, prefix)}{listed}')
            if depth < len(parents):
                place = place[key]
        require(not isinstance(place[leaf], dict), f'{where}: "{path}" is a group; name one key inside it.')
        place[leaf] = _value(value.strip())
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
    require(seconds > 0, f'a duration must be longer than nothing; got "{text}".')
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
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _with_prefix(hint: str, prefix: str) -> str:
    return hint.replace('mean "', f'mean "{prefix}.') if prefix else hint


def _fields_at(kind: type[Config], path: str) -> list[str]:
    """Names of the fields of the struct that ``path`` ("model.encoder") leads to."""
    for name in filter(None, path.split(".")):
        found = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}.get(name)
        if not (isinstance(found, type) and issubclass(found, Config)):
            return []
        kind = found
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def _plain_words(message: str) -> str:
    """msgspec's message in our words: the key first, then what is wrong."""
    found = re.fullmatch(r"(.*) - at `\$\.?([^`]*)`", message, flags=re.DOTALL)
    return f"{found[2]}: {found[1]}" if found and found[2] else message
