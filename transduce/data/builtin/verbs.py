"""The verbs of the grammar itself, which verb suits whom, and which tenses suit a verb."""

from __future__ import annotations

from transduce.data.builtin import english
from transduce.data.builtin.phrases import Frame, Phrase
from transduce.data.builtin.words import Verb
from transduce.data.builtin.writer import Weighted, Writer


def _special(kind: str, en: english.EnglishVerb, fr: str, preposition: str = "", **flags: bool) -> Verb:
    return Verb(en, fr, kind, preposition=preposition, **flags)  # type: ignore[arg-type]


IS = _special("described", english.BE, "être", state=True)
IS_AT = _special("located", english.BE, "être", state=True)
IS_JOB = _special("profession", english.BE, "être", state=True)
IS_FROM_NATION = _special("nation", english.BE, "être", state=True)
FEELS = _special("feeling", english.BE, "avoir", state=True)
HAS = _special("possession", english.HAVE, "avoir", state=True)
HAS_FAMILY = _special("relatives", english.HAVE, "avoir", state=True)
LIKES = _special("generic", english.verb("like"), "aimer", state=True)
HATES = _special("generic", english.verb("hate"), "détester", state=True)
PREFERS = _special("generic", english.verb("prefer"), "préférer", state=True)
LOVES = _special("loved", english.verb("love"), "aimer", state=True)
WANTS = _special("wanted", english.verb("want"), "vouloir", state=True)
WOULD_LIKE = _special("wanted", english.verb("would"), "vouloir", state=True)
NEEDS = _special("needed", english.verb("need"), "avoir", "besoin de", state=True)
GOES = _special("going", english.verb("go", "went", "gone"), "aller", etre=True)
COMES_FROM = _special("origin", english.verb("come", "came", "come", "from"), "venir", etre=True, state=True)
LIVES = _special("living", english.verb("live"), "habiter", state=True)
STAYS = _special("staying", english.verb("stay"), "rester", etre=True)
PLAYS_GAME = _special("game", english.verb("play"), "jouer")
PLAYS_MUSIC = _special("music", english.verb("play"), "jouer")
SPEAKS = _special("language", english.verb("speak", "spoke", "spoken"), "parler", state=True)
CAN = _special("modal", english.verb("can"), "pouvoir", state=True)
MUST = _special("modal", english.verb("must"), "devoir", state=True)
SHOULD = _special("modal", english.verb("should"), "devoir", state=True)
WOULD_LIKE_TO = _special("infinitive", english.verb("would"), "vouloir", state=True)

_KINDS: Weighted[Verb | str] = Weighted(
    {
        "transitive": 40,
        "intransitive": 17,
        "giving": 6,
        GOES: 9,
        STAYS: 1.5,
        LIVES: 2.5,
        COMES_FROM: 1,
        IS: 9,
        IS_AT: 3,
        IS_JOB: 3.5,
        IS_FROM_NATION: 1.2,
        FEELS: 3.5,
        HAS: 6,
        HAS_FAMILY: 2.5,
        LIKES: 4,
        HATES: 1.2,
        PREFERS: 1.2,
        LOVES: 2,
        WANTS: 2,
        WOULD_LIKE: 1.2,
        NEEDS: 2.5,
        PLAYS_GAME: 2,
        PLAYS_MUSIC: 2,
        SPEAKS: 2,
        CAN: 3,
        MUST: 3,
        SHOULD: 1.2,
        WOULD_LIKE_TO: 1.5,
        "infinitive": 7,
    }
)
_DEEDS: Weighted[Verb | str] = Weighted(
    {"transitive": 50, "intransitive": 18, "giving": 6, GOES: 9, STAYS: 2, PLAYS_GAME: 3, PLAYS_MUSIC: 3}
)


def act(w: Writer, subject: Phrase, *, deed: bool = False) -> Verb:
    """A verb for a person; a ``deed`` is something one does, not a state."""
    while True:
        kind = w.choose(_DEEDS if deed else _KINDS)
        verb = w.pick(w.words.verbs[kind]) if isinstance(kind, str) else kind
        if deed and (verb.state or verb.en.base in _ONLY) and kind == "transitive":
            continue
        if verb is IS_JOB and subject.noun is not None and subject.noun.group in ("CHILD", "ADULT", "PROFESSION"):
            continue
        if verb.animal or (verb.adult and subject.noun is not None and subject.noun.group == "CHILD"):
            continue
        return verb


# --------------------------------------------------------------------------------------------- tenses

_DEED_TENSES = Weighted(
    {"present": 19, "now": 22, "past": 26, "will": 9, "going": 9, "used": 4, "was": 3, "perfect": 5, "just": 3}
)
_EVENT_TENSES = Weighted({"past": 48, "will": 15, "going": 15, "perfect": 11, "just": 7, "present": 4})
_STATE_TENSES = Weighted({"present": 66, "past": 20, "will": 9, "used": 5})
_ONLY = {
    "understand": Weighted({"present": 55, "past": 30, "will": 15}),
    "believe": Weighted({"present": 60, "past": 30, "will": 10}),
    "hope": Weighted({"present": 1}),
    "nation": Weighted({"present": 1}),
    "origin": Weighted({"present": 1}),
    "language": Weighted({"present": 88, "past": 6, "will": 6}),
    "generic": Weighted({"present": 80, "past": 14, "used": 6}),
    "loved": Weighted({"present": 76, "past": 18, "will": 6}),
    "wanted": Weighted({"present": 75, "past": 25}),
    "can": Weighted({"present": 70, "past": 12, "will": 12}),
    "must": Weighted({"present": 80, "will": 15}),
    "should": Weighted({"would": 1}),
    "would": Weighted({"would": 1}),
}


def frame_for(w: Writer, verb: Verb, subject: Phrase, *, question: bool = False, negative: float = 0.15) -> Frame:
    """A tense that suits ``verb``, and whether it is negated."""
    usual = _STATE_TENSES if verb.state else _EVENT_TENSES if verb.event else _DEED_TENSES
    tenses = _ONLY.get(verb.en.base) or _ONLY.get(verb.kind) or usual
    tense = w.choose(tenses)
    negation = ""
    if not question and tense not in ("used", "was", "just") and w.chance(negative):
        draw = w.random()
        if tense == "perfect":
            negation = "not yet" if draw < 0.6 else "never"
        elif verb.kind == "modal" or draw < 0.68:
            negation = "not"
        elif draw < 0.84 and tense != "now" and not (verb.state and tense == "past"):
            negation = "never"
        elif tense in ("present", "now", "will"):
            negation = "no longer"
        else:
            negation = "not"
    # "They read", "I put": present or past? Only the present is written.
    if tense == "past" and verb.en.past == verb.en.base and subject.person != 2 and not (question or negation == "not"):
        tense = "will"
    return Frame(tense, negation, question)
