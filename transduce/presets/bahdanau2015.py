"""Bahdanau, Cho, Bengio 2015: Neural Machine Translation by Jointly Learning to Align and Translate.

Inside: section 4.2 and appendices A and B.
"""

from __future__ import annotations

from transduce.data.tokenizer import TokenizerConfig
from transduce.decoding import DecodingConfig
from transduce.models import RNNConfig
from transduce.request import Recipe
from transduce.training.loop import TrainingConfig
from transduce.training.optim import OptimConfig


def bahdanau2015() -> Recipe:
    """RNNsearch: gated units of 1000 with additive attention over a bidirectional encoder.

    Paper: 1,000 hidden units in the decoder and in each direction of the encoder, embeddings of 620, a maxout layer of
    500 before the output (appendix A.2.3); the 30,000 most frequent words a side (section 4.1); Adadelta (epsilon
    1e-6, rho 0.95), 80 sentences an update, gradients scaled to norm 1 (section 4.2, appendix B.2). Table 1, English to French:
    BLEU 26.75 for RNNsearch-50 on all sentences of newstest2014 and 34.16 on those without unknown words; trained on
    sentences of at most 50 words.

    Departures: AdamW at 1e-3 for Adadelta, falling to zero over the last 40 %. Attention asks with the decoder's
    state of this step, after the cell, not with that of the step before; the context enters the next step by input
    feeding; a tanh layer of the embedding's width stands for the maxout layer. The bridge takes both last states
    of the encoder, not the backward one alone. Batches are filled by tokens. The loss and so the norm are means over
    tokens. 100,000 updates where no time is given.

    Expect: table 1 after about five days of training (section 4.2) on one GPU. On a CPU, input feeding keeps training from
    running over whole sequences at once: take the default LSTM unless it is this paper that you study.
    """
    return Recipe(
        name="bahdanau2015",
        model=RNNConfig(cell="gru_before", embed=620, hidden=1_000, encoder_hidden=2_000, layers=1, bidirectional=True,
                        attention="additive", input_feeding=True, bridge="dense", tied="none", dropout=0.0),
        tokenizer=TokenizerConfig(kind="word", vocab=30_000, joint=False, byte_fallback=False),
        training=TrainingConfig(steps=100_000, batch_tokens=2_000, clip=1.0, label_smoothing=0.0, validate_every=1_000,
                                best_by="bleu", optim=OptimConfig(lr=1e-3, betas=(0.9, 0.999), warmup=0)),
        decoding=DecodingConfig(beam=5, beam_threshold=0),
    )  # fmt: skip
