"""From what a user types to a network: a JSON file, or an attribute of a Python module."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

import kernelc as kc


Spec = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        help="MODULE:NAME, a Network or a function without arguments that returns one (this runs "
        "your Python file), or a .json file (which runs nothing).",
    ),
]

Own = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="MODULE",
        help="Run this Python module first: it defines layers and activations that SPEC uses.",
    ),
]

_FORMS = "a network is given as MODULE:NAME or as a .json file"


def load_network(spec: str, own: Sequence[str] | None) -> kc.Network:
    """The network that `spec` names.

    Arguments:
        spec: MODULE:NAME, or a .json file.
        own: modules to import before, which define layers and activations.

    Raises:
        LoadError: nothing of that name, or not a network.
    """
    for module in own or ():
        _imported(module)
    if spec.endswith(".json"):
        return kc.Network.load(spec)
    module, colon, name = spec.partition(":")
    if not (colon and module and name) or os.sep in module or module.endswith(".py"):
        raise kc.LoadError(
            where=repr(spec),
            found="neither MODULE:NAME nor a .json file",
            law=_FORMS,
            remedy="for a Network called net in my_net.py, write my_net:net",
        )
    return _network(spec, _attribute(_imported(module), name))


def _imported(module: str) -> ModuleType:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module)
    except kc.KernelcError:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or module
        own = module == missing or module.startswith(f"{missing}.")
        raise kc.LoadError(
            where=module,
            found=f"no module {missing!r}" + ("" if own else f", which {module} imports"),
            law="modules are looked for in the current folder and in the Python environment",
            remedy=f"change to the folder that holds {missing.partition('.')[0]}.py"
            if own
            else f"install {missing}, or correct the import",
        ) from error
    except Exception as error:
        # The user's own file may raise anything; what it raised stays attached.
        raise _raised(module, "while it was imported", error) from error


def _attribute(module: ModuleType, name: str) -> object:
    value: object = module
    for part in name.split("."):
        if not hasattr(value, part):
            near = difflib.get_close_matches(part, [n for n in dir(value) if n[0] != "_"], n=3)
            raise kc.LoadError(
                where=f"{module.__name__}:{name}",
                found=f"no attribute {part!r}",
                law="NAME is an attribute of the module",
                remedy=f"did you mean {' or '.join(near)}?" if near else "check its spelling",
            )
        value = getattr(value, part)
    return value


def _network(spec: str, value: object) -> kc.Network:
    if callable(value) and not isinstance(value, kc.Layer | type):
        value = _called(spec, value)
    if isinstance(value, kc.ShapedNetwork):
        value = value.network
    if not isinstance(value, kc.Network):
        raise kc.LoadError(
            where=spec,
            found=f"an object of type {type(value).__name__}",
            law="NAME is a kernelc.Network, or a function without arguments that returns one",
            remedy="end with net = kernelc.Network(x, ...) and name that",
        )
    return value


def _called(spec: str, function: Callable) -> object:
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise kc.LoadError(
            where=spec,
            found=f"a callable with arguments: {error}",
            law="a function that makes a network is called without arguments",
            remedy="give every argument a default, or name a Network",
        ) from error
    except ValueError:
        pass  # callables written in C have no signature: calling them tells
    try:
        return function()
    except kc.KernelcError:
        raise
    except Exception as error:
        # As at import: the function is the user's own, and so is what it raises.
        raise _raised(spec, "when it was called", error) from error


def _raised(where: str, when: str, error: Exception) -> kc.LoadError:
    traceback, line = error.__traceback__, None
    while traceback is not None:
        line = f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    if isinstance(error, SyntaxError):
        line = f"{Path(error.filename or where).name}:{error.lineno}"
    return kc.LoadError(
        where=where,
        found=f"{type(error).__name__} {when} ({line}): {error}",
        law="your own Python code makes the network",
        remedy="run it by itself to see the traceback",
    )
