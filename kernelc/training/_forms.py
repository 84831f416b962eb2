"""Whether an optimizer does the same to the weights of a loop as to those of its layers."""

from __future__ import annotations

import math

import jax
import optax
from jaxtyping import PyTree

from kernelc._errors import UnsupportedError
from kernelc.modules import Model, ModelRepeat


def check_forms(optimizer: optax.GradientTransformation, params: PyTree) -> None:
    """UnsupportedError for an optimizer that keeps more or fewer numbers for stacked weights.

    A loop holds the weights of its layers as one array with one axis more. Muon leaves such an
    array to Adam, and optimizers with factors for the axes of a matrix have one more factor. What
    keeps no numbers of its own for that (clipping by unit, LARS) does not show, nor does what
    needs the values of the parameters to start.
    """
    if not isinstance(params, Model) or not any(isinstance(n, ModelRepeat) for n in params.nodes):
        return

    def kept(*blocks: int) -> int:
        """Numbers of the state for loops of that many blocks, or of one that is not stacked."""
        state = jax.eval_shape(optimizer.init, _resized(params, blocks))
        return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state))

    # Trees of one structure, since an optimizer may hold masks of it.
    try:
        one, two, three = kept(), kept(2), kept(3)
    except jax.errors.JAXTypeError:
        return
    block, one_more = two - one, three - two
    if block != one_more:
        raise UnsupportedError(
            where="optimizer",
            found=f"a state with {block} numbers more for the second block of the loops, with "
            f"{one_more} more for the third",
            law="An optimizer that tells the axes of a weight apart needs each weight as an array "
            "of its own; a loop stacks them",
            remedy='Train kernelc.unrolled(model), or lower with Policy(layers="unrolled")',
        )


def _resized(params: Model, blocks: tuple[int, ...]) -> PyTree:
    def resized(node: PyTree) -> PyTree:
        if not isinstance(node, ModelRepeat):
            return node
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((*blocks, *leaf.shape[1:]), leaf.dtype), node
        )

    return jax.tree.map(resized, params, is_leaf=lambda node: isinstance(node, ModelRepeat))
