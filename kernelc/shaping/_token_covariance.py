"""The covariance of all pairs of tokens of one input, followed through a network."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from .._errors import ShapingError, UnreachableError
from ..activations import ScalarFunction
from ..ir import (
    FixedAttention,
    FixedVectors,
    LocationMap,
    Network,
    OwnWeights,
    Reading,
    Real,
    Site,
    Weights,
)
from ._channel_groups import ChannelGroups, by_channel
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


class TokenReading(Reading[ChannelGroups]):
    """K of one input, a row and a column for each location: q values on its diagonal.

    Activations have q = 1 in front of them. `seen` has each attention that was met, by name.

    Arguments:
        c_map: the C map of an activation at q = 1.
    """

    def __init__(self, c_map: Callable[[ScalarFunction], UnitCMap]) -> None:
        self._c_map = c_map
        self.seen: dict[str, SeenAttention] = {}

    def combine(self, values: Sequence[ChannelGroups]) -> ChannelGroups:
        raise ShapingError(
            where=self.site.name,
            found="a layer without a rule for the covariance of tokens",
            law="the covariance of tokens is followed through every layer",
            remedy="leave out tokens=..., or the layer",
        )

    def fresh(
        self,
        s: ChannelGroups,
        weights: Weights,
        read: ChannelGroups | None = None,
        trained: Callable[[], ChannelGroups] | None = None,
    ) -> ChannelGroups:
        k = float(weights.drawn) * s.mean + float(weights.bias_variance)
        return ChannelGroups.one(k, centered=True)

    def nonlinearity(self, s: ChannelGroups, phi: ScalarFunction) -> ChannelGroups:
        def image(k: Matrix) -> Matrix:
            check_unit_q(self.site, k)
            np.fill_diagonal(k := k.copy(), 1.0)
            return self._c_map(phi)(k)

        centered = abs(self._c_map(phi)(np.zeros((1, 1))).item()) <= Q_TOLERANCE
        return dataclasses.replace(s.map(image), centered=centered)

    def weighted_sum(
        self, terms: Sequence[ChannelGroups], weights: Sequence[Real]
    ) -> ChannelGroups:
        squares = [float(w) ** 2 for w in weights]

        def total(matrices: Sequence[Matrix]) -> Matrix:
            return np.sum([w * k for w, k in zip(squares, matrices, strict=True)], axis=0)

        return by_channel(terms, total)

    def product(self, factors: Sequence[ChannelGroups]) -> ChannelGroups:
        return by_channel(factors, lambda matrices: np.prod(matrices, axis=0))

    def concat(self, parts: Sequence[ChannelGroups], fractions: Sequence[Real]) -> ChannelGroups:
        return ChannelGroups.beside(parts, fractions)

    def fixed(self, s: ChannelGroups, vectors: FixedVectors) -> ChannelGroups:
        return ChannelGroups.one(float(vectors.variance) * (1 - vectors.gaps))

    def center(self, s: ChannelGroups) -> ChannelGroups:
        if s.centered:
            return s
        raise ShapingError(
            where=self.site.name,
            found="a norm that subtracts a mean over channels which is not zero",
            law="the covariance of tokens is followed without means",
            remedy="use RMSNorm, or put a Dense layer before the norm",
        )

    def normalize(self, s: ChannelGroups, center: bool, over_locations: bool) -> ChannelGroups:
        s = self.center(s) if center else s
        q = np.diagonal(s.mean)
        root = np.sqrt(np.full_like(q, q.mean()) if over_locations else q)
        return s.normalized(np.outer(root, root))

    def channels(self, s: ChannelGroups, picked: Sequence[int]) -> ChannelGroups:
        if len(s.matrices) > 1:
            raise ShapingError(
                where=self.site.name,
                found="channels picked from a concatenation",
                law="which channels are taken is followed only where all channels are alike",
                remedy="take them from its parts",
            )
        return s

    def batch_normalize(self, s: ChannelGroups) -> ChannelGroups:
        return self.combine([s])

    def pln(self, s: ChannelGroups, channels: int, mode: str) -> ChannelGroups:
        if mode == "off":
            return s
        root = np.sqrt(np.diagonal(s.mean))
        return s.normalized(np.outer(root, root))

    def mix(self, s: ChannelGroups, locations: LocationMap) -> ChannelGroups:
        if locations.identity:
            return s
        if isinstance(locations, OwnWeights):
            return s.map(lambda k: np.diag(np.diagonal(k)))
        heads = locations.heads()
        return s.map(lambda k: np.sum([head @ k @ head.T for head in heads], axis=0))

    def attend(
        self,
        query: ChannelGroups,
        key: ChannelGroups,
        value: ChannelGroups,
        attention: FixedAttention,
    ) -> ChannelGroups:
        out = self.mixed(value, attention, attention.maps)
        self.seen[self.site.name] = SeenAttention(attention, value.mean, out.mean)
        return out

    def mixed(
        self, value: ChannelGroups, attention: FixedAttention, maps: Sequence[LocationMap]
    ) -> ChannelGroups:
        """Values that heads of these maps mix, in the shares that the attention has."""
        if len(maps) == 1:
            return self.mix(value, maps[0])
        if len(value.matrices) > 1:
            raise ShapingError(
                where=self.site.name,
                found="heads of unlike patterns whose values are a concatenation",
                law="which channels a head reads is followed only where all channels are alike",
                remedy="put a Dense layer between the two",
            )
        return ChannelGroups.beside([self.mix(value, each) for each in maps], attention.shares)


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
