"""The rules of layers that mix or move locations."""

from __future__ import annotations

import itertools
import math

import numpy as np

from .moments import Refused
from .rules import Rules


class Windows(Rules):
    """Convolutions, pools and flattening."""

    def _windows(self, node, places):
        """For each window, the flat indices its taps read, None outside; and the new places."""
        axes, sizes, strides = len(places), node["window"], node["stride"]
        sizes = [sizes] * axes if isinstance(sizes, int) else sizes
        strides = [strides] * axes if isinstance(strides, int) else strides
        outs, before = [], []
        for n, w, s in zip(places, sizes, strides, strict=True):
            out = (n - w) // s + 1 if node["padding"] == "VALID" else -(-n // s)
            outs.append(out)
            before.append(0 if node["padding"] == "VALID" else max((out - 1) * s + w - n, 0) // 2)
        found = []
        for window in np.ndindex(*outs):
            taps = []
            for tap in np.ndindex(*sizes):
                at = [
                    o * s + t - b for o, s, t, b in zip(window, strides, tap, before, strict=True)
                ]
                if node["padding"] == "CIRCULAR":
                    at = [a % n for a, n in zip(at, places, strict=True)]
                inside = all(0 <= a < n for a, n in zip(at, places, strict=True))
                taps.append(int(np.ravel_multi_index(at, places)) if inside else None)
            found.append(taps)
        return found, tuple(outs)

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
            rows.append([(t, 1 / len(real)) for t in real])
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
        ((value, places),) = inputs
        if node.get("groups", 1) > 1 and self._channels(value) == node["groups"]:
            raise Refused("depthwise")
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
