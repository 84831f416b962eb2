"""Derives, shapes and trains a 100-layer net without skips or normalization layers.

Prints the formulas, the solved constants, and test accuracies of the untreated and the shaped net
at five learning rates. Draws a figure of C maps and losses.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
import optax
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import kernelc as kc
import nets


RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
HELD_OUT = 300  # held-out training examples, which choose the learning rate
NAMES = ("untreated", "shaped")
COLOURS = {"untreated": "#b2442f", "shaped": "#1f5f99"}

Runs = dict[float, kc.FitResult]


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Runs the pipeline; returns the test accuracy of each net at the rate chosen by validation."""
    options = _options(argv)
    start = time.perf_counter()
    net = nets.mlp(options.depth, options.width, 10, (64,), options.activation)

    _title(f"1. The kernel of {net.name}, {options.activation}, derived")
    kernel = kc.derive(net)
    print(kernel)
    print(f"  mu(psi) = {kernel.max_slope}")

    _title("2. The same net shaped: constants solved and certified")
    shaped = kc.shape(net, kc.DKS(zeta=1.5), rewrite=True)
    print(shaped)
    print(kc.derive(shaped))

    _title("3. What 100 layers leave of the angle between two inputs")
    transformed = next(
        node.layer for node in shaped.network if isinstance(node.layer, kc.Activation)
    )
    layers = {"untreated": options.activation, "shaped": transformed}
    curves = {name: _c_maps(layers[name], options.depths, options.points) for name in NAMES}
    for name in NAMES:
        low, high = curves[name][options.depth][[0, -1]]
        print(f"  {name:<10} c from -1 to 1 becomes {low:.6f} to {high:.6f}")

    _title(f"4. Both trained: Adam, {options.steps} steps of 128 digits, five learning rates")
    data = kc.data.digits(flat=True)
    networks = {"untreated": net, "shaped": shaped}
    runs = {name: _sweep(networks[name], data, options) for name in NAMES}
    best = {name: _chosen(runs[name]) for name in NAMES}
    accuracy = _report(runs, best, data)

    path = Path(options.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    _draw(path, curves, runs, best, accuracy)
    print(f"\nfigure: {path}   ({time.perf_counter() - start:.0f} s in all)")
    return accuracy


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--activation", default="sigmoid", help="any registered name")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", default="out/quickstart.png", help="file of the figure")
    parser.add_argument("--smoke", action="store_true", help="a small net, to test the script")
    options = parser.parse_args(argv)
    options.depth, options.width, options.points, options.rates = 100, 96, 25, RATES
    options.depths = (1, 3, 10, 30, 100)
    if options.smoke:
        options.depth, options.width, options.points, options.rates = 12, 32, 5, RATES[3:4]
        options.depths, options.steps = (1, 12), min(options.steps, 60)
    return options


def _c_maps(activation: str | kc.Activation, depths: Sequence[int], points: int) -> dict:
    """C_f at cosines from -1 to 1, for nets of growing depth."""
    cosines = np.linspace(-1, 1, points)
    maps = {}
    for depth in depths:
        kernel = kc.derive(nets.mlp(depth, 64, 10, (64,), activation))
        maps[depth] = np.array([kernel.evaluate(c).c for c in cosines])
    return maps


def _sweep(network: kc.Network | kc.ShapedNetwork, data: kc.data.Dataset, options) -> Runs:
    """One run at every rate, on the training part without the held-out examples."""
    fitted = (data.train_x[:-HELD_OUT], data.train_y[:-HELD_OUT])
    held_out = (data.train_x[-HELD_OUT:], data.train_y[-HELD_OUT:])
    return kc.learning_rate_sweep(
        kc.lower(network, key=jax.random.key(0)),
        (*fitted, *held_out),
        options.rates,
        optax.adam,
        steps=options.steps,
        batch_size=128,
    )


def _chosen(runs: Runs) -> float:
    """The rate with the best accuracy on the held-out examples."""

    def held_out_accuracy(rate: float) -> float:
        run = runs[rate]
        return -1.0 if run.diverged or run.test is None else run.test.accuracy

    return max(runs, key=held_out_accuracy)


def _report(
    runs: dict[str, Runs], best: dict[str, float], data: kc.data.Dataset
) -> dict[str, float]:
    """Prints test accuracies; returns those at the chosen rates."""
    chosen = {}
    heads = "".join(f"{rate:>9g} " for rate in runs["shaped"])
    print(f"  {'learning rate':<14}{heads}".rstrip())
    for name in NAMES:
        test = {
            rate: kc.evaluate(run.model, data.test_x, data.test_y).accuracy
            for rate, run in runs[name].items()
        }
        cells = (f"{x:.1%}{'*' if rate == best[name] else ' '}" for rate, x in test.items())
        print((f"  {name:<14}" + "".join(f"{cell:>10}" for cell in cells)).rstrip())
        chosen[name] = test[best[name]]
    print(f"  test accuracy; * the rate that did best on {HELD_OUT} held-out training examples")
    return chosen


def _draw(
    path: Path,
    curves: dict[str, dict[int, np.ndarray]],
    runs: dict[str, Runs],
    best: dict[str, float],
    accuracy: dict[str, float],
) -> None:
    figure = Figure(figsize=(12, 4), layout="constrained")
    FigureCanvasAgg(figure)
    *maps, losses = figure.subplots(1, 3)
    for axes, name in zip(maps, NAMES, strict=True):
        _draw_maps(axes, name, curves[name])
    for name in NAMES:
        for rate, run in runs[name].items():
            smooth, is_best = _smoothed(run.losses), rate == best[name]
            label = f"{name}, rate {rate:g}: {accuracy[name]:.1%} on test" if is_best else None
            width, alpha = (1.8, 1.0) if is_best else (0.9, 0.35)
            steps = np.arange(1, len(smooth) + 1)
            losses.plot(steps, smooth, color=COLOURS[name], lw=width, alpha=alpha, label=label)
    losses.set(title="training loss, all learning rates", xlabel="step", yscale="log")
    low, high = losses.get_ylim()
    losses.set_ylim(low, high * (high / low) ** 0.25)  # room for the legend above the curves
    losses.legend(frameon=False, loc="upper right", fontsize=9)
    figure.savefig(path, dpi=150)


def _draw_maps(axes, name: str, maps: dict[int, np.ndarray]) -> None:
    for i, (depth, values) in enumerate(maps.items()):
        cosines = np.linspace(-1, 1, len(values))
        shade = 0.25 + 0.75 * (i + 1) / len(maps)
        label = f"{depth} layer{'' if depth == 1 else 's'}"
        axes.plot(cosines, values, color=COLOURS[name], alpha=shade, lw=1.6, label=label)
    axes.plot([-1, 1], [-1, 1], color="0.7", lw=0.8, ls="--", zorder=0)
    axes.set(
        title=f"C map, {name}", xlabel="cosine of two inputs", xlim=(-1, 1), ylim=(-1.05, 1.05)
    )
    axes.set_ylabel("cosine of their images")
    axes.legend(frameon=False, loc="lower right")


def _smoothed(losses: np.ndarray, window: int = 10) -> np.ndarray:
    window = min(window, len(losses))
    return np.convolve(losses, np.full(window, 1 / window), mode="valid")


def _title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


if __name__ == "__main__":
    main()
