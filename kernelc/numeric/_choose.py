"""Which dual rule serves an activation best."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ._closed import closed_rule
from ._dual import DualRule
from ._hermite import LARGEST_Q, hermite_rule
from ._panels import PanelRule
from ._rectified import RectifiedRule, StepRule
from ._span import span_rule
from ._table import PowerRule, table_rule


_RATIO = 1.1


def rule_for(
    phi: ScalarFunction, q: Any, span: tuple[float, float], where: str, sharp: bool = False
) -> DualRule:
    """The cheapest exact rule: closed in the angle, Hermite series, table, quadrature.

    Arguments:
        phi: the activation.
        q: its q value: a float when it is one known number, else an array.
        span: smallest and largest q value there may be.
        where: the node, for errors.
        sharp: whether drops must keep their digits as c -> 1, which series do.

    Raises:
        UnsupportedError: q values too large for any rule.
    """
    degree = phi.homogeneity
    if degree in (0, 1):
        below, above = (float(v) for v in phi.numpy(0)([-1.0, 1.0]))
        kind = RectifiedRule if degree == 1 else StepRule
        return kind(phi.name, -below if degree == 1 else below, above)
    known, largest_q = isinstance(q, float), span[1]
    # Series keep the relative accuracy of the drop, and cost no more where one q serves all pairs.
    series = sharp or jnp.ndim(q) == 0
    rule: DualRule | None = None if series else closed_rule(phi, _rounded(largest_q))
    if rule is None:
        rule = hermite_rule(phi, _rounded(q if known else largest_q))
    if rule is None and degree is not None:
        return PowerRule(table_rule(phi, 1.0), degree)
    if rule is None and known:
        rule = table_rule(phi, q)
    if rule is None and jnp.ndim(q) == 0:
        rule = span_rule(phi, *span)
    if rule is None and not known:
        rule = closed_rule(phi, _rounded(largest_q))
    if rule is not None:
        return rule
    if largest_q > LARGEST_Q:
        raise UnsupportedError(
            where=where,
            found=f"q values up to {largest_q:.3g} at {phi.name}",
            law="such q values see the activation's tails alone: its kernel is not resolved by "
            f"quadrature beyond {LARGEST_Q:g}",
            remedy="normalise the inputs (kernelc.PLN), or use weights that keep q near 1",
        )
    return PanelRule(phi, largest_q)


def _rounded(q: float) -> float:
    """A little more than q, so that nearby q values share one set of nodes."""
    if q <= 1:
        return 1.0
    return _RATIO ** math.ceil(math.log(q, _RATIO) - 1e-9)
