"""Counts the forms of approximation that networks of `nets`, of the oracles and deep chains use.

Run `python benchmarks/approximation_forms.py`. It fits every network at inputs of q = 1 and prints,
for each floating-point type, how many functions of one gap use each form and each variable.
`--each` also prints one line for each network.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import kernelc as kc
import nets


ORACLES = Path(__file__).parents[1] / "tests" / "oracles"
FORM = re.compile(r"(.+), error at most \S+ in (float32|float64)")
CUT = re.compile(r" cut (above|below) .*")


def zoo() -> Iterator[tuple[str, kc.Network]]:
    """The builders of `nets`."""
    for activation in ("relu", "tanh", "gelu"):
        for depth in (10, 100):
            for form in ("vanilla", "weighted"):
                net = nets.mlp(depth, 64, activation=activation, form=form)
                yield f"mlp {activation} {form} {depth}", net
    images: dict[str, Any] = {"input_shape": (8, 8, 3)}
    for activation in ("relu", "tanh"):
        images["activation"] = activation
        yield f"convnet {activation}", nets.convnet(10, 16, **images)
        yield f"resnet {activation}", nets.resnet(50, form="weighted", **images)
        yield f"wide resnet {activation}", nets.wide_resnet(28, 2, form="weighted", **images)
        yield f"nf resnet {activation}", nets.nf_resnet(50, padding="CIRCULAR", **images)
    for name, net in nets.tricks(20, 64).items():
        yield f"tricks {name}", net


def deep() -> Iterator[tuple[str, kc.Network]]:
    """Chains at many depths and weights: ordered, critical, chaotic and shaped."""
    x = kc.Input((16,))
    for activation in ("relu", "tanh", "erf", "softplus", "sin", "sign"):
        for depth in (1, 10, 100, 1000):
            for std in (0.9, 2**0.5, 2.0):
                block = kc.chain(kc.PLN(), kc.Dense(64, std, 0.1), kc.Activation(activation))
                net = kc.Network(x, kc.chain(kc.repeat(block, depth), kc.Dense(1))(x))
                yield f"chain {activation} {std:.2f} {depth}", net
    targets: dict[str, Any] = {"dks": kc.DKS(), "tat": kc.TAT(0.8), "edge": kc.EdgeOfChaos()}
    for name, target in targets.items():
        for activation in ("tanh", "softplus", "leaky_relu"):
            for depth in (10, 100, 1000):
                net = nets.mlp(depth, 64, activation=activation)
                try:
                    shaped = kc.shape(net, target, rewrite=True).network
                except kc.KernelcError:
                    continue  # not every target exists for every activation
                yield f"{name} {activation} {depth}", shaped


def oracles() -> Iterator[tuple[str, kc.Network]]:
    """The networks of the neural-tangents cases."""
    sys.path.insert(0, str(ORACLES))
    from networks import network  # pyright: ignore[reportMissingImports]

    for name in ("neural_tangents", "neural_tangents_data"):
        data = json.loads((ORACLES / f"{name}.json").read_text())
        for case in data["cases"]:
            shape = np.shape(data["inputs"][case["x1"]])[1:] if "inputs" in data else (10,)
            yield f"{name} {case['id']}", network(case["layers"], shape)


def wins(net: kc.Network) -> list[tuple[str, str]]:
    """(type, form) of every function of one gap in a network."""
    try:
        lines = kc.kernel_fn(net, q=1.0).explain().splitlines()
    except kc.KernelcError:
        return []
    return [(found[2], found[1].strip()) for line in lines if (found := FORM.match(line))]


def family(form: str) -> tuple[str, str]:
    """The form without its numbers, and the variable without the place of its cut."""
    if "pieces" in form:
        return "pieces in the logarithm of the gap", ""
    kind, variable = form.split(" terms in ", 1)
    kind = "quotient" if "quotient" in kind else "series"
    return f"{kind} in {CUT.sub(lambda m: f' cut {m[1]}', variable)}", variable


def main() -> None:
    """Prints the counts."""
    sources: dict[str, Callable[[], Iterator[tuple[str, kc.Network]]]] = {
        "deep": deep,
        "zoo": zoo,
        "oracles": oracles,
    }
    forms: Counter[tuple[str, str, str]] = Counter()
    variables: Counter[tuple[str, str]] = Counter()
    for source, networks in sources.items():
        for name, net in networks():
            for dtype, form in wins(net):
                if "--each" in sys.argv:
                    print(f"{name:<50} {dtype}  {form}", flush=True)
                kind, variable = family(form)
                forms[source, dtype, kind] += 1
                variables[dtype, kind.split()[0] + " " + variable] += 1
    for (source, dtype, kind), count in sorted(forms.items()):
        print(f"{source:<8} {dtype}  {count:>4}  {kind}")
    print()
    for (dtype, variable), count in sorted(variables.items()):
        print(f"{dtype}  {count:>4}  {variable}")


if __name__ == "__main__":
    main()
