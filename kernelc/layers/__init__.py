"""One file, one kind: shape rule, kernel rule, lowering, text."""

from ._activation import Activation as Activation
from ._batch_norm import BatchNorm as BatchNorm
from ._concat import Concat as Concat
from ._conv import Conv as Conv
from ._dense import Dense as Dense
from ._dropout import Dropout as Dropout
from ._fans import fan_in as fan_in, fan_out as fan_out
from ._flatten import Flatten as Flatten
from ._global_mean_pool import GlobalMeanPool as GlobalMeanPool
from ._initialization import gain as gain, initialization as initialization
from ._input import Input as Input, InputLayer as InputLayer
from ._layer_norm import LayerNorm as LayerNorm
from ._local_conv import LocalConv as LocalConv
from ._looks_linear import LooksLinear as LooksLinear
from ._max_pool import MaxPool as MaxPool
from ._mean_pool import MeanPool as MeanPool
from ._pln import PLN as PLN
from ._product import Product as Product
from ._scale import Scale as Scale
from ._standardised_conv import StandardisedConv as StandardisedConv
from ._standardised_dense import StandardisedDense as StandardisedDense
from ._weighted_mean_pool import WeightedMeanPool as WeightedMeanPool
from ._weighted_sum import WeightedSum as WeightedSum, residual as residual
