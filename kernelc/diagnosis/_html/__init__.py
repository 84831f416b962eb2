"""Diagnoses as pages that need nothing but themselves."""

from ._comparison_page import comparison_page as comparison_page
from ._report_page import report_page as report_page
from ._write import write_page as write_page
