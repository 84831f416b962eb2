"""Rules of ATen operations by name."""

from __future__ import annotations

from collections.abc import Mapping

from ._torch_call import Rule
from ._torch_elementwise import ELEMENTWISE_RULES
from ._torch_joins import JOIN_RULES
from ._torch_pools import POOL_RULES
from ._torch_views import VIEW_RULES
from ._torch_weights import WEIGHT_RULES


ATEN_RULES: Mapping[str, Rule] = {
    **ELEMENTWISE_RULES,
    **JOIN_RULES,
    **POOL_RULES,
    **VIEW_RULES,
    **WEIGHT_RULES,
}
