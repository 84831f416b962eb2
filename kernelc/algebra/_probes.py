"""The pairs of values that `PairAlgebra` follows for a network."""

from __future__ import annotations

from ..ir import Network, PairKind, pairs_read


def probes(network: Network) -> tuple[str, ...]:
    """Labels of the pairs beside the q value: see `PairAlgebra`.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((4, 4, 3))
        >>> probes(kc.Network(x, kc.GlobalMeanPool()(x)))
        ('c', 's', 'sc')
    """
    found = pairs_read(network)
    locations = ("s", "sc") if PairKind.LOCATION in found else ()
    return ("c", *locations, *(("b",) if PairKind.BATCH in found else ()))
