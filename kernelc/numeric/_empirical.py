"""The kernel that a finite network has at its present weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, overload

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float
from tqdm import tqdm

from .._deprecated import renamed_arguments
from .._errors import DataError
from ..modules import Model
from ._empirical_blocks import Task, nngp_matrix, ntk_matrix, ntk_steps
from ._empirical_check import (
    channels,
    chosen,
    inputs,
    output_shape,
    parameterized,
    readable,
    some_models,
)
from ._matrices import KernelMatrices
from ._tangent import Called, Parameterization, Tangent, require_parameters


Part = Literal["nngp", "ntk"]
Finite = Callable[..., Any]
Averaged = tuple[Array, Array]
"""A mean, and its standard error."""


@overload
def empirical_kernel(
    model: Finite | Sequence[Finite],
    x1: Float[ArrayLike, "n1 ..."],
    x2: Float[ArrayLike, "n2 ..."] | None = None,
    *,
    get: Part | Sequence[Part] = ("nngp", "ntk"),
    parameterization: Parameterization | None = None,
    outputs: Sequence[int] | None = None,
    standard_error: Literal[False] = False,
    progress: bool | None = None,
) -> KernelMatrices: ...


@overload
def empirical_kernel(
    model: Finite | Sequence[Finite],
    x1: Float[ArrayLike, "n1 ..."],
    x2: Float[ArrayLike, "n2 ..."] | None = None,
    *,
    get: Part | Sequence[Part] = ("nngp", "ntk"),
    parameterization: Parameterization | None = None,
    outputs: Sequence[int] | None = None,
    standard_error: Literal[True],
    progress: bool | None = None,
) -> tuple[KernelMatrices, KernelMatrices]: ...


@renamed_arguments(parametrisation="parameterization")
def empirical_kernel(
    model: Finite | Sequence[Finite],
    x1: Float[ArrayLike, "n1 ..."],
    x2: Float[ArrayLike, "n2 ..."] | None = None,
    *,
    get: Part | Sequence[Part] = ("nngp", "ntk"),
    parameterization: Parameterization | None = None,
    outputs: Sequence[int] | None = None,
    standard_error: bool = False,
    progress: bool | None = None,
) -> KernelMatrices | tuple[KernelMatrices, KernelMatrices]:
    """mean_c f_c(x) f_c(x') and mean_c <∂f_c(x)/∂θ, ∂f_c(x')/∂θ> over output channels c.

    (Jacot et al. 2018. As width grows both converge to what `derive` describes.) Each product
    of gradients is weighed by the variance of its parameter at initialization, which makes it
    the NTK parameterization of `derive`; parameters that the limit holds fixed, such as gains,
    weigh nothing. Running statistics of batch norm are those that the model starts with.

    Arguments:
        model: what `lower` returns, an `eqx.Module`, or any other pytree that is called on one
            example, such as `jax.tree_util.Partial(f, params)`; or several of one architecture
            to average over.
        x1: examples, (n1, *input_shape).
        x2: the same, (n2, *input_shape); None for the kernel of x1 with itself.
        get: "nngp", "ntk" or both; the NNGP alone costs no more than running the model.
        parameterization: "ntk", or "standard" for the plain gradients of all parameters, gains
            and taps of Delta convolutions that start at zero included. `kernel_fn` has both:
            the limit of the first, the leading orders in the width of the second. None takes
            "ntk" for what `lower` returns, and "standard" for others, whose variances are
            not known.
        outputs: indices of the output channels to average over; None for all. The NTK costs a
            backward pass for each of them at each location of the output.
        standard_error: whether to return the standard error of the average as well.
        progress: whether to show a bar for work over two seconds; None: on a terminal only.

    Returns: matrices (n1, n2, *locations), both inputs at one location of the output. With
        `standard_error` a pair of those: averages over models, and their standard errors.

    Raises:
        KernelcError: something else than models; no parameters to take gradients along.
        UnsupportedError: batch norm in training; an unknown part or parameterization, "ntk"
            for a model that `lower` did not make.
        DataError: dropout in training, numbers that are not finite, too few models, a model
            that does not take such examples.
        ShapeError: models or inputs of another shape; output channels that are not there.

    Example:
        >>> from kernelc.layers import DenseModule
        >>> from kernelc.modules import ModelNode
        >>> layer = DenseModule(3 * jnp.eye(4), weight_std=2.0)
        >>> model = Model([ModelNode("dense", layer, (0,))], (4,))
        >>> kernel = empirical_kernel(model, jnp.eye(4)[:2])
        >>> kernel.nngp.tolist(), kernel.ntk.tolist()
        ([[2.25, 0.0], [0.0, 2.25]], [[1.0, 0.0], [0.0, 1.0]])
    """
    parts = chosen("get", get, ("nngp", "ntk"))
    models = readable(some_models(model, 2 if standard_error else 1), x1)
    parameterization = parameterized(parameterization, models)
    shape = output_shape(models)
    left = inputs("x1", x1, models[0])
    right = None if x2 is None else inputs("x2", x2, models[0])
    task = Task(left, right, shape, channels(outputs, shape[-1]))
    nngp = ntk = (None, None)
    if "nngp" in parts:
        nngp = _average(nngp_matrix(each, task) for each in models)
    if "ntk" in parts:
        ntk = _ntk(models, task, parameterization, progress)
    mean, error = (KernelMatrices(*both) for both in zip(nngp, ntk, strict=True))
    return (mean, error) if standard_error else mean


def _ntk(
    models: tuple[Model | Called, ...],
    task: Task,
    parameterization: Parameterization,
    progress: bool | None,
) -> Averaged:
    for model in models:
        if isinstance(model, Called):
            require_parameters(model, "empirical_kernel: model")
    tangents = [Tangent.of(model, parameterization) for model in models]
    total = len(models) * ntk_steps(models[0], tangents[0], task)
    # disable=None is how tqdm is told to show the bar on a terminal only.
    hidden = None if progress is None else not progress
    with tqdm(total=total, disable=hidden, delay=2, unit="block") as bar:
        return _average(
            ntk_matrix(model, tangent, task, bar.update)
            for model, tangent in zip(models, tangents, strict=True)
        )


def _average(matrices: Iterable[np.ndarray]) -> Averaged:
    """The mean, and its standard error from the spread of what it is the mean of."""
    mean, squares, count = np.zeros(()), np.zeros(()), 0
    for count, matrix in enumerate(matrices, start=1):
        if not np.isfinite(matrix).all():
            raise DataError(
                where="empirical_kernel: model",
                found="a kernel with entries that are not finite",
                law="kernels are means of finite outputs and gradients",
                remedy="look for parameters that are not finite, or outputs that overflow",
            )
        # Welford's update: a difference of large sums would lose a small spread.
        step = matrix - mean
        mean = mean + step / count
        squares = squares + step * (matrix - mean)
    error = np.sqrt(squares / max(1, count - 1) / count)
    return jnp.asarray(mean, float), jnp.asarray(error, float)
