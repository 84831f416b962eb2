"""The symbol, and real functions whose textbook formulas overflow, as SymPy functions of their own."""

from __future__ import annotations

from typing import Any

import sympy


X = sympy.Symbol("x", real=True)


class _Stable(sympy.Function):
    """A real function of one real argument, printed by its own name."""

    nargs = 1
    latex_name = ""

    def _eval_is_extended_real(self) -> bool | None:
        return self.args[0].is_extended_real

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_real else None

    def _eval_is_finite(self) -> bool | None:
        return True if self.args[0].is_finite else None

    def _eval_evalf(self, prec: int) -> Any:
        return self.rewrite(sympy.exp)._eval_evalf(prec)

    def _latex(self, printer: Any, exp: Any = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        argument = printer._print(self.args[0])
        return rf"{self.latex_name}{power}\left({argument}\right)"


class softplus(_Stable):  # noqa: N801 - SymPy names functions in lower case
    r"""log(1 + exp(u)), evaluated without overflow.

    Example:
        >>> softplus(sympy.Integer(0))
        log(2)
    """

    latex_name = r"\operatorname{softplus}"

    @classmethod
    def eval(cls, arg: Any) -> Any:
        if arg is sympy.oo:
            return sympy.oo
        if arg is sympy.S.NegativeInfinity:
            return sympy.S.Zero
        return sympy.log(2) if arg.is_zero else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sigmoid(self.args[0])

    def _eval_rewrite_as_exp(self, arg: Any, **kwargs: Any) -> Any:
        return sympy.log(1 + sympy.exp(arg))


class sigmoid(_Stable):  # noqa: N801
    r"""1/(1 + exp(-u)), evaluated without overflow and accurate in both tails.

    Example:
        >>> sigmoid(X).diff(X)
        sigmoid(-x)*sigmoid(x)
    """

    latex_name = r"\operatorname{sigmoid}"

    @classmethod
    def eval(cls, arg: Any) -> Any:
        if arg is sympy.oo:
            return sympy.S.One
        if arg is sympy.S.NegativeInfinity:
            return sympy.S.Zero
        return sympy.S.Half if arg.is_zero else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        # sigmoid(-u) instead of 1 - sigmoid(u): the latter loses the right tail
        return sigmoid(self.args[0]) * sigmoid(-self.args[0])

    def _eval_rewrite_as_exp(self, arg: Any, **kwargs: Any) -> Any:
        return 1 / (1 + sympy.exp(-arg))


class normal_cdf(_Stable):  # noqa: N801
    r"""Φ(u), the standard normal distribution function, accurate in the left tail.

    SymPy turns erfc(-u) into 2 - erfc(u), which cancels there; this function stays whole.

    Example:
        >>> normal_cdf(sympy.Integer(0))
        1/2
    """

    latex_name = r"\Phi"

    @classmethod
    def eval(cls, arg: Any) -> Any:
        if arg is sympy.oo:
            return sympy.S.One
        if arg is sympy.S.NegativeInfinity:
            return sympy.S.Zero
        return sympy.S.Half if arg.is_zero else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return sympy.exp(-self.args[0] ** 2 / 2) / sympy.sqrt(2 * sympy.pi)

    def _eval_evalf(self, prec: int) -> Any:
        return (sympy.erfc(-self.args[0] / sympy.sqrt(2)) / 2)._eval_evalf(prec)

    def _eval_rewrite_as_erf(self, arg: Any, **kwargs: Any) -> Any:
        return (1 + sympy.erf(arg / sympy.sqrt(2))) / 2


def stabilise(expr: Any) -> Any:
    """Rebuild `expr` bottom-up with overflow-prone patterns replaced by the functions above.

    Arguments:
        expr: any SymPy expression; conditions of Piecewise are rebuilt as well.

    Returns:
        An equal expression; log(1+exp(u)), 1/(1+exp(u)), exp(u)/(1+exp(u)), 1+erf(u),
        1±tanh(u), 1/cosh(u) become softplus, sigmoid, normal_cdf and sech.

    Example:
        >>> stabilise(sympy.log(1 + sympy.exp(X)))
        softplus(x)
    """
    if not expr.args:
        return expr
    rebuilt = expr.func(*[stabilise(arg) for arg in expr.args])
    if isinstance(rebuilt, sympy.log):
        return _log(rebuilt)
    if isinstance(rebuilt, sympy.Pow):
        return _power(rebuilt)
    if isinstance(rebuilt, sympy.Add):
        return _add(rebuilt)
    if isinstance(rebuilt, sympy.Mul):
        return _mul(rebuilt)
    return rebuilt


def _one_plus(expr: Any) -> Any:
    """The other term of 1 + term, or None."""
    if isinstance(expr, sympy.Add) and len(expr.args) == 2 and expr.args[0] == 1:
        return expr.args[1]
    return None


def _log(expr: Any) -> Any:
    (inner,) = expr.args
    if isinstance(inner, sigmoid):
        return -softplus(-inner.args[0])
    term = _one_plus(inner)
    return softplus(term.args[0]) if isinstance(term, sympy.exp) else expr


def _power(expr: Any) -> Any:
    base, power = expr.as_base_exp() if not isinstance(expr, sympy.exp) else (expr, sympy.S.One)
    if not (power.is_Integer and power < 0):
        return expr
    if isinstance(base, sympy.cosh):
        return sympy.sech(base.args[0]) ** -power
    term = _one_plus(base)
    return sigmoid(-term.args[0]) ** -power if isinstance(term, sympy.exp) else expr


def _add(expr: Any) -> Any:
    term = _one_plus(expr)
    if term is None:
        return expr
    sign, inner = term.as_coeff_Mul()
    if abs(sign) == 1 and isinstance(inner, sympy.erf):
        return 2 * normal_cdf(sign * sympy.sqrt(2) * inner.args[0])
    if abs(sign) == 1 and isinstance(inner, sympy.tanh):
        return 2 * sigmoid(2 * sign * inner.args[0])
    return expr


def _mul(expr: Any) -> Any:
    factors = list(expr.args)
    for i, factor in enumerate(factors):
        base, power = factor.as_base_exp()
        if not (isinstance(base, sigmoid) and power.is_Integer and power > 0):
            continue
        for j, other in enumerate(factors):
            rest = [f for n, f in enumerate(factors) if n not in (i, j)]
            if isinstance(other, sympy.Add) and other.has(sympy.exp):
                # exp(-u)*sigmoid(u) is bounded only once the two meet in one product
                return sympy.Add(*[_mul(sympy.Mul(*rest, factor, t)) for t in other.args])
            if isinstance(other, sympy.exp):
                ratio = sympy.cancel(other.args[0] / -base.args[0])
                if ratio.is_Integer and ratio > 0:
                    n = min(ratio, power)
                    merged = base ** (power - n) * sigmoid(-base.args[0]) ** n
                    left = sympy.exp(-base.args[0] * (ratio - n))
                    return _mul(sympy.Mul(*rest, merged, left))
    sinhs = [f for f in factors if isinstance(f, sympy.sinh)]
    for f in sinhs:
        if sympy.sech(f.args[0]) in factors:
            return expr.xreplace({f: sympy.tanh(f.args[0]), sympy.sech(f.args[0]): sympy.S.One})
    return expr
