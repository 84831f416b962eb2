"""Kernel rules over abstract numbers, and the local-map reading of them."""

from ._any_location import AnyLocation as AnyLocation
from ._attend import query_term as query_term
from ._backend import Backend as Backend
from ._channel_labels import ChannelLabels as ChannelLabels
from ._floats import (
    FloatBackend as FloatBackend,
    FloatNumber as FloatNumber,
    same_input as same_input,
)
from ._kernel_state import (
    FIXED as FIXED,
    KernelState as KernelState,
    N as N,
    SecondMoments as SecondMoments,
    Term as Term,
    probes as probes,
)
from ._local_maps import (
    CMapReading as CMapReading,
    Jet as Jet,
    JetReading as JetReading,
    OverlapReading as OverlapReading,
)
from ._pair import PairAlgebra as PairAlgebra
from ._refusals import unlike_locations as unlike_locations
from ._tables import refuse_two_tables as refuse_two_tables
