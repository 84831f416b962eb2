"""Kernels at numbers: checks of the arguments, evaluation, checks of the result."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

import mpmath
import numpy as np
import numpy.typing as npt
import sympy

from .._errors import DataError, KernelcError, UnsupportedError, shown
from .._limits import MOST_DIGITS, real
from ..ir import Network
from ._exact_network import exact_network
from ._formulas import Formulas
from ._numbers_as_derived import USUAL, Given, NumbersAsDerived, numbers_as_derived
from ._program import DOUBLE, SMALLEST, Cancelled, Number, program
from ._rules_in_floats import JumpWatch, Moments, digit_moments, float_moments, has_jumps


# Rounding of a deep network; what exceeds q by more is no covariance.
EXCESS = 1e-6
# Where a jump is read at a 1 - |c| below this, rounding in float64 costs the NTK 1e-9 of itself.
FEW_DIGITS = 1e-7
DIGITS = 30

Numbers: TypeAlias = npt.ArrayLike | Given
Value: TypeAlias = float | sympy.Float | np.ndarray


class KernelValue(NamedTuple):
    """A kernel at numbers: q value, NNGP, c value and NTK of the output.

    `c` is nan where q is 0: values that vanish have no cosine. The NTK is infinite for an input
    and itself, or its opposite, behind functions that jump.
    """

    q: Value
    nngp: Value
    c: Value
    ntk: Value | None


def given_for(
    kernel: Formulas, c: Numbers, q: Numbers | None, symbols: Mapping[str, Numbers]
) -> dict[str, Numbers]:
    """The numbers by name, with the q value that the kernel was derived for.

    Raises:
        KernelcError: another q value than that.
    """
    fixed = None if kernel.symbols.q.free_symbols else float(kernel.symbols.q)
    if fixed is not None and q is not None and not _all_equal(q, fixed):
        raise KernelcError(
            where=kernel.network.name,
            found=f"q = {q}",
            law="a kernel is evaluated at the q value it was derived for",
            remedy=f"derive the network for that q, not for {fixed:g}",
        )
    return {"c": c, "q": (fixed or 1) if q is None else q, **symbols}


def _all_equal(q: object, fixed: float) -> bool:
    try:
        return bool(np.all(np.asarray(q, dtype=np.float64) == fixed))
    except (TypeError, ValueError):
        return True  # `evaluated` says what is wrong with it


def evaluated(kernel: Formulas, given: Mapping[str, Numbers], dps: int) -> KernelValue:
    """The kernel at numbers or arrays of numbers for its symbols, arrays broadcast."""
    where = kernel.network.name
    if type(dps) is not int or not 1 <= dps <= MOST_DIGITS:
        raise _refusal(where, f"dps = {shown(dps)}", f"ask for 1 to {MOST_DIGITS:,} digits")
    arrays = {name: checked(where, name, value) for name, value in given.items()}
    shape = common_shape(where, arrays)
    point = Point(kernel, sorted(arrays), dps)
    if not shape:
        return point.value([array[()] for array in arrays.values()], list(arrays))
    spread = [np.broadcast_to(array, shape).ravel() for array in arrays.values()]
    rows = [point.value(numbers, list(arrays)) for numbers in zip(*spread, strict=True)]
    kind = np.float64 if dps <= DOUBLE else object
    fields = [np.array(column, dtype=kind).reshape(shape) for column in zip(*rows, strict=True)]
    q, nngp, c, ntk = fields
    return KernelValue(q, nngp, c, None if kernel.theta is None else ntk)


def checked(where: str, name: str, value: Numbers) -> np.ndarray:
    """The numbers given for a symbol, each in the form it came in."""
    try:
        array = np.asarray(value, dtype=None if np.ndim(value) else object)
    except ValueError:
        array = np.asarray(value, dtype=object)
    if not array.size:
        raise _refusal(where, f"an empty array for {name}", "pass one number or more")
    for number in array.ravel().tolist():
        check_number(where, name, number)
    return array.astype(object)


def check_number(where: str, name: str, value: object) -> None:
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


def common_shape(where: str, arrays: Mapping[str, np.ndarray]) -> tuple[int, ...]:
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


class Point:
    """The formulas of a kernel, ready to run at any point."""

    def __init__(self, kernel: Formulas, names: Sequence[str], dps: int) -> None:
        self.kernel, self.dps = kernel, max(dps, DOUBLE)
        self.asked = dps
        theta = () if kernel.theta is None else (kernel.theta,)
        self.formulas = (kernel.q_map, kernel.nngp, *theta)
        free: set[sympy.Symbol] = set().union(*(f.free_symbols for f in self.formulas))
        self.symbols = sorted(free, key=str)
        self._check_names(set(names), {str(symbol) for symbol in free})
        self._exact: list[tuple[dict[sympy.Symbol, sympy.Expr], Network]] = []
        self.run = program(tuple(self.symbols), self.formulas, self.dps, guarded=True)

    def _check_names(self, given: set[str], free: set[str]) -> None:
        where = self.kernel.network.name
        missing, unknown = sorted(free - given), sorted(given - free - USUAL)
        if len(free) < len(self.symbols):
            twice = next(s for s, t in itertools.pairwise(map(str, self.symbols)) if s == t)
            raise _refusal(
                where, f"two symbols named {twice}", "name weights otherwise than q, c, s and c_b"
            )
        if missing:
            name = missing[0]
            raise _refusal(where, f"no value for {', '.join(missing)}", f"pass {name}=...")
        if unknown:
            found = f"a value for {', '.join(unknown)}"
            raise _refusal(where, found, "leave out what the kernel does not use")

    def value(self, numbers: Sequence[Given], names: Sequence[str]) -> KernelValue:
        """The kernel at one number for each name."""
        with mpmath.workdps(self.dps + 5):
            return self._value(dict(zip(names, numbers, strict=True)))

    def _value(self, given: dict[str, Given]) -> KernelValue:
        found = (
            self._in_digits(given)
            or self._on_edge(given)
            or self._beside_edge(given)
            or self._by_formula(given)
            or self._by_rules(given)
            or self._with_digits(DIGITS, given)
        )
        if found is not None and self.dps <= DOUBLE and found[0] < SMALLEST:
            # Float64 has no q value this small, but c is a ratio of two.
            found = self._with_digits(DIGITS, given) or found
        if found is None or (float(found[0]) == math.inf and self.dps <= DOUBLE):
            raise self._not_a_number(given)
        q, nngp, ntk = found
        nngp = self._covariance(q, nngp, given)
        c = nngp / q if q != 0 else math.nan
        missing = self.kernel.theta is None or ntk is None
        theta = None if missing else self._shown(ntk)
        return KernelValue(self._shown(q), self._shown(nngp), self._shown(c), theta)

    def _in_digits(self, given: dict[str, Given]) -> Moments | None:
        """The kernel rules in mpmath numbers, whose constants no formula has rounded."""
        if self.dps <= DOUBLE:
            return None
        exact = numbers_as_derived(self.kernel, given)
        if exact is None:
            return None
        network = self._exact_network(exact)
        found = digit_moments(network, self.kernel.probes, exact.usual, self.dps)
        return found if _is_kernel(found) else None

    def _exact_network(self, exact: NumbersAsDerived) -> Network:
        """The network with exact numbers, kept for the next points of the same weights."""
        if exact.others not in [others for others, _ in self._exact]:
            self._exact = [(exact.others, exact_network(self.kernel.network, exact.others))]
        return self._exact[0][1]

    def _on_edge(self, given: dict[str, Given]) -> Moments | None:
        """At |c| = 1, where formulas are limits that rounding decides."""
        if self.kernel.as_derived and abs(float(given["c"])) != 1:
            return None
        exact = numbers_as_derived(self.kernel, given)
        if exact is None or abs(float(exact.usual["c"])) != 1:
            return None
        found = self._in_floats(exact, given)
        if self.dps > DOUBLE and not math.isinf(found[2] or 0.0):
            return None
        return found

    def _beside_edge(self, given: dict[str, Given]) -> Moments | None:
        """With more digits, where a jump is read at a 1 - |c| of which float64 keeps few."""
        if self.dps > DOUBLE or not self._jumps:
            return None
        gap = self._gap(given)
        if gap > FEW_DIGITS:
            return None
        found = self._with_digits(DIGITS, given)
        if gap == 0 and found is not None:  # one input, or two that float64 cannot tell apart
            again = self._with_digits(DIGITS * 3 // 2, given)
            # What rounding made of one input changes with the number of digits.
            found = found if again is not None and _agree(found, again) else None
        return found

    @cached_property
    def _jumps(self) -> bool:
        return has_jumps(self.kernel.network)

    def _gap(self, given: dict[str, Given]) -> float:
        """The smallest 1 - |c| at which an activation that jumps reads; 1 where it is not known."""
        watch = JumpWatch()
        exact = numbers_as_derived(self.kernel, given)
        if exact is None:
            return 1.0
        try:
            float_moments(self.kernel, *_floats(exact), watch)
        except (ZeroDivisionError, OverflowError, KernelcError):
            return 1.0  # `_by_formula` and `_by_rules` judge it
        return watch.gap

    def _with_digits(self, dps: int, given: dict[str, Given]) -> Moments | None:
        """The formulas with more digits, in place of float64."""
        if self.dps > DOUBLE:
            return None
        finer = Point(self.kernel, sorted(given), dps)
        with mpmath.workdps(dps + 5):
            return finer._in_digits(given) or finer._by_formula(given)

    def _by_formula(self, given: dict[str, Given]) -> Moments | None:
        """None where an exponential in a formula overflows, it divides by a q value of 0, or
        terms of a sum cancel: closed forms at small q values, for instance."""
        try:
            found = self.run(*(self._number(given[str(symbol)]) for symbol in self.symbols))
        except (ZeroDivisionError, OverflowError, Cancelled):
            return None
        q, nngp, *ntk = found
        if self.dps <= DOUBLE and any(map(math.isinf, ntk)) and not self._jumps:
            return None  # a division by what vanishes in float64
        if not 0 <= q < math.inf or any(math.isnan(number) for number in (nngp, *ntk)):
            return None
        return q, nngp, ntk[0] if ntk else None

    def _by_rules(self, given: dict[str, Given]) -> Moments | None:
        """The kernel rules in floats, which need no closed form."""
        if self.dps > DOUBLE:
            return None
        exact = numbers_as_derived(self.kernel, given)
        return None if exact is None else self._in_floats(exact, given)

    def _in_floats(self, exact: NumbersAsDerived, given: dict[str, Given]) -> Moments:
        try:
            found = float_moments(self.kernel, *_floats(exact))
        except (ZeroDivisionError, UnsupportedError) as error:
            # A q value of 0 in front of a norm; in mpmath it may be one.
            found = self._with_digits(DIGITS, given)
            if found is None:
                raise self._not_a_number(given) from error
        except OverflowError as error:
            raise self._not_a_number(given) from error
        if not 0 <= found[0] < math.inf or any(
            map(math.isnan, [x for x in found if x is not None])
        ):
            raise self._not_a_number(given)
        return found

    def _covariance(self, q: Number, nngp: Number, given: dict[str, Given]) -> Number:
        """The covariance, at most q in size: more than that is rounding, or a mistake."""
        if abs(nngp) > q * (1 + EXCESS):
            raise DataError(
                where=self.kernel.network.name,
                found=f"an NNGP of {float(nngp):g} where q is {float(q):g}, at {_text(given)}",
                law="a covariance is at most the q value in size; terms that cancel left fewer "
                "digits than that needs",
                remedy=f"ask for more digits: evaluate(..., dps={2 * self.dps})",
            )
        return min(max(nngp, -q), q)

    def _number(self, value: Given) -> Number:
        if self.dps <= DOUBLE:
            return float(value)
        with mpmath.workdps(self.dps + 5):
            return sympy.Float(value, self.dps + 5)._to_mpmath(mpmath.mp.prec)

    def _shown(self, value: Number) -> float | sympy.Float:
        return float(value) if self.dps <= DOUBLE else sympy.Float(value, self.asked)

    def _not_a_number(self, given: dict[str, Given]) -> DataError:
        return DataError(
            where=self.kernel.network.name,
            found=f"no finite kernel at {_text(given)}",
            law="q values inside the network are positive and fit the floating-point type",
            remedy="look for a scale or weights of zero before a normalization; scale down what "
            "overflows, or ask for more digits with dps=30",
        )


def _floats(exact: NumbersAsDerived) -> tuple[dict[str, float], dict[sympy.Symbol, sympy.Expr]]:
    """q and the cosines in float64, and the exact numbers of the other symbols."""
    return {name: float(value) for name, value in exact.usual.items()}, exact.others


def _is_kernel(found: Moments) -> bool:
    q, *others = found
    return 0 <= q < math.inf and not any(math.isnan(x) for x in others if x is not None)


def _agree(found: Moments, again: Moments) -> bool:
    pairs = [(x, y) for x, y in zip(found, again, strict=True) if x is not None and y is not None]
    return all(abs(x - y) <= 1e-12 * max(abs(x), abs(y)) for x, y in pairs)


def _text(given: Mapping[str, Given]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in given.items())


def _refusal(where: str, found: str, remedy: str) -> KernelcError:
    return KernelcError(
        where=where,
        found=found,
        law="a kernel is evaluated at one number for each of its symbols",
        remedy=remedy,
    )
