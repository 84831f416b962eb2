"""Runs cases one after the other under limits; a case that breaks one kills this process."""

from __future__ import annotations

import base64
import faulthandler
import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from .case import Target, verdict
from .targets import TARGETS


CPU_SECONDS = 10
MEMORY = 2 * 2**30
_VIRTUAL = Path("/proc/self/statm")


def main() -> None:
    """Reads jobs from standard input, one JSON object per line, and writes their results."""
    faulthandler.register(signal.SIGPROF, file=sys.stderr, all_threads=False, chain=True)
    # Arguments of invalid values warn now and then; a warning is not an answer.
    warnings.simplefilter("ignore")
    out = sys.stdout
    sys.stdout = sys.stderr
    by_name = {target.name: target for target in TARGETS}
    for line in sys.stdin:
        job = json.loads(line)
        _answer(out, _done(by_name[job["target"]], job))


def _done(target: Target, job: dict[str, Any]) -> dict[str, Any]:
    if "case" in job:
        case = base64.b64decode(job["case"])
    else:
        case = target.draw(random.Random(f"{job['seed']} {target.name} {job['index']}"))
    Path(job["current"]).write_bytes(case)
    folder = Path(tempfile.mkdtemp(prefix="case-", dir=job["scratch"]))
    _limit_memory()
    # Counts the time this process computes, so that a busy machine changes no verdict.
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    start = time.process_time()
    try:
        found = verdict(target, case, folder)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        shutil.rmtree(folder, ignore_errors=True)
    return {"verdict": found, "seconds": time.process_time() - start}


def _limit_memory() -> None:
    """The memory mapped at the start plus 2 GiB, because JAX maps far more than it uses."""
    pages = int(_VIRTUAL.read_text().split()[0]) if _VIRTUAL.exists() else 0
    if pages:
        most = pages * resource.getpagesize() + MEMORY
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _answer(out: Any, answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
