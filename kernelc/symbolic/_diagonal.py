"""The NTK of an input with itself: at c = 1 the sum over layers has a closed form."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import sympy

from .._errors import UnsupportedError
from ._block import Behind, Block, with_blocks
from ._entry import Entry
from ._iterate import written_size
from ._maps import LocalMap
from ._powers import as_float, power_difference
from ._recurrence import Recurrence
from ._standard_forms import shortest


_ROUNDING = 1e-14
"""What a q value at a fixed point moves at most, as a share of itself."""
_LONGEST_WRITTEN = 200
"""Symbols up to which applications are written out where there is no closed form."""

_LAW = (
    "the NTK of an input with itself has a short formula where Q maps, and what layers add to it, "
    "are affine in q, or where q is at a fixed point of the Q map"
)
_REMEDY = (
    "derive the kernel at a fixed point: kernelc.derive(network, q=...); or give the depth a "
    "number: kernel.evaluate(c=1, L=20)"
)

_TANGENT = Entry("Theta_in", real=True)
Values = dict[Entry, sympy.Expr]


class _NoFormula(Exception):
    """What a block does that leaves no short formula behind it."""

    def __init__(self, found: str, law: str = _LAW, remedy: str = _REMEDY) -> None:
        super().__init__(found)
        self.found, self.law, self.remedy = found, law, remedy


def ntk_diagonal(found: Recurrence, probes: Sequence[str], where: str) -> sympy.Expr:
    """Theta_f(x, x), with a closed form for every repeated block.

    At c = 1 a block takes q to Q(q), and Theta to chi(q) Theta + g(q) (Jacot et al. 2018). Where Q
    and g are affine and chi is constant, or q is at a fixed point of Q, it is a matrix.

    Arguments:
        found: the recursions.
        probes: labels of the pairs that they follow.
        where: the network, for errors.

    Raises:
        UnsupportedError: a repeated block of another kind, or an NTK that is infinite.
    """
    values = _start(found, probes)
    for block in found.blocks:
        try:
            values = _behind(block, values)
        except _NoFormula as reason:
            q = next((e for v, e in values.items() if v.letter == "q"), 1)
            found_there = f"{reason.found}, from q = {q}"[:160]
            raise UnsupportedError(where, found_there, reason.law, reason.remedy) from None
    by_place = {entry.place: value for entry, value in values.items()}
    q = by_place.get("q", sympy.Integer(1))
    theta = q * by_place["theta"] if found.cosines else by_place["Theta"]
    return _simple(theta)


def _start(found: Recurrence, probes: Sequence[str]) -> Values:
    """The state at the input; pairs of locations of two inputs are those of one."""
    values = dict(zip(found.variables, found.start, strict=True))
    pairs = {probes[len(v.primes)]: v for v in values if v.letter in "kc"}
    if {"s", "sc"} <= set(pairs):
        values[pairs["sc"]] = values[pairs["s"]]
    return _same_input(values)


def _same_input(values: Values) -> Values:
    """The values, with the covariance of an input with itself: q, and a cosine of 1."""
    lengths = {v.owner: e for v, e in values.items() if v.letter == "q"}
    found = dict(values)
    for entry, value in values.items():
        if entry.letter == "c" and not entry.primes:
            found[entry] = sympy.Integer(1)
        if entry.letter == "k" and not entry.primes:
            # A state without q values has q = 1; values on the way have no name for numbers.
            found[entry] = lengths.get(entry.owner, sympy.Integer(1) if entry.of_state else value)
    return found


def _once(block: Block, values: Values) -> Values:
    """The state behind one application."""
    hats: Values = {}
    for symbol, expr in block.hats:
        hats = _same_input({**hats, symbol: _short(_at(expr, {**values, **hats}))})
    images = {s: _short(_at(e, {**values, **hats})) for s, e in block.images}
    return _same_input({s: _simple(e) for s, e in images.items()})


def _at(expr: sympy.Expr, values: Values) -> sympy.Expr:
    """A formula at these values, with closed forms for what stands behind blocks in it."""

    def behind(node: Behind) -> sympy.Expr:
        block = dataclasses.replace(node.block, count=node.times)
        start = dict(zip((symbol for symbol, _ in block.images), node.start, strict=True))
        if not any(symbol.tangent for symbol in start):
            # Its q value is what counts; that of no tangent stays what it is.
            block = dataclasses.replace(block, images=(*block.images, (_TANGENT, _TANGENT)))
            start[_TANGENT] = sympy.Integer(0)
        return _behind(block, _same_input(start))[node.entry]

    return with_blocks(expr.xreplace(values), behind)


def _short(expr: sympy.Expr) -> sympy.Expr:
    """The formula, unless it is infinite or long."""
    if expr.has(sympy.oo, sympy.zoo, sympy.nan):
        raise _NoFormula(
            "an NTK that is infinite for equal inputs",
            "the derivative of a jump has no finite mean square",
            "use activations without jumps",
        )
    if written_size(expr) > _LONGEST_WRITTEN:
        raise _NoFormula("Q maps that are not affine, in each other")
    return expr


def _simple(expr: sympy.Expr) -> sympy.Expr:
    """A short way to write a formula."""
    # SymPy would compute local maps at numbers again and again to put terms in order.
    numbers = {node: sympy.Dummy(positive=True) for node in expr.atoms(LocalMap)}
    numbers = {node: symbol for node, symbol in numbers.items() if not node.free_symbols}
    plain = expr.xreplace(numbers)
    if plain.free_symbols and all(plain.is_rational_function(s) for s in plain.free_symbols):
        plain = sympy.cancel(plain)
    return shortest(plain).xreplace({symbol: node for node, symbol in numbers.items()})


def _behind(block: Block, values: Values) -> Values:
    """The state behind a block, however often it is applied."""
    if not block.loops:
        return _once(block, values)
    count = sympy.sympify(block.count)
    step = _step(block, values)
    found = step and step.affine()
    if step is not None and found is None:
        if step.forgets:
            # One application takes every q value to the one that all others keep.
            values, count = _once(block, values), count - 1
        found = step.at_fixed_point(values)
    if found is not None:
        return _same_input({**values, **found.power(count, values)})
    if not isinstance(block.count, int):
        what = "a Q map that is not affine" if step else "a state of more than q and Theta"
        raise _NoFormula(f"{what}, {block.count} times")
    for _ in range(int(count)):
        values = _once(block, values)
    return values


@dataclasses.dataclass(frozen=True)
class _Affine:
    """q <- a q + b, Theta <- x Theta + d q + e."""

    q: Entry | None
    theta: Entry
    a: sympy.Expr
    b: sympy.Expr
    x: sympy.Expr
    d: sympy.Expr
    e: sympy.Expr

    def power(self, count: sympy.Expr, values: Values) -> Values:
        """q and Theta behind `count` applications: the matrix has the eigenvalues a, x and 1, and
        its power divided differences of t^count at them."""
        one = sympy.Integer(1)
        q = sympy.Integer(0) if self.q is None else values[self.q]
        terms = (
            (values[self.theta], (self.x,)),
            (self.d * q, (self.a, self.x)),
            (self.e, (self.x, one)),
            (self.d * self.b, (self.a, self.x, one)),
        )
        theta = sum(c * power_difference(count, points) for c, points in terms if c != 0)
        found = {self.theta: sympy.sympify(theta)}
        if self.q is not None:
            moved = self.b * power_difference(count, (self.a, one)) if self.b != 0 else 0
            found[self.q] = self.a**count * q + moved
        return found


@dataclasses.dataclass(frozen=True)
class _Step:
    """One application at c = 1: the images of q and Theta, as formulas in both."""

    q: Entry | None
    theta: Entry
    q_image: sympy.Expr
    theta_image: sympy.Expr

    @property
    def forgets(self) -> bool:
        """Whether every q value has the same image."""
        return self.q is not None and not self.q_image.has(self.q)

    def affine(self) -> _Affine | None:
        """The step, where Q and g are affine in q and chi does not depend on it."""
        tangent = _linear(self.theta_image, self.theta)
        if tangent is None:
            return None
        slope, rest = tangent
        if self.q is None:
            zero = sympy.Integer(0)
            return _Affine(None, self.theta, zero, zero, slope, zero, rest)
        length, added = _linear(self.q_image, self.q), _linear(rest, self.q)
        if length is None or added is None or slope.has(self.q):
            return None
        return _Affine(self.q, self.theta, *length, slope, *added)

    def at_fixed_point(self, values: Values) -> _Affine | None:
        """The step at the q value of a state, where that is a fixed point of Q."""
        if self.q is None or not _is_kept(values[self.q], self.q_image, self.q):
            return None
        here = {self.q: values[self.q]}
        found = _Step(self.q, self.theta, self.q, self.theta_image.xreplace(here)).affine()
        return found and dataclasses.replace(found, x=_rounded(found.x), e=_rounded(found.e))


def _step(block: Block, values: Values) -> _Step | None:
    """The step of a block; None where other entries of the state change too."""
    before = _same_input({entry: entry for entry in values})
    after = _once(block, before)
    theta = next(entry for entry in values if entry.tangent and not entry.primes)
    q = next((entry for entry in values if entry.letter == "q"), None)
    others = [v for v in after if v not in (q, theta) and (v.letter not in "kc" or v.primes)]
    if theta not in after or any(after[other] != before.get(other) for other in others):
        return None
    image = sympy.Integer(1) if q is None else after.get(q, q)
    return _Step(q, theta, image, after[theta])


def _linear(expr: sympy.Expr, symbol: Entry) -> tuple[sympy.Expr, sympy.Expr] | None:
    """Slope and offset of a formula in a symbol; None where it is not affine in it."""
    if not expr.is_polynomial(symbol):
        return None
    formula = sympy.Poly(expr, symbol)
    if formula.degree() > 1:
        return None
    return formula.coeff_monomial(symbol), formula.coeff_monomial(1)


def _rounded(number: sympy.Expr) -> sympy.Expr:
    """A number that was computed from floats as one float."""
    return number.evalf() if number.is_number and number.has(sympy.Float) else number


def _is_kept(q: sympy.Expr, image: sympy.Expr, symbol: Entry) -> bool:
    """Whether a q value is a fixed point, up to rounding."""
    change = image.xreplace({symbol: q}) / q - 1
    if change.is_number:
        return abs(as_float(change)) <= _ROUNDING
    return bool(sympy.simplify(change) == 0)
