"""select: parameters by the name of their node, as masks and labels for Optax."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple, NoReturn

import equinox as eqx
import jax
from jaxtyping import PyTree

from .._errors import KernelcError, shown
from ._model import Model
from ._node import leaves_of


_SHOWN = 4


class _Parameter(NamedTuple):
    """One trained array: the layers it belongs to, more than one in a loop, and where it is."""

    layers: tuple[str, ...]
    name: str
    path: str


@dataclasses.dataclass(frozen=True)
class Labels:
    """A function from the parameters of a model to a label for each: what `multi_transform` takes.

    Arguments:
        selection: the parameters called `inside`.
        inside: their label.
        outside: the label of all others, or their labels.
    """

    selection: Selection
    inside: str
    outside: str | Labels

    def __call__(self, params: PyTree) -> PyTree:
        mask = self.selection(params)
        if isinstance(self.outside, str):
            return jax.tree.map(lambda chosen: self.inside if chosen else self.outside, mask)
        others = self.outside(params)
        return jax.tree.map(lambda chosen, other: self.inside if chosen else other, mask, others)


@dataclasses.dataclass(frozen=True, repr=False)
class Selection:
    """Parameters of a model: a function from its parameters, or gradients, to True and False.

    What `select` returns. `~a`, `a | b` and `a & b` are selections too. Optax takes a selection
    wherever it takes a mask. (A tree of booleans in the form of the model would
    not work: models are callable, and Optax calls callable masks.)

    Arguments:
        chosen: the paths of the parameters.
        known: all parameters of the model.
        layout: the names of the layers of each of its nodes.
    """

    chosen: frozenset[str]
    known: tuple[_Parameter, ...]
    layout: tuple[tuple[str, ...], ...]

    def __call__(self, params: PyTree) -> PyTree:
        """True for the selected parameters, False for the others.

        Raises: KernelcError for parameters of another model, or of the other form.
        """
        if not isinstance(params, Model) or _layout(params) != self.layout:
            _refuse(
                f"parameters of type {type(params).__name__} or of other layers",
                "a selection belongs to one model in one form, with layers one by one or in loops",
                "select from the model whose parameters the optimizer gets",
            )
        return jax.tree_util.tree_map_with_path(
            lambda path, _: jax.tree_util.keystr(path) in self.chosen, params
        )

    def labels(self, inside: str, outside: str | Labels) -> Labels:
        """One label for the selected parameters and one for the others, or labels for them."""
        return Labels(self, inside, outside)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the selected parameters: dense_1.weight; in a loop, those of all its blocks."""
        chosen = (p for p in self.known if p.path in self.chosen)
        return tuple(f"{layer}.{p.name}" for p in chosen for layer in p.layers)

    def __invert__(self) -> Selection:
        others = frozenset(p.path for p in self.known) - self.chosen
        return dataclasses.replace(self, chosen=others)

    def __or__(self, other: Selection) -> Selection:
        return dataclasses.replace(self, chosen=self.chosen | self._alike(other).chosen)

    def __and__(self, other: Selection) -> Selection:
        return dataclasses.replace(self, chosen=self.chosen & self._alike(other).chosen)

    def _alike(self, other: Selection) -> Selection:
        if (other.known, other.layout) != (self.known, self.layout):
            _refuse(
                "selections from two models",
                "selections are joined when they are from one model",
                "select from one model, in one form",
            )
        return other

    def __repr__(self) -> str:
        names = self.names
        more = ", ..." if len(names) > _SHOWN else ""
        return f"Selection(names=({', '.join(names[:_SHOWN])}{more}), count={len(names)})"


def select(model: Model, *names: str, only: str | Sequence[str] | None = None) -> Selection:
    """Parameters by the name of their node, to freeze or decay parts in any Optax transformation.

    Arguments:
        model: what `lower` returns, in either form.
        names: names of nodes, or patterns such as "dense_*"; none for all nodes.
        only: names of parameters: "weight", "bias", "gain"; default all.

    Returns: a function from parameters to True and False, as `optax.masked`, `optax.adamw(mask=)`
        and others take it; `.labels("frozen", "trained")` is one for `optax.multi_transform`.

    Raises:
        KernelcError: something else than a model, a name or pattern without parameters, some of
            the blocks of a loop: these share one array, which is selected whole or not at all.

    Example:
        >>> import jax, optax, kernelc as kc
        >>> x = kc.Input((4,))
        >>> net = kc.Network(x, kc.chain(kc.Dense(4), kc.Activation("relu"), kc.Dense(2))(x))
        >>> model = kc.lower(net, key=jax.random.key(0))
        >>> kc.select(model, "dense_2")
        Selection(names=(dense_2.weight, dense_2.bias), count=2)
        >>> frozen = optax.masked(optax.set_to_zero(), kc.select(model, "dense_1"))
        >>> optimizer = optax.chain(optax.adam(1e-3), frozen)
    """
    if not isinstance(model, Model):
        _refuse(
            f"an argument of type {type(model).__name__}",
            "parameters are selected from models",
            "pass what kernelc.lower(network, key=...) returns",
        )
    known = tuple(_parameters(model))
    kinds = _kinds(known, only)
    of_kind = [p for p in known if p.name in kinds]
    if not names:
        return Selection(frozenset(p.path for p in of_kind), known, _layout(model))
    layers = {layer for name in names for layer in _matching(name, of_kind, model)}
    for p in of_kind:
        _require_whole(p, layers)
    chosen = frozenset(p.path for p in of_kind if layers.issuperset(p.layers))
    return Selection(chosen, known, _layout(model))


def _parameters(model: Model) -> Iterator[_Parameter]:
    for leaf in leaves_of(model.nodes):
        if eqx.is_inexact_array(leaf.value):
            yield _Parameter(leaf.layers, leaf.path.removeprefix("."), leaf.place)


def _layout(model: Model) -> tuple[tuple[str, ...], ...]:
    return tuple(node.names for node in model.nodes)


def _kinds(known: Sequence[_Parameter], only: str | Sequence[str] | None) -> Collection[str]:
    there = {p.name for p in known}
    if only is None:
        return there
    several = isinstance(only, Iterable) and not isinstance(only, str)
    asked: tuple[object, ...] = tuple(only) if several else (only,)
    for name in asked:
        if not isinstance(name, str) or name not in there:
            _refuse(
                f"only = {shown(name)}",
                f"parameters of this model are called {', '.join(sorted(there)) or 'nothing'}",
                "name some of them",
            )
    return {name for name in asked if isinstance(name, str)}


def _matching(name: object, known: Sequence[_Parameter], model: Model) -> list[str]:
    """The layers with parameters that a name or pattern means, at least one."""
    layers = list(dict.fromkeys(layer for p in known for layer in p.layers))
    found = [layer for layer in layers if isinstance(name, str) and fnmatchcase(layer, name)]
    if found:
        return found
    every = [layer for node in model.nodes for layer in node.names]
    if isinstance(name, str) and any(fnmatchcase(layer, name) for layer in every):
        _refuse(f"{name!r}, which has no such parameters", _NAMED, "leave it out")
    text = name[:64] if isinstance(name, str) else shown(name)
    close = difflib.get_close_matches(text, layers, n=3, cutoff=0.5)
    remedy = f"did you mean {' or '.join(close)}" if close else "print the network for its names"
    _refuse(f"{text!r}, which is the name of no node", _NAMED, remedy)


_NAMED = "parameters are selected by the names of nodes that have some"


def _require_whole(parameter: _Parameter, layers: Collection[str]) -> None:
    """All blocks of a loop, or none."""
    inside = [layer for layer in parameter.layers if layer in layers]
    if inside and len(inside) < len(parameter.layers):
        first, last = parameter.layers[0], parameter.layers[-1]
        _refuse(
            f"{inside[0]!r} and {len(inside) - 1} more of the {len(parameter.layers)} blocks of "
            f"a loop, {first!r} to {last!r}",
            "the blocks of a loop share one array, which is selected whole or not at all",
            "select from kernelc.unrolled(model), or all blocks",
        )


def _refuse(found: str, law: str, remedy: str) -> NoReturn:
    raise KernelcError(where="select", found=found, law=law, remedy=remedy)
