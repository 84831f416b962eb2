"""The JAX front end: a model is traced, and its jaxpr read."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
from jax.extend import core
from jaxtyping import Array

from ..operations import Unread
from ..recording import Captured, Recorder
from ._modules import named_modules
from ._reader import Held, Known, Reader, held
from ._rules import RULES


def traced(
    function: Callable[[Array], Array], example: np.ndarray, model: object
) -> core.ClosedJaxpr:
    """The equations of a function of one array.

    Arguments:
        function: what is traced, with its weights in it.
        example: an input; of one example when `batched`, with its axis.
        model: where names of modules are looked up.
    """
    with named_modules(model):
        return jax.make_jaxpr(function)(example)


def captured(closed: core.ClosedJaxpr, example: np.ndarray, batched: bool) -> Captured:
    """The steps of equations with one result.

    Arguments:
        closed: the equations.
        example: the input they were traced with.
        batched: whether the first axis of the input is the batch.
    """
    integers = np.issubdtype(example.dtype, np.integer)
    recorder = Recorder(example.shape, batched=batched, integers=integers)
    consts: list[Held] = [Known(held(c), trained=True) for c in closed.consts]
    (output,) = Reader(recorder, RULES).run(closed.jaxpr, consts, [recorder.input])
    if isinstance(output, Known):
        output = recorder.record(Unread("a constant"), [recorder.input], output.shape)
    return recorder.captured(output)
