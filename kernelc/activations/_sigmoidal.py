"""Smooth functions built on the logistic sigmoid; none has a known closed moment."""

from __future__ import annotations

import sympy

from ._registry import Definition, register
from ._stable import X, sigmoid, softplus


register(Definition(name="tanh", expression=lambda: sympy.tanh(X)))
register(Definition(name="sigmoid", expression=lambda: sigmoid(X)))
register(Definition(name="softplus", expression=lambda: softplus(X)))
register(Definition(name="swish", expression=lambda: X * sigmoid(X)), "silu")
register(Definition(name="mish", expression=lambda: X * sympy.tanh(softplus(X))))
