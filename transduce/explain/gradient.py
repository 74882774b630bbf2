"""Which source tokens each written token depends on, by gradients: for models without attention above all.

Both methods tell how much of log p_t, the log-probability of the symbol written at step t, is owed to the
embedding x_j of source token j. Weights are signed: a negative one says that the token spoke against the symbol.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from transduce.decoding.trail import BOS, device_of, log_softmax, require_finite
from transduce.errors import ConfigError
from transduce.models.base import Generator

POINTS = 32  # of integrated gradients
LOGITS = 16_000_000  # numbers of logits computed together

EQUATIONS = {
    "input_x_gradient": "weight_tj = x_j . (d log p_t / d x_j)",
    "integrated_gradients": "weight_tj = x_j . integral_0^1 (d log p_t / d x_j at a x) da",
}


def attribute(
    model: Generator, source: Sequence[int], symbols: Sequence[int], *, points: int | None = POINTS
) -> tuple[Tensor, Tensor]:
    """Weights (symbols, src_len), and what each row would sum to if it explained all, (symbols,): both float64.

    points: None gives input times gradient; a number gives integrated gradients (Sundararajan et al. 2017,
    eq. 1) from the baseline of zero embeddings, with that many points of Gauss-Legendre quadrature. Their
    completeness (proposition 1) says that row t sums to log p_t(x) - log p_t(0), which is the second result.
    source: ids with the end; symbols: ids with the end. Raises ``ConfigError`` for a family without source
    embeddings, ``TransduceError`` when the model's output is not finite.
    """
    device = device_of(model)
    read = torch.tensor([list(source)], device=device)
    given, wanted = (torch.tensor(each, device=device) for each in ([BOS, *symbols[:-1]], list(symbols)))
    x = model.embed(read)
    if x is None:
        raise ConfigError(f"--gradient needs embeddings of the source; {model.describe()} has none.")
    x = x.detach()

    def log_p(embedded: Tensor) -> Tensor:
        """Log-probability of each symbol, (rows, symbols). embedded: (rows, src_len, width)."""
        rows = len(embedded)
        lengths = torch.full((rows,), len(source), device=device)
        logits = model(read.expand(rows, -1), lengths, given.expand(rows, -1), embedded=embedded)
        found = log_softmax(logits).gather(2, wanted.expand(rows, -1)[:, :, None])[:, :, 0]
        require_finite(found)
        return found

    nodes, shares = (np.ones(1), np.ones(1)) if points is None else _quadrature(points)
    at_once = max(1, LOGITS // (len(symbols) * model.vocab))
    gradient = torch.zeros(len(symbols), *x.shape[1:], dtype=torch.float64)
    was_training = model.training
    model.eval()
    try:
        # cuDNN has no backward pass of recurrent layers outside training.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            for first in range(0, len(nodes), at_once):
                part = [torch.as_tensor(each[first : first + at_once], dtype=x.dtype, device=device)[:, None, None]
                        for each in (nodes, shares)]  # fmt: skip
                embedded = (part[0] * x).requires_grad_()
                found = log_p(embedded).sum(dim=0)
                for t in range(len(symbols)):
                    (slope,) = torch.autograd.grad(found[t], embedded, retain_graph=t + 1 < len(symbols))
                    gradient[t] += (part[1] * slope).sum(dim=0).to("cpu", torch.float64)
        with torch.no_grad():
            ends = log_p(torch.cat([x, torch.zeros_like(x)])).to("cpu", torch.float64)
    finally:
        model.train(was_training)
    return (gradient * x[0].to("cpu", torch.float64)).sum(dim=-1), ends[0] - ends[1]


def _quadrature(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes in 0 to 1 and their shares, which sum to 1."""
    nodes, shares = np.polynomial.legendre.leggauss(points)
    return (nodes + 1) / 2, shares / 2
