"""Gradients with respect to the source: against finite differences, and in a task where the right answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from transduce.errors import ConfigError
from transduce.explain.gradient import attribute
from transduce.models import RNN, Generator, RNNConfig, State, build
from transduce.models.base import Inside

SOURCE, SYMBOLS = [5, 3, 8, 2], [4, 6, 2]


pytestmark = pytest.mark.usefixtures("one_thread")


def made(**values: object) -> RNN:
    torch.manual_seed(1)
    config = RNNConfig(**{"embed": 3, "hidden": 4, "tied": "none", **values})  # type: ignore[arg-type]
    model = build(config, source_vocab=9, target_vocab=7)
    assert isinstance(model, RNN)
    return model.double()


MODELS = [
    {"attention": "none", "bidirectional": False},
    {"attention": "general", "layers": 2, "input_feeding": True},
    {"cell": "gru", "attention": "additive", "reverse_source": True},
    {"cell": "gru_before", "attention": "none", "layers": 2},
    {"cell": "rnn", "activation": "sigmoid", "attention": "dot"},
]


def log_p(model: Generator, embedded: Tensor) -> Tensor:
    """Of each symbol, computed step by step from the class's own logits. embedded: (src_len, embed)."""
    with torch.no_grad():
        given = torch.tensor([[1, *SYMBOLS[:-1]]])
        logits = model(torch.tensor([SOURCE]), torch.tensor([len(SOURCE)]), given, embedded=embedded[None])
    return logits[0].log_softmax(dim=-1)[torch.arange(len(SYMBOLS)), torch.tensor(SYMBOLS)]


@pytest.mark.parametrize("values", MODELS, ids=lambda each: "-".join(map(str, each.values())))
def test_against_finite_differences(values: dict[str, object]) -> None:
    """Scaling one token's embedding by 1 + e changes log p_t by e times its weight."""
    model = made(**values).eval()
    weights, totals = attribute(model, SOURCE, SYMBOLS, points=None)
    x = model.embed(torch.tensor(SOURCE)).detach()
    for j in range(len(SOURCE)):
        more, less = x.clone(), x.clone()
        more[j], less[j] = x[j] * (1 + 1e-5), x[j] * (1 - 1e-5)
        slope = (log_p(model, more) - log_p(model, less)) / 2e-5
        torch.testing.assert_close(weights[:, j], slope, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(totals, log_p(model, x) - log_p(model, x * 0))


@pytest.mark.parametrize("values", MODELS, ids=lambda each: "-".join(map(str, each.values())))
def test_integrated_gradients_are_complete(values: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    model = made(**values).train()
    weights, totals = attribute(model, SOURCE, SYMBOLS)
    torch.testing.assert_close(weights.sum(dim=1), totals, rtol=1e-6, atol=1e-8)
    assert model.training
    assert all(weight.grad is None for weight in model.parameters())
    monkeypatch.setattr("transduce.explain.gradient.LOGITS", 1)  # points one by one
    torch.testing.assert_close(attribute(model, SOURCE, SYMBOLS)[0], weights)


def test_a_linear_model_owes_what_its_weights_say() -> None:
    """With logits linear in the embeddings and a constant sum, every method gives the same."""

    class Linear(Generator):
        vocab = 7

        def forward(self, source: Tensor, source_lengths: Tensor, target_in: Tensor, *,
                    embedded: Tensor | None = None) -> Tensor:  # fmt: skip
            x = self.embed(source) if embedded is None else embedded
            logits = torch.zeros(*target_in.shape, 7, dtype=torch.float64)
            logits[..., 4], logits[..., 6] = 30 + x.sum(dim=(1, 2))[:, None], -1e9
            return logits

        def embed(self, source: Tensor) -> Tensor:
            return source[..., None].double() / 100

        start = step = None  # type: ignore[assignment]

    weights, totals = attribute(Linear(), SOURCE, [5], points=None)
    assert weights[0].tolist() == pytest.approx([-each / 100 for each in SOURCE])
    assert float(totals[0]) == pytest.approx(-sum(SOURCE) / 100)


def test_a_family_without_embeddings_is_refused() -> None:
    class Blind(Generator):
        vocab = 7

        def forward(self, source: Tensor, source_lengths: Tensor, target_in: Tensor, *,
                    embedded: Tensor | None = None) -> Tensor:  # fmt: skip
            raise AssertionError

        start = step = None  # type: ignore[assignment]

        def look_inside(self, source: Tensor, target_in: Tensor) -> Inside:
            raise AssertionError

    with pytest.raises(ConfigError, match="Blind has none"):
        attribute(Blind(), SOURCE, SYMBOLS)
    assert State is not None


@pytest.fixture(scope="module")
def reverser() -> RNN:
    """A model without attention that has learned to write three digits in reverse."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = RNNConfig(cell="gru", attention="none", embed=16, hidden=32, bidirectional=False, dropout=0.0)
    model = build(config, source_vocab=14, target_vocab=14)
    assert isinstance(model, RNN)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(500):
        words = torch.randint(4, 14, (64, 3))
        end = torch.full((64, 1), 2)
        target = torch.cat([words.flip(1), end], dim=1)
        logits = model(
            torch.cat([words, end], dim=1), torch.full((64,), 4), torch.cat([end * 0 + 1, target[:, :-1]], dim=1)
        )
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    torch.set_num_threads(threads)
    return model.eval()


@pytest.mark.parametrize("points", [None, 32])
def test_without_attention_each_symbol_depends_on_the_token_it_reverses(reverser: RNN, points: int | None) -> None:
    draw, hits = np.random.default_rng(0), []
    for _ in range(30):
        words = draw.choice(np.arange(4, 14), 3, replace=False).tolist()
        weights, _ = attribute(reverser, [*words, 2], [*words[::-1], 2], points=points)
        hits += [int(weights[t].argmax()) == 2 - t for t in range(3)]
    assert np.mean(hits) >= 0.5  # chance: a quarter
