"""Packages that only an extra of kernelc installs, asked for where they are used."""

from __future__ import annotations

import importlib
from types import ModuleType

from ._errors import PackageError


def needed(module: str, *, extra: str, use: str) -> ModuleType:
    """Import a module that comes with an extra.

    Arguments:
        module: its dotted name, as in an import.
        extra: the extra of kernelc that installs it.
        use: what needs it, as in "plots".

    Raises:
        PackageError: it is not installed; the remedy is the command that installs the extra.

    Example:
        >>> needed("json", extra="data", use="reading tables").__name__
        'json'
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise  # the package is there, and lacks something of its own
        raise missing(package, extra=extra, use=use) from error


def missing(package: str, *, extra: str, use: str) -> PackageError:
    """The error that names the extra with this package."""
    return PackageError(
        where=use,
        found=f"no package {package!r}",
        law=f"{package} comes with the extra {extra!r} of kernelc",
        remedy=f"pip install 'kernelc[{extra}]'",
    )
