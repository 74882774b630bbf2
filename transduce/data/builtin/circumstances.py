"""Where and when, written on both sides at once."""

from __future__ import annotations

from transduce.data.builtin import english, french
from transduce.data.builtin import phrases as p
from transduce.data.builtin.words import Noun, Text
from transduce.data.builtin.writer import Weighted, Writer

_LOCAL = Weighted({"at": 60, "in": 40})
_PLACE_KINDS = Weighted({"at": 36, "in": 14, "city": 12, "country": 12, "fixed": 10, "home": 8, "visit": 8})
_HOSTS = ("doctor", "dentist", "hairdresser", "butcher", "baker")


def place(w: Writer, *, going: bool, local: bool = False) -> Text:
    """Where something is, or where somebody is ``going`` to; ``local`` for a building or a room."""
    word = "to" if going else "at"
    match w.choose(_LOCAL if local else _PLACE_KINDS):
        case "at":
            return at_noun(w.fresh(w.words.at), going=going)
        case "in":
            return at_noun(w.fresh(w.words.inside), going=going, inside=True)
        case "city":
            city = w.fresh(w.words.cities)
            return Text(f"{'to' if going else 'in'} {city.en}", f"à {city.fr}")
        case "country":
            country = w.fresh(w.words.countries)
            return Text(f"{'to' if going else 'in'} {country.name.en}", country.inside)
        case "fixed":
            return w.pick(w.words.fixed_places)[going]
        case "home" if not going:
            return Text("at home", "à la maison")
        case _:
            return visit(w, word)


def at_noun(noun: Noun, *, going: bool, inside: bool | None = None) -> Text:
    """ "at the station", "in the kitchen", "to the kitchen"; ``inside`` tells dans from à."""
    if inside is None:
        inside = noun.group in ("ROOM", "NATURE") and noun.en != "office"
    en = "to" if going else "in" if inside else "at"
    return Text(f"{en} the {noun.en}", f"{'dans' if inside else 'à'} {french.the(noun.gender)} {noun.fr}")


def visit(w: Writer, word: str) -> Text:
    """ "at Paul's house", "to the dentist's"."""
    draw = w.random()
    if draw < 0.4:
        name = w.name()
        return Text(f"{word} {name}'s house", f"chez {name}")
    if draw < 0.75:
        host = p.owned(w, w.fresh(w.words.select("uncle aunt grandmother grandfather cousin friend neighbor sister")))
        return Text(f"{word} {host.en}'s house", f"chez {host.fr}")
    noun = w.words.nouns[w.pick(_HOSTS)]
    return Text(f"{word} the {noun.en}'s", f"chez {french.the(noun.gender)} {noun.fr}")


_POSITIONS = Weighted({("on", "sur"): 40, ("under", "sous"): 20, ("next to", "à côté de"): 15, ("near", "près de"): 8})


def position(w: Writer, *, surface: bool = True) -> Text:
    """Where a small thing or an animal is: "under the old table", "in the box"."""
    if surface and w.chance(0.75):
        noun = w.fresh(w.words.surfaces)
        en, fr = w.choose(_POSITIONS)
        if noun.en == "carpet" and en != "under":
            en, fr = "on", "sur"
    else:
        noun = w.fresh(w.words.containers)
        en, fr = "in", "dans"
    spot = p.owned(w, noun, describe=0.15) if w.chance(0.12) else p.the(w, noun, describe=0.2)
    return Text(f"{en} {spot.en}", f"{fr} {spot.fr}")


def clock(w: Writer, *, at: bool = True, exact: bool = True) -> Text:
    """A time of day: "at half past eight"; to the quarter of an hour unless ``exact``."""
    hour = w.between(1, 11)
    heures = f"{french.number(hour, gender='f')} heure" + ("s" if hour > 1 else "")
    following = hour % 12 + 1
    draw = w.random() * (1.0 if exact else 0.8)
    if draw < 0.08:
        time = Text(*w.pick((("noon", "midi"), ("midnight", "minuit"))))
    elif draw < 0.5:
        time = Text(f"{english.number(hour)} o'clock", heures)
    elif draw < 0.68:
        time = Text(f"half past {english.number(hour)}", f"{heures} et demie")
    elif draw < 0.78:
        time = Text(f"a quarter past {english.number(hour)}", f"{heures} et quart")
    elif draw < 0.86 and following != 12:
        later = f"{french.number(following, gender='f')} heure" + ("s" if following > 1 else "")
        time = Text(f"a quarter to {english.number(following)}", f"{later} moins le quart")
    else:
        minutes = w.pick((5, 10, 20, 25))
        time = Text(f"{english.number(minutes)} past {english.number(hour)}", f"{heures} {french.number(minutes)}")
    return Text(f"at {time.en}", f"à {time.fr}") if at else time


def date(w: Writer) -> Text:
    """ "the third of May"."""
    day, month = w.between(1, 28), w.pick(w.words.months)
    rank = "premier" if day == 1 else french.number(day)
    return Text(f"the {english.ordinal(day)} of {month.en}", f"le {rank} {month.fr}")


def span(w: Writer, first: int = 0, last: int = 5) -> Text:
    """ "three weeks"; the unit from minutes (0) to years (5)."""
    unit = w.words.units[w.between(first, last)]
    count = w.between(1, 3) * 10 if unit.en == "minute" else w.between(2, 6)
    return Text(f"{english.number(count)} {unit.en_plural}", f"{french.number(count)} {unit.fr_plural}")


def time(w: Writer, tense: str) -> Text:
    """When, in the words that go with ``tense``; empty for tenses that need none."""
    draw = w.random()
    match tense:
        case "past":
            if draw < 0.16:
                lapse = span(w, 0, 4)
                return Text(f"{lapse.en} ago", f"il y a {lapse.fr}")
            if draw < 0.26:
                day = w.pick(w.words.days)
                return Text(f"on {day.en}", day.fr)
            if draw < 0.34:
                day = w.pick(w.words.days)
                return Text(f"last {day.en}", f"{day.fr} dernier")
            return w.early(w.words.past_times)
        case "will" | "going":
            if draw < 0.14:
                lapse = span(w, 0, 4)
                return Text(f"in {lapse.en}", f"dans {lapse.fr}")
            if draw < 0.28:
                day = w.pick(w.words.days)
                return Text(f"on {day.en}", day.fr)
            if draw < 0.34:
                day = w.pick(w.words.days)
                return Text(f"next {day.en}", f"{day.fr} prochain")
            return w.early(w.words.future_times)
        case "present" | "used":
            if draw < 0.16:
                day = w.pick(w.words.days)
                return Text(f"on {day.en}s", f"le {day.fr}")
            if draw < 0.24:
                return w.pick(w.words.seasons)
            return w.early(w.words.habit_times)
        case "now":
            return w.pick(w.words.now_times)
        case _:
            return Text("", "")
