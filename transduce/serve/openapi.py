"""The OpenAPI document, made of the message types and one table of operations, and a page to read it by."""

from __future__ import annotations

import html
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


def document(*, keys: bool, runs: Sequence[str] = ()) -> dict[str, Any]:
    """The document (OpenAPI 3.1). ``keys``: whether an API key is needed; ``runs``: the names of those that are served."""
    kinds = [m.Error, *(kind for each in OPERATIONS for kind in (each.takes, each.answers) if not isinstance(kind, str)
                        and kind is not None)]  # fmt: skip
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schema = dict(zip(map(repr, kinds), schemas, strict=True))
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


def page(*, keys: bool) -> str:
    """The document as a page: no script, nothing from elsewhere."""
    whole = document(keys=keys)
    rows = []
    for each in OPERATIONS:
        rows.append(
            f"<h2><code>{each.method.upper()} {html.escape(each.path)}</code></h2><p>{html.escape(each.title)}.</p>"
        )
        ours = [kind for kind in (each.takes, each.answers) if isinstance(kind, type) and issubclass(kind, m.Message)]
        rows += [_fields(kind.__name__, whole["components"]["schemas"][kind.__name__]) for kind in ours]
        refused = ", ".join(each.refuses)
        rows.append(f'<p>Refuses with {refused}: <code>{{"error": "..."}}</code></p>')
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Transduce: API</title>'
        '<meta name="viewport" content="width=device-width"></head><body><h1>API of this service</h1>'
        '<p>For programs: <a href="/openapi.json">openapi.json</a>.</p>' + "".join(rows) + "</body></html>"
    )


def _fields(name: str, schema: dict[str, Any]) -> str:
    needed = set(schema.get("required", ()))
    about = schema.get("description", "")
    rows = "".join(f"<li><code>{html.escape(field)}</code>{'' if field in needed else ' (optional)'}: "
                   f"{html.escape(_spoken(kind))}</li>" for field, kind in schema["properties"].items())  # fmt: skip
    return f"<p><b>{html.escape(name)}</b> {html.escape(about)}</p><ul>{rows}</ul>"


def _spoken(kind: dict[str, Any]) -> str:
    """A schema in words: string, list of string, one of a, b ..."""
    if "$ref" in kind:
        return str(kind["$ref"]).rpartition("/")[2]
    if "anyOf" in kind:
        return " or ".join(_spoken(each) for each in kind["anyOf"] if each.get("type") != "null")
    if "enum" in kind:
        return "one of " + ", ".join(str(each) for each in kind["enum"] if each is not None)
    if kind.get("type") == "array":
        return f"list of {_spoken(kind.get('items') or {})}"
    return str(kind.get("type", "anything"))
