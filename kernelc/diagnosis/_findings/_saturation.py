"""Activations whose units hardly respond."""

from __future__ import annotations

from collections.abc import Iterator

from .._readings import saturation
from ._finding import Case, Finding


_SATURATED = 0.75


def saturated(case: Case) -> Iterator[Finding]:
    """The nonlinearity with the largest share of units on a flat part, when that is most."""
    worst = (0.0, "", 1.0)
    for node in case.network:
        phi = node.layer.nonlinearity()
        q = phi and case.profile.q.get(case.network.nodes[node.inputs[0]].name)
        if phi is not None and q:
            worst = max(worst, (saturation(phi, q), node.name, q))
    share, name, q = worst
    if share > _SATURATED:
        yield Finding(
            node=name,
            severity="warning",
            kind="saturation",
            measured=f"{share:.0%} of units are where the slope is below a twentieth of the "
            f"largest, at q = {q:.3g}",
            value=share,
            law="a unit passes gradients in proportion to its slope",
            prediction="few units of each input learn, the others wait for weights to shrink",
            remedy=case.remedy,
        )
