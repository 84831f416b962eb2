"""What is printed has the values of the kernel: read back by a reader who has only the print."""

from __future__ import annotations

import pytest
from latex_reader import lines_of_latex
from paper_reader import Reader, lines_of_text
from test_recurrence import NETWORKS, chain

import kernelc as kc
from tests.attack import networks


GIVEN = {"c": 0.37, "q": 1.3, "s": 0.2, "c_b": 0.1}


def agree(kernel: kc.Kernel, found: dict[str, float]) -> None:
    """The results against `evaluate`, to 1e-10."""
    free = {str(symbol) for symbol in kernel.nngp.free_symbols | kernel.q_map.free_symbols}
    known = {name: GIVEN[name] for name in ("s", "c_b") if name in free}
    right = kernel.evaluate(GIVEN["c"], GIVEN["q"], **known)
    assert found["Q_f"] == pytest.approx(right.q, rel=1e-10)
    assert found["C_f"] == pytest.approx(right.c, rel=1e-10, abs=1e-10)
    if right.ntk is not None:
        assert found["Θ_f"] == pytest.approx(right.ntk, rel=1e-10, abs=1e-10 * right.q)


def printed(kernel: kc.Kernel) -> None:
    agree(kernel, Reader(**GIVEN).read(lines_of_text(str(kernel))))
    agree(kernel, Reader(**GIVEN).read(lines_of_latex(kernel.latex())))


@pytest.mark.parametrize("name", NETWORKS)
def test_text_and_latex(name: str) -> None:
    printed(kc.derive(NETWORKS[name]()))


@pytest.mark.parametrize("seed", [1, 4, 5, 6, 7, 11, 12, 37])
def test_text_and_latex_of_random_networks(seed: int) -> None:
    spec = networks.of_seed(seed)
    printed(kc.derive(networks.build(spec, networks.real_of_seed(seed))))


def test_parameters_of_activations_are_told() -> None:
    """elu with a constant of -1 is another function than the elu that a reader knows."""
    turned = kc.Activation("elu", elu_alpha=-1.0)
    kernel = kc.derive(chain(kc.Dense(8, bias_std=0.3), turned, kc.Dense(8), kc.Activation("elu")))
    assert "φ_elu(u) = " in str(kernel)
    printed(kernel)


def test_batch_norm_and_small_numbers() -> None:
    kernel = kc.derive(
        chain(kc.Dense(8, bias_std=1e-3), kc.BatchNorm(), kc.Activation("erf"), kc.Dense(8, 1e-4))
    )
    printed(kernel)
    assert "e-" not in str(kernel)
    assert "e-" not in kernel.latex()
