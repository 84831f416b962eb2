"""Which curvature blocks K-FAC will use, before any training."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Float, PyTree
from numpy.typing import ArrayLike

from kernelc._errors import DataError
from kernelc.curvature import KFACBlocks, kfac
from kernelc.data import examples
from kernelc.modules import Model
from kernelc.training._call import split
from kernelc.training._check import check_model, initial_state
from kernelc.training._kfac_stepper import KfacStepper
from kernelc.training._losses import Named, resolve
from kernelc.training._scoring import fitted


def kfac_blocks(
    model: Callable,
    x: Float[np.ndarray, "batch ..."] | None = None,
    *,
    loss: Named = "cross_entropy",
    state: PyTree = None,
) -> KFACBlocks:
    """The curvature block that K-FAC has for each parameter; nothing is compiled.

    `fit` refuses what `diagonal_weights` of the report lists, unless it is allowed.

    Arguments:
        model: any model that `fit` takes.
        x: examples, of which only shape and dtype are used; a `Model` knows them itself.
        loss: as in `fit`.
        state: as in `fit`.

    Returns: the blocks with names and shapes of their parameters; prints as a table.

    Raises:
        DataError: a model that is no `Model`, without examples.
        UnsupportedError: a model that K-FAC cannot take apart.
        PackageError: kfac-jax is missing, or was not tested.

    Example:
        >>> import jax, kernelc as kc
        >>> inputs = kc.Input((4,))
        >>> net = kc.Network(inputs, kc.Dense(2)(inputs, name="last"))
        >>> print(kfac_blocks(kc.lower(net, key=jax.random.key(0))))
        DenseTwoKroneckerFactored  last.weight (4, 2)
        DenseTwoKroneckerFactored  last.bias (2,)
    """
    x = examples(_examples(model, x), "kfac_blocks: x")
    state = initial_state(model, state)
    function = resolve(loss)
    outputs = check_model(model, state, x).shape
    # Which target it is changes nothing in the trace, and a label serves any of the losses but
    # that of one output, which is compared with a number.
    y = fitted(np.zeros(len(x), np.int32), outputs, function)
    params, rest = split(model)
    stepper = KfacStepper(rest, kfac(), function, jax.random.key(0))
    return stepper.blocks(params, state, x, y)


def _examples(model: Callable, x: ArrayLike | None) -> ArrayLike:
    if x is not None:
        return x
    if not isinstance(model, Model):
        raise DataError(
            where="kfac_blocks: x",
            found="None",
            law="Only a kernelc.Model knows the shape of its examples",
            remedy="Pass a few examples, for example x[:2]",
        )
    return np.zeros((2, *model.input_shape), np.float32)
