"""A kernel at numbers from the kernel rules in floats, where formulas are no use.

At |c| = 1 a formula is a limit: whether k / q comes out as 1, or a rounding below, decides between
an infinite derivative and 1e8. The rules in floats know that the two inputs are one. Nor do they
hold the exponentials of a closed form, which overflow where their product does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from ..algebra import FloatBackend, PairAlgebra, SecondMoments
from ._formulas import Formulas


def edge_moments(
    kernel: Formulas, numbers: Mapping[str, float], others: Mapping[sympy.Symbol, Any]
) -> tuple[float, float, float | None]:
    """q value, NNGP and NTK of the output at numbers for q, c, s and c_b.

    Arguments:
        kernel: the kernel, as it was derived.
        numbers: q and the cosines by name.
        others: values of the other symbols.
    """
    network = kernel.network.subs(dict(others)) if others else kernel.network
    backend = FloatBackend()
    algebra = PairAlgebra(backend, kernel.probes)
    q, c = numbers["q"], numbers["c"]
    s = numbers.get("s", 0.0)
    cosines = {"c": c, "s": s, "sc": s * c, "b": numbers.get("c_b", 0.0)}
    k = tuple(q * cosines[label] for label in kernel.probes)
    start = algebra.state_of(SecondMoments(q, k, tuple(0.0 for _ in k)), None)
    out = network.fold(algebra, start)[network.last].second
    nngp, theta = out.k[0], None if out.theta is None else out.theta[0]
    return float(out.q), float(nngp), None if theta is None else float(theta)
