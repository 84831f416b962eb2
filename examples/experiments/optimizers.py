"""The optimizers of the experiments, each with one tuned number and a schedule over the run."""

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
    """Linear warm-up over the first 5 %, then cosine decay to zero."""
    unit = optax.warmup_cosine_decay_schedule(0.0, 1.0, max(1, int(_WARM_UP * steps)), steps)
    # The peak may be a traced value, which Optax would compare with 0.
    return lambda step: peak * unit(step)


def _sgd(rate: float, steps: int) -> Any:
    return optax.sgd(cosine(rate, steps), momentum=_MOMENTUM, nesterov=True)


def _sgd_clipped(rate: float, steps: int) -> Any:
    """Clips gradients at norm 1, which allows larger rates."""
    return optax.chain(optax.clip_by_global_norm(1.0), _sgd(rate, steps))


def _sgd_unitwise(rate: float, steps: int) -> Any:
    """Clips the gradient of each unit at 1 % of the norm of its weights (Brock et al. 2021b)."""
    return optax.chain(optax.adaptive_grad_clip(0.01), _sgd(rate, steps))


def _adam(rate: float, steps: int) -> Any:
    return optax.adam(cosine(rate, steps))


def _adam_clipped(rate: float, steps: int) -> Any:
    """Clips gradients at norm 1, as is usual for transformers."""
    return optax.chain(optax.clip_by_global_norm(1.0), _adam(rate, steps))


def _muon(rate: float, steps: int) -> Any:
    return optax.contrib.muon(cosine(rate, steps))


def _kfac(rate: float, steps: int) -> Any:
    """The defaults of `kernelc.kfac()`; the initial damping is tuned."""
    return kc.kfac(initial_damping=rate, allow_diagonal=True)


def _kfac_free(rate: float, steps: int) -> Any:
    """Damping down to 1e-4 and steps of any length."""
    return kc.kfac(initial_damping=rate, min_damping=1e-4, **_UNBOUNDED, allow_diagonal=True)


def _kfac_damped(rate: float, steps: int) -> Any:
    """As "kfac-free", with damping of at least 1e-2, because batches of 250 are noisy."""
    return kc.kfac(initial_damping=rate, min_damping=1e-2, **_UNBOUNDED, allow_diagonal=True)


def _kfac_bounded(rate: float, steps: int) -> Any:
    """As "kfac-damped", with a tight bound on steps and none on the predicted decrease."""
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
    "adam-clipped": _adam_clipped,
    "muon": _muon,
    "kfac": _kfac,
    "kfac-free": _kfac_free,
    "kfac-damped": _kfac_damped,
    "kfac-bounded": _kfac_bounded,
    "kfac-fixed": _kfac_fixed,
}


@dataclasses.dataclass(frozen=True)
class _Start:
    """Makes the initial state with this rate in it. Equality ignores the rate.

    `fit` looks up compiled steps by equality of optimizers, so all rates share one.
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
    """The optimizer at a rate; models that differ only in weights and rate compile once."""
    if name not in OPTIMIZERS:
        raise SystemExit(f"no optimizer {name!r}; there are {', '.join(OPTIMIZERS)}")
    made = OPTIMIZERS[name](rate, steps)
    if isinstance(made, kc.KFAC):
        # The numbers of K-FAC are already arguments of a step.
        return made
    shared = _with_rate_in_its_state(name, steps)
    return optax.GradientTransformation(_Start(shared.init, rate), shared.update)
