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
    """All settings that the run depends on."""
    cell = dataclasses.asdict(run.cell)
    # The other rates and seeds do not change this run.
    del cell["rates"], cell["seeds"]
    # Omitted without augmentation, so that logs without this field still match.
    if not cell["augment"]:
        del cell["augment"]
    return {**cell, "rate": run.rate, "seed": run.seed}


def read(log: Path) -> Records:
    """The runs of a log by name; empty if there is no file."""
    found = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue  # truncated while it was written: repeat that run
        found[entry["name"]] = entry
    return found


def finished(records: Records, run: Run) -> dict[str, Any] | None:
    """The entry of this run in the log; None if it is missing or has other settings."""
    entry = records.get(run.name)
    same = entry is not None and entry["run"] == json.loads(json.dumps(describe(run)))
    return entry if same else None


def append(log: Path, run: Run, found: dict[str, Any]) -> dict[str, Any]:
    """Add the results of a run to the log; returns the entry."""
    entry = {"name": run.name, "run": describe(run), **found}
    log.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(entry) + "\n"
    with log.open("ab+", buffering=0) as file:
        # A line that another run is writing would look truncated.
        fcntl.flock(file, fcntl.LOCK_EX)
        # End a truncated line, so that it does not merge with the next.
        if file.seek(0, os.SEEK_END) and not _ends_a_line(file):
            line = "\n" + line
        file.write(line.encode())
    return entry


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
