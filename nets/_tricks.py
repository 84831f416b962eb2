"""One dense net under each of the usual tricks that keep deep nets trainable."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Literal

import sympy

import kernelc as kc

from ._recipe import Number, whole


HE = sympy.sqrt(2)
"""sigma_w that keeps q through a rectifier: E relu(Z)^2 = 1/2 (He et al. 2015)."""
CENTERED_HE = sympy.sqrt(2 * sympy.pi / (sympy.pi - 1))
"""The same where the mean is subtracted: Var relu(Z) = (1 - 1/pi)/2 (Brock et al. 2021)."""
SLOPE = 0.2
SHORTCUT = 0.9
RELU = kc.Activation("relu")
LEAKY = kc.Activation("leaky_relu", negative_slope=SLOPE)
TANH = kc.Activation("tanh")
Initializer = Literal["gaussian", "orthogonal"]
Block = Callable[[kc.Node], kc.Node]


def tricks(
    depth: int = 50, width: int = 512, classes: int = 10, input_shape: Sequence[int] = (784,)
) -> dict[str, kc.Network]:
    """The same dense net under each of the standard tricks, by name.

    Every net is a dense layer, blocks that hold `depth - 1` nonlinear layers together (one less
    for "fixup" when that is odd), a last nonlinearity and the logits. They differ in activation,
    initial weights, norms and skips alone. Activations are ReLU where the name does not say.

    Arguments:
        depth: number of nonlinear layers on the path, at least 3.
        width: channels of every hidden layer.
        classes: number of outputs.
        input_shape: of one example; images are flattened.

    Returns:
        networks by name: activations and initial weights first, then norms, skips, and the
        shaped ones.

    Raises:
        ShapeError: sizes that are not integers, or too small.

    Example:
        >>> import kernelc as kc, nets
        >>> round(kc.derive(nets.tricks(depth=4, width=64)["skipinit"]).evaluate(c=0.0).c, 3)
        0.318
    """
    whole("tricks", "depth", depth, minimum=3)
    whole("tricks", "width", width, minimum=2)
    whole("tricks", "classes", classes)
    family = _Family(depth, width, classes, tuple(input_shape))
    return {**_weights(family), **_norms(family), **_skips(family), **_shaped(family)}


@dataclasses.dataclass(frozen=True)
class _Family:
    """What all nets have in common."""

    depth: int
    width: int
    classes: int
    input_shape: tuple[int, ...]

    def dense(self, weight_std: Number = 1.0, init: Initializer = "gaussian") -> kc.Dense:
        """A hidden layer of fresh weights."""
        return kc.Dense(self.width, weight_std=weight_std, init=init)

    def net(
        self, name: str, block: Block, last: Block = RELU, head: Block | None = None
    ) -> kc.Network:
        """Blocks of one nonlinear layer each; `last` is what the logits read."""
        return self.of_blocks(name, block, self.depth - 1, last, head)

    def of_blocks(
        self, name: str, block: Block, count: int, last: Block, head: Block | None = None
    ) -> kc.Network:
        """A dense layer, `count` blocks, `last`, and the logits."""
        x = kc.Input(self.input_shape)
        flat = kc.Flatten()(x) if len(self.input_shape) > 1 else x
        node = kc.repeat(block, count)(self.dense()(flat))
        logits = kc.Dense(self.classes) if head is None else head
        return kc.Network(x, logits(last(node)), name=name)


def _weights(family: _Family) -> dict[str, kc.Network]:
    """Activations and initial weights."""
    selu = kc.Activation("selu")
    he_leaky = sympy.sqrt(2 / (1 + sympy.Rational(str(SLOPE)) ** 2))
    chains: dict[str, tuple[kc.Activation, kc.Dense]] = {
        "tanh": (TANH, family.dense()),
        "relu": (RELU, family.dense()),
        "he": (RELU, family.dense(HE)),
        "orthogonal": (RELU, family.dense(HE, "orthogonal")),
        "leaky relu": (LEAKY, family.dense(he_leaky)),
        "selu": (selu, family.dense()),
        "lsuv": (TANH, family.dense(_unit_q(TANH))),
    }
    made = {name: family.net(name, kc.chain(*pair), pair[0]) for name, pair in chains.items()}
    edge = kc.shape(family.net("edge of chaos", _chain(TANH, family), TANH), kc.EdgeOfChaos())
    made["edge of chaos"] = edge.network
    linear = kc.LooksLinear(family.width, init="orthogonal")
    head = kc.LooksLinear(family.classes, init="orthogonal")
    made["looks linear"] = family.of_blocks(
        "looks linear", linear, family.depth - 2, kc.chain(linear), head
    )
    return made


def _chain(activation: kc.Activation, family: _Family) -> Block:
    return kc.chain(activation, family.dense())


def _unit_q(activation: kc.Activation) -> float:
    """LSUV (Mishkin & Matas 2016): weights after `activation` that bring q back to 1.

    The first layer keeps the 1 of the inputs, so each block reads q = 1 and all are alike.
    """
    x = kc.Input((1,))
    q = kc.derive(kc.Network(x, activation(kc.Dense(1)(x))), q=1).evaluate(c=1.0).q
    return 1 / math.sqrt(q)


def _norms(family: _Family) -> dict[str, kc.Network]:
    """Norms before and after the nonlinearity, and on the weights."""
    batch, layer = kc.BatchNorm(), kc.LayerNorm()
    rms = kc.LayerNorm(center=False)
    dense = family.dense(HE)
    standardized = kc.StandardizedDense(family.width, weight_std=CENTERED_HE)
    blocks = {
        "batch norm": (kc.chain(batch, RELU), dense),
        "layer norm": (kc.chain(layer, RELU), dense),
        "layer norm after": (kc.chain(RELU, layer), family.dense()),
        "rms norm after": (kc.chain(RELU, rms), family.dense()),
        "weight standardization": (RELU, standardized),
    }
    return {
        name: family.net(name, kc.chain(last, weights), last)
        for name, (last, weights) in blocks.items()
    }


def _skips(family: _Family) -> dict[str, kc.Network]:
    """Skips alone, with norms, and with branches that start at zero."""
    batch = kc.chain(kc.BatchNorm(), RELU)
    layer = kc.chain(kc.LayerNorm(), RELU)
    standardized = kc.StandardizedDense(family.width, weight_std=CENTERED_HE)
    dense = family.dense(HE)
    branches: dict[str, tuple[Block, Block, float | None]] = {
        "skips": (RELU, dense, None),
        "weighted skips": (RELU, dense, SHORTCUT),
        "batch norm and skips": (batch, dense, None),
        "layer norm and skips": (layer, dense, None),
        "standardized and weighted skips": (RELU, standardized, SHORTCUT),
        "skipinit": (RELU, kc.chain(dense, kc.Scale(0.0)), None),
    }
    made = {
        name: family.net(name, kc.residual(kc.chain(last, rest), weight), last)
        for name, (last, rest, weight) in branches.items()
    }
    return {**made, "fixup": _fixup(family)}


def _fixup(family: _Family) -> kc.Network:
    """Two layers a branch, the first scaled by L^(-1/2), the second zero (Zhang et al. 2019).

    L^(-1/(2m - 2)) for L branches of m = 2 layers. The logits keep their weights, which the
    publication starts at zero too: there would be no output to look at.
    """
    count = (family.depth - 1) // 2
    inner = family.dense(HE / sympy.sqrt(count))
    branch = kc.chain(RELU, inner, RELU, family.dense(0.0))
    return family.of_blocks("fixup", kc.residual(branch), count, RELU)


def _shaped(family: _Family) -> dict[str, kc.Network]:
    """Activations solved for, without skips or norms."""
    # A shallow chain of rectifiers does not get as far as the 0.9 of Zhang et al. (2022).
    reached = float(kc.derive(_weights(family)["he"]).evaluate(c=0.0).c)
    targets = {
        "dks": (TANH, kc.DKS()),
        "tat": (LEAKY, kc.TAT(eta=min(0.9, 0.9 * reached))),
    }
    found = {}
    for name, (activation, target) in targets.items():
        plain = family.net(name, _chain(activation, family), activation)
        found[name] = kc.shape(plain, target, rewrite=True).network
    return found
