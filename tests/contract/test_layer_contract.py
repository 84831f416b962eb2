"""The contract of all layer kinds, tested on one instance of each."""

from __future__ import annotations

import dataclasses
import inspect
import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from cases import CASES, network

import kernelc as kc
from kernelc import modules
from kernelc.ir import snake


KINDS = pytest.mark.parametrize("kind", CASES)


def test_every_kind_has_a_case() -> None:
    ours = {name for name, kind in kc.Layer.kinds.items() if kind.__module__.startswith("kernelc")}
    # A depth has no finite layer until it has a number (tests/unit/layers/test_repeat.py), and
    # what was not read has none (tests/unit/layers/test_opaque.py).
    assert ours - {"InputLayer", "TokensLayer", "Repeat", "Opaque"} == set(CASES)


@KINDS
def test_shape_rule_is_that_of_the_module(kind: str) -> None:
    net = network(CASES[kind])
    model = kc.lower(net, key=jax.random.key(0))
    shape = net.input_format.shape
    xs = jnp.ones((2, *shape)) + jnp.arange(2.0).reshape(2, *(1 for _ in shape))
    if kind == "BatchNorm":
        y, _ = model.batched(xs, eqx.nn.State(model))
    else:
        y = model.batched(xs, key=jax.random.key(1))
    assert y.shape == (2, *net.output_shape)


@KINDS
def test_specs_are_values(kind: str) -> None:
    layer = CASES[kind].layer
    again = pickle.loads(pickle.dumps(layer))
    assert again == layer
    assert hash(again) == hash(layer)
    assert layer.text().startswith(kind)
    for field in dataclasses.fields(layer):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(layer, field.name, None)


@KINDS
def test_numbers_have_one_default_in_spec_and_module(kind: str) -> None:
    specified = {f.name: f.default for f in dataclasses.fields(CASES[kind].layer)}
    for maker in (getattr(modules, kind, None), getattr(modules, snake(kind), None)):
        for name, parameter in inspect.signature(maker).parameters.items() if maker else ():
            if isinstance(parameter.default, float):
                assert parameter.default == specified.get(name, parameter.default), name


@KINDS
def test_wrong_numbers_of_inputs_are_refused(kind: str) -> None:
    layer, x = CASES[kind].layer, kc.Input((6, 4))
    with pytest.raises(kc.GraphError):
        layer()
    if layer.arity == 1:
        with pytest.raises(kc.GraphError):
            layer(x, x)
    with pytest.raises(kc.GraphError):
        layer("x")


@KINDS
def test_kernel_is_known_or_refused_with_a_reason(kind: str) -> None:
    case = CASES[kind]
    if case.refused is not None:
        with pytest.raises(kc.UnsupportedError, match=case.refused):
            kc.derive(network(case))
        return
    kernel = kc.derive(network(case))
    value = kernel.evaluate(c=0.5, s=0.3, c_b=0.1)
    assert 0 < value.q < 10
    assert -1 <= value.c <= 1


@KINDS
def test_networks_survive_json(kind: str) -> None:
    net = network(CASES[kind])
    assert kc.Network.from_json(net.to_json()) == net
