"""Depth scales of a network read as one layer."""

from __future__ import annotations

import dataclasses

import sympy

from ._fixed_points import FixedPoint, Value, depth_scale


@dataclasses.dataclass(frozen=True)
class DepthScales:
    """How fast q values and cosines approach their fixed points (Schoenholz et al. 2017).

    Arguments:
        q_star: the stable fixed point of the Q map; None where the C map does not depend on q
            and q grows or shrinks.
        c_star: the stable fixed point of the C map at q_star; None where q_star is 0.
        chi_1: C'(1), by which a layer multiplies mean squares of gradients, too.
    """

    q_star: FixedPoint | None
    c_star: FixedPoint | None
    chi_1: Value

    @property
    def xi_q(self) -> Value | None:
        """xi_q = -1/ln Q'(q*) (Schoenholz et al. 2017)."""
        return None if self.q_star is None else self.q_star.depth_scale

    @property
    def xi_c(self) -> Value | None:
        """xi_c = -1/ln C'(c*) (Schoenholz et al. 2017)."""
        return None if self.c_star is None else self.c_star.depth_scale

    @property
    def xi_gradient(self) -> Value:
        """xi_grad = -1/ln chi_1: negative where gradients explode (Schoenholz et al. 2017)."""
        return depth_scale(self.chi_1)

    @property
    def phase(self) -> str | None:
        """ "ordered" if chi_1 < 1, "chaotic" if chi_1 > 1, "critical" if chi_1 = 1."""
        for name, relation in (
            ("critical", sympy.Eq(self.chi_1, 1)),
            ("ordered", sympy.Lt(self.chi_1, 1)),
            ("chaotic", sympy.Gt(self.chi_1, 1)),
        ):
            if relation == sympy.true:
                return name
        return None
