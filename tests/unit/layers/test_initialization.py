"""Initializations by name: the variances of papers, the very draws of frameworks, their kernels."""

from __future__ import annotations

import json
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import sympy

import kernelc as kc


KEYS = jax.random.split(jax.random.key(3), 3)
u = sympy.Symbol("u")


def placed(layer: kc.Layer, shape: tuple[int, ...] = (30,)) -> Any:
    x = kc.Input(shape)
    return kc.lower(kc.Network(x, layer(x, name="it")), key=KEYS[0])["it"]


def alike(found: Any, wanted: Any) -> bool:
    """Two samples of one distribution: false for one key in a thousand, and these are fixed."""
    samples = [np.asarray(sample, np.float64).ravel() for sample in (found, wanted)]
    return scipy.stats.ks_2samp(*samples).pvalue > 1e-3


@pytest.mark.parametrize(
    "name",
    [f"{family}_{end}" for family in ("he", "lecun", "glorot") for end in ("normal", "uniform")],
)
def test_weights_are_drawn_as_those_of_jax_and_keras(name):
    options: Any = {} if name.startswith("he") else {"gain": 1}
    ours = placed(kc.Dense(900, **kc.initialization(name, **options)))
    theirs = getattr(jax.nn.initializers, name)()(KEYS[1], (30, 900))
    assert alike(ours.weight, theirs)
    assert not ours.bias.any()


def test_fans_of_convolutions_are_those_of_jax_and_keras():
    square = kc.Conv(100, 3, delta=False, **kc.initialization("glorot_uniform"))
    theirs = jax.nn.initializers.glorot_uniform()(KEYS[1], (3, 3, 8, 100))
    assert alike(placed(square, (4, 4, 8)).weight, theirs)


def test_equinox_layers_are_drawn_as_those_of_equinox():
    # nn.Linear and nn.Conv of PyTorch have the same formulas: uniform in ±1/√fan_in.
    assert kc.initialization("equinox") == kc.initialization("pytorch")
    told = kc.initialization("equinox")
    ours, theirs = placed(kc.Dense(2000, **told)), eqx.nn.Linear(30, 2000, key=KEYS[1])
    square = kc.Conv(1000, 3, groups=2, delta=False, **told)
    grouped = eqx.nn.Conv2d(8, 1000, 3, groups=2, key=KEYS[1])
    for one, other, fan_in in ((ours, theirs, 30), (placed(square, (4, 4, 8)), grouped, 36)):
        for name in ("weight", "bias"):
            assert alike(getattr(one, name), getattr(other, name))
            largest = float(jnp.abs(getattr(one, name)).max()) * math.sqrt(fan_in)
            assert 0.99 < largest <= 1 + 1e-6
    kept = placed(kc.Dense(5, **kc.initialization("equinox", bias=False)))
    assert kept.bias is None


def test_other_frameworks_by_their_formulas():
    keras, flax = (placed(kc.Dense(900, **kc.initialization(n))) for n in ("keras", "flax"))
    assert alike(keras.weight, jax.nn.initializers.glorot_uniform()(KEYS[1], (30, 900)))
    assert alike(flax.weight, jax.nn.initializers.lecun_normal()(KEYS[1], (30, 900)))
    torch = placed(kc.Dense(900, **kc.initialization("kaiming_normal")))
    assert alike(torch.weight, jax.random.normal(KEYS[1], (30, 900)) * math.sqrt(2 / 30))
    assert float(jnp.abs(torch.weight).max()) > 3 * math.sqrt(2 / 30)


@pytest.mark.parametrize("name", ["pytorch", "glorot_uniform", "he_normal"])
def test_the_kernel_is_that_of_networks_drawn_so(name):
    told = kc.initialization(name)
    x = kc.Input((20,))
    layers = kc.chain(kc.Dense(2000, **told), kc.Activation("relu"), kc.Dense(4000, **told))
    net = kc.Network(x, layers(x))
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(2, 20)), "float32")
    out = np.asarray(kc.lower(net, key=KEYS[0]).batched(xs), np.float64)
    found, wanted = out @ out.T / 4000, np.asarray(kc.kernel_fn(net)(xs).nngp)
    # Means over 4,000 outputs of one draw of 2,000 features: relative deviation √(2/4000 + 5/2000).
    np.testing.assert_allclose(found, wanted, atol=4 * 0.055 * wanted.max())


def test_sizes_enter_where_the_layer_is_placed():
    told = kc.initialization("xavier")
    x = kc.Input((6, 10))
    conv = kc.Conv(40, 3, groups=2, delta=False, **told)
    net = kc.Network(x, kc.chain(conv, kc.Flatten(), kc.Dense(60, **told), kc.Dense(60))(x))
    spread, dense = (net[name].layer for name in ("conv_1", "dense_1"))
    assert isinstance(spread, kc.Conv)
    assert isinstance(dense, kc.Dense)
    # Fans 15 and 120, since each of two groups reads 5 channels at 3 places; then 240 and 60.
    assert spread.weight_std == sympy.sqrt(sympy.Rational(30, 135))
    assert dense.weight_std == sympy.sqrt(sympy.Rational(480, 300))
    own = kc.Dense(7, weight_std=1 / kc.fan_out, bias_std=sympy.sqrt(kc.fan_in))
    for kind in (own, kc.StandardizedDense(7, 1 / kc.fan_out, sympy.sqrt(kc.fan_in))):
        layer: Any = kc.Network(x, kc.chain(kc.Flatten(), kind)(x)).nodes[-1].layer
        assert (layer.weight_std, layer.bias_std) == (sympy.Rational(1, 7), sympy.sqrt(60))
    assert kc.Network.from_json(net.to_json()) == net
    with pytest.raises(kc.GraphError, match="weight_std"):
        kc.Network(x, kc.Dense(70, weight_std=kc.fan_in - kc.fan_out)(x))


def test_networks_stored_before_there_were_ways_to_draw_biases_load():
    x = kc.Input((6,))
    net = kc.Network(x, kc.Dense(3)(x))
    document = json.loads(net.to_json())
    del document["nodes"][1]["fields"]["bias_init"]
    assert kc.Network.from_json(json.dumps(document)) == net


def test_blocks_with_formulas_repeat_as_others_do():
    x = kc.Input((8,))
    block = kc.chain(kc.Dense(8, **kc.initialization("pytorch")), kc.Activation("tanh"))
    net = kc.Network(x, kc.repeat(block, 30)(x))
    model = kc.lower(net, key=KEYS[0], layers="scan")
    assert len(model.nodes) == 1
    again = kc.Network.from_json(net.to_json())
    assert again == net


@pytest.mark.parametrize(
    ("activation", "wanted"),
    [
        ("relu", math.sqrt(2)),
        ("identity", 1.0),
        (kc.Activation("leaky_relu", negative_slope=0.2), math.sqrt(2 / 1.04)),
        (kc.Activation("relu", gamma=2.0), math.sqrt(2) / 2),
        (u**2, 1 / math.sqrt(3)),
        (sympy.sin(u), 1 / math.sqrt((1 - math.exp(-2)) / 2)),
        ("tanh", None),
        ("selu", None),
        ("gelu", None),
    ],
    ids=str,
)
def test_gains_are_those_of_gaussian_inputs(activation, wanted):
    if wanted is None:
        phi = kc.Activation(activation).scalar.numpy()
        mean_square, _ = scipy.integrate.quad(
            lambda z: float(phi(z)) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi), -12, 12
        )
        wanted = mean_square**-0.5
    assert kc.gain(activation) == pytest.approx(wanted, rel=1e-8)
    told = kc.initialization("lecun", activation)
    assert float(told["weight_std"]) == kc.gain(activation)


def test_he_keeps_q_exactly():
    x = kc.Input((8,))
    he = kc.initialization("he")
    block = kc.chain(kc.Activation("relu"), kc.Dense(8, **he))
    net = kc.Network(x, kc.chain(kc.Dense(8), kc.repeat(block, 50))(x))
    assert kc.derive(net).evaluate(c=0.5, q=3).q == 3.0
    assert kc.derive(kc.Network(x, block(kc.Dense(8)(x)))).q_map == sympy.Symbol("q", positive=True)
    assert kc.initialization("he", "identity")["weight_std"] == 1.0
    assert kc.initialization("he_uniform", gain=3) == {"weight_std": 3.0, "init": "uniform"}


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("he_et_al",), {}),
        (("torch.nn",), {}),
        ((3,), {}),
        (("pytorch", "relu"), {}),
        (("flax",), {"gain": 2.0}),
        (("he", "relu"), {"gain": 2.0}),
        (("glorot_truncated",), {}),
    ],
)
def test_what_no_name_says_is_refused(arguments, options):
    with pytest.raises(kc.GraphError, match="initialization"):
        kc.initialization(*arguments, **options)


def test_ways_to_draw_are_checked():
    for options in ({"init": "xavier"}, {"bias_init": "suo"}):
        bad: Any = options
        for make in (kc.Dense, kc.Conv, kc.LocalConv, kc.LooksLinear):
            with pytest.raises(kc.GraphError, match="is one of"):
                make(3, **bad)


@pytest.mark.parametrize("layer", [kc.Dense, kc.Conv, kc.LocalConv, kc.LooksLinear])
def test_an_initialization_in_place_of_a_distribution_is_told_how_to_be_given(layer):
    with pytest.raises(kc.GraphError, match=r"\*\*kernelc\.initialization\('he_uniform'\)"):
        layer(3, init="he_uniform")
