"""The course runs, and its committed pages are what its scripts say and print."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
COURSE = ROOT / "docs/course"
NUMBER = re.compile(r"-?\d[\d,]*\.?\d*(?:e[+-]\d+)?")


def _builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("course_build", COURSE / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


build = _builder()
SCRIPTS = build.scripts()


def trains(script: Path) -> bool:
    """Whether a page takes minutes when it is built, so that a test runs less of it and gets other figures."""
    return "amount(" in script.read_text(encoding="utf-8")


def same_but_for_last_digits(printed: str, committed: str) -> bool:
    """The same text, and numbers that agree to about three digits."""
    if NUMBER.sub("#", printed).split() != NUMBER.sub("#", committed).split():
        return False
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(committed), strict=True)
    return all(math.isclose(*(float(each.replace(",", "")) for each in pair), rel_tol=2e-3, abs_tol=1e-9)
               for pair in pairs)  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_page_runs_and_is_the_committed_one(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSDUCE_COURSE_QUICK", "1")
    monkeypatch.setenv("TRANSDUCE_COURSE_PICTURES", str(tmp_path))
    cells = build.cells_of(script)
    printed = build.run(script, cells)
    for language in build.LANGUAGES:
        made = build.page(script, cells, printed, language)
        path = build.page_path(script, language)
        committed = path.read_text(encoding="utf-8")
        again = f"{path.name} is not what {script.name} makes; run: make course"
        assert build.without_output(made) == build.without_output(committed), again
        if not trains(script):
            outputs = zip(build.outputs(made), build.outputs(committed), strict=True)
            assert all(same_but_for_last_digits(*pair) for pair in outputs), again
        drawn = {Path(name).name for name in re.findall(r"\]\((pictures/[^)]+)\)", committed)}
        assert drawn == {path.name for path in tmp_path.iterdir()}


def test_every_picture_is_small_and_shown() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in COURSE.glob("*.md"))
    for picture in (COURSE / "pictures").iterdir():
        assert f"(pictures/{picture.name})" in pages, f"{picture.name} stands on no page"
        assert picture.stat().st_size <= 60_000, f"{picture.name} is too large"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_both_languages_say_the_same(script: Path) -> None:
    english, chinese = ([cell.text for cell in build.cells_of(script) if cell.kind == kind] for kind in ("en", "zh"))
    assert len(english) == len(chinese)
    for ours, theirs in zip(english, chinese, strict=True):
        for pattern in (r"^#+ ", r"\]\((?!\S*\.md)([^)]+)\)", r"^```"):  # headings, links but to pages, code
            assert len(re.findall(pattern, ours, flags=re.M)) == len(re.findall(pattern, theirs, flags=re.M)), ours
        equations = [re.sub(r"\\text\{[^}]*\}", "", text) for text in (ours, theirs)]
        assert re.findall(r"\$\$.*?\$\$", equations[0]) == re.findall(r"\$\$.*?\$\$", equations[1]), ours


@pytest.mark.parametrize("page", sorted(COURSE.glob("*.md")), ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("language", build.LANGUAGES)
def test_contents_list_every_page_in_order(language: str) -> None:
    text = (COURSE / f"README{build.LANGUAGES[language]}.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\d+\. \[.*?\]\((\S+)\)", text, flags=re.M)
    assert listed == [build.page_path(script, language).name for script in SCRIPTS]


def test_corrected_program_is_quoted_as_it_is() -> None:
    page = (COURSE / "09-article-program.md").read_text(encoding="utf-8")
    program = {line.strip() for line in (ROOT / "examples/article_keras.py").read_text(encoding="utf-8").splitlines()}
    quoted = re.findall(r"^```python\n# examples/article_keras.py\n(.*?)^```", page, flags=re.M | re.S)
    assert len(quoted) >= 3
    for block in quoted:
        for line in block.splitlines():
            assert line.strip() in program, line
