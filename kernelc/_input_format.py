"""What arrays of examples look like, and what kernels and diagnoses read off them."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float64

from ._reshaping import reshaping


Examples = np.ndarray | jax.Array


class InputFormat(ABC):
    """The form of the arrays that a network takes.

    `kernelc.Input` gives numbers, `kernelc.Tokens` integers that stand for vectors. What reads
    arrays of examples asks the format, and never for the layer that a network starts with.
    """

    integers: ClassVar[bool] = False
    """Whether entries are integers that stand for vectors."""
    q: ClassVar[float | None] = None
    """The q value of all locations, where the format fixes it."""
    remedy: ClassVar[str]
    """What to do with other entries."""

    @property
    @abstractmethod
    def law(self) -> str:
        """What entries are, for errors."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""

    @abstractmethod
    def takes(self, dtype: DTypeLike) -> bool:
        """Whether entries may be of this type."""

    def misfit(self, x: np.ndarray) -> str | None:
        """Which entry stands for nothing; None where all have a meaning."""
        return None

    def reshaping(self, found: tuple[int, ...], lead: int = 1) -> str:
        """What to do with an array of this shape, `lead` axes of which count examples."""
        return reshaping(found, self.shape, lead)

    @abstractmethod
    def entering(self, x: Array, dtype: DTypeLike) -> Array:
        """What layers that compute in `dtype` read; entries that stand for nothing become NaN
        there."""

    @abstractmethod
    def converted(self, x: Examples, double: bool) -> Examples:
        """What kernels in float64, or float32, are computed from."""

    @abstractmethod
    def precision(self, dtype: DTypeLike) -> np.dtype:
        """float64 or float32: what kernels of entries of this type are computed in."""

    def like(self, *lead: int) -> jax.ShapeDtypeStruct:
        """What networks may be traced with: of the shape of an example, after these axes."""
        return jax.ShapeDtypeStruct((*lead, *self.shape), np.int32 if self.integers else np.float32)

    @abstractmethod
    def q_values(self, x: np.ndarray) -> Float64[np.ndarray, "n ..."]:
        """The q values of all locations."""

    @property
    def gap(self) -> Callable[[Array, Array], Array] | None:
        """From arrays that broadcast to 1 - c of locations, NaN for entries that stand for nothing;
        None where the numbers themselves say it."""
        return None

    @abstractmethod
    def cosines(self, x: np.ndarray) -> Float64[np.ndarray, "n n"]:
        """Of whole examples."""

    @abstractmethod
    def location_cosines(self, x: np.ndarray) -> Float64[np.ndarray, "n locations locations"]:
        """Of the locations of each example, in row-major order; 0 with one that is zero."""

    @abstractmethod
    def unrelated(self) -> np.ndarray:
        """One input, (1, *shape), of q = 1, its locations unrelated as far as that can be."""

    @abstractmethod
    def mean_cosine(self, x: np.ndarray) -> float:
        """Of two different examples."""

    @property
    def few_cosines(self) -> tuple[str, str] | None:
        """What inputs are, and which cosines alone pairs of locations have; None for all."""
        return None


@dataclasses.dataclass(frozen=True)
class Numbers(InputFormat):
    """Real numbers, (n, *locations, channels).

    Example:
        >>> Numbers((8, 8, 3)).like(2).shape
        (2, 8, 8, 3)
    """

    example: tuple[int, ...]
    remedy = "pass a NumPy or JAX array of floats"

    @property
    def law(self) -> str:
        return "inputs are an array of real numbers"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.example

    def takes(self, dtype: DTypeLike) -> bool:
        return bool(jnp.issubdtype(dtype, jnp.number) or jnp.issubdtype(dtype, np.bool_))

    def entering(self, x: Array, dtype: DTypeLike) -> Array:
        return x if x.dtype == jnp.dtype(dtype) else x.astype(dtype)

    def converted(self, x: Examples, double: bool) -> Examples:
        dtype = np.float64 if double else np.float32
        return x if x.dtype == dtype else x.astype(dtype)

    def precision(self, dtype: DTypeLike) -> np.dtype:
        whole = jnp.issubdtype(dtype, jnp.integer)
        double = jax.config.read("jax_enable_x64") if whole else dtype == np.float64
        return np.dtype(np.float64 if double else np.float32)

    def q_values(self, x: np.ndarray) -> Float64[np.ndarray, "n ..."]:
        with np.errstate(over="ignore"):
            return np.einsum("...c,...c->...", x, x, dtype=np.float64) / x.shape[-1]

    def cosines(self, x: np.ndarray) -> Float64[np.ndarray, "n n"]:
        unit = _unit(x)
        return unit @ unit.T

    def location_cosines(self, x: np.ndarray) -> Float64[np.ndarray, "n locations locations"]:
        rows = x.reshape(len(x), -1, x.shape[-1]).astype(np.float64)
        norms = np.sqrt(np.sum(rows**2, axis=-1, keepdims=True))
        unit = rows / np.where(norms == 0, 1.0, norms)
        return unit @ np.swapaxes(unit, 1, 2)

    def unrelated(self) -> np.ndarray:
        count, channels = math.prod(self.example[:-1]), self.example[-1]
        rows = np.random.default_rng(0).normal(size=(count, channels))
        if count <= channels:
            rows = np.linalg.qr(rows.T)[0].T
        rows /= np.sqrt(np.mean(rows**2, axis=-1, keepdims=True))
        return rows.reshape(1, *self.example)

    def mean_cosine(self, x: np.ndarray) -> float:
        # All pairs but each example with itself: |sum|^2 = n + sum over pairs.
        count = len(x)
        total = float(np.sum(np.sum(_unit(x), axis=0) ** 2))
        return (total - count) / (count * (count - 1))

    @property
    def few_cosines(self) -> tuple[str, str] | None:
        if self.example[-1] > 1:
            return None
        law = "with one channel a pair of inputs has the cosine 1 or -1 at every location"
        return "inputs of one channel", law


@dataclasses.dataclass(frozen=True)
class TokenSequences(InputFormat):
    """Integers from 0 to vocabulary - 1, (n, length): each stands for a vector.

    The vector of a token has one entry sqrt(vocabulary) and zeros: q = 1, and the covariance of
    two tokens is 1 where they are equal and 0 where not. It is never made.

    Example:
        >>> TokenSequences(3, 50_000).cosines(np.array([[7, 8, 9], [7, 1, 9]])).round(3).tolist()
        [[1.0, 0.667], [0.667, 1.0]]
    """

    length: int
    vocabulary: int
    integers = True
    q = 1.0
    remedy = "pass integers, one for each token, such as numpy.array(tokens, dtype=int)"

    @property
    def law(self) -> str:
        return f"tokens of this network are integers from 0 to {self.vocabulary - 1}"

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.length,)

    def takes(self, dtype: DTypeLike) -> bool:
        # Data sets store examples as floats; narrower ones do not hold all tokens.
        kinds = (np.integer, np.float32, np.float64)
        return any(jnp.issubdtype(dtype, kind) for kind in kinds)

    def reshaping(self, found: tuple[int, ...], lead: int = 1) -> str:
        if lead and found == self.shape:
            return reshaping(found, self.shape)
        each = found[lead:]
        if each == (self.length, self.vocabulary):
            return "pass the tokens, not vectors for them: x.argmax(-1)"
        if len(each) == 1:
            wider = f"Tokens({each[0]}, {self.vocabulary})"
            return f"cut or fill sequences to {self.length} tokens, or give the network {wider}"
        return f"pass {self.length} integers for each example"

    def misfit(self, x: np.ndarray) -> str | None:
        good = self._inside(x)
        if good.all():
            return None
        place = tuple(np.argwhere(~good)[0].tolist())
        told = f"{x[place]} at [{', '.join(map(str, place))}]"
        return f"{np.sum(~good)} entries that are no tokens, the first {told}"

    def entering(self, x: Array, dtype: DTypeLike) -> Array:
        return self._indices(x, jnp.int32)

    def converted(self, x: Examples, double: bool) -> Examples:
        # The width of the integers says in what kernels are computed: there are no floats.
        return self._indices(x, np.int64 if double else np.int32)

    def precision(self, dtype: DTypeLike) -> np.dtype:
        return np.dtype(np.float64 if jnp.dtype(dtype).itemsize == 8 else np.float32)

    def q_values(self, x: np.ndarray) -> Float64[np.ndarray, "n ..."]:
        return np.ones(x.shape)

    @property
    def gap(self) -> Callable[[Array, Array], Array]:
        return self._gap

    def _gap(self, left: Array, right: Array) -> Array:
        dtype = self.precision(left.dtype)
        gap = jnp.where(left == right, 0.0, 1.0).astype(dtype)
        nothing = (left == self.vocabulary) | (right == self.vocabulary)
        return jnp.where(nothing, jnp.asarray(jnp.nan, dtype), gap)

    def cosines(self, x: np.ndarray) -> Float64[np.ndarray, "n n"]:
        # A position at a time: all at once would hold a number for each pair and position.
        equal = np.zeros((len(x), len(x)))
        for column in x.T:
            equal += column[:, None] == column[None, :]
        return equal / self.length

    def location_cosines(self, x: np.ndarray) -> Float64[np.ndarray, "n locations locations"]:
        return (x[:, :, None] == x[:, None, :]).astype(np.float64)

    def unrelated(self) -> np.ndarray:
        return np.arange(self.length)[None] % self.vocabulary

    def mean_cosine(self, x: np.ndarray) -> float:
        counts = [np.unique(column, return_counts=True)[1] for column in x.T]
        equal = sum(float(np.sum(count * (count - 1.0))) for count in counts)
        return equal / (len(x) * (len(x) - 1) * self.length)

    @property
    def few_cosines(self) -> tuple[str, str]:
        return "inputs of tokens", "a pair of tokens has the cosine 0 or 1 at every location"

    def _indices(self, x: Examples, dtype: DTypeLike) -> Any:
        """The tokens as indices; `vocabulary` for what is none."""
        inside = self._inside(x)
        x = x.astype(np.int32) if x.dtype.itemsize < 4 else x  # which may not hold `vocabulary`
        return _room(x).where(inside, x, self.vocabulary).astype(dtype)

    def _inside(self, x: Examples) -> Examples:
        x = x.astype(np.int32) if x.dtype.itemsize < 4 else x
        inside = (x >= 0) & (x < self.vocabulary)
        return inside & (x == _room(x).floor(x)) if x.dtype.kind == "f" else inside


def _room(x: Examples) -> Any:
    """NumPy or JAX: whichever made the array."""
    return np if isinstance(x, np.ndarray) else jnp


def _unit(x: np.ndarray) -> Float64[np.ndarray, "n entries"]:
    flat = x.reshape(len(x), -1)
    return flat / np.sqrt(np.sum(flat**2, axis=1))[:, None]
