"""What a step of a model does, in the words of no framework: one file for each kind."""

from ._atoms import (
    Atoms as Atoms,
    Axes as Axes,
    Axis as Axis,
    Role as Role,
    UnknownAxes as UnknownAxes,
)
from ._attended import Attended as Attended
from ._constants import Scaled as Scaled, Shifted as Shifted
from ._elementwise import ARGUMENT as ARGUMENT, Applied as Applied
from ._group_norm import GroupNormalized as GroupNormalized
from ._initial import initial_weights as initial_weights
from ._join import Joined as Joined, Multiplied as Multiplied, Summed as Summed
from ._lengths import (
    Lengths as Lengths,
    Repeated as Repeated,
)
from ._linear import Affine as Affine, Convolved as Convolved
from ._lookup import LookedUp as LookedUp
from ._norms import BatchNormalized as BatchNormalized, Normalized as Normalized
from ._operation import (
    Arrays as Arrays,
    NodeBuilder as NodeBuilder,
    Operation as Operation,
    Placed as Placed,
    UnknownOperation as UnknownOperation,
)
from ._padded import Padded as Padded
from ._pooling import Averaged as Averaged, Pooled as Pooled
from ._rolled import Rolled as Rolled
from ._tokens import WithToken as WithToken
from ._unread import Unread as Unread
from ._views import Reshaped as Reshaped, Taken as Taken, Transposed as Transposed, View as View
