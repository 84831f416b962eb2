"""The command: draws cases, runs them, keeps failures and prints a summary."""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .supervise import Outcome, Worker, shares
from .weights import WEIGHTS


CORPUS = Path(__file__).parent / "corpus"


def main() -> int:
    """Runs cases; 1 when one was neither refused with a reason nor answered rightly."""
    arguments = _arguments()
    kinds = {n: w for n, w in WEIGHTS.items() if not arguments.target or n in arguments.target}
    outcomes: list[Outcome] = []
    with Worker() as worker:
        jobs = list(_jobs(kinds, arguments))
        for target, job in tqdm(jobs, disable=arguments.quiet, mininterval=2):
            outcome = worker.run(target, job)
            outcomes.append(outcome)
            if not outcome.sound:
                tqdm.write(f"{target}: {outcome.verdict}", file=sys.stderr)
                _keep(outcome, arguments.found)
    print(_told(outcomes))
    return 0 if all(outcome.sound for outcome in outcomes) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="cases to draw")
    parser.add_argument("--seed", type=int, default=0, help="of the cases")
    parser.add_argument("--start", type=int, default=0, help="index of the first case")
    parser.add_argument("--target", action="append", choices=sorted(WEIGHTS), help="only these")
    parser.add_argument("--no-corpus", action="store_true", help="leave out past failures")
    parser.add_argument("--found", type=Path, help="folder for the cases that went wrong")
    parser.add_argument("--quiet", action="store_true", help="no bar")
    parser.add_argument("files", nargs="*", type=Path, help="run these cases of one --target only")
    return parser.parse_args()


def _jobs(kinds: dict[str, int], arguments: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    files = [(arguments.target[0], path) for path in arguments.files if arguments.target]
    if not files and not arguments.no_corpus:
        files = [(name, path) for name in kinds for path in sorted((CORPUS / name).glob("*"))]
    for name, path in files:
        yield name, {"case": base64.b64encode(path.read_bytes()).decode()}
    if not arguments.files:
        for name, index in shares(kinds, arguments.count):
            yield name, {"seed": arguments.seed, "index": arguments.start + index}


def _keep(outcome: Outcome, folder: Path | None) -> None:
    if folder is not None:
        place = folder / outcome.target
        place.mkdir(parents=True, exist_ok=True)
        (place / hashlib.sha256(outcome.case).hexdigest()[:16]).write_bytes(outcome.case)


def _told(outcomes: list[Outcome]) -> str:
    rows = [f"{'target':<12}{'cases':>8}{'accepted':>10}{'refused':>9}{'wrong':>7}{'longest':>10}"]
    by_target: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_target[outcome.target].append(outcome)
    for name, group in [*by_target.items(), ("all", outcomes)]:
        count = Counter(each.verdict if each.sound else "wrong" for each in group)
        longest = max((each.seconds for each in group), default=0.0)
        rows.append(
            f"{name:<12}{len(group):>8,}{count['accepted']:>10,}{count['refused']:>9,}"
            f"{count['wrong']:>7,}{longest:>9.1f}s"
        )
    kinds = Counter(f"{each.target}: {each.verdict}" for each in outcomes if not each.sound)
    return "\n".join([*rows, *(f"{count:>6} x {kind}" for kind, count in kinds.most_common())])


if __name__ == "__main__":
    sys.exit(main())
