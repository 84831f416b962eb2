"""Which dual rule serves an activation best."""

from __future__ import annotations

import math

import jax.numpy as jnp

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ._closed import closed_rule
from ._hermite import hermite_rule
from ._moments import at_zero
from ._pair import Number
from ._panels import PanelRule
from ._rectified import RectifiedRule, ShiftedRectifiedRule, StepRule
from ._rule import ConstantRule, DualRule
from ._surface import surface_rule
from ._table import PowerRule, span_rule, table_rule


_RATIO = 1.1
# Longer series than this cost more, where coefficients differ from pair to pair, than a table.
_SHORT = 64


def rule_for(
    phi: ScalarFunction, q: Number, span: tuple[float, float], sharp: bool = False
) -> DualRule:
    """The cheapest exact rule: closed in the angle, Hermite series, table, quadrature.

    Arguments:
        phi: the activation.
        q: its q value: a float when it is one known number, else an array.
        span: smallest and largest q value there may be.
        sharp: whether drops must keep their digits as c -> 1, which series do.

    Raises:
        UnsupportedError: an activation too steep at such q values for any rule.
    """
    if span[1] == 0:
        return ConstantRule(phi)
    degree = phi.homogeneity
    if degree in (0, 1):
        below, above = (float(v) for v in phi.numpy(0)([-1.0, 1.0]))
        if degree == 1:
            return RectifiedRule(phi.name, -below, above)
        return StepRule(phi.name, below, above, at_zero(phi))
    if phi.base is not None and phi.base.homogeneity == 1 and phi.affine[1] == 0:
        below, shift, above = (float(v) for v in phi.numpy(0)([-1.0, 0.0, 1.0]))
        return ShiftedRectifiedRule(phi.name, shift - below, above - shift, shift)
    known, largest_q = q if isinstance(q, float) else None, span[1]
    # Series keep the relative accuracy of the drop, and cost no more where one q serves all pairs.
    one = jnp.ndim(q) == 0
    rule: DualRule | None = None if sharp or one else closed_rule(phi, _rounded(largest_q))
    series = None
    if rule is None:
        series = hermite_rule(phi, _rounded(largest_q) if known is None else _rounded(known))
        if series is not None and (one or sharp or series.terms[8] <= _SHORT):
            rule = series
    if rule is None and degree is not None:
        return PowerRule(table_rule(phi, 1.0), degree)
    if rule is None and (one or not sharp):
        rule = closed_rule(phi, _rounded(largest_q))
    if rule is not None:
        return rule
    if not phi.analytic:
        return _at_kinks(phi, q, span)
    try:
        return surface_rule(phi, known or _rounded(largest_q), known is not None)
    except UnsupportedError:
        # Slower, and right where tables do not settle.
        return closed_rule(phi, _rounded(largest_q)) or series or _at_kinks(phi, q, span)


def _at_kinks(phi: ScalarFunction, q: Number, span: tuple[float, float]) -> DualRule:
    """Rules that integrate between kinks, which any function may have or not."""
    if isinstance(q, float):
        return table_rule(phi, q)
    return (span_rule(phi, *span) if jnp.ndim(q) == 0 else None) or PanelRule(phi, span[1])


def _rounded(q: float) -> float:
    """A little more than q, so that nearby q values share one set of nodes."""
    if q <= 1:
        return 1.0
    return _RATIO ** math.ceil(math.log(q, _RATIO) - 1e-9)
