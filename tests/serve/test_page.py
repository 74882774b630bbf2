"""The page in a real browser, against a real service: typing, reading, choosing, files, and a service that is lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import PATIENCE, browser, faint_text, opened, overflowing, without_name
from tests.conftest import WORDS
from tests.serve.conftest import Client, Host, altered, running
from transduce.serve.keys import Keys, digest
from transduce.transducer import Transducer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]
HOSTILE = "<img src=x onerror='window.hit=1'><script>window.hit=1</script> {word} one \u202e two שלום \U0001f600 three &amp;\none two"
Open = Callable[..., AbstractContextManager["Page"]]


@pytest.fixture(scope="module")
def site(host: Host, trained: Path) -> Iterator[Client]:
    with running(host, [trained]) as found:
        yield found


@pytest.fixture
def show(browser: Browser, site: Client) -> Open:
    """The page; nothing in its console may be wrong, no request may fail or go elsewhere."""

    @contextmanager
    def show(where: str = "", *, url: str = site.url, **options: Any) -> Iterator[Page]:
        failed: list[str] = []
        with opened(browser, f"{url}/{where}", allowed=url, **options) as page:
            page.on("requestfailed", lambda request: failed.append(f"{request.url} {request.failure}"))
            page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
            page.wait_for_selector("#from option", state="attached")
            yield page
        assert not [each for each in failed if "ERR_ABORTED" not in each]  # what was overtaken is given up

    return show


@contextmanager
def troubled(browser: Browser, url: str) -> Iterator[Page]:
    """The page of a service that will refuse: the browser writes that into its console, and nothing else may stand there."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda said: errors.append(said.text) if said.type == "error" and "Failed to load" not in said.text else None,
    )
    try:
        page.goto(url)
        yield page
        assert not errors, errors
    finally:
        context.close()


def write(page: Page, text: str) -> None:
    """Type a text and wait until its translation is read."""
    with page.expect_response(lambda answer: answer.url.endswith("/v1/translate") and answer.ok):
        page.fill("#text", text)
    page.wait_for_selector("#output [data-w]")


def reads(page: Page, text: str) -> None:
    page.wait_for_function("text => document.getElementById('output').textContent.trim() === text", arg=text)


def lit(page: Page) -> list[str]:
    return page.locator("#backdrop mark").all_text_contents()


def test_it_is_read_while_it_is_typed(show: Open, model: Transducer) -> None:
    with show() as page:
        page.focus("#text")
        page.keyboard.type("four three", delay=5)
        reads(page, model.translate("four three"))
        page.keyboard.type(" nine\n\none two", delay=5)
        reads(page, f"{model.translate('four three nine')}\n\n{model.translate('one two')}")
        assert page.inner_text("#count") == "24 characters"
        page.click("#clear")
        reads(page, "")
        assert page.inner_text("#empty")
        assert page.is_disabled("#copy")


def test_an_older_answer_never_comes_over_a_newer_one(show: Open, model: Transducer) -> None:
    with show() as page:
        held: list[Any] = []
        page.route("**/v1/translate", lambda route: held.append(route) if not held else route.continue_())
        page.fill("#text", "one two three")
        page.wait_for_timeout(400)
        assert len(held) == 1
        with page.expect_event("requestfailed"):  # the page gives it up itself
            page.fill("#text", "nine eight")
        reads(page, model.translate("nine eight"))
        page.wait_for_timeout(100)
        reads(page, model.translate("nine eight"))


def test_pointing_at_a_word_lights_what_it_was_made_from(show: Open, model: Transducer) -> None:
    text = "seven two four nine"
    ((output, found), *_) = model.hypotheses([text], want_attention=True)[0]
    assert found.attention is not None
    pieces = model.tokenizers.source.pieces(model.tokenizers.source.encode(text))
    starts = [k for k, piece in enumerate(pieces) if piece.startswith(" ")]
    target = model.tokenizers.target.pieces(found.tokens)
    targets = [k for k, piece in enumerate(target) if piece.startswith(" ")]
    with show() as page:
        write(page, f"{text}\n\U0001f600 {text}")
        words = output.split()
        for at, (first, last) in enumerate(itertools.pairwise([*targets, len(target)])):
            rows = found.attention[first:last].mean(axis=0)
            sums = [rows[a:b].sum() for a, b in itertools.pairwise([*starts, len(pieces)])]
            for sentence in "01":  # characters beyond 16 bits before a sentence do not shift its light
                page.hover(f"#output [data-s='{sentence}'][data-w='{at}']")
                page.wait_for_selector(f"#backdrop mark.strongest >> text={text.split()[sums.index(max(sums))]}")
                assert page.inner_text("#lit").startswith(f"{words[at]} looks at ")
        assert page.locator("#backdrop").text_content() == f"{text}\n\U0001f600 {text}\n"
        box, mark = page.locator("#text").bounding_box(), page.locator("#backdrop mark.strongest").bounding_box()
        assert box
        assert mark
        assert box["y"] < mark["y"] < box["y"] + box["height"]


def marks_of(tokens: list[dict[str, Any]]) -> list[str | None]:
    """How each word should be marked: by the product over its tokens."""
    sure: list[float] = []
    for token in tokens:
        sure = [*sure, 1.0] if token["text"].startswith(" ") else sure
        sure[-1] *= token["probability"]
    return ["doubtful" if each < 0.2 else "unsure" if each < 0.5 else None for each in sure]


def test_words_that_the_model_is_unsure_of_are_marked(show: Open, site: Client) -> None:
    texts = [f"{a} {b} {a} {c} {b} {c}" for a, b, c in itertools.permutations(WORDS[:4], 3)]
    found = {text: marks_of(answer["sentences"][0]["outputs"][0]["tokens"]) for text, answer in
             zip(texts, site.ok("/v1/translate", {"text": texts, "tokens": True})["translations"], strict=True)}  # fmt: skip
    text, marks = max(found.items(), key=lambda item: len(set(item[1])))
    assert len(set(marks)) > 1  # a sentence that shows something
    with show() as page:
        write(page, text)
        assert [node.get_attribute("class") for node in page.query_selector_all("#output [data-w]")] == marks
        labels = [node.get_attribute("aria-label") or "" for node in page.query_selector_all("#output [data-w]")]
        assert [label.split(", ")[1:-1] for label in labels] == [[mark] if mark else [] for mark in marks]


def test_languages_are_found_and_swapped(
    browser: Browser, host: Host, trained: Path, tmp_path: Path, model: Transducer
) -> None:
    back = altered(trained, tmp_path / "back", source_language="fr", target_language="en")
    with running(host, [trained, back]) as site, opened(browser, site.url + "/", allowed=site.url) as page:
        page.wait_for_selector("#from option[value=auto]", state="attached")
        page.select_option("#to", "fr")
        write(page, "one two three")
        page.wait_for_function("() => document.getElementById('found').textContent.includes('English')")
        output = page.inner_text("#output").strip()
        page.click("#swap")
        reads(page, model.translate(output))
        assert page.input_value("#text") == output
        assert (page.input_value("#from"), page.input_value("#to")) == ("fr", "en")


def test_a_word_chosen_is_kept_and_the_rest_translated_anew(show: Open, site: Client) -> None:
    text = "five six seven eight"
    with show() as page:
        write(page, text)
        before = page.inner_text("#output").strip()
        page.click("#output [data-w='1']")
        page.wait_for_selector("#options li:nth-child(2)")
        odds = page.locator("#options .odds").all_inner_texts()
        numbers = [float(each.strip().rstrip("%").replace("<", "").strip()) for each in odds]
        assert numbers == sorted(numbers, reverse=True)
        other = page.locator("#options button[aria-pressed=false]").first
        word, rest = other.locator(".word").inner_text(), other.locator(".rest").inner_text().removeprefix("… ")
        other.click()
        reads(page, f"{before.split()[0]} {word} {rest}".strip())
        assert page.locator("#output .kept").all_inner_texts() == [word]
        assert page.evaluate("document.activeElement.textContent") == word
        # It is what the service gives for a search that must begin so.
        tokens = site.ok("/v1/translate", {"text": text, "tokens": True})["translations"][0]["sentences"][0]["outputs"][
            0
        ]
        assert tokens["text"] == before
        found = site.ok("/v1/translate", {"text": text, "prefix": f"{before.split()[0]} {word}"})["translations"][0]
        assert found["text"] == page.inner_text("#output").strip()
        # The choice outlives a change elsewhere in the text, and is of this sentence alone.
        write(page, f"{text}\n{text}")
        assert page.locator("#output .kept").all_inner_texts() == [word]
        page.click("#undo")
        page.wait_for_function("text => document.getElementById('output').textContent.startsWith(text)", arg=before)
        assert not page.locator("#output .kept").count()
        assert page.is_hidden("#undo")


def test_other_outputs_of_the_beam_can_be_read_and_the_sentence_looked_into(show: Open, site: Client) -> None:
    with show() as page:
        write(page, "three one four")
        others = page.locator("#others button .word").all_inner_texts()
        beams = site.ok("/v1/translate", {"text": "three one four", "nbest": 4})["translations"][0]["sentences"][0][
            "outputs"
        ]
        assert others == [each["text"] for each in beams[1:] if each["finished"]]
        assert page.locator("#others .differs").count()
        page.locator("#others button").first.click()
        reads(page, others[0])
        with page.expect_popup() as opening:
            page.click("#look")
        inside = opening.value
        inside.wait_for_selector("#source button")
        assert inside.locator("#source button:not(.end)").all_inner_texts() == ["three", "one", "four"]
        assert " ".join(inside.locator("#target button:not(.end)").all_inner_texts()) == others[0]
        assert "given" in inside.inner_text("#h-target")
        assert "three" not in inside.url


def test_the_keyboard_is_enough(show: Open, model: Transducer) -> None:
    with show() as page:
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "text":
                break
        page.keyboard.type("six five four")
        reads(page, model.translate("six five four"))
        for _ in range(5):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.dataset.w") == "0":
                break
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.dataset.w") == "1"
        assert lit(page)
        page.keyboard.press("Enter")
        page.wait_for_selector("#options li:nth-child(2)")
        page.keyboard.press("Escape")
        assert page.is_hidden("#panel")
        assert page.evaluate("document.activeElement.dataset.w") == "1"
        page.keyboard.press("Enter")
        page.wait_for_selector("#options li:nth-child(2)")
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('#options') !== null"):
                break
        page.keyboard.press("ArrowDown")
        word = page.evaluate("document.activeElement.querySelector('.word').textContent")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"#output .kept >> text={word}")


def drop(page: Page, name: str, content: str) -> None:
    transfer = page.evaluate_handle(
        "([name, content]) => { const data = new DataTransfer(); data.items.add(new File([content], name)); return data; }",
        [name, content],
    )
    page.dispatch_event("#text", "dragenter", {"dataTransfer": transfer})
    assert page.is_visible("#drop")
    page.dispatch_event("#text", "drop", {"dataTransfer": transfer})
    assert page.is_hidden("#drop")


def test_a_dropped_file_comes_back_translated(show: Open, model: Transducer, tmp_path: Path) -> None:
    translate = model.translate
    with show() as page:
        lines = [f"{a} {b}" for a, b in itertools.product(WORDS, repeat=2)] * 6
        page.evaluate("""() => { window.seen = [];
            new MutationObserver(() => seen.push(document.getElementById("file-bar").getAttribute("value")))
            .observe(document.getElementById("file-bar"), {attributes: true}); }""")
        drop(page, "lines.txt", "\n".join(lines))
        with page.expect_download() as saving:
            page.click("#file-get")
        assert saving.value.suggested_filename == "lines.fr.txt"
        assert saving.value.path().read_text(encoding="utf-8") == "\n".join(map(translate, lines))
        assert page.is_hidden("#file-work")
        shares = [float(each) for each in page.evaluate("seen.filter(Boolean)")]
        assert shares == sorted(shares)
        assert 0 < shares[0] < shares[-1] == 1
        drop(page, "table.csv", 'number,"english, spoken"\n1,four five\n')
        page.wait_for_selector("#file-column:not([hidden])")
        page.select_option("#column", label="english, spoken")
        page.click("#file-go")
        with page.expect_download() as saving:
            page.click("#file-get")
        assert (
            saving.value.path().read_text(encoding="utf-8") == f'number,"english, spoken"\n1,{translate("four five")}\n'
        )
        drop(page, "picture.png", "?")
        page.wait_for_function("() => document.getElementById('file-state').textContent.includes('.txt')")
        assert page.is_hidden("#file-get")


def test_a_service_that_is_lost_and_comes_back_costs_no_letter(
    browser: Browser, host: Host, trained: Path, model: Transducer
) -> None:
    with running(host, [trained]) as first, troubled(browser, first.url) as page:
        write(page, "one two")
        first.server.should_exit = True
        page.wait_for_timeout(300)
        page.fill("#text", "one two three four")
        page.wait_for_selector("#banner:not([hidden])")
        assert "does not answer" in page.inner_text("#banner-text")
        page.type("#text", " five")
        page.click("#lang-zh")
        page.wait_for_function("() => document.getElementById('banner-text').textContent.includes('服务器')")
        with running(host, [trained], port=first.port):
            page.click("#banner-now")
            reads(page, model.translate("one two three four five"))
            assert page.is_hidden("#banner")
            assert page.input_value("#text") == "one two three four five"
            page.reload()  # nor does a reload cost any
            reads(page, model.translate("one two three four five"))


def test_what_is_refused_is_explained(browser: Browser, host: Host, trained: Path, model: Transducer) -> None:
    with running(host, [trained], max_text=20) as site, troubled(browser, site.url) as page:
        page.fill("#text", "one " * 10)
        page.wait_for_selector("#problem:not([hidden])")
        assert "40 characters; at most 20" in page.inner_text("#problem-text")
        write(page, "one two")
        assert page.is_hidden("#problem")
    with running(host, [trained], rate=0.5, burst=4) as site, troubled(browser, site.url) as page:
        page.wait_for_selector("#from option", state="attached")
        for text in ("one", "two", "three", "four", "five", "six", "seven"):
            if page.is_hidden("#banner"):
                page.fill("#text", text)
                page.wait_for_timeout(300)
        page.fill("#text", "one two")
        assert "Too many requests" in page.inner_text("#banner-text")
        reads(page, model.translate("one two"))  # asked again by itself, after Retry-After
        assert page.is_hidden("#banner")
    with (
        running(host, [trained], keys=Keys([(digest("open-sesame"), "me")])) as site,
        troubled(browser, site.url) as page,
    ):
        page.fill("#key", "guess")
        page.press("#key", "Enter")
        page.wait_for_function("() => document.getElementById('key-note').textContent.includes('does not know')")
        page.fill("#key", "open-sesame")
        page.press("#key", "Enter")
        page.wait_for_selector("#key-form", state="hidden")
        write(page, "one two")


def test_languages_and_themes(show: Open) -> None:
    back = "getComputedStyle(document.documentElement).backgroundColor"
    with show() as page:
        write(page, "one two three")
        assert page.evaluate(back) == "rgb(255, 255, 255)"
        page.select_option("#theme", "dark")
        assert page.evaluate(back) == "rgb(21, 24, 28)"
        page.click("#lang-zh")
        assert page.inner_text("#copy") == "复制"
        assert page.get_attribute("html", "lang") == "zh-Hans"
        texts = page.evaluate("[...document.querySelectorAll('[data-t]')].map((node) => node.textContent)")
        assert not [each for each in texts if each.isascii() and each not in ("API",)]
        page.reload()
        page.wait_for_selector("#from option", state="attached")
        assert page.evaluate(back) == "rgb(21, 24, 28)"
        assert page.inner_text("#copy") == "复制"
        page.wait_for_selector("#output [data-w]")  # what was typed is there again
        page.select_option("#theme", "auto")
        assert page.evaluate(back) == "rgb(255, 255, 255)"


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1600, False)])
def test_it_fits_and_can_be_read(show: Open, width: int, dark: bool) -> None:
    with show(width=width, dark=dark) as page:
        write(page, "seven eight nine. " * 4 + "\n" + "x" * 300)
        page.click("#output [data-w='0']")
        page.wait_for_selector("#options li:nth-child(2)")
        for code in ("zh", "en"):
            page.click(f"#lang-{code}")
            assert not overflowing(page)
            assert not faint_text(page)
            assert not [each for each in without_name(page) if "hidden" not in each]


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1600, False)])
def test_the_api_can_be_read_too(browser: Browser, site: Client, width: int, dark: bool) -> None:
    with opened(browser, f"{site.url}/docs", allowed=site.url, width=width, dark=dark) as page:
        assert not overflowing(page)
        assert not faint_text(page)
        assert not without_name(page)
        page.click("text=POST /v1/score >> nth=0")
        assert page.evaluate("Math.abs(document.querySelector('#post-v1-score').getBoundingClientRect().top) < 100")
        page.click(".brand")
        page.wait_for_selector("#from option", state="attached")


def test_a_file_that_the_server_would_refuse_is_not_sent(show: Open) -> None:
    with show() as page:
        page.evaluate("() => import('./catalog.js').then((module) => { module.offer.settings.maxFileSize = 5_000; })")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "translate_file" in request.url else None)
        drop(page, "book.txt", "one two. " * 500)
        page.wait_for_function("() => document.getElementById('file-state').textContent.includes('up to 3.0 kB')")
        assert not asked


def test_a_book_is_translated_with_its_progress_told(show: Open) -> None:
    with show() as page:
        page.evaluate("""() => { window.told = []; const told = document.getElementById("file-share");
            new MutationObserver(() => window.told.push(told.textContent)).observe(told, {childList: true}); }""")
        drop(page, "book.txt", "one two three.\n" * 7_000)  # more characters than a text may have
        with page.expect_download() as saving:
            page.click("#file-get")
        assert saving.value.path().read_text(encoding="utf-8").count("\n") == 7_000
        told = page.evaluate("window.told.filter(Boolean)")
        assert len(told) > 20
        assert page.locator("#file-share").get_attribute("role") is None  # the bar is read, not each number


def test_text_stays_text(show: Open) -> None:
    with show() as page:
        write(page, HOSTILE)
        page.hover("#output [data-w='0']")
        page.click("#output [data-w='0']")
        page.wait_for_selector("#options li")
        drop(page, "<img src=x onerror='window.hit=1'>.txt", HOSTILE)
        page.wait_for_selector("#file-get:not([hidden])")
        assert page.evaluate("window.hit") is None
        assert not page.locator("main img, main script").count()
        assert page.locator("#backdrop").text_content() == HOSTILE + "\n"
