"""Short polynomials on pieces that shrink geometrically towards both ends of the gaps.

This represents whatever is analytic in the logarithm of the gap, such as the boundary layers of a
chaotic network, where the slope at gap 0 may be 1e8 and the cosine converges within 1e-8 of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ._roots import head
from ._series import horner


_SPLIT = 2  # each octave has 2^_SPLIT pieces, named by the leading bits of the fraction
PER_OCTAVE = 2**_SPLIT


@dataclass(frozen=True)
class Tables:
    """One quantity: g^h times a polynomial on each piece.

    Arguments:
        name: the quantity.
        halvings: h = 2^-halvings; None for h = 0.
        rows: the n-th row holds the coefficient of tⁿ on each piece.
    """

    name: str
    halvings: int | None
    rows: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class GradedForm:
    """All quantities on pieces of [2^-octaves, 1], of the gap below 1 and of 2 - g above.

    Arguments:
        octaves: how many; below 2^-octaves every quantity, or `drop`/g^h, is constant.
        parts: the quantities.
    """

    octaves: int
    parts: tuple[Tables, ...]

    @property
    def terms(self) -> int:
        """Terms of the longest polynomial."""
        return max(len(part.rows) for part in self.parts)

    def __str__(self) -> str:
        pieces = 2 * PER_OCTAVE * self.octaves
        return f"{self.terms} terms on each of {pieces} pieces in log g and log(2 - g)"

    def __call__(self, gap: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """The quantities at gaps in [0, 2].

        Arguments:
            gap: (...) gaps.

        Returns: each quantity, (...).
        """
        piece, t = _locate(gap, self.octaves)
        result = {}
        for part in self.parts:
            # A piece outside the table is that of a nan, which t carries on.
            rows = [
                jnp.asarray(np.array(row), gap.dtype).at[piece].get(mode="clip")
                for row in part.rows
            ]
            result[part.name] = horner(rows, t) * head(gap, part.halvings)
        return result


def _locate(
    gap: Float[Array, "..."], octaves: int
) -> tuple[Int[Array, "..."], Float[Array, "..."]]:
    """The piece of each gap and t in [-1, 1] within it, from the bits of the number."""
    layout = jnp.finfo(gap.dtype)
    bits, fraction, bias = layout.bits, layout.nmant, layout.maxexp - 1
    integer = jnp.int32 if bits == 32 else jnp.int64
    near = gap <= 1
    distance = jnp.where(near, gap, 2 - gap)
    inside = jnp.clip(distance, 2.0**-octaves, 1 - float(layout.epsneg))
    word = jax.lax.bitcast_convert_type(inside, integer)
    leading = word >> (fraction - _SPLIT)
    start = jax.lax.bitcast_convert_type(leading << (fraction - _SPLIT), gap.dtype)
    exponent = word >> fraction
    twice_inverse = jax.lax.bitcast_convert_type(
        (2 * bias + 1 + _SPLIT - exponent) << fraction, gap.dtype
    )
    piece = leading - ((bias - octaves) << _SPLIT)
    piece = piece + jnp.where(near, 0, PER_OCTAVE * octaves)
    return piece, (distance - start) * twice_inverse - 1
