"""Statements of one clause, each function one construction."""

from __future__ import annotations

from transduce.data.builtin import circumstances as c
from transduce.data.builtin import english, french, verbs
from transduce.data.builtin import phrases as p
from transduce.data.builtin import predicates as v
from transduce.data.builtin.phrases import Frame, Phrase
from transduce.data.builtin.words import Noun, Text, Verb
from transduce.data.builtin.writer import Draft, Weighted, Writer, draft


def statement(w: Writer) -> Draft:
    """Somebody does something: "My sister is washing the blue car."."""
    return draft(v.clause(w, p.someone(w)))


def adult_statement(w: Writer) -> Draft:
    """The same about grown-up people, by a noun: "The old baker sold some bread yesterday."."""
    return draft(v.clause(w, p.someone(w, adult=True, named=True), verb=verbs.act(w, p.I, deed=True)))


def addressed_statement(w: Writer) -> Draft:
    """To a person named at its end: "You are late, Marie."."""
    return draft(v.clause(w, p.you(w)))


_ANIMAL_DEEDS = Weighted({"move": 14, "sleep": 24, "eat": 30, "look_at": 10, "follow": 8, "wait_for": 6, "is": 10})
_MOVES = {
    "bird": "fly",
    "butterfly": "fly",
    "owl": "fly",
    "parrot": "fly",
    "duck": "swim",
    "fish": "swim",
    "frog": "swim",
}


def animal(w: Writer) -> Draft:
    """An animal does something: "The white cat is sleeping under the table."."""
    subject = p.animal(w)
    assert subject.noun is not None
    deed = w.choose(_ANIMAL_DEEDS)
    if subject.noun.en == "fish" and deed != "is":
        deed = "move"
    if deed == "wait_for" and subject.noun.group != "PET":
        deed = "eat"
    if deed == "is":
        frame = Frame("past" if w.chance(0.25) else "present", "not" if w.chance(0.15) else "")
        return draft(v.say(subject, v.complete(w, verbs.IS, subject, frame), frame))
    if deed in ("move", "sleep"):
        verb = w.words.verb("sleep" if deed == "sleep" else _MOVES.get(subject.noun.en, "run"))
        frame = verbs.frame_for(w, verb, subject, negative=0.08)
        w.bond(subject.noun.en, verb.name)
        predicate = v.Predicate(verb, *_animal_place(w, subject.noun, verb.name))
    else:
        verb = w.words.verb(deed, "transitive")
        frame = verbs.frame_for(w, verb, subject, negative=0.1)
        what = _animal_object(w, subject.noun, verb, frame)
        predicate = v.Predicate(verb, what.en, what.fr)
    adverb, when = v.manner_of_time(w, predicate, frame, timed=0.25)
    return draft(v.at_time(w, v.say(subject, predicate, frame, adverb=adverb), when))


def _animal_place(w: Writer, noun: Noun, move: str) -> Text:
    """Where an animal sleeps or moves about."""
    if move == "sleep" and noun.group == "PET":
        return c.position(w)
    if move == "swim":
        return w.pick(w.words.in_water[2:])
    ground = p.the(w, w.fresh(w.words.grounds[noun.group]), describe=0.1)
    return Text(f"in {ground.en}", f"dans {ground.fr}")


def _animal_object(w: Writer, noun: Noun, verb: Verb, frame: Frame) -> Phrase:
    """What an animal eats, or whom it looks at."""
    if verb.name == "eat":
        food = w.pick(w.words.animal_food.get(noun) or w.words.select("bread meat"))
        w.used.add(food)
        w.bond(noun.en, "eat", food.en)
        return p.thing(w, food, frame, describe=0.1, amounts=frame.habit)
    if verb.name == "wait_for" or w.chance(0.5):
        return p.person(w)
    return p.animal(w, groups="PET FARM bird butterfly")


def thing_described(w: Writer) -> Draft:
    """ "The red apples are not ripe."."""
    subject = p.some_thing(w)
    frame = Frame(w.choose(Weighted({"present": 75, "past": 20, "will": 5})), "not" if w.chance(0.18) else "")
    return draft(v.say(subject, v.complete(w, verbs.IS, subject, frame), frame))


def thing_somewhere(w: Writer) -> Draft:
    """ "Your keys are under the newspaper."."""
    noun = w.fresh(w.words.laid)
    many = noun.has_plural and w.chance(0.35)
    maker = p.owned if w.chance(0.4) else p.the if w.chance(0.7) else p.genitive
    subject = maker(w, noun, plural=many)
    where = c.position(w)
    frame = Frame("past" if w.chance(0.25) else "present", "not" if w.chance(0.15) else "")
    w.bond(noun.en, where.en.split()[0])
    return draft(v.say(subject, v.Predicate(verbs.IS_AT, *where), frame))


def there_is(w: Writer) -> Draft:
    """ "There are three books on the table."; "il y a"."""
    question = w.chance(0.15)
    negative = not question and w.chance(0.2)
    past = w.chance(0.2)
    scene = w.choose(Weighted({"laid": 45, "fridge": 22, "kitchen": 9, "animal": 15, "people": 15}))
    frame = Frame("past", "not" if negative else "", question)
    if scene == "fridge":
        noun = w.fresh(w.words.in_fridge)
        where = Text("in the fridge", "dans le réfrigérateur")
    elif scene == "kitchen":
        noun = w.fresh(w.words.groups["INGREDIENT"])
        where = Text("in the kitchen", "dans la cuisine")
    elif scene == "laid":
        noun, where = w.fresh(w.words.laid), c.position(w)
    elif scene == "animal":
        noun = w.fresh(w.words.select("ANIMAL"))
        ground = p.the(w, w.fresh(w.words.grounds[noun.group]), describe=0.15)
        where = Text(f"in {ground.en}", f"dans {ground.fr}")
    else:
        noun = w.fresh(w.words.select("CHILD woman man lady tourist customer soldier"))
        where = c.place(w, going=False, local=True)
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


def since(w: Writer) -> Draft:
    """ "She has been living in Rome for three years."; the present with depuis."""
    subject = p.someone(w)
    doing = [w.words.verb(name) for name in ("wait", "sleep", "study", "work")]
    verb = w.pick([verbs.LIVES, verbs.PLAYS_MUSIC, *doing])
    predicate = v.complete(w, verb, subject, Frame("present"))
    lapse = c.span(w, 0, 1) if verb.en.base in ("wait", "sleep") else c.span(w, 3, 5)
    en = f"{subject.en} {english.have(subject.person)} been {verb.en.ing} {predicate.en}".rstrip()
    fr = f"{subject.fr} {v.french_verb(subject, predicate, Frame('present'))} {predicate.fr}".rstrip()
    return Draft(f"{en} for {lapse.en}", f"{fr} depuis {lapse.fr}")


_ANYTHING_TABLE = """eat drink buy sell read write see hear find lose take break understand learn choose bring receive
    draw clean hide forget borrow repair wear cut"""
_ANYTHING = tuple(_ANYTHING_TABLE.split())


def nothing(w: Writer) -> Draft:
    """ "She did not buy anything.", "Nobody is working today."."""
    if w.chance(0.5):
        subject = Phrase("nobody", "personne", 2, human=True)
        verb = verbs.act(w, subject, deed=True)
        frame = verbs.frame_for(w, verb, subject, negative=0)
        while frame.tense in ("just", "was", "used"):
            frame = verbs.frame_for(w, verb, subject, negative=0)
        predicate = v.complete(w, verb, subject, Frame("past" if frame.tense != "present" else "present", "not"))
        en = english.clause("nobody", verb.en, frame.tense, 2, rest=predicate.en)
        fr = v.french_verb(subject, predicate, Frame(frame.tense, "nobody"))
        return Draft(en, f"personne {fr} {predicate.fr}".rstrip())
    subject = p.someone(w)
    verb = w.words.verb(w.pick(_ANYTHING), "transitive")
    frame = verbs.frame_for(w, verb, subject, negative=0)
    while frame.tense in ("just", "was", "used"):
        frame = verbs.frame_for(w, verb, subject, negative=0)
    en = english.clause(subject.en, verb.en, frame.tense, subject.person, negation="not", rest="anything")
    fr = v.french_verb(subject, v.Predicate(verb), Frame(frame.tense, "nothing"))
    said = v.at_time(w, Text(en, f"{subject.fr} {fr}"), c.time(w, frame.tense) if w.chance(0.4) else Text("", ""))
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
    said = v.say(Phrase("it", "il"), v.Predicate(verbs.IS, *adjective), frame)
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
    fr = f"{holder.fr} {has} à {french.the(noun.gender)} {noun.fr}"
    when = c.time(w, tense) if w.chance(0.4) else Text("", "")
    if tense == "present":
        when = Text("today", "aujourd'hui") if when.en else when
    return draft(v.at_time(w, Text(en, fr), when))
