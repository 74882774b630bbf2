"""What README and docs say is true: commands run, Python runs, the file tree is the one on disk, links lead somewhere."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.zh-CN.md"]
PAGES = [*READMES, *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]


def blocks(page: str, language: str = "") -> list[str]:
    """The fenced code blocks of a page that are marked with ``language``."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), flags=re.M | re.S)
    return [content for mark, content in fenced if mark == language]


def commands(page: str) -> list[str]:
    """The lines of a page's blocks that a reader would type into a shell."""
    lines = [line.removeprefix("$ ") for block in blocks(page) for line in block.splitlines()]
    return [line for line in lines if re.match(r"(cat \S+ \| )?transduce \w", line)]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README speaks of, made from the built-in pairs."""
    from transduce import builtin_pairs

    folder = tmp_path_factory.mktemp("readme")
    pairs = builtin_pairs(240, seed=3)
    for name, part in (("pairs.csv", pairs[:200]), ("val.csv", pairs[200:220]), ("test.csv", pairs[220:])):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("english", "french"), *part])
    (folder / "lines.txt").write_text("".join(f"{source}\n" for source, _ in pairs[:5]), encoding="utf-8")
    return folder


def quick(command: str) -> str:
    """The same command with three training steps in place of minutes."""
    return re.sub(r"--budget \S+", "--steps 3", command)


def test_commands_and_python_of_the_readme_run(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the page: the Python loads what the commands have trained."""
    found = [command for command in dict.fromkeys(map(quick, commands("README.md"))) if " demo" not in command]
    assert len(found) >= 7
    program = f"{sys.executable} -m transduce"
    trained = "--steps 3"
    for command in found:
        if command.startswith("transduce train") and trained not in command and "--set list" not in command:
            command += " --steps 3"
        shell = command.replace("transduce ", f"{program} ", 1)
        done = subprocess.run(shell, shell=True, cwd=workshop, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert len((workshop / "out.txt").read_text(encoding="utf-8").splitlines()) == 5
    monkeypatch.chdir(workshop)
    python = blocks("README.md", "python")
    assert python
    for block in python:
        exec(block.replace('budget="5m"', "steps=3"), {})


@pytest.mark.parametrize("page", READMES)
def test_readmes_show_the_tree_on_disk(page: str) -> None:
    tree = next(block for block in blocks(page) if block.startswith("transduce/\n"))
    shown = {line.split()[0].rstrip("/") for line in tree.splitlines()[1:] if line.startswith("  ") and line[2] != " "}
    package = ROOT / "transduce"
    there = {path.name for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert shown == there - {"__init__.py", "__main__.py"}


def test_both_readmes_give_the_same_commands() -> None:
    assert commands("README.md") == commands("README.zh-CN.md")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_modules_named_on_the_one_page_exist() -> None:
    text = (ROOT / "docs/all-of-transduce.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:\w+/)*\w+\.py)", text):
        assert (ROOT / name).exists() or (ROOT / "transduce" / name).exists(), name
