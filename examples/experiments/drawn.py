"""Networks drawn at random from several families, to test predictions of a diagnosis."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator
from typing import Any

import kernelc as kc
import nets


INPUT = (8, 8, 1)
CLASSES = 10
_SMOOTH = ("tanh", "sigmoid", "softplus", "swish", "erf", "gelu", "elu")
_ANY = (*_SMOOTH, "relu", "selu", "leaky_relu")
_GAINS = (0.7, 1.0, 1.2, 1.4142, 2.0, 3.0)
_DEPTHS = (8, 15, 30, 60)
_WIDTHS = (32, 64, 128)


@dataclasses.dataclass(frozen=True)
class Drawn:
    """One network of the draw.

    Arguments:
        family: a key of `FAMILIES`.
        activation: a registered name.
        depth, width: of the network.
        gain: sigma_w of the hidden layers; 1 in families that set it themselves.
    """

    family: str
    activation: str
    depth: int
    width: int
    gain: float

    @property
    def name(self) -> str:
        """Its name in logs and tables."""
        return f"{self.family}-{self.activation}-{self.depth}x{self.width}-gain{self.gain:g}"

    def build(self) -> kc.Network:
        """The network."""
        return FAMILIES[self.family].build(self)


@dataclasses.dataclass(frozen=True)
class Family:
    """A family of networks: how to build one, its activations and gains, and its frequency."""

    build: Callable[[Drawn], kc.Network]
    activations: tuple[str, ...] = _ANY
    gains: tuple[float, ...] = (1.0,)
    share: int = 1


def _mlp(drawn: Drawn, form: str = "vanilla", **more: Any) -> kc.Network:
    return nets.mlp(drawn.depth, drawn.width, CLASSES, INPUT, drawn.activation, form=form, **more)


def _vanilla(drawn: Drawn) -> kc.Network:
    return _mlp(drawn, weight_std=drawn.gain)


def _biased(drawn: Drawn) -> kc.Network:
    def changed(node: Any) -> kc.Layer:
        hidden = isinstance(node.layer, kc.Dense) and node.name != "head/dense"
        return dataclasses.replace(node.layer, bias_std=0.5) if hidden else node.layer

    return _vanilla(drawn).rebuild(changed)


def _residual(drawn: Drawn, norm: Callable[[], kc.Layer] | None, weights: Any) -> kc.Network:
    """Blocks of [norm, act, dense], with weighted sums around them or without sums."""
    x = kc.Input(INPUT)
    node = kc.Dense(drawn.width, weight_std=drawn.gain)(kc.Flatten()(x))
    for _ in range(drawn.depth - 1):
        branch = norm()(node) if norm else node
        branch = kc.Activation(drawn.activation)(branch)
        branch = kc.Dense(drawn.width, weight_std=drawn.gain)(branch)
        node = kc.WeightedSum(weights)(node, branch) if weights else branch
    node = kc.Activation(drawn.activation)(norm()(node) if norm else node)
    return kc.Network(x, kc.Dense(CLASSES)(node), name=drawn.name)


def _convnet(drawn: Drawn) -> kc.Network:
    return nets.convnet(
        min(drawn.depth, 15),
        min(drawn.width, 32) // 2,
        CLASSES,
        INPUT,
        drawn.activation,
        weight_std=drawn.gain,
    )


def _shaped(target: Any, form: str = "vanilla") -> Callable[[Drawn], kc.Network]:
    return lambda drawn: kc.shape(_mlp(drawn, form), target, rewrite=True).network


FAMILIES = {
    "vanilla": Family(_vanilla, gains=_GAINS, share=6),
    "biased": Family(_biased, gains=_GAINS, share=3),
    "skip": Family(lambda d: _residual(d, None, (1.0, 1.0)), gains=(1.0, 1.4142)),
    "weighted-skip": Family(lambda d: _residual(d, None, (0.9, 0.19**0.5)), gains=(1.0, 1.4142)),
    "batch-norm": Family(lambda d: _residual(d, kc.BatchNorm, None), gains=(1.0, 1.4142)),
    "batch-norm-skip": Family(lambda d: _residual(d, kc.BatchNorm, (1.0, 1.0))),
    "layer-norm": Family(lambda d: _residual(d, kc.LayerNorm, None), gains=(1.0, 1.4142)),
    "layer-norm-skip": Family(lambda d: _residual(d, kc.LayerNorm, (1.0, 1.0))),
    "convnet": Family(_convnet, gains=_GAINS),
    "dks": Family(_shaped(kc.DKS()), _SMOOTH),
    "weighted-dks": Family(_shaped(kc.DKS(), "weighted"), _SMOOTH),
    "tat-smooth": Family(_shaped(kc.TAT(tau=0.3)), ("tanh", "softplus", "swish")),
    "tat": Family(_shaped(kc.TAT(eta=0.9)), ("leaky_relu",)),
}


def draw(count: int, seed: int) -> Iterator[Drawn]:
    """`count` different networks, most of them from untreated families, which vary most."""
    chosen = random.Random(seed)
    weights = [family.share for family in FAMILIES.values()]
    seen: set[Drawn] = set()
    while len(seen) < count:
        name = chosen.choices(list(FAMILIES), weights)[0]
        family = FAMILIES[name]
        drawn = Drawn(
            name,
            chosen.choice(family.activations),
            chosen.choice(_DEPTHS),
            chosen.choice(_WIDTHS),
            chosen.choice(family.gains),
        )
        if drawn not in seen and _exists(drawn):
            seen.add(drawn)
            yield drawn


def _exists(drawn: Drawn) -> bool:
    """Whether the network can be built: some targets need more layers than it has."""
    try:
        drawn.build()
    except kc.UnreachableError:
        return False
    return True
