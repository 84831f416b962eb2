"""The command: random networks through kernelc and the evaluator; prints what disagrees."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from .compare import CHECKS
from .supervise import Line, results, told
from .worker import line_of


def main() -> int:
    """Runs the networks; 1 when one disagreed."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, default=5_000, help="how many networks")
    parser.add_argument("--what", default=",".join(CHECKS), help="checks, comma-separated")
    parser.add_argument("--patience", type=float, default=1.0, help="factor on time limits")
    parser.add_argument("--log", type=Path, help="file of one line a network; goes on from it")
    parser.add_argument("--seconds", type=float, default=180.0, help="of computing, with --log")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    arguments = parser.parse_args()
    checks = arguments.what.split(",")
    if unknown := sorted(set(checks) - set(CHECKS)):
        parser.error(f"no checks {', '.join(unknown)}: there are {', '.join(CHECKS)}")
    warnings.simplefilter("ignore")
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    found = []
    for line in tqdm(_lines(arguments, seeds), total=len(seeds), disable=arguments.quiet):
        found.append(line)
        for finding in line["findings"]:
            tqdm.write(f"{finding['kind']} seed={finding['seed']} {finding['seen']}")
            tqdm.write(f"    {json.dumps(finding['spec'])}")
    print(told(found))
    return 1 if any(line["findings"] for line in found) else 0


def _lines(arguments: argparse.Namespace, seeds: range) -> Iterator[Line]:
    """The result of each network, computed here or in a process that may be killed."""
    if arguments.log is None:
        return (line_of(seed, arguments.what, arguments.patience) for seed in seeds)
    options = [f"--{name}={getattr(arguments, name)}" for name in ("what", "patience", "seconds")]
    return results(arguments.log, seeds, options)


if __name__ == "__main__":
    sys.exit(main())
