"""A network read as a map from states to states, with its derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

import sympy

from ..._errors import KernelcError, UnsupportedError, shown
from ..._limits import MOST_DIGITS, real
from ...algebra import PairAlgebra, SecondMoments
from ...ir import Network
from .._formulas import Formulas
from .._program import DOUBLE
from ._digits_rates import DigitsRates
from ._exact_rates import ExactRates
from ._float_rates import FloatRates
from ._rates import Rates
from ._series import N, Series, zero
from ._series_backend import SeriesBackend


class LayerMap(Generic[N]):
    """(q, c) -> (Q_f(q), C_f(c)) over some numbers, and derivatives, by the kernel rules.

    Arguments:
        network: the network, all its weights numbers unless the numbers are SymPy expressions.
        rates: Gaussian means over these numbers.
    """

    def __init__(self, network: Network, rates: Rates[N]) -> None:
        self.network, self.rates = network, rates

    def number(self, value: object) -> N:
        """A constant."""
        return self.rates.backend.number(value)

    def q_and_slope(self, q: N) -> tuple[N, N]:
        """Q_f(q) and Q_f'(q)."""
        one = self.number(1)
        moving = Series((q, one), 1)
        return _two(self._image(SeriesBackend(self.rates, 1), moving, moving).q)

    def c_and_slope(self, q: N, c: N) -> tuple[N, N]:
        """C_f(c) and C_f'(c) for inputs of q value q."""
        found = self.c_series(SeriesBackend(self.rates, 1), q, Series((c, self.number(1)), 1))
        return _two(found)

    def c_series(self, backend: SeriesBackend[N], q: N, c: Series[N]) -> Series[N]:
        """C_f along a series of cosines."""
        start = backend.series(q)
        out = self._image(backend, start, start * c)
        return out.k[0] / out.q

    def _image(
        self, backend: SeriesBackend[N], q: Series[N], k: Series[N]
    ) -> SecondMoments[Series[N]]:
        algebra = PairAlgebra(backend)
        start = algebra.state_of(SecondMoments(q, (k,), None), None)
        return self.network.fold(algebra, start)[self.network.last].second


def _two(found: Series[N]) -> tuple[N, N]:
    first = found.constant
    return first, found.terms[1] if len(found.terms) > 1 else zero(first)


def check_digits(where: str, dps: object) -> int:
    """The number of digits asked for."""
    if type(dps) is not int or not 1 <= dps <= MOST_DIGITS:
        raise KernelcError(
            where=where,
            found=f"dps = {shown(dps)}",
            law="dps is a number of decimal digits",
            remedy=f"ask for 1 to {MOST_DIGITS:,} digits",
        )
    return dps


def check_pairs(kernel: Formulas) -> None:
    """Refuses networks whose outputs depend on other pairs than the one asked about."""
    if kernel.probes != ("c",):
        raise UnsupportedError(
            where=kernel.network.name,
            found="a mean over locations, or statistics of a batch",
            law="a network is a map of the q value and the cosine of two inputs only where no "
            "other pair of values enters",
            remedy="take the part before the pool, or remove batch norm with "
            "kernelc.shape(network, ..., rewrite=True)",
        )


def network_of(kernel: Formulas, values: Mapping[str, object]) -> Network:
    """The network of a kernel whose inputs and outputs have alike states, with these weights.

    Raises:
        UnsupportedError: a network whose outputs are no function of q and c of its inputs.
        KernelcError: a value for a symbol that the kernel does not have, or no number.
    """
    where = kernel.network.name
    check_pairs(kernel)
    if not kernel.as_derived:
        raise KernelcError(
            where=where,
            found="a kernel in which symbols have been replaced",
            law="the map of a network is computed from the network itself",
            remedy="pass the numbers to this method by name, or substitute them in the network: "
            "derive(network.subs({symbol: value}))",
        )
    known = {str(symbol): symbol for symbol in weights_of(kernel)}
    for name, value in values.items():
        if name not in known:
            raise KernelcError(
                where=where,
                found=f"a value for {name}",
                law=f"the symbols of this network are {', '.join(sorted(known)) or 'none'}",
                remedy="leave out what the network does not use",
            )
        if real(value) != real(value):
            raise KernelcError(
                where=where,
                found=f"{name} = {shown(value)}",
                law="symbols stand for finite real numbers",
                remedy=f"pass such a {name}",
            )
    given = {known[name]: value for name, value in values.items()}
    return kernel.network.subs(given) if given else kernel.network  # pyright: ignore[reportArgumentType]


def weights_of(kernel: Formulas) -> set[sympy.Symbol]:
    """The symbols in the layers of the network."""
    own = {kernel.symbols.q, kernel.symbols.c}
    return (kernel.q_map.free_symbols | kernel.nngp.free_symbols) - own


def numeric_map(kernel: Formulas, values: Mapping[str, object], dps: int) -> LayerMap:
    """The map in floats, or in mpmath numbers beyond 15 digits."""
    network = network_of(kernel, values)
    left = sorted(
        map(str, weights_of(kernel) - {s for s in weights_of(kernel) if str(s) in values})
    )
    if left:
        raise KernelcError(
            where=network.name,
            found=f"no value for {', '.join(left)}",
            law="where there is no closed form, numbers are computed from numbers",
            remedy=f"pass {left[0]}=...",
        )
    return LayerMap(network, FloatRates() if dps <= DOUBLE else DigitsRates(dps))


def exact_map(kernel: Formulas, values: Mapping[str, object]) -> LayerMap[sympy.Expr]:
    """The map in SymPy expressions, which raises `NotClosed` where it has no closed form."""
    return LayerMap(network_of(kernel, values), ExactRates())
