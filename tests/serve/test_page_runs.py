"""The pages of runs in a real browser: curves, samples and report, also while a run trains; two runs side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from tests.browser import browser, faint_text, opened, overflowing, without_name
from tests.serve.conftest import Host, altered, running
from transduce.run import METRICS, REPORT
from transduce.transducer import Transducer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]
HOSTILE = "<img src=x onerror='window.hit=1'>"


@pytest.fixture
def live(run_copy: Path) -> Path:
    """A run that has no report yet."""
    (run_copy / REPORT).unlink()
    return run_copy


@pytest.fixture(scope="module")
def other(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run beside the tiny one that answers otherwise: its weights are drawn anew."""
    torch.manual_seed(3)
    return altered(trained, tmp_path_factory.mktemp("other") / "other",
                   weights=lambda weight: torch.empty_like(weight).uniform_(-0.2, 0.2))  # fmt: skip


@contextmanager
def showing(browser: Browser, host: Host, runs: list[Path], where: str, **options: object) -> Iterator[Page]:
    with (
        running(host, runs) as site,
        opened(browser, f"{site.url}/{where}", allowed=site.url, **options) as page,  # type: ignore[arg-type]
    ):
        page.wait_for_selector("#from option", state="attached")
        yield page


def lines_of(run: Path, kind: str) -> list[dict[str, object]]:
    lines = map(json.loads, (run / METRICS).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line["kind"] == kind]


def test_a_run_is_shown_with_all_that_was_measured(browser: Browser, host: Host, trained: Path) -> None:
    with showing(browser, host, [trained], "#/runs") as page:
        page.click("#run-list a")
        page.wait_for_selector("#report table")
        assert page.inner_text("#h-run") == "run"
        assert page.inner_text("#run-live") == "finished"
        report = (trained / REPORT).read_text(encoding="utf-8").replace(str(trained), "run")  # no folder of the machine
        shown = page.inner_text("#report")
        for line in report.splitlines():
            for word in line.replace("|", " ").replace("`", " ").split():
                assert word in shown or word in ("-", "#", "##") or line.startswith(("# ", "|---", "```")), word
        validations = lines_of(trained, "validation")
        page.click("#curves summary")
        rows = page.locator("#curves tbody tr")
        assert rows.count() == len(validations)
        assert f"{validations[-1]['bleu']:.2f}" in rows.last.inner_text()
        chart = page.locator("#curves svg").nth(1)
        chart.focus()
        page.keyboard.press("End")
        assert f"BLEU {validations[-1]['bleu']:.1f}" in page.locator("#curves .reading").nth(1).inner_text()
        samples = lines_of(trained, "samples")
        page.focus("#samples input")
        page.keyboard.press("Home")
        first = samples[0]["samples"]
        assert isinstance(first, list)
        assert page.locator("#samples .text").all_inner_texts()[:3] == [
            first[0][k] for k in ("source", "output", "reference")
        ]
        assert "200" in page.locator("#data tr", has_text="rows read").inner_text()


def test_a_run_is_watched_while_it_trains(browser: Browser, host: Host, live: Path) -> None:
    with showing(browser, host, [live], "#/run/run") as page:
        page.wait_for_function("() => document.getElementById('run-live').textContent.startsWith('training')")
        with open(live / METRICS, "a", encoding="utf-8") as file:
            file.write(
                json.dumps({"step": 4321, "kind": "validation", "loss": 1.5, "bleu": 77.25, "chrf": 80.0}) + "\n"
            )
            samples = [{"source": HOSTILE, "output": HOSTILE, "reference": HOSTILE}]
            file.write(json.dumps({"step": 4321, "kind": "samples", "samples": samples}) + "\n")
        page.wait_for_selector("#samples >> text=4,321")
        assert page.locator("#samples .text").first.inner_text() == HOSTILE
        assert "77.25" in page.locator("#curves table").text_content()
        (live / REPORT).write_text(f"# {HOSTILE}\n\n{HOSTILE}\n\n| {HOSTILE} | b |\n|---|---|\n| `{HOSTILE}` | 1 |\n\n- {HOSTILE}\n\n"
                                   f"```\n{HOSTILE}\n```\n[click](javascript:window.hit=1)\n", encoding="utf-8")  # fmt: skip
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_selector("#report table")
        assert page.inner_text("#run-live") == "finished"
        assert page.inner_text("#report").count(HOSTILE) == 5
        assert page.evaluate("window.hit") is None
        assert not page.locator("#report a, #report img").count()


def test_two_runs_are_compared(browser: Browser, host: Host, trained: Path, model: Transducer, other: Path) -> None:
    with showing(browser, host, [trained, other], "#/compare") as page:
        page.wait_for_selector("#compare-result li")  # the run's own samples at first
        page.fill("#sentences", "one two three\n\nnine eight")
        page.wait_for_function("() => document.querySelectorAll('#compare-result li').length === 2")
        texts = page.locator("#compare-result li").first.locator("p.text").all_inner_texts()
        mine, theirs = texts[-2:]
        assert mine == model.translate("one two three") != theirs
        assert texts[0] == "one two three"
        marked = page.locator("#compare-result li").first.locator("div:nth-child(2) .differs").all_inner_texts()
        rest = iter(theirs.split())  # what is not marked stands in the other, in this order
        assert marked
        assert all(word in rest for word in mine.split() if word not in " ".join(marked).split())
        page.select_option("#right", "run")
        page.wait_for_function("() => document.getElementById('compare-state').textContent.includes('agree on 2')")
        assert not page.locator("#compare-result .differs").count()
        assert page.url.endswith("#/compare/run/run")


def test_one_run_alone_says_how_to_compare(browser: Browser, host: Host, trained: Path) -> None:
    with showing(browser, host, [trained], "#/compare") as page:
        assert "transduce serve RUN RUN" in page.inner_text("#compare-none")


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1600, True)])
def test_they_fit_and_can_be_read(
    browser: Browser, host: Host, trained: Path, model: Transducer, other: Path, width: int, dark: bool
) -> None:
    views = [("runs", "#run-list li"), ("run/run", "#report table"), ("compare", "#compare-result li")]
    with showing(browser, host, [trained, other], "#/runs", width=width, dark=dark) as page:
        for where, there in views:
            page.evaluate("where => { location.hash = '#/' + where; }", where)
            page.wait_for_selector(there)
            for code in ("zh", "en"):
                page.click(f"#lang-{code}")
                assert not overflowing(page)
                assert not faint_text(page)
                assert not [each for each in without_name(page) if "hidden" not in each]
