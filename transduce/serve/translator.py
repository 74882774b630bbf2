"""Texts of any length through a model that knows sentences: cut, ask, put together again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from transduce.decoding.hypothesis import DecodingConfig, Hypothesis
from transduce.serve import placing, segments
from transduce.serve.catalog import Served
from transduce.serve.engine import Engine, Job
from transduce.serve.gate import Ticket
from transduce.serve.markup import Block, Mark, blocks, escaped
from transduce.serve.segments import Piece

INLINE_CHARACTERS = 4_000  # more is cut and tokenized in another thread, so that the event loop stays free
AGAIN = 4  # times that a sentence is cut anew
MOST_MARKS = 64  # inline tags of one block; beyond it the text between them is translated piece by piece


@dataclass(frozen=True)
class Wish:
    """What is asked of each sentence."""

    decoding: DecodingConfig
    attention: bool = False
    log_probs: bool = False
    prefix: tuple[int, ...] = ()
    split: bool = True


@dataclass
class Sentence:
    """A piece of a text, its tokens if a model was asked, and the outputs, best first."""

    piece: Piece
    ids: list[int] = field(default_factory=list)
    asked: bool = False
    outputs: list[tuple[str, Hypothesis]] = field(default_factory=list)

    def best(self, number: int = 0) -> str:
        """Output number ``number``, or the last there is. What never came to an end is no translation: the source
        stands for it, as it does where no model was asked.
        """
        if not self.asked or not self.outputs:
            return self.piece.text
        text, found = self.outputs[min(number, len(self.outputs) - 1)]
        return text if (found.finished and text.strip()) or number else self.piece.text


@final
class Translator:
    """Translates through one engine. All methods belong to the event loop's thread."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def text(self, served: Served, text: str, wish: Wish, ticket: Ticket) -> list[Sentence]:
        """The sentences of ``text``, translated; ``joined`` makes a text of them."""
        return (await self.texts(served, [text], wish, ticket))[0]

    async def texts(self, served: Served, texts: Sequence[str], wish: Wish, ticket: Ticket) -> list[list[Sentence]]:
        cut = await self._cut(served, texts, wish)
        asked = [sentence for sentences in cut for sentence in sentences if sentence.asked]
        await self._ask(served, asked, wish, ticket)
        if wish.split and not wish.decoding.sample:
            await self._ask_again(served, cut, wish, ticket)
        passed = sum(not sentence.asked for sentences in cut for sentence in sentences)
        self.engine.metrics.add("transduce_passed_through_total", passed)
        return cut

    async def cut(self, served: Served, text: str, wish: Wish) -> list[Sentence]:
        """The sentences of ``text``, not translated yet."""
        return (await self._cut(served, [text], wish))[0]

    async def _cut(self, served: Served, texts: Sequence[str], wish: Wish) -> list[list[Sentence]]:
        if sum(map(len, texts)) > INLINE_CHARACTERS:
            return await asyncio.to_thread(lambda: [_cut(served, text, wish) for text in texts])
        return [_cut(served, text, wish) for text in texts]

    async def html(self, served: Served, document: str, wish: Wish, ticket: Ticket) -> str:
        """The document with its text translated, by the best output of each sentence."""
        parts = await asyncio.to_thread(lambda: list(blocks(document)))
        return await self.parts(served, parts, wish, ticket)

    async def parts(self, served: Served, parts: Sequence[str | Block], wish: Wish, ticket: Ticket) -> str:
        """Some parts of a document, one after the other."""
        found = [part for part in parts if isinstance(part, Block)]
        few = [block for block in found if len(block.marks) <= MOST_MARKS]
        cut = await asyncio.to_thread(lambda: {id(block): _cut(served, block.text, wish) for block in few})
        many = [block for block in found if len(block.marks) > MOST_MARKS]
        shreds = {id(block): _shreds(block) for block in many}
        cut_shreds = {id(block): [_cut(served, text, wish) for text, _ in shreds[id(block)]] for block in many}
        plain: list[Sentence] = []
        marked: list[Sentence] = []
        for block in few:
            for sentence in cut[id(block)]:
                if sentence.asked:
                    inner = any(_within(mark, sentence.piece) for mark in block.marks)
                    (marked if inner else plain).append(sentence)
        plain += [each for shred in cut_shreds.values() for some in shred for each in some if each.asked]
        looking = Wish(wish.decoding, attention=True)
        await asyncio.gather(self._ask(served, plain, wish, ticket), self._ask(served, marked, looking, ticket))
        unmarked = [cut[id(block)] for block in few if not block.marks]
        if not wish.decoding.sample:
            await self._ask_again(
                served, [*unmarked, *(some for shred in cut_shreds.values() for some in shred)], wish, ticket
            )
        written = []
        for part in parts:
            if isinstance(part, str):
                written.append(part)
            elif id(part) in cut:
                written.append(_rendered(served, part, cut[id(part)]))
            else:
                pairs = zip(shreds[id(part)], cut_shreds[id(part)], strict=True)
                written += [escaped(joined(served, some)) + tag for (_, tag), some in pairs]
        return "".join(written)

    async def _ask_again(self, served: Served, texts: Sequence[list[Sentence]], wish: Wish, ticket: Ticket) -> None:
        """Cut sentences whose output never ended or changed a number, and translate their parts instead."""
        for _ in range(AGAIN):
            asked: list[Sentence] = []
            for sentences in texts:
                for index in reversed(range(len(sentences))):
                    parts = _doubtful(sentences[index])
                    if parts:
                        sentences[index : index + 1] = fresh = [_sentence(served, part, wish) for part in parts]
                        asked += [each for each in fresh if each.asked]
            if not asked:
                return
            await self._ask(served, asked, wish, ticket)

    async def _ask(self, served: Served, sentences: Sequence[Sentence], wish: Wish, ticket: Ticket) -> None:
        jobs = [Job(served.name, each.ids, wish.decoding, ticket, len(each.piece.text), prefix=list(wish.prefix),
                    attention=wish.attention, log_probs=wish.log_probs) for each in sentences]  # fmt: skip
        decode = served.tokenizers.target.decode
        for sentence, found in zip(sentences, await self.engine.submit(jobs), strict=True):
            sentence.outputs = [(decode(each.tokens), each) for each in found]


def joined(served: Served, sentences: Sequence[Sentence], number: int = 0) -> str:
    """The text that the sentences make, by output ``number`` of each."""
    source, target = served.language, served.target_language
    written: list[str] = []
    for index, sentence in enumerate(sentences):
        if sentence.piece.translate:
            if index and sentences[index - 1].piece.translate:
                written.append(segments.space_between("", source, target))
            written.append(sentence.best(number))
        else:
            between = 0 < index < len(sentences) - 1
            text = sentence.piece.text
            written.append(segments.space_between(text, source, target) if between else text)
    return "".join(written)


def alternatives(served: Served, sentences: Sequence[Sentence], count: int) -> list[str]:
    """Up to ``count`` other texts, likeliest first: in each the next output of every sentence."""
    best = joined(served, sentences)
    found: dict[str, None] = {}
    for number in range(1, max((len(each.outputs) for each in sentences), default=0)):
        found.setdefault(joined(served, sentences, number))
    found.pop(best, None)
    return list(found)[:count]


def _cut(served: Served, text: str, wish: Wish) -> list[Sentence]:
    if wish.split:
        pieces = segments.cut(text, served.language, fits=served.fits)
    else:
        pieces = segments.one(text)
    return [_sentence(served, piece, wish) for piece in pieces]


def _sentence(served: Served, piece: Piece, wish: Wish) -> Sentence:
    sentence = Sentence(piece)
    if piece.translate:
        sentence.ids = served.tokenizers.source.encode(segments.plain(piece.text))
        sentence.asked = bool(sentence.ids) and (not wish.split or served.knows(piece.text, sentence.ids))
    return sentence


def _doubtful(sentence: Sentence) -> list[Piece]:
    """The parts in which a sentence is better translated; empty where its output is as good as any."""
    if not sentence.asked or not sentence.outputs:
        return []
    text, found = sentence.outputs[0]
    if not found.finished:
        parts = segments.halves(sentence.piece)
    elif not segments.same_numbers(sentence.piece.text, text):
        parts = segments.around_numbers(sentence.piece)
    else:
        return []
    return parts if len(parts) > 1 else []


def _within(mark: Mark, piece: Piece) -> bool:
    return piece.start < mark.at < piece.start + len(piece.text)


def _shreds(block: Block) -> list[tuple[str, str]]:
    """The text between the marks of a block, each with the mark that follows it."""
    at, found = 0, []
    for mark in block.marks:
        found.append((block.text[at : mark.at], mark.raw))
        at = mark.at
    return [*found, (block.text[at:], "")]


def _rendered(served: Served, block: Block, sentences: list[Sentence]) -> str:
    """A block as HTML. Marks between sentences keep their places; those inside go where attention says."""
    if not any(sentence.asked for sentence in sentences):
        return block.raw
    source, target = served.language, served.target_language
    marks, written = list(block.marks), []
    for index, sentence in enumerate(sentences):
        piece = sentence.piece
        end = piece.start + len(piece.text)
        while marks and (marks[0].at < piece.start or (marks[0].at == piece.start and not marks[0].opens)):
            written.append(marks.pop(0).raw)
        own = []  # what opens at its first character and closes at its last belongs to it
        while marks and (marks[0].at < end or (marks[0].at == end and not marks[0].opens)):
            own.append(marks.pop(0))
        local = [Mark(mark.raw, mark.name, mark.opens, mark.at - piece.start) for mark in own]
        if not sentence.asked:
            at = 0
            for mark in local:
                written += [escaped(piece.text[at : mark.at]), mark.raw]
                at = mark.at
            rest = piece.text[at:]
            outer = index in (0, len(sentences) - 1)
            written.append(escaped(rest if outer else segments.space_between(rest, source, target)))
        else:
            if index and sentences[index - 1].piece.translate:
                written.append(segments.space_between("", source, target))
            written.append(_placed(served, sentence, local))
    return "".join([*written, *(mark.raw for mark in marks)])


def _placed(served: Served, sentence: Sentence, marks: list[Mark]) -> str:
    text = sentence.best()
    if not marks:
        return escaped(text)
    output, found = sentence.outputs[0]
    tokenizers = served.tokenizers
    kept = text == output  # else the source stands for it
    ids = found.tokens if kept else sentence.ids
    words = placing.words(text, tokenizers.target if kept else tokenizers.source, ids, sentence.piece.text,
                          tokenizers.source, sentence.ids, found.attention if kept else None)  # fmt: skip
    return placing.render(text, placing.elements(marks, len(sentence.piece.text)), words)
