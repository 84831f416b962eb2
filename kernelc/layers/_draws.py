"""How weights and biases are drawn, by name."""

from __future__ import annotations

from typing import get_args

from .. import modules
from .._errors import GraphError
from ._fields import one_of
from ._initialization import names


def drawn_as(kind: str, init: str, bias_init: str) -> None:
    """Raise `GraphError` unless weights and biases are drawn in one of the known ways."""
    if init not in get_args(modules.Kind) and init in names():
        raise GraphError(
            where=kind,
            found=f"init = {init!r}, which is a distribution and a deviation",
            law=f"init is one of {', '.join(map(repr, get_args(modules.Kind)))}",
            remedy=f"give {kind} both: **kernelc.initialization({init!r})",
        )
    one_of(kind, "init", init, get_args(modules.Kind))
    one_of(kind, "bias_init", bias_init, get_args(modules.BiasKind))


def keeps_norms(init: str) -> bool:
    """Whether weights are drawn together so as to keep norms, in place of independently."""
    return init in ("orthogonal", "suo")
