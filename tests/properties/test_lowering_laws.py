"""Both forms of a model compute one function, whatever repeats."""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
from hypothesis import given, settings, strategies as st
from strategies import norms

import kernelc as kc


WIDTH = 3
KEY = jax.random.key(2)
XS = jax.random.normal(KEY, (4, WIDTH))

# Bounded, so that outputs stay of order one.
smooth = st.sampled_from((kc.Activation("tanh"), kc.Activation("sin", alpha=0.5)))
steps = st.one_of(st.builds(kc.Dense, st.just(WIDTH)), smooth, norms())


@st.composite
def blocks(draw: st.DrawFn):
    """A part that keeps the shape, sometimes with a shortcut around it."""
    inner = kc.chain(kc.Dense(WIDTH), *draw(st.lists(steps, max_size=3)))
    return kc.residual(inner, 0.8) if draw(st.booleans()) else inner


@st.composite
def networks(draw: st.DrawFn) -> kc.Network:
    """Runs of equal blocks, one after the other."""
    runs = draw(st.lists(st.tuples(blocks(), st.integers(1, 4)), min_size=1, max_size=3))
    x = kc.Input((WIDTH,))
    return kc.Network(x, kc.chain(*(kc.repeat(block, count) for block, count in runs))(x))


# Every example compiles two networks.
@settings(max_examples=8)
@given(networks())
def test_forms_agree(net):
    flat, looped = (kc.lower(net, key=KEY, layers=layers) for layers in ("unrolled", "scan"))
    for a, b in zip(*map(jax.tree.leaves, (flat, kc.unrolled(looped))), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [name for node in looped.nodes for name in node.names] == [n.name for n in net][1:]
    stateful = any(isinstance(node.layer, kc.BatchNorm) for node in net)

    @eqx.filter_jit
    def run(model):
        if not stateful:
            return model.batched(XS, key=KEY)
        return model.batched(XS, eqx.nn.State(model), key=KEY)[0]

    # Norms over three channels magnify the rounding of float32.
    np.testing.assert_allclose(run(flat), run(looped), rtol=1e-2, atol=1e-3)
