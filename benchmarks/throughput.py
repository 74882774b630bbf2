"""Training tokens per second with the share of the machine's matrix-product peak, and decoding speed.

    python benchmarks/throughput.py [--run RUN --data FOLDER]

Training: real steps (forward, backward, clipping, AdamW) on made-up batches of 700 target positions,
each model beside the default one as a ratio of the same run. Decoding, with a run folder trained on
Multi30k and the folder of its texts: the 1,000 test sentences, greedy and beam 5, and one at a time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from common import machine, multi30k, peak_gflops, seconds_each, table

from transduce.models import RNN, RNNConfig, build
from transduce.training.loop import TrainingConfig
from transduce.training.optim import make_optimizer
from transduce.transducer import load

VOCAB, LENGTH = 3000, 17
MODELS = {
    "lstm 256, general (default)": RNNConfig(),
    "gru 256, general": RNNConfig(cell="gru"),
    "rnn tanh 256, general": RNNConfig(cell="rnn"),
    "lstm 256, no attention": RNNConfig(attention="none"),
    "lstm 256, additive": RNNConfig(attention="additive"),
    "lstm 256, general, input feeding": RNNConfig(input_feeding=True),
    "gru (Cho's reset) 256, general": RNNConfig(cell="gru_before"),
    "lstm 512, general": RNNConfig(hidden=512),
    "lstm 2x512, general": RNNConfig(hidden=512, layers=2),
}


def flops_per_token(config: RNNConfig) -> float:
    """Multiplications and additions of one training step for each target token: matrix products only, three passes.

    Source and target of equal length; attention over LENGTH positions.
    """
    gates = {"lstm": 4, "gru": 3, "gru_before": 3, "rnn": 1}[config.cell]
    fed = config.embed * (2 if config.input_feeding else 1)

    def stack(inputs: int, width: int, layers: int, directions: int) -> int:
        each = width // directions
        first = gates * each * (inputs + each) * directions
        return first + (layers - 1) * gates * each * (width + each) * directions

    total = stack(config.embed, config.enc_hidden, config.enc_layers, 2 if config.bidirectional else 1)
    total += stack(fed, config.hidden, config.layers, 1)
    if config.attention != "none":
        total += (config.enc_hidden + config.hidden) * config.embed + LENGTH * (config.hidden + config.enc_hidden)
        total += config.enc_hidden * config.hidden if config.attention in ("general", "additive") else 0
    return 3 * 2 * (total + config.embed * VOCAB)


def tokens_per_second(config: RNNConfig, *, batch_tokens: int) -> float:
    torch.manual_seed(0)
    model = build(config, source_vocab=VOCAB, target_vocab=VOCAB).train()
    optimizer = make_optimizer(model, TrainingConfig().optim)
    rows = batch_tokens // LENGTH
    tokens, lengths = torch.randint(4, VOCAB, (rows, LENGTH)), torch.full((rows,), LENGTH)

    def step() -> None:
        logits = model(tokens, lengths, tokens)
        F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), label_smoothing=0.1).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return rows * LENGTH / seconds_each(step, least=3.0)


def training_table() -> str:
    peak = peak_gflops()
    rows, first = [], None
    for name, config in MODELS.items():
        for batch_tokens in (700, 2500) if config == RNNConfig() else (700,):
            speed = tokens_per_second(config, batch_tokens=batch_tokens)
            first = first or speed
            share = 100 * speed * flops_per_token(config) / 1e9 / peak
            size = sum(weight.numel() for weight in RNN(config, source_vocab=VOCAB, target_vocab=VOCAB).parameters())
            rows.append(
                [name, batch_tokens, f"{size / 1e6:.2f}M", f"{speed:,.0f}", f"{speed / first:.2f}", f"{share:.0f} %"]
            )
    heads = ["model", "batch, tokens", "parameters", "target tokens/s", "ratio", f"share of {peak:.0f} GFLOP/s"]
    return table(heads, rows)


def decoding_table(run: Path, data: Path) -> str:
    model = load(run)
    sentences = multi30k(data, "test_2016_flickr", "en")
    rows = []
    for name, beam in (("greedy", 1), ("beam 5", 5)):
        model.translate(sentences[:50], beam=beam)
        began = time.perf_counter()
        model.translate(sentences, beam=beam)
        batched = time.perf_counter() - began
        taken = []
        for sentence in sentences[:200]:
            began = time.perf_counter()
            model.translate(sentence, beam=beam)
            taken.append(time.perf_counter() - began)
        rows.append(
            [name, f"{batched:.2f}", f"{len(sentences) / batched:,.0f}", f"{1000 * statistics.median(taken):.1f}"]
        )
    return table(["search", f"{len(sentences):,} sentences, s", "sentences/s", "one sentence, median ms"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    print(f"{machine()}\n\n{training_table()}")
    if options.run and options.data:
        print(f"\n{decoding_table(options.run, options.data)}")


if __name__ == "__main__":
    main()
