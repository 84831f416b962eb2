"""Operations on a derived kernel in SymPy and NumPy."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

import kernelc as kc


def kernel_of(activation: str, depth: int = 9) -> kc.Kernel:
    x = kc.Input((8,))
    block = kc.chain(kc.Dense(9), kc.Activation(activation))
    return kc.derive(kc.Network(x, kc.chain(kc.repeat(block, depth), kc.Dense(1))(x)), q=1)


KERNELS = {"iterated": kernel_of("erf"), "named maps": kernel_of("tanh", 2)}


@pytest.fixture(params=KERNELS)
def kernel(request: pytest.FixtureRequest) -> kc.Kernel:
    return KERNELS[request.param]


def at(expr: sympy.Expr, kernel: kc.Kernel, c: float) -> float:
    return float(expr.subs(kernel.c, c))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_are_those_of_differences(kernel: kc.Kernel, order: int) -> None:
    before = sympy.diff(kernel.nngp, kernel.c, order - 1)
    step = 1e-3
    values = [at(before, kernel, 0.3 + j * step) for j in (-2, -1, 1, 2)]
    numeric = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
    # Truncation step^4, rounding 1e-14 / step.
    assert at(sympy.diff(kernel.nngp, kernel.c, order), kernel, 0.3) == pytest.approx(
        numeric, abs=1e-10
    )


def test_a_series_is_taylors(kernel: kc.Kernel) -> None:
    found = sympy.series(kernel.c_map, kernel.c, 0, 2).removeO()
    # Both maps are odd, with coefficients below one: the next term is c^3.
    assert at(found, kernel, 0.01) == pytest.approx(kernel.evaluate(c=0.01).c, abs=1e-6)


def test_lambdify_serves_arrays_floats_and_digits(kernel: kc.Kernel) -> None:
    c = np.linspace(-1, 1, 7)
    wanted = kernel.evaluate(c=c)
    assert sympy.lambdify(kernel.c, kernel.c_map)(c) == pytest.approx(wanted.c, abs=1e-14)
    assert sympy.lambdify(kernel.c, kernel.ntk)(c) == pytest.approx(wanted.ntk, abs=1e-13)
    for modules in ("math", "sympy", "numpy"):
        value = float(sympy.lambdify(kernel.c, kernel.c_map, modules)(0.3))
        assert value == pytest.approx(kernel.evaluate(c=0.3).c, abs=1e-14)


def test_lambdify_keeps_the_digits_of_mpmath() -> None:
    kernel = KERNELS["iterated"]
    with mpmath.workdps(30):
        value = sympy.lambdify(kernel.c, kernel.c_map, "mpmath")(mpmath.mpf("0.3"))
    assert abs(sympy.Float(value, 30) - kernel.evaluate(c="0.3", dps=30).c) < 1e-27


def test_two_kernels_compile_together() -> None:
    x = kc.Input((8,))
    shaped = [
        kc.derive(kc.shape(kc.Network(x, kc.repeat(block, 3)(x)), kc.DKS(zeta=zeta)))
        for zeta in (1.2, 1.5)
        for block in [kc.chain(kc.Dense(9), kc.Activation("tanh"))]
    ]
    first, second = shaped
    gap = first.c_map - second.c_map.subs(second.c, first.c)
    wanted = first.evaluate(c=0.4).c - second.evaluate(c=0.4).c
    assert sympy.lambdify(first.c, gap)(0.4) == pytest.approx(wanted, abs=1e-14)


def test_arrays_are_broadcast() -> None:
    x = kc.Input((8,))
    kernel = kc.derive(kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("tanh"))(x)))
    c, q = np.linspace(-1, 1, 4)[:, None], np.array([0.5, 2.0])
    found = kernel.evaluate(c=c, q=q)
    assert found.nngp.shape == (4, 2)
    for i, j in np.ndindex(4, 2):
        one = kernel.evaluate(c=float(c[i, 0]), q=float(q[j]))
        assert [field[i, j] for field in found] == list(one)
    with pytest.raises(kc.KernelcError, match="shapes"):
        kernel.evaluate(c=np.zeros(3), q=np.ones(2))
    with pytest.raises(kc.KernelcError, match=r"c = .*2\.0"):
        kernel.evaluate(c=[0.0, 2.0])


def test_limits_are_values(kernel: kc.Kernel) -> None:
    limit = sympy.limit(kernel.c_map, kernel.c, 0)
    assert at(limit, kernel, 0.0) == pytest.approx(kernel.evaluate(c=0.0).c, abs=1e-14)


def test_a_q_value_depends_on_no_cosine() -> None:
    x = kc.Input((8,))
    kernel = kc.derive(kc.Network(x, kc.repeat(kc.chain(kc.Dense(9), kc.Activation("erf")), 9)(x)))
    assert kernel.q_map.free_symbols == {kernel.q}
    assert kernel.q_map.diff(kernel.c) == 0
