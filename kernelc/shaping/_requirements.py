"""What kernel shaping requires of a graph, and the rewrite that meets it."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, NoReturn, get_args

from .._errors import ShapeError, ShapingError, shown
from .._limits import real
from ..ir import Layer, Network, NetworkNode, ShapingRule, after_last_nonlinearity
from ..layers import PLN, WeightedSum
from ._independence import DependenceReading, Violation


PLNMode = Literal["one", "avg_q", "off"]
_LAW = "every subnetwork must keep q = 1 and have a C map of its own"

_NORMALIZED = "inputs have mean square 1 at every location"


@dataclasses.dataclass(frozen=True)
class Rewriting:
    """The options of `shape` that say what it may change.

    Raises:
        ShapingError: a value out of range.
    """

    rewrite: bool = False
    pln: PLNMode | None = "one"
    shortcut_weight: float | None = None
    tokens: bool = False
    """Whether a target for tokens judges what changes the covariance of locations."""

    def __post_init__(self) -> None:
        if not isinstance(self.rewrite, bool):
            _refuse_option("rewrite", self.rewrite, "choose True or False")
        known = isinstance(self.pln, str) and self.pln in get_args(PLNMode)
        if self.pln is not None and not known:
            _refuse_option("pln", self.pln, "choose 'one', 'avg_q', 'off' or None")
        if self.shortcut_weight is not None and not 0 <= real(self.shortcut_weight) < 1:
            _refuse_option("shortcut_weight", self.shortcut_weight, "choose a weight in [0, 1)")


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A network that meets the requirements of a target, and what it assumes of the data."""

    network: Network
    assumptions: tuple[str, ...]


def prepared(
    network: Network,
    rewriting: Rewriting,
    *,
    centered: bool = True,
    exempt: frozenset[str] = frozenset(),
    law: str = _LAW,
) -> Prepared:
    """The network with every requirement met, or an error that lists the violations.

    `exempt` names nodes that are not checked; `law` is the law that the error states.

    Raises:
        ShapingError: violations remain, because no rewrite was asked for or none exists.
    """
    last = after_last_nonlinearity(network)
    violations: list[Violation] = []
    rewrite, weight = rewriting.rewrite, rewriting.shortcut_weight
    shortcuts = {} if weight is None else _shortcuts(network)

    def change(node: NetworkNode) -> Layer | None:
        if not node.inputs or node.name in exempt:
            return node.layer
        rule = node.layer.shaping(node.in_shapes, node.shape, last[node.index])
        if rule.problem is not None and node.index in shortcuts:
            rule = _weighted(rule, shortcuts[node.index], weight or 0.0)
        if rule.problem is not None and rule.by_tokens and rewriting.tokens:
            return node.layer
        if rule.problem is not None and not (rewrite and rule.possible):
            violations.append(Violation(node.name, rule.problem, rule.remedy))
            return node.layer
        return rule.replacement if rewrite or rule.always else node.layer

    changed = network.rebuild(change)
    origin = DependenceReading(centered)
    changed.fold(origin, origin.start())
    violations += origin.violations
    refuse(network, violations, rewrite, law)
    changed, assumptions = _normalized_input(changed, rewriting.pln if rewrite else None)
    if origin.approximations:
        count, first = len(origin.approximations), origin.approximations[0]
        assumptions += (
            f"{count} pre-activation(s) (first {first}) add Gaussian and other terms and are "
            "treated as Gaussian",
        )
    return Prepared(changed, assumptions)


def refuse(network: Network, violations: list[Violation], rewrite: bool, law: str = _LAW) -> None:
    """Raise `ShapingError` with the list of violations, if there are any."""
    if not violations:
        return
    listing = "".join(f"\n  - {violation}" for violation in violations)
    helps = "" if rewrite else ", or pass rewrite=True to apply the automatic fixes"
    raise ShapingError(
        where=network.name,
        found=f"{len(violations)} requirement(s) of kernel shaping broken:{listing}",
        law=law,
        remedy=f"change the listed nodes{helps}",
    )


def _refuse_option(name: str, value: object, remedy: str) -> NoReturn:
    raise ShapingError(
        where="shape",
        found=f"{name} = {shown(value)}",
        law="shape takes a network, a target and options in their ranges",
        remedy=remedy,
    )


def _shortcuts(network: Network) -> dict[int, int]:
    """For each two-term sum, which of its inputs passes the fewest nonlinearities."""
    depth = [0] * len(network)
    found = {}
    for node in network:
        before = [depth[i] for i in node.inputs]
        bent = node.layer.nonlinearity() is not None
        depth[node.index] = max(before, default=0) + bent
        if len(before) == 2:
            found[node.index] = 0 if before[0] <= before[1] else 1
    return found


def _weighted(rule: ShapingRule, shortcut: int, weight: float) -> ShapingRule:
    if not isinstance(rule.replacement, WeightedSum):
        return rule
    branch = math.sqrt(1 - weight * weight)
    weights = (weight, branch) if shortcut == 0 else (branch, weight)
    return dataclasses.replace(rule, replacement=WeightedSum(weights))


def _normalized_input(network: Network, pln: PLNMode | None) -> tuple[Network, tuple[str, ...]]:
    """The network with PLN in front, or the assumption that replaces it.

    In a network that flattens its input, PLN comes after the flattening: the vector is the one
    location that the first weights read. Before it, PLN would normalize every single number.
    """
    readers = _readers(network, 0)
    if network.input_format.q == 1 or all(isinstance(node.layer, PLN) for node in readers):
        return network, ()
    place = _arranged_input(network, pln)
    if place and all(isinstance(node.layer, PLN) for node in _readers(network, place)):
        return network, ()
    if pln is None:
        what = "flattened inputs have mean square 1" if place else _NORMALIZED
        return network, (f"{what} (kernelc.data.pln)",)
    name = _free_name("pln", {node.name for node in network})
    try:
        return _with_layer_after(network, place, PLN(pln), name), ()
    except ShapeError as error:
        raise ShapingError(
            where=error.where,
            found=f"{error.found}, where kernelc.PLN adds a channel to the input",
            law="shaped networks normalize their input; layers that join it to other values, or "
            "split its channels, need the channels that it had",
            remedy='pass pln="off", which adds no channel, or put a dense layer or a convolution '
            "behind the input",
        ) from error


def _readers(network: Network, index: int) -> list[NetworkNode]:
    return [node for node in network.nodes[1:] if index in node.inputs]


def _arranged_input(network: Network, pln: PLNMode | None) -> int:
    """Index of the last node whose value is a rearrangement of the input."""
    place = 0
    while len(readers := _readers(network, place)) == 1 and readers[0].layer.is_reshape:
        if pln == "avg_q" and len(readers[0].shape) == 1:
            # Its constant is a mean over locations, of which there would be none.
            break
        place = readers[0].index
    return place


def _free_name(wanted: str, taken: set[str]) -> str:
    others = (f"{wanted}_{i}" for i in range(1, len(taken) + 2))
    return next(name for name in (wanted, *others) if name not in taken)


def _with_layer_after(network: Network, place: int, layer: Layer, name: str) -> Network:
    """The network with a layer inserted after the node at `place`, for all its readers."""

    def moved(index: int) -> int:
        return index if index < place else index + 1

    specs: list[tuple[str, Layer, tuple[int, ...]]] = []
    for node in network:
        specs.append((node.name, node.layer, tuple(moved(i) for i in node.inputs)))
        if node.index == place:
            specs.append((name, layer, (place,)))
    return Network.from_specs(specs, network.name)
