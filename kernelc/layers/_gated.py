"""Gated units: blocks y = (W1 x) phi(W2 x) of two dense layers, an activation and a product."""

from __future__ import annotations

from typing import Unpack

import sympy

from ..activations import ScalarFunction
from ..ir import Block, Node, check_node
from ._activation import Activation
from ._dense import Dense
from ._initialization import Arguments
from ._product import Product


def GLU(
    width: int,
    activation: str | sympy.Expr | ScalarFunction | Activation = "sigmoid",
    **dense: Unpack[Arguments],
) -> Block:
    """A block x -> (W1 x) * phi(W2 x): K <- K_1 E phi(u) phi(v), of covariance K_2 (Dauphin 2017).

    K_1 and K_2 are what the dense layers give, and Theta <- Theta_1 K_phi + K_1 Theta_phi. W1 is
    the node "up_1" of a network and W2 "gate_1", in the next unit "up_2" and "gate_2": the names
    that `kernelc.select` takes.

    Arguments:
        width: number of channels of both dense layers, and of the output.
        activation: phi; what `Activation` takes, or an `Activation`.
        dense: weight_std, bias_std, init, bias and bias_init of both dense layers.

    Returns: the block. A `Dense` layer behind it makes the feed-forward part of a transformer.

    Raises:
        ShapeError, GraphError: what `Dense` refuses.
        ActivationError: what `Activation` refuses.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((16,))
        >>> net = kc.Network(x, kc.chain(kc.GLU(64, bias=False), kc.Dense(16))(x))
        >>> [node.name for node in net]
        ['input', 'up_1', 'gate_1', 'activation_1', 'product_1', 'dense_1']
    """
    layer = Dense(width, **dense)
    phi = activation if isinstance(activation, Activation) else Activation(activation)

    def gated(node: Node) -> Node:
        check_node("GLU", node)
        up, gate = (Node(layer, (node,), role=role) for role in ("up", "gate"))
        return Product()(up, phi(gate))

    return gated


def SwiGLU(width: int, **dense: Unpack[Arguments]) -> Block:
    """A gated unit of swish, x -> (W1 x) * swish(W2 x) (Shazeer 2020); arguments as in `GLU`.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((16,))
        >>> q = kc.derive(kc.Network(x, kc.SwiGLU(64)(x))).evaluate(c=1, q=1).q
        >>> round(q, 4)
        0.3558
    """
    return GLU(width, "swish", **dense)


def GEGLU(width: int, **dense: Unpack[Arguments]) -> Block:
    """A gated unit of GELU, x -> (W1 x) * gelu(W2 x) (Shazeer 2020); arguments as in `GLU`.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((16,))
        >>> kc.GEGLU(64)(x)
        <node Product()>
    """
    return GLU(width, "gelu", **dense)
