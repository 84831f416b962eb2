"""The rule of each layer, at one location at a time."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from .functions import function
from .gaussian import expect1
from .moments import Form, Moments, Refused, Term, Value


Node = dict[str, Any]
NetworkNode = tuple[Value, tuple[int, ...]]
"""A value and the sizes of its location axes."""


class Rules(Moments):
    """Layers that keep locations apart."""

    batch: tuple[int, int] | None = None

    def rule(self, node, inputs):
        return getattr(self, "_" + node["kind"].lower())(node, inputs)

    def _fresh(self, node, k, t, fan_in, read=None):
        w, b = node.get("w", 1.0) ** 2, node.get("b", 0.0) ** 2
        out = w * k + b
        if self.standard:
            own = fan_in * (k if read is None else read) + float(node.get("bias", True))
        else:
            own = out if read is None else w * read + b
        new = self.gauss(out, own + w * t)
        return [(np.eye(k.shape[0]), new)]

    def _channels(self, value):
        return sum(count for count, _ in value)

    def _dense(self, node, inputs):
        ((value, places),) = inputs
        k, t = self.mixed(value)
        return [(node["width"], self._fresh(node, k, t, self._channels(value)))], places

    def _lookslinear(self, node, inputs):
        ((value, places),) = inputs
        half, _ = self.mixed(
            [
                (c, [(np.eye(f[0][0].shape[0]), self._phi(f, function({"name": "relu"})))])
                for c, f in value
            ]
        )
        k, t = self.mixed(value)
        w, b = node.get("w", 1.0) ** 2, node.get("b", 0.0) ** 2
        own = (
            2 * self._channels(value) * half + float(node.get("bias", True))
            if self.standard
            else 2 * w * half + b
        )
        new = self.gauss(w * k + b, own + w * t)
        return [(node["width"], [(np.eye(k.shape[0]), new)])], places

    def _stddense(self, node, inputs):
        centered, places = self._centered(inputs[0])
        k, t = self.mixed(centered)
        return [(node["width"], self._fresh(node, k, t, self._channels(centered)))], places

    def _centered(self, given, whole=False):
        value, places = given
        total = self._channels(value)
        if all(
            np.all(term.mean == 0) if term.mean is not None else False
            for _, form in value
            for m, term in form
            if np.any(m)
        ):
            return value, places
        m = sum(count / total * self.mean(form) for count, form in value)
        if whole:
            m = np.repeat(m.reshape(self.n, -1).mean(1), math.prod(places))
        one = Term("const", np.ones(m.size), frozenset(), size=m.size)
        return [(count, [*form, (np.diag(-m), one)]) for count, form in value], places

    def _act(self, node, inputs):
        ((value, places),) = inputs
        phi = function(node)
        return [
            (count, [(np.eye(form[0][0].shape[0]), self._phi(form, phi))]) for count, form in value
        ], places

    def _phi(self, form, phi):
        form = [(m, term) for m, term in form if np.any(m)] or form
        if any(term.kind not in ("gauss", "norm") for _, term in form):
            raise Refused("an activation of a value that is not Gaussian")
        form = [(m, self._as_gauss(term)) for m, term in form]
        k, _ = self.second(form, form)
        variances = np.diag(k).tolist()
        means = {q: expect1(phi, q) for q in set(variances)}
        mean = np.array([means[q] for q in variances])
        support = frozenset().union(*(term.support for _, term in form))
        return Term("image", mean, support, phi=phi, form=form, size=k.shape[0])

    def _as_gauss(self, term):
        if term.kind == "norm":
            term.kind, term.t = "gauss", np.full_like(term.k, np.nan)
        return term

    def _align(self, values):
        edges = sorted({e for v in values for e in np.cumsum([c for c, _ in v])})
        out = []
        for value in values:
            ends, row = np.cumsum([c for c, _ in value]), []
            for low, high in zip([0, *edges], edges, strict=False):
                row.append((int(high - low), value[int(np.searchsorted(ends, high))][1]))
            out.append(row)
        return out

    def _sum(self, node, inputs):
        rows = self._align([v for v, _ in inputs])
        out = []
        for groups in zip(*rows, strict=True):
            form = {}
            for w, (_, terms) in zip(node["weights"], groups, strict=True):
                for m, term in terms:
                    form[id(term)] = (
                        form[id(term)][0] + w * m if id(term) in form else w * m,
                        term,
                    )
            out.append((groups[0][0], list(form.values())))
        return out, inputs[0][1]

    def _scale(self, node, inputs):
        ((value, places),) = inputs
        return [(c, [(node["value"] * m, t) for m, t in form]) for c, form in value], places

    def _prod(self, node, inputs):
        rows = self._align([v for v, _ in inputs])
        out = []
        for groups in zip(*rows, strict=True):
            supports = [self._sources(form) for _, form in groups]
            if any(a & b for a, b in itertools.combinations(supports, 2)):
                raise Refused("a product of factors that share weights")
            moments = [self.second(form, form) for _, form in groups]
            k = np.prod([m[0] for m in moments], axis=0)
            rest = [moments[:i] + moments[i + 1 :] for i in range(len(moments))]
            t = sum(
                own[1] * np.prod([m[0] for m in others], axis=0)
                for own, others in zip(moments, rest, strict=True)
            )
            try:
                mean = np.prod([self.mean(form) for _, form in groups], axis=0)
            except Refused:
                mean = None
            new = Term("product", mean, frozenset().union(*supports), k=k, t=t, size=k.shape[0])
            out.append((groups[0][0], [(np.eye(k.shape[0]), new)]))
        return out, inputs[0][1]

    @staticmethod
    def _sources(form: Form) -> frozenset[int]:
        """The random weights that a form depends on; -1 for the raw input."""
        used = [t for m, t in form if np.any(m)]
        raw = {-1} if any(t.kind == "raw" for t in used) else set()
        return frozenset(raw).union(*(t.support for t in used))

    def _concat(self, node, inputs):
        return [group for value, _ in inputs for group in value], inputs[0][1]

    def _ln(self, node, inputs):
        whole = node["axis"] == "all" and bool(inputs[0][1])
        value, places = self._centered(inputs[0], whole) if node["center"] else inputs[0]
        q = np.diag(self.mixed(value)[0])
        if whole:
            q = np.repeat(q.reshape(self.n, -1).mean(1), math.prod(places))
        return [(c, [(m / np.sqrt(q)[:, None], t) for m, t in form]) for c, form in value], places

    def _bn(self, node, inputs):
        ((value, places),) = inputs
        if (
            any(t.kind not in ("gauss", "norm") for _, form in value for m, t in form if np.any(m))
            or places
        ):
            raise Refused("batch norm of this")
        out = []
        for count, form in value:
            k, _ = self.second(form, form)
            typical = k[self.batch]
            new = Term(
                "norm",
                np.zeros(k.shape[0]),
                frozenset().union(*(t.support for _, t in form)),
                k=(k - typical) / (k[0, 0] - typical),
                size=k.shape[0],
            )
            new.t = np.full_like(k, np.nan)
            out.append((count, [(np.eye(k.shape[0]), new)]))
        return out, places

    def _dropout(self, node, inputs):
        ((value, places),) = inputs
        out = []
        for count, form in value:
            try:
                mean = self.mean(form)
            except Refused:
                mean = None
            support = frozenset().union(*(t.support for _, t in form))
            new = Term(
                "drop", mean, support, form=form, keep=1 - node["rate"], size=form[0][0].shape[0]
            )
            out.append((count, [(np.eye(form[0][0].shape[0]), new)]))
        return (out if node["rate"] else value), places

    def _pln(self, node, inputs):
        ((value, places),) = inputs
        d = self._channels(value)
        q = np.diag(self.mixed(value)[0])
        if node["mode"] == "avg_q":
            h = np.repeat(np.sqrt(q.reshape(self.n, -1).mean(1)), math.prod(places))
        else:
            h = np.full(q.size, float(node["mode"] == "one"))
        added = 0 if node["mode"] == "off" else 1
        scale = np.sqrt((d + added) / (d * q + h * h))
        one = Term("const", np.ones(q.size), frozenset(), size=q.size)
        out = [(c, [(scale[:, None] * m, t) for m, t in form]) for c, form in value]
        return out + ([(1, [(np.diag(scale * h), one)])] if added else []), places
