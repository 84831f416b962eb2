"""Diagnoses of networks that were read: they go on past layers without rules, and say so."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc
from kernelc.diagnosis._inputs import Inputs
from kernelc.diagnosis._measure import profile_of


@pytest.fixture(scope="module")
def images() -> kc.ReadNetwork:
    keys = jax.random.split(jax.random.key(0), 3)
    model = eqx.nn.Sequential(
        [
            eqx.nn.Conv2d(3, 8, 3, padding=1, key=keys[0]),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.MaxPool2d(2, 2),
            eqx.nn.Conv2d(8, 8, 3, padding=1, key=keys[1]),
            eqx.nn.Lambda(jnp.ravel),
            eqx.nn.Linear(8 * 16, 5, key=keys[2]),
        ]
    )
    return kc.read(model, jnp.ones((3, 8, 8)))


def test_a_report_says_first_what_was_read_and_what_it_assumes(images: kc.ReadNetwork) -> None:
    report = kc.diagnose(images)
    told = str(report)
    assert told.startswith("read Sequential: ")
    assert "1 measured" in told.splitlines()[0]
    assert "drawn and run through" in told
    assert "max_pool" in told
    assert report.levels[-1].node == images.network.nodes[-1].name
    assert report.verdict.trains is not None
    assert report.to_dict()["quality"]["counts"] == images.counts()


def test_data_are_in_the_layout_of_the_model(images: kc.ReadNetwork) -> None:
    x = np.random.default_rng(0).normal(size=(6, 3, 8, 8))
    moved = np.moveaxis(x, 1, -1)
    first, other = kc.diagnose(images, x), kc.diagnose(images, moved)
    assert first.levels[-1].q == other.levels[-1].q
    assert np.array_equal(images.examples(x), moved)
    with pytest.raises(kc.DataError):
        kc.diagnose(images, np.ones((4, 7)))


def test_nothing_is_known_beyond_an_opaque_node() -> None:
    x = kc.Input((4,))
    body = kc.chain(kc.Dense(8), kc.Opaque("a sort along channels", (8,)), kc.Dense(3))
    profile = profile_of(kc.Network(x, body(x)), Inputs(), inner=True)
    assert profile.end is not None
    assert profile.end.error.law == "a sort along channels"
    assert not profile.sampled


def test_values_that_are_drawn_have_the_moments_of_the_rule(monkeypatch: pytest.MonkeyPatch):
    body = kc.chain(
        kc.Dense(400, bias_std=0.3), kc.Activation("tanh"), kc.Dense(400), kc.Activation("relu")
    )
    x = kc.Input((4,))
    net = kc.Network(x, kc.chain(body, kc.Dense(3))(x))
    exact = profile_of(net, Inputs(), inner=True)

    def refused(self, algebra, inputs, shapes):
        return algebra.unsupported(inputs, "no rule", "none")

    monkeypatch.setattr(kc.Activation, "kernel", refused)
    drawn = profile_of(net, Inputs(), inner=True)
    assert set(drawn.sampled) == {"activation_1", "activation_2"}
    for one, other in zip(exact.levels, drawn.levels, strict=True):
        assert other.q == pytest.approx(one.q, rel=0.03)
        assert other.c_map == pytest.approx(one.c_map, abs=0.03)
        assert other.slope == pytest.approx(one.slope, rel=0.05)
    assert exact.ntk is not None
    assert drawn.ntk == pytest.approx(exact.ntk, rel=0.1, abs=0.03)


def test_images_that_are_pooled_by_draws_agree_with_finite_networks() -> None:
    x = kc.Input((6, 6, 4))
    body = kc.chain(kc.Conv(64, 3, padding="CIRCULAR"), kc.Activation("relu"), kc.MaxPool(2))
    net = kc.Network(x, kc.chain(body, kc.GlobalMeanPool(), kc.Dense(64))(x))
    profile = profile_of(net, Inputs(), inner=True)
    finite = dataclasses.replace(kc.diagnose(net), levels=profile.levels).finite(samples=12)
    assert [level.node for level in finite.levels] == ["input", "conv_1", "dense_1"]
    pooled = finite.levels[-1]
    assert finite.q[-1] == pytest.approx(pooled.q, rel=0.1)
    assert finite.c_map[-1] == pytest.approx(pooled.c_map, abs=0.06)
