"""Diagnosis: the pathologies of a network's kernel at initialization."""

from ._by_node import (
    Figure as Figure,
    MeasuredNode as MeasuredNode,
    Measurement as Measurement,
    measure as measure,
)
from ._compare import Comparison as Comparison, compare as compare
from ._diagnose import diagnose as diagnose
from ._findings import Finding as Finding
from ._finite import FiniteWidth as FiniteWidth
from ._profile import Level as Level
from ._quality import Quality as Quality
from ._report import Report as Report
from ._verdict import Verdict as Verdict
