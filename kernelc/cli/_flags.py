"""What messages say of the Python interface, said as options of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ._targets import SHORTHANDS


_VALUE = r"""(\.\.\.|'[^']*'|"[^"]*"|[-+.\w]*\w)"""
_SHAPE = re.compile(r"kernelc\.shape\(((?:[^()]|\([^()]*\))*)\)")
# The target is an argument there and a flag of its own here.
_TARGETS = [
    (re.compile(rf"(?:kernelc\.)?{kind}\({argument}={_VALUE}\)"), rf"{flag} \1")
    if argument is not None
    else (re.compile(rf"(?:kernelc\.)?{kind}\(\)"), flag)
    for flag, (kind, argument) in SHORTHANDS.items()
]
_TARGETS.append((re.compile(r"(?:kernelc\.)?DKS\(\)"), "--dks 1.5"))
_IMPORTED = "import its module before the file is read"
_TARGET_ARGUMENTS = {name: flag for flag, (_, name) in SHORTHANDS.items() if name is not None}
_SHAPE_ARGUMENTS = {
    "rewrite": "--rewrite",
    "pln": "--pln",
    "shortcut_weight": "--shortcut-weight",
    **_TARGET_ARGUMENTS,
}


def arguments_of(options: Iterable[Any]) -> dict[str, str]:
    """The flag for each argument of the Python functions that a command calls.

    Arguments:
        options: the parameters of the command, as Click has them.
    """
    flags = {one.name: one.opts[0] for one in options if one.opts[0].startswith("--")}
    if "--shape" in flags.values():
        flags["rewrite"] = "--shape"  # shapes and rewrites
    return {**flags, **{n: flag for n, flag in _TARGET_ARGUMENTS.items() if flag in flags.values()}}


def as_flags(text: str, flags: Mapping[str, str], spec: str = "SPEC") -> str:
    """The text with calls as commands, and arguments that are flags as these.

    Arguments:
        text: a law or a remedy.
        flags: what `arguments_of` returns.
        spec: the network, for calls of `kernelc.shape`.

    Example:
        >>> as_flags("pass rewrite=True, or use TAT(eta=0.9)", {"rewrite": "--rewrite"})
        'pass --rewrite, or use --tat-eta 0.9'
        >>> as_flags("kernelc.shape(net, kernelc.DKS(), rewrite=True)", {}, "deep.json")
        'kernelc shape deep.json --dks 1.5 --rewrite'
    """
    if "--import" in flags.values():
        text = text.replace(_IMPORTED, "name its module, --import MODULE")
    text = _SHAPE.sub(lambda call: _command(call[1], spec), text)
    for target, flag in _TARGETS:
        text = target.sub(lambda found, flag=flag: _unquoted(found.expand(flag)), text)
    for name, flag in flags.items():
        text = re.sub(rf"\b{name}=True\b", flag, text)
        text = re.sub(rf"\b{name}={_VALUE}", lambda m, f=flag: _unquoted(f"{f} {m[1]}"), text)
    return text


def _command(arguments: str, spec: str) -> str:
    # The first argument is the network.
    rest = [part.strip() for part in arguments.split(",")[1:]]
    told = (as_flags(part, _SHAPE_ARGUMENTS) for part in rest if part != "...")
    return " ".join(["kernelc shape", spec, *told])


def _unquoted(text: str) -> str:
    """The flag with its value, alone where the value was left out."""
    return text.replace("'", "").replace('"', "").removesuffix(" ...")
