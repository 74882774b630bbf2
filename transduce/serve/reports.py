"""report.md as others may read it: without the folders of the machine that wrote it."""

from __future__ import annotations

import re

_FOLDER = re.compile(r"""(?P<before>\btransduce (?:translate|evaluate) |\btransduce\.load\()"""
                     r"""(?P<folder>(?:'[^'\n]*'|"[^"\n]*"|[^\s'")])+)""")  # fmt: skip
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def without_folders(report: str, name: str) -> str:
    """The report with ``name`` for the run's folder in the commands that say how to use it."""

    def named(found: re.Match[str]) -> str:
        return found["before"] + (repr(name) if found["before"].endswith("(") else name)

    return _FENCE.sub(lambda fence: _FOLDER.sub(named, fence.group()), report)
