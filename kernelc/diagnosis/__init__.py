"""Diagnosis: the pathologies of a network's kernel at initialization."""

from ._compare import Comparison as Comparison, compare as compare
from ._diagnose import diagnose as diagnose
from ._findings import Finding as Finding
from ._finite import FiniteWidth as FiniteWidth
from ._profile import Level as Level
from ._report import Report as Report
from ._verdict import Verdict as Verdict
