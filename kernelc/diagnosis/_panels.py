"""The pictures of a diagnosis: each draws into axes and says in words what it shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from .._errors import KernelcError
from ..gaussian import hermite_coefficients, moments
from ..ir import Network
from ..numeric import TokenLevel
from ._finite import FiniteWidth
from ._profile import COSINES, Level, by_depth, number, rounded, thinned


if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CURVES = 7
_MOST_POINTS = 300
_POINTS = 72
_DEGREES, _MOST_SPECTRA = 24, 6
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

    def draw(axes: Axes) -> None:
        curves(axes, [(f"depth {level.depth}", level) for level in shown])

    end = levels[-1]
    told = (
        f"Cosine similarity at {len(shown)} depths against that of the inputs; "
        f"at {end.node}, unrelated inputs end at {number(rounded(end.c_at_zero))}."
    )
    return Panel("C maps by depth", told, draw)


def curves(axes: Axes, labeled: Sequence[tuple[str, Level]]) -> None:
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

    def draw(axes: Axes) -> None:
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


def token_profiles(levels: Sequence[TokenLevel]) -> Panel | None:
    """Cosines and q values of the locations of one input along the graph; None without any."""
    if not levels:
        return None
    shown = thinned(levels, _MOST_POINTS)

    def draw(left: Axes, right: Axes) -> None:
        places = range(len(shown))
        left.plot(places, [level.mean_cosine for level in shown], label="mean over pairs")
        left.plot(places, [level.end_cosine for level in shown], label="first and last")
        left.set(xlabel="nodes passed", ylabel="cosine of two tokens", ylim=(-1.05, 1.05))
        for place, level in zip((0.1, 0.5, 0.9), thinned(shown, 3), strict=False):
            right.plot(positive(level.q), label=f" {level.node}", alpha=0.4 + place / 2)
        right.set(xlabel="location", ylabel="q value", yscale="log")

    end = levels[-1]
    told = (
        f"Locations of one input. Left: cosines along the graph; two tokens end at "
        f"{number(end.mean_cosine)} on average. Right: q values by location, at {end.node} between "
        f"{number(float(np.min(end.q)))} and {number(float(np.max(end.q)))}."
    )
    return Panel("Tokens of one input", told, draw, 2)


def compared_maps(ends: Mapping[str, Level]) -> Panel:
    """C maps of the outputs of several networks."""
    parts = [
        f"{name}: unrelated inputs end at {number(rounded(end.c_at_zero))}"
        for name, end in ends.items()
    ]

    def draw(axes: Axes) -> None:
        curves(axes, list(ends.items()))

    told = f"Cosine similarity of the outputs against that of the inputs. {'; '.join(parts)}."
    return Panel("C maps of the outputs", told, draw)


def compared_slopes(networks: Mapping[str, Sequence[Level]]) -> Panel:
    """Slopes along the graphs of several networks, by the share of their depth."""

    def draw(axes: Axes) -> None:
        for name, levels in networks.items():
            shown, end = thinned(by_depth(levels), _MOST_POINTS), max(levels[-1].depth, 1)
            share = [level.depth / end for level in shown]
            axes.plot(share, positive([level.slope for level in shown]), label=f" {name}")
        axes.set(xlabel="share of the nonlinearities", ylabel="C_f'(1)", yscale="log")

    parts = [f"{name}: {levels[-1].slope:.4g} at the end" for name, levels in networks.items()]
    told = f"The slope C_f'(1) along the graphs, on a logarithmic axis. {'; '.join(parts)}."
    return Panel("Slopes along the graphs", told, draw)


def positive(values: ArrayLike) -> np.ndarray:
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

    def draw(*axes: Axes) -> None:
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


def spectra(network: Network) -> Panel | None:
    """Squared Hermite coefficients of activations over Q(1); None without any."""
    found = hermite_power(network)
    if not found:
        return None

    def draw(axes: Axes) -> None:
        for i, (name, power) in enumerate(found):
            shown = positive(power)
            axes.plot(np.arange(len(shown)), shown, "o", ms=4 - 0.3 * i, label=f" {name}")
        axes.set(xlabel="degree k", ylabel="a_k² / Q(1)", yscale="log", ylim=(1e-8, 2))

    parts = [f"{name}: {p[0]:.3g} constant, {p[1]:.3g} linear" for name, p in found]
    told = (
        "Squared Hermite coefficients of the activations over Q(1), which are the power series of "
        f"their C maps at q = 1. {'; '.join(parts)}."
    )
    return Panel("Hermite spectra of the activations", told, draw)


def hermite_power(network: Network) -> list[tuple[str, Float64[np.ndarray, " degrees"]]]:
    """a_k² / Q(1), the power series of the C map at q = 1, of distinct activations, six at most.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> net = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("identity"))(x))
        >>> hermite_power(net)[0][1][:3].round(12).tolist()
        [0.0, 1.0, 0.0]
    """
    found: list[tuple[str, np.ndarray]] = []
    for phi in dict.fromkeys(node.layer.nonlinearity() for node in network):
        if phi is None or len(found) == _MOST_SPECTRA:
            continue
        try:
            power = hermite_coefficients(phi, _DEGREES) ** 2 / moments(phi, 1.0).second
        except KernelcError:
            # Constants that are symbols, or no finite Q(1): the findings say so.
            continue
        found.append((phi.name, power))
    return found


def finite(measured: FiniteWidth) -> Panel:
    """Cosines and q values of finite networks beside the derived ones."""

    def draw(left: Axes, right: Axes) -> None:
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


def around(kernel: Float64[np.ndarray, " cosines"]) -> Float64[np.ndarray, "points points"]:
    """K(cos(t_i - t_j)) for points at equal angles t on a circle.

    Between the cosines the kernel is interpolated in the angle, in which it is even about 0
    and about pi, so its slope is zero there: the values beyond are mirror images.

    Example:
        >>> matrix = around(COSINES)
        >>> matrix.shape, float(matrix[0, 0]), float(matrix[0, 36])
        ((72, 72), 1.0, -1.0)
    """
    angles, values = np.arccos(COSINES[::-1]), kernel[::-1]
    mirrored = np.concatenate([-angles[:0:-1], angles, 2 * np.pi - angles[-2::-1]])
    curve = PchipInterpolator(mirrored, np.concatenate([values[:0:-1], values, values[-2::-1]]))
    steps = np.arange(_POINTS)
    apart = np.abs(steps[:, None] - steps) % _POINTS
    # The shorter way round, so that the matrix is symmetric to the last digit.
    apart = np.minimum(apart, _POINTS - apart)
    return curve(2 * np.pi / _POINTS * np.arange(_POINTS // 2 + 1))[apart]
