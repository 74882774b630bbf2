"""A trace, or a map of sentences, as one HTML file that holds all it shows and asks the network for nothing.

    Path("page.html").write_text(render_page(trace), encoding="utf-8")

The page stands beside this file as plain sources (template, style, scripts); here they become one file.
Matrices go in as base64 of float32, or of int16 with a scale where float32 would make the file large.
Text from outside goes in escaped, and the page's policy allows its own script and style and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from transduce.explain.sentences import SentenceMap
    from transduce.explain.trace import Trace

# Matrices with more numbers than this together are kept in 16 bits each: about four digits, half the size.
EXACT = 150_000
SHARED_SCRIPTS = ("texts.js", "data.js")
TRACE_SCRIPTS = ("equations.js", "heat.js", "words.js", "steps.js", "tree.js", "maps.js", "states.js", "score.js",
                 "trace.js")  # fmt: skip


def render_page(trace: Trace) -> str:
    """The page of one trace: words, steps, beam, attention, states with their equations, and the score."""
    texts = {"SOURCE": html.escape(trace.source.text), "TARGET": html.escape(trace.target.text)}
    body = _filled(_static("trace.html"), texts)
    title = f"{_short(trace.source.text)} \u2192 {_short(trace.target.text)}"
    return _page(title, body, TRACE_SCRIPTS, pack(trace))


def render_map(sentences: SentenceMap) -> str:
    """The page of a map of sentences: a point a sentence, read by pointing at it."""
    title = f"{len(sentences.points):,} sentences, {sentences.run}"
    return _page(title, _static("map.html"), ("map.js",), pack(sentences))


def pack(value: Any) -> Any:
    """Structs, lists and numbers as JSON values, with every matrix in ``{rows, cols, kind, scale, data}``.

    kind "f4": float32; "i2": int16 times scale, which is off by at most a 65,000th part of the largest value.
    Both little-endian. What is not a finite number becomes null, or 0 in a matrix.
    """
    return _packed(value, exact=_numbers(value) <= EXACT)


def _packed(value: Any, *, exact: bool) -> Any:
    if isinstance(value, msgspec.Struct):
        return {name: _packed(getattr(value, name), exact=exact) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {str(name): _packed(each, exact=exact) for name, each in value.items()}
    if _is_matrix(value):
        return _matrix(np.nan_to_num(np.asarray(value, dtype=np.float64), posinf=0, neginf=0), exact=exact)
    if isinstance(value, list | tuple):
        return [_packed(each, exact=exact) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _matrix(values: np.ndarray, *, exact: bool) -> dict[str, Any]:
    scale, kind = 1.0, "f4"
    if exact:
        data = values.astype("<f4").tobytes()
    else:
        kind, scale = "i2", float(np.abs(values).max(initial=0)) / 32_767 or 1.0
        data = np.rint(values / scale).astype("<i2").tobytes()
    rows, cols = values.shape
    return {"rows": rows, "cols": cols, "kind": kind, "scale": scale, "data": base64.b64encode(data).decode()}


def _is_matrix(value: Any) -> bool:
    """A list of rows of floats. Rows of a matrix are equally long; a list of ids is no row."""
    return (isinstance(value, list | tuple) and bool(value) and isinstance(value[0], list | tuple)
            and bool(value[0]) and isinstance(value[0][0], float | int))  # fmt: skip


def _numbers(value: Any) -> int:
    """How many numbers stand in matrices."""
    if isinstance(value, msgspec.Struct):
        return sum(_numbers(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, dict):
        return sum(_numbers(each) for each in value.values())
    if _is_matrix(value):
        return len(value) * len(value[0])
    return sum(_numbers(each) for each in value) if isinstance(value, list | tuple) else 0


def _page(title: str, body: str, scripts: tuple[str, ...], data: Any) -> str:
    style = _static("style.css")
    script = '"use strict";\n' + "\n".join(_static(name) for name in (*SHARED_SCRIPTS, *scripts))
    policy = (f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; "
              "base-uri 'none'; form-action 'none'")  # fmt: skip
    # ASCII only, so that no character of the data means anything to the HTML or the script reader.
    packed = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        packed = packed.replace(sign, f"\\u{ord(sign):04x}")
    filled = {"POLICY": policy, "TITLE": html.escape(title), "STYLE": style, "BODY": body, "DATA": packed,
              "SCRIPT": script}  # fmt: skip
    return _filled(_static("template.html"), filled)


def _filled(template: str, values: dict[str, str]) -> str:
    """The template with ``@NAME@`` replaced; what stands in one value is never searched for the name of another."""
    return re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], template)


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _static(name: str) -> str:
    return (files("transduce.explain.page") / name).read_text(encoding="utf-8")


def _short(text: str, most: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "\u2026"
