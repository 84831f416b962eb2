"""WeightedSum: branches added with fixed weights; residual writes the usual case."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar, final

import equinox as eqx
import sympy
from jax.typing import DTypeLike
from jaxtyping import Array

from .._deprecated import warn_renamed
from .._errors import GraphError, ShapeError, shown
from ..ir import Block, KernelAlgebra, Layer, Node, Real, S, Shape, Shapes, ShapingRule, check_block
from ..modules import JoinModule, alike
from ._fields import finite_number, numeric, same_shape


@final
@dataclasses.dataclass(frozen=True)
class WeightedSum(Layer):
    """Sum of w_i x_i: q = sum w_i^2 q_i and c = sum w_i^2 q_i c_i / q for independent branches.

    Branches that share random weights get their cross terms. The sum is *normalized* when
    the squares of the weights add up to 1 (Martens et al. 2021).

    Arguments:
        weights: one for each branch; numbers or SymPy symbols.

    Raises:
        GraphError: no weights, or one that is not finite.

    Example:
        >>> import kernelc as kc
        >>> kc.WeightedSum((0.6, 0.8)).normalized
        True
    """

    weights: tuple[Real, ...]
    arity: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        if not isinstance(self.weights, tuple | list) or not self.weights:
            raise GraphError(
                where="WeightedSum",
                found=f"weights = {shown(self.weights)}",
                law="a sum has one weight for each branch",
                remedy="pass a tuple of numbers",
            )
        weights = tuple(finite_number("WeightedSum", "weight", w) for w in self.weights)
        object.__setattr__(self, "weights", weights)

    @property
    def normalized(self) -> bool:
        """Whether the squared weights add up to 1, up to rounding."""
        total = sum(w * w for w in self.weights)
        if isinstance(total, sympy.Expr):
            return sympy.simplify(total - 1) == 0
        return abs(total - 1) < 1e-12

    @property
    def normalised(self) -> bool:
        """Deprecated: read `normalized`."""
        warn_renamed("WeightedSum.normalised", "WeightedSum.normalized")
        return self.normalized

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        if len(shapes) != len(self.weights):
            raise ShapeError(
                where=where,
                found=f"{len(shapes)} branches and {len(self.weights)} weights",
                law="a sum has one weight for each branch",
                remedy="pass as many weights as branches",
            )
        return same_shape(shapes, where, "a sum")

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.weighted_sum(inputs, self.weights)

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if any(sympy.sympify(w).free_symbols for w in self.weights):
            return ShapingRule(
                self,
                problem="the weights are symbols",
                remedy="give them values first: network.subs({symbol: value})",
                possible=False,
            )
        if self.normalized:
            return ShapingRule(self)
        total = math.sqrt(sum(float(w) ** 2 for w in self.weights))
        if total == 0:
            return ShapingRule(self, problem="all weights are zero", possible=False)
        return ShapingRule(
            WeightedSum(tuple(float(w) / total for w in self.weights)),
            problem=f"the squared weights add up to {total**2:.6g}, so q grows",
            remedy="use weights whose squares add up to 1, such as (w, sqrt(1 - w^2))",
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> WeightedSumModule:
        return WeightedSumModule(tuple(numeric("WeightedSum", "weight", w) for w in self.weights))


class WeightedSumModule(JoinModule):
    """Σ w_i x_i over the inputs, with fixed weights.

    Raises: ShapeError for another number of inputs.

    Example:
        >>> import jax
        >>> total = WeightedSumModule((0.6, 0.8))
        >>> ones = jax.numpy.ones((1, 1))
        >>> total((ones, ones))[0].round(4).tolist()
        [[1.399999976158142]]
    """

    weights: tuple[float, ...] = eqx.field(static=True)

    def apply(self, inputs: tuple[Array, ...]) -> Array:
        alike(self.kind, inputs)
        if len(self.weights) != len(inputs):
            raise ShapeError(
                where=self.kind,
                found=f"{len(inputs)} inputs",
                law=f"a sum with {len(self.weights)} weights takes as many",
                remedy="give one weight for each input",
            )
        total = self.weights[0] * inputs[0]
        for weight, x in zip(self.weights[1:], inputs[1:], strict=True):
            total = total + weight * x
        return total


def residual(branch: Block, shortcut_weight: object = None, shortcut: Block | None = None) -> Block:
    """A block h -> w s(h) + sqrt(1 - w^2) branch(h), or the plain sum s(h) + branch(h).

    Arguments:
        branch: the residual branch.
        shortcut_weight: w in [0, 1] or a SymPy symbol; None for the plain sum. With w = 0 the
            shortcut disappears: only the branch is left.
        shortcut: what the shortcut does (a projection); nothing by default.

    Raises:
        GraphError: a weight outside [0, 1].

    Example:
        >>> import kernelc as kc
        >>> block = kc.residual(kc.chain(kc.Activation("tanh"), kc.Dense(8)), 0.9)
        >>> block(kc.Input((8,)))
        <node WeightedSum((0.9, 0.43589))>
    """
    weights = _residual_weights(shortcut_weight)
    for block in (branch,) if shortcut is None else (branch, shortcut):
        check_block("residual", block)

    def apply(node: Node) -> Node:
        if weights[0] == 0:
            return branch(node)
        main = node if shortcut is None else shortcut(node)
        return WeightedSum(weights)(main, branch(node))

    return apply


def _residual_weights(weight: object) -> tuple[Real, Real]:
    if weight is None:
        return 1.0, 1.0
    w = finite_number("residual", "shortcut_weight", weight)
    if sympy.sympify(w).free_symbols:
        return w, sympy.sqrt(1 - w**2)
    w = float(w)
    if not 0 <= w <= 1:
        raise GraphError(
            where="residual",
            found=f"shortcut_weight = {w:g}",
            law="a normalized sum has shortcut weight w and branch weight sqrt(1 - w^2)",
            remedy="choose w between 0 and 1, or None for the plain sum",
        )
    return w, math.sqrt(1 - w * w)
