"""What arms are made of: the architecture they share, and how one becomes a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import kernelc as kc
import nets


Network = kc.Network | kc.ShapedNetwork


@dataclasses.dataclass(frozen=True)
class Body:
    """The part of an architecture that all arms share.

    Arguments:
        family: "mlp", "convnet", "resnet", "wide_resnet" or "decoder".
        depth, width: of the family.
        input_shape: of one example.
        classes: number of outputs.
        activation: a registered name.
        options: further arguments of the family, such as the stem.
    """

    family: str
    depth: int
    width: int
    input_shape: tuple[int, ...]
    classes: int
    activation: str
    options: tuple[tuple[str, Any], ...] = ()

    def build(self, form: str, **more: Any) -> kc.Network:
        """The network in one of the forms of `nets`, or of its blocks."""
        if self.family == "decoder":
            (length,), sizes = self.input_shape, (self.classes, self.width, self.depth)
            options = {**dict(self.options), **more}
            return nets.decoder(length, *sizes, activation=self.activation, block=form, **options)
        make = getattr(nets, self.family)
        size: dict[str, Any] = {"width": self.width}
        if self.family == "convnet":
            size = {"channels": self.width}
        if self.family == "wide_resnet":
            size = {"widen": self.width}
        return make(
            self.depth,
            classes=self.classes,
            input_shape=self.input_shape,
            activation=self.activation,
            form=form,
            **size,
            **dict(self.options),
            **more,
        )


@dataclasses.dataclass(frozen=True)
class Arm:
    """One way to make a network.

    Arguments:
        title: its name in tables.
        build: body -> network.
        serves: activation -> whether the arm applies to it.
        sums: whether it has sums without a norm after each. XLA on a CPU recomputes them, with all
            earlier sums, for every reader; a loop over blocks prevents this.
    """

    title: str
    build: Callable[[Body], Network]
    serves: Callable[[str], bool] = lambda activation: True
    sums: bool = False
