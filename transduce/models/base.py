"""What every model that writes a sequence offers to training and to search.

Shapes are told in the same eight words everywhere: batch, src_len, tgt_len, hidden, heads,
head_dim, vocab, beam. ``rows`` is the number of sequences being written: the batch in greedy
search, batch times beam in beam search.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, final

import numpy as np
import torch
from torch import Tensor, nn

# Ids that every vocabulary keeps for itself (data/tokenizer.py numbers them so).
PAD = 0


class State(ABC):
    """What a decoder carries from one step to the next. It is a value: steps return a new one."""

    attention: Tensor | None  # (rows, src_len): weights of the last step; None where there is no attention

    @abstractmethod
    def select(self, rows: Tensor) -> State:
        """The state of the given rows, in the given order. rows: (new_rows,) int64, repeats allowed."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of rows."""


@dataclass(frozen=True)
class Quantity:
    """One named value that a model computes at every step."""

    name: str  # as in the equation: "h", "i", "alpha"
    title: str  # in words: "input gate"
    equation: str  # one line of ASCII: "i_t = sigmoid(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)"
    low: float | None = None  # its range, where the equation bounds it: a gate 0 to 1, a tanh -1 to 1
    high: float | None = None


@dataclass(frozen=True)
class Layer:
    """One layer in one direction, over all its steps."""

    part: Literal["encoder", "decoder"]
    number: int  # from 0, the lowest
    direction: Literal["forward", "backward"]
    input: str  # what x_t is, in words
    order: list[int]  # positions in the order of reading: the step before position order[k] is order[k-1]
    values: dict[str, Tensor]  # name -> (len, width), in the order of the tokens whatever the order of reading
    quantities: list[Quantity]  # one a name, in the order in which they are computed


@dataclass(frozen=True)
class AttentionMap:
    """Where one head of attention looked."""

    layer: int
    head: int
    scores: Tensor  # (tgt_len, src_len), before the softmax
    weights: Tensor  # (tgt_len, src_len): alpha, each row sums to 1
    equation: str  # of scores and weights, one line of ASCII
    kind: Literal["cross", "encoder", "decoder"] = "cross"
    # cross: the target looks at the source; encoder, decoder: a side looks at itself, and both lengths are its own


@dataclass(frozen=True)
class Inside:
    """All that a model computed for one source and one target. What a family has not stays empty."""

    logits: Tensor  # (tgt_len, vocab)
    layers: list[Layer] = field(default_factory=list)
    first: dict[str, Tensor] = field(default_factory=dict)  # what the decoder starts from: "s_0" -> (layers, width)
    first_quantities: list[Quantity] = field(default_factory=list)
    summary: Tensor | None = None  # (width,): the one vector that stands for the source before anything is written
    attention: list[AttentionMap] = field(default_factory=list)  # over the source
    self_attention: list[AttentionMap] = field(default_factory=list)  # of each side over itself
    outputs: dict[str, Tensor] = field(default_factory=dict)  # name -> (tgt_len, width), between decoder and logits
    output_quantities: list[Quantity] = field(default_factory=list)  # of ``outputs``, and "p", the probabilities


Made = TypeVar("Made")


@final
class Kept(Generic[Made]):
    """What was computed from weights, until they change. A copy of it begins empty.

    torch counts the changes of each tensor; one made through ``.data`` it does not count, so a model that
    goes back to training calls ``forget``.
    """

    def __init__(self) -> None:
        self._made: tuple[list[tuple[Tensor, int]], Made] | None = None

    def get(self, weights: Iterable[Tensor], make: Callable[[], Made]) -> Made:
        """What ``make`` returned for these very weights. Weights that count no changes are read anew each time."""
        now = list(weights)
        if any(weight.is_inference() for weight in now):
            return make()
        kept = self._made
        if kept is not None and len(kept[0]) == len(now) and all(
            weight.data_ptr() == then.data_ptr() and weight._version == version
            for weight, (then, version) in zip(now, kept[0], strict=True)
        ):  # fmt: skip
            return kept[1]
        made = make()
        # Holding on to the old memory keeps its address from being given to other weights.
        self._made = [(weight.detach(), weight._version) for weight in now], made
        return made

    def forget(self) -> None:
        self._made = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Kept[Made]:
        return Kept()

    def __reduce__(self) -> tuple[type[Kept[Made]], tuple[()]]:
        return Kept, ()


class Generator(nn.Module, ABC):
    """A model that writes one sequence after reading another."""

    vocab: int  # size of the target vocabulary, the last dimension of all logits

    @property
    def right_to_left(self) -> Generator | None:
        """A model of targets whose tokens are in reverse order, which says how likely a whole output is; None: has none."""
        return None

    @abstractmethod
    def forward(self, source: Tensor, source_lengths: Tensor, target_in: Tensor, *,
                embedded: Tensor | None = None) -> Tensor:  # fmt: skip
        """Logits of every target position at once, given the right target before it (teacher forcing).

        source: (batch, src_len) int64, padded with 0; source_lengths: (batch,) int64, at least 1;
        target_in: (batch, tgt_len) int64, the target behind its start token; embedded: what ``embed``
        gave, or vectors to read in its place (gradients with respect to the source need them).
        Returns (batch, tgt_len, vocab). Padding influences no unpadded position.
        """

    @abstractmethod
    def start(self, source: Tensor, source_lengths: Tensor) -> State:
        """Read the source; one row a sentence. Shapes as in ``forward``."""

    @abstractmethod
    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """One step: the tokens written last, (rows,) int64, give logits (rows, vocab) and the next state."""

    def look_inside(self, source: Tensor, target_in: Tensor) -> Inside:
        """``forward`` of one pair, without padding and dropout, with everything computed on the way returned.

        source: (src_len,) int64; target_in: (tgt_len,) int64. A family that does not say more shows its logits.
        """
        return Inside(self(source[None], source.new_tensor([len(source)]), target_in[None])[0])

    def embed(self, source: Tensor) -> Tensor | None:
        """The vectors that stand for source tokens: (batch, src_len) to (batch, src_len, width); None: has none."""
        return None

    def describe(self) -> str:
        """The model in a few words: "lstm 1x256, general attention"."""
        return type(self).__name__


def inside(lengths: Tensor, width: int) -> Tensor:
    """True where a padded batch holds a real position. lengths: (batch,). Returns (batch, width) bool."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]


@dataclass(frozen=True)
class Groups:
    """Which rows belong to which sentence, where those of one sentence stand side by side.

    What is kept one row a sentence (the source, for attention) meets the rows in a table of as many columns as the
    fullest sentence has rows. Beam search selects rows at every step; copying the source along with them
    would cost more than the step itself.
    """

    owners: np.ndarray  # (rows,): the sentence of each row, from 0 on
    starts: np.ndarray  # (sentences,): the first row of each
    width: int  # rows of the fullest sentence
    places: Tensor | None  # (rows,): of the table, read line by line, where each row stands; None: they fill it

    @classmethod
    def of(cls, owners: np.ndarray, device: torch.device | None = None) -> Groups:
        """owners: (rows,), something that names the sentence of each row. Equal neighbors are of one sentence."""
        if len(owners) and (owners == owners[0]).all():  # a sentence searched alone, at every step
            return cls(np.zeros(len(owners), np.int64), np.zeros(1, np.int64), len(owners), None)
        first = np.ones(len(owners), dtype=bool)
        np.not_equal(owners[1:], owners[:-1], out=first[1:])
        starts, numbers = first.nonzero()[0], first.cumsum() - 1
        width = int(np.bincount(numbers).max(initial=0))
        if width * len(starts) == len(owners):
            return cls(numbers, starts, width, None)
        places = numbers * width + np.arange(len(owners)) - starts[numbers]
        return cls(numbers, starts, width, torch.from_numpy(places).to(device))

    def select(self, rows: Tensor) -> tuple[Groups, Tensor | None]:
        """The groups of the given rows, and the sentences that are left; None: all, in their order.

        Where ``rows`` lead back to a sentence after another one, it is there twice.
        """
        owners = self.owners[rows.cpu().numpy()]
        groups = Groups.of(owners, rows.device)
        left = owners[groups.starts]
        same = len(left) == len(self.starts) and bool((left == np.arange(len(left))).all())
        return groups, None if same else torch.from_numpy(left).to(rows.device)

    def table(self, x: Tensor, *, fill: float = 0.0) -> Tensor:
        """(rows, ...) to (sentences, width, ...), with ``fill`` where a sentence has fewer rows."""
        shape = len(self.starts), self.width, *x.shape[1:]
        if self.places is None:
            return x.reshape(shape)
        return x.new_full((shape[0] * shape[1], *shape[2:]), fill).index_copy_(0, self.places, x).view(shape)

    def rows(self, table: Tensor) -> Tensor:
        """Back from (sentences, width, ...) to (rows, ...)."""
        flat = table.flatten(0, 1)
        return flat if self.places is None else flat.index_select(0, self.places)


def reverse_words(source: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each row's words; the end token at ``length - 1`` and the padding keep their places.

    Sutskever et al. 2014, section 3.3: a b c is read as c b a. source: (batch, src_len).
    """
    return source.gather(1, reversed_positions(lengths, source.shape[1]))


def reversed_positions(lengths: Tensor, width: int) -> Tensor:
    """Index of the word that stands at each place after reversal; its own inverse. Returns (batch, width) int64."""
    position = torch.arange(width, device=lengths.device).expand(len(lengths), width)
    last_word = (lengths - 2)[:, None]
    return torch.where(position <= last_word, last_word - position, position)
