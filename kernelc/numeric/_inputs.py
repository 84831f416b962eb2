"""Inputs of a kernel function: checked, of one type, and what their q values are."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpy.typing import ArrayLike

from .._errors import DataError, ShapeError
from .._input_format import InputFormat
from ..modules import check_entries


# Roundings that a q value may be off a promised one.
PROMISED = 1e3

Examples: TypeAlias = np.ndarray | jax.Array


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Two sets of inputs of one type; the second is the first when `symmetric`."""

    x1: Examples
    x2: Examples
    symmetric: bool
    format: InputFormat

    @property
    def known(self) -> bool:
        """Whether the numbers can be looked at: not while JAX traces."""
        return not isinstance(self.x1, Tracer) and not isinstance(self.x2, Tracer)

    @property
    def dtype(self) -> np.dtype:
        """What kernels are computed in."""
        return self.format.precision(self.x1.dtype)

    @property
    def double(self) -> bool:
        """Whether that is float64."""
        return self.dtype == np.float64

    @property
    def entries(self) -> int:
        """Pairs of inputs."""
        return self.x1.shape[0] * self.x2.shape[0]

    def q_range(self) -> tuple[float, float]:
        """The smallest and the largest q value of any location."""
        return self._q_values.min().item(), self._q_values.max().item()

    def have_q(self, q: float) -> bool:
        """Whether all locations have this q value, as closely as a promise asks for."""
        low, high = self.q_range()
        tolerance = PROMISED * float(np.finfo(self.dtype).eps) * q
        return q - tolerance <= low and high <= q + tolerance

    @property
    def smallest(self) -> float:
        """The smallest q value above 0; 0 when there is none."""
        q = self._q_values
        return float(np.min(q, where=q > 0, initial=math.inf)) if q.max() > 0 else 0.0

    @functools.cached_property
    def _q_values(self) -> np.ndarray:
        sets = (self.x1,) if self.symmetric else (self.x1, self.x2)
        return np.concatenate([self.format.q_values(np.asarray(x)).ravel() for x in sets])


def checked(where: str, x1: ArrayLike, x2: ArrayLike | None, takes: InputFormat) -> Inputs:
    """The inputs as arrays of one type: float64 when one of them is, float32 otherwise.

    Raises:
        ShapeError: inputs of another shape.
        DataError: inputs that are no numbers or not finite.
    """
    first = _array(where, "x1", x1, takes)
    second = first if x2 is None or x2 is x1 else _array(where, "x2", x2, takes)
    double = any(takes.precision(x.dtype) == np.float64 for x in (first, second))
    left = takes.converted(first, double)
    right = left if second is first else takes.converted(second, double)
    return Inputs(left, right, second is first, takes)


def _array(where: str, name: str, x: ArrayLike, takes: InputFormat) -> Examples:
    shape = takes.shape
    if not isinstance(x, jax.Array):
        try:
            x = np.asarray(x)
        except ValueError as error:
            found = f"rows of unlike length ({error})"
            raise _no_numbers(where, name, found, takes) from error
    real = jnp.issubdtype(x.dtype, jnp.floating) or jnp.issubdtype(x.dtype, jnp.integer)
    if not (real and takes.takes(x.dtype)):
        raise _no_numbers(where, name, f"entries of type {x.dtype}", takes)
    if x.ndim != len(shape) + 1 or x.shape[1:] != shape or x.shape[0] == 0:
        raise ShapeError(
            where=f"{where}: {name}",
            found=f"an array of shape {tuple(x.shape)}",
            law=f"inputs of this network are (n, {', '.join(map(str, shape))}), n at least 1",
            remedy=takes.reshaping(tuple(x.shape)),
        )
    if isinstance(x, Tracer):
        return x
    check_entries(f"{where}: {name}", np.asarray(x), takes)
    if not _all_finite(np.asarray(x)):
        raise DataError(
            where=f"{where}: {name}",
            found="NaN or infinite entries",
            law="kernels are functions of finite inputs",
            remedy="remove or replace these entries",
        )
    return x


def _all_finite(x: np.ndarray) -> bool:
    # What is not finite stays so in a sum of squares, which costs half of looking at each.
    with np.errstate(all="ignore"):
        if x.dtype.kind == "f" and np.isfinite(np.vdot(x, x)):
            return True
    return bool(np.isfinite(x).all())


def _no_numbers(where: str, name: str, found: str, takes: InputFormat) -> DataError:
    return DataError(where=f"{where}: {name}", found=found, law=takes.law, remedy=takes.remedy)
