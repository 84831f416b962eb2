"""Hypothesis strategies: random valid networks over every layer kind."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sympy
from hypothesis import strategies as st

import kernelc as kc
from kernelc.activations import X
from kernelc.ir import Shape


NAMED = ("tanh", "relu", "erf", "sin", "gelu", "softplus", "abs")
EXPRESSIONS = (X * sympy.tanh(X), sympy.exp(-(X**2)), X**3 / 6, sympy.Max(X, X / 4))
SPATIAL: tuple[Shape, ...] = ((4, 4, 2), (6, 3), (8, 8, 3))
VECTORS: tuple[Shape, ...] = ((3,), (8,))

weights = st.sampled_from((0.25, 0.5, 0.6, 0.8, 1.0, 2.0))
stds = st.sampled_from((0.0, 0.1, 1.0, 2**0.5))
positive_stds = st.sampled_from((0.5, 1.0, 2**0.5))


@st.composite
def activations(draw: st.DrawFn) -> kc.Activation:
    """A named activation or a user's expression, sometimes transformed."""
    function: Any = draw(st.sampled_from((*NAMED, *EXPRESSIONS)))
    if not draw(st.booleans()):
        return kc.Activation(function)
    alpha, gamma = draw(weights), draw(weights)
    return kc.Activation(function, alpha=alpha, beta=draw(stds), gamma=gamma, delta=draw(stds))


@st.composite
def norms(draw: st.DrawFn) -> kc.Layer:
    """Layers that keep the shape and act on the scale of a value."""
    return draw(
        st.sampled_from(
            (
                kc.LayerNorm(),
                kc.LayerNorm(axis="all", center=False),
                kc.PLN(),
                kc.PLN("off"),
                kc.BatchNorm(),
                kc.Dropout(0.25),
                kc.GroupNorm(1),
                kc.Scale(0.5),
                kc.ChannelScale(0.5, bias=True),
                kc.Scale(-2.0, trainable=False),
            )
        )
    )


@st.composite
def convolutions(draw: st.DrawFn) -> kc.Layer:
    """Convolutions and pools that fit any number of locations."""
    stride = draw(st.sampled_from((1, 2)))
    padding = draw(st.sampled_from(("SAME", "CIRCULAR")))
    kind = draw(st.sampled_from(("conv", "spread", "local", "mean", "max", "weighted", "roll")))
    if kind == "conv":
        return kc.Conv(draw(st.sampled_from((2, 4))), 3, stride, padding, bias_std=draw(stds))
    if kind == "spread":
        return kc.Conv(4, 2, stride, padding, delta=False, init="orthogonal")
    if kind == "local":
        return kc.LocalConv(2, 2, stride, padding, bias=False)
    if kind == "mean":
        return kc.MeanPool(2, stride, padding)
    if kind == "max":
        return kc.MaxPool(2, stride, padding)
    if kind == "roll":
        return kc.Roll(stride)
    return kc.WeightedMeanPool(3, stride, padding)


@st.composite
def layers(draw: st.DrawFn, spatial: bool) -> kc.Layer:
    """One layer that takes any value, with locations when `spatial`."""
    dense = st.builds(
        kc.Dense,
        st.sampled_from((2, 5)),
        positive_stds,
        stds,
        st.sampled_from(("gaussian", "orthogonal", "suo")),
    )
    # Activations and weights most often: the rest decorates them.
    kinds = [dense, activations(), activations(), norms()]
    if spatial:
        kinds += [convolutions(), st.sampled_from((kc.Flatten(), kc.GlobalMeanPool()))]
    return draw(st.one_of(kinds))


def shape_of(x: kc.Node, node: kc.Node) -> Shape:
    """The shape of the value of a node."""
    return kc.Network(x, node).output_shape


@st.composite
def networks(
    draw: st.DrawFn,
    max_parts: int = 5,
    kinds: Collection[type[kc.Layer]] | None = None,
    spatial: bool | None = None,
) -> kc.Network:
    """A valid network: steps and joins of earlier values.

    Arguments:
        max_parts: steps and joins at most.
        kinds: the layer kinds it may hold beside its input; all when None.
        spatial: whether examples have locations; either when None.
    """
    shapes = (VECTORS if not spatial else ()) + (SPATIAL if spatial is not False else ())
    x = kc.Input(draw(st.sampled_from(shapes)))
    node = x
    for _ in range(draw(st.integers(0, max_parts))):
        if draw(st.integers(0, 2)):
            part = draw(layers(len(shape_of(x, node)) > 1))(node)
        else:
            part = draw(_joins(x, node))
        # A part of other kinds is left out, which shrinks better than drawing it again.
        if kinds is None or all(
            type(added.layer) in kinds for added in kc.Network(x, part).nodes[1:]
        ):
            node = part
    return kc.Network(x, node, name=draw(st.sampled_from(("net", "été <&>", "a b"))))


@st.composite
def _joins(draw: st.DrawFn, x: kc.Node, node: kc.Node) -> kc.Node:
    """Two or three branches from one node, of one shape, joined."""
    width = draw(st.sampled_from((2, 3)))
    branches = [kc.Dense(width, std)(node) for std in draw(_branch_stds())]
    if draw(st.booleans()):
        branches[0] = draw(activations())(branches[0])
    if shape_of(x, node)[-1] == width and draw(st.booleans()):
        branches[0] = node
    kind = draw(st.sampled_from(("sum", "residual", "product", "concat")))
    if kind == "product":
        return kc.Product()(*branches)
    if kind == "concat":
        return kc.Concat()(*branches)
    if kind == "residual":
        inner = kc.chain(kc.Dense(width), draw(activations()), kc.Dense(width))
        weight = draw(st.sampled_from((None, 0.0, 0.6, 0.9)))
        return kc.residual(inner, weight)(branches[0])
    return kc.WeightedSum(tuple(draw(weights) for _ in branches))(*branches)


def _branch_stds() -> st.SearchStrategy[list[float]]:
    return st.lists(positive_stds, min_size=1, max_size=3)
