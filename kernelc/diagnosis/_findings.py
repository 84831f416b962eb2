"""Reading a profile: what is wrong, by how much, and which call mends it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Literal

from ..ir import Network, Placed
from ._measure import Level, Profile


Severity = Literal["critical", "warning", "note"]

COLLAPSED = 0.95
STEEP = 1e3
_Q_LOST, _Q_FAR = 1e6, 1e2


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a network at initialisation.

    Arguments:
        node: where it first shows; "name and n more" for equal findings at several nodes.
        severity: "critical" (training fails or stalls), "warning" (a figure is off or not
            exact), "note" (what kernel shaping would change).
        kind: a stable label: "collapse", "explosion", "q", "not_gaussian", "no_kernel",
            "requirement".
        measured: the figure, in words.
        value: the figure as a number, where there is one.
        law: why the figure is what it is.
        prediction: what will come of it in training.
        remedy: what to do, as a call on `net` where one does it.
    """

    node: str
    severity: Severity
    kind: str
    measured: str
    value: float | None
    law: str
    prediction: str
    remedy: str


def findings(network: Network, profile: Profile) -> tuple[Finding, ...]:
    """All findings, the worst first, those of one severity in order of the graph."""
    last = _after_last_nonlinearity(network)
    body = [
        level
        for level in profile.levels
        if not last[network[level.node].index] or level.node == _last_bend(network)
    ]
    remedy = shaping_call(network)
    found = [
        *_collapse(body, remedy),
        *_explosion(body, remedy),
        *_q(network, profile, remedy),
        *_not_gaussian(profile),
        *_no_kernel(profile),
        *_requirements(network, last, {refusal.node for refusal in profile.refusals}),
    ]
    rank = {"critical": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: rank[finding.severity]))


def shaping_call(network: Network) -> str:
    """The call on `net` that shapes its activations, or what must change before it can."""
    functions = {phi for node in network if (phi := node.layer.nonlinearity()) is not None}
    rays = {phi for phi in functions if phi.homogeneity == 1}
    free = {phi for phi in rays if "negative_slope" in dict(phi.params)}
    hopeless = sorted(phi.name for phi in functions if phi.infeasible or phi.smoothness < 0)
    if hopeless:
        names = " and ".join(hopeless)
        return f"no constants shape {names}; choose another activation such as tanh, then shape"
    if rays - free:
        names = " and ".join(sorted(phi.name for phi in rays - free))
        return (
            f"use leaky_relu in place of {names} (its negative slope is solved for), then "
            "kernelc.shape(net, kernelc.TAT(eta=0.9), rewrite=True)"
        )
    if free == functions and functions:
        return "kernelc.shape(net, kernelc.TAT(eta=0.9), rewrite=True)"
    return "kernelc.shape(net, kernelc.DKS(), rewrite=True)"


def _collapse(body: list[Level], remedy: str) -> Iterator[Finding]:
    first = next((level for level in body if level.c_at_zero > COLLAPSED), None)
    if first is None:
        return
    end = body[-1].c_at_zero
    yield Finding(
        node=first.node,
        severity="critical",
        kind="collapse",
        measured=f"C_f(0) passes {COLLAPSED} at nonlinearity {first.depth} and ends at {end:.6g}",
        value=end,
        law="each nonlinearity moves cosines towards a fixed point of its C map, here c = 1: the "
        "network maps all inputs to nearly one direction",
        prediction="the tangent kernel is nearly constant over pairs, so gradient descent fits "
        "the mean of the targets and little else",
        remedy=remedy,
    )


def _explosion(body: list[Level], remedy: str) -> Iterator[Finding]:
    first = next((level for level in body if level.slope > STEEP), None)
    if first is None:
        return
    end = body[-1].slope
    rate = _rate(body)
    growth = f", a factor of {rate:.4g} for each nonlinearity" if rate is not None else ""
    yield Finding(
        node=first.node,
        severity="critical",
        kind="explosion",
        measured=f"C_f'(1) passes {STEEP:g} at nonlinearity {first.depth} and ends at {end:.3g}"
        f"{growth}",
        value=end,
        law="slopes at c = 1 multiply along a path, and local ones above 1 make the network "
        "chaotic: inputs that differ little get unrelated outputs",
        prediction="gradients grow by the same factors, and a network that fits its training "
        "data is close to memorising it",
        remedy=remedy,
    )


def _rate(body: list[Level]) -> float | None:
    """Growth of the slope for each nonlinearity, over the second half of the depth."""
    end = body[-1]
    middle = next((level for level in body if 2 * level.depth >= end.depth), end)
    steps = end.depth - middle.depth
    if steps == 0 or not (0 < middle.slope < math.inf and 0 < end.slope < math.inf):
        return None
    return math.exp((math.log(end.slope) - math.log(middle.slope)) / steps)


def _q(network: Network, profile: Profile, remedy: str) -> Iterator[Finding]:
    """The first pre-activation whose q value is lost, or else is far from 1.

    What comes after the last nonlinearity is left out: a pool there lowers q and harms nothing.
    """
    read = {i for node in network if node.layer.nonlinearity() is not None for i in node.inputs}
    names = [network.nodes[i].name for i in sorted(read or {len(network) - 1})]
    values = [(name, profile.q[name]) for name in names if name in profile.q]
    levels: tuple[tuple[float, Severity], ...] = ((_Q_LOST, "critical"), (_Q_FAR, "warning"))
    for bound, severity in levels:
        for node, q in values:
            if 1 / bound <= q <= bound:
                continue
            grows = q > 1
            end = values[-1][1]
            yield Finding(
                node=node,
                severity=severity,
                kind="q",
                measured=f"q = {q:.3g} here and {end:.3g} at {values[-1][0]}, for inputs of q = 1",
                value=end,
                law=f"q values {'grow' if grows else 'shrink'} where weights, sums and "
                f"activations together do not keep the mean square",
                prediction="activations saturate or overflow, and the scale of the outputs "
                "swamps the loss"
                if grows
                else "activations act as their tangent at 0, and signals and gradients vanish",
                remedy=remedy,
            )
            return


def _not_gaussian(profile: Profile) -> Iterator[Finding]:
    if profile.approximated:
        yield Finding(
            node=_some(profile.approximated),
            severity="warning",
            kind="not_gaussian",
            measured=f"{len(profile.approximated)} nonlinearities read a value that is not "
            "Gaussian; figures take it as Gaussian",
            value=float(len(profile.approximated)),
            law="only a layer of fresh weights makes its output Gaussian at infinite width",
            prediction="figures beyond are approximate",
            remedy="put a Dense or Conv layer before each of them",
        )


def _no_kernel(profile: Profile) -> Iterator[Finding]:
    groups: dict[tuple[str, str, str | None], list[str]] = {}
    for refusal in profile.refusals:
        key = (refusal.error.law, refusal.error.remedy, refusal.instead)
        groups.setdefault(key, []).append(refusal.node)
    for (law, remedy, instead), nodes in groups.items():
        yield Finding(
            node=_some(nodes),
            severity="warning",
            kind="no_kernel",
            measured=f"no exact kernel at {len(nodes)} node(s)",
            value=float(len(nodes)),
            law=law,
            prediction="nothing is measured beyond"
            if instead is None
            else f"figures beyond are those of {instead}",
            remedy=remedy,
        )


def _requirements(network: Network, last: list[bool], known: set[str]) -> Iterator[Finding]:
    """What layers themselves say kernel shaping would ask of them."""
    groups: dict[tuple[str, str, bool], list[str]] = {}
    for node in network.nodes[1:]:
        rule = node.layer.shaping(network.in_shapes(node), node.shape, last[node.index])
        if rule.problem is not None and node.name not in known:
            key = (rule.problem, rule.remedy, rule.possible)
            groups.setdefault(key, []).append(node.name)
    for (problem, remedy, possible), nodes in groups.items():
        mended = possible and remedy != "pass rewrite=True"
        rewrite = ", or pass rewrite=True to kernelc.shape" if mended else ""
        yield Finding(
            node=_some(nodes),
            severity="note",
            kind="requirement",
            measured=f"{problem} ({len(nodes)} node(s))",
            value=float(len(nodes)),
            law="a shaped network keeps q = 1 and a C map of its own in every subnetwork",
            prediction="kernelc.shape refuses the network as it is",
            remedy=f"{remedy}{rewrite}",
        )


def _some(nodes: list[str] | tuple[str, ...]) -> str:
    return nodes[0] if len(nodes) == 1 else f"{nodes[0]} and {len(nodes) - 1} more"


def _bends(node: Placed) -> bool:
    return node.layer.nonlinearity() is not None


def _last_bend(network: Network) -> str | None:
    return next((node.name for node in reversed(network.nodes) if _bends(node)), None)


def _after_last_nonlinearity(network: Network) -> list[bool]:
    """For each node, whether no nonlinearity reads what it computes."""
    free = [True] * len(network)
    for node in reversed(network.nodes):
        if _bends(node) or not free[node.index]:
            for i in node.inputs:
                free[i] = False
    return free
