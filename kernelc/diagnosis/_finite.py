"""Finite networks beside their derived kernel: cosines and q values, measured."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, PRNGKeyArray
from tqdm import tqdm

from .._arguments import integer
from .._errors import UnsupportedError
from ..ir import Network, PairKind, pairs_read
from ..lowering import lower
from ._profile import COSINES, UNRELATED, Level, by_depth, thinned


_MOST_LEVELS = 40


@dataclasses.dataclass(frozen=True, eq=False)
class FiniteWidth:
    """What networks of the widths given do, beside the limit of infinite width.

    Arguments:
        levels: the derived figures.
        c_map: mean cosine similarity at each level for each of the input's `COSINES`.
        c_spread: its standard deviation over the networks.
        q: mean q value at each level.
        samples: how many networks were drawn.
    """

    levels: tuple[Level, ...]
    c_map: Float64[np.ndarray, "levels cosines"]
    c_spread: Float64[np.ndarray, "levels cosines"]
    q: Float64[np.ndarray, " levels"]
    samples: int

    @property
    def gap(self) -> float:
        """Largest difference between a mean cosine and the derived one."""
        derived = np.array([level.c_map for level in self.levels])
        return float(np.nanmax(np.abs(self.c_map - derived)))

    def __str__(self) -> str:
        head = "  {:<28}{:>6}{:>12}{:>12}{:>12}{:>20}".format(
            "node", "depth", "q", "measured", "C_f(0)", "measured"
        )
        rows = [f"{self.samples} networks of the widths given, beside infinite width", "", head]
        for i in thinned(range(len(self.levels)), 12):
            mean, spread = self.c_map[i, UNRELATED], self.c_spread[i, UNRELATED]
            level = self.levels[i]
            rows.append(
                f"  {level.node[:27]:<28}{level.depth:>6}{level.q:>12.4g}{self.q[i]:>12.4g}"
                f"{level.c_at_zero:>12.4f}{f'{mean:.4f} +- {spread:.4f}':>20}"
            )
        return "\n".join(rows)


def finite_width(
    network: Network,
    levels: tuple[Level, ...],
    *,
    samples: int,
    key: PRNGKeyArray | None,
    progress: bool | None,
) -> FiniteWidth:
    """Draw networks and inputs, and measure; see `Report.finite`."""
    samples = integer(samples, "finite: samples")
    _check(network)
    key = jax.random.key(0) if key is None else key
    kept = tuple(thinned([levels[0], *by_depth(levels[1:])], _MOST_LEVELS))
    hidden = None if progress is None else not progress
    cosines, q = [], []
    # disable=None is how tqdm is told to show the bar on a terminal only.
    for i in tqdm(range(samples), disable=hidden, delay=2, unit="network"):
        measured = _measured(network, kept, jax.random.fold_in(key, i))
        cosines.append([c for c, _ in measured])
        q.append([value for _, value in measured])
    return FiniteWidth(
        kept, np.mean(cosines, axis=0), np.std(cosines, axis=0), np.mean(q, axis=0), samples
    )


def _measured(
    network: Network, levels: tuple[Level, ...], key: PRNGKeyArray
) -> list[tuple[np.ndarray, float]]:
    """Cosines and mean q value at each node, for one draw of weights and inputs."""
    for_weights, for_inputs, for_dropout = jax.random.split(key, 3)
    # Layers one by one: what happens between them is what is asked for.
    model = lower(network, key=for_weights, layers="unrolled")
    xs = jnp.asarray(np.sqrt(levels[0].q) * _inputs(for_inputs, network.input_shape))
    keys = jax.random.split(for_dropout, len(xs))
    values = jax.vmap(lambda x, k: model.activations(x, key=k))(xs, keys)
    values[network.nodes[0].name] = xs
    return [_moments(values[level.node]) for level in levels]


def _moments(values: Array) -> tuple[np.ndarray, float]:
    flat = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        squares = (flat**2).mean(axis=1)
        products = (flat[1:] * flat[0]).mean(axis=1)
        return products / np.sqrt(squares[0] * squares[1:]), float(squares.mean())


def _inputs(key: PRNGKeyArray, shape: tuple[int, ...]) -> Float64[np.ndarray, "inputs ..."]:
    """One input and one more for each of `COSINES`, of q value 1 at every location."""
    # NumPy has nothing to compile, which takes longer than all the rest of a small network.
    draws = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
    first, other = draws.standard_normal((2, *shape))
    first = first / np.sqrt((first**2).mean(axis=-1, keepdims=True))
    other = other - (first * other).mean(axis=-1, keepdims=True) * first
    other = other / np.sqrt((other**2).mean(axis=-1, keepdims=True))
    return np.stack([first, *(c * first + np.sqrt(1 - c * c) * other for c in COSINES)])


def _check(network: Network) -> None:
    if (few := network.input_format.few_cosines) is not None:
        raise UnsupportedError(
            where=network.name,
            found=few[0],
            law=few[1],
            remedy="measure a network whose inputs have two channels or more",
        )
    norms = [node.name for node in network if PairKind.BATCH in pairs_read([node])]
    if norms:
        raise UnsupportedError(
            where=norms[0],
            found="a layer that takes statistics over a batch",
            law="a pair of inputs then depends on all others of the batch",
            remedy="remove batch norm: kernelc.shape(network, ..., rewrite=True) does",
        )
