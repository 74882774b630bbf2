"""The OpenAPI document as a page to read: routes, fields, limits, examples to copy. No script but the theme's."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from transduce.serve import openapi
from transduce.serve.settings import ServeConfig

_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>API \u00b7 Transduce</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="icon" href="/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/style.css"><script src="/theme.js"></script>
</head><body class="reference"><a class="skip" href="#main">Skip to the content</a>
<header class="top"><a class="brand" href="/">Transduce</a><nav aria-label="Pages"><a href="/#/">Translate</a>
<a href="/#/runs">Runs</a><a href="/#/compare">Compare</a><a href="/docs" aria-current="page">API</a></nav></header>
<main id="main" tabindex="-1">"""
_LIMITS = {
    "max_text": "characters of a request", "max_texts": "texts of a request", "max_body": "bytes of a request",
    "max_file": "bytes of a request with a file", "max_depth": "depth of JSON", "max_beam": "widest beam, most alternatives",
    "rate": "requests a second of one key or address", "burst": "requests at once before that counts",
    "deadline": "seconds for an answer, at most", "file_deadline": "seconds for a file",
    "file_seconds": "seconds that a translated file is kept",
}  # fmt: skip


def page(*, url: str, source: str, target: str, keys: bool, config: ServeConfig) -> str:
    """The page of a service at ``url`` that translates from ``source`` into ``target``."""
    whole = openapi.document(keys=keys)
    names = [(f"{each.method.upper()} {each.path}", each) for each in openapi.OPERATIONS]
    examples = _examples(url, source, target, keys=keys)
    sections = [_section(name, each, whole, examples) for name, each in names]
    key = ("<p>Requests need a key: as the field <code>api_key</code>, or as the header <code>Authorization: Bearer KEY"
           "</code>.</p>") if keys else ""  # fmt: skip
    listed = "".join(f'<li><a href="#{_id(name)}"><code>{_e(name)}</code></a> <span class="note">{_e(each.title)}</span></li>'
                     for name, each in names)  # fmt: skip
    limits = _table("Limits of this service", ("limit", "what"), [
        [f"<code>{_number(getattr(config, name))}</code>", _e(what)] for name, what in _LIMITS.items()
    ])  # fmt: skip
    refusals = _table("Answers that are refusals", ("status", "when"), [
        [f"<code>{status}</code>", _e(when)] for status, when in openapi.REFUSALS.items()
    ])  # fmt: skip
    return (
        f'{_HEAD}<h1>API of this service</h1><p class="note">At <code>{_e(url)}</code>. LibreTranslate\'s clients work '
        'with it; what is under <code>/v1</code> is its own. For programs: <a href="/openapi.json">openapi.json</a>.</p>'
        f'{key}<ul class="routes">{listed}</ul><div class="charts">{limits}{refusals}</div>'
        '<p class="note">Every refusal is <code>{"error": "..."}</code>; 429 and 503 carry <code>Retry-After</code>.</p>'
        f"{''.join(sections)}</main></body></html>"
    )


def _section(name: str, each: openapi.Operation, whole: dict[str, Any], examples: dict[str, tuple[str, str]]) -> str:
    schemas = whole["components"]["schemas"]
    operation = whole["paths"][each.path][each.method]
    parts = [f"<h2><code>{_e(name)}</code></h2><p>{_e(each.title)}.</p>"]
    if each.takes is not None:
        schema = schemas[each.takes.__name__]
        parts.append(f'<p class="note">{_e(" or ".join(each.media))}</p>')
        needed = schema.get("required", ())
        rows = [[f"<code>{_e(field)}</code>", _e(_spoken(kind)) + (" <b>required</b>" if field in needed else ""),
                 _e(kind.get("description", ""))] for field, kind in schema["properties"].items()]  # fmt: skip
        parts.append(_table("Fields", ("field", "type and limits", "what"), rows))
    if found := operation.get("parameters"):
        rows = [
            [f"<code>{_e(one['name'])}</code>", _e(_spoken(one["schema"])), _e(one["description"])] for one in found
        ]
        parts.append(_table("Parameters", ("parameter", "type and limits", "what"), rows))
    if name in examples:
        asked, told = examples[name]
        parts.append(f'<h3>Example</h3><pre tabindex="0" aria-label="Example">{_e(asked)}</pre>')
        parts += [f'<pre class="told" tabindex="0" aria-label="Its answer">{_e(told)}</pre>'] if told else []
    answers = each.answers
    if isinstance(answers, type) and answers.__name__ in schemas and answers.__name__ != "dict":
        schema = schemas[answers.__name__]
        rows = [[f"<code>{_e(field)}</code>", _e(_spoken(kind))] for field, kind in schema["properties"].items()]
        about = re.sub(r"``([^`]*)``", lambda found: f"<code>{found[1]}</code>", _e(schema.get("description", "")))
        parts.append(_table("Answer", ("field", "type"), rows) + f'<p class="note">{about}</p>')
    elif isinstance(answers, str):
        parts.append(f'<p class="note">Answers with {_e(answers)}.</p>')
    statuses = ", ".join(each.refuses)
    parts.append(f'<p class="note">May be refused with {statuses}.</p>')
    return f'<section class="card" id="{_id(name)}" aria-label="{_e(name)}">{"".join(parts)}</section>'


def _examples(url: str, source: str, target: str, *, keys: bool) -> dict[str, tuple[str, str]]:
    """What to type, and the shape of what comes back."""
    key = " -H 'Authorization: Bearer KEY'" if keys else ""

    def sent(path: str, body: dict[str, Any]) -> str:
        return f"curl {url}{path}{key} -H 'content-type: application/json' \\\n     -d '{json.dumps(body)}'"

    pair = {"source": source, "target": target}
    text = "A man is riding a horse."
    return {
        "POST /translate": (sent("/translate", {"q": text, **pair, "alternatives": 2}),
                            '{"translatedText": "...", "alternatives": ["...", "..."]}'),
        "POST /translate_file": (f"curl {url}/translate_file{key} -F file=@film.srt -F source={source} -F target={target}",
                                 f'{{"translatedFileUrl": "{url}/download_file/.../film.srt"}}'),
        "POST /detect": (sent("/detect", {"q": text}), f'[{{"confidence": 99.9, "language": "{source}"}}, ...]'),
        "GET /languages": (f"curl {url}/languages", f'[{{"code": "{source}", "name": "...", "targets": ["{target}"]}}, ...]'),
        "GET /v1/models": (f"curl {url}/v1/models{key}", '{"models": [{"name": "...", "scores": {...}, ...}]}'),
        "POST /v1/translate": (sent("/v1/translate", {"text": text, **pair, "nbest": 3, "top": 5, "attention": True}),
                               '{"model": "...", "translations": [{"text": "...", "sentences": [...]}], "seconds": 0.05}'),
        "POST /v1/score": (sent("/v1/score", {"pairs": [[text, "..."]], **pair}),
                           '{"model": "...", "scores": [{"log_prob": -4.2, "tokens": 9}]}'),
        "POST /v1/explain": (sent("/v1/explain", {"text": text, **pair}), ""),
        "GET /ready": (f"curl {url}/ready", '{"status": "ok"}'),
    }  # fmt: skip


def _table(title: str, heads: tuple[str, ...], rows: list[list[str]]) -> str:
    """Cells are HTML."""
    head = "".join(f'<th scope="col">{_e(each)}</th>' for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (f'<div class="scroll"><table><caption>{_e(title)}</caption><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>")  # fmt: skip


def _spoken(kind: dict[str, Any]) -> str:
    """A schema in words: list of string, one of a, b ..., number from 1 to 100."""
    if "$ref" in kind:
        return str(kind["$ref"]).rpartition("/")[2]
    if "anyOf" in kind:
        return " or ".join(_spoken(each) for each in kind["anyOf"] if each.get("type") != "null")
    if "enum" in kind:
        return "one of " + ", ".join(str(each) for each in kind["enum"] if each is not None)
    if kind.get("type") == "array":
        return f"list of {_spoken(kind.get('items') or {})}"
    if kind.get("format") == "binary":
        return "file"
    spoken = str(kind.get("type", "anything"))
    least, above, most = kind.get("minimum"), kind.get("exclusiveMinimum"), kind.get("maximum")
    if least is not None and most is not None:
        spoken += f" from {_number(least)}" + (f" to {_number(most)}" if most < 1e15 else "")
    elif above is not None and most is not None:
        spoken += f" above {_number(above)}, up to {_number(most)}"
    if "maxLength" in kind:
        spoken += f" of at most {kind['maxLength']:,} characters"
    return spoken


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _id(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _e(text: str) -> str:
    return html.escape(text)
