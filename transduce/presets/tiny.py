"""Wu, Kong, Bi, Li, Kao 2021: Good for Misconceived Reasons, an empirical revisiting on the need for visual context
in multimodal machine translation. Its text-only baselines are the published small Transformers of Multi30k."""

from __future__ import annotations

from transduce.data.tokenizer import TokenizerConfig
from transduce.decoding import DecodingConfig
from transduce.models import TransformerConfig
from transduce.request import Recipe
from transduce.training.loop import TrainingConfig
from transduce.training.optim import OptimConfig


def tiny_transformer() -> Recipe:
    """Transformer-Tiny of Wu et al. 2021: 4+4 layers of 128, for data as small as Multi30k.

    Paper: 4 layers on each side, width 128, feed-forward 256, 4 heads, dropout 0.3, 2.6M parameters on Multi30k
    (29,000 pairs); the best of the sizes it tries on so little data. BLEU 41.02 English to German on test2016.

    Departures: ours are learning rate, warm-up and length of training, for one machine: AdamW to 2e-3 over 2,000
    updates of at most 2,000 target tokens, then falling as the inverse square root; 10 validations without a better
    chrF end it, or 40,000 updates; the mean of the weights of the last tenth is kept if it is better. Their BLEU is of
    lower-cased tokenized text; ours is sacreBLEU's 13a, cased. At 10,000 entries we count 2.6M parameters.

    Expect: not measured here to its end; in minutes on a CPU the default LSTM is the better start (docs/models.md).
    """
    return Recipe(
        name="tiny-transformer",
        model=TransformerConfig(hidden=128, heads=4, layers=4, encoder_layers=4, feed_forward=256, norm="post",
                                dropout=0.3),
        tokenizer=TokenizerConfig(kind="bpe", vocab=10_000, joint=True),
        training=TrainingConfig(
            steps=40_000, batch_tokens=2_000, clip=0.0, label_smoothing=0.1, validate_every=500, patience=10,
            average=0.1, average_every=50,
            optim=OptimConfig(lr=2e-3, betas=(0.9, 0.98), warmup=2_000, schedule="inverse_sqrt"),
        ),
        decoding=DecodingConfig(beam=5, beam_threshold=0),
    )  # fmt: skip
