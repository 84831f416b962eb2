"""E φ(u)ψ(v) of Gaussian pairs: quadrature, Hermite series, closed forms, rules for data."""

from __future__ import annotations

from ._angle import angle as angle, cubic as cubic
from ._angle_table import AngleTable as AngleTable, angle_table as angle_table
from ._choose_rule import rule_for as rule_for
from ._closed_moments import ClosedMoments as ClosedMoments, closed_moments as closed_moments
from ._closed_values import Line as Line, closed_line as closed_line
from ._cross import CrossRule as CrossRule, cross_rule as cross_rule
from ._dual import cross_dual as cross_dual, dual as dual, dual_many as dual_many
from ._dual_mp import cross_dual_mp as cross_dual_mp, dual_mp as dual_mp
from ._hermite import hermite_rule as hermite_rule
from ._hermite_mp import hermite_coefficients_mp as hermite_coefficients_mp
from ._mehler import hermite_coefficients as hermite_coefficients
from ._moments import (
    Moments as Moments,
    at_zero as at_zero,
    expectation_mp as expectation_mp,
    jumps_at_zero as jumps_at_zero,
    kinks_mp as kinks_mp,
    line_mean_mp as line_mean_mp,
    moments as moments,
    moments_mp as moments_mp,
)
from ._nodes import (
    hermite_rows as hermite_rows,
    legendre as legendre,
    normal_density as normal_density,
    panel_edges as panel_edges,
    panel_rule as panel_rule,
    panels as panels,
    trapezoid_rule as trapezoid_rule,
)
from ._pair import Number as Number, Pair as Pair, root as root
from ._quadrature import (
    gaussian_rule as gaussian_rule,
    independent_rule as independent_rule,
    rule_size as rule_size,
)
from ._rule import DualRule as DualRule, derivative as derivative
from ._series import chebyshev_coefficients as chebyshev_coefficients
from ._table import table_rule as table_rule
