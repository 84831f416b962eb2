"""A sample of the fuzz run and every past failure; `python -m tests.fuzz` runs as many as asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


ROOT = Path(__file__).parents[2]


def test_a_sample_and_past_failures_are_refused_with_a_reason_or_answered():
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--count", "150", "--seed", "1", "--quiet"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
