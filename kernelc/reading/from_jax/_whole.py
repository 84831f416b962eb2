"""Modules that a trace shows as one equation."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array

from ..operations import Operation


_module = core.Primitive("read_module")


@dataclasses.dataclass(frozen=True)
class Whole:
    """A module that is read as one operation.

    Arguments:
        kind: its class.
        make: the operation, from the arrays that are bound with it.
        compute: what it computes of its input and these arrays.
        looks_up: whether it returns rows of its only array, at integers.
    """

    kind: str
    make: Callable[[Sequence[np.ndarray]], Operation]
    compute: Callable[..., Array]
    looks_up: bool = False

    def bind(self, x: Array, arrays: Sequence[Array] = ()) -> Array:
        """The value of the module, as one equation of the trace."""
        return _module.bind(x, *arrays, whole=self)


def whole_of(equation: core.JaxprEqn) -> Whole | None:
    """The module that an equation stands for; None for any other equation."""
    return equation.params["whole"] if equation.primitive is _module else None


@_module.def_abstract_eval
def _shape(x: Any, *arrays: Any, whole: Whole) -> Any:
    if not whole.looks_up:
        return x
    return x.update(shape=(*x.shape, arrays[0].shape[-1]), dtype=arrays[0].dtype, weak_type=False)


@_module.def_impl
def _computed(*args: Array, whole: Whole) -> Array:
    return whole.compute(*args)


def _batched(
    args: Sequence[Array], dims: Sequence[int | None], *, whole: Whole
) -> tuple[Array, int]:
    """Under `jax.vmap` the new axis goes first, because modules work on the last axes."""
    place, *others = dims
    if place is None or any(other is not None for other in others):
        # One module for each example: it is no layer, and is read equation by equation.
        return jax.vmap(whole.compute, in_axes=tuple(dims))(*args), 0
    return whole.bind(jax.numpy.moveaxis(args[0], place, 0), args[1:]), 0


def _differentiated(
    args: Sequence[Array], tangents: Sequence[Any], *, whole: Whole
) -> tuple[Array, Array]:
    plain = tuple(ad.instantiate_zeros(tangent) for tangent in tangents)
    return jax.jvp(functools.partial(_computed, whole=whole), tuple(args), plain)


batching.primitive_batchers[_module] = _batched
ad.primitive_jvps[_module] = _differentiated
mlir.register_lowering(_module, mlir.lower_fun(_computed, multiple_results=False))
