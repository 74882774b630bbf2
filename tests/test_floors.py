"""A module imports only from lower floors, or from its own folder; data never meets models."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "transduce"
# Lower is deeper. Modules of one floor may import those before them in its list, and their own folder.
FLOORS = [
    ["errors", "config", "files", "metrics", "terminal", "reference"],
    ["data", "models"],
    ["decoding"],
    ["training"],
    ["request", "run", "evaluation", "transducer", "report", "members", "decide", "pipeline"],
    ["explain", "compress", "export", "serve", "presets"],
    ["cli"],
    ["__main__"],
]
APART = {("data", "models"), ("models", "data")}
PLACE = {name: (floor, place) for floor, names in enumerate(FLOORS) for place, name in enumerate(names)}


def imported_modules(path: Path) -> set[str]:
    """Our own modules that a file imports, at any depth of the code, without the TYPE_CHECKING ones of ``__init__``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {
                f"{node.module}.{alias.name}" if node.module == "transduce" else str(node.module)
                for alias in node.names
            }
    return {name for name in found if name.split(".")[0] == "transduce" and name != "transduce.__version__"}


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    here = path.relative_to(PACKAGE).with_suffix("").parts[0]
    assert here in PLACE, f"{here} has no floor: add it to FLOORS"
    for name in imported_modules(path):
        there = name.split(".")[1]
        if there == here:
            continue
        assert (here, there) not in APART, f"{here} and {there} never meet: {name}"
        down = PLACE[there][0] < PLACE[here][0]
        earlier = PLACE[there][0] == PLACE[here][0] and PLACE[there][1] < PLACE[here][1] and PLACE[here][0] in (0, 4)
        assert down or earlier, f"{here} is not above {there}: {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "data").rglob("*.py")), ids=lambda path: path.name)
def test_data_never_imports_torch(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not {name for name in names if name.split(".")[0] == "torch"}
