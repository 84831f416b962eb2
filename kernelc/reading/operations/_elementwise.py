"""Elementwise functions of one value: activations by name where they have one."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import numpy as np
import sympy
from jaxtyping import Float64

from ..._errors import KernelcError, reason
from ...activations import ACTIVATIONS
from ...layers import Activation, Scale
from ._atoms import Atoms, Axes
from ._operation import NodeBuilder, Operation, Placed, UnknownOperation


ARGUMENT = sympy.Symbol("u", real=True)
"""What elementwise functions are expressions in."""
_POINTS = np.concatenate([np.linspace(-7.9, 7.9, 159), [-1.0, 1.0]])
_TOLERANCE = 2e-6
"""Of constants that models hold in float32, relative to the largest value."""
Samples = Float64[np.ndarray, " points"]


@dataclasses.dataclass(frozen=True)
class Applied(Operation):
    """A function applied to each entry of a value.

    Arguments:
        function: an expression in `ARGUMENT`.
    """

    function: sympy.Expr

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        return given[0]

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        if not isinstance(self.function, sympy.Expr):
            raise UnknownOperation(f"the condition {self.function}")
        factor, rest = self.function.as_coeff_Mul()
        layer = Scale(float(factor)) if rest == ARGUMENT else activation(self.function)
        return builder.add(layer, given, given[0].locations, given[0].features)


@functools.lru_cache(maxsize=256)
def activation(function: sympy.Expr) -> Activation:
    """The activation of an expression: by its name, or by a name and a gain, where it has one.

    Raises:
        UnknownOperation: an expression that is no activation.

    Example:
        >>> activation(ARGUMENT / (1 + sympy.exp(-ARGUMENT))).text()
        "Activation('swish')"
    """
    wanted = _samples(function)
    scale = np.abs(wanted).max()
    for candidate in _candidates(wanted):
        found = np.asarray(candidate.scalar.numpy()(_POINTS), np.float64)
        if np.abs(found - wanted).max() <= _TOLERANCE * scale:
            return candidate
    try:
        return Activation(function)
    except KernelcError as error:
        raise UnknownOperation(f"the function {function}: {reason(error)}") from error


def _samples(function: sympy.Expr) -> Samples:
    if function.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):
        raise UnknownOperation(f"the function {function} is not finite everywhere")
    with np.errstate(all="ignore"):
        found = sympy.lambdify(ARGUMENT, function, ["scipy", "numpy"])(_POINTS)
    values = np.broadcast_to(np.asarray(found, np.float64), _POINTS.shape)
    if not np.isfinite(values).all():
        raise UnknownOperation(f"the function {function} is not finite everywhere")
    if np.ptp(values) == 0:
        raise UnknownOperation(f"the function {function} is constant")
    return values


def _candidates(wanted: Samples) -> Iterator[Activation]:
    """Named activations that agree at two points, by gain and, where there is one, by slope."""
    left, right = wanted[-2:]
    for name in dict.fromkeys(definition.name for definition in ACTIVATIONS.values()):
        if name in ("identity", "polynomial"):
            continue
        if name == "leaky_relu" and right and left:
            yield _times(Activation(name, negative_slope=float(-left / right)), right)
            continue
        plain = Activation(name)
        yield plain
        at_one = float(plain.scalar.numpy()(_POINTS[-1:])[0])
        if at_one and right:
            yield _times(plain, right / at_one)


def _times(plain: Activation, gain: float) -> Activation:
    near = abs(gain - 1) < _TOLERANCE
    return plain if near else dataclasses.replace(plain, gamma=float(gain))
