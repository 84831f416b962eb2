"""The optimizers, each with one number to tune and a schedule over the whole run."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import optax
import optax.contrib

import kernelc as kc


_WARM_UP = 0.05
_MOMENTUM = 0.9
_UNBOUNDED = {"norm_constraint": math.inf, "decrease_bound": math.inf}


def cosine(peak: Any, steps: int) -> optax.Schedule:
    """Linear warm-up over the first 5 %, then a cosine down to zero."""
    unit = optax.warmup_cosine_decay_schedule(0.0, 1.0, max(1, int(_WARM_UP * steps)), steps)
    # Optax looks at the peak it is given; this one may be traced.
    return lambda step: peak * unit(step)


def _sgd(rate: float, steps: int) -> Any:
    return optax.sgd(cosine(rate, steps), momentum=_MOMENTUM, nesterov=True)


def _sgd_clipped(rate: float, steps: int) -> Any:
    """Gradients of a norm above 1 are shortened to it, which allows larger rates."""
    return optax.chain(optax.clip_by_global_norm(1.0), _sgd(rate, steps))


def _sgd_unitwise(rate: float, steps: int) -> Any:
    """Gradients are bounded unit by unit by 1 % of the unit's weights (Brock et al. 2021b)."""
    return optax.chain(optax.adaptive_grad_clip(0.01), _sgd(rate, steps))


def _adam(rate: float, steps: int) -> Any:
    return optax.adam(cosine(rate, steps))


def _muon(rate: float, steps: int) -> Any:
    return optax.contrib.muon(cosine(rate, steps))


def _kfac(rate: float, steps: int) -> Any:
    """As `kernelc.kfac()` does by itself: what is tuned is the damping it starts with."""
    return kc.kfac(initial_damping=rate, allow_diagonal=True)


def _kfac_free(rate: float, steps: int) -> Any:
    """Damping down to 1e-4 and steps of any length."""
    return kc.kfac(initial_damping=rate, min_damping=1e-4, **_UNBOUNDED, allow_diagonal=True)


def _kfac_damped(rate: float, steps: int) -> Any:
    """As "kfac-free", with damping that never falls below 1e-2: batches of 250 are noisy."""
    return kc.kfac(initial_damping=rate, min_damping=1e-2, **_UNBOUNDED, allow_diagonal=True)


def _kfac_bounded(rate: float, steps: int) -> Any:
    """As "kfac-damped", with a tight bound on steps, but none on the decrease they foretell."""
    return kc.kfac(
        initial_damping=rate,
        min_damping=1e-2,
        norm_constraint=0.1,
        decrease_bound=math.inf,
        allow_diagonal=True,
    )


def _kfac_fixed(rate: float, steps: int) -> Any:
    """The authors' public recipe: a schedule, fixed damping, a bound on the step."""
    return kc.kfac(
        cosine(rate, steps),
        momentum=_MOMENTUM,
        damping=1e-3,
        norm_constraint=1e-3,
        curvature_ema=0.99,
        inverse_every=50,
        allow_diagonal=True,
    )


OPTIMIZERS: dict[str, Callable[[float, int], Any]] = {
    "sgd": _sgd,
    "sgd-clipped": _sgd_clipped,
    "sgd-unitwise": _sgd_unitwise,
    "adam": _adam,
    "muon": _muon,
    "kfac": _kfac,
    "kfac-free": _kfac_free,
    "kfac-damped": _kfac_damped,
    "kfac-bounded": _kfac_bounded,
    "kfac-fixed": _kfac_fixed,
}


@dataclasses.dataclass(frozen=True)
class _Start:
    """The initial state with this rate in it. Rates do not tell starts apart.

    Compiled steps are found again by the optimizer's equality, so all rates share one.
    """

    init: Callable[[Any], Any]
    rate: float = dataclasses.field(compare=False)

    def __call__(self, params: Any) -> Any:
        state = self.init(params)
        kept = state.hyperparams["rate"]
        return state._replace(hyperparams={"rate": jnp.full_like(kept, self.rate)})


@functools.cache
def _with_rate_in_its_state(name: str, steps: int) -> Any:
    def build(rate: Any) -> Any:
        return OPTIMIZERS[name](rate, steps)

    return optax.inject_hyperparams(build)(rate=1.0)


def optimizer(name: str, rate: float, steps: int) -> Any:
    """The optimizer at a rate. Models that differ in weights and rate compile once."""
    if name not in OPTIMIZERS:
        raise SystemExit(f"no optimizer {name!r}; there are {', '.join(OPTIMIZERS)}")
    made = OPTIMIZERS[name](rate, steps)
    if isinstance(made, kc.KFAC):
        # Its numbers are arguments of a step as they are.
        return made
    shared = _with_rate_in_its_state(name, steps)
    return optax.GradientTransformation(_Start(shared.init, rate), shared.update)
