"""Kernels by explicit recursion over all pairs of locations, in plain NumPy loops.

It shares nothing with kernelc: windows are padded arrays, duals the closed forms in arccos and
arcsin, and every pair of inputs and of locations is an entry of one large matrix.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np


Place = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Kernels:
    """Covariances and tangent kernels of n inputs with locations, (n, *L, n, *L) as two blocks.

    Arguments:
        k, t: (n P, n P) for P locations, those of one input next to each other.
        count: n.
        places: sizes of the location axes.
    """

    k: np.ndarray
    t: np.ndarray
    count: int
    places: Place

    @classmethod
    def of(cls, x: np.ndarray) -> Kernels:
        """Inputs (n, *places, channels)."""
        flat = x.reshape(-1, x.shape[-1])
        k = flat @ flat.T / x.shape[-1]
        return cls(k, np.zeros_like(k), x.shape[0], x.shape[1:-1])

    @property
    def diagonal(self) -> tuple[np.ndarray, np.ndarray]:
        """(n, n, *places): both inputs at one location."""
        size = math.prod(self.places)
        found = []
        for matrix in (self.k, self.t):
            whole = matrix.reshape(self.count, size, self.count, size)
            picked = np.stack([whole[:, p, :, p] for p in range(size)], axis=-1)
            found.append(picked.reshape(self.count, self.count, *self.places))
        return found[0], found[1]


Step = Callable[[Kernels], Kernels]


Padding = str | tuple[tuple[int, int], ...]


def windows(
    places: Place, sizes: Place, strides: Place, padding: Padding, dilation: Place = ()
) -> Iterator[tuple[Place, list[int | None]]]:
    """Each window with the flat indices that its taps read; None outside.

    The border is where XLA puts it: half of what is missing before, rounded down.
    """
    outs, before = [], []
    apart = dilation or (1,) * len(places)
    for i, (n, w, s, d) in enumerate(zip(places, sizes, strides, apart, strict=True)):
        extent = (w - 1) * d + 1
        if padding in ("SAME", "CIRCULAR"):
            outs.append(math.ceil(n / s))
            before.append(max((outs[-1] - 1) * s + extent - n, 0) // 2)
        else:
            low, high = (0, 0) if isinstance(padding, str) else padding[i]
            outs.append((n + low + high - extent) // s + 1)
            before.append(low)
    for window in np.ndindex(*outs):
        taps: list[int | None] = []
        for tap in np.ndindex(*sizes):
            corner = [o * s - b for o, s, b in zip(window, strides, before, strict=True)]
            at = [c + t * d for c, t, d in zip(corner, tap, apart, strict=True)]
            if padding == "CIRCULAR":
                at = [a % n for a, n in zip(at, places, strict=True)]
            inside = all(0 <= a < n for a, n in zip(at, places, strict=True))
            taps.append(int(np.ravel_multi_index(at, places)) if inside else None)
        yield window, taps


def moved(
    state: Kernels,
    sizes: Place,
    strides: Place,
    padding: Padding,
    rule: Callable[[np.ndarray, list[int | None], list[int | None]], float],
    dilation: Place = (),
) -> Kernels:
    """Each pair of windows by `rule`, from the block of covariances of one pair of inputs."""
    found = list(windows(state.places, sizes, strides, padding, dilation))
    old = math.prod(state.places)
    new = len(found)
    places = tuple(a + 1 for a in found[-1][0])
    matrices = []
    for matrix in (state.k, state.t):
        out = np.zeros((state.count * new, state.count * new))
        for i, j in itertools.product(range(state.count), repeat=2):
            block = matrix[i * old : (i + 1) * old, j * old : (j + 1) * old]
            for (a, (_, left)), (b, (_, right)) in itertools.product(enumerate(found), repeat=2):
                out[i * new + a, j * new + b] = rule(block, left, right)
        matrices.append(out)
    return Kernels(matrices[0], matrices[1], state.count, places)


def spread(sizes: Place, strides: Place, padding: Padding, dilation: Place = ()) -> Step:
    """Weights over the whole window: both inputs shifted alike, zeros outside."""

    def rule(block: np.ndarray, left: list[int | None], right: list[int | None]) -> float:
        pairs = zip(left, right, strict=True)
        inside = [block[p, q] for p, q in pairs if p is not None and q is not None]
        return sum(inside) / len(left)

    return lambda state: moved(state, sizes, strides, padding, rule, dilation)


def center(sizes: Place, strides: Place, padding: Padding, dilation: Place = ()) -> Step:
    """The center tap alone."""

    def rule(block: np.ndarray, left: list[int | None], right: list[int | None]) -> float:
        middle = len(left) // 2
        return block[left[middle], right[middle]]

    return lambda state: moved(state, sizes, strides, padding, rule, dilation)


def pool(sizes: Place, strides: Place, padding: Padding, counted: bool = False) -> Step:
    """The mean over pairs of real locations, or of all with zeros outside when `counted`."""

    def rule(block: np.ndarray, left: list[int | None], right: list[int | None]) -> float:
        rows, columns = ([p for p in taps if p is not None] for taps in (left, right))
        found = block[np.ix_(rows, columns)]
        return float(found.sum() / len(left) ** 2 if counted else found.mean())

    return lambda state: moved(state, sizes, strides, padding, rule)


def everywhere() -> Step:
    """The mean over all pairs of locations."""
    return lambda state: pool(state.places, (1,) * len(state.places), "VALID")(state)


def flatten() -> Step:
    """The mean over equal locations."""

    def step(state: Kernels) -> Kernels:
        k, t = (m.reshape(state.count, state.count, -1).mean(-1) for m in state.diagonal)
        return Kernels(k, t, state.count, (1,) * len(state.places))

    return step


def fresh(weight_std: float = 1.0, bias_std: float = 0.0) -> Step:
    """A layer of weights at every location."""

    def step(state: Kernels) -> Kernels:
        k = weight_std**2 * state.k + bias_std**2
        return dataclasses.replace(state, k=k, t=k + weight_std**2 * state.t)

    return step


def standard(
    drawn: Step,
    read: Step,
    fan_in: int,
    weight_std: float = 1.0,
    bias_std: float = 0.0,
    bias: bool = True,
) -> Step:
    """The same with gradients along the weights as they are.

    Arguments:
        drawn, read: what the window does to covariances for the weights that are drawn, and
            for all that train.
        fan_in: how many train.
    """

    def step(state: Kernels) -> Kernels:
        kept, seen = drawn(state), read(state)
        k = weight_std**2 * kept.k + bias_std**2
        return dataclasses.replace(kept, k=k, t=fan_in * seen.k + bias + weight_std**2 * kept.t)

    return step


def mixed(matrices: np.ndarray, places: Place) -> Step:
    """K <- sum_h A_h K A_h^T for each pair of inputs; A_h is (new, old) over all locations."""

    def step(state: Kernels) -> Kernels:
        old, new = matrices.shape[2], matrices.shape[1]
        found = []
        for matrix in (state.k, state.t):
            out = np.zeros((state.count * new, state.count * new))
            for i, j in itertools.product(range(state.count), repeat=2):
                block = matrix[i * old : (i + 1) * old, j * old : (j + 1) * old]
                image = sum(a @ block @ a.T for a in matrices)
                out[i * new : (i + 1) * new, j * new : (j + 1) * new] = image
            found.append(out)
        return Kernels(found[0], found[1], state.count, places)

    return step


def unshared(state: Kernels) -> Kernels:
    """Weights of its own for each location: nothing between locations that differ."""
    size = math.prod(state.places)
    alike = np.tile(np.eye(size), (state.count, state.count))
    return dataclasses.replace(state, k=state.k * alike, t=state.t * alike)


def relu(state: Kernels) -> Kernels:
    """Cho and Saul, in the arccos."""
    q = np.sqrt(np.diag(state.k))
    size = np.outer(q, q)
    alive = size > 0
    c = np.where(alive, np.clip(state.k / np.where(alive, size, 1), -1, 1), 0)
    # An input with itself: arccos would turn a rounding of 1e-16 into 1e-8.
    np.fill_diagonal(c, 1.0)
    theta = np.arccos(c)
    k = size * (np.sin(theta) + (math.pi - theta) * np.cos(theta)) / (2 * math.pi)
    return dataclasses.replace(state, k=k, t=state.t * (math.pi - theta) / (2 * math.pi))


def erf(state: Kernels) -> Kernels:
    """Williams, in the arcsin."""
    q = 1 + 2 * np.diag(state.k)
    size = np.outer(q, q)
    k = 2 / math.pi * np.arcsin(2 * state.k / np.sqrt(size))
    slope = 4 / math.pi / np.sqrt(size - 4 * state.k**2)
    return dataclasses.replace(state, k=k, t=state.t * slope)


def normalized(state: Kernels) -> Kernels:
    """Layer norm of a value of mean zero, over all locations at once."""
    size = math.prod(state.places)
    q = np.diag(state.k).reshape(state.count, size).mean(1).repeat(size)
    scale = np.sqrt(np.outer(q, q))
    return dataclasses.replace(state, k=state.k / scale, t=state.t / scale)


def normalized_each(state: Kernels) -> Kernels:
    """Layer norm of a value of mean zero, of each location by itself."""
    root = np.sqrt(np.diag(state.k))
    scale = np.outer(root, root)
    return dataclasses.replace(state, k=state.k / scale, t=state.t / scale)
