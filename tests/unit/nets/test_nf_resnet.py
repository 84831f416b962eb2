"""nf_resnet: q values are those the scales assume, for any activation."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest

import kernelc as kc
import nets


def q_values(network: kc.Network) -> dict[str, float]:
    """q at the nodes all paths pass through, for inputs of q = 1."""
    return {level.node: level.q for level in kc.diagnose(network).levels}


@pytest.mark.parametrize("activation", ["relu", "tanh", "silu"])
def test_q_grows_by_alpha_squared_and_starts_anew_in_every_stage(activation: str) -> None:
    net = nets.nf_resnet(34, 3, (8, 8, 2), activation, alpha=0.5, width=4, padding="CIRCULAR")
    found = q_values(net)
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(1, blocks + 1):
            expected = 1 + block * 0.5**2
            assert math.isclose(found[f"stage{stage}/block{block}/sum"], expected, rel_tol=1e-9)


def test_every_branch_reads_q_one() -> None:
    net = nets.nf_resnet(18, 3, (8, 8, 2), "gelu", width=4, padding="CIRCULAR")
    scales = {node.name for node in net if node.name.endswith("/scale")}
    found = q_values(net)
    assert len(scales & found.keys()) > 1
    for name in scales & found.keys():
        assert math.isclose(found[name], 1, rel_tol=1e-9)


def test_skipinit_starts_as_its_shortcuts() -> None:
    net = nets.nf_resnet(18, 3, (8, 8, 2), skipinit=True, width=4, padding="CIRCULAR")
    assert sum(node.name.endswith("/skipinit") for node in net) == 8
    assert all(math.isclose(q, 1) for name, q in q_values(net).items() if name.endswith("/sum"))


def test_it_lowers_with_zeros_at_the_border() -> None:
    net = nets.nf_resnet(50, 3, (8, 8, 2), width=2)
    model = kc.lower(net, key=jax.random.key(0))
    out = np.asarray(model.batched(np.ones((2, 8, 8, 2), np.float32)))
    assert out.shape == (2, 3)
    assert np.isfinite(out).all()


@pytest.mark.parametrize(
    "wrong", [{"depth": 20}, {"alpha": 0}, {"alpha": True}, {"padding": "VALID"}]
)
def test_wrong_arguments_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(kc.GraphError):
        nets.nf_resnet(**{"depth": 18, **wrong})  # pyright: ignore[reportArgumentType]
