"""What kernel shaping would ask of the layers."""

from __future__ import annotations

from collections.abc import Iterator

from ._finding import Case, Finding, some


def requirements(case: Case) -> Iterator[Finding]:
    """What layers themselves say kernel shaping would ask of them."""
    network, last = case.network, case.after
    known = {refusal.node for refusal in case.profile.refusals}
    groups: dict[tuple[str, str, bool], list[str]] = {}
    for node in network.nodes[1:]:
        rule = node.layer.shaping(node.in_shapes, node.shape, last[node.index])
        # Attention of a shaped network averages locations only where it was solved for them.
        solved = rule.by_tokens and network.shaped_by is not None
        if rule.problem is not None and node.name not in known and not solved:
            key = (rule.problem, rule.remedy, rule.possible)
            groups.setdefault(key, []).append(node.name)
    for (problem, remedy, possible), nodes in groups.items():
        mended = possible and remedy != "pass rewrite=True"
        rewrite = ", or pass rewrite=True to kernelc.shape" if mended else ""
        yield Finding(
            node=some(nodes),
            severity="note",
            kind="requirement",
            measured=f"{problem} ({len(nodes)} node(s))",
            value=float(len(nodes)),
            law="a shaped network keeps q = 1 and a C map of its own in every subnetwork",
            prediction="kernelc.shape refuses the network as it is",
            remedy=f"{remedy}{rewrite}",
        )
