"""Our own API beside LibreTranslate's: everything that the model can say."""

from __future__ import annotations

import asyncio
import math
import time
from typing import final

from starlette.requests import Request
from starlette.responses import Response

from transduce.config import from_dict, to_dict
from transduce.data.tokenizer import BOS, EOS, PAD, UNK, Tokenizer
from transduce.decoding.hypothesis import DecodingConfig, Hypothesis
from transduce.serve import wire
from transduce.serve.catalog import Served
from transduce.serve.events import Events, EventStream
from transduce.serve.gate import Refused, Ticket
from transduce.serve.libre import answer, check_texts, message
from transduce.serve.messages import (
    Candidate,
    Detection,
    ExplainRequest,
    Output,
    Scored,
    ScoreRequest,
    Search,
    SentenceV1,
    Token,
    TranslateV1,
    TranslateV1Response,
    TranslationV1,
)
from transduce.serve.reports import without_folders
from transduce.serve.service import Service
from transduce.serve.translator import Sentence, Wish, joined

MOST_EXPLAINED = 2_000  # characters: an explanation holds every state of every token


@final
class Native:
    """The endpoints under /v1."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def models(self, request: Request) -> Response:
        """``GET /v1/models``: every run with its report as data."""
        self._check(request)
        return answer({"models": [served.card() for served in self.service.catalog.runs]})

    async def model(self, request: Request) -> Response:
        """``GET /v1/models/{name}``."""
        self._check(request)
        return answer(self._named(request).card())

    async def report(self, request: Request) -> Response:
        """``GET /v1/models/{name}/report``: report.md, without the folders of the machine that wrote it."""
        self._check(request)
        served = self._named(request)
        return Response(without_folders(served.report(), served.name), media_type="text/markdown")

    async def metrics(self, request: Request) -> Response:
        """``GET /v1/models/{name}/metrics?after=N``: metrics.jsonl from line N on."""
        self._check(request)
        served, after = self._named(request), request.query_params.get("after", "0")
        if not after.isdecimal() or len(after) > 9:
            raise Refused(400, "after must be a number of lines.", "invalid")
        lines = await asyncio.to_thread(served.metrics, int(after))
        return answer({"name": served.name, "lines": lines, "next": int(after) + len(lines)})

    async def translate(self, request: Request) -> Response:
        """``POST /v1/translate``."""
        service, began = self.service, time.monotonic()
        asked: TranslateV1 = await message(request, service, TranslateV1)
        texts = asked.text if isinstance(asked.text, list) else [asked.text]
        check_texts(texts, service)
        if asked.format == "html" and (asked.prefix or asked.top or asked.tokens or asked.attention):
            raise Refused(400, "prefix, top, tokens and attention are of text, not of HTML.", "invalid")
        served, sure = self._run(asked, "\n".join(texts))
        wish = self._wish(asked, served)
        characters = sum(map(len, texts))

        def response(translations: list[TranslationV1]) -> TranslateV1Response:
            detected = None if sure is None else [Detection(confidence=sure, language=served.source)]
            return TranslateV1Response(
                model=served.name, source=served.source, target=served.target, translations=translations,
                seconds=round(time.monotonic() - began, 6), detected=detected,
            )  # fmt: skip

        if asked.stream:
            if len(texts) != 1 or asked.format != "text":
                raise Refused(400, "A stream is of one text, not of a list or of HTML.", "invalid")

            async def stream(ticket: Ticket, events: Events) -> TranslateV1Response:
                sentences = await self._streamed(served, texts[0], wish, ticket, events)
                return response([await self._told(served, sentences, asked, ticket)])

            return EventStream(service, request, characters, asked.deadline, stream)
        async with service.accepted(request, characters, asked.deadline) as ticket:
            if asked.format == "html":
                documents = [await service.translator.html(served, text, wish, ticket) for text in texts]
                return answer(response([TranslationV1(text=each) for each in documents]))
            found = await service.translator.texts(served, texts, wish, ticket)
            return answer(response([await self._told(served, some, asked, ticket) for some in found]))

    async def score(self, request: Request) -> Response:
        """``POST /v1/score``: log-probability of given pairs."""
        service = self.service
        asked: ScoreRequest = await message(request, service, ScoreRequest)
        check_texts([source for source, _ in asked.pairs], service)
        served, _ = self._run(asked, "")
        characters = sum(len(source) + len(target) for source, target in asked.pairs)
        longest = 20 * served.about.longest
        if any(max(len(source), len(target)) > longest for source, target in asked.pairs):
            raise Refused(413, f"A text to score has more than {longest:,} characters.", "text_length")
        scores: list[Scored] = []
        async with service.accepted(request, characters, asked.deadline) as ticket:
            for first in range(0, len(asked.pairs), 32):  # between calls others have their turn
                pairs = asked.pairs[first : first + 32]
                found = await service.engine.call(wire.Score([], served.name, pairs), ticket,
                                                  characters=sum(len(a) + len(b) for a, b in pairs))  # fmt: skip
                assert isinstance(found, wire.Scored)
                scores += [Scored(log_prob=log_prob, tokens=tokens) for log_prob, tokens in found.scores]
        return answer({"model": served.name, "scores": scores})

    async def explain(self, request: Request) -> Response:
        """``POST /v1/explain``: what ``transduce explain --json`` prints."""
        service = self.service
        asked: ExplainRequest = await message(request, service, ExplainRequest)
        if not service.explains:
            raise Refused(404, "This service explains nothing.", "not_found")
        served, _ = self._run(asked, asked.text)
        characters = len(asked.text) + len(asked.force or "")
        if characters > MOST_EXPLAINED:
            raise Refused(413, f"To explain, a text may have {MOST_EXPLAINED:,} characters.", "text_length")
        self._check_beam(asked.beam)
        options = {"target": asked.force, "beam": asked.beam, "length_penalty": asked.length_penalty,
                   "gradient": asked.gradient}  # fmt: skip
        given = {name: value for name, value in options.items() if value is not None}
        async with service.accepted(request, characters, asked.deadline) as ticket:
            body = await service.explained(served, asked.text, given, ticket, page=False)
        return Response(body, media_type="application/json")

    def _check(self, request: Request) -> None:
        self.service.check_rate(request)
        self.service.check_key(request)

    def _check_beam(self, beam: int | None) -> None:
        if beam is not None and beam > self.service.config.max_beam:
            raise Refused(400, f"beam {beam} is wider than the {self.service.config.max_beam} that are allowed here.",
                          "beam")  # fmt: skip

    def _named(self, request: Request) -> Served:
        served = self.service.catalog.by_name.get(request.path_params["name"])
        if served is None:
            raise Refused(404, "There is no such model; see /v1/models.", "not_found")
        return served

    def _run(self, asked: Search | ScoreRequest, text: str) -> tuple[Served, float | None]:
        """The run that a request means: by name, by languages, or the only one there is."""
        catalog = self.service.catalog
        if asked.model is not None:
            if served := catalog.by_name.get(asked.model):
                return served, None
            raise Refused(400, f'There is no model "{asked.model[:60]}"; there are: {", ".join(catalog.by_name)}.',
                          "language")  # fmt: skip
        if asked.target is None and asked.source is None:
            if len(catalog.runs) == 1:
                return catalog.runs[0], None
            raise Refused(400, f"Say which model; there are: {', '.join(catalog.by_name)}.", "language")
        if asked.target is None:
            raise Refused(400, "Invalid request: missing target parameter", "invalid")
        return self.service.find(asked.source or "auto", asked.target, text)

    def _wish(self, asked: TranslateV1, served: Served) -> Wish:
        """The search that a request asks for. Raises ``ConfigError`` for options that exclude one another."""
        given = {name: getattr(asked, name) for name in ("beam", "nbest", "length_penalty", "temperature", "top_k",
                 "top_p", "seed") if getattr(asked, name) is not None}  # fmt: skip
        nbest = asked.nbest or 1
        for beam in (asked.beam, asked.nbest):
            self._check_beam(beam)
        if asked.sample:
            given["sample"] = True
        elif asked.stream:
            given |= {"beam": 1, "nbest": 1}
        elif asked.beam is None and nbest > served.about.decoding.beam:
            given["beam"] = nbest
        if asked.stream:
            given["nbest"] = 1
        decoding = from_dict(DecodingConfig, {**to_dict(served.about.decoding), **given})
        prefix = asked.prefix or []
        if isinstance(prefix, str):
            prefix = served.tokenizers.target.encode(prefix)
        size = served.tokenizers.target.vocab_size
        if len(prefix) > served.about.longest or any(
            token in (PAD, BOS, EOS, UNK) or not 0 <= token < size for token in prefix
        ):
            raise Refused(400, "The prefix holds a token that no output can have, or too many.", "prefix")
        return Wish(decoding, attention=asked.attention, log_probs=asked.tokens or asked.top > 0,
                    prefix=tuple(prefix), split=asked.split and not prefix)  # fmt: skip

    async def _told(self, served: Served, sentences: list[Sentence], asked: TranslateV1, ticket: Ticket
                    ) -> TranslationV1:  # fmt: skip
        """One text's sentences as the client asked for them."""
        asks = [each for each in sentences if each.asked and each.outputs]
        likely: dict[int, list[list[Candidate]]] = {}
        if asked.top and asks:
            pairs = [(each.ids, _symbols(each.outputs[0][1])) for each in asks]
            found = await self.service.engine.call(wire.Likely([], served.name, pairs, asked.top), ticket,
                                                   characters=sum(len(each.piece.text) for each in asks))  # fmt: skip
            assert isinstance(found, wire.Candidates)
            likely = {id(each): some for each, some in zip(asks, found.outputs, strict=True)}
        source = served.tokenizers.source
        told = []
        for each in sentences:
            outputs = [_output(served, text, hypothesis, asked, likely.get(id(each)) if number == 0 else None)
                       for number, (text, hypothesis) in enumerate(each.outputs)]  # fmt: skip
            tokens = _tokens(source, each.ids) if each.asked and (asked.tokens or asked.attention) else None
            told.append(SentenceV1(text=each.piece.text, start=each.piece.start, translated=each.asked,
                                   outputs=outputs, tokens=tokens))  # fmt: skip
        return TranslationV1(text=joined(served, sentences), sentences=told)

    async def _streamed(self, served: Served, text: str, wish: Wish, ticket: Ticket, events: Events) -> list[Sentence]:
        """Translate sentence by sentence and send each token as it is chosen."""
        sentences = await self.service.translator.cut(served, text, wish)
        for number, sentence in enumerate(sentences):
            if not sentence.asked:
                await events.send("passed", {"sentence": number, "text": sentence.piece.text})
                continue
            queue: asyncio.Queue[list[int] | None] = asyncio.Queue()
            task = wire.Stream([], served.name, sentence.ids, wish.decoding, list(wish.prefix), wish.attention,
                               wish.log_probs)  # fmt: skip
            search = asyncio.create_task(self.service.engine.call(
                task, ticket, characters=len(sentence.piece.text), hear=queue.put_nowait,
            ))  # fmt: skip
            search.add_done_callback(lambda _, queue=queue: queue.put_nowait(None))  # type: ignore[misc]
            written = ""
            try:
                while (tokens := await queue.get()) is not None:
                    whole = served.tokenizers.target.decode(tokens)
                    if not whole.endswith("\ufffd"):  # the bytes of a character come one by one
                        await events.send(
                            "token", {"sentence": number, "id": tokens[-1], "text": whole[len(written) :]}
                        )
                        written = whole
                answered = await search
            finally:
                search.cancel()
            assert isinstance(answered, wire.Found)
            found = wire.unpacked(answered.outputs[0][0])
            output = served.tokenizers.target.decode(found.tokens)
            sentence.outputs = [(output, found)]
            await events.send("sentence", {"sentence": number, "text": sentence.best()})
        return sentences


def _symbols(found: Hypothesis) -> list[int]:
    return [*found.tokens, EOS] if found.finished else found.tokens


def _tokens(tokenizer: Tokenizer, ids: list[int]) -> list[Token]:
    return [Token(id=number, text=piece) for number, piece in zip(ids, tokenizer.pieces(ids), strict=True)]


def _output(served: Served, text: str, found: Hypothesis, asked: TranslateV1, likely: list[list[Candidate]] | None
            ) -> Output:  # fmt: skip
    tokens: list[Token] | None = None
    ended = None
    if found.token_log_probs is not None:
        probabilities = [round(math.exp(value), 6) for value in found.token_log_probs]
        pieces = served.tokenizers.target.pieces(found.tokens)
        tokens = [Token(id=number, text=piece, probability=probability, candidates=likely[place] if likely else None)
                  for place, (number, piece, probability) in
                  enumerate(zip(found.tokens, pieces, probabilities, strict=False))]  # fmt: skip
        ended = probabilities[-1] if found.finished else None
    looked = None
    if asked.attention and found.attention is not None:
        looked = [[round(value, 5) for value in row] for row in found.attention.tolist()]
    return Output(text=text, score=round(found.score, 6), log_prob=round(found.log_prob, 6), finished=found.finished,
                  tokens=tokens, ended=ended, attention=looked)  # fmt: skip
