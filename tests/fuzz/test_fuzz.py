"""A sample of the fuzz run and every past failure; `python -m tests.fuzz` runs as many as asked."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from . import supervise


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


def test_a_process_that_waits_is_ended_and_one_that_computes_is_not(monkeypatch):
    monkeypatch.setattr(supervise, "WALL_SECONDS", 2.0)
    busy = "import time\nend = time.process_time() + 3\nwhile time.process_time() < end: pass"
    for code, ended in (("import time; time.sleep(60)", True), (busy, False)):
        process = subprocess.Popen([sys.executable, "-c", code], text=True)
        answered = threading.Event()
        watch = threading.Thread(target=supervise._watch, args=(process, answered), daemon=True)
        watch.start()
        assert (process.wait() != 0) == ended
        answered.set()
        watch.join()
