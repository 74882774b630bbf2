"""Training tokens per second with the share of the machine's matrix-product peak, and decoding speed.

    python benchmarks/throughput.py [--run RUN ... --data FOLDER] [--decoding]

Training: real steps (forward, backward, clipping, AdamW) on made-up batches of 700 target positions, each model
beside the default one, and plain PyTorch code of that (plain.py) in turns with it; single precision, and, on processors that
train with it, the default from bfloat16 numbers too. Decoding, with run
folders trained on Multi30k and the folder of its texts: the 1,000 test sentences, greedy and beam 5, together and
one at a time, and the same by plain PyTorch code with the same weights. --decoding leaves training out.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from common import machine, multi30k, peak_gflops, seconds_each, table
from plain import Plain, copy_of
from torch import Tensor, nn

from transduce.models import DEFAULT, RNN, RNNConfig, build
from transduce.training.device import PrecisionName, precision
from transduce.training.loop import TrainingConfig
from transduce.training.loss import token_loss
from transduce.training.optim import make_optimizer
from transduce.transducer import load

VOCAB, LENGTH = 3000, 17
MODELS = {
    "lstm 256, general, lexical (default)": DEFAULT,
    "lstm 256, general": RNNConfig(),
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
    if config.lexical:
        total += config.embed * (config.embed + LENGTH)
    return 3 * 2 * (total + config.embed * VOCAB)


def our_loss(logits: Tensor, targets: Tensor) -> Tensor:
    return token_loss(logits, targets, smoothing=0.1).loss / targets.numel()


def plain_loss(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=0.1)


def tokens_per_second(
    model: nn.Module, *, batch_tokens: int, loss: Callable[[Tensor, Tensor], Tensor] = our_loss,
    numbers: PrecisionName = "float32",
) -> float:  # fmt: skip
    model.train()
    optimizer = make_optimizer(model, TrainingConfig().optim)
    rows = batch_tokens // LENGTH
    tokens, lengths = torch.randint(4, VOCAB, (rows, LENGTH)), torch.full((rows,), LENGTH)
    autocast = precision(numbers, torch.device("cpu")).autocast

    def step() -> None:
        with autocast():
            logits = model(tokens, lengths, tokens)
        loss(logits, tokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return rows * LENGTH / seconds_each(step, least=3.0)


def default() -> nn.Module:
    return build(DEFAULT, source_vocab=VOCAB, target_vocab=VOCAB)


def training_table() -> str:
    peak = peak_gflops()
    rows, first = [], None
    for name, config in MODELS.items():
        for batch_tokens in (700, 2500) if config == DEFAULT else (700,):
            torch.manual_seed(0)
            speed = tokens_per_second(build(config, source_vocab=VOCAB, target_vocab=VOCAB), batch_tokens=batch_tokens)
            first = first or speed
            share = 100 * speed * flops_per_token(config) / 1e9 / peak
            size = sum(weight.numel() for weight in RNN(config, source_vocab=VOCAB, target_vocab=VOCAB).parameters())
            rows.append(
                [name, batch_tokens, f"{size / 1e6:.2f}M", f"{speed:,.0f}", f"{speed / first:.2f}", f"{share:.0f} %"]
            )
    turns: dict[str, Callable[[], float]] = {
        "the default": lambda: tokens_per_second(default(), batch_tokens=700),
        "in plain PyTorch": lambda: tokens_per_second(Plain(VOCAB), batch_tokens=700, loss=plain_loss),
    }
    if precision("auto", torch.device("cpu")).name == "bfloat16":  # how this machine trains
        turns["products from bfloat16"] = lambda: tokens_per_second(default(), batch_tokens=700, numbers="bfloat16")
    speeds = dict.fromkeys(turns, 0.0)
    for _ in range(3):  # in turns, as the machine's speed changes within a minute
        speeds = {name: max(speeds[name], measure()) for name, measure in turns.items()}
    for name in list(turns)[1:]:
        ratio = speeds[name] / speeds["the default"]
        rows.append([f"the default, {name}, in turns", 700, rows[0][2], f"{speeds[name]:,.0f}", f"{ratio:.2f}", ""])
    heads = ["model", "batch, tokens", "parameters", "target tokens/s", "ratio", f"share of {peak:.0f} GFLOP/s"]
    return table(heads, rows)


def decoding_table(run: Path, data: Path) -> str:
    """Ours, and plain PyTorch where the run's model is the default one, in turns; the best of three of each."""
    model = load(run)
    sentences = multi30k(data, "test_2016_flickr", "en")
    sources = model.tokenizers.source.encode_batch(sentences)
    plain = copy_of(model.model) if isinstance(model.model, RNN) else None
    rows, greedy = [], 0.0
    for name, beam in (("greedy", 1), ("beam 5", 5)):
        together = [seconds(lambda beam=beam: model.translate(sentences, beam=beam))]
        others = []
        for _ in range(3):
            together.append(seconds(lambda beam=beam: model.translate(sentences, beam=beam)))
            if plain is not None:
                others.append(seconds(lambda beam=beam: plain.search(sources, beam=beam)))
        taken = sorted(seconds(lambda one=one, beam=beam: model.translate(one, beam=beam)) for one in sentences[:200])
        best, greedy = min(together), greedy or min(together)
        row = [name, f"{best:.2f}", f"{len(sentences) / best:,.0f}", f"{best / greedy:.1f}",
               f"{1000 * statistics.median(taken):.1f}", f"{1000 * taken[int(0.95 * len(taken))]:.1f}"]  # fmt: skip
        if plain is not None:
            alone = [seconds(lambda one=one, beam=beam: plain.search([one], beam=beam)) for one in sources[:50]]
            row += [f"{min(others) / best:.1f}", f"{statistics.median(alone) / statistics.median(taken):.1f}"]
        rows.append(row)
    heads = ["search", f"{len(sentences):,} sentences, s", "sentences/s", "times greedy", "one, median ms", "95 %, ms"]
    if plain is not None:
        heads += ["times as fast as plain PyTorch", "one sentence"]
    return f"{run.name}: {model!r}\n\n{table(heads, rows)}"


def seconds(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path, nargs="*", default=[])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--decoding", action="store_true", help="decoding alone")
    options = parser.parse_args()
    if options.run and not options.data:
        raise SystemExit("Name the folder of Multi30k's texts with --data.")
    print(machine())
    if not options.decoding:
        print(f"\n{training_table()}")
    for run in options.run:
        print(f"\n{decoding_table(run, options.data)}")


if __name__ == "__main__":
    main()
