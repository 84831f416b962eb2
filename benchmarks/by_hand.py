"""Four nets written in Equinox without kernelc, on batches, channels last.

Their weights are those of a lowered model, by name, so both compute the same function.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

import kernelc as kc


class Linear(eqx.Module):
    """x W + b."""

    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        return x @ self.weight + self.bias


class Conv(eqx.Module):
    """A convolution over two location axes with zero padding."""

    weight: Array
    bias: Array
    stride: int = eqx.field(static=True, default=1)

    def __call__(self, x: Array) -> Array:
        numbers = ("NHWC", "HWIO", "NHWC")
        strides = (self.stride, self.stride)
        y = jax.lax.conv_general_dilated(x, self.weight, strides, "SAME", dimension_numbers=numbers)
        return y + self.bias


class Norm(eqx.Module):
    """Batch norm in training; running statistics in the state."""

    gain: Array
    bias: Array
    index: eqx.nn.StateIndex

    def __call__(self, x: Array, state: eqx.nn.State) -> tuple[Array, eqx.nn.State]:
        axes = tuple(range(x.ndim - 1))
        mean, variance = jnp.mean(x, axes), jnp.var(x, axes)
        old = state.get(self.index)
        new = [0.99 * a + 0.01 * b for a, b in zip(old, (mean, variance), strict=True)]
        state = state.set(self.index, jax.lax.stop_gradient(tuple(new)))
        y = (x - mean) * jax.lax.rsqrt(variance + 1e-5) * self.gain + self.bias
        return y, state


class MLP(eqx.Module):
    """Linear layers with tanh between them."""

    layers: list[Linear]

    def __call__(self, x: Array, state: Any) -> tuple[Array, Any]:
        for layer in self.layers[:-1]:
            x = jnp.tanh(layer(x))
        return self.layers[-1](x), state


class ResidualMLP(eqx.Module):
    """x + linear(relu(norm(x))) over and over, between a linear layer and norm, relu, logits."""

    stem: Linear
    norms: list[Norm]
    layers: list[Linear]

    def __call__(self, x: Array, state: Any) -> tuple[Array, Any]:
        x = self.stem(x)
        for norm, layer in zip(self.norms[:-1], self.layers[:-1], strict=True):
            y, state = norm(x, state)
            x = x + layer(jax.nn.relu(y))
        x, state = self.norms[-1](x, state)
        return self.layers[-1](jax.nn.relu(x)), state


class Block(eqx.Module):
    """norm, relu, 3x3, norm, relu, 3x3 and a shortcut (He et al. 2016b)."""

    norms: list[Norm]
    convs: list[Conv]
    shortcut: Conv | None

    def __call__(self, x: Array, state: Any) -> tuple[Array, Any]:
        y, state = self.norms[0](x, state)
        y = jax.nn.relu(y)
        shortcut = x if self.shortcut is None else self.shortcut(y)
        y, state = self.norms[1](self.convs[0](y), state)
        return shortcut + self.convs[1](jax.nn.relu(y)), state


class ResNet(eqx.Module):
    """A stem, blocks, the mean over locations of the last norm and relu, logits."""

    stem: Conv
    blocks: list[Block]
    norm: Norm
    head: Linear

    def __call__(self, x: Array, state: Any) -> tuple[Array, Any]:
        x = self.stem(x)
        for block in self.blocks:
            x, state = block(x, state)
        x, state = self.norm(x, state)
        return self.head(jnp.mean(jax.nn.relu(x), (1, 2))), state


class Vanilla(eqx.Module):
    """Convolutions with relu between them, the mean over locations, logits."""

    convs: list[Conv]
    head: Linear

    def __call__(self, x: Array, state: Any) -> tuple[Array, Any]:
        for conv in self.convs:
            x = jax.nn.relu(conv(x))
        return self.head(jnp.mean(x, (1, 2))), state


def linear(model: kc.Model, name: str) -> Linear:
    """The layer of that name by hand."""
    layer: Any = model[name]
    return Linear(layer.weight, layer.bias)


def conv(model: kc.Model, name: str) -> Conv:
    """The layer of that name by hand."""
    layer: Any = model[name]
    return Conv(layer.weight, layer.bias, layer.stride[0])


def norm(model: kc.Model, name: str) -> Norm:
    """The layer of that name by hand."""
    layer: Any = model[name]
    zeros = jnp.zeros_like(layer.gain)
    return Norm(layer.gain, layer.bias, eqx.nn.StateIndex((zeros, zeros + 1)))


def mlp(model: kc.Model, names: list[str]) -> tuple[MLP, Any]:
    """Multilayer perceptron of any depth."""
    return MLP([linear(model, name) for name in names if name.endswith("dense")]), None


def residual_mlp(model: kc.Model, names: list[str]) -> tuple[ResidualMLP, Any]:
    """Residual multilayer perceptron with batch norm, of any depth."""
    stem, *layers = (linear(model, name) for name in names if name.endswith("dense"))
    norms = [norm(model, name) for name in names if name.endswith("norm")]
    return eqx.nn.make_with_state(ResidualMLP)(stem, norms, layers)


def resnet18(model: kc.Model, names: list[str]) -> tuple[ResNet, Any]:
    """ResNet-18, v2."""
    blocks = []
    for place in (f"stage{stage}/block{block}" for stage in range(1, 5) for block in (1, 2)):
        shortcut = f"{place}/shortcut"
        blocks.append(
            Block(
                [norm(model, f"{place}/norm{i}") for i in (1, 2)],
                [conv(model, f"{place}/conv{i}") for i in (1, 2)],
                conv(model, shortcut) if shortcut in names else None,
            )
        )
    stem, last = conv(model, "stem/conv"), norm(model, "head/norm")
    return eqx.nn.make_with_state(ResNet)(stem, blocks, last, linear(model, "head/dense"))


def vanilla(model: kc.Model, names: list[str]) -> tuple[Vanilla, Any]:
    """Convolutions one after the other."""
    convs = [conv(model, name) for name in names if "conv" in name]
    return Vanilla(convs, linear(model, "head/dense")), None
