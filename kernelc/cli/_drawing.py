"""A network as an SVG: a column of nodes, arcs for the edges that skip some."""

from __future__ import annotations

from html import escape

from ..ir import Network


_ROW, _BOX, _LEFT, _WIDTH = 44, 28, 16, 460
_STYLE = (
    "rect{fill:#f4f6f8;stroke:#5b6b7a}text{font:13px sans-serif;fill:#1d2733}"
    ".kind{fill:#5b6b7a}path{fill:none;stroke:#5b6b7a}.skip{stroke:#1f5f99}"
)


def svg(network: Network) -> str:
    """The drawing, as the text of an SVG file."""
    edges = [(i, node.index) for node in network for i in node.inputs]
    # Arcs bend further out the more nodes they skip, up to a width that still fits a page.
    reach = {edge: min(16 + 6 * (edge[1] - edge[0]), 160) for edge in edges}
    skips = [reach[(a, b)] for a, b in edges if b - a > 1]
    width = _LEFT + _WIDTH + max(skips, default=0) + 16
    height = _ROW * len(network) + 16
    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><title>{escape(network.name)}</title>',
        f"<style>{_STYLE}</style>",
    ]
    rows += [_edge(a, b, reach[(a, b)]) for a, b in edges]
    rows += [_node(i, n.name, n.layer.text(), n.shape) for i, n in enumerate(network)]
    return "\n".join([*rows, "</svg>", ""])


def _node(i: int, name: str, kind: str, shape: tuple[int, ...]) -> str:
    y = 8 + _ROW * i
    return (
        f'<rect x="{_LEFT}" y="{y}" width="{_WIDTH}" height="{_BOX}" rx="4"/>'
        f'<text x="{_LEFT + 8}" y="{y + 19}">{escape(name)} '
        f'<tspan class="kind">{escape(kind)} {escape(str(shape))}</tspan></text>'
    )


def _edge(a: int, b: int, reach: int) -> str:
    if b - a == 1:
        x = _LEFT + _WIDTH // 2
        return f'<path d="M{x} {8 + _ROW * a + _BOX}V{8 + _ROW * b}"/>'
    x, start, end = _LEFT + _WIDTH, 8 + _ROW * a + _BOX // 2, 8 + _ROW * b + _BOX // 2
    out = x + reach
    return f'<path class="skip" d="M{x} {start}C{out} {start} {out} {end} {x} {end}"/>'
