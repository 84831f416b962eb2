"""What a network is: layers applied to nodes, validated into an immutable graph."""

from .._needs_number import needs_number as needs_number
from .._table import Table as Table
from ._algebra import KernelAlgebra as KernelAlgebra, Reading as Reading
from ._arranged_locations import (
    InARow as InARow,
    Reshaped as Reshaped,
    Selected as Selected,
)
from ._as_network import NetworkCarrier as NetworkCarrier, as_network as as_network
from ._assembly import check_specs as check_specs, snake as snake, specs_of as specs_of
from ._attention import FixedAttention as FixedAttention
from ._combinators import (
    Block as Block,
    chain as chain,
    check_block as check_block,
    check_node as check_node,
)
from ._difference import first_difference as first_difference
from ._field_types import field_types as field_types
from ._files import require_place as require_place, write_whole as write_whole
from ._fixed_vectors import FixedVectors as FixedVectors
from ._fold import Rule as Rule, fold as fold, kernel_rule as kernel_rule
from ._layer import (
    Layer as Layer,
    Node as Node,
    Repetition as Repetition,
    ShapingRule as ShapingRule,
    Spec as Spec,
    short as short,
)
from ._location_map import (
    UNCHANGED as UNCHANGED,
    DenseMap as DenseMap,
    Exchangeable as Exchangeable,
    Flattened as Flattened,
    LocationMap as LocationMap,
    OneLocation as OneLocation,
    OwnWeights as OwnWeights,
    Share as Share,
)
from ._network import Network as Network, NetworkNode as NetworkNode
from ._pairs_read import pairs_read as pairs_read
from ._parameters import ParameterCounts as ParameterCounts
from ._repetition import (
    RepeatedBlock as RepeatedBlock,
    naming as naming,
    repeated_block as repeated_block,
)
from ._rule_arguments import (
    PairKind as PairKind,
    Real as Real,
    S as S,
    Shape as Shape,
    Shapes as Shapes,
    Site as Site,
    Weights as Weights,
)
from ._strict_json import strict_json as strict_json
from ._structure import (
    Region as Region,
    Run as Run,
    Segment as Segment,
    after_last_nonlinearity as after_last_nonlinearity,
    cut_nodes as cut_nodes,
    folded as folded,
    kernel_key as kernel_key,
    regions as regions,
    runs as runs,
    segments as segments,
)
from ._substitution import with_values as with_values, written_out as written_out
from ._symbols import depths_of as depths_of, symbols_of as symbols_of
from ._upsampling_maps import (
    Interpolated as Interpolated,
    TransposedTaps as TransposedTaps,
)
from ._window import Pads as Pads, Window as Window
from ._window_maps import (
    CenterTaps as CenterTaps,
    SharedTaps as SharedTaps,
    WindowMean as WindowMean,
)
