"""MultiHeadAttention: self-attention with its layers of weights."""

from __future__ import annotations

import dataclasses

from numpy.typing import ArrayLike

from .._errors import ShapeError
from ..ir import Block, Node, Real, check_node
from ..modules import Initializer
from ._attention import Attention, Scaling
from ._attention_pattern import Bias, Mask
from ._dense import Dense


def MultiHeadAttention(
    width: int,
    heads: int,
    *,
    mask: Mask | None = None,
    bias: Bias | ArrayLike | None = None,
    query_init: Initializer = "zero",
    scale: Scaling = "1/sqrt(d)",
    weight_std: Real = 1.0,
    init: Initializer = "gaussian",
    use_bias: bool = True,
    rotary: float | None = None,
    name: str | None = None,
) -> Block:
    """Self-attention as it is usually written: Dense queries, keys and values, `Attention`, Dense.

    Arguments:
        width: channels of queries, keys, values and of the output.
        heads: how many heads share them.
        mask, bias, scale, rotary: as those of `Attention`.
        query_init: how the weights of queries are drawn; with "zero" the kernel is known.
        weight_std, init: of keys, values and output; weight_std of queries too.
        use_bias: whether the four layers have biases, which start at zero.
        name: names the nodes name_query, name_key, name_value, name_heads and name_output; they
            are named by their kinds unless it is given.

    Returns: a block, which maps a node to a node.

    Raises:
        ShapeError: a width that the heads do not divide.
        GraphError: arguments that the layers refuse.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((16, 32))
        >>> net = kc.Network(x, kc.MultiHeadAttention(32, 4, mask="causal", name="mix")(x))
        >>> [node.name for node in net][1:]
        ['mix_query', 'mix_key', 'mix_value', 'mix_heads', 'mix_output']
    """
    dense = Dense(width, weight_std, init=init, bias=use_bias)
    attention = Attention(heads, mask, bias, scale=scale, rotary=rotary)
    if dense.width % heads:
        raise ShapeError(
            where="MultiHeadAttention",
            found=f"a width of {width} for {heads} heads",
            law="heads share the channels evenly",
            remedy="choose a width that the heads divide",
        )
    return _MultiHead(dense, dataclasses.replace(dense, init=query_init), attention, name)


@dataclasses.dataclass(frozen=True)
class _MultiHead:
    dense: Dense
    query: Dense
    attention: Attention
    name: str | None

    def __call__(self, node: Node, /) -> Node:
        check_node("MultiHeadAttention", node)
        names = [
            None if self.name is None else f"{self.name}_{part}"
            for part in ("query", "key", "value", "heads", "output")
        ]
        query = self.query(node, name=names[0])
        key, value = (self.dense(node, name=name) for name in names[1:3])
        return self.dense(self.attention(query, key, value, name=names[3]), name=names[4])
