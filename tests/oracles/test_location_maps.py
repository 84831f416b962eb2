"""Any matrix over locations, K <- A K A^T: on data against loops over pairs, and as formulas."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import brute_force as bf
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import kernelc as kc
from kernelc.ir import (
    CenterTaps,
    DenseMap,
    Flattened,
    InARow,
    Interpolated,
    KernelAlgebra,
    Layer,
    LocationMap,
    OneLocation,
    OwnWeights,
    Reshaped,
    Selected,
    Shape,
    SharedTaps,
    TransposedTaps,
    Window,
    WindowMean,
)
from kernelc.modules import MapModule


RNG = np.random.default_rng(5)
TOKENS = 4


class MixModule(MapModule):
    """x[p] <- sum_r A[p, r] x[r]."""

    matrix: Array

    def apply(self, x: Array) -> Array:
        return jnp.einsum("pr,brc->bpc", self.matrix, x)


@dataclasses.dataclass(frozen=True)
class Mix(Layer, kind="tests.Mix"):
    """Fixed matrices over the locations of a sequence, heads side by side in independent sums."""

    matrices: tuple[tuple[tuple[float, ...], ...], ...]

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        return (len(self.matrices[0]), shapes[0][-1])

    def map(self) -> DenseMap:
        arrays = np.array(self.matrices)
        return DenseMap(arrays, arrays.shape[2:], arrays.shape[1:2])

    def kernel(self, algebra: KernelAlgebra[Any], inputs: Any, shapes: Sequence[Shape]) -> Any:
        return algebra.mix(inputs[0], self.map())

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        (matrix,) = self.matrices
        return MixModule(jnp.asarray(matrix, dtype))


def mix(matrices: np.ndarray) -> Mix:
    return Mix(tuple(tuple(tuple(row.tolist()) for row in a) for a in matrices))


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores)
    return powers / powers.sum(-1, keepdims=True)


CAUSAL = softmax(np.where(np.tri(TOKENS) > 0, RNG.normal(size=(1, TOKENS, TOKENS)), -np.inf))
MATRICES = {
    "attention": softmax(RNG.normal(size=(1, TOKENS, TOKENS))),
    "causal attention": CAUSAL,
    "fewer outputs": softmax(RNG.normal(size=(1, 2, TOKENS))),
    "signed": RNG.normal(size=(1, TOKENS, TOKENS)),
    "two heads": 0.6 * RNG.normal(size=(2, TOKENS, TOKENS)),
}
DENSE, RELU, ERF = (
    kc.Dense(64, weight_std=1.3, bias_std=0.2),
    kc.Activation("relu"),
    kc.Activation("erf"),
)
FRESH = bf.fresh(1.3, 0.2)


def data(count: int = 3) -> np.ndarray:
    return RNG.normal(size=(count, TOKENS, 5)) * RNG.uniform(0.5, 1.6, size=(count, TOKENS, 1))


def network(layer: Layer) -> kc.Network:
    x = kc.Input((TOKENS, 5))
    return kc.Network(x, kc.chain(DENSE, RELU, layer, DENSE, ERF, DENSE)(x))


@pytest.mark.parametrize("name", MATRICES)
def test_kernels_agree_with_loops_over_all_pairs(name: str) -> None:
    matrices, x = MATRICES[name], data()
    state = bf.Kernels.of(x)
    step = bf.mixed(matrices, matrices.shape[1:2])
    # Two of them have a nonlinearity behind: it does not know which matrix was before it.
    whole = name in ("attention", "fewer outputs")
    rules = (FRESH, bf.erf, FRESH) if whole else (FRESH,)
    for rule in (FRESH, bf.relu, step, *rules):
        state = rule(state)
    x0, behind = kc.Input((TOKENS, 5)), (DENSE, ERF, DENSE) if whole else (DENSE,)
    net = kc.Network(x0, kc.chain(DENSE, RELU, mix(matrices), *behind)(x0))
    found = kc.kernel_fn(net)(x)
    for matrix, wanted in zip(found[:2], state.diagonal, strict=True):
        np.testing.assert_allclose(matrix, wanted, rtol=3e-13, atol=3e-14)


def test_the_last_token_is_a_row_of_zeros_and_a_one() -> None:
    x, last = data(), np.eye(TOKENS)[None, -1:]
    state = bf.Kernels.of(x)
    for rule in (FRESH, bf.erf, bf.mixed(CAUSAL, (TOKENS,)), FRESH, bf.relu):
        state = rule(state)
    for rule in (bf.mixed(last, (1,)), FRESH):
        state = rule(state)
    inputs = kc.Input((TOKENS, 5))
    layers = kc.chain(DENSE, ERF, mix(CAUSAL), DENSE, RELU, kc.LastToken(), DENSE)
    found = kc.kernel_fn(kc.Network(inputs, layers(inputs)))(x)
    for matrix, wanted in zip(found[:2], state.diagonal, strict=True):
        np.testing.assert_allclose(matrix, wanted[..., 0], rtol=3e-13, atol=3e-14)


def test_a_matrix_of_each_node_is_its_own() -> None:
    first, second = (softmax(RNG.normal(size=(1, TOKENS, TOKENS))) for _ in range(2))
    x, inputs = data(), kc.Input((TOKENS, 5))
    net = kc.Network(inputs, kc.chain(DENSE, ERF, mix(first), DENSE, mix(second), DENSE)(inputs))
    state = bf.Kernels.of(x)
    places = (TOKENS,)
    for rule in (FRESH, bf.erf, bf.mixed(first, places), FRESH, bf.mixed(second, places), FRESH):
        state = rule(state)
    np.testing.assert_allclose(kc.kernel_fn(net)(x).nngp, state.diagonal[0], rtol=1e-13)


def test_finite_networks_have_this_kernel() -> None:
    net = network(mix(CAUSAL))
    x = data(2).astype(np.float32)
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(40)]
    measured, error = kc.empirical_kernel(models, x, get=("nngp",), standard_error=True)
    wanted = kc.kernel_fn(net)(x).nngp
    scale = float(np.abs(wanted).max())
    # Five standard errors over the models, and a bias of order 1 / width.
    assert np.all(np.abs(measured.nngp - wanted) <= 5 * error.nngp + 8 / 64 * scale)


def test_exchangeable_matrices_have_formulas() -> None:
    """a on the diagonal and b elsewhere: K(p, p) is a mean over one location and over two."""
    own, other = 0.4, 0.2
    alike = (other + (own - other) * np.eye(TOKENS))[None]
    x = kc.Input((TOKENS, 5))
    net = kc.Network(x, kc.chain(kc.Dense(9), mix(alike))(x))
    with pytest.raises(kc.UnsupportedError, match="unlike"):
        kc.derive(kc.Network(x, kc.chain(kc.Dense(9), mix(CAUSAL))(x)))
    kernel = kc.derive(net)
    q, s = 1.7, 0.3
    found = float(kernel.q_map.subs({kernel.q: q, kernel.s: s}))
    block = q * (s + (1 - s) * np.eye(TOKENS))
    assert found == pytest.approx((alike[0] @ block @ alike[0].T)[0, 0], rel=1e-14)


WINDOW = Window((4, 3), (3, 2), (2, 1), "SAME")
MAPS: dict[str, LocationMap] = {
    "center taps": CenterTaps(Window((4, 3), (3, 3), (2, 1), "SAME")),
    "shared taps": SharedTaps(WINDOW),
    "window mean": WindowMean(WINDOW),
    "circular mean": WindowMean(Window((4, 3), (3, 5), (1, 1), "CIRCULAR")),
    "valid mean": WindowMean(Window((4, 3), (2, 2), (1, 1), "VALID")),
    "own weights": OwnWeights((4, 3)),
    "flattened": Flattened((4, 3)),
    "one location": OneLocation((4, 3), (2, 1)),
    "in a row": InARow((4, 3)),
    "along other axes": Reshaped((4, 3), (2, 6)),
    "transposed taps": TransposedTaps(
        (4, 3), (2, 1), Window((7, 3), (3, 2), (1, 1), ((1, 2), (1, 0)))
    ),
    "interpolated": Interpolated((4, 3), (2, 3)),
    "interpolated, corners": Interpolated((4, 3), (3, 1), corners=True),
    "selected": Selected((4, 3), ((2, -1, 0, 0, 1), (0, 1, 2))),
    "selected along both": Selected((4, 3), ((1, 3), (2, -1, 0, 2))),
}


@dataclasses.dataclass(frozen=True)
class Mapped(Layer, kind="tests.Mapped"):
    """Any location map, or the matrices of it alone."""

    name: str
    dense: bool = False

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        return (*MAPS[self.name].outputs, shapes[0][-1])

    def kernel(self, algebra: KernelAlgebra[Any], inputs: Any, shapes: Sequence[Shape]) -> Any:
        found = MAPS[self.name]
        if self.dense:
            found = DenseMap(found.heads(), found.locations, found.outputs)
        return algebra.mix(inputs[0], found)

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        raise NotImplementedError  # this kind is read by `kernel_fn` alone, never lowered


@pytest.mark.parametrize("name", MAPS)
def test_every_map_is_the_matrices_it_says(name: str) -> None:
    """Its structure and its matrices make one kernel, with layers behind it too."""
    x = RNG.normal(size=(3, 4, 3, 5)) * RNG.uniform(0.5, 1.6, size=(3, 4, 3, 1))
    # One map has a nonlinearity behind it: what follows a map does not depend on which it is.
    behind = (DENSE, ERF, DENSE) if name == "valid mean" else (DENSE,)
    kernels = []
    for dense in (False, True):
        start = kc.Input((4, 3, 5))
        layers = kc.chain(DENSE, RELU, Mapped(name, dense), *behind, kc.GlobalMeanPool())
        kernels.append(kc.kernel_fn(kc.Network(start, layers(start)))(x))
    for fast, dense in zip(kernels[0][:2], kernels[1][:2], strict=True):
        np.testing.assert_allclose(fast, dense, rtol=1e-12, atol=1e-13)
