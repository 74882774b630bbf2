"""Our API: what the model says is what the service says."""

from __future__ import annotations

import html
import json
import math
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.serve.conftest import Client
from transduce.explain.trace import trace
from transduce.run import read_config
from transduce.serve import app as app_module
from transduce.serve.reports import without_folders
from transduce.transducer import Transducer

TEXT = "one two three"


def sentence(client: Client, **body: Any) -> Any:
    (translation,) = client.ok("/v1/translate", {"text": TEXT} | body)["translations"]
    (found,) = [each for each in translation["sentences"] if each["translated"]]
    return found


def test_models_come_with_their_reports(client: Client, model: Transducer) -> None:
    (found,) = client.get("/v1/models").json["models"]
    assert found == client.get("/v1/models/run").json
    assert model.path is not None
    config = read_config(model.path)
    assert (found["source"], found["target"], found["parameters"]) == ("en", "fr", config.parameters)
    assert found["scores"] == json.loads(msgspec.json.encode(config.scores))
    report = client.get("/v1/models/run/report").body.decode()
    assert report == (model.path / "report.md").read_text("utf-8").replace(str(model.path), "run")
    assert str(model.path.parent) not in report + json.dumps(found)


@pytest.mark.parametrize("folder", ["/home/me/runs/a", "'/home/my me/runs/a b'", "C:\\me\\a", "runs/a"])
def test_reports_are_shown_without_the_folders_of_the_machine(folder: str) -> None:
    bare = folder.strip("'")
    report = (f'# a\n\n- source: and/or transduce translate /x\n\n```\ntransduce translate {folder} "A/B."\n'
              f"cat lines.txt | transduce translate {folder} > out.txt\n```\n\n```python\n"
              f"model = transduce.load({bare!r})\n```\n")  # fmt: skip
    shown = without_folders(report, "a-b")
    assert bare not in shown
    assert "- source: and/or transduce translate /x" in shown
    assert 'transduce translate a-b "A/B."\ncat lines.txt | transduce translate a-b > out.txt' in shown
    assert "transduce.load('a-b')" in shown


def test_measurements_are_read_line_by_line(client: Client) -> None:
    whole = client.get("/v1/models/run/metrics").json
    assert whole["next"] == len(whole["lines"]) > 2
    rest = client.get(f"/v1/models/run/metrics?after={whole['next'] - 1}").json
    assert rest["lines"] == whole["lines"][-1:]
    assert client.get("/v1/models/run/metrics?after=-1").status == 400


def test_scores_probabilities_and_attention_are_the_models(client: Client, model: Transducer) -> None:
    found = sentence(client, nbest=3, beam=4, tokens=True, attention=True, length_penalty=0.6)
    ((*expected,),) = model.hypotheses([TEXT], nbest=3, beam=4, length_penalty=0.6, want_attention=True,
                                              want_log_probs=True)  # fmt: skip
    assert [each["text"] for each in found["outputs"]] == [text for text, _ in expected]
    for told, (_, hypothesis) in zip(found["outputs"], expected, strict=True):
        assert told["score"] == pytest.approx(hypothesis.score, abs=1e-5)
        assert [each["id"] for each in told["tokens"]] == hypothesis.tokens
        probabilities = [
            *(each["probability"] for each in told["tokens"]),
            *([told["ended"]] if told["finished"] else []),
        ]
        assert math.prod(probabilities) == pytest.approx(math.exp(hypothesis.log_prob), rel=1e-3)
        assert told["attention"] == pytest.approx(hypothesis.attention, abs=1e-4)
    assert "".join(each["text"] for each in found["tokens"]).strip() == TEXT


def test_candidates_are_the_likeliest_and_hold_what_was_chosen_greedily(client: Client) -> None:
    found = sentence(client, beam=1, top=4)["outputs"][0]
    for token in found["tokens"]:
        likely = [each["probability"] for each in token["candidates"]]
        assert likely == sorted(likely, reverse=True)
        assert (token["candidates"][0]["id"], len(likely)) == (token["id"], 4)
        assert likely[0] == pytest.approx(token["probability"], abs=1e-5)


def test_a_word_is_chosen_and_the_rest_translated_anew(client: Client, model: Transducer) -> None:
    tokens = sentence(client, top=3)["outputs"][0]["tokens"]
    other = tokens[1]["candidates"][1]["id"]
    prefix = [tokens[0]["id"], other]
    found = sentence(client, prefix=prefix, tokens=True)["outputs"][0]
    assert [each["id"] for each in found["tokens"]][:2] == prefix
    if found["finished"]:
        (forced,) = model.score([(TEXT, found["text"])])
        assert found["log_prob"] == pytest.approx(forced, abs=1e-3)
    words = model.tokenizers.target.decode(prefix)
    assert sentence(client, prefix=words)["outputs"][0]["text"].startswith(words)
    assert client.post("/v1/translate", {"text": TEXT, "prefix": [2]}).status == 400
    assert client.post("/v1/translate", {"text": TEXT, "prefix": [10**9]}).status == 400


def test_sampling_is_by_seed(client: Client, model: Transducer) -> None:
    def draws(seed: int) -> list[str]:
        found = sentence(client, sample=True, nbest=6, seed=seed, temperature=2.0)
        return [each["text"] for each in found["outputs"]]

    ((*expected,),) = model.hypotheses([TEXT], sample=True, nbest=6, seed=5, temperature=2.0)
    assert draws(5) == draws(5) == [text for text, _ in expected]
    assert draws(5) != draws(6)


@pytest.mark.parametrize(("temperature", "status"), [(5e-324, 400), (0.0009, 400), (0.001, 200), (100, 200)])
def test_draws_are_of_numbers_at_every_temperature(client: Client, temperature: float, status: int) -> None:
    assert client.post("/v1/translate", {"text": TEXT, "sample": True, "temperature": temperature}).status == status


def test_scores_of_given_pairs(client: Client, model: Transducer) -> None:
    pairs = [("one two", "two one"), ("six", "seven"), ("", "")]
    found = client.ok("/v1/score", {"pairs": pairs})["scores"]
    assert [each["log_prob"] for each in found] == pytest.approx(model.score(pairs), abs=1e-4)


def test_an_explanation_is_that_of_the_command_line(client: Client, model: Transducer, trained: Path) -> None:
    answer = client.post("/v1/explain", {"text": TEXT, "beam": 3})
    printed = msgspec.structs.replace(trace(model, TEXT, beam=3), run=trained.name)
    assert answer.body == msgspec.json.encode(printed)
    assert client.post("/v1/explain", {"text": " "}).status == 400
    assert client.post("/v1/explain", {"text": "x" * 3_000}).status == 413


def test_tokens_are_streamed_while_they_are_written(client: Client, model: Transducer) -> None:
    text = "one two. 7\nsix four"
    answer = client.post("/v1/translate", {"text": text, "stream": True})
    blocks = [block.split("\n") for block in answer.body.decode().strip().split("\n\n")]
    events = [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]
    whole = events[-1][1]["translations"][0]
    assert events[-1][0] == "done"
    assert whole["text"] == client.ok("/v1/translate", {"text": text, "beam": 1})["translations"][0]["text"]
    for number, each in enumerate(whole["sentences"]):
        streamed = "".join(data["text"] for name, data in events if name == "token" and data["sentence"] == number)
        if each["translated"]:
            assert streamed == each["outputs"][0]["text"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"text": "one", "bem": 2}, 'Did you mean "beam"?'),
        ({"text": "one", "beam": 30}, "wider than the 20"),
        ({"text": "one", "beam": 2, "nbest": 3}, "nbest"),
        ({"text": "one", "model": "other"}, "there are: run"),
        ({"text": "one", "source": "en", "target": "de"}, "de is not supported"),
        ({"text": ["a", "b"], "stream": True}, "not of a list"),
        ({"text": "one", "temperature": 0}, "temperature"),
        ({"text": "one", "format": "html", "top": 2}, "not of HTML"),
    ],
    ids=range(8),
)
def test_wrong_requests_are_refused(client: Client, body: dict[str, Any], words: str) -> None:
    answer = client.post("/v1/translate", body)
    assert answer.status == 400
    assert words in answer.json["error"]


def test_the_document_names_every_route_and_every_answer_fits_it(client: Client) -> None:
    document = client.get("/openapi.json").json
    routes = {(route.path, method.lower()) for route in client.server.config.app.routes  # type: ignore[union-attr]
              for method in (getattr(route, "methods", None) or ()) if method != "HEAD"}  # fmt: skip
    told = {(path, method) for path, methods in document["paths"].items() for method in methods}
    folder = Path(app_module.__file__).parent / "page"
    page = {(f"/{path.relative_to(folder).as_posix()}", "get") for path in folder.rglob("*")}
    assert told == routes - page - {
        ("/openapi.json", "get"),
        ("/docs", "get"),
        ("/", "get"),
        ("/suggest", "post"),
        ("/inside", "post"),
    }


def test_the_api_is_a_page_with_every_route_field_and_limit_and_examples_that_work(client: Client) -> None:
    docs = client.get("/docs").body.decode()
    assert re.findall(r"<script[^>]*>[^<]*", docs) == ['<script src="/theme.js">']
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", docs)
    assert not re.search(r"""\s(?:style|on\w+)=""", docs)
    document = client.get("/openapi.json").json
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"<h2><code>{method.upper()} {path}</code></h2>" in docs
            for content in operation.get("requestBody", {}).get("content", {}).values():
                schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
                assert all(f"<td><code>{field}</code></td>" in docs for field in schema["properties"])
    assert f"<code>{client.service.config.max_text:,}</code>" in docs
    assert "number from 1 to 86,400" in docs
    shown = [html.unescape(each) for each in re.findall(r'aria-label="Example">([^<]*)</pre>', docs)]
    tried = 0
    for example in shown:
        body = re.search(r"curl (\S+) -H 'content-type: application/json' \\\n     -d '(.*)'$", example)
        if body and "explain" not in body[1]:
            client.ok(body[1].removeprefix(client.url), body[2], content_type="application/json")
            tried += 1
    assert tried == 4
