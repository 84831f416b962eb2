"""What a network is: layers applied to nodes, validated into an immutable graph."""

from ._algebra import KernelAlgebra as KernelAlgebra
from ._as_network import NetworkCarrier as NetworkCarrier, as_network as as_network
from ._assembly import snake as snake
from ._combinators import (
    Block as Block,
    chain as chain,
    check_block as check_block,
    repeat as repeat,
)
from ._difference import first_difference as first_difference
from ._files import write_whole as write_whole
from ._layer import Layer as Layer, Shape as Shape, short as short
from ._network import Network as Network, NetworkNode as NetworkNode, visit as visit
from ._node import Node as Node
from ._parameters import ParameterCounts as ParameterCounts
from ._shaping_rule import ShapingRule as ShapingRule
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
from ._weights import Weights as Weights
from ._window import Window as Window
