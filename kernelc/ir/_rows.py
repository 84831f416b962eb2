"""Where the nodes of a segment go in a drawing: rows, columns, and lanes beside them."""

from __future__ import annotations

from collections.abc import Sequence

from ._assembly import NetworkNode
from ._structure import Segment


def grid(nodes: Sequence[NetworkNode], segment: Segment) -> tuple[dict[int, int], dict[int, int]]:
    """Row (longest path from the entry) and column of every node; a chain keeps its column."""
    rows = {segment.start: 0}
    for node in nodes:
        rows[node.index] = 1 + max(rows[i] for i in node.inputs)
    columns: dict[int, int] = {}
    used: list[int] = []
    by_index = {node.index: node for node in nodes}
    for chain in _branches(nodes, segment):
        first, last = rows[chain[0]], rows[chain[-1]]
        wanted = [columns[i] for i in by_index[chain[0]].inputs if i in columns]
        free = [c for c in range(len(used)) if used[c] < first]
        column = next((c for c in wanted if c in free), free[0] if free else len(used))
        if column == len(used):
            used.append(0)
        used[column] = last
        columns.update(dict.fromkeys(chain, column))
    return rows, columns


def lanes(spans: Sequence[tuple[int, int]]) -> list[int]:
    """A lane for each edge that passes rows by: short ones inside, no two on top of each other."""
    taken: list[list[tuple[int, int]]] = []
    chosen = dict[int, int]()
    for k in sorted(range(len(spans)), key=lambda k: spans[k][1] - spans[k][0]):
        first, last = spans[k]
        lane = next(
            (n for n, row in enumerate(taken) if all(last <= a or b <= first for a, b in row)),
            len(taken),
        )
        if lane == len(taken):
            taken.append([])
        taken[lane].append(spans[k])
        chosen[k] = lane
    return [chosen[k] for k in range(len(spans))]


def _branches(nodes: Sequence[NetworkNode], segment: Segment) -> list[list[int]]:
    """Chains inside a segment: each goes on while a node reads only the one before it."""
    chains: list[list[int]] = []
    ends: dict[int, list[int]] = {}
    for node in nodes:
        before = node.inputs[0] if len(node.inputs) == 1 else segment.start
        chain = ends.pop(before, None) if before != segment.start else None
        if chain is None:
            chain = []
            chains.append(chain)
        chain.append(node.index)
        ends[node.index] = chain
    return chains
