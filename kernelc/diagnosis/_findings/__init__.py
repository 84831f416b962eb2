"""Findings: what is wrong, by how much, and which call mends it. One file for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...ir import Network, after_last_nonlinearity
from .._profile import Profile
from ._collapse import collapse
from ._exactness import no_kernel, not_gaussian
from ._explosion import explosion
from ._finding import Case as Case, Finding as Finding, Severity as Severity, some as some
from ._gradients import gradients
from ._linear import linear
from ._ntk import ntk
from ._q_values import q_values
from ._remedy import shaping_call
from ._requirements import requirements
from ._saturation import saturated
from ._targets import targets
from ._tokens import rank_collapse, token_q
from ._width import width


_RULES: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    collapse,
    explosion,
    rank_collapse,
    token_q,
    targets,
    q_values,
    ntk,
    gradients,
    saturated,
    linear,
    width,
    not_gaussian,
    no_kernel,
    requirements,
)
_RANK = {"critical": 0, "warning": 1, "note": 2}


def findings(case: Case) -> tuple[Finding, ...]:
    """All findings, the worst first, those of one severity in the order of the rules."""
    found = [finding for rule in _RULES for finding in rule(case)]
    return tuple(sorted(found, key=lambda finding: _RANK[finding.severity]))


def case_of(network: Network, profile: Profile) -> Case:
    """What the rules read."""
    after = after_last_nonlinearity(network)
    last = _last_bend(network)
    body = [
        level
        for level in profile.levels
        if not after[network[level.node].index] or level.node == last
    ]
    # A network without nonlinearities has no body but its input.
    return Case(network, profile, tuple(body or profile.levels[:1]), after, shaping_call(network))


def _last_bend(network: Network) -> str | None:
    bends = (n.name for n in reversed(network.nodes) if n.layer.nonlinearity() is not None)
    return next(bends, None)
