"""What must hold before a prediction: targets, numbers and names."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .. import numeric
from .._errors import DataError, KernelcError, UnsupportedError, shown
from .._limits import real
from ._evaluate import KernelFunction, Part


def function(k: object) -> KernelFunction:
    """The kernel function, or KernelcError."""
    if not callable(k) or isinstance(k, type):
        raise KernelcError(
            where="predict: k",
            found=f"an argument of type {type(k).__name__}",
            law="predictions are made from a function of two sets of inputs",
            remedy="pass what kernelc.kernel_fn(network) returns",
        )
    return k


def part(name: object) -> Part:
    """The name of a kernel, or UnsupportedError."""
    if not isinstance(name, str) or name not in ("nngp", "ntk"):
        raise UnsupportedError(
            where="predict: kernel",
            found=shown(name),
            law="the kernels that train are 'nngp' (last layer) and 'ntk' (all layers)",
            remedy="choose one of them",
        )
    return cast(Part, name)


_ONE_HOT = "one-hot class labels, np.eye(classes)[y]; other numbers as y.astype(float)"
_NUMBERED = (
    "number the classes, names, y = np.unique(y, return_inverse=True), and pass "
    "np.eye(len(names))[y]"
)


def targets(y: object) -> Float[np.ndarray, "n ..."]:
    """Finite float64 targets of one or two axes, or DataError."""
    where = "predict: y_train"
    try:
        y = np.asarray(y)
    except ValueError as error:
        law = "targets have the shape (n,) or (n, outputs)"
        raise DataError(where, shown(y), law, "pass rows of one length") from error
    if not jnp.issubdtype(y.dtype, np.floating):
        raise DataError(
            where=where,
            found=f"dtype {y.dtype}",
            law="regression has real targets; the numbers of classes have no order to regress on",
            remedy=_NUMBERED if y.dtype.kind in "USO" else _ONE_HOT,
        )
    if y.ndim not in (1, 2) or y.size == 0:
        raise DataError(
            where=where,
            found=f"shape {y.shape}",
            law="targets have the shape (n,) or (n, outputs)",
            remedy="flatten the targets of an example to one row",
        )
    if not np.isfinite(y).all():
        rows = np.flatnonzero(~np.isfinite(y.reshape(len(y), -1)).all(axis=1))
        raise DataError(
            where=where,
            found=f"NaN or infinity in {len(rows)} of {len(y)} rows, first {rows[0]}",
            law="targets are finite",
            remedy="remove those examples",
        )
    return y.astype(np.float64)


def number(name: str, value: object, least: str = "0 or more") -> float:
    """The value as a finite float, at least 0 (above 0 when `least` says so), or DataError."""
    found = real(value)
    if not math.isfinite(found) or found < 0 or (found == 0 and least == "above 0"):
        raise DataError(
            where=f"predict: {name}",
            found=shown(value),
            law=f"{name} is a finite number {least}",
            remedy="pass such a number" + ("; None for infinite time" if name == "time" else ""),
        )
    return found


def several(name: str, values: object) -> list[float]:
    """The values as finite floats of at least 0, one or more, or DataError."""
    if (
        not isinstance(values, Iterable)
        or isinstance(values, str | bytes)
        or not (given := list(values))
    ):
        raise DataError(
            where=f"predict: {name}",
            found=shown(values),
            law=f"{name} are one or more numbers",
            remedy=f"pass a list of them, such as {name}=[0.01, 0.1]",
        )
    return [number(name, value) for value in given]


def noisy(kernel: Part) -> None:
    """Nothing for "nngp", whose ridge is the variance of noise; or UnsupportedError."""
    if kernel != "nngp":
        raise UnsupportedError(
            where="predict: observation_noise",
            found=f"kernel={kernel!r}",
            law="there the ridge is weight decay, not the variance of noise",
            remedy='pass kernel="nngp", or add a variance of noise to what is returned',
        )


def differentiable(k: KernelFunction) -> numeric.KernelFunction:
    """The kernel function, when it is that of a network; or UnsupportedError."""
    if not isinstance(k, numeric.KernelFunction):
        raise UnsupportedError(
            where="log_marginal_likelihood: gradient",
            found=f"a kernel function of type {type(k).__name__}",
            law="derivatives are taken through the layers of a network",
            remedy="pass what kernelc.kernel_fn(network) returns, or gradient=False",
        )
    return k
