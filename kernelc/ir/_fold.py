"""The fold over the nodes of a network, which every pass of the compiler uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from .._errors import KernelcError
from ._algebra import KernelAlgebra
from ._assembly import NetworkNode
from ._rule_arguments import S


Rule = Callable[[NetworkNode, Sequence[S]], S]
Refused = Callable[[NetworkNode, Sequence[S], Exception], tuple[S] | None]


def kernel_rule(algebra: KernelAlgebra[S]) -> Rule[S]:
    """The kernel rule of each node, read in an algebra that is told where it is."""

    def rule(node: NetworkNode, inputs: Sequence[S]) -> S:
        return node.layer.kernel(algebra.at(node.site), inputs, node.site.in_shapes)

    return rule


def fold(
    nodes: Iterable[NetworkNode],
    rule: Rule[S],
    start: Mapping[int, S],
    on_refusal: Refused[S] | None = None,
) -> dict[int, S]:
    """Apply a rule to nodes in their order.

    Arguments:
        nodes: the nodes, each after those it reads.
        rule: the value of a node, from the node and the values of what it reads.
        start: values that are known, by index of the node.
        on_refusal: called with the node, its inputs and the error when a rule refuses (a
            `KernelcError`) or leaves the range of floats (an `ArithmeticError`). It raises, or
            returns the value of the node in a tuple, or None for no value. Nodes that read a node
            without a value have none.

    Returns:
        Values by index of the node, those of `start` among them.
    """
    values = dict(start)
    for node in nodes:
        if on_refusal is not None and any(i not in values for i in node.inputs):
            continue
        inputs = [values[i] for i in node.inputs]
        try:
            values[node.index] = rule(node, inputs)
        except (KernelcError, ArithmeticError) as error:
            if on_refusal is None:
                raise
            found = on_refusal(node, inputs, error)
            if found is not None:
                values[node.index] = found[0]
    return values
