"""Kernel regression with infinitely wide 100-layer nets, shaped and untreated.

Prints the method of each kernel and the test accuracies of the NNGP and the NTK on scikit-learn's
digits and, if its files are on this machine, on Fashion-MNIST. Inputs are normalized (PLN) for all
nets. The ridge minimizes the exact leave-one-out error.
"""

from __future__ import annotations

import argparse
import functools
import math
import time
from collections.abc import Sequence
from typing import Literal

import numpy as np

import kernelc as kc


Part = Literal["nngp", "ntk"]

PARTS: tuple[Part, ...] = ("nngp", "ntk")
RIDGES = (0.0, *(10.0**power for power in range(-11, 1)))  # parts of the kernel's diagonal
TIMES = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
# Name, untreated activation and its weights, shaped activation and its target.
CASES = {
    "relu": ("relu", math.sqrt(2), "leaky_relu", kc.TAT(eta=0.9)),
    "tanh": ("tanh", 1.0, "tanh", kc.DKS(zeta=1.5)),
    "sigmoid": ("sigmoid", 1.0, "sigmoid", kc.DKS(zeta=1.5)),
}

Accuracies = dict[tuple[str, str, str, str], float]


def main(argv: Sequence[str] | None = None) -> Accuracies:
    """Runs all cases; returns test accuracy by data set, activation, net and kernel."""
    options = _options(argv)
    found: Accuracies = {}
    for name in options.data:
        start = time.process_time()
        data = _data(name, options)
        if data is None:
            continue
        _title(f"{data.name}: {len(data.train_x):,} to train on, {len(data.test_x):,} to test")
        explained = []
        print(f"  {'activation':<11}{'net':<11}{'kernel':<8}{'ridge':>8}{'accuracy':>10}")
        for activation in options.activations:
            for net, network in _networks(activation, options.depth, data).items():
                k = kc.kernel_fn(network)
                explained.append(k)
                for part in PARTS:
                    ridge, accuracy = _regression(k, part, data, options)
                    found[data.name, activation, net, part] = accuracy
                    line = f"  {activation:<11}{net:<11}{part:<8}{ridge:>8.0g}{accuracy:>10.2%}"
                    print(line, flush=True)
        seconds = time.process_time() - start
        print(f"  ridge as a part of the kernel's diagonal; {seconds:.0f} s of CPU time")
        if name == options.data[0]:
            print("", *(k.explain() for k in explained), sep="\n")
    _flow(options)
    return found


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["digits", "fashion-mnist"])
    parser.add_argument("--data-dir", help="folder with the files of Fashion-MNIST")
    parser.add_argument("--activations", nargs="+", choices=tuple(CASES), default=["relu", "tanh"])
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--train", type=int, default=4000, help="most training examples")
    parser.add_argument("--chosen-on", type=int, default=1000, help="examples for choosing a ridge")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    parser.add_argument("--smoke", action="store_true", help="few examples, to test the script")
    options = parser.parse_args(argv)
    if options.smoke:
        options.data, options.activations = ["digits"], ["tanh"]
        options.depth, options.train, options.chosen_on = 12, 300, 100
    return options


def _data(name: str, options: argparse.Namespace) -> kc.data.Dataset | None:
    """The data set with its examples as vectors; prints a message and returns None if missing."""
    if name == "digits":
        found = kc.data.digits(flat=True)
    else:
        try:
            found = kc.data.fashion_mnist(options.data_dir).flat()
        except kc.DataError as error:
            _title("fashion-mnist is not on this machine")
            print(f"  {error}\n  On Debian and Ubuntu: apt-get install dataset-fashion-mnist")
            return None
    return found.subset(min(options.train, len(found.train_x)))


def _networks(
    activation: str, depth: int, data: kc.data.Dataset
) -> dict[str, kc.Network | kc.ShapedNetwork]:
    """The net with the usual weights, and the shaped net. Kernels do not depend on width."""
    untreated, weight_std, shaped, target = CASES[activation]

    def net(name: str, std: float) -> kc.Network:
        x = kc.Input(data.train_x.shape[1:])
        block = kc.chain(kc.Dense(64, weight_std=std), kc.Activation(name))
        layers = kc.chain(kc.PLN(), kc.repeat(block, depth), kc.Dense(data.classes))
        return kc.Network(x, layers(x), name=f"{name}-{depth}")

    return {
        "untreated": net(untreated, weight_std),
        "shaped": kc.shape(net(shaped, 1.0), target, rewrite=True),
    }


def _regression(
    k: kc.KernelFunction, part: Part, data: kc.data.Dataset, options: argparse.Namespace
) -> tuple[float, float]:
    """The ridge with the least leave-one-out error on part of the data, and its test accuracy."""
    x, x_test = (each.astype(options.dtype) for each in (data.train_x, data.test_x))
    y = _targets(data)
    few = min(options.chosen_on, len(x))
    unit = float(getattr(k.diagonal(x[:1]), part)[0])
    alone = functools.partial(k, get=(part,))  # the mean needs no other kernel
    chosen = _chosen(kc.KernelRegression(alone, x[:few], y[:few], kernel=part), unit)
    fitted = kc.KernelRegression(alone, x, y, kernel=part)
    for ridge in RIDGES[RIDGES.index(chosen) :]:
        try:
            mean = fitted.predict(x_test, ridge=ridge * unit, variance=False).mean
        except kc.DataError:
            if ridge == RIDGES[-1]:
                raise
            continue  # more examples need a larger ridge at this precision
        return ridge, _accuracy(mean, data)
    raise AssertionError("a ridge of the grid was chosen")


def _chosen(fitted: kc.KernelRegression, unit: float) -> float:
    """The ridge with the least leave-one-out error that the precision of the kernel allows."""
    errors = {}
    for part in RIDGES:
        try:
            errors[part] = float(fitted.leave_one_out([part * unit])[0])
        except kc.DataError:
            continue
    return min(errors, key=lambda part: errors[part])


def _flow(options: argparse.Namespace) -> None:
    """Gradient flow on all layers of the shaped tanh net, at several times."""
    data = _data("digits", options)
    assert data is not None
    network = _networks("tanh", options.depth, data)["shaped"]
    k = kc.kernel_fn(network)
    x, x_test = data.train_x.astype(np.float64), data.test_x.astype(np.float64)
    fitted = kc.KernelRegression(k, x, _targets(data), kernel="ntk")
    _title(f"Gradient flow on {data.name}: tanh, shaped, NTK, learning rate 1")
    print(f"  {'time':>8}{'training':>12}{'test':>10}")
    for moment in TIMES:
        parts = ((x, data.train_y), (x_test, data.test_y))
        means = (fitted.predict(inputs, time=moment, variance=False).mean for inputs, _ in parts)
        shown = [(m.argmax(1) == y).mean() for m, (_, y) in zip(means, parts, strict=True)]
        print(f"  {moment:>8g}{shown[0]:>12.2%}{shown[1]:>10.2%}")


def _targets(data: kc.data.Dataset) -> np.ndarray:
    """One-hot rows, centered because the prior has mean 0."""
    return np.eye(data.classes)[data.train_y] - 1 / data.classes


def _accuracy(mean: np.ndarray, data: kc.data.Dataset) -> float:
    return float((mean.argmax(1) == data.test_y).mean())


def _title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


if __name__ == "__main__":
    main()
