

from __future__ import annotations

LONGEST = 18
SHORTEST = 3


class Sentence(NamedTuple):
    """A sentence, the construction that wrote it, and the pairs of words that it puts together."""

    english: str
    french: str
    construction: str
    bonds: frozenset[str]


CONSTRUCTIONS: dict[Callable[[Writer], Draft], float] = {
    statement: 24,
    adult_statement: 4,
    addressed_statement: 1.5,
    animal: 5,
    thing_described: 5,
    thing_somewhere: 2.5,
    there_is: 5,
    identified: 3,
    weather: 3,
    age: 1.8,
    price: 2,
    hour: 2,
    timetable: 2.2,
    yes_or_no: 7,
    adverb_question: 4.5,
    where_is: 1.8,
    who: 2,
    what: 3,
    order: 3.5,
    lets: 1.2,
    exclamation: 0.8,
    two_clauses: 3,
    because: 3.2,
    when_future: 1.6,
    if_present: 2,
    when_past: 1.4,
    reported: 2.2,
    unknown: 1.4,
    relative_subject: 2.4,
    relative_object: 2.4,
    comparison: 3,
    superlative: 1,
    two_qualities: 6,
    chain: 2,
    purpose: 1.6,
    since: 1.4,
    nothing: 1.6,
    judged: 1.2,
    hurts: 0.9,
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
