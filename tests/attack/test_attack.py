"""A sample of random networks and every past failure; `python -m tests.attack` runs 5,000."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .compare import CHECKS, Attack, Finding
from .supervise import results, told


PAST = json.loads((Path(__file__).parent / "past.json").read_text())
# Seconds of a busy machine: what is slow is judged by the whole run.
PATIENCE = 4.0
SAMPLE = 24


def shown(findings: list[Finding]) -> str:
    return "\n".join(f"{f.kind} seed={f.seed} {f.seen} {json.dumps(f.spec)}" for f in findings)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first", range(0, SAMPLE, 6))
def test_a_sample_of_random_networks(first: int) -> None:
    attack = Attack(("derive", "json"), patience=PATIENCE)
    for seed in range(10_000 + first, 10_000 + first + 6):
        attack.seed(seed)
    assert not attack.findings, shown(attack.findings)
    assert attack.counts["derive compared"] > 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("past", PAST, ids=lambda past: past["wrong"])
def test_a_past_failure_stays_mended(past: dict) -> None:
    attack = Attack(past.get("what", ("derive", "json")), PATIENCE, past.get("point"))
    attack.network(past["spec"], past["seed"])
    assert not attack.findings, shown(attack.findings)


@pytest.mark.attack
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first", range(0, 5_000, 100))
def test_five_thousand_random_networks(first: int) -> None:
    attack = Attack(CHECKS, patience=PATIENCE)
    for seed in range(first, first + 100):
        attack.seed(seed)
    assert not attack.findings, shown(attack.findings)


def test_a_network_that_breaks_a_limit_is_a_line_and_the_next_ones_run(tmp_path: Path) -> None:
    log, options = tmp_path / "log.jsonl", ["--what=json", "--patience=4"]
    # A kill in the middle of a line leaves part of one.
    log.write_text('{"seed": 3, "counts": {"networks": 1}, "findings": []}\n{"seed": 4, "be')
    lines = list(results(log, range(2, 4), [*options, "--seconds=0.001"]))
    assert [line["seed"] for line in lines] == [3, 2]
    assert lines[1]["findings"][0]["kind"].startswith("process ended")
    lines += results(log, range(4, 6), [*options, "--seconds=100"])
    assert [line["seed"] for line in lines] == [3, 2, 4, 5]
    assert json.loads(told(lines)) == {
        "found: process ended (-27)": 1,
        "json compared": 2,
        "networks": 4,
    }
