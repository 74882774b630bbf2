"""The page of a trace in a real browser: pointing, the slider, the keyboard, cells and their equations, both languages."""

from __future__ import annotations

import base64
import itertools
import math
import re
import tomllib
from collections.abc import Callable
from contextlib import AbstractContextManager
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import torch

from tests.browser import faint_text, opened, overflowing, without_name
from transduce.explain.page import EXACT, pack, render_map, render_page
from transduce.explain.sentences import sentence_map
from transduce.explain.trace import Text, Token, Trace, trace
from transduce.models import RNN, RNNConfig
from transduce.transducer import Transducer, load

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = (
    """<script>window.hit = 1</script> </script><b>rich</b> "quotes' \u2028 שלום \u202e & """
    "<!-- {word} ${x} @DATA@ <img src=x onerror=hit=1>"
)
Open = Callable[..., AbstractContextManager["Page"]]


@pytest.fixture(scope="module")
def model(trained: Path) -> Transducer:
    return load(trained)


@pytest.fixture(scope="module")
def found(model: Transducer) -> Trace:
    return trace(model, "one two three four nine")


@pytest.fixture(scope="module")
def plain(model: Transducer) -> Transducer:
    """A model without attention, untrained."""
    torch.manual_seed(1)
    config = RNNConfig(cell="gru", hidden=32, embed=32, layers=2, bidirectional=False, attention="none", tied="decoder")
    tokenizers = model.tokenizers
    network = RNN(config, source_vocab=tokenizers.source.vocab_size, target_vocab=tokenizers.target.vocab_size).eval()
    return Transducer(network, tokenizers, msgspec.structs.replace(model.config, model=config))


@pytest.fixture(scope="module")
def vector_only(plain: Transducer) -> Trace:
    return trace(plain, "one two three", target="three two one", gradient="input_x_gradient")


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Open:
    """A page in the browser: of a trace, or of this HTML."""

    def show(content: Trace | str, **options: Any) -> AbstractContextManager[Page]:
        path = tmp_path / "page.html"
        path.write_text(content if isinstance(content, str) else render_page(content), encoding="utf-8")
        return opened(browser, path.as_uri(), **options)

    return show


def words(side: Text) -> list[list[int]]:
    """Which tokens make up each word, as a reader would say: a blank begins one, the end stands alone."""
    found: list[list[int]] = []
    for at, token in enumerate(side.tokens):
        if not found or token.kind == "end" or token.text.startswith(" "):
            found.append([])
        found[-1].append(at)
    return found


def between(found: Trace) -> np.ndarray:
    """(target words, source words): pieces of the source summed, those of the target averaged."""
    weights = np.array(found.attention[0].weights)
    sources = np.array([[weights[:, word].sum(axis=1) for word in words(found.source)]])[0]
    return np.stack([sources[:, word].mean(axis=1) for word in words(found.target)])


def lit(page: Page, side: str) -> list[float]:
    weights: list[float] = page.locator(f"#{side} button").evaluate_all(
        "nodes => nodes.map((node) => Number(node.style.getPropertyValue('--w')))"
    )
    return weights


def number(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def shown(token: Token) -> str:
    return {"end": "</s>", "start": "<s>"}.get(token.kind, token.text.strip(" "))


def value_of(expression: str) -> float:
    """What an expression on the page comes to, worked out here."""
    text = expression.replace("\u2212", "-").replace("\u00d7", "*").strip("= \n")
    assert re.fullmatch(r"[-+*/(). 0-9e]*|.*(tanh|sigmoid|exp|relu).*", text), text
    names = {
        "tanh": math.tanh,
        "exp": math.exp,
        "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
        "relu": lambda a: max(0, a),
    }
    return float(eval(text, {"__builtins__": {}}, names))


# --------------------------------------------------------------------------------------------------- words


def test_a_word_lights_what_it_looks_at(show: Open, found: Trace) -> None:
    expected = between(found)
    with show(found) as page:
        for at in range(len(expected)):
            page.hover(f"#target button[data-index='{at}']")
            assert lit(page, "source") == pytest.approx(expected[at], abs=1e-4)
            strongest = page.locator("#source button.strongest")
            assert strongest.get_attribute("data-index") == str(expected[at].argmax())
            assert page.locator("#source button.strongest").inner_text().strip() in page.inner_text("#lit")
        page.hover("h1")
        assert lit(page, "source") == [0.0] * expected.shape[1]


def test_a_source_word_lights_who_looks_at_it(show: Open, found: Trace) -> None:
    expected = between(found)
    with show(found) as page:
        for at in range(expected.shape[1]):
            page.focus(f"#source button[data-index='{at}']")
            assert int(np.argmax(lit(page, "target"))) == expected[:, at].argmax()
            assert lit(page, "target") == pytest.approx(expected[:, at] / expected[:, at].max(), abs=1e-4)


def test_a_tap_keeps_the_light_and_goes_to_the_step(show: Open, found: Trace) -> None:
    with show(found) as page:
        page.click("#target button[data-index='2']")
        page.hover("h1")
        assert max(lit(page, "source")) == pytest.approx(between(found)[2].max(), abs=1e-4)
        assert page.input_value("#step") == str(words(found.target)[2][0] + 1)
        page.keyboard.press("Escape")
        assert max(lit(page, "source")) == 0


# --------------------------------------------------------------------------------------------------- steps


def test_the_slider_shows_the_numbers_of_its_step(show: Open, found: Trace) -> None:
    with show(found) as page:
        for step in found.steps:
            page.fill("#step", str(step.number))
            now = page.inner_text("#now")
            assert f"{step.number} of {len(found.steps)}" in now
            assert shown(step.fed) in now
            assert shown(step.chosen) in now
            rows = page.locator("#candidates tr").all_inner_texts()
            assert len(rows) == len(step.candidates)
            for row, candidate in zip(rows, step.candidates, strict=True):
                assert shown(candidate) in row.replace("\u2423", "")
                percent = float(re.search(r"([\d.]+)\u00a0%", row)[1])  # type: ignore[index]
                assert percent / 100 == pytest.approx(candidate.probability, abs=0.0011)
            assert shown(step.chosen) in page.inner_text("#candidates tr.won").replace("\u2423", "")
            weights = [number(each) for each in page.locator("#looks .weight").all_inner_texts()]
            row = found.attention[0].weights[step.number - 1]
            assert weights == pytest.approx(row, abs=0.0051)
            worked = page.inner_text("#attention-worked .result").split("=")[1]
            assert value_of(worked) == pytest.approx(max(row), rel=5e-3)


def test_play_walks_to_the_end_and_stops(show: Open, found: Trace) -> None:
    with show(found) as page:
        page.clock.install()
        page.click("#play")
        assert page.get_attribute("#play", "aria-label") == "Pause"
        page.clock.run_for(1_300)
        assert page.input_value("#step") == "2"
        page.clock.run_for(1_300 * len(found.steps))
        assert page.input_value("#step") == str(len(found.steps))
        assert page.get_attribute("#play", "aria-label") == "Play"


def test_the_keyboard_reaches_everything(show: Open, found: Trace) -> None:
    """Tab stops in order; each can be seen; arrows move the step and the cell of a map."""
    with show(found) as page:
        stops = []
        for _ in range(120):
            page.keyboard.press("Tab")
            stop = page.evaluate("""() => { const n = document.activeElement, s = getComputedStyle(n);
                return [n.id || n.className || n.tagName, s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1]; }""")
            if stop[0] == "BODY":
                break
            stops.append(stop)
            if stop[0] == "step":
                page.keyboard.press("ArrowRight")
                assert f"2 of {len(found.steps)}" in page.inner_text("#now")
            if stop[0] == "heat" and [each[0] for each in stops].count("heat") == 2:
                page.keyboard.press("ArrowDown")
                page.keyboard.press("ArrowRight")
                assert page.inner_text("#state-cell h3").startswith("h, unit 1, step 2")
            if stop[0] == "tree":
                page.keyboard.press("Enter")
                page.keyboard.press("ArrowLeft")
                assert page.inner_text("#beam-told").startswith("step 1, kept")
        names = [name for name, _ in stops]
        assert [each for each in stops if not each[1]] == []
        for name in ("skip", "lang-en", "lang-zh", "back", "play", "next", "step", "tree", "heat", "layer", "unit"):
            assert name in names or (name == "back" and "next" in names), name


# ---------------------------------------------------------------------------------------------- equations


def test_a_cell_shows_the_numbers_that_made_it(show: Open, found: Trace) -> None:
    """Every quantity of every layer: the equation with numbers in it comes to the value of the trace."""
    layers = [*found.encoder, *found.decoder]
    with show(found) as page:
        for at, layer in enumerate(layers):
            page.select_option("#layer", str(at))
            for quantity in layer.quantities:
                page.click(f"#quantities [data-name='{quantity.name}']")
                where = page.evaluate("""() => { const heat = States.heat, box = heat.box.getBoundingClientRect();
                    heat.box.scrollIntoView({ block: "center" });
                    return [heat.left + 5.5 * heat.cellWidth, heat.top + 1.5 * heat.rowHeight]; }""")
                page.locator("#states .heat").click(position={"x": where[0], "y": where[1]})
                assert page.input_value("#unit") == "5"
                value = layer.values[quantity.name][1][5]
                assert number(page.inner_text("#state-worked .result").strip("= ")) == pytest.approx(value, rel=1e-3)
                worked = page.inner_text("#state-worked .substituted")
                inner = re.fullmatch(r"= (\w+)\(a\), a = (\S+)", worked)
                worth = value_of(f"{inner[1]}({inner[2]})" if inner else worked)
                assert worth == pytest.approx(value, rel=5e-3, abs=5e-4), (layer.part, quantity.equation, worked)
                assert (inner is None) == (quantity.name in ("c", "h", "s")), worked


def test_states_of_the_decoder_follow_the_slider(show: Open, found: Trace) -> None:
    with show(found) as page:
        page.select_option("#layer", label="decoder, layer 1")
        page.fill("#unit", "7")
        page.press("#unit", "Enter")
        for at in range(len(found.steps)):
            page.fill("#step", str(at + 1))
            assert page.inner_text("#state-cell h3").startswith(f"s, unit 7, step {at + 1} ")
            value = found.decoder[0].values["s"][at][7]
            assert number(page.inner_text("#state-worked .result").strip("= ")) == pytest.approx(value, rel=1e-3)


def test_the_state_before_is_found_in_the_order_of_reading(show: Open, found: Trace) -> None:
    """c_{t-1}: of a backward layer the next token's; of the decoder's first step what the encoder handed over."""
    layers = [*found.encoder, *found.decoder]
    with show(found) as page:
        for at, layer in enumerate(layers):
            page.select_option("#layer", str(at))
            page.click("#quantities [data-name='c']")
            for row in range(len(layer.values["c"])):
                page.evaluate("(cell) => States.heat.pick(...cell)", [row, 3])
                place = layer.order.index(row)
                if place:
                    before = layer.values["c"][layer.order[place - 1]][3]
                else:
                    before = found.first["c_0"][0][3] if layer.part == "decoder" else 0.0
                told = page.locator("#state-cell .parts li").filter(has_text="t\u22121").inner_text()
                assert number(told.split("=")[1]) == pytest.approx(before, rel=1e-3, abs=1e-9)


def test_attention_and_context_are_worked_out(show: Open, found: Trace) -> None:
    with show(found) as page:
        page.evaluate("AttentionMap.heat.pick(1, 2)")
        result = page.inner_text("#attention-worked .result").split("=")
        assert value_of(result[1]) == pytest.approx(found.attention[0].weights[1][2], rel=5e-3, abs=5e-4)
        page.select_option("#layer", str(len(found.encoder) + len(found.decoder)))
        page.click("#quantities [data-name='context']")
        page.evaluate("States.heat.pick(1, 20)")
        assert value_of(page.inner_text("#state-worked .substituted")) == pytest.approx(
            found.outputs["context"][1][20], abs=2e-3
        )
        page.click("#quantities [data-name='readout']")  # of a lexical model: the sum of three
        assert value_of(page.inner_text("#state-worked .substituted")) == pytest.approx(
            found.outputs["readout"][1][20], abs=2e-3
        )
        page.locator("#state-cell .parts button").nth(1).click()
        assert number(page.inner_text("#state-worked .result").strip("= ")) == pytest.approx(
            found.outputs["words"][1][20], rel=1e-3
        )


def test_the_score_adds_up_on_the_page(show: Open, found: Trace) -> None:
    with show(found) as page:
        steps = [number(text) for text in page.locator("#score-table tbody td:nth-child(5)").all_inner_texts()]
        assert sum(steps) == pytest.approx(found.score.log_prob, abs=1e-3)
        penalty = page.inner_text("#score-worked .penalty").split("=")[1].replace("^", "**")
        assert value_of(penalty) == pytest.approx(found.score.length_penalty, rel=1e-3)
        _, quotient, result = page.inner_text("#score-worked .result").split("=")
        assert value_of(quotient) == pytest.approx(found.score.score, abs=1e-3)
        assert number(result.strip()) == pytest.approx(found.score.score, abs=1e-3)


# --------------------------------------------------------------------------------------------------- beam


def test_the_tree_holds_the_search(show: Open, found: Trace) -> None:
    assert found.beam is not None
    everyone = {each.id: each for step in found.beam for each in [*step.kept, *step.ended, *step.dropped]}
    with show(found, width=2400) as page:
        drawn = set(page.locator(".tree .node").evaluate_all("nodes => nodes.map((node) => Number(node.dataset.id))"))
        assert drawn == set(everyone)
        path = page.locator(".tree .node.path").evaluate_all("nodes => nodes.map((node) => Number(node.dataset.id))")
        assert [everyone[each].token.id for each in path] == [token.id for token in found.target.tokens]
        for child, parent in zip(path[1:], path, strict=False):
            assert everyone[child].parent == parent
        last = everyone[path[-1]]
        page.hover(f".tree [data-id='{last.id}'] text")
        told = page.inner_text("#beam-told").replace("\u2212", "-")
        assert f"{last.score:.3f}" in told
        assert f"{last.total:.3f}" in told
        assert found.target.text in told
        page.uncheck("#beam-dropped")
        left = set(page.locator(".tree .node").evaluate_all("nodes => nodes.map((node) => Number(node.dataset.id))"))
        assert left == set(everyone) - {each.id for step in found.beam for each in step.dropped}


# ------------------------------------------------------------------------------------- other models, other texts


def test_without_attention_the_one_vector_is_shown(show: Open, vector_only: Trace) -> None:
    assert vector_only.gradient is not None
    with show(vector_only) as page:
        assert page.is_hidden("#attention-section")
        assert page.is_visible("#vector-section")
        assert f"{len(vector_only.summary)} numbers" in page.inner_text("#vector-note")
        grown = [
            number(text) for text in page.locator("#vector ul").first.locator("li > span:last-child").all_inner_texts()
        ]
        states = np.array(vector_only.encoder[-1].values["h"])
        vector = np.array(vector_only.summary)
        cosines = states @ vector / np.linalg.norm(states, axis=1) / np.linalg.norm(vector)
        assert grown == pytest.approx(cosines, abs=0.0051)
        assert grown[-1] == 1
        page.hover("#target button[data-index='0']")
        rows = np.abs(np.array(vector_only.gradient.weights))[words(vector_only.target)[0]]
        shares = (rows / rows.sum(axis=1, keepdims=True)).mean(axis=0)
        expected = [shares[word].sum() for word in words(vector_only.source)]
        assert lit(page, "source") == pytest.approx(expected, abs=1e-4)
        assert "given" in page.inner_text("#now")
        assert page.locator(".tree").count() == 0


def test_a_gru_s_cells_and_what_the_decoder_starts_from(show: Open, vector_only: Trace) -> None:
    layers = [*vector_only.encoder, *vector_only.decoder]
    assert len(layers) == 4
    with show(vector_only) as page:
        for at, layer in enumerate(layers):
            name = layer.quantities[-1].name
            page.select_option("#layer", str(at))
            page.click(f"#quantities [data-name='{name}']")
            for row in (0, 2):
                page.evaluate("(cell) => States.heat.pick(...cell)", [row, 9])
                value = layer.values[name][row][9]
                assert value_of(page.inner_text("#state-worked .substituted")) == pytest.approx(
                    value, rel=5e-3, abs=5e-4
                )
        page.evaluate("(cell) => States.heat.pick(...cell)", [0, 9])
        page.click("#state-cell .parts button:has-text('t\u22121')")  # follow the number to where it came from
        assert page.locator("#layer option:checked").inner_text() == "what the decoder starts from"
        shown = number(page.inner_text("#state-worked .result").strip("= "))
        assert shown == pytest.approx(vector_only.first["s_0"][1][9], rel=1e-3)
        page.select_option("#layer", label="from the decoder to the words")
        page.evaluate("States.heat.pick(1, 4)")
        worth = value_of(page.inner_text("#state-worked .substituted"))
        assert worth == pytest.approx(vector_only.outputs["readout"][1][4], rel=5e-3, abs=5e-4)


@pytest.mark.parametrize("forced", [False, True])
def test_hostile_text_comes_out_whole_and_inert(show: Open, model: Transducer, forced: bool) -> None:
    hostile = trace(model, HOSTILE, target=HOSTILE if forced else None, beam=2)
    # What a model writes can be as hostile as what it reads; the run's name too.
    content = render_page(msgspec.structs.replace(hostile, run="<b>run</b>'\""))
    with show(content) as page:
        assert page.evaluate("[DATA.source.text, typeof window.hit, document.querySelectorAll('b, img').length]") == [
            hostile.source.text,
            "undefined",
            0,
        ]
        shown = "".join(page.locator("#source button").all_text_contents())
        for piece in (
            "<script>window.hit",
            "</script><b>rich</b>",
            "\"quotes'",
            "שלום",
            "onerror=hit=1>",
            "${x}",
            "@DATA@",
            "<!--",
        ):
            assert piece.replace(" ", "") in shown.replace(" ", ""), piece
        assert "\u27e8U+202E\u27e9" in shown
        assert page.inner_text("#about-run") == "<b>run</b>'\""
        page.hover("#source button >> nth=3")
        page.click("#lang-zh")
        assert not overflowing(page)


def test_right_to_left_sentences_run_right_to_left(show: Open, model: Transducer) -> None:
    with show(trace(model, "שלום עולם", beam=1)) as page:
        boxes = [page.locator(f"#source button[data-index='{at}']").bounding_box() for at in (0, 1)]
        assert boxes[0]["x"] > boxes[1]["x"]  # type: ignore[index]
        assert page.locator("#source button").all_inner_texts()[:2] == ["שלום", "עולם"]


def test_both_languages(show: Open, found: Trace) -> None:
    with show(found) as page:
        english = page.inner_text("body")
        page.click("#lang-zh")
        assert page.get_attribute("html", "lang") == "zh-Hans"
        chinese = page.inner_text("body")
        assert not set(page.locator("h1, h2").all_inner_texts()) & set(english.splitlines())
        assert "输入门" in chinese
        page.click("#lang-en")
        assert page.inner_text("body") == english
        texts = page.evaluate("TEXTS")
    titles = {key for key in texts["zh"] if key.startswith("title-")}  # English ones come from the model itself
    assert set(texts["zh"]) - titles == set(texts["en"])
    for key, text in texts["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", texts["zh"][key])), key


def test_no_text_is_named_that_is_not_there() -> None:
    source = "".join(
        (files("transduce.explain.page") / name).read_text("utf-8") for name in STATIC if not name.endswith(".css")
    )
    table = (files("transduce.explain.page") / "texts.js").read_text("utf-8").split("\n  zh: {")[0]
    known = set(re.findall(r'^    "?([\w-]+)"?: "', table, re.MULTILINE))
    used = set(re.findall(r'data-t(?:-label)?="([\w-]+)"', source)) | set(
        re.findall(r'[^\w.](?:t|parts)\("([\w-]+)"[,)]', source)
    )
    assert used - known == set()
    assert len(used) > 50


# --------------------------------------------------------------------------------------------- looks and limits


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_fits_and_reads_well(
    show: Open, found: Trace, vector_only: Trace, model: Transducer, width: int, dark: bool
) -> None:
    sentences = render_map(sentence_map(model, ["one two", "one two three", "four", "five six seven"]))
    for content in (found, vector_only, sentences):
        with show(content, width=width, dark=dark) as page:
            for language in ("en", "zh"):
                page.click(f"#lang-{language}")
                assert not overflowing(page)
                assert without_name(page) == []
                assert faint_text(page) == []
            if content is found:
                page.hover("#target button[data-index='1']")
                assert faint_text(page) == []
            assert page.locator("h1").count() == 1
            assert page.locator("main").count() == 1
            assert page.locator("th:not([scope]):not([aria-hidden])").count() == 0
            assert page.evaluate("""() => { const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
                return ids.filter((id, k) => ids.indexOf(id) !== k); }""") == []  # fmt: skip
            levels = page.locator("h1, h2, h3").evaluate_all("nodes => nodes.map((node) => Number(node.tagName[1]))")
            assert all(later - sooner <= 1 for sooner, later in itertools.pairwise(levels))


def test_the_map_of_sentences(show: Open, model: Transducer) -> None:
    texts = ["one two", "one two three", "four <b>five</b>", "six seven eight nine", "שלום"]
    sentences = sentence_map(model, texts)
    with show(render_map(sentences)) as page:
        page.hover("circle[data-index='2']")
        assert page.inner_text("#found") == texts[2]
        page.focus("#plane")
        for back, on, axis in (("ArrowLeft", "ArrowRight", "x"), ("ArrowDown", "ArrowUp", "y")):
            for _ in texts:
                page.keyboard.press(back)
            seen = []
            for _ in texts:
                seen.append(page.inner_text("#found"))
                page.keyboard.press(on)
            assert seen == [point.text for point in sorted(sentences.points, key=lambda point: getattr(point, axis))]
        page.click("summary")
        assert page.locator("tbody th").all_inner_texts() == texts


# ------------------------------------------------------------------------------------------------ the file


STATIC = sorted(each.name for each in files("transduce.explain.page").iterdir() if not each.name.startswith("_"))


def test_the_wheel_holds_the_sources_of_the_page() -> None:
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["transduce.explain.page"]
    assert [name for name in STATIC if not any(fnmatch(name, pattern) for pattern in patterns)] == []
    assert len(STATIC) >= 10


def unpacked(packed: dict[str, Any]) -> np.ndarray:
    kind = {"f4": "<f4", "i2": "<i2"}[packed["kind"]]
    flat = np.frombuffer(base64.b64decode(packed["data"]), dtype=kind)
    return flat.reshape(packed["rows"], packed["cols"]) * packed["scale"]


def test_matrices_keep_their_numbers() -> None:
    values = np.random.default_rng(0).normal(size=(5, 7))
    packed = pack({"a": values.tolist(), "b": [1.5, math.nan], "c": [[math.inf, 1.0]]})
    assert unpacked(packed["a"]) == pytest.approx(values, rel=1e-7)
    assert packed["b"] == [1.5, None]
    large = np.random.default_rng(0).normal(size=(2, EXACT))
    off = np.abs(unpacked(pack({"a": large.tolist()})["a"]) - large)
    assert 0 < off.max() <= np.abs(large).max() / 65_534 * 1.01


def test_a_long_sentence_stays_a_small_file(found: Trace) -> None:
    """200 words through five layers of 256 units, both ways: what the README promises is below 15 MB."""
    layer = found.encoder[0]
    many = np.zeros((260, 256)).tolist()
    values = dict.fromkeys(("i", "f", "g", "o", "c", "h"), many)
    layers = [msgspec.structs.replace(layer, values=values)] * 5
    long = msgspec.structs.replace(found, encoder=layers, decoder=layers, outputs={"context": many, "readout": many})
    assert len(render_page(long)) < 15_000_000


pytestmark = pytest.mark.usefixtures("one_thread")
