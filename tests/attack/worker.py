"""Runs seeds one after the other under limits; writes one line each, so that no kill loses any."""

from __future__ import annotations

import argparse
import dataclasses
import faulthandler
import json
import resource
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import jax

from .compare import Attack


MEMORY = 6 * 2**30
# Compiled programs are kept by JAX; this many networks fill about 1 GiB.
_KEPT = 20


def main() -> None:
    """The seeds of the arguments; a seed that breaks a limit ends this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs=2, help="first seed, and the one to stop at")
    parser.add_argument("--what")
    parser.add_argument("--patience", type=float)
    parser.add_argument("--seconds", type=float, help="of computing for one network")
    parser.add_argument("--log", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    faulthandler.register(signal.SIGPROF, file=sys.stderr, chain=True)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    with arguments.log.open("a") as log:
        for seed in range(*arguments.seeds):
            _write(log, {"seed": seed, "began": True})
            _write(log, _limited(seed, arguments))
            if seed % _KEPT == 0:
                jax.clear_caches()


def _limited(seed: int, arguments: Any) -> dict[str, Any]:
    # Counts what this process computes, XLA's compiler too, and ends it: no handler could.
    signal.setitimer(signal.ITIMER_PROF, arguments.seconds)
    line = line_of(seed, arguments.what, arguments.patience)
    signal.setitimer(signal.ITIMER_PROF, 0)
    return line


def line_of(seed: int, what: str, patience: float) -> dict[str, Any]:
    """The result of the random network of this seed, as plain data.

    Arguments:
        what: names of checks, comma-separated.
        patience: factor on time limits.
    """
    attack = Attack(what.split(","), patience)
    start = time.process_time()
    attack.seed(seed)
    return {
        "seed": seed,
        "cpu": round(time.process_time() - start, 2),
        "counts": dict(attack.counts),
        "findings": [dataclasses.asdict(finding) for finding in attack.findings],
    }


def _write(log: Any, line: dict[str, Any]) -> None:
    log.write(json.dumps(line) + "\n")
    log.flush()


if __name__ == "__main__":
    main()
