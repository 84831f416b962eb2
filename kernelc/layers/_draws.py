"""How weights and biases are drawn, by name."""

from __future__ import annotations

from typing import get_args

from .. import modules
from ._fields import one_of


def drawn_as(kind: str, init: str, bias_init: str) -> None:
    """Raise `GraphError` unless weights and biases are drawn in one of the known ways."""
    one_of(kind, "init", init, get_args(modules.Kind))
    one_of(kind, "bias_init", bias_init, get_args(modules.BiasKind))


def keeps_norms(init: str) -> bool:
    """Whether weights are drawn together so as to keep norms, in place of independently."""
    return init in ("orthogonal", "suo")
