"""Data sets as plain arrays or made on demand, their normalisations, and the order of batches."""

from ._augmented import augmented as augmented
from ._batches import batch_indices as batch_indices
from ._cifar import cifar10 as cifar10
from ._dataset import (
    Dataset as Dataset,
    arrays as arrays,
    examples as examples,
    labels as labels,
    same_example_shape as same_example_shape,
    same_length as same_length,
)
from ._digits import digits as digits
from ._fashion import fashion_mnist as fashion_mnist
from ._imagenet import imagenet as imagenet
from ._pln import pln as pln
from ._stream import Rows as Rows, Stream as Stream
