"""The approximation: one form for each floating-point type, with what it was measured to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._errors import DataError
from ._variable import clamp


class Form(Protocol):
    """Named quantities as functions of a gap in [0, 2]."""

    @property
    def terms(self) -> int: ...

    def __call__(self, gap: Float[Array, "..."], /) -> dict[str, Float[Array, "..."]]: ...


@dataclass(frozen=True)
class Bound:
    """How far a quantity may be from its samples.

    Arguments:
        absolute: in the quantity's own units, over all gaps.
        relative: for `drop`, relative to the largest drop at gaps no larger, hence to the drop
            itself where it grows; for others, relative to the size of the value, or to a
            tenth of the largest where that is more.

    Both are the largest errors measured at some thousand gaps the fit has not seen, evaluated as
    it will run and in that type, times a safety factor of 4.
    """

    absolute: float
    relative: float


@dataclass(frozen=True)
class Certified:
    """A form in one type, and its bounds.

    Arguments:
        dtype: "float32" or "float64".
        form: the form.
        bounds: (quantity, bound) pairs.
    """

    dtype: str
    form: Form
    bounds: tuple[tuple[str, Bound], ...]

    @property
    def error(self) -> float:
        """The largest relative bound."""
        return max(bound.relative for _, bound in self.bounds)

    def __str__(self) -> str:
        return f"{self.form}, error at most {self.error:.0e}"


@dataclass(frozen=True)
class Approximation:
    """Named quantities as functions of one gap, in pure JAX; hashable, for static arguments.

    Arguments:
        forms: one for each floating-point type.

    Example:
        >>> from kernelc.approximation import fit
        >>> cheap = fit(lambda g: {"drop": g - g * g / 4})
        >>> print(cheap.at("float32").form)
        2 terms in c
    """

    forms: tuple[Certified, ...]

    def __call__(self, gap: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """The quantities at these gaps, elementwise, in the type of the gaps.

        Arguments:
            gap: (...) gaps 1 - c, float32 or float64; rounding may put them just outside [0, 2].

        Returns: each quantity, (...).

        Raises:
            DataError: the gaps are of another type.

        Example:
            >>> from kernelc.approximation import fit
            >>> cheap = fit(lambda g: {"drop": g - g * g / 4})
            >>> float(cheap(jnp.float32(2.0))["drop"])
            1.0
        """
        gap = jnp.asarray(gap)
        return self.at(str(gap.dtype)).form(clamp(gap))

    def at(self, dtype: str) -> Certified:
        """The form for one type.

        Arguments:
            dtype: "float32" or "float64".

        Returns: the form and its bounds.

        Raises:
            DataError: there is none for this type.
        """
        for certified in self.forms:
            if certified.dtype == dtype:
                return certified
        raise DataError(
            where="approximation",
            found=f"gaps of type {dtype}",
            law="A gap 1 - c keeps its digits only in float32 or float64",
            remedy="Compute the gaps in one of these types",
        )

    @property
    def bounds(self) -> dict[str, dict[str, Bound]]:
        """Of each quantity, its bound in each type."""
        result: dict[str, dict[str, Bound]] = {}
        for certified in self.forms:
            for name, bound in certified.bounds:
                result.setdefault(name, {})[certified.dtype] = bound
        return result

    @property
    def terms(self) -> dict[str, int]:
        """In each type, the terms of the longest series."""
        return {certified.dtype: certified.form.terms for certified in self.forms}

    def __str__(self) -> str:
        return "; ".join(f"{certified} in {certified.dtype}" for certified in self.forms)
