"""Data sets as plain arrays or made on demand, their normalizations, and the order of batches."""

from ._arrays import (
    examples as examples,
    is_one_hot as is_one_hot,
    same_example_shape as same_example_shape,
    same_length as same_length,
    told as told,
)
from ._augmented import augmented as augmented
from ._batches import batch_indices as batch_indices
from ._dataset import Dataset as Dataset, arrays as arrays
from ._forms import as_dataset as as_dataset, parts as parts, split as split
from ._imagenet import imagenet as imagenet
from ._parts import Part as Part, Parts as Parts, Rows as Rows, part as part
from ._pln import pln as pln
from ._small_images import cifar10 as cifar10, digits as digits, fashion_mnist as fashion_mnist
from ._stream import Stream as Stream
from ._text import python_text as python_text, text as text
from ._weighted import (
    Targets as Targets,
    Weighted as Weighted,
    nothing_counts as nothing_counts,
    values_of as values_of,
)
