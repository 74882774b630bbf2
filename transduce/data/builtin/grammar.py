"""The constructions: each function writes one sentence on both sides.

A construction returns the sentence without its capital and with its mark in the English text only;
``write`` finishes it. What it may use: phrases (who and what), predicates (verbs with what follows
them), and the writer's chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from transduce.data.builtin import english, french
from transduce.data.builtin import phrases as p
from transduce.data.builtin import predicates as v
from transduce.data.builtin.phrases import Frame, Phrase
from transduce.data.builtin.words import Adjective, Noun, Text, Verb
from transduce.data.builtin.writer import Weighted, Writer

LONGEST = 18
SHORTEST = 3


class Sentence(NamedTuple):
    """A sentence, the construction that wrote it, and the pairs of words that it puts together."""

    english: str
    french: str
    construction: str
    bonds: frozenset[str]


class Draft(NamedTuple):
    """A sentence before it is spelled; ``mark`` is its final mark."""

    en: str
    fr: str
    mark: str = "."


def draft(text: Text, mark: str = ".") -> Draft:
    """``text`` as a whole sentence."""
    return Draft(text.en, text.fr, mark)


# ------------------------------------------------------------------------------------ plain statements


def statement(w: Writer) -> Draft:
    """Somebody does something: "My sister is washing the blue car."."""
    verb_subject = p.someone(w)
    return draft(v.clause(w, verb_subject))


def adult_statement(w: Writer) -> Draft:
    """The same about grown-up people, by a noun: "The old baker sold some bread yesterday."."""
    return draft(v.clause(w, p.someone(w, adult=True, named=True), verb=v.act(w, p.I, deed=True)))


def addressed_statement(w: Writer) -> Draft:
    """To a person named at its end: "You are late, Marie."."""
    return draft(v.clause(w, p.you(w)))


_ANIMAL_DEEDS = Weighted({"sleep": 24, "run": 12, "eat": 30, "look_at": 10, "follow": 8, "wait_for": 6, "is": 10})


def _verb(w: Writer, kind: str, name: str) -> Verb:
    base, _, particle = name.partition("_")
    return next(
        verb for verb in w.words.verbs[kind] if (verb.en.base, verb.en.particle) == (base, particle.replace("_", " "))
    )


def animal(w: Writer) -> Draft:
    """An animal does something: "The white cat is sleeping under the table."."""
    subject = p.animal(w)
    deed = w.choose(_ANIMAL_DEEDS)
    assert subject.noun is not None
    if deed == "is":
        verb, tense = v.IS, w.choose(Weighted({"present": 3, "past": 1}))
        frame = Frame(tense, "not" if w.chance(0.15) else "")
        return draft(v.say(subject, v.complete(w, verb, subject, frame), frame))
    small = subject.noun.group == "PET"
    if deed == "wait_for" and not small:
        deed = "eat"
    if deed in ("sleep", "run"):
        verb = _verb(w, "intransitive", deed)
        frame = v.frame_for(w, verb, subject, negative=0.08)
        if deed == "sleep" and small:
            spot = p.position(w)
        else:
            ground = p.the(w, w.fresh(w.words.grounds[subject.noun.group]), describe=0.1)
            spot = Text(f"in {ground.en}", f"dans {ground.fr}")
        w.bond(subject.noun.en, deed)
        predicate = v.Predicate(verb, *spot)
    else:
        verb = _verb(w, "transitive", deed)
        frame = v.frame_for(w, verb, subject, negative=0.1)
        if deed == "eat":
            noun = w.pick(w.words.animal_food.get(subject.noun) or w.words.select("bread meat"))
            w.used.add(noun)
            w.bond(subject.noun.en, deed, noun.en)
            what = p.thing(w, noun, frame, describe=0.1, amounts=frame.habit)
        elif deed == "wait_for" or w.chance(0.5):
            what = p.person(w)
        else:
            what = p.animal(w, groups="PET FARM bird butterfly", plural=None)
        predicate = v.Predicate(verb, what.en, what.fr)
    return draft(_timed(w, subject, predicate, frame))


def _timed(w: Writer, subject: Phrase, predicate: v.Predicate, frame: Frame) -> Text:
    adverb, when = v.manner_of_time(w, predicate.verb, frame, timed=0.25, free=True)
    return v.at_time(w, v.say(subject, predicate, frame, adverb=adverb), when)


def _object(w: Writer, *, plural: bool | None = None) -> Phrase:
    """A thing as a subject."""
    noun = w.fresh(w.words.subjects)
    while not w.words.described[noun]["predicate"]:
        noun = w.fresh(w.words.subjects)
    many = noun.has_plural and (noun.group == "PAIR" or (w.chance(0.3) if plural is None else plural))
    draw = w.random()
    if noun in w.words.ownable and draw < 0.3:
        return p.owned(w, noun, plural=many)
    if noun in w.words.ownable and draw < 0.4:
        return p.genitive(w, noun, plural=many)
    if draw < 0.6:
        return p.this(w, noun, plural=many)
    return p.the(w, noun, plural=many)


def thing_described(w: Writer) -> Draft:
    """ "The red apples are not ripe."."""
    subject = _object(w)
    frame = Frame(w.choose(Weighted({"present": 75, "past": 20, "will": 5})), "not" if w.chance(0.18) else "")
    return draft(v.say(subject, v.complete(w, v.IS, subject, frame), frame))


def thing_somewhere(w: Writer) -> Draft:
    """ "Your keys are under the newspaper."."""
    noun = w.fresh(w.words.laid)
    many = noun.has_plural and w.chance(0.35)
    maker = p.owned if w.chance(0.4) else p.the if w.chance(0.7) else p.genitive
    subject = maker(w, noun, plural=many)
    where = p.position(w)
    frame = Frame("past" if w.chance(0.25) else "present", "not" if w.chance(0.15) else "")
    w.bond(noun.en, where.en.split()[0])
    return draft(v.say(subject, v.Predicate(v.IS_AT, *where), frame))


def there_is(w: Writer) -> Draft:
    """ "There are three books on the table."; "il y a"."""
    question = w.chance(0.15)
    negative = not question and w.chance(0.2)
    past = w.chance(0.2)
    scene = w.choose(Weighted({"laid": 45, "fridge": 25, "animal": 15, "people": 15}))
    frame = Frame("past", "not" if negative else "", question)
    if scene == "fridge":
        noun = w.fresh(w.words.in_fridge)
        where = Text("in the fridge", "dans le réfrigérateur")
    elif scene == "laid":
        noun, where = w.fresh(w.words.laid), p.position(w)
    elif scene == "animal":
        noun = w.fresh(w.words.select("ANIMAL"))
        ground = p.the(w, w.fresh(w.words.grounds[noun.group]), describe=0.15)
        where = Text(f"in {ground.en}", f"dans {ground.fr}")
    else:
        noun = w.fresh(w.words.select("CHILD woman man lady tourist customer soldier"))
        where = p.place(w, going=False)
    what = _existing(w, noun, frame)
    w.bond("there", noun.en, where.en)
    plural = what.plural
    be = english.be(5 if plural else 2, past=past)
    en = " ".join([be, "there"] if question else ["there", be, "not"] if negative else ["there", be])
    verb = "avait" if past else "a"
    fr = f"il ne y {verb} pas" if negative else f"il y {verb}"
    if question:
        fr = f"est-ce que {fr}"
    return Draft(f"{en} {what.en} {where.en}", f"{fr} {what.fr} {where.fr}", "?" if question else ".")


def _existing(w: Writer, noun: Noun, frame: Frame) -> Phrase:
    negative = bool(frame.negation)
    word = "any" if negative or frame.question else "some"
    if noun.mass:
        if not negative and not frame.question and w.chance(0.3):
            return p.amount(w, noun)
        return p.some(w, noun, word=word, describe=0.1, negative=negative)
    if not noun.has_plural or w.chance(0.4):
        return p.a(w, noun, describe=0.3, negative=negative)
    if negative or frame.question or w.chance(0.3):
        return p.some(w, noun, word=word, plural=True, describe=0.2, negative=negative)
    if w.chance(0.5):
        return p.counted(w, noun, w.between(2, 12), describe=0.25)
    return p.amount(w, noun, describe=0.15)


def identified(w: Writer) -> Draft:
    """ "This is my brother.", "These are not Marie's shoes."."""
    if w.chance(0.4):
        noun = w.fresh(w.words.select("FAMILY FRIEND"))
        many = False
    else:
        noun = w.fresh(w.words.select("OWNABLE"))
        many = noun.has_plural and (noun.group == "PAIR" or w.chance(0.3))
    draw = w.random() * (0.7 if noun.group in ("FAMILY", "FRIEND") else 1.0)
    if draw < 0.5 or noun.en in ("wife", "husband"):
        what = p.owned(w, noun, plural=many, describe=0.15)
    elif draw < 0.7:
        what = p.genitive(w, noun, plural=many, describe=0.1)
    elif many:
        what = p.some(w, noun, word="", plural=True, describe=0.8)
    else:
        what = p.a(w, noun, describe=0.8)
    negative = w.chance(0.2)
    first = w.pick(("these", "those") if many else ("this", "that"))
    en = f"{first} {'are' if many else 'is'}{' not' if negative else ''} {what.en}"
    fr = ("ce ne sont pas" if negative else "ce sont") if many else ("ce n'est pas" if negative else "c'est")
    return Draft(en, f"{fr} {what.fr}")


# ------------------------------------------------------------------------- weather, time, money, age

_WEATHER = (
    (Text("cold", "froid"), "fait"),
    (Text("hot", "chaud"), "fait"),
    (Text("sunny", "du soleil"), "a"),
    (Text("dark", "nuit"), "fait"),
    (Text("cool", "frais"), "fait"),
    (Text("foggy", "du brouillard"), "a"),
    (Text("windy", "du vent"), "a"),
)
_SKY = ((english.verb("rain"), "pleuvoir"), (english.verb("snow"), "neiger"))


def _weather(w: Writer, tense: str, *, negation: str = "", question: bool = False) -> Text:
    """Weather in one tense, "now" for what happens at the moment."""
    it = Phrase("it", "il")
    if w.chance(0.45):
        verb, fr = w.pick(_SKY)
        predicate = v.Predicate(Verb(verb, fr, "weather"))
        return v.say(it, predicate, Frame(tense, negation, question))
    what, how = w.pick(_WEATHER)
    frame = Frame("present" if tense == "now" else tense, negation, question)
    if how == "a":
        fr = what.fr.replace("du", "de") if negation else what.fr
        predicate = v.Predicate(Verb(english.BE, "avoir", "weather", state=True), what.en, fr, clitic="y")
        return v.say(it, predicate, frame)
    predicate = v.Predicate(Verb(english.BE, "faire", "weather", state=True), what.en, what.fr)
    return v.say(it, predicate, frame)


def weather(w: Writer) -> Draft:
    """ "It is cold in Paris.", "It will rain tomorrow."."""
    tense = w.choose(Weighted({"present": 30, "now": 25, "past": 25, "will": 20, "going": 8}))
    negation = "not" if w.chance(0.15) else ""
    question = not negation and w.chance(0.12)
    said = _weather(w, tense, negation=negation, question=question)
    if w.chance(0.55):
        city, country = w.fresh(w.words.cities), w.fresh(w.words.countries)
        where = (
            Text(f"in {city.en}", f"à {city.fr}")
            if w.chance(0.55)
            else Text(f"in {country.name.en}", country.inside)
        )
        w.bond("weather", where.en)
        said = Text(f"{said.en} {where.en}", f"{said.fr} {where.fr}")
    often = Text("", "")
    if tense != "now" or w.chance(0.3):
        often = p.time(w, "past" if tense == "past" else tense) if w.chance(0.7) else often
    said = v.at_time(w, said, often, front=not question)
    return draft(said, "?" if question else ".")


_AGES = {"CHILD": (3, 12), "PET": (2, 9), "FARM": (2, 15), "WILD": (3, 40)}


def age(w: Writer) -> Draft:
    """ "My cousin is ten years old."; avoir in French."""
    subject = p.someone(w)
    while subject.plural and (subject.noun is None or subject.noun.group != "CHILD"):
        subject = p.someone(w)
    if w.chance(0.25):
        subject = p.animal(w, plural=False, groups="PET horse donkey cow elephant")
    years = w.between(*_AGES.get(subject.noun.group if subject.noun else "", (20, 80)))
    if subject.noun and subject.noun.en.startswith("grand"):
        years = w.between(61, 99)
    if w.chance(0.15) and subject is not p.I:
        en = f"how old {english.be(subject.person)} {subject.en}"
        return Draft(en, _how_old(subject), "?")
    frame = Frame(w.choose(Weighted({"present": 75, "past": 10, "will": 12})), "not" if w.chance(0.08) else "")
    verb = v.FEELS
    predicate = v.Predicate(verb, f"{english.number(years)} years old", f"{french.number(years)} ans")
    said = v.say(subject, predicate, frame)
    if frame.tense == "will":
        said = v.at_time(w, said, p.time(w, "will"), front=False)
    return draft(said)


def _how_old(subject: Phrase) -> str:
    verb = french.conjugate("avoir", "present", subject.person)
    if subject.fr in ("tu", "vous", "ils", "elles"):
        return f"quel âge {verb}-{subject.fr}"
    if subject.fr in ("il", "elle"):
        return f"quel âge a-t-{subject.fr}"
    return f"quel âge {verb} {subject.fr}"


def price(w: Writer) -> Draft:
    """ "This watch costs eighty euros.", "How much do the apples cost?"."""
    noun = w.fresh(w.words.select("CLOTHES PAIR CAR FURNITURE MACHINE FRUIT THING TEXT PICTURE"))
    many = noun.group == "PAIR" or (noun.has_plural and w.chance(0.3))
    subject = (p.this if w.chance(0.6) else p.the)(w, noun, plural=many, describe=0.3)
    w.bond("cost", noun.en)
    costs = french.conjugate("coûter", "present", subject.person)
    if w.chance(0.3):
        do = "do" if many else "does"
        return Draft(f"how much {do} {subject.en} cost", f"combien {costs} {subject.fr}", "?")
    expensive = noun.group in ("CAR", "FURNITURE", "MACHINE")
    euros = w.between(10, 99) * 10 if expensive else w.between(2, 99)
    frame = Frame(w.choose(Weighted({"present": 8, "past": 2})), "not" if w.chance(0.08) else "")
    cost = Verb(english.verb("cost", "cost"), "coûter", "cost", state=True)
    if frame.tense == "past" and many and not frame.negation:
        frame = Frame("present")  # "they cost" is both
    predicate = v.Predicate(cost, f"{english.number(euros)} euros", f"{french.number(euros)} euros")
    return draft(v.say(subject, predicate, frame))


def hour(w: Writer) -> Draft:
    """ "It is half past ten.", "Today is Monday.", "The concert is on the third of May."."""
    draw = w.random()
    if draw < 0.45:
        now = p.clock(w, at=False)
        en, fr = f"it is {now.en}", f"il est {now.fr}"
        if w.chance(0.35):
            city = w.pick(w.words.cities)
            en, fr = f"{en} in {city.en}", f"{fr} à {city.fr}"
        elif w.chance(0.2):
            en, fr = f"it is already {now.en}", f"il est déjà {now.fr}"
        return Draft(en, fr)
    if draw < 0.65:
        day, on = w.pick(w.words.days), p.date(w)
        if w.chance(0.4):
            return Draft(f"today is {day.en}", f"aujourd'hui, c'est {day.fr}")
        return Draft(f"today is {day.en}, {on.en}", f"aujourd'hui, c'est {day.fr.removeprefix('le ')} {on.fr[3:]}")
    noun = w.fresh(w.words.select("concert game show exam"))
    subject = (p.the if w.chance(0.6) else p.owned if noun.en == "exam" else p.this)(w, noun)
    if w.chance(0.5):
        when = p.date(w)
        when = Text(f"on {when.en}", when.fr)
    else:
        when = p.clock(w)
    tense = "will" if w.chance(0.4) else "present"
    subject_verb = Verb(english.verb("start"), "commencer", "event") if tense == "will" else None
    if subject_verb or not when.en.startswith("on"):
        verb = subject_verb or Verb(english.verb("end"), "finir", "event")
        return draft(v.say(subject, v.Predicate(verb, *when), Frame(tense)))
    return draft(v.say(subject, v.Predicate(v.IS_AT, *when), Frame("present")))


_OPENING = ((english.verb("open"), "ouvrir"), (english.verb("close"), "fermer"))
_DEPARTING = ((english.verb("leave", "left"), "partir"), (english.verb("arrive"), "arriver"))


def _scheduled(w: Writer, tense: str) -> Text:
    """The day of a train or of opening hours."""
    day = w.pick(w.words.days)
    if tense == "present":
        if w.chance(0.3):
            return Text("every day", "tous les jours")
        return Text(f"on {day.en}s", f"le {day.fr}")
    if w.chance(0.6):
        return Text(f"on {day.en}", day.fr)
    return Text("yesterday", "hier") if tense == "past" else Text("tomorrow", "demain")


def timetable(w: Writer) -> Draft:
    """ "The train leaves at ten past nine.", "The museum opens at ten o'clock on Sundays."."""
    departing = w.chance(0.5)
    if departing:
        noun = w.fresh(w.words.select("train bus plane boat"))
        (verb, fr), etre = w.pick(_DEPARTING), True
        subject = (p.the if w.chance(0.8) else p.this)(w, noun)
        if w.chance(0.35):
            city = w.fresh(w.words.cities)
            subject = subject._replace(en=f"{subject.en} to {city.en}", fr=f"{subject.fr} pour {city.fr}")
        tense = w.choose(Weighted({"present": 45, "past": 25, "will": 30}))
    else:
        noun = w.fresh(w.words.select("bank museum pharmacy restaurant bakery library market pool town_hall store"))
        (verb, fr), etre = w.pick(_OPENING), False
        subject = p.the(w, noun)
        tense = w.choose(Weighted({"present": 80, "will": 20}))
    w.bond(verb.base, noun.en)
    when = p.clock(w, exact=departing)
    if w.chance(0.45):
        later = _scheduled(w, tense)
        when = Text(f"{when.en} {later.en}", f"{when.fr} {later.fr}")
    if w.chance(0.12) and tense == "present":
        when = w.pick((Text("late", "tard"), Text("early", "tôt")))
    question = w.chance(0.2)
    frame = Frame(tense, "", question)
    said = v.say(subject, v.Predicate(Verb(verb, fr, "timetable", etre=etre), *when), frame)
    return draft(said, "?" if question else ".")


# -------------------------------------------------------------------------------------------- questions


def _asked_about(w: Writer) -> Phrase:
    """A subject for a question: not oneself."""
    if w.chance(0.35):
        return p.you(w)
    subject = p.someone(w)
    while subject.person == 0 or (subject.person == 3 and w.chance(0.6)) or (subject.person == 3 and subject is not p.WE):
        subject = p.someone(w)
    return subject


def yes_or_no(w: Writer) -> Draft:
    """ "Is Marie writing a letter?"; est-ce que throughout."""
    subject = _asked_about(w)
    verb = v.act(w, subject)
    frame = v.frame_for(w, verb, subject, question=True)
    return draft(v.clause(w, subject, verb=verb, frame=frame, timed=0.4), "?")


_ASKING = Weighted({("where", "où"): 25, ("when", "quand"): 25, ("why", "pourquoi"): 35, ("how", "comment"): 5})


def adverb_question(w: Writer) -> Draft:
    """ "Where is she working?", "Why did you sell your car?"."""
    word = w.choose(_ASKING)
    subject = _asked_about(w)
    if word[0] == "how":
        verb = v.GOES
    elif word[0] == "where" and w.chance(0.35):
        verb = v.LIVES
    else:
        verb = v.act(w, subject, deed=True)
        while word[0] == "where" and (verb.kind in ("going", "staying") or verb.reflexive):
            verb = v.act(w, subject, deed=True)
    frame = v.frame_for(w, verb, subject, question=True)
    while frame.tense == "just" or (word[0] == "when" and frame.tense in ("now", "perfect", "used", "was")):
        frame = v.frame_for(w, verb, subject, question=True)
    if verb is v.LIVES:
        predicate = v.Predicate(verb)
    elif verb is v.GOES and word[0] == "where":
        predicate = v.Predicate(verb)
    else:
        # "some", not "any": only the adverb is in question.
        predicate = v.complete(w, verb, subject, frame._replace(question=word[0] == "how"))
    said = v.say(subject, predicate, frame)
    return Draft(f"{word[0]} {said.en}", f"{word[1]} {said.fr}", "?")


def where_is(w: Writer) -> Draft:
    """ "Where are my keys?", "Where is she?"; inversion with être."""
    draw = w.random()
    past = w.chance(0.2)
    if draw < 0.25:
        subject = p.you(w) if w.chance(0.2) else w.pick((p.HE, p.SHE, p.THEY))
    elif draw < 0.5:
        subject = p.someone(w, named=True)
    else:
        noun = w.fresh(w.words.select("LAID WARDROBE car bike station hotel museum bank pharmacy library market"))
        many = noun.has_plural and (noun.group == "PAIR" or (noun.group != "BUILDING" and w.chance(0.35)))
        maker = p.owned if noun in w.words.ownable and w.chance(0.65) else p.the
        subject = maker(w, noun, plural=many)
    verb = french.conjugate("être", "imperfect" if past else "present", subject.person)
    dash = "-" if subject.fr in ("il", "elle", "ils", "tu", "vous") else " "
    when = Text("yesterday", "hier") if past and w.chance(0.6) else Text("", "")
    en = f"where {english.be(subject.person, past=past)} {subject.en} {when.en}".rstrip()
    return Draft(en, f"où {verb}{dash}{subject.fr} {when.fr}".rstrip(), "?")


def who(w: Writer) -> Draft:
    """ "Who broke the window?", "Who is singing in the garden?"."""
    subject = Phrase("who", "qui", 2, human=True)
    verb = v.act(w, subject, deed=True)
    frame = v.frame_for(w, verb, subject, negative=0.05)
    while frame.tense in ("just", "used") or frame.negation == "never":
        frame = v.frame_for(w, verb, subject, negative=0.05)
    said = v.clause(w, subject, verb=verb, frame=frame._replace(question=False), timed=0.35, front=False)
    return draft(said, "?")


def what(w: Writer) -> Draft:
    """ "What is she eating?", "Which dress did you buy?", "How many apples do you want?"."""
    subject = _asked_about(w)
    verb = w.pick(w.words.verbs["transitive"])
    while verb.people or verb.preposition or (verb.adult and subject.noun and subject.noun.group == "CHILD"):
        verb = w.pick(w.words.verbs["transitive"])
    frame = v.frame_for(w, verb, subject, question=True)
    while frame.tense in ("just", "perfect", "used", "present"):
        frame = v.frame_for(w, verb, subject, question=True)
    draw = w.random()
    if draw < 0.4:
        said = v.say(subject, v.Predicate(verb), frame)
        when = p.time(w, frame.tense) if w.chance(0.35) else Text("", "")
        return Draft(f"what {said.en} {when.en}".rstrip(), f"qu'{said.fr} {when.fr}".rstrip(), "?")
    noun = w.fresh(verb.objects)
    w.bond(f"{verb.en.base} {verb.en.particle}".strip(), noun.en)
    if draw < 0.7 or not (noun.has_plural and verb.amount):
        plural = noun.group == "PAIR"
        core = p.the(w, noun, plural=plural)
        en = "which " + core.en.removeprefix("the ")
        fr = f"{french.which(noun.gender, plural)} {noun.fr_plural if plural else noun.fr}"
        agreement = (noun.gender, plural)
    else:
        en, fr, agreement = f"how many {noun.en_plural}", f"combien de {noun.fr_plural}", (noun.gender, True)
    said = v.say(subject, v.Predicate(verb, agreement=agreement), frame)
    return Draft(f"{en} {said.en}", f"{fr} {said.fr}", "?")


# ------------------------------------------------------------------------------- orders and exclamations


def order(w: Writer) -> Draft:
    """ "Close the door, please.", "Do not touch the oven, children!"."""
    listener = p.you(w)
    verb = v.act(w, listener, deed=True)
    while verb.en.base in ("lose", "miss", "lie", "win", "receive", "see", "hear", "meet", "fall", "break", "forget"):
        verb = v.act(w, listener, deed=True)
    negative = w.chance(0.25)
    predicate = v.complete(w, verb, listener, Frame("order", "not" if negative else ""))
    person = w.address.person
    form = french.imperative(verb.fr, person)
    clitic = french.REFLEXIVE[person] if verb.reflexive else predicate.clitic
    rest = f"{predicate.adverb} {predicate.fr}".strip()
    if negative:
        fr = f"ne {clitic} {form} pas {rest}".replace("  ", " ")
    else:
        after = {"~me": "moi", "~te": "toi"}.get(clitic, clitic.removeprefix("~"))
        fr = f"{form}{'-' if clitic else ''}{after} {rest}"
    en = " ".join(word for word in (verb.en.base, verb.en.particle, predicate.en) if word)
    en = f"do not {en}" if negative else en
    if w.chance(0.3):
        en, fr = f"{en}, please", f"{fr.rstrip()}, s'il {'te' if person == 1 else 'vous'} plaît"
        return Draft(en, fr)
    return Draft(en, fr.rstrip(), "!" if w.chance(0.5) else ".")


def lets(w: Writer) -> Draft:
    """ "Let us go to the beach!"; the imperative of nous."""
    w.addressed = False
    verb = v.act(w, p.WE, deed=True)
    while verb.event:
        verb = v.act(w, p.WE, deed=True)
    predicate = v.complete(w, verb, p.WE, Frame("infinitive"))
    form = french.imperative(verb.fr, 3)
    clitic = "nous" if verb.reflexive else predicate.clitic.removeprefix("~")
    rest = f"{predicate.adverb} {predicate.fr}".strip()
    fr = f"{form}{'-' if clitic else ''}{clitic} {rest}".rstrip()
    en = " ".join(word for word in ("let us", verb.en.base, verb.en.particle, predicate.en) if word)
    return Draft(en, fr, "!" if w.chance(0.6) else ".")


def exclamation(w: Writer) -> Draft:
    """ "What a beautiful house!", "What delicious cakes!"."""
    noun = w.fresh(w.words.subjects)
    many = noun.mass or (noun.has_plural and (noun.group == "PAIR" or w.chance(0.3)))
    core = p.some(w, noun, word="", plural=noun.has_plural and many, describe=1.0)
    plural = core.plural
    en = core.en if many else f"{english.article(core.en)} {core.en}"
    return Draft(f"what {en}", f"{french.which(noun.gender, plural)} {core.after_de}", "!")


# ------------------------------------------------------------------------------- more than one clause


def second_subject(w: Writer, first: Phrase) -> Phrase:
    """A subject for the next clause that cannot be taken for the wrong person."""
    draw = w.random()
    if draw < 0.5:
        return p.pronoun(first)
    if draw < 0.65:
        return p.I
    if draw < 0.75:
        return p.WE
    return p.someone(w, named=True)


_JOINED = Weighted({("and", "et"): 40, (", but", ", mais"): 40, (", so", ", donc"): 10})


def _join(first: Text, joint: tuple[str, str], second: Text) -> Draft:
    en, fr = (f"{joint[0]} " if joint[0][0] == "," else f" {joint[0]} "), (
        f"{joint[1]} " if joint[1][0] == "," else f" {joint[1]} "
    )
    return Draft(f"{first.en}{en}{second.en}", f"{first.fr}{fr}{second.fr}")


def two_clauses(w: Writer) -> Draft:
    """ "Paul is singing, but his sister is sleeping."."""
    w.them = False
    first = p.someone(w)
    one = v.clause(w, first, timed=0.1, front=False)
    two = v.clause(w, second_subject(w, first), timed=0.15, front=False)
    return _join(one, w.choose(_JOINED), two)


def because(w: Writer) -> Draft:
    """ "She is staying at home because she is tired."."""
    w.them = False
    subject = p.someone(w)
    verb = v.act(w, subject, deed=True)
    frame = v.frame_for(w, verb, subject, negative=0.3)
    one = v.clause(w, subject, verb=verb, frame=frame, timed=0.1, front=False)
    past = frame.tense in ("past", "was", "used")
    if w.chance(0.15):
        two = _weather(w, "past" if past else "now")
    else:
        two = _reason(w, subject, past=past)
    return _join(one, ("because", "parce que"), two)


def _reason(w: Writer, subject: Phrase, *, past: bool) -> Text:
    """Why ``subject`` did something: mostly because of himself or herself."""
    who = p.pronoun(subject) if w.chance(0.8) else second_subject(w, subject)
    frame = Frame("past" if past else "present", "not" if w.chance(0.12) else "")
    if w.chance(0.4):
        mood = w.pick(w.words.moods)
        return v.say(who, v.Predicate(v.IS, *v.quality(w, mood, who, degree=not frame.negation)), frame)
    verb = w.choose(_REASONS)
    if past and verb is v.MUST:
        verb = v.FEELS
    return v.clause(w, who, verb=verb, frame=frame, timed=0, front=False)


_REASONS = Weighted({v.FEELS: 35, v.NEEDS: 20, v.MUST: 14, v.LIKES: 12, v.IS_AT: 8, v.HAS_FAMILY: 5})
_TURNING_POINTS = ("arrive", "come_back", "go_home", "wake_up", "get_up", "leave", "go_out", "go_to_bed", "have_lunch")


def when_future(w: Writer) -> Draft:
    """ "When she arrives, we will eat the cake."; both verbs in the French future."""
    w.them = False
    first = p.someone(w)
    if w.chance(0.75):
        verb = _verb(w, "intransitive", w.pick(_TURNING_POINTS))
        predicate = v.Predicate(verb)
    else:
        verb = _verb(w, "transitive", w.pick(("finish", "find", "receive", "open", "buy")))
        predicate = v.complete(w, verb, first, Frame("past"))
    en = v.say(first, predicate, Frame("present")).en
    fr = v.say(first, predicate, Frame("will")).fr
    second = second_subject(w, first)
    deed = v.act(w, second, deed=True)
    frame = Frame("will", "not" if w.chance(0.12) else "")
    two = v.clause(w, second, verb=deed, frame=frame, timed=0, front=False)
    if w.chance(0.6):
        return Draft(f"when {en}, {two.en}", f"quand {fr}, {two.fr}")
    return Draft(f"{two.en} when {en}", f"{two.fr} quand {fr}")


def _rejected() -> Draft:
    return Draft("", "")


def if_present(w: Writer) -> Draft:
    """ "If it rains, we will stay at home.", "If you are tired, you must sleep."."""
    w.them = False
    if w.chance(0.35):
        first: Phrase | None = None
        condition = _weather(w, "present", negation="not" if w.chance(0.2) else "")
    else:
        first = p.someone(w)
        kind = w.pick((v.IS, v.FEELS, v.HAS, v.WANTS, v.NEEDS, v.IS_AT, None, None))
        verb = kind or v.act(w, first, deed=True)
        frame = Frame("present", "not" if w.chance(0.2) else "")
        # A single event, not a habit: "if she buys an apple".
        predicate = v.complete(w, verb, first, frame if verb.state else frame._replace(tense="past"))
        condition = v.say(first, predicate, frame)
    second = second_subject(w, first) if first else p.someone(w)
    if w.chance(0.75):
        deed = v.act(w, second, deed=True)
        frame = Frame("will", "not" if w.chance(0.15) else "")
    else:
        deed, frame = w.pick((v.CAN, v.MUST)), Frame("present", "not" if w.chance(0.2) else "")
    two = v.clause(w, second, verb=deed, frame=frame, timed=0, front=False)
    if first is None and w.chance(0.4):
        return Draft(f"{two.en} if {condition.en}", f"{two.fr} si {condition.fr}")
    return Draft(f"if {condition.en}, {two.en}", f"si {condition.fr}, {two.fr}")


def when_past(w: Writer) -> Draft:
    """ "I was reading when the phone rang."; imperfect and compound past."""
    w.them = False
    first = p.someone(w)
    verb = v.act(w, first, deed=True)
    while verb.event:
        verb = v.act(w, first, deed=True)
    one = v.clause(w, first, verb=verb, frame=Frame("was"), timed=0, front=False)
    draw = w.random()
    if draw < 0.3:
        two = Text("the phone rang", "le téléphone a sonné")
    else:
        second = p.someone(w, named=True)
        kind = _verb(w, "intransitive", w.pick(("arrive", "come_back", "wake_up", "leave", "go_out")))
        two = v.say(second, v.Predicate(kind), Frame("past"))
    return _join(one, ("when", "quand"), two)


_SAYING = (
    (Verb(english.verb("say", "said"), "dire", "saying"), Weighted({"now": 1, "present": 2, "past": 1, "will": 1})),
    (Verb(english.verb("think", "thought"), "penser", "saying"), Weighted({"present": 3, "past": 1, "will": 1})),
    (Verb(english.verb("know", "knew"), "savoir", "saying"), Weighted({"present": 3, "past": 1, "will": 1})),
    (Verb(english.verb("hope"), "espérer", "saying"), Weighted({"present": 1, "will": 3})),
    (Verb(english.verb("believe"), "croire", "saying"), Weighted({"present": 3, "past": 1, "will": 1})),
)


def reported(w: Writer) -> Draft:
    """ "She thinks that her brother is lazy."."""
    w.them = False
    first = p.someone(w)
    verb, _ = w.pick(_SAYING)
    future = verb.fr == "espérer"
    second = second_subject(w, first)
    if w.chance(0.15):
        two = _weather(w, "will" if future or w.chance(0.6) else "now")
    else:
        deed = v.act(w, second, deed=future)
        while future and deed.en.base in ("lie", "miss", "lose", "break", "forget"):
            deed = v.act(w, second, deed=True)
        frame = v.frame_for(w, deed, second)
        if future:
            frame = Frame("will", "not" if w.chance(0.15) else "")
        two = v.clause(w, second, verb=deed, frame=frame, timed=0.25, front=False)
    one = v.say(first, v.Predicate(verb), Frame("present"))
    return _join(one, ("that", "que"), two)


def unknown(w: Writer) -> Draft:
    """ "I do not know where he lives.", "She knows why you are crying."."""
    w.them = False
    first = p.someone(w)
    know = Verb(english.verb("know", "knew", "known"), "savoir", "saying", state=True)
    negation = "not" if w.chance(0.7) else ""
    question = not negation and w.chance(0.6)
    one = v.say(first, v.Predicate(know), Frame("present", negation, question))
    second = second_subject(w, first)
    if second.person == first.person and first.person in (0, 1, 3, 4):
        second = p.person(w)
    word = w.pick((("where", "où"), ("why", "pourquoi"), ("when", "quand"), ("if", "si")))
    verb = v.LIVES if word[0] == "where" else v.act(w, second, deed=True)
    if word[0] == "where" and w.chance(0.5):
        verb = _verb(w, "intransitive", w.pick(("work", "sleep", "eat", "run")))
    frame = v.frame_for(w, verb, second, negative=0)
    while frame.tense in ("just", "used", "perfect") or (word[0] == "when" and frame.tense in ("now", "was")):
        frame = v.frame_for(w, verb, second, negative=0)
    predicate = v.Predicate(verb) if word[0] == "where" else v.complete(w, verb, second, frame)
    two = v.say(second, predicate, frame)
    joined = _join(one, word, two)
    return joined._replace(mark="?") if question else joined


# ------------------------------------------------------------------------------- relative clauses


def relative_subject(w: Writer) -> Draft:
    """ "The woman who lives here is a doctor.", "I know the boy who broke the window."."""
    w.them = False
    noun = w.fresh(w.words.select("CHILD ADULT PROFESSION neighbor"))
    many = w.chance(0.25)
    head = p.the(w, noun, plural=many, describe=0.1)
    verb = v.act(w, head)
    frame = v.frame_for(w, verb, head)
    while frame.tense in ("used", "was", "just"):
        frame = v.frame_for(w, verb, head)
    inside = v.clause(w, head._replace(en="who", fr="qui"), verb=verb, frame=frame, timed=0.1, front=False)
    whole = head._replace(en=f"{head.en} {inside.en}", fr=f"{head.fr} {inside.fr}")
    if w.chance(0.55):
        kind = w.pick((v.IS, v.IS, v.IS_JOB, v.IS_FROM_NATION, v.FEELS))
        if kind is v.IS_JOB and noun.group == "PROFESSION":
            kind = v.IS
        return draft(v.clause(w, whole, verb=kind, timed=0, front=False))
    subject = p.someone(w)
    verb = _verb(w, "transitive", w.pick(("know", "look_at", "see", "help", "wait_for", "call", "thank", "meet")))
    frame = v.frame_for(w, verb, subject, negative=0.1)
    return draft(v.say(subject, v.Predicate(verb, whole.en, whole.fr), frame))


def relative_object(w: Writer) -> Draft:
    """ "The letter that she wrote is long."; the participle agrees with what goes before."""
    w.them = False
    verb = w.pick(w.words.verbs["transitive"])
    while not verb.objects or verb.preposition or verb.event:
        verb = w.pick(w.words.verbs["transitive"])
    noun = w.fresh(verb.objects)
    for _ in range(5):
        if w.words.described[noun]["predicate"]:
            break
        noun = w.fresh(verb.objects)
    else:
        return _rejected()
    many = noun.has_plural and (noun.group == "PAIR" or w.chance(0.3))
    w.bond(f"{verb.en.base} {verb.en.particle}".strip(), noun.en)
    head = p.the(w, noun, plural=many)
    subject = p.someone(w)
    frame = v.frame_for(w, verb, subject, negative=0)
    while frame.tense in ("just", "was", "used", "present"):
        frame = v.frame_for(w, verb, subject, negative=0)
    inside = v.say(subject, v.Predicate(verb, agreement=(noun.gender, many)), frame)
    if frame.tense == "perfect":
        inside = v.say(subject, v.Predicate(verb, agreement=(noun.gender, many)), Frame("past"))
    whole = head._replace(en=f"{head.en} that {inside.en}", fr=f"{head.fr} que {inside.fr}")
    tense = "past" if w.chance(0.2) else "present"
    main = Frame(tense, "not" if w.chance(0.12) else "")
    return draft(v.say(whole, v.complete(w, v.IS, whole, main), main))


# ------------------------------------------------------------------------------- comparison and reference


def _degrees(w: Writer, phrase: Phrase) -> tuple[Adjective, ...]:
    return tuple(adjective for adjective in p.suits(w, phrase) if adjective.comparative)


_MEASURE = Weighted({"more": 60, "as": 25, "not as": 10, "less": 12})


def comparison(w: Writer) -> Draft:
    """ "My dog is bigger than the cat.", "This wine is better than that beer."."""
    if w.chance(0.45):
        first = p.person(w, plural=None) if w.chance(0.6) else p.named_person(w)
        second = p.named_person(w) if w.chance(0.4) else p.person(w, owner=first)
    else:
        group = w.pick(("PET FARM WILD", "CLOTHES", "CAR", "FURNITURE", "BUILDING", "TEXT", "FRUIT", "DRINK", "SHOW"))
        nouns = w.words.select(group)
        first, second = (p.the(w, w.fresh(nouns)) for _ in range(2))
        if w.chance(0.3):
            first = p.this(w, first.noun)  # type: ignore[arg-type]
        if w.chance(0.2) and first.noun in w.words.ownable:
            first = p.owned(w, first.noun)
    theirs = _degrees(w, second)
    common = [adjective for adjective in _degrees(w, first) if adjective in theirs]
    if not common:
        return _rejected()
    adjective = w.pick(common)
    if first.noun:
        w.bond(adjective.en, first.noun.en)
    fr = adjective.fr(first.gender, first.plural)
    past = w.chance(0.1)
    kind = w.choose(_MEASURE)
    frame = Frame("past" if past else "present", "not" if kind == "not as" else "")
    if kind == "more":
        special = {"good": "meilleur", "bad": "pire"}.get(adjective.en)
        if special == "meilleur":
            fr = french.agree("meilleur", first.gender, first.plural)
        elif special == "pire":
            fr = french.agree("pire", "m", first.plural)
        degree = Text(f"{adjective.comparative} than", fr if special else f"plus {fr}")
    elif kind == "less":
        degree = Text(f"less {adjective.en} than", f"moins {fr}")
    else:
        degree = Text(f"as {adjective.en} as", f"aussi {fr}")
    return draft(v.say(first, v.Predicate(v.IS, f"{degree.en} {second.en}", f"{degree.fr} que {second.fr}"), frame))


_REALMS = (
    Text("in the class", "de la classe"),
    Text("in the family", "de la famille"),
    Text("in the village", "du village"),
    Text("in the world", "du monde"),
    Text("in the city", "de la ville"),
)


def superlative(w: Writer) -> Draft:
    """ "Marie is the tallest girl in the class."."""
    if w.chance(0.5):
        subject = p.named_person(w) if w.chance(0.6) else p.person(w, plural=False)
        noun = w.words.nouns["girl" if subject.gender == "f" else "boy"]
        realm = w.pick(_REALMS[:3])
    else:
        noun = w.fresh(w.words.select("BUILDING car movie novel river mountain lake restaurant hotel garden"))
        subject = Phrase("this", "ce", 2, noun.gender)
        realm = w.pick(_REALMS[2:])
    choices = [
        adjective
        for adjective in w.words.described[noun]["predicate"]
        if adjective.comparative and adjective.en not in ("bad", "young", "full", "empty")
    ]
    if not choices:
        return _rejected()
    adjective = w.pick(choices)
    w.bond(adjective.en, noun.en)
    most = superlative_of(adjective)
    form = adjective.fr(noun.gender, False)
    article = french.the(noun.gender, False)
    if adjective.en == "good":
        fr = f"{article} {french.agree('meilleur', noun.gender, False)} {noun.fr}"
    elif adjective.place == "<":
        fr = f"{article} plus {form} {noun.fr}"
    else:
        fr = f"{article} {noun.fr} {article} plus {form}"
    is_fr = "c'est" if subject.fr == "ce" else f"{subject.fr} est"
    return Draft(f"{subject.en} is the {most} {noun.en} {realm.en}", f"{is_fr} {fr} {realm.fr}")


def superlative_of(adjective: Adjective) -> str:
    """ "biggest", "most useful", "best"."""
    irregular = {"better": "best", "worse": "worst"}.get(adjective.comparative)
    if irregular:
        return irregular
    if adjective.comparative.startswith("more "):
        return f"most {adjective.en}"
    return adjective.comparative.removesuffix("er") + "est"


def two_qualities(w: Writer) -> Draft:
    """ "The house is old, but it is beautiful."; the pronoun has the gender of the noun."""
    subject = _object(w) if w.chance(0.7) else p.someone(w, named=True)
    qualities = p.suits(w, subject)
    if len(qualities) < 2:
        return _rejected()
    first, second = w.pick(qualities), w.pick(qualities)
    values = [(quality in w.words.pleasant) - (quality in w.words.unpleasant) for quality in (first, second)]
    if first == second or 0 in values or frozenset((first.en, second.en)) in w.words.apart:
        return _rejected()
    tense = "past" if w.chance(0.15) else "present"
    one = v.say(subject, v.Predicate(v.IS, *v.quality(w, first, subject)), Frame(tense))
    two = v.say(
        p.pronoun(subject),
        v.Predicate(v.IS, *v.quality(w, second, subject, degree=False)),
        Frame(tense),
    )
    if subject.noun:
        w.bond(first.en, subject.noun.en)
        w.bond(second.en, subject.noun.en)
    return _join(one, ("and", "et") if values[0] == values[1] else (", but", ", mais"), two)


def _then(w: Writer) -> tuple[Verb, tuple[Verb, ...]]:
    verbs = {verb.en.base: verb for verb in w.words.verbs["transitive"] if not verb.en.particle}
    then = {
        "buy": "eat drink read wash repair paint",
        "find": "keep sell clean repair wash",
        "take": "open wash hide keep",
        "wash": "iron cut",
        "open": "read clean fill",
        "choose": "buy order",
        "repair": "sell clean paint",
        "write": "translate print",
        "receive": "read open keep",
        "pick": "wash eat",
        "borrow": "repair use lose",
    }
    first = w.pick(tuple(then))
    return verbs[first], tuple(verbs[name] for name in then[first].split())


def chain(w: Writer) -> Draft:
    """ "She bought an apple and washed it."; the pronoun and the participle agree."""
    first, others = _then(w)
    second = w.pick(others)
    nouns = [noun for noun in first.objects if noun in second.objects and not noun.mass]
    if not nouns:
        return _rejected()
    noun = w.fresh(nouns)
    w.bond(first.en.base, noun.en)
    w.bond(second.en.base, noun.en)
    subject = p.someone(w, adult=True)
    tense = w.choose(Weighted({"past": 55, "will": 20, "going": 15, "now": 0.1}))
    if tense == "now" or (tense == "past" and second.en.base in ("read", "cut")):
        tense = "will"
    frame = Frame(tense)
    what = p.thing(w, noun, frame, owner=subject, definite=w.chance(0.5), describe=0.15)
    if what.noun is None or what.en.startswith(("enough", "too", "several", "a lot", "a few")):
        return _rejected()
    thing = p.pronoun(what._replace(human=False))
    one = v.say(subject, v.Predicate(first, what.en, what.fr), frame)
    predicate = v.Predicate(
        second, thing.object_en, clitic=p.direct(thing), agreement=(thing.gender, thing.plural)
    )
    again = v.say(p.pronoun(subject), predicate, frame)
    return _join(one, ("and", "et") if w.chance(0.6) else (", and then", ", puis"), again)


# ------------------------------------------------------------------------------- other constructions


def purpose(w: Writer) -> Draft:
    """ "He is going to the market to buy some fish."; pour and an infinitive."""
    subject = p.someone(w)
    verb = v.GOES if w.chance(0.6) else w.pick((_verb(w, "intransitive", "go_out"), _verb(w, "intransitive", "come_back")))
    frame = v.frame_for(w, verb, subject, negative=0)
    while frame.tense == "just":
        frame = v.frame_for(w, verb, subject, negative=0)
    predicate = v.complete(w, verb, subject, frame) if verb is v.GOES else v.Predicate(verb)
    one = v.say(subject, predicate, frame, adverb=Text("already", "déjà") if frame.tense == "perfect" else Text("", ""))
    goal = v.infinitive(w, subject)
    return Draft(f"{one.en} to {goal.en}", f"{one.fr} pour {goal.fr}")


def since(w: Writer) -> Draft:
    """ "She has been living in Rome for three years."; the present with depuis."""
    subject = p.someone(w)
    verb = w.pick((v.LIVES, _verb(w, "intransitive", "wait"), _verb(w, "intransitive", "sleep"),
                   _verb(w, "intransitive", "study"), _verb(w, "intransitive", "work"), v.PLAYS_MUSIC))
    predicate = v.complete(w, verb, subject, Frame("present"))
    lapse = p.span(w, 0, 1) if verb.en.base in ("wait", "sleep") else p.span(w, 3, 5)
    en = f"{subject.en} {english.have(subject.person)} been {verb.en.ing} {predicate.en}".rstrip()
    fr = f"{subject.fr} {v.french_verb(subject, predicate, Frame('present'))} {predicate.fr}".rstrip()
    return Draft(f"{en} for {lapse.en}", f"{fr} depuis {lapse.fr}")


def nothing(w: Writer) -> Draft:
    """ "She did not buy anything.", "Nobody is working today."."""
    if w.chance(0.5):
        subject = Phrase("nobody", "personne", 2, human=True)
        verb = v.act(w, subject, deed=True)
        frame = v.frame_for(w, verb, subject, negative=0)
        while frame.tense in ("just", "was", "used"):
            frame = v.frame_for(w, verb, subject, negative=0)
        predicate = v.complete(w, verb, subject, Frame("past" if frame.tense != "present" else "present", "not"))
        en = english.clause("nobody", verb.en, frame.tense, 2, rest=predicate.en)
        fr = v.french_verb(subject, predicate, Frame(frame.tense, "nobody"))
        return Draft(en, f"personne {fr} {predicate.fr}".rstrip())
    subject = p.someone(w)
    verb = w.pick([verb for verb in w.words.verbs["transitive"] if verb.objects and not verb.preposition])
    frame = v.frame_for(w, verb, subject, negative=0)
    while frame.tense in ("just", "was", "used"):
        frame = v.frame_for(w, verb, subject, negative=0)
    en = english.clause(subject.en, verb.en, frame.tense, subject.person, negation="not", rest="anything")
    fr = v.french_verb(subject, v.Predicate(verb), Frame(frame.tense, "nothing"))
    said = v.at_time(w, Text(en, f"{subject.fr} {fr}"), p.time(w, frame.tense) if w.chance(0.4) else Text("", ""))
    return draft(said)


_JUDGED = (
    Text("easy", "facile"),
    Text("difficult", "difficile"),
    Text("dangerous", "dangereux"),
    Text("important", "important"),
    Text("useful", "utile"),
    Text("boring", "ennuyeux"),
    Text("interesting", "intéressant"),
    Text("forbidden", "interdit"),
    Text("possible", "possible"),
    Text("impossible", "impossible"),
    Text("necessary", "nécessaire"),
)


def judged(w: Writer) -> Draft:
    """ "It is difficult to translate this poem."."""
    adjective = w.pick(_JUDGED)
    done = v.infinitive(w, p.HE)
    tense = w.choose(Weighted({"present": 75, "past": 15, "will": 10}))
    frame = Frame(tense, "not" if w.chance(0.2) else "")
    said = v.say(Phrase("it", "il"), v.Predicate(v.IS, *adjective), frame)
    return Draft(f"{said.en} to {done.en}", f"{said.fr} de {done.fr}")


def hurts(w: Writer) -> Draft:
    """ "My head hurts.", "Her back hurts."; avoir mal à."""
    noun = w.pick(w.words.body)
    holder = p.you(w) if w.chance(0.15) else w.pick((p.I, p.HE, p.SHE, p.WE))
    if holder.plural and holder.person == 3:
        holder = p.named_person(w)
    tense = w.choose(Weighted({"present": 75, "past": 25}))
    negation = "not" if w.chance(0.12) else ""
    if holder.object_en:
        owner = {"I": "my", "he": "his", "she": "her", "you": "your"}[holder.en]
    else:
        owner = f"{holder.en}'s"
    hurt = english.verb("hurt", "hurt")
    en = english.clause(f"{owner} {noun.en}", hurt, tense, 2, negation=negation)
    has = french.group("avoir", tense, holder.person, state=True, negation=negation, adverb="mal")
    fr = f"{holder.fr} {has} à {french.the(noun.gender, False)} {noun.fr}"
    when = p.time(w, tense) if w.chance(0.4) else Text("", "")
    if tense == "present":
        when = Text("today", "aujourd'hui") if when.en else when
    return draft(v.at_time(w, Text(en, fr), when))


# ------------------------------------------------------------------------------------------ writing

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
    two_qualities: 2.4,
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
