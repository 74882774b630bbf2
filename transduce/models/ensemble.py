"""Several models of one kind that write together: the mean of their probabilities.

    p_t = (p_t of member 1 + ... + p_t of member n) / n

Networks that began with other weights and saw the data in another order err in other places, and their mean errs
less (Hansen and Salamon 1990; Sutskever et al. 2014, section 3.6, where five models give 2 to 4 BLEU over one).
Members are trained alone (members.py), so an ensemble only reads and writes. It is a ``Generator`` like any other:
logits are logarithms of the mean.

Some members may know targets from their last token to their first (Liu et al. 2016). They take no part in that mean:
they are an ensemble of their own, which ranks what the others wrote (decoding/rerank.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor, nn

from transduce.models.base import AttentionMap, Generator, Inside, Layer, Quantity, State


@dataclass(frozen=True)
class EnsembleState(State):
    """The members between two steps."""

    members: tuple[State, ...]

    def __len__(self) -> int:
        return len(self.members[0])

    def select(self, rows: Tensor) -> EnsembleState:
        return EnsembleState(tuple(each.select(rows) for each in self.members))

    @property
    def attention(self) -> Tensor | None:  # type: ignore[override]  # read only: computed when somebody looks
        """(rows, src_len): the mean of the members' weights."""
        looked = [weights for each in self.members if (weights := each.attention) is not None]
        return torch.stack(looked).mean(dim=0) if looked else None


class Ensemble(Generator):
    """Members of one family and one configuration, for evaluation only; the last ``right_to_left`` know targets so."""

    def __init__(self, members: Sequence[Generator], *, right_to_left: int = 0) -> None:
        super().__init__()
        assert 0 <= right_to_left < len(members)
        assert len({(type(each), each.vocab) for each in members}) == 1
        self.members, self.vocab = nn.ModuleList(members), members[0].vocab
        self.writing = len(members) - right_to_left
        self.eval()

    @property
    def right_to_left(self) -> Ensemble | None:
        others = [each for each in islice(self.members, self.writing, None) if isinstance(each, Generator)]
        return Ensemble(others) if others else None

    def forward(self, source: Tensor, source_lengths: Tensor, target_in: Tensor, *,
                embedded: Tensor | None = None) -> Tensor:  # fmt: skip
        assert not self.training  # members are trained alone
        given = [None] * self.writing if embedded is None else embedded.chunk(self.writing, dim=-1)
        return log_mean([each(source, source_lengths, target_in, embedded=own)
                         for each, own in zip(self._each(), given, strict=True)])  # fmt: skip

    def start(self, source: Tensor, source_lengths: Tensor) -> EnsembleState:
        return EnsembleState(tuple(each.start(source, source_lengths) for each in self._each()))

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, EnsembleState]:
        assert isinstance(state, EnsembleState)
        steps = [each.step(tokens, own) for each, own in zip(self._each(), state.members, strict=True)]
        return log_mean([logits for logits, _ in steps]), EnsembleState(tuple(own for _, own in steps))

    def embed(self, source: Tensor) -> Tensor | None:
        """The members' vectors side by side; ``forward`` takes them apart again."""
        vectors = [each.embed(source) for each in self._each()]
        known = [each for each in vectors if each is not None]
        return torch.cat(known, dim=-1) if len(known) == len(vectors) else None

    def describe(self) -> str:
        return named(next(self._each()).describe(), len(self.members), len(self.members) - self.writing)

    def look_inside(self, source: Tensor, target_in: Tensor) -> Inside:
        """The members' layers one after another, their summaries side by side, and the mean of their attention.

        Layers and first states of the second member are numbered on from those of the first, and so forth.
        What lies between a member's decoder and its logits is left out: no equation leads from all of it to p.
        """
        found = [each.look_inside(source, target_in) for each in self._each()]
        summaries = [each.summary for each in found if each.summary is not None]
        first = {name: torch.cat([each.first[name] for each in found]) for name in found[0].first}
        return Inside(
            logits=log_mean([each.logits for each in found]),
            layers=[layer for part in ("encoder", "decoder") for layer in _numbered_on(found, part)],
            first=first,
            first_quantities=found[0].first_quantities,
            summary=torch.cat(summaries) if summaries else None,
            attention=_mean_maps(found),
            output_quantities=[Quantity("p", "probability of each token", _equation(len(found)), 0, 1)],
        )

    def _each(self) -> Iterator[Generator]:
        """Those that write."""
        for member in islice(self.members, self.writing):  # at every step of search: a slice would be a new module
            assert isinstance(member, Generator)
            yield member


def named(member: str, count: int, right_to_left: int = 0) -> str:
    """``count`` models of one description in a few words: "8 x lstm 1x256, general attention, 4 right to left"."""
    told = f", {right_to_left} right to left" if right_to_left else ""
    return member if count == 1 else f"{count} x {member}{told}"


def log_mean(logits: Sequence[Tensor]) -> Tensor:
    """log of the mean of softmax(logits), of the same shape; in single precision at least."""
    wide = torch.promote_types(logits[0].dtype, torch.float32)
    if len(logits) == 1:
        return logits[0].log_softmax(dim=-1, dtype=wide)
    stacked = torch.stack([each.log_softmax(dim=-1, dtype=wide) for each in logits])
    return stacked.logsumexp(dim=0) - math.log(len(logits))


def _numbered_on(found: Sequence[Inside], part: str) -> Iterator[Layer]:
    """The layers of one side of all members, those of a later one behind those of the ones before."""
    before = 0
    for number, inside in enumerate(found, start=1):
        own = [each for each in inside.layers if each.part == part]
        for each in own:
            yield replace(each, number=before + each.number,
                          input=f"{each.input}; this is layer {each.number} of member {number}")  # fmt: skip
        before += max((each.number + 1 for each in own), default=0)


def _mean_maps(found: Sequence[Inside]) -> list[AttentionMap]:
    """A map a layer: the mean over members and heads, as ``State.attention`` tells it of the top layer."""
    maps = []
    for layer in sorted({each.layer for each in found[0].attention}):
        own = [each for inside in found for each in inside.attention if each.layer == layer]
        scores = log_mean([each.scores for each in own])  # (tgt_len, src_len)
        equation = "alpha_tj = mean of alpha_tj over members and heads; score_tj = log alpha_tj"
        maps.append(AttentionMap(layer, 0, scores, scores.exp(), equation))
    return maps


def _equation(count: int) -> str:
    return f"p_t = ({' + '.join(f'p_t of member {number}' for number in range(1, count + 1))}) / {count}"
