"""Sutskever, Vinyals, Le 2014: Sequence to Sequence Learning with Neural Networks. Inside: section 3."""

from __future__ import annotations

from transduce.data.tokenizer import TokenizerConfig
from transduce.decoding import DecodingConfig
from transduce.models import RNNConfig
from transduce.request import Recipe
from transduce.training.loop import TrainingConfig
from transduce.training.optim import OptimConfig

WORDS = 29  # of a target sentence: 348M French words in 12M sentences, section 3.1


def sutskever2014() -> Recipe:
    """Four LSTM layers of 1000, the source read backwards, no attention.

    Paper: section 3.4: 4 layers, 1,000 cells and 1,000-dimensional embeddings, 160,000 source and 80,000 target words,
    384M parameters of which 64M are recurrent; plain SGD at 0.7, halved every half epoch after 5 of 7.5 epochs; batches of
    128 sentences of like length; the gradient of a sentence, mean over the batch, scaled to norm 5 if it is longer.
    Sources reversed (section 3.3). Table 1: BLEU 30.59 on newstest2014 English to French, one reversed model, beam 12;
    34.81 for an ensemble of five.

    Departures: the halving of the rate is a straight line to zero over the same last third. Our loss is the mean over
    target tokens where theirs is over sentences, so 0.7 becomes 0.7 * 29 and 5 becomes 5 / 29, at 29 French words
    a sentence (348M words in 12M sentences, section 3.1). First weights are PyTorch's, not uniform in
    0.08. 128 sentences are four batches of 930 target tokens.

    Expect: table 1 after ten days on eight GPUs (section 3.5) and 12M pairs. Not a model for a CPU; --set
    model.hidden=256 --set model.embed=256 --set tokenizer.vocab=3000 --budget 10m shows what reversal does.
    """
    return Recipe(
        name="sutskever2014",
        model=RNNConfig(cell="lstm", embed=1_000, hidden=1_000, layers=4, bidirectional=False, reverse_source=True,
                        attention="none", bridge="copy", tied="none", dropout=0.0),
        tokenizer=TokenizerConfig(kind="word", vocab=80_000, joint=False, byte_fallback=False),
        training=TrainingConfig(
            epochs=7.5, batch_tokens=930, accumulate=4, clip=5 / WORDS, label_smoothing=0.0, validate_every=1_000,
            best_by="bleu",
            optim=OptimConfig(name="sgd", lr=0.7 * WORDS, warmup=0, schedule="hold", decay=1 / 3),
        ),
        decoding=DecodingConfig(beam=12, beam_threshold=0, length_penalty=0.0),
    )  # fmt: skip
