"""From networks to Equinox modules."""

from ._arrange import scanned as scanned, unrolled as unrolled
from ._load import Loaded as Loaded, load as load
from ._lower import lower as lower
from ._save import save as save
from ._weights import NodeArrays as NodeArrays
