"""A target of the fuzzer, and the possible results of a case."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import kernelc as kc


ACCEPTED, REFUSED = "accepted", "refused"


class Wrong(Exception):
    """An answer that is not right."""


@dataclass(frozen=True)
class Target:
    """One reader under attack.

    Arguments:
        name: of the target, and of its folder in the corpus.
        draw: a case, drawn with this generator.
        run: reads the case in an empty folder; raises `KernelcError` to refuse it, and `Wrong`
            when what came out is not right.
    """

    name: str
    draw: Callable[[random.Random], bytes]
    run: Callable[[bytes, Path], None]


def verdict(target: Target, case: bytes, folder: Path) -> str:
    """`ACCEPTED`, `REFUSED`, or the type and place of an exception that is no `KernelcError`."""
    try:
        target.run(case, folder)
    except kc.KernelcError as error:
        parts = (error.where, error.found, error.law, error.remedy)
        if not all(isinstance(part, str) and part.strip() for part in parts):
            return "an error without one of its four parts"
        return REFUSED if len(str(error)) < 5000 else "an error of over 5,000 characters"
    except Wrong as error:
        return f"wrong: {error}"
    except BaseException as error:
        return f"{type(error).__name__} at {_place(error)}: {str(error)[:120]}"
    return ACCEPTED


def _place(error: BaseException) -> str:
    """The innermost line of kernelc that the exception passed."""
    found, step = "?", error.__traceback__
    while step is not None:
        path = Path(step.tb_frame.f_code.co_filename)
        if "kernelc" in path.parts and "site-packages" not in path.parts:
            found = f"{path.name}:{step.tb_lineno}"
        step = step.tb_next
    return found
