"""From networks to Equinox modules."""

from ._lower import lower as lower
