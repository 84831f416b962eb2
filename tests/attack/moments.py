"""Values of a wide network as linear forms of random fields, and their second moments.

In the limit of infinite width one channel of a value is a linear form  sum_i M_i T_i  over
(input, location) indices, T_i being an independent Gaussian field (what fresh weights make),
phi of such a form, a product, a constant, or the raw input. So every second moment is
sum_ij M_i E[T_i T_j'] M_j'  and needs bivariate Gaussian integrals alone.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .functions import function
from .gaussian import expect2, over, slopes2, through


class Refused(Exception):
    """No kernel: a value that is not Gaussian, a dependence without a rule."""


class Term:
    """One field over (input, location): its mean, None if unknown, and its dependencies."""

    def __init__(self, kind, mean, support, **given):
        self.kind, self.mean, self.support = kind, mean, support
        self.__dict__.update(given)


Form = list[tuple[np.ndarray, Term]]
Value = list[tuple[int, Form]]
"""Groups of channels: how many, and the form of each channel of a group."""


class Moments:
    """Second moments of forms over n inputs, each pair of terms computed once."""

    def __init__(self, n: int, standard: bool) -> None:
        self.n, self.standard = n, standard
        self.cache: dict[Any, Any] = {}
        self.ids = itertools.count()

    # moments of forms
    def cross(self, a, b):
        key = (id(a), id(b))
        if key not in self.cache:
            self.cache[key] = (*self._cross(a, b), a, b)
        return self.cache[key][:2]

    def _cross(self, a, b):
        zero = 0.0
        if a.kind == "drop" and a is b:
            k, t = self.second(a.form, a.form)
            more = 1 / a.keep - 1
            return k + np.diag(np.diag(k) * more), t + np.diag(np.diag(t) * more)
        if a.kind == "drop":
            return self.second(a.form, [(np.eye(b.size), b)])
        if b.kind == "drop":
            return self.second([(np.eye(a.size), a)], b.form)
        if a.kind == "raw" and b.kind == "raw":
            return a.k, zero
        if a is b and a.kind in ("gauss", "product"):
            return a.k, a.t
        if a is b and a.kind == "norm":
            return a.k, np.full_like(a.k, np.nan)
        if any(getattr(x, "odd", frozenset()) - y.support for x, y in ((a, b), (b, a))):
            return None, None
        if not a.support & b.support:
            if any(t.mean is not None and not np.any(t.mean) for t in (a, b)):
                return None, None
            if a.mean is None or b.mean is None:
                raise Refused("raw input times a value of non-zero mean")
            return np.outer(a.mean, b.mean), zero
        if a.kind == "gauss" and b.kind == "gauss":
            return None, None
        if {a.kind, b.kind} <= {"gauss", "image"}:
            (f, u), (g, v) = (self._image(x) for x in (a, b))
            k, t = self.second(u, v)
            qa, qb = (np.diag(self.second(x, x)[0]) for x in (u, v))
            size = (qa.size, qb.size)
            k, t = np.broadcast_to(k, size), np.broadcast_to(t, size)
            slope = over(slopes2, f, g, qa, qb, k) if np.any(t) else 0.0
            with np.errstate(invalid="ignore"):
                return over(expect2, f, g, qa, qb, k), np.where(t == 0, 0.0, slope * t)
        raise Refused("a dependence without a rule")

    @staticmethod
    def _image(term):
        if term.kind == "image":
            return term.phi, term.form
        return function({"name": "identity"}), [(np.eye(term.size), term)]

    def second(self, a, b):
        k = t = 0.0
        for (m1, t1), (m2, t2) in itertools.product(a, b):
            if np.any(m1) and np.any(m2):
                found, tangent = self.cross(t1, t2)
                if found is not None:
                    k = k + m1 @ found @ m2.T
                    t = t + (through(m1, tangent, m2) if np.ndim(tangent) else 0.0)
        size = (a[0][0].shape[0], b[0][0].shape[0])
        return np.broadcast_to(k, size), np.broadcast_to(t, size)

    def mixed(self, value):
        """Second moments over channels: the groups weighted by their share."""
        total = sum(count for count, _ in value)
        found = [(count / total, self.second(form, form)) for count, form in value]
        return sum(f * k for f, (k, _) in found), sum(f * t for f, (_, t) in found)

    def mean(self, form):
        total = 0.0
        for m, term in form:
            if np.any(m):
                if term.mean is None:
                    raise Refused("the mean of raw inputs")
                total = total + m @ term.mean
        return np.broadcast_to(total, form[0][0].shape[0])

    def gauss(self, k, t):
        size = k.shape[0]
        return Term("gauss", np.zeros(size), frozenset({next(self.ids)}), k=k, t=t, size=size)
