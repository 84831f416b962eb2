"""Measures deriving and shaping, also relative to the package `dks` if it is installed.

CPU seconds in one process after imports. "first" is the first call for an activation, which traces
its solution curves. "again" is the median of later calls with other targets, so that no result
comes from a cache. `dks` caches nothing between calls.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import kernelc as kc
import nets


DEPTH = 50
# kernelc's gelu is the exact one.
REFERENCE_NAMES = {"gelu": "gelu_exact", "gelu_tanh": "gelu"}
SMOOTH = ("tanh", "sigmoid", "erf", "softplus", "swish", "gelu", "gelu_tanh", "atan", "asinh")
DKS_ONLY = ("elu", "softsign", "leaky_relu")


def main(argv: Sequence[str] | None = None) -> None:
    """Prints two tables: single activations, then whole networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--activations", nargs="+", default=[*SMOOTH, *DKS_ONLY])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--tat", nargs="*", default=[], help="activations dks solves TAT for (up to minutes each)"
    )
    options = parser.parse_args(argv)
    reference = _reference()
    print(f"One activation, chain of {DEPTH} layers")
    print(f"{'':24}{'first':>10}{'again':>10}{'dks':>10}{'dks/first':>11}{'dks/again':>11}")
    for name in options.activations:
        _compare(f"DKS {name}", name, _dks_target, options.repeats, reference, "DKS")
    for name in options.activations:
        if name in SMOOTH:
            asked = reference if name in options.tat else None
            _compare(f"TAT {name}", name, _tat_target, options.repeats, asked, "TAT")
    _networks(options.repeats)


def _networks(repeats: int) -> None:
    cases = {
        "chain of 1000, tanh": lambda: nets.mlp(1000, 64, 10, (64,), "tanh"),
        "ResNet-152 vanilla, tanh": lambda: nets.resnet(152, activation="tanh", form="vanilla"),
        "ResNet-152 weighted, tanh": lambda: nets.resnet(152, activation="tanh", form="weighted"),
    }
    print("\nWhole networks: derive first, then medians; the graph is built beforehand")
    print(f"{'':28}{'nodes':>7}{'first':>10}{'derive':>10}{'shape':>10}{'both':>10}")
    for label, build in cases.items():
        network = build()
        targets = iter(_dks_target(i) for i in range(repeats + 1))
        kc.shape(network, next(targets))  # traces the activation once
        first = _seconds(lambda net=network: kc.derive(net))
        derived = [_seconds(lambda net=network: kc.derive(net)) for _ in range(repeats)]
        shaped = [
            _seconds(lambda net=network, target=target: kc.shape(net, target)) for target in targets
        ]
        times = (statistics.median(derived), statistics.median(shaped))
        cells = "".join(f"{value:10.3f}" for value in (first, *times, sum(times)))
        print(f"{label:28}{len(network):7}{cells}", flush=True)


def _compare(
    label: str,
    name: str,
    target: Callable[[int], kc.DKS | kc.TAT],
    repeats: int,
    reference: Callable[..., Any] | None,
    method: str,
) -> None:
    network = nets.mlp(DEPTH, 64, 10, (64,), name)
    first = _seconds(lambda: kc.shape(network, target(0)))
    later = [_seconds(lambda i=i: kc.shape(network, target(i))) for i in range(1, repeats + 1)]
    again = statistics.median(later)
    row = f"{label:24}{first:10.4f}{again:10.4f}"
    if reference is not None:
        # Twice only: a call takes about a second, for TAT up to minutes.
        count = 2 if method == "DKS" else 1
        theirs = [_seconds(lambda i=i: reference(name, method, target(i))) for i in range(count)]
        dks = statistics.median(theirs)
        row += f"{dks:10.3f}{dks / first:10.0f}x{dks / again:10.0f}x"
    print(row, flush=True)


def _dks_target(i: int) -> kc.DKS:
    return kc.DKS(zeta=1.5 + 0.01 * i)


def _tat_target(i: int) -> kc.TAT:
    return kc.TAT(tau=0.3 + 0.01 * i)


def _reference() -> Callable[..., Any] | None:
    """Solve with the package `dks`, or None where it is not installed."""
    if importlib.util.find_spec("dks") is None:
        print("The package dks is not installed: its columns are left out (pip install dks).\n")
        return None
    from dks.base.activation_transform import get_transformed_activations

    def solve(name: str, method: str, target: Any) -> Any:
        names = [REFERENCE_NAMES.get(name, name)]
        if method == "DKS":
            return get_transformed_activations(
                names,
                method="DKS",
                dks_params={"c_slope_1_target": target.zeta},
                max_slope_func=lambda psi: psi**DEPTH,
            )
        return get_transformed_activations(
            names,
            method="TAT",
            tat_params={"c_curve_target": target.tau},
            max_curv_func=lambda kappa: DEPTH * kappa,
        )

    solve("tanh", "DKS", _dks_target(0))  # reads its node table
    return solve


def _seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    main()
