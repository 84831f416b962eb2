"""Tangent kernels of any function, output by output."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc


X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def by_hand(w: np.ndarray, v: np.ndarray, x: np.ndarray) -> np.ndarray:
    """f(x) = v tanh(w x): df_a/dv_ak = tanh_k, df_a/dw_kj = v_ak (1 - tanh²_k) x_j."""
    h = np.tanh(x @ w.T)
    slope = 1 - h**2
    outer = np.einsum("ik,jk->ij", h, h)[:, :, None, None] * np.eye(len(v))
    inner = np.einsum("ak,bk,ik,jk,ij->ijab", v, v, slope, slope, x @ x.T)
    return outer + inner


def test_a_function_of_parameters() -> None:
    rng = np.random.default_rng(1)
    params = {"w": rng.normal(size=(4, 3)), "v": rng.normal(size=(2, 4)), "name": "net"}
    arrays = jax.tree.map(lambda a: jnp.asarray(a) if isinstance(a, np.ndarray) else a, params)

    def function(p: Any, x: jax.Array) -> jax.Array:
        return p["v"] @ jnp.tanh(p["w"] @ x)

    kernel = kc.EmpiricalNTK(function, arrays)
    wanted = by_hand(params["w"], params["v"], X.astype(float))
    found = kernel.blocks(X)
    assert found.shape == (5, 5, 2, 2)
    # float32 gradients.
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(kernel.blocks(X[:2], X), found[:2], rtol=1e-5, atol=1e-6)
    whole = wanted.swapaxes(1, 2).reshape(10, 10)
    np.testing.assert_allclose(kernel.eigenvalues(X), np.linalg.eigvalsh(whole), atol=1e-4)
    v = rng.normal(size=(5, 2))
    np.testing.assert_allclose(
        kernel.product(X, v), np.einsum("ijab,jb->ia", wanted, v), rtol=1e-4, atol=1e-4
    )


def test_models_and_modules() -> None:
    inputs = kc.Input((3,))
    net = kc.Network(inputs, kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(2))(inputs))
    model = kc.lower(net, key=jax.random.key(0))
    mean = np.trace(kc.EmpiricalNTK(model).blocks(X), axis1=2, axis2=3) / 2
    known = kc.empirical_kernel(model, X, get="ntk", parameterization="standard").ntk
    np.testing.assert_allclose(mean, known, rtol=1e-4)
    linear = eqx.nn.Linear(3, 2, key=jax.random.key(0))
    wanted = (X @ X.T + 1)[:, :, None, None] * np.eye(2)
    np.testing.assert_allclose(kc.EmpiricalNTK(linear).blocks(X), wanted, rtol=1e-4, atol=1e-5)


class Stateful(eqx.Module):
    weight: jax.Array

    def __call__(self, x: jax.Array, state: Any) -> jax.Array:
        return self.weight * x


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        ("relu", kc.KernelcError, "of type str"),
        (jnp.tanh, kc.KernelcError, "no floating-point parameters"),
        (Stateful(jnp.ones(3)), kc.DataError, "without a state"),
        (eqx.nn.Linear(4, 2, key=jax.random.key(0)), kc.DataError, r"shape \(3,\)"),
    ],
)
def test_refusals(function: Any, error: type[kc.KernelcError], message: str) -> None:
    with pytest.raises(error, match=message):
        kc.EmpiricalNTK(function).blocks(X)


def test_batch_norm_in_training_is_refused() -> None:
    inputs = kc.Input((3,))
    net = kc.Network(inputs, kc.chain(kc.Dense(8), kc.BatchNorm(), kc.Dense(2))(inputs))
    with pytest.raises(kc.UnsupportedError, match="batch norm in training"):
        kc.EmpiricalNTK(kc.lower(net, key=jax.random.key(0)))


def test_vectors_have_the_shape_of_the_outputs() -> None:
    linear = eqx.nn.Linear(3, 2, key=jax.random.key(0))
    with pytest.raises(kc.ShapeError, match=r"\(5, 2\)"):
        kc.EmpiricalNTK(linear).product(X, np.ones(5))
