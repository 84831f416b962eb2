"""Approximations of one gap: accuracy against recursions, behavior under JAX, refusals."""

from collections import namedtuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sampled_networks as networks
from hypothesis import given, settings, strategies as st

from kernelc._errors import DataError, UnsupportedError
from kernelc.approximation import fit


NETWORKS = {
    "relu 1": networks.relu(1),
    "relu 10": networks.relu(10),
    "relu 100": networks.relu(100),
    "relu 1000": networks.relu(1000),
    "erf 1": networks.erf(1, 1.2),
    "erf ordered": networks.erf(60, 1.0, 0.5),
    "erf chaotic": networks.erf(10, 1.5),
    "shaped": networks.cubic(50, 1.5),
    "sign": networks.sign(1),
    "sign 3": networks.sign(3),
}
BOUNDARY = "erf very chaotic"  # boundary layers at both ends; asked for its drop alone
WITH_BOUNDARY = {**NETWORKS, BOUNDARY: networks.erf(50, 1.5)}
RELU_GAPS = (1e-12, 1e-4, 0.3, 1.0, 1.9)
BOUNDARY_GAPS = (1e-15, 1e-9, 1e-6, 1e-3, 0.7)
LINES = {  # what is chosen in float64: cheap forms for all but the roots of roots
    "relu 1": "tan(θ/4)",
    "relu 1000": "tan(θ/4) cut below",
    "erf 1": "terms in c",
    "shaped": "terms in c",
    "sign": "tan(θ/4)",
    "sign 3": "pieces",
}


@pytest.fixture(scope="module")
def fitted():
    """Fits each network once."""
    cache = {}

    def get(name):
        if name not in cache:
            cache[name] = fit(WITH_BOUNDARY[name])
        return cache[name]

    return get


@pytest.fixture(scope="module")
def values_of(fitted):
    """Evaluates each network once in each type, at all gaps that tests ask for."""
    cache = {}

    def get(name, dtype):
        if (name, dtype) not in cache:
            cache[name, dtype] = evaluated(fitted(name), gaps(), dtype)
        return cache[name, dtype]

    return get


def gaps():
    """Not the gaps of the certification."""
    draw = np.random.default_rng(99)
    near = 10 ** draw.uniform(-25, 0, 700)
    random = 2 * draw.random(700), near, 2 - near[near > 1e-12]
    return np.concatenate((SPECIAL, *random))


# Zero first: `drop` is 0 there.
SPECIAL = (0.0, 2.0, *RELU_GAPS, *BOUNDARY_GAPS)


def evaluated(approximation, g, dtype):
    with jax.enable_x64(dtype == "float64"):
        values = jax.jit(approximation.__call__)(jnp.asarray(g, dtype))
        return {name: np.asarray(value, np.float64) for name, value in values.items()}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_errors_stay_below_the_bounds_and_the_bounds_small(fitted, values_of, name, dtype):
    approximation = fitted(name)
    g = gaps().astype(dtype).astype(np.float64)
    truth, values = NETWORKS[name](g), values_of(name, dtype)
    for quantity, exact in truth.items():
        bound = approximation.bounds[quantity][dtype]
        # Samples with unbounded slope at gap 2 have rounding beyond 1e-12 there themselves.
        noisy = name in ("sign 3", "erf chaotic")
        allowed = {"float64": 2e-11 if noisy else 1.1e-12, "float32": 2.1e-5}
        assert bound.relative <= allowed[dtype]
        error = np.abs(values[quantity] - exact)
        assert error.max() <= bound.absolute
        if quantity == "drop":
            assert values["drop"][0] == 0
            near = (g > 0) & (g <= 1)
            assert (error[near] <= bound.relative * exact[near]).all()


@pytest.mark.parametrize("name", LINES)
def test_the_line_for_explain(fitted, name):
    line = str(fitted(name).at("float64"))
    assert LINES[name] in line
    assert "error at most" in line
    assert "\n" not in str(fitted(name))


@pytest.mark.parametrize("depth", [1, 10, 100, 1000])
def test_relu_against_fifty_digits(values_of, depth):
    double, single = (values_of(f"relu {depth}", dtype) for dtype in ("float64", "float32"))
    for gap in RELU_GAPS:
        at = SPECIAL.index(gap)
        drop, ntk = networks.relu_reference(depth, gap)
        assert double["drop"][at] == pytest.approx(drop, rel=1e-12, abs=0)
        assert double["ntk"][at] == pytest.approx(ntk, abs=1e-12 * (depth + 1))
        drop, _ = networks.relu_reference(depth, float(np.float32(gap)))
        assert single["drop"][at] == pytest.approx(drop, rel=1e-5, abs=0)


def test_boundary_layers_of_a_chaotic_network(fitted, values_of):
    assert "pieces" in str(fitted(BOUNDARY))
    double, single = (values_of(BOUNDARY, dtype) for dtype in ("float64", "float32"))
    for gap in BOUNDARY_GAPS:
        at = SPECIAL.index(gap)
        drop = networks.erf_reference(50, 1.5, gap)
        # The samples themselves are NumPy's, with an error of their own in the fixed point of q.
        assert double["drop"][at] == pytest.approx(drop, rel=2e-12, abs=0)
        drop = networks.erf_reference(50, 1.5, float(np.float32(gap)))
        assert single["drop"][at] == pytest.approx(drop, rel=2e-6, abs=0)


@pytest.mark.parametrize("name", ["relu 10", "relu 1000", "erf 1", "sign", "sign 3", "erf chaotic"])
def test_gradients_are_finite_and_the_slope_at_zero_is_true(fitted, name):
    approximation = fitted(name)
    g = jnp.asarray([0.0, 1e-30, 1e-9, 0.5, 1.0, 1.5, 2.0], jnp.float32)

    def total(x):
        # A derivative that is not finite stays so in the sum.
        return sum(approximation(x).values())

    assert np.isfinite(jax.jit(jax.vmap(jax.grad(total)))(g)).all()
    assert np.isfinite(jax.jit(jax.vmap(jax.grad(jax.grad(total))))(g[3:6])).all()
    if not name.startswith("sign"):
        slope = NETWORKS[name](np.array([1e-30]))["drop"][0] / 1e-30
        found = jax.jit(jax.grad(lambda x: approximation(x)["drop"]))(jnp.float32(0.0))
        assert found == pytest.approx(slope, rel=1e-5)


def test_gradients_agree_with_the_response(fitted):
    # d k_out/d k_in = d drop/d gap where q is 1: the recursion of one is no part of the other.
    g = jnp.asarray([1e-6, 1e-2, 0.3, 1.0, 1.7])

    def both(x):
        values, slope = jax.jvp(fitted("relu 10").__call__, (x,), (jnp.ones_like(x),))
        return values["response"], slope["drop"]

    np.testing.assert_allclose(*jax.jit(both)(g), rtol=1e-4, atol=1e-5)


def test_shapes_transformations_and_hashing(fitted):
    approximation = fitted("relu 10")
    g = jnp.asarray(np.random.default_rng(0).random((3, 4, 5)), jnp.float32)
    plain = approximation(g)
    mapped = jax.jit(jax.vmap(approximation))(g)
    static = jax.jit(lambda f, x: f(x), static_argnums=0)(approximation, g)
    for name, value in plain.items():
        assert value.shape == g.shape
        assert value.dtype == jnp.float32
        np.testing.assert_allclose(mapped[name], value, rtol=2e-6)
        np.testing.assert_allclose(static[name], value, rtol=2e-6)
    again = fit(NETWORKS["relu 10"])
    assert hash(approximation) == hash(again)
    assert approximation == again


def test_rounding_just_outside_the_interval_and_nan(fitted):
    for name in ("relu 10", "sign 3", "shaped"):
        values = jax.jit(fitted(name).__call__)(
            jnp.asarray([-1e-7, 2.0 + 2e-7, np.nan], jnp.float32)
        )
        for value in values.values():
            assert np.isfinite(value[:2]).all()
            assert np.isnan(value[2])
        assert values["drop"][0] == 0


def test_fits_while_something_else_is_traced():
    cheap = []

    @jax.jit
    def traced(x):
        cheap.append(fit(networks.cubic(3, 1.5)))
        return cheap[0](x)["drop"]

    assert traced(jnp.float32(0.0)) == 0
    assert cheap[0] == fit(networks.cubic(3, 1.5))


def test_any_quantities_and_named_tuples():
    result = namedtuple("result", "first second")
    approximation = fit(lambda g: result(np.cos(g), np.full_like(g, 3.0)))
    assert set(approximation(jnp.float32(0.5))) == {"first", "second"}
    assert approximation(jnp.float32(0.5))["second"] == 3
    nothing = fit(lambda g: {"drop": 0 * g})
    assert nothing(jnp.float32(0.5))["drop"] == 0


def test_the_sample_is_asked_seldom_and_for_one_length():
    asked = []

    def sample(g):
        asked.append(g.shape)
        return networks.erf(60, 1.5)(g)

    fit(sample)
    assert set(asked) == {(1024,)}
    assert len(asked) <= 32


@settings(max_examples=5)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.integers(1, 6))
def test_random_power_series(weights, depth):
    total = sum(weights)
    weights = np.array(weights) / total if total > 1e-3 else np.array([0.5, 0.5])

    def sample(g):
        for _ in range(depth):
            # 1 - cⁿ = g (1 + c + ... + cⁿ⁻¹)
            c = 1 - g
            powers = np.cumsum([c**n for n in range(weights.size)], axis=0)
            g = g * np.tensordot(weights, powers, 1)
        return {"drop": g}

    bound = fit(sample).bounds["drop"]
    assert bound["float64"].relative < 1e-11
    assert bound["float32"].relative < 3e-5


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.int32])
def test_refuses_types_that_cannot_hold_a_gap(fitted, dtype):
    with pytest.raises(DataError, match="float32 or float64"):
        fitted("shaped")(jnp.zeros(3, dtype))


def test_refuses_bad_samples():
    with pytest.raises(DataError, match="not finite"):
        fit(lambda g: {"ntk": 1 / np.where(g == 0, np.nan, g + 1)})
    with pytest.raises(DataError, match="shape"):
        fit(lambda g: {"drop": g[:5]})
    with pytest.raises(DataError, match="gap 0"):
        fit(lambda g: {"drop": 1 + g})


def test_refuses_what_no_form_reaches():
    with pytest.raises(UnsupportedError, match="at best"):
        fit(lambda g: {"drop": g * (1.5 + np.sin(2000 * g))})
