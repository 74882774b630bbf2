"""Sentences of two clauses.

In the second clause "he", "she", "it" and "they" stand for the subject of the first, with its
gender; nobody else is called by a pronoun of the third person there.
"""

from __future__ import annotations

from transduce.data.builtin import circumstances as c
from transduce.data.builtin import english, facts, verbs
from transduce.data.builtin import phrases as p
from transduce.data.builtin import predicates as v
from transduce.data.builtin.phrases import Frame, Phrase
from transduce.data.builtin.words import Deed, Noun, Text, Verb
from transduce.data.builtin.writer import REJECTED, Draft, Weighted, Writer, draft

Joint = tuple[str, str]
AND, THEN, BUT, SO = ("and", "et"), (", and then", ", puis"), (", but", ", mais"), (", so", ", donc")


def join(first: Text, joint: Joint, second: Text) -> Draft:
    """Two clauses with a conjunction, which brings its comma with it."""
    en, fr = (word if word.startswith(",") else f" {word}" for word in joint)
    return Draft(f"{first.en}{en} {second.en}", f"{first.fr}{fr} {second.fr}")


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


# -------------------------------------------------------------------------------- reasons and conditions

_WEATHERS = {"rain": "rain", "snow": "snow", "cold_day": "cold", "hot_day": "hot", "sunny_day": "sunny", "dark": "dark"}


def _cause(w: Writer, name: str, subject: Phrase, tense: str) -> Text:
    """What makes ``subject`` do something: a mood, a feeling or the weather, by its name in REASONS."""
    if name in _WEATHERS:
        return facts.sky(w, "now" if tense == "present" else tense, what=_WEATHERS[name])
    for feeling in w.words.feelings:
        if feeling.en == name:
            return v.say(subject, v.Predicate(verbs.FEELS, *feeling), Frame(tense))
    mood = next(adjective for adjective in w.words.moods if adjective.en == name)
    return v.say(subject, v.Predicate(verbs.IS, *v.quality(w, mood, subject)), Frame(tense))


def _effect(w: Writer, deed: Deed, subject: Phrase, tense: str) -> Text:
    """What ``subject`` does then, or does not do."""
    frame = Frame(tense, "not" if deed.negative else "")
    w.bond("because", deed.verb.name)
    w.plain = True
    return v.clause(w, subject, verb=deed.verb, frame=frame, timed=0)


def _why(w: Writer, subject: Phrase) -> tuple[str, Deed]:
    """A reason by name, and what it makes people do."""
    name = w.pick(tuple(w.words.reasons))
    deed = w.pick(w.words.reasons[name])
    while deed.verb.adult and subject.noun and subject.noun.group == "CHILD":
        deed = w.pick(w.words.reasons[name])
    return name, deed


def _past_or(w: Writer, deed: Deed, subject: Phrase, other: str) -> str:
    """The past now and then, where English shows it ("I put" is only written as a present)."""
    hidden = deed.verb.en.past == deed.verb.en.base and subject.person != 2 and not deed.negative
    return "past" if w.chance(0.5) and not hidden else other


def because(w: Writer) -> Draft:
    """ "She is resting because she is tired.", "He went out because he needed some bread."."""
    w.them = False
    subject = p.someone(w)
    draw = w.random()
    if draw < 0.7:
        name, deed = _why(w, subject)
        tense = _past_or(w, deed, subject, "will" if deed.verb.event else "now")
        one = _effect(w, deed, subject, tense)
        two = _cause(w, name, p.pronoun(subject), "past" if tense == "past" else "present")
        return join(one, ("because", "parce que"), two)
    tense = w.choose(Weighted({"past": 45, "going": 25, "will": 15, "now": 15}))
    frame = Frame("past" if tense == "past" else "present")
    if frame.tense == "past" or w.chance(0.5):
        shop = w.words.nouns[w.pick(("market", "bakery", "farm"))]
        buying = next(deed for deed in w.words.purposes[shop] if deed.name == "buy")
        one = v.say(subject, v.Predicate(verbs.GOES, *c.at_noun(shop, going=True)), Frame(tense))
        two = v.say(p.pronoun(subject), v.needs(w, w.fresh(buying.objects), subject, frame), frame)
    else:
        verb = w.words.verb(w.pick(("go_out", "go_home", "hurry", "have_lunch", "have_dinner")))
        w.plain = True
        one = v.clause(w, subject, verb=verb, frame=Frame(tense), timed=0.1)
        two = v.clause(w, p.pronoun(subject), verb=verbs.MUST, frame=frame, timed=0)
    return join(one, ("because", "parce que"), two)


def two_clauses(w: Writer) -> Draft:
    """ "Paul is singing, but his sister is not dancing.", "I am tired, so I am going to bed."."""
    w.them = False
    first = p.someone(w)
    joint = w.choose(_JOINED)
    if joint == SO:
        name, deed = _why(w, first)
        tense = _past_or(w, deed, first, "going" if deed.verb.event else w.pick(("now", "will", "going")))
        one = _cause(w, name, first, "past" if tense == "past" else "present")
        then = first if name in _WEATHERS else p.pronoun(first)
        return join(one, joint, _effect(w, deed, then, tense))
    verb = verbs.act(w, first, deed=True)
    frame = verbs.frame_for(w, verb, first, negative=0)
    while frame.tense in ("just", "was", "used", "perfect"):
        frame = verbs.frame_for(w, verb, first, negative=0)
    second = p.pronoun(first) if w.chance(0.35) else second_subject(w, first)
    other = verbs.act(w, second, deed=True)
    while (frame.tense in ("now", "present") and other.event) or (
        frame.tense == "past" and other.en.base == other.en.past
    ):
        other = verbs.act(w, second, deed=True)
    negations = w.pick((("not", ""), ("", "not"))) if joint == BUT else ("", "")
    one = v.clause(w, first, verb=verb, frame=Frame(frame.tense, negations[0]), timed=0)
    two = v.clause(w, second, verb=other, frame=Frame(frame.tense, negations[1]), timed=0)
    return join(one, joint, two)


_JOINED: Weighted[Joint] = Weighted({AND: 40, BUT: 40, SO: 35})


_CIRCUMSTANCES = (verbs.HAS, verbs.WANTS, verbs.WANTS, verbs.NEEDS, verbs.IS_AT)


def if_present(w: Writer) -> Draft:
    """ "If it rains, we will stay at home.", "If you are tired, you must rest."."""
    w.them = False
    first = p.someone(w)
    if w.chance(0.6):
        name, deed = _why(w, first)
        if name in _WEATHERS:
            condition = facts.sky(w, "present", what=_WEATHERS[name])
            two = _effect(w, deed, first, "will")
            if w.chance(0.4):
                return Draft(f"{two.en} if {condition.en}", f"{two.fr} si {condition.fr}")
        else:
            condition = _cause(w, name, first, "present")
            two = _effect(w, deed, p.pronoun(first), "will")
        return Draft(f"if {condition.en}, {two.en}", f"si {condition.fr}, {two.fr}")
    verb = w.pick(_CIRCUMSTANCES) if w.chance(0.6) else verbs.act(w, first, deed=True)
    frame = Frame("present", "not" if w.chance(0.2) else "")
    # One event, not a habit: "if she buys an apple".
    predicate = v.complete(w, verb, first, frame if verb.state else frame._replace(tense="past"))
    condition = v.say(first, predicate, frame)
    second = second_subject(w, first)
    if w.chance(0.7):
        deed_verb = verbs.act(w, second, deed=True)
        frame = Frame("will", "not" if w.chance(0.15) else "")
    else:
        deed_verb, frame = w.pick((verbs.CAN, verbs.MUST)), Frame("present", "not" if w.chance(0.2) else "")
    two = v.clause(w, second, verb=deed_verb, frame=frame, timed=0)
    return Draft(f"if {condition.en}, {two.en}", f"si {condition.fr}, {two.fr}")


# -------------------------------------------------------------------------------------------- times

_TURNING_POINTS = ("arrive", "come_back", "go_home", "wake_up", "get_up", "leave", "go_out", "go_to_bed", "have_lunch")


def when_future(w: Writer) -> Draft:
    """ "When she arrives, we will eat the cake."; both verbs in the French future."""
    w.them = False
    first = p.someone(w)
    if w.chance(0.75):
        predicate = v.Predicate(w.words.verb(w.pick(_TURNING_POINTS)))
    else:
        verb = w.words.verb(w.pick(("finish", "find", "receive", "open", "buy")), "transitive")
        predicate = v.complete(w, verb, first, Frame("past"))
    en = v.say(first, predicate, Frame("present")).en
    fr = v.say(first, predicate, Frame("will")).fr
    second = second_subject(w, first)
    frame = Frame("will", "not" if w.chance(0.12) else "")
    two = v.clause(w, second, verb=verbs.act(w, second, deed=True), frame=frame, timed=0)
    if w.chance(0.6):
        return Draft(f"when {en}, {two.en}", f"quand {fr}, {two.fr}")
    return Draft(f"{two.en} when {en}", f"{two.fr} quand {fr}")


_BEGINNINGS = (
    Text("it started to rain", "il a commencé à pleuvoir"),
    Text("it started to snow", "il a commencé à neiger"),
)


def when_past(w: Writer) -> Draft:
    """ "I was reading when the phone rang."; imperfect and compound past."""
    w.them = False
    first = p.someone(w)
    verb = verbs.act(w, first, deed=True)
    while verb.event:
        verb = verbs.act(w, first, deed=True)
    one = v.clause(w, first, verb=verb, frame=Frame("was"), timed=0)
    draw = w.random()
    if draw < 0.25:
        two = Text("the phone rang", "le téléphone a sonné")
    elif draw < 0.4:
        two = w.pick(_BEGINNINGS)
    else:
        second = p.someone(w, named=True)
        sudden = w.words.verb(w.pick(("arrive", "come_back", "wake_up", "leave", "go_out")))
        two = v.say(second, v.Predicate(sudden), Frame("past"))
    return join(one, ("when", "quand"), two)


# ------------------------------------------------------------------------------- what is said and known

_SAYING = {
    "say": Verb(english.verb("say", "said"), "dire", "saying"),
    "think": Verb(english.verb("think", "thought"), "penser", "saying"),
    "know": Verb(english.verb("know", "knew", "known"), "savoir", "saying", state=True),
    "believe": Verb(english.verb("believe"), "croire", "saying"),
    "hope": Verb(english.verb("hope"), "espérer", "saying"),
}
_NOT_HOPED = ("lie", "miss", "lose", "break", "forget", "tear", "cry")


def reported(w: Writer) -> Draft:
    """ "She thinks that her brother is lazy."."""
    w.them = False
    first = p.someone(w)
    saying = _SAYING[w.pick(tuple(_SAYING))]
    hoped = saying.fr == "espérer"
    second = second_subject(w, first)
    if w.chance(0.15):
        two = facts.sky(w, "will" if hoped or w.chance(0.6) else "now")
    else:
        verb = verbs.act(w, second, deed=hoped)
        while hoped and verb.en.base in _NOT_HOPED:
            verb = verbs.act(w, second, deed=True)
        frame = Frame("will", "not" if w.chance(0.15) else "") if hoped else verbs.frame_for(w, verb, second)
        two = v.clause(w, second, verb=verb, frame=frame, timed=0.25, front=False)
    return join(v.say(first, v.Predicate(saying), Frame("present")), ("that", "que"), two)


_ASKED: tuple[Joint, ...] = (("where", "où"), ("why", "pourquoi"), ("when", "quand"), ("if", "si"))


def unknown(w: Writer) -> Draft:
    """ "I do not know where he lives.", "Do you know why she is crying?"."""
    w.them = False
    first = p.someone(w)
    negation = "not" if w.chance(0.7) or first is p.I else ""
    question = not negation
    one = v.say(first, v.Predicate(_SAYING["know"]), Frame("present", negation, question))
    word = w.pick(_ASKED)
    myself = word[0] in ("when", "if") and w.chance(0.4)
    second = p.pronoun(first) if myself else p.someone(w, named=True)
    if word[0] == "where":
        verb = verbs.LIVES if w.chance(0.5) else w.words.verb(w.pick(("work", "sleep", "eat", "run")))
    else:
        verb = verbs.act(w, second, deed=True)
    frame = verbs.frame_for(w, verb, second, negative=0)
    odd = ("just", "used", "perfect") + (("now", "was", "present") if word[0] == "when" else ())
    while frame.tense in odd:
        frame = verbs.frame_for(w, verb, second, negative=0)
    if myself:
        frame = Frame("will")
    predicate = v.Predicate(verb) if word[0] == "where" else v.complete(w, verb, second, frame)
    joined = join(one, word, v.say(second, predicate, frame))
    return joined._replace(mark="?") if question else joined


# ------------------------------------------------------------------------------- relative clauses


def relative_subject(w: Writer) -> Draft:
    """ "The woman who lives in Rome is a doctor.", "I know the boy who broke the window."."""
    w.them = False
    noun = w.fresh(w.words.select("CHILD ADULT PROFESSION neighbor"))
    head = p.the(w, noun, plural=w.chance(0.25), describe=0.1)
    verb = verbs.act(w, head)
    frame = verbs.frame_for(w, verb, head)
    while frame.tense in ("used", "was", "just"):
        frame = verbs.frame_for(w, verb, head)
    inside = v.clause(w, head._replace(en="who", fr="qui"), verb=verb, frame=frame, timed=0.1, front=False)
    whole = head._replace(en=f"{head.en} {inside.en}", fr=f"{head.fr} {inside.fr}")
    if w.chance(0.5):
        frame = Frame("past" if w.chance(0.2) else "present", "not" if w.chance(0.12) else "")
        main = w.pick((verbs.IS, verbs.IS, verbs.IS_FROM_NATION, verbs.FEELS))
        return draft(v.clause(w, whole, verb=main, frame=frame, timed=0))
    subject = p.someone(w)
    deeds = ("know", "look_at", "see", "help", "wait_for", "call", "thank", "meet", "invite", "listen_to")
    verb = w.words.verb(w.pick(deeds), "transitive")
    frame = verbs.frame_for(w, verb, subject, negative=0.1)
    while frame.tense in ("used", "was", "perfect"):
        frame = verbs.frame_for(w, verb, subject, negative=0.1)
    return draft(v.say(subject, v.Predicate(verb, whole.en, whole.fr), frame))


def relative_object(w: Writer) -> Draft:
    """ "The letter that she wrote is long."; the participle agrees with what goes before."""
    w.them = False
    verb = w.pick(w.words.verbs["transitive"])
    while not verb.objects or verb.preposition or verb.event:
        verb = w.pick(w.words.verbs["transitive"])
    nouns = [noun for noun in verb.objects if w.words.described[noun]["predicate"]]
    if not nouns:
        return REJECTED
    noun = w.fresh(nouns)
    many = noun.has_plural and (noun.group == "PAIR" or w.chance(0.3))
    w.bond(verb.name, noun.en)
    head = p.the(w, noun, plural=many)
    subject = p.someone(w)
    frame = verbs.frame_for(w, verb, subject, negative=0)
    while frame.tense in ("just", "was", "used", "present", "perfect"):
        frame = verbs.frame_for(w, verb, subject, negative=0)
    inside = v.say(subject, v.Predicate(verb, agreement=(noun.gender, many)), frame)
    whole = head._replace(en=f"{head.en} that {inside.en}", fr=f"{head.fr} que {inside.fr}")
    past = frame.tense == "past" and w.chance(0.3)
    main = Frame("past" if past else "present", "not" if w.chance(0.12) else "")
    return draft(v.say(whole, v.complete(w, verbs.IS, whole, main), main))


# ------------------------------------------------------------------------------- one thing after another

_CHAINS = {
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


def chain(w: Writer) -> Draft:
    """ "She bought an apple and she washed it."; the pronoun and the participle agree."""
    name = w.pick(tuple(_CHAINS))
    first = w.words.verb(name, "transitive")
    second = w.words.verb(w.pick(_CHAINS[name].split()), "transitive")
    nouns = [noun for noun in first.objects if noun in second.objects and not noun.mass]
    if not nouns:
        return REJECTED
    noun = w.fresh(nouns)
    w.bond(first.name, noun.en)
    w.bond(second.name, noun.en)
    subject = p.someone(w, adult=True)
    frame = Frame(w.choose(Weighted({"past": 60, "will": 20, "going": 15})))
    if frame.tense == "past" and second.en.base == second.en.past:
        frame = Frame("will")
    what = _single(w, noun, subject, frame)
    thing = p.pronoun(what._replace(human=False))
    again = v.Predicate(second, thing.object_en, clitic=p.direct(thing), agreement=(thing.gender, thing.plural))
    one = v.say(subject, v.Predicate(first, what.en, what.fr), frame)
    two = v.say(p.pronoun(subject), again, frame)
    return join(one, AND if w.chance(0.6) else THEN, two)


def _single(w: Writer, noun: Noun, subject: Phrase, frame: Frame) -> Phrase:
    """``noun`` as something that a pronoun can take up."""
    what = p.thing(w, noun, frame, owner=subject, definite=w.chance(0.5), describe=0.15)
    return p.the(w, noun) if what.noun is None else what


def purpose(w: Writer) -> Draft:
    """ "He is going to the market to buy some fish."; pour and an infinitive."""
    subject = p.someone(w)
    noun = w.fresh(tuple(w.words.purposes))
    deed = w.pick(w.words.purposes[noun])
    w.bond(noun.en, deed.name)
    frame = verbs.frame_for(w, verbs.GOES, subject, negative=0)
    while frame.tense in ("just", "perfect"):
        frame = verbs.frame_for(w, verbs.GOES, subject, negative=0)
    one = v.say(subject, v.Predicate(verbs.GOES, *c.at_noun(noun, going=True)), frame)
    w.plain = True
    goal = v.infinitive(w, subject, verb=deed)
    return Draft(f"{one.en} to {goal.en}", f"{one.fr} pour {goal.fr}")
