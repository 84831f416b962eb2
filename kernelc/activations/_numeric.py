"""Run a scalar function, piece by piece, in NumPy, mpmath and JAX."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import mpmath
import numpy as np

from . import _structure as structure
from ._compiled import Compiled
from ._formula import Formula
from ._pieces import Piece
from ._stable import X
from ._tape import JAX, MPMATH, NUMPY, compile_tape


@lru_cache(maxsize=2048)
def numpy_function(function: Formula, order: int) -> Compiled:
    """φ^(order) on float64 arrays."""
    make = _numpy_pieces if function.base is None else _affine_numpy
    return Compiled(numpy_function, function, order, make(function, order))


def _numpy_pieces(function: Formula, order: int) -> Callable[[Any], Any]:
    pieces = structure.derivative_pieces(function, order)
    branches = [compile_tape(piece.expr, X, NUMPY) for piece in pieces]
    cuts = structure.breakpoints(function)
    slow = mpmath_function(function, order)

    def run(x: Any) -> Any:
        x = np.asarray(x, dtype=np.float64)
        # an overflow inside a formula is not one of its value: those points are redone below
        with np.errstate(all="ignore"):
            out = _select_numpy(x, branches, cuts)
        if not np.isfinite(out).all():
            out = _redo(x, out, slow)
        return out

    return run


def _select_numpy(x: Any, branches: list[Callable], cuts: tuple[float, ...]) -> Any:
    out = np.broadcast_to(branches[-1](x if not cuts else np.maximum(x, cuts[-1])), x.shape)
    for i in range(len(cuts) - 1, -1, -1):
        inside = np.minimum(x, cuts[i])
        if i:
            inside = np.maximum(inside, cuts[i - 1])
        out = np.where(x <= cuts[i], branches[i](inside), out)
    if cuts:  # a constant last piece would turn NaN into a number
        out = np.where(np.isnan(x), x, out)
    return np.array(out, dtype=np.float64) if out.base is not None else out


def _redo(x: Any, out: Any, slow: Callable[[Any], Any]) -> Any:
    out = np.array(out)
    bad = ~np.isfinite(out) & ~np.isnan(x)
    with mpmath.workdps(30):
        fixed = [_double(slow(mpmath.mpf(float(value)))) for value in x[bad]]
    out[bad] = fixed
    return out


def _double(value: Any) -> float:
    return (
        float(value)
        if mpmath.isfinite(value) and abs(value) < 1e308
        else float(
            np.nan if mpmath.isnan(value) else np.copysign(np.inf, float(mpmath.sign(value)))
        )
    )


def _affine_numpy(function: Formula, order: int) -> Callable[[Any], Any]:
    assert function.base is not None
    alpha, beta, gamma, delta = (float(value) for value in function.affine)
    inner = numpy_function(function.base, order)
    scale = gamma * alpha**order
    offset = gamma * delta if order == 0 else 0.0

    def run(x: Any) -> Any:
        return scale * inner(alpha * np.asarray(x, dtype=np.float64) + beta) + offset

    return run


@lru_cache(maxsize=2048)
def mpmath_function(function: Formula, order: int) -> Compiled:
    """φ^(order) on mpf, at the precision in force when it is called."""
    pieces = structure.derivative_pieces(function, order)
    branches = [compile_tape(piece.expr, X, MPMATH) for piece in pieces]
    bounds = [piece.upper for piece in pieces[:-1]]

    def run(x: Any) -> Any:
        x = mpmath.mpmathify(x)
        for bound, branch in zip(bounds, branches, strict=False):
            if x <= MPMATH.number(bound):
                return mpmath.mpf(branch(x))
        return mpmath.mpf(branches[-1](x))

    return Compiled(mpmath_function, function, order, run)


@lru_cache(maxsize=2048)
def jax_function(function: Formula) -> Compiled:
    """φ on JAX arrays."""
    return Compiled(jax_function, function, None, _floating(_jax_formula(function)))


def _jax_formula(function: Formula) -> Callable[[Any], Any]:
    if function.base is not None:
        alpha, beta, gamma, delta = (float(value) for value in function.affine)
        inner = jax_function(function.base)
        return lambda x: gamma * (inner(alpha * x + beta) + delta)
    if function.definition is not None and function.definition.jax is not None:
        return function.definition.jax(**dict(function.params))
    pieces = structure.pieces(function)
    return _select_jax(pieces, structure.breakpoints(function))


def _floating(inner: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        x = jnp.asarray(x)
        if not jnp.issubdtype(x.dtype, jnp.floating):
            x = x.astype(jnp.result_type(float))
        return jnp.broadcast_to(jnp.asarray(inner(x), dtype=x.dtype), x.shape)

    return run


def _select_jax(pieces: tuple[Piece, ...], cuts: tuple[float, ...]) -> Callable[[Any], Any]:
    branches = [compile_tape(piece.expr, X, JAX) for piece in pieces]
    if not cuts:
        return branches[0]
    anchors = [float(piece.interior) for piece in pieces]

    def run(x: Any) -> Any:
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
