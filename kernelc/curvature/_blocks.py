"""Which curvature block every parameter has, and the refusal of diagonal ones for weights."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import jax
from jaxtyping import PyTree

from kernelc._errors import UnsupportedError
from kernelc.modules import Model, ModelNode


@dataclass(frozen=True)
class Block:
    """The parameters of one curvature block and how it approximates the curvature.

    Arguments:
        parameters: their names: the node and the path inside it, or the path in the model.
        shapes: their shapes.
        kind: the class of the block in kfac-jax, or its replacement.
        kronecker: whether its curvature is a Kronecker product of two factors.
    """

    parameters: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    kind: str
    kronecker: bool


@dataclass(frozen=True)
class KFACBlocks:
    """The curvature blocks of a model, in the order of its parameters; prints as a table."""

    blocks: tuple[Block, ...]

    def __str__(self) -> str:
        rows = [
            (block.kind, f"{name} {shape}")
            for block in self.blocks
            for name, shape in zip(block.parameters, block.shapes, strict=True)
        ]
        width = max((len(kind) for kind, _ in rows), default=0)
        return "\n".join(f"{kind:{width}}  {text}" for kind, text in rows)

    @property
    def diagonal_weights(self) -> tuple[str, ...]:
        """Names of parameters with two or more axes whose block is no Kronecker product."""
        return tuple(
            name
            for block in self.blocks
            if not block.kronecker
            for name, shape in zip(block.parameters, block.shapes, strict=True)
            if len(shape) > 1
        )

    def require_kronecker(self, allowed: bool | Collection[str]) -> None:
        """UnsupportedError for a weight without Kronecker factors that is not allowed to."""
        if allowed is True:
            return
        names = () if allowed is False else tuple(allowed)
        found = [name for name in self.diagonal_weights if not _covered(name, names)]
        if found:
            raise UnsupportedError(
                where="K-FAC: " + ", ".join(found[:3]) + (", ..." if len(found) > 3 else ""),
                found=f"{len(found)} weights whose curvature block is diagonal",
                law="K-FAC recognizes x @ weight + bias, ungrouped 2-D convolutions, and tables of "
                "tokens and positions, on batches, with weights used once, as they are (not "
                "transposed, cast or scaled), and outside of scan and nested jit",
                remedy="write the layer in that form, or accept the diagonal block with "
                f"kfac(allow_diagonal={_nodes(found)!r})",
            )


def parameter_names(params: PyTree) -> tuple[str, ...]:
    """A readable name for every array: node and path in a `Model`, the path in any other.

    Raises: UnsupportedError for a `Model` that runs repeated blocks in a loop.
    """
    if isinstance(params, Model) and params.looped:
        raise UnsupportedError(
            where="K-FAC on this model",
            found="repeated blocks in one loop over stacked weights",
            law="K-FAC needs an array for every parameter of every layer",
            remedy='train kernelc.unrolled(model), or lower with layers="unrolled"',
        )
    found = jax.tree_util.tree_leaves_with_path(params)
    return tuple(_name(params, path) for path, _ in found)


def _name(params: PyTree, path: jax.tree_util.KeyPath) -> str:
    if isinstance(params, Model):
        # nodes[i].module.weight: the node has a name of its own.
        node = params.nodes[path[1].idx]
        if isinstance(node, ModelNode):
            return node.name + jax.tree_util.keystr(path[3:])
    return jax.tree_util.keystr(path).removeprefix(".")


def _covered(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == each or name.startswith((f"{each}.", f"{each}[")) for each in allowed)


def _nodes(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.rpartition(".")[0] or name for name in names))
