"""Derived kernels against the neural-tangents cases, through references of 40 digits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from networks import network

import kernelc as kc


CASES = json.loads(Path(__file__).with_name("neural_tangents.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_derived_kernels_agree_with_the_reference(case: dict[str, Any]) -> None:
    kernel = kc.derive(network(case["layers"], (10,)))
    largest = max(abs(pair["nngp"]) for pair in case["pairs"])
    steepest = max(abs(pair["ntk"]) for pair in case["pairs"])
    for pair in case["pairs"]:
        found = kernel.evaluate(c=pair["c"], q=case["q"])
        # Odd activations with a bias amplify rounding layer by layer; layer norm in the
        # reference adds an epsilon of 1e-12 to q. Both stay well below 1e-9.
        assert found.nngp == pytest.approx(pair["nngp"], rel=1e-9, abs=1e-9 * largest)
        assert found.ntk == pytest.approx(pair["ntk"], rel=1e-9, abs=1e-9 * steepest)
