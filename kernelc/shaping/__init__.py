"""Deep Kernel Shaping, Tailored Activation Transformations and the edge of chaos, from a graph."""

from ._certificate import (
    certify_dks as certify_dks,
    certify_edge as certify_edge,
    certify_tat as certify_tat,
)
from ._dks import solve_dks as solve_dks
from ._edge_of_chaos import EdgePoint as EdgePoint, solve_edge_of_chaos as solve_edge_of_chaos
from ._free_slope import is_fixed_rectifier as is_fixed_rectifier
from ._leaky_relu import (
    leaky_relu_c_map as leaky_relu_c_map,
    leaky_relu_tat_transform as leaky_relu_tat_transform,
    solve_leaky_relu_dks as solve_leaky_relu_dks,
)
from ._requirements import Violation as Violation
from ._shape import shape as shape
from ._shaped import ShapedNetwork as ShapedNetwork
from ._subnetworks import Subnetworks as Subnetworks
from ._targets import (
    DKS as DKS,
    TAT as TAT,
    EdgeOfChaos as EdgeOfChaos,
    Target as Target,
)
from ._tat import solve_tat as solve_tat
from ._transform import Transform as Transform
