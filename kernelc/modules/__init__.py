"""Finite layers as Equinox modules, and the model that runs them."""

from ._batch_norm import BatchNorm as BatchNorm, batch_norm as batch_norm
from ._concat import Concat as Concat
from ._conv import Conv as Conv, conv as conv
from ._dense import Dense as Dense, dense as dense
from ._dropout import Dropout as Dropout
from ._elementwise import Elementwise as Elementwise
from ._flatten import Flatten as Flatten
from ._initialisers import (
    BiasKind as BiasKind,
    Kind as Kind,
    gaussian_fan_in as gaussian_fan_in,
    initialise as initialise,
    scaled_uniform_orthogonal as scaled_uniform_orthogonal,
    unit_draw as unit_draw,
)
from ._layer import LayerModule as LayerModule
from ._layer_norm import LayerNorm as LayerNorm, layer_norm as layer_norm
from ._local_conv import LocalConv as LocalConv, local_conv as local_conv
from ._looks_linear import LooksLinear as LooksLinear, looks_linear as looks_linear
from ._model import Model as Model
from ._node import Node as Node, Repeat as Repeat, one_by_one as one_by_one
from ._pln import PLN as PLN
from ._pool import GlobalMeanPool as GlobalMeanPool, MaxPool as MaxPool, MeanPool as MeanPool
from ._precision import Layers as Layers, Policy as Policy
from ._product import Product as Product
from ._scale import Scale as Scale, scale as scale
from ._select import Labels as Labels, Selection as Selection, select as select
from ._standardised_conv import (
    StandardisedConv as StandardisedConv,
    standardised_conv as standardised_conv,
)
from ._standardised_dense import (
    StandardisedDense as StandardisedDense,
    standardised_dense as standardised_dense,
)
from ._start import Start as Start, is_index as is_index
from ._state_arrays import (
    state_arrays as state_arrays,
    state_of as state_of,
    state_starts as state_starts,
)
from ._states import carried as carried, stack as stack
from ._weighted_mean_pool import (
    WeightedMeanPool as WeightedMeanPool,
    weighted_mean_pool as weighted_mean_pool,
)
from ._weighted_sum import WeightedSum as WeightedSum
from ._window import Padding as Padding
