"""Stages of convolutional blocks: what plain, residual and wide residual nets are built of."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import kernelc as kc

from ._recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Stage:
    """`blocks` equal blocks; the first one takes the stride.

    Arguments:
        blocks: how many.
        convs: (channels, window) of the convolutions of a block, in order.
        stride: of the first block, on its first convolution with a window wider than 1.
    """

    blocks: int
    convs: tuple[tuple[int, int], ...]
    stride: int

    def strides(self, block: int) -> list[int]:
        """Stride of each convolution of block number `block`."""
        wide = next(i for i, (_, window) in enumerate(self.convs) if window > 1)
        stride = self.stride if block == 1 else 1
        return [stride if i == wide else 1 for i in range(len(self.convs))]


@dataclasses.dataclass(frozen=True)
class _Block:
    """One block: its place in names, its convolutions, and whether its shortcut is projected."""

    place: str
    convs: tuple[tuple[int, int], ...]
    strides: Sequence[int]
    projected: bool

    def conv(self, recipe: Recipe, node: kc.Node, index: int) -> kc.Node:
        channels, window = self.convs[index]
        name = f"{self.place}/conv{index + 1}"
        return recipe.conv(node, channels, window, self.strides[index], name)

    def shortcut(self, recipe: Recipe, node: kc.Node) -> kc.Node:
        channels, _ = self.convs[-1]
        return recipe.conv(node, channels, 1, max(self.strides), f"{self.place}/shortcut")


def trunk(
    recipe: Recipe, node: kc.Node, channels: int, stages: Sequence[Stage], version: int
) -> kc.Node:
    """All stages one after the other; `channels` is how many `node` has."""
    apply = preactivated if version == 2 else postactivated
    for number, stage in enumerate(stages, start=1):
        out, _ = stage.convs[-1]
        for index in range(1, stage.blocks + 1):
            strides = stage.strides(index)
            projected = channels != out or max(strides) > 1
            place = f"stage{number}/block{index}"
            node = apply(recipe, node, _Block(place, stage.convs, strides, projected))
            channels = out
    return node


def preactivated(recipe: Recipe, node: kc.Node, block: _Block) -> kc.Node:
    """A v2 block, [act, conv] x n (He et al. 2016b).

    A projected shortcut starts from the first nonlinearity, which it shares with the branch:
    both then pass through fresh weights, so the terms of the sum stay independent.
    """
    first = recipe.norm_act(node, block.place, 1)
    branch = block.conv(recipe, first, 0)
    for i in range(1, len(block.convs)):
        branch = block.conv(recipe, recipe.norm_act(branch, block.place, i + 1), i)
    shortcut = block.shortcut(recipe, first) if block.projected else node
    return recipe.sum(shortcut, branch, f"{block.place}/sum")


def postactivated(recipe: Recipe, node: kc.Node, block: _Block) -> kc.Node:
    """A v1 block, conv, [act, conv] x (n - 1), sum, act (He et al. 2016a).

    The last nonlinearity belongs to the block, not to the sum: without skips it stays.
    """
    last = len(block.convs)
    branch = block.conv(recipe, node, 0)
    for i in range(1, last):
        branch = block.conv(recipe, recipe.norm_act(branch, block.place, i), i)
    branch = recipe.norm(branch, f"{block.place}/norm{last}")
    shortcut = node
    if block.projected:
        shortcut = block.shortcut(recipe, node)
        shortcut = recipe.norm(shortcut, f"{block.place}/shortcut_norm")
    total = recipe.sum(shortcut, branch, f"{block.place}/sum")
    return recipe.act(total, f"{block.place}/act{last}")


def classifier(
    recipe: Recipe, x: kc.Node, node: kc.Node, classes: int, version: int, name: str
) -> kc.Network:
    """The end of every convolutional net: last nonlinearity (v2), mean over locations, logits."""
    if version == 2:
        node = recipe.norm_act(node, "head")
    node = kc.GlobalMeanPool()(node, name="head/pool")
    return kc.Network(x, recipe.head(node, classes), name=name)
