"""NNGP and NTK of a network given as plain data: an evaluator that shares no code with kernelc.

Written for this project as an independent check: NumPy and SciPy alone, every Gaussian integral by
quadrature over panels, every pair of terms one by one. Slow, and easy to read against the theory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .moments import Term
from .windows import Windows


Spec = dict[str, Any]


class Oracle(Windows):
    """Evaluate `spec` on a covariance of inputs.

    Arguments:
        spec: {"shape": [...], "nodes": [{"kind", "in", ...}]}; node 0 is the input.
        k: (n P, n P) covariance over channels of the inputs at their P locations, input-major.
        places: sizes of the location axes.
        standard: the standard parameterization of the NTK.
        batch: indices of the two inputs that are the typical pair of batch norm.
    """

    def __init__(self, spec, k, places, standard=False, batch=None):
        super().__init__(k.shape[0] // math.prod(places), standard)
        self.batch = batch
        raw = Term("raw", None, frozenset(), k=k, size=k.shape[0])
        value = [(spec["shape"][-1], [(np.eye(k.shape[0]), raw)])]
        values = [(value, tuple(places))]
        for node in spec["nodes"]:
            values.append(self.rule(node, [values[i] for i in node["in"]]))
        self.value, self.places = values[-1]

    def result(self):
        """(q, K, Theta) over the indices of the output."""
        k, t = self.mixed(self.value)
        return np.diag(k).copy(), k, t


def kernels(spec, x, standard=False):
    """(q, NNGP, NTK) of inputs (n, *shape): (n, *places) and twice (n, n, *places).

    Row i with column i is one evaluation; any other entry is two, with masks of their own.
    """
    places, n = tuple(spec["shape"][:-1]), len(x)
    flat = x.reshape(-1, x.shape[-1])
    found = Oracle(spec, flat @ flat.T / x.shape[-1], places, standard)
    q, k, t = found.result()
    size = math.prod(found.places)

    def pick(m):
        whole = np.broadcast_to(m, k.shape).reshape(n, size, n, size)
        return np.stack([whole[:, p, :, p] for p in range(size)], -1).reshape(n, n, *found.places)

    return q.reshape(n, *found.places), pick(k), pick(t)


def at_cosine(spec, c, q, s=None, c_b=None):
    """(q, NNGP, NTK) of a pair of cosine c; locations have cosine s in one input, s c across."""
    places = tuple(spec["shape"][:-1])
    size = math.prod(places)
    cosines = np.eye(4)
    cosines[0, 1] = cosines[1, 0] = c
    cosines[2, 3] = cosines[3, 2] = 0 if c_b is None else c_b
    near = np.full((size, size), 0.0 if s is None else s)
    np.fill_diagonal(near, 1)
    found = Oracle(spec, q * np.kron(cosines, near), places, batch=(2, 3))
    qs, k, t = found.result()
    out = math.prod(found.places)
    return qs[0], k[0, out], (t + np.zeros_like(k))[0, out]
