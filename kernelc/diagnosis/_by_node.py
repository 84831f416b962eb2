"""measure: a finite model, node by node, beside the kernel of its network."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float64, PRNGKeyArray

from .._arguments import integer
from .._errors import DataError, KernelcError
from ..ir import Network, as_network
from ..lowering import lower
from ..modules import Model, NodeGradient, as_key, node_gradients
from ..reading import ReadNetwork
from ..shaping import ShapedNetwork
from ._inputs import Inputs, inputs_of
from ._measure import Followed, followed
from ._profile import number, thinned


_MOST_ROWS = 40
_FEWEST = 4
_PRECISION = 1e-4
_COLUMNS = "  {:<28}{:>10}{:>10}{:>7}{:>10}{:>10}{:>7}{:>10}{:>10}{:>7}  {}"


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure of a finite model, beside the derived one.

    Arguments:
        mean: over inputs, or over pairs of inputs.
        error: its standard error.
        derived: in the limit of infinite width; NaN where it is not known.
        deviation: (mean - derived) in standard errors. For cosines that of each pair from the
            one that is derived for it. A unit is 1e-4 of the derived figure at least.

    Example:
        >>> Figure(1.1, 0.05, 1.0, 2.0).mean
        1.1
    """

    mean: float
    error: float
    derived: float
    deviation: float


@dataclasses.dataclass(frozen=True)
class MeasuredNode:
    """One node of a finite model.

    Arguments:
        name: of the node.
        q: mean square of its entries.
        cosine: of the values of two inputs.
        gradient: squared norm of the gradient of an output with respect to its value.
        known: how well the derived figures follow from those of the nodes before it: "exact",
            "by location", "assumed", "measured", or "opaque" where there are none.
    """

    name: str
    q: Figure
    cosine: Figure
    gradient: Figure
    known: str


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What `measure` returns: print it for a table.

    Arguments:
        network: name of the network.
        nodes: the input and all layers, in their order.
        inputs: how many inputs were used; every second one makes a pair with the one before it.
        assumptions: what the derived figures take for granted.
    """

    network: str
    nodes: tuple[MeasuredNode, ...]
    inputs: int
    assumptions: tuple[str, ...]

    def __getitem__(self, name: str) -> MeasuredNode:
        """The node of that name.

        Raises: DataError for a name that no node has.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise DataError(
            where="measure",
            found=f"no node called {name!r}",
            law="figures are looked up by the name of their node",
            remedy="print the measurement to see its names",
        )

    def __str__(self) -> str:
        head = ("node", "q", "derived", "dev", "cosine", "derived", "dev")
        rows = [
            f"{self.network} on {self.inputs} inputs, beside infinite width. dev: the "
            "deviation in standard errors; kernel: how well derived figures follow from those of "
            "the nodes before",
            "",
            _COLUMNS.format(*head, "gradient", "derived", "dev", "kernel").rstrip(),
        ]
        rows += [_row(node) for node in thinned(self.nodes, _MOST_ROWS)]
        if len(self.nodes) > _MOST_ROWS:
            rows.append(f"  {_MOST_ROWS} of {len(self.nodes)} nodes, evenly chosen")
        return "\n".join([*rows, "", *(f"  assumes {line}" for line in self.assumptions)])


def measure(
    model: Model | Network | ShapedNetwork | ReadNetwork,
    data: object,
    *,
    inputs: int = 32,
    key: PRNGKeyArray | int = 0,
) -> Measurement:
    """Measure q values, cosines and gradients of a finite model, node by node, beside its kernel.

    At a node of value h(x), with n entries, the figures are q = |h(x)|^2 / n, the cosine
    <h(x), h(x')> / (|h(x)| |h(x')|) of two inputs, and the squared norm |df(x)/dh(x)|^2 for a sum
    f of outputs whose random weights have norm 1 (Poole et al. 2016; Schoenholz et al. 2017).
    Derived figures are those of inputs with the mean q value of the data and the cosine of each
    pair. Batch norm takes the statistics of the inputs, as in training.

    Arguments:
        model: what `read` returns, with the model's own weights; a `Model`; or a `Network` or what
            `shape` returns, of which one finite network is drawn.
        data: what `diagnose` takes: (n, *input shape) inputs, two or more, (inputs, targets), or a
            `kernelc.data.Dataset`.
        inputs: how many of them are used at most.
        key: for weights and for dropout; an int stands for `jax.random.key` of it.

    Returns:
        A `Measurement`.

    Raises:
        KernelcError: no such model, or `inputs` below 4.
        DataError: data that are no inputs of the model.
        UnsupportedError: an opaque node, which has no finite layer.

    Example:
        >>> import kernelc as kc, numpy as np
        >>> x = kc.Input((8,))
        >>> net = kc.Network(x, kc.chain(kc.Dense(512), kc.Activation("tanh"), kc.Dense(4))(x))
        >>> found = kc.measure(net, np.random.default_rng(0).normal(size=(32, 8)))
        >>> abs(found["activation_1"].q.mean - found["activation_1"].q.derived) < 0.05
        True
    """
    count = integer(inputs, "measure: inputs")
    if count < _FEWEST:
        raise KernelcError(
            where="measure: inputs",
            found=str(count),
            law="a standard error needs two pairs of inputs",
            remedy=f"use {_FEWEST} or more",
        )
    key = as_key("measure", key)
    network, finite, examples = _finite(model, key)
    x = _chosen(data, network, count, examples)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        values = node_gradients(finite, jax.numpy.asarray(x), _one_output(key), key)
        given = _inputs(x, network)
        derived = followed(network, given)
        nodes = tuple(
            _measured(node.name, value, derived.get(node.name))
            for node, value in zip(network.nodes, values, strict=True)
        )
    told = f"inputs of q value {given.q:.4g}, layers of infinite width, locations unrelated"
    return Measurement(network.name, nodes, len(x), (told,))


def _finite(
    model: object, key: PRNGKeyArray
) -> tuple[Network, Model, Callable[[np.ndarray], np.ndarray] | None]:
    """The network, a model with weights in training mode, and what puts examples in its layout."""
    if isinstance(model, Model) and isinstance(model.network, Network):
        return model.network, model, None
    network = as_network(model, "measure").network
    if isinstance(model, ReadNetwork):
        found, _ = model.model(key)
        return network, eqx.nn.inference_mode(found, False), model.examples
    return network, lower(network, key=key, layers="unrolled"), None


def _chosen(
    data: object,
    network: Network,
    count: int,
    examples: Callable[[np.ndarray], np.ndarray] | None,
) -> np.ndarray:
    """An even number of inputs, in the layout of the network."""
    if data is None:
        raise DataError(
            where="measure: data",
            found="None",
            law="a finite model is measured on inputs",
            remedy="pass an array of them, or a kernelc.data.Dataset",
        )
    x = inputs_of(data, network.input_format, examples, keep=count).examples
    assert x is not None  # data were given
    if len(x) < _FEWEST:
        raise DataError(
            where="measure: data",
            found=f"{len(x)} inputs",
            law="a standard error needs two pairs of inputs",
            remedy=f"pass {_FEWEST} inputs or more",
        )
    x = x[: len(x) // 2 * 2]
    return x.astype(np.int32 if network.input_format.integers else np.float32)


def _inputs(x: np.ndarray, network: Network) -> Inputs:
    """Mean q value and cosine, and the cosine of each pair."""
    takes = network.input_format
    x = np.asarray(takes.converted(x, double=True))
    cosines = takes.cosines(x)
    pairs = np.clip(np.diag(cosines, 1)[::2], -1.0, 1.0)
    mean = float(np.clip(takes.mean_cosine(x), -1.0, 1.0))
    return Inputs(float(np.mean(takes.q_values(x))), mean, given=True, pairs=pairs)


def _one_output(key: PRNGKeyArray) -> Callable[[Array], Array]:
    """Gradients of sums of outputs with random weights, whose squares add up to 1."""

    def cotangent(y: Array) -> Array:
        draws = jax.random.normal(jax.random.fold_in(key, 1), y.shape, y.dtype)
        squares = jax.numpy.sum(draws**2, axis=tuple(range(1, y.ndim)), keepdims=True)
        return draws / jax.numpy.sqrt(squares)

    return cotangent


def _measured(name: str, node: NodeGradient, derived: Followed | None) -> MeasuredNode:
    unknown = Figure(math.nan, math.nan, math.nan, math.nan)
    gradient = unknown
    if node.gradient is not None:
        squares = (_flat(node.gradient) ** 2).sum(axis=1)
        gradient = _figure(squares, math.nan if derived is None else derived.gradient)
    if not np.issubdtype(node.value.dtype, np.floating):
        return MeasuredNode(name, unknown, unknown, gradient, "exact")
    flat = _flat(node.value)
    squares = (flat**2).mean(axis=1)
    products = (flat[::2] * flat[1::2]).mean(axis=1)
    cosines = products / np.sqrt(squares[::2] * squares[1::2])
    if derived is None:
        return MeasuredNode(
            name, _figure(squares, math.nan), _figure(cosines, math.nan), gradient, "opaque"
        )
    q, cosine = _figure(squares, derived.q), _figure(cosines, derived.cosines)
    return MeasuredNode(name, q, cosine, gradient, derived.known)


def _flat(values: Array) -> Float64[np.ndarray, "inputs entries"]:
    return np.asarray(values, np.float64).reshape(len(values), -1)


def _figure(values: np.ndarray, derived: float | np.ndarray) -> Figure:
    """The mean of values; `derived` is one number, or one for each value."""
    difference = values - derived
    spread = float(np.std(difference, ddof=1)) / math.sqrt(len(values))
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    # Smaller differences are those of float32 and of the small numbers that norms add.
    unit = max(spread, _PRECISION * abs(float(np.mean(derived))))
    deviation = float(np.mean(difference)) / unit if unit > 0 else math.nan
    return Figure(float(np.mean(values)), error, float(np.mean(derived)), deviation)


def _row(node: MeasuredNode) -> str:
    figures: Sequence[Figure] = (node.q, node.cosine, node.gradient)
    cells = [
        text
        for figure in figures
        for text in (number(figure.mean), number(figure.derived), _deviation(figure))
    ]
    return _COLUMNS.format(node.name[:27], *cells, node.known).rstrip()


def _deviation(figure: Figure) -> str:
    return "–" if math.isnan(figure.deviation) else f"{figure.deviation:.1f}"
