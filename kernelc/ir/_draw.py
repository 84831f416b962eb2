"""Networks as SVG: top to bottom, repeats in one frame, branches side by side."""

from __future__ import annotations

import colorsys
import os
import pathlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

from .._writing import written
from ._assembly import NetworkNode
from ._graph import Graph
from ._outline import Path, Repeat, last_node, outline
from ._rows import grid, lanes
from ._structure import Segment
from ._text import shape_text, shortened


_WIDTH, _HEIGHT = 250, 44
_GAP = 30
"""Between rows: enough for an edge to change columns."""
_APART = 24
_LANE = 22
_PAD = 20
_CHARACTERS = 34
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STYLE = (
    "text{font-family:Helvetica,Arial,sans-serif;fill:#1d2733}"
    ".n{font-size:12px;font-weight:bold}.l{font-family:Menlo,Consolas,monospace;font-size:11px}"
    ".s{font-size:11px;fill:#51606e;text-anchor:end}.r{font-size:13px;font-weight:bold}"
    ".e{fill:none;stroke:#66727f;stroke-width:1.4}.p{fill:#66727f}"
    ".f{fill:#f7f8fa;stroke:#8793a0;stroke-width:1.4;stroke-dasharray:6 4}"
)


@dataclass(frozen=True)
class _Point:
    """Where edges meet a thing: they leave at (x, bottom) and arrive at (x, top)."""

    x: float
    top: float
    bottom: float


@dataclass
class _Canvas:
    """What has been drawn so far; frames lie below edges, and edges below boxes."""

    frames: list[str] = field(default_factory=list)
    edges: list[str] = field(default_factory=list)
    boxes: list[str] = field(default_factory=list)
    reach: float = _WIDTH / 2
    """How far anything lies from the middle line, x = 0."""


def svg(network: Graph) -> str:
    """The network as the text of one self-contained SVG file."""
    canvas = _Canvas()
    at = _box(canvas, network.nodes[0], 0.0, _PAD + 24)
    at = _path(canvas, network, outline(network), 0, at)
    half = canvas.reach + _PAD
    size = f"{2 * half:g}", f"{at.bottom + _PAD:g}"
    title = (
        f"{network.name}: {len(network)} nodes, "
        f"{shape_text(network.input_shape)} -> {shape_text(network.output_shape)}"
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
        f'viewBox="{-half:g} 0 {size[0]} {size[1]}">'
    )
    shown = f'<text class="r" x="{16 - half:g}" y="26">{_escaped(title)}</text>'
    parts = [head, f"<title>{_escaped(title)}</title>", f"<style>{_STYLE}</style>"]
    parts += [f'<rect x="{-half:g}" width="100%" height="100%" fill="#fff"/>', shown]
    return "\n".join([*parts, *canvas.frames, *canvas.edges, *canvas.boxes, "</svg>", ""])


def write(network: Graph, path: str | os.PathLike[str]) -> None:
    """Write `svg` to a file whose name ends in .svg."""

    def write_svg() -> None:
        target = pathlib.Path(path)
        if target.suffix.lower() != ".svg":
            raise ValueError(f"a name that ends in {target.suffix or 'nothing'!r}, not in '.svg'")
        target.write_text(svg(network), encoding="utf-8")

    written(path, write_svg)


def _path(canvas: _Canvas, network: Graph, path: Path, start: int, entry: _Point) -> _Point:
    """Draw the parts of the main path after node `start`, one below the other."""
    for part in path:
        stop = last_node(part)
        if isinstance(part, Repeat):
            entry = _repeat(canvas, network, part, start, entry)
        else:
            entry = _segment(canvas, network, Segment(start, stop), entry)
        start = stop
    return entry


def _repeat(canvas: _Canvas, network: Graph, part: Repeat, start: int, entry: _Point) -> _Point:
    """Draw a repeated path once, in a frame that says how often."""
    outside, canvas.reach = canvas.reach, _WIDTH / 2
    below = len(canvas.frames)
    top = entry.bottom + _GAP
    # The value that enters the block is a dot: from the second time on it is the block's output.
    at = _Point(0.0, top + 40, top + 44)
    canvas.edges.append(_edge(entry, at))
    canvas.boxes.append(f'<circle class="p" cx="0" cy="{at.bottom - 2:g}" r="4"/>')
    at = _path(canvas, network, part.path, start, at)
    half, bottom = canvas.reach + _PAD, at.bottom + _PAD
    # Frames of repeats inside this one lie above it.
    canvas.frames.insert(
        below,
        f'<rect class="f" x="{-half:g}" y="{top:g}" width="{2 * half:g}" '
        f'height="{bottom - top:g}" rx="10"/>',
    )
    names = [network.nodes[i].name for i in (part.first, part.last)]
    canvas.boxes.append(f'<text class="r" x="{14 - half:g}" y="{top + 22:g}">{part.count} x</text>')
    # On two lines, so that they stay clear of the line into the frame.
    for down, name in ((17, f"{shortened(names[0], 20)} to"), (31, shortened(names[1], 23))):
        canvas.boxes.append(
            f'<text class="s" x="{half - 10:g}" y="{top + down:g}">{_escaped(name)}</text>'
        )
    canvas.reach = max(outside, half)
    # The line out of the frame belongs to what reads the block: it starts at the last box.
    canvas.edges.append(f'<path class="e" d="M0 {at.bottom:g}V{bottom:g}"/>')
    return _Point(0.0, at.top, bottom)


def _segment(canvas: _Canvas, network: Graph, segment: Segment, entry: _Point) -> _Point:
    """Draw the nodes between two cut nodes; the point is that of the last one."""
    nodes = network.nodes[segment.start + 1 : segment.stop + 1]
    rows, columns = grid(nodes, segment)
    count = max(columns.values()) + 1
    half = (count * (_WIDTH + _APART) - _APART) / 2
    placed = {segment.start: entry}
    for node in nodes:
        x = columns[node.index] * (_WIDTH + _APART) + _WIDTH / 2 - half
        y = entry.bottom + _GAP + (rows[node.index] - 1) * (_HEIGHT + _GAP)
        # All paths share the last node, so it lies on the middle line.
        placed[node.index] = _box(canvas, node, 0.0 if node.index == segment.stop else x, y)
    edges = [(i, node.index) for node in nodes for i in dict.fromkeys(node.inputs)]
    long = [(a, b) for a, b in edges if rows[b] - rows[a] > 1]
    taken = {(rows[index], column) for index, column in columns.items()}
    beside: dict[tuple[int, int], float] = {}
    for a, b in long:
        below = {(row, columns.get(a, -1)) for row in range(rows[a] + 1, rows[b])}
        if a != segment.start and not below & taken:
            taken |= below
            beside[a, b] = placed[a].x
    around = [edge for edge in long if edge not in beside]
    beyond = lanes([(rows[a], rows[b]) for a, b in around])
    for edge, lane in zip(around, beyond, strict=True):
        beside[edge] = half + (lane + 0.7) * _LANE
    for a, b in edges:
        canvas.edges.append(_edge(placed[a], placed[b], beside.get((a, b))))
    canvas.reach = max(canvas.reach, half + (max(beyond, default=-1) + 1) * _LANE)
    return placed[segment.stop]


def _edge(start: _Point, stop: _Point, beside: float | None = None) -> str:
    (a, b), (x, y) = (start.x, start.bottom), (stop.x, stop.top)
    if beside is not None:
        down, up = b + _GAP, y - _GAP
        path = (
            f"M{a:g} {b:g}C{a:g} {down:g} {beside:g} {b:g} {beside:g} {down:g}"
            f"V{up:g}C{beside:g} {y:g} {x:g} {up:g} {x:g} {y:g}"
        )
    elif a == x:
        path = f"M{a:g} {b:g}V{y:g}"
    else:
        middle = (b + y) / 2
        path = f"M{a:g} {b:g}C{a:g} {middle:g} {x:g} {middle:g} {x:g} {y:g}"
    return f'<path class="e" d="{path}"/>'


def _box(canvas: _Canvas, node: NetworkNode, x: float, y: float) -> _Point:
    fill, line = _colors(type(node.layer).__name__, len(node.inputs) > 1)
    left, right = x - _WIDTH / 2, x + _WIDTH / 2
    shape = shape_text(node.shape)
    canvas.boxes.append(
        f"<g><title>{_escaped(f'{node.name}: {node.layer.text()}')}</title>"
        f'<rect x="{left:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" '
        f'fill="{fill}" stroke="{line}" stroke-width="1.4"/>'
        f'<text class="n" x="{left + 10:g}" y="{y + 18:g}">'
        f"{_escaped(shortened(node.name, max(12, _CHARACTERS - 3 - len(shape))))}</text>"
        f'<text class="s" x="{right - 10:g}" y="{y + 18:g}">{shape}</text>'
        f'<text class="l" x="{left + 10:g}" y="{y + 35:g}">'
        f"{_escaped(shortened(node.layer.text(), _CHARACTERS))}</text></g>"
    )
    return _Point(x, y, y + _HEIGHT)


def _colors(kind: str, join: bool) -> Iterator[str]:
    """Fill and outline: the hue is a hash of the kind's name; where branches meet it is deeper."""
    hue = zlib.crc32(kind[::-1].encode()) % 360 / 360
    for light in (0.84 if join else 0.94, 0.35 if join else 0.45):
        rgb = colorsys.hls_to_rgb(hue, light, 0.55)
        yield "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def _escaped(text: str) -> str:
    # XML has no way to write most control characters, so they are shown as unknown ones.
    return escape(_NOT_XML.sub("\ufffd", text))
