"""Derived formulas: from a network to named SymPy equations."""

from ._derive import derive as derive
from ._formulas import Symbols as Symbols
from ._iterate import Iterated as Iterated, Link as Link
from ._kernel import Kernel as Kernel, KernelValue as KernelValue
from ._maps import (
    CMap as CMap,
    Cross as Cross,
    Dual as Dual,
    LocalMap as LocalMap,
    Mean as Mean,
    QMap as QMap,
)
from ._read_kernel import kernel_from_json as kernel_from_json
from .theory import (
    CosineLaw as CosineLaw,
    DepthScales as DepthScales,
    DerivativeKernels as DerivativeKernels,
    Eigenvalue as Eigenvalue,
    Expansion as Expansion,
    FixedPoint as FixedPoint,
)
