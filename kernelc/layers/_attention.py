"""Attention: locations mixed by the softmax of queries and keys."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Hashable, Sequence
from typing import ClassVar, Literal, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Float64
from numpy.typing import ArrayLike

from .._errors import GraphError, ShapeError, shown
from ..ir import (
    DenseMap,
    FixedAttention,
    KernelAlgebra,
    Layer,
    S,
    Shape,
    Shapes,
    ShapingRule,
    Table,
)
from ..modules import JoinModule
from ._attention_pattern import (
    Bias,
    Mask,
    Pattern,
    biases_of,
    hidden_by,
    logits_of,
    runs_of,
    softmax,
    uniform,
)
from ._fields import finite_number, one_of, positive_integers
from ._rotary import frequencies_of, rotated


Scaling = Literal["1/sqrt(d)", "1/d"]


@final
@dataclasses.dataclass(frozen=True)
class Attention(Layer):
    """Heads of values mixed over locations: (alpha I + beta D P - gamma C) V with
    P = softmax(s Q K^T + B + mask).

    Reads queries, keys and values, each split into heads of contiguous channels. Where logits are
    zero at initialization the pattern of head h is a number, A_h = alpha I + beta D P_h - gamma C
    with P_h = softmax(B_h + mask), and K <- mean_h A_h K A_h^T. That is so where queries start at
    zero (He et al. 2023), and, in the limit of infinite width, where s = 1/d and queries and keys
    have weights of their own (Hron et al. 2020). Otherwise no kernel is known.

    Queries that start at zero and train add to the NTK, with o = P v,
    Theta_Q(p, p') = beta^2 D_p D_p' Theta_query(p, p')
    sum_rr' P_pr P_p'r' K_key(r, r') E (v_r - o_p)(v_r' - o_p'); keys add nothing.

    With rotary positions the term of each r and r' is multiplied by
    mean_f cos(w_f ((r - p) - (r' - p'))).

    Arguments:
        heads: how many; it divides the channels of queries, keys and values.
        mask: "causal" hides later locations, in row-major order; None hides none.
        bias: B. "alibi" (Press et al. 2022): -2^(-8h/heads) times the distance of locations, for
            heads h = 1, 2, ...; or numbers (heads or 1, outputs, locations), which do not train.
        row_scale: D, one number for each output location; 1 unless given.
        skip: alpha, the share of a value that stays at its location.
        gain: beta.
        centering: gamma, by which the pattern at zero logits and bias, C, is subtracted; gain and
            centering of 1 and a skip of 1 are Shaped Attention (Noci et al. 2023).
        scale: s, by which products of queries and keys are multiplied; d is the number of channels
            of a head.
        rotary: base of the frequencies w_f = base^(-2f/d) by which pairs of channels of queries and
            keys turn with the location in a sequence (Su et al. 2024); None for none.

    Raises:
        GraphError: fields that are not as said.
        ShapeError: inputs whose shapes do not fit together.
        UnsupportedError: on deriving, logits that are random.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((16, 64))
        >>> query = kc.Dense(64, init="zero")(x)
        >>> y = kc.Attention(heads=4, mask="causal")(query, kc.Dense(64)(x), kc.Dense(64)(x))
        >>> y
        <node Attention(heads=4, mask='causal')>
    """

    heads: int = 1
    mask: Mask | None = None
    bias: Bias | ArrayLike | None = None
    row_scale: ArrayLike | Table | None = None
    skip: float = 0.0
    gain: float = 1.0
    centering: float = 0.0
    scale: Scaling = "1/sqrt(d)"
    rotary: float | None = None
    arity: ClassVar[int | None] = 3

    def __post_init__(self) -> None:
        positive_integers(self, "heads")
        for field in ("skip", "gain", "centering"):
            value = finite_number("Attention", field, getattr(self, field), symbol=False)
            object.__setattr__(self, field, value)
        if self.mask is not None:
            one_of("Attention", "mask", self.mask, ("causal",))
        one_of("Attention", "scale", self.scale, ("1/sqrt(d)", "1/d"))
        if self.rotary is not None:
            base = finite_number("Attention", "rotary", self.rotary, minimum=1, symbol=False)
            object.__setattr__(self, "rotary", base)
        if self.row_scale is not None:
            object.__setattr__(self, "row_scale", _table("row_scale", self.row_scale, 1))
        if isinstance(self.bias, str):
            one_of("Attention", "bias", self.bias, ("alibi",))
        elif self.bias is not None:
            table = _table("bias", self.bias, 3)
            if len(table) not in (1, self.heads):
                law = f"one table, or one for each of {self.heads} heads"
                raise _wrong("bias", f"{len(table)} tables", law)
            object.__setattr__(self, "bias", table)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        query, key, value = shapes
        if len(query) < 2 or len(key) != len(query) or key[:-1] != value[:-1]:
            raise _unfit(where, shapes, "queries (*outputs, c), keys and values of equal locations")
        if query[-1] != key[-1]:
            raise _unfit(where, shapes, "queries and keys of as many channels")
        if any(shape[-1] % self.heads for shape in shapes):
            raise _unfit(where, shapes, f"channels that {self.heads} heads divide")
        if self.rotary is not None and (len(query) != 2 or query[-1] // self.heads % 2):
            raise _unfit(where, shapes, "for rotary positions sequences, and heads of even width")
        aligned = self.mask is not None or self.skip or self.centering or self.bias == "alibi"
        if aligned and query[:-1] != key[:-1]:
            raise _unfit(where, shapes, "queries and values of equal locations")
        self._check_sizes(math.prod(query[:-1]), math.prod(key[:-1]), where)
        return (*query[:-1], value[-1])

    def _check_sizes(self, outputs: int, locations: int, where: str) -> None:
        rows = self.row_scale
        if isinstance(rows, Table) and len(rows) != outputs:
            raise ShapeError(
                where=where,
                found=f"a row_scale of {len(rows)} numbers at {outputs} locations",
                law="row_scale has one number for each output location",
                remedy="give it as many",
            )
        if isinstance(self.bias, Table):
            sizes = self.bias.shape[1:]
            if sizes != (outputs, locations):
                raise ShapeError(
                    where=where,
                    found=f"a bias of {sizes[0]} by {sizes[1]} for {outputs} queries and "
                    f"{locations} keys",
                    law="a bias has a row for each query and a column for each key",
                    remedy="give it that shape",
                )

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        query, key, value = inputs
        fixed = _fixed(self, shapes[0][:-1], shapes[1][:-1])
        if self.rotary is not None:
            frequencies = frequencies_of(shapes[0][-1] // self.heads, self.rotary)
            fixed = dataclasses.replace(fixed, frequencies=frequencies)
        return algebra.attend(query, key, value, fixed)

    def with_pattern(
        self,
        pattern: Float64[np.ndarray, "outputs locations"] | None,
        row_scale: Float64[np.ndarray, " outputs"],
    ) -> Attention:
        if pattern is None:
            return dataclasses.replace(self, row_scale=row_scale)
        bias = logits_of(pattern, self.mask)[None]
        return dataclasses.replace(self, bias=bias, row_scale=row_scale)

    def location_key(self, shapes: Shapes) -> Hashable:
        return None if self.rotary is None else shapes[0][-1]

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        fixed = _fixed(self, shapes[0][:-1], shapes[1][:-1])
        if all(locations.identity for locations in fixed.maps):
            return ShapingRule(self)
        return ShapingRule(
            self,
            problem="attention averages locations, so that q falls below 1 and depends on the data",
            remedy="let shape solve its bias and row_scale, shape(..., tokens=kernelc.SPA()), or "
            "use skip=1 with gain=1 and centering=1, which is the identity at initialization",
            possible=False,
            by_tokens=True,
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> AttentionModule:
        return AttentionModule(self)


class AttentionModule(JoinModule):
    """Attention of (queries, keys, values), each (batch, *locations, channels); it has no weights.

    Blocks that differ in the values of their tables run in one loop, which passes arrays.

    Arguments:
        layer: the spec, whose numbers do not train.

    Example:
        >>> module = AttentionModule(Attention(mask="causal"))
        >>> values = jnp.arange(3.0).reshape(1, 3, 1)
        >>> module((jnp.zeros((1, 3, 1)), values, values))[0].ravel().tolist()
        [0.0, 0.5, 1.0]
    """

    layer: Attention = eqx.field(static=True)
    bias: Table | Float[Array, "heads outputs locations"] | None
    row_scale: Table | Float[Array, " outputs"] | None

    def __init__(self, layer: Attention) -> None:
        tables = (layer.bias, layer.row_scale)
        self.bias, self.row_scale = (x if isinstance(x, Table) else None for x in tables)
        named = None if self.bias is not None else layer.bias
        self.layer = dataclasses.replace(layer, bias=named, row_scale=None)

    def apply(self, inputs: tuple[Array, ...]) -> Array:
        layer, (query, key, value) = self.layer, inputs
        layer.out_shape([x.shape[1:] for x in inputs], self.kind)
        outputs, locations = query.shape[1:-1], key.shape[1:-1]
        bias = _numbers(self.bias, jnp.promote_types(query.dtype, jnp.float32))
        if bias is None and layer.bias is not None:
            bias = jnp.asarray(_biases(layer, outputs, locations), query.dtype)
        split = tuple(_heads(x, layer.heads) for x in inputs)
        mixed = _attended(layer, split, bias)
        rows = _numbers(self.row_scale, mixed.dtype)
        if rows is not None:
            mixed *= layer.gain * rows[:, None, None]
        elif layer.gain != 1:
            mixed *= layer.gain
        out = mixed.reshape(*query.shape[:-1], value.shape[-1])
        if layer.centering:
            seen = jnp.asarray(uniform(layer.mask, outputs, locations), value.dtype)
            flat = value.reshape(value.shape[0], -1, value.shape[-1])
            out -= layer.centering * jnp.einsum("ij,bjc->bic", seen, flat).reshape(out.shape)
        return out + layer.skip * value if layer.skip else out


def _numbers(table: Table | Array | None, dtype: DTypeLike) -> Array | None:
    if table is None:
        return None
    return jnp.asarray(table.array if isinstance(table, Table) else table, dtype)


def _heads(x: Array, heads: int) -> Float[Array, "batch locations heads channels"]:
    return x.reshape(x.shape[0], -1, heads, x.shape[-1] // heads)


def _attended(
    layer: Attention, split: tuple[Array, ...], bias: Array | None
) -> Float[Array, "batch outputs heads channels"]:
    """softmax(s Q K^T + B + mask) V, head by head."""
    query, key, value = split
    d = query.shape[-1]
    if layer.rotary is not None:
        query, key = (rotated(x, layer.rotary) for x in (query, key))
    scale = 1 / d if layer.scale == "1/d" else 1 / math.sqrt(d)
    hidden = layer.mask is not None
    if d == value.shape[-1]:
        table = None if bias is None else bias[None].astype(query.dtype)
        return jax.nn.dot_product_attention(query, key, value, table, scale=scale, is_causal=hidden)
    wide = jnp.promote_types(query.dtype, jnp.float32)
    logits = scale * jnp.einsum("bihc,bjhc->bhij", query, key, preferred_element_type=wide)
    if bias is not None:
        logits += bias.astype(wide)
    if hidden:
        logits = jnp.where(np.tri(logits.shape[-1], dtype=bool), logits, -jnp.inf)
    return jnp.einsum("bhij,bjhc->bihc", jax.nn.softmax(logits).astype(value.dtype), value)


@functools.lru_cache(maxsize=256)
def _fixed(layer: Attention, outputs: Shape, locations: Shape) -> FixedAttention:
    """The matrices at logits of zero, heads that are alike put together."""
    patterns = softmax(_biases(layer, outputs, locations), layer.mask)
    distinct, counts = runs_of(patterns)
    gains = _row_gains(layer, outputs)
    maps, fixed = gains[:, None] * distinct, np.zeros(distinct.shape[1:])
    # In this order the matrix of shaped attention is the identity to the last bit.
    if layer.centering:
        centers = layer.centering * uniform(layer.mask, outputs, locations)
        maps, fixed = maps - centers, fixed - centers
    if layer.skip:
        stays = layer.skip * np.eye(len(fixed))
        maps, fixed = maps + stays, fixed + stays
    return FixedAttention(
        tuple(DenseMap(each[None], locations, outputs) for each in maps),
        tuple(DenseMap(each[None], locations, outputs) for each in distinct),
        tuple((counts / counts.sum()).tolist()),
        gains,
        layer.gain,
        fixed,
        hidden_by(layer.mask, fixed.shape),
        layer.scale == "1/d",
    )


def _biases(layer: Attention, outputs: Shape, locations: Shape) -> Pattern:
    """B, one table for each head or one for all."""
    if isinstance(layer.bias, Table):
        return layer.bias.array
    return biases_of(layer.bias is not None, layer.heads, outputs, locations)


def _row_gains(layer: Attention, outputs: Shape) -> Float64[np.ndarray, " outputs"]:
    """beta D."""
    rows = layer.row_scale
    return layer.gain * (rows.array if isinstance(rows, Table) else np.ones(math.prod(outputs)))


def _table(field: str, value: ArrayLike | Table, axes: int) -> Table:
    try:
        table = Table(value)
    except GraphError:
        raise _wrong(field, shown(value), f"finite numbers with {axes} axes") from None
    if len(table.shape) != axes:
        raise _wrong(field, shown(value), f"finite numbers with {axes} axes")
    return table


def _wrong(field: str, found: str, law: str) -> GraphError:
    return GraphError(
        where="Attention",
        found=f"{field} = {found}",
        law=f"{field} is {law}",
        remedy=f"give Attention such a {field}",
    )


def _unfit(where: str, shapes: Shapes, law: str) -> ShapeError:
    return ShapeError(
        where=where,
        found=f"queries, keys and values of shapes {', '.join(map(str, shapes))}",
        law=f"attention reads {law}",
        remedy="use Dense layers of equal width on values with locations",
    )
