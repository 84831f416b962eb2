"""The command: random networks through kernelc and the evaluator; prints what disagrees."""

from __future__ import annotations

import argparse
import json
import sys
import warnings

from tqdm import tqdm

from .compare import CHECKS, Attack


def main() -> int:
    """Runs the networks; 1 when one disagreed."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--count", type=int, default=5_000, help="how many networks")
    parser.add_argument("--what", default=",".join(CHECKS), help="checks, comma-separated")
    parser.add_argument("--patience", type=float, default=1.0, help="factor on time limits")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    arguments = parser.parse_args()
    checks = arguments.what.split(",")
    if unknown := sorted(set(checks) - set(CHECKS)):
        parser.error(f"no checks {', '.join(unknown)}: there are {', '.join(CHECKS)}")
    warnings.simplefilter("ignore")
    attack = Attack(checks, arguments.patience)
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    for seed in tqdm(seeds, disable=arguments.quiet, mininterval=2):
        known = len(attack.findings)
        attack.seed(seed)
        for finding in attack.findings[known:]:
            tqdm.write(f"{finding.kind} seed={finding.seed} {finding.seen}")
            tqdm.write(f"    {json.dumps(finding.spec)}")
    print(json.dumps(dict(sorted(attack.counts.items()))))
    return 1 if attack.findings else 0


if __name__ == "__main__":
    sys.exit(main())
