"""Measures compilation over depth, and training steps relative to nets written by hand.

Run `python benchmarks/lowering.py`; `--deep` also compiles the deepest nets unrolled. The first
part prints the seconds to trace and compile a training step (Adam) of MLPs of width 64, plain and
residual with batch norm, in a loop and unrolled. The second part runs the compiled step of four
lowered nets and of the same nets in plain Equinox (`by_hand.py`) alternately. It prints median
milliseconds, and MB of arguments and temporaries as counted by the compiler. `fit` runs several
steps of a net without convolutions in one dispatch, so the MLP is timed in both ways.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from by_hand import mlp, residual_mlp, resnet18, vanilla

import kernelc as kc
import nets
from kernelc.training._step import (
    Batches,
    Carry,
    Fixed,
    Packed,
    advance,
    advance_leaves,
)


KEY = jax.random.key(0)
ADAM = optax.adam(1e-3)
LOSS = optax.softmax_cross_entropy_with_integer_labels
BATCH, ROUNDS, REPEATS = 32, 25, 5
# Compilations that take longer, in seconds, are not repeated.
LONG = 30


def carry_of(model: Any, state: Any) -> tuple[Carry, Any]:
    """Initial parameters, optimizer state and state of a model, and its static part."""
    params, rest = eqx.partition(model, eqx.is_inexact_array)
    params = jax.tree.map(jnp.copy, params)
    return Carry(params, ADAM.init(params), state, jnp.zeros((), jnp.int32)), rest


def fixed_of(rest: Any, x: jax.Array, y: jax.Array, chunk: int = 1) -> tuple[Packed, Batches]:
    """The arguments of the step of `fit` other than the carry, for `chunk` steps on one batch."""
    rows = jnp.tile(jnp.arange(len(x), dtype=jnp.int32), (chunk, 1))
    fixed = Packed(*jax.tree.flatten(Fixed(rest, ADAM, LOSS, KEY, None)))
    return fixed, Batches(x, y, rows, jnp.asarray(chunk, jnp.int32))


def step_of_fit(fixed: tuple[Packed, Batches], carry: Packed) -> tuple[Packed, Any, Any, Any]:
    """A dispatch of `fit`."""
    return advance(*fixed, carry)


@eqx.filter_jit(donate="all-except-first")
def step_by_hand(fixed: Any, carry: Carry) -> tuple[Carry, jax.Array]:
    """A training step written with Equinox and Optax."""
    rest, *data, rows = fixed
    x, y = (part[rows] for part in data)

    def loss(params: Any) -> tuple[jax.Array, Any]:
        logits, state = eqx.combine(params, rest)(x, carry.state)
        return jnp.mean(LOSS(logits, y)), state

    (value, state), gradient = jax.value_and_grad(loss, has_aux=True)(carry.params)
    updates, opt_state = ADAM.update(gradient, carry.opt_state, carry.params)
    params = optax.apply_updates(carry.params, updates)
    return Carry(params, opt_state, state, carry.step + 1), value


def compiled(step: Any, fixed: Any, carry: Carry) -> tuple[Any, float]:
    """The compiled step and the seconds that tracing and compiling it took."""
    jax.clear_caches()
    given = fixed, carry
    if step is advance_leaves:
        (shared, batches), apart = fixed, Packed.of(carry)
        given = ((shared.leaves, shared.frame), batches), (apart.leaves, apart.frame)
    start = time.perf_counter()
    found = step.lower(*given).compile()
    return found, time.perf_counter() - start


# With the layers of the deepest net that is compiled one by one without `--deep`.
DEEP: dict[str, tuple[Callable[[int], kc.Network], int]] = {
    "MLP": (lambda depth: nets.mlp(depth, 64, 10, (32,)), 100),
    "residual MLP with batch norm": (
        lambda depth: nets.mlp(depth, 64, 10, (32,), form="standard"),
        10,
    ),
}


def compilation(name: str, deep: bool) -> None:
    """Prints the compile times of one of `DEEP` over depth."""
    network, most = DEEP[name]
    print(f"tracing and compiling a training step of a {name}, seconds (median of up to {REPEATS})")
    for layers in ("scan", "unrolled", "auto"):
        seconds = {}
        for depth in (10, 100, 1000):
            if layers == "unrolled" and depth > most and not deep:
                continue
            start = time.perf_counter()
            model = kc.lower(network(depth), key=KEY, layers=layers)
            lowering = time.perf_counter() - start
            seconds[depth] = before_first_step(model)
            print(
                f"  {layers:8} {depth:5} layers  {seconds[depth]:6.2f}   (lower {lowering:.1f})",
                flush=True,
            )
        last = max(seconds)
        if last > 10:
            print(f"  {layers:8} {last} layers over 10 layers: {seconds[last] / seconds[10]:.2f}")


def before_first_step(model: kc.Model) -> float:
    """Seconds to trace and compile a training step."""
    carry, rest = carry_of(model, eqx.nn.State(model) if model.stateful else None)
    fixed = fixed_of(rest, jnp.ones((BATCH, 32)), jnp.zeros(BATCH, jnp.int32))
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < LONG:
        times.append(compiled(advance_leaves, fixed, carry)[1])
    return statistics.median(times)


CASES: dict[str, tuple[Callable[[], kc.Network], Callable[..., Any], int]] = {
    "MLP-100, width 256": (lambda: nets.mlp(100, 256), mlp, 1),
    "MLP-100, width 256, 8 steps a dispatch": (lambda: nets.mlp(100, 256), mlp, 8),
    "residual MLP-50 with batch norm, width 128": (
        lambda: nets.mlp(50, 128, activation="relu", form="standard"),
        residual_mlp,
        1,
    ),
    "ResNet-18, width 16": (lambda: nets.resnet(18, width=16), resnet18, 1),
    "vanilla ResNet-50, width 16": (lambda: nets.resnet(50, form="vanilla", width=16), vanilla, 1),
}


def data_for(network: kc.Network) -> tuple[jax.Array, jax.Array]:
    """A batch of random inputs and classes."""
    draw = np.random.default_rng(0)
    x = jnp.asarray(draw.normal(size=(BATCH, *network.input_shape)), jnp.float32)
    return x, jnp.asarray(draw.integers(0, 10, BATCH), jnp.int32)


def both_steps(network: kc.Network, twin: Callable[..., Any], chunk: int) -> dict[str, list[Any]]:
    """[step, fixed arguments, carry, steps, memory] of the lowered net and of its twin."""
    x, y = data_for(network)
    model = kc.lower(network, key=KEY)
    by_hand, hand_state = twin(model, [node.name for node in network.nodes])
    state = None if hand_state is None else eqx.nn.State(model)
    same(model, state, by_hand, hand_state, x)
    carry, rest = carry_of(model, state)
    fixed = fixed_of(rest, x, y, chunk)
    size = compiled(advance_leaves, fixed, carry)[0].compiled.memory_analysis()
    steps = {"lowered": [step_of_fit, fixed, Packed.of(carry), chunk, size]}
    carry, rest = carry_of(by_hand, hand_state)
    fixed = (rest, x, y, jnp.arange(BATCH))
    size = compiled(step_by_hand, fixed, carry)[0].compiled.memory_analysis()
    steps["by hand"] = [step_by_hand, fixed, carry, 1, size]
    return steps


def same(model: Any, state: Any, by_hand: Any, hand_state: Any, x: jax.Array) -> None:
    """Checks that both nets give the same logits."""
    ours = model.batched(x) if state is None else model.batched(x, state)[0]
    # Setting a state invalidates the old one, so this call sets a copy.
    theirs, _ = by_hand(x, jax.tree.map(lambda leaf: leaf, hand_state))
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def timed(each: list[Any], count: int) -> float:
    """Seconds for one step, over `count` steps."""
    step, fixed, _, chunk, _ = each
    start = time.perf_counter()
    for _ in range(count // chunk):
        each[2] = jax.block_until_ready(step(fixed, each[2]))[0]
    return (time.perf_counter() - start) / count


def side_by_side(name: str, steps: dict[str, list[Any]]) -> None:
    """Prints the times and the memory of both steps, and their ratios."""
    times: dict[str, list[float]] = {key: [] for key in steps}
    count = max(chunk for *_, chunk, _ in steps.values())
    for round_ in range(ROUNDS + 1):
        for key in sorted(steps, reverse=bool(round_ % 2)):
            seconds = timed(steps[key], count)
            if round_ > 0:
                times[key].append(seconds)
    print(name)
    medians = {key: statistics.median(each) for key, each in times.items()}
    sizes = {key: each[-1] for key, each in steps.items()}
    bytes_ = {}
    for key, size in sizes.items():
        bytes_[key] = size.temp_size_in_bytes + size.argument_size_in_bytes
        print(
            f"  {key:8} {medians[key] * 1e3:8.1f} ms   arguments "
            f"{size.argument_size_in_bytes / 1e6:7.2f} MB   temporaries "
            f"{size.temp_size_in_bytes / 1e6:7.2f} MB"
        )
    ours, theirs = steps
    pairs = zip(times[ours], times[theirs], strict=True)
    print(
        f"  {ours} over {theirs}: time {medians[ours] / medians[theirs]:.3f} "
        f"(of pairs {statistics.median(a / b for a, b in pairs):.3f}), "
        f"memory {bytes_[ours] / bytes_[theirs]:.3f}",
        flush=True,
    )


def main() -> None:
    """Both parts."""
    options = argparse.ArgumentParser()
    options.add_argument("--deep", action="store_true")
    options.add_argument("--only", choices=("compilation", "steps"))
    options.add_argument("--net", default="", help="only the nets with this in their name")
    given = options.parse_args()
    print(f"device: {jax.devices()[0].device_kind}, batch {BATCH}")
    if given.only != "steps":
        for name in DEEP:
            if given.net in name:
                compilation(name, given.deep)
    if given.only != "compilation":
        for name, (network, twin, chunk) in CASES.items():
            if given.net in name:
                side_by_side(name, both_steps(network(), twin, chunk))


if __name__ == "__main__":
    main()
