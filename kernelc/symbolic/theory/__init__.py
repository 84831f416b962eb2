"""What theory asks of a map: fixed points, depth scales, expansions, spectra."""

from ._asymptotics import CosineLaw as CosineLaw
from ._depth_scales import DepthScales as DepthScales
from ._derivative_kernels import DerivativeKernels as DerivativeKernels
from ._expansions import Expansion as Expansion
from ._fixed_points import FixedPoint as FixedPoint
from ._methods import Theory as Theory
from ._sphere import Eigenvalue as Eigenvalue
