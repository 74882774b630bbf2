"""All constructions with their weights, and the stream of finished sentences.

A construction is a function that writes one sentence on both sides. Where to find them: statements.py,
facts.py, questions.py, clauses.py, comparison.py. They put together phrases (phrases.py: who, what,
where, when) and predicates (predicates.py: verbs with what follows them), and draw from a writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from transduce.data.builtin import clauses, comparison, facts, french, questions, statements
from transduce.data.builtin.writer import Draft, Weighted, Writer

LONGEST = 18
SHORTEST = 3


class Sentence(NamedTuple):
    """A sentence, the construction that wrote it, and the pairs of words that it puts together."""

    english: str
    french: str
    construction: str
    bonds: frozenset[str]


CONSTRUCTIONS: dict[Callable[[Writer], Draft], float] = {
    statements.statement: 24,
    statements.adult_statement: 4,
    statements.addressed_statement: 1.5,
    statements.animal: 5,
    statements.thing_described: 5,
    statements.thing_somewhere: 2.5,
    statements.there_is: 5,
    statements.identified: 3,
    facts.weather: 3,
    facts.age: 1.8,
    facts.price: 2,
    facts.hour: 2,
    facts.timetable: 2.2,
    questions.yes_or_no: 7,
    questions.adverb_question: 4.5,
    questions.where_is: 1.8,
    questions.who: 2,
    questions.what: 3,
    questions.order: 3.5,
    questions.lets: 1.2,
    questions.exclamation: 0.8,
    clauses.two_clauses: 3,
    clauses.because: 3.2,
    clauses.when_future: 1.6,
    clauses.if_present: 2,
    clauses.when_past: 1.4,
    clauses.reported: 2.2,
    clauses.unknown: 1.4,
    clauses.relative_subject: 2.4,
    clauses.relative_object: 2.4,
    comparison.comparison: 3,
    comparison.superlative: 1,
    comparison.two_qualities: 6,
    clauses.chain: 2,
    clauses.purpose: 1.6,
    statements.since: 1.4,
    statements.nothing: 1.6,
    statements.judged: 1.2,
    statements.hurts: 0.9,
}
_CONSTRUCTIONS = Weighted(CONSTRUCTIONS)


def sentences(seed: int) -> Iterator[Sentence]:
    """An endless stream of sentences, the same for the same ``seed``; some come more than once."""
    w = Writer(seed)
    while True:
        w.begin()
        construction = w.choose(_CONSTRUCTIONS)
        written = construction(w)
        if written.en:
            sentence = finish(w, written, construction.__name__)
            if sentence:
                yield sentence


def finish(w: Writer, written: Draft, construction: str) -> Sentence | None:
    """The sentence spelled, with its capital and its mark; None when it is too short or too long."""
    en, fr = written.en, french.spell(written.fr)
    if w.addressed and w.address.name.en:
        en, fr = f"{en}, {w.address.name.en}", f"{fr}, {w.address.name.fr}"
    en = f"{en[0].upper()}{en[1:]}{written.mark}"
    fr = f"{fr[0].upper()}{fr[1:]}{'' if written.mark == '.' else ' '}{written.mark}"
    if not SHORTEST <= len(en.split()) <= LONGEST or not SHORTEST <= len(fr.split()) <= LONGEST:
        return None
    return Sentence(en, fr, construction, frozenset(w.bonds))
