"""Steps of a model as a front end records them, and patterns among them."""

from ._graph import Captured as Captured, Recorder as Recorder, Step as Step, Value as Value
from ._raw_attention import Contraction as Contraction, Softmaxed as Softmaxed, contract as contract
from ._raw_lengths import divided_by_length as divided_by_length
from ._raw_norm import product as product, scaled as scaled, shifted as shifted
from ._raw_softmax import softmax as softmax
from ._seen import Seen as Seen
