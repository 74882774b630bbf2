"""English word forms, and the English order of words in a clause."""

from __future__ import annotations

from typing import NamedTuple

_VOWELS = "aeiou"
_AN_BEFORE = ("hour", "honest")
_A_BEFORE = ("uni", "use", "euro", "one")
_FINAL_DOUBLED = ("begin", "cut", "forget", "get", "prefer", "put", "run", "stop", "swim", "win")
_ONES_TABLE = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
_ONES = _ONES_TABLE.split()
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINAL_ENDS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
# The verbs that form no tenses of their own; "would" is the polite form of "want".
_MODALS = {
    "can": {"present": ("can", ""), "past": ("could", ""), "will": ("will", "be able to")},
    "must": {"present": ("must", ""), "will": ("will", "have to")},
    "should": {"would": ("should", "")},
    "would": {"would": ("would", "like")},
}


class EnglishVerb(NamedTuple):
    """The five forms of a verb, and the particle that follows all of them ("up", "for")."""

    base: str
    third: str
    past: str
    participle: str
    ing: str
    particle: str = ""


def article(phrase: str) -> str:
    """ "a" or "an" before ``phrase``.

    >>> article("old man"), article("university")
    ('an', 'a')
    """
    if phrase.startswith(_AN_BEFORE):
        return "an"
    return "an" if phrase[0] in _VOWELS and not phrase.startswith(_A_BEFORE) else "a"


def plural(noun: str) -> str:
    """The regular plural."""
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in _VOWELS:
        return noun[:-1] + "ies"
    return noun + "s"


def verb(base: str, past: str = "", participle: str = "", particle: str = "") -> EnglishVerb:
    """All forms from the base; ``past`` and ``participle`` where they are irregular."""
    third = "has" if base == "have" else "goes" if base == "go" else "does" if base == "do" else plural(base)
    if base in _FINAL_DOUBLED:
        stem = base + base[-1]
    elif base.endswith("ie"):
        stem = base[:-2] + "y"
    elif base.endswith("e") and not base.endswith(("ee", "ye")):
        stem = base[:-1]
    else:
        stem = base
    if not past:
        if base.endswith("e"):
            past = base + "d"
        elif base.endswith("y") and base[-2] not in _VOWELS:
            past = base[:-1] + "ied"
        else:
            past = stem + "ed"
    return EnglishVerb(base, third, past, participle or past, stem + "ing", particle)


BE = EnglishVerb("be", "is", "was", "been", "being")
HAVE = verb("have", "had")


def number(value: int) -> str:
    """``value`` from 0 to 999 in words ("twenty-one", "one hundred and five")."""
    if value < 20:
        return _ONES[value]
    if value < 100:
        return _TENS[value // 10] + (f"-{_ONES[value % 10]}" if value % 10 else "")
    rest = f" and {number(value % 100)}" if value % 100 else ""
    return f"{_ONES[value // 100]} hundred{rest}"


def ordinal(value: int) -> str:
    """``value`` from 1 to 99 as a rank ("twenty-first")."""
    words = number(value)
    head, dash, last = words.rpartition("-")
    if last in _ORDINAL_ENDS:
        last = _ORDINAL_ENDS[last]
    else:
        last = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return head + dash + last


def be(person: int, *, past: bool = False) -> str:
    """The form of "be" for a person counted I, you, he, we, you, they from 0."""
    if past:
        return "was" if person in (0, 2) else "were"
    return ("am", "are", "is", "are", "are", "are")[person]


def have(person: int) -> str:
    """ "has" or "have"."""
    return "has" if person == 2 else "have"


def parts(verb: EnglishVerb, tense: str, person: int, *, do: bool) -> tuple[str, str]:
    """The part of the verb that moves in questions, and the part that stays ("is", "eating").

    ``do`` asks for do-support where the tense has no auxiliary (questions and "not").
    """
    third = person == 2
    if verb.base in _MODALS:
        return _MODALS[verb.base][tense]
    match tense:
        case "present":
            if verb.base == "be":
                return be(person), ""
            if do:
                return "does" if third else "do", verb.base
            return "", verb.third if third else verb.base
        case "past":
            if verb.base == "be":
                return be(person, past=True), ""
            return ("did", verb.base) if do else ("", verb.past)
        case "now":
            return be(person), verb.ing
        case "was":
            return be(person, past=True), verb.ing
        case "used":
            return ("did", f"use to {verb.base}") if do else ("", f"used to {verb.base}")
        case "will":
            return "will", verb.base
        case "would":
            return "would", verb.base
        case "going":
            return be(person), f"going to {verb.base}"
        case "perfect":
            return have(person), verb.participle
        case "just":
            return have(person), f"just {verb.participle}"
        case _:
            raise AssertionError(tense)


def clause(
    subject: str,
    verb: EnglishVerb,
    tense: str,
    person: int,
    *,
    negation: str = "",
    adverb: str = "",
    question: bool = False,
    rest: str = "",
) -> str:
    """A clause without its final mark ("she does not often eat apples").

    ``negation`` is "", "not", "not yet", "never" or "no longer"; ``adverb`` ("often", "already")
    stands before the verb or after its auxiliary; ``rest`` is everything after the verb.
    """
    not_ = "not" if negation in ("not", "not yet") else ""
    before = negation if negation in ("never", "no longer") else ""
    first, second = parts(verb, tense, person, do=question or bool(not_))
    order = [first, subject] if question else [subject, first]
    yet = "yet" if negation == "not yet" else ""
    if first == "can" and not_ and not question:
        order, not_ = [subject, "cannot"], ""
    return " ".join(word for word in (*order, not_, before, adverb, second, verb.particle, rest, yet) if word)
