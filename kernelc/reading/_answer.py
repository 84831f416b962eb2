"""Answers: how well the kernel of each node of a network that was read is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal, TypeAlias

from .._errors import KernelcError, reason
from ..algebra import (
    AnyLocation,
    FloatNumber,
    KernelState,
    SecondMoments,
    probes,
)
from ..ir import Layer, Network, NetworkNode, Spec, kernel_rule
from ..layers import AssumeGaussian, Opaque
from ._laws import AnyNumbers


Level: TypeAlias = Literal["exact", "by location", "assumed", "measured", "opaque"]
"""How well the kernel of a node is known."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """How well the kernel of a node is known, and why not better.

    Arguments:
        level: "exact" for a kernel rule that holds; "by location" for one that treats locations
            unlike, which `kernel_fn` follows and `derive` does not; "assumed" for a value that is
            taken for Gaussian; "measured" for a layer without a kernel rule, of which finite
            networks give q values and cosines; "opaque" for an operation that was not read.
        reason: a sentence; None where the answer is exact.

    Example:
        >>> str(Answer("opaque", "a sort along channels"))
        'opaque: a sort along channels'
    """

    level: Level
    reason: str | None = None

    def __str__(self) -> str:
        return self.level if self.reason is None else f"{self.level}: {self.reason}"


def answered(network: Network) -> tuple[Network, dict[str, Answer]]:
    """The network with its assumptions as nodes, and the answer of every node.

    Activations that read a value that is not Gaussian get an `AssumeGaussian` node before them.
    """
    walk = _Walk(network)
    for node in network:
        walk.visit(node)
    return Network.from_specs(walk.specs, network.name), walk.answers


State = KernelState[FloatNumber]


class _Walk:
    """Kernel rules in the order of the nodes, each with what is known of its inputs."""

    def __init__(self, network: Network) -> None:
        self.specs: list[Spec] = []
        self.answers: dict[str, Answer] = {}
        self._algebra = AnyLocation[FloatNumber](AnyNumbers(), probes(network))
        self._moved: list[int] = []
        self._states: list[State] = []

    def visit(self, node: NetworkNode) -> None:
        """Add a node, with an assumption before it where it needs one."""
        inputs = tuple(self._moved[i] for i in node.inputs)
        if not inputs:
            self._add(node.name, node.layer, inputs, self._unknown(), Answer("exact"))
            return
        try:
            state, answer = self._state(node, inputs), self._by_rule(node.name)
        except (KernelcError, ArithmeticError) as error:
            assumed = self._assumed(node, inputs, error)
            if assumed is not None:
                inputs, state = assumed
                answer = Answer("exact")
            else:
                state, answer = self._unknown(), _refused(node.layer, error)
        self._add(node.name, node.layer, inputs, state, answer)

    def _by_rule(self, name: str) -> Answer:
        why = self._algebra.unlike.get(name)
        return Answer("exact") if why is None else Answer("by location", why)

    def _state(self, node: NetworkNode, inputs: Sequence[int]) -> State:
        return kernel_rule(self._algebra)(node, [self._states[i] for i in inputs])

    def _assumed(
        self, node: NetworkNode, inputs: tuple[int, ...], error: Exception
    ) -> tuple[tuple[int, ...], State] | None:
        """The same node behind an assumption; None where that does not help."""
        if node.layer.nonlinearity() is None or len(inputs) != 1:
            return None
        before = self._algebra.assume_gaussian(self._states[inputs[0]])
        try:
            state = kernel_rule(self._algebra)(node, [before])
        except (KernelcError, ArithmeticError):
            return None
        name = f"{node.name}_input"
        answer = Answer("assumed", reason(error))
        self.specs.append((name, AssumeGaussian(), inputs))
        self._states.append(before)
        self.answers[name] = answer
        return (len(self.specs) - 1,), state

    def _add(
        self, name: str, layer: Layer, inputs: tuple[int, ...], state: State, answer: Answer
    ) -> None:
        self.specs.append((name, layer, inputs))
        self._states.append(state)
        self._moved.append(len(self.specs) - 1)
        self.answers[name] = answer

    def _unknown(self) -> State:
        """Any value of unit q whose law is not known, as data are."""
        count = len(self._algebra.probes)
        return self._algebra.state_of(SecondMoments(1.0, (0.5,) * count, None), None)


def _refused(layer: Layer, error: Exception) -> Answer:
    if isinstance(layer, Opaque):
        return Answer("opaque", layer.reason)
    return Answer("measured", error.law if isinstance(error, KernelcError) else reason(error))
