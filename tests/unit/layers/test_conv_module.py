"""Convolutions and pools against direct loops over windows in NumPy."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc
from kernelc.layers import (
    ConvModule,
    DenseModule,
    GlobalMeanPoolModule,
    MaxPoolModule,
    MeanPoolModule,
)


def windows_of(x, window, stride, padding, dilation):
    """Yield (output position, [(tap, location or None)]) for one example (*locations, c)."""
    starts = []
    for i, (w, s, d) in enumerate(zip(window, stride, dilation, strict=True)):
        n, extent = x.shape[i], (w - 1) * d + 1
        if padding in ("SAME", "CIRCULAR"):
            count = math.ceil(n / s)
            low = max((count - 1) * s + extent - n, 0) // 2
        else:
            low, high = (0, 0) if padding == "VALID" else padding[i]
            count = (n + low + high - extent) // s + 1
        starts.append([s * i - low for i in range(count)])
    for position in itertools.product(*(range(len(s)) for s in starts)):
        taps = []
        for tap in itertools.product(*map(range, window)):
            places = zip(position, tap, dilation, strict=True)
            place = [starts[a][p] + t * d for a, (p, t, d) in enumerate(places)]
            if padding == "CIRCULAR":
                place = [i % n for i, n in zip(place, x.shape, strict=False)]
            inside = all(0 <= i < n for i, n in zip(place, x.shape, strict=False))
            taps.append((tap, tuple(place) if inside else None))
        yield position, taps


def slide(x, window, stride, padding, value, dilation=None):
    """Outputs of `value(example, taps)` at every position of every example."""
    dilation = dilation or (1,) * len(window)
    examples = []
    for example in np.asarray(x, np.float64):
        found = {
            p: value(example, t) for p, t in windows_of(example, window, stride, padding, dilation)
        }
        shape = tuple(max(p[a] for p in found) + 1 for a in range(len(window)))
        out = np.zeros((*shape, next(iter(found.values())).size))
        for position, vector in found.items():
            out[position] = vector
        examples.append(out)
    return np.stack(examples)


def reference_conv(x, weight, bias, stride, padding, groups, dilation=None):
    weight = np.asarray(weight, np.float64)
    rows, columns = weight.shape[-2], weight.shape[-1] // groups

    def value(example, taps):
        total = np.asarray(bias, np.float64).copy()
        for (tap, place), g in itertools.product(taps, range(groups)):
            if place is not None:
                block = slice(g * columns, (g + 1) * columns)
                total[block] += example[place][g * rows : (g + 1) * rows] @ weight[tap][:, block]
        return total

    return slide(x, weight.shape[:-2], stride, padding, value, dilation)


CASES = [
    ((7,), (3,), (1,), 1),
    ((8,), (3,), (2,), 2),
    ((5,), (4,), (3,), 1),
    ((6, 5), (3, 3), (1, 1), 1),
    ((6, 5), (2, 3), (2, 1), 2),
    ((5, 4), (1, 1), (2, 3), 1),
    ((4, 3, 5), (3, 2, 3), (2, 1, 2), 2),
]


@pytest.mark.parametrize("padding", ["SAME", "VALID", "CIRCULAR"])
@pytest.mark.parametrize(("locations", "window", "stride", "groups"), CASES)
def test_conv_is_the_sum_over_taps(locations, window, stride, groups, padding):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, *locations, 4)).astype(np.float32)
    weight = rng.normal(size=(*window, 4 // groups, 6)).astype(np.float32)
    bias = rng.normal(size=6).astype(np.float32)
    layer = ConvModule(
        jnp.asarray(weight), jnp.asarray(bias), stride=stride, padding=padding, groups=groups
    )
    found, _ = layer((jnp.asarray(x),))
    # At most 72 products of order 1 in float32.
    np.testing.assert_allclose(
        found, reference_conv(x, weight, bias, stride, padding, groups), rtol=1e-5, atol=2e-5
    )


PADDED = [
    ((7,), (3,), (2,), ((1, 1),), (1,)),
    ((6, 5), (3, 2), (2, 1), ((1, 1), (0, 2)), (1, 2)),
    ((6, 5), (2, 3), (1, 2), "SAME", (3, 2)),
    ((6, 5), (2, 3), (1, 2), "CIRCULAR", (3, 2)),
    ((6, 5), (2, 3), (1, 2), "VALID", (3, 2)),
    ((4, 3, 5), (3, 2, 3), (2, 1, 2), ((2, 0), (1, 1), (0, 1)), (1, 2, 1)),
]


@pytest.mark.parametrize(("locations", "window", "stride", "padding", "dilation"), PADDED)
def test_padding_and_dilation_are_those_of_loops(locations, window, stride, padding, dilation):
    fields = {"bias_std": 0.5, "padding": padding, "dilation": dilation, "delta": False}
    layer = drawn(kc.Conv(6, window, stride, groups=2, **fields), (*locations, 4))
    x = np.random.default_rng(3).normal(size=(2, *locations, 4)).astype(np.float32)
    found, _ = layer((jnp.asarray(x),))
    wanted = reference_conv(x, layer.weight, layer.bias, stride, padding, 2, dilation)
    # At most 36 products of order 1 in float32.
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    shape = kc.Conv(6, window, stride, groups=2, **fields).out_shape([(*locations, 4)], "conv")
    assert shape == found.shape[1:]
    local = kc.LocalConv(6, window, stride, padding, dilation=dilation)
    assert drawn(local, (*locations, 4))((jnp.asarray(x),))[0].shape == found.shape


@pytest.mark.parametrize("count_padding", [True, False])
@pytest.mark.parametrize("padding", [((1, 1), (0, 2)), "SAME"])
def test_mean_pools_count_padding_as_zeros_where_asked(padding, count_padding):
    geometry = ((3, 3), (2, 1), padding)
    x = np.random.default_rng(4).normal(size=(2, 6, 5, 3)).astype(np.float32) - 5

    def real(example, taps):
        return np.stack([example[place] for _, place in taps if place is not None])

    pool = drawn(kc.MeanPool(*geometry, count_padding=count_padding), (6, 5, 3))
    divisor = (lambda found: 9) if count_padding else len
    wanted = slide(x, *geometry, lambda e, t: real(e, t).sum(0) / divisor(real(e, t)))
    np.testing.assert_allclose(pool((jnp.asarray(x),))[0], wanted, rtol=2e-6)
    top = drawn(kc.MaxPool(*geometry), (6, 5, 3))((jnp.asarray(x),))[0]
    np.testing.assert_array_equal(top, slide(x, *geometry, lambda e, t: real(e, t).max(0)))


@pytest.mark.parametrize(
    ("layer", "law"),
    [
        (kc.Conv(2, 3, padding=((1, 1),)), "one pair for each location axis"),
        (kc.Conv(2, 3, padding=((2, 0), (1, 1))), "inside the border"),
        (kc.Conv(2, 3, padding=((3, 0), (1, 1)), delta=False), "every window has a tap"),
        (kc.Conv(2, 3, padding=((1, 1), (1, 1)), dilation=5), "fits inside the input and its pad"),
        (kc.Conv(2, 2, padding="SAME", dilation=9, delta=False), "every window has a tap"),
        (kc.Conv(2, 2), "a center tap, so odd windows"),
        (kc.MeanPool(2, padding=((0, 9), (0, 0))), "every window has a tap"),
        (kc.WeightedMeanPool(3, padding=((0, 2), (1, 1))), "inside the border"),
        (kc.Conv(2, 3, dilation=(1, 1, 1)), "one for each location axis"),
    ],
)
def test_windows_that_do_not_fit_are_refused(layer, law):
    with pytest.raises(kc.ShapeError, match=law):
        layer.out_shape([(6, 5, 3)], "node")


@pytest.mark.parametrize("padding", [(), ((1,),), ((-1, 0),), ((0.5, 0),), (1, 1), ((True, 1),)])
def test_padding_is_a_name_or_pairs_of_integers(padding):
    with pytest.raises(kc.ShapeError, match="a pair \\(low, high\\)"):
        kc.Conv(2, padding=padding)


def test_lists_and_numpy_integers_are_padding():
    conv = kc.Conv(2, padding=[[np.int64(1), 1]], dilation=[np.int32(2)])
    assert conv == kc.Conv(2, padding=((1, 1),), dilation=(2,))
    assert hash(conv) == hash(kc.Conv(2, padding=((1, 1),), dilation=(2,)))
    assert conv.text() == "Conv(2, padding=((1, 1),), dilation=(2,))"


@pytest.mark.parametrize("padding", ["SAME", "VALID", "CIRCULAR"])
@pytest.mark.parametrize(("locations", "window", "stride"), [c[:3] for c in CASES[::2]])
def test_pools_are_over_real_locations(locations, window, stride, padding):
    # Shifted far below zero, so that padding would win a maximum and move a mean.
    x = np.random.default_rng(4).normal(size=(2, *locations, 3)).astype(np.float32) - 5
    geometry = (window, stride, padding)

    def real(example, taps):
        return np.stack([example[place] for _, place in taps if place is not None])

    mean, _ = MeanPoolModule(*geometry)((jnp.asarray(x),))
    wanted = slide(x, *geometry, lambda e, t: real(e, t).mean(0))
    np.testing.assert_allclose(mean, wanted, rtol=2e-6)  # means of at most 18 float32 values
    top, _ = MaxPoolModule(*geometry)((jnp.asarray(x),))
    np.testing.assert_array_equal(top, slide(x, *geometry, lambda e, t: real(e, t).max(0)))


def test_circular_windows_may_be_wider_than_the_input():
    layer = ConvModule(jnp.ones((5, 1, 1)), padding="CIRCULAR")
    found, _ = layer((jnp.array([[[1.0], [10.0]]]),))
    assert found.ravel().tolist() == [23.0, 32.0]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", ["SAME", "CIRCULAR"])
def test_delta_conv_is_a_dense_layer_at_every_location(padding, stride):
    layer = drawn(kc.Conv(6, 3, stride, padding, bias_std=0.3), (6, 6, 4))
    x = jnp.asarray(np.random.default_rng(1).normal(size=(2, 6, 6, 4)), jnp.float32)
    found, _ = layer((x,))
    # Strided windows of an even input are padded only at the end, so they center on 1, 3, 5.
    seen = x if stride == 1 else x[:, 1::2, 1::2]
    wanted, _ = DenseModule(layer.weight[1, 1], layer.bias)((seen,))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_delta_conv_keeps_q_exactly_at_every_location():
    layer = drawn(kc.Conv(12, init="suo"), (9, 4))
    x = jnp.asarray(np.random.default_rng(1).normal(size=(2, 9, 4)), jnp.float32)
    found = np.asarray(layer((x,))[0])
    np.testing.assert_allclose((found**2).mean(-1), np.square(x).mean(-1), rtol=5e-6)


@pytest.mark.parametrize("pool", [MeanPoolModule, MaxPoolModule])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_pools_keep_dtype_and_are_differentiable_both_ways(pool, dtype):
    layer = pool((2,), (1,), "SAME")
    x = jnp.asarray(np.random.default_rng(0).permutation(8).reshape(1, 8, 1), dtype)
    y, pushed = jax.jvp(lambda v: layer((v,))[0], (x,), (jnp.ones_like(x),))
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(pushed, np.ones_like(pushed))
    pulled = jax.grad(lambda v: layer((v,))[0].sum())(x)
    assert float(pulled.sum()) == 8.0


@pytest.mark.parametrize("locations", [(4,), (4, 3), (2, 3, 4)])
def test_global_mean_pool_is_the_mean_over_locations(locations):
    x = np.random.default_rng(2).normal(size=(2, *locations, 3)).astype(np.float32)
    found, _ = GlobalMeanPoolModule()((jnp.asarray(x),))
    np.testing.assert_allclose(found, x.reshape(2, -1, 3).mean(1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("window", [(3, 3), (3, 1)])
@pytest.mark.parametrize("stride", [(1, 1), (3, 2)])
@pytest.mark.parametrize("padding", ["SAME", "VALID", "CIRCULAR"])
def test_weighted_mean_pool_starts_as_a_subsampling(window, stride, padding):
    x = jnp.arange(1.0, 61.0).reshape(1, 6, 5, 2)
    pool = drawn(kc.WeightedMeanPool(window, stride, padding), (6, 5, 2))
    found, _ = pool((x,))
    # Every output location is a real input location, both channels of it.
    assert {tuple(v) for v in np.asarray(found).reshape(-1, 2).tolist()} <= {
        tuple(v) for v in np.asarray(x).reshape(-1, 2).tolist()
    }
    taps = np.asarray(pool.depthwise.weight)
    np.testing.assert_allclose((taps**2).sum((0, 1)), np.ones((1, 2)))


X = jnp.ones((2, 4, 4, 3))


@pytest.mark.parametrize(
    "call",
    [
        lambda: ConvModule(jnp.ones((3, 3))),
        lambda: ConvModule(jnp.ones((3, 3, 3, 4)), jnp.ones(3)),
        lambda: ConvModule(jnp.ones((3, 3, 2, 4)))((X,)),
        lambda: ConvModule(jnp.ones((3, 3, 4)))((X,)),
        lambda: ConvModule(jnp.ones((5, 5, 3, 4)), padding="VALID")((X,)),
        lambda: ConvModule(jnp.ones((3, 3, 3, 4)))((X, X)),
        lambda: DenseModule(jnp.ones((4, 2)))((X,)),
        lambda: DenseModule(jnp.ones((3, 2)), jnp.ones((1, 2))),
        lambda: DenseModule(jnp.ones((3, 2)))((jnp.ones(3),)),
        lambda: MeanPoolModule((2,), (2,))((X,)),
        lambda: MaxPoolModule((5,), (5,))((X,)),
        lambda: GlobalMeanPoolModule()((jnp.ones((2, 3)),)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call):
    with pytest.raises(kc.ShapeError):
        call()
