"""Policy: the dtypes of a model and how its layers are run; casts."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._errors import UnsupportedError, shown


LoopMode = Literal["auto", "scan", "unrolled"]
Remat = Literal["none", "block"]
_CHOICES = {"layers": get_args(LoopMode), "remat": get_args(Remat)}


@dataclasses.dataclass(frozen=True)
class Policy:
    """How a network is run: dtypes, repeated blocks, and what is kept for the backward pass.

    None of this changes what is computed, up to rounding.

    Arguments:
        param_dtype: what parameters are stored and trained in.
        compute_dtype: what parameters and values are cast to where they are used; default
            `param_dtype`. Statistics of normalization layers are taken in float32 at least.
        output_dtype: dtype of what the model returns; default `param_dtype`.
        layers: "scan" runs repeated blocks in one loop, with their weights in one array, so that
            compilation does not grow with depth; "unrolled" has an array for every parameter of
            every layer, which is what K-FAC needs; "auto" lets `lower` choose.
        remat: "block" keeps only the values between blocks for the backward pass, which computes
            those inside again; "none" keeps all.

    Raises: UnsupportedError for a dtype that is not floating, or that JAX would truncate, and
        for an unknown choice.

    Example:
        >>> Policy("float32", compute_dtype="bfloat16").output_dtype
        'float32'
    """

    param_dtype: str = "float32"
    compute_dtype: str | None = None
    output_dtype: str | None = None
    layers: LoopMode = "auto"
    remat: Remat = "none"

    def __post_init__(self) -> None:
        for field in ("param_dtype", "compute_dtype", "output_dtype"):
            given = getattr(self, field)
            dtype = self.param_dtype if given is None else given
            object.__setattr__(self, field, floating(f"Policy: {field}", dtype).name)
        for field, known in _CHOICES.items():
            chosen = getattr(self, field)
            if not isinstance(chosen, str) or chosen not in known:
                raise UnsupportedError(
                    where=f"Policy: {field}",
                    found=shown(chosen),
                    law=f"{field} is one of {', '.join(map(repr, known))}",
                    remedy="choose among them",
                )


def floating(where: str, dtype: Any) -> jnp.dtype:
    """The floating dtype meant by `dtype`, refused if this JAX would silently truncate it."""
    try:
        # NumPy parses other texts, with errors of many kinds; an array has a dtype, and is none.
        named = not isinstance(dtype, str) or (dtype.isidentifier() and len(dtype) < 32)
        array = isinstance(dtype, np.ndarray | jax.Array)
        found = jnp.dtype(dtype) if named and not array else None
    except (TypeError, ValueError, RuntimeError):
        # Whatever JAX meets when it turns a value of any kind into text or a dtype.
        found = None
    if found is None or not jnp.issubdtype(found, jnp.floating):
        raise UnsupportedError(
            where=where,
            found=shown(dtype),
            law="networks compute in a real floating dtype",
            remedy='use "float32", "bfloat16", "float16" or "float64"',
        )
    if found == jnp.float64 and not jax.config.read("jax_enable_x64"):
        raise UnsupportedError(
            where=where,
            found="float64 while JAX runs in 32 bits",
            law="JAX would silently truncate the values to float32",
            remedy='set jax.config.update("jax_enable_x64", True), or use "float32"',
        )
    return found


def accumulator(dtype: jnp.dtype) -> jnp.dtype:
    """Dtype for sums of many terms: means of squares lose too much in 16 bits."""
    return jnp.promote_types(dtype, jnp.float32)


def cast(tree: Any, dtype: str) -> Any:
    """Every floating array of `tree` in `dtype`; arrays already in it are left untouched."""

    def one(leaf: Any) -> Any:
        # No operation may come between a parameter and the layer that uses it when nothing
        # needs converting: K-FAC recognizes a layer by its raw parameters.
        if eqx.is_inexact_array(leaf) and leaf.dtype != jnp.dtype(dtype):
            return jnp.asarray(leaf, dtype)
        return leaf

    return jax.tree.map(one, tree)


def as_dtype(x: Array, dtype: str | jnp.dtype) -> Array:
    """`x` in `dtype`, with no operation when it already is."""
    return x if x.dtype == jnp.dtype(dtype) else x.astype(dtype)
