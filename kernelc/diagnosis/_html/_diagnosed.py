"""What a page shows of a report: pages are made without knowing its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ...ir import Network
from .._findings import Finding
from .._profile import Level
from .._verdict import Verdict


class Diagnosed(Protocol):
    """What `diagnose` found; `Report` describes each part."""

    @property
    def network(self) -> str: ...
    @property
    def source(self) -> Network: ...
    @property
    def findings(self) -> Sequence[Finding]: ...
    @property
    def levels(self) -> Sequence[Level]: ...
    @property
    def assumptions(self) -> Sequence[str]: ...
    @property
    def verdict(self) -> Verdict: ...
    @property
    def summary(self) -> str: ...
