"""The options that say what to shape towards, shared by `shape` and `train`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import kernelc as kc


if TYPE_CHECKING:
    from ..shaping import Target


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


class Mode(StrEnum):
    """Modes of the input normalization, and none for no such layer."""

    one = "one"
    avg_q = "avg_q"
    off = "off"
    none = "none"


Pln = Annotated[Mode, typer.Option(help="Input normalization a rewrite inserts, or none.")]


def chosen_target(
    dks: float | None, eta: str | None, tau: float | None, edge: bool = False
) -> Target:
    """The one target that was asked for; DKS when none was."""
    values = {"--dks": dks, "--tat-eta": eta, "--tat-tau": tau, "--edge-of-chaos": edge or None}
    given = [name for name, value in values.items() if value is not None]
    if len(given) > 1:
        raise kc.ShapingError(
            where="options",
            found=" and ".join(given),
            law="a network is shaped towards one target",
            remedy="give one of them",
        )
    if edge:
        return kc.EdgeOfChaos()
    if eta is None and tau is None:
        return kc.DKS() if dks is None else kc.DKS(zeta=dks)
    return kc.TAT(eta=_eta(eta), tau=tau)


def _eta(text: str | None) -> float | Literal["largest"] | None:
    if text is None or text == "largest":
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
