"""Coefficients in normalized Hermite polynomials: the power series of a C map."""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Float64

from .._errors import ActivationError
from ..activations import ScalarFunction
from ._nodes import PANEL_ORDER, hermite_rows, panel_rule
from ._quadrature import rule_size


_MAX_DEGREE = 400


def hermite_coefficients(phi: ScalarFunction, n: int) -> Float64[np.ndarray, " n"]:
    """a_k = E φ(Z)He_k(Z)/√k! for k < n, so that K(1, 1, c) = Σ a_k² c^k.

    Arguments:
        phi: the function.
        n: how many coefficients, at most 401.

    Returns: (n,) coefficients, absolute error about 1e-15·√E φ(Z)².

    Raises:
        ActivationError: n out of range, or E φ(Z)² is not finite.

    Example:
        >>> from kernelc.activations import named
        >>> hermite_coefficients(named("identity"), 3).round(12).tolist()
        [0.0, 1.0, 0.0]
    """
    if not 1 <= n <= _MAX_DEGREE + 1:
        raise ActivationError(
            where=phi.name,
            found=f"{n} Hermite coefficients asked for",
            law=f"Between 1 and {_MAX_DEGREE + 1} are computed accurately",
            remedy="Ask for a number in that range",
        )
    z, w = _rule(phi, n)
    values = phi.numpy(0)(z)
    root = np.sqrt(w)
    rows = itertools.islice(hermite_rows(z, root), n)
    return np.array([row @ (root * values) for row in rows])


def _rule(phi: ScalarFunction, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Panels fine enough for degree n: p_k oscillates at √k and reaches to 2√k."""
    size = rule_size(phi, 1.0, 0.0, PANEL_ORDER, trapezoids=False)
    # φ·p_k under the density: half its exponent is spent on p_k, so reach further out.
    limit = min(37.0, max(size.limit, 2 * np.sqrt(n) + 8.0))
    width = min(size.width, 12.0 / np.sqrt(n))
    return panel_rule(phi.breakpoints, PANEL_ORDER, width, limit)
