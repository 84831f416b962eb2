"""The vocabulary kernel rules are written in, and the one fold that applies them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar


if TYPE_CHECKING:
    from ..activations import ScalarFunction
    from ._weights import Weights
    from ._window import Window

S = TypeVar("S")


class KernelAlgebra(ABC, Generic[S]):
    """What a kernel rule may ask for. `S` is what flows along an edge.

    `where` is the name of the node being visited; the fold sets it before each rule, so
    that a refusal can say which node it is about.
    """

    where: str = "network"
    standard: bool = False
    """Whether NTKs are those of the standard parameterization: see `fresh`."""

    @abstractmethod
    def fresh(self, s: S, weights: Weights, read: S | None = None) -> S:
        """A layer of fresh weights: K <- weights.variance K + weights.bias_variance.

        Gradients are along weights over their standard deviation,
        Theta <- weights.variance K_read + weights.bias_variance + weights.variance Theta, or
        along the weights as they are when `standard`:
        Theta <- weights.fan_in K_read + (1 with a bias) + weights.variance Theta, with the
        K and Theta coming in.

        Arguments:
            s: what the weights that are drawn read.
            weights: their variances and number.
            read: what all trained weights read, so that weights.fan_in K_read is the sum over
                them; `s` when None.
        """

    @abstractmethod
    def nonlinearity(self, s: S, phi: ScalarFunction) -> S:
        """An elementwise nonlinearity: K <- E phi(u) phi(v)."""

    @abstractmethod
    def weighted_sum(self, terms: Sequence[S], weights: Sequence[Any]) -> S:
        """Sum of w_i s_i with fixed weights."""

    @abstractmethod
    def product(self, factors: Sequence[S]) -> S:
        """Elementwise product."""

    @abstractmethod
    def concat(self, parts: Sequence[S], fractions: Sequence[Any]) -> S:
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
    def location_mean(self, s: S, window: Window) -> S:
        """Mean over the locations of each window."""

    def pick(self, s: S, window: Window) -> S:
        """The center tap of each window: nothing changes where all locations are alike."""
        del window
        return s

    def tap_mean(self, s: S, window: Window) -> S:
        """Weights spread over windows: K(p, p') <- mean over taps t of K(p + t, p' + t)."""
        if window.taps > 1 and window.padding == "SAME":
            return self.unsupported(
                [s],
                "spread weights with zero padding lower q at the border, so q is not uniform",
                "use padding CIRCULAR or VALID, or a Conv with delta=True",
            )
        return s

    def unshare(self, s: S) -> S:
        """Weights of its own for each location: K(p, p') <- 0 where p and p' differ."""
        return s

    def flatten(self, s: S, locations: tuple[int, ...]) -> S:
        """Locations become channels: the mean over equal locations."""
        del locations
        return s

    @abstractmethod
    def pln(self, s: S, channels: int, mode: str) -> S:
        """Per-location normalization of `channels` features (`mode` one, avg_q or off)."""

    @abstractmethod
    def dropout(self, s: S, keep: float) -> S:
        """Inverted dropout with probability `keep` of keeping a channel."""

    def uneven(self, s: S) -> S:
        """Refuse a mean over windows that see fewer locations at the border."""
        return self.unsupported(
            [s],
            "windows that are cut off at the border average fewer locations there, so q "
            "is not uniform",
            "use padding VALID or CIRCULAR, or WeightedMeanPool",
        )

    @abstractmethod
    def unsupported(self, s: Sequence[S], reason: str, remedy: str) -> S:
        """A layer without a known kernel rule: refuse, with the reason."""
