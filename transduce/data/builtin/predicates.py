"""Verbs with what follows them, and clauses: a subject, a verb in some tense, an object, a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from transduce.data.builtin import circumstances as c
from transduce.data.builtin import english, french, verbs
from transduce.data.builtin import phrases as p
from transduce.data.builtin.phrases import Frame, Phrase
from transduce.data.builtin.words import Adjective, Noun, Text, Verb
from transduce.data.builtin.writer import Weighted, Writer

NO_TEXT = Text("", "")


class Predicate(NamedTuple):
    """A verb and what follows it on each side.

    ``clitic`` is the French pronoun before the verb, ``agreement`` the gender and number of a direct
    object that precedes it, ``adverb`` the short French adverb that follows the conjugated verb.
    """

    verb: Verb
    en: str = ""
    fr: str = ""
    clitic: str = ""
    agreement: tuple[str, bool] | None = None
    adverb: str = ""


# ---------------------------------------------------------------------------------------- complements

Completion = Callable[[Writer, Verb, Phrase, Frame], Predicate]


def complete(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    """``verb`` with an object or whatever else it wants."""
    return _COMPLETIONS[verb.kind](w, verb, subject, frame)


def _bond(w: Writer, verb: Verb, what: str) -> None:
    w.bond(verb.name, what)


def _transitive(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    if verb.people and (not verb.objects or w.chance(0.45)):
        return _with_person(w, verb, subject)
    noun = w.fresh(verb.objects)
    owner = subject if subject.human else None
    if verb.fr in ("porter", "mettre") and not subject.plural:
        unsuited = ("tie",) if subject.gender == "f" else ("dress", "skirt")
        while noun.en in unsuited:
            noun = w.fresh(verb.objects)
    _bond(w, verb, noun.en)
    definite = verb.definite or (frame.tense == "infinitive" and bool(frame.negation))
    if noun.en in ("television", "radio") and verb.en.base in ("watch", "listen", "hear"):
        definite = True
    what = p.thing(w, noun, frame, owner=owner, definite=definite, amounts=verb.amount)
    if noun.en in ("coffee", "tea") and verb.amount and w.chance(0.3):
        added = w.pick(w.words.added)
        return Predicate(verb, f"{what.en} {added.en}", f"{what.fr} {added.fr}")
    return Predicate(verb, what.en, f"{verb.preposition} {what.fr}".strip())


def _with_person(w: Writer, verb: Verb, subject: Phrase) -> Predicate:
    """A person as the object, a pronoun as often as not."""
    if w.chance(0.5):
        other = p.other_pronoun(w, subject)
        if verb.preposition:
            return Predicate(verb, other.object_en, clitic=french.INDIRECT[other.person])
        return Predicate(verb, other.object_en, clitic=p.direct(other), agreement=(other.gender, other.plural))
    other = p.named_person(w) if w.chance(0.3) else p.person(w, owner=subject)
    if other.noun:
        _bond(w, verb, other.noun.en)
    return Predicate(verb, other.en, f"{verb.preposition} {other.fr}".strip())


def _intransitive(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    if w.plain:
        return Predicate(verb)
    draw = w.random()
    base = verb.en.base
    if verb.adverbs and draw < 0.4:
        adverb = w.pick(verb.adverbs)
        if (adverb.en != "together" or subject.plural) and frame.tense not in ("just", "infinitive"):
            w.bond(base, adverb.en)
            if adverb.fr in w.words.short_adverbs:
                return Predicate(verb, adverb.en, adverb=adverb.fr)
            return Predicate(verb, adverb.en, adverb.fr)
    if draw < 0.55 and verb.social:
        en, fr = ("with", "avec") if w.chance(0.85) else ("without", "sans")
        if w.chance(0.5):
            other = p.other_pronoun(w, subject)
            return Predicate(verb, f"{en} {other.object_en}", f"{fr} {p.tonic(other)}")
        friend = p.named_person(w) if w.chance(0.4) else p.person(w, owner=subject)
        return Predicate(verb, f"{en} {friend.en}", f"{fr} {friend.fr}")
    if draw < 0.75 and base not in ("get", "hurry", "lie", "arrive", "leave", "come", "go", "drive", "travel"):
        outdoors = w.words.in_water if base == "swim" else w.words.outdoors
        spot = w.pick(outdoors if verb.outside else w.words.indoors)
        w.bond(base, spot.en)
        return Predicate(verb, *spot)
    return Predicate(verb)


def _giving(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    noun = w.fresh(verb.objects)
    _bond(w, verb, noun.en)
    definite = frame.tense == "infinitive" and bool(frame.negation)
    what = p.thing(w, noun, frame, owner=subject, definite=definite)
    if w.chance(0.5):
        other = p.other_pronoun(w, subject)
        return Predicate(verb, f"{other.object_en} {what.en}", what.fr, clitic=french.INDIRECT[other.person])
    other = p.named_person(w) if w.chance(0.35) else p.person(w, owner=subject, plural=False)
    return Predicate(verb, f"{what.en} to {other.en}", f"{what.fr} à {other.fr}")


def _going(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    where = c.place(w, going=True)
    w.bond("go", where.en)
    far = where.fr.endswith(w.words.far)
    if (far or where.fr.startswith("à ")) and w.chance(0.25) and not frame.question:
        how = w.pick(w.words.far_ways if far else w.words.near_ways)
        return Predicate(verb, f"{where.en} {how.en}", f"{where.fr} {how.fr}")
    if w.chance(0.1):
        friend = p.named_person(w)
        return Predicate(verb, f"{where.en} with {friend.en}", f"{where.fr} avec {friend.fr}")
    return Predicate(verb, *where)


def _located(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    where = c.place(w, going=False)
    w.bond(verb.en.base, where.en)
    return Predicate(verb, *where)


def _living(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    draw = w.random()
    if draw < 0.55:
        where = Text(f"in {(city := w.fresh(w.words.cities)).en}", f"à {city.fr}")
    elif draw < 0.75:
        country = w.fresh(w.words.countries)
        where = Text(f"in {country.name.en}", country.inside)
    elif draw < 0.88:
        home = p.a(w, w.fresh(w.words.homes), describe=0.8)
        where = Text(f"in {home.en}", f"dans {home.fr}")
    else:
        near = p.the(w, w.fresh(w.words.at))
        where = Text(f"near {near.en}", f"près {near.of}")
    w.bond(verb.en.base, where.en)
    return Predicate(verb, *where)


def _origin(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    if w.chance(0.6):
        country = w.fresh(w.words.countries)
        return Predicate(verb, country.name.en, country.source)
    city = w.fresh(w.words.cities)
    return Predicate(verb, city.en, f"de {city.fr}")


_DEGREES = Weighted({("", ""): 70, ("very", "très"): 18, ("too", "trop"): 7, ("a bit", "un peu"): 5})


def quality(w: Writer, adjective: Adjective, subject: Phrase, *, degree: bool = True) -> Text:
    """``adjective`` as said of ``subject``, perhaps with "very"."""
    fr = adjective.fr(subject.gender, plural=subject.plural)
    if degree and adjective.comparative:
        more = w.choose(_DEGREES)
        if more[0] in ("too", "a bit") and adjective in w.words.pleasant:
            more = ("very", "très")
        return Text(f"{more[0]} {adjective.en}".strip(), f"{more[1]} {fr}".strip())
    return Text(adjective.en, fr)


def _described(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    adjective = w.fresh(p.suits(w, subject))
    if subject.noun:
        w.bond(adjective.en, subject.noun.en)
    return Predicate(verb, *quality(w, adjective, subject, degree=not frame.negation))


def _profession(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    job = w.pick(w.words.professions)
    fr = job.feminine if subject.gender == "f" else job.noun.fr
    if subject.plural:
        return Predicate(verb, job.noun.en_plural, french.plural(fr))
    if w.chance(0.25):
        good = w.pick(w.words.professional)
        w.bond(good.en, job.noun.en)
        en = f"{english.article(good.en)} {good.en} {job.noun.en}"
        form = good.fr(subject.gender, plural=False)
        described = f"{fr} {form}" if good.place == ">" else f"{form} {fr}"
        return Predicate(verb, en, f"{french.a(subject.gender)} {described}")
    w.bond("be", job.noun.en)
    return Predicate(verb, f"{english.article(job.noun.en)} {job.noun.en}", fr)


def _nation(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    nation, _ = w.pick(w.words.nations)
    return Predicate(verb, nation.en, nation.fr(subject.gender, plural=subject.plural))


def _feeling(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    feeling = w.pick(w.words.feelings)
    if feeling.en in ("right", "wrong") or frame.negation or w.chance(0.75):
        if feeling.en == "afraid" and w.chance(0.7):
            return _afraid(w, verb)
        return Predicate(verb, *feeling)
    return Predicate(verb, f"very {feeling.en}", f"très {feeling.fr}")


def _afraid(w: Writer, verb: Verb) -> Predicate:
    """ "is afraid of the dog"."""
    noun = w.fresh(w.words.feared)
    w.bond("afraid", noun.en)
    draw = w.random()
    what = p.the(w, noun, plural=noun.has_plural and draw < 0.5, describe=0.15)
    if draw > 0.85:
        what = p.this(w, noun, describe=0.15)
    return Predicate(verb, f"afraid of {what.en}", f"peur {what.of}")


def _possession(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    noun = w.fresh(w.words.had)
    _bond(w, verb, noun.en)
    negative = bool(frame.negation)
    draw = w.random()
    if noun.mass or noun.group == "PAIR" or (noun.has_plural and draw < 0.16):
        word = "" if frame.negation in ("never", "no longer") else "any" if negative or frame.question else "some"
        what = p.some(w, noun, word=word, plural=not noun.mass, describe=0.2, negative=negative)
    elif noun.has_plural and not negative and draw < 0.4:
        what = p.counted(w, noun, w.between(2, 5), describe=0.3)
    elif noun.has_plural and not negative and not frame.question and draw < 0.5:
        what = p.amount(w, noun)
    else:
        what = p.a(w, noun, describe=0.5, negative=negative)
    return Predicate(verb, what.en, what.fr)


def _relatives(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    noun = w.fresh(w.words.relatives)
    _bond(w, verb, noun.en)
    if frame.negation:
        word = "any" if frame.negation == "not" else ""
        what = p.some(w, noun, word=word, plural=True, negative=True)
    elif w.chance(0.6):
        what = p.counted(w, noun, w.between(2, 5))
    else:
        what = p.a(w, noun, describe=0.2)
    return Predicate(verb, what.en, what.fr)


def _generic(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    """ "likes apples": French has the definite article."""
    if verb.fr == "aimer" and w.chance(0.2):
        return _infinitive(w, verb, subject, frame)
    noun = w.fresh(w.words.liked)
    _bond(w, verb, noun.en)
    if w.chance(0.25):
        what = p.this(w, noun, plural=noun.has_plural and w.chance(0.4), describe=0.2)
        return Predicate(verb, what.en, what.fr)
    what = p.the(w, noun, plural=not noun.mass, describe=0.15)
    return Predicate(verb, what.en.removeprefix("the "), what.fr)


def _wanted(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    noun = w.fresh(w.words.had if w.chance(0.4) else w.words.eaten)
    w.bond("want", noun.en)
    what = p.thing(w, noun, frame._replace(tense="past"), owner=subject, amounts=True)
    return Predicate(verb, what.en, what.fr)


def _needed(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    return needs(w, w.fresh(w.words.had if w.chance(0.7) else w.words.eaten), subject, frame)


def needs(w: Writer, noun: Noun, subject: Phrase, frame: Frame) -> Predicate:
    """ "needs some bread": avoir besoin de, without the partitive."""
    verb = verbs.NEEDS
    _bond(w, verb, noun.en)
    draw = w.random()
    any_ = "any" if frame.negation or frame.question else "some"
    if noun.mass or noun.group == "PAIR" or (noun.has_plural and draw < 0.2):
        what = p.some(w, noun, word=any_, plural=not noun.mass, describe=0.1)
    elif draw < 0.6:
        what = p.a(w, noun, describe=0.2)
    elif draw < 0.8:
        what = p.owned(w, noun, owner=subject)
    else:
        what = p.this(w, noun, describe=0.2)
    return Predicate(verb, what.en, f"besoin {what.of}")


def _loved(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    return _with_person(w, verb, subject)


def _game(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    game = w.pick(w.words.games)
    w.bond("play", game.en)
    if w.chance(0.35):
        friend = p.named_person(w) if w.chance(0.4) else p.person(w, owner=subject)
        return Predicate(verb, f"{game.en} with {friend.en}", f"à {game.fr} avec {friend.fr}")
    return Predicate(verb, game.en, f"à {game.fr}")


def _music(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    noun = w.pick(w.words.instruments)
    w.bond("play", noun.en)
    return Predicate(verb, f"the {noun.en}", f"de {french.the(noun.gender)} {noun.fr}")


def _language(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    language = w.pick(w.words.languages)
    w.bond("speak", language.en)
    if not frame.negation and w.chance(0.25):
        adverb = w.pick((Text("well", "bien"), Text("badly", "mal")))
        return Predicate(verb, f"{language.en} {adverb.en}", language.forms[0], adverb=adverb.fr)
    return Predicate(verb, language.en, language.forms[0])


def _modal(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    done = infinitive(w, subject, negated=bool(frame.negation))
    return Predicate(verb, done.en, done.fr)


def _infinitive(w: Writer, verb: Verb, subject: Phrase, frame: Frame) -> Predicate:
    done = infinitive(w, subject, negated=bool(frame.negation))
    return Predicate(verb, f"to {done.en}", f"{verb.preposition} {done.fr}".strip())


def infinitive(w: Writer, subject: Phrase, *, verb: Verb | None = None, negated: bool = False) -> Text:
    """Something that ``subject`` can do, without "to": "eat the apple", "manger la pomme"."""
    if verb is None:
        verb = verbs.act(w, subject, deed=True)
        while verb.event:
            verb = verbs.act(w, subject, deed=True)
    predicate = complete(w, verb, subject, Frame("infinitive", "not" if negated else ""))
    clitic = french.REFLEXIVE[subject.person] if verb.reflexive else predicate.clitic
    return Text(
        " ".join(word for word in (verb.en.base, verb.en.particle, predicate.en) if word),
        " ".join(word for word in (clitic, verb.fr, predicate.adverb, predicate.fr) if word),
    )


_COMPLETIONS: dict[str, Completion] = {
    "transitive": _transitive,
    "intransitive": _intransitive,
    "giving": _giving,
    "going": _going,
    "staying": _located,
    "located": _located,
    "living": _living,
    "origin": _origin,
    "described": _described,
    "profession": _profession,
    "nation": _nation,
    "feeling": _feeling,
    "possession": _possession,
    "relatives": _relatives,
    "generic": _generic,
    "loved": _loved,
    "wanted": _wanted,
    "needed": _needed,
    "game": _game,
    "music": _music,
    "language": _language,
    "modal": _modal,
    "infinitive": _infinitive,
}

# -------------------------------------------------------------------------------------------- clauses


def say(subject: Phrase, predicate: Predicate, frame: Frame, *, adverb: Text = NO_TEXT) -> Text:
    """Subject and predicate as a statement, or as a yes-or-no question without its mark."""
    en = english.clause(
        subject.en,
        predicate.verb.en,
        frame.tense,
        subject.person,
        negation=frame.negation,
        adverb=adverb.en,
        question=frame.question,
        rest=predicate.en,
    )
    fr = f"{subject.fr} {french_verb(subject, predicate, frame, adverb.fr)} {predicate.fr}".rstrip()
    return Text(en, f"est-ce que {fr}" if frame.question else fr)


def french_verb(subject: Phrase, predicate: Predicate, frame: Frame, adverb: str = "") -> str:
    """The French verb of ``predicate`` with pronouns, negation and short adverbs, for ``subject``."""
    verb = predicate.verb
    return french.group(
        verb.fr,
        frame.tense,
        subject.person,
        state=verb.state,
        etre=verb.etre,
        clitic=french.REFLEXIVE[subject.person] if verb.reflexive else predicate.clitic,
        negation=frame.negation,
        adverb=f"{adverb} {predicate.adverb}".strip(),
        agreement=(subject.gender, subject.plural) if verb.etre else predicate.agreement,
    )


_ALREADY = Text("already", "déjà")


def clause(
    w: Writer,
    subject: Phrase,
    *,
    verb: Verb | None = None,
    frame: Frame | None = None,
    timed: float = 0.5,
    front: bool = True,
) -> Text:
    """A whole clause about a person: verb, tense, negation, object and time are drawn where not given."""
    verb = verb or verbs.act(w, subject)
    frame = frame or verbs.frame_for(w, verb, subject)
    predicate = complete(w, verb, subject, frame)
    adverb, when = manner_of_time(w, predicate, frame, timed=timed)
    said = say(subject, predicate, frame, adverb=adverb)
    return at_time(w, said, when, front=front and not frame.question)


def manner_of_time(w: Writer, predicate: Predicate, frame: Frame, *, timed: float) -> tuple[Text, Text]:
    """An adverb ("often", "already") and a time that suit the clause; either may be empty."""
    none = NO_TEXT
    verb = predicate.verb
    free = not predicate.adverb and (verb is not verbs.IS or predicate.en in w.words.mood_names)
    if frame.tense == "perfect":
        return (none if frame.negation or frame.question else _ALREADY), none
    if frame.tense == "present" and verb.event and not frame.negation and not frame.question:
        return w.pick(w.words.frequency), none
    if verb.kind in ("modal", "nation", "origin", "relatives", "language", "profession", "loved", "needed", "generic"):
        return none, none
    if frame.tense == "present" and free and not frame.negation and not frame.question:
        if verb.kind not in ("possession", "living", "wanted", "infinitive") and w.chance(0.15 if verb.state else 0.3):
            return w.pick(w.words.frequency), none
        if not verb.state and timed > 0.3:
            timed = 0.75
    if verb.state and not (frame.tense == "past" and verb.kind in ("described", "located", "feeling")):
        return none, none
    if frame.negation in ("never", "no longer") or not w.chance(timed):
        return none, none
    return none, c.time(w, frame.tense)


def at_time(w: Writer, said: Text, when: Text, *, front: bool = True) -> Text:
    """``said`` with a time before or after it."""
    if not when.en:
        return said
    if front and w.chance(0.2):
        return Text(f"{when.en}, {said.en}", f"{when.fr}, {said.fr}")
    return Text(f"{said.en} {when.en}", f"{said.fr} {when.fr}")
