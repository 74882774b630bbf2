"""What the pages of the course share: where pictures go, how they look, and how long a page may take.

``python docs/course/build.py`` makes the pages; a page's script also runs alone (``python docs/course/01_equations.py``).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

HERE = Path(__file__).parent
QUICK = "TRANSDUCE_COURSE_QUICK"  # set: the tests run the pages; what takes minutes is cut to seconds
PICTURES = "TRANSDUCE_COURSE_PICTURES"  # where pictures go instead of docs/course/pictures

plt.rcParams.update({
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 110,
    "axes.prop_cycle": matplotlib.cycler(color=["#1f5f99", "#c8553d", "#588157", "#8a6fb0"]),
})  # fmt: skip

Amount = TypeVar("Amount")


def quick() -> bool:
    """Whether this is a test, which needs a page's code to run and not its figures."""
    return bool(os.environ.get(QUICK))


def amount(full: Amount, *, in_tests: Amount) -> Amount:
    """``full`` when the page is built, ``in_tests`` when a test only asks whether it still runs."""
    return in_tests if quick() else full


def save(figure: Figure, name: str) -> None:
    """Write a picture of a page, and close it."""
    folder = Path(os.environ.get(PICTURES) or HERE / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    # Without the date and the version of the library, the same picture is the same file.
    figure.savefig(folder / name, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
