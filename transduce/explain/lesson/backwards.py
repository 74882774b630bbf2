"""The lesson's gradients: the chain rule from the loss back to every weight."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from transduce.explain.lesson.forwards import FULL, difference, named
from transduce.explain.lesson.task import Example
from transduce.explain.lesson.writing import Writer
from transduce.reference.recurrent import Gradient, RNNStep, Run, Weights, backward

# d sigma / d(sum), written in sigma's own value.
SLOPES = {"tanh": "(1 - {}^2)", "sigmoid": "{}*(1 - {})", "relu": "(1 where {} > 0, else 0)", "identity": "1"}
NUDGE = 1e-3  # how far a weight is moved to check its gradient


def gradients(writer: Writer, example: Example, w: Weights, run: Run, *, brief: bool) -> Gradient:
    """Print and return dL/d of everything."""
    das = example.das(run)
    gradient = backward(w, run, das)
    last = len(example.xs)
    writer.heading("6. The gradients: which way is down")
    writer.text("dL/dw says how fast the loss grows when w grows. The chain rule finds it from the end to the beginning: "
                f"first through the outputs, then back through the decoder, then, by way of s_0 = h_{last}, through the "
                "encoder. Let a_t, v_t, u_t be the sums in front of the activations of y_t, s_t, h_t.")  # fmt: skip
    slope = SLOPES[example.sigma.name]
    writer.equation("dL/da_t = y_t - target_t" + _output_slope(example))
    writer.equation("dL/ds_t = W_sy^T dL/da_t + W_ss^T dL/dv_{t+1}")
    writer.equation(f"dL/dv_t = dL/ds_t * {slope.replace('{}', 's_t')}")
    writer.equation(f"dL/dh_{last} = W_ss^T dL/dv_1,   dL/dh_t = W_hh^T dL/du_{{t+1}} before")
    writer.equation(f"dL/du_t = dL/dh_t * {slope.replace('{}', 'h_t')}")
    shown = 0 if brief else example.config.hidden if example.config.hidden <= FULL else 1
    writer.line("  Back through the decoder:")
    for t in range(len(run.decoder), 0, -1):
        _output(writer, example, run, das[t - 1], t, brief=brief)
        after = gradient.decoder[t].da if t < len(run.decoder) else None
        for i in range(shown):
            terms = writer.products(w.output.W_hy[:, i], das[t - 1])
            terms += [] if after is None else writer.products(w.decoder.W_hh[:, i], after)
            writer.chain(f"dL/ds_{t}[{i + 1}]", " + ".join(terms), writer.number(gradient.decoder[t - 1].dh[i]))
        _slopes(writer, example, f"v_{t}", run.decoder[t - 1], gradient.decoder[t - 1].dh, gradient.decoder[t - 1].da,
                shown)  # fmt: skip
    writer.line("  Back through the encoder:")
    for t in range(last, 0, -1):
        weights, after = (
            (w.encoder.W_hh, gradient.encoder[t].da) if t < last else (w.decoder.W_hh, gradient.decoder[0].da)
        )
        for i in range(shown):
            writer.chain(f"dL/dh_{t}[{i + 1}]", " + ".join(writer.products(weights[:, i], after)),
                         writer.number(gradient.encoder[t - 1].dh[i]))  # fmt: skip
        _slopes(writer, example, f"u_{t}", run.encoder[t - 1], gradient.encoder[t - 1].dh, gradient.encoder[t - 1].da,
                shown)  # fmt: skip
    _weights(writer, example, run, gradient, das, brief=brief)
    _check(writer, example, w, gradient.weights.encoder.W_hh[0, 0])
    return gradient


def _output_slope(example: Example) -> str:
    if example.symbols:
        return "   (target_t: 1 at the right word, else 0)"
    slope = SLOPES[example.f.name].replace("{}", "y_t")
    return "" if slope == "1" else f", times the activation's slope {slope}"


def _slope(writer: Writer, name: str, value: float) -> str:
    """The slope of an activation with a number substituted."""
    if name == "identity":
        return "1"
    if name == "relu":
        return "1" if value > 0 else "0"
    return SLOPES[name].replace("{}", writer.factor(value))


def _output(writer: Writer, example: Example, run: Run, da: ndarray, t: int, *, brief: bool) -> None:
    """dL/da_t, from the loss."""
    if example.symbols:
        writer.array(f"dL/da_{t}", da)
        return
    y, target = run.ys[t - 1][0], example.targets[t - 1]
    inner = difference(writer, y, target)
    if example.f.name != "identity":
        inner = f"({inner})*{_slope(writer, example.f.name, y)}"
    writer.chain(f"dL/da_{t}", *([] if brief else [inner]), writer.number(da[0]))


def _slopes(writer: Writer, example: Example, name: str, step: RNNStep, dh: ndarray, da: ndarray, shown: int) -> None:
    """dL/dv_t or dL/du_t: through the activation."""
    for i in range(shown):
        writer.chain(f"dL/d{name}[{i + 1}]", f"{writer.factor(dh[i])}*{_slope(writer, example.sigma.name, step.h[i])}",
                     writer.number(da[i]))  # fmt: skip
    if shown < len(da):
        writer.array(f"dL/d{name}", da)


def _weights(
    writer: Writer, example: Example, run: Run, gradient: Gradient, das: list[ndarray], *, brief: bool
) -> None:
    """Every weight's gradient: the sum over the steps in which it was used."""
    writer.text("The weights are the same at every step, so their gradients are sums over the steps:")
    us, vs = [step.da for step in gradient.encoder], [step.da for step in gradient.decoder]
    ones = [np.ones(1)] * max(len(us), len(vs))
    uses = {
        "W_xh": ("u_t", "x_t", us, [step.x for step in run.encoder]),
        "W_hh": ("u_t", "h_{t-1}", us, [step.h_prev for step in run.encoder]),
        "b_h": ("u_t", "", us, ones),
        "W_ys": ("v_t", "y_{t-1}", vs, [step.x for step in run.decoder]),
        "W_ss": ("v_t", "s_{t-1}", vs, [step.h_prev for step in run.decoder]),
        "b_s": ("v_t", "", vs, ones),
        "W_sy": ("a_t", "s_t", das, [step.h for step in run.decoder]),
        "b_y": ("a_t", "", das, ones),
    }
    for name, values in named(gradient.weights).items():
        above, below, outer, inner = uses[name]
        place = "[1,1]" if below else "[1]"
        writer.equation(f"  dL/d{name} = sum_t dL/d{above}" + (f" {below}^T" if below else ""))
        if not brief:
            terms = [f"{writer.factor(a[0])}*{writer.factor(b[0])}" if below else writer.factor(a[0])
                     for a, b in zip(outer, inner[: len(outer)], strict=True)]  # fmt: skip
            writer.chain(f"dL/d{name}{place}", " + ".join(terms), writer.number(values.reshape(-1)[0]))
        writer.array(f"dL/d{name}", values)


def _check(writer: Writer, example: Example, w: Weights, expected: float) -> None:
    """The same slope without the chain rule, by moving one weight."""

    def moved(by: float) -> float:
        W_hh = w.encoder.W_hh.copy()
        W_hh[0, 0] += by
        return example.error(example.run(w._replace(encoder=w.encoder._replace(W_hh=W_hh)))).loss

    up, down = moved(NUDGE), moved(-NUDGE)
    writer.text(f"A check without the chain rule: the loss with W_hh[1,1] moved up and down by {NUDGE:g}, and the "
                f"slope between; the chain rule says {writer.number(expected)}.")  # fmt: skip
    writer.chain("slope", f"({up:.10f} - {down:.10f})/(2*{NUDGE:g})", writer.number((up - down) / (2 * NUDGE)))
