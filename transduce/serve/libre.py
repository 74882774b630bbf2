"""LibreTranslate's API, as its clients speak it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, final
from urllib.parse import parse_qsl, quote

import msgspec
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from transduce.config import from_dict, to_dict
from transduce.decoding.hypothesis import DecodingConfig
from transduce.serve.catalog import Served
from transduce.serve.detect import detect
from transduce.serve.documents import FORMATS, Fragment, Markup, Text, read_document
from transduce.serve.events import Events, EventStream
from transduce.serve.gate import Refused, Ticket
from transduce.serve.guard import decode_json, invalid, read_body
from transduce.serve.messages import Detection, DetectRequest, FileRequest, TranslateRequest
from transduce.serve.service import Service
from transduce.serve.translator import Wish, alternatives, joined

log = logging.getLogger("transduce.serve")
LONG_ENOUGH = 40  # characters from which a text's language is told by it alone, as in LibreTranslate


@final
class Libre:
    """The endpoints."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._held = 0  # bytes of files that are received or translated
        # One step more than there are workers: the next is ready when one is done, and no book holds up another.
        self._turns = asyncio.Semaphore(service.config.workers + 1)

    async def translate(self, request: Request) -> Response:
        """``POST /translate``."""
        service = self.service
        asked: TranslateRequest = await message(request, service, TranslateRequest)
        texts = asked.q if isinstance(asked.q, list) else [asked.q]
        check_texts(texts, service)
        runs = self._runs(asked.source, asked.target, texts)
        count = min(asked.alternatives or 0, service.config.max_beam - 1)
        results: list[tuple[str, list[str]]] = [("", [])] * len(texts)
        async with service.accepted(request, sum(map(len, texts))) as ticket:
            for served in {id(run): run for run, _ in runs}.values():
                mine = [index for index, (run, _) in enumerate(runs) if run is served]
                found = await self._translated(served, [texts[index] for index in mine], asked.format, count, ticket)
                for index, result in zip(mine, found, strict=True):
                    results[index] = result
        body: dict[str, Any] = {"translatedText": [text for text, _ in results]}
        if asked.alternatives:
            body["alternatives"] = [others for _, others in results]
        if asked.source == "auto":
            body["detectedLanguage"] = [Detection(confidence=sure or 0.0, language=run.source) for run, sure in runs]
        return answer(body if isinstance(asked.q, list) else {name: values[0] for name, values in body.items()})

    def _runs(self, source: str, target: str, texts: Sequence[str]) -> list[tuple[Served, float | None]]:
        """The run for each text. Short texts in an unknown language are told by all of them together."""
        if source != "auto":
            return [self.service.find(source, target, "")] * len(texts)
        together = self.service.find("auto", target, "\n".join(texts))
        return [self.service.find("auto", target, text) if len(text) > LONG_ENOUGH else together for text in texts]

    async def _translated(self, served: Served, texts: Sequence[str], format: str | None, count: int,
                          ticket: Ticket) -> list[tuple[str, list[str]]]:  # fmt: skip
        wish = Wish(_with_nbest(served.about.decoding, count + 1))
        translator = self.service.translator
        if format == "html":
            return [(await translator.html(served, text, wish, ticket), []) for text in texts]
        found = await translator.texts(served, texts, wish, ticket)
        return [(joined(served, some), alternatives(served, some, count)) for some in found]

    async def languages(self, request: Request) -> Response:
        """``GET /languages``."""
        self.service.check_rate(request)
        return answer(self.service.catalog.languages())

    async def detect(self, request: Request) -> Response:
        """``POST /detect``."""
        asked: DetectRequest = await message(request, self.service, DetectRequest)
        texts = asked.q if isinstance(asked.q, list) else [asked.q]
        check_texts(texts, self.service)
        found = detect("\n".join(texts), self.service.catalog.codes)
        return answer([Detection(confidence=sure, language=code) for code, sure in found])

    async def settings(self, request: Request) -> Response:
        """``GET /frontend/settings``, which some clients read first."""
        first = self.service.catalog.runs[0]
        named = {entry["code"]: entry for entry in self.service.catalog.languages()}
        sides = {"source": named[first.source], "target": named[first.target]}
        return answer({
            "charLimit": self.service.config.max_text, "frontendTimeout": 300, "apiKeys": bool(self.service.keys),
            "keyRequired": bool(self.service.keys), "suggestions": False, "filesTranslation": True,
            "inside": self.service.pages,
            "supportedFilesFormat": list(FORMATS), "maxFileSize": self.service.config.max_file,
            "language": {side: {"code": entry["code"], "name": entry["name"]} for side, entry in sides.items()},
        })  # fmt: skip

    async def suggest(self, request: Request) -> Response:
        """``POST /suggest``: nothing is kept of what users write."""
        raise Refused(403, "Suggestions are disabled on this server.", "suggestions")

    async def translate_file(self, request: Request) -> Response:
        """``POST /translate_file``. With ``Accept: text/event-stream`` the progress comes as events before the result."""
        service = self.service
        with self._room(request.headers.get("content-length", "")):
            fields, name, content = await _file_fields(request, service)
            asked: FileRequest = _converted({"file": name, **fields}, FileRequest)
            service.check_key(request, asked.api_key)
            document = await asyncio.to_thread(read_document, name, content, column=asked.column,
                                               longest=service.config.max_text)  # fmt: skip
        served, _ = service.find(asked.source, asked.target, document.head)
        size = str(len(content))
        del content

        async def work(ticket: Ticket, events: Events | None) -> dict[str, str]:
            with self._room(size):
                done, written = 0, [document.mark]
                if events is not None:
                    await events.send("progress", {"done": 0, "total": document.characters})
                steps = document.steps()
                while step := await asyncio.to_thread(next, steps, None):
                    fragments, characters = step
                    written.append(await self._step(served, fragments, characters, ticket))
                    done += characters
                    if events is not None:
                        await events.send("progress", {"done": done, "total": document.characters})
                word = service.files.put(name, "".join(written).encode("utf-8"))
            return {"translatedFileUrl": f"{str(request.base_url).rstrip('/')}/download_file/{word}/{quote(name)}"}

        if "text/event-stream" in request.headers.get("accept", ""):
            return EventStream(service, request, 0, None, work, background=True)
        async with service.accepted(request, 0, background=True) as ticket:
            return answer(await work(ticket, None))

    @contextmanager
    def _room(self, told: str) -> Iterator[None]:
        """Memory for a file of ``told`` bytes while it is received or translated. Raises ``Refused``."""
        config = self.service.config
        size = min(int(told[:20]), config.max_file) if told.isdecimal() else config.max_file
        if self._held and self._held + size > config.file_space:
            raise Refused(503, "Too many files are being translated; try again later.", "files", retry_after=10)
        self._held += size
        try:
            yield
        finally:
            self._held -= size

    async def _step(self, served: Served, fragments: Sequence[Fragment], characters: int, ticket: Ticket) -> str:
        """Some fragments as they stand in the translated file. They are in the queue only while it is their turn, so
        that a book does not fill it.
        """
        async with self._turns:
            self.service.gate.carry(ticket, characters)
            try:
                found = await self._fragments(served, fragments, Wish(served.about.decoding), ticket)
            finally:
                self.service.gate.carry(ticket, 0)
        return "".join(found)

    async def _fragments(self, served: Served, fragments: Sequence[Fragment], wish: Wish, ticket: Ticket) -> list[str]:
        translator = self.service.translator
        plain = [each for each in fragments if isinstance(each, Text) and each.format == "text"]

        async def texts() -> list[str]:
            found = await translator.texts(served, [each.text for each in plain], wish, ticket)
            return [each.finish(joined(served, some)) for each, some in zip(plain, found, strict=True)]

        async def marked(each: Text | Markup) -> str:
            if isinstance(each, Markup):
                return await translator.parts(served, each.parts, wish, ticket)
            return each.finish(await translator.html(served, each.text, wish, ticket))

        others = [each for each in fragments if not isinstance(each, str) and each not in plain]
        told, rest = await asyncio.gather(texts(), asyncio.gather(*map(marked, others)))
        done = dict(zip(map(id, [*plain, *others]), [*told, *rest], strict=True))
        return [each if isinstance(each, str) else done[id(each)] for each in fragments]

    async def download(self, request: Request) -> Response:
        """``GET /download_file/{word}/{name}``: whoever has the word may have the file."""
        found = self.service.files.get(request.path_params["word"])
        if found is None:
            raise Refused(404, "There is no such file, or no longer.", "not_found")
        name, content = found
        return Response(content, media_type="application/octet-stream", headers={
            "content-disposition": f"attachment; filename*=utf-8''{quote(name, safe='')}",
        })  # fmt: skip


async def message(request: Request, service: Service, kind: Any) -> Any:
    """The request's message, from JSON or a form, after the checks of rate, size and key."""
    service.check_rate(request)
    if kind is not DetectRequest:
        service.gate.look()
    body = await read_body(request, service.config.max_body)
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "application/json":
        found = decode_json(body, kind, depth=service.config.max_depth)
    elif media == "application/x-www-form-urlencoded" or (not media and not body and request.url.query):
        # Some clients post with their fields in the address.
        try:
            pairs = parse_qsl((body or request.scope["query_string"]).decode("utf-8"), keep_blank_values=True,
                              max_num_fields=service.config.max_texts + 8)  # fmt: skip
        except (UnicodeDecodeError, ValueError):
            raise Refused(400, "Invalid form.", "form") from None
        found = _converted(_gathered(pairs), kind)
    elif media == "multipart/form-data":
        pairs, _ = await _multipart(request, body, service)
        found = _converted(_gathered(pairs), kind)
    else:
        raise Refused(415, "Send application/json, application/x-www-form-urlencoded or multipart/form-data.", "media")
    service.check_key(request, getattr(found, "api_key", None))
    if service.config.log_text:
        log.info("text: %.4000r", getattr(found, "q", None) or getattr(found, "text", None))  # and no key
    return found


def check_texts(texts: Sequence[str], service: Service) -> None:
    """Raises ``Refused`` for more texts than are allowed. (Their length is the gate's to judge.)"""
    if len(texts) > service.config.max_texts:
        raise Refused(413, f"{len(texts):,} texts were sent; at most {service.config.max_texts:,} are allowed.",
                      "list_length")  # fmt: skip


def answer(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _with_nbest(config: DecodingConfig, nbest: int) -> DecodingConfig:
    """The run's own search, with as many outputs; wider where it must be."""
    if nbest <= 1:
        return config
    return from_dict(DecodingConfig, {**to_dict(config), "nbest": nbest, "beam": max(config.beam, nbest)})


def _gathered(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Fields of a form; ``q`` that comes more than once is a list. Forms end lines with CR LF, which is undone."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name == "q":
            found.setdefault("q", []).append(value.replace("\r\n", "\n"))
        else:
            found[name] = value
    if len(found.get("q", ())) == 1:
        found["q"] = found["q"][0]
    return {name: value for name, value in found.items() if value != "" or name in ("q", "source", "target")}


def _converted(values: dict[str, Any], kind: Any) -> Any:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(400, invalid(str(error), kind), "invalid") from None


async def _multipart(request: Request, body: bytes, service: Service
                     ) -> tuple[list[tuple[str, str]], tuple[str, bytes] | None]:  # fmt: skip
    """Fields and the first file of a multipart body."""

    async def stream() -> Any:
        yield body

    parser = MultiPartParser(Headers(raw=request.headers.raw), stream(), max_files=1,
                             max_fields=service.config.max_texts + 8, max_part_size=max(1, len(body)))  # fmt: skip
    parser.spool_max_size = len(body) + 1  # in memory: it has been bounded
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError):
        raise Refused(400, "Invalid multipart form.", "form") from None
    fields, file = [], None
    for name, value in form.multi_items():
        if isinstance(value, str):
            fields.append((name, value))
        else:
            file = (value.filename or "", await value.read())
            await value.close()
    return fields, file


async def _file_fields(request: Request, service: Service) -> tuple[dict[str, Any], str, bytes]:
    service.check_rate(request)
    service.gate.look()
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refused(415, "Send the file as multipart/form-data.", "media")
    fields, file = await _multipart(request, await read_body(request, service.config.max_file), service)
    if file is None:
        raise Refused(400, "Invalid request: missing file parameter", "invalid")
    name = file[0].replace("\\", "/").rpartition("/")[2].strip()[-200:]
    if not name:
        raise Refused(400, "Invalid request: empty file", "invalid")
    return _gathered(fields), name, file[1]
