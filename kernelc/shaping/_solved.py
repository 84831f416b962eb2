"""DKS and TAT of a whole network: local conditions from the graph, then constants."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from scipy.optimize import brentq

from .._errors import ShapingError, UnreachableError
from ..activations import ScalarFunction, named
from ..ir import Network
from ._certificate import certify_dks, certify_leaky_tat, certify_tat, measured_slope
from ._dks import solve_dks
from ._free_slope import is_fixed_rectifier
from ._leaky_relu import (
    has_free_slope,
    leaky_relu_c_map,
    leaky_relu_tat_transform,
    solve_leaky_relu_dks,
)
from ._subnetworks import Subnetworks
from ._targets import DKS, TAT
from ._tat import solve_tat
from ._transform import Transform


PRODUCTS = "products of branches add slopes, which no local slope can undo"
_STEEPEST = 1e6

Residuals = dict[str, float]
Solved = dict[str, tuple[Transform, Residuals]]


def dks_transforms(
    network: Network, target: DKS, functions: dict[str, ScalarFunction]
) -> tuple[Solved, Residuals, float, None]:
    """Constants of each activation with residuals, those of the network, and psi (DKS)."""
    subnetworks = Subnetworks(network)
    psi = _local_slope(network, subnetworks, target.zeta)
    solved: Solved = {}
    slopes = []
    for label, phi in functions.items():
        if has_free_slope(phi):
            transform = solve_leaky_relu_dks(psi)
            phi = _with_slope(phi, transform)
        else:
            transform = solve_dks(phi, psi, target.q_slope)
        residuals = certify_dks(phi, transform, psi, target.q_slope)
        slopes.append(measured_slope(phi, transform))
        solved[label] = (transform, residuals)
    reached = subnetworks.max_slope(max(slopes))
    return solved, {"max C_f'(1)-zeta": reached - target.zeta}, psi, None


def tat_transforms(
    network: Network, target: TAT, functions: dict[str, ScalarFunction]
) -> tuple[Solved, Residuals, None, float | None]:
    """Constants of each activation with residuals, those of the network, and kappa (TAT)."""
    subnetworks = Subnetworks(network)
    if target.eta is not None:
        _require(functions, True, "TAT(eta=...)", "leaky_relu", "TAT(tau=...) for smooth ones")
        return *_tat_leaky(network, subnetworks, target.eta, functions), None, None
    _require(functions, False, "TAT(tau=...)", "smooth activations", "TAT(eta=...) for leaky_relu")
    assert target.tau is not None
    if abs(subnetworks.max_slope(1.0) - 1) > 1e-9:
        raise UnreachableError(
            where=network.name,
            found=f"a slope of {subnetworks.max_slope(1.0):.6g} when every local slope is 1",
            law=f"TAT needs C_f'(1) = 1: {PRODUCTS}",
            remedy="replace Product by a weighted sum",
        )
    kappa = target.tau / subnetworks.max_curvature(1.0)
    solved: Solved = {}
    for label, phi in functions.items():
        transform = solve_tat(phi, kappa)
        solved[label] = (transform, certify_tat(phi, transform, kappa))
    miss = max((r["C''(1)/kappa-1"] for _, r in solved.values()), key=abs)
    reached = subnetworks.max_curvature(kappa * (1 + miss))
    return solved, {"max C_f''(1)-tau": reached - target.tau}, None, kappa


def _tat_leaky(
    network: Network,
    subnetworks: Subnetworks,
    wanted: float | Literal["largest"],
    functions: dict[str, ScalarFunction],
) -> tuple[Solved, Residuals]:
    def largest(a: float) -> float:
        local = leaky_relu_c_map(a)
        return subnetworks.max_c_value(lambda c: float(local(c)))

    highest = largest(0.0)
    eta = highest if wanted == "largest" else wanted
    if highest < eta:
        raise UnreachableError(
            where=network.name,
            found=f"eta = {eta:g}, but C_f(0) is at most {highest:.6f} (negative slope 0)",
            law="C_f(0) grows with the number of nonlinear layers and falls with the negative "
            "slope and with the weight of shortcuts",
            remedy=f"ask for eta below {highest:.4f} or eta='largest', use more layers or lighter "
            "shortcuts",
        )
    a = 0.0 if eta == highest else _root(lambda x: largest(x) - eta, 0.0, 1.0)
    transform = leaky_relu_tat_transform(a)
    solved: Solved = {}
    for label, phi in functions.items():
        slope = _with_slope(phi, transform)
        solved[label] = (transform, certify_leaky_tat(slope, transform))
    return solved, {"max C_f(0)-eta": largest(a) - eta}


def _local_slope(network: Network, subnetworks: Subnetworks, zeta: float) -> float:
    """psi = mu^{-1}(zeta), on a logarithmic scale where mu of a chain is a straight line."""
    flat = subnetworks.max_slope(1.0)
    if flat >= zeta:
        raise UnreachableError(
            where=network.name,
            found=f"zeta = {zeta:g}, but the slope is at least {flat:.6g} already when every "
            "local slope is 1",
            law=f"C_f'(1) > {flat:.6g} for this graph: {PRODUCTS}",
            remedy=f"ask for zeta above {flat:.6g}, or replace Product by a weighted sum",
        )

    def miss(log_psi: float) -> float:
        return math.log(subnetworks.max_slope(math.exp(log_psi)) / zeta)

    # From below: at zeta itself the slope of a deep net would overflow.
    high = math.log(zeta) / len(network)
    while miss(high) < 0:
        high *= 2
        if high > math.log(_STEEPEST):
            raise UnreachableError(
                where=network.name,
                found=f"zeta = {zeta:g}, but a local slope of {_STEEPEST:g} gives a smaller one",
                law="shortcuts of weight near 1 leave little of the branches' slope",
                remedy="use lighter shortcuts or a smaller zeta",
            )
    return math.exp(_root(miss, 0.0, high))


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    root: Any = brentq(function, low, high, xtol=1e-17, rtol=9e-16, maxiter=200)
    return float(root)


def _with_slope(phi: ScalarFunction, transform: Transform) -> ScalarFunction:
    return named(phi.name, **{**dict(phi.params), "negative_slope": transform.negative_slope})


def _require(
    functions: dict[str, ScalarFunction],
    wanted: bool,
    target: str,
    kind: str,
    alternative: str,
) -> None:
    free = {label: has_free_slope(phi) for label, phi in functions.items()}
    wrong = [label for label, is_free in free.items() if is_free is not wanted]
    if wanted and any(is_fixed_rectifier(functions[label]) for label in wrong):
        alternative = f"leaky_relu (rewrite=True puts it in), {alternative}"
    if wrong:
        raise ShapingError(
            where=", ".join(wrong),
            found=f"an activation that {target} does not apply to",
            law=f"{target} is for {kind}: a kink makes C''(1) infinite, and only a free negative "
            "slope keeps Q(q) = q while C_f(0) is set",
            remedy=f"use {alternative}, or DKS",
        )
