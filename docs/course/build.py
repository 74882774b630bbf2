"""Make the pages of the course from their scripts: ``make course``, or ``python docs/course/build.py [01 02 ...]``.

A script is Python in cells. ``# %% [markdown] en`` and ``# %% [markdown] zh`` open prose in the two languages,
``# %%`` opens code that both share, ``# %% [picture]`` code that only draws: a page folds it away.
Every page is run; it shows its prose, its code, and what the code printed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent
LANGUAGES = {"en": "", "zh": ".zh-CN"}  # language: what stands before .md
FOLDED = {"en": "The code of the picture", "zh": "画图的代码"}
CONTENTS = {"en": "Contents", "zh": "目录"}
NAMES = {"en": "English", "zh": "中文"}
CHINESE = "\u2018-\u201d\u3000-\u303f\u4e00-\u9fff\uff00-\uffef"
MADE = "<!-- Made by docs/course/build.py from {script}; edit that. -->\n"
OUTPUT = "```text\n"  # opens what a cell printed, and nothing else


@dataclass(frozen=True)
class Cell:
    """A piece of a script."""

    kind: Literal["en", "zh", "code", "picture"]
    text: str
    line: int  # of its text in the script, from 1


def scripts() -> list[Path]:
    """The scripts of the course, in its order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def cells_of(script: Path) -> list[Cell]:
    """The cells of a script. Raises ``ValueError`` for a mark that is not known."""
    kinds = {"": "code", "[picture]": "picture", "[markdown] en": "en", "[markdown] zh": "zh"}
    cells: list[Cell] = []
    parts = re.split(r"^# %%[ ]?(.*)\n", script.read_text(encoding="utf-8"), flags=re.M)
    line = parts[0].count("\n") + 2
    for mark, text in zip(parts[1::2], parts[2::2], strict=True):
        if mark not in kinds:
            raise ValueError(f'{script.name}, line {line - 1}: unknown mark "{mark}"; known: {", ".join(kinds)}')
        kind = kinds[mark]
        if kind in LANGUAGES:
            body = "".join(row.removeprefix("#").removeprefix(" ") for row in text.splitlines(keepends=True))
        else:
            body = text
        cells.append(Cell(kind, body.strip("\n"), line))  # type: ignore[arg-type]
        line += text.count("\n") + 1
    return cells


def run(script: Path, cells: list[Cell]) -> list[str]:
    """Run the code of a page in order. Returns what each cell printed."""
    import torch

    names: dict[str, object] = {"__name__": "__main__", "__file__": str(script)}
    printed = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng())
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)  # the order of additions, and with it the last digits, are the same everywhere
        sys.path.insert(0, str(HERE))
        stack.callback(sys.path.remove, str(HERE))
        for cell in cells:
            out = io.StringIO()
            if cell.kind not in LANGUAGES:
                # Line feeds in front: a traceback names the line of the script.
                code = compile("\n" * (cell.line - 1) + cell.text, str(script), "exec")
                with contextlib.redirect_stdout(out):
                    exec(code, names)
            printed.append(out.getvalue())
    return printed


def printed_before(script: Path, cells: list[Cell]) -> list[str]:
    """What the code printed when the page was last made. Raises ``SystemExit`` where the code is another since."""
    text = page_path(script, "en").read_text(encoding="utf-8")
    found = re.findall(
        rf"^```python\n(.*?)\n```$(?:\n\n</details>)?(?:\n\n{OUTPUT}(.*?)\n```$)?", text, flags=re.M | re.S
    )
    made = [(code, out) for code, out in found if code in {cell.text for cell in cells}]
    code = [cell.text for cell in cells if cell.kind not in LANGUAGES]
    if [each for each, _ in made] != code:
        raise SystemExit(f"{script.name}: its code is not that of the page; make it without --prose.")
    outputs = iter(out for _, out in made)
    return ["" if cell.kind in LANGUAGES else next(outputs) for cell in cells]


def page(script: Path, cells: list[Cell], printed: list[str], language: str) -> str:
    """The page in one language, as Markdown."""
    parts = [MADE.format(script=script.name), links(script, language)]
    for cell, out in zip(cells, printed, strict=True):
        if cell.kind == language:
            # A line break behind a Chinese character would be shown as a space.
            parts.append(re.sub(rf"(?<=[{CHINESE}])\n(?=[{CHINESE}*`](?!``))", "", cell.text) + "\n")
        elif cell.kind == "code":
            parts.append(f"```python\n{cell.text}\n```\n")
        elif cell.kind == "picture":
            parts.append(
                f"<details><summary>{FOLDED[language]}</summary>\n\n```python\n{cell.text}\n```\n\n</details>\n"
            )
        if out.strip():
            parts.append(f"{OUTPUT}{out.rstrip()}\n```\n")
    return "\n".join(parts)


def title(script: Path, language: str) -> str:
    """The heading of a page."""
    return next(cell.text for cell in cells_of(script) if cell.kind == language).splitlines()[0].removeprefix("# ")


def links(script: Path, language: str) -> str:
    """The line that leads to the contents, the neighbours and the other language."""
    around, place = scripts(), scripts().index(script)
    other = next(each for each in LANGUAGES if each != language)
    found = [f"[{CONTENTS[language]}](README{LANGUAGES[language]}.md)"]
    for arrow, there in (("←", place - 1), ("→", place + 1)):
        if 0 <= there < len(around):
            found.append(f"{arrow} [{title(around[there], language)}]({page_path(around[there], language).name})")
    found.append(f"[{NAMES[other]}]({page_path(script, other).name})")
    return " · ".join(found) + "\n"


def page_path(script: Path, language: str) -> Path:
    """Where the page of a script stands: 01_equations.py makes 01-equations.md and 01-equations.zh-CN.md."""
    return HERE / f"{script.stem.replace('_', '-')}{LANGUAGES[language]}.md"


def without_output(text: str) -> str:
    """A page without what its code printed."""
    return re.sub(r"^```text\n.*?^```\n\n?", "", text, flags=re.M | re.S)


def outputs(text: str) -> list[str]:
    """What the code of a page printed, cell by cell."""
    return re.findall(r"^```text\n(.*?)^```$", text, flags=re.M | re.S)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the pages of the course and write them in both languages.")
    parser.add_argument("pages", nargs="*", help="numbers of the pages to make, such as 01 06; none: all")
    parser.add_argument("--prose", action="store_true", help="keep what the code printed; only the prose has changed")
    options = parser.parse_args()
    for script in scripts():
        if options.pages and script.stem[:2] not in options.pages:
            continue
        began = time.perf_counter()
        cells = cells_of(script)
        printed = printed_before(script, cells) if options.prose else run(script, cells)
        for language in LANGUAGES:
            page_path(script, language).write_text(page(script, cells, printed, language), encoding="utf-8")
        print(f"{script.stem}: {time.perf_counter() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
