"""Seen: what a front end returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._graph import Captured


class Seen(NamedTuple):
    """The steps of a model, an input, and what the model makes of it."""

    steps: Captured
    example: np.ndarray
    output: np.ndarray
