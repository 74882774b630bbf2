"""Papers' recipes, each a function named for what it reproduces, in the file of its paper.

    transduce train pairs.csv --preset tiny-transformer --budget 30m

    from transduce.presets import tiny_transformer
    transduce.train("pairs.csv", recipe=tiny_transformer(), budget="30m")

A preset gives every setting a beginning; ``--set`` changes any of them, and ``--budget``, ``--steps`` or
``--epochs`` take the place of the paper's length of training. Its docstring has the paper's own figures under
"Paper", where our code does otherwise under "Departures", and what to expect under "Expect"; the settings
are what the function returns.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import msgspec

from transduce.config import to_dict
from transduce.errors import ConfigError, nearest
from transduce.presets.bahdanau2015 import bahdanau2015
from transduce.presets.cho2014 import cho2014
from transduce.presets.luong2015 import luong2015
from transduce.presets.sutskever2014 import sutskever2014
from transduce.presets.tiny import tiny_transformer
from transduce.presets.vaswani2017 import vaswani2017_base, vaswani2017_big
from transduce.request import Recipe, Settings

__all__ = [
    "PRESETS",
    "bahdanau2015",
    "cho2014",
    "find",
    "lines",
    "luong2015",
    "overview",
    "page",
    "sutskever2014",
    "tiny_transformer",
    "vaswani2017_base",
    "vaswani2017_big",
]

# In the order of the papers.
PRESETS: tuple[Callable[[], Recipe], ...] = (
    cho2014,
    sutskever2014,
    bahdanau2015,
    luong2015,
    vaswani2017_base,
    vaswani2017_big,
    tiny_transformer,
)


def find(name: str) -> Recipe:
    """The preset of this name, "vaswani2017-base" or "vaswani2017_base". Raises ``ConfigError`` for no such one."""
    return _function(name)()


def lines(settings: Settings) -> list[str]:
    """Every setting as ``--set`` takes it: "model.hidden=512", a line each."""
    values = {group: to_dict(getattr(settings, group)) for group in Settings.__struct_fields__}
    return _lines(values, "")


def overview() -> list[str]:
    """A line for each preset."""
    width = max(len(_name(preset)) for preset in PRESETS)
    told = [f"{_name(preset):<{width}}  {_documentation(preset)[0].rstrip('.')}" for preset in PRESETS]
    return [*told, "", "More of one: transduce presets NAME. Train with it: transduce train pairs.csv --preset NAME"]


def page(name: str) -> list[str]:
    """One preset: what it is, where from, what to expect, and each setting that is not the default."""
    preset = _function(name)
    recipe = preset()
    usual = [*lines(Settings(model=type(recipe.model)()))]
    own = [line for line in lines(recipe) if line not in usual or line.startswith("model.family")]
    return [f"{_name(preset)}: {_documentation(preset)[0]}", *_documentation(preset)[1:], "",
            "Settings (all others are the defaults: transduce presets NAME --settings)", "",
            *[f"    {line}" for line in own], "",
            f"Train: transduce train pairs.csv --preset {_name(preset)}; add --budget 30m, --steps or --epochs to end "
            "at another time, and --set KEY=VALUE to change any setting."]  # fmt: skip


def _function(name: str) -> Callable[[], Recipe]:
    known = {_name(preset): preset for preset in PRESETS}
    found = known.get(name.strip().lower().replace("_", "-"))
    if found is None:
        raise ConfigError(f'there is no preset "{name}".{nearest(name, known)} Known: {", ".join(known)}.')
    return found


def _name(preset: Callable[[], Recipe]) -> str:
    return preset.__name__.replace("_", "-")


def _documentation(preset: Callable[[], Recipe]) -> list[str]:
    return (inspect.getdoc(preset) or "").splitlines()


def _lines(values: Mapping[str, object], prefix: str) -> list[str]:
    found = []
    for key, value in values.items():
        if isinstance(value, dict):
            found += _lines(value, f"{prefix}{key}.")
        else:
            found.append(f"{prefix}{key}={value if isinstance(value, str) else msgspec.json.encode(value).decode()}")
    return found
