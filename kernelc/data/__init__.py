"""Data sets as plain arrays or made on demand, their normalizations, and the order of batches."""

from ._augmented import augmented as augmented
from ._batches import batch_indices as batch_indices
from ._checked import (
    examples as examples,
    is_one_hot as is_one_hot,
    labels as labels,
    same_example_shape as same_example_shape,
    same_length as same_length,
    told as told,
)
from ._cifar import cifar10 as cifar10
from ._dataset import Dataset as Dataset, Part as Part, arrays as arrays
from ._digits import digits as digits
from ._fashion import fashion_mnist as fashion_mnist
from ._imagenet import imagenet as imagenet
from ._parts import (
    Parts as Parts,
    as_dataset as as_dataset,
    beside as beside,
    part as part,
    parts as parts,
    split as split,
)
from ._pln import pln as pln
from ._stream import Rows as Rows, Stream as Stream
