"""A kernel at numbers: what is asked for, checked; the formulas run; what comes out, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import mpmath
import numpy as np
import sympy

from .._errors import DataError, KernelcError, shown
from .._limits import MOST_DIGITS, real
from ._edge import edge_moments
from ._formulas import Formulas
from ._program import DOUBLE, program


_USUAL = {"c", "q", "s", "c_b"}
# Rounding of a deep network; what exceeds q by more is no covariance.
_EXCESS = 1e-6


class KernelValue(NamedTuple):
    """A kernel at numbers: q value, NNGP, c value and NTK of the output.

    `c` is nan where q is 0: values that vanish have no cosine. The NTK is infinite for an input
    and itself, or its opposite, behind functions that jump.
    """

    q: Any
    nngp: Any
    c: Any
    ntk: Any


def evaluated(kernel: Formulas, given: Mapping[str, Any], dps: int) -> KernelValue:
    """The kernel at numbers or arrays of numbers for its symbols, arrays broadcast."""
    where = kernel.network.name
    if type(dps) is not int or not 1 <= dps <= MOST_DIGITS:
        raise _refusal(where, f"dps = {shown(dps)}", f"ask for 1 to {MOST_DIGITS:,} digits")
    arrays = {name: _array(where, name, value) for name, value in given.items()}
    shape = _common_shape(where, arrays)
    point = _Point(kernel, sorted(arrays), dps)
    if not shape:
        return point.value([array[()] for array in arrays.values()], list(arrays))
    spread = [np.broadcast_to(array, shape).ravel() for array in arrays.values()]
    rows = [point.value(numbers, list(arrays)) for numbers in zip(*spread, strict=True)]
    kind = np.float64 if dps <= DOUBLE else object
    fields = [np.array(column, dtype=kind).reshape(shape) for column in zip(*rows, strict=True)]
    q, nngp, c, ntk = fields
    return KernelValue(q, nngp, c, None if kernel.theta is None else ntk)


def _array(where: str, name: str, value: Any) -> np.ndarray:
    """The numbers given for a symbol, each in the form it came in."""
    try:
        array = np.asarray(value, dtype=None if np.ndim(value) else object)
    except ValueError:
        array = np.asarray(value, dtype=object)
    if not array.size:
        raise _refusal(where, f"an empty array for {name}", "pass one number or more")
    for number in array.ravel():
        _check_number(where, name, number)
    return array.astype(object)


def _check_number(where: str, name: str, value: Any) -> None:
    law = "symbols stand for finite real numbers"
    try:
        # Decimals in a text keep all their digits.
        number = float(value) if isinstance(value, str) else real(value)
    except ValueError:
        number = math.nan
    valid = math.isfinite(number)
    if name in ("c", "s", "c_b"):
        law, valid = "a cosine similarity lies in [-1, 1]", valid and -1 <= number <= 1
    elif name == "q":
        law, valid = "a q value is a mean square, so positive", valid and number > 0
    if not valid:
        raise KernelcError(
            where=where, found=f"{name} = {shown(value)}", law=law, remedy=f"pass such a {name}"
        )


def _common_shape(where: str, arrays: Mapping[str, np.ndarray]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise KernelcError(
            where=where,
            found=f"arrays of shapes {shapes}",
            law="arrays are broadcast, as NumPy does",
            remedy="pass arrays of one shape, or of one entry",
        ) from error


class _Point:
    """The formulas of a kernel, ready to run at any point."""

    def __init__(self, kernel: Formulas, names: Sequence[str], dps: int) -> None:
        self.kernel, self.dps = kernel, max(dps, DOUBLE)
        self.asked = dps
        formulas = [kernel.q_map, kernel.nngp]
        formulas += [] if kernel.theta is None else [kernel.theta]
        free: set[Any] = set().union(*(formula.free_symbols for formula in formulas))
        self.symbols = sorted(free, key=str)
        self._check_names(set(names), {str(symbol) for symbol in free})
        self.run = program(tuple(self.symbols), tuple(formulas), self.dps)

    def _check_names(self, given: set[str], free: set[str]) -> None:
        where = self.kernel.network.name
        missing, unknown = sorted(free - given), sorted(given - free - _USUAL)
        if missing:
            name = missing[0]
            raise _refusal(where, f"no value for {', '.join(missing)}", f"pass {name}=...")
        if unknown:
            found = f"a value for {', '.join(unknown)}"
            raise _refusal(where, found, "leave out what the kernel does not use")

    def value(self, numbers: Sequence[Any], names: Sequence[str]) -> KernelValue:
        """The kernel at one number for each name."""
        with mpmath.workdps(self.dps + 5):
            return self._value(dict(zip(names, numbers, strict=True)))

    def _value(self, given: dict[str, Any]) -> KernelValue:
        found = self._on_edge(given) or self._by_formula(given) or self._by_rules(given)
        if found is None:
            raise self._not_a_number(given)
        q, nngp, ntk = found
        nngp = self._covariance(q, nngp, given)
        c = nngp / q if q != 0 else math.nan
        ntk = None if self.kernel.theta is None else ntk
        return KernelValue(*(self._shown(item) for item in (q, nngp, c, ntk)))

    def _on_edge(self, given: dict[str, Any]) -> tuple[Any, Any, Any] | None:
        """At |c| = 1, where formulas are limits that rounding decides."""
        if abs(float(given["c"])) != 1 or not self.kernel.as_derived:
            return None
        found = self._in_floats(given)
        if self.dps > DOUBLE and not math.isinf(found[2] or 0.0):
            return None
        return found

    def _by_formula(self, given: dict[str, Any]) -> tuple[Any, Any, Any] | None:
        """None where an exponential in a formula overflows, or it divides by a q value of 0."""
        try:
            found = self.run(*(self._number(given[str(symbol)]) for symbol in self.symbols))
        except (ZeroDivisionError, OverflowError):
            return None
        q, nngp, *ntk = found
        if not 0 <= q < math.inf or any(math.isnan(number) for number in (nngp, *ntk)):
            return None
        return q, nngp, ntk[0] if ntk else None

    def _by_rules(self, given: dict[str, Any]) -> tuple[Any, Any, Any] | None:
        """The kernel rules in floats, which need no closed form; for the kernel as derived."""
        if self.dps > DOUBLE or not self.kernel.as_derived:
            return None
        return self._in_floats(given)

    def _in_floats(self, given: dict[str, Any]) -> tuple[Any, Any, Any]:
        others = {v: given[str(v)] for v in self.symbols if str(v) not in _USUAL}
        numbers = {name: float(given[name]) for name in _USUAL if name in given}
        try:
            found = edge_moments(self.kernel, numbers, others)
        except (ZeroDivisionError, OverflowError) as error:
            raise self._not_a_number(given) from error
        if not 0 <= found[0] < math.inf or any(
            map(math.isnan, [x for x in found if x is not None])
        ):
            raise self._not_a_number(given)
        return found

    def _covariance(self, q: Any, nngp: Any, given: dict[str, Any]) -> Any:
        """The covariance, at most q in size: more than that is rounding, or a mistake."""
        if abs(nngp) > q * (1 + _EXCESS):
            raise DataError(
                where=self.kernel.network.name,
                found=f"an NNGP of {float(nngp):g} where q is {float(q):g}, at {_text(given)}",
                law="a covariance is at most the q value in size; terms that cancel left fewer "
                "digits than that needs",
                remedy=f"ask for more digits: evaluate(..., dps={2 * self.dps})",
            )
        return min(max(nngp, -q), q)

    def _number(self, value: Any) -> Any:
        if self.dps <= DOUBLE:
            return float(value)
        with mpmath.workdps(self.dps + 5):
            exact: Any = sympy.Float(value, self.dps + 5)
            return exact._to_mpmath(mpmath.mp.prec)

    def _shown(self, value: Any) -> Any:
        if value is None or self.dps <= DOUBLE:
            return None if value is None else float(value)
        return sympy.Float(value, self.asked)

    def _not_a_number(self, given: dict[str, Any]) -> DataError:
        return DataError(
            where=self.kernel.network.name,
            found=f"no finite kernel at {_text(given)}",
            law="q values inside the network are positive and fit the floating-point type",
            remedy="look for a scale or weights of zero before a normalization; scale down what "
            "overflows, or ask for more digits with dps=30",
        )


def _text(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in given.items())


def _refusal(where: str, found: str, remedy: str) -> KernelcError:
    return KernelcError(
        where=where,
        found=found,
        law="a kernel is evaluated at one number for each of its symbols",
        remedy=remedy,
    )
