"""Importing training loads neither plotting nor data packages."""

from __future__ import annotations

import subprocess
import sys


def test_heavy_libraries_wait_until_they_are_used():
    code = (
        "import sys, kernelc.training, kernelc.data;"
        "print([m for m in ('matplotlib', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
