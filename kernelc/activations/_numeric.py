"""Run a scalar function, piece by piece, in NumPy, mpmath and JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Generic, TypeVar

import jax.numpy as jnp
import mpmath
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Float64

from . import _structure as structure
from ._formula import Formula
from ._stable import X
from ._tape import JAX, MPMATH, NUMPY, compile_tape


_LONGEST_NAME = 60
A = TypeVar("A")
B = TypeVar("B")


class Compiled(Generic[A, B]):
    """φ, or a derivative of it, as a function of numbers of one library.

    Equal when made from equal functions in the same way, so that models built alike share
    compiled code, in this process and in others: it pickles as the description of φ.

    Arguments:
        make: what made this from `given`, by which it is made again.
        given: φ, and the order of the derivative where `make` takes one.
        run: the code.
    """

    __slots__ = ("_run", "given", "make")

    def __init__(
        self,
        make: Callable[..., Compiled[A, B]],
        given: tuple[Formula] | tuple[Formula, int],
        run: Callable[[A], B],
    ) -> None:
        self.make, self.given, self._run = make, given, run

    @property
    def __name__(self) -> str:
        return _name(self.given[0]) + "'" * sum(self.given[1:])

    def __call__(self, x: A) -> B:
        return self._run(x)

    def __reduce__(self) -> tuple[Callable[..., Compiled[A, B]], tuple[object, ...]]:
        return self.make, self.given

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Compiled):
            return NotImplemented
        return self.make is other.make and self.given == other.given

    def __hash__(self) -> int:
        return hash((self.make, *self.given))

    def __repr__(self) -> str:
        return f"<activation {self.__name__}>"


def _name(function: Formula) -> str:
    if function.base is not None or function.definition is None:
        return str(function.expr)[:_LONGEST_NAME]
    params = ", ".join(f"{key}={value}" for key, value in function.params)
    return f"{function.name}({params})" if params else function.name


Floats = Float64[np.ndarray, "..."]
NumpyFunction = Compiled[npt.ArrayLike, Floats]
MpmathFunction = Compiled[mpmath.mpf, mpmath.mpf]
JaxFunction = Compiled[ArrayLike, Float[Array, "..."]]


@lru_cache(maxsize=2048)
def numpy_function(function: Formula, order: int) -> NumpyFunction:
    """φ^(order) on float64 arrays."""
    function.require_numbers("a function of numbers")
    make = _numpy_pieces if function.base is None else _affine_numpy
    return Compiled(numpy_function, (function, order), make(function, order))


def _numpy_pieces(function: Formula, order: int) -> Callable[[npt.ArrayLike], Floats]:
    pieces = structure.derivative_pieces(function, order)
    branches = [compile_tape(piece.expr, NUMPY) for piece in pieces]
    cuts = structure.breakpoints(function)
    slow = mpmath_function(function, order)

    def run(values: npt.ArrayLike) -> Floats:
        x = np.asarray(values, dtype=np.float64)
        # an overflow inside a formula is not one of its value: those points are redone below
        with np.errstate(all="ignore"):
            out = _select_numpy(x, branches, cuts)
        if not np.isfinite(out).all():
            out = _redo(x, out, slow)
        return out

    return run


def _select_numpy(
    x: Floats, branches: Sequence[Callable[[Floats], float | Floats]], cuts: tuple[float, ...]
) -> Floats:
    out = np.broadcast_to(branches[-1](x if not cuts else np.maximum(x, cuts[-1])), x.shape)
    for i in range(len(cuts) - 1, -1, -1):
        inside = np.minimum(x, cuts[i])
        if i:
            inside = np.maximum(inside, cuts[i - 1])
        out = np.where(x <= cuts[i], branches[i](inside), out)
    if cuts:  # a constant last piece would turn NaN into a number
        out = np.where(np.isnan(x), x, out)
    return np.array(out, dtype=np.float64) if out.base is not None else out


def _redo(x: Floats, out: Floats, slow: MpmathFunction) -> Floats:
    out = np.array(out)
    bad = ~np.isfinite(out) & ~np.isnan(x)
    with mpmath.workdps(30):
        out[bad] = [_double(slow(mpmath.mpf(float(value)))) for value in x[bad]]
    return out


def _double(value: mpmath.mpf) -> float:
    if mpmath.isnan(value):
        return np.nan
    if mpmath.isfinite(value) and abs(value) < 1e308:
        return float(value)
    return float(np.copysign(np.inf, float(mpmath.sign(value))))


def _affine_numpy(function: Formula, order: int) -> Callable[[npt.ArrayLike], Floats]:
    assert function.base is not None
    alpha, beta, gamma, delta = (float(value) for value in function.affine)
    inner = numpy_function(function.base, order)
    scale = gamma * alpha**order
    offset = gamma * delta if order == 0 else 0.0
    return lambda x: scale * inner(alpha * np.asarray(x, dtype=np.float64) + beta) + offset


# Below 2 to minus this, terms of a function are taken to cancel.
_FEW_BITS = 20
_MOST_BITS = 12_000


@lru_cache(maxsize=2048)
def mpmath_function(function: Formula, order: int) -> MpmathFunction:
    """φ^(order) on mpf, at the precision in force when it is called."""
    function.require_numbers("a function of numbers")
    pieces = structure.derivative_pieces(function, order)
    branches = [compile_tape(piece.expr, MPMATH) for piece in pieces]
    bounds = [piece.upper for piece in pieces[:-1]]

    def run(x: mpmath.mpf) -> mpmath.mpf:
        x = mpmath.mpmathify(x)
        found = (b for u, b in zip(bounds, branches, strict=False) if x <= MPMATH.number(u))
        branch = next(found, branches[-1])
        lost = -mpmath.mag(x) if x else 0
        if lost <= _FEW_BITS:
            return mpmath.mpf(branch(x))
        # Terms cancel, as in exp(x) - 1: by powers of x up to the third.
        with mpmath.workprec(mpmath.mp.prec + 3 * min(lost, _MOST_BITS)):
            return mpmath.mpf(branch(x))

    return Compiled(mpmath_function, (function, order), run)


@lru_cache(maxsize=2048)
def jax_function(function: Formula) -> JaxFunction:
    """φ on JAX arrays."""
    function.require_numbers("a function of numbers")
    inner = _jax_formula(function)

    def run(values: ArrayLike) -> Array:
        x = jnp.asarray(values)
        if not jnp.issubdtype(x.dtype, jnp.floating):
            x = x.astype(jnp.result_type(float))
        return jnp.broadcast_to(jnp.asarray(inner(x), dtype=x.dtype), x.shape)

    return Compiled(jax_function, (function,), run)


def _jax_formula(function: Formula) -> Callable[[Array], float | Array]:
    if function.base is not None:
        alpha, beta, gamma, delta = (float(value) for value in function.affine)
        inner = jax_function(function.base)
        return lambda x: gamma * (inner(alpha * x + beta) + delta)
    if function.definition is not None and function.definition.jax is not None:
        return function.definition.jax(**dict(function.params))
    pieces, cuts = structure.pieces(function), structure.breakpoints(function)
    branches = [compile_tape(piece.expr, JAX) for piece in pieces]
    if not cuts:
        return branches[0]
    anchors = [float(piece.interior) for piece in pieces]

    def run(x: Array) -> float | Array:
        # every branch sees only points of its own piece: where() would otherwise pass on the
        # infinities and NaN gradients of the branches it does not take
        taken = ~(x <= cuts[-1])
        out = branches[-1](jnp.where(taken, x, anchors[-1]))
        for i in range(len(cuts) - 1, -1, -1):
            taken = x <= cuts[i] if i == 0 else (x <= cuts[i]) & (x > cuts[i - 1])
            out = jnp.where(taken, branches[i](jnp.where(taken, x, anchors[i])), out)
        # a constant last piece would turn NaN into a number, and hide that training diverged
        return out if pieces[-1].expr.has(X) else jnp.where(jnp.isnan(x), x, out)

    return run
