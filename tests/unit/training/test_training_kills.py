"""A sample of tests/kills.py: runs that are killed go on as if they had not been."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


ROOT = Path(__file__).parents[3]


def test_killed_runs_go_on_as_if_they_had_not_been() -> None:
    done = subprocess.run(
        [sys.executable, "tests/kills.py", "--kills", "2", "--only", "kills"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kills 2" in done.stdout
    assert "ended equal 1" in done.stdout
