"""Kernels beyond the numbers of a type: refused by name, without a warning."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernel_networks import RELU, TANH, A, D, network

import kernelc as kc


def layers(weight_std: float, bias_std: float, count: int = 6) -> kc.Network:
    return network(kc.repeat(kc.chain(D(9, weight_std, bias_std), RELU), count))


@pytest.mark.parametrize("bias_std", [0.0, 0.1])
def test_overflow_in_float32_names_the_layer_and_float64(bias_std: float) -> None:
    k = kc.kernel_fn(layers(1e5, bias_std))
    x = np.eye(6, dtype=np.float32)
    for call in (k, k.diagonal):
        with pytest.raises(kc.DataError, match=r"q value of \S+ at dense_\d") as caught:
            call(x)
        assert "float64" in caught.value.remedy
    exact = k(x.astype(np.float64)).nngp
    # (1e10 / 2)^6, with biases that nobody sees beside that.
    np.testing.assert_allclose(np.diag(exact), (1e10 / 2) ** 6 / 6, rtol=1e-10)


def test_underflow_is_no_kernel_of_zeros() -> None:
    k, x = kc.kernel_fn(layers(1e-5, 0.0)), np.eye(6, dtype=np.float32)
    with pytest.raises(kc.DataError, match="float64"):
        k(x)
    np.testing.assert_allclose(np.diag(k(x.astype(float)).nngp), (1e-10 / 2) ** 6 / 6, rtol=1e-12)
    silent = kc.kernel_fn(network(kc.chain(D(9), RELU, D(1, weight_std=0.0))))
    assert not np.asarray(silent(x).nngp).any()
    assert not np.asarray(kc.kernel_fn(layers(1.0, 0.0))(0 * x).nngp).any()


def test_overflow_in_float64_names_the_q_value() -> None:
    with pytest.raises(kc.KernelcError, match="q value"):
        kc.kernel_fn(layers(1e5, 0.1, 60))(np.eye(6))
    with pytest.raises(kc.KernelcError, match="q value"):
        kc.kernel_fn(layers(1e5, 0.0, 60))(np.eye(6))


@pytest.mark.parametrize(
    ("size", "dtype"), [(1e30, np.float32), (1e-30, np.float32), (1e200, np.float64)]
)
@pytest.mark.parametrize("first", [kc.PLN("off"), kc.LayerNorm(center=False), D(9)])
def test_inputs_whose_squares_are_out_of_range(size: float, dtype: type, first: kc.Layer) -> None:
    k = kc.kernel_fn(network(kc.chain(first, D(9), TANH, D(2))))
    with pytest.raises(kc.DataError, match="mean square of") as caught:
        k(size * np.eye(6, dtype=dtype))
    assert ("as float64" in caught.value.remedy) == (dtype == np.float32)


def test_under_jit_nothing_can_be_refused() -> None:
    k = kc.kernel_fn(layers(1e5, 0.0))
    found = jax.jit(lambda x: k(x).nngp)(jnp.eye(6))
    assert not bool(jnp.isfinite(found).all())


def test_a_jump_has_an_infinite_ntk_at_equal_inputs() -> None:
    x = np.random.default_rng(0).normal(size=(3, 6))
    for net in (kc.chain(D(9), A("sign"), D(2)), kc.chain(D(9, 1.0, 0.2), A("sign"), D(9), RELU)):
        found = kc.kernel_fn(network(net))(x).ntk
        assert np.isposinf(np.diag(found)).all()
        assert np.isfinite(found[~np.eye(3, dtype=bool)]).all()


@pytest.mark.parametrize("name", ["step", "sign"])
def test_behind_a_jump_the_ntk_of_an_input_and_its_opposite_is_minus_infinity(name: str) -> None:
    x = kc.Input((3,))
    net = kc.Network(x, kc.chain(kc.Dense(4), kc.Activation(name), kc.Dense(1))(x))
    one = np.array([[1.0, -2.0, 0.5]])
    found = kc.kernel_fn(net)(np.concatenate([one, -one]))
    assert np.asarray(found.ntk).tolist() == [[np.inf, -np.inf], [-np.inf, np.inf]]
    assert np.isfinite(np.asarray(found.nngp)).all()
