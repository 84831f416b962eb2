"""Networks as text: repeats folded, branches indented, one node a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ._assembly import NetworkNode
from ._graph import Graph
from ._outline import Fork, Part, Path, Repeat, Step, Subgraph, outline
from ._rule_arguments import Shape


_WIDEST = 48


class _Row(NamedTuple):
    """A line of the sketch: what stands before the name, and the columns."""

    left: str
    cells: tuple[str, ...] = ()


def described(network: Graph, extra: Callable[[NetworkNode], str] | None = None) -> str:
    """The network as a person would sketch it; `extra` adds a column.

    A chain of a thousand equal layers is three lines: repeats are folded when layers, shapes
    and wiring are equal.
    """
    rows = _Rows(network, extra)
    lines = [rows.node("  ", 0), *rows.path(outline(network), "  ")]
    shapes = f"{shape_text(network.input_shape)} -> {shape_text(network.output_shape)}"
    count = f"{len(network)} node{'s' if len(network) > 1 else ''}"
    return "\n".join([f"{shortened(network.name, 200)}: {shapes}, {count}", *_aligned(lines)])


def shape_text(shape: Shape) -> str:
    """(32, 32, 3) as 32x32x3."""
    return "x".join(map(str, shape))


def shortened(text: str, longest: int = _WIDEST) -> str:
    """`text` on one line, cut to `longest` characters."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


class _Rows:
    def __init__(self, network: Graph, extra: Callable[[NetworkNode], str] | None) -> None:
        self.network, self.extra = network, extra

    def node(self, left: str, index: int, note: str = "") -> _Row:
        node = self.network.nodes[index]
        columns = [shortened(node.layer.text()), shape_text(node.shape)]
        if self.extra is not None:
            columns.append(self.extra(node))
        return _Row(left + shortened(node.name), (*columns, note))

    def path(self, path: Path, left: str) -> Iterator[_Row]:
        for part in path:
            yield from self._part(part, left)

    def _part(self, part: Part, left: str) -> Iterator[_Row]:
        if isinstance(part, Step):
            yield self.node(left, part.index)
        elif isinstance(part, Fork):
            yield from self._fork(part, left)
        elif isinstance(part, Subgraph):
            yield _Row(f"{left}woven from {shortened(self.network.nodes[part.entry].name)} {{")
            yield from self._with_inputs(part.path, left + "  ")
            yield _Row(left + "}")
        else:
            yield self._opening(part, left)
            yield from self.path(part.path, left + "  ")
            yield _Row(left + "}")

    def _fork(self, fork: Fork, left: str) -> Iterator[_Row]:
        corner = "┌─ "
        for branch in fork.branches:
            if not branch:
                yield _Row(f"{left}{corner}skip")
            rows = list(self.path(branch, ""))
            for i, row in enumerate(rows):
                yield _Row(left + (corner if i == 0 else "│  ") + row.left, row.cells)
            corner = "├─ "
        yield self.node(left + "└> ", fork.join)

    def _with_inputs(self, path: Path, left: str) -> Iterator[_Row]:
        for part in path:
            if isinstance(part, Repeat):
                yield self._opening(part, left)
                yield from self._with_inputs(part.path, left + "  ")
                yield _Row(left + "}")
            elif isinstance(part, Step):
                nodes = self.network.nodes
                read = [shortened(nodes[i].name, 24) for i in nodes[part.index].inputs]
                more = f" and {len(read) - 6} more" if len(read) > 6 else ""
                yield self.node(left, part.index, f"<- {', '.join(read[:6])}{more}")

    def _opening(self, part: Repeat, left: str) -> _Row:
        names = [shortened(self.network.nodes[i].name) for i in (part.first, part.last)]
        return _Row(f"{left}×{part.count} {{  {names[0]} … {names[1]}")


def _aligned(rows: list[_Row]) -> Iterator[str]:
    columns = [(row.left, *row.cells) for row in rows if row.cells]
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    for row in rows:
        cells = zip((row.left, *row.cells), widths, strict=False)
        yield "  ".join(f"{cell:<{width}}" for cell, width in cells).rstrip()
