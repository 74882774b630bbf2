"""The default model in plain PyTorch, as one would write it in an afternoon: what our figures are ratios to.

Same layers, same weights, same outputs of a trained run (but for ties); no sorting by length, no rows that leave a
batch, nothing computed beforehand, beam search over one topk of all continuations.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from transduce.models import RNN, RNNConfig

PAD, BOS, EOS = 0, 1, 2


class Plain(nn.Module):
    """Bidirectional LSTM encoder, LSTM decoder, "general" attention, lexical, one embedding for all."""

    def __init__(self, vocab: int, hidden: int = 256) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden)
        self.encoder = nn.LSTM(hidden, hidden // 2, batch_first=True, bidirectional=True)
        self.decoder = nn.LSTM(hidden, hidden, batch_first=True)
        self.key = nn.Linear(hidden, hidden, bias=False)
        self.combine = nn.Linear(2 * hidden, hidden, bias=False)
        self.lexical = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, vocab)
        self.output.weight = self.embedding.weight
        self.dropout = nn.Dropout(0.1)

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:
        x = self.dropout(self.embedding(source))
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        packed, (h, c) = self.encoder(packed)
        states, _ = pad_packed_sequence(packed, batch_first=True, total_length=source.shape[1])
        return x, states, source == PAD, (torch.cat([*h], dim=-1)[None], torch.cat([*c], dim=-1)[None])

    def decode(self, tokens: Tensor, x: Tensor, states: Tensor, padding: Tensor, last: tuple[Tensor, Tensor]
               ) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # fmt: skip
        out, last = self.decoder(self.dropout(self.embedding(tokens)), last)
        scores = (out @ self.key(states).mT).masked_fill(padding[:, None], -torch.inf)
        alpha = scores.softmax(dim=-1)
        words = torch.tanh(alpha @ x)
        readout = torch.tanh(self.combine(torch.cat([alpha @ states, out], dim=-1)))
        return self.output(self.dropout(readout + torch.tanh(self.lexical(words)) + words)), last

    def forward(self, source: Tensor, lengths: Tensor, target_in: Tensor) -> Tensor:
        x, states, padding, last = self.encode(source, lengths)
        logits: Tensor = self.decode(target_in, x, states, padding, last)[0]
        return logits

    @torch.inference_mode()
    def search(self, sources: list[list[int]], *, beam: int, batch: int = 64) -> list[list[int]]:
        """The best output of each source, with a length penalty of alpha 1 (Wu et al. 2016, eq. 14)."""
        found: list[list[int]] = []
        for first in range(0, len(sources), batch):
            rows = [torch.tensor([*source, EOS]) for source in sources[first : first + batch]]
            found += self._beam(pad_sequence(rows, batch_first=True), torch.tensor([len(row) for row in rows]), beam)
        return found

    def _beam(self, source: Tensor, lengths: Tensor, beam: int) -> list[list[int]]:
        batch = len(source)
        x, states, padding, (h, c) = self.encode(source, lengths)
        x, states, padding = (each.repeat_interleave(beam, 0) for each in (x, states, padding))
        h, c = h.repeat_interleave(beam, 1), c.repeat_interleave(beam, 1)
        written = torch.full((batch * beam, 1), BOS)
        totals = torch.full((batch, beam), -torch.inf)
        totals[:, 0] = 0
        done = torch.zeros(batch * beam, dtype=torch.bool)
        for _ in range(2 * source.shape[1] + 20):
            logits, (h, c) = self.decode(written[:, -1:], x, states, padding, (h, c))
            log_probs = logits[:, 0].log_softmax(dim=-1)
            log_probs[:, [PAD, BOS, 3]] = -torch.inf
            log_probs[done] = -torch.inf  # what is complete stays as it is
            log_probs[done, PAD] = 0
            every = (totals.view(-1, 1) + log_probs).view(batch, -1)
            totals, index = every.topk(beam)
            rows = (index // log_probs.shape[1] + torch.arange(batch)[:, None] * beam).view(-1)
            tokens = (index % log_probs.shape[1]).view(-1)
            written, h, c = torch.cat([written[rows], tokens[:, None]], dim=1), h[:, rows], c[:, rows]
            done = done[rows] | (tokens == EOS)
            if bool(done.all()):
                break
        sizes = (written[:, 1:] != PAD).sum(dim=1).view(batch, beam)
        best = (totals / ((5 + sizes) / 6)).argmax(dim=1) + torch.arange(batch) * beam
        return [[token for token in row if token > EOS] for row in written[best].tolist()]


def copy_of(model: RNN) -> Plain | None:
    """The same model with the same weights; None where it is not the default kind."""
    config = model.config
    hidden, embed, dropout = config.hidden, config.embed, config.dropout
    if config != RNNConfig(hidden=hidden, embed=embed, dropout=dropout, lexical=True) or embed != hidden:
        return None
    made = Plain(model.vocab, hidden)
    names = {"target_embedding": "embedding", "encoder.rnn": "encoder", "decoder.rnn": "decoder",
             "attention.key": "key", "combine": "combine", "lexical": "lexical", "output": "output"}  # fmt: skip
    weights = {}
    for name, weight in model.state_dict().items():
        for ours, theirs in names.items():
            if name.startswith(f"{ours}."):
                weights[theirs + name.removeprefix(ours)] = weight
    made.load_state_dict(weights)
    return made.eval()
