"""The log of a matrix: a file with one line of JSON for each run that is complete.

A run is appended by one write under a lock, so cells may run side by side. Of two lines with one
name the later one counts.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
from pathlib import Path
from typing import Any

from settings import Run


Records = dict[str, dict[str, Any]]


def describe(run: Run) -> dict[str, Any]:
    """All that the run depends on."""
    cell = dataclasses.asdict(run.cell)
    # What else is tried does not change this run.
    del cell["rates"], cell["seeds"]
    # Left out where nothing is augmented, so that logs from before there was this are of the run.
    if not cell["augment"]:
        del cell["augment"]
    return {**cell, "rate": run.rate, "seed": run.seed}


def read(log: Path) -> Records:
    """The runs of a log by name; none where there is no file."""
    found = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue  # cut off while it was written: that run is done again
        found[entry["name"]] = entry
    return found


def finished(records: Records, run: Run) -> dict[str, Any] | None:
    """What the log says of this very run; None where it says nothing, or has other settings."""
    entry = records.get(run.name)
    same = entry is not None and entry["run"] == json.loads(json.dumps(describe(run)))
    return entry if same else None


def append(log: Path, run: Run, found: dict[str, Any]) -> dict[str, Any]:
    """Add what a run has found to the log; returns the whole entry."""
    entry = {"name": run.name, "run": describe(run), **found}
    log.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(entry) + "\n"
    with log.open("ab+", buffering=0) as file:
        # The line that another run is writing would look cut off.
        fcntl.flock(file, fcntl.LOCK_EX)
        # A line that was cut off ends here, so that it spoils no other.
        if file.seek(0, os.SEEK_END) and not _ends_a_line(file):
            line = "\n" + line
        file.write(line.encode())
    return entry


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
