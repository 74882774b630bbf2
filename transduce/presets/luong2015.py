"""Luong, Pham, Manning 2015: Effective Approaches to Attention-based Neural Machine Translation.

Inside: sections 3 and 4.1, tables 1 and 4.
"""

from __future__ import annotations

from transduce.data.tokenizer import TokenizerConfig
from transduce.decoding import DecodingConfig
from transduce.models import RNNConfig
from transduce.request import Recipe
from transduce.training.loop import TrainingConfig
from transduce.training.optim import OptimConfig

WORDS = 24.4  # of a target sentence: 110M German words in 4.5M sentences, section 4.1


def luong2015() -> Recipe:
    """Four LSTM layers of 1000 with global attention (general) and input feeding.

    Paper: section 4.1: 4 layers of 1,000 cells, 1,000-dimensional embeddings, 50,000 words a side, sources reversed,
    dropout 0.2; plain SGD at 1, halved every epoch after 8 of 12 epochs; batches of 128; gradients scaled to norm 5 if
    they are longer. Table 4: newstest2014 English to German, global attention with "general" and input feeding:
    perplexity 6.1, BLEU 17.3, and 19.1 with unknown words replaced by means of the attention.

    Departures: the halving of the rate is a straight line to zero over the same last third. Our loss is the mean over
    target tokens where theirs is over sentences, so 1 becomes 24.4 and 5 becomes 5 / 24.4, at 24.4 German words
    a sentence (110M words in 4.5M sentences). First weights are PyTorch's, not uniform in 0.1. 128 sentences are four
    batches of 780 target tokens. Unknown words are not replaced. The beam of
    10 is ours: the paper names none.

    Expect: table 4 after 7 to 10 days on one GPU of 2015 (section 4.1) and 4.5M pairs. On a CPU the default
    model, the same attention after one layer and without feeding, trains many times faster.
    """
    return Recipe(
        name="luong2015",
        model=RNNConfig(cell="lstm", embed=1_000, hidden=1_000, layers=4, bidirectional=False, reverse_source=True,
                        attention="general", input_feeding=True, bridge="copy", tied="none", dropout=0.2),
        tokenizer=TokenizerConfig(kind="word", vocab=50_000, joint=False, byte_fallback=False),
        training=TrainingConfig(
            epochs=12, batch_tokens=780, accumulate=4, clip=5 / WORDS, label_smoothing=0.0, validate_every=1_000,
            best_by="bleu",
            optim=OptimConfig(name="sgd", lr=1.0 * WORDS, warmup=0, schedule="hold", decay=1 / 3),
        ),
        decoding=DecodingConfig(beam=10, beam_threshold=0, length_penalty=0.0),
    )  # fmt: skip
