"""The symbol, and real functions whose textbook formulas overflow, each a SymPy function."""

from __future__ import annotations

import sympy
from sympy import Expr
from sympy.printing.latex import LatexPrinter


X = sympy.Symbol("x", real=True)


class _Stable(sympy.Function):
    """A real function of one real argument, printed by its own name."""

    nargs = 1
    latex_name = ""
    left: Expr = sympy.S.Zero  # limits at minus and plus infinity, value at zero
    right: Expr = sympy.S.One
    middle: Expr = sympy.S.Half

    @classmethod
    def eval(cls, *args: Expr) -> Expr | None:
        (u,) = args
        if u is sympy.oo:
            return cls.right
        if u is sympy.S.NegativeInfinity:
            return cls.left
        return cls.middle if u.is_zero else None

    @property
    def argument(self) -> Expr:
        return self.args[0]

    def _eval_is_extended_real(self) -> bool | None:
        return self.argument.is_extended_real

    def _eval_is_positive(self) -> bool | None:
        return True if self.argument.is_real else None

    def _eval_is_finite(self) -> bool | None:
        return True if self.argument.is_finite else None

    def _eval_evalf(self, prec: int) -> Expr | None:
        return self.rewrite(sympy.exp)._eval_evalf(prec)

    def _latex(self, printer: LatexPrinter, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"{self.latex_name}{power}\left({printer._print(self.argument)}\right)"


class softplus(_Stable):
    r"""log(1 + exp(u)), evaluated without overflow.

    Example:
        >>> softplus(sympy.Integer(0))
        log(2)
    """

    latex_name = r"\operatorname{softplus}"
    right = sympy.oo
    middle = sympy.log(2)

    def fdiff(self, argindex: int = 1) -> Expr:
        return sigmoid(self.argument)

    def _eval_rewrite_as_exp(self, arg: Expr, **kwargs: object) -> Expr:
        return sympy.log(1 + sympy.exp(arg))


class sigmoid(_Stable):
    r"""1/(1 + exp(-u)), evaluated without overflow and accurate in both tails.

    Example:
        >>> sigmoid(X).diff(X)
        sigmoid(-x)*sigmoid(x)
    """

    latex_name = r"\operatorname{sigmoid}"

    def fdiff(self, argindex: int = 1) -> Expr:
        # sigmoid(-u) instead of 1 - sigmoid(u): the latter loses the right tail
        return sigmoid(self.argument) * sigmoid(-self.argument)

    def _eval_rewrite_as_exp(self, arg: Expr, **kwargs: object) -> Expr:
        return 1 / (1 + sympy.exp(-arg))


class normal_cdf(_Stable):
    r"""Φ(u), the standard normal distribution function, accurate in the left tail.

    SymPy turns erfc(-u) into 2 - erfc(u), which cancels there; this function stays whole.

    Example:
        >>> normal_cdf(sympy.Integer(0))
        1/2
    """

    latex_name = r"\Phi"

    def fdiff(self, argindex: int = 1) -> Expr:
        return sympy.exp(-(self.argument**2) / 2) / sympy.sqrt(2 * sympy.pi)

    def _eval_evalf(self, prec: int) -> Expr | None:
        return (sympy.erfc(-self.argument / sympy.sqrt(2)) / 2)._eval_evalf(prec)

    def _eval_rewrite_as_erf(self, arg: Expr, **kwargs: object) -> Expr:
        return (1 + sympy.erf(arg / sympy.sqrt(2))) / 2


def stabilize(expr: Expr) -> Expr:
    """Rebuild `expr` bottom-up with overflow-prone patterns replaced by the functions above.

    Arguments:
        expr: any SymPy expression; conditions of Piecewise are rebuilt as well.

    Returns:
        An equal expression; log(1+exp(u)), 1/(1+exp(u)), exp(u)/(1+exp(u)), 1+erf(u),
        1±tanh(u), 1/cosh(u), exp(u)±exp(-u) become softplus, sigmoid, normal_cdf, sech
        and the hyperbolic functions.

    Example:
        >>> stabilize(sympy.log(1 + sympy.exp(X)))
        softplus(x)
    """
    if not expr.args:
        return expr
    rebuilt = expr.func(*[stabilize(arg) for arg in expr.args])
    if isinstance(rebuilt, sympy.log):
        return _log(rebuilt)
    if isinstance(rebuilt, sympy.Pow):
        return _power(rebuilt)
    if isinstance(rebuilt, sympy.Add):
        return _add(rebuilt)
    if isinstance(rebuilt, sympy.Mul):
        return _mul(rebuilt)
    return rebuilt


def _one_plus(expr: Expr) -> Expr | None:
    """The other term of 1 + term, or None."""
    if isinstance(expr, sympy.Add) and len(expr.args) == 2 and expr.args[0] == 1:
        return expr.args[1]
    return None


def _one_plus_exp(expr: Expr) -> Expr | None:
    """u of 1 + exp(u), where c·exp(v) counts as exp(v + log c), or None."""
    term = _one_plus(expr)
    if term is None:
        return None
    factor, inner = term.as_coeff_Mul()
    if isinstance(inner, sympy.exp) and factor.is_positive:
        return inner.args[0] + sympy.log(factor)
    return None


def _log(expr: Expr) -> Expr:
    inner = expr.args[0]
    if isinstance(inner, sigmoid):
        return -softplus(-inner.argument)
    u = _one_plus_exp(inner)
    return expr if u is None else softplus(u)


def _power(expr: Expr) -> Expr:
    base, power = expr.base, expr.exp
    if not (power.is_Integer and power < 0):
        return expr
    if isinstance(base, sympy.cosh):
        return sympy.sech(base.args[0]) ** -power
    u = _one_plus_exp(base)
    return expr if u is None else sigmoid(-u) ** -power


def _add(expr: Expr) -> Expr:
    if len(expr.args) != 2:
        return expr
    term = _one_plus(expr)
    if term is None:
        return _hyperbolic(*expr.args)
    sign, inner = term.as_coeff_Mul()
    if abs(sign) == 1 and isinstance(inner, sympy.erf):
        return 2 * normal_cdf(sign * sympy.sqrt(2) * inner.args[0])
    if abs(sign) == 1 and isinstance(inner, sympy.tanh):
        return 2 * sigmoid(2 * sign * inner.args[0])
    return expr


def _hyperbolic(first: Expr, second: Expr) -> Expr:
    """exp(u) ± exp(-u) as cosh and sinh, whose quotients are known to be bounded."""
    (a, left), (b, right) = first.as_coeff_Mul(), second.as_coeff_Mul()
    if left.func is right.func is sympy.exp and abs(a) == abs(b) and left * right == 1:
        u = left.args[0]
        return 2 * a * (sympy.cosh(u) if a == b else sympy.sinh(u))
    return first + second


def _mul(expr: Expr) -> Expr:
    # building the product may have split a power into new ones
    expr = sympy.Mul(
        *[_power(f) if isinstance(f, sympy.Pow) else f for f in sympy.Mul.make_args(expr)]
    )
    factors = list(sympy.Mul.make_args(expr))
    for i, factor in enumerate(factors):
        base, power = factor.as_base_exp()
        if not (isinstance(base, sigmoid) and power.is_Integer and power > 0):
            continue
        for j, other in enumerate(factors):
            rest = [f for n, f in enumerate(factors) if n not in (i, j)]
            if isinstance(other, sympy.Add) and other.has(sympy.exp):
                # exp(-u)*sigmoid(u) is bounded only once the two meet in one product
                return sympy.Add(*[_mul(sympy.Mul(*rest, factor, t)) for t in other.args])
            absorbed = _absorb(base.argument, power, other)
            if absorbed is not None:
                return _mul(sympy.Mul(*rest, absorbed))
    return _tangents(expr)


def _absorb(u: Expr, power: Expr, other: Expr) -> Expr | None:
    """sigmoid(u)^power·exp(-r·u), r a positive integer, with the exponential canceled."""
    if not isinstance(other, sympy.exp):
        return None
    ratio = sympy.cancel(other.args[0] / -u)
    if not (ratio.is_Integer and ratio > 0):
        return None
    n = min(ratio, power)
    return sigmoid(u) ** (power - n) * sigmoid(-u) ** n * sympy.exp(-u * (ratio - n))


def _tangents(expr: Expr) -> Expr:
    for factor in expr.args:
        if isinstance(factor, sympy.sinh) and sympy.sech(factor.args[0]) in expr.args:
            pair = {factor: sympy.tanh(factor.args[0]), sympy.sech(factor.args[0]): sympy.S.One}
            return expr.xreplace(pair)
    return expr
