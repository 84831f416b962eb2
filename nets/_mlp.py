"""Multilayer perceptrons, plain and residual."""

from __future__ import annotations

from collections.abc import Sequence

import kernelc as kc

from ._recipe import ActivationLike, Number, recipe, whole


def mlp(
    depth: int,
    width: int,
    classes: int = 10,
    input_shape: Sequence[int] = (784,),
    activation: ActivationLike = "tanh",
    *,
    form: str = "vanilla",
    shortcut_weight: Number | None = None,
    dropout: float = 0.0,
    weight_std: Number | None = None,
) -> kc.Network:
    """A dense layer, `depth - 1` blocks of [act, dense], a last nonlinearity and the logits.

    Arguments:
        depth: number of nonlinear layers on the path.
        width: channels of every hidden layer.
        classes: number of outputs.
        input_shape: of one example; images are flattened.
        activation: name, SymPy expression or `kernelc.Activation`.
        form: "vanilla" (a chain), "weighted" (normalized sums around the blocks) or
            "standard" (plain sums, batch norm before each nonlinearity).
        shortcut_weight: w of the weighted form, 0.9 when None; w = 0 is the vanilla net.
        dropout: rate before the last layer.
        weight_std: sigma_w of the hidden layers; when None 1, or sqrt(2) for rectifiers in the
            standard form.

    Returns:
        a `kernelc.Network` with output shape (classes,).

    Raises:
        ShapeError: sizes that are not positive integers.
        GraphError: an unknown form, a weight outside [0, 1] or beside another form.

    Example:
        >>> import nets
        >>> nets.mlp(3, 64, 10, (28, 28, 1)).output_shape
        (10,)
    """
    for field, value in (("depth", depth), ("width", width), ("classes", classes)):
        whole("mlp", field, value)
    parts = recipe("mlp", activation, form, shortcut_weight, dropout, weight_std)
    x = kc.Input(input_shape)
    flat = kc.Flatten()(x, name="stem/flatten") if len(input_shape) > 1 else x
    node = parts.dense(flat, width, "stem/dense")
    for index in range(1, depth):
        place = f"block{index}"
        branch = parts.dense(parts.norm_act(node, place), width, f"{place}/dense")
        node = parts.sum(node, branch, f"{place}/sum")
    node = parts.norm_act(node, "head")
    return kc.Network(x, parts.head(node, classes), name=f"mlp{depth}-{form}")
