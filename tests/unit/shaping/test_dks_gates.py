"""DKS of gated units: which activations are gates, their constants, and the certificate."""

from __future__ import annotations

import math

import numpy as np
import pytest

import kernelc as kc
from kernelc.activations import named
from kernelc.shaping._dks_gates import solve_gate
from kernelc.shaping._gates import gates_of


# A rule of its own: neither that of the solver nor that of the certificate.
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(160)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def network(*blocks: object, depth: int = 1) -> kc.Network:
    x = kc.Input((8,))
    layers = kc.repeat(kc.chain(*blocks, kc.Dense(8)), depth)
    return kc.Network(x, kc.chain(layers, kc.Dense(3))(x))


def test_constants_of_swiglu() -> None:
    t = solve_gate(named("swish"), 1.05)
    assert (t.alpha, t.gamma, t.delta) == pytest.approx((0.241961, -1.799177, -0.556538), abs=1e-6)
    assert t.beta == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", ["swish", "gelu", "sigmoid", "tanh", "softplus", "mish"])
@pytest.mark.parametrize("psi", [1.0005, 1.05, 1.25])
def test_a_gate_meets_its_conditions(name: str, psi: float) -> None:
    phi, t = named(name), solve_gate(named(name), psi)
    x = t.alpha * NODES + t.beta
    g = t.gamma * (phi.numpy(0)(x) + t.delta)
    slope = t.gamma * t.alpha * phi.numpy(1)(x)
    assert WEIGHTS @ g**2 == pytest.approx(1, abs=1e-10)
    assert WEIGHTS @ (g * slope * NODES) == pytest.approx(0, abs=1e-10)
    assert WEIGHTS @ slope**2 == pytest.approx(psi - 1, abs=1e-10)
    assert WEIGHTS @ (g * (NODES**3 - 3 * NODES)) == pytest.approx(0, abs=1e-9)
    assert WEIGHTS @ g > 0.8


def test_odd_gates_have_no_offset() -> None:
    """Q' = 0 and the third coefficient 0 hold of tanh without a shift of its values."""
    assert solve_gate(named("tanh"), 1.05).delta == pytest.approx(0, abs=1e-10)
    assert solve_gate(named("sigmoid"), 1.05).delta == pytest.approx(-0.5, abs=1e-10)


@pytest.mark.parametrize("unit", [kc.SwiGLU, kc.GLU])
def test_the_network_keeps_q_and_has_slope_zeta(unit: object) -> None:
    shaped = kc.shape(network(unit(16), depth=6), kc.DKS(zeta=1.5))
    assert shaped.psi == pytest.approx(1.5 ** (1 / 6), rel=1e-14)
    assert shaped.largest_residual < 1e-12
    kernel = kc.derive(shaped.network)
    assert kernel.evaluate(c=1, q=1).q == pytest.approx(1, abs=1e-12)
    step = 1e-4
    q_slope = (kernel.evaluate(c=1, q=1 + step).q - kernel.evaluate(c=1, q=1 - step).q) / step / 2
    assert q_slope == pytest.approx(1, abs=1e-6)
    assert kernel.evaluate(c=0, q=1).c == pytest.approx(0, abs=1e-15)
    values = [kernel.evaluate(c=1 - i * step, q=1).c for i in range(3)]
    # One-sided difference of second order.
    assert (3 * values[0] - 4 * values[1] + values[2]) / step / 2 == pytest.approx(1.5, abs=1e-6)


def test_untreated_units_lose_q() -> None:
    kernel = kc.derive(network(kc.SwiGLU(16), depth=6))
    assert kernel.evaluate(c=1, q=1).q < 0.01


def test_one_activation_in_both_places_has_constants_of_both() -> None:
    block = (kc.Dense(8), kc.Activation("swish"), kc.SwiGLU(8))
    shaped = kc.shape(network(*block, depth=3), kc.DKS(zeta=1.5))
    assert set(shaped.transforms) == {"swish", "swish gate"}
    assert shaped.psi == pytest.approx(1.5 ** (1 / 6))
    assert set(shaped.certificate["swish gate"]) >= {"Q'(1)", "C'(1)-(psi-1)"}
    kernel = kc.derive(shaped, q=1)
    assert kernel.evaluate(c=1).q == pytest.approx(1, abs=1e-12)
    gate = shaped.network["activation_2"].layer
    assert isinstance(gate, kc.Activation)
    assert gate.alpha == shaped.transforms["swish gate"].alpha


def test_shortcuts_leave_more_slope_to_a_unit() -> None:
    branch = kc.chain(kc.SwiGLU(8), kc.Dense(8))
    x = kc.Input((8,))
    blocks = kc.chain(kc.Dense(8), kc.repeat(kc.residual(branch, 0.8), 4), kc.Dense(3))
    shaped = kc.shape(kc.Network(x, blocks(x)), kc.DKS(zeta=1.5))
    assert shaped.psi is not None
    assert (0.64 + 0.36 * shaped.psi) ** 4 == pytest.approx(1.5)
    assert kc.derive(shaped, q=1).evaluate(c=1).q == pytest.approx(1, abs=1e-12)


def test_a_file_holds_the_constants(tmp_path: object) -> None:
    shaped = kc.shape(network(kc.GEGLU(8), depth=2), kc.DKS(zeta=1.2))
    shaped.save(f"{tmp_path}/net.json")
    again = kc.ShapedNetwork.load(f"{tmp_path}/net.json")
    assert again.transforms == shaped.transforms
    assert again.certificate == shaped.certificate
    assert again.network == shaped.network


def test_a_rewrite_mends_a_block_of_a_transformer() -> None:
    x = kc.Input((5, 8))
    block = kc.residual(kc.chain(kc.RMSNorm(), kc.SwiGLU(16, bias_std=0.1), kc.Dense(8)))
    net = kc.Network(x, kc.chain(kc.Dense(8), block, kc.LastToken(), kc.Dense(3))(x))
    shaped = kc.shape(net, kc.DKS(zeta=1.2), rewrite=True)
    kinds = [type(node.layer).__name__ for node in shaped.network]
    assert "RMSNorm" not in kinds
    assert "LastToken" in kinds
    assert kc.derive(shaped, q=1).evaluate(c=1, s=0.2).q == pytest.approx(1, abs=1e-12)


A, D = kc.Activation, kc.Dense


def joined(x: kc.Node) -> dict[str, kc.Node]:
    u, v = D(8)(x), D(8)(x)
    g = A("swish")(v)
    both = kc.Product()(A("tanh")(u), A("swish")(v))
    wide = kc.Product()(u, D(8)(x), A("swish")(v))
    total = kc.WeightedSum((0.6, 0.8))
    return {
        "two images": both,
        "three factors": wide,
        "read elsewhere too": total(D(8)(kc.Product()(u, g)), D(8)(g)),
        "not an image any more": kc.Product()(u, kc.Scale(1.0)(g)),
        "an image of an image": kc.Product()(A("swish")(u), A("swish")(A("tanh")(v))),
        "with a linear factor of two": kc.Product()(total(u, D(8)(x)), g),
        "with the input": kc.Product()(x, g),
    }


@pytest.mark.parametrize("name", joined(kc.Input((8,))))
def test_what_counts_as_a_gate(name: str) -> None:
    x = kc.Input((8,))
    gates = gates_of(kc.Network(x, D(3)(joined(x)[name])))
    assert gates == ({"activation_1"} if name.startswith("with") else set())


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (kc.TAT(tau=0.3), r"use kernelc\.DKS, which shapes gated units"),
        (kc.EdgeOfChaos(), r"kernelc\.DKS, which shapes gated units"),
        (kc.DKS(q_slope=0.9), "leave q_slope at 1"),
        (kc.DKS(zeta=1.6), "covers? 1 to 1.48"),
    ],
)
def test_targets_that_cannot_shape_gates_say_so(target: kc.Target, message: str) -> None:
    with pytest.raises(kc.ShapingError, match=message):
        kc.shape(network(kc.SwiGLU(8)), target)


def test_tat_of_leaky_relu_refuses_products() -> None:
    net = network(kc.GLU(8, A("leaky_relu", negative_slope=0.2)), depth=20)
    with pytest.raises(kc.UnreachableError, match="C_f'"):
        kc.shape(net, kc.TAT(eta=0.9))


@pytest.mark.parametrize("name", ["relu", "step", "exp"])
def test_activations_that_are_no_gates_are_refused(name: str) -> None:
    with pytest.raises(kc.UnreachableError, match="such as swish"):
        solve_gate(named(name), 1.05)


def test_other_products_are_refused_as_before() -> None:
    x = kc.Input((8,))
    net = kc.Network(x, D(3)(joined(x)["two images"]))
    with pytest.raises(kc.UnreachableError, match="at least 2"):
        kc.shape(net, kc.DKS(zeta=1.5))
    assert math.isclose(kc.shape(net, kc.DKS(zeta=2.2)).psi or 0, 1.1)


def test_an_activation_that_attention_reads_too_is_no_gate() -> None:
    x = kc.Input((4, 3))
    gate = kc.Activation("swish")(kc.Dense(3)(x))
    unit = kc.Product()(kc.Dense(3)(x), gate)
    query = kc.Dense(3, init="zero")(unit)
    for key, found in ((kc.Dense(3)(unit), 1), (gate, 0)):
        y = kc.Attention()(query, key, kc.Dense(3)(unit))
        assert len(gates_of(kc.Network(x, y))) == found
