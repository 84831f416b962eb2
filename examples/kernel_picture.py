"""Draws kernel matrices of 200 digits after 1,000 layers, untreated and shaped."""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import kernelc as kc


DEPTH, DIGITS = 1000, 200
KINDS = {"NNGP cosine": "cosine of two outputs (NNGP)", "NTK": "NTK, relative to its diagonal"}

Matrices = dict[str, np.ndarray]


def main(argv: Sequence[str] | None = None) -> dict[str, Matrices]:
    """Draws the picture; returns cosines and NTK by net."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--activation", default="sigmoid", help="any registered name")
    parser.add_argument("--out", default="out/kernel_1000.png", help="file of the picture")
    parser.add_argument("--smoke", action="store_true", help="shallow nets, to test the script")
    options = parser.parse_args(argv)
    depth, name = 10 if options.smoke else DEPTH, options.activation

    net = _net(name, depth)
    networks = {
        "ReLU, He weights": _net("relu", depth, math.sqrt(2)),
        f"{name}, untreated": net,
        f"{name}, shaped": kc.shape(net, kc.DKS(zeta=1.5), rewrite=True),
    }
    x, starts = _digits()
    found = {}
    for label, network in networks.items():
        k = kc.kernel_fn(network)
        found[label] = _matrices(k, x)
        for kind, matrix in found[label].items():
            between = matrix[~np.eye(len(matrix), dtype=bool)]
            print(f"{label:<20} {kind:<12} {between.min():>9.6f} to {between.max():.6f}")
        print(k.explain())
    path = Path(options.out)
    path.parent.mkdir(parents=True, exist_ok=True)
    _draw(path, found, starts, f"{DIGITS} digits sorted by class, after {depth:,} layers")
    print(f"picture: {path}")
    return found


def _digits() -> tuple[np.ndarray, list[int]]:
    """Digits sorted by class, and the first index of each class."""
    data = kc.data.digits(flat=True).subset(DIGITS)
    order = np.argsort(data.train_y, kind="stable")
    starts = [int(i) for i in np.searchsorted(data.train_y[order], range(data.classes + 1))]
    return data.train_x[order].astype(np.float64), starts


def _net(activation: str, depth: int, weight_std: float = 1.0) -> kc.Network:
    x = kc.Input((64,))
    block = kc.chain(kc.Dense(64, weight_std=weight_std), kc.Activation(activation))
    layers = kc.chain(kc.PLN(), kc.repeat(block, depth), kc.Dense(10))
    return kc.Network(x, layers(x), name=f"{activation}-{depth}")


def _matrices(k: kc.KernelFunction, x: np.ndarray) -> Matrices:
    """The cosine of the outputs, and the NTK divided by its diagonal."""
    found = k(x)
    return {"NNGP cosine": _scaled(found.nngp), "NTK": _scaled(found.ntk)}


def _scaled(matrix: object) -> np.ndarray:
    values = np.asarray(matrix)
    size = np.sqrt(values.diagonal())
    return values / (size[:, None] * size)


def _draw(path: Path, found: dict[str, Matrices], starts: list[int], title: str) -> None:
    figure = Figure(figsize=(10.2, 6.6), dpi=85, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.subplots(2, len(found), sharex=True, sharey=True)
    for row, (kind, words) in zip(grid, KINDS.items(), strict=True):
        least = min(0.0, *(float(matrices[kind].min()) for matrices in found.values()))
        images = []
        for axes, matrices in zip(row, found.values(), strict=True):
            images.append(axes.imshow(matrices[kind], cmap="viridis", vmin=least, vmax=1))
            _mark_classes(axes, starts)
        row[0].set_ylabel("class")
        figure.colorbar(images[-1], ax=list(row), pad=0.02).set_label(words, fontsize=11)
    for axes, name in zip(grid[0], found, strict=True):
        axes.set_title(name, fontsize=12)
    for axes in grid[-1]:
        axes.set_xlabel("class")
    figure.suptitle(title, fontsize=13)
    canvas.draw()
    # 256 colors look the same and reduce the file to a third.
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.quantize(256, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)


def _mark_classes(axes, starts: list[int]) -> None:
    for edge in starts[1:-1]:
        axes.axhline(edge - 0.5, color="white", lw=0.6, alpha=0.7)
        axes.axvline(edge - 0.5, color="white", lw=0.6, alpha=0.7)
    centers = [(a + b - 1) / 2 for a, b in itertools.pairwise(starts)]
    names = [str(i) for i in range(len(centers))]
    axes.set_xticks(centers, names)
    axes.set_yticks(centers, names)
    axes.tick_params(length=0)


if __name__ == "__main__":
    main()
