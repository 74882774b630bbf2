"""Noun phrases, places and times, written on both sides at once."""

from __future__ import annotations

from typing import NamedTuple

from transduce.data.builtin import english, french
from transduce.data.builtin.words import ANIMAL_GROUPS, PEOPLE_GROUPS, Adjective, Noun
from transduce.data.builtin.writer import Weighted, Writer


class Phrase(NamedTuple):
    """A noun phrase or a pronoun. ``person`` counts je, tu, il, nous, vous, ils from 0."""

    en: str
    fr: str
    person: int = 2
    gender: str = "m"
    plural: bool = False
    human: bool = False
    noun: Noun | None = None
    after_de: str = ""  # the French behind "de" where it drops its article ("peur de chiens")
    object_en: str = ""  # English pronouns only: "him"

    @property
    def of(self) -> str:
        """The French with "de" before it."""
        return f"de {self.after_de or self.fr}"


I = Phrase("I", "je", 0, human=True, object_en="me")  # noqa: E741
HE = Phrase("he", "il", 2, human=True, object_en="him")
SHE = Phrase("she", "elle", 2, "f", human=True, object_en="her")
WE = Phrase("we", "nous", 3, plural=True, human=True, object_en="us")
THEY = Phrase("they", "ils", 5, plural=True, human=True, object_en="them")
TONIC = ("moi", "toi", "lui", "nous", "vous", "eux")
_POSSESSIVES = ("my", "your", "his", "our", "your", "their")
_ALWAYS_ONE = frozenset(["mother", "father", "husband", "wife", "king", "queen", "boss", "grandmother", "grandfather"])
_FOR_WOMEN = frozenset(["dress", "skirt"])
_MOSTLY_ONE = frozenset(["MACHINE", "BUILDING", "ROOM", "OUTSIDE", "SHOW", "PART", "CAR", "PUBLIC", "FURNITURE"])


def you(w: Writer) -> Phrase:
    """The person spoken to."""
    w.addressed = True
    return Phrase("you", "tu" if w.address.person == 1 else "vous", *w.address[:3], human=True, object_en="you")


def pronoun(phrase: Phrase) -> Phrase:
    """The pronoun that stands for ``phrase``."""
    if phrase.person != 2 and phrase.person != 5:
        if phrase.object_en:
            return phrase
        return WE
    if phrase.plural:
        return THEY._replace(gender=phrase.gender, fr="elles" if phrase.gender == "f" else "ils", human=phrase.human)
    if phrase.human:
        return SHE if phrase.gender == "f" else HE
    return Phrase("it", "elle" if phrase.gender == "f" else "il", 2, phrase.gender, object_en="it")


def direct(phrase: Phrase) -> str:
    """The French pronoun before the verb that stands for ``phrase`` as its direct object."""
    return "~la" if phrase.person == 2 and phrase.gender == "f" else french.DIRECT[phrase.person]


def tonic(phrase: Phrase) -> str:
    """The French pronoun behind a preposition that stands for ``phrase``."""
    if phrase.gender == "f" and phrase.person in (2, 5):
        return "elles" if phrase.plural else "elle"
    return TONIC[phrase.person]


# -------------------------------------------------------------------------------- nouns with company


class _Core(NamedTuple):
    """A noun with its adjectives, before it gets a determiner."""

    en: str
    fr: str
    adjective_first: bool


def _core(w: Writer, noun: Noun, *, plural: bool, describe: float) -> _Core:
    """``noun``, with probability ``describe`` with an adjective, seldom with two."""
    en, fr = (noun.en_plural, noun.fr_plural) if plural else (noun.en, noun.fr)
    suitable = w.words.described.get(noun)
    if not suitable or not w.chance(describe):
        return _Core(en, fr, adjective_first=False)
    before, after = suitable["before"], suitable["after"]
    first = last = None
    if before and w.random() * (len(before) * 2 + len(after)) < len(before) * 2:
        first = w.fresh(before)
    elif after:
        last = w.fresh(after)
        if before and w.chance(0.1):
            first = w.fresh(before)
            # "A pretty expensive map" says something else.
            if first.en == "pretty" or frozenset((first.en, last.en)) in w.words.apart:
                first = None
    if last:
        w.bond(last.en, noun.en)
        en, fr = f"{last.en} {en}", f"{fr} {last.fr(noun.gender, plural=plural)}"
    if first:
        w.bond(first.en, noun.en)
        bel = noun.gender == "m" and not plural and french.vowel(fr)
        form = first.before_vowel if bel else first.fr(noun.gender, plural=plural)
        en, fr = f"{first.en} {en}", f"{form} {fr}"
    return _Core(en, fr, adjective_first=first is not None)


def possessor(w: Writer, noun: Noun, owner: Phrase | None) -> Phrase:
    """Whose it is: often the ``owner`` that is given, else somebody."""
    if noun.en in ("wife", "husband"):
        wife = noun.en == "wife"
        if owner and owner.human and not owner.plural and owner.gender == ("m" if wife else "f"):
            return owner
        return HE if wife else SHE
    if noun.en in _FOR_WOMEN:
        return owner if owner and owner.human and owner.gender == "f" else SHE
    if owner and owner.human and w.chance(0.6):
        return owner
    draw = w.between(0, 7)
    return (I, I, I, HE, SHE, WE, THEY)[draw] if draw < 7 else you(w)


def owned(w: Writer, noun: Noun, *, plural: bool = False, owner: Phrase | None = None, describe: float = 0.0) -> Phrase:
    """ "my car", "her old friends"."""
    holder = possessor(w, noun, owner)
    if holder.person in (1, 4):
        w.addressed = True
    core = _core(w, noun, plural=plural, describe=describe)
    en = "her" if holder.person == 2 and holder.gender == "f" else _POSSESSIVES[holder.person]
    fr = french.possessive(holder.person, noun.gender, core.fr, plural=plural)
    return _phrase(noun, f"{en} {core.en}", f"{fr} {core.fr}", plural=plural)


def genitive(w: Writer, noun: Noun, *, plural: bool = False, describe: float = 0.0) -> Phrase:
    """ "Paul's car", "the teacher's old friend"."""
    draw = w.random() * (0.6 if noun.group == "FAMILY" else 1.0)
    if draw < 0.6 or noun.en in _FOR_WOMEN:
        name = w.name("f" if noun.en in _FOR_WOMEN else "")
        holder = Phrase(name, name)
    elif draw < 0.8:
        holder = owned(w, w.fresh(w.words.select("FAMILY FRIEND")))
    else:
        holder = the(w, w.fresh(w.words.select("PROFESSION ADULT")))
    core = _core(w, noun, plural=plural, describe=describe)
    article = french.the(noun.gender, plural=plural)
    return _phrase(noun, f"{holder.en}'s {core.en}", f"{article} {core.fr} {holder.of}", plural=plural)


def the(w: Writer, noun: Noun, *, plural: bool = False, describe: float = 0.0) -> Phrase:
    """ "the big dogs"."""
    core = _core(w, noun, plural=plural, describe=describe)
    return _phrase(noun, f"the {core.en}", f"{french.the(noun.gender, plural=plural)} {core.fr}", plural=plural)


def this(w: Writer, noun: Noun, *, plural: bool = False, describe: float = 0.0) -> Phrase:
    """ "this dog", "those big dogs"; both distances are ce, cette, ces."""
    core = _core(w, noun, plural=plural, describe=describe)
    near = w.chance(0.6)
    en = ("these" if near else "those") if plural else ("this" if near else "that")
    return _phrase(
        noun, f"{en} {core.en}", f"{french.this(noun.gender, core.fr, plural=plural)} {core.fr}", plural=plural
    )


def a(w: Writer, noun: Noun, *, describe: float = 0.0, negative: bool = False) -> Phrase:
    """ "a dog"; ``negative`` as the object of a negated verb ("pas de chien")."""
    core = _core(w, noun, plural=False, describe=describe)
    fr = "de" if negative else french.a(noun.gender)
    return _phrase(noun, f"{english.article(core.en)} {core.en}", f"{fr} {core.fr}", plural=False)


def some(
    w: Writer, noun: Noun, *, word: str = "some", plural: bool = False, describe: float = 0.0, negative: bool = False
) -> Phrase:
    """ "some bread", "some dogs"; ``word`` is "some", "any" or nothing ("she eats bread")."""
    core = _core(w, noun, plural=plural, describe=describe)
    if negative:
        fr = "de"
    elif plural:
        fr = "de" if core.adjective_first else "des"
    else:
        fr = f"de {french.the(noun.gender, plural=plural)}"
    phrase = _phrase(noun, f"{word} {core.en}".strip(), f"{fr} {core.fr}", plural=plural)
    return phrase._replace(after_de=core.fr)


def counted(w: Writer, noun: Noun, count: int, *, describe: float = 0.0) -> Phrase:
    """ "three dogs"."""
    core = _core(w, noun, plural=True, describe=describe)
    return _phrase(
        noun, f"{english.number(count)} {core.en}", f"{french.number(count, gender=noun.gender)} {core.fr}", plural=True
    )


_AMOUNTS = (("a lot of", "beaucoup de"), ("too much", "trop de"), ("a little", "un peu de"), ("enough", "assez de"))
_NUMBERS = (
    ("a lot of", "beaucoup de"),
    ("too many", "trop de"),
    ("several", "plusieurs"),
    ("a few", "quelques"),
    ("enough", "assez de"),
)


def amount(w: Writer, noun: Noun, *, describe: float = 0.0) -> Phrase:
    """ "a lot of bread", "two kilos of apples", "several dogs"."""
    measures = w.words.measures.get(noun)
    core = _core(w, noun, plural=not noun.mass, describe=0 if measures else describe)
    if measures and w.chance(0.6):
        measure = w.pick(measures)
        count = w.between(1, 4)
        if count == 1:
            en, fr = f"{english.article(measure.en)} {measure.en}", f"{french.a(measure.gender)} {measure.fr}"
        else:
            en, fr = f"{english.number(count)} {measure.en_plural}", f"{french.number(count)} {measure.fr_plural}"
        w.bond(measure.en, noun.en)
        return Phrase(f"{en} of {core.en}", f"{fr} de {core.fr}", 2 if count == 1 else 5, measure.gender, count > 1)
    en, fr = w.pick(_AMOUNTS if noun.mass else _NUMBERS)
    return _phrase(noun, f"{en} {core.en}", f"{fr} {core.fr}", plural=not noun.mass)


def _phrase(noun: Noun, en: str, fr: str, *, plural: bool) -> Phrase:
    return Phrase(en, fr, 5 if plural else 2, noun.gender, plural, noun.group in PEOPLE_GROUPS, noun)


# --------------------------------------------------------------------------------------------- people

_SUBJECTS = Weighted({"I": 13, "you": 9, "he": 8, "she": 8, "we": 8, "they": 6, "name": 17, "two": 6, "noun": 25})
_PEOPLE = Weighted({"FAMILY": 34, "CHILD": 18, "FRIEND": 14, "ADULT": 16, "PROFESSION": 18})
_ADULTS = Weighted({"FAMILY": 38, "FRIEND": 16, "ADULT": 20, "PROFESSION": 26})


def someone(w: Writer, *, adult: bool = False, named: bool = False) -> Phrase:
    """A person or several, as a subject. ``named`` leaves out the pronouns."""
    kind = w.choose(_SUBJECTS)
    while named and kind in ("I", "you", "he", "she", "we", "they"):
        kind = w.choose(_SUBJECTS)
    match kind:
        case "I":
            return I
        case "you":
            return you(w)
        case "he":
            return HE
        case "she":
            return SHE
        case "we":
            return WE
        case "they":
            return THEY
        case "name":
            return named_person(w)
        case "two":
            return two_people(w)
        case _:
            return person(w, adult=adult, subject=True)


def named_person(w: Writer) -> Phrase:
    """A first name."""
    gender = "m" if w.chance(0.5) else "f"
    name = w.name(gender)
    return Phrase(name, name, 2, gender, human=True)


def two_people(w: Writer) -> Phrase:
    """ "Paul and Marie", "my brother and I"."""
    first = named_person(w) if w.chance(0.7) else person(w, plural=False)
    if w.chance(0.25):
        return Phrase(f"{first.en} and I", f"{first.fr} et moi", 3, plural=True, human=True)
    second = named_person(w)
    gender = "f" if first.gender == second.gender == "f" else "m"
    return Phrase(f"{first.en} and {second.en}", f"{first.fr} et {second.fr}", 5, gender, plural=True, human=True)


def person(
    w: Writer, *, adult: bool = False, plural: bool | None = None, subject: bool = False, owner: Phrase | None = None
) -> Phrase:
    """A person by a noun: "my sister", "the old man", "those children"."""
    group = w.choose(_ADULTS if adult else _PEOPLE)
    noun = w.fresh(w.words.groups[group])
    several = w.chance(0.22) if plural is None else plural
    several = several and noun.en not in _ALWAYS_ONE
    draw = w.random()
    describe = 0.15
    if group == "FAMILY":
        if noun.en not in ("husband", "wife") and draw < 0.15:
            return genitive(w, noun, plural=several)
        return owned(w, noun, plural=several, owner=owner, describe=0.06)
    if group == "FRIEND" and draw < 0.6:
        return owned(w, noun, plural=several, owner=owner, describe=describe)
    if draw < 0.72:
        return the(w, noun, plural=several, describe=describe)
    if draw < 0.86 or several:
        return this(w, noun, plural=several, describe=describe)
    if group == "FRIEND":
        return genitive(w, noun, describe=describe)
    return a(w, noun, describe=describe) if subject else the(w, noun, describe=describe)


def other_pronoun(w: Writer, subject: Phrase) -> Phrase:
    """A personal pronoun for somebody else than ``subject``."""
    while True:
        draw = w.between(0, 5)
        chosen = you(w) if draw == 5 else (I, HE, SHE, WE, THEY)[draw]
        if chosen.person in (2, 5):
            if chosen is THEY and not w.them:
                continue
            return chosen
        first_and_second = ({0, 3}, {1, 4})
        if not any({chosen.person, subject.person} <= same for same in first_and_second):
            return chosen


# --------------------------------------------------------------------------------------------- things


class Frame(NamedTuple):
    """What the clause is like in which a phrase stands."""

    tense: str = "present"
    negation: str = ""
    question: bool = False

    @property
    def habit(self) -> bool:
        """Whether it speaks of what is usual: "she eats bread", not "some bread"."""
        return self.tense in ("present", "used") or self.negation in ("never", "no longer")


_ONCE = Weighted(
    {"the": 34, "a": 26, "some": 14, "own": 14, "this": 8, "plural": 8, "count": 5, "amount": 7, "genitive": 5}
)
_USUAL = Weighted({"the": 26, "plural": 10, "some": 34, "own": 16, "this": 6, "genitive": 4, "amount": 6})
_NEGATED = Weighted({"the": 26, "a": 16, "some": 24, "own": 14, "this": 10, "plural": 6, "genitive": 4})
_KNOWN = Weighted({"the": 50, "plural": 12, "own": 16, "this": 14, "genitive": 8})


def thing(
    w: Writer,
    noun: Noun,
    frame: Frame,
    *,
    owner: Phrase | None = None,
    definite: bool = False,
    amounts: bool = False,
    describe: float = 0.25,
) -> Phrase:
    """``noun`` as an object, with a determiner that suits the clause."""
    weights = _KNOWN if definite else _NEGATED if frame.negation else _USUAL if frame.habit else _ONCE
    kind = w.choose(weights)
    ownable = noun in w.words.ownable
    can_be_many = noun.has_plural and (noun.group not in _MOSTLY_ONE or w.chance(0.15))
    if kind in ("own", "genitive") and not ownable:
        kind = "the"
    if (kind == "count" and not can_be_many) or (kind == "amount" and (not amounts or frame.question)):
        kind = "a" if weights is _ONCE else "some"
    if kind == "amount" and not (noun.mass or noun.has_plural):
        kind = "the"
    if frame.habit and amounts and not definite and not frame.negation and kind not in ("amount", "plural"):
        kind = "some"
    if noun.mass:
        kind = {"a": "some", "plural": "the", "count": "some"}.get(kind, kind)
    elif kind in ("plural", "some") and not can_be_many:
        kind = "the" if definite or weights is _USUAL or not noun.has_plural else "a"
    many = noun.group == "PAIR" or (can_be_many and w.chance(0.22))
    match kind:
        case "the":
            return the(w, noun, plural=many and noun.group == "PAIR", describe=describe)
        case "plural":
            return the(w, noun, plural=True, describe=describe)
        case "a" if noun.group != "PAIR":
            return a(w, noun, describe=describe, negative=bool(frame.negation))
        case "own":
            return owned(w, noun, plural=many, owner=owner, describe=describe)
        case "this":
            return this(w, noun, plural=many, describe=describe)
        case "genitive":
            return genitive(w, noun, plural=many, describe=describe * 0.6)
        case "count":
            return counted(w, noun, w.between(2, 6) if w.chance(0.8) else w.between(7, 20), describe=describe)
        case "amount":
            return amount(w, noun, describe=describe)
        case _:
            word = "" if frame.habit else "any" if frame.negation or frame.question else "some"
            return some(w, noun, word=word, plural=not noun.mass, describe=describe, negative=bool(frame.negation))


def animal(w: Writer, *, plural: bool | None = None, groups: str = "PET FARM WILD") -> Phrase:
    """An animal as a subject."""
    noun = w.fresh(w.words.select(groups))
    several = (w.chance(0.25) if plural is None else plural) and noun.has_plural
    draw = w.random()
    if noun.group == "PET" and draw < 0.4:
        return owned(w, noun, plural=several, describe=0.2)
    if draw < 0.1 and not several:
        return a(w, noun, describe=0.3)
    if draw < 0.25:
        return this(w, noun, plural=several, describe=0.2)
    return the(w, noun, plural=several, describe=0.25)


def some_thing(w: Writer) -> Phrase:
    """A thing as a subject, one that an adjective can be said of."""
    noun = w.fresh(w.words.subjects)
    while not w.words.described[noun]["predicate"]:
        noun = w.fresh(w.words.subjects)
    many = noun.has_plural and (noun.group == "PAIR" or w.chance(0.3))
    draw = w.random()
    if noun in w.words.ownable and draw < 0.3:
        return owned(w, noun, plural=many)
    if noun in w.words.ownable and draw < 0.4:
        return genitive(w, noun, plural=many)
    return this(w, noun, plural=many) if draw < 0.6 else the(w, noun, plural=many)


def suits(w: Writer, phrase: Phrase) -> tuple[Adjective, ...]:
    """The adjectives that can be said of ``phrase``."""
    noun = phrase.noun or w.words.nouns["cousin"]
    return w.words.described[noun]["predicate"]


def is_animal(phrase: Phrase) -> bool:
    """Whether ``phrase`` names an animal."""
    return phrase.noun is not None and phrase.noun.group in ANIMAL_GROUPS
