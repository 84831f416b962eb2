"""Attention whose logits are zero at initialization, and the gradients of its queries."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from .._errors import UnsupportedError
from ..ir import DenseMap, FixedAttention
from ._backend import Backend
from ._kernel_state import KernelState, N


T = TypeVar("T", bound=Any)


def check_logits(
    where: str,
    backend: Backend[N],
    query: KernelState[N],
    key: KernelState[N],
    attention: FixedAttention,
) -> None:
    """Refuse attention whose logits are random, in the limit of infinite width too.

    Raises:
        UnsupportedError: queries that are not zero, and logits that do not vanish with the width.
    """
    if backend.is_zero(query.second.q) or (
        attention.vanishing and query.gaussian and key.gaussian and not query.support & key.support
    ):
        return
    raise UnsupportedError(
        where=where,
        found="attention whose logits are random at initialization",
        law="the softmax of random logits has no closed kernel; it is a number where queries start "
        "at zero, or where logits are divided by the number of channels and queries and keys have "
        "weights of their own",
        remedy='give the layer of queries init="zero", or the attention scale="1/d"',
    )


def check_heads(where: str, value: KernelState[N], attention: FixedAttention) -> None:
    """Refuse values whose channels differ where heads differ, or train their queries.

    Raises:
        UnsupportedError: such values.
    """
    trained = value.second.theta is not None and not attention.vanishing
    if value.parts and (trained or len(attention.maps) > 1):
        raise UnsupportedError(
            where=where,
            found="an attention whose values are a concatenation",
            law="which channels a head reads is followed only where all channels are alike",
            remedy="put a Dense layer between the two",
        )


Sides = tuple[Callable[[T], T], Callable[[T], T]]
"""K -> A K and K -> K A'."""


def query_term(key: T, value: T, pattern: Sides[T], turned: Sides[T] | None = None) -> T:
    """sum_jj' P_ij P'_i'j' K_key(j, j') E(v_j - o_i)(v_j' - o_i'), with o = P v.

    Times the Theta of the queries it is that of the logits: a gradient of softmax is
    P_ij (delta_ij - P_ik).

    Arguments:
        key, value: K of keys and of values.
        pattern: P.
        turned: what stands for P where it multiplies K_key; P itself when None.
    """
    left, right = pattern
    of_key, by_key = pattern if turned is None else turned
    left_key, left_value = of_key(key), left(value)
    both = by_key(left_key) * right(left_value)
    crossed = by_key(left_key * left_value) + of_key(by_key(key) * right(value))
    return by_key(of_key(key * value)) + both - crossed


@dataclasses.dataclass(frozen=True)
class Alike:
    """K of one location and of two, where all locations are alike; products entry by entry."""

    near: Any
    far: Any

    def __mul__(self, other: Alike) -> Alike:
        return Alike(self.near * other.near, self.far * other.far)

    def __add__(self, other: Alike) -> Alike:
        return Alike(self.near + other.near, self.far + other.far)

    def __sub__(self, other: Alike) -> Alike:
        return Alike(self.near - other.near, self.far - other.far)


def one_sided(pattern: DenseMap, number: Callable[[float], Any]) -> Callable[[Alike], Alike]:
    """K -> P K for a P = (a - b) I + b J."""
    matrix = pattern.matrices[0]
    count = len(matrix)
    own, other = (float(x) for x in matrix[0, :2])
    rest, shift = number((count - 1) * other), number(own + (count - 2) * other)
    a, b = number(own), number(other)
    return lambda k: Alike(a * k.near + rest * k.far, b * k.near + shift * k.far)
