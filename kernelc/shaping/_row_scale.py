"""RowScale: row scales of attention that keep q = 1, whatever its biases."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from .._errors import UnreachableError
from ..ir import FixedAttention
from ._token_target import Place, SolvedPattern, TokenTarget
from ._unit_c_maps import Matrix


@dataclasses.dataclass(frozen=True)
class RowScale(TokenTarget):
    """Row scales D of each attention with q = 1 at every token; its biases stay as they are.

    D_i is the positive root of mean_h (A_h K A_h^T)_ii = 1 with A_h = alpha I + beta D P_h -
    gamma C; without skip and centering D_i = (beta^2 mean_h (P_h K P_h^T)_ii)^(-1/2). The cosines
    of tokens are those that the biases make.

    Arguments:
        covariance: of the tokens that enter, with q = 1: `kernelc.token_covariance` of a data
            set. None for tokens that all differ.

    Raises:
        ShapingError: no such covariance.
        UnreachableError: on shaping, a skip that gives q > 1 by itself.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Tokens(4, vocabulary=9)
        >>> mix = kc.MultiHeadAttention(64, 4, mask="causal", bias="alibi", use_bias=False)
        >>> layers = kc.chain(kc.Embedding(64), mix, kc.Dense(64), kc.Activation("tanh"))
        >>> shaped = kc.shape(kc.Network(x, kc.chain(layers, kc.Dense(9))(x)), tokens=kc.RowScale())
        >>> shaped.network["attention_1"].layer.row_scale.array.round(3).tolist()
        [1.0, 1.411, 1.723, 1.98]
    """

    def solve(self, place: Place, attention: FixedAttention, values: Matrix) -> SolvedPattern:
        patterns = [pattern.matrices[0] for pattern in attention.patterns]
        rows = unit_rows(place.name, attention, patterns, attention.shares, values)
        return SolvedPattern(None, rows)

    def wanted(self, place: Place) -> None:
        return None


def unit_rows(
    name: str,
    attention: FixedAttention,
    patterns: Sequence[Matrix],
    shares: Sequence[float],
    values: Matrix,
) -> Float64[np.ndarray, " outputs"]:
    """D with q = 1 behind an attention of these patterns, heads in these shares.

    Raises:
        UnreachableError: there is none.
    """
    fixed, gain = attention.fixed, attention.gain
    quadratic, linear = np.zeros(len(fixed)), np.zeros(len(fixed))
    for share, pattern in zip(shares, patterns, strict=True):
        mixed = gain * pattern @ values
        quadratic += share * gain * np.einsum("ij,ij->i", mixed, pattern)
        linear += share * np.einsum("ij,ij->i", mixed, fixed)
    kept = np.einsum("ij,ij->i", fixed @ values, fixed)
    inside = linear**2 - quadratic * (kept - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (np.sqrt(inside) - linear) / quadratic
    bad = np.flatnonzero(~((found > 0) & np.isfinite(found)))
    if bad.size:
        raise UnreachableError(
            where=name,
            found=f"q = {kept[bad[0]]:.6g} at location {bad[0] + 1} from skip and centering alone",
            law="a row scale adds to q, so the rest must leave q below 1",
            remedy="use a smaller skip",
        )
    return found
