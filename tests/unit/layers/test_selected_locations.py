"""TakeLocations, PadLocations, Roll and ToImage: finite layers, maps, kernels and refusals."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


RNG = np.random.default_rng(9)
X = RNG.normal(size=(2, 4, 5, 3)).astype("float32")
LAYERS = {
    "crop": (kc.TakeLocations((1, 0), (4, 5), (1, 2)), X[:, 1:4, ::2]),
    "one step for all axes": (kc.TakeLocations(step=2), X[:, ::2, ::2]),
    "pad": (kc.PadLocations(((1, 0), (0, 2))), np.pad(X, ((0, 0), (1, 0), (0, 2), (0, 0)))),
    "roll": (kc.Roll((1, -7)), np.roll(X, (1, -7), (1, 2))),
    "one roll for all axes": (kc.Roll(2), np.roll(X, (2, 2), (1, 2))),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_finite_layer_is_numpy_and_the_matrix_of_its_map(name):
    layer, wanted = LAYERS[name]
    np.testing.assert_array_equal(drawn(layer, X.shape[1:])((jnp.asarray(X),))[0], wanted)
    assert layer.out_shape([X.shape[1:]], name) == wanted.shape[1:]
    (matrix,) = layer.selected(X.shape[1:], name).heads()
    by_matrix = np.einsum("pr,brc->bpc", matrix, X.reshape(2, -1, 3))
    np.testing.assert_allclose(by_matrix.reshape(wanted.shape), wanted, rtol=1e-6)


def test_a_row_becomes_an_image_again():
    row = X.reshape(2, 20, 3)
    image = drawn(kc.ToImage((4, 5)), (20, 3))((jnp.asarray(row),))[0]
    np.testing.assert_array_equal(image, X)


WIDTH, MODELS = 64, 40


def test_finite_networks_have_these_kernels():
    x = kc.Input((8, 3))
    first = kc.chain(kc.Dense(WIDTH, weight_std=1.4), kc.Activation("relu"), kc.ToImage((2, 4)))
    moved = kc.chain(
        kc.PadLocations(((1, 0), (1, 1))), kc.Roll((1, 2)), kc.TakeLocations(0, (3, 5))
    )
    spread = kc.Conv(WIDTH, 2, padding="VALID", delta=False, bias_std=0.3)
    net = kc.Network(x, kc.chain(first, moved, spread, kc.Activation("relu"), kc.Dense(WIDTH))(x))
    xs = RNG.normal(size=(2, 8, 3)).astype("float32")
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(MODELS)]
    measured, error = kc.empirical_kernel(models, xs, get="nngp", standard_error=True)
    wanted = np.asarray(kc.kernel_fn(net)(xs).nngp)
    # Five standard errors over the models, and a bias of order 1 / width.
    assert wanted.shape == (2, 2, 2, 4)
    allowed = 5 * error.nngp + 8 / WIDTH * np.abs(wanted).max()
    assert np.all(np.abs(measured.nngp - wanted) <= allowed)


def test_kernels_at_locations_are_those_of_the_locations_that_were_picked():
    x = kc.Input((4, 5, 3))
    before = (kc.Conv(7, 3, delta=False, padding="CIRCULAR"),)
    xs = X.astype("float64")
    plain = np.asarray(kc.kernel_fn(kc.Network(x, kc.chain(*before)(x)))(xs).nngp)
    layers = (kc.TakeLocations((0, 1)), kc.Roll((1, 2)), kc.ToImage((2, 8)))
    pad = kc.PadLocations(((0, 1), (1, 0)))
    found = kc.kernel_fn(kc.Network(x, kc.chain(*before, *layers, pad)(x)))(xs).nngp
    rolled = np.roll(plain[..., 1:], (1, 2), (2, 3)).reshape(2, 2, 2, 8)
    wanted = np.pad(rolled, ((0, 0), (0, 0), (0, 1), (1, 0)))
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_formulas_keep_k_and_refuse_sums_of_unlike_locations():
    x = kc.Input((6, 4))
    h = kc.Dense(5)(x)
    rolled = kc.Roll(1)(h)
    assert kc.derive(kc.Network(x, rolled)).nngp == kc.derive(kc.Network(x, h)).nngp
    tied = kc.Network(x, kc.WeightedSum((1.0, 1.0))(h, rolled))
    for rule in (kc.derive, kc.kernel_fn):
        with pytest.raises(kc.DependenceError):
            rule(tied)
    apart = kc.Network(x, kc.WeightedSum((1.0, 1.0))(h, kc.Dense(5)(rolled)))
    assert kc.derive(apart).evaluate(c=0.3, q=1.5).q == pytest.approx(3.0)
    with pytest.raises(kc.UnsupportedError, match="kernel_fn"):
        kc.derive(kc.Network(x, kc.PadLocations(((1, 1),))(h)))


BAD = {
    "beyond": lambda: kc.TakeLocations(2, 9),
    "empty": lambda: kc.TakeLocations(3, 3),
    "axes": lambda: kc.TakeLocations((0, 0)),
    "pairs": lambda: kc.PadLocations(((1, 1), (1, 1))),
    "shifts": lambda: kc.Roll((1, 1)),
    "count": lambda: kc.ToImage((2, 4)),
    "negative step": lambda: kc.TakeLocations(step=0),
    "half a pair": lambda: kc.PadLocations(((1,),)),
    "half a shift": lambda: kc.Roll(0.5),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_six_locations_is_refused(name):
    x = kc.Input((6, 4))
    with pytest.raises(kc.ShapeError):
        kc.Network(x, BAD[name]()(x))


@pytest.mark.parametrize("name", ["crop", "pad", "roll"])
def test_vectors_and_finite_inputs_of_other_axes_are_refused(name):
    x, layer = kc.Input((6,)), LAYERS[name][0]
    with pytest.raises(kc.ShapeError, match="vectors"):
        kc.Network(x, layer(x))
    with pytest.raises(kc.ShapeError):
        drawn(layer, X.shape[1:])((jnp.ones((2, 4, 3)),))
