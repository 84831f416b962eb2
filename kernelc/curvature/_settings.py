"""kfac: the settings of K-FAC, each of them checked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection
from typing import Literal

import numpy as np
from jax.typing import ArrayLike

from kernelc._arguments import integer, number
from kernelc._errors import DataError, shown


Schedule = Callable[[int], ArrayLike]
Adaptive = Literal["adaptive"]

ESTIMATIONS = (
    "ggn_curvature_prop",
    "ggn_exact",
    "fisher_curvature_prop",
    "fisher_exact",
    "fisher_gradients",
    "fisher_empirical",
)
# Stands for a number that every step is given.
_GIVEN = 0.0
# Without a bound on the step, fixed rates leave deep networks stuck or diverging.
_NORM_CONSTRAINT = 1e-4
# An adaptive step that is not shortened predicts a decrease of at most half of this.
_ADAPTIVE_CONSTRAINT = 0.3
_MOMENTUM = 0.9


@dataclasses.dataclass(frozen=True)
class KFAC:
    """Settings of the K-FAC optimizer; made, checked and described by `kfac`."""

    learning_rate: Adaptive | float | Schedule
    momentum: Adaptive | float
    damping: Adaptive | float | Schedule
    initial_damping: float
    min_damping: float
    norm_constraint: float | None
    decrease_bound: float | None
    curvature_ema: float
    curvature_every: int
    inverse_every: int
    damping_every: int
    estimation: str
    l2: float
    allow_diagonal: bool | tuple[str, ...]

    # In smaller batches the quadratic model of an adaptive step follows noise.
    default_batch_size = 256

    def values(self, step: int) -> dict[str, float]:
        """The numbers that a step is given: those of its coefficients that are not adaptive."""
        given = {name: getattr(self, name) for name in ("learning_rate", "momentum", "damping")}
        return {
            name: float(np.asarray(setting(step) if callable(setting) else setting))
            for name, setting in given.items()
            if not is_adaptive(setting)
        }

    def compiled(self) -> KFAC:
        """The settings that a compiled step depends on: steps of equal ones are shared."""

        def mode(setting: object) -> Adaptive | float:
            return "adaptive" if is_adaptive(setting) else _GIVEN

        return dataclasses.replace(
            self,
            learning_rate=mode(self.learning_rate),
            momentum=mode(self.momentum),
            damping=mode(self.damping),
            initial_damping=self.min_damping,
            allow_diagonal=(),
        )


def kfac(
    learning_rate: Adaptive | float | Schedule = "adaptive",
    *,
    momentum: Adaptive | float | None = None,
    damping: Adaptive | float | Schedule = "adaptive",
    initial_damping: float = 1.0,
    min_damping: float = 1e-2,
    norm_constraint: float | None = None,
    decrease_bound: float = 1.0,
    curvature_ema: float = 0.95,
    curvature_every: int = 1,
    inverse_every: int = 5,
    damping_every: int = 5,
    estimation: str = "ggn_curvature_prop",
    l2: float = 0.0,
    allow_diagonal: bool | Collection[str] = (),
) -> KFAC:
    """The K-FAC optimizer (Martens & Grosse 2015), to give to `fit` like any of Optax.

    A step is −α (F + λ)⁻¹ ∇ + μ · (the step before), where F approximates the Gauss-Newton
    matrix by one Kronecker product for every dense and 2-D convolution layer. It needs the
    extra `pip install 'kernelc[kfac]'`.

    Arguments:
        learning_rate: α. "adaptive" minimizes the quadratic model of the loss at every step,
            which takes batches of a few hundred examples; else a number, or a function of the
            step (an Optax schedule).
        momentum: μ, "adaptive" or a number. None follows the learning rate: adaptive with an
            adaptive one, 0.9 with any other.
        damping: λ. "adaptive" follows how well the quadratic model predicted the loss
            (Levenberg-Marquardt); else a number or a function of the step.
        initial_damping, min_damping: where adaptive damping starts, and its least value: with
            less, steps on batches of a few hundred examples follow their noise.
        norm_constraint: bound on δᵀ(F + λ)δ. The step δ is scaled down to it. With a given
            learning rate, F is the K-FAC estimate and δ the preconditioned gradient. With an
            adaptive one, F is that of the batch and δ the whole step, whose predicted decrease
            of the loss is at most half the bound. None is 1e-4 for the former and 0.3 for the
            latter; `math.inf` is no bound.
        decrease_bound: bound on −∇ᵀδ, the decrease to first order, as a multiple of the loss on
            the batch, for steps δ of an adaptive learning rate. No step can lower the loss by
            more than all of it. A quadratic model predicts many times that for a batch with
            examples that are confidently wrong: their gradient is large and their curvature
            vanishes. 2 allows the step that takes a squared error to zero; `math.inf` is no
            bound.
        curvature_ema: share of its past that the estimate of F keeps at an update.
        curvature_every, inverse_every, damping_every: steps between updates of the estimate,
            of its inverse and of adaptive damping.
        estimation: how F is estimated, one of the modes of kfac-jax.
        l2: adds l2/2 · Σ θ² to the loss that is trained on (not to the one reported).
        allow_diagonal: nodes (or paths) whose weights may have a diagonal block, which K-FAC
            falls back to for layers it does not recognize; True for all.

    Returns: the settings, checked.

    Raises: DataError for values out of range, or that do not go together.

    Example:
        >>> kfac().momentum, kfac(0.03).momentum, kfac(0.03).norm_constraint
        ('adaptive', 0.9, 0.0001)
    """
    adaptive = is_adaptive(learning_rate)
    if norm_constraint is None:
        norm_constraint = _ADAPTIVE_CONSTRAINT if adaptive else _NORM_CONSTRAINT
    if momentum is None:
        momentum = "adaptive" if adaptive else _MOMENTUM
    if not isinstance(estimation, str) or estimation not in ESTIMATIONS:
        law = f"The curvature is estimated in one of {', '.join(ESTIMATIONS)}"
        raise _refusal("estimation", shown(estimation), law)
    settings = KFAC(
        learning_rate=_coefficient("learning_rate", learning_rate),
        momentum=momentum if is_adaptive(momentum) else _number("momentum", momentum, below=1),
        damping=_coefficient("damping", damping),
        initial_damping=_number("initial_damping", initial_damping, above=0),
        min_damping=_number("min_damping", min_damping, above=0),
        norm_constraint=_bound("norm_constraint", norm_constraint),
        decrease_bound=_bound("decrease_bound", decrease_bound),
        curvature_ema=_number("curvature_ema", curvature_ema, below=1),
        curvature_every=integer(curvature_every, "kfac: curvature_every"),
        inverse_every=integer(inverse_every, "kfac: inverse_every"),
        damping_every=integer(damping_every, "kfac: damping_every"),
        estimation=estimation,
        l2=_number("l2", l2),
        allow_diagonal=_node_names(allow_diagonal),
    )
    _check_together(settings)
    return settings


def is_adaptive(value: object) -> bool:
    """Whether a setting is left to the optimizer."""
    # An array compared to a string would answer for each entry.
    return isinstance(value, str) and value == "adaptive"


def _number(name: str, value: object, above: float = -math.inf, below: float = math.inf) -> float:
    return number(value, f"kfac: {name}", least=0, above=above, below=below)


def _coefficient(name: str, value: Adaptive | float | Schedule) -> Adaptive | float | Schedule:
    if is_adaptive(value) or (callable(value) and not isinstance(value, type)):
        return value
    remedy = 'Pass "adaptive", such a number or a schedule: a function of the step'
    return number(value, f"kfac: {name}", least=0, remedy=remedy)


def _bound(name: str, value: float) -> float | None:
    infinite = isinstance(value, float) and value == math.inf
    return None if infinite else _number(name, value, above=0)


def _node_names(allowed: bool | Collection[str]) -> bool | tuple[str, ...]:
    if isinstance(allowed, bool):
        return allowed
    # One name alone is a collection of its letters.
    names = (allowed,) if isinstance(allowed, str) else allowed
    if not isinstance(names, Collection) or not all(isinstance(name, str) for name in names):
        law = "It is a tuple of node names, or True for all"
        raise _refusal("allow_diagonal", shown(allowed), law)
    return tuple(names)


def _check_together(settings: KFAC) -> None:
    every, inverse = settings.curvature_every, settings.inverse_every
    if every > inverse:
        law = "An inverse is taken anew only after the curvature has changed"
        found = f"{every} with inverse_every={inverse}"
        raise _refusal("curvature_every", found, law)
    least, first = settings.min_damping, settings.initial_damping
    if is_adaptive(settings.damping) and least > first:
        law = "Adaptive damping starts at or above its least value"
        raise _refusal("min_damping", f"{least} with initial_damping={first}", law)


def _refusal(name: str, found: str, law: str) -> DataError:
    remedy = "Pass such a value, or leave it out for the default"
    return DataError(f"kfac: {name}", found, law, remedy)
