"""Languages as columns and file names spell them: "french", "fr", "fr-FR", "train.fr", "Français", "法语"."""

from __future__ import annotations

import re

# ISO 639-1 code, ISO 639-2 codes, English name, endonyms, names in other widely used languages.
_TABLE = """
ar ara arabic العربية عربي arabe 阿拉伯语 阿拉伯文
be bel belarusian беларуская
bg bul bulgarian български 保加利亚语
bn ben bengali bangla বাংলা 孟加拉语
ca cat catalan català
cs ces cze czech čeština česky 捷克语
cy cym wel welsh cymraeg
da dan danish dansk 丹麦语
de deu ger german deutsch allemand alemán 德语 德文 ドイツ語 독일어 немецкий
el ell gre greek ελληνικά 希腊语
en eng english anglais englisch inglés ingles inglês inglese 英语 英文 英語 영어 английский
eo epo esperanto
es spa spanish español espanol castellano espagnol spanisch 西班牙语 西班牙文 スペイン語 스페인어 испанский
et est estonian eesti
eu eus baq basque euskara
fa fas per persian farsi فارسی 波斯语
fi fin finnish suomi 芬兰语
fr fra fre french français francais französisch francés 法语 法文 フランス語 프랑스어 французский
ga gle irish gaeilge
gl glg galician galego
gu guj gujarati ગુજરાતી
ha hau hausa
he heb hebrew עברית 希伯来语
hi hin hindi हिन्दी हिंदी 印地语
hr hrv croatian hrvatski
hu hun hungarian magyar 匈牙利语
hy hye arm armenian հայերեն
id ind indonesian 印尼语 印度尼西亚语
ig ibo igbo
is isl ice icelandic íslenska
it ita italian italiano italien italienisch 意大利语 意大利文 イタリア語 이탈리아어 итальянский
ja jpn japanese 日本語 日语 日文 japonais japanisch 일본어 японский
ka kat geo georgian ქართული
kk kaz kazakh қазақша
km khm khmer ខ្មែរ 高棉语
kn kan kannada ಕನ್ನಡ
ko kor korean 한국어 韩语 韩文 朝鲜语 韓国語 coréen корейский
la lat latin latina 拉丁语
lo lao ລາວ 老挝语
lt lit lithuanian lietuvių
lv lav latvian latviešu
mk mkd mac macedonian македонски
ml mal malayalam മലയാളം
mn mon mongolian монгол 蒙古语
mr mar marathi मराठी
ms msa may malay melayu 马来语
mt mlt maltese malti
my mya bur burmese မြန်မာ 缅甸语
ne nep nepali नेपाली
nl nld dut dutch nederlands néerlandais niederländisch 荷兰语
no nor norwegian norsk nb nob bokmål bokmal nn nno nynorsk 挪威语
pa pan punjabi ਪੰਜਾਬੀ
pl pol polish polski polonais polnisch 波兰语 польский
pt por portuguese português portugues portugais portugiesisch 葡萄牙语 葡萄牙文
ro ron rum romanian română 罗马尼亚语
ru rus russian русский russe russisch ruso 俄语 俄文 ロシア語 러시아어
sk slk slo slovak slovenčina
sl slv slovenian slovene slovenščina
sq sqi alb albanian shqip
sr srp serbian српски srpski
sv swe swedish svenska suédois schwedisch 瑞典语
sw swa swahili kiswahili
ta tam tamil தமிழ் 泰米尔语
te tel telugu తెలుగు
th tha thai ไทย ภาษาไทย 泰语
tl tgl tagalog filipino
tr tur turkish türkçe turc türkisch 土耳其语
uk ukr ukrainian українська 乌克兰语
ur urd urdu اردو
uz uzb uzbek
vi vie vietnamese tiếngviệt việt 越南语
xh xho xhosa
yo yor yoruba yorùbá
zh zho chi chinese mandarin 中文 汉语 漢語 华语 中国語 중국어 chinois chinesisch chino китайский cmn
zu zul zulu
"""
_CODES = {name.casefold(): line.split()[0] for line in _TABLE.strip().splitlines() for name in line.split()}
_ENGLISH_NAMES = {
    line.split()[0]: next(word for word in line.split() if len(word) > 3 or word == "lao").title()
    for line in _TABLE.strip().splitlines()
}
# What else columns of pairs are called; a header is recognized by these where nothing else tells.
_ROLE_WORDS = """
source target src tgt trg input output text label summary document question answer sentence sentence1 sentence2
translation prompt response query article title dialogue abstract category class sentiment command action
原文 译文 源语言 目标语言 问题 答案 标签 文本 摘要
"""
_ROLES = frozenset(_ROLE_WORDS.split())
# Words around a language in a column's name: "source_en", "French text", "zh translation".
_AROUND_WORDS = "train training valid validation val dev test lang language column col sentences line"
_AROUND = _ROLES | frozenset(_AROUND_WORDS.split())
# "fr-CA", "zh_Hans_CN", "es-419". A region that is also another language's code is one only for these countries.
_REGION = re.compile(r"([a-z]{2,3})[-_](?:hans|hant|latn|cyrl|arab|deva|([a-z]{2})|\d{3})(?:[-_][a-z]{2})?")
_COUNTRIES = {"ar", "be", "ca", "sv"}
# Codes that are words in a name such as "my_text".
_ENGLISH = {"be", "he", "hi", "id", "is", "may", "my", "no", "per"}


def language_of(column: str) -> str | None:
    """The ISO 639-1 code of the language that a column's or a file's name tells, None where it tells none.

    Understands names and codes ("French", "fra", "français", "法语"), regions and scripts ("fr-CA", "zh_Hans"), file
    endings ("train.fr", "train.fr.gz") and generic words around one language ("source_en", "French text").
    """
    name = column.strip().casefold().removesuffix(".gz")
    if name in _CODES:
        return _CODES[name]
    if (parts := _REGION.fullmatch(name)) and parts[1] in _CODES:
        language, region = _CODES[parts[1]], parts[2] or ""
        if region in _COUNTRIES or _CODES.get(region, language) == language:
            return language
    if "." in name:
        return language_of(name.rpartition(".")[2])
    words = [word for word in re.split(r"[\W_]+", name) if word]
    found = {_CODES[word] for word in words if word in _CODES and word not in _ENGLISH}
    if len(found) == 1 and all(word in _CODES or word in _AROUND for word in words):
        return found.pop()
    return None


def english_name(code: str) -> str | None:
    """The English name of a language, by its ISO 639-1 code: "fr" is "French". None for an unknown code."""
    return _ENGLISH_NAMES.get(code)


def column_word(cell: str) -> str | None:
    """How surely a cell is a column's name: "known" for a role or a language's name, "code" for a code of two or three
    ASCII letters (which may also be a word: "hi", "is", "no", "it"), None for anything else.
    """
    name = cell.strip().casefold()
    if name in _ROLES:
        return "known"
    if language_of(name) is None:
        return None
    return "code" if len(name) <= 3 and name.isascii() else "known"
