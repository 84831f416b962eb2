"""Empirical kernels: against whole Jacobians on tiny nets, and against the infinite limit."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc
from kernelc.layers import ActivationModule, DenseModule
from kernelc.modules import Model, ModelNode
from kernelc.numeric import _empirical_blocks
from kernelc.numeric._empirical import empirical_kernel


# Sums of a few hundred products in float32, taken in two orders.
CLOSE: Any = {"rtol": 1e-4, "atol": 1e-5}

TANH = kc.Activation("tanh")
# Weights of equal shapes are drawn by one program.
TINY: dict[str, tuple[tuple[int, ...], Any]] = {
    "dense": ((5,), kc.chain(kc.Dense(6, weight_std=1.3, bias_std=0.4), TANH, kc.Dense(2))),
    "delta": (
        (4, 4, 2),
        kc.chain(kc.Conv(6, 3, weight_std=1.2, bias_std=0.3), TANH, kc.Flatten(), kc.Dense(2)),
    ),
    "spread, with locations": (
        (5, 2),
        kc.chain(kc.Conv(4, 3, delta=False, stride=2), TANH, kc.Conv(3, (2,), delta=False)),
    ),
    "images": ((3, 4, 2), kc.chain(kc.Conv(3, 3), TANH, kc.Conv(2, 3, weight_std=0.8))),
    "residual": (
        (5,),
        kc.chain(
            kc.Dense(6), kc.residual(kc.chain(TANH, kc.Dense(6, bias_std=1.0)), 0.8), kc.Dense(2)
        ),
    ),
    "layer norm": (
        (5,),
        kc.chain(kc.Dense(6), kc.LayerNorm(), TANH, kc.Scale(0.7), kc.Dense(2, bias_std=0.2)),
    ),
    "groups": (
        (4, 4, 4),
        kc.chain(
            kc.Conv(8, 3, groups=2, weight_std=1.5, delta=False),
            TANH,
            kc.WeightedMeanPool(3, stride=2),
            kc.Conv(8, 3, groups=4, bias_std=0.5),
            kc.GlobalMeanPool(),
        ),
    ),
}


def tiny(name: str) -> tuple[kc.Network, Model]:
    shape, block = TINY[name]
    x = kc.Input(shape)
    net = kc.Network(x, block(x))
    return net, kc.lower(net, key=jax.random.key(1))


def batch(shape: tuple[int, ...], count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, *shape)).astype(np.float32)


def variance(layer: kc.Layer, shape: tuple[int, ...]) -> np.ndarray | float:
    """The variance of the entries of a parameter, from the spec of the layer."""
    if not isinstance(layer, kc.Dense | kc.Conv):
        return 0.0
    if len(shape) == 1:
        return layer.bias_std**2
    if isinstance(layer, kc.Dense) or not layer.delta:
        return layer.weight_std**2 / math.prod(shape[:-1])
    found = np.zeros(shape)
    found[tuple(n // 2 for n in shape[:-2])] = layer.weight_std**2 / shape[-2]
    return found


def whole(net: kc.Network, model: Model, xs: np.ndarray) -> dict[str, np.ndarray]:
    """The NTKs from one whole Jacobian, at equal locations and in the mean over channels."""
    params, rest = eqx.partition(model, eqx.is_inexact_array)
    out = net.nodes[-1].shape
    jacobian = jax.jit(jax.jacobian(lambda p: eqx.combine(p, rest).batched(xs)))(params)
    total: dict[str, Any] = {"ntk": 0.0, "standard": 0.0}
    for node, part in zip(net.nodes[1:], jacobian.nodes, strict=True):
        for gradient in map(np.asarray, jax.tree.leaves(part)):
            axes = len(out) + 1
            factors = {"ntk": variance(node.layer, gradient.shape[axes:]), "standard": 1.0}
            for how, factor in factors.items():
                sides = [g.reshape(*g.shape[:axes], -1) for g in (gradient * factor, gradient)]
                total[how] = total[how] + np.einsum("i...cp,j...cp->ij...", *sides)
    return {how: np.asarray(value) / out[-1] for how, value in total.items()}


def measured(*args: Any, **options: Any) -> Any:
    return empirical_kernel(*args, **options)


@pytest.mark.parametrize("name", list(TINY))
def test_ntk_is_that_of_whole_jacobians(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the NNGP the mean of products of outputs."""
    net, model = tiny(name)
    # Two sets of one size are served by one program.
    xs = batch(model.input_shape, 10)
    x1, x2 = xs[:5], xs[5:]
    wanted = whole(net, model, xs)
    rectangles = {how: measured(model, x1, x2, parameterization=how) for how in wanted}
    square = measured(model, x1)
    # So few numbers that a block holds one example or two, and the last is filled up.
    monkeypatch.setattr(_empirical_blocks, "_NUMBERS", 3 * model.parameters_count)
    symmetric = measured(model, x1)
    for how, ntk in wanted.items():
        np.testing.assert_allclose(rectangles[how].ntk, ntk[:5, 5:], **CLOSE)
    for found in (square, symmetric):
        np.testing.assert_allclose(found.ntk, wanted["ntk"][:5, :5], **CLOSE)
    np.testing.assert_array_equal(symmetric.ntk, jnp.swapaxes(symmetric.ntk, 0, 1))
    np.testing.assert_allclose(symmetric.nngp, square.nngp, **CLOSE)
    ys = np.asarray(eqx.filter_jit(model.batched)(jnp.asarray(xs)))
    nngp = np.einsum("i...c,j...c->ij...", ys[:5], ys[5:]) / ys.shape[-1]
    np.testing.assert_allclose(rectangles["ntk"].nngp, nngp, **CLOSE)


def test_chosen_outputs_are_averaged() -> None:
    _, model = tiny("images")
    xs = batch(model.input_shape, 2)
    each = [measured(model, xs, outputs=[c]) for c in (0, 1)]
    all_of_them = measured(model, xs)
    for part in ("nngp", "ntk"):
        mean = np.mean([getattr(kernel, part) for kernel in each], axis=0)
        np.testing.assert_allclose(mean, getattr(all_of_them, part), **CLOSE)
        assert mean.shape == (2, 2, 3, 4)


def test_ensembles_are_averaged_with_standard_errors() -> None:
    net, _ = tiny("dense")
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(4)]
    xs = batch((5,), 3)
    single = [measured(model, xs) for model in models]
    mean, error = measured(models, xs, standard_error=True)
    for part in ("nngp", "ntk"):
        values = np.stack([getattr(kernel, part) for kernel in single])
        np.testing.assert_allclose(getattr(mean, part), values.mean(0), **CLOSE)
        spread = values.std(0, ddof=1) / math.sqrt(len(models))
        np.testing.assert_allclose(getattr(error, part), spread, **CLOSE)


def test_only_what_is_asked_for() -> None:
    _, model = tiny("dense")
    xs = batch((5,), 2)
    assert measured(model, xs, get="nngp").ntk is None
    ntk = measured(model, xs, get=("ntk",))
    assert ntk.nngp is None
    assert ntk.gap is None


def test_a_model_without_parameters_has_ntk_zero() -> None:
    model = Model([ModelNode("abs", ActivationModule(jnp.abs), (0,))], (2,))
    kernel = measured(model, -np.eye(2, dtype=np.float32))
    np.testing.assert_array_equal(kernel.ntk, np.zeros((2, 2)))
    np.testing.assert_array_equal(kernel.nngp, np.eye(2) / 2)


def test_inference_mode_serves_batch_norm_and_dropout() -> None:
    x = kc.Input((4,))
    block = kc.chain(kc.Dense(6), kc.BatchNorm(), TANH, kc.Dropout(0.5), kc.Dense(2))
    model = kc.lower(kc.Network(x, block(x)), key=jax.random.key(0))
    xs = batch((4,), 3)
    found = measured(eqx.nn.inference_mode(model), xs)
    assert np.all(np.linalg.eigvalsh(found.ntk) > 0)


WIDTH = 512
KEYS = 16
SIGMAS = 5.0
BIAS = 10.0


def wide(**options: Any) -> kc.Dense:
    return kc.Dense(WIDTH, **options)


def wide_conv(**options: Any) -> kc.Conv:
    return kc.Conv(WIDTH, 3, **options)


RELU = kc.Activation("relu")
LIMITS: dict[str, tuple[tuple[int, ...], Any]] = {
    "relu": ((), kc.chain(wide(weight_std=1.4), RELU, wide(weight_std=1.4, bias_std=0.3))),
    "deep tanh": (
        (),
        kc.chain(wide(bias_std=0.5), TANH, wide(weight_std=1.5, bias_std=0.2), TANH, wide()),
    ),
    "suo": ((), kc.chain(wide(init="suo"), TANH, wide(init="suo", weight_std=1.5))),
    "residual": (
        (),
        kc.chain(wide(), kc.residual(kc.chain(TANH, wide(bias_std=0.3)), 0.8), TANH, wide()),
    ),
    "layer norm": ((), kc.chain(wide(weight_std=2.0), kc.LayerNorm(), RELU, wide())),
    "delta, groups": (
        (3,),
        kc.chain(wide_conv(), RELU, wide_conv(groups=4, weight_std=1.4, bias_std=0.2)),
    ),
    "spread, pooled": (
        (4,),
        kc.chain(
            wide_conv(delta=False, padding="CIRCULAR", weight_std=1.3),
            RELU,
            kc.GlobalMeanPool(),
            wide(bias_std=0.3),
        ),
    ),
}


def pair(locations: tuple[int, ...], c: float, s: float, q: float, size: int = 16) -> np.ndarray:
    """Two examples of cosine c and q value q, any two of their locations of cosine s."""
    count = math.prod(locations)
    factors = [np.linalg.cholesky((1 - off) * np.eye(n) + off) for n, off in ((2, c), (count, s))]
    basis = np.linalg.qr(np.random.default_rng(7).normal(size=(size, size)))[0][: 2 * count]
    mixed = np.kron(*factors) @ basis * math.sqrt(q * size)
    return mixed.reshape(2, *locations, size).astype(np.float32)


@pytest.mark.parametrize("name", list(LIMITS))
def test_wide_networks_approach_the_derived_kernel(name: str) -> None:
    locations, block = LIMITS[name]
    c, s, q = 0.6, 0.4, 1.3
    x = kc.Input((*locations, 16))
    net = kc.Network(x, block(x))
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(KEYS)]
    xs = pair(locations, c, s, q)
    nngp = measured(models, xs, get="nngp", standard_error=True)
    # Neighboring channels of a grouped convolution read the same inputs.
    some = range(0, WIDTH, WIDTH // 4)
    ntk = measured(models, xs, get="ntk", outputs=some, standard_error=True)
    kernel: Any = kc.derive(net)
    symbols = {str(symbol) for symbol in kernel.ntk.free_symbols | kernel.nngp.free_symbols}
    extra = {"s": s} if "s" in symbols else {}
    near, far = (kernel.evaluate(c=cosine, q=q, **extra) for cosine in (1.0, c))
    for part, (mean, error) in (("nngp", nngp), ("ntk", ntk)):
        mean, error = getattr(mean, part), getattr(error, part)
        scale = getattr(near, part)
        limit = np.where(np.eye(2), scale, getattr(far, part))
        limit = limit.reshape(2, 2, *(1,) * (mean.ndim - 2))
        assert np.all(np.abs(mean - limit) <= SIGMAS * error + BIAS / WIDTH * scale)
        # A tolerance that lets any rule pass would test nothing.
        assert np.all(SIGMAS * error <= 0.25 * scale)


def refused(kind: type[kc.KernelcError], words: str, *args: Any, **options: Any) -> None:
    with pytest.raises(kind, match=words):
        measured(*args, **options)


def test_inputs_that_do_not_fit_are_refused() -> None:
    _, model = tiny("dense")
    xs = batch((5,), 2)
    broken = xs.copy()
    broken[1, 2] = np.nan
    refused(kc.ShapeError, "x1\nFound: an array of shape", model, xs[0])
    refused(kc.ShapeError, "x2\nFound: an array of shape", model, xs, batch((4,), 2))
    refused(kc.DataError, "x1\nFound: NaN or infinity", model, broken)
    refused(kc.DataError, "x2\nFound: NaN or infinity", model, xs, broken)
    refused(kc.DataError, "non-empty", model, xs[:0])


def test_choices_that_are_not_there_are_refused() -> None:
    _, model = tiny("dense")
    xs = batch((5,), 2)
    refused(kc.UnsupportedError, "parameterization", model, xs, parameterization="mup")
    refused(kc.UnsupportedError, "get", model, xs, get="both")
    refused(kc.UnsupportedError, "get", model, xs, get=())
    for outputs in ([2], [-1], [], [0, 0], [0.5], 2):
        refused(kc.ShapeError, "outputs", model, xs, outputs=outputs)


def test_what_is_no_model_is_refused() -> None:
    net, model = tiny("dense")
    _, other = tiny("images")
    xs = batch((5,), 2)
    refused(kc.KernelcError, "kernelc.lower", net, xs)
    refused(kc.KernelcError, "no model", [], xs)
    refused(kc.ShapeError, "one network", [model, other], xs)
    refused(kc.DataError, "standard_error\nFound: one model", model, xs, standard_error=True)


def test_models_that_need_a_batch_or_masks_are_refused_by_node() -> None:
    x = kc.Input((5,))
    xs = batch((5,), 2)
    for layer, kind, name in (
        (kc.BatchNorm(), kc.UnsupportedError, "batch_norm_1"),
        (kc.Dropout(0.5), kc.DataError, "dropout_1"),
    ):
        net = kc.Network(x, kc.chain(kc.Dense(4), layer, kc.Dense(2))(x))
        model = kc.lower(net, key=jax.random.key(0))
        refused(kind, f"node '{name}'(?s:.*)inference_mode", model, xs)


def test_kernels_that_are_not_finite_are_refused() -> None:
    model = Model([ModelNode("dense", DenseModule(jnp.full((2, 2), np.inf)), (0,))], (2,))
    refused(kc.DataError, "not finite", model, np.eye(2, dtype=np.float32))


class Foreign(eqx.Module):
    """TINY["dense"] written by hand."""

    layers: list[eqx.nn.Linear]

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.layers[1](jnp.tanh(self.layers[0](x)))


def foreign() -> tuple[Model, Foreign]:
    _, model = tiny("dense")
    linear = [eqx.nn.Linear(a, b, key=jax.random.key(0)) for a, b in ((5, 6), (6, 2))]
    for i, name in enumerate(("dense_1", "dense_2")):
        source: Any = model[name]
        arrays = (source.weight.T, source.bias)
        linear[i] = eqx.tree_at(lambda each: (each.weight, each.bias), linear[i], arrays)
    return model, Foreign(linear)


def test_models_of_other_libraries_are_measured_alike() -> None:
    model, module = foreign()
    x1, x2 = batch((5,), 4), batch((5,), 3, seed=1)
    wanted = measured(model, x1, x2, parameterization="standard")
    split = eqx.partition(module, eqx.is_inexact_array)
    pure = jax.tree_util.Partial(lambda params, x: eqx.combine(params, split[1])(x), split[0])
    for each in (module, pure):
        found = measured(each, x1, x2)
        np.testing.assert_allclose(found.nngp, wanted.nngp, **CLOSE)
        np.testing.assert_allclose(found.ntk, wanted.ntk, **CLOSE)
    mean, error = measured([module, module], x1, standard_error=True)
    assert mean.ntk.shape == (4, 4)
    assert float(jnp.abs(error.ntk).max()) == 0.0


def test_a_number_is_one_output() -> None:
    found = measured(jax.tree_util.Partial(jnp.dot, jnp.ones(3)), np.eye(3))
    assert np.array_equal(found.ntk, np.eye(3))
    assert np.array_equal(found.nngp, np.ones((3, 3)))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"parameterization": "ntk"}, kc.UnsupportedError, "standard"),
        ({"x1": np.ones((2, 7))}, kc.DataError, r"shape \(7,\)"),
        ({"x1": np.ones(5)}, kc.DataError, r"shape \(\)"),
        ({"model": lambda x: 2 * x}, kc.KernelcError, "no floating-point parameters"),
        ({"model": lambda x: None}, kc.DataError, "no array"),
        ({"model": kc.Dense(3)}, kc.KernelcError, "of type Dense"),
        ({"model": eqx.nn.Dropout(0.5)}, kc.DataError, "inference_mode"),
    ],
)
def test_models_of_other_libraries_are_refused_with_the_reason(
    change: dict[str, Any], error: type[kc.KernelcError], words: str
) -> None:
    arguments = {"model": foreign()[1], "x1": batch((5,), 2)} | change
    with pytest.raises(error, match=words):
        measured(arguments.pop("model"), arguments.pop("x1"), **arguments)
