"""Sentences of two clauses."""

from __future__ import annotations



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
    """ "Paul is singing, but his sister is not dancing.", "I am tired, so I am going to bed."."""
    w.them = False
    first = p.someone(w)
    joint = w.choose(_JOINED)
    if joint[1] == ", donc" or (joint[1] == ", mais" and w.chance(0.3)):
        one = _reason(w, first, past=False, own=True)
        verb = v.act(w, first, deed=True) if joint[1] == ", donc" else w.pick((v.MUST, v.CAN, v.MUST))
        frame = Frame(w.pick(("now", "will", "going")) if joint[1] == ", donc" else "present")
        while frame.tense == "now" and verb.event:
            verb = v.act(w, first, deed=True)
        two = v.clause(w, p.pronoun(first), verb=verb, frame=frame, timed=0, front=False)
        return _join(one, joint, two)
    verb = v.act(w, first, deed=True)
    frame = v.frame_for(w, verb, first, negative=0)
    while frame.tense in ("just", "was", "used", "perfect"):
        frame = v.frame_for(w, verb, first, negative=0)
    contrast = joint[1] == ", mais"
    negated_first = contrast and w.chance(0.5)
    one = v.clause(w, first, verb=verb, frame=frame._replace(negation="not" if negated_first else ""), timed=0)
    second = p.pronoun(first) if w.chance(0.35) else second_subject(w, first)
    other = v.act(w, second, deed=True)
    while (frame.tense in ("now", "present") and other.event) or (
        frame.tense == "past" and other.en.base == other.en.past
    ):
        other = v.act(w, second, deed=True)
    negation = "not" if contrast and not negated_first else ""
    two = v.clause(w, second, verb=other, frame=Frame(frame.tense, negation), timed=0)
    return _join(one, joint, two)


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


def _reason(w: Writer, subject: Phrase, *, past: bool, own: bool = False) -> Text:
    """Why ``subject`` did something: mostly because of himself or herself; ``own`` says it of ``subject``."""
    who = subject if own else p.pronoun(subject) if w.chance(0.8) else second_subject(w, subject)
    frame = Frame("past" if past else "present", "not" if w.chance(0.12) else "")
    if w.chance(0.4):
        mood = w.pick(w.words.moods)
        return v.say(who, v.Predicate(v.IS, *v.quality(w, mood, who, degree=not frame.negation)), frame)
    verb = w.choose(_REASONS)
    if past and verb is v.MUST:
        verb = v.FEELS
    return v.clause(w, who, verb=verb, frame=frame, timed=0, front=False)


_REASONS = Weighted({v.FEELS: 35, v.NEEDS: 20, v.MUST: 14, v.LIKES: 12, v.IS_AT: 8})
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
        while future and deed.en.base in ("lie", "miss", "lose", "break", "forget", "tear"):
            deed = v.act(w, second, deed=True)
        frame = v.frame_for(w, deed, second)
        if future:
            frame = Frame("will", "not" if w.chance(0.15) else "")
        two = v.clause(w, second, verb=deed, frame=frame, timed=0.25, front=False)
    one = v.say(first, v.Predicate(verb), Frame("present"))
    return _join(one, ("that", "que"), two)


def unknown(w: Writer) -> Draft:
    """ "I do not know where he lives.", "Do you know why she is crying?"."""
    w.them = False
    first = p.someone(w)
    know = Verb(english.verb("know", "knew", "known"), "savoir", "saying", state=True)
    negation = "not" if w.chance(0.7) else ""
    question = not negation and first is not p.I
    one = v.say(first, v.Predicate(know), Frame("present", negation, question))
    word = w.pick((("where", "où"), ("why", "pourquoi"), ("when", "quand"), ("if", "si")))
    myself = word[0] in ("when", "if") and w.chance(0.4)
    second = p.pronoun(first) if myself else p.someone(w, named=True)
    if word[0] == "where":
        verb = v.LIVES if w.chance(0.5) else _verb(w, "intransitive", w.pick(("work", "sleep", "eat", "run")))
    else:
        verb = v.act(w, second, deed=True)
    frame = v.frame_for(w, verb, second, negative=0)
    odd = ("just", "used", "perfect") + (("now", "was", "present") if word[0] == "when" else ())
    while frame.tense in odd:
        frame = v.frame_for(w, verb, second, negative=0)
    if myself:
        frame = Frame("will")
    predicate = v.Predicate(verb) if word[0] == "where" else v.complete(w, verb, second, frame)
    joined = _join(one, word, v.say(second, predicate, frame))
    return joined._replace(mark="?") if question else joined


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
