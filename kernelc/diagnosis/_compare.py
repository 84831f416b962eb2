"""Compare: several networks diagnosed side by side."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from typing import Any

from .._errors import KernelcError
from ..ir import Network, NetworkCarrier
from ..shaping import ShapedNetwork
from ._diagnose import diagnose
from ._figures import draw
from ._findings import Finding
from ._pages import write_comparison
from ._panels import Panel, compared_maps, compared_slopes
from ._profile import UNRELATED, number, rounded
from ._report import Report, plain


INPUTS = 10
_COLUMNS = ("network", "depth", "q", "C_f(0)", "C_f'(1)", "NTK condition", "difficulty", "critical")


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` returns.

    Arguments:
        reports: the diagnosis of each network, by the name given to `compare`.
    """

    reports: dict[str, Report]

    def to_dict(self) -> dict[str, Any]:
        """The table and all reports as plain values that JSON can hold."""
        return {
            "inputs": INPUTS,
            "networks": {
                name: {**row(report), "report": report.to_dict()}
                for name, report in self.reports.items()
            },
        }

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the C maps of the outputs, and the slopes along the graphs.

        Arguments:
            path: a file ending in .png, .svg or .pdf.

        Raises:
            KernelcError: the file cannot be written, or its ending names no format.
        """
        draw("", self._panels(), path)

    def to_html(self, path: str | os.PathLike[str], *, progress: bool | None = None) -> None:
        """Write one self-contained page for all networks, as `Report.to_html` does for one.

        Arguments:
            path: where to; an old page is replaced in one step.
            progress: whether to show a bar for work over two seconds; None: on a terminal only.

        Raises:
            KernelcError: the file cannot be written.
        """
        write_comparison(path, self.reports, self.rows(), self._panels(), progress)

    def rows(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Columns and rows of the table, as text."""
        found = []
        for name, report in self.reports.items():
            end = report.levels[-1]
            figures = (end.slope, ntk_condition(report))
            start = (name, str(end.depth), number(end.q), number(rounded(end.c_at_zero)))
            critical = ", ".join(f"{f.kind} at {f.node}" for f in _critical(report)) or "none"
            difficulty = report.verdict.difficulty
            figures = (*figures, math.nan if difficulty is None else difficulty)
            found.append((*start, *(number(v) for v in figures), critical))
        return _COLUMNS, found

    def __str__(self) -> str:
        columns, rows = self.rows()
        table = [columns, *rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(columns))]
        shown = [
            "  ".join(
                cell.ljust(width) if i in (0, len(widths) - 1) else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in table
        ]
        return "\n".join(shown)

    def __repr__(self) -> str:
        verdicts = {name: str(report.verdict) for name, report in self.reports.items()}
        return f"Comparison(verdicts={verdicts})"

    def _panels(self) -> list[Panel]:
        levels = {name: report.levels for name, report in self.reports.items()}
        return [
            compared_maps({name: each[-1] for name, each in levels.items()}),
            compared_slopes(levels),
        ]


def compare(networks: Mapping[str, Network | ShapedNetwork], data: object = None) -> Comparison:
    """Diagnose several networks and put their figures side by side.

    The NTK condition is the condition number of the tangent kernel of ten inputs that are
    unrelated to one another, (Theta(1) + 9 Theta(0)) / (Theta(1) - Theta(0)): gradient descent
    needs as many times the steps for what tells the inputs apart as for their mean (Xiao et al.
    2020).

    Arguments:
        networks: each a `Network`, or what `shape` returns, by the name it is shown under.
        data: inputs of all of them, as `diagnose` takes them.

    Returns:
        A `Comparison`: print it, `plot(path)` it, `to_html(path)` it, or take `to_dict()`.

    Raises:
        KernelcError: no networks, a name that is no text, or an entry that is no network.
        DataError: data are no inputs of a network.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> block = kc.chain(kc.Dense(64), kc.Activation("tanh"))
        >>> net = kc.Network(x, kc.chain(kc.repeat(block, 50), kc.Dense(3))(x))
        >>> compared = compare({"plain": net, "shaped": kc.shape(net, kc.DKS(), rewrite=True)})
        >>> [round(report.levels[-1].slope, 2) for report in compared.reports.values()]
        [1.4, 1.33]
    """
    if not isinstance(networks, Mapping) or not networks:
        found = "nothing" if isinstance(networks, Mapping) else type(networks).__name__
        raise _refusal("networks", f"{found} where networks by name belong")
    for name, network in networks.items():
        if not isinstance(name, str):
            raise _refusal(repr(name)[:80], f"a name of type {type(name).__name__}")
        if not isinstance(network, Network | NetworkCarrier):
            raise _refusal(repr(name), f"an entry of type {type(network).__name__}")
    return Comparison({name: diagnose(network, data) for name, network in networks.items()})


def ntk_condition(report: Report) -> float:
    """That of ten unrelated inputs; NaN where there is no NTK, inf where it is constant."""
    if report.ntk is None:
        return math.nan
    one, zero = float(report.ntk[-1]), float(report.ntk[UNRELATED])
    if not (math.isfinite(one) and math.isfinite(zero)):
        return math.nan
    gap, sum_ = one - zero, one + (INPUTS - 1) * zero
    if gap <= 0 or sum_ <= 0:
        return math.inf
    return max(sum_ / gap, gap / sum_)


def row(report: Report) -> dict[str, object]:
    """The figures of one network as plain values; what is not finite becomes None."""
    end = report.levels[-1]
    return {
        "depth": end.depth,
        "q": plain(end.q),
        "c_at_zero": plain(end.c_at_zero),
        "slope": plain(end.slope),
        "ntk_condition": plain(ntk_condition(report)),
        "trains": report.verdict.trains,
        "difficulty": report.verdict.difficulty,
        "critical": [finding.kind for finding in _critical(report)],
        "ok": report.ok,
    }


def _critical(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity == "critical"]


def _refusal(where: str, found: str) -> KernelcError:
    return KernelcError(
        where=where,
        found=found,
        law="networks are compared, each under a name",
        remedy="pass a dictionary such as {'plain': net, 'shaped': kernelc.shape(net, ...)}",
    )
