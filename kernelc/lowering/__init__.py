"""From networks to Equinox modules."""

from ._arrange import scanned as scanned, unrolled as unrolled
from ._lower import lower as lower
