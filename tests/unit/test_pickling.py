"""Public values pickle and copy, as joblib and multiprocessing need."""

from __future__ import annotations

import copy
import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

import kernelc as kc


WAYS = [lambda value: pickle.loads(pickle.dumps(value)), copy.deepcopy]
u = sympy.Symbol("u")


def network(*layers) -> kc.Network:
    x = kc.Input((6,))
    return kc.Network(x, kc.chain(*layers, kc.Dense(3))(x), name="deep")


PLAIN = network(kc.Dense(8), kc.Activation("tanh"))
XS = np.random.default_rng(0).normal(size=(12, 6)).astype("float32")
NETWORKS = {
    "plain": PLAIN,
    "norms and dropout": network(kc.Dense(8), kc.BatchNorm(), kc.Dropout(0.9), kc.LayerNorm()),
    "expression": network(kc.Dense(8), kc.Activation(u * sympy.tanh(u))),
    "pieces": network(kc.Dense(8), kc.Activation("leaky_relu", negative_slope=0.2)),
    "shaped": kc.shape(PLAIN, kc.DKS(), rewrite=True).network,
    "sums": network(kc.residual(kc.chain(kc.Activation("gelu"), kc.Dense(6)))),
}


@pytest.fixture(params=WAYS, ids=["pickle", "deepcopy"])
def copied(request):
    return request.param


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_layers_and_models_come_back_equal(name, copied):
    net = NETWORKS[name]
    assert copied(net) == net
    assert [copied(node.layer) for node in net] == [node.layer for node in net]
    model = eqx.nn.inference_mode(kc.lower(net, key=jax.random.key(0)))
    state = eqx.nn.State(model)
    again, its_state = copied((model, state))
    # Equal trees are the same function: structure holds the wiring, the constants and the code.
    assert eqx.tree_equal(again, model)
    assert jax.tree.structure((again, its_state)) == jax.tree.structure((model, state))
    assert eqx.tree_equal(its_state, state)


def test_a_looped_model_comes_back_equal(copied):
    x = kc.Input((6,))
    block = kc.chain(kc.BatchNorm(), kc.Activation("relu"), kc.Dense(6))
    net = kc.Network(x, kc.repeat(block, 4)(x))
    model = kc.lower(net, key=jax.random.key(0), layers="scan")
    again, state = copied((model, eqx.nn.State(model)))
    assert eqx.tree_equal(again, model)
    wanted, after = model.batched(jnp.asarray(XS), eqx.nn.State(model))
    got, its_after = again.batched(XS, state)
    np.testing.assert_array_equal(got, wanted)
    assert eqx.tree_equal(its_after, after)


@pytest.mark.parametrize("name", ["plain", "pieces", "expression"])
def test_kernels_come_back_with_their_formulas(name, copied):
    kernel = kc.derive(NETWORKS[name])
    again = copied(kernel)
    assert again.equations == kernel.equations
    assert str(again.ntk) == str(kernel.ntk)
    assert again.evaluate(c=0.3, q=1) == kernel.evaluate(c=0.3, q=1)


def test_kernels_with_loops_come_back(copied):
    kernel = kc.derive(network(kc.repeat(kc.chain(kc.Dense(8), kc.Activation("tanh")), 30)))
    again = copied(kernel)
    assert again.equations == kernel.equations
    assert again.evaluate(c=0.3, q=1) == kernel.evaluate(c=0.3, q=1)


def test_kernel_functions_come_back_before_and_after_a_call():
    net = network(kc.Dense(8), kc.Activation("relu"))
    k = kc.kernel_fn(net, largest_q=9.0, parameterization="standard")
    fresh = pickle.loads(pickle.dumps(k))
    wanted = k(XS)
    for again in (fresh, copy.deepcopy(k)):
        found = again(XS)
        np.testing.assert_array_equal(found.nngp, wanted.nngp)
        np.testing.assert_array_equal(found.ntk, wanted.ntk)
        assert (again.q, again.natural_q, again.standard) == (None, None, True)


def test_results_come_back(copied):
    shaped = kc.shape(PLAIN, kc.DKS(), rewrite=True)
    again = copied(shaped)
    assert (again.network, str(again)) == (shaped.network, str(shaped))
    assert again.certificate == shaped.certificate
    y = np.arange(12) % 3
    result = kc.fit(kc.lower(PLAIN, key=jax.random.key(0)), (XS, y), steps=2, progress=False)
    again = copied(result)
    assert eqx.tree_equal(again.model, result.model)
    assert again.to_dict() == result.to_dict()
    data = kc.data.Dataset(XS, y, XS, y, "table", 3)
    assert all(map(np.array_equal, copied(data).train_x, data.train_x))
    report = kc.diagnose(PLAIN)
    assert str(copied(report)) == str(report)


def test_errors_come_back_with_their_four_parts(copied):
    with pytest.raises(kc.KernelcError) as caught:
        kc.Dense(0)
    again = copied(caught.value)
    assert type(again) is kc.ShapeError
    assert str(again) == str(caught.value)
    assert (again.where, again.remedy) == (caught.value.where, caught.value.remedy)


def test_a_model_is_shown_with_the_names_of_its_activations():
    assert "<activation tanh>" in repr(kc.lower(PLAIN, key=jax.random.key(0)))
