"""Quotients of polynomials, and samples with nothing in them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sampled_networks as networks

from kernelc._errors import KernelcError
from kernelc.approximation import fit


@pytest.mark.parametrize("depth", [100, 1000])
def test_deep_relu_networks_are_short_quotients_in_float32(depth):
    approximation = fit(networks.relu(depth))
    assert "quotient" in str(approximation.at("float32"))
    assert approximation.terms["float32"] <= 24
    gaps = np.float32([0.0, 1e-12, 1e-7, 1e-4, 0.3, 1.9])
    values = jax.jit(approximation.__call__)(gaps)
    assert values["drop"][0] == 0
    for i, gap in enumerate(gaps[1:], start=1):
        drop, ntk = networks.relu_reference(depth, float(gap))
        # A few units in the last place.
        assert values["drop"][i] == pytest.approx(drop, rel=2e-6, abs=0)
        assert values["ntk"][i] == pytest.approx(ntk, abs=2e-6 * (depth + 1))


def test_poles_in_the_gap_itself():
    approximation = fit(lambda g: {"drop": g / (1 + 500 * g), "ntk": 1 / (1 + 500 * g) ** 2})
    assert str(approximation.at("float32").form) == "a quotient of 5 terms in c"
    assert float(approximation(jnp.float32(2.0))["drop"]) == pytest.approx(2 / 1001, rel=1e-6)


DEGENERATE = {
    "nothing": lambda g: {"drop": 0 * g, "ntk": 0 * g, "response": 0 * g},
    "no tangent kernel": lambda g: {"drop": g, "ntk": 0 * g},
    "no drop": lambda g: {"ntk": 0 * g},
    "constants": lambda g: {"drop": g, "ntk": 0 * g + 3, "response": 0 * g - 1},
    "a step at 0": lambda g: {"drop": (g > 0) * 1.0, "ntk": 1 + g},
    "all within the smallest gaps": lambda g: {"drop": np.tanh(2.0**80 * g)},
}
REFUSED = {  # float32 cannot hold their relative accuracy
    "underflow at small gaps": lambda g: {"drop": g**4, "ntk": 1 + g},
    "zero below a gap": lambda g: {"drop": np.exp(-1 / np.maximum(g, 1e-3)) * (g > 1e-3)},
    "subnormal": lambda g: {"drop": 1e-310 * g, "ntk": 1e-310 * g},
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.filterwarnings("error")
def test_degenerate_samples_are_kept(name):
    approximation = fit(DEGENERATE[name])
    g = np.float32([0.0, 1e-6, 0.5, 2.0])
    values = jax.jit(approximation.__call__)(g)
    for quantity, exact in DEGENERATE[name](g.astype(np.float64)).items():
        np.testing.assert_allclose(values[quantity], exact, rtol=2e-6, atol=1e-30)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("error")
def test_what_cannot_be_kept_is_refused_as_such(name):
    # kernelc falls back to evaluating layers on these errors, and on no others.
    with pytest.raises(KernelcError):
        fit(REFUSED[name])
