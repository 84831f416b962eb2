"""Collapse: all inputs look alike."""

from __future__ import annotations

from collections.abc import Iterator

from ._finding import Case, Finding


COLLAPSED = 0.95


def collapse(case: Case) -> Iterator[Finding]:
    """C_f of two unrelated inputs above 0.95; of typical ones, a twentieth of their distance."""
    typical = case.profile.inputs.cosine
    bound = 1 - (1 - COLLAPSED) * (1 - typical)
    first = next((level for level in case.body if level.typical > bound), None)
    if first is None:
        return
    end, at = case.end.typical, f"{typical:.3g}"
    yield Finding(
        node=first.node,
        severity="critical",
        kind="collapse",
        measured=f"C_f({at}) passes {bound:.4g} at nonlinearity {first.depth} and ends at "
        f"{end:.6g}",
        value=end,
        law="each nonlinearity moves cosines towards a fixed point of its C map, here c = 1: the "
        "network maps all inputs to nearly one direction",
        prediction="the tangent kernel is nearly constant over pairs, so gradient descent fits "
        "the mean of the targets and little else",
        remedy=case.remedy,
    )
