"""Real: the numbers of layers."""

from __future__ import annotations

from typing import TypeAlias

import sympy


Real: TypeAlias = int | float | sympy.Expr
"""A number, exact or in floats, or a formula of symbols."""
