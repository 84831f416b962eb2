"""The PyTorch front end: the ATen operations of a model, read one after the other."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..._errors import UnsupportedError
from ..operations import UnknownAxes, UnknownOperation, Unread
from ..recording import Captured, Recorder, Seen, Value
from ._call import Call, Results
from ._export import (
    MODEL,
    Node,
    Program,
    Tensor,
    check_weights,
    evaluated,
    program,
    tensor_of,
    torch,
)
from ._rules import ATEN_RULES


Held: TypeAlias = Any
"""A `Value`, a tensor that is the same for all inputs, a number, or a list of these."""


def captured(model: Tensor, example: object) -> Captured:
    """The steps of a PyTorch model in evaluation mode.

    Arguments:
        model: an `nn.Module` of one array.
        example: a batch of inputs, of which the first is used.

    Raises:
        DataError: an example that is no batch, or weights that are not finite.
        PackageError: torch is not installed.
        UnsupportedError: a model that `torch.export` does not follow.
    """
    batch = tensor_of(example, model)
    check_weights(model)
    integers = not batch.is_floating_point()
    recorder = Recorder(tuple(batch.shape), batched=True, integers=integers)
    return Reader(recorder, program(model, batch)).captured()


def seen_by_torch(model: Tensor, example: object) -> Seen:
    """The steps of a model, the first input of a batch, and what the model makes of it.

    Arguments and Raises: as for `captured`.
    """
    steps, batch = captured(model, example), tensor_of(example, model)
    return Seen(steps, _array(batch), _array(evaluated(model, batch)))


class Reader:
    """Reads the operations of a graph into a recorder.

    Arguments:
        recorder: where steps go.
        graph: the operations.
    """

    def __init__(self, recorder: Recorder, graph: Program) -> None:
        self._recorder, self._graph = recorder, graph
        self._held: dict[Node, Held] = {}

    def captured(self) -> Captured:
        """The steps that the output depends on."""
        for node in self._graph.nodes:
            if node.op == "placeholder":
                start = node.name == self._graph.input
                self._held[node] = self._recorder.input if start else self._graph.known[node.name]
            elif node.op == "call_function":
                self._call(node)
        output = self._held[self._graph.output]
        if not isinstance(output, Value):
            raise UnsupportedError(
                where="read: the output",
                found="an output that does not depend on the input",
                law="a network computes its output from its input",
                remedy="read a model that uses its input",
            )
        return self._recorder.captured(output)

    def _call(self, node: Node) -> None:
        self._recorder.source = _module(node)
        args, kwargs = self._look_up(node.args), self._look_up(node.kwargs)
        if node.target is operator.getitem:
            self._held[node] = args[0][args[1]]
        elif not _values((args, kwargs)):
            self._held[node] = self._known(node, args, kwargs)
        else:
            self._held[node] = self._read(node, args, kwargs)
        if _is_in_place(node):
            self._held[node.args[0]] = self._held[node]

    def _look_up(self, argument: Held) -> Held:
        """An argument with what nodes hold in their place."""
        if isinstance(argument, Mapping):
            return {name: self._look_up(value) for name, value in argument.items()}
        if isinstance(argument, list | tuple):
            return [self._look_up(value) for value in argument]
        return self._held.get(argument, argument) if hasattr(argument, "op") else argument

    def _known(self, node: Node, args: Sequence[Held], kwargs: Mapping[str, Held]) -> Held:
        """What an operation makes of tensors that are the same for all inputs."""
        library = torch()
        random = library.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())
        if random and not operation_name(node).endswith("dropout"):  # which is off here
            return self._unread(node, ": random numbers", [self._recorder.input])
        if _is_in_place(node):
            args = [args[0].clone(), *args[1:]]
        with library.no_grad():
            return node.target(*args, **kwargs)

    def _read(self, node: Node, args: Sequence[Held], kwargs: Mapping[str, Held]) -> Held:
        name = operation_name(node)
        values = _values((args, kwargs))
        rule = ATEN_RULES.get(name)
        shapes = _shapes(node)
        if not shapes:
            return None
        if all(0 in shape for shape in shapes):
            return _empty(shapes, _is_list(node))
        if rule is None:
            return self._unread(node, "", values)
        call = Call(name, _named(node, args, kwargs), shapes, self._recorder)
        try:
            return _of_results(rule(call), len(shapes), _is_list(node))
        except (UnknownOperation, UnknownAxes) as error:
            return self._unread(node, f": {error}", values)

    def _unread(self, node: Node, why: str, values: Sequence[Value]) -> Held:
        reason = f"the operation {operation_name(node)}{why}"
        found = [self._recorder.record(Unread(reason), values, s) for s in _shapes(node)]
        return found if _is_list(node) else found[0]


def operation_name(node: Node) -> str:
    """The name of an operation, without its overload and the mark of those in place."""
    full = str(node.target)
    found = re.match(r"(\w+\.\w+?)_?(\.\w+)?$", full)
    return found[1] if found else full


def _module(node: Node) -> str:
    """The path of the module that calls the operation."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()]
    path = re.sub(r"@\d+", "", paths[-1]) if paths else ""
    return path.removeprefix(MODEL).removeprefix(".")


def _is_in_place(node: Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable


def _values(argument: Held) -> list[Value]:
    """The values among arguments."""
    if isinstance(argument, Value):
        return [argument]
    if isinstance(argument, Mapping):
        argument = list(argument.values())
    if isinstance(argument, list | tuple):
        return [value for part in argument for value in _values(part)]
    return []


def _is_list(node: Node) -> bool:
    return isinstance(node.meta.get("val"), list | tuple)


def _shapes(node: Node) -> tuple[tuple[int, ...], ...]:
    """The shapes of the tensors that an operation returns."""
    found = node.meta.get("val")
    results = found if isinstance(found, list | tuple) else [found]
    shapes = tuple(tuple(map(int, t.shape)) for t in results if hasattr(t, "shape"))
    return shapes


def _empty(shapes: Sequence[tuple[int, ...]], listed: bool) -> Held:
    """Tensors without entries, which are the same for all inputs."""
    found = [torch().zeros(shape) for shape in shapes]
    return found if listed else found[0]


def _named(node: Node, args: Sequence[Held], kwargs: Mapping[str, Held]) -> dict[str, object]:
    """Arguments by the names of the schema, tensors as arrays."""
    found: dict[str, object] = {}
    for i, argument in enumerate(node.target._schema.arguments):
        if i < len(args):
            given = args[i]
        elif argument.name in kwargs:
            given = kwargs[argument.name]
        else:
            given = argument.default_value if argument.has_default_value() else None
        found[argument.name] = _plain(given)
    return found


def _plain(argument: Held) -> object:
    """An argument without tensors of torch."""
    if isinstance(argument, list | tuple):
        return tuple(map(_plain, argument))
    if not isinstance(argument, torch().Tensor):
        return argument
    return _array(argument)


def _array(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach()
    if tensor.is_floating_point():
        return tensor.to("cpu", torch().float32).numpy()
    return np.asarray(tensor.cpu().numpy())


def _of_results(found: Results, count: int, listed: bool) -> Held:
    """What a rule returns, in the form that the operation has."""
    if not listed or isinstance(found, tuple):
        return found
    return (found, *(None,) * (count - 1))
