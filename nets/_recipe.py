"""What the forms of a net differ in: norms, sums, weights. The nets themselves do not ask."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Sequence
from typing import TypeAlias

import sympy

import kernelc as kc


FORMS = ("vanilla", "weighted", "standard")
DEFAULT_SHORTCUT_WEIGHT = 0.9
RECTIFIERS = frozenset({"relu", "leaky_relu"})

Number: TypeAlias = float | sympy.Expr
ActivationLike = str | sympy.Expr | kc.ScalarFunction | kc.Activation


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The layers of one net in one form.

    Arguments:
        activation: the nonlinearity used throughout.
        form: "vanilla" (no skips, no norm), "weighted" (normalized sums, no norm) or
            "standard" (plain sums, batch norm, weights as He et al. 2015 draw them).
        skip_weights: weights of shortcut and branch; None when there are no sums.
        weight_std: sigma_w of every layer but the last.
        delta: whether convolutions start as their center tap.
        dropout: rate before the last layer.
    """

    activation: kc.Activation
    form: str
    skip_weights: tuple[Number, Number] | None
    weight_std: Number
    delta: bool
    dropout: float

    def norm(self, node: kc.Node, name: str) -> kc.Node:
        """Batch norm in the standard form, nothing in the others."""
        return kc.BatchNorm()(node, name=name) if self.form == "standard" else node

    def act(self, node: kc.Node, name: str) -> kc.Node:
        """The nonlinearity."""
        return self.activation(node, name=name)

    def norm_act(self, node: kc.Node, place: str, index: int | str = "") -> kc.Node:
        """Norm, then nonlinearity."""
        return self.act(self.norm(node, f"{place}/norm{index}"), f"{place}/act{index}")

    def dense(self, node: kc.Node, width: int, name: str) -> kc.Node:
        """A hidden dense layer."""
        return kc.Dense(width, weight_std=self.weight_std)(node, name=name)

    def conv(self, node: kc.Node, channels: int, window: int, stride: int, name: str) -> kc.Node:
        """A convolution."""
        layer = kc.Conv(
            channels, window, stride=stride, weight_std=self.weight_std, delta=self.delta
        )
        return layer(node, name=name)

    def pool(self, node: kc.Node, name: str) -> kc.Node:
        """The 3x3 pool of stride 2: max in the standard form, else the one that keeps q uniform."""
        if self.form == "standard":
            return kc.MaxPool(3, stride=2, padding="SAME")(node, name=name)
        return kc.WeightedMeanPool(3, stride=2)(node, name=name)

    def sum(self, shortcut: kc.Node, branch: kc.Node, name: str) -> kc.Node:
        """Shortcut and branch added; the branch alone where the form has no skips."""
        if self.skip_weights is None:
            return branch
        return kc.WeightedSum(self.skip_weights)(shortcut, branch, name=name)

    def head(self, node: kc.Node, classes: int) -> kc.Node:
        """Dropout and the last dense layer."""
        if self.dropout != 0:
            node = kc.Dropout(self.dropout)(node, name="head/dropout")
        return kc.Dense(classes)(node, name="head/dense")


def recipe(
    net: str,
    activation: ActivationLike,
    form: str,
    shortcut_weight: Number | None,
    dropout: float,
    weight_std: Number | None,
    delta: bool | None = None,
) -> Recipe:
    """Check the arguments all nets share, and turn them into layers."""
    choice(net, "form", form, FORMS)
    choice(net, "delta", delta, (None, True, False))
    layer = activation if isinstance(activation, kc.Activation) else kc.Activation(activation)
    if weight_std is None:
        rectified = form == "standard" and layer.function.name in RECTIFIERS
        weight_std = math.sqrt(2) if rectified else 1.0
    return Recipe(
        activation=layer,
        form=form,
        skip_weights=_skip_weights(net, form, shortcut_weight),
        weight_std=weight_std,
        delta=form != "standard" if delta is None else delta,
        dropout=dropout,
    )


def _skip_weights(net: str, form: str, w: Number | None) -> tuple[Number, Number] | None:
    if form != "weighted":
        if w is not None:
            raise kc.GraphError(
                where=net,
                found=f"shortcut_weight = {w!r} with form = {form!r}",
                law="only the weighted form has a shortcut weight",
                remedy="choose form='weighted', or leave shortcut_weight out",
            )
        return (1.0, 1.0) if form == "standard" else None
    w = DEFAULT_SHORTCUT_WEIGHT if w is None else w
    if getattr(w, "free_symbols", None):
        return w, sympy.sqrt(1 - w**2)
    real = getattr(w, "is_real", isinstance(w, numbers.Real))
    if not real or isinstance(w, bool) or not 0 <= float(w) <= 1:
        raise kc.GraphError(
            where=net,
            found=f"shortcut_weight = {w!r}",
            law="a normalized sum has shortcut weight w in [0, 1] and branch weight sqrt(1 - w^2)",
            remedy="choose w between 0 and 1, or a SymPy symbol",
        )
    w = float(w)
    return (w, math.sqrt(1 - w * w)) if w > 0 else None


def whole(net: str, field: str, value: object, minimum: int = 1) -> None:
    """Raise `ShapeError` unless `value` is an integer of at least `minimum`."""
    if type(value) is not int or value < minimum:
        raise kc.ShapeError(
            where=net,
            found=f"{field} = {value!r}",
            law=f"{field} is an integer of at least {minimum}",
            remedy=f"give {net} such a {field}",
        )


def choice(net: str, field: str, value: object, choices: Sequence[object]) -> None:
    """Raise `GraphError` unless `value` is one of `choices`."""
    # bool is an int: depth=True must not pass for depth 1.
    if not any(type(value) is type(item) and value == item for item in choices):
        raise kc.GraphError(
            where=net,
            found=f"{field} = {value!r}",
            law=f"{field} is one of {', '.join(map(repr, choices))}",
            remedy=f"choose one of them for {net}",
        )
