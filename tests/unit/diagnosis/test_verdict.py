"""Verdicts: unknown where nothing is measured, in accord with findings, about the data given."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest

import kernelc as kc
from kernelc.diagnosis._reach import explained


RNG = np.random.default_rng(0)
BITS = RNG.integers(0, 2, (600, 30)).astype(np.float32)


def chain(activation, depth, width=500, shape=(30,), outputs=1, **dense):
    x = kc.Input(shape)
    block = kc.chain(kc.Dense(width, **dense), kc.Activation(activation))
    flat = [kc.Flatten()] if len(shape) > 1 else []
    return kc.Network(x, kc.chain(*flat, kc.repeat(block, depth), kc.Dense(outputs))(x))


def gated():
    """A product of factors that share weights, which has no known kernel."""
    x = kc.Input((64,))
    h = kc.Dense(64)(x)
    return kc.Network(x, kc.Dense(10)(kc.Product()(kc.Activation("tanh")(h), h)))


def share(net, data) -> float:
    reached = kc.diagnose(net, data).verdict.reached
    assert reached is not None
    return reached


def test_where_measuring_ends_the_verdict_is_unknown(tmp_path):
    report = kc.diagnose(gated())
    verdict = report.verdict
    assert (verdict.trains, verdict.difficulty) == (None, None)
    assert str(verdict).startswith("unknown: measuring ends at product_1 (")
    assert "share" in verdict.reason
    told = report.to_dict()
    assert json.loads(json.dumps(told, allow_nan=False))["verdict"]["trains"] is None
    report.to_html(tmp_path / "page.html")
    assert "unknown: measuring ends at" in (tmp_path / "page.html").read_text("utf-8")
    compared = kc.compare({"gated": gated(), "plain": chain("tanh", 2, shape=(64,))})
    assert " –  none" in str(compared)
    compared.to_html(tmp_path / "both.html")


def test_a_network_without_one_of_its_nodes_has_no_verdict():
    # Batch norm of a value that is no layer's output has no kernel: figures go on without it.
    x = kc.Input((8,))
    net = kc.Network(x, kc.chain(kc.BatchNorm(), kc.Dense(32), kc.Activation("relu"))(x))
    verdict = kc.diagnose(net).verdict
    assert verdict.trains is None
    assert "batch_norm_1" in str(verdict)
    assert "without BatchNorm" in str(verdict)


def test_what_stands_in_for_a_layer_leaves_a_verdict():
    x = kc.Input((8, 8, 3))
    net = kc.chain(kc.Conv(16), kc.Activation("relu"), kc.MaxPool(2), kc.Flatten(), kc.Dense(2))
    report = kc.diagnose(kc.Network(x, net(x)))
    assert report.verdict.trains
    assert any(finding.kind == "no_kernel" for finding in report.findings)


def test_saturation_beyond_measure_is_unknown_and_overflow_is_not():
    unknown = kc.diagnose(chain("tanh", 3, weight_std=1e3)).verdict
    assert unknown.trains is None
    assert "q value of 1e+06 at tanh" in str(unknown)
    assert kc.diagnose(chain("exp", 6)).verdict.trains is False


def test_trains_never_stands_above_a_critical_finding_without_a_word():
    std = 1 / math.sqrt(3)  # eqx.nn.Linear: uniform of variance 1/(3 fan-in), biases alike
    report = kc.diagnose(chain("tanh", 12, width=64, shape=(64,), weight_std=std, bias_std=std / 8))
    assert report.findings[0].severity == "critical"
    assert report.verdict.trains
    assert f"but collapse at {report.findings[0].node} is critical" in str(report.verdict)
    assert "nearly linear" in report.verdict.caveat


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "gelu", "softplus", "sin"])
@pytest.mark.parametrize("gain", [0.3, 1.0, 1.5, 3.0])
def test_verdicts_and_critical_findings_agree_or_say_why_not(activation, gain):
    for depth in (2, 12):
        report = kc.diagnose(chain(activation, depth, width=64, weight_std=gain))
        critical = [f for f in report.findings if f.severity == "critical"]
        told = str(report.verdict)
        if report.verdict.trains:
            assert all(f"{f.kind} at {f.node} is critical" in told for f in critical)
        assert report.verdict.caveat == "" or critical


def test_sigmoids_on_bits_do_not_learn_a_sine_and_the_shaped_network_does():
    # Trained at rates of 1e-4, 1e-3 and 1e-2 the first stays at the loss of a constant, 0.5; the
    # second reaches 0.006.
    y = np.sin(BITS @ RNG.normal(size=30))
    net = chain("sigmoid", 4)
    report = kc.diagnose(net, (BITS, y))
    assert report.verdict.trains is False
    assert share(net, (BITS, y)) < 0.35
    assert [f.kind for f in report.findings if f.severity == "critical"] == ["collapse", "targets"]
    shaped = kc.diagnose(kc.shape(net, rewrite=True), (BITS, y))
    assert shaped.verdict.trains
    assert share(kc.shape(net, rewrite=True), (BITS, y)) == pytest.approx(0.96, abs=0.02)
    assert not [f for f in shaped.findings if f.kind == "targets"]
    # A linear target is what a collapsed kernel still learns; so are digits, nearly.
    assert kc.diagnose(net, (BITS, BITS @ RNG.normal(size=30))).verdict.trains
    digits = kc.data.digits()
    easy = kc.diagnose(chain("sigmoid", 4, shape=(8, 8, 1), outputs=10), digits).verdict
    assert easy.trains
    assert "kernel still tells apart" in easy.caveat


def test_the_share_is_that_of_gradient_descent_itself():
    n = 40
    factor = RNG.normal(size=(n, n))
    kernel = factor @ factor.T / n + 5
    y = RNG.normal(size=(n, 2))
    y -= y.mean(axis=0)
    center = np.eye(n) - 1 / n
    centered = center @ kernel @ center
    rate = 1 / np.linalg.eigvalsh(centered)[-1]
    left = y.copy()
    for _ in range(300):
        left -= rate * centered @ left
    share = 1 - np.sum(left**2) / np.sum(y**2)
    assert 0.1 < share < 0.999
    assert explained(kernel, y) == pytest.approx(share, rel=1e-10)


def test_the_kernel_by_angle_is_that_of_the_sample():
    from kernelc.diagnosis._inputs import inputs_of
    from kernelc.diagnosis._measure import profile_of
    from kernelc.diagnosis._reach import _by_angles

    x = RNG.normal(size=(60, 30))
    x /= np.sqrt(np.mean(x**2, axis=1, keepdims=True))
    net = chain("erf", 3, weight_std=1.5)
    inputs = inputs_of((x, x[:, 0]), net.input_format)
    profile = profile_of(net, inputs)
    assert inputs.sample is not None
    assert profile.nodes is not None
    assert profile.ntk is not None
    found = _by_angles(inputs.sample, profile.nodes / profile.ntk[-2])
    exact = np.asarray(kc.kernel_fn(net)(inputs.sample.inputs).ntk)
    assert np.max(np.abs(found - exact / exact[0, 0])) < 1e-8


def test_targets_of_inputs_that_differ_in_size_alone_are_learned_by_biases():
    # All angles of one positive number are zero: q values carry the input.
    x = np.linspace(0.1, 2, 80)[:, None]
    y = np.cos(3 * (x[:, 0] - 1.05))
    biased = chain("erf", 2, shape=(1,), weight_std=2.0, bias_std=1.0)
    assert kc.diagnose(biased, (x, y)).verdict.trains
    # Smooth activations have tables over two q values.
    assert kc.diagnose(chain("sigmoid", 1, shape=(1,), weight_std=9.0), (x, y)).verdict.reached
    # With kinks and without a closed form the share is not known: the verdict is the one without
    # targets.
    open_form = kc.diagnose(chain("softsign", 2, shape=(1,), bias_std=1.0), (x, y)).verdict
    assert open_form.reached is None
    assert open_form.on == "targets like those of digits"
    # Without biases rectifiers are linear on positive numbers, and this target is even.
    assert share(chain("relu", 2, shape=(1,), weight_std=2**0.5), (x, y)) < 0.1


def test_targets_that_few_inputs_do_not_tell_apart_are_unknown():
    # The kernel of inputs of unlike q values is that of 150 of them, and none is of the rare class.
    x = RNG.normal(size=(200, 2)) * np.exp(RNG.normal(size=(200, 1)))
    labels = np.zeros(200, dtype=int)
    labels[np.random.default_rng(0).permutation(200)[-1]] = 1
    verdict = kc.diagnose(chain("relu", 2, shape=(2,), outputs=2), (x, labels)).verdict
    assert verdict.reached is None
    labels[::2] = 1
    assert kc.diagnose(chain("relu", 2, shape=(2,), outputs=2), (x, labels)).verdict.reached


def test_order_of_rows_and_form_of_targets_make_no_difference():
    labels = np.repeat([0, 1, 2], 200)
    x = RNG.normal(size=(600, 30)) + labels[:, None] / 2
    net = chain("tanh", 3, outputs=3)
    found = [
        share(net, (x, y))
        for y in (labels, labels.astype(str).astype(int).tolist(), np.eye(3)[labels])
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-12)
    assert found[0] == pytest.approx(found[2], rel=1e-12)
    again = share(net, (x, labels, x, labels))
    assert again == pytest.approx(found[0], rel=1e-12)
    # Sorted by label, the first rows hold one of three classes.
    assert found[0] > 0.9


@pytest.mark.parametrize(
    ("y", "found"),
    [
        (np.ones(600), "all the same"),
        (np.zeros(600, int), "all the same"),
        (np.ones(599), "599"),
        (np.full(600, np.nan), "finite|NaN|nan"),
        (3.0, "targets|y"),
        ([object()] * 600, "y"),
    ],
)
def test_targets_that_are_none_are_refused(y, found):
    with pytest.raises(kc.DataError, match=found):
        kc.diagnose(chain("tanh", 2), (BITS, y))


def test_fast_activations_are_diagnosed_in_seconds():
    x = kc.Input((2,))
    block = kc.chain(kc.Dense(256), kc.Activation("sin", alpha=300.0))
    net = kc.Network(x, kc.chain(kc.repeat(block, 2), kc.Dense(1))(x))
    start = time.process_time()
    report = kc.diagnose(net)
    assert time.process_time() - start < 10  # 157 s with a two-dimensional rule for each pair
    # C'(1) of sin(wu) is w^2 q (1 + e^{-2 w^2 q}) / (1 - e^{-2 w^2 q}): q = 1, then 1/2.
    assert report.levels[-1].slope == pytest.approx(9e4 * 4.5e4, rel=1e-9)
