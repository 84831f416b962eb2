"""Findings other than collapse and explosion, and the effect of data, against hand calculation."""

from __future__ import annotations

import math

import numpy as np
import pytest

import kernelc as kc
from kernelc.diagnosis._readings import moments


RNG = np.random.default_rng(0)


def chain(activation, depth, width=128, shape=(8,), **dense):
    x = kc.Input(shape)
    block = kc.chain(kc.Dense(width, **dense), kc.Activation(activation))
    return kc.Network(x, kc.chain(kc.repeat(block, depth), kc.Dense(3))(x), name="net")


def finding(network, kind, data=None):
    found = [f for f in kc.diagnose(network, data).findings if f.kind == kind]
    return found[0] if found else None


def test_gradients_shrink_by_the_square_of_the_slope_layer_by_layer():
    # A linear layer of deviation 0.5 passes on a quarter, from the last nonlinearity to the first.
    found = finding(chain("relu", 20, weight_std=0.5 * 2**0.5), "gradients")
    assert found is not None
    # From activation_20 back to dense_1: nineteen layers of weights, twenty slopes of mean 1/2.
    assert found.value == pytest.approx(0.25**19 / 2, rel=1e-10)
    assert finding(chain("relu", 20, weight_std=2**0.5), "gradients") is None


def test_backward_is_the_derivative_of_the_derived_covariance():
    levels = kc.diagnose(chain("erf", 4, weight_std=1.3)).levels
    ends = {level.node: level.backward for level in levels}
    q = {level.node: level.q for level in levels}
    # E phi'(u)^2 of erf(u) is 4 / (pi sqrt(1 + 4 q)) for u of variance q.
    gain = 1.3**2 * 4 / (math.pi * math.sqrt(1 + 4 * q["dense_3"]))
    assert ends["dense_3"] / ends["dense_4"] == pytest.approx(gain, rel=1e-10)


@pytest.mark.parametrize(("activation", "excess"), [("relu", 5.0), ("sin", None)])
def test_the_kurtosis_of_a_layer_is_known(activation, excess):
    from kernelc.activations import named

    _, found, power = moments(named(activation), 1.0)
    if excess is None:
        # sin^2 = (1 - cos 2u)/2 and sin^4 = (3 - 4 cos 2u + cos 4u)/8.
        e2, e4 = math.exp(-2), math.exp(-8)
        excess = (3 - 4 * e2 + e4) / 8 / ((1 - e2) / 2) ** 2 - 1
    assert found == pytest.approx(excess, rel=1e-4)  # a kink costs the trapezoid rule its order
    assert activation != "relu" or power == pytest.approx(1.0, rel=1e-4)


def test_narrow_deep_networks_stray_and_orthogonal_weights_stray_less():
    gaussian = finding(chain("relu", 40, width=32, weight_std=2**0.5), "width")
    assert gaussian is not None
    # Var log q grows by 5/n a layer for ReLU, and by 3/n when weights keep norms.
    assert gaussian.value == pytest.approx(40 * 5 / 32, rel=1e-3)
    orthogonal = finding(chain("relu", 40, width=32, weight_std=2**0.5, init="suo"), "width")
    assert orthogonal.value == pytest.approx(40 * 3 / 32, rel=1e-3)
    assert finding(chain("relu", 4, width=512, weight_std=2**0.5), "width") is None


@pytest.mark.parametrize(("init", "excess"), [("gaussian", 5.0), ("suo", 3.0)])
def test_the_spread_is_that_of_finite_networks(init, excess):
    import jax

    depth, width, draws = 4, 64, 400
    net = chain("relu", depth, width, weight_std=2**0.5, init=init)
    body = kc.Network.from_specs(
        [(node.name, node.layer, node.inputs) for node in net.nodes[:-1]], "body"
    )
    x = RNG.normal(size=8).astype(np.float32)
    make = jax.jit(lambda key: kc.lower(body, key=key)(x))
    values = np.array([make(key) for key in jax.random.split(jax.random.key(0), draws)])
    spread = np.var(np.log(np.mean(values**2, axis=1)))
    expected = kc.diagnose(net).levels[-1].spread
    assert expected == pytest.approx(depth * excess / width, rel=1e-3)
    # A variance of 400 draws is known to sqrt(2/400), and the formula to the next order in d/n.
    assert spread == pytest.approx(expected, rel=3 * math.sqrt(2 / draws) + depth * excess / width)


def test_saturated_units_are_counted():
    found = finding(chain("tanh", 3, weight_std=10.0), "saturation")
    assert found is not None
    assert 0.75 < found.value < 1
    assert finding(chain("tanh", 3), "saturation") is None


def test_a_network_that_acts_as_a_linear_map_is_told():
    assert finding(chain("tanh", 3, weight_std=0.05), "linear") is not None
    assert finding(chain("tanh", 3), "linear") is None
    assert finding(chain("relu", 3, weight_std=2**0.5), "linear") is None


def test_the_tangent_kernel_is_told_when_nearly_constant_or_nearly_diagonal():
    assert finding(chain("sigmoid", 10), "ntk").value > 0.95
    assert abs(finding(chain("tanh", 40, weight_std=2.0), "ntk").value) < 0.05
    assert finding(kc.shape(chain("tanh", 20), rewrite=True), "ntk") is None


def test_data_set_the_q_value_and_the_typical_cosine():
    x = RNG.normal(size=(50, 8)) + 3.0
    report = kc.diagnose(chain("relu", 10, weight_std=2**0.5), x)
    assert report.levels[0].q == pytest.approx(np.mean(x**2), rel=1e-12)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[~np.eye(50, dtype=bool)]
    assert report.levels[0].typical == pytest.approx(cosines.mean(), rel=1e-12)
    assert "measured on the data" in report.assumptions[0]


@pytest.mark.parametrize(
    "data",
    [
        np.ones((3, 7)),
        np.ones((1, 8)),
        np.full((3, 8), np.nan),
        np.zeros((3, 8)),
        "words",
        3,
        [["a"] * 8] * 3,
    ],
)
def test_data_that_are_no_inputs_are_refused(data):
    with pytest.raises(kc.DataError, match="diagnose: data"):
        kc.diagnose(chain("relu", 2), data)


def test_batch_norm_on_data_takes_cosines_that_a_batch_can_have():
    x = kc.Input((8,))
    block = kc.chain(kc.Dense(64), kc.BatchNorm(), kc.Activation("relu"))
    net = kc.Network(x, kc.chain(block, kc.Dense(3))(x))
    report = kc.diagnose(net, np.abs(RNG.normal(size=(50, 8))))
    assert not [f for f in report.findings if f.kind == "no_kernel"]
    assert any("cosines below" in line for line in report.assumptions)


def test_branches_that_start_at_zero_leave_the_shortcut():
    x = kc.Input((8,))
    node = kc.Dense(64)(x)
    for _ in range(3):
        branch = kc.chain(kc.Activation("relu"), kc.Dense(64), kc.Scale(0.0))(node)
        node = kc.WeightedSum((1.0, 1.0))(node, branch)
    level = kc.diagnose(kc.Network(x, node)).levels[-1]
    assert (level.q, level.slope, level.c_at_zero) == (1.0, 1.0, 0.0)


def test_tails_alone_count_where_q_is_huge():
    report = kc.diagnose(chain("gelu", 12, weight_std=10.0))
    assert any("tails alone" in line for line in report.assumptions)
    # Beyond, a GELU is a ReLU: q grows by 50 a layer.
    q = [level.q for level in report.levels if level.node.startswith("activation")]
    assert q[-1] / q[-2] == pytest.approx(50.0, rel=1e-10)


def test_verdicts_rank_networks_as_their_kernels_do():
    nets = {
        "shaped": kc.shape(chain("tanh", 50), rewrite=True),
        "narrow": chain("relu", 50, width=32, weight_std=2**0.5),
        "collapsed": chain("sigmoid", 50),
        "chaotic": chain("tanh", 50, weight_std=3.0),
    }
    verdicts = {name: kc.diagnose(net).verdict for name, net in nets.items()}
    assert verdicts["shaped"].trains
    assert not verdicts["collapsed"].trains
    assert not verdicts["chaotic"].trains
    assert verdicts["shaped"].difficulty < verdicts["narrow"].difficulty
    assert "alike" in verdicts["collapsed"].reason
    assert "unrelated" in verdicts["chaotic"].reason


def test_the_tangent_kernel_behind_batch_norm_is_that_of_a_large_batch():
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    count, width, draws, rows = 384, 256, 8, 6
    common, own = RNG.normal(size=64), RNG.normal(size=(count, 64))
    inputs = (0.8 * common + own).astype(np.float32)
    inputs /= np.sqrt(np.mean(inputs**2, axis=1, keepdims=True))
    x = kc.Input((64,))
    block = kc.chain(kc.Dense(width), kc.BatchNorm(), kc.Activation("relu"))
    net = kc.Network(x, kc.chain(kc.repeat(block, 2), kc.Dense(1))(x))
    weights = lambda model: [model.nodes[i].module.weight for i in (0, 3, 6)]  # noqa: E731

    @jax.jit
    def squares(key):
        model = kc.lower(net, key=key)

        def outputs(changed):
            changed = eqx.tree_at(weights, model, changed)
            return changed.batched(jnp.asarray(inputs), eqx.nn.State(model))[0][:rows, 0]

        slopes = jax.jacrev(outputs)(weights(model))
        # NTK parameterization: weights are multiples of 1/sqrt(fan-in).
        return sum(jnp.sum(s**2, (1, 2)) / s.shape[1] for s in slopes)

    found = np.array([squares(key) for key in jax.random.split(jax.random.key(0), draws)])
    error = found.mean(axis=1).std() / math.sqrt(draws)
    expected = kc.diagnose(net, inputs).ntk[-1]
    # Beside the error of the mean, a batch of n adds about 20/n (1,024: 1.7 %, 192: 6 %).
    assert found.mean() == pytest.approx(expected, abs=3 * error + 20 / count * expected)


@pytest.mark.parametrize(
    ("activation", "depth", "weight_std"),
    [("relu", 60, 1e4), ("tanh", 120, 1e-3), ("exp", 6, 1.0)],
)
def test_figures_out_of_range_still_make_a_report(activation, depth, weight_std, tmp_path):
    report = kc.diagnose(chain(activation, depth, weight_std=weight_std))
    assert report.verdict.trains is False
    assert [f for f in report.findings if f.kind == "q"]
    assert "q = " in str(report)
    report.to_html(tmp_path / "page.html")
    assert math.isfinite(report.to_dict()["verdict"]["difficulty"])


def test_a_value_multiplied_by_zero_has_no_cosine_and_is_told():
    x = kc.Input((8,))
    net = kc.Network(x, kc.chain(kc.Dense(8), kc.Activation("relu"), kc.Scale(0.0), kc.Dense(3))(x))
    with pytest.raises(kc.UnsupportedError, match="weights of the sum are zero"):
        kc.derive(net).c_slope  # noqa: B018
    assert finding(net, "no_kernel").node == "scale_1"
