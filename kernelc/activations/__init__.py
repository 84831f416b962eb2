"""Activations: exact scalar functions, their pieces, derivatives, closed and numeric forms."""

from __future__ import annotations

import importlib

from .._deprecated import warn_renamed
from . import (
    _erf_and_gelu as _erf_and_gelu,
    _exponential_linear as _exponential_linear,
    _polynomial as _polynomial,
    _rectified as _rectified,
    _sigmoidal as _sigmoidal,
    _trigonometric as _trigonometric,
)
from ._closed import closed_cross as closed_cross
from ._exponentials import decomposed as decomposed
from ._expression_json import (
    decode_expression as decode_expression,
    encode_expression as encode_expression,
)
from ._pieces import Piece as Piece
from ._registry import ACTIVATIONS as ACTIVATIONS, Definition as Definition, register as register
from ._scalar import (
    ScalarFunction as ScalarFunction,
    from_expression as from_expression,
    named as named,
)
from ._special_functions import (
    FLOAT_MODULES as FLOAT_MODULES,
    MP_MODULES as MP_MODULES,
    owens_t as owens_t,
)
from ._stable import (
    X as X,
    normal_cdf as normal_cdf,
    sigmoid as sigmoid,
    softplus as softplus,
    stabilize as stabilize,
)


_MOVED = frozenset(
    (
        *("dual", "dual_many", "dual_mp", "cross_dual", "cross_dual_mp", "moments", "moments_mp"),
        *("Moments", "ClosedMoments", "closed_moments", "hermite_coefficients"),
        *("gaussian_rule", "independent_rule", "panel_rule", "trapezoid_rule"),
    )
)
"""What was here before 0.1.0, and is in `kernelc.gaussian` now."""


def __getattr__(name: str) -> object:
    if name in _MOVED:
        warn_renamed(f"kernelc.activations.{name}", f"kernelc.gaussian.{name}")
        return getattr(importlib.import_module("kernelc.gaussian"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
