"""Rules of ATen operations by name."""

from __future__ import annotations

from collections.abc import Mapping

from ._call import Rule
from ._elementwise import ELEMENTWISE_RULES
from ._joins import JOIN_RULES
from ._pools import POOL_RULES
from ._views import VIEW_RULES
from ._weights import WEIGHT_RULES


ATEN_RULES: Mapping[str, Rule] = {
    **ELEMENTWISE_RULES,
    **JOIN_RULES,
    **POOL_RULES,
    **VIEW_RULES,
    **WEIGHT_RULES,
}
