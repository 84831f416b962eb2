"""Diagnosis: the pathologies of a network's kernel at initialisation."""

from ._diagnose import diagnose as diagnose
from ._findings import Finding as Finding
from ._measure import Level as Level
from ._report import Report as Report
