"""Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin 2017: Attention Is All You Need.

Inside: table 3 (sizes), section 5 (training), section 6.1 (decoding).
"""

from __future__ import annotations

from transduce.data.tokenizer import TokenizerConfig
from transduce.decoding import DecodingConfig
from transduce.models import TransformerConfig
from transduce.request import Recipe
from transduce.training.loop import TrainingConfig
from transduce.training.optim import OptimConfig

WARMUP = 4000  # updates; section 5.3
BATCH = 25_000  # target tokens, about; section 5.1


def peak_rate(hidden: int, *, warmup: int = WARMUP) -> float:
    """The largest learning rate of eq. 3, d_model^-0.5 * min(step^-0.5, step * warmup^-1.5): where both are equal."""
    return float((hidden * warmup) ** -0.5)


def vaswani2017_base() -> Recipe:
    """The Transformer, base model: 6+6 layers of 512, for WMT 2014.

    Paper: table 3, row "base": N 6, d_model 512, d_ff 2048, h 8, d_k 64, d_v 64, P_drop 0.1, label smoothing 0.1,
    100K steps, 65M parameters; perplexity 4.92 and BLEU 25.8 on newstest2013 (English to German). Table 2:
    newstest2014 BLEU 27.3 English to German, 38.1 English to French. Section 5: byte pairs, one vocabulary of
    about 37,000 for English and German; batches of about 25,000 source and 25,000 target tokens; Adam, betas
    0.9 and 0.98, epsilon 1e-9, the learning rate of eq. 3 with 4,000 updates of warm-up. Section 6.1: mean of the
    last 5 checkpoints, beam 4, length penalty 0.6, outputs at most 50 tokens longer than the input.

    Departures: 25,000 target tokens come as eight batches an update, so that they fit into memory. Instead of
    5 checkpoints, 10 minutes apart, weights of the last 5 % of all updates are averaged. Attention and output
    have biases. The tables' BLEU is of tokenized text with compounds split; ours is sacreBLEU's 13a, and lower.
    At 37,000 entries we count 63.1M parameters; the paper's 65M, as the other rows of its table, belong to a
    vocabulary of some 41,000.

    Expect: figures of table 2 after 12 hours on eight P100 GPUs (section 5.2) and 4.5 million pairs. Not a model for
    a CPU: there an update takes minutes. On small data take tiny-transformer.
    """
    return Recipe(
        name="vaswani2017-base",
        model=TransformerConfig(hidden=512, heads=8, layers=6, encoder_layers=6, feed_forward=2048, norm="post",
                                dropout=0.1),
        tokenizer=TokenizerConfig(kind="bpe", vocab=37_000, joint=True),
        training=_training(hidden=512, steps=100_000),
        decoding=_decoding(),
    )  # fmt: skip


def vaswani2017_big() -> Recipe:
    """The Transformer, big model: 6+6 layers of 1024, for WMT 2014.

    Paper: table 3, row "big": N 6, d_model 1024, d_ff 4096, h 16, P_drop 0.3, 300K steps, 213M parameters;
    perplexity 4.33 and BLEU 26.4 on newstest2013 (English to German). Table 2: newstest2014 BLEU 28.4 English to
    German, 41.8 English to French (there with dropout 0.1, section 6.1). The rest as the base model, but for the
    mean of the last 20 checkpoints.

    Departures: as vaswani2017-base. At 37,000 entries we count 214.3M parameters.

    Expect: figures of table 2 after 3.5 days on eight P100 GPUs (section 5.2). Not a model for a CPU.
    """
    return Recipe(
        name="vaswani2017-big",
        model=TransformerConfig(hidden=1024, heads=16, layers=6, encoder_layers=6, feed_forward=4096, norm="post",
                                dropout=0.3),
        tokenizer=TokenizerConfig(kind="bpe", vocab=37_000, joint=True),
        training=_training(hidden=1024, steps=300_000),
        decoding=_decoding(),
    )  # fmt: skip


def _training(*, hidden: int, steps: int) -> TrainingConfig:
    optim = OptimConfig(name="adamw", lr=peak_rate(hidden), betas=(0.9, 0.98), eps=1e-9, weight_decay=0.0,
                        warmup=WARMUP, schedule="inverse_sqrt")  # fmt: skip
    return TrainingConfig(steps=steps, batch_tokens=BATCH // 8, accumulate=8, clip=0.0, label_smoothing=0.1, average=0.05,
                          average_every=100, validate_every=1_000, best_by="bleu", optim=optim)  # fmt: skip


def _decoding() -> DecodingConfig:
    return DecodingConfig(beam=4, beam_threshold=0, length_penalty=0.6, max_length_ratio=1.0, max_length_extra=50)
