"""Valid calls of the public API, whose arguments tests replace one at a time."""

from __future__ import annotations

import functools
import math
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import sympy
from layer_calls import OPTIONAL, Call, layers

import kernelc as kc


class Odd:
    """An object whose own text raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


BAD: dict[str, Any] = {
    "None": None,
    "text": "text",
    "bytes": b"bytes",
    "minus one": -1,
    "zero": 0,
    "fraction": 1.5,
    "nan": math.nan,
    "infinity": math.inf,
    "huge": 10**5000,
    "true": True,
    "complex": 1j,
    "object": Odd(),
    "class": int,
    "function": lambda *_: None,
    "empty list": [],
    "nested list": [[1, 2], [3]],
    "empty dict": {},
    "nan array": np.array([math.nan, 1.0]),
    "empty array": np.empty((0, 3)),
    "text array": np.array(["a", "b"]),
    "object array": np.array([Odd(), None], dtype=object),
    "jax array": jnp.ones(3),
    "symbol": sympy.Symbol("z"),
    "infinite number": sympy.oo,
}


@functools.cache
def network() -> kc.Network:
    x = kc.Input((3,))
    return kc.Network(x, kc.chain(kc.Dense(4), kc.Activation("tanh"), kc.Dense(2))(x))


@functools.cache
def model() -> Any:
    return kc.lower(network(), key=jax.random.key(0))


@functools.cache
def decoder() -> Any:
    x = kc.Tokens(3, 5)
    return kc.lower(kc.Network(x, kc.Embedding(5)(x)), key=0)


@functools.cache
def kernel() -> Any:
    return kc.kernel_fn(network())


X = np.random.default_rng(0).normal(size=(6, 3))
Y = np.array([0, 1, 0, 1, 0, 1])


def graphs() -> Iterator[tuple[str, Call]]:
    """Nodes, blocks and networks."""
    x = kc.Input((3,))
    image, net = kc.Input((4, 4, 2)), network()
    yield "Input", (kc.Input, {"shape": (3,), "name": "x"}, {"name": "text"})
    given = {"x": x, "output": kc.Dense(2)(x), "name": "n"}
    yield "Network", (kc.Network, given, {"name": "text"})
    yield "layer on nodes", (lambda node: kc.Dense(2)(node), {"node": x}, {})
    yield "chain", (lambda block: kc.chain(block)(x), {"block": kc.Dense(2)}, {})
    good = {"block": "function", "times": "zero, symbol"}
    yield "repeat", (kc.repeat, {"block": kc.Dense(2), "times": 2}, good)
    given = {"branch": kc.Dense(3), "shortcut_weight": 0.5, "shortcut": None}
    good = {"branch": "function", "shortcut": "None, function"}
    yield "residual", (kc.residual, given, good | {"shortcut_weight": "None, zero, symbol"})
    given = {"width": 4, "activation": "sigmoid", "weight_std": 1.0}
    good = {"activation": "symbol", "weight_std": "zero, fraction, symbol"}
    yield "GLU", (kc.GLU, given, good)
    yield "GLU on a node", (lambda node: kc.GLU(4)(node), {"node": x}, {})
    sizes: dict[str, Any] = {"window": 3, "stride": 1}
    given = {"padding": ((1, 1), (1, 1)), "count_padding": True}
    yield "MeanPool with padding", (kc.MeanPool, given, {"count_padding": "true"})
    for kind in (kc.MeanPool, kc.MaxPool, kc.WeightedMeanPool):
        yield f"{kind.__name__} on a node", (_on(kind, image), sizes, {"stride": OPTIONAL})
    for kind in (kc.Conv, kc.LocalConv):
        layer = functools.partial(kind, 2)
        yield f"{kind.__name__} on a node", (_on(layer, image), sizes | {"dilation": 1}, {})
    yield "from_json", (kc.Network.from_json, {"text": net.to_json()}, {})
    given = {"name": "x", "layer": kc.Input((3,)).layer, "inputs": ()}
    yield "from_specs", (_from_spec, given, {"name": "text", "inputs": ""})
    yield "node by name", (net.__getitem__, {"name": "input"}, {})


def _on(layer: Any, x: kc.Node) -> Callable[..., kc.Network]:
    return lambda **fields: kc.Network(x, layer(**fields)(x))


def _from_spec(name: Any, layer: Any, inputs: Any) -> kc.Network:
    return kc.Network.from_specs([(name, layer, inputs)])


def passes() -> Iterator[tuple[str, Call]]:
    """Calls that take a network."""
    net = network()
    yield "derive", (kc.derive, {"network": net, "q": 1}, {"q": "None, fraction"})
    good = {"c": "minus one, zero, jax array", "q": "None, fraction, jax array"}
    given: dict[str, Any] = {"c": 0.5, "q": 1.0, "dps": 15}
    yield "evaluate a kernel", (kc.derive(net).evaluate, given, good)
    given = {"network": net, "target": kc.DKS(), "rewrite": False}
    given |= {"pln": "one", "shortcut_weight": None, "tokens": None}
    good = {"target": OPTIONAL, "rewrite": "true", "pln": OPTIONAL, "shortcut_weight": "None, zero"}
    good["tokens"] = OPTIONAL
    yield "shape", (kc.shape, given, good)
    good = {"zeta": "fraction", "q_slope": "fraction"}
    yield "DKS", (kc.DKS, {"zeta": 1.5, "q_slope": 1.0}, good)
    yield "TAT", (kc.TAT, {"tau": 0.3}, {"tau": "fraction"})
    given = {"family": "uniform", "end_cosine": 0.5, "stationary": False, "negative": "clip"}
    good = {"stationary": "true", "covariance": OPTIONAL}
    yield "SPA", (kc.SPA, {**given, "covariance": None}, good)
    yield "RowScale", (kc.RowScale, {"covariance": None}, {"covariance": OPTIONAL})
    x = kc.Input((1, 3))
    given = {"network": kc.Network(x, kc.Dense(2)(x)), "x": X[:, None]}
    yield "token_covariance", (kc.token_covariance, given, {})
    good = {"q": "None, fraction"}
    yield "EdgeOfChaos", (kc.EdgeOfChaos, {"q": 1.0, "init": "gaussian"}, good)
    given = {"network": net, "key": jax.random.key(0), "policy": None, "axis_name": "batch"}
    given |= {"layers": "auto", "remat": "none", "weights": {}}
    good = {"key": "zero, minus one", "policy": OPTIONAL, "axis_name": "None, text"}
    yield "lower", (kc.lower, given, good | {"weights": "None, empty dict"})
    given = {"model": eqx.nn.Linear(3, 2, key=jax.random.key(0)), "example": jnp.ones(3)}
    given |= {"state": None, "batched": False, "name": "linear"}
    good = {"example": "jax array", "state": OPTIONAL, "batched": OPTIONAL, "name": "None, text"}
    yield "read", (kc.read, given, good)
    given = {"param_dtype": "float32"}
    yield "Policy", (kc.Policy, given, {})
    yield "call of a model", (model().batched, {"xs": jnp.ones((2, 3))}, {"xs": "empty array"})
    yield "kernel_fn", (kc.kernel_fn, {"network": net, "q": 1.0}, {"q": "None, fraction"})
    given = {"x1": X, "x2": X, "get": ("nngp",)}
    yield "call of a kernel function", (kernel(), given, {"x2": OPTIONAL})
    given = {"model": model(), "x1": X, "x2": X}
    yield "empirical_kernel", (kc.empirical_kernel, given, {"x2": OPTIONAL})


def training() -> Iterator[tuple[str, Call]]:
    """Runs and predictions: everything is refused before the first step."""
    linear = eqx.nn.Linear(3, 2, key=jax.random.key(0))
    given = {"model": linear, "data": (X, Y), "optimizer": None, "steps": 1, "batch_size": 2}
    given |= {"key": 0, "loss": "cross_entropy", "eval_every": 1, "train_examples": 4}
    given |= {"progress": False, "mesh": None}
    good = {
        "optimizer": "*",
        "batch_size": OPTIONAL,
        "key": "zero, minus one",
        "eval_every": OPTIONAL,
    }
    yield "fit", (kc.fit, given, good | {"progress": "*", "mesh": OPTIONAL})
    given = {"model": decoder(), "prompt": np.array([1, 2]), "steps": 2, "key": 0}
    good = {"prompt": "", "key": "zero", "temperature": "zero, fraction"}
    yield "sample", (kc.sample, given | {"temperature": 1.0}, good)
    given = {"model": linear, "x": X, "y": Y, "batch_size": 4, "loss": "cross_entropy"}
    yield "evaluate", (kc.evaluate, given, {})
    given = {"k": kernel(), "x_train": X, "y_train": X, "x_test": X, "ridge": 0.1}
    yield "predict", (kc.predict, given, {"ridge": "zero, fraction"})
    yield "diagnose", (kc.diagnose, {"network": network()}, {})
    given = {"model": network(), "data": X, "inputs": 4, "key": 0}
    yield "measure", (kc.measure, given, {"key": "zero", "inputs": "huge"})
    given = {"function": lambda f, y: (f - y) ** 2, "curvature": "squares"}
    yield "LossWithCurvature", (kc.LossWithCurvature, given, {"function": "function, class"})
    given = {"label_smoothing": 0.1, "ignore": -1}
    good = {"label_smoothing": "zero", "ignore": "None, minus one, zero"}
    yield "CrossEntropy", (kc.CrossEntropy, given, good)

    yield (
        "compare",
        (kc.compare, {"networks": {"net": network()}, "data": None}, {"data": OPTIONAL}),
    )
    given = {"model": linear, "data": (X, Y), "rates": [0.1], "make_optimizer": optax.sgd}
    given |= {"steps": 1, "batch_size": 2, "key": 0, "progress": False}
    good = {"batch_size": OPTIONAL, "key": "zero, minus one", "progress": "*"}
    good |= {"rates": "jax array"}
    yield "learning_rate_sweep", (kc.learning_rate_sweep, given, good)
    fitted = kc.KernelRegression(kernel(), X, X)
    given = {"k": kernel(), "x_train": X, "y_train": X, "kernel": "nngp"}
    yield "KernelRegression", (kc.KernelRegression, given, {})
    given = {"x_test": X, "ridge": 0.1, "time": None, "learning_rate": 1.0}
    good = {"ridge": "zero, fraction", "time": "None, zero, fraction", "learning_rate": "fraction"}
    yield "predict of KernelRegression", (fitted.predict, given, good)
    good = {"ridges": "jax array"}
    yield "leave_one_out", (fitted.leave_one_out, {"ridges": [0.1]}, good)
    likelihood = fitted.log_marginal_likelihood
    yield "log_marginal_likelihood", (likelihood, {"ridge": 0.1}, {"ridge": "zero, fraction"})


def curvature() -> Iterator[tuple[str, Call]]:
    """Settings of K-FAC: each is checked before any model is seen."""
    number, count = "zero, fraction", dict.fromkeys(("inverse_every", "damping_every"), 5)
    given: dict[str, Any] = {"learning_rate": 0.1, "momentum": 0.9, "damping": "adaptive"}
    given |= {"initial_damping": 1.0, "min_damping": 0.01, "norm_constraint": 1.0}
    given |= {
        "decrease_bound": 1.0,
        "curvature_ema": 0.95,
        "curvature_every": 1,
        **count,
        "l2": 0.0,
    }
    given |= {"estimation": "ggn_exact", "allow_diagonal": (), "l2": 0.0}
    good = dict.fromkeys(("learning_rate", "damping"), f"{number}, function")
    good |= {"momentum": "None, zero", "l2": number, "curvature_ema": "zero"}
    good |= dict.fromkeys(("norm_constraint", "decrease_bound"), "None, fraction, infinity")
    # The start of damping is not below its least value; a collection may have no names.
    good |= {"min_damping": "", "initial_damping": "fraction"}
    good |= {"allow_diagonal": "true, text, empty list, empty dict, empty array, text array"}
    yield "kfac", (kc.kfac, given, good)


def files() -> Iterator[tuple[str, Call]]:
    """Models in files, and choices among their parameters."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "model"
    kc.save(path, model())
    good = {"path": "text", "state": OPTIONAL}
    yield "save", (kc.save, {"path": path, "model": model(), "state": None}, good)
    yield "load", (kc.load, {"path": path, "network": network()}, {"network": OPTIONAL})
    yield "Network.save", (network().save, {"path": folder / "net.json"}, {"path": "text"})
    network().save(folder / "net.json")
    yield "Network.load", (kc.Network.load, {"path": folder / "net.json"}, {})

    def one(model: Any, name: Any, only: Any) -> kc.Selection:
        return kc.select(model, name, only=only)

    given = {"model": model(), "name": "dense_1", "only": "weight"}
    yield "select", (one, given, {"only": "None"})


def _made(rows: np.ndarray, draw: np.random.Generator | None) -> np.ndarray:
    return np.zeros((len(rows), 3))


def _small_files(folder: Path) -> None:
    """Two images of each data set that is read from files."""
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        (folder / f"{name}.bin").write_bytes(bytes(2 * 3073))
    for stem in ("train", "t10k"):
        head = struct.pack(">4I", 0x803, 2, 28, 28)
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(head + bytes(2 * 28 * 28))
        head = struct.pack(">2I", 0x801, 2)
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(head + bytes(2))
    for part in ("train", "val"):
        (folder / part / "cat").mkdir(parents=True)
        # Files of images are read when examples are asked for.
        (folder / part / "cat" / "1.png").touch()


def datasets() -> Iterator[tuple[str, Call]]:
    """Data in memory, made on demand, and in files."""
    held = kc.data.arrays(X, Y, X, Y)
    images = np.zeros((6, 4, 4, 1))
    optional = {"test_x": "", "test_y": "", "classes": OPTIONAL}
    given: dict[str, Any] = {"train_x": X, "train_y": Y, "test_x": X, "test_y": Y, "classes": 2}
    yield "arrays", (kc.data.arrays, given, optional)
    yield "Dataset", (kc.data.Dataset, given, optional)
    yield "subset", (held.subset, {"n": 2, "test": 1}, {"test": "None"})
    yield "pln of a Dataset", (held.pln, {"mode": "one"}, {})
    yield "part", (held.part, {"name": "train"}, {})
    yield "as_dataset", (kc.data.as_dataset, {"data": (X, Y)}, {})
    yield (
        "Weighted",
        (
            kc.data.Weighted,
            {"values": X[:3, 0], "weights": X[:3, 1] ** 2},
            {"values": "jax array", "weights": "jax array"},
        ),
    )
    yield "parts", (kc.data.parts, {"data": (X, Y)}, {})
    yield "pln", (kc.data.pln, {"x": X, "mode": "one"}, {"x": "jax array"})
    given = {
        "source": "text " * 20,
        "length": 3,
        "stride": 1,
        "test": 0.5,
        "sha256": None,
        "validation": 0.2,
    }
    good = {"stride": OPTIONAL, "test": "zero", "sha256": OPTIONAL, "validation": "zero"}
    yield "text", (kc.data.text, given, good)
    given = {"n": 6, "batch_size": 2, "seed": 0, "step": 0}
    yield "batch_indices", (kc.data.batch_indices, given, {"seed": "zero", "step": "zero"})
    given = {"test_fraction": 0.2, "seed": 0}
    yield "digits", (kc.data.digits, given, {"seed": "zero"})
    folder = Path(tempfile.mkdtemp())
    _small_files(folder)
    given = {"directory": folder, "records": 2, "standardize": False}
    yield "cifar10", (kc.data.cifar10, given, {"standardize": "*"})
    yield "fashion_mnist", (kc.data.fashion_mnist, {"directory": folder}, {})
    given = {"directory": folder, "size": 8, "threads": 1}
    yield "imagenet", (kc.data.imagenet, given, {"threads": OPTIONAL})
    given = {"data": (images, Y), "pad": 1}
    yield "augmented", (kc.data.augmented, given, {"pad": "zero"})
    given = {"make": _made, "shape": (6, 3), "where": "rows", "depends": ()}
    yield "Rows", (kc.data.Rows, given, {"make": "function, class", "where": "text"})
    rows = kc.data.Rows(_made, (6, 3), "rows")
    yield "take of Rows", (rows.take, {"rows": np.arange(2)}, {})
    given = {"train": _made, "train_y": Y, "shape": (3,), "name": "n", "classes": 2}
    good = {"train": "function, class", "name": "text", "classes": OPTIONAL}
    yield "Stream", (kc.data.Stream, given, good)


CALLS: dict[str, Call] = {}
for group in (layers, graphs, passes, training, curvature, files, datasets):
    CALLS.update(group())
