"""Functions of one gap between inputs, sampled once and then evaluated for next to nothing."""

from ._approximation import Approximation, Bound
from ._fit import fit


__all__ = ["Approximation", "Bound", "fit"]
