"""Activations: exact scalar functions, their pieces, derivatives, duals and numeric forms."""

from __future__ import annotations

from . import (
    _algebraic as _algebraic,
    _erf as _erf,
    _exponential_linear as _exponential_linear,
    _hard as _hard,
    _polynomial as _polynomial,
    _rectified as _rectified,
    _sigmoidal as _sigmoidal,
    _trigonometric as _trigonometric,
)
from ._closed_moments import ClosedMoments as ClosedMoments, closed_moments as closed_moments
from ._closed_special import (
    FLOAT_MODULES as FLOAT_MODULES,
    MP_MODULES as MP_MODULES,
    owens_t as owens_t,
)
from ._closed_values import Line as Line, closed_line as closed_line
from ._constant import (
    at_zero as at_zero,
    jumps_at_zero as jumps_at_zero,
    line_mean_mp as line_mean_mp,
)
from ._dual import (
    cross_dual as cross_dual,
    dual as dual,
    dual_many as dual_many,
)
from ._dual_mp import cross_dual_mp as cross_dual_mp, dual_mp as dual_mp
from ._expression_json import (
    decode_expression as decode_expression,
    encode_expression as encode_expression,
)
from ._hermite import hermite_coefficients as hermite_coefficients
from ._moments import Moments as Moments, moments as moments, moments_mp as moments_mp
from ._pieces import Piece as Piece
from ._quadrature import (
    gaussian_rule as gaussian_rule,
    independent_rule as independent_rule,
    panel_rule as panel_rule,
    trapezoid_rule as trapezoid_rule,
    trapezoid_size as trapezoid_size,
)
from ._registry import ACTIVATIONS as ACTIVATIONS, Definition as Definition, register as register
from ._rules import (
    hermite_rows as hermite_rows,
    legendre as legendre,
    normal_density as normal_density,
    panel_edges as panel_edges,
    panels as panels,
)
from ._scalar import (
    ScalarFunction as ScalarFunction,
    from_expression as from_expression,
    named as named,
)
from ._stable import X as X, normal_cdf as normal_cdf, sigmoid as sigmoid, softplus as softplus
