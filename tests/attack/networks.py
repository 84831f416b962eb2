"""Random networks as plain data, odd on purpose; and the same as kernelc networks."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import sympy

import kernelc as kc

from .functions import EXPRESSIONS, NAMED


Spec = dict[str, Any]


PARAMS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "leaky_relu": lambda r: {
        "negative_slope": r.choice([0.0, 1.0, -1.0, 0.2, 1e-12, -3.0, 1 - 1e-9])
    },
    "elu": lambda r: {"elu_alpha": r.choice([0.0, 1.0, -1.0, 30.0, 1e-9])},
    "celu": lambda r: {"celu_alpha": r.choice([1.0, 1e-3, 0.1, 50.0])},
    "polynomial": lambda r: {
        "coefficients": r.choice(
            [[0, 1], [1, 0, 0, 1], [0.3, 1, -0.5, 0.2], [0, 0, -1], [1, 2, 3, 4, 5]]
        )
    },
}
STEEP = (
    "exp",
    "square",
    "polynomial",
    "x**3",
    "x**3 - 3*x",
    "x**4/10 - x",
    "Abs(x**2 - 1)",
    "Max(x, 0)**3",
    "x*Abs(x)",
    "sinh(x)",
    "Abs(x)**3",
)


def activation(r: random.Random, steep: bool = True) -> Spec:
    """One activation; without `steep` none that grows faster than linearly."""
    while True:
        if r.random() < 0.6:
            name = r.choice(sorted(NAMED))
            node: Spec = {"name": name}
            if name in PARAMS and (name == "polynomial" or r.random() < 0.6):
                node["params"] = PARAMS[name](r)
        else:
            name = r.choice(sorted(EXPRESSIONS))
            node = {"expr": name}
        if steep or name not in STEEP:
            break
    if r.random() < 0.25:
        node["affine"] = (
            r.choice([1.0, -1.0, 0.5, 2.0]),
            r.choice([0.0, 0.3, -1.0]),
            r.choice([1.0, -2.0, 0.7]),
            r.choice([0.0, 0.4, -0.5]),
        )
    return node


def _weights(r: random.Random, wild: float) -> dict[str, float]:
    if r.random() < wild:
        return {"w": r.choice([0.0, 1e-3, 30.0, 1e-8, 5.0]), "b": r.choice([0.0, 0.0, 1e-3, 3.0])}
    return {
        "w": r.choice([1.0, math.sqrt(2), r.uniform(0.4, 2)]),
        "b": r.choice([0.0, 0.0, 0.0, 0.1, r.uniform(0, 1)]),
    }


WIDER = 1_000_000
"""Seeds from here on draw padding in numbers, dilation and depthwise convolutions too. The networks
of lower seeds are those that tests know by their seeds."""


def network(r: random.Random, wild: float = 0.08, size: int = 12, wider: bool = False) -> Spec:
    """A spec: {"shape", "nodes": [{"kind", "in", ...}]} whose last node all others lead to.

    Arguments:
        r: the source of randomness.
        wild: how often weights are of an extreme size.
        size: how many steps of growth at most.
        wider: whether windows have padding in numbers, dilation and groups of one channel.
    """
    draw = Draw(r, wild, wider)
    at = draw.start()
    for _ in range(r.randint(1, size)):
        at = draw.step(at)
    if r.random() < 0.8:
        at = draw.weighted(at)
    return draw.spec(at)


class Draw:
    """A network as it grows; values are named by their place, 0 the input."""

    def __init__(self, r: random.Random, wild: float, wider: bool) -> None:
        self.r, self.wild, self.wider = r, wild, wider
        self.shapes: list[tuple[int, ...]] = [self._shape()]
        self.nodes: list[Spec] = []
        self.fresh = {0: False}

    def _shape(self) -> tuple[int, ...]:
        r, kind = self.r, self.r.random()
        if kind < 0.5:
            return (r.choice([1, 2, 3, 5]),)
        if kind < 0.7:
            return (r.choice([1, 2, 3, 5]), r.choice([1, 2, 3]))
        if kind < 0.95:
            return (r.choice([1, 2, 3]), r.choice([1, 2, 3, 4]), r.choice([1, 2]))
        return (2, 1, 2, 2)

    def add(
        self,
        kind: str,
        inputs: Sequence[int],
        shape: Sequence[int],
        gaussian: bool = False,
        **fields: Any,
    ) -> int:
        """A node; returns the place of its value."""
        self.nodes.append({"kind": kind, "in": list(inputs), **fields})
        self.shapes.append(tuple(shape))
        self.fresh[len(self.nodes)] = gaussian
        return len(self.nodes)

    def start(self) -> int:
        """The first layers after the input."""
        r, shape, at = self.r, self.shapes[0], 0
        if r.random() < 0.25:
            mode = r.choice(["one", "off"] + (["avg_q"] if len(shape) > 1 else []))
            at = self.add("PLN", [0], (*shape[:-1], shape[-1] + (mode != "off")), mode=mode)
        return self.weighted(at) if r.random() < 0.9 else at

    def step(self, at: int) -> int:
        """One more node, or a few."""
        r, roll = self.r, self.r.random()
        where = at if r.random() < 0.8 else r.randrange(len(self.shapes))
        shape, fresh = self.shapes[where], self.fresh[where]
        if roll < 0.25:
            i = self.gaussian(where) if r.random() < 0.97 else where
            return self.add("Act", [i], self.shapes[i], **activation(r))
        if roll < 0.42:
            return self.weighted(where)
        if roll < 0.7:
            return self._sum(where) if roll < 0.62 else self._concat(where)
        if roll < 0.76:
            axis, center = r.choice([-1, "all"]), r.random() < 0.5
            return self.add("LN", [where], shape, fresh, axis=axis, center=center)
        if roll < 0.8:
            return self.add("Scale", [where], shape, fresh, value=r.choice([0.5, -2.0, 0.0, 1.0]))
        if roll < 0.82:
            return self.add("Dropout", [where], shape, rate=r.choice([0.0, 0.1, 0.5]))
        if roll < 0.92 and len(shape) > 1:
            return self._pool(where)
        if roll < 0.985:
            return self._repeat(where)
        if len(shape) == 1 and fresh:
            return self.add("BN", [where], shape, True)
        return at

    def gaussian(self, i: int) -> int:
        """The value if it is Gaussian, else the output of a layer of weights on it."""
        return i if self.fresh[i] else self.weighted(i)

    def weighted(self, i: int) -> int:
        """A layer of weights."""
        r, at, roll = self.r, self.shapes[i], self.r.random()
        width = r.choice([1, 2, 3, 4, 6])
        if len(at) > 1 and roll < 0.55:
            return self.windowed(i)
        kind, wild = "Dense", self.wild
        if roll > 0.95:
            kind = "LooksLinear"
        elif roll > 0.9 and at[-1] > 1:
            kind, wild = "StdDense", 0.0
        return self.add(kind, [i], (*at[:-1], width), True, width=width, **_weights(r, wild))

    def windowed(self, i: int, kinds: Sequence[str] = ("Conv", "Conv", "Conv", "LocalConv")) -> int:
        """A layer that slides a window over locations."""
        r, at, kind = self.r, self.shapes[i], self.r.choice(kinds)
        padding = r.choice(["SAME", "VALID", "CIRCULAR"])
        delta = kind == "WMP" or (kind == "Conv" and r.random() < 0.4)
        window = [r.choice([1, 3, 5] if delta else [1, 2, 3, 4]) for _ in at[:-1]]
        if padding == "VALID":
            room = [n if not delta or n % 2 else n - 1 for n in at[:-1]]
            window = [min(w, n) or 1 for w, n in zip(window, room, strict=True)]
        stride = [r.choice([1, 1, 2, 5]) for _ in at[:-1]]
        if r.random() < 0.2 and kind == "MeanPool":
            stride = window
        fields: Spec = {"window": window, "stride": stride, "padding": padding}
        if self.wider and r.random() < 0.3:
            fields["padding"] = [_pads(r, n, w) for n, w in zip(at, window, strict=False)]
        elif self.wider and kind == "Conv" and padding == "CIRCULAR" and r.random() < 0.3:
            fields["dilation"] = [r.choice([1, 2, 3]) for _ in window]
        out = _outputs(at, fields)
        if self.wider and kind == "MeanPool" and r.random() < 0.3:
            fields["count_padding"] = True
        if kind in ("MeanPool", "WMP"):
            return self.add(kind, [i], (*out, at[-1]), self.fresh[i], **fields)
        alone = at[-1:] if self.wider else ()
        groups = r.choice([g for g in (1, 1, 1, 2, 3, *alone) if at[-1] % g == 0])
        channels = groups * r.choice([1, 2, 3])
        fields |= {"channels": channels, **_weights(r, self.wild)}
        if kind == "Conv":
            fields |= {"groups": groups, "delta": delta}
        else:
            groups = 1
        depthwise = self.wider and 1 < groups == at[-1]
        return self.add(kind, [i], (*out, channels), not depthwise, **fields)

    def _sum(self, where: int) -> int:
        r, shape = self.r, self.shapes[where]
        mates = [j for j in range(len(self.shapes)) if self.shapes[j] == shape]
        chosen = [where] + [r.choice(mates) for _ in range(r.choice([1, 1, 2]))]
        if r.random() >= 0.7:
            return self.add("Prod", chosen, shape)
        weights = [r.choice([1.0, 0.6, 0.8, -1.0, -0.5, 0.0, r.uniform(-2, 2)]) for _ in chosen]
        return self.add("Sum", chosen, shape, all(self.fresh[j] for j in chosen), weights=weights)

    def _concat(self, where: int) -> int:
        places = self.shapes[where][:-1]
        mates = [j for j in range(len(self.shapes)) if self.shapes[j][:-1] == places]
        chosen = [where, self.r.choice(mates)]
        width = sum(self.shapes[j][-1] for j in chosen)
        return self.add("Concat", chosen, (*places, width), all(self.fresh[j] for j in chosen))

    def _pool(self, where: int) -> int:
        what, shape = self.r.choice(["MeanPool", "WMP", "GMP", "Flatten"]), self.shapes[where]
        if what == "GMP":
            return self.add("GMP", [where], shape[-1:], self.fresh[where])
        if what == "Flatten":
            return self.add("Flatten", [where], (math.prod(shape),), self.fresh[where])
        return self.windowed(where, (what,))

    def _repeat(self, where: int) -> int:
        """A block of an activation and a layer, repeated: plain, residual or normalized."""
        r, shape = self.r, self.shapes[where]
        block, times = r.random(), r.choice([2, 3, 5, 20, 45])
        if times * max(1, math.prod(shape[:-1])) > 50:
            times = 3
        act, dense = activation(r, steep=False), _weights(r, self.wild / 4)
        weights = [r.choice([0.6, 1.0, -0.9]), r.choice([0.8, 0.1, -1.0])]
        at = self.gaussian(where)
        shape = self.shapes[at]
        for _ in range(times):
            start = at
            at = self.add("Act", [at], shape, **act)
            at = self.add("Dense", [at], shape, True, width=shape[-1], **dense)
            if block < 0.4:
                at = self.add("Sum", [start, at], shape, True, weights=weights)
            elif block < 0.5:
                at = self.add("LN", [at], shape, True, axis=-1, center=True)
        return at

    def spec(self, last: int) -> Spec:
        """The ancestors of `last`, renumbered."""
        keep = {last}
        for i in range(last, 0, -1):
            if i in keep:
                keep.update(self.nodes[i - 1]["in"])
        order = sorted(keep - {0})
        new = {0: 0, **{old: j + 1 for j, old in enumerate(order)}}
        nodes = [
            {**self.nodes[i - 1], "in": [new[j] for j in self.nodes[i - 1]["in"]]} for i in order
        ]
        return {"shape": list(self.shapes[0]), "nodes": nodes}


def of_seed(seed: int) -> Spec:
    """The network that the attack makes of this seed."""
    wild = 0.08 if seed % 3 else 0.0
    return network(random.Random(seed), wild, size=4 + seed % 12, wider=seed >= WIDER)


def _pads(r: random.Random, n: int, w: int) -> list[int]:
    """Half a window at most on either side, and room for one window."""
    low, high = r.randint(0, w // 2), r.randint(0, w // 2)
    return [low, high] if n + low + high >= w else [w // 2 - 1 + w % 2, w // 2]


def _outputs(at: Sequence[int], fields: Spec) -> list[int]:
    """How many windows there are along each axis."""
    found = []
    for i, (w, s) in enumerate(zip(fields["window"], fields["stride"], strict=True)):
        padding, n = fields["padding"], at[i]
        if padding in ("SAME", "CIRCULAR"):
            found.append(-(-n // s))
        else:
            added = 0 if padding == "VALID" else sum(padding[i])
            found.append((n + added - w) // s + 1)
    return found


def real_of_seed(seed: int) -> bool:
    """Whether expressions of that network have a symbol that is known to be real."""
    return random.Random(seed + 1).random() < 0.3


def build(spec: Spec, real: bool = False) -> kc.Network:
    """The kernelc network of a spec; `real` symbols in its expressions, or complex ones."""
    x = sympy.Symbol("x", real=True) if real else sympy.Symbol("x")
    values = [kc.Input(tuple(spec["shape"]))]
    for node in spec["nodes"]:
        values.append(_layer(node, x)(*(values[i] for i in node["in"])))
    return kc.Network(values[0], values[-1], name="attack")


def _layer(node: dict[str, Any], x: sympy.Symbol) -> kc.Layer:
    std = {"weight_std": node.get("w", 1.0), "bias_std": node.get("b", 0.0)}
    at: dict[str, Any] = {k: tuple(node[k]) for k in ("window", "stride") if k in node}
    at |= {k: node[k] for k in ("padding", "dilation", "count_padding") if k in node}
    made: dict[str, Callable[[], kc.Layer]] = {
        "Act": lambda: _activation(node, x),
        "Dense": lambda: kc.Dense(node["width"], **std),
        "LooksLinear": lambda: kc.LooksLinear(node["width"], **std),
        "StdDense": lambda: kc.StandardizedDense(node["width"], **std),
        "Conv": lambda: kc.Conv(
            node["channels"], **at, **std, groups=node["groups"], delta=node["delta"]
        ),
        "LocalConv": lambda: kc.LocalConv(node["channels"], **at, **std),
        "MeanPool": lambda: kc.MeanPool(**at),
        "WMP": lambda: kc.WeightedMeanPool(**at),
        "GMP": kc.GlobalMeanPool,
        "Flatten": kc.Flatten,
        "Sum": lambda: kc.WeightedSum(tuple(node["weights"])),
        "Prod": kc.Product,
        "Concat": kc.Concat,
        "LN": lambda: kc.LayerNorm(axis=node["axis"], center=node["center"]),
        "BN": kc.BatchNorm,
        "Scale": lambda: kc.Scale(node["value"]),
        "Dropout": lambda: kc.Dropout(node["rate"]),
        "PLN": lambda: kc.PLN(node["mode"]),
    }
    return made[node["kind"]]()


def _activation(node: dict[str, Any], x: sympy.Symbol) -> kc.Layer:
    affine = dict(zip(("alpha", "beta", "gamma", "delta"), node.get("affine", ()), strict=False))
    phi = sympy.sympify(node["expr"], locals={"x": x}) if "expr" in node else node["name"]
    return kc.Activation(phi, **affine, **node.get("params", {}))
