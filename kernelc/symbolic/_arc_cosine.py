"""The arc-cosine kernels as named functions (Cho & Saul 2009)."""

from __future__ import annotations

from typing import Any, ClassVar

import sympy


RHO = sympy.Symbol("rho", real=True)


class ArcCosine(sympy.Function):
    """An arc-cosine kernel of a cosine, normalized to 1 at 1; `doit` writes it out."""

    is_real = True
    order: ClassVar[int]

    # Abstract in all but name: SymPy's metaclass leaves no place for ABCMeta.
    @classmethod
    def closed(cls, rho: sympy.Expr) -> sympy.Expr:
        """The formula."""
        raise NotImplementedError

    @classmethod
    def eval(cls, rho: sympy.Expr) -> sympy.Expr | None:
        return cls.closed(rho) if rho in (-1, 0, 1) else None

    def doit(self, **hints: Any) -> sympy.Expr:
        return self.closed(self.args[0].doit(**hints))

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        return self.closed(self.args[0])._evalf(prec)

    def _eval_rewrite(self, rule: Any, args: Any, **hints: Any) -> sympy.Expr | None:
        return self.closed(*args) if rule in (sympy.acos, sympy.sqrt) else None

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        inside = printer.doprint(self.args[0])
        return rf"\kappa_{{{self.order}}}{power}\left({inside}\right)"


class kappa0(ArcCosine):  # as SymPy names its functions
    """kappa_0(rho) = (pi - arccos rho)/pi: twice E step(u) step(v)."""

    order = 0

    @classmethod
    def closed(cls, rho: sympy.Expr) -> sympy.Expr:
        return 1 - sympy.acos(rho) / sympy.pi

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return 1 / (sympy.pi * sympy.sqrt(1 - self.args[0] ** 2))


class kappa1(ArcCosine):
    """kappa_1(rho) = (sqrt(1 - rho^2) + rho (pi - arccos rho))/pi: 2/q E relu(u) relu(v)."""

    order = 1

    @classmethod
    def closed(cls, rho: sympy.Expr) -> sympy.Expr:
        return (sympy.sqrt(1 - rho**2) + rho * (sympy.pi - sympy.acos(rho))) / sympy.pi

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return kappa0(self.args[0])


def in_arc_cosines(formula: sympy.Expr, rho: sympy.Expr) -> sympy.Expr:
    """A formula of arccos(rho) and sqrt(1 - rho^2) in kappa_0 and kappa_1."""
    zero, one = sympy.Symbol("kappa_0"), sympy.Symbol("kappa_1")
    angle, height = sympy.pi * (1 - zero), sympy.pi * (one - rho * zero)
    written = formula.xreplace({sympy.acos(rho): angle, sympy.sqrt(1 - rho**2): height})
    found = sympy.expand(written)
    return found.xreplace({zero: kappa0(rho), one: kappa1(rho)})
