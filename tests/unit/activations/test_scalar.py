"""Users' expressions, names, transformations and descriptions."""

from __future__ import annotations

import json
import math
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings, strategies as st

from kernelc._errors import ActivationError, LoadError
from kernelc.activations import ScalarFunction, X, from_expression, named, sigmoid, softplus
from kernelc.activations._stable import stabilize


t, z = sympy.symbols("t z")
_E = sympy.exp


@pytest.mark.parametrize(
    ("written", "stable"),
    [
        (sympy.log(1 + _E(t)), softplus(X)),
        (sympy.log(1 + 2 * _E(t)), softplus(X + sympy.log(2))),
        (1 / (1 + _E(-t)), sigmoid(X)),
        (_E(t) / (1 + _E(t)), sigmoid(X)),
        (_E(t) / (1 + _E(t)) ** 2, sigmoid(X) * sigmoid(-X)),
        ((1 - _E(-t)) / (1 + _E(-t)), sigmoid(X) - sigmoid(-X)),
        ((_E(t) - _E(-t)) / (_E(t) + _E(-t)), sympy.tanh(X)),
        (sympy.sinh(t) / sympy.cosh(t), sympy.tanh(X)),
        (1 / sympy.cosh(t), sympy.sech(X)),
        (t * (1 + sympy.erf(t / sympy.sqrt(2))) / 2, named("gelu").expr),
        (t / (1 + _E(-t)), named("swish").expr),
    ],
)
def test_overflowing_formulas_become_stable_ones(written: Any, stable: Any) -> None:
    function = from_expression(written)
    assert function.expr == stable
    far = jnp.asarray([-1e4, -200.0, 0.0, 200.0, 1e4], jnp.float32)
    assert bool(jnp.isfinite(function.jax(far)).all())
    assert bool(jnp.isfinite(jax.vmap(jax.grad(function.jax))(far)).all())
    symbol = written.free_symbols.pop()
    for point in (-2.3, 0.7, 3.1):
        want = float(written.subs(symbol, point))
        assert float(function.mpmath()(point)) == pytest.approx(want, rel=1e-13)


@pytest.mark.parametrize(
    ("expr", "places", "smoothness"),
    [
        (sympy.Abs(sympy.Abs(t) - 1), (-1, 0, 1), 0),
        (sympy.Max(0, t**3 - t), (-1, 0, 1), 0),
        (sympy.Abs(sympy.tanh(t) - sympy.Rational(1, 2)), (math.atanh(0.5),), 0),
        (sympy.Piecewise((0, t < -1), (t + 1, t < 1), (2, True)), (-1, 1), 0),
        (sympy.Piecewise((t**2, sympy.And(t > -1, t < 2)), (1, True)), (-1, 2), -1),
        (sympy.Max(t, 0) ** 2, (0,), 1),
        (sympy.Abs(t) ** 3, (0,), 2),
        (sympy.Heaviside(t - 1) * t, (1,), -1),
        (sympy.sqrt(t**2), (0,), 0),
        (sympy.Max(t, t), (), math.inf),
        (sympy.Abs(sympy.Float(0.1) * t**2 - sympy.Float(0.3)), (-(3**0.5), 3**0.5), 0),
        (t * sympy.Max(-1, sympy.Min(1, t)), (-1, 1), 0),
    ],
)
def test_kinks_are_located(expr: Any, places: tuple, smoothness: float) -> None:
    function = from_expression(expr)
    assert function.breakpoints == pytest.approx(places, rel=1e-14)
    assert function.smoothness == smoothness
    x = np.linspace(-3.05, 3.05, 31)
    symbol = expr.free_symbols.pop()
    want = [float(expr.subs(symbol, sympy.Float(float(p)))) for p in x]
    assert function.numpy()(x) == pytest.approx(want, rel=1e-13, abs=1e-14)
    assert np.asarray(function.jax(jnp.asarray(x))) == pytest.approx(want, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(
    ("expr", "part"),
    [
        (t + z, "its symbols are t, z"),
        (sympy.Integer(3), "its symbols are none"),
        (sympy.sqrt(t), "not positive"),
        (sympy.log(t), "not positive"),
        (t ** sympy.Rational(1, 3), "not positive"),
        ((-2) ** t, "not real"),
        (1 / t, "pole"),
        (1 / (t**2 - 2), "pole"),
        (1 / (sympy.Abs(t) - 1), "pole"),
        (1 / (_E(t) - 1), "pole"),
        (sympy.sqrt(sympy.Abs(t)), "slope"),
        (sympy.Abs(sympy.sin(t)), "cannot be located"),
        (sympy.Max(t, _E(-t) - 1), "cannot be located"),
        (sympy.Piecewise((t, t < 0)), "no case"),
        (sympy.sin(t) ** 2 + sympy.cos(t) ** 2, "constant"),
        (sympy.Heaviside(t) + sympy.Heaviside(-t), "constant"),
        (sympy.I * t, "contains I"),
        (sympy.tan(t), "contains tan"),
        (sympy.Function("f")(t), "contains f"),
        (sympy.Integral(_E(t), t), "contains Integral"),
        (sympy.oo * sympy.Symbol("u"), "contains oo"),
        (t * _E(_E(_E(_E(9)))), "too large"),
        (_E(_E(_E(_E(t)))), "not a finite"),
        (sympy.Eq(t, 1), "Equality"),
        ("x", "str"),
        (3, "int"),
    ],
)
def test_what_is_no_activation_is_refused(expr: Any, part: str) -> None:
    with pytest.raises(ActivationError, match=part):
        from_expression(expr)


def test_symbols_of_any_name_and_assumption_mean_the_same() -> None:
    symbols = [sympy.Symbol("x"), sympy.Symbol("w", positive=True), sympy.Symbol("n", real=True)]
    functions = {from_expression(s * sympy.tanh(s)) for s in symbols}
    assert len(functions) == 1


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: named("gelo"), "gelu"),
        (lambda: named("leaky_relu", slope=0.1), "negative_slope"),
        (lambda: named("leaky_relu", negative_slope=math.nan), "finite"),
        (lambda: named("leaky_relu", negative_slope="0.1"), "real number"),
        (lambda: named("leaky_relu", negative_slope=True), "real number"),
        (lambda: named("celu", celu_alpha=-1), "celu_alpha > 0"),
        (lambda: named("polynomial"), "missing"),
        (lambda: named("polynomial", coefficients=[3]), "nonzero coefficient"),
        (lambda: named("polynomial", coefficients=2), "list"),
        (lambda: named("tanh").transformed(alpha=0), "not zero"),
        (lambda: named("tanh").transformed(gamma=0.0), "not zero"),
        (lambda: named("tanh").transformed(beta=math.inf), "finite"),
        (lambda: named("tanh").transformed(beta=t), "finite real"),
        (lambda: named("tanh").transformed(beta="1"), "finite real"),
        (lambda: named("tanh").numpy(-1), "whole number"),
        (lambda: named("tanh").derivative(1.5), "whole number"),
    ],
)
def test_bad_requests_are_refused(call: Any, part: str) -> None:
    with pytest.raises(ActivationError, match=part):
        call()


def _nested(kind: str, depth: int) -> Any:
    node: Any = "x"
    for _ in range(depth):
        node = [kind, node]
    return node


def _tower() -> Any:
    node: Any = ["integer", "3"]
    for _ in range(6):
        node = ["Pow", node, ["integer", "60"]]
    return ["Add", node, "x"]


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"name": "relu"},
        {"name": "relu", "params": {"q": 1}},
        {"name": "relu", "params": {1: 2}},
        {"name": "nonesuch", "params": {}},
        {"name": "polynomial", "params": {"coefficients": ["a"]}},
        {"transformed": {"name": "relu", "params": {}}, "affine": ["x"] * 4},
        {"transformed": {"name": "relu", "params": {}}, "affine": 4},
        {"name": 3, "expr": "x"},
        *[
            {"name": "phi", "expr": expr}
            for expr in (
                "y",
                "__import__('os')",
                ["__import__", "x"],
                ["Lambda", "x", "x"],
                ["sin"],
                ["sin", "x", "x"],
                ["Pow", "x"],
                ["integer", 5],
                ["integer", "9" * 5000],
                ["integer", "1e3"],
                ["rational", "1", "0"],
                ["float", "nan"],
                ["float", "inf"],
                ["Piecewise"],
                ["Piecewise", ["x", "x"]],
                ["<", "x", "pi"],
                ["and", "x", "x"],
                ["Pow", ["integer", "10"], ["integer", "1000000000"]],
                ["Pow", ["float", "0x1p1"], ["Pow", ["float", "0x1p1"], ["float", "0x1p6"]]],
                _tower(),
                _nested("exp", 5000),
                ["Add", *["x"] * 5000],
                ["Mul", "x", ["exp", ["exp", ["exp", ["integer", "9"]]]]],
                ["Pow", "x", ["integer", "-1"]],
            )
        ],
    ],
)
def test_hostile_descriptions_are_refused(data: Any) -> None:
    with pytest.raises(LoadError):
        ScalarFunction.from_dict(data)


def test_floats_and_rationals_survive_exactly() -> None:
    numbers = (sympy.Rational(1, 3), sympy.Float(0.1), sympy.Float("0.1", 40), sympy.pi, sympy.E)
    for number in numbers:
        function = from_expression(sympy.tanh(number * t) + number * t**2)
        back = ScalarFunction.from_dict(json.loads(json.dumps(function.to_dict())))
        assert back.expr == function.expr
        assert back == function


_numbers = st.one_of(
    st.integers(-3, 3).map(sympy.Integer),
    st.fractions(-2, 2, max_denominator=7).map(
        lambda f: sympy.Rational(f.numerator, f.denominator)
    ),
    st.floats(-2, 2, width=16).map(sympy.Float),
)
_smooth = st.sampled_from([sympy.tanh, sympy.sin, sympy.atan, sympy.erf, softplus, sigmoid])


def _grown(children: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(
        st.builds(lambda a, b: a + b, children, children),
        st.builds(lambda a, n: a * n, children, _numbers),
        st.builds(lambda f, a: f(a), _smooth, children),
    )


_smooth_expressions = st.recursive(st.just(X), _grown, max_leaves=5)
_kinked = st.builds(
    lambda f, n, e: f(X - n) + e,
    st.sampled_from([sympy.Abs, lambda u: sympy.Max(u, 0), lambda u: sympy.Min(u, 1)]),
    _numbers,
    _smooth_expressions,
)


@settings(max_examples=60, deadline=None)
@given(st.one_of(_smooth_expressions, _kinked))
def test_any_expression_round_trips_and_agrees_with_sympy(expr: Any) -> None:
    probes = [float(expr.subs(X, p).evalf(20)) for p in (-1.5, -0.3, 0.9, 1.7)]
    if max(probes) - min(probes) < 1e-9:
        return  # constant: refused, as tested elsewhere
    function = from_expression(expr)
    back = ScalarFunction.from_dict(json.loads(json.dumps(function.to_dict())))
    assert back == function
    for point in (-1.37, 0.21, 2.9):
        want = float(expr.subs(X, sympy.Float(point, 30)).evalf(20))
        assert float(function.numpy()(point)) == pytest.approx(want, rel=1e-12, abs=1e-13)
        assert float(back.mpmath()(point)) == pytest.approx(want, rel=1e-12, abs=1e-13)


# the shapes that `stabilize` rewrites, in random company
_logistic = st.builds(
    lambda a, b, n, m: _E(n * a) * (b + _E(-a)) / (1 + _E(a)) ** m,
    st.sampled_from([X, -X, 2 * X, X / 3]),
    st.sampled_from([1, -1, 2, X]),
    st.integers(-2, 3),
    st.integers(1, 3),
)
_hyperbolic = st.builds(
    lambda a, s, r: (_E(a) + s * _E(-a)) / (_E(a) + _E(-a)) ** r * sympy.cosh(a) ** (r - 1),
    st.sampled_from([X, -X, 2 * X]),
    st.sampled_from([1, -1, 2]),
    st.integers(1, 3),
)
_tails = st.builds(
    lambda f, a, s: X * (1 + s * f(a)),
    st.sampled_from([sympy.tanh, sympy.erf, _E]),
    st.sampled_from([X, -X, X / sympy.sqrt(2)]),
    st.sampled_from([1, -1, 2]),
)
_logarithms = st.builds(
    lambda a, c, n: n * sympy.log(1 + c * _E(a)) + sympy.log(1 / (1 + _E(-a))),
    st.sampled_from([X, -X, X**2]),
    st.sampled_from([1, 2, sympy.Rational(1, 3)]),
    st.integers(-2, 3),
)


@settings(max_examples=120, deadline=None)
@given(st.one_of(_logistic, _hyperbolic, _tails, _logarithms))
def test_stabilising_never_changes_a_value(expr: Any) -> None:
    stable = stabilize(expr)
    for point in (-1.37, 0.21, 2.9):
        at = sympy.Float(point, 30)
        want = complex(expr.subs(X, at).evalf(25))
        assert complex(stable.subs(X, at).evalf(25)) == pytest.approx(want, rel=1e-14, abs=1e-15)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["relu6", "hard_swish", "selu", "softsign", "tanh"]),
    st.tuples(*[st.floats(-2, 2).filter(lambda v: abs(v) > 1e-3)] * 4),
    st.tuples(*[st.floats(-2, 2).filter(lambda v: abs(v) > 1e-3)] * 4),
)
def test_two_transformations_compose(name: str, first: tuple, second: tuple) -> None:
    base = named(name)
    both = base.transformed(*first).transformed(*second)
    a, b, c, d = second
    for x in (-1.3, 0.4, 2.2):
        want = c * (float(base.transformed(*first).numpy()(a * x + b)) + d)
        assert float(both.numpy()(x)) == pytest.approx(want, rel=1e-12, abs=1e-12)
        assert float(both.mpmath()(x)) == pytest.approx(want, rel=1e-12, abs=1e-12)
    assert list(both.breakpoints) == sorted(both.breakpoints)


def test_nested_transformations_keep_their_closed_dual() -> None:
    twice = named("sin").transformed(0.5, 0.3, 2, 0.1).transformed(1.4, -0.2, 0.7, 0.5)
    once = from_expression(twice.expr)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    q1, q2, k = 0.9, 1.2, 0.6
    u = np.sqrt(q1) * nodes[:, None]
    v = k / q1 * u + np.sqrt(q2 - k * k / q1) * nodes[None, :]
    want = np.einsum("i,j,ij->", weights, weights, once.numpy()(u) * once.numpy()(v))
    assert float(twice.closed_dual(q1, q2, k)) == pytest.approx(want, rel=1e-12)
    slope = np.einsum("i,j,ij->", weights, weights, once.numpy(1)(u) * once.numpy(1)(v))
    assert float(twice.closed_dual_derivative(q1, q2, k)) == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("expr", [sympy.cosh(t), sympy.sinh(2 * t) + 1, _E(t) - 3, t**2 + t, 2 * t])
def test_infeasibility_is_found_in_users_expressions(expr: Any) -> None:
    assert from_expression(expr).infeasible


def test_precision_follows_mpmath() -> None:
    with mpmath.workdps(60):
        value = named("gelu").mpmath()(mpmath.mpf(-3))
        want = -3 * mpmath.ncdf(-3)
        assert abs(value - want) < mpmath.mpf("1e-58")


def test_tails_keep_relative_accuracy() -> None:
    # the naive forms 1 - sigmoid, 1 + erf, log(1 + exp) are zero here
    assert named("sigmoid").numpy(1)(60.0) == pytest.approx(math.exp(-60), rel=1e-13)
    assert named("softplus").numpy()(-60.0) == pytest.approx(math.exp(-60), rel=1e-13)
    assert named("gelu").numpy()(-12.0) == pytest.approx(-12 * float(mpmath.ncdf(-12)), rel=1e-12)


def test_latex_reads_well() -> None:
    assert sympy.latex(named("swish").expr) == r"x \operatorname{sigmoid}\left(x\right)"
    assert sympy.latex(named("gelu").expr) == r"x \Phi\left(x\right)"


def test_jumps_of_a_transformed_function_are_those_of_its_base() -> None:
    turned = {"alpha": -2, "beta": 1, "gamma": 3, "delta": 5}
    assert named("step").transformed(**turned).jumps(0) == ((0.5, -3.0),)
    assert named("relu").transformed(**turned).jumps(1) == ((0.5, 6.0),)
    # In floats the two sides of exp at its kink differ by more than a part in 1e12.
    steep = named("celu", celu_alpha=1e-5).transformed(alpha=2, beta=-1.2, gamma=3)
    assert steep.jumps(1) == ()
    assert steep.smoothness == 1


SHIFTED = (_E(t) - 1, 0.3 - 0.3 * _E(-2 * t), t + sympy.sqrt(1 + t**2) / 2 - sympy.Rational(1, 2))


@pytest.mark.parametrize("phi", ["elu", "celu", "selu", "bentid", "softsign", *SHIFTED])
def test_values_close_to_zero_keep_their_digits(phi: str | sympy.Expr) -> None:
    function = named(phi) if isinstance(phi, str) else from_expression(phi)
    for x in (-1e-9, -1e-20, 1e-20, -1e-100):
        # To first order; the slope is no difference.
        expected = float(function.mpmath(1)(mpmath.mpf(x))) * x
        assert float(function.numpy()(x)) == pytest.approx(expected, rel=1e-7)
        assert float(function.mpmath()(mpmath.mpf(x))) == pytest.approx(expected, rel=1e-7)
