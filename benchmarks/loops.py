"""Measures the gain of a loop over blocks in a net with sums: python benchmarks/loops.py.

XLA on a CPU recomputes a sum, with all earlier sums, for each of its readers, so the step of a net
with weighted skips grows with the square of its depth. A loop prevents this. The script runs the
compiled step (Adam) of one net in both forms alternately: median milliseconds, and memory.
"""

from __future__ import annotations

from typing import Any

import jax
from lowering import KEY, carry_of, compiled, data_for, fixed_of, side_by_side, step_of_fit

import kernelc as kc
import nets
from kernelc.training._step import Packed, advance_leaves


DEPTHS = (25, 50, 100)


def both_forms(network: kc.Network) -> dict[str, list[Any]]:
    """[step, fixed arguments, carry, steps, memory] of the net in a loop and one by one."""
    x, y = data_for(network)
    steps = {}
    for name, layers in (("in a loop", "scan"), ("one by one", "unrolled")):
        model = kc.lower(network, key=KEY, layers=layers)
        carry, rest = carry_of(model, None)
        fixed = fixed_of(rest, x, y)
        size = compiled(advance_leaves, fixed, carry)[0].compiled.memory_analysis()
        steps[name] = [step_of_fit, fixed, Packed.of(carry), 1, size]
    return steps


def main() -> None:
    """Nets of width 128 at several depths."""
    print(f"device: {jax.devices()[0].device_kind}")
    for depth in DEPTHS:
        network = nets.mlp(depth, 128, form="weighted")
        side_by_side(f"MLP-{depth} with weighted skips, width 128", both_forms(network))


if __name__ == "__main__":
    main()
