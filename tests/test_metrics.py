"""Every number against sacrebleu asked independently, or against a value worked out by hand."""

from __future__ import annotations

import importlib.util
import logging
import math
import random
import subprocess
import sys
import time

import msgspec
import pytest
import sacrebleu

from transduce import metrics
from transduce.errors import ConfigError, DataError
from transduce.metrics import (
    Score,
    corpus_scores,
    exact_match,
    perplexity,
    segmentation,
    sentence_scores,
    token_accuracy,
)

FRENCH = [
    ("Un homme monte à cheval.", "Un homme monte à cheval."),
    ("Une femme lit un livre dans la rue .", "Une femme lit un grand livre dans la rue."),
    ("Deux chiens courent", "Deux chiens noirs courent dans l'herbe verte."),
    ("", "Il neige."),
    ("LE CHAT DORT.", "Le chat dort."),
]
CHINESE = [
    ("今天天气很好。", "今天天气非常好。"),
    ("我喜欢喝茶", "我喜歡喝茶。"),
    ("他在iPhone上看书。", "他在 iPhone 上看书。"),
]
JAPANESE = [("私は毎朝コーヒーを飲みます。", "私は毎朝、コーヒーを飲む。"), ("猫が好きです。", "猫が大好きです。")]
KOREAN = [("나는 학교에 간다.", "나는 학교에 갔다."), ("비가 온다", "비가 옵니다.")]
THAI = [("ฉันรักคุณ", "ฉันรักเธอ")]


def columns(pairs: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [hypothesis for hypothesis, _ in pairs], [reference for _, reference in pairs]


# ----------------------------------------------------------------------------------------- against sacrebleu itself


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize(("pairs", "tokenizer", "asian"), [(FRENCH, "13a", False), (CHINESE, "zh", True)],
                         ids=["french", "chinese"])  # fmt: skip
def test_corpus_scores_are_those_of_sacrebleu(
    pairs: list[tuple[str, str]],
    tokenizer: str,
    asian: bool,
    lowercase: bool,
) -> None:
    outputs, references = columns(pairs)
    found = corpus_scores(outputs, references, metrics=("bleu", "chrf", "chrf++", "ter"), lowercase=lowercase)
    assert list(found) == ["bleu", "chrf", "chrf++", "ter"]
    bleu = sacrebleu.corpus_bleu(outputs, [references], tokenize=tokenizer, lowercase=lowercase, force=True)
    # sacrebleu's own shorthand for chrF folds no case
    low = [[text.lower() if lowercase else text for text in texts] for texts in (outputs, references)]
    chrf = sacrebleu.corpus_chrf(low[0], [low[1]])
    chrf_words = sacrebleu.corpus_chrf(low[0], [low[1]], word_order=2)
    ter = sacrebleu.corpus_ter(outputs, [references], asian_support=asian, normalized=asian)
    expected = [("BLEU", bleu), ("chrF2", chrf), ("chrF2++", chrf_words), ("TER", ter)]
    for score, (name, independent) in zip(found.values(), expected, strict=True):
        assert score.name == name
        assert score.value == pytest.approx(independent.score, abs=1e-12)
        assert 0 < score.value < 100
        assert score.interval is None
    case, version = "lc" if lowercase else "mixed", sacrebleu.__version__
    yes_no = "yes" if asian else "no"
    assert [score.signature for score in found.values()] == [
        f"nrefs:1|case:{case}|eff:no|tok:{tokenizer}|smooth:exp|version:{version}",
        f"nrefs:1|case:{case}|eff:yes|nc:6|nw:0|space:no|version:{version}",
        f"nrefs:1|case:{case}|eff:yes|nc:6|nw:2|space:no|version:{version}",
        f"nrefs:1|case:lc|tok:tercom|norm:{yes_no}|punct:yes|asian:{yes_no}|version:{version}",
    ]


def test_scores_of_a_sentence_are_those_of_sacrebleu() -> None:
    outputs, references = columns(FRENCH)
    found = sentence_scores(outputs, references)
    for output, reference, scores in zip(outputs, references, found, strict=True):
        assert scores == {
            "bleu": pytest.approx(sacrebleu.sentence_bleu(output, [reference], use_effective_order=True).score),
            "chrf": pytest.approx(sacrebleu.sentence_chrf(output, [reference]).score),
        }
    assert found[0] == {"bleu": pytest.approx(100), "chrf": pytest.approx(100)}


# --------------------------------------------------------------------------------------------- worked out by hand


@pytest.mark.parametrize(
    ("output", "reference", "key", "expected"),
    [
        # precisions 4/4, 3/3, 2/2, 1/1; 4 words for 5, so the brevity penalty exp(1 - 5/4)
        ("a b c d", "a b c d e", "bleu", 100 * math.exp(-0.25)),
        # "the cat sat on the mat today ." against one word less: 7/8 5/7 4/6 3/5
        ("The cat sat on the mat today.", "The cat sat on the mat.", "bleu",
         100 * (7 / 8 * 5 / 7 * 4 / 6 * 3 / 5) ** 0.25),
        ("a b c d", "e f g h", "bleu", 0.0),
        ("", "a b c d", "bleu", 0.0),
        ("a c", "a b c d", "ter", 100 * 2 / 4),  # two insertions
        ("c d a b", "a b c d", "ter", 100 * 1 / 4),  # one shift
        ("x", "a", "ter", 100.0),
        ("same", "same", "ter", 0.0),
        # orders 1 and 2 only: precision (2/2 + 1/1) / 2, recall (2/3 + 1/2) / 2, weighted for recall
        ("ab", "abc", "chrf", 100 * 5 * 1 * (7 / 12) / (4 * 1 + 7 / 12)),
        ("今天", "今天", "ter", 0.0),
        ("今天好", "今天很好", "ter", 100 * 1 / 4),  # characters, not one word for the whole sentence
    ],
)  # fmt: skip
def test_tiny_cases_by_hand(output: str, reference: str, key: str, expected: float) -> None:
    assert corpus_scores([output], [reference], metrics=(key,))[key].value == pytest.approx(expected, abs=1e-9)


def test_chinese_is_cut_into_characters_and_not_left_whole() -> None:
    outputs, references = columns(CHINESE)
    right = corpus_scores(outputs, references)["bleu"]
    wrong = corpus_scores(outputs, references, tokenize="13a")["bleu"]
    assert "tok:zh" in right.signature
    assert "tok:13a" in wrong.signature
    assert right.value > 40
    assert wrong.value < 10


def test_exact_match_regards_neither_unicode_form_nor_outer_spaces() -> None:
    outputs = ["caf\u00e9", "Caf\u00e9", "a  b", " a b\n", "", "x"]
    references = ["cafe\u0301", "caf\u00e9", "a b", "a b", "", "y"]
    assert exact_match(outputs, references).value == pytest.approx(100 * 3 / 6)
    assert exact_match(["1"], ["1"]) == Score("exact match", 100.0, "nrefs:1|case:mixed|norm:nfc|space:stripped")


def test_perplexity_and_token_accuracy_from_sums() -> None:
    assert perplexity(10 * math.log(8), 10).value == pytest.approx(8)
    assert perplexity(0.0, 3).value == 1
    assert perplexity(1e9, 3).value == math.inf
    assert perplexity(1.0, 3, unit="bpe-3000").signature == "unit:bpe-3000|eos:yes|tokens:3"
    assert token_accuracy(3, 4).value == 75
    assert str(token_accuracy(3, 4)) == "token accuracy 75.0  unit:token|eos:yes|forced:yes|tokens:4"


# ----------------------------------------------------------------------------------------------- which tokenizer


@pytest.mark.parametrize(
    ("references", "language", "expected"),
    [
        (["Un homme monte à cheval."], None, ("13a", False)),
        (["Un homme monte à cheval."], "fr", ("13a", False)),
        ([], None, ("13a", False)),
        (["123 !?"], None, ("13a", False)),
        (["Он читает книгу.", "Το βιβλίο"], None, ("13a", False)),
        ([reference for _, reference in CHINESE], None, ("zh", True)),
        ([reference for _, reference in CHINESE], "target", ("zh", True)),  # a column's name says nothing
        (["ok"], "zh", ("zh", True)),
        (["ok"], "zh-CN", ("zh", True)),
        (["ok"], "Chinese (Simplified)", ("zh", True)),
        (["He said 你好 to the whole class of students."], None, ("13a", False)),
        ([reference for _, reference in THAI], None, ("char", False)),
    ],
)
def test_the_tokenizer_follows_language_and_script(
    references: list[str], language: str | None, expected: tuple[str, bool]
) -> None:
    found = segmentation(references, language=language)
    assert (found.tokenizer, found.asian, found.note) == (*expected, "")


@pytest.mark.parametrize(
    ("pairs", "language", "tool", "asian"),
    [(JAPANESE, None, "ja-mecab", True), (JAPANESE, "ja", "ja-mecab", True), (CHINESE, "japanese", "ja-mecab", True),
     (KOREAN, None, "ko-mecab", False), (KOREAN, "kor", "ko-mecab", False)],
)  # fmt: skip
def test_japanese_and_korean_get_words_where_they_can_and_characters_else(
    pairs: list[tuple[str, str]],
    language: str | None,
    tool: str,
    asian: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outputs, references = columns(pairs)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found = segmentation(references, language=language)
    assert (found.tokenizer, found.asian) == ("char", asian)
    assert "pip install" in found.note
    score = corpus_scores(outputs, references, language=language, metrics=("bleu",))["bleu"]
    assert score.value == pytest.approx(sacrebleu.corpus_bleu(outputs, [references], tokenize="char").score)
    assert "tok:char" in score.signature
    assert score.note == found.note
    with pytest.raises(ConfigError, match="pip install"):
        segmentation(references, tokenize=tool)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert segmentation(references, language=language) == metrics.Segmentation(tool, asian)


@pytest.mark.skipif(importlib.util.find_spec("ipadic") is None, reason="Japanese word segmentation is not installed")
def test_japanese_words() -> None:
    outputs, references = columns(JAPANESE)
    score = corpus_scores(outputs, references)["bleu"]
    assert "tok:ja-mecab" in score.signature
    assert score.value == pytest.approx(sacrebleu.corpus_bleu(outputs, [references], tokenize="ja-mecab").score)


# ------------------------------------------------------------------------------------------------- around the numbers


def test_a_score_reads_as_one_line_and_travels_as_json() -> None:
    score = corpus_scores(["The cat sat on the mat today."], ["The cat sat on the mat."])["bleu"]
    version = sacrebleu.__version__
    assert str(score) == f"BLEU 70.7  nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{version}"
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(score)), Score) == score
    assert str(perplexity(math.log(8.314), 1)) == "perplexity 8.31  unit:token|eos:yes|tokens:1"


def test_a_bootstrap_interval_is_told_with_its_seed_and_leaves_the_score() -> None:
    outputs, references = columns(FRENCH * 20)
    plain = corpus_scores(outputs, references, metrics=("bleu", "ter"))
    found = corpus_scores(outputs, references, metrics=("bleu", "ter"), bootstrap=100)
    assert found == corpus_scores(outputs, references, metrics=("bleu", "ter"), bootstrap=100)
    for key, score in found.items():
        assert score.value == plain[key].value
        assert score.interval is not None
        assert 0.5 < score.interval < 20
        assert score.signature.startswith("nrefs:1|bs:100|seed:12345|")
    assert " ± " in str(found["bleu"])


def test_nothing_is_said_on_the_side(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    outputs, references = ["Tokenized , it seems ."] * 150, ["Tokenized, it seems."] * 150
    with caplog.at_level(logging.DEBUG):
        corpus_scores(outputs, references, metrics=metrics.METRICS, language="zh", tokenize="13a")
        sentence_scores(outputs, references)
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("score", [corpus_scores, sentence_scores, exact_match])
@pytest.mark.parametrize(
    ("outputs", "references", "words"),
    [(["a"], ["a", "b"], "1 outputs against 2 references"), ([], [], "no sentences"), ("ab", "ab", "a list of texts")],
)
def test_what_cannot_be_scored_is_refused(score: object, outputs: list[str], references: list[str], words: str) -> None:
    assert callable(score)
    with pytest.raises(DataError, match=words):
        score(outputs, references)


def test_no_tokens_is_no_perplexity() -> None:
    for score in (perplexity, token_accuracy):
        with pytest.raises(DataError, match="no tokens"):
            score(0, 0)


def test_unknown_names_are_refused_with_the_nearest_known() -> None:
    with pytest.raises(ConfigError, match=r'unknown metric "blue"\. Did you mean "bleu"'):
        corpus_scores(["a"], ["a"], metrics=("blue",))
    with pytest.raises(ConfigError, match=r'unknown BLEU tokenizer "13b"\. Did you mean "13a"'):
        corpus_scores(["a"], ["a"], tokenize="13b")
    with pytest.raises(ConfigError, match="Known here"):  # these would download a model
        corpus_scores(["a"], ["a"], tokenize="flores200")


def test_importing_metrics_imports_neither_sacrebleu_nor_numpy() -> None:
    program = "import sys, transduce.metrics; print({'sacrebleu', 'numpy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_ter_in_time_is_ter_and_is_left_out_where_it_takes_too_long() -> None:
    draw = random.Random(0)
    outputs, references = ([" ".join(draw.choices("abcdefgh", k=length)) for length in range(40)] for _ in range(2))
    short = [row for row in range(40) if row < 12]
    some = [[texts[row] for row in short] for texts in (outputs, references)]
    whole = corpus_scores(*some, metrics=("ter",))
    assert corpus_scores(*some, metrics=("ter",), ter_seconds=600) == whole
    began = time.perf_counter()
    assert list(corpus_scores(outputs, references, ter_seconds=0.2)) == ["bleu", "chrf"]
    assert time.perf_counter() - began < 10  # all of it takes minutes


@pytest.mark.parametrize(("outputs", "references"), [([""], ["a"]), (["a"], [""]), ([""], [""])])
def test_ter_in_time_of_empty_texts_is_sacrebleus(outputs: list[str], references: list[str]) -> None:
    (found,) = corpus_scores(outputs, references, metrics=("ter",), ter_seconds=5).values()
    assert found.value == sacrebleu.corpus_ter(outputs, [references]).score
