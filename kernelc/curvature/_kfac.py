"""The entry point of K-FAC."""

from __future__ import annotations

import math
from collections.abc import Collection

from kernelc.curvature._settings import KFAC, Adaptive, Schedule, is_adaptive


# Without a bound on the step, fixed rates leave deep networks stuck or diverging.
_NORM_CONSTRAINT = 1e-4
# Of adaptive steps, which foretell half of this unless they are shortened.
_ADAPTIVE_CONSTRAINT = 0.3
_MOMENTUM = 0.9


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
        initial_damping, min_damping: where adaptive damping starts, and what it never falls
            below: with less, steps on batches of a few hundred examples follow their noise.
        norm_constraint: bound on δᵀ(F + λ)δ for the step δ, which is shortened to it: of the
            step against the gradient with F as K-FAC has it when the learning rate is given,
            of the whole step with F of the batch when it is adaptive (twice the decrease of the
            loss that a step foretells which is not shortened). None is 1e-4 for the former and
            0.3 for the latter, `math.inf` leaves steps unbounded.
        decrease_bound: bound on −∇ᵀδ for a step δ of an adaptive learning rate, as a share of the
            loss on the batch: the decrease to first order, twice what a step foretells which is
            not shortened. No step can lower the loss by more than all of it, but a quadratic
            model foretells many times that when a batch has examples that are confidently wrong,
            whose gradient is large and whose curvature vanishes. 2 leaves whole the step that
            takes a squared error to zero; `math.inf` for no bound.
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
    return KFAC(
        learning_rate=learning_rate,
        momentum=("adaptive" if adaptive else _MOMENTUM) if momentum is None else momentum,
        damping=damping,
        initial_damping=initial_damping,
        min_damping=min_damping,
        norm_constraint=_finite(norm_constraint),
        decrease_bound=_finite(decrease_bound),
        curvature_ema=curvature_ema,
        curvature_every=curvature_every,
        inverse_every=inverse_every,
        damping_every=damping_every,
        estimation=estimation,
        l2=l2,
        allow_diagonal=_names(allow_diagonal),
    )


def _finite(bound: float) -> float | None:
    return None if bound == math.inf else bound


def _names(allowed: bool | Collection[str]) -> bool | tuple[str, ...]:
    if isinstance(allowed, bool):
        return allowed
    # One name alone is a collection of its letters.
    return (allowed,) if isinstance(allowed, str) else tuple(allowed)
