"""The options that say what to shape towards, shared by `shape` and `train`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import kernelc as kc


if TYPE_CHECKING:
    from ..shaping import Target


TargetText = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="TARGET", help="Any target as Python writes it: 'EdgeOfChaos(q=2)'."
    ),
]
Dks = Annotated[float | None, typer.Option("--dks", metavar="ZETA", help="DKS: largest C_f'(1).")]
TatEta = Annotated[
    str | None,
    typer.Option(
        "--tat-eta", metavar="ETA", help="TAT for leaky ReLU: largest C_f(0), or 'largest'."
    ),
]
TatTau = Annotated[
    float | None,
    typer.Option("--tat-tau", metavar="TAU", help="TAT for smooth activations: largest C_f''(1)."),
]
Edge = Annotated[
    bool,
    typer.Option("--edge-of-chaos", help="Weights and biases with C'(1) = 1 at a fixed q."),
]


SHORTHANDS = {
    "--dks": ("DKS", "zeta"),
    "--tat-eta": ("TAT", "eta"),
    "--tat-tau": ("TAT", "tau"),
    "--edge-of-chaos": ("EdgeOfChaos", None),
}
"""Options for a target with one argument, or with none; --target takes all others."""


class Mode(StrEnum):
    """Modes of the input normalization, and none for no such layer."""

    one = "one"
    avg_q = "avg_q"
    off = "off"
    none = "none"


Pln = Annotated[Mode, typer.Option(help="Input normalization a rewrite inserts, or none.")]


def chosen_target(
    text: str | None, dks: float | None, eta: str | None, tau: float | None, edge: bool
) -> Callable[[], Target]:
    """What gives the one target that was asked for, once the modules of --import are there."""
    values = zip(("--target", *SHORTHANDS), (text, dks, eta, tau, edge or None), strict=True)
    given = {flag: value for flag, value in values if value is not None}
    if len(given) > 1:
        raise kc.ShapingError(
            where="options",
            found=" and ".join(given),
            law="a network is shaped towards one target",
            remedy="give one of them",
        )
    flag, value = next(iter(given.items()), ("--target", "DKS"))
    return functools.partial(_target, flag, value)


def _target(flag: str, value: object) -> Target:
    if flag == "--target":
        return kc.Target.from_text(str(value))
    kind, argument = SHORTHANDS[flag]
    if argument is None:
        return kc.Target.kinds[kind]()
    return kc.Target.kinds[kind](**{argument: _eta(value) if isinstance(value, str) else value})


def _eta(text: str) -> float | Literal["largest"]:
    if text == "largest":
        return text
    try:
        return float(text)
    except ValueError:
        raise kc.ShapingError(
            where="--tat-eta",
            found=repr(text[:80]),
            law="eta is a number between 0 and 1, or the word largest",
            remedy="give --tat-eta 0.9",
        ) from None


def chosen_pln(mode: Mode) -> Literal["one", "avg_q", "off"] | None:
    """The mode as `shape` takes it."""
    return None if mode is Mode.none else mode.value
