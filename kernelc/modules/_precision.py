"""Policy: the dtypes of a model, and casts; the forms in which its layers are run."""

from __future__ import annotations

import dataclasses
from typing import Literal, cast as typed, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, PyTree

from .._deprecated import warn_renamed
from .._errors import UnsupportedError, shown


LoopMode = Literal["auto", "scan", "unrolled"]
Remat = Literal["none", "block"]
_FORMS = {"layers": get_args(LoopMode), "remat": get_args(Remat)}


@dataclasses.dataclass(frozen=True)
class Policy:
    """The dtypes of a network, which change what it computes by rounding alone.

    Arguments:
        param_dtype: what parameters are stored and trained in.
        compute_dtype: what parameters and values are cast to where they are used; default
            `param_dtype`. Statistics of normalization layers are taken in float32 at least.
        output_dtype: dtype of what the model returns; default `param_dtype`.
        layers, remat: deprecated, arguments of `kernelc.lower`.

    Raises: UnsupportedError for a dtype that is not floating, or that JAX would truncate.

    Example:
        >>> Policy("float32", compute_dtype="bfloat16").output_dtype
        'float32'
    """

    param_dtype: str = "float32"
    compute_dtype: str | None = None
    output_dtype: str | None = None
    layers: dataclasses.InitVar[LoopMode | None] = None
    remat: dataclasses.InitVar[Remat | None] = None

    def __post_init__(self, layers: LoopMode | None, remat: Remat | None) -> None:
        for field in ("param_dtype", "compute_dtype", "output_dtype"):
            given = getattr(self, field)
            dtype = self.param_dtype if given is None else given
            object.__setattr__(self, field, floating(f"Policy: {field}", dtype).name)
        for field, form in (("layers", layers), ("remat", remat)):
            if form is not None:
                warn_renamed(f"Policy({field}=)", f"lower({field}=)", stacklevel=4)
                object.__setattr__(self, field, checked_form("Policy", field, form))


def checked_form(where: str, name: str, form: str) -> str:
    """The form in which layers are run: `layers` a `LoopMode`, `remat` a `Remat`.

    Raises: UnsupportedError for an unknown one.
    """
    if isinstance(form, str) and form in _FORMS[name]:
        return form
    raise UnsupportedError(
        where=f"{where}: {name}",
        found=shown(form),
        law=f"{name} is one of {', '.join(map(repr, _FORMS[name]))}",
        remedy="choose among them",
    )


def floating(where: str, dtype: object) -> jnp.dtype:
    """The floating dtype meant by `dtype`, refused if this JAX would silently truncate it."""
    try:
        # NumPy would parse other texts, and would take the dtype of an array.
        named = not isinstance(dtype, str) or (dtype.isidentifier() and len(dtype) < 32)
        array = isinstance(dtype, np.ndarray | jax.Array)
        found = jnp.dtype(typed(DTypeLike, dtype)) if named and not array else None
    except (TypeError, ValueError, RuntimeError):
        # JAX may raise any of these when it converts a value to a dtype.
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


def cast(tree: PyTree, dtype: str) -> PyTree:
    """Every floating array of `tree` in `dtype`; arrays already in it are left untouched."""

    def one(leaf: PyTree) -> PyTree:
        # No operation may come between a parameter and the layer that uses it when nothing
        # needs converting: K-FAC recognizes a layer by its raw parameters.
        if eqx.is_inexact_array(leaf) and leaf.dtype != jnp.dtype(dtype):
            return jnp.asarray(leaf, dtype)
        return leaf

    return jax.tree.map(one, tree)


def as_dtype(x: Array, dtype: str | jnp.dtype) -> Array:
    """`x` in `dtype`, with no operation when it already is."""
    return x if x.dtype == jnp.dtype(dtype) else x.astype(dtype)
