"""The sketch behind text: forks as branches, repeats in repeats, and nothing lost."""

from __future__ import annotations

import equinox as eqx
import jax
import pytest
import sympy

import kernelc as kc
import nets
from kernelc.ir._outline import Fork, Path, Repeat, Step, Subgraph, outline


def count(path: Path) -> int:
    """The nodes of a path."""
    total = 0
    for part in path:
        if isinstance(part, Step):
            total += 1
        elif isinstance(part, Fork):
            total += 1 + sum(map(count, part.branches))
        elif isinstance(part, Subgraph):
            assert count(part.path) == len(part.nodes)
            total += len(part.nodes)
        else:
            total += part.count * count(part.path)
    return total


def inception_stack() -> kc.Network:
    def block(node: kc.Node) -> kc.Node:
        branches = [kc.Conv(4, window=size)(node) for size in (1, 3, 5)]
        return kc.WeightedSum((0.6, 0.8))(kc.Conv(8)(kc.Concat()(*branches)), node)

    x = kc.Input((8, 8, 8))
    stage = kc.chain(kc.repeat(block, 2), kc.Activation("relu"))
    return kc.Network(x, kc.repeat(stage, 3)(x))


def densely_connected() -> kc.Network:
    x = kc.Input((4,))
    values = [x]
    for _ in range(5):
        values.append(kc.Dense(4)(kc.Activation("relu")(kc.Concat()(*values))))
    return kc.Network(x, kc.Concat()(*values))


def u_net(depth: int) -> kc.Network:
    def level(node: kc.Node, left: int) -> kc.Node:
        node = kc.Conv(4)(node)
        return node if left == 0 else kc.Concat()(node, kc.Conv(4)(level(node, left - 1)))

    x = kc.Input((8, 8, 3))
    return kc.Network(x, level(x, depth))


NETS = {
    "inception": inception_stack,
    "dense": densely_connected,
    "u-net": lambda: u_net(3),
    "deep u-net": lambda: u_net(200),
    "resnet": lambda: nets.resnet(152, 10, (32, 32, 3)),
    "v1": lambda: nets.resnet(50, 10, (32, 32, 3), version=1, form="weighted"),
    "mlp": lambda: nets.mlp(5, 8, 3, (5,), "tanh"),
}


@pytest.mark.parametrize("build", NETS.values(), ids=NETS)
def test_every_node_but_the_input_is_in_the_sketch(build):
    network = build()
    assert count(outline(network)) == len(network) - 1
    assert str(network)


def test_repeats_hold_repeats():
    (stages,) = outline(inception_stack())
    assert isinstance(stages, Repeat)
    assert stages.count == 3
    blocks, activation = stages.path
    assert isinstance(blocks, Repeat)
    assert isinstance(activation, Step)
    assert blocks.count == 2
    assert (stages.first, stages.last) == (1, len(inception_stack()) - 1)


def test_branches_stand_in_the_order_they_are_read():
    (fork,) = outline(inception_stack())[0].path[0].path  # type: ignore[union-attr]
    assert isinstance(fork, Fork)
    inner, skip = fork.branches
    assert skip == ()
    assert isinstance(inner[0], Fork)
    assert [len(branch) for branch in inner[0].branches] == [1, 1, 1]


def test_a_value_read_twice_is_two_skips():
    x = kc.Input((4,))
    (fork,) = outline(kc.Network(x, kc.Product()(x, x)))
    assert fork == Fork(((), ()), 1)


def test_what_is_no_branching_is_woven_and_names_its_inputs():
    (weave,) = outline(densely_connected())
    assert isinstance(weave, Subgraph)
    line = next(line for line in str(densely_connected()).splitlines() if " concat_3 " in line)
    assert line.endswith("<- input, dense_1, dense_2")


def test_nets_that_differ_in_wiring_alone_print_differently():
    def joined(swap: bool) -> kc.Network:
        x = kc.Input((4,))
        a, b = kc.Dense(4)(x), kc.Dense(4)(x)
        c = kc.Dense(4)(b if swap else a)
        return kc.Network(x, kc.Concat()(a, b, c))

    assert str(joined(False)) != str(joined(True))


def test_control_characters_do_not_reach_the_terminal():
    x = kc.Input((4,))
    text = str(kc.Network(x, kc.Dense(2)(x, name="\x1b[2Jnew\nline")))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 3


def test_summary_counts_what_a_lowered_model_learns():
    x = kc.Input((4, 4, 3))
    layers = (kc.Conv(4), kc.BatchNorm(), kc.LayerNorm(), kc.WeightedMeanPool(3), kc.PLN())
    more = (kc.Flatten(), kc.Dense(5), kc.Scale(0.5), kc.Scale(0.5, trainable=False))
    network = kc.Network(x, kc.chain(*layers, *more)(x))
    model = eqx.filter(kc.lower(network, key=jax.random.key(0)), eqx.is_inexact_array)
    total = sum(leaf.size for leaf in jax.tree.leaves(model))
    assert network.summary().splitlines()[-1] == f"{total:,} parameters"


def test_summary_of_a_large_net_makes_no_weights():
    x = kc.Input((50_000,))
    # 2.5e9 weights would take 10 GB.
    text = kc.Network(x, kc.Dense(50_000)(x)).summary()
    assert text.splitlines()[-1] == "2,500,050,000 parameters"


def test_summary_says_what_symbols_hide():
    w = sympy.Symbol("w")
    x = kc.Input((4,))
    text = kc.Network(x, kc.Dense(4)(kc.Dense(4, weight_std=w)(x))).summary()
    assert text.splitlines()[-1] == "20 parameters, and those of 1 nodes with symbols"


def test_drawings_nest_repeats_as_text_does():
    drawn = inception_stack()._repr_svg_()
    assert drawn.index(">2 x<") < drawn.index(">3 x<")
    assert drawn.count('class="f"') == 2
    # The input, a block of six nodes and the activation after it.
    assert drawn.count('rx="6"') == 1 + 6 + 1
