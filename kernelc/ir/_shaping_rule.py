"""What a layer kind says about shaping: what it breaks, and what would replace it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from ._layer import Layer


@dataclasses.dataclass(frozen=True)
class ShapingRule:
    """One layer's answer to: may kernel shaping keep you as you are?

    Arguments:
        replacement: the layer to use instead; the layer itself to keep it, None to take it out.
        problem: which requirement it breaks (a sentence); None when it breaks none.
        remedy: what a person would do instead of asking for a rewrite.
        always: the replacement keeps the kernel and is made without being asked for (an
            initializer); otherwise only a rewrite makes it.
        possible: whether the replacement mends the problem at all.
    """

    replacement: Layer | None
    problem: str | None = None
    remedy: str = "pass rewrite=True"
    always: bool = False
    possible: bool = True
