"""Hands cases to a worker process, and notes which one ended it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


ROOT = Path(__file__).parents[2]
WALL_SECONDS = 300
"""A case that computes nothing in this time is ended here; what computes is ended by the worker."""


@dataclass(frozen=True)
class Outcome:
    """The result of one case."""

    target: str
    case: bytes
    verdict: str
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether it was refused with a reason or answered rightly."""
        return self.verdict in ("accepted", "refused")


class Worker:
    """A worker process that is restarted after each case that ends it."""

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="fuzz-")
        self._current = Path(self._scratch.name) / "current"
        self._errors = Path(self._scratch.name) / "errors"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._scratch.cleanup()

    def run(self, target: str, job: Mapping[str, Any]) -> Outcome:
        """One case: `job` has a `case` in base64, or a `seed` and an `index` to draw it with."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        paths = {"current": str(self._current), "scratch": self._scratch.name}
        process.stdin.write(json.dumps({"target": target, **paths, **job}) + "\n")
        process.stdin.flush()
        answered = threading.Event()
        threading.Thread(target=_watch, args=(process, answered), daemon=True).start()
        line = process.stdout.readline()
        answered.set()
        case = self._current.read_bytes() if self._current.exists() else b""
        if line:
            answer = json.loads(line)
            return Outcome(target, case, answer["verdict"], answer["seconds"])
        self._stop()
        return Outcome(target, case, f"process ended ({process.returncode}): {self._where()}", 0.0)

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = [sys.executable, "-m", "tests.fuzz.worker"]
            with self._errors.open("w") as errors:
                self._process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _where(self) -> str:
        """The line of kernelc that the worker was at, from its last output."""
        lines = self._errors.read_text(errors="replace").splitlines()
        ours = [
            line.strip() for line in lines if "/kernelc/" in line and "site-packages" not in line
        ]
        shown = ours[:1] or [line for line in lines[-3:] if line.strip()]
        return " | ".join(shown)[-200:]


def _watch(process: subprocess.Popen[str], answered: threading.Event) -> None:
    """Ends a process that waits; on a crowded machine one that computes may take any time."""
    before = None
    while not answered.wait(WALL_SECONDS):
        if (now := _computed(process.pid)) == before:
            process.kill()
        before = now


def _computed(process: int) -> str:
    """Time a process has computed, in ticks; the same text for ever where there is no /proc."""
    path = Path(f"/proc/{process}/stat")
    if not path.exists():
        return ""
    return " ".join(path.read_text().rpartition(")")[2].split()[11:13])


def shares(weights: Mapping[str, int], count: int) -> Iterator[tuple[str, int]]:
    """(target, index) of `count` cases, targets in turn as their weights say."""
    whole = sum(weights.values())
    made = dict.fromkeys(weights, 0)
    for i in range(count):
        name = max(weights, key=lambda n: weights[n] * (i + 1) / whole - made[n])
        yield name, made[name]
        made[name] += 1
