"""The rules of layers that mix or move locations."""

from __future__ import annotations

import itertools
import math

import numpy as np

from .moments import Term
from .rules import Rules


class Windows(Rules):
    """Convolutions, pools and flattening."""

    def _windows(self, node, places):
        """For each window, the flat indices its taps read, None outside; and the new places."""
        axes, sizes, strides = len(places), node["window"], node["stride"]
        sizes = [sizes] * axes if isinstance(sizes, int) else sizes
        strides = [strides] * axes if isinstance(strides, int) else strides
        outs, before = [], []
        apart = node.get("dilation", [1] * axes)
        for i, (n, w, s, d) in enumerate(zip(places, sizes, strides, apart, strict=True)):
            low, out = self._border(node["padding"], i, n, (w - 1) * d + 1, s)
            before.append(low)
            outs.append(out)
        found = []
        for window in np.ndindex(*outs):
            taps = []
            for tap in np.ndindex(*sizes):
                corner = [o * s - b for o, s, b in zip(window, strides, before, strict=True)]
                at = [c + t * d for c, t, d in zip(corner, tap, apart, strict=True)]
                if node["padding"] == "CIRCULAR":
                    at = [a % n for a, n in zip(at, places, strict=True)]
                inside = all(0 <= a < n for a, n in zip(at, places, strict=True))
                taps.append(int(np.ravel_multi_index(at, places)) if inside else None)
            found.append(taps)
        return found, tuple(outs)

    @staticmethod
    def _border(padding, axis, n, extent, s):
        """Where windows start, before the border, and how many there are."""
        if padding in ("SAME", "CIRCULAR"):
            out = -(-n // s)
            return max((out - 1) * s + extent - n, 0) // 2, out
        low, high = (0, 0) if padding == "VALID" else padding[axis]
        return low, (n + low + high - extent) // s + 1

    def _moved(self, value, places, rows):
        """Each new location a weighted sum of old ones: rows of {old: weight}."""
        old, new = math.prod(places), len(rows)
        a = np.zeros((new, old))
        for i, row in enumerate(rows):
            for j, w in row:
                a[i, j] += w
        whole = np.kron(np.eye(self.n), a)
        return [(c, [(whole @ m, t) for m, t in form]) for c, form in value]

    def _meanpool(self, node, inputs):
        ((value, places),) = inputs
        windows, out = self._windows(node, places)
        rows = []
        for taps in windows:
            real = [t for t in taps if t is not None]
            count = len(taps) if node.get("count_padding") else len(real)
            rows.append([(t, 1 / count) for t in real])
        return self._moved(value, places, rows), out

    def _gmp(self, node, inputs):
        ((value, places),) = inputs
        size = math.prod(places)
        return self._moved(value, places, [[(p, 1 / size) for p in range(size)]]), ()

    def _wmp(self, node, inputs):
        ((value, places),) = inputs
        windows, out = self._windows(node, places)
        return self._moved(value, places, [[(taps[len(taps) // 2], 1.0)] for taps in windows]), out

    def _flatten(self, node, inputs):
        ((value, places),) = inputs
        out = []
        for p in range(math.prod(places)):
            out += self._moved(value, places, [[(p, 1.0)]])
        return out, ()

    def _spread(self, k, windows, old):
        new, out = len(windows), np.zeros((self.n * len(windows),) * 2)
        for i, j in itertools.product(range(self.n), repeat=2):
            block = k[i * old : (i + 1) * old, j * old : (j + 1) * old]
            for (a, left), (b, right) in itertools.product(enumerate(windows), repeat=2):
                got = [
                    block[p, r]
                    for p, r in zip(left, right, strict=True)
                    if p is not None and r is not None
                ]
                out[i * new + a, j * new + b] = sum(got) / len(left)
        return out

    def _conv(self, node, inputs, local=False):
        ((value, _),) = inputs
        groups = node.get("groups", 1)
        if groups > 1 and self._channels(value) == groups:
            return self._depthwise(node, inputs)
        return self._spread_weights(node, inputs, local)

    def _depthwise(self, node, inputs):
        """Each group of channels by itself: the covariance, of values that are not Gaussian."""
        ((value, places),) = inputs
        found = []
        for count, form in value:
            alone = node | {"groups": 1, "channels": node["channels"] * count // node["groups"]}
            ((channels, ((m, term),)),), out = self._spread_weights(alone, [([(1, form)], places)])
            own, sources = term.support, self._sources(form)
            unknown = any(t.mean is None for m, t in form if np.any(m))
            mean = None if unknown else term.mean
            odd = Term("product", mean, own | sources, k=term.k, t=term.t, size=term.size, odd=own)
            found.append((channels, [(m, odd)]))
        return found, out

    def _spread_weights(self, node, inputs, local=False):
        ((value, places),) = inputs
        windows, out = self._windows(node, places)
        k, t = self.mixed(value)
        old = math.prod(places)
        fan_in = len(windows[0]) * self._channels(value) // node.get("groups", 1)
        if node.get("delta"):
            read = self._spread(k, windows, old) if self.standard else None
            middle = [[taps[len(taps) // 2]] for taps in windows]
            form = self._fresh(
                node, self._spread(k, middle, old), self._spread(t, middle, old), fan_in, read
            )
        else:
            form = self._fresh(
                node, self._spread(k, windows, old), self._spread(t, windows, old), fan_in
            )
        if local:
            alike = np.kron(np.ones((self.n, self.n)), np.eye(len(windows)))
            form[0][1].k, form[0][1].t = form[0][1].k * alike, form[0][1].t * alike
        return [(node["channels"], form)], out

    def _localconv(self, node, inputs):
        return self._conv(node, inputs, local=True)
