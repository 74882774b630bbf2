"""What clients send and get, as types. The OpenAPI document is made of them, so it cannot say anything else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Format = Literal["text", "html"]
Name = Annotated[str, Meta(max_length=200)]
Count = Annotated[int, Meta(ge=0, le=100)]
# Seconds for an answer. Below one, a request that is right could only be told that there was no time for it.
Deadline = Annotated[float, Meta(ge=1, le=86_400)]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of what is sent and got."""


# LibreTranslate's ----------------------------------------------------------------------------------------


class TranslateRequest(Message, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /translate``."""

    q: str | list[str]
    source: Name
    target: Name
    format: Format | None = None
    alternatives: Count | None = None
    api_key: str | None = None


class DetectRequest(Message, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /detect``."""

    q: str | list[str]
    api_key: str | None = None


class FileRequest(Message, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /translate_file``, as multipart/form-data. ``column``: of a CSV file, by name or number from 1."""

    file: Annotated[str, Meta(extra_json_schema={"format": "binary"})]
    source: Name
    target: Name
    column: Name | None = None
    api_key: str | None = None


class Detection(Message, frozen=True, kw_only=True, omit_defaults=True):
    """A language that a text may be in; confidence from 0 to 100."""

    confidence: float
    language: str


class TranslateResponse(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Lists where ``q`` was a list."""

    translatedText: str | list[str]
    alternatives: list[str | list[str]] | None = None
    detectedLanguage: Detection | list[Detection] | None = None


class FileResponse(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Where the translated file can be fetched for some minutes."""

    translatedFileUrl: str


class Language(Message, frozen=True, kw_only=True):
    """A language, and the codes of those that it can be translated into."""

    code: str
    name: str
    targets: list[str]


class Error(Message, frozen=True, kw_only=True):
    """What was wrong, for people."""

    error: str


# Ours ------------------------------------------------------------------------------------------------------


class Strict(Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests of ours refuse fields that they do not know: a misspelt option would be ignored in silence."""


class Search(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to search; what is not given is the run's own setting. ``model`` or ``source`` and ``target`` say which run."""

    model: Name | None = None
    source: Name | None = None
    target: Name | None = None
    beam: Annotated[int, Meta(ge=1, le=100)] | None = None
    length_penalty: Annotated[float, Meta(ge=0, le=10)] | None = None
    deadline: Deadline | None = None


class TranslateV1(Search, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST /v1/translate``.

    ``prefix``: how the output begins, as text or as ids of tokens; the text is then one sentence, as it is with
    ``split`` false. ``top``: so many likeliest tokens at each place of the best output. ``stream``: tokens as
    server-sent events while they are written, by greedy search unless ``sample`` is set.
    """

    text: str | list[str]
    format: Format = "text"
    nbest: Annotated[int, Meta(ge=1, le=100)] | None = None
    sample: bool = False
    temperature: Annotated[float, Meta(ge=0.001, le=100)] | None = None  # logits over less are no numbers
    top_k: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**62)] | None = None
    prefix: str | list[int] | None = None
    top: Annotated[int, Meta(ge=0, le=50)] = 0
    tokens: bool = False
    attention: bool = False
    split: bool = True
    stream: bool = False


class ScoreRequest(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST /v1/score``: pairs of source and target."""

    pairs: list[tuple[str, str]]
    model: Name | None = None
    source: Name | None = None
    target: Name | None = None
    deadline: Deadline | None = None


class ExplainRequest(Search, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST /v1/explain``: one sentence, and what to force as its output instead of searching."""

    text: str
    force: str | None = None
    gradient: Literal["input_x_gradient", "integrated_gradients"] | None = None


class InsideRequest(Strict, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST /inside``, as a form: one sentence, and its output where that is not what the search finds."""

    text: str
    model: Name
    force: str | None = None
    api_key: str | None = None


class Candidate(Message, frozen=True, kw_only=True):
    """A token that could have stood here."""

    id: int
    text: str
    probability: float


class Token(Message, frozen=True, kw_only=True, omit_defaults=True):
    """A token; of an output, with its probability. ``text`` keeps its leading space; bytes read <0xE4>."""

    id: int
    text: str
    probability: float | None = None
    candidates: list[Candidate] | None = None


class Output(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One output. Logarithms are natural; ``log_prob`` is the sum over tokens and the end. ``attention``: tokens of
    the output (and its end) by tokens of the source (and its end). ``ended``: probability of the end, if it came.
    """

    text: str
    score: float
    log_prob: float
    finished: bool
    tokens: list[Token] | None = None
    ended: float | None = None
    attention: list[list[float]] | None = None


class SentenceV1(Message, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of the text. ``translated`` is false for what was passed through; such a piece has no outputs."""

    text: str
    start: int
    translated: bool
    outputs: list[Output]
    tokens: list[Token] | None = None


class TranslationV1(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One text. ``sentences``, joined, cover it; absent for HTML."""

    text: str
    sentences: list[SentenceV1] | None = None


class TranslateV1Response(Message, frozen=True, kw_only=True, omit_defaults=True):
    """``translations`` has one entry a text."""

    model: str
    source: str
    target: str
    translations: list[TranslationV1]
    seconds: float
    detected: list[Detection] | None = None


class Scored(Message, frozen=True, kw_only=True):
    """``log_prob``: natural, of the whole target and its end. ``right``: tokens that the model would have chosen."""

    log_prob: float
    tokens: int


class ScoreResponse(Message, frozen=True, kw_only=True):
    """One entry a pair."""

    model: str
    scores: list[Scored]


class ModelsResponse(Message, frozen=True, kw_only=True):
    """Every run that is served, each with its report as data."""

    models: list[dict[str, Any]]


class MetricsResponse(Message, frozen=True, kw_only=True):
    """Measurements of a run from line ``after`` on; ask again with ``next``."""

    name: str
    lines: list[dict[str, Any]]
    next: int


class Health(Message, frozen=True, kw_only=True):
    """Of the process."""

    status: Literal["ok", "not ready"]
