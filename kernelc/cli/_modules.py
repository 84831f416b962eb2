"""Python modules of the user: imported, looked into and called; errors say what failed."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import kernelc as kc


def imported(module: str) -> ModuleType:
    """The module, looked for in the current folder too.

    Raises: LoadError for no such module, and for what its code raises.
    """
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
        raise raised(module, "while it was imported", error) from error


def attribute(module: ModuleType, name: str) -> object:
    """What a module holds under a dotted name.

    Raises: LoadError for no such name.
    """
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


def called(spec: str, function: Callable) -> object:
    """What a function without arguments returns.

    Raises: LoadError for one with arguments, and for what it raises.
    """
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
        raise raised(spec, "when it was called", error) from error


def raised(where: str, when: str, error: Exception) -> kc.LoadError:
    """The error that says what the user's own code raised, and in which line."""
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
