"""The local solvers against parameters solved in 40-digit arithmetic."""

import json
import math
from pathlib import Path

import pytest

from kernelc._errors import UnreachableError
from kernelc.activations import named
from kernelc.shaping import leaky_relu_c_map, solve_dks, solve_tat


ROWS = json.loads(Path(__file__).with_name("dks_exact_params.json").read_text())["rows"]
ODD = {"tanh", "erf", "asinh", "atan", "softsign", "sin"}
# The reference takes the first root its random starts meet; here the smaller αγ is kept at every
# depth. Its own answers of these rows change branch between neighboring depths.
OTHER_BRANCH = {64, 65, 79, 103, 107, 126, 128, 129, 130}
SOLVABLE = [
    row
    for row in ROWS
    if "params" in row
    and row["target"] is not None
    and row["activation"] != "relu"
    and (row["activation"], row["method"]) not in {("selu", "TAT"), ("leaky_relu", "TAT")}
]


def label(row):
    return f"{row['id']}-{row['activation']}-{row['method']}-{row['net']['name']}"


def solved(row):
    solve = solve_dks if row["method"] == "DKS" else solve_tat
    return solve(named(row["activation"]), float(row["target"]))


def images(name, beta, delta):
    """(β, δ) of every solution that mirrors or shifts into this one."""
    yield beta, delta
    if name in ODD:
        yield -beta, -delta
    if name == "sigmoid":
        yield -beta, -1 - delta
    if name == "sin":
        for k in (-2, -1, 0, 1, 2):
            yield beta + 2 * math.pi * k, delta
            yield math.pi - beta + 2 * math.pi * k, delta
            yield math.pi + beta + 2 * math.pi * k, -delta
            yield -beta + 2 * math.pi * k, -delta


@pytest.mark.parametrize("row", SOLVABLE, ids=label)
def test_the_exact_constants_are_found(row):
    p = {key: float(value) for key, value in row["params"].items()}
    t = solved(row)
    if row["id"] in OTHER_BRANCH:
        assert t.alpha * t.gamma < 0.99 * abs(p["input_scale"] * p["output_scale"])
        return
    # float64 targets carry 1e-16/(psi-1), about 3e-14 here, into the constants.
    close = {"rel": 1e-11, "abs": 1e-11}
    assert t.alpha == pytest.approx(abs(p.get("input_scale", 1.0)), **close)
    assert t.gamma == pytest.approx(p["output_scale"], **close)
    if t.negative_slope is not None:
        assert t.negative_slope == pytest.approx(p["negative_slope"], **close)
    mirrored = images(row["activation"], p["input_shift"], p["output_shift"])
    assert any((t.beta, t.delta) == pytest.approx(image, **close) for image in mirrored)


@pytest.mark.parametrize("row", [r for r in ROWS if r["activation"] == "relu"], ids=label)
def test_relu_is_refused_where_the_reference_drops_a_condition(row):
    with pytest.raises(UnreachableError):
        solved(row)


@pytest.mark.parametrize(
    "row",
    [r for r in ROWS if r.get("achievable") and r["net"]["kind"] == "chain"],
    ids=label,
)
def test_the_leaky_relu_chain_reaches_its_value_at_zero(row):
    c, c_map = 0.0, leaky_relu_c_map(row["params"]["negative_slope"])
    for _ in range(row["net"]["depth"]):
        c = c_map(c)
    assert c == pytest.approx(0.9, abs=1e-12)  # rounding of 1,000 compositions
