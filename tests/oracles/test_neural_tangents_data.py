"""Kernels of data compared with all neural-tangents cases and their references."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import network

import kernelc as kc


DATA = json.loads(Path(__file__).with_name("neural_tangents_data.json").read_text())
CASES = {case["id"]: case for case in DATA["cases"]}

# What takes other arguments than `kernel_fn(network)`: id -> arguments.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "std_relu_L3": {"parameterization": "standard"},
    "std_relu_L3_nobias": {"parameterization": "standard"},
}

# Left out for time, each of them some seconds of compilation; cases that stay have between them
# all their features: the rule of the activation on inputs of like, unlike and almost equal
# cosines, a loop over equal layers or none, a q value that stays, moves or vanishes.
SMOOTH = ("erf", "gelu", "sin", "tanh_num")
EDGES = ("erf", "gelu", "abs")
THINNED = {
    # Dense: of depths, 3 stays (no loop) and 50 (a loop), and relu at 1; gelu and erf have their
    # loop in `edge`, tanh in `res_scaled`. Of weights, one that moves q stays for all, one that
    # keeps it for relu and leaky relu, one that shrinks it for relu. Gelu stays on inputs of
    # unlike q values.
    *(
        f"fc_{name}_{which}"
        for name in (*SMOOTH, "leaky02", "abs")
        for which in (
            *(f"L10_{weights}" for weights in ("Wsqrt2_0", "W1_0", "W1_0.1", "W1.5_0.1")),
            # At a fixed point of these activations, where the kernel is all but constant.
            *(f"L{depth}_{w}" for depth in (1, 3, 50) for w in ("W1_0", "W1_0.1")),
            *("L1_Wsqrt2_0", "L3_Wsqrt2_0", "L1_W1.5_0.1"),
        )
    ),
    *(f"fc_{name}_L50_Wsqrt2_0" for name in (*SMOOTH, "abs")),
    *(f"fc_{name}_L50_W1.5_0.1" for name in ("erf", "gelu", "tanh_num", "leaky02", "abs")),
    *(f"fc_relu_L10_{weights}" for weights in ("Wsqrt2_0", "W1_0", "W1_0.1", "W1.5_0.1")),
    *("fc_relu_L3_W1_0", "fc_relu_L50_W1_0.1", "fc_gelu_L3_W1.5_0.1"),
    # Inputs that are almost equal or opposite: 50 stays for all, and relu at 3.
    *(f"edge_{name}_L3" for name in EDGES),
    # Convolutions: for each activation every padding and every head stays, for relu with a loop.
    *(
        f"conv_{name}_{which}"
        for name in ("erf", "gelu")
        for which in (
            *(f"SAME_L4_{head}" for head in ("gap", "flatten")),
            *(f"CIRCULAR_L4_{head}" for head in ("gap", "flatten")),
        )
    ),
    *("conv_erf_CIRCULAR_L1_flatten", "conv_erf_SAME_L1_gap"),
    *("conv_gelu_CIRCULAR_L1_gap", "conv_gelu_SAME_L1_flatten"),
    *("conv_relu_CIRCULAR_L4_gap", "conv_relu_CIRCULAR_L4_flatten", "conv_relu_SAME_L4_flatten"),
    *("conv_relu_CIRCULAR_L1_flatten", "conv_relu_SAME_L1_gap", "conv_res_relu_flat"),
    # Sums: each form stays for relu, and each activation in one form.
    *(f"res_{form}_{name}" for form in ("pre", "scaled") for name in ("erf_B10", "gelu_B10")),
    *(f"res_pre_tanh_num_B{count}" for count in (2, 10)),
    *(f"res_pre2_{name}_B4" for name in ("erf", "gelu", "tanh_num")),
    "res_pre_relu_B2",
}

OWN = 1e-6
REFERENCE = 1e-11
# Odd activations with a slope above 1 at c = 1 amplify the rounding of <x, x'> layer by layer:
# 50 layers of erf, from an angle of 1e-6 (1e-11 off) and from one of pi - 1e-6, where what is
# carried is the gap, 2 less 5e-13 with a rounding of 4e-16 (1e-10 off).
CHAOTIC = {"edge_erf_L50": 2e-10, "fc_sin_L50_W1.5_0.1": 1e-9}
# Two of the inputs `edge` are 1e-7 apart: their gap of 1e-14 is the last digit of a product in
# float64, and the NTK shows the root of that. Differences of inputs, which "gap" asks for, hold.
CLOSE = {"edge_relu_L3", "edge_relu_L50", "edge_abs_L3", "edge_abs_L50"}
# The opposite of one of them is 1e-7 from the opposite of the other: 1 + c is such a last digit.
OPPOSITE = {5: 1e-8}


def inputs(case: dict[str, Any]) -> tuple[np.ndarray, np.ndarray | None]:
    second = case["x2"]
    return np.array(DATA["inputs"][case["x1"]]), second and np.array(DATA["inputs"][second])


def reference(case: dict[str, Any], name: str) -> np.ndarray:
    """The whole matrix; of a symmetric one, rows are stored from the diagonal on."""
    rows = case[f"{name}_ref"]
    if case["x2"] is not None:
        return np.array(rows)
    matrix = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        matrix[i, i:] = matrix[i:, i] = row
    return matrix


def kernels(identifier: str) -> kc.KernelMatrices:
    case = CASES[identifier]
    x1, x2 = inputs(case)
    k = kc.kernel_fn(network(case["layers"], x1.shape[1:]), **ARGUMENTS.get(identifier, {}))
    return k(x1, x2, get=("nngp", "ntk", "gap") if identifier in CLOSE else ("nngp", "ntk"))


def tolerances(identifier: str, shape: tuple[int, ...]) -> np.ndarray:
    """Of each entry, relative to the largest, or to itself unless it is tiny."""
    allowed = np.full(shape, CHAOTIC.get(identifier, REFERENCE))
    if identifier in CLOSE:
        for i, more in OPPOSITE.items():
            allowed[i, :] = allowed[:, i] = more
    return allowed


@pytest.mark.parametrize("identifier", sorted(set(CASES) - THINNED))
def test_kernels_of_data_agree_with_neural_tangents_and_the_reference(identifier: str) -> None:
    case, found = CASES[identifier], kernels(identifier)
    for name in ("nngp", "ntk"):
        matrix, exact, own = getattr(found, name), reference(case, name), np.array(case[name])
        largest = np.abs(exact).max()
        # Its tanh is a quadrature of degree 100 that may be further off than that.
        allowed = max(OWN, 1.01 * float(np.abs(own - exact).max() / largest))
        assert np.abs(matrix - own).max() <= allowed * largest
        # Layer norm has an epsilon of 1e-12 in the reference, which moves all entries by 2e-12.
        rounding = tolerances(identifier, exact.shape)
        off = np.abs(matrix - exact)
        assert np.all(off <= rounding * largest)
        large = np.abs(exact) > 1e-3 * largest
        assert np.all(off[large] <= (rounding * np.abs(exact))[large])


def test_every_case_that_is_named_is_a_case() -> None:
    assert THINNED | set(ARGUMENTS) | set(CHAOTIC) | CLOSE <= set(CASES)
    assert len(CASES) == 199


def test_the_nngp_knows_no_parameterization() -> None:
    case = CASES["std_relu_L3"]
    x1, _ = inputs(case)
    found = kc.kernel_fn(network(case["layers"], x1.shape[1:]))(x1, get="nngp").nngp
    exact = reference(case, "nngp")
    np.testing.assert_allclose(found, exact, rtol=REFERENCE, atol=REFERENCE)
