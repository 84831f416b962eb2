"""Sends seeds to a worker process and restarts it after a seed that ended it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any


ROOT = Path(__file__).parents[2]
_WAIT = 0.5

Line = dict[str, Any]


def results(log: Path, seeds: range, options: Sequence[str]) -> Iterator[Line]:
    """The line of each seed, as soon as it is written.

    Arguments:
        log: file of lines; seeds that it has already are not run again.
        seeds: the networks.
        options: of the worker.
    """
    _cut(log)
    known = {line["seed"]: line for line in _lines(log.read_text()) if "began" not in line}
    yield from (known[seed] for seed in seeds if seed in known)
    first = seeds.start
    while first < seeds.stop:
        if first in known:
            first += 1
            continue
        stop = first
        while stop < seeds.stop and stop not in known:
            stop += 1
        yield from _stretch(log, first, stop, options)
        first = stop


def told(found: Iterable[Line]) -> str:
    """Counts of the results of all seeds."""
    counts: Counter[str] = Counter()
    for line in found:
        counts.update(line["counts"])
        counts.update(f"found: {finding['kind']}" for finding in line["findings"])
    return json.dumps(dict(sorted(counts.items())))


def _stretch(log: Path, first: int, stop: int, options: Sequence[str]) -> Iterator[Line]:
    while first < stop:
        command = [sys.executable, "-m", "tests.attack.worker", "--log", str(log)]
        command += ["--seeds", str(first), str(stop), *options]
        last: Line | None = None
        with tempfile.TemporaryFile("w+") as errors:
            worker = subprocess.Popen(command, cwd=ROOT, stderr=errors)
            for last in _written(log, worker):
                if "began" not in last:
                    yield last
            errors.seek(0)
            said = errors.read()
        if last is None:
            raise RuntimeError(f"the worker did not start: {said[-2000:]}")
        first = last["seed"] + 1
        if "began" in last:
            lost = _lost(last["seed"], worker.returncode, said)
            with log.open("a") as file:
                file.write(json.dumps(lost) + "\n")
            yield lost


def _written(log: Path, worker: subprocess.Popen[bytes]) -> Iterator[Line]:
    """Lines as the worker writes them, until it ends."""
    with log.open() as file:
        file.seek(0, 2)
        ended = False
        while not ended:
            ended = worker.poll() is not None
            yield from _new(file)
            time.sleep(0 if ended else _WAIT)


def _new(file: IO[str]) -> Iterator[Line]:
    while True:
        start, line = file.tell(), file.readline()
        if not line.endswith("\n"):
            file.seek(start)
            return
        yield json.loads(line)


def _lost(seed: int, code: int, said: str) -> Line:
    """The line of a seed that ended the worker: where in the package it was."""
    places = [line.strip() for line in said.splitlines() if line.strip().startswith("File ")]
    ours = [place for place in places if "/kernelc/" in place or "/attack/" in place]
    seen = " | ".join(ours)[:1000] or said[-500:]
    finding = {"kind": f"process ended ({code})", "seed": seed, "seen": seen, "spec": None}
    return {"seed": seed, "counts": {"networks": 1}, "findings": [finding]}


def _lines(text: str) -> list[Line]:
    return [json.loads(line) for line in text.splitlines()]


def _cut(log: Path) -> None:
    """Leaves whole lines alone: a kill may have cut the last one."""
    text = log.read_text() if log.exists() else ""
    log.write_text(text[: text.rfind("\n") + 1])
