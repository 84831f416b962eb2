"""What shaping changed in a network, one line for each node."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Network, NetworkNode


def changes_between(before: Network, after: Network) -> tuple[str, ...]:
    """What happened to the layers, by the names of their nodes."""
    old = {node.name: node.layer for node in before}
    new = {node.name: node.layer for node in after}
    changed = []
    for name, layer in old.items():
        if name not in new:
            changed.append(f"{name}: {layer.text()} removed")
        elif new[name] != layer:
            changed.append(f"{name}: {layer.text()} -> {new[name].text()}")
    for node in after:
        if node.name not in old:
            place = place_of(after.nodes[node.inputs[0]])
            changed.append(f"{node.name}: {node.layer.text()} inserted after {place}")
    return tuple(changed)


def place_of(node: NetworkNode) -> str:
    """What texts call the place of a node: its name, or that it is the input."""
    return node.name if node.inputs else "the input"


def folded(changes: Sequence[str]) -> list[str]:
    """Equal changes of many nodes on one line."""
    nodes: dict[str, list[str]] = {}
    for line in changes:
        node, _, change = line.partition(": ")
        nodes.setdefault(change, []).append(node)
    return [
        f"{names[0]}: {change}" if len(names) == 1 else f"{len(names)} nodes: {change}"
        for change, names in nodes.items()
    ]
