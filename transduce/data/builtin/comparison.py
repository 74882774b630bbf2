"""What is bigger, the biggest, old but beautiful."""

from __future__ import annotations

from transduce.data.builtin import french, verbs
from transduce.data.builtin import phrases as p
from transduce.data.builtin import predicates as v
from transduce.data.builtin.clauses import join
from transduce.data.builtin.phrases import Frame, Phrase
from transduce.data.builtin.words import Adjective, Text
from transduce.data.builtin.writer import REJECTED, Draft, Weighted, Writer, draft


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
    relatives = any(phrase.noun and phrase.noun.group == "FAMILY" for phrase in (first, second))
    common = [
        adjective
        for adjective in _degrees(w, first)
        if adjective in theirs and not (relatives and adjective.en in ("old", "young"))
    ]
    if not common:
        return REJECTED
    adjective = w.pick(common)
    if first.noun:
        w.bond(adjective.en, first.noun.en)
    fr = adjective.fr(first.gender, plural=first.plural)
    past = w.chance(0.1)
    kind = w.choose(_MEASURE)
    frame = Frame("past" if past else "present", "not" if kind == "not as" else "")
    if kind == "more":
        special = {"good": "meilleur", "bad": "pire"}.get(adjective.en)
        if special == "meilleur":
            fr = french.agree("meilleur", first.gender, plural=first.plural)
        elif special == "pire":
            fr = french.agree("pire", "m", plural=first.plural)
        degree = Text(f"{adjective.comparative} than", fr if special else f"plus {fr}")
    elif kind == "less":
        degree = Text(f"less {adjective.en} than", f"moins {fr}")
    else:
        degree = Text(f"as {adjective.en} as", f"aussi {fr}")
    return draft(v.say(first, v.Predicate(verbs.IS, f"{degree.en} {second.en}", f"{degree.fr} que {second.fr}"), frame))


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
        return REJECTED
    adjective = w.pick(choices)
    w.bond(adjective.en, noun.en)
    most = superlative_of(adjective)
    form = adjective.fr(noun.gender, plural=False)
    article = french.the(noun.gender)
    if adjective.en == "good":
        fr = f"{article} {french.agree('meilleur', noun.gender, plural=False)} {noun.fr}"
    elif adjective.place == "<":
        if noun.gender == "m" and french.vowel(noun.fr):
            form = adjective.before_vowel
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
    subject = p.some_thing(w) if w.chance(0.7) else p.someone(w, named=True)
    qualities = p.suits(w, subject)
    if len(qualities) < 2:
        return REJECTED
    first, second = w.pick(qualities), w.pick(qualities)
    values = [(quality in w.words.pleasant) - (quality in w.words.unpleasant) for quality in (first, second)]
    if first == second or 0 in values or frozenset((first.en, second.en)) in w.words.apart:
        return REJECTED
    tense = "past" if w.chance(0.15) else "present"
    one = v.say(subject, v.Predicate(verbs.IS, *v.quality(w, first, subject)), Frame(tense))
    two = v.say(
        p.pronoun(subject),
        v.Predicate(verbs.IS, *v.quality(w, second, subject, degree=False)),
        Frame(tense),
    )
    if subject.noun:
        w.bond(first.en, subject.noun.en)
        w.bond(second.en, subject.noun.en)
    return join(one, ("and", "et") if values[0] == values[1] else (", but", ", mais"), two)
