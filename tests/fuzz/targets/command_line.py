"""The command line, called in this process as the `kernelc` command calls it."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import kernelc as kc

from ..case import Wrong


MODULE = """
import kernelc as kc

x = kc.Input((4,))
net = kc.Network(x, kc.chain(kc.Dense(8), kc.Activation("relu"), kc.Dense(2))(x), name="net")
number = 3

def breaks():
    raise ValueError("no")
"""


def called(arguments: list[str], folder: Path) -> None:
    """Runs a command in a folder with nets.py.

    Raises:
        KernelcError: the command printed an error and returned 2.
        Wrong: any other exit code than 0 and 2, or an error without a message.
    """
    (folder / "nets.py").write_text(MODULE)
    told = io.StringIO()
    main = importlib.import_module("kernelc.cli").main
    before, argv, path = os.getcwd(), sys.argv, list(sys.path)
    os.chdir(folder)
    sys.argv = ["kernelc", *arguments]
    sys.modules.pop("nets", None)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
            code = _code(main)
    finally:
        os.chdir(before)
        sys.argv, sys.path[:] = argv, path
    _judge(code, told.getvalue())


def _code(main: Callable[[], object]) -> object:
    try:
        main()
    except SystemExit as error:
        return error.code
    return 0


def _judge(code: object, told: str) -> None:
    if code in (0, None):
        return
    if code != 2:
        raise Wrong(f"exit code {code}")
    if not told.strip():
        raise Wrong("exit code 2 and no message")
    if "Traceback" in told:
        raise Wrong(f"a traceback in place of a message: {told.strip().splitlines()[-1][:100]}")
    raise kc.KernelcError(where="command line", found=told[:200], law="read", remedy="read")
