"""Draws the figures of the theory pages: `.venv/bin/python docs/make_figures.py [NAME ...]`.

Each figure has a function of the same name as its file. Random numbers have fixed seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib


matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np

import kernelc as kc
from kernelc.activations import named
from kernelc.gaussian import hermite_coefficients


FOLDER = Path(__file__).parent / "theory" / "figures"
COSINES = np.linspace(-1, 1, 81)
Axes = Any


def chain(activation: Any, depth: int, **dense: Any) -> kc.Network:
    """A dense net of `depth` equal nonlinear layers."""
    layer = activation if isinstance(activation, kc.Activation) else kc.Activation(activation)
    x = kc.Input((64,))
    block = kc.chain(kc.Dense(64, **dense), layer)
    return kc.Network(x, kc.chain(kc.repeat(block, depth), kc.Dense(10))(x))


def values(network: Any, field: str = "c", q: float = 1.0, **others: Any) -> np.ndarray:
    """One field of the derived kernel at all `COSINES`."""
    kernel = kc.derive(getattr(network, "network", network), q=q)
    return np.array([getattr(kernel.evaluate(c=float(c), **others), field) for c in COSINES])


def curve(axes: Axes, y: np.ndarray, label: str) -> None:
    axes.plot(COSINES, y, label=label)


def frame(axes: Axes, title: str, x: str = "c of the inputs", y: str = "c of the outputs") -> None:
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def random_relu(width: int, depth: int, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """q and c values of two inputs (c = 0.5) after random ReLU layers of He weights."""
    rng = np.random.default_rng(seed)
    pair = np.zeros((draws, width, 2))
    pair[:, 0] = np.sqrt(width) * np.array([1.0, 0.5])
    pair[:, 1, 1] = np.sqrt(width) * np.sqrt(0.75)
    for _ in range(depth):
        weights = rng.normal(scale=np.sqrt(2 / width), size=(draws, width, width))
        pair = np.maximum(weights @ pair, 0)
    gram = np.swapaxes(pair, 1, 2) @ pair / width
    return gram[:, 0, 0], gram[:, 0, 1] / np.sqrt(gram[:, 0, 0] * gram[:, 1, 1])


def q_and_c_values(left: Axes, right: Axes) -> None:
    expected = kc.derive(chain("relu", 3, weight_std=2**0.5), q=1).evaluate(c=0.5)
    widths = (16, 32, 64, 128, 256)
    found = [random_relu(width, 3, 60, seed=1) for width in widths]
    for axes, part, line in ((left, 0, 1.0), (right, 1, expected.c)):
        for width, pair in zip(widths, found, strict=True):
            axes.plot([width] * 60, pair[part], ".", color="C0", alpha=0.4)
        axes.axhline(line, color="C3", label="derived")
        axes.set_xscale("log", base=2)
    frame(left, "q value after three ReLU layers", "width", "q")
    frame(right, "c value of two inputs with c = 0.5", "width", "c")


def duals(left: Axes, right: Axes) -> None:
    for name in ("relu", "erf", "tanh", "gelu", "sin", "sigmoid"):
        curve(left, values(chain(name, 1)), name)
    for shift, name in enumerate(("relu", "erf", "gelu")):
        squares = hermite_coefficients(named(name), 9) ** 2
        right.bar(np.arange(9) + 0.27 * (shift - 1), squares / squares.sum(), 0.27, label=name)
    frame(left, "C maps of one layer")
    frame(right, "their power series", "power of c", "coefficient (of the first nine)")


def q_maps(left: Axes, right: Axes) -> None:
    q = np.linspace(0.01, 4, 60)
    for std in (0.8, 1.0, 1.5, 2.0):
        kernel = kc.derive(chain("erf", 1, weight_std=std))
        left.plot(q, [kernel.evaluate(c=1.0, q=v).q for v in q], label=f"weight_std {std}")
    left.plot(q, q, "k:", linewidth=1)
    for name, std in (("erf", 1.5), ("tanh", 1.5), ("relu", 2**0.5), ("relu", 1.3)):
        steps = [kc.derive(chain(name, depth, weight_std=std), q=4) for depth in range(1, 25)]
        right.plot([4.0, *(k.evaluate(c=1.0).q for k in steps)], label=f"{name}, {std:.3g}")
    frame(left, "Q maps of erf layers and the line q = q", "q of the input", "q of the output")
    frame(right, "q values from q = 4 on", "layers", "q")


def c_maps(left: Axes, right: Axes) -> None:
    for depth in (1, 3, 10, 30):
        curve(left, values(chain("relu", depth)), f"{depth} layers")
        curve(right, values(chain("erf", depth, weight_std=2.5)), f"{depth} layers")
    frame(left, "ReLU: collapse")
    frame(right, "erf, weight_std 2.5: explosion")


def gradients(left: Axes, right: Axes) -> None:
    shaped = kc.shape(chain("erf", 30), kc.DKS(), rewrite=True)
    for label, network in (
        ("ReLU", chain("relu", 30, weight_std=2**0.5)),
        ("erf, weight_std 2.5", chain("erf", 30, weight_std=2.5)),
        ("erf, shaped by DKS", shaped),
    ):
        theta = values(network, "ntk")
        curve(left, theta / theta[-1], label)
    depths = range(1, 61)
    for name, std in (("relu", 2**0.5), ("erf", 1.0), ("erf", 1.5), ("erf", 2.5)):
        slopes = [kc.diagnose(chain(name, 60, weight_std=std)).levels]
        points = [(level.depth, level.slope) for level in slopes[0] if level.depth in depths]
        right.semilogy(*zip(*points, strict=True), label=f"{name}, {std:.3g}")
    frame(left, "NTK at depth 30, divided by its value at c = 1", y="Theta(c) / Theta(1)")
    frame(right, "slope of the C map", "layers", "C_f'(1)")


def residual_net(weight: float | None, depth: int = 50) -> kc.Network:
    """Residual blocks of one ReLU layer with He weights."""
    x = kc.Input((64,))
    branch = kc.chain(kc.Activation("relu"), kc.Dense(64, weight_std=2**0.5))
    block = kc.residual(branch, weight)
    return kc.Network(x, kc.chain(kc.Dense(64), kc.repeat(block, depth), kc.Dense(10))(x))


def sums(left: Axes, right: Axes) -> None:
    for weight in (0.0, 0.5, 0.8, 0.9, 0.95):
        curve(left, values(residual_net(weight)), f"w = {weight}")
    for weight in (0.0, 0.8, 0.9, 0.95):
        kernel = kc.derive(residual_net(weight), q=1)
        psi = np.linspace(1, 1.1, 40)
        mu = [float(kernel.max_slope.subs(kernel.psi, value)) for value in psi]
        right.semilogy(psi, mu, label=f"w = {weight}")
    frame(left, "50 ReLU blocks with shortcut weight w")
    frame(right, "maximal slope of the same nets", "psi", "mu(psi)")


def normalization(left: Axes, right: Axes) -> None:
    x = kc.Input((64,))
    norms = {"none": (), "layer norm": (kc.LayerNorm(),), "batch norm": (kc.BatchNorm(),)}
    for axes, weight in ((left, 0.0), (right, None)):
        for name, norm in norms.items():
            branch = kc.chain(*norm, kc.Activation("relu"), kc.Dense(64, weight_std=2**0.5))
            block = branch if weight == 0 else kc.residual(branch)
            whole = kc.chain(kc.Dense(64), kc.repeat(block, 20), kc.Dense(10))
            more: dict[str, Any] = {"c_b": 0.0} if name == "batch norm" else {}
            curve(axes, values(kc.Network(x, whole(x)), **more), name)
    frame(left, "20 ReLU layers")
    frame(right, "20 residual ReLU blocks, plain sums")


def dks(left: Axes, right: Axes) -> None:
    u = np.linspace(-4, 4, 200)
    for zeta in (1.1, 1.5, 3.0):
        shaped = kc.shape(chain("sigmoid", 50), kc.DKS(zeta=zeta), rewrite=True)
        curve(left, values(shaped), f"zeta = {zeta}")
        t = shaped.transforms["sigmoid"]
        inner = 1 / (1 + np.exp(-(t.alpha * u + t.beta)))
        right.plot(u, t.gamma * (inner + t.delta), label=f"zeta = {zeta}")
    right.plot(u, 1 / (1 + np.exp(-u)), "k:", label="as it was")
    frame(left, "50 sigmoid layers, shaped")
    frame(right, "the sigmoid of each layer", "u", "transformed phi(u)")


def tat(left: Axes, right: Axes) -> None:
    for eta in (0.5, 0.8, 0.9, 0.95):
        shaped = kc.shape(chain("leaky_relu", 50), kc.TAT(eta=eta), rewrite=True)
        curve(left, values(shaped), f"eta = {eta}")
    for tau in (0.1, 0.3, 1.0):
        shaped = kc.shape(chain("tanh", 50), kc.TAT(tau=tau), rewrite=True)
        curve(right, values(shaped), f"tau = {tau}")
    frame(left, "50 leaky ReLU layers, TAT(eta)")
    frame(right, "50 tanh layers, TAT(tau)")


def finite_width(left: Axes, right: Axes) -> None:
    widths, depths = (32, 64, 128), (2, 4, 8, 16)
    for width in widths:
        spread = [np.log(random_relu(width, d, 200, seed=d)[0]).var() for d in depths]
        left.plot(np.array(depths) / width, spread, "o-", label=f"width {width}")
    ratio = np.array([0, 0.5])
    left.plot(ratio, 5 * ratio, "k:", label="5 depth / width")
    kernels = [kc.derive(chain("relu", d, weight_std=2**0.5), q=1) for d in depths]
    derived = [kernel.evaluate(c=0.5).c for kernel in kernels]
    right.plot(depths, derived, "k:", label="derived")
    for width in widths:
        found = [random_relu(width, d, 200, seed=d)[1] for d in depths]
        means, deviations = [f.mean() for f in found], [f.std() for f in found]
        right.errorbar(depths, means, deviations, fmt="o-", capsize=3, label=f"width {width}")
    frame(left, "variance of log q over draws of ReLU nets", "depth / width", "variance")
    frame(right, "c value (mean and deviation)", "layers", "c")


def known_results(left: Axes, right: Axes) -> None:
    x, squares = kc.Input((64,)), np.linspace(0.8, 3.2, 49)
    for bias in (0.01, 0.05, 0.2):
        scales = []
        for square in squares:
            dense = kc.Dense(64, weight_std=float(square**0.5), bias_std=bias**0.5)
            layer = kc.chain(dense, kc.Activation("tanh"))
            scales.append(float(kc.derive(kc.Network(x, layer(x))).depth_scales().xi_c))
        left.plot(squares, scales, label=f"bias variance {bias}")
    left.set_ylim(0, 80)
    edges = [kc.shape(chain("tanh", 2), kc.EdgeOfChaos(q=q)) for q in np.geomspace(0.05, 2, 25)]
    weights = [edge.weight_std**2 for edge in edges]
    right.plot(weights, [edge.bias_std**2 for edge in edges], "k", label="edge of chaos")
    right.plot([1.76], [0.05], "o", label="of the paper")
    right.text(1.2, 0.3, "ordered")
    right.text(2.2, 0.05, "chaotic")
    frame(left, "depth scale of cosines, tanh", "weight variance", "xi_c")
    frame(right, "phases of tanh networks", "weight variance", "bias variance")


FIGURES: tuple[Callable[[Axes, Axes], None], ...] = (
    q_and_c_values,
    duals,
    q_maps,
    c_maps,
    gradients,
    sums,
    normalization,
    dks,
    tat,
    finite_width,
    known_results,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draws the figures that are named, or all of them."""
    names = {draw.__name__: draw for draw in FIGURES}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or names:
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
        names[name](left, right)
        figure.savefig(options.out / f"{name}.png", dpi=100, metadata={"Software": None})
        plt.close(figure)
        print(options.out / f"{name}.png")


if __name__ == "__main__":
    main()
