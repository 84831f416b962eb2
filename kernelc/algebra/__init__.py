"""Kernel rules over abstract numbers, and the local-map reading of them."""

from ._floats import FloatRing as FloatRing
from ._local import CMapAlgebra as CMapAlgebra, Jet as Jet, JetAlgebra as JetAlgebra
from ._pair import PairAlgebra as PairAlgebra
from ._ring import Ring as Ring
from ._signal import Atom as Atom, Second as Second, Signal as Signal
