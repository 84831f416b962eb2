"""Report: the findings of a diagnosis with the figures they rest on."""

from __future__ import annotations

import dataclasses
import math
import os
import textwrap
from typing import Any

from ._findings import Finding
from ._measure import COSINES, Level
from ._plot import draw


_WIDTH = 96
_MOST_ROWS = 12
_HEADER = "  {:<28}{:>6}{:>12}{:>12}{:>12}".format("node", "depth", "q", "C_f(0)", "C_f'(1)")


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """What `diagnose` returns.

    Arguments:
        network: name of the network.
        findings: what is wrong, the worst first.
        levels: q value, C map and slope at the nodes that all paths pass through.
        assumptions: what the figures take for granted.
    """

    network: str
    findings: tuple[Finding, ...]
    levels: tuple[Level, ...]
    assumptions: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there is nothing worse than a note."""
        return all(finding.severity == "note" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values that JSON can hold; what is not finite becomes None."""
        return {
            "network": self.network,
            "ok": self.ok,
            "findings": [_plain(dataclasses.asdict(finding)) for finding in self.findings],
            "cosines": COSINES.tolist(),
            "levels": [
                _plain(
                    {
                        "node": level.node,
                        "depth": level.depth,
                        "q": level.q,
                        "c_at_zero": level.c_at_zero,
                        "slope": level.slope,
                        "c_map": [_finite(float(c)) for c in level.c_map],
                    }
                )
                for level in self.levels
            ],
            "assumptions": list(self.assumptions),
        }

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws C maps by depth, and slope and q value over depth (png, svg or pdf)."""
        draw(self.network, self.levels, path)

    def __str__(self) -> str:
        rows = [f"diagnosis of {self.network}: {self._summary()}", ""]
        rows.append(_HEADER)
        rows += [
            f"  {level.node[:27]:<28}{level.depth:>6}{level.q:>12.4g}"
            f"{_rounded(level.c_at_zero):>12.4g}{level.slope:>12.4g}"
            for level in thinned(self.levels, _MOST_ROWS)
        ]
        for finding in self.findings:
            rows += ["", *_told(finding)]
        rows += ["", *(f"  assumes {line}" for line in self.assumptions)]
        return "\n".join(rows)

    def _summary(self) -> str:
        if not self.findings:
            return "no findings"
        counts = {"critical": 0, "warning": 0, "note": 0}
        for finding in self.findings:
            counts[finding.severity] += 1
        return ", ".join(f"{count} {severity}" for severity, count in counts.items() if count)

    def __repr__(self) -> str:
        return f"<diagnosis of {self.network}: {self._summary()}>"


def thinned(levels: tuple[Level, ...], most: int) -> list[Level]:
    """At most `most` levels, evenly over the depth, the first and the last among them."""
    if len(levels) <= most:
        return list(levels)
    step = (len(levels) - 1) / (most - 1)
    return [levels[round(i * step)] for i in range(most)]


def _told(finding: Finding) -> list[str]:
    rows = [f"  {finding.severity.upper()} {finding.kind} at {finding.node}"]
    parts = (
        ("measured", finding.measured),
        ("because", finding.law),
        ("so", finding.prediction),
        ("do", finding.remedy),
    )
    for label, text in parts:
        rows += textwrap.wrap(
            text,
            _WIDTH,
            initial_indent=f"    {label:<9} ",
            subsequent_indent=" " * 14,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return rows


def _rounded(c: float) -> float:
    """Cosines carry rounding errors of about 1e-16: what is below shows as 0."""
    return c if abs(c) > 1e-15 else 0.0


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _finite(value) for name, value in values.items()}
