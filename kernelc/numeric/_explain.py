"""In words: how a kernel function computes what it does."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Network
from ._program import Program
from ._scalar_segment import ScalarSegment


def explained(network: Network, programs: Sequence[Program]) -> str:
    """One block of lines for each program compiled so far."""
    standard = ", NTK in the standard parameterization" if programs[0].standard else ""
    lines = [f"kernel function of {network.name}{standard}"]
    for program in programs:
        lines.append(f"  for {_inputs(program)}:")
        lines += [f"    {line}" for line in _steps(program)]
    return "\n".join(lines)


def _inputs(program: Program) -> str:
    if program.q is not None:
        return f"inputs of q = {program.q:g}"
    if program.bounded:
        return f"inputs of any q values up to {program.largest:g}"
    return "any inputs"


def _steps(program: Program) -> list[str]:
    lines, i = [], 0
    while i < len(program.runs):
        stretch = program.stretches.get(i)
        if stretch is not None:
            lines += _one_variable(stretch)
            i = stretch.stop
            continue
        lines += _general(program, i)
        i += 1
    backend = program.plan.algebra.backend
    rules = [*backend.rules.values(), *backend.cross_rules.values()]
    duals = {rule.describe(): None for rule in rules}
    return [*lines, *duals]


def _one_variable(stretch: ScalarSegment) -> list[str]:
    kind = f"one q value, {stretch.q:g}"
    if stretch.degree is not None:
        kind = f"homogeneous of degree {stretch.degree}" if stretch.degree else "any q values"
    first, last = stretch.nodes
    return [
        f"{first} to {last}: a function of one variable ({kind})",
        *(f"  {part}" for part in str(stretch.profile).split("; ")),
    ]


def _general(program: Program, index: int) -> list[str]:
    run = program.runs[index]
    nodes = program.nodes_of(run)
    times = f", {run.count} times" if run.count > 1 else ""
    last = f" to {nodes[-1].name}" if len(nodes) > 1 else ""
    bends = any(node.layer.nonlinearity() is not None for node in nodes)
    lines = [f"{nodes[0].name}{last}{times}: layer by layer over all pairs"]
    if index in program.unfitted:
        lines.append(f"  no short series: {program.unfitted[index].found}")
    elif bends and index in program.plan.refusals:
        lines.append(f"  {program.plan.refusals[index].law}")
    elif bends:
        lines.append("  q values differ between inputs, and biases or activations see that")
    return lines
