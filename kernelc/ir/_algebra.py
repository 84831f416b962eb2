"""The words in which layers write their kernel rules, and readings with a default for each word."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, Self

from .._needs_number import needs_number
from ._rule_arguments import Real, S, Site


if TYPE_CHECKING:
    import sympy

    from ..activations import ScalarFunction
    from ._attention import FixedAttention
    from ._fixed_vectors import FixedVectors
    from ._location_map import LocationMap
    from ._rule_arguments import Weights


class KernelAlgebra(ABC, Generic[S]):
    """What a kernel rule may ask for. `S` is what flows along an edge.

    Rules are applied at a `site`, which refusals name; `at` gives the same algebra at another.
    """

    site: Site = Site()

    def at(self, site: Site) -> Self:
        """This algebra at a node; the algebra itself stays where it is."""
        # As copy.copy does, without its detour over pickling: solvers fold a network many times.
        placed = object.__new__(type(self))
        vars(placed).update(vars(self), site=site)
        return placed

    @abstractmethod
    def fresh(
        self,
        s: S,
        weights: Weights,
        read: S | None = None,
        trained: Callable[[], S] | None = None,
    ) -> S:
        """A layer of fresh weights: K <- weights.drawn K + weights.bias_variance.

        Gradients are along weights over their standard deviation,
        Theta <- weights.variance K_read + weights.bias_variance + weights.drawn Theta, or in
        the standard parameterization along the weights as they are:
        Theta <- weights.fan_in K_trained + (1 with a bias) + weights.drawn Theta, with the
        K and Theta coming in.

        Arguments:
            s: what the weights that are drawn read.
            weights: their variances and number.
            read: what gradients of these weights read; `s` when None.
            trained: makes what all trained weights read, so that weights.fan_in K_trained is the
                sum over them; `read` when None.
        """

    @abstractmethod
    def nonlinearity(self, s: S, phi: ScalarFunction) -> S:
        """An elementwise nonlinearity: K <- E phi(u) phi(v)."""

    @abstractmethod
    def weighted_sum(self, terms: Sequence[S], weights: Sequence[Real]) -> S:
        """Sum of w_i s_i with fixed weights."""

    @abstractmethod
    def product(self, factors: Sequence[S]) -> S:
        """Elementwise product."""

    @abstractmethod
    def concat(self, parts: Sequence[S], fractions: Sequence[Real]) -> S:
        """Concatenation along channels; `fractions` of the channels sum to 1."""

    @abstractmethod
    def normalize(self, s: S, center: bool, over_locations: bool) -> S:
        """Layer norm over channels, and locations when `over_locations`: unit q, and zero mean
        when `center`."""

    @abstractmethod
    def center(self, s: S) -> S:
        """Subtract the mean over channels, of each location by itself: K <- K - m m'.

        Theta stays, since the mean of infinitely many gradients of different channels is zero.
        """

    @abstractmethod
    def batch_normalize(self, s: S) -> S:
        """Batch norm in training mode on a large batch."""

    @abstractmethod
    def mix(self, s: S, locations: LocationMap) -> S:
        """A linear map of locations: K(p, p') <- sum_hrr' M_h[p, r] M_h[p', r'] K(r, r')."""

    @abstractmethod
    def attend(self, query: S, key: S, value: S, attention: FixedAttention) -> S:
        """Attention of zero logits: heads of `value`, each mixed by its matrix.

        K(p, p') <- mean over heads of sum_rr' A[p, r] A[p', r'] K(r, r'), and Theta likewise, with
        the term of queries that train: see `kernelc.algebra`. Channels differ by head.
        """

    @abstractmethod
    def fixed(self, s: S, vectors: FixedVectors) -> S:
        """Vectors at the locations of s that are the same for all inputs and do not train.

        K(p, p') = <t(p), t(p')> / channels, Theta = 0.
        """

    @abstractmethod
    def pln(self, s: S, channels: int, mode: str) -> S:
        """Per-location normalization of `channels` features (`mode` one, avg_q or off)."""

    @abstractmethod
    def dropout(self, s: S, keep: float) -> S:
        """Inverted dropout with probability `keep` of keeping a channel."""

    @abstractmethod
    def channels(self, s: S, picked: Sequence[int]) -> S:
        """The channels with these indices, in this order: K of alike channels is that of each."""

    @abstractmethod
    def each_group(self, s: S, groups: int, rule: Callable[[S], S]) -> S:
        """A rule that reads many channels, on each of `groups` equal groups of them by itself."""

    @abstractmethod
    def assume_gaussian(self, s: S) -> S:
        """The same value, taken for a Gaussian one of mean zero with its second moments."""

    def repeat(self, s: S, block: Callable[[S], S], times: sympy.Expr) -> S:
        """A block applied a symbolic number of times: refused, unless a reading is known for any
        number of times.

        Arguments:
            s: what the block reads.
            block: the rules of the block, read in this algebra.
            times: how often it is applied.
        """
        raise needs_number(self.site.name, times, "a kernel rule")

    @abstractmethod
    def unsupported(self, s: Sequence[S], reason: str, remedy: str) -> S:
        """A layer without a known kernel rule: refuse, with the reason."""


class Reading(KernelAlgebra[S]):
    """What layers of one input do is the identity, what joins several `combine`s them.

    A subclass writes `combine` and the words that matter to what it reads off a network.

    Example:
        >>> import kernelc as kc
        >>> class Depth(Reading[int]):
        ...     def combine(self, values):
        ...         return max(values)
        ...     def nonlinearity(self, s, phi):
        ...         return s + 1
        >>> x = kc.Input((8,))
        >>> net = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("erf"), kc.Dense(1))(x))
        >>> net.fold(Depth(), 0)[3]
        1
    """

    @abstractmethod
    def combine(self, values: Sequence[S]) -> S:
        """The value of what joins others: a sum, a product, a concatenation, an unknown layer."""

    def fresh(
        self,
        s: S,
        weights: Weights,
        read: S | None = None,
        trained: Callable[[], S] | None = None,
    ) -> S:
        return s

    def nonlinearity(self, s: S, phi: ScalarFunction) -> S:
        return s

    def weighted_sum(self, terms: Sequence[S], weights: Sequence[Real]) -> S:
        return self.combine(terms)

    def product(self, factors: Sequence[S]) -> S:
        return self.combine(factors)

    def concat(self, parts: Sequence[S], fractions: Sequence[Real]) -> S:
        return self.combine(parts)

    def normalize(self, s: S, center: bool, over_locations: bool) -> S:
        return s

    def center(self, s: S) -> S:
        return s

    def batch_normalize(self, s: S) -> S:
        return s

    def mix(self, s: S, locations: LocationMap) -> S:
        return s

    def attend(self, query: S, key: S, value: S, attention: FixedAttention) -> S:
        # At initialization the output is no function of queries and keys.
        return self.combine([self.mix(value, locations) for locations in attention.maps])

    def fixed(self, s: S, vectors: FixedVectors) -> S:
        return s

    def pln(self, s: S, channels: int, mode: str) -> S:
        return s

    def dropout(self, s: S, keep: float) -> S:
        return s

    def assume_gaussian(self, s: S) -> S:
        return s

    def channels(self, s: S, picked: Sequence[int]) -> S:
        return s

    def each_group(self, s: S, groups: int, rule: Callable[[S], S]) -> S:
        return rule(s)

    def unsupported(self, s: Sequence[S], reason: str, remedy: str) -> S:
        return self.combine(s)
