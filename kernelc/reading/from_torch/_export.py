"""Graphs of PyTorch models, as `torch.export` finds them."""

from __future__ import annotations

import contextlib
import dataclasses
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from ..._errors import DataError, UnsupportedError, reason, shown
from ..._packages import needed


Tensor: TypeAlias = Any
"""A torch.Tensor: torch is an extra, and types are checked without it."""
Node: TypeAlias = Any
"""A torch.fx.Node."""


@dataclasses.dataclass(frozen=True)
class Program:
    """The graph of a model.

    Arguments:
        nodes: in order, the output among them.
        known: parameters, buffers and constants by the name of their node.
        input: name of the node that is the input.
        output: the node that the model returns.
    """

    nodes: Sequence[Node]
    known: Mapping[str, Tensor]
    input: str
    output: Node


def torch() -> ModuleType:
    """The package torch."""
    return needed("torch", extra="torch", use="read: a PyTorch model")


def program(model: Tensor, example: Tensor) -> Program:
    """The graph of a model in evaluation mode.

    Arguments:
        model: an `nn.Module`.
        example: a batch of one input.

    Raises:
        UnsupportedError: a model that `torch.export` does not follow.
    """
    found = _exported(model, example)
    if _mutates_what_is_read_later(found.graph.nodes):
        with _without_notices():
            found = found.run_decompositions({})
    signature = found.graph_signature
    held = {**found.state_dict, **found.constants}
    known = {
        spec.arg.name: held[spec.target]
        for spec in signature.input_specs
        if spec.target is not None and spec.target in held
    }
    (start,) = signature.user_inputs
    nodes = list(found.graph.nodes)
    by_name = {node.name: node for node in nodes}
    outputs = [by_name[name] for name in signature.user_outputs if name in by_name]
    if not outputs:
        raise _refused("read", "a model that returns no tensor", "a model returns an array")
    return Program(nodes, known, start, outputs[0])


def evaluated(model: Tensor, example: Tensor) -> Tensor:
    """What a model returns in evaluation mode; the first of several tensors."""
    with _evaluating(model), torch().no_grad():
        return _first_tensor(model(example))


def _first_tensor(found: Any) -> Tensor:
    """The first tensor of what a model returns: a tensor, or a mapping or sequence of some."""
    while not isinstance(found, torch().Tensor):
        if not isinstance(found, Mapping | list | tuple) or not found:
            raise _refused("read", "a model that returns no tensor", "a model returns an array")
        found = next(iter(found.values() if isinstance(found, Mapping) else found))
    return found


MODEL = "model"
"""The path of the model in what is exported, which returns one tensor alone."""


def _of_one_tensor(model: Tensor) -> Tensor:
    class OneTensor(torch().nn.Module):
        def __init__(self) -> None:
            super().__init__()
            setattr(self, MODEL, model)

        def forward(self, x: Tensor) -> Tensor:
            return _first_tensor(getattr(self, MODEL)(x))

    return OneTensor()


def check_weights(model: Tensor) -> None:
    """Raise `DataError` for weights that are not finite."""
    for name, array in model.named_parameters():
        if not bool(torch().isfinite(array).all()):
            raise DataError(
                where=f"read: {name}",
                found="NaN or infinite entries",
                law="weights are finite",
                remedy="read the model before training diverges",
            )


def _exported(model: Tensor, example: Tensor) -> Any:
    library = torch()
    fast = library.backends.mha.get_fastpath_enabled()
    library.backends.mha.set_fastpath_enabled(False)
    try:
        with _evaluating(model), library.no_grad(), _without_notices():
            return library.export.export(_of_one_tensor(model), (example,))
    except UnsupportedError:
        raise
    except Exception as error:
        # The model's own code runs here, and it may raise anything.
        raise _refused(
            f"read: {_place(error)}",
            reason(error),
            "torch.export follows the model: what it does is the same for all inputs",
        ) from error
    finally:
        library.backends.mha.set_fastpath_enabled(fast)


@contextlib.contextmanager
def _without_notices() -> Iterator[None]:
    """Without what torch tells its own code about names that will go."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield


def _refused(where: str, found: str, law: str) -> UnsupportedError:
    remedy = "read the part of the model before this place, or write it without"
    return UnsupportedError(where=where, found=found, law=law, remedy=remedy)


@contextlib.contextmanager
def _evaluating(model: Tensor) -> Iterator[None]:
    """The model in evaluation mode, and then again as it was."""
    trained = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in trained:
            module.training = True


def _place(error: BaseException) -> str:
    """The innermost line of code outside torch and this package."""
    skipped = ("torch", __name__.partition(".")[0])
    places = [
        (frame.f_code, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").partition(".")[0] not in skipped
    ]
    if not places:
        return "the model"
    code, line = places[-1]
    return f"{Path(code.co_filename).name}:{line} in {code.co_qualname}"


def _mutates_what_is_read_later(nodes: Sequence[Node]) -> bool:
    """Whether an operation changes entries of a tensor that is read later under another name."""
    order = {node: i for i, node in enumerate(nodes)}
    names: dict[Node, list[Node]] = {}
    for node in nodes:
        base = _base(node)
        group = names[base] if base is not None and base in names else []
        group.append(node)
        names[node] = group
        changed = _changed(node)
        if changed is None:
            continue
        others = (other for other in names[changed] if other not in (changed, node))
        if any(order[user] > order[node] for other in others for user in other.users):
            return True
    return False


def _base(node: Node) -> Node | None:
    """The node whose entries the result shares."""
    schema = getattr(node.target, "_schema", None)
    if schema is None or not schema.returns:
        return node.args[0] if node.op == "call_function" and _is_item(node) else None
    if not any(result.alias_info is not None for result in schema.returns):
        return None
    return node.args[0]


def _is_item(node: Node) -> bool:
    return getattr(node.target, "__name__", "") == "getitem"


def _changed(node: Node) -> Node | None:
    """The argument that an operation changes in place."""
    schema = getattr(node.target, "_schema", None)
    return node.args[0] if schema is not None and schema.is_mutable and node.args else None


def tensor_of(example: object, model: Tensor) -> Tensor:
    """A batch of one input as a tensor, of the precision of the model.

    Raises:
        DataError: something else than an array with a batch, or entries that are not finite.
    """
    library = torch()
    found = example if isinstance(example, library.Tensor) else _as_array(example)
    batch = library.as_tensor(found)
    if batch.ndim < 1 or batch.shape[0] < 1 or 0 in batch.shape:
        raise _no_batch(f"shape {tuple(batch.shape)}")
    parameter = next((p for p in model.parameters() if p.is_floating_point()), None)
    if parameter is None:
        return batch[:1]
    kind = parameter.dtype if batch.is_floating_point() else batch.dtype
    return batch[:1].to(parameter.device, kind)


def _as_array(example: object) -> np.ndarray:
    array = np.asarray(example)
    if array.dtype.kind not in "fiub":
        raise _no_batch(shown(example))
    return array


def _no_batch(found: str) -> DataError:
    return DataError(
        where="read: example",
        found=found,
        law="the example is a batch of inputs, an array whose first axis counts them",
        remedy="pass example=torch.randn(1, 3, 224, 224), in the shape that the model takes",
    )
