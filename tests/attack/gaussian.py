"""E f(u) g(v) and E f'(u) g'(v) of Gaussian pairs, by panels and trapezoids in NumPy."""

from __future__ import annotations

import itertools
import math

import numpy as np

from .functions import Fn


_GL = np.polynomial.legendre.leggauss(20)


def _panels(edges):
    half = (edges[..., 1:] - edges[..., :-1]) / 2
    mid = (edges[..., 1:] + edges[..., :-1]) / 2
    z = mid[..., None] + half[..., None] * _GL[0]
    w = half[..., None] * _GL[1] * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return z.reshape(*edges.shape[:-1], -1), w.reshape(*edges.shape[:-1], -1)


def _graded(points, scale, reach):
    """Points, and points around them at scale 2^j until 1."""
    steps = [0.0]
    step = scale
    while step < 1.5 and len(steps) < 120:
        steps += [step, -step]
        step *= 2
    return np.clip(
        (points[..., None] + np.array(steps)).reshape(*points.shape[:-1], -1), -reach, reach
    )


def expect1(f, q):
    """E f(u), u of variance q."""
    return expect2(f, Fn(lambda x: np.ones_like(x)), q, q, q)


def expect2(f, g, qa, qb, k):
    """E f(u) g(v), (u, v) centered Gaussian; float64, some 1e-12 of the largest."""
    a, b = math.sqrt(max(qa, 0)), math.sqrt(max(qb, 0))
    if a == 0 or b == 0:
        if a == 0 and b == 0:
            return float(f(np.zeros(1))[0] * g(np.zeros(1))[0])
        return (
            float(f(np.zeros(1))[0]) * expect1(g, qb)
            if a == 0
            else expect1(f, qa) * float(g(np.zeros(1))[0])
        )
    c = min(1.0, max(-1.0, k / (a * b)))
    c = math.copysign(1.0, c) if 1 - abs(c) < 4e-16 else c
    s = math.sqrt((1 - c) * (1 + c))
    reach = 11 + f.growth * a + g.growth * b
    if f.analytic and g.analytic:
        strip = min(f.strip / a, g.strip / b, 6.0)
        h = min(0.3, strip * 2 * math.pi / 40)
        if reach / h < 1500:
            z = h * np.arange(-int(reach / h) - 1, int(reach / h) + 2)
            w = h * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
            outer = w * f(a * z)
            if s == 0:
                return float(outer @ g(c * b * z))
            return float(
                sum(
                    outer[i : i + 64] @ (g(b * (c * z[i : i + 64, None] + s * z)) @ w)
                    for i in range(0, z.size, 64)
                )
            )
    grid = np.linspace(-reach, reach, int(2 * reach) + 1)
    marks = [grid, _graded(f.marks / a, 1 / (a * f.steep), reach)]
    if s == 0:
        marks.append(_graded(c * g.marks / b, 1 / (b * g.steep), reach))
        z, w = _panels(np.unique(np.concatenate(marks)))
        return float((w * f(a * z)) @ g(c * b * z))
    if c:
        blur = s / abs(c)
        marks.append(_graded(g.marks / (b * c), max(min(blur, 1 / (b * g.steep)), 1e-9), reach))
    z, w = _panels(np.unique(np.concatenate(marks)))
    outer = w * f(a * z)
    z, outer = z[outer != 0], outer[outer != 0]
    total = 0.0
    for i in range(0, z.size, 100):
        zi = z[i : i + 100, None]
        inner = _graded((g.marks / b - c * zi) / s, 1 / (b * s * g.steep), reach)
        edges = np.sort(
            np.concatenate([np.broadcast_to(grid, (zi.shape[0], grid.size)), inner], 1), 1
        )
        t, v = _panels(edges)
        total += outer[i : i + 100] @ (g(b * (c * zi + s * t)) * v).sum(1)
    return float(total)


def slopes2(f, g, qa, qb, k):
    """E f'(u) g'(v), jumps as delta functions."""
    found = expect2(f.slope, g.slope, qa, qb, k)
    for one, other, qo, qi in ((f, g, qa, qb), (g, f, qb, qa)):
        for at, size in one.jumps:
            rest = max(qi - k * k / qo, 0.0)
            shift = k / qo * at
            moved = Fn(
                lambda x, o=other, m=shift: o.slope(x + m),
                kinks=[p - shift for p in other.kinks],
                strip=other.strip,
                steep=other.steep,
            )
            found += (
                size
                * math.exp(-at * at / 2 / qo)
                / math.sqrt(2 * math.pi * qo)
                * expect1(moved, rest)
            )
    det = qa * qb - k * k
    for (u, ju), (v, jv) in itertools.product(f.jumps, g.jumps):
        if det <= 4e-16 * qa * qb:
            if u == math.copysign(v, k * v) or u == v == 0:
                return math.inf
            continue
        form = (qb * u * u - 2 * k * u * v + qa * v * v) / det
        found += ju * jv * math.exp(-form / 2) / (2 * math.pi * math.sqrt(det))
    return found


def over(rule, f, g, qa, qb, k):
    """The rule for all entries; equal arguments once."""
    known, out = {}, np.empty_like(k)
    for i, j in np.ndindex(*k.shape):
        key = (float(qa[i]), float(qb[j]), float(k[i, j]))
        if key not in known:
            known[key] = rule(f, g, *key)
        out[i, j] = known[key]
    return out


def through(a: np.ndarray, t: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a t b', with 0 times infinity 0; nan where infinities of both signs meet."""
    endless = np.isinf(t)
    if not endless.any():
        return a @ t @ b.T
    reached = abs(a) @ endless @ abs(b).T > 0
    signs = a @ np.where(endless, np.sign(t), 0.0) @ b.T
    infinite = np.where(signs == 0, np.nan, np.copysign(np.inf, signs))
    return np.where(reached, infinite, a @ np.where(endless, 0, t) @ b.T)
