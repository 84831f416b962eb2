"""Site: where in a network a kernel rule is applied."""

from __future__ import annotations

import dataclasses


Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Site:
    """The place of a kernel rule: what a refusal names, and the sizes of finite layers.

    Arguments:
        name: of the node.
        in_shapes: shapes of one example of each input.
        out_shape: shape of one example of the output.
    """

    name: str = "network"
    in_shapes: tuple[Shape, ...] = ()
    out_shape: Shape = (1,)
