"""Weights that several nodes share, which kernels take for independent."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np

from ._answer import Answer
from .operations import Arrays


def with_sharing(answers: Mapping[str, Answer], weights: Mapping[str, Arrays]) -> dict[str, Answer]:
    """The answers, with nodes of shared weights assumed to have weights of their own.

    A module that a model applies twice (recurrent nets, tied embeddings, two towers) becomes two
    nodes with equal arrays. Their values are correlated, and kernel rules leave that out.

    Arguments:
        answers: of all nodes.
        weights: the arrays of nodes.
    """
    first: dict[Hashable, str] = {}
    found = dict(answers)
    for name, arrays in weights.items():
        drawn = _drawn(arrays)
        if drawn is None:
            continue
        other = first.setdefault(_entries(drawn), name)
        if other != name and answers[name].level != "opaque":
            reason = f"it has the weights of {other}, and kernels take them for weights of its own"
            found[name] = Answer("assumed", reason)
    return found


def _drawn(arrays: Arrays) -> np.ndarray | None:
    """The array of a layer that was drawn at random; None where there is none."""
    array = arrays.get("weight", arrays.get("table"))
    return None if array is None or np.ptp(array) == 0 else array


def _entries(array: np.ndarray) -> Hashable:
    """What tells arrays of unlike entries apart, whatever the order of the entries."""
    wide = np.asarray(array, np.float64)
    extremes = float(wide.min()), float(wide.max())
    # Sums in another order round otherwise.
    sums = f"{np.abs(wide).sum():.9e}", f"{np.square(wide).sum():.9e}"
    return array.size, extremes, sums
