"""Normalizations where some inputs are zero at some location."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp

from ..algebra import SecondMoments
from ._gram import DataState, GramAlgebra
from ._numbers import Pair, PerSide, root


# What is left of a mean square without its mean, relative, when the value is one constant.
_ROUNDINGS = 64


class BlankAlgebra(GramAlgebra):
    """`GramAlgebra` for data with locations that are zero throughout.

    Layer norm maps them to zero, as the finite layer does: q/(q + eps) is 0 at q = 0. Behind it q
    values are 0 or 1, so that they differ between inputs.
    """

    def normalize(self, s: DataState, center: bool, over_locations: bool) -> DataState:
        if not isinstance(s.second.q, PerSide):
            return super().normalize(s, center, over_locations)
        if center and s.mean is not None and not self._is_zero(s.mean):
            s = self._centered(s, over_locations)
            center = False
        elif center and s.mean is None:
            return super().normalize(s, center, over_locations)  # refuses
        q: Any = self.backend.over_locations(s.second.q) if over_locations else s.second.q
        scaled = self.weighted_sum([s], [q.map(_inverse_root)])
        if over_locations:
            return scaled
        second = scaled.second
        field = second.k[0].map(lambda pair: Pair(_unit(pair.left), _unit(pair.right), pair.drop))
        unit = SecondMoments(PerSide(field.cross.left, field.cross.right), (field,), second.theta)
        return dataclasses.replace(scaled, second=unit)

    def _centered(self, s: DataState, over_locations: bool) -> DataState:
        before, after = s.second.q, super()._centered(s, over_locations)
        if over_locations or not isinstance(before, PerSide):
            return after
        left, right = (
            _settled(new, old)
            for new, old in (
                (after.second.q.left, before.left),
                (after.second.q.right, before.right),
            )
        )
        second = dataclasses.replace(after.second, q=PerSide(left, right))
        return dataclasses.replace(after, second=second)


def _inverse_root(q: Any) -> Any:
    alive = q > 0
    return jnp.where(alive, 1.0 / root(jnp.where(alive, q, 1.0)), 0.0)


def _unit(q: Any) -> Any:
    return jnp.where(q > 0, 1.0, 0.0).astype(q.dtype)


def _settled(new: Any, old: Any) -> Any:
    noise = _ROUNDINGS * float(jnp.finfo(new.dtype).eps)
    return jnp.where(new <= noise * old, 0.0, new)
