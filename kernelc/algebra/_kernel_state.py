"""KernelState: the value at a node, its second moments and the terms it is a sum of."""

from __future__ import annotations

import dataclasses
from typing import Any, Generic, TypeVar

from ..activations import ScalarFunction
from ..ir import Network, PairKind, Real, pairs_read


N = TypeVar("N", bound=Any)
"""The numbers of a `Backend`."""
FIXED = frozenset({-1})
"""In the support of values whose channels differ one by one, as those of fixed vectors do: two of
them are not independent."""


@dataclasses.dataclass(frozen=True)
class SecondMoments(Generic[N]):
    """A second moment E a b at one input (`q`) and at pairs of inputs (`k`), with its NTK.

    `k` and `theta` have one entry per probe: the pair of inputs asked about and, when a pool
    or batch norm needs them, a pair of locations and a typical pair of the batch.
    `theta` is None where no NTK is known.
    """

    q: N
    k: tuple[N, ...]
    theta: tuple[N, ...] | None


@dataclasses.dataclass(frozen=True, eq=False)
class Term(Generic[N]):
    """A value that is no linear combination of others.

    Arguments:
        second: its second moments with itself.
        mean: its mean over channels; None when unknown (raw inputs).
        support: the layers of fresh weights it is a function of: terms of disjoint supports are
            independent in the infinite-width limit.
        gaussian: whether its channels are jointly Gaussian with those of other Gaussian terms.
        phi, argument: for the image phi(argument) of a Gaussian state.
        odd: layers of weights whose signs the value has: of weights for each channel alone, which
            it multiplies by. Its product with a value that is no function of them has mean zero.
    """

    second: SecondMoments[N]
    mean: N | None
    support: frozenset[int]
    gaussian: bool
    phi: ScalarFunction | None = None
    argument: KernelState[N] | None = None
    odd: frozenset[int] = frozenset()


@dataclasses.dataclass(frozen=True, eq=False)
class KernelState(Generic[N]):
    """A linear combination of terms, with its second moments.

    Arguments:
        second, mean: over all channels.
        form: coefficients and terms.
        parts: of a concatenation, the shares of channels and what they hold.
        spread: of what was flattened, the value before and its locations: channels that stood
            at unlike locations differ in their moments.
    """

    second: SecondMoments[N]
    mean: N | None
    form: tuple[tuple[N, Term[N]], ...]
    parts: tuple[tuple[Real, KernelState[N]], ...] = ()
    spread: tuple[KernelState[N], tuple[int, ...]] | None = None

    @property
    def support(self) -> frozenset[int]:
        """The fresh weights this value is a function of."""
        return frozenset().union(*(atom.support for _, atom in self.form))

    @property
    def odd(self) -> frozenset[int]:
        """The layers of weights whose signs all terms have."""
        first, *others = (atom.odd for _, atom in self.form)
        return first.intersection(*others)

    @property
    def gaussian(self) -> bool:
        """Whether every channel is Gaussian with one variance."""
        alike = not self.parts and self.spread is None
        return alike and all(atom.gaussian for _, atom in self.form)


def probes(network: Network) -> tuple[str, ...]:
    """Labels of the pairs beside the q value: see `PairAlgebra`.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((4, 4, 3))
        >>> probes(kc.Network(x, kc.GlobalMeanPool()(x)))
        ('c', 's', 'sc')
    """
    found = pairs_read(network)
    locations = ("s", "sc") if PairKind.LOCATION in found else ()
    return ("c", *locations, *(("b",) if PairKind.BATCH in found else ()))
