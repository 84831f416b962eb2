"""The model that runs finite layers, and what belongs to no kind of them: dtypes, states, draws."""

from ._graph import check_entries as check_entries
from ._initializers import (
    BiasInitializer as BiasInitializer,
    Initializer as Initializer,
    gaussian_fan_in as gaussian_fan_in,
    initialize as initialize,
    scaled_uniform_orthogonal as scaled_uniform_orthogonal,
    unit_draw as unit_draw,
)
from ._keys import as_key as as_key, node_key as node_key, seed_of as seed_of
from ._layer import (
    InitialStatistic as InitialStatistic,
    JoinModule as JoinModule,
    LayerModule as LayerModule,
    MapModule as MapModule,
    alike as alike,
    only as only,
    require_channels as require_channels,
)
from ._lookup import look_up as look_up
from ._model import Model as Model
from ._node import (
    ModelNode as ModelNode,
    ModelRepeat as ModelRepeat,
    Nodes as Nodes,
    is_index as is_index,
    leaves_of as leaves_of,
    one_by_one as one_by_one,
    rewired as rewired,
)
from ._node_gradients import NodeGradient as NodeGradient, node_gradients as node_gradients
from ._precision import (
    LoopMode as LoopMode,
    Policy as Policy,
    Remat as Remat,
    accumulator as accumulator,
    as_dtype as as_dtype,
    checked_form as checked_form,
)
from ._select import Labels as Labels, Selection as Selection, select as select
from ._states import (
    carried as carried,
    first_state as first_state,
    is_stateful as is_stateful,
    stack as stack,
    state_arrays as state_arrays,
    state_of as state_of,
    state_starts as state_starts,
)
