"""Which blocks become loops."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc
from kernelc.layers import DenseModule
from kernelc.modules import LayerModule, Model, ModelNode, ModelRepeat


TANH = kc.Activation("tanh")
KEY = jax.random.key(0)


def loops(model: Model) -> list[tuple[int, int]]:
    """(layers in a block, blocks) of each loop."""
    return [(len(node.nodes), node.count) for node in model.nodes if isinstance(node, ModelRepeat)]


def lowered(block, shape=(4,), layers: Any = "scan") -> Model:
    x = kc.Input(shape)
    return kc.lower(kc.Network(x, block(x)), key=KEY, layers=layers)


def bottleneck(width: int):
    return kc.chain(TANH, kc.Dense(2), TANH, kc.Dense(width))


@pytest.mark.parametrize(
    ("block", "found"),
    [
        (kc.repeat(kc.Dense(4), 3), [(1, 3)]),
        (kc.repeat(kc.chain(kc.Dense(4), TANH), 3), [(2, 3)]),
        (kc.chain(kc.Dense(3), kc.repeat(kc.chain(kc.Dense(3), TANH), 3)), [(2, 3)]),
        (kc.repeat(kc.chain(kc.Dense(4), kc.Dense(4), TANH), 3), [(3, 3)]),
        (kc.repeat(kc.residual(bottleneck(4), 0.6), 3), [(5, 3)]),
        # The last sum of each residual block is all the next one reads, however it is written.
        (
            kc.chain(kc.repeat(kc.residual(kc.Dense(4), 0.6), 3), kc.repeat(bottleneck(4), 2)),
            [(2, 3), (4, 2)],
        ),
        # Twice as often inside as outside: the inner blocks are the ones to fold.
        (kc.repeat(kc.chain(kc.repeat(kc.Dense(4), 5), TANH), 2), [(1, 5), (1, 5)]),
        # A shortcut over everything leaves no block that reads one value.
        (kc.residual(kc.repeat(kc.chain(kc.Dense(4), TANH), 3), 0.6), []),
        # Other constants, other widths: other blocks.
        (kc.chain(kc.Dense(4), TANH, kc.Dense(4), kc.Activation("tanh", gamma=2.0)), []),
        (kc.chain(kc.Dense(4), TANH, kc.Dense(5), TANH), []),
        # Running statistics are values like any others.
        (kc.repeat(kc.chain(kc.Dense(4), kc.BatchNorm(), TANH), 3), [(3, 3)]),
        # How fast they move is a constant.
        (kc.chain(kc.BatchNorm(momentum=0.8), kc.BatchNorm(), kc.BatchNorm()), [(1, 2)]),
    ],
)
def test_loops_are_the_equal_blocks_of_the_main_path(block, found):
    assert loops(lowered(block)) == found


def test_equal_layers_on_other_shapes_are_other_blocks():
    # Four locations, two, one, one, one: only the last three map a shape to itself.
    pools = kc.repeat(kc.MeanPool(2, 2, padding="SAME"), 5)
    model = lowered(pools, (4, 2))
    assert loops(model) == [(1, 3)]
    flattened = lowered(kc.chain(kc.Flatten(), kc.Flatten(), kc.Flatten()), (2, 2))
    assert loops(flattened) == [(1, 2)]


def test_layers_in_another_mode_are_other_blocks():
    model = lowered(kc.repeat(kc.Dropout(0.5), 4), layers="unrolled")
    half = eqx.tree_at(lambda m: [m.nodes[i].module.inference for i in (2, 3)], model, [True] * 2)
    assert loops(kc.scanned(half)) == [(1, 2), (1, 2)]


class Counter(LayerModule):
    """Counts calls, from a number that is no array."""

    calls: eqx.nn.StateIndex

    def __call__(self, inputs, state=None, key=None, axis_name=None):
        assert state is not None
        return inputs[0], state.set(self.calls, state.get(self.calls) + 1)


@pytest.mark.parametrize(("first", "found"), [(0, []), (jnp.zeros((), int), [(1, 3)])])
def test_states_of_foreign_layers_loop_when_they_begin_as_arrays(first, found):
    nodes = [ModelNode(str(i), Counter(eqx.nn.StateIndex(first)), (i,)) for i in range(3)]
    flat = Model(nodes, (2,))
    looped, state = kc.scanned(flat, eqx.nn.State(flat))
    assert loops(looped) == found
    for _ in range(2):
        _, state = looped.batched(jnp.ones((1, 2)), state)
    _, state = kc.unrolled(looped, state)
    assert [int(calls) for calls in jax.tree.leaves(state)] == [2, 2, 2]


def test_an_early_output_is_hidden_by_no_block():
    nodes = [ModelNode(str(i), DenseModule(jnp.eye(2) * (i + 1)), (i,)) for i in range(6)]
    for output, found in ((0, []), (2, [(1, 2)]), (4, [(1, 4)]), (6, [(1, 6)])):
        model = Model(nodes, (2,), output=output)
        looped = kc.scanned(model)
        assert loops(looped) == found
        np.testing.assert_array_equal(looped(jnp.ones(2)), model(jnp.ones(2)))
        assert kc.unrolled(looped).output == output


@pytest.mark.parametrize(
    ("block", "shape", "count", "found"),
    [
        (kc.chain(kc.Dense(2), TANH), (2,), 127, []),
        (kc.chain(kc.Dense(2), TANH), (2,), 128, [(2, 128)]),
        (kc.residual(kc.chain(TANH, kc.Dense(2), TANH, kc.Dense(2)), 0.9), (2,), 52, [(5, 52)]),
        (kc.residual(kc.chain(kc.BatchNorm(), kc.Dense(2)), 0.9), (2,), 86, [(3, 86)]),
        (kc.chain(kc.Conv(1, 1), TANH), (2, 1), 128, []),
        (kc.chain(kc.Conv(1, 1), kc.BatchNorm()), (2, 1), 128, []),
        (kc.chain(kc.WeightedMeanPool(1, 1), TANH), (2, 1), 128, []),
    ],
)
def test_auto_loops_where_compilation_would_be_long_and_steps_not_slow(block, shape, count, found):
    if jax.default_backend() != "cpu":
        # Only XLA on a CPU runs convolutions in a loop on one thread: the rule is for it alone.
        pytest.skip("elsewhere convolutions are as fast in a loop")
    model = lowered(kc.repeat(block, count), shape, "auto")
    assert loops(model) == found
    assert model.looped == bool(found)
