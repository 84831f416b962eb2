"""The settings of K-FAC, and what each of them has to be."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable
from typing import Any, Literal

from kernelc._errors import DataError


Schedule = Callable[[int], Any]
Adaptive = Literal["adaptive"]

ESTIMATIONS = (
    "ggn_curvature_prop",
    "ggn_exact",
    "fisher_curvature_prop",
    "fisher_exact",
    "fisher_gradients",
    "fisher_empirical",
)
_GIVEN = 0.0


@dataclasses.dataclass(frozen=True)
class KFAC:
    """Settings of the K-FAC optimizer; made and described by `kfac`."""

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

    # What a step of adaptive settings needs: in smaller batches its quadratic model is noise.
    default_batch_size = 256

    def __post_init__(self) -> None:
        _check_coefficient("learning_rate", self.learning_rate, schedule=True)
        _check_coefficient("momentum", self.momentum, schedule=False)
        _check_coefficient("damping", self.damping, schedule=True)
        for name in ("initial_damping", "min_damping"):
            _require(name, _positive(getattr(self, name)), getattr(self, name), _POSITIVE)
        _require("curvature_ema", _between(self.curvature_ema), self.curvature_ema, _EMA)
        _require("l2", _number(self.l2) and self.l2 >= 0, self.l2, "l2 is not negative")
        for name in ("curvature_every", "inverse_every", "damping_every"):
            value = getattr(self, name)
            _require(name, _whole(value), value, "it counts steps, 1 or more")
        _require("estimation", self.estimation in ESTIMATIONS, self.estimation, _MODES)
        _check_together(self)

    def values(self, step: int) -> dict[str, float]:
        """The numbers that a step is given: those of its coefficients that are not adaptive."""
        found = {}
        for name in ("learning_rate", "momentum", "damping"):
            setting: Any = getattr(self, name)
            if not is_adaptive(setting):
                value: Any = setting(step) if callable(setting) else setting
                found[name] = float(value)
        return found

    def compiled(self) -> KFAC:
        """The settings without what a compiled step does not depend on: equal means shared."""

        def mode(setting: object) -> Any:
            return setting if is_adaptive(setting) else _GIVEN

        return dataclasses.replace(
            self,
            learning_rate=mode(self.learning_rate),
            momentum=mode(self.momentum),
            damping=mode(self.damping),
            initial_damping=self.min_damping,
            allow_diagonal=(),
        )


_POSITIVE = "it is a positive finite number"
_EMA = "the moving average keeps a share from 0 to below 1 of the past"
_MODES = "the curvature is estimated in one of " + ", ".join(ESTIMATIONS)


def is_adaptive(value: object) -> bool:
    """Whether a setting is left to the optimizer."""
    # An array compared to a string would answer for each entry.
    return isinstance(value, str) and value == "adaptive"


def _check_coefficient(name: str, value: Any, schedule: bool) -> None:
    if is_adaptive(value) or (schedule and callable(value)):
        return
    forms = 'it is "adaptive", a number' + (" or a schedule of the step" if schedule else "")
    # Zero stands for a number given at every step; momentum may be zero on its own account.
    _require(name, _number(value) and value >= 0, value, f"{forms}, and not negative")
    _require(name, name != "momentum" or value < 1, value, "a fixed momentum is below 1")


def _check_together(settings: KFAC) -> None:
    for name in ("norm_constraint", "decrease_bound"):
        bound = getattr(settings, name)
        _require(name, bound is None or _positive(bound), bound, _POSITIVE)
    _require(
        "curvature_every",
        settings.curvature_every <= settings.inverse_every,
        f"{settings.curvature_every} with inverse_every={settings.inverse_every}",
        "an inverse is taken anew only after the curvature has changed",
        "Make inverse_every at least curvature_every",
    )
    _require(
        "min_damping",
        not is_adaptive(settings.damping) or settings.min_damping <= settings.initial_damping,
        f"{settings.min_damping} with initial_damping={settings.initial_damping}",
        "adaptive damping starts at or above its least value",
        "Lower min_damping",
    )
    allowed = settings.allow_diagonal
    names = isinstance(allowed, bool) or all(isinstance(name, str) for name in allowed)
    _require("allow_diagonal", names, allowed, "it is a tuple of node names, or True for all")


def _require(name: str, fine: bool, found: object, law: str, remedy: str | None = None) -> None:
    if not fine:
        raise DataError(
            where=f"kfac: {name}",
            found=found if isinstance(found, str) else repr(found),
            law=law,
            remedy=remedy or "Pass such a value, or leave it out for the default",
        )


def _number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _between(value: Any) -> bool:
    return _number(value) and 0 <= value < 1


def _whole(value: object) -> bool:
    return _positive(value) and isinstance(value, numbers.Integral)
