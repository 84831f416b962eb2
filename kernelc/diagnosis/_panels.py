"""The pictures of a diagnosis: each draws into axes and says in words what it shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ._finite import FiniteWidth
from ._numbers import cosine, number
from ._profile import COSINES, Level
from ._ring import around
from ._spectra import Spectrum
from ._thinning import by_depth, thinned


_MOST_CURVES = 7
_MOST_POINTS = 300
_FOLLOWED = (2, 4, 5, 6)
"""Places in `COSINES` of those whose way through a finite network is drawn."""


@dataclasses.dataclass(frozen=True)
class Panel:
    """One picture.

    Arguments:
        title: a few words.
        told: what it shows, for those who do not see it.
        draw: draws it into as many axes as `columns` says.
        columns: number of axes side by side.
    """

    title: str
    told: str
    draw: Callable[..., None]
    columns: int = 1


def c_maps(levels: Sequence[Level]) -> Panel:
    """Cosines at several depths against those of the inputs."""

    shown = thinned(by_depth(levels), _MOST_CURVES)

    def draw(axes: Any) -> None:
        curves(axes, [(f"depth {level.depth}", level) for level in shown])

    end = levels[-1]
    told = (
        f"Cosine similarity at {len(shown)} depths against that of the inputs; "
        f"at {end.node}, unrelated inputs end at {cosine(end.c_at_zero)}."
    )
    return Panel("C maps by depth", told, draw)


def curves(axes: Any, labeled: Sequence[tuple[str, Level]]) -> None:
    """The C maps of some levels, colored in their order."""
    from matplotlib import colormaps

    for place, (label, level) in zip(np.linspace(0.1, 0.9, len(labeled)), labeled, strict=True):
        color = colormaps["viridis"](place)
        # matplotlib hides labels that start with an underscore.
        axes.plot(COSINES, level.c_map, "o-", ms=3, color=color, label=f" {label}")
    axes.set(xlabel="cosine of the inputs", ylabel="cosine at the node", ylim=(-1.05, 1.05))


def profiles(levels: Sequence[Level]) -> Panel:
    """Slope, q value and gradients along the graph."""
    shown = thinned(by_depth(levels), _MOST_POINTS)

    def draw(axes: Any) -> None:
        for label, values in (
            ("C_f'(1)", [level.slope for level in shown]),
            ("q value", [level.q for level in shown]),
            ("gradient's mean square", [level.backward for level in shown]),
        ):
            visible = positive(values)
            if np.isfinite(visible).any():
                axes.plot([level.depth for level in shown], visible, label=label)
        axes.set(xlabel="nonlinearities passed", yscale="log")

    end = levels[-1]
    told = (
        f"Along the graph: the slope C_f'(1), which ends at {number(end.slope)}, and the q value, "
        f"which ends at {end.q:.4g}."
    )
    if np.isfinite(levels[0].backward):
        told += (
            " The gradient's mean square at the input is "
            f"{levels[0].backward:.4g} times that at the output."
        )
    return Panel("Slope, q value and gradient along the graph", told, draw)


def compared_maps(ends: Mapping[str, Level]) -> Panel:
    """C maps of the outputs of several networks."""
    parts = [
        f"{name}: unrelated inputs end at {cosine(end.c_at_zero)}" for name, end in ends.items()
    ]

    def draw(axes: Any) -> None:
        curves(axes, list(ends.items()))

    told = f"Cosine similarity of the outputs against that of the inputs. {'; '.join(parts)}."
    return Panel("C maps of the outputs", told, draw)


def compared_slopes(networks: Mapping[str, Sequence[Level]]) -> Panel:
    """Slopes along the graphs of several networks, by the share of their depth."""

    def draw(axes: Any) -> None:
        for name, levels in networks.items():
            shown, end = thinned(by_depth(levels), _MOST_POINTS), max(levels[-1].depth, 1)
            share = [level.depth / end for level in shown]
            axes.plot(share, positive([level.slope for level in shown]), label=f" {name}")
        axes.set(xlabel="share of the nonlinearities", ylabel="C_f'(1)", yscale="log")

    parts = [f"{name}: {levels[-1].slope:.4g} at the end" for name, levels in networks.items()]
    told = f"The slope C_f'(1) along the graphs, on a logarithmic axis. {'; '.join(parts)}."
    return Panel("Slopes along the graphs", told, draw)


def positive(values: Any) -> np.ndarray:
    """Gaps where a logarithmic axis cannot show what has underflowed or overflowed."""
    found = np.array(values)
    # The margins of an axis, a factor beyond the values, must be floats as well.
    return np.where((found > 1e-250) & (found < 1e250), found, np.nan)


def ring(level: Level, ntk: np.ndarray | None) -> Panel | None:
    """Kernel matrices of inputs on a circle; None where there is nothing finite to show."""
    matrices = [("NNGP, over its diagonal", around(level.c_map))]
    if ntk is not None and np.isfinite(ntk).all() and ntk[-1] > 0:
        matrices.append(("NTK, over its diagonal", around(ntk / ntk[-1])))
    if not np.isfinite(level.c_map).all():
        return None

    def draw(*axes: Any) -> None:
        for each, (label, matrix) in zip(axes, matrices, strict=True):
            low = min(0.0, float(matrix.min()))
            image = each.imshow(
                matrix, cmap="viridis", vmin=low, vmax=1, extent=(0, 360, 360, 0), origin="upper"
            )
            each.set(xticks=(0, 180, 360), yticks=(0, 180, 360), title=label, xlabel="angle")
            each.figure.colorbar(image, ax=each, shrink=0.7)

    told = (
        f"Kernel matrices at {level.node} of inputs on a circle, by their angles in degrees, "
        "interpolated between nine cosines. A bright diagonal alone: the network tells an input "
        "from all others and knows no likeness; one color: it tells no input from another."
    )
    return Panel("Kernels of inputs on a circle", told, draw, len(matrices))


def spectra(found: Sequence[Spectrum]) -> Panel | None:
    """Power of the Hermite degrees of activations; None without any."""
    if not found:
        return None

    def draw(axes: Any) -> None:
        for i, spectrum in enumerate(found):
            degrees = np.arange(len(spectrum.power))
            axes.plot(
                degrees, positive(spectrum.power), "o", ms=4 - 0.3 * i, label=f" {spectrum.name}"
            )
        axes.set(xlabel="degree k", ylabel="a_k² / Q(1)", yscale="log", ylim=(1e-8, 2))

    parts = [f"{s.name}: {s.power[0]:.3g} constant, {s.power[1]:.3g} linear" for s in found]
    told = (
        "Squared Hermite coefficients of the activations over Q(1), which are the power series of "
        f"their C maps at q = 1. {'; '.join(parts)}."
    )
    return Panel("Hermite spectra of the activations", told, draw)


def finite(measured: FiniteWidth) -> Panel:
    """Cosines and q values of finite networks beside the derived ones."""

    def draw(left: Any, right: Any) -> None:
        depth = [level.depth for level in measured.levels]
        for i, place in enumerate(_FOLLOWED):
            derived = [level.c_map[place] for level in measured.levels]
            left.plot(depth, derived, color=f"C{i}", label=f"c = {COSINES[place]:g}")
            left.errorbar(
                depth,
                measured.c_map[:, place],
                measured.c_spread[:, place],
                fmt="o",
                ms=3,
                color=f"C{i}",
            )
        left.set(xlabel="nonlinearities passed", ylabel="cosine at the node", ylim=(-1.05, 1.05))
        right.plot(depth, positive([level.q for level in measured.levels]), label="derived")
        right.plot(depth, positive(measured.q), "o", ms=3, label="measured")
        right.set(xlabel="nonlinearities passed", ylabel="q value", yscale="log")

    told = (
        f"Lines: derived, for infinite width. Dots: means over {measured.samples} networks of the "
        "widths given, with the standard deviation over them. Narrow outputs vary most. Largest "
        f"difference of a mean cosine: {measured.gap:.3g}."
    )
    return Panel("Finite width beside derived", told, draw, 2)
