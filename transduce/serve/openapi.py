"""The OpenAPI document, made of the message types and one table of operations. (reference.py makes a page of it.)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from transduce import __version__
from transduce.serve import messages as m

JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"
REFUSALS = {
    "400": "The request is not valid; the error says why.",
    "403": "A key is missing or wrong, or the page of another site asked.",
    "404": "There is no such thing.",
    "408": "The request did not arrive in time.",
    "413": "The request is larger than is allowed.",
    "415": "The body's media type is not one of these.",
    "429": "Too many requests; Retry-After says when to come again.",
    "503": "The queue is full, the deadline is over, or the service ends; Retry-After says when to come again.",
}


@dataclass(frozen=True)
class Operation:
    """One route and method. ``answers``: the type of the answer, or its media type where it is none of ours."""

    method: str
    path: str
    title: str
    answers: Any
    takes: Any = None
    media: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ("403", "429")
    parameters: tuple[tuple[str, str, str], ...] = ()  # place, name, what it is
    stream: bool = False


TEXTS = ("400", "403", "408", "413", "415", "429", "503")
OPERATIONS = (
    Operation("post", "/translate", "Translate (LibreTranslate)", m.TranslateResponse, m.TranslateRequest,
              (JSON, FORM, MULTIPART), TEXTS),
    Operation("post", "/translate_file", "Translate a file: text, SRT, CSV column, HTML (LibreTranslate)",
              m.FileResponse, m.FileRequest, (MULTIPART,), TEXTS, stream=True),
    Operation("get", "/download_file/{word}/{name}", "Fetch a translated file", "application/octet-stream",
              refuses=("403", "404"), parameters=(("path", "word", "from translatedFileUrl"), ("path", "name", "of the file"))),
    Operation("get", "/languages", "Languages (LibreTranslate)", list[m.Language]),
    Operation("post", "/detect", "Detect the language of a text (LibreTranslate)", list[m.Detection], m.DetectRequest,
              (JSON, FORM, MULTIPART), ("400", "403", "408", "413", "415", "429")),
    Operation("get", "/frontend/settings", "Settings (LibreTranslate)", dict[str, Any]),
    Operation("get", "/v1/models", "Every run with its report as data", m.ModelsResponse),
    Operation("get", "/v1/models/{name}", "One run with its report as data", dict[str, Any],
              refuses=("403", "404", "429"), parameters=(("path", "name", "of the run"),)),
    Operation("get", "/v1/models/{name}/report", "The run's report.md", "text/markdown",
              refuses=("403", "404", "429"), parameters=(("path", "name", "of the run"),)),
    Operation("get", "/v1/models/{name}/metrics", "The run's measurements, also while it trains", m.MetricsResponse,
              refuses=("400", "403", "404", "429"),
              parameters=(("path", "name", "of the run"), ("query", "after", "lines that are known already"))),
    Operation("post", "/v1/translate", "Translate, with beams, scores, probabilities and attention",
              m.TranslateV1Response, m.TranslateV1, (JSON,), TEXTS, stream=True),
    Operation("post", "/v1/score", "Log-probability of given pairs", m.ScoreResponse, m.ScoreRequest, (JSON,), TEXTS),
    Operation("post", "/v1/explain", "What transduce explain --json prints", dict[str, Any], m.ExplainRequest, (JSON,),
              ("404", *TEXTS)),
    Operation("get", "/health", "Whether the process lives", m.Health, refuses=("403",)),
    Operation("get", "/ready", "Whether it takes requests", m.Health, refuses=("403", "503")),
    Operation("get", "/metrics", "For Prometheus", "text/plain", refuses=("403", "429")),
)  # fmt: skip


ABOUT = {
    "q": "what to translate: a text, or a list of texts",
    "text": "what to translate: a text, or a list of texts",
    "source": "code of its language, auto, or the name of a run",
    "target": "code of a language, or the name of a run",
    "format": "html keeps tags and attributes",
    "alternatives": "so many other translations",
    "api_key": "where the service asks for one; or the header Authorization: Bearer KEY",
    "file": "the file; its name's ending says what it is",
    "column": "of a table, by its name or its number from 1",
    "model": "name of a run, instead of languages",
    "beam": "width of the search",
    "nbest": "so many outputs",
    "length_penalty": "exponent of the length that a score is divided by",
    "deadline": "seconds for an answer",
    "sample": "draw instead of search",
    "temperature": "of the draw",
    "top_k": "draw among so many",
    "top_p": "draw among the likeliest that make up this probability",
    "seed": "of the draw",
    "prefix": "how the output begins: a text, or ids of tokens",
    "top": "so many candidates at each place",
    "tokens": "tell tokens with their probabilities",
    "attention": "tell what each token looked at",
    "split": "false: the text is one sentence",
    "stream": "send tokens while they are written, as events",
    "pairs": "pairs of source and target",
    "force": "output to explain instead of the one that is found",
    "gradient": "tell also what each source token weighs, by this method",
}  # of requests' fields, in words


def document(*, keys: bool, runs: Sequence[str] = ()) -> dict[str, Any]:
    """The document (OpenAPI 3.1). ``keys``: whether an API key is needed; ``runs``: the names of those that are served."""
    kinds = [m.Error, *(kind for each in OPERATIONS for kind in (each.takes, each.answers) if not isinstance(kind, str)
                        and kind is not None)]  # fmt: skip
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schema = dict(zip(map(repr, kinds), schemas, strict=True))
    for each in OPERATIONS:
        if each.takes is not None:
            for name, kind in components[each.takes.__name__]["properties"].items():
                kind.setdefault("description", ABOUT[name])
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method] = _operation(each, schema, runs)
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Transduce", "version": __version__, "license": {"name": "Apache-2.0"},
                 "description": "Translators of your own: LibreTranslate's API, and ours under /v1."},
        "paths": paths,
        "components": {"schemas": components},
    }  # fmt: skip
    if keys:
        found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"key": []}]
    return found


def _operation(each: Operation, schema: dict[str, Any], runs: Sequence[str]) -> dict[str, Any]:
    media = each.answers if isinstance(each.answers, str) else JSON
    content: dict[str, Any] = {media: {"schema": {"type": "string"} if isinstance(each.answers, str)
                                       else schema[repr(each.answers)]}}  # fmt: skip
    if each.stream:
        content["text/event-stream"] = {}
    found: dict[str, Any] = {
        "summary": each.title,
        "operationId": f"{each.method}{each.path}".replace("/", "_").replace("{", "").replace("}", ""),
        "responses": {
            "200": {"description": "Done.", "content": content},
            **{status: {"description": REFUSALS[status], "content": {JSON: {"schema": schema[repr(m.Error)]}}}
               for status in each.refuses},
        },
    }  # fmt: skip
    if each.parameters:
        found["parameters"] = [
            {"in": place, "name": name, "description": text, "required": place == "path",
             "schema": _parameter(each.path, place, runs)}
            for place, name, text in each.parameters
        ]  # fmt: skip
    if each.takes is not None:
        found["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": schema[repr(each.takes)]} for kind in each.media},
        }
    return found


def _parameter(path: str, place: str, runs: Sequence[str]) -> dict[str, Any]:
    if place == "query":
        return {"type": "integer", "minimum": 0, "maximum": 999_999_999}
    return {"type": "string", "enum": list(runs)} if runs and path.startswith("/v1/models") else {"type": "string"}
