"""Derived kernels against a recursion in plain NumPy with a quadrature of its own.

Duals come from a polar-free tensor rule: u = sqrt(q) x, v = k / sqrt(q) x + sqrt(q - k^2 / q) y
on a Gauss-Legendre grid over [-9, 9]^2, whose neglected mass is below 1e-18; for the analytic
functions used here its error is far below the tolerance of 1e-10. Rectifiers use the arc-cosine
formulas (Cho & Saul 2009) instead.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import sympy

import kernelc as kc


TOLERANCE = 1e-10

Pair = tuple[float, float, float]
"""q value, covariance and NTK of a pair."""


@functools.lru_cache
def grid() -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(240)
    x = 9.0 * x
    return x, 9.0 * w * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def expect(f: Callable, g: Callable, q: float, k: float, q2: float | None = None) -> float:
    """E f(u) g(v), variances q and q2, covariance k."""
    q2 = q if q2 is None else q2
    x, w = grid()
    u = math.sqrt(q) * x
    rest = math.sqrt(max(q2 - k * k / q, 0.0))
    v = k / math.sqrt(q) * x[:, None] + rest * x[None, :]
    return float((w * f(u)) @ g(v) @ w)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))


SMOOTH: dict[str, tuple[Callable, Callable]] = {
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda x: -np.sin(x)),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "softplus": (lambda x: np.logaddexp(0.0, x), sigmoid),
    "swish": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
}


def act(name: str, a: Pair) -> Pair:
    q, k, theta = a
    if name == "relu":
        c = max(-1.0, min(1.0, k / q))
        angle = math.acos(c)
        image = q / (2 * math.pi) * (math.sin(angle) + (math.pi - angle) * c)
        return q / 2, image, theta * (math.pi - angle) / (2 * math.pi)
    f, df = SMOOTH[name]
    return expect(f, f, q, q), expect(f, f, q, k), theta * expect(df, df, q, k)


def mean(name: str, q: float) -> float:
    if name == "relu":
        return math.sqrt(q / (2 * math.pi))
    x, w = grid()
    return float(w @ SMOOTH[name][0](math.sqrt(q) * x))


def dense(a: Pair, w: float = 1.0, b: float = 0.0) -> Pair:
    q, k, theta = a
    return w * w * q + b * b, w * w * k + b * b, w * w * k + b * b + w * w * theta


def add(a: Pair, b: Pair, v: float = 1.0, w: float = 1.0) -> Pair:
    return tuple(v * v * x + w * w * y for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def mix(a: Pair, b: Pair, f: float) -> Pair:
    return tuple(f * x + (1 - f) * y for x, y in zip(a, b, strict=True))  # type: ignore[return-value]


def norm(a: Pair, m: float = 0.0) -> Pair:
    q, k, theta = a
    return 1.0, (k - m * m) / (q - m * m), theta / (q - m * m)


D, A = kc.Dense, kc.Activation


def built(*blocks: Callable[[kc.Node], kc.Node]) -> kc.Network:
    x = kc.Input((8,))
    return kc.Network(x, kc.chain(*blocks)(x))


def join(layer: kc.Layer, *branches: Callable) -> Callable[[kc.Node], kc.Node]:
    return lambda node: layer(*(branch(node) for branch in branches))


def mixed_chain(a: Pair) -> Pair:
    a = dense(a, 1.1, 0.3)
    for name in ("tanh", "relu", "sin", "softplus", "cos"):
        a = dense(act(name, a), 1.2, 0.2)
    return a


def skips(a: Pair) -> Pair:
    a = dense(a)
    a = add(a, dense(act("relu", a), 1.3))
    a = add(a, dense(act("tanh", dense(act("swish", a), 0.9, 0.4))), 0.8, 0.6)
    return act("sigmoid", a)


def concatenated(a: Pair) -> Pair:
    # 6 channels pass as they are, 2 are new: activations act on each part by itself.
    a = dense(a, 1.2)
    new = dense(act("sin", a), 0.7, 0.1)
    return dense(mix(act("tanh", a), act("tanh", new), 0.75), 1.5)


def normed(a: Pair) -> Pair:
    a = norm(dense(a, 2.0, 0.5))
    q = a[0]
    a = norm(act("relu", a), mean("relu", q))
    a = dense(a, 1.3)
    b = act("softplus", a)
    return dense(norm(b, mean("softplus", a[0])))


def rms(a: Pair) -> Pair:
    return dense(norm(act("sigmoid", norm(dense(a, 0.5)))), 1.5, 0.1)


FLAT = {
    "mixed chain": (
        mixed_chain,
        built(
            D(8, weight_std=1.1, bias_std=0.3),
            *(
                block
                for name in ("tanh", "relu", "sin", "softplus", "cos")
                for block in (A(name), D(8, weight_std=1.2, bias_std=0.2))
            ),
        ),
    ),
    "skips": (
        skips,
        built(
            D(8),
            kc.residual(kc.chain(A("relu"), D(8, weight_std=1.3))),
            kc.residual(
                kc.chain(A("swish"), D(8, weight_std=0.9, bias_std=0.4), A("tanh"), D(8)), 0.8
            ),
            A("sigmoid"),
        ),
    ),
    "concat": (
        concatenated,
        built(
            D(6, weight_std=1.2),
            join(kc.Concat(), kc.chain(), kc.chain(A("sin"), D(2, weight_std=0.7, bias_std=0.1))),
            A("tanh"),
            D(3, weight_std=1.5),
        ),
    ),
    "layer norm": (
        normed,
        built(
            D(8, weight_std=2.0, bias_std=0.5),
            kc.LayerNorm(),
            A("relu"),
            kc.LayerNorm(),
            D(8, weight_std=1.3),
            A("softplus"),
            kc.LayerNorm(),
            D(3),
        ),
    ),
    "rms norm": (
        rms,
        built(
            D(8, weight_std=0.5),
            kc.LayerNorm(center=False),
            A("sigmoid"),
            kc.LayerNorm(center=False),
            D(8, weight_std=1.5, bias_std=0.1),
        ),
    ),
}


def times(step: Callable[[Pair], Pair], count: int, start: Callable[[Pair], Pair]) -> Callable:
    def run(a: Pair) -> Pair:
        a = start(a)
        for _ in range(count):
            a = step(a)
        return a

    return run


MAPPED = {
    "deep tanh": (
        times(lambda a: dense(act("tanh", a), 1.4, 0.1), 24, dense),
        built(D(8), kc.repeat(kc.chain(A("tanh"), D(8, weight_std=1.4, bias_std=0.1)), 24)),
    ),
    "deep relu": (
        times(lambda a: dense(act("relu", a), math.sqrt(2)), 200, dense),
        built(D(8), kc.repeat(kc.chain(A("relu"), D(8, weight_std=math.sqrt(2))), 200)),
    ),
    "deep residual": (
        times(
            lambda a: add(
                a, dense(act("swish", dense(act("relu", a), 0.7))), 0.9, math.sqrt(1 - 0.81)
            ),
            24,
            dense,
        ),
        built(
            D(8),
            kc.repeat(
                kc.residual(kc.chain(A("relu"), D(8, weight_std=0.7), A("swish"), D(8)), 0.9), 24
            ),
        ),
    ),
    "deep layer norm": (
        times(lambda a: norm(dense(act("softplus", a), 1.3)), 24, lambda a: norm(dense(a))),
        built(
            D(8),
            kc.LayerNorm(),
            kc.repeat(kc.chain(A("softplus"), D(8, weight_std=1.3), kc.LayerNorm()), 24),
        ),
    ),
    "deep layer norm of images": (
        times(lambda a: dense(norm(act("relu", a), mean("relu", a[0])), 1.1), 24, dense),
        built(D(8), kc.repeat(kc.chain(A("relu"), kc.LayerNorm(), D(8, weight_std=1.1)), 24)),
    ),
    "deep dense concat": (
        times(
            lambda a: mix(dense(act("tanh", a), 1.1), dense(act("relu", a), 1.2), 0.5), 24, dense
        ),
        # A dense layer after the concatenation, so that its parts are of one variance again.
        None,
    ),
    "two kinds of blocks": (
        times(
            lambda a: dense(act("sin", a), 0.9),
            20,
            times(lambda a: dense(act("tanh", a), 1.2, 0.3), 20, dense),
        ),
        built(
            D(8),
            kc.repeat(kc.chain(A("tanh"), D(8, weight_std=1.2, bias_std=0.3)), 20),
            kc.repeat(kc.chain(A("sin"), D(8, weight_std=0.9)), 20),
        ),
    ),
}
del MAPPED["deep dense concat"]


@pytest.mark.parametrize("q", [1.0, 0.6])
@pytest.mark.parametrize("name", [*FLAT, *MAPPED])
def test_kernel_is_the_recursion(name: str, q: float) -> None:
    recursion, net = {**FLAT, **MAPPED}[name]
    kernel = kc.derive(net)
    assert name not in MAPPED or len(kernel.equations) < 15
    for c in (0.7, 0.0, -0.4, 1.0):
        wanted = recursion((q, q * c, 0.0))
        value = kernel.evaluate(c=c, q=q)
        found = (value.q, value.nngp, value.ntk)
        assert found == pytest.approx(wanted, rel=TOLERANCE, abs=TOLERANCE), c
        assert value.c == pytest.approx(wanted[1] / wanted[0], rel=TOLERANCE, abs=TOLERANCE)


@pytest.mark.parametrize("name", ["skips", "layer norm"])
def test_expanding_changes_the_form_alone(name: str) -> None:
    _, net = {**FLAT, **MAPPED}[name]
    kernel = kc.derive(net)
    assert kernel.expand().evaluate(c=0.3, q=0.8) == pytest.approx(
        kernel.evaluate(c=0.3, q=0.8), rel=1e-12
    )


def test_a_fixed_q_is_the_symbol_at_that_value() -> None:
    _, net = FLAT["skips"]
    assert kc.derive(net, q=1).evaluate(c=0.3) == pytest.approx(
        kc.derive(net).evaluate(c=0.3, q=1), rel=1e-12
    )


SHAPED = {
    "chain": built(D(8), kc.repeat(kc.chain(A("tanh"), D(8)), 12)),
    "weighted": built(
        D(8), kc.repeat(kc.residual(kc.chain(A("softplus"), D(8), A("softplus"), D(8)), 0.7), 5)
    ),
    "concat": built(
        D(8),
        join(kc.Concat(), kc.chain(A("tanh"), D(8)), kc.chain(A("tanh"), D(8), A("tanh"), D(8))),
        D(8),
    ),
}


@pytest.mark.parametrize("target", [kc.DKS(zeta=1.5), kc.TAT(tau=0.3)], ids=["dks", "tat"])
@pytest.mark.parametrize("name", SHAPED)
def test_slope_and_curvature_are_derivatives_of_the_c_map(name: str, target) -> None:
    shaped = kc.shape(SHAPED[name], target)
    kernel = kc.derive(shaped)
    # Five-point one-sided differences at c = 1, in 40 digits so that steps can be tiny.
    h = 1e-3

    def values(step: float) -> list[float]:
        return [float(kernel.evaluate(c=1 - j * step).c) for j in range(5)]

    f = values(h)
    slope = (25 * f[0] - 48 * f[1] + 36 * f[2] - 16 * f[3] + 3 * f[4]) / (12 * h)
    curvature = (35 * f[0] - 104 * f[1] + 114 * f[2] - 56 * f[3] + 11 * f[4]) / (12 * h * h)
    psi, kappa = kernel.psi, kernel.kappa
    local = shaped.psi if shaped.psi is not None else 1.0
    # Truncation h^4 C^(5) ~ 1e-11 and rounding 1e-15 / h.
    assert float(kernel.c_slope.subs(psi, local)) == pytest.approx(slope, abs=1e-8)
    if shaped.kappa is not None:
        at = {psi: 1.0, kappa: shaped.kappa}
        # Truncation h^3 C^(5) ~ 1e-8 and rounding 1e-15 / h^2 ~ 1e-9.
        assert float(kernel.c_curvature.subs(at).doit()) == pytest.approx(curvature, abs=1e-5)
        largest = kernel.max_slope.subs(psi, 1.0)
        assert float(largest.doit()) == pytest.approx(1.0, abs=1e-12)
    else:
        assert float(kernel.max_slope.subs(psi, local).doit()) == pytest.approx(1.5, abs=1e-10)


def test_shaped_kernels_vanish_at_zero() -> None:
    for net in SHAPED.values():
        assert abs(kc.derive(kc.shape(net)).evaluate(c=0.0).nngp) < TOLERANCE


@pytest.mark.parametrize("name", ["relu", "erf", "tanh"])
def test_twenty_or_thirty_digits(name: str) -> None:
    kernel = kc.derive(built(D(8, weight_std=1.5), A(name), D(8)))
    # What has no closed form is integrated, and the time for that grows fast with the digits.
    digits = 20 if name == "tanh" else 30
    value = kernel.evaluate(c=0.25, q=1, dps=digits)
    with mpmath.workdps(40):
        q, k = mpmath.mpf("2.25"), mpmath.mpf("2.25") / 4
        if name == "relu":
            angle = mpmath.acos(mpmath.mpf(1) / 4)
            wanted_q = q / 2
            wanted_k = q / (2 * mpmath.pi) * (mpmath.sin(angle) + (mpmath.pi - angle) / 4)
        elif name == "erf":
            wanted_q = 2 / mpmath.pi * mpmath.asin(2 * q / (1 + 2 * q))
            wanted_k = 2 / mpmath.pi * mpmath.asin(2 * k / (1 + 2 * q))
        else:
            # Trapezoids converge geometrically here: poles of tanh are pi / 3 away in x.
            h = mpmath.mpf(1) / 14
            xs = [j * h for j in range(-170, 171)]
            ws = [h * mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi) for x in xs]
            wanted_q = sum(w * mpmath.tanh(1.5 * x) ** 2 for w, x in zip(ws, xs, strict=True))
            wanted_k = None
    assert abs(sympy.Float(wanted_q, 35) - value.q) < 10 ** (3 - digits)
    if wanted_k is not None:
        assert abs(sympy.Float(wanted_k, 35) - value.nngp) < 1e-27
    assert value.nngp == pytest.approx(kernel.evaluate(c=0.25, q=1).nngp, rel=1e-13)
