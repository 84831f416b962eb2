"""Kernel rules over abstract numbers, and the local-map reading of them."""

from ._backend import Backend as Backend
from ._floats import FloatBackend as FloatBackend
from ._kernel_state import KernelState as KernelState, SecondMoments as SecondMoments, Term as Term
from ._local import CMapAlgebra as CMapAlgebra, Jet as Jet, JetAlgebra as JetAlgebra
from ._pair import PairAlgebra as PairAlgebra
