"""The command line: inspect, diagnose, shape and train networks, and compute their kernels."""

from .._packages import needed


for _package in ("typer", "rich"):
    needed(_package, extra="cli", use="the command line")

from ._app import app as app, main as main  # noqa: E402  # needs both packages
