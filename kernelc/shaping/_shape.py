"""Shape: from a network and a target to a certified shaped network."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scipy.optimize import brentq

from .._errors import ShapingError, UnreachableError
from ..activations import ScalarFunction, named
from ..ir import Layer, Network, Placed
from ._certificate import certify_dks, certify_leaky_tat, certify_tat, measured_slope
from ._dks import solve_dks
from ._leaky_relu import (
    has_free_slope,
    leaky_relu_c_map,
    leaky_relu_tat_transform,
    solve_leaky_relu_dks,
)
from ._requirements import PLNMode, prepared
from ._shaped import ShapedNetwork
from ._subnetworks import Subnetworks
from ._targets import DKS, TAT, Target
from ._tat import solve_tat
from ._transform import Transform


_PRODUCTS = "products of branches add slopes, which no local slope can undo"
_STEEPEST = 1e6


def shape(
    network: Network | ShapedNetwork,
    target: Target | None = None,
    *,
    rewrite: bool = False,
    pln: PLNMode | None = "one",
    shortcut_weight: float | None = None,
) -> ShapedNetwork:
    """Solve the activations' constants so that the whole network's kernel meets a target.

    The graph function (largest slope, curvature or C value over subnetworks) is read off the
    graph; the local conditions are solved in float64 and certified by another rule.

    Arguments:
        network: the network, or an already shaped one to be shaped again.
        target: `DKS()` (the default), `TAT(eta=...)` or `TAT(tau=...)`.
        rewrite: mend what breaks a requirement: normalise sums, replace pools, remove norm
            layers and dropout, use Delta convolutions and zero biases, put PLN in front. Each
            change is listed in the result. Without it such a network is refused. Weights get
            scaled uniform orthogonal initialisation in both cases.
        pln: mode of the per-location normalisation a rewrite inserts; None to leave it to you.
        shortcut_weight: weight of the shortcut when a rewrite normalises a sum of two branches;
            the weights are scaled by a common factor unless given.

    Returns:
        A `ShapedNetwork`.

    Raises:
        ShapingError: requirements are broken (all are listed), or activations do not fit.
        UnreachableError: the target is out of reach; the message says what can be reached.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> layers = kc.chain(kc.Dense(64), kc.Activation("tanh"))
        >>> net = kc.Network(x, kc.chain(kc.repeat(layers, 50), kc.Dense(3))(x))
        >>> shaped = kc.shape(net, kc.DKS(zeta=1.5))
        >>> round(shaped.psi, 10), round(shaped.transforms["tanh"].alpha, 8)
        (1.0081422716, 0.12844048)
    """
    target = DKS() if target is None else target
    network = _checked(network, target, pln, shortcut_weight)
    ready = prepared(
        network,
        rewrite=rewrite,
        pln=pln,
        shortcut_weight=shortcut_weight,
        centred=not (isinstance(target, TAT) and target.eta is not None),
    )
    functions = _functions(ready.network)
    solve = {DKS: _dks, TAT: _tat}[type(target)]
    result, whole, psi, kappa = solve(ready.network, target, functions)
    transforms = {label: transform for label, (transform, _) in result.items()}
    certificate = {label: residuals for label, (_, residuals) in result.items()}
    certificate["network"] = whole
    return ShapedNetwork(
        network=_transformed(ready.network, functions, transforms),
        target=target,
        transforms=transforms,
        certificate=certificate,
        psi=psi,
        kappa=kappa,
        changes=ready.changes,
        assumptions=ready.assumptions,
    )


Residuals = dict[str, float]
Solved = dict[str, tuple[Transform, Residuals]]


def _dks(
    network: Network, target: DKS, functions: dict[str, ScalarFunction]
) -> tuple[Solved, Residuals, float, None]:
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


def _tat(
    network: Network, target: TAT, functions: dict[str, ScalarFunction]
) -> tuple[Solved, Residuals, None, float | None]:
    subnetworks = Subnetworks(network)
    free = {label: has_free_slope(phi) for label, phi in functions.items()}
    if target.eta is not None:
        _require(free, True, "TAT(eta=...)", "leaky_relu", "TAT(tau=...) for smooth ones")
        return *_tat_leaky(network, subnetworks, target.eta, functions), None, None
    _require(free, False, "TAT(tau=...)", "smooth activations", "TAT(eta=...) for leaky_relu")
    assert target.tau is not None
    if abs(subnetworks.max_slope(1.0) - 1) > 1e-9:
        raise UnreachableError(
            where=network.name,
            found=f"a slope of {subnetworks.max_slope(1.0):.6g} when every local slope is 1",
            law=f"TAT needs C_f'(1) = 1: {_PRODUCTS}",
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
    eta: float,
    functions: dict[str, ScalarFunction],
) -> tuple[Solved, Residuals]:
    def largest(a: float) -> float:
        local = leaky_relu_c_map(a)
        return subnetworks.max_c_value(lambda c: float(local(c)))

    highest = largest(0.0)
    if highest < eta:
        raise UnreachableError(
            where=network.name,
            found=f"eta = {eta:g}, but C_f(0) is at most {highest:.6f} (negative slope 0)",
            law="C_f(0) grows with the number of nonlinear layers and falls with the negative "
            "slope and with the weight of shortcuts",
            remedy=f"ask for eta below {highest:.4f}, use more layers or lighter shortcuts",
        )
    a = _root(lambda x: largest(x) - eta, 0.0, 1.0)
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
            law=f"C_f'(1) > {flat:.6g} for this graph: {_PRODUCTS}",
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


def _functions(network: Network) -> dict[str, ScalarFunction]:
    """The distinct nonlinearities by label; those whose slope is solved for count as one."""
    found: dict[str, ScalarFunction] = {}
    for node in network:
        phi = node.layer.nonlinearity()
        if phi is None or phi in found.values():
            continue
        if has_free_slope(phi) and phi.name in found:
            continue
        label, i = phi.name, 2
        while label in found:
            label, i = f"{phi.name}{i}", i + 1
        found[label] = phi
    if not found:
        raise ShapingError(
            where=network.name,
            found="no activation",
            law="shaping chooses the constants of activations",
            remedy="add kernelc.Activation layers, or leave the network as it is",
        )
    return found


def _transformed(
    network: Network, functions: dict[str, ScalarFunction], transforms: dict[str, Transform]
) -> Network:
    labels = {phi: label for label, phi in functions.items()}
    changed: dict[ScalarFunction, Layer] = {}

    def change(node: Placed) -> Layer:
        phi = node.layer.nonlinearity()
        if phi is None:
            return node.layer
        if phi not in changed:
            t = transforms[labels.get(phi, phi.name)]
            params = {} if t.negative_slope is None else {"negative_slope": t.negative_slope}
            changed[phi] = node.layer.transformed(t.alpha, t.beta, t.gamma, t.delta, **params)
        return changed[phi]

    return network.rebuild(change)


def _require(free: dict[str, bool], wanted: bool, target: str, kind: str, alternative: str) -> None:
    wrong = [label for label, is_free in free.items() if is_free is not wanted]
    if wrong:
        raise ShapingError(
            where=", ".join(wrong),
            found=f"an activation that {target} does not apply to",
            law=f"{target} is for {kind}: a kink makes C''(1) infinite, and only a free negative "
            "slope keeps Q(q) = q while C_f(0) is set",
            remedy=f"use {alternative}, or DKS",
        )


def _checked(network: Any, target: Any, pln: Any, shortcut_weight: Any) -> Network:
    if isinstance(network, ShapedNetwork):
        network = network.network
    problem = None
    if not isinstance(network, Network):
        problem = (f"a network of type {type(network).__name__}", "pass a kernelc.Network")
    elif not isinstance(target, DKS | TAT):
        problem = (f"a target of type {type(target).__name__}", "pass kernelc.DKS or kernelc.TAT")
    elif pln not in (None, "one", "avg_q", "off"):
        problem = (f"pln = {pln!r}", "choose 'one', 'avg_q', 'off' or None")
    elif shortcut_weight is not None and not 0 <= shortcut_weight < 1:
        problem = (f"shortcut_weight = {shortcut_weight!r}", "choose a weight in [0, 1)")
    if problem is not None:
        raise ShapingError(
            where="shape",
            found=problem[0],
            law="shape takes a network, a target and options in their ranges",
            remedy=problem[1],
        )
    return network
