"""Owen's T function for SymPy, and the numeric names of the special functions we print."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import scipy.special
import sympy
from sympy import Expr
from sympy.printing.latex import LatexPrinter


Modules = list[str | dict[str, Callable[..., object]]]
"""What `sympy.lambdify` takes names from."""


class owens_t(sympy.Function):
    """Owen's T: T(h, a) = (1/2π) ∫₀ᵃ exp(-h²(1+x²)/2)/(1+x²) dx.

    Example:
        >>> owens_t(sympy.Integer(0), sympy.Integer(1))
        1/8
    """

    nargs = 2

    @classmethod
    def eval(cls, *args: Expr) -> Expr | None:
        h, a = args
        if a.is_zero:
            return sympy.S.Zero
        if h.is_zero:
            return sympy.atan(a) / (2 * sympy.pi)
        if h.could_extract_minus_sign():
            return cls(-h, a)
        return -cls(h, -a) if a.could_extract_minus_sign() else None

    def fdiff(self, argindex: int = 1) -> Expr:
        h, a = self.args
        if argindex == 1:
            bump = sympy.exp(-(h**2) / 2) / sympy.sqrt(2 * sympy.pi)
            return -bump * sympy.erf(a * h / sympy.sqrt(2)) / 2
        return sympy.exp(-(h**2) * (1 + a**2) / 2) / (2 * sympy.pi * (1 + a**2))

    def _eval_is_extended_real(self) -> bool | None:
        return True if all(arg.is_extended_real for arg in self.args) else None

    def _eval_evalf(self, prec: int) -> Expr | None:
        with mpmath.workprec(prec + 10):
            numbers = [arg._eval_evalf(prec + 10) for arg in self.args]
            if not all(number is not None and number.is_Float for number in numbers):
                return None
            value = _owens_t_mp(*(mpmath.mpf(number._mpf_) for number in numbers))
        return sympy.Float._new(value._mpf_, prec)

    def _latex(self, printer: LatexPrinter, exp: str | None = None) -> str:
        h, a = (printer._print(arg) for arg in self.args)
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"T{power}\left({h}, {a}\right)"


def _owens_t_mp(h: mpmath.mpf, a: mpmath.mpf) -> mpmath.mpf:
    def integrand(x: mpmath.mpf) -> mpmath.mpf:
        return mpmath.exp(-h * h * (1 + x * x) / 2) / (1 + x * x)

    # exp(-h²x²/2) is negligible past this; splitting there keeps the rule on the bump.
    reach = mpmath.sqrt(2 * mpmath.mp.prec) / max(abs(h), mpmath.mpf(1) / 64)
    edges = [mpmath.mpf(i) * min(abs(a), reach) / 4 for i in range(5)]
    edges = edges if abs(a) <= reach else [*edges, abs(a)]
    return mpmath.sign(a) * mpmath.quad(integrand, edges) / (2 * mpmath.pi)


FLOAT_MODULES: Modules = [
    {"owens_t": scipy.special.owens_t, "normal_cdf": scipy.special.ndtr},
    "scipy",
    "numpy",
]
MP_MODULES: Modules = [{"owens_t": _owens_t_mp, "normal_cdf": mpmath.ncdf}, "mpmath"]
