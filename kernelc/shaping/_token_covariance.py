"""The covariance of all pairs of tokens of one input, followed through a network."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from .._errors import ShapingError, UnreachableError
from ..activations import ScalarFunction
from ..ir import FixedAttention, LocationMap, Network, OwnWeights, Reading, Real, Site, Weights
from ._unit_c_maps import Matrix, UnitCMap


Q_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class SeenAttention:
    """An attention met on the way.

    Arguments:
        attention: its patterns and gains.
        values: the covariance of its values.
        behind: the covariance of its output.
    """

    attention: FixedAttention
    values: Matrix
    behind: Matrix


class TokenReading(Reading[Matrix]):
    """K of one input, a row and a column for each location: q values on its diagonal.

    Activations have q = 1 in front of them. `seen` has each attention that was met, by name.

    Arguments:
        c_map: the C map of an activation at q = 1.
    """

    def __init__(self, c_map: Callable[[ScalarFunction], UnitCMap]) -> None:
        self._c_map = c_map
        self.seen: dict[str, SeenAttention] = {}

    def combine(self, values: Sequence[Matrix]) -> Matrix:
        raise ShapingError(
            where=self.site.name,
            found="a layer without a rule for the covariance of tokens",
            law="the covariance of tokens is followed through every layer",
            remedy="leave out tokens=..., or the layer",
        )

    def fresh(
        self,
        s: Matrix,
        weights: Weights,
        read: Matrix | None = None,
        trained: Callable[[], Matrix] | None = None,
    ) -> Matrix:
        return float(weights.drawn) * s + float(weights.bias_variance)

    def nonlinearity(self, s: Matrix, phi: ScalarFunction) -> Matrix:
        check_unit_q(self.site, s)
        np.fill_diagonal(s := s.copy(), 1.0)
        return self._c_map(phi)(s)

    def weighted_sum(self, terms: Sequence[Matrix], weights: Sequence[Real]) -> Matrix:
        pairs = zip(terms, weights, strict=True)
        return np.sum([float(w) ** 2 * term for term, w in pairs], axis=0)

    def product(self, factors: Sequence[Matrix]) -> Matrix:
        return np.prod(factors, axis=0)

    def concat(self, parts: Sequence[Matrix], fractions: Sequence[Real]) -> Matrix:
        return np.sum([float(f) * part for part, f in zip(parts, fractions, strict=True)], axis=0)

    def pln(self, s: Matrix, channels: int, mode: str) -> Matrix:
        if mode == "off":
            return s
        root = np.sqrt(np.diagonal(s))
        return s / np.outer(root, root)

    def mix(self, s: Matrix, locations: LocationMap) -> Matrix:
        if locations.identity:
            return s
        if isinstance(locations, OwnWeights):
            return np.diag(np.diagonal(s))
        return np.sum([head @ s @ head.T for head in locations.heads()], axis=0)

    def attend(
        self, query: Matrix, key: Matrix, value: Matrix, attention: FixedAttention
    ) -> Matrix:
        heads = zip(attention.shares, attention.maps, strict=True)
        out = np.sum([share * self.mix(value, head) for share, head in heads], axis=0)
        self.seen[self.site.name] = SeenAttention(attention, value, out)
        return out


def check_unit_q(site: Site, s: Matrix) -> None:
    """UnreachableError unless q = 1 at every location."""
    q = np.diagonal(s)
    worst = int(np.argmax(np.abs(q - 1)))
    if not abs(q[worst] - 1) <= Q_TOLERANCE:
        raise UnreachableError(
            where=site.name,
            found=f"q = {q[worst]:.6g} at location {worst + 1} of {len(q)}",
            law="activations are solved for q = 1, which every location must have in front of them",
            remedy="make the squares of the std of Embedding and PositionalEmbedding add up to 1, "
            "weights of sums too, and leave attention to tokens=...",
        )


def covariance_of_input(network: Network, given: Matrix | None) -> Matrix:
    """The covariance that enters: the one given, or that of tokens which all differ.

    Raises:
        ShapingError: one of another size.
    """
    count = math.prod(network.input_shape[:-1])
    if given is None:
        return np.eye(count)
    if given.shape != (count, count):
        raise ShapingError(
            where="tokens",
            found=f"a covariance of shape {given.shape} for {count} locations",
            law="it has a row and a column for each location of the input",
            remedy="make it with kernelc.token_covariance(network, inputs)",
        )
    return given
