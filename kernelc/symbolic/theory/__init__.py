"""What theory asks of a map: fixed points, depth scales, expansions, spectra."""

from ._depth_scales import DepthScales as DepthScales
from ._fixed_points import FixedPoint as FixedPoint
from ._methods import Theory as Theory
