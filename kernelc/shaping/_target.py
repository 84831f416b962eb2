"""Target: the base class of shaping targets, each of which has a file of its own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from .._errors import ShapingError, shown
from .._limits import real
from ..ir import Network
from ._named_targets import from_call, register
from ._requirements import Prepared, Rewriting, prepared
from ._transform import Transform, transforms_of


Residuals = dict[str, float]
"""The residual of each condition, by its name."""

Certificate = Mapping[str, Mapping[str, float]]
"""Residuals of the conditions on each activation, by its label, and on the "network"."""


@dataclass(frozen=True, eq=False)
class Solution:
    """What a target solved for.

    Arguments:
        network: the network, its weights drawn as the target asks.
        constants: the numbers that hold for the whole network, such as psi, by name.
        transforms: the constants of each activation, by label; none where these stay as they are.
        assumptions: what must hold of the data, one sentence each.
    """

    network: Network
    constants: Mapping[str, float]
    transforms: Mapping[str, Transform] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()


class Target(ABC):
    """The goal of shaping: what `kernelc.shape` solves the constants of a network for.

    A target is a frozen dataclass. Its class defines what it requires of a network, how it solves
    and how it certifies. `kernelc.shape` and the command line use nothing else, and find it by
    the name of its class.

    Example:
        >>> Target.from_text("DKS(zeta=2.0)")
        DKS(zeta=2.0, q_slope=1.0)
    """

    kinds: ClassVar[dict[str, type[Target]]] = {}
    """The classes of targets by name, in the order of their definition."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        register(Target.kinds, cls)

    @staticmethod
    def from_text(text: str) -> Target:
        """The target that `str` of it shows: a name with values, which are never evaluated.

        Raises:
            ShapingError: another text, or values that the target does not take.

        Example:
            >>> Target.from_text("EdgeOfChaos").q is None
            True
        """
        return from_call(text, Target.kinds, "write for example DKS(zeta=1.5)")

    def rewritten(self, network: Network) -> tuple[Network, tuple[str, ...]]:
        """The network after the rewrites of this target, and a description of each change."""
        return network, ()

    def prepare(self, network: Network, rewriting: Rewriting) -> Prepared:
        """The network with every requirement met, or a ShapingError that lists the violations."""
        return prepared(network, rewriting)

    @abstractmethod
    def solve(self, network: Network) -> Solution:
        """Weights, and constants of activations, for a network that meets the requirements.

        Raises:
            UnreachableError: the network cannot reach the target.
        """

    def read(self, network: Network) -> Solution:
        """The solution stored in a network that was shaped for this target."""
        return Solution(network, {}, transforms_of(network))

    @abstractmethod
    def certify(self, solution: Solution) -> Certificate:
        """The residual of every condition, by a quadrature rule that the solver does not use.

        Raises:
            ShapingError: one is larger than rounding.
        """

    def lines(self, constants: Mapping[str, float]) -> list[str]:
        """The constants of a network, as the text of a shaped network shows them."""
        return [f"{name} = {value:.12g}" for name, value in constants.items()]


def check_number(kind: str, name: str, value: object, low: float, high: float, why: str) -> None:
    """ShapingError unless an argument of a target lies between two bounds."""
    number = real(value) if isinstance(value, int | float) else math.nan
    if not math.isfinite(number) or not low < number < high:
        end = "" if high == math.inf else f" and below {high:g}"
        raise ShapingError(
            where=kind,
            found=f"{name} = {shown(value)}",
            law=f"{name} is above {low:g}{end}: {why}",
            remedy=f"choose such a {name}",
        )
