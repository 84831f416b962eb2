"""Opaque: what was not read is refused with its reason, by name."""

from __future__ import annotations

import pytest

import kernelc as kc


def network() -> kc.Network:
    x = kc.Input((4,))
    return kc.Network(x, kc.Dense(2)(kc.Opaque("a sort along channels", (6,))(x, name="sort")))


def test_shapes_pass():
    assert network()["sort"].shape == (6,)
    assert kc.Network.from_json(network().to_json()) == network()


@pytest.mark.parametrize("call", [kc.derive, kc.kernel_fn, lambda net: kc.lower(net, key=0)])
def test_passes_refuse_with_the_reason(call):
    with pytest.raises(kc.UnsupportedError, match="a sort along channels"):
        call(network())


def test_shape_names_the_node():
    with pytest.raises(kc.ShapingError, match="sort"):
        kc.shape(network(), rewrite=True)


@pytest.mark.parametrize("shape", [(), (0,), (2.5,), 3])
def test_shapes_that_are_none_are_refused(shape):
    with pytest.raises(kc.ShapeError):
        kc.Opaque("a sort", shape)
