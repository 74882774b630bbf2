"""A real headless browser for tests of pages.

    def test_page(browser: Browser) -> None:
        with opened(browser, path.as_uri(), width=390) as page:
            page.click("#step")

``opened`` fails the test for every error in the page's console and every request to anywhere but ``allowed``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
PATIENCE = 120_000  # milliseconds: a busy machine is no failure


# One a module, not one a session: while it runs, playwright keeps an event loop in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, with a new profile. Without one the tests are skipped, but fail where CI is set."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        told = f"no browser: none of {', '.join(NAMES)} is installed (Debian: apt-get install chromium)"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=program, args=FLAGS, timeout=PATIENCE)
        yield running
        running.close()


@contextmanager
def opened(browser: Browser, url: str, *, width: int = 1280, height: int = 900, dark: bool = False,
           allowed: str | None = None) -> Iterator[Page]:  # fmt: skip
    """A page at ``url``. When the block ends, everything it asked for must start with ``allowed`` or be ``url``."""
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce",
                                  color_scheme="dark" if dark else "light", service_workers="block")  # fmt: skip
    try:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        errors: list[str] = []
        asked: list[str] = []
        page.on(
            "console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        yield page
        assert not errors, errors
        others = [each for each in asked if each != url and not (allowed and each.startswith(allowed))]
        assert not others, others
    finally:
        context.close()


def without_name(page: Page) -> list[str]:
    """Controls, pictures and regions to scroll or move in that have no name for a screen reader, as HTML."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll(
            "a, button, select, input, textarea, summary, [tabindex='0'], [role=img], [role=application]")]
        .filter((node) => {
            const labels = [...(node.labels ?? [])].map((label) => label.textContent).join("");
            const by = (node.getAttribute("aria-labelledby") ?? "").split(" ")
                .map((id) => document.getElementById(id)?.textContent ?? "").join("");
            const field = ["SELECT", "INPUT", "TEXTAREA"].includes(node.tagName);
            const own = field || node.getAttribute("role") === "application" ? "" : node.textContent;
            return !(node.getAttribute("aria-label") || labels.trim() || by.trim() || own.trim());
        }).map((node) => node.outerHTML.slice(0, 120))"""
    )
    return found


def faint_text(page: Page) -> list[str]:
    """Visible texts whose contrast with what lies behind them is below 4.5 (WCAG 2.2, AA), with the ratio."""
    found: list[str] = page.evaluate(
        """() => {
        const numbers = (color) => { const n = color.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
        const over = (top, below) => below.map((value, k) => k === 3 ? 1 : top[k] * top[3] + value * (1 - top[3]));
        const behind = (node) => {
            if (!node) return [255, 255, 255, 1];
            const color = numbers(getComputedStyle(node).backgroundColor);
            return color[3] === 1 ? color : over(color, behind(node.parentElement));
        };
        const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
            .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
        return [...document.body.querySelectorAll("*")].filter((node) => node.checkVisibility()
            && !node.closest("svg, :disabled, [aria-hidden=true]")
            && [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())).flatMap((node) => {
            const below = behind(node);
            const [a, b] = [light(over(numbers(getComputedStyle(node).color), below)), light(below)].sort((x, y) => y - x);
            const ratio = (a + 0.05) / (b + 0.05);
            return ratio < 4.5 ? [`${ratio.toFixed(2)} ${node.outerHTML.slice(0, 100)}`] : [];
        });
    }"""
    )
    return found


def overflowing(page: Page) -> bool:
    """Whether the page is wider than the window."""
    wider: bool = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return wider
