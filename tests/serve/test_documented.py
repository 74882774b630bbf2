"""docs/serve.md, the command line and the settings say the same."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import run_command
from transduce.serve.settings import ServeConfig

PAGE = (Path(__file__).parents[2] / "docs/serve.md").read_text(encoding="utf-8")
HELP = run_command("serve", "--help").out


def test_limits_in_the_docs_are_the_defaults_and_stand_in_the_help() -> None:
    rows = dict(re.findall(r"^\| --([a-z-]+) \| ([\d.,]+) \|", PAGE, re.MULTILINE))
    defaults = ServeConfig()
    assert len(rows) > 20
    for option, told in rows.items():
        value = getattr(defaults, option.replace("-", "_"))
        assert float(told.replace(",", "")) == value, option
        assert float(re.search(rf"--{option} <.*?\[default:\s+([\d.]+)\]", HELP, re.DOTALL)[1]) == value  # type: ignore[index]


def test_every_option_named_in_the_docs_exists() -> None:
    ours = re.sub(r"`python benchmarks/[^`]*`", "", PAGE)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours)) - {
        "--read-only",
        "--no-cache-dir",
        "--index-url",
        "--json",
    }
    assert not {option for option in named if option not in HELP}


def test_every_setting_can_be_set() -> None:
    others = {"allowed_hosts": "--allow-host", "origins": "--origin", "proxies": "--proxy"}
    for name in ServeConfig.__struct_fields__:
        assert others.get(name, f"--{name.replace('_', '-')}") in HELP


def test_the_tests_that_the_docs_name_are_there() -> None:
    here = Path(__file__).parent
    table = PAGE[PAGE.index("| risk | here | tests |") :].split("\n\n", 1)[0]
    known = {name: found.name for found in here.glob("test_*.py")
             for name in re.findall(r"^def (test_\w+)", found.read_text(encoding="utf-8"), re.MULTILINE)}  # fmt: skip
    named = set(re.findall(r"`(test_\w+)`", table))
    assert len(re.findall(r"^\| \d+ ", table, re.MULTILINE)) == 10
    assert len(named) >= 15
    assert not {name for name in named if name not in known}
