"""Cho, van Merrienboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio 2014: Learning Phrase Representations using
RNN Encoder-Decoder for Statistical Machine Translation. Inside: sections 2 and 4.1."""

from __future__ import annotations

from transduce.data.tokenizer import TokenizerConfig
from transduce.decoding import DecodingConfig
from transduce.models import RNNConfig
from transduce.request import Recipe
from transduce.training.loop import TrainingConfig
from transduce.training.optim import OptimConfig


def cho2014() -> Recipe:
    """The RNN Encoder-Decoder: one layer of 1000 gated units each, no attention.

    Paper: 1,000 hidden units on each side with the gated unit of eqs. 5 to 8, the last state of the encoder through
    tanh into the decoder's first; embeddings of rank 100; 15,000 words a side; Adadelta (epsilon 1e-6, rho 0.95), 64
    phrase pairs an update, about three days (section 4.1). It scored phrase pairs within a phrase-based system: BLEU 33.30 without
    it and 33.87 with it, on the test set of WMT 2014 English to French (table 1).

    Departures: AdamW at 1e-3 for Adadelta, falling to zero over the last 40 %. The paper feeds the source's vector to
    every step of the decoder and takes the output through a maxout layer of 500; ours starts the decoder from it, and
    brings the state to the embedding's width. Batches are filled by tokens; 20,000 updates where no time is given.

    Expect: a model that scores and writes short phrases (transduce score); whole sentences of more than some ten
    words go beyond one vector, which is what attention was invented for. Paper figures are not ours to compare.
    """
    return Recipe(
        name="cho2014",
        model=RNNConfig(cell="gru_before", embed=100, hidden=1_000, layers=1, bidirectional=False, attention="none",
                        bridge="dense", tied="none", dropout=0.0),
        tokenizer=TokenizerConfig(kind="word", vocab=15_000, joint=False, byte_fallback=False),
        training=TrainingConfig(steps=20_000, batch_tokens=700, label_smoothing=0.0, validate_every=500,
                                optim=OptimConfig(lr=1e-3, betas=(0.9, 0.999), warmup=0)),
        decoding=DecodingConfig(beam=5, beam_threshold=0),
    )  # fmt: skip
