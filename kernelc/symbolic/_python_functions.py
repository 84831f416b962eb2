"""Functions that generated code calls, as text: means by quadrature, repeated functions."""

from __future__ import annotations


_PANELS = '''
def gaussian_mean(f, g, q, k, breaks=()):
    """E f(u) g(v) for Gaussian u, v of variance q and covariance k, by panels."""
    nodes, weights = leggauss(16)
    grid = np.linspace(-9.0, 9.0, 37)

    def rule(edges):
        edges = np.sort(np.clip(np.concatenate([grid, edges]), -9.0, 9.0))
        half = np.diff(edges)[:, None] / 2
        x = (edges[:-1, None] + half + half * nodes).ravel()
        return x, (half * weights).ravel() * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)

    def mean(q, k):
        along = k / np.sqrt(q)
        across = np.sqrt(np.maximum(q - along**2, 1e-300))

        def inner(x):
            y, w = rule((np.asarray(breaks) - along * x) / across)
            return np.sum(w * g(along * x + across * y))

        x, w = rule(np.asarray(breaks) / np.sqrt(q))
        return np.sum(w * f(np.sqrt(q) * x) * np.vectorize(inner)(x))

    return np.vectorize(mean)(q, k)
'''
_NESTED = '''
def gaussian_mean(f, g, q, k, breaks=()):
    """E f(u) g(v) for Gaussian u, v of variance q and covariance k, by panels."""
    rule = GaussLegendre(mp).calc_nodes(3 + mp.dps // 20, mp.prec)
    along = k / mp.sqrt(q)
    across = mp.sqrt(max(q - along**2, mp.mpf(10) ** (-2 * mp.dps)))
    reach = int(mp.sqrt(2 * (mp.dps + 5) * mp.log(10))) + 1

    def mean(h, edges):
        edges = sorted([*range(-reach, reach + 1), *(e for e in edges if abs(e) < reach)])
        total = mp.mpf(0)
        for low, high in zip(edges, edges[1:]):
            for node, weight in rule:
                x = low + (high - low) * (node + 1) / 2
                total += (high - low) / 2 * weight * h(x) * mp.exp(-x * x / 2)
        return total / mp.sqrt(2 * mp.pi)

    def outer(x):
        edges = [(b - along * x) / across for b in breaks]
        return f(mp.sqrt(q) * x) * mean(lambda y: g(along * x + across * y), edges)

    return mean(outer, [b / mp.sqrt(q) for b in breaks])
'''
ITERATED = '''
def iterated(function, times, state):
    """The state behind a function that is applied some times."""
    for _ in range(times):
        state = function(*state)
    return state
'''
GAUSSIAN_MEAN = {"numpy": _PANELS, "jax": _PANELS, "mpmath": _NESTED}
