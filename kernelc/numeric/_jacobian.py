"""EmpiricalNTK: the tangent kernel of any differentiable function, output by output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PyTree

from .._errors import KernelcError, ShapeError
from ..data import examples
from ..modules import Model, check_entries
from ._empirical_check import some_models
from ._tangent import output_shape, require_parameters


_WHERE = "EmpiricalNTK"
_ROWS = 32


class EmpiricalNTK:
    """Θ_ab(x, x') = <∂f_a(x)/∂θ, ∂f_b(x')/∂θ> for all pairs of outputs a, b.

    Gradients are the plain ones, along all floating-point parameters as they are: the standard
    parameterization of `empirical_kernel`, which averages over outputs.

    Arguments:
        function: a model that is called on one example, such as what `lower` returns or any
            `eqx.Module`; with `params`, a function of (params, one example).
        params: a pytree of parameters, for such a function.

    Raises:
        KernelcError: something that is not callable, or has no floating-point parameters.
        UnsupportedError: batch norm in training.

    Example:
        >>> kernel = EmpiricalNTK(lambda w, x: w @ x, jnp.ones((2, 3)))
        >>> kernel.blocks(jnp.eye(3)[:1]).tolist()
        [[[[1.0, 0.0], [0.0, 1.0]]]]
        >>> kernel.product(jnp.eye(3)[:1], jnp.array([[1.0, 2.0]])).tolist()
        [[1.0, 2.0]]
    """

    def __init__(self, function: Callable[..., Any], params: PyTree = None) -> None:
        if not callable(function):
            raise KernelcError(
                where=_WHERE,
                found=f"an argument of type {type(function).__name__}",
                law="a tangent kernel is that of a function of an example",
                remedy="pass a model called on one example, or f(params, x) with its params",
            )
        if isinstance(function, Model):
            some_models(function, 1)  # refuses batch norm in training
        self._format = function.input_format if isinstance(function, Model) else None
        call: Any = function
        whole = call if params is None else params
        self._params, fixed = eqx.partition(whole, eqx.is_inexact_array)
        require_parameters(self._params, _WHERE)

        def apply(moving: PyTree, x: Array) -> Array:
            joined = eqx.combine(moving, fixed)
            return joined(x) if params is None else call(joined, x)

        def flat(moving: PyTree, x: Array) -> Array:
            return jnp.ravel(apply(moving, x))

        self._flat = flat
        self._jacobian = eqx.filter_jit(jax.vmap(jax.jacrev(flat), (None, 0)))
        self._product = eqx.filter_jit(self._both)

    def blocks(
        self, x1: ArrayLike, x2: ArrayLike | None = None
    ) -> Float[np.ndarray, "n1 n2 outputs outputs"]:
        """The kernel of all pairs of examples, (n1, n2, outputs, outputs).

        Arguments:
            x1: (n1, ...) examples.
            x2: (n2, ...) examples; None for x1.

        Raises: DataError, ShapeError for examples the function does not take.
        """
        left = self._rows(x1)
        right = left if x2 is None else self._rows(x2)
        return np.einsum("iap,jbp->ijab", left, right, optimize=True)

    def eigenvalues(self, x: ArrayLike) -> Float[np.ndarray, " n_outputs"]:
        """Eigenvalues of the whole kernel of examples and outputs, ascending, (n · outputs,)."""
        rows = self._rows(x)
        flat = rows.reshape(-1, rows.shape[-1])
        return np.linalg.eigvalsh(flat @ flat.T)

    def product(self, x: ArrayLike, v: ArrayLike) -> Float[Array, "n outputs"]:
        """Σ_j,b Θ_ab(x_i, x_j) v_jb = J Jᵀ v without the kernel: one pass back, one forward.

        Arguments:
            x: (n, ...) examples.
            v: (n, outputs) numbers.
        """
        inputs, v = self._checked(x), jnp.asarray(v)
        outputs = self._outputs(inputs)
        if v.shape != (len(inputs), outputs):
            raise ShapeError(
                where=f"{_WHERE}: v",
                found=f"an array of shape {v.shape}",
                law="a vector has a number for each output of each example",
                remedy=f"pass an array of shape {(len(inputs), outputs)}",
            )
        return self._product(self._params, inputs, v)

    def _both(self, params: PyTree, x: Array, v: Array) -> Array:
        def all_rows(moving: PyTree) -> Array:
            return jax.vmap(self._flat, (None, 0))(moving, x)

        values, back = jax.vjp(all_rows, params)
        return jax.jvp(all_rows, (params,), back(v.astype(values.dtype)))[1]

    def _rows(self, x: ArrayLike) -> Float[np.ndarray, "n outputs parameters"]:
        inputs = self._checked(x)
        self._outputs(inputs)
        parts = []
        for i in range(0, len(inputs), _ROWS):
            leaves = jax.tree.leaves(self._jacobian(self._params, inputs[i : i + _ROWS]))
            flat = [np.asarray(leaf, np.float64) for leaf in leaves]
            parts.append(np.concatenate([a.reshape(*a.shape[:2], -1) for a in flat], axis=-1))
        return np.concatenate(parts)

    def _checked(self, x: ArrayLike) -> Array:
        found = examples(x, f"{_WHERE}: x")
        if self._format is not None:
            check_entries(f"{_WHERE}: x", found, self._format)
        return jnp.asarray(found)

    def _outputs(self, x: Array) -> int:
        def function(one: Array) -> Array:
            return self._flat(self._params, one)

        return output_shape(function, x.shape[1:], f"{_WHERE}: x")[0]
