from ._moments import Moments as Moments, moments as moments, moments_mp as moments_mp
from ._quadrature import (
    gaussian_rule as gaussian_rule,
    independent_rule as independent_rule,
    panel_rule as panel_rule,
    trapezoid_rule as trapezoid_rule,
)
