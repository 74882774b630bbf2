"""French word forms, agreement, the French order of words in a clause, elision and contraction.

Phrases are put together from whole words and spelled at the very end by ``spell``: "de le ail"
becomes "de l'ail", "à les amis" becomes "aux amis". An object pronoun is written with a leading "~"
until then, because "de ~le voir" is not contracted. Numbers are hyphenated below one hundred only,
except around "et" (the orthography before 1990).
"""

from __future__ import annotations

import functools
import re

_IRREGULAR = """
être       suis es est sommes êtes sont                              | ser     | été    | ét
avoir      ai as a avons avez ont                                    | aur     | eu
aller      vais vas va allons allez vont                             | ir      | allé
faire      fais fais fait faisons faites font                        | fer     | fait
pouvoir    peux peux peut pouvons pouvez peuvent                     | pourr   | pu
vouloir    veux veux veut voulons voulez veulent                     | voudr   | voulu
devoir     dois dois doit devons devez doivent                       | devr    | dû
savoir     sais sais sait savons savez savent                        | saur    | su
voir       vois vois voit voyons voyez voient                        | verr    | vu
croire     crois crois croit croyons croyez croient                  | croir   | cru
boire      bois bois boit buvons buvez boivent                       | boir    | bu
recevoir   reçois reçois reçoit recevons recevez reçoivent           | recevr  | reçu
prendre    prends prends prend prenons prenez prennent               | prendr  | pris    | com ap
mettre     mets mets met mettons mettez mettent                      | mettr   | mis     | pro
venir      viens viens vient venons venez viennent                   | viendr  | venu    | re de
tenir      tiens tiens tient tenons tenez tiennent                   | tiendr  | tenu
partir     pars pars part partons partez partent                     | partir  | parti
sortir     sors sors sort sortons sortez sortent                     | sortir  | sorti
dormir     dors dors dort dormons dormez dorment                     | dormir  | dormi
servir     sers sers sert servons servez servent                     | servir  | servi
mentir     mens mens ment mentons mentez mentent                     | mentir  | menti
ouvrir     ouvre ouvres ouvre ouvrons ouvrez ouvrent                 | ouvrir  | ouvert  | déc
offrir     offre offres offre offrons offrez offrent                 | offrir  | offert
cueillir   cueille cueilles cueille cueillons cueillez cueillent     | cueiller | cueilli
courir     cours cours court courons courez courent                  | courr   | couru
lire       lis lis lit lisons lisez lisent                           | lir     | lu
dire       dis dis dit disons dites disent                           | dir     | dit
écrire     écris écris écrit écrivons écrivez écrivent               | écrir   | écrit
conduire   conduis conduis conduit conduisons conduisez conduisent   | conduir | conduit
construire construis construis construit construisons construisez construisent | construir | construit
traduire   traduis traduis traduit traduisons traduisez traduisent   | traduir | traduit
connaître  connais connais connaît connaissons connaissez connaissent | connaîtr | connu
naître     nais nais naît naissons naissez naissent                  | naîtr   | né
suivre     suis suis suit suivons suivez suivent                     | suivr   | suivi
rire       ris ris rit rions riez rient                              | rir     | ri      | sou
peindre    peins peins peint peignons peignez peignent               | peindr  | peint
éteindre   éteins éteins éteint éteignons éteignez éteignent         | éteindr | éteint
pleuvoir   - - pleut - - -                                           | pleuvr  | plu    | pleuv
"""
_FUTURE = {"envoyer": "enverr"}
_DOUBLING = ("appeler", "jeter")  # the others in -eler and -eter take a grave accent
_ENDINGS = {
    "er": ("e", "es", "e", "ons", "ez", "ent"),
    "ir": ("is", "is", "it", "issons", "issez", "issent"),
    "re": ("s", "s", "", "ons", "ez", "ent"),
    "imperfect": ("ais", "ais", "ait", "ions", "iez", "aient"),
    "future": ("ai", "as", "a", "ons", "ez", "ont"),
}
REFLEXIVE = ("~me", "~te", "~se", "~nous", "~vous", "~se")
DIRECT = ("~me", "~te", "~le", "~nous", "~vous", "~les")
INDIRECT = ("~me", "~te", "~lui", "~nous", "~vous", "~leur")
_NEGATION = {
    "": "",
    "not": "pas",
    "not yet": "pas encore",
    "never": "jamais",
    "no longer": "plus",
    "nothing": "rien",
    "nobody": "",
}
_POSSESSIVE = (
    ("mon", "ma", "mes"),
    ("ton", "ta", "tes"),
    ("son", "sa", "ses"),
    ("notre", "notre", "nos"),
    ("votre", "votre", "vos"),
    ("leur", "leur", "leurs"),
)

# ------------------------------------------------------------------------------------------ spelling

# Words before which nothing elides: h aspiré, and two numbers that begin with a vowel.
NO_ELISION = (
    "huit",
    "huitième",
    "onze",
    "onzième",
    "hache",
    "hamster",
    "haricot",
    "haut",
    "haute",
    "hérisson",
    "hibou",
    "hiboux",
    "Hongrie",
)
_VOWEL = (
    rf"(?!(?:{'|'.join(sorted(NO_ELISION))})s?\b)"
    r"(?=[aeiouâàäéèêëîïôöùûüœhAEIOUÂÀÉÈÊÎÔÛŒH]|y )"
)
_STARTS_WITH_VOWEL = re.compile(_VOWEL)
_ELIDES = re.compile(rf"(?<![^ ])(~?(?:[ldmtsnj]e|la|que)) {_VOWEL}")
_SI = re.compile(r"(?<![^ ])si (?=ils? )")
_CONTRACTS = re.compile(r"(?<![^ ])(de|à) (les?) ")
_CONTRACTED = {"de le": "du ", "de les": "des ", "à le": "au ", "à les": "aux "}


def vowel(word: str) -> bool:
    """Whether a word before ``word`` elides: it begins with a vowel or a mute h."""
    return _STARTS_WITH_VOWEL.match(word) is not None


def spell(words: str) -> str:
    """``words`` with elision ("le ami" -> "l'ami") and contraction ("à le" -> "au") carried out."""
    words = _ELIDES.sub(lambda found: found[1][:-1] + "'", words)
    words = _SI.sub("s'", words)
    words = _CONTRACTS.sub(lambda found: _CONTRACTED[f"{found[1]} {found[2]}"], words)
    return words.replace("~", "")


# ---------------------------------------------------------------------------- nouns and their company


def plural(noun: str) -> str:
    """The regular plural of a noun or a masculine adjective."""
    if noun.endswith(("s", "x", "z")):
        return noun
    if noun.endswith(("eau", "eu")) and noun != "bleu":
        return noun + "x"
    return noun[:-2] + "aux" if noun.endswith("al") else noun + "s"


def feminine(adjective: str) -> str:
    """The regular feminine of an adjective."""
    for ending, other in (
        ("e", "e"),
        ("eux", "euse"),
        ("eur", "euse"),
        ("f", "ve"),
        ("er", "ère"),
        ("en", "enne"),
        ("on", "onne"),
        ("el", "elle"),
    ):
        if adjective.endswith(ending):
            return adjective[: -len(ending)] + other
    return adjective + "e"


def agree(word: str, gender: str, *, plural: bool) -> str:
    """A past participle, or a word that agrees like one, from its masculine singular."""
    if gender == "f":
        word += "e"
    return word + "s" if plural and not word.endswith("s") else word


def the(gender: str, *, plural: bool = False) -> str:
    """The definite article, not yet elided."""
    return "les" if plural else "la" if gender == "f" else "le"


def a(gender: str) -> str:
    """The indefinite article of the singular."""
    return "une" if gender == "f" else "un"


def this(gender: str, following: str, *, plural: bool) -> str:
    """The demonstrative before ``following``."""
    if plural:
        return "ces"
    return "cette" if gender == "f" else "cet" if vowel(following) else "ce"


def which(gender: str, *, plural: bool) -> str:
    """The interrogative or exclamatory determiner."""
    return agree("quel", "m", plural=plural) if gender == "m" else agree("quelle", "m", plural=plural)


def possessive(owner: int, gender: str, following: str, *, plural: bool) -> str:
    """The possessive of person ``owner`` (je, tu, il, nous, vous, ils from 0) before ``following``."""
    masculine, feminine, several = _POSSESSIVE[owner]
    if plural:
        return several
    return feminine if gender == "f" and not vowel(following) else masculine


# -------------------------------------------------------------------------------------------- numbers

_ONES_TABLE = """zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept
    dix-huit dix-neuf"""
_ONES = _ONES_TABLE.split()
_TENS = ("", "", "vingt", "trente", "quarante", "cinquante", "soixante", "soixante", "quatre-vingt", "quatre-vingt")


def number(value: int, *, gender: str = "m") -> str:
    """``value`` from 0 to 999 in words ("quatre-vingts", "vingt et une")."""
    if value >= 100:
        hundreds, rest = divmod(value, 100)
        head = "cent" if hundreds == 1 else f"{_ONES[hundreds]} cent" + ("" if rest else "s")
        return f"{head} {number(rest, gender=gender)}" if rest else head
    if value < 20:
        words = _ONES[value]
    else:
        tens, ones = divmod(value, 10)
        if tens in (7, 9):
            ones += 10
        if ones in (1, 11) and tens < 8:
            words = f"{_TENS[tens]} et {_ONES[ones]}"
        elif ones:
            words = f"{_TENS[tens]}-{_ONES[ones]}"
        else:
            words = "quatre-vingts" if tens == 8 else _TENS[tens]
    return words + "e" if gender == "f" and value % 10 == 1 and value not in (11, 71, 91) else words


# ---------------------------------------------------------------------------------------------- verbs


@functools.cache
def _irregular() -> dict[str, tuple[list[str], str, str, str]]:
    """Present forms, stem of the future, participle and stem of the imperfect of each irregular verb."""
    verbs = {}
    for line in _IRREGULAR.strip().splitlines():
        present, future, participle, *more = (part.strip() for part in line.split("|"))
        infinitive, *forms = present.split()
        special = more[0] if more and infinitive in ("être", "pleuvoir") else ""
        for prefix in ["", *(more[0].split() if more and not special else [])]:
            verbs[prefix + infinitive] = (
                [prefix + form for form in forms],
                prefix + future,
                prefix + participle,
                special or prefix + forms[3].removesuffix("ons"),
            )
    return verbs


def _er_stem(infinitive: str, ending: str) -> str:
    """The stem of a verb in -er before ``ending``, with its changes of spelling."""
    stem = infinitive[:-2]
    if ending[0] in "ao":
        if stem.endswith("g"):
            return stem + "e"
        return stem[:-1] + "ç" if stem.endswith("c") else stem
    mute = ending in ("e", "es", "ent")
    if stem.endswith("y") and (mute or ending.startswith("er")):
        return stem[:-1] + "i"
    weak = re.search("([eé])([bcdfgjlmnprstv]|tr)$", stem)
    if weak and (mute or (ending.startswith("er") and weak[1] == "e")):
        if infinitive in _DOUBLING:
            return stem + stem[-1]
        return stem[: weak.start()] + "è" + weak[2]
    return stem


@functools.cache
def conjugate(infinitive: str, tense: str, person: int) -> str:
    """One form of a simple tense: "present", "imperfect", "future" or "conditional".

    >>> [conjugate("acheter", "present", 0), conjugate("manger", "imperfect", 2), conjugate("venir", "future", 5)]
    ['achète', 'mangeait', 'viendront']
    """
    irregular = _irregular().get(infinitive)
    kind = infinitive[-2:]
    if tense == "present":
        if irregular:
            return irregular[0][person]
        ending = _ENDINGS[kind][person]
        return (_er_stem(infinitive, ending) if kind == "er" else infinitive[:-2]) + ending
    ending = _ENDINGS["future" if tense == "future" else "imperfect"][person]
    if tense == "imperfect":
        if irregular:
            return irregular[3] + ending
        if kind == "er":
            return _er_stem(infinitive, ending) + ending
        return infinitive[:-2] + ("iss" if kind == "ir" else "") + ending
    if irregular:
        return irregular[1] + ending
    if kind == "er":
        stem = _FUTURE.get(infinitive) or _er_stem(infinitive, "er") + "er"
        return stem + ending
    return infinitive.removesuffix("e") + ending


@functools.cache
def participle(infinitive: str) -> str:
    """The past participle, masculine singular."""
    irregular = _irregular().get(infinitive)
    if irregular:
        return irregular[2]
    return infinitive[:-2] + {"er": "é", "ir": "i", "re": "u"}[infinitive[-2:]]


def imperative(infinitive: str, person: int) -> str:
    """The imperative of tu (1), nous (3) or vous (4)."""
    form = conjugate(infinitive, "present", person)
    return form[:-1] if person == 1 and (infinitive.endswith("er") or form.endswith("es")) else form


SIMPLE = {
    "present": "present",
    "now": "present",
    "used": "imperfect",
    "was": "imperfect",
    "will": "future",
    "would": "conditional",
}


def group(
    infinitive: str,
    tense: str,
    person: int,
    *,
    state: bool = False,
    etre: bool = False,
    clitic: str = "",
    negation: str = "",
    adverb: str = "",
    agreement: tuple[str, bool] | None = None,
) -> str:
    """The verb with its pronouns, negation and short adverb ("ne ~les a pas souvent vus").

    ``tense`` is named for its English form: "present" "now" "past" "used" "was" "will" "would"
    "going" "perfect" "just". ``state`` verbs put their past in the imperfect, the others in the
    compound past, with être where ``etre`` says so. ``clitic`` is the pronoun before the verb.
    ``agreement`` is the gender and number that a participle takes; the caller knows with what.
    """
    ne, pas = ("ne" if negation else ""), _NEGATION[negation]
    simple = "imperfect" if tense == "past" and state else SIMPLE.get(tense)
    if simple:
        words = [ne, clitic, conjugate(infinitive, simple, person), pas, adverb]
    elif tense in ("past", "perfect"):
        done = participle(infinitive)
        if agreement:
            done = agree(done, agreement[0], plural=agreement[1])
        words = [ne, clitic, conjugate("être" if etre else "avoir", "present", person), pas, adverb, done]
    elif tense == "going":
        words = [ne, conjugate("aller", "present", person), pas, adverb, clitic, infinitive]
    else:
        assert tense == "just", tense
        words = [ne, conjugate("venir", "present", person), pas, adverb, "de", clitic, infinitive]
    return " ".join(word for word in words if word)
