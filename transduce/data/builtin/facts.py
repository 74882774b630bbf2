"""Weather, ages, prices, hours and dates, timetables."""

from __future__ import annotations

from transduce.data.builtin import circumstances as c
from transduce.data.builtin import english, french, verbs
from transduce.data.builtin import phrases as p
from transduce.data.builtin import predicates as v
from transduce.data.builtin.phrases import Frame, Phrase
from transduce.data.builtin.words import Text, Verb
from transduce.data.builtin.writer import Draft, Weighted, Writer, draft

_WEATHER = (
    ("cold", "froid", "faire"),
    ("hot", "chaud", "faire"),
    ("dark", "nuit", "faire"),
    ("cool", "frais", "faire"),
    ("sunny", "du soleil", "avoir"),
    ("foggy", "du brouillard", "avoir"),
    ("windy", "du vent", "avoir"),
)
_SKY = {
    "rain": Verb(english.verb("rain"), "pleuvoir", "weather"),
    "snow": Verb(english.verb("snow"), "neiger", "weather"),
}


def sky(w: Writer, tense: str, *, what: str = "", negation: str = "", question: bool = False) -> Text:
    """Weather in one tense, "now" for what happens at the moment; ``what`` says which ("rain", "cold")."""
    it = Phrase("it", "il")
    if what in _SKY or (not what and w.chance(0.45)):
        predicate = v.Predicate(_SKY[what or w.pick(tuple(_SKY))])
        return v.say(it, predicate, Frame(tense, negation, question))
    word, fr, how = w.pick([kind for kind in _WEATHER if what in ("", kind[0])])
    frame = Frame("present" if tense == "now" else tense, negation, question)
    if how == "avoir":
        fr = fr.replace("du", "de") if negation else fr
        predicate = v.Predicate(Verb(english.BE, "avoir", "weather", state=True), word, fr, clitic="y")
    else:
        predicate = v.Predicate(Verb(english.BE, "faire", "weather", state=True), word, fr)
    return v.say(it, predicate, frame)


def weather(w: Writer) -> Draft:
    """ "It is cold in Paris.", "It will rain tomorrow."."""
    tense = w.choose(Weighted({"present": 30, "now": 25, "past": 25, "will": 20, "going": 8}))
    negation = "not" if w.chance(0.15) else ""
    question = not negation and w.chance(0.12)
    said = sky(w, tense, negation=negation, question=question)
    if w.chance(0.55):
        city, country = w.fresh(w.words.cities), w.fresh(w.words.countries)
        where = (
            Text(f"in {city.en}", f"à {city.fr}") if w.chance(0.55) else Text(f"in {country.name.en}", country.inside)
        )
        w.bond("weather", where.en)
        said = Text(f"{said.en} {where.en}", f"{said.fr} {where.fr}")
    often = Text("", "")
    if tense != "now" or w.chance(0.3):
        often = c.time(w, "past" if tense == "past" else tense) if w.chance(0.7) else often
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
    verb = verbs.FEELS
    predicate = v.Predicate(verb, f"{english.number(years)} years old", f"{french.number(years)} ans")
    said = v.say(subject, predicate, frame)
    if frame.tense == "will":
        said = v.at_time(w, said, c.time(w, "will"), front=False)
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
    noun = w.fresh(w.words.select("PRICED"))
    many = noun.group == "PAIR" or (noun.has_plural and w.chance(0.3))
    subject = (p.this if w.chance(0.6) else p.the)(w, noun, plural=many, describe=0.3)
    w.bond("cost", noun.en)
    costs = french.conjugate("coûter", "present", subject.person)
    if w.chance(0.3):
        do = "do" if many else "does"
        return Draft(f"how much {do} {subject.en} cost", f"combien {costs} {subject.fr}", "?")
    expensive = noun.group in ("CAR", "FURNITURE", "MACHINE")
    euros = w.between(2, 9) if noun.group == "FRUIT" else w.between(10, 99) * (10 if expensive else 1)
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
        now = c.clock(w, at=False)
        en, fr = f"it is {now.en}", f"il est {now.fr}"
        if w.chance(0.35):
            city = w.pick(w.words.cities)
            en, fr = f"{en} in {city.en}", f"{fr} à {city.fr}"
        elif w.chance(0.2):
            en, fr = f"it is already {now.en}", f"il est déjà {now.fr}"
        return Draft(en, fr)
    if draw < 0.65:
        day, on = w.pick(w.words.days), c.date(w)
        if w.chance(0.4):
            return Draft(f"today is {day.en}", f"aujourd'hui, c'est {day.fr}")
        return Draft(f"today is {day.en}, {on.en}", f"aujourd'hui, c'est le {day.fr} {on.fr[3:]}")
    noun = w.fresh(w.words.select("concert game show exam"))
    subject = (p.the if w.chance(0.6) else p.owned if noun.en == "exam" else p.this)(w, noun)
    if w.chance(0.5):
        when = c.date(w)
        when = Text(f"on {when.en}", when.fr)
    else:
        when = c.clock(w)
    tense = "will" if w.chance(0.4) else "present"
    subject_verb = Verb(english.verb("start"), "commencer", "event") if tense == "will" else None
    if subject_verb or not when.en.startswith("on"):
        verb = subject_verb or Verb(english.verb("end"), "finir", "event")
        return draft(v.say(subject, v.Predicate(verb, *when), Frame(tense)))
    return draft(v.say(subject, v.Predicate(verbs.IS_AT, *when), Frame("present")))


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
    when = c.clock(w, exact=departing)
    if w.chance(0.45):
        later = _scheduled(w, tense)
        when = Text(f"{when.en} {later.en}", f"{when.fr} {later.fr}")
    if w.chance(0.12) and tense == "present":
        when = w.pick((Text("late", "tard"), Text("early", "tôt")))
    question = w.chance(0.2)
    frame = Frame(tense, "", question)
    said = v.say(subject, v.Predicate(Verb(verb, fr, "timetable", etre=etre), *when), frame)
    return draft(said, "?" if question else ".")
