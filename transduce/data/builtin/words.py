"""The words of the lexicon as typed values, read from its tables once, at first use."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

from transduce.data.builtin import english, french, lexicon
from transduce.data.builtin.english import EnglishVerb

MASS_GROUPS = ("FOOD", "INGREDIENT", "DRINK", "STUFF")
PEOPLE_GROUPS = ("CHILD", "ADULT", "FRIEND", "FAMILY", "PROFESSION")
ANIMAL_GROUPS = ("PET", "FARM", "WILD")


class Text(NamedTuple):
    """The same thing said on both sides."""

    en: str
    fr: str


class Noun(NamedTuple):
    """A noun. ``group`` is the one group of the lexicon that lists it."""

    en: str
    en_plural: str
    fr: str
    fr_plural: str
    gender: str
    group: str

    @property
    def mass(self) -> bool:
        """Whether it is not counted (bread, water)."""
        return self.group in MASS_GROUPS

    @property
    def has_plural(self) -> bool:
        """Whether its plural can be told from its singular on the English side."""
        return not self.mass and self.en_plural != self.en


class Adjective(NamedTuple):
    """An adjective with its four French forms, and the fifth of beau, nouveau, vieux before a vowel."""

    en: str
    comparative: str  # "bigger", "more useful"; empty when it has none
    forms: tuple[str, str, str, str]  # masculine, feminine, masculine plural, feminine plural
    before_vowel: str
    place: str  # "<" before the noun, ">" after it, "<<" before it and never a predicate, "." only a predicate

    def fr(self, gender: str, *, plural: bool) -> str:
        """The form that agrees with ``gender`` and number."""
        return self.forms[(gender == "f") + 2 * plural]


class Verb(NamedTuple):
    """A verb of both languages and what goes with it."""

    en: EnglishVerb
    fr: str  # infinitive
    kind: str  # which table: "transitive", "intransitive", "giving", ...
    reflexive: bool = False
    etre: bool = False
    preposition: str = ""  # before the French object
    adult: bool = False
    state: bool = False
    event: bool = False
    animal: bool = False
    outside: bool = False
    definite: bool = False  # its object is one that the hearer knows
    amount: bool = False  # its object can be "a lot of", "a kilo of"
    people: bool = False  # its object can be a person
    objects: tuple[Noun, ...] = ()
    adverbs: tuple[Text, ...] = ()

    @property
    def name(self) -> str:
        """As the tables write it: "look_at"."""
        return f"{self.en.base} {self.en.particle}".strip().replace(" ", "_")

    @property
    def social(self) -> bool:
        """Whether it is done together, or with somebody."""
        return any(adverb.en == "together" for adverb in self.adverbs)


class Deed(NamedTuple):
    """Something done, or not done, for a reason."""

    verb: Verb
    negative: bool


class Profession(NamedTuple):
    """A profession; ``noun`` is its masculine."""

    noun: Noun
    feminine: str


class Country(NamedTuple):
    """A country with its name and its three prepositions: "France", "in France", "from France"."""

    name: Text
    inside: str
    source: str


def _spaced(word: str) -> str:
    return word.replace("_", " ")


def _entries(table: str, separator: str = ",") -> Iterator[str]:
    return (entry.strip() for entry in table.replace("\n", " ").split(separator))


def _texts(table: str, *, separator: str = ",", between: str | None = None) -> tuple[Text, ...]:
    """Entries "english french" (or "english = french" with ``between``)."""
    pairs = (entry.split(between) for entry in _entries(table, separator))
    return tuple(Text(_spaced(en.strip()), _spaced(fr.strip())) for en, fr in pairs)


def _noun(entry: str, group: str) -> Noun:
    en, fr, gender = entry.split()
    one, _, many = _spaced(en).partition("/")
    un, _, plusieurs = _spaced(fr).partition("/")
    return Noun(one, many or english.plural(one), un, plusieurs or french.plural(un), gender, group)


class Words:
    """Everything the grammar can ask for. Build it once: ``words()``."""

    def __init__(self) -> None:
        self._selected: dict[str, tuple[Noun, ...]] = {}
        self.verbs: dict[str, tuple[Verb, ...]]
        self.groups: dict[str, tuple[Noun, ...]] = {
            name: tuple(_noun(entry, name) for entry in _entries(table)) for name, table in lexicon.NOUNS.items()
        }
        self.professions = tuple(self._profession(entry) for entry in _entries(lexicon.PROFESSIONS))
        self.groups["PROFESSION"] = tuple(profession.noun for profession in self.professions)
        self.nouns = {noun.en: noun for group in self.groups.values() for noun in group}
        self.adjectives = tuple(self._adjectives())
        self.verbs = {
            kind: tuple(self._verb(line, kind) for line in table.strip().splitlines())
            for kind, table in (
                ("transitive", lexicon.TRANSITIVE),
                ("intransitive", lexicon.INTRANSITIVE),
                ("giving", lexicon.GIVING),
                ("infinitive", lexicon.WITH_INFINITIVE),
            )
        }
        self._verb_names = {(kind, verb.name): verb for kind, verbs in self.verbs.items() for verb in verbs}
        self.reasons = {
            name.strip(): tuple(self._deed(deed) for deed in deeds.split())
            for name, deeds in (line.split("=") for line in lexicon.REASONS.strip().splitlines())
        }
        self.purposes = {
            self.nouns[_spaced(name.strip())]: tuple(self._deed(deed).verb for deed in deeds.split())
            for name, deeds in (line.split("=") for line in lexicon.PURPOSES.strip().splitlines())
        }
        self.names = {gender: tuple(names.split()) for gender, names in lexicon.NAMES.items()}
        self.countries = tuple(self._country(entry) for entry in _entries(lexicon.COUNTRIES))
        self.cities = _texts(lexicon.CITIES)
        self.days = _texts(lexicon.DAYS)
        self.months = _texts(lexicon.MONTHS)
        self.past_times = _texts(lexicon.PAST_TIMES, separator=";", between="=")
        self.future_times = _texts(lexicon.FUTURE_TIMES, separator=";", between="=")
        self.habit_times = _texts(lexicon.HABIT_TIMES, separator=";", between="=")
        self.now_times = _texts(lexicon.NOW_TIMES, separator=";", between="=")
        self.added = _texts(lexicon.ADDED, separator=";", between="=")
        self.units = tuple(_noun(entry, "UNIT") for entry in _entries(lexicon.UNITS))
        self.frequency = _texts(lexicon.FREQUENCY)
        self.feelings = _texts(lexicon.FEELINGS)
        self.body = tuple(_noun(entry, "BODY") for entry in _entries(lexicon.BODY))
        self.nations = tuple(self._nation(entry) for entry in _entries(lexicon.NATIONS))
        self.instruments = tuple(_noun(entry, "INSTRUMENT") for entry in _entries(lexicon.INSTRUMENTS))
        self.games = _texts(lexicon.PLAYED)
        self.ownable = frozenset(self.select("OWNABLE"))
        self.measures = self._measures()
        self.short_adverbs = lexicon.SHORT_ADVERBS
        self.in_water = _texts(lexicon.IN_WATER, separator=";", between="=")
        self.outdoors = _texts(lexicon.OUTDOORS, separator=";", between="=")
        self.indoors = _texts(lexicon.INDOORS, separator=";", between="=")
        self.far = tuple([city.fr for city in self.cities] + [country.name.fr for country in self.countries])
        self.near_ways = _texts(lexicon.NEAR_WAYS, separator=";", between="=")
        self.far_ways = _texts(lexicon.FAR_WAYS, separator=";", between="=")
        self.languages = tuple(nation for nation, spoken in self.nations if spoken)
        by_name = {adjective.en: adjective for adjective, _ in self.adjectives}
        self.professional = tuple(by_name[name] for name in lexicon.PROFESSIONAL.split())
        self.grounds = {
            "PET": self.select("garden courtyard living_room kitchen park"),
            "FARM": self.select("field courtyard garden village"),
            "WILD": self.select("forest field park"),
        }
        self.laid = self.select("LAID")
        self.in_fridge = self.select("IN_FRIDGE")
        self.pleasant = frozenset(by_name[name] for name in lexicon.PLEASANT.split())
        self.unpleasant = frozenset(by_name[name] for name in lexicon.UNPLEASANT.split())
        self.apart = frozenset(frozenset(entry.split()) for entry in _entries(lexicon.APART))
        self.moods = tuple(by_name[name] for name in lexicon.MOODS.split())
        self.mood_names = frozenset(adjective.en for adjective in self.moods)
        self.homes = self.select("HOMES")
        self.feared = self.select("FEARED")
        self.had = self.select("HAD")
        self.relatives = self.select("RELATIVES")
        self.liked = self.select("LIKED")
        self.eaten = self.select("EATEN")
        self.subjects = self.select("SUBJECTS")
        self.animal_food = {
            self.nouns[animal.strip()]: self.select(food)
            for animal, food in (line.split(":") for line in lexicon.ANIMAL_FOOD.strip().splitlines())
        }
        self.at = self.select(lexicon.AT)
        self.inside = self.select(lexicon.IN)
        self.surfaces = self.select("ON")
        self.containers = self.select("box bag drawer basket suitcase kitchen bedroom living_room car wardrobe")
        self.seasons = tuple(self._season(entry) for entry in _entries(lexicon.SEASONS))
        self.fixed_places = tuple(self._fixed_place(entry) for entry in _entries(lexicon.FIXED_PLACES))

    def select(self, names: str) -> tuple[Noun, ...]:
        """The nouns that ``names`` (groups, sets, single nouns) stand for, each once, in order."""
        if names not in self._selected:
            self._selected[names] = tuple(self._find(names))
        return self._selected[names]

    def _find(self, names: str) -> dict[Noun, None]:
        found: dict[Noun, None] = {}
        for name in names.split():
            if name in self.groups:
                found.update(dict.fromkeys(self.groups[name]))
            elif name in lexicon.SETS:
                found.update(dict.fromkeys(self.select(lexicon.SETS[name])))
            else:
                found[self.nouns[_spaced(name)]] = None
        return found

    @functools.cached_property
    def described(self) -> dict[Noun, dict[str, tuple[Adjective, ...]]]:
        """For each noun the adjectives that suit it: "before", "after" and "predicate"."""
        places = {"<": ("before", "predicate"), "<<": ("before",), ">": ("after", "predicate"), ".": ("predicate",)}
        table: dict[Noun, dict[str, tuple[Adjective, ...]]] = {
            noun: {"before": (), "after": (), "predicate": ()} for noun in self.nouns.values()
        }
        for adjective, nouns in self.adjectives:
            for noun in nouns:
                for place in places[adjective.place]:
                    table[noun][place] += (adjective,)
        return table

    def verb(self, name: str, kind: str = "intransitive") -> Verb:
        """A verb by the table that lists it and the name it has there ("look_at")."""
        return self._verb_names[kind, name]

    def _deed(self, entry: str) -> Deed:
        """An entry of REASONS or PURPOSES: "rest", "-swim", "put_on:coat+scarf"."""
        name, colon, objects = entry.removeprefix("-").partition(":")
        negative = entry.startswith("-")
        if not colon:
            return Deed(self.verb(name), negative)
        names = objects.replace("+", " ").split()
        people = "PEOPLE" in names
        nouns = self.select(" ".join(word for word in names if word != "PEOPLE"))
        return Deed(self.verb(name, "transitive")._replace(objects=nouns, people=people), negative)

    def _measures(self) -> dict[Noun, tuple[Noun, ...]]:
        """For each noun what it is measured in ("a glass of")."""
        table: dict[Noun, tuple[Noun, ...]] = {}
        for line in lexicon.MEASURES.strip().splitlines():
            head, nouns = line.split(" : ")
            measure = _noun(head, "MEASURE")
            for noun in self.select(nouns):
                table[noun] = (*table.get(noun, ()), measure)
        return table

    def _adjectives(self) -> Iterator[tuple[Adjective, tuple[Noun, ...]]]:
        for line in lexicon.ADJECTIVES.strip().replace("\n    ", " ").splitlines():
            head, nouns = line.split(" : ")
            en, place, masculine, *more = head.split()
            word, _, comparative = _spaced(en).partition("/")
            masculine = _spaced(masculine)
            if more == ["="]:
                forms = (masculine,) * 4
            else:
                feminine = more[0] if more else french.feminine(masculine)
                forms = (masculine, feminine, french.plural(masculine), french.plural(feminine))
            degree = "" if comparative == "-" else comparative or f"more {word}"
            before_vowel = more[1] if len(more) > 1 else masculine
            yield Adjective(word, degree, forms, before_vowel, place), self.select(nouns)

    def _verb(self, line: str, kind: str) -> Verb:
        head, _, tail = line.partition(":")
        en, fr = (side.split() for side in head.split("="))
        base, _, particle = en[0].partition("_")
        infinitive, _, preposition = fr[0].partition("_")
        reflexive = infinitive in ("se", "s'habiller", "s'amuser")
        if reflexive:
            infinitive = preposition or infinitive.removeprefix("s'")
        adverbs = dict(_texts(lexicon.ADVERBS))
        return Verb(
            english.verb(base, *en[1:], **({"particle": _spaced(particle)} if particle else {})),
            infinitive,
            kind,
            reflexive=reflexive,
            etre=reflexive or "etre" in fr,
            preposition="" if reflexive else preposition,
            adult="adult" in fr,
            state="state" in fr,
            event="event" in fr,
            animal="animal" in fr,
            outside="outside" in fr,
            definite="the" in fr,
            amount="amount" in fr,
            people="PEOPLE" in tail.split(),
            objects=() if kind in ("intransitive", "infinitive") else self.select(tail.replace("PEOPLE", "")),
            adverbs=tuple(Text(_spaced(word), adverbs[_spaced(word)]) for word in tail.split())
            if kind == "intransitive"
            else (),
        )

    @staticmethod
    def _profession(entry: str) -> Profession:
        en, masculine, *feminine = entry.split()
        return Profession(
            _noun(f"{en} {masculine} m", "PROFESSION"), feminine[0] if feminine else french.feminine(masculine)
        )

    @staticmethod
    def _country(entry: str) -> Country:
        en, fr, gender = entry.split()
        if gender == "p":
            inside, source = f"à les {fr}", f"de les {fr}"
        elif gender == "f" or french.vowel(fr):
            inside, source = f"en {fr}", f"de {fr}"
        else:
            inside, source = f"à le {fr}", f"de le {fr}"
        return Country(Text(_spaced(en), fr), inside, source)

    @staticmethod
    def _nation(entry: str) -> tuple[Adjective, bool]:
        """A nationality, and whether a language is named after it."""
        en, masculine, *more = entry.split()
        feminine = more[0] if more else french.feminine(masculine)
        forms = (masculine, feminine, french.plural(masculine), french.plural(feminine))
        return Adjective(en.removesuffix("-"), "", forms, masculine, ">"), not en.endswith("-")

    @staticmethod
    def _season(entry: str) -> Text:
        en, fr = entry.split()
        return Text(f"in {en}", ("en " if french.vowel(fr) else "à le ") + fr)

    @staticmethod
    def _fixed_place(entry: str) -> tuple[Text, Text]:
        """Being there, and going there."""
        en, fr = (side.strip() for side in entry.split("="))
        at, to = en.split("/")
        return Text(at, fr), Text(to, fr)


@functools.cache
def words() -> Words:
    """The lexicon, read once."""
    return Words()
