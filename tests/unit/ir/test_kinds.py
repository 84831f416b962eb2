"""Kinds in files: one class each, known by module and name, or by the name that was asked for."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import subprocess
import sys
import types
from collections.abc import Iterator

import pytest

import kernelc as kc
from kernelc.ir import Layer


SOURCE = """
import dataclasses
from kernelc.ir import Layer

@dataclasses.dataclass(frozen=True)
class {name}(Layer{kind}):
    width: int = 1
    weight_std: float = 1.0
    bias_std: float = 0.0
    init: str = "gaussian"
    bias: bool = True

    def out_shape(self, shapes, where):
        return shapes[0]

    def kernel(self, algebra, inputs, shapes):
        return inputs[0]

    def module(self, shapes, out, key, dtype):
        raise NotImplementedError
"""


@pytest.fixture(autouse=True)
def kinds(monkeypatch) -> Iterator[None]:
    importlib.import_module("kernelc.layers")
    before = dict(Layer.kinds)
    for module in ("notebook", "one", "other", "old", "new"):
        # Dataclasses look their module up.
        monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
    yield
    Layer.kinds.clear()
    Layer.kinds.update(before)


def defined(name: str = "Dense", module: str = "notebook", kind: str = "", file: str = "cell.py"):
    """The class that a module, or a cell of a notebook, defines."""
    names = {"__name__": module}
    exec(compile(SOURCE.format(name=name, kind=kind), file, "exec"), names)
    return names[name]


def network(layer) -> kc.Network:
    x = kc.Input((4,))
    return kc.Network(x, layer(x))


def test_a_class_named_like_a_kind_of_the_package_leaves_its_files_alone():
    text = network(kc.Dense(3)).to_json()
    theirs = defined()
    assert type(kc.Network.from_json(text).nodes[-1].layer) is kc.Dense
    assert '"kind": "notebook.Dense"' in network(theirs(4)).to_json()
    again = kc.Network.from_json(network(theirs(4)).to_json())
    assert type(again.nodes[-1].layer) is theirs


def test_equal_names_in_two_modules_are_two_kinds():
    one, other = defined("Gain", "one"), defined("Gain", "other")
    for cls in (one, other):
        assert type(kc.Network.from_json(network(cls(2)).to_json()).nodes[-1].layer) is cls


def test_a_cell_that_runs_twice_defines_the_newer_class():
    first = defined("Gain", file="cell_1.py")
    second = defined("Gain", file="cell_2.py")
    assert type(kc.Network.from_json(network(first(2)).to_json()).nodes[-1].layer) is second


def test_dataclasses_with_slots_are_registered_once():
    @dataclasses.dataclass(frozen=True, slots=True)
    class Slotted(Layer):
        out_shape = kernel = module = lambda self, *args: args[0][0]  # type: ignore[assignment]

    assert Layer.kinds[Slotted.kind_name] is Slotted


def test_a_kind_by_name_survives_a_move():
    text = network(defined("Gain", "old", ', kind="lab.Gain"')(2)).to_json()
    assert '"kind": "lab.Gain"' in text
    del Layer.kinds["lab.Gain"]  # the process that wrote the file has ended
    moved = defined("Gain", "new", ', kind="lab.Gain"')
    assert type(kc.Network.from_json(text).nodes[-1].layer) is moved


def line_of(cls: type) -> int:
    """Line of the class statement, its decorators standing above it."""
    lines, first = inspect.getsourcelines(cls)
    return first + next(n for n, line in enumerate(lines) if line.startswith("class "))


@pytest.mark.parametrize("kind", ["Dense", "lab.Gain"])
def test_a_kind_of_another_class_is_refused_with_both_places(kind):
    if kind not in Layer.kinds:
        defined("Gain", "one", f', kind="{kind}"', "first.py")
    with pytest.raises(kc.GraphError) as caught:
        defined("Gain", "other", f', kind="{kind}"', "second.py")
    told = str(caught.value)
    assert "other.Gain (second.py:6)" in told
    place = f"layers/_dense.py:{line_of(kc.Dense)}" if kind == "Dense" else "one.Gain (first.py:6)"
    assert place in told.replace("\\", "/")
    assert Layer.kinds[kind].__module__ != "other"


@pytest.mark.parametrize("kind", ["''", "3", "'x' * 201"])
def test_kinds_are_short_texts(kind):
    with pytest.raises(kc.GraphError, match="kinds are"):
        defined("Gain", "one", f", kind={kind}")


def test_subclasses_do_not_take_the_kind_of_their_base():
    base = defined("Gain", "one", ', kind="lab.Gain"')
    inherited = type("Wider", (base,), {"__module__": "one"})
    assert (base.kind_name, inherited.kind_name) == ("lab.Gain", "one.Wider")


OWN_BEFORE_OURS = """
import dataclasses
from kernelc.ir import Layer

@dataclasses.dataclass(frozen=True)
class Mine(Layer, kind="Dense"):
    pass
"""


def test_a_kind_of_the_package_is_taken_before_its_layers_were_imported():
    ran = subprocess.run([sys.executable, "-c", OWN_BEFORE_OURS], capture_output=True, text=True)
    assert "GraphError: Where: __main__.Mine" in ran.stderr
    assert "which kernelc.layers._dense.Dense" in ran.stderr
