"""How kernel functions are called: parts of matrices, types, transformations, promises."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernel_networks import NETWORKS, RELU, TANH, D, conv, data, function, named, network

import kernelc as kc


# One test for each network, since its programs take most of the time: each serves several checks.
# "spread" is "pools" with less.
@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "spread"])
def test_parts_of_the_matrices_are_those_of_the_whole(name: str) -> None:
    """And those of float32, of an input's twin, and of an input of zeros."""
    x, k = data(name, 5, np.float32).astype(np.float64), function(name)
    x[3] = x[1]
    whole, rows, own, single = k(x), k(x[:2], x), k.diagonal(x), k(x.astype(np.float32))
    index = np.arange(len(x))
    for matrix, some, one, rough in zip(whole[:2], rows[:2], own[:2], single[:2], strict=True):
        # The same sums in programs of other shapes: rounding, relative to the largest entry.
        allowed = 1e-14 * np.abs(matrix).max()
        np.testing.assert_allclose(some, matrix[:2], rtol=0, atol=allowed)
        np.testing.assert_allclose(one, matrix[index, index], rtol=0, atol=allowed)
        np.testing.assert_allclose(matrix, np.swapaxes(matrix, 0, 1), rtol=0, atol=allowed)
        # Some five layers of roundings of 6e-8.
        np.testing.assert_allclose(rough, matrix, rtol=0, atol=3e-6 * np.abs(matrix).max())
        assert (type(matrix), matrix.dtype) == (np.ndarray, np.float64)
        assert isinstance(rough, jax.Array)
        assert rough.dtype == np.float32
        for found in (matrix, np.asarray(rough)):
            np.testing.assert_array_equal(found[1, 3], found[1, 1])
            np.testing.assert_array_equal(found[3, 1], found[3, 3])
        np.testing.assert_array_equal(some[1, 3], some[1, 1])
    x[2] = 0
    for matrix in (*k(x)[:2], *k(x.astype(np.float32))[:2]):
        assert np.isfinite(matrix).all()


def test_only_what_is_asked_for_is_given() -> None:
    x, k = data("rectified"), function("rectified")
    whole = k(x, get=("gap", "ntk", "nngp"))
    assert k(x).gap is None
    for kind in ("nngp", "ntk", "gap"):
        found = k(x, get=kind)
        assert [part is not None for part in found] == [kind == n for n in found._fields]
        np.testing.assert_allclose(getattr(found, kind), getattr(whole, kind), rtol=1e-14)
    norms = np.sqrt(np.diag(whole.nngp))
    cosines = np.asarray(whole.nngp) / np.outer(norms, norms)
    np.testing.assert_allclose(whole.gap, 1 - cosines, atol=1e-14)


def test_float64_leaves_the_setting_of_jax_alone() -> None:
    function("rectified")(data("rectified"))
    assert not jax.config.read("jax_enable_x64")
    assert jnp.ones(1).dtype == np.float32


@pytest.mark.parametrize("first", [np.float32, np.float64])
def test_types_may_take_turns(first: type) -> None:
    """A quadrature for each pair, in both types: JAX must not mix their constants up."""
    kinked = kc.Activation("tanh")
    k = kc.kernel_fn(network(kc.chain(D(8, bias_std=0.3), kinked, D(3))))
    x = data("rectified", 2)
    found = [
        k(x.astype(dtype), get="nngp").nngp for dtype in (first, np.float32, np.float64, first)
    ]
    for matrix in found:
        np.testing.assert_allclose(matrix, found[0], rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.int32, np.int8, jnp.bfloat16, np.float16])
def test_other_numbers_count_as_float32(dtype) -> None:
    k = function("rectified")
    x = np.round(4 * data("rectified")).astype(np.int8)
    found = k(jnp.asarray(x, dtype) if dtype is jnp.bfloat16 else x.astype(dtype))
    assert found.nngp.dtype == np.float32
    np.testing.assert_array_equal(found.nngp, k(x.astype(np.float32)).nngp)


def test_under_jit_and_vmap() -> None:
    x, k = jnp.asarray(data("rectified, biases", 5, np.float32)), function("rectified, biases")
    whole = k(x)
    inside = jax.jit(lambda x: k(x))(x)
    each = jax.vmap(lambda a: k(a[None], x).nngp[0])(x)
    # In float32, compiled otherwise.
    np.testing.assert_allclose(inside.nngp, whole.nngp, rtol=1e-5)
    np.testing.assert_allclose(inside.ntk, whole.ntk, rtol=1e-5)
    np.testing.assert_allclose(each, whole.nngp, rtol=1e-5)


@pytest.mark.parametrize("name", ["rectified, biases", "spread"])
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    with jax.enable_x64(True):
        x = jnp.asarray(data(name, 3))
        k = kc.kernel_fn(named(name), largest_q=8.0)
        weights = jnp.asarray(np.random.default_rng(1).normal(size=(2, 1)))

        def total(x):
            out = k(x[:2], x[2:])
            return sum((weights.reshape(2, 1, *(1,) * (m.ndim - 2)) * m).sum() for m in out[:2])

        # One program for both: its values give the differences.
        compiled = jax.jit(jax.value_and_grad(total))
        slope = compiled(x)[1]
        along = jnp.asarray(np.random.default_rng(2).normal(size=x.shape))
        h = 1e-5
        wanted = (compiled(x + h * along)[0] - compiled(x - h * along)[0]) / (2 * h)
        # Rounding of 1e-15 over a step of 1e-5, and the step squared times a third derivative.
        np.testing.assert_allclose((slope * along).sum(), wanted, rtol=1e-7, atol=1e-8)


def test_a_broken_promise_gives_nan_and_leaves_the_rest() -> None:
    x = data("one q value", 4)
    x /= np.sqrt((x**2).mean(1, keepdims=True))
    net = network(kc.chain(D(8), TANH, D(8), TANH, D(3)))
    k = kc.kernel_fn(net, q=1.0)
    exact = k(x)
    x[2] *= 1.5
    found = k(x)
    kept = np.array([0, 1, 3])
    for matrix, wanted in zip(found[:2], exact[:2], strict=True):
        assert np.isnan(matrix[2]).all()
        assert np.isnan(matrix[:, 2]).all()
        rest = np.ix_(kept, kept)
        np.testing.assert_allclose(matrix[rest], wanted[rest], rtol=1e-14)


def test_beyond_the_largest_q_under_jit_there_is_nan() -> None:
    x = data("series", 4, np.float32)
    x /= np.sqrt((x**2).mean(1, keepdims=True))
    x[1] *= 3.0
    k = kc.kernel_fn(named("series"), largest_q=2.0)
    found = np.asarray(jax.jit(lambda x: k(x).nngp)(x))
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 1]).all()
    kept = np.ix_([0, 2, 3], [0, 2, 3])
    np.testing.assert_allclose(found[kept], np.asarray(k(x).nngp)[kept], rtol=1e-5)
    # Outside of jit the data decide.
    assert np.isfinite(k(x).nngp).all()


def test_ten_thousand_layers() -> None:
    """Depth costs a loop: the gap of a relu network falls like 1 / depth^2."""
    deep = kc.chain(*(layer for _ in range(10_000) for layer in (D(8, weight_std=2**0.5), RELU)))
    x = data("rectified", 3)
    found = kc.kernel_fn(network(deep))(x, get=("nngp", "ntk", "gap"))
    assert np.all(np.isfinite(found.ntk))
    off = found.gap[~np.eye(3, dtype=bool)]
    # 1 - c = (9 pi^2 / 2) / depth^2 to leading order (Hayou et al. 2019), from any start.
    np.testing.assert_allclose(off, 4.5 * np.pi**2 / 1e8, rtol=0.02)


def test_explain_names_the_ways_and_the_bounds() -> None:
    one = kc.kernel_fn(network(kc.chain(kc.PLN(), D(8), TANH, D(8), TANH, D(3))))
    text = one.explain()
    assert "a function of one variable" in text
    assert "error at most" in text
    x = kc.Input((6,))
    net = kc.Network(x, kc.chain(D(8, bias_std=0.3), RELU, D(3))(x), name="plain")
    text = kc.kernel_fn(net).explain()
    assert "plain" in text
    assert "layer by layer over all pairs" in text
    assert "closed form in the angle" in text
    mixed = kc.kernel_fn(network(kc.chain(conv(), RELU, kc.GlobalMeanPool()), (5, 3))).explain()
    assert "layer by layer" in mixed
