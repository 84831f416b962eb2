"""ConvTranspose and Resize against sums over taps and interpolation in NumPy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


RNG = np.random.default_rng(2)
RELU = kc.Activation("relu")


def scattered(x, weight, bias, stride, pads, dilation, groups):
    """Each location adds its image under each tap; the weight is not flipped."""
    window, columns = weight.shape[:-2], weight.shape[-1] // groups
    rows = weight.shape[-2]
    extents = [(w - 1) * d + 1 for w, d in zip(window, dilation, strict=True)]
    full = [(n - 1) * s + e for n, s, e in zip(x.shape[1:-1], stride, extents, strict=True)]
    # Cut or widened so that `pads` zeros, and not extent - 1, are around the locations.
    out = np.zeros((len(x), *(n + 9 for n in full), weight.shape[-1]))
    for place in np.ndindex(x.shape[1:-1]):
        for tap in np.ndindex(window):
            flipped = [(w - 1 - t) * d for w, t, d in zip(window, tap, dilation, strict=True)]
            at = tuple(p * s + f for p, s, f in zip(place, stride, flipped, strict=True))
            for g in range(groups):
                block = slice(g * columns, (g + 1) * columns)
                read = x[(slice(None), *place, slice(g * rows, (g + 1) * rows))]
                out[(slice(None), *at, block)] += read @ weight[tap][:, block]
    cuts = []
    for n, e, (low, high) in zip(full, extents, pads, strict=True):
        cuts.append(slice(e - 1 - low, n - (e - 1 - high)))
    return out[(slice(None), *cuts)] + bias


CASES = [
    ((5,), (3,), (2,), ((1, 2),), (1,), 1),
    ((4, 3), (4, 2), (2, 2), ((2, 2), (1, 1)), (1, 1), 2),
    ((4, 3), (2, 3), (2, 1), ((1, 1), (3, 4)), (1, 2), 1),
    ((2, 3, 2), (2, 2, 2), (2, 1, 2), ((1, 1), (0, 1), (1, 1)), (1, 1, 1), 2),
]


@pytest.mark.parametrize(("sizes", "window", "stride", "pads", "dilation", "groups"), CASES)
def test_each_location_adds_its_image(sizes, window, stride, pads, dilation, groups):
    spec = kc.ConvTranspose(6, window, stride, pads, groups=groups, bias_std=0.4, dilation=dilation)
    layer = drawn(spec, (*sizes, 4))
    x = RNG.normal(size=(2, *sizes, 4)).astype(np.float32)
    found, _ = layer((jnp.asarray(x),))
    weight, bias = (np.asarray(a, np.float64) for a in (layer.weight, layer.bias))
    wanted = scattered(x.astype(np.float64), weight, bias, stride, pads, dilation, groups)
    assert spec.out_shape([(*sizes, 4)], "up") == found.shape[1:]
    # At most 32 products of order 1 in float32.
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_names_are_the_padding_of_jax(padding, window, stride):
    if window < stride:
        with pytest.raises(kc.ShapeError, match=r"every (output|window)"):
            kc.ConvTranspose(3, window, stride, padding).out_shape([(5, 2)], "up")
        return
    layer = drawn(kc.ConvTranspose(3, window, stride, padding), (5, 2))
    x = jnp.asarray(RNG.normal(size=(2, 5, 2)), jnp.float32)
    found, _ = layer((x,))
    numbers = ("NHC", "HIO", "NHC")
    wanted = jax.lax.conv_transpose(x, layer.weight, (stride,), padding, None, numbers)
    np.testing.assert_allclose(found, wanted + layer.bias, rtol=1e-5, atol=1e-6)


def test_transposed_windows_that_tile_have_a_formula() -> None:
    x = kc.Input((4, 4, 3))
    up = kc.ConvTranspose(8, 2, weight_std=2.0)  # 2 = sqrt(stride) for both axes
    found = kc.derive(kc.Network(x, kc.chain(kc.Dense(8), RELU, up, RELU)(x)))
    plain = kc.derive(kc.Network(x, kc.chain(kc.Dense(8), RELU, kc.Dense(8), RELU)(x)))
    (a, b) = (kernel.evaluate(c=0.3, q=1.5) for kernel in (found, plain))
    assert a == b
    with pytest.raises(kc.UnsupportedError, match="unlike numbers of locations"):
        kc.derive(kc.Network(x, kc.ConvTranspose(8, 3)(x)))
    with pytest.raises(kc.UnsupportedError, match="unlike"):
        kc.derive(kc.Network(x, kc.chain(up, RELU, kc.GlobalMeanPool())(x)))


def test_variances_of_parameters_are_those_they_are_drawn_with() -> None:
    layer = drawn(kc.ConvTranspose(40, (4, 2), weight_std=1.5, bias_std=0.5), (3, 3, 30))
    variances = layer.parameter_variances()
    assert (variances.weight, variances.bias) == (1.5**2 / 240, 0.25)
    assert abs(np.var(layer.weight) / variances.weight - 1) < 5 * (2 / layer.weight.size) ** 0.5


@pytest.mark.parametrize("factor", [2, (3, 1), (2, 4)])
def test_resizing_is_that_of_jax(factor):
    x = jnp.asarray(RNG.normal(size=(2, 3, 4, 2)), jnp.float32)
    for method in ("nearest", "linear"):
        spec = kc.Resize(factor, method)
        found, _ = drawn(spec, (3, 4, 2))((x,))
        wanted = jax.image.resize(x, (2, *found.shape[1:]), method)
        assert spec.out_shape([(3, 4, 2)], "up") == found.shape[1:]
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_corners_stay_at_the_ends(count):
    x = RNG.normal(size=(1, count, 1)).astype(np.float32)
    found, _ = drawn(kc.Resize(3, "linear_corners"), (count, 1))((jnp.asarray(x),))
    at = np.linspace(0, count - 1, 3 * count)
    np.testing.assert_allclose(
        found.ravel(), np.interp(at, np.arange(count), x.ravel()), rtol=1e-5, atol=1e-6
    )


def test_repeated_locations_keep_the_formula_and_interpolated_ones_are_refused() -> None:
    x = kc.Input((4, 3))
    stem = kc.chain(kc.Conv(8), RELU)
    nearest = kc.Network(x, kc.chain(stem, kc.Resize(2), kc.Conv(8), RELU)(x))
    assert kc.derive(nearest).q_map == kc.derive(kc.Network(x, kc.chain(stem, stem)(x))).q_map
    linear = kc.Network(x, kc.chain(stem, kc.Resize(2, "linear"), kc.Conv(8), RELU)(x))
    with pytest.raises(kc.UnsupportedError, match="interpolated"):
        kc.derive(linear)
    shaped = kc.shape(linear, rewrite=True).network
    assert any(node.layer == kc.Resize(2) for node in shaped.nodes)
    data = RNG.normal(size=(2, 4, 3))
    found = kc.kernel_fn(kc.Network(x, kc.Resize(2, "linear")(x)))(data, get="nngp").nngp
    means = np.array([[4, 0, 0, 0], [3, 1, 0, 0], [1, 3, 0, 0], [0, 3, 1, 0]]) / 4
    rows = means @ data
    np.testing.assert_allclose(found[0, 1, :4], (rows[0] * rows[1]).mean(-1), rtol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: kc.ConvTranspose(3, padding="CIRCULAR"),
        lambda: kc.ConvTranspose(3, padding=((1, 1),)).out_shape([(4, 4, 3)], "up"),
        lambda: kc.ConvTranspose(3).out_shape([(4,)], "up"),
        lambda: kc.ConvTranspose(3, 2, padding=((0, 0), (2, 0))).out_shape([(4, 4, 3)], "up"),
        lambda: kc.Resize(0),
        lambda: kc.Resize((2, "x")),
        lambda: kc.Resize(2, "cubic"),
        lambda: kc.Resize((2, 2)).out_shape([(4, 3)], "up"),
        lambda: kc.Resize(2).out_shape([(4,)], "up"),
    ],
)
def test_what_does_not_fit_is_refused(make):
    with pytest.raises(kc.KernelcError) as caught:
        make()
    assert all((caught.value.where, caught.value.found, caught.value.law, caught.value.remedy))
