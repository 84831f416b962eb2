"""Diagnosis: known pathologies are found with their figures, healthy networks are left alone."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import sympy

import kernelc as kc
import nets
from kernelc.diagnosis import diagnose


def chain(activation, depth, head=3, **dense):
    x = kc.Input((8,))
    block = kc.chain(kc.Dense(128, **dense), kc.Activation(activation))
    return kc.Network(x, kc.chain(kc.repeat(block, depth), kc.Dense(head))(x), name="net")


def kinds(report, severity=None):
    return [f.kind for f in report.findings if severity in (None, f.severity)]


def finding(report, kind):
    return next(f for f in report.findings if f.kind == kind)


def test_fifty_relu_layers_collapse():
    report = diagnose(chain("relu", 50, weight_std=math.sqrt(2)))
    assert kinds(report, "critical") == ["collapse"]
    # The arc-cosine C map (Cho & Saul 2009) iterated 50 times from 0.
    c = 0.0
    crossed = None
    for depth in range(1, 51):
        c = (math.sqrt(1 - c * c) + (math.pi - math.acos(c)) * c) / math.pi
        crossed = depth if crossed is None and c > 0.95 else crossed
    found = finding(report, "collapse")
    assert found.value == pytest.approx(c, abs=1e-10)  # 50 steps of 1e-14
    assert found.node == f"activation_{crossed}"
    assert report.levels[-1].slope == pytest.approx(1, rel=1e-10)
    assert not report.ok


@pytest.mark.parametrize("activation", ["tanh", "erf"])
def test_fifty_layers_at_sigma_w_two_explode(activation):
    report = diagnose(chain(activation, 50, weight_std=2.0))
    assert kinds(report, "critical") == ["explosion"]
    assert finding(report, "explosion").value > 1e6


def test_the_slope_is_the_derivative_of_the_derived_c_map():
    # erf has a closed C map: differentiate what derive gives.
    net = chain("erf", 3, weight_std=1.5, bias_std=0.2)
    kernel = kc.derive(net, q=1)
    slope = sympy.diff(kernel.c_map.doit(), kernel.c).subs(kernel.c, 1).evalf()
    assert diagnose(net).levels[-1].slope == pytest.approx(float(slope), rel=1e-10)


def test_slopes_of_sums_and_products_follow_the_rules_of_jets():
    x = kc.Input((8,))
    dense = kc.Dense(16)(x)
    branches = [kc.chain(kc.Activation("tanh"), kc.Dense(16))(dense) for _ in range(2)]
    total = kc.WeightedSum((0.6, 0.8))(dense, branches[0])
    local = diagnose(kc.Network(x, branches[0])).levels[-1]
    q, slope = local.q, local.slope
    summed = diagnose(kc.Network(x, total)).levels[-1]
    assert summed.q == pytest.approx(0.36 + 0.64 * q, rel=1e-12)
    assert summed.slope == pytest.approx((0.36 + 0.64 * q * slope) / summed.q, rel=1e-12)
    product = diagnose(kc.Network(x, kc.Product()(*branches))).levels[-1]
    assert product.slope == pytest.approx(2 * slope, rel=1e-12)


@pytest.mark.parametrize(
    ("activation", "target"),
    [("tanh", kc.DKS()), ("leaky_relu", kc.TAT(eta=0.9)), ("softplus", kc.TAT(tau=0.3))],
)
def test_shaped_networks_have_no_bad_finding(activation, target):
    report = diagnose(kc.shape(chain(activation, 50), target, rewrite=True))
    assert report.ok
    assert report.findings == ()


@pytest.mark.parametrize("activation", ["tanh", "leaky_relu", "relu"])
def test_remedies_run_and_mend(activation):
    net = chain(activation, 50, weight_std=2.0)
    call = finding(diagnose(net), "explosion" if activation == "tanh" else "collapse").remedy
    shaped = eval(call, {"kernelc": kc, "net": net})  # our own text, in a test
    assert diagnose(shaped).ok


def test_what_no_rewrite_makes_leaky_is_told_to_become_leaky():
    bent = sympy.Abs(sympy.Symbol("u", real=True))
    assert "leaky_relu in place of" in finding(diagnose(chain(bent, 50)), "collapse").remedy


def test_q_values_that_vanish_and_grow_are_reported_where_they_do():
    found = finding(diagnose(chain("relu", 30)), "q")
    # Halved by each layer: below 1e-6 after 20.
    assert (found.node, found.severity) == ("dense_21", "critical")
    assert found.value == pytest.approx(0.5**29, rel=1e-10)
    found = finding(diagnose(chain("relu", 12, weight_std=2.0)), "q")
    assert (found.node, found.severity) == ("dense_6", "warning")  # 4 * 2^5 > 100


def test_a_q_value_that_underflows_ends_the_figures_not_the_diagnosis():
    report = diagnose(chain("relu", 1100))
    assert {"collapse", "q", "no_kernel"} <= set(kinds(report))
    assert report.levels[-1].depth < 1100


def test_layers_tell_what_shaping_would_change():
    report = diagnose(nets.resnet(18, stem="imagenet"))
    notes = " / ".join(f.measured for f in report.findings if f.kind == "requirement")
    assert "batch norm" in notes
    assert "squared weights add up to 2" in notes
    exact = {f.node: f.prediction for f in report.findings if f.kind == "no_kernel"}
    assert "WeightedMeanPool" in exact["stem/pool"]
    assert "delta=True" in next(text for node, text in exact.items() if "stem/conv" in node)
    assert report.levels[-1].node == "head/dense"


def test_non_gaussian_pre_activations_are_named():
    report = diagnose(nets.resnet(18, version=1, form="weighted", activation="tanh"))
    assert finding(report, "not_gaussian").node.startswith("stage1/block1/act2")
    x = kc.Input((8,))
    report = diagnose(kc.Network(x, kc.Activation("tanh")(x)))
    assert kinds(report) == ["not_gaussian"]


def test_symbols_are_refused_at_their_node():
    w = sympy.Symbol("w", positive=True)
    x = kc.Input((8,))
    block = kc.residual(kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(8)), w)
    net = kc.Network(x, kc.chain(kc.Dense(8), block)(x))
    with pytest.raises(kc.KernelcError) as caught:
        diagnose(net)
    assert caught.value.where == "weighted_sum_1"
    assert "network.subs(w" in caught.value.remedy
    assert diagnose(net.subs({w: 0.6})).findings == ()


def test_the_report_is_json_text_and_a_picture(tmp_path):
    report = diagnose(chain("relu", 50))
    told = report.to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert list(told) == [
        "network", "ok", "verdict", "findings", "cosines", "levels", "ntk", "tokens",
        "assumptions",
    ]  # fmt: skip
    assert list(told["findings"][0]) == [
        "node", "severity", "kind", "measured", "value", "law", "prediction", "remedy",
    ]  # fmt: skip
    assert "CRITICAL collapse" in str(report)
    assert "C_f'(1)" in str(report)
    report.plot(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert np.allclose(told["cosines"], np.linspace(-1, 1, 9))


def test_only_networks_are_diagnosed():
    with pytest.raises(kc.KernelcError, match="int"):
        diagnose(3)


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_data_of_another_scale_are_told_to_be_scaled(name):
    draw = np.random.default_rng(0)
    x, y = draw.normal(50, 10, size=(60, 8)), np.arange(60) % 2
    found = finding(diagnose(chain(name, 2), (x, y)), "q")
    assert found.measured.endswith(f"for inputs of q = {np.mean(x**2):.3g}")
    assert "standardized()" in found.remedy
    scaled = kc.data.as_dataset((x, y)).standardized()
    assert "q" not in kinds(diagnose(chain(name, 2), scaled))
