"""ShapedNetwork: the rewritten graph with its solved constants and their certificate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import ClassVar

from ..ir import Network, NetworkCarrier
from ._targets import Target
from ._transform import Transform


@dataclasses.dataclass(frozen=True, eq=False)
class ShapedNetwork(NetworkCarrier):
    """What `shape` returns.

    Arguments:
        network: the rewritten graph, activations transformed or weights chosen.
        target: what was asked for.
        transforms: solved constants of each activation, by name; none at the edge of chaos.
        certificate: residuals of every condition, by activation and for the network, each
            recomputed by a rule that took no part in solving.
        psi: local slope C'(1) (DKS).
        kappa: local curvature C''(1) (smooth TAT).
        weight_std: sigma_w of layers that read images of the nonlinearity (edge of chaos).
        bias_std: sigma_b of the same layers (edge of chaos).
        q: fixed point of the Q map that all nonlinearities read (edge of chaos).
        changes: what the rewrite did, one line for each node.
        assumptions: what must hold of the data.
    """

    input_q: ClassVar[float | None] = 1.0

    network: Network
    target: Target
    transforms: Mapping[str, Transform]
    certificate: Mapping[str, Mapping[str, float]]
    psi: float | None = None
    kappa: float | None = None
    weight_std: float | None = None
    bias_std: float | None = None
    q: float | None = None
    changes: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    @property
    def residuals(self) -> dict[str, float]:
        """Residual of each condition, under "activation: condition"."""
        return {
            f"{where}: {condition}": value
            for where, conditions in self.certificate.items()
            for condition, value in conditions.items()
        }

    @property
    def largest_residual(self) -> float:
        """The largest residual in absolute value."""
        return max((abs(value) for value in self.residuals.values()), default=math.nan)

    def __str__(self) -> str:
        rows = [f"{self.network.name} shaped by {self.target}"]
        if self.psi is not None:
            rows.append(f"  local slope psi = {self.psi:.12g}")
        if self.kappa is not None:
            rows.append(f"  local curvature kappa = {self.kappa:.12g}")
        if self.q is not None:
            rows.append(
                f"  sigma_w = {self.weight_std:.12g}, sigma_b = {self.bias_std:.12g} "
                f"at the fixed point q = {self.q:.12g}"
            )
        for name, t in self.transforms.items():
            slope = "" if t.negative_slope is None else f" negative_slope={t.negative_slope:.10g}"
            rows.append(
                f"  {name}: alpha={t.alpha:.10g} beta={t.beta:.10g} "
                f"gamma={t.gamma:.10g} delta={t.delta:.10g}{slope}"
            )
        rows.append(f"  largest residual {self.largest_residual:.1e}")
        rows += [f"  changed  {line}" for line in _folded(self.changes)]
        rows += [f"  assumes  {line}" for line in self.assumptions]
        return "\n".join(rows)

    def __repr__(self) -> str:
        names = ", ".join(where for where in self.certificate if where != "network")
        return f"<{self.network.name} shaped by {self.target}: {names}>"


def _folded(changes: tuple[str, ...]) -> list[str]:
    """Equal changes of many nodes on one line."""
    nodes: dict[str, list[str]] = {}
    for line in changes:
        node, _, change = line.partition(": ")
        nodes.setdefault(change, []).append(node)
    return [
        f"{names[0]}: {change}" if len(names) == 1 else f"{len(names)} nodes: {change}"
        for change, names in nodes.items()
    ]
