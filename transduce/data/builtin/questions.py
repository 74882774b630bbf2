"""Questions, orders and exclamations."""

from __future__ import annotations

from transduce.data.builtin import circumstances as c
from transduce.data.builtin import english, french, verbs
from transduce.data.builtin import phrases as p
from transduce.data.builtin import predicates as v
from transduce.data.builtin.phrases import Frame, Phrase
from transduce.data.builtin.words import Text
from transduce.data.builtin.writer import Draft, Weighted, Writer, draft


def _asked_about(w: Writer) -> Phrase:
    """A subject for a question: not oneself."""
    if w.chance(0.35):
        return p.you(w)
    subject = p.someone(w)
    while subject.person == 0 or (subject.person == 3 and (subject is not p.WE or w.chance(0.6))):
        subject = p.someone(w)
    return subject


def yes_or_no(w: Writer) -> Draft:
    """ "Is Marie writing a letter?"; est-ce que throughout."""
    subject = _asked_about(w)
    verb = verbs.act(w, subject)
    frame = verbs.frame_for(w, verb, subject, question=True)
    return draft(v.clause(w, subject, verb=verb, frame=frame, timed=0.4), "?")


_ASKING = Weighted({("where", "où"): 25, ("when", "quand"): 25, ("why", "pourquoi"): 35, ("how", "comment"): 5})


def adverb_question(w: Writer) -> Draft:
    """ "Where is she working?", "Why did you sell your car?"."""
    word = w.choose(_ASKING)
    subject = _asked_about(w)
    if word[0] == "how":
        verb = verbs.GOES
    elif word[0] == "where" and w.chance(0.35):
        verb = verbs.LIVES
    else:
        verb = verbs.act(w, subject, deed=True)
        while word[0] == "where" and (verb.kind in ("going", "staying") or verb.reflexive):
            verb = verbs.act(w, subject, deed=True)
    frame = verbs.frame_for(w, verb, subject, question=True)
    while frame.tense == "just" or (word[0] == "when" and frame.tense in ("now", "perfect", "used", "was")):
        frame = verbs.frame_for(w, verb, subject, question=True)
    if verb is verbs.LIVES or (verb is verbs.GOES and word[0] == "where"):
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
    verb = verbs.act(w, subject, deed=True)
    frame = verbs.frame_for(w, verb, subject, negative=0.05)
    while frame.tense in ("just", "used") or frame.negation == "never":
        frame = verbs.frame_for(w, verb, subject, negative=0.05)
    said = v.clause(w, subject, verb=verb, frame=frame._replace(question=False), timed=0.35, front=False)
    return draft(said, "?")


def what(w: Writer) -> Draft:
    """ "What is she eating?", "Which dress did you buy?", "How many apples do you want?"."""
    subject = _asked_about(w)
    verb = w.pick(w.words.verbs["transitive"])
    while verb.people or verb.preposition or (verb.adult and subject.noun and subject.noun.group == "CHILD"):
        verb = w.pick(w.words.verbs["transitive"])
    frame = verbs.frame_for(w, verb, subject, question=True)
    while frame.tense in ("just", "perfect", "used", "present"):
        frame = verbs.frame_for(w, verb, subject, question=True)
    draw = w.random()
    if draw < 0.4:
        said = v.say(subject, v.Predicate(verb), frame)
        when = c.time(w, frame.tense) if w.chance(0.35) else Text("", "")
        return Draft(f"what {said.en} {when.en}".rstrip(), f"qu'{said.fr} {when.fr}".rstrip(), "?")
    noun = w.fresh(verb.objects)
    w.bond(f"{verb.en.base} {verb.en.particle}".strip(), noun.en)
    if draw < 0.7 or not (noun.has_plural and verb.amount):
        plural = noun.group == "PAIR"
        core = p.the(w, noun, plural=plural)
        en = "which " + core.en.removeprefix("the ")
        fr = f"{french.which(noun.gender, plural=plural)} {noun.fr_plural if plural else noun.fr}"
        agreement = (noun.gender, plural)
    else:
        en, fr, agreement = f"how many {noun.en_plural}", f"combien de {noun.fr_plural}", (noun.gender, True)
    said = v.say(subject, v.Predicate(verb, agreement=agreement), frame)
    return Draft(f"{en} {said.en}", f"{fr} {said.fr}", "?")


def order(w: Writer) -> Draft:
    """ "Close the door, please.", "Do not touch the oven, children!"."""
    listener = p.you(w)
    verb = verbs.act(w, listener, deed=True)
    while verb.en.base in (
        "lose",
        "miss",
        "lie",
        "win",
        "receive",
        "see",
        "hear",
        "meet",
        "fall",
        "break",
        "forget",
        "find",
    ):
        verb = verbs.act(w, listener, deed=True)
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
    verb = verbs.act(w, p.WE, deed=True)
    while verb.event:
        verb = verbs.act(w, p.WE, deed=True)
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
    return Draft(f"what {en}", f"{french.which(noun.gender, plural=plural)} {core.after_de}", "!")
