"""Networks as text: repeats folded, branches indented."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from ._network import Network, Placed

from ._structure import Run, Segment, runs


def described(network: Network) -> str:
    """The network as a person would sketch it, one node a line."""
    head = f"{network.name}: {len(network)} nodes, {_shape(network.input_shape)} -> "
    lines = [f"{head}{_shape(network.output_shape)}"]
    lines.append(_line(network, network.nodes[0], 1))
    for run in runs(network, _exact):
        lines += _run_lines(network, run)
    return "\n".join(lines)


def _run_lines(network: Network, run: Run) -> Iterator[str]:
    indent = 1
    if run.count > 1:
        first = network.nodes[run.block[0].start + 1].name
        size = run.block[-1].stop - run.block[0].start
        last = network.nodes[run.block[0].start + (run.count - 1) * size + 1].name
        yield f"  {run.count} x  ({first} .. {last})"
        indent = 2
    for segment in run.block:
        yield from _segment_lines(network, segment, indent)


def _segment_lines(network: Network, segment: Segment, indent: int) -> Iterator[str]:
    nodes = network.nodes[segment.start + 1 : segment.stop + 1]
    for branch in _branches(nodes, segment):
        if branch[0] != segment.stop and len(nodes) > 1:
            yield "  " * indent + "| branch"
            depth = indent + 1
        else:
            depth = indent
        for index in branch:
            yield _line(network, network.nodes[index], depth, segment)


def _branches(nodes: Sequence[Placed], segment: Segment) -> list[list[int]]:
    """Chains inside a segment: each continues while a node reads only the one before it."""
    chains: list[list[int]] = []
    ends: dict[int, list[int]] = {}
    for node in nodes:
        single = node.inputs[0] if len(node.inputs) == 1 else None
        chain = ends.pop(single, None) if single is not None and single != segment.start else None
        if chain is None:
            chain = []
            chains.append(chain)
        chain.append(node.index)
        ends[node.index] = chain
    return chains


def _line(network: Network, node: Placed, indent: int, segment: Segment | None = None) -> str:
    reads = ""
    if len(node.inputs) > 1:
        names = (
            "the entry" if segment is not None and i == segment.start else network.nodes[i].name
            for i in node.inputs
        )
        reads = f"  <- {', '.join(names)}"
    text = f"{'  ' * indent}{node.name}: {node.layer.text()}"
    return f"{text:<56} {_shape(node.shape)}{reads}"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _exact(network: Network, node: Placed) -> Hashable:
    return node.layer, node.shape, network.in_shapes(node)
