"""Report: the findings of a diagnosis with the figures they rest on."""

from __future__ import annotations

import dataclasses
import math
import os
import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64, PRNGKeyArray

from .._errors import KernelcError
from ..ir import Network
from ..numeric import TokenLevel
from ._figures import draw
from ._findings import Finding
from ._finite import FiniteWidth, finite_width
from ._pages import write_report
from ._panels import (
    Panel,
    c_maps,
    finite as finite_panel,
    profiles,
    ring,
    spectra,
    token_profiles,
)
from ._profile import COSINES, Level, rounded, thinned
from ._quality import Quality
from ._verdict import Verdict


_WIDTH = 96
_MOST_ROWS = 12
_TOKENS = "  {:<28}{:>12}{:>12}{:>14}{:>16}".format(
    "tokens of one input", "q of first", "q of last", "mean cosine", "first with last"
)
_HEADER = "  {:<28}{:>6}{:>12}{:>12}{:>12}".format("node", "depth", "q", "C_f(0)", "C_f'(1)")


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """What `diagnose` returns.

    Arguments:
        network: name of the network.
        findings: what is wrong, the worst first.
        levels: q value, C map and slope at the nodes that all paths pass through.
        assumptions: what the figures take for granted.
        source: the network itself.
        verdict: whether it trains, and how easily; or that this is unknown.
        ntk: tangent kernel of the output for each of `COSINES`; None where there is none.
        tokens: q values and cosines of the locations of one input, in networks with attention.
        quality: of a network that was read, how well; None for any other.
    """

    network: str
    findings: tuple[Finding, ...]
    levels: tuple[Level, ...]
    assumptions: tuple[str, ...]
    source: Network
    verdict: Verdict
    ntk: Float64[np.ndarray, " cosines"] | None = None
    tokens: tuple[TokenLevel, ...] = ()
    quality: Quality | None = None

    @property
    def ok(self) -> bool:
        """Whether there is nothing worse than a note."""
        return all(finding.severity == "note" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values that JSON can hold; what is not finite becomes None."""
        names = ("node", "depth", "q", "c_at_zero", "slope", "backward", "c_map")
        found = {
            "network": self.network,
            "ok": self.ok,
            "verdict": dataclasses.asdict(self.verdict),
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "cosines": COSINES,
            "levels": [{name: getattr(level, name) for name in names} for level in self.levels],
            "ntk": self.ntk,
            "tokens": [dataclasses.asdict(level) for level in self.tokens],
            "assumptions": self.assumptions,
        }
        if self.quality is not None:
            found["quality"] = dataclasses.asdict(self.quality)
        return {name: plain(value) for name, value in found.items()}

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw C maps by depth, slope, q value and gradient along the graph, and tokens.

        Arguments:
            path: a file ending in .png, .svg or .pdf.

        Raises:
            KernelcError: the file cannot be written, or its ending names no format.

        Example:
            >>> import kernelc as kc, pathlib, tempfile
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(16), kc.Activation("tanh"))(x))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     kc.diagnose(net).plot(pathlib.Path(folder) / "net.png")
        """
        panels = [c_maps(self.levels), profiles(self.levels), token_profiles(self.tokens)]
        draw(self.network, [panel for panel in panels if panel is not None], path)

    def finite(
        self,
        *,
        samples: int = 8,
        key: PRNGKeyArray | None = None,
        progress: bool | None = None,
    ) -> FiniteWidth:
        """Measure cosines and q values in networks of the widths given, beside the derived ones.

        The figures of a report are those of infinite width, from which a finite network differs
        by terms of order depth/width (Roberts, Yaida & Hanin 2022). Each sample draws weights
        (`kernelc.lower`) and ten inputs of given cosines and q value 1.

        Arguments:
            samples: how many networks to draw.
            key: a JAX random key; `jax.random.key(0)` unless given.
            progress: whether to show a bar for work over two seconds; None: on a terminal only.

        Returns:
            A `FiniteWidth`: its `c_map`, `c_spread` and `q` at each of its `levels`; print it.

        Raises:
            KernelcError: samples is no positive integer.
            UnsupportedError: networks with batch norm, and inputs of one channel.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(2000), kc.Activation("tanh"))(x))
            >>> kc.diagnose(net).finite(samples=2).gap < 0.1  # about 1 / sqrt(2000 * 2)
            True
        """
        return finite_width(self.source, self.levels, samples=samples, key=key, progress=progress)

    def to_html(
        self,
        path: str | os.PathLike[str],
        *,
        finite: bool | FiniteWidth = False,
        progress: bool | None = None,
    ) -> None:
        """Write one self-contained page: findings, figures, and the derived formulas.

        It asks for nothing else when it is read, and holds no script. Formulas are MathML
        (W3C, MathML Core), those of `derive`; where that refuses, the page says why.

        Arguments:
            path: where to; an old page is replaced in one step.
            finite: whether to measure finite networks as well, which takes longer; or what
                `finite` returned.
            progress: whether to show a bar for work over two seconds; None: on a terminal only.

        Raises:
            KernelcError: the file cannot be written, or finite networks cannot be measured.
            PackageError: Jinja or matplotlib is missing (`pip install 'kernelc[plot]'`).

        Example:
            >>> import kernelc as kc, pathlib, tempfile
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(16), kc.Activation("tanh"))(x))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     page = pathlib.Path(folder) / "net.html"
            ...     kc.diagnose(net).to_html(page)
            ...     "<math" in page.read_text(encoding="utf-8")
            True
        """
        if not isinstance(finite, bool | FiniteWidth):
            raise KernelcError(
                where="finite",
                found=f"an argument of type {type(finite).__name__}",
                law="a page shows finite networks, or it does not",
                remedy="pass True, False, or what report.finite() returned",
            )
        measured = finite if isinstance(finite, FiniteWidth) else None
        if finite is True:
            measured = self.finite(progress=progress)
        write_report(path, self, self._panels(measured), progress)

    def _panels(self, measured: FiniteWidth | None) -> list[Panel]:
        panels = [
            c_maps(self.levels),
            profiles(self.levels),
            token_profiles(self.tokens),
            spectra(self.source),
            ring(self.levels[-1], self.ntk),
            None if measured is None else finite_panel(measured),
        ]
        return [panel for panel in panels if panel is not None]

    def __str__(self) -> str:
        rows = [] if self.quality is None else _wrapped(str(self.quality), "", "  ")
        rows += [f"diagnosis of {self.network}: {self.summary}"]
        rows += [*_wrapped(str(self.verdict), "  ", "  "), ""]
        rows.append(_HEADER)
        rows += [
            f"  {level.node[:27]:<28}{level.depth:>6}{level.q:>12.4g}"
            f"{rounded(level.c_at_zero):>12.4g}{level.slope:>12.4g}"
            for level in thinned(self.levels, _MOST_ROWS)
        ]
        if self.tokens:
            rows += ["", _TOKENS]
        rows += [
            f"  {level.node[:27]:<28}{level.q[0]:>12.4g}{level.q[-1]:>12.4g}"
            f"{rounded(level.mean_cosine):>14.4g}{rounded(level.end_cosine):>16.4g}"
            for level in thinned(self.tokens, _MOST_ROWS)
        ]
        for finding in self.findings:
            rows += ["", *_told(finding)]
        rows += ["", *(f"  assumes {line}" for line in self.assumptions)]
        return "\n".join(rows)

    @property
    def summary(self) -> str:
        """How many findings there are of each severity, in words."""
        counts = Counter(finding.severity for finding in self.findings)
        words = {
            "critical": f"{counts['critical']} critical",
            "warning": f"{counts['warning']} warning{'s' * (counts['warning'] != 1)}",
            "note": f"{counts['note']} note{'s' * (counts['note'] != 1)}",
        }
        return ", ".join(text for key, text in words.items() if counts[key]) or "no findings"

    def __repr__(self) -> str:
        told = f"verdict={str(self.verdict)!r}, findings={self.summary!r}"
        return f"Report(network={self.network!r}, {told})"


def _told(finding: Finding) -> list[str]:
    rows = [f"  {finding.severity.upper()} {finding.kind} at {finding.node}"]
    parts = (
        ("measured", finding.measured),
        ("because", finding.law),
        ("so", finding.prediction),
        ("do", finding.remedy),
    )
    for label, text in parts:
        rows += _wrapped(text, f"    {label:<9} ", " " * 14)
    return rows


def _wrapped(text: str, first: str, then: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def plain(value: object) -> object:
    """The value as JSON can hold it; a number that is not finite becomes None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [
            plain(each) for each in (value.tolist() if isinstance(value, np.ndarray) else value)
        ]
    return value
