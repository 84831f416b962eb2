"""The list of slow tests names tests that there are: a name of another time would mark none."""

from __future__ import annotations

import re
from pathlib import Path


ROOT = Path(__file__).parents[1]


def _exists(name: str) -> bool:
    path, _, test = name.partition("::")
    file = ROOT / path
    if not file.exists():
        return False
    function = test.partition("[")[0].rpartition("::")[2].rpartition(".")[2]
    return re.search(rf"^ *(def|class) {re.escape(function)}\b", file.read_text(), re.M) is not None


def test_slow_tests_exist() -> None:
    names = (ROOT / "tests" / "slow.txt").read_text().splitlines()
    assert [name for name in names if not _exists(name)] == []
