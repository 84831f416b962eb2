"""Finding: one thing that is wrong, and what a finding is read from."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ...ir import Network
from .._profile import Level, Profile


Severity = Literal["critical", "warning", "note"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a network at initialization.

    Arguments:
        node: where it first shows; "name and n more" for equal findings at several nodes.
        severity: "critical" (training fails, or learns easy targets alone), "warning" (a figure
            is off or not exact), "note" (what kernel shaping would change).
        kind: a stable label: "collapse", "explosion", "rank_collapse", "token_q", "q",
            "gradients", "ntk", "saturation", "targets", "linear", "width", "not_gaussian",
            "no_kernel", "requirement".
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


@dataclasses.dataclass(frozen=True)
class Case:
    """What findings are read from.

    Arguments:
        network, profile: the network and what was measured of it.
        body: levels up to the last nonlinearity; what comes after bends nothing.
        after: for each node, whether no nonlinearity reads what it computes.
        remedy: the call that shapes this network, or what has to change before it can.
    """

    network: Network
    profile: Profile
    body: tuple[Level, ...]
    after: tuple[bool, ...]
    remedy: str

    @property
    def end(self) -> Level:
        """The level of the last nonlinearity, or the input where there is none."""
        return self.body[-1]


def some(nodes: list[str] | tuple[str, ...]) -> str:
    """Several nodes in few words."""
    return nodes[0] if len(nodes) == 1 else f"{nodes[0]} and {len(nodes) - 1} more"
