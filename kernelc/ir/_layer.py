"""Layer: the base of layer kinds, frozen specs that say how shapes and kernels pass."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn, TypeAlias

from .._deprecated import renamed_method
from .._errors import GraphError, shown
from .._input_format import InputFormat, Numbers
from .._limits import NAMES, bad_name
from ._kinds import kind_of
from ._rule_arguments import Real, S, Shape, Shapes


if TYPE_CHECKING:
    import numpy as np
    from jax.typing import DTypeLike
    from jaxtyping import Array, Float64

    from ..activations import ScalarFunction
    from ..modules import LayerModule
    from ._algebra import KernelAlgebra


@dataclasses.dataclass(frozen=True)
class Layer(ABC):
    """A layer kind. Calling a spec on nodes adds a node to the graph.

    A kind is one final frozen dataclass that says, in this order: how shapes pass
    (`out_shape`), how kernels pass (`kernel`), and what it becomes (`module`). The
    passes of the compiler are folds that call these and never name a kind.

    In files a kind is the name of the class, after its module when it is not one of kernelc's
    own; `class Gain(Layer, kind="lab.Gain")` names it so that it may move. Another class of the
    same kind is refused with a `GraphError`; the same one defined again takes its place. What
    several kinds share is a class of its own, no kind: `class WeightLayer(Layer, shared=True)`.
    Files that name one of its `former_kinds` are read too.
    """

    kinds: ClassVar[dict[str, type[Layer]]]
    kind_name: ClassVar[str]
    """What files call this kind."""
    defined_at: ClassVar[str]
    """Module, name, file and line of the class."""
    arity: ClassVar[int | None] = 1
    """Number of inputs; None means one or more."""
    is_reshape: ClassVar[bool] = False
    """Whether it only puts the numbers of its input into another shape."""
    reads_tokens: ClassVar[bool] = False
    """Whether it reads integers that stand for vectors, and nothing else."""

    def __init_subclass__(
        cls,
        *,
        kind: str | None = None,
        shared: bool = False,
        former_kinds: Sequence[str] = (),
        **kwargs: object,
    ) -> None:
        super().__init_subclass__(**kwargs)
        if not shared:
            cls.kind_name, cls.defined_at = kind_of(cls, KINDS, kind)
            KINDS[cls.kind_name] = cls
            FORMER_KINDS.update(dict.fromkeys(former_kinds, cls))

    def __call__(self, *inputs: Node, name: str | None = None) -> Node:
        """Add a node that applies this layer to `inputs`; names are unique in a network."""
        for node in inputs:
            if not isinstance(node, Node):
                raise GraphError(
                    where=self.text() if name is None else shown(name),
                    found=f"an input of type {type(node).__name__}",
                    law="layers are called on nodes",
                    remedy="pass nodes one by one, layer(a, b)"
                    if isinstance(node, list | tuple)
                    else "start from x = kernelc.Input(shape), call layers on what they return",
                )
        wrong = not inputs if self.arity is None else len(inputs) != self.arity
        if wrong:
            wanted = "at least one input" if self.arity is None else f"{self.arity} input(s)"
            raise GraphError(
                where=self.text() if name is None else shown(name),
                found=f"{len(inputs)} inputs",
                law=f"{type(self).__name__} takes {wanted}",
                remedy="combine branches with WeightedSum, Product or Concat first",
            )
        if name is not None and (problem := bad_name(name)) is not None:
            remedy = "leave the name out to have one made"
            raise GraphError(where=self.text(), found=problem, law=NAMES, remedy=remedy)
        return Node(self, inputs, name)

    @abstractmethod
    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        """Shape of the output; raises `ShapeError` naming `where`."""

    def placed(self, shapes: Shapes) -> Layer:
        """This layer with values for what depends on the shapes of its inputs."""
        return self

    @abstractmethod
    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        """The kernel rule, written once over an abstract algebra."""

    @abstractmethod
    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> LayerModule:
        """The finite layer at initialization, weights drawn with `key`."""

    def input_format(self) -> InputFormat:
        """What arrays of examples look like where networks start with this layer."""
        return Numbers(tuple(self.out_shape((), type(self).__name__)))

    def kernel_key(self, shapes: Shapes) -> Hashable:
        """Equal keys mean equal kernel rules: what repeat detection compares."""
        return self

    def location_key(self, shapes: Shapes) -> Hashable:
        """What `kernel_key` leaves out because it matters only where locations differ."""
        return None

    def repetition(self, shapes: Shapes) -> Repetition | None:
        """The block that this layer stands for, and how often; None for a layer of its own."""
        return None

    def nonlinearity(self) -> ScalarFunction | None:
        """The elementwise function this layer applies, before any transformation."""
        return None

    def with_transform(
        self, alpha: float, beta: float, gamma: float, delta: float, **params: float
    ) -> Layer:
        """This layer with its nonlinearity transformed to gamma (phi(alpha u + beta) + delta),
        parameters of phi replaced by `params`."""
        return self

    def with_weights(
        self,
        weight_std: Real | None = None,
        bias_std: Real | None = None,
        init: str | None = None,
    ) -> Layer:
        """This layer with its random weights drawn with these standard deviations in this way
        (None keeps what it has); the layer itself where it draws none."""
        return self

    def with_pattern(
        self,
        pattern: Float64[np.ndarray, "outputs locations"] | None,
        row_scale: Float64[np.ndarray, " outputs"],
    ) -> Layer:
        """This layer with the attention pattern softmax(bias + mask) and row scale that were
        solved for; None keeps the pattern. The layer itself where it has none."""
        return self

    weighted = renamed_method("weighted", "with_weights")
    transformed = renamed_method("transformed", "with_transform")

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        """What kernel shaping asks of this layer; `last`: no nonlinearity comes after it."""
        return ShapingRule(self)

    def text(self) -> str:
        """One short line, as a person would write the layer."""
        shown = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.default is dataclasses.MISSING:
                shown.append(short(value))
            elif value != field.default:
                shown.append(f"{field.name}={short(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"


Spec: TypeAlias = tuple[str, Layer, tuple[int, ...]]
"""Name, layer and the indices of the nodes it reads."""


@dataclasses.dataclass(frozen=True)
class Repetition:
    """A block applied a number of times.

    Arguments:
        specs: of the block, its input first.
        times: a symbol; an integer once it has a value.
    """

    specs: tuple[Spec, ...]
    times: Real


class Node:
    """One application of a layer. Two nodes are the same only if they are one object:
    each application draws its own weights.

    A node without a name gets one in its network: `role` and a number, "gate_1"; the kind of the
    layer where there is no role, "dense_1".
    """

    __slots__ = ("inputs", "layer", "name", "role")

    def __init__(
        self,
        layer: Layer,
        inputs: tuple[Node, ...],
        name: str | None = None,
        role: str | None = None,
    ) -> None:
        self.layer = layer
        self.inputs = inputs
        self.name = name
        self.role = role

    def __repr__(self) -> str:
        # Inputs are left out: the repr of a 10,000 layer chain would nest as deep.
        return f"<node {self.name or self.layer.text()}>"

    def __add__(self, other: object) -> NoReturn:
        raise _arithmetic("+", "kernelc.WeightedSum((1.0, 1.0))(a, b), or kernelc.residual(block)")

    def __mul__(self, other: object) -> NoReturn:
        raise _arithmetic("*", "kernelc.Product()(a, b), or kernelc.Scale(number)(a)")


def _arithmetic(sign: str, layer: str) -> GraphError:
    return GraphError(
        where="network",
        found=f"{sign} between nodes",
        law="sums and products are layers, which say how branches are weighted",
        remedy=f"write {layer}",
    )


@dataclasses.dataclass(frozen=True)
class ShapingRule:
    """One layer's answer to: may kernel shaping keep you as you are?

    Arguments:
        replacement: the layer to use instead; the layer itself to keep it, None to take it out.
        problem: which requirement it breaks (a sentence); None when it breaks none.
        remedy: what a person would do instead of asking for a rewrite.
        always: the replacement keeps the kernel and is made without being asked for (an
            initializer); otherwise only a rewrite makes it.
        possible: whether the replacement mends the problem at all.
        by_tokens: whether a target for tokens, which follows the covariance of all locations,
            judges the layer instead.
    """

    replacement: Layer | None
    problem: str | None = None
    remedy: str = "pass rewrite=True"
    always: bool = False
    possible: bool = True
    by_tokens: bool = False


KINDS: dict[str, type[Layer]] = {}
FORMER_KINDS: dict[str, type[Layer]] = {}
"""What kinds were called in files of earlier versions."""
Layer.kinds = KINDS

_LONGEST_TEXT = 200


def short(value: object) -> str:
    """The value of a field as `text` shows it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        inner = ", ".join(short(item) for item in value[:_LONGEST_TEXT])
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    text = str(value) if not isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 3]}..."
