"""Deep Kernel Shaping, Tailored Activation Transformations and the edge of chaos, from a graph."""

from ._certificate import certified as certified, measured as measured
from ._dks import DKS as DKS, certify_dks as certify_dks, solve_dks as solve_dks
from ._edge_of_chaos import (
    EdgeOfChaos as EdgeOfChaos,
    certify_edge as certify_edge,
    solve_edge_of_chaos as solve_edge_of_chaos,
)
from ._leaky_relu import (
    is_fixed_rectifier as is_fixed_rectifier,
    leaky_relu_c_map as leaky_relu_c_map,
    leaky_relu_tat_transform as leaky_relu_tat_transform,
    solve_leaky_relu_dks as solve_leaky_relu_dks,
)
from ._row_scale import RowScale as RowScale
from ._shape import shape as shape
from ._shaped_network import ShapedNetwork as ShapedNetwork
from ._spa import SPA as SPA
from ._target import Certificate as Certificate, Solution as Solution, Target as Target
from ._tat import TAT as TAT, certify_tat as certify_tat, solve_tat as solve_tat
from ._token_target import TokenTarget as TokenTarget
from ._transform import Transform as Transform, nonlinearities as nonlinearities
