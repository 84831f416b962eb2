"""Choosing, for each floating-point type, the cheapest form that keeps what it must."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from .._errors import DataError, UnsupportedError
from ._approximation import Approximation, Certified, Form
from ._certify import SAFETY, Checks, Sample, ask, certify, checks
from ._graded import graded
from ._rational import quotients
from ._smooth import candidate_gaps, candidates


_TRIED = 6
_THINNED = 7  # every so many samples are enough for a quotient
_FLATTEST = 2.0**-6  # a drop flatter than this at gap 2^-100 is constant before it is a root
_NOISE = 8 * SAFETY  # noise is estimated at few points, and both nodes and checks have it
# Rounding on top of the tolerance: in float32, 40 units in the last place times the safety factor.
_ROUNDING = {"float32": 2e-5, "float64": 1e-14}


def fit(sample: Sample, *, tolerance: float = 1e-12, tolerance32: float = 2.5e-7) -> Approximation:
    """The cheapest approximation of functions of one gap g = 1 - c in [0, 2].

    Chebyshev series in c, in tan(arccos(c)/4) or in conformal maps of these, whichever is cheapest;
    where none is short, polynomials on pieces graded towards both ends. Each type gets its own
    form, which is then compiled and compared with the samples at gaps it was not fitted to.

    Arguments:
        sample: gaps (m,) float64 -> named arrays (m,). A quantity named `drop` is 0 at gap 0,
            positive near it, and keeps its relative accuracy there; others are any finite
            functions. It is called 12 times with 1,024 gaps, and about ten times more
            where pieces are needed.
        tolerance: bound on the relative error in float64, as `Bound` defines it.
        tolerance32: bound on the truncation error in float32; rounding comes on top.

    Returns: the approximation.

    Raises:
        DataError: the samples are not finite or misshapen, or `drop` does not vanish at gap 0.
        UnsupportedError: no form reaches the tolerance.

    Example:
        >>> import jax.numpy as jnp
        >>> cheap = fit(lambda g: {"drop": -np.expm1(-g)})
        >>> cheap.terms["float64"]
        12
        >>> round(float(cheap(jnp.float32(1.0))["drop"]), 6)
        0.632121
    """
    against = checks(sample)
    halvings = _halvings(sample)
    asked = {
        dtype: dict.fromkeys(against.noise, each)
        for dtype, each in (("float64", tolerance), ("float32", tolerance32))
    }
    allowed = {
        dtype: {name: max(each, _NOISE * against.noise[name]) for name, each in bounds.items()}
        for dtype, bounds in asked.items()
    }
    # Noise of the samples at one end is no reason to give up digits at the other.
    targets = _targets(asked)
    found = _smooth(sample, halvings, targets, allowed, against)
    if not all(_reaches(found[dtype], allowed[dtype]) for dtype in found):
        pieces = graded(sample, halvings, targets)
        for dtype, bounds in allowed.items():
            if not _reaches(found[dtype], bounds):
                found[dtype] = certify(pieces[dtype], dtype, against)
    return Approximation(tuple(_accepted(found[dtype], allowed[dtype]) for dtype in found))


def _targets(asked: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """What a series may leave out for its bound to be half of what is asked for."""
    return {
        dtype: {name: each / (2 * SAFETY) for name, each in bounds.items()}
        for dtype, bounds in asked.items()
    }


def _smooth(
    sample: Sample,
    halvings: int | None,
    targets: dict[str, dict[str, float]],
    allowed: dict[str, dict[str, float]],
    against: Checks,
) -> dict[str, Certified | None]:
    """For each type the cheapest single series, where one is short enough."""
    gaps = candidate_gaps()
    samples = ask(sample, gaps)
    thin = {name: values[::_THINNED] for name, values in samples.items()}
    found = {}
    for dtype, target in targets.items():
        choice = candidates(gaps, samples, halvings, target)
        choice += quotients(gaps[::_THINNED], thin, halvings, target)
        choice.sort(key=lambda pair: pair[0])
        found[dtype] = _best(dtype, allowed[dtype], against, [form for _, form in choice[:_TRIED]])
    return found


def _best(
    dtype: str, allowed: dict[str, float], against: Checks, forms: Iterable[Form]
) -> Certified | None:
    """The first form that keeps its bounds, else the one that comes closest."""
    best = None
    for form in forms:
        found = certify(form, dtype, against)
        if _reaches(found, allowed):
            return found
        best = found if best is None or found.error < best.error else best
    return best


def _reaches(found: Certified | None, allowed: dict[str, float]) -> bool:
    return found is not None and all(
        bound.relative <= allowed[name] + _ROUNDING[found.dtype] for name, bound in found.bounds
    )


def _accepted(found: Certified | None, allowed: dict[str, float]) -> Certified:
    if found is not None and _reaches(found, allowed):
        return found
    raise UnsupportedError(
        where="approximation",
        found=f"at best {found}",
        law=f"Errors are to stay below {max(allowed.values()):.0e}, rounding aside",
        remedy="Evaluate the functions themselves, or allow a larger tolerance",
    )


def _halvings(sample: Sample) -> int | None:
    """How often 1 is halved to give the exponent of `drop` at gap 0: not for a finite slope."""
    ends = ask(sample, np.array([0.0, 2.0**-102, 2.0**-100]))
    if "drop" not in ends:
        return None
    origin, low, high = ends["drop"].tolist()
    if origin != 0 or low < 0 or high < low:
        raise DataError(
            where="fit: drop",
            found=f"{origin}, {low}, {high} at gaps 0, 2^-102, 2^-100",
            law="It is the drop of a kernel below its largest value, at gap 0",
            remedy="Give another quantity another name",
        )
    if low == 0:
        return 0  # a drop of zero, or below the smallest number, has every exponent
    exponent = (math.log2(high) - math.log2(low)) / 2
    return max(0, round(-math.log2(max(exponent, _FLATTEST))))
