"""SPA: attention whose biases and row scales give tokens a wanted covariance."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, get_args

import numpy as np
import scipy.linalg
from jaxtyping import Float64

from .._errors import ShapingError, UnreachableError, shown
from .._limits import real
from ..ir import FixedAttention
from ._row_scale import unit_rows
from ._token_target import Place, SolvedPattern, TokenTarget
from ._unit_c_maps import Matrix


Family = Literal["exponential", "uniform"]
Negative = Literal["refuse", "clip"]

# Weights down to this are zeros with rounding.
_ROUNDING = 1e-12
# The least part of a token's variance that others do not explain: an average needs its inverse.
_LEAST = 1e-10


@dataclasses.dataclass(frozen=True)
class SPA(TokenTarget):
    """Shaped attention: q = 1 at every token and a chosen covariance of tokens at every depth.

    Attention whose queries start at zero mixes tokens by A = D softmax(B + mask), K <- A K A^T.
    With K the covariance of its values, whatever the layers before it did, and S the wanted one,
    A = L(S) L(K)^-1 gives S: L the Cholesky factor under a causal mask, the symmetric root
    without one. D are the row sums of A, B = log(A/D). This is E-SPA and U-SPA of He et al. 2023
    (arXiv 2302.10322) where no layer stands between attentions, and undoes the C maps of those
    that do. It needs A >= 0, which DKS gives in practice, as C(c) <= c, and TAT does not.

    The wanted cosine of tokens i and j is f + (1 - f) s with f the mean cosine of different tokens
    in front of the first attention and, for attention l of L,
    "exponential": s = exp(-g_l |i - j|), 1 - exp(-2 g_l) = (1 - exp(-2 g_L))^(l/L);
    "uniform": s = r_l for all i != j, 1 - r_l = (1 - r_L)^(l/L).

    Arguments:
        family: "exponential", where cosines fall with distance, or "uniform", for tokens in no
            order. Distances of images are sums over both axes.
        end_cosine: of the first and the last token behind the last attention.
        stationary: whether g_l and r_l are those of the last attention everywhere.
        negative: what to do where A has negative entries: "refuse", or "clip" them to zero, which
            keeps q = 1 and misses the wanted cosines.
        covariance: of the tokens that enter, with q = 1: `kernelc.token_covariance` of a data
            set. None for tokens that all differ.

    Raises:
        ShapingError: arguments that are not as said.
        UnreachableError: on shaping, an A with negative entries, values whose tokens coincide, an
            end_cosine that is not above f.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Tokens(8, vocabulary=99)
        >>> mix = kc.MultiHeadAttention(64, 4, mask="causal", use_bias=False)
        >>> mlp = kc.chain(kc.Dense(256), kc.Activation("leaky_relu"), kc.Dense(64))
        >>> layers = kc.chain(kc.Embedding(64), kc.repeat(kc.chain(mix, mlp), 3), kc.Dense(99))
        >>> shaped = kc.shape(kc.Network(x, layers(x)), kc.DKS(), tokens=kc.SPA(end_cosine=0.5))
        >>> shaped.largest_residual < 1e-10
        True
    """

    family: Family = "exponential"
    end_cosine: float = 0.5
    stationary: bool = False
    negative: Negative = "refuse"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, kinds in (("family", get_args(Family)), ("negative", get_args(Negative))):
            value = getattr(self, name)
            if not (isinstance(value, str) and value in kinds):
                raise _wrong(name, value, f"one of {', '.join(map(repr, kinds))}")
        if not isinstance(self.stationary, bool):
            raise _wrong("stationary", self.stationary, "True or False")
        if not 0 < real(self.end_cosine) < 1:
            raise _wrong("end_cosine", self.end_cosine, "a number between 0 and 1")
        object.__setattr__(self, "end_cosine", float(self.end_cosine))

    def wanted(self, place: Place) -> Matrix:
        if place.outputs != place.locations:
            raise UnreachableError(
                where=place.name,
                found=f"queries of locations {place.outputs}, values of {place.locations}",
                law="the covariance of tokens is shaped where tokens attend to each other",
                remedy="use kernelc.RowScale, which sets q alone",
            )
        floor = place.mean_cosine
        if not self.end_cosine > floor:
            raise UnreachableError(
                where=place.name,
                found=f"an end_cosine of {self.end_cosine:g} and tokens of mean cosine {floor:.4g}",
                law="attention averages tokens, so their cosines grow",
                remedy=f"choose an end_cosine above {floor:.4g}, or a larger share of positions",
            )
        end = (self.end_cosine - floor) / (1 - floor)
        share = 1.0 if self.stationary else place.number / place.count
        return floor + (1 - floor) * _correlation(self.family, place, end, share)

    def misses(self, place: Place, attention: FixedAttention, values: Matrix) -> bool:
        return self.negative == "clip" and self.solve(place, attention, values).clipped > 0

    def solve(self, place: Place, attention: FixedAttention, values: Matrix) -> SolvedPattern:
        wanted = self.wanted(place)
        matrix = _root(place, wanted, attention) @ _inverse_root(place, values, attention)
        weights = _weights(matrix, attention)
        least = weights[~attention.hidden].min()
        pattern = _pattern(weights, attention)
        rows = unit_rows(place.name, attention, [pattern], [1.0], values)
        if least >= -_ROUNDING:
            return SolvedPattern(pattern, rows)
        made = attention.gain * rows[:, None] * pattern + attention.fixed
        distance = float(np.abs(made @ values @ made.T - wanted).max())
        if self.negative == "refuse":
            raise _negative(place, weights, attention, distance)
        return SolvedPattern(pattern, rows, distance)


def _weights(matrix: Matrix, attention: FixedAttention) -> Matrix:
    """D P of A or of -A, which give one covariance: those with less below zero."""
    found = [(sign * matrix - attention.fixed) / attention.gain for sign in (1, -1)]
    return max(found, key=lambda weights: np.minimum(weights, 0.0)[~attention.hidden].sum())


def _pattern(weights: Matrix, attention: FixedAttention) -> Matrix:
    """P of weights, negative ones set to zero; rows without any have all places alike."""
    visible = ~attention.hidden
    positive = np.where(visible, np.maximum(weights, 0.0), 0.0)
    rows = positive.sum(1, keepdims=True)
    positive = np.where(rows > 0, positive, visible)
    return positive / positive.sum(1, keepdims=True)


def _correlation(family: Family, place: Place, end: float, share: float) -> Matrix:
    """s of all pairs of tokens where `share` of the way to the last attention is done."""
    grid = np.stack(np.unravel_index(np.arange(math.prod(place.locations)), place.locations))
    distance = np.abs(grid[:, :, None] - grid[:, None]).sum(0)
    if family == "uniform":
        cosine = -math.expm1(share * math.log1p(-end))
        return np.where(distance == 0, 1.0, cosine)
    if len(distance) == 1:
        return np.ones((1, 1))
    rate = -math.log(end) / distance.max()
    own = -math.expm1(-2 * rate)  # the square of what a token keeps of its own signal
    rate = -0.5 * math.log1p(-(own**share))
    return np.exp(-rate * distance)


def _root(place: Place, s: Matrix, attention: FixedAttention) -> Matrix:
    """The Cholesky factor under a causal mask, the symmetric root without a mask."""
    if attention.hidden.any():
        return _cholesky(place, s)
    values, vectors = _eigen(place, s)
    return (vectors * np.sqrt(values)) @ vectors.T


def _inverse_root(place: Place, s: Matrix, attention: FixedAttention) -> Matrix:
    if attention.hidden.any():
        eye = np.eye(len(s))
        return scipy.linalg.solve_triangular(_cholesky(place, s), eye, lower=True)
    values, vectors = _eigen(place, s)
    return (vectors / np.sqrt(values)) @ vectors.T


def _cholesky(place: Place, s: Matrix) -> Matrix:
    try:
        factor = np.linalg.cholesky(s)
    except np.linalg.LinAlgError:
        raise _singular(place, s) from None
    if not np.diagonal(factor).min() ** 2 > _LEAST:
        raise _singular(place, s)
    return factor


def _eigen(place: Place, s: Matrix) -> tuple[Float64[np.ndarray, " locations"], Matrix]:
    values, vectors = np.linalg.eigh(s)
    if not values[0] > _LEAST:
        raise _singular(place, s)
    return values, vectors


def _singular(place: Place, s: Matrix) -> UnreachableError:
    apart = s - 2 * np.eye(len(s))
    i, j = np.unravel_index(int(np.argmax(apart)), s.shape)
    return UnreachableError(
        where=place.name,
        found=f"values whose covariance is singular; locations {i + 1} and {j + 1} have the "
        f"cosine {s[i, j]:.6g}",
        law="no average of tokens that coincide tells them apart",
        remedy="add a PositionalEmbedding, or give one more weight",
    )


def _negative(
    place: Place, weights: Matrix, attention: FixedAttention, distance: float
) -> UnreachableError:
    shown_weights = np.where(attention.hidden, np.inf, weights)
    i, j = np.unravel_index(int(np.argmin(shown_weights)), weights.shape)
    return UnreachableError(
        where=place.name,
        found=f"attention {place.number} of {place.count} would need a weight of "
        f"{weights[i, j]:.3g} from location {j + 1} to {i + 1}",
        law="softmax gives positive weights, which raise the cosines of tokens; layers that raise "
        "them too, C(c) > c, cannot be undone",
        remedy=f"pass negative='clip', which keeps q = 1 and comes within {distance:.2g} of the "
        "wanted cosines; use kernelc.DKS in place of TAT; ask for a larger end_cosine; or use "
        "kernelc.RowScale, which sets q alone",
    )


def _wrong(name: str, value: object, law: str) -> ShapingError:
    return ShapingError(
        where="SPA",
        found=f"{name} = {shown(value)}",
        law=f"{name} is {law}",
        remedy=f"choose such a {name}",
    )
