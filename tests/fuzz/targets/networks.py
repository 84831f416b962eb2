"""Small valid networks, which the fuzzer damages, and checks of networks that were read."""

from __future__ import annotations

import functools
import json
import math
import pickle
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import sympy

import kernelc as kc
from kernelc.activations import X

from ..case import Wrong


_MOST_WEIGHTS = 20_000
_MOST_NODES = 12


@functools.cache
def seeds() -> tuple[dict[str, Any], ...]:
    """Documents of every layer kind of the package, of shaped nets, of names and symbols."""
    w = sympy.Symbol("w", positive=True)
    vector = [
        *(kc.Dense(4, weight_std=1.3, bias_std=0.1), kc.Activation("tanh", alpha=1.1, beta=0.3)),
        *(kc.LayerNorm(), kc.Dense(3, init="suo", bias=False), kc.Activation("leaky_relu")),
        *(kc.Scale(0.5), kc.PLN(), kc.Dropout(0.3), kc.Dense(2, weight_std=w)),
    ]
    image = [
        *(kc.Conv(4, window=(3, 3), padding="CIRCULAR"), kc.Activation("relu"), kc.MeanPool(2)),
        *(kc.BatchNorm(), kc.LocalConv(2, window=3), kc.WeightedMeanPool(3), kc.MaxPool(2)),
        *(kc.GlobalMeanPool(), kc.StandardizedDense(2), kc.LooksLinear(3)),
    ]
    flat = [kc.Conv(2, window=2, delta=False, stride=2, groups=2), kc.Flatten(), kc.Dense(2)]
    odd = sympy.Piecewise((X, X > 0), (X / 7, True))
    made = [
        _chain((4,), vector),
        _chain((4, 4, 2), image),
        _chain((4, 4, 2), flat),
        _chain((4,), [kc.Activation(X * sympy.tanh(X) + sympy.Rational(1, 3)), kc.Activation(odd)]),
        _chain((4,), [kc.repeat(kc.residual(kc.chain(kc.Dense(4), kc.Activation("erf")), 0.6), 3)]),
        _joins(),
        kc.shape(_chain((4,), [kc.Dense(4), kc.Activation("tanh"), kc.Dense(2)])).network,
    ]
    return tuple(json.loads(each.to_json()) for each in made)


def _chain(shape: tuple[int, ...], layers: Any) -> kc.Network:
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*layers)(x))


def _joins() -> kc.Network:
    x = kc.Input((4,))
    a, b = kc.Dense(4)(x, name="übung <&>"), kc.Dense(4)(x)
    return kc.Network(x, kc.Concat()(kc.Product()(a, b), kc.WeightedSum((0.1, 2.0))(a, x)))


def examined(network: kc.Network, deep: bool) -> None:
    """What follows reading: the same file again, texts; `deep`: the kernel and the finite net.

    Raises: Wrong for answers that are not right, KernelcError where there is none.
    """
    text = network.to_json()
    again = kc.Network.from_json(text)
    if again != network or again.to_json() != text or hash(again) != hash(network):
        raise Wrong("a network that does not come back from its own file")
    if pickle.loads(pickle.dumps(network)) != network:
        raise Wrong("a network that does not come back from a pickle")
    repr(network), str(network)
    if len(network) > _MOST_NODES or not deep:
        return
    network.summary(), network._repr_html_()
    refusals = [_tried(step, network) for step in (_derived, _lowered)]
    for error in refusals:
        if error is not None:
            raise error


def _tried(step: Any, network: kc.Network) -> kc.KernelcError | None:
    try:
        step(network)
    except kc.KernelcError as error:
        return error
    return None


def _derived(network: kc.Network) -> None:
    kernel = kc.derive(network, q=1)
    str(kernel)
    if not kernel.nngp.free_symbols - {kernel.symbols.c}:
        point = kernel.evaluate(c=0.5)
        if math.isnan(point.q):
            raise Wrong("a q value that is NaN")


def _lowered(network: kc.Network) -> None:
    sizes = [math.prod(node.shape) for node in network]
    if max(sizes) ** 2 * len(sizes) > _MOST_WEIGHTS * 100:
        return
    model = kc.lower(network, key=jax.random.key(0))
    model = eqx.nn.inference_mode(model)
    weights = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_array)))
    if weights > _MOST_WEIGHTS or any(type(n.layer) is kc.BatchNorm for n in network):
        return
    takes = network.input_format
    xs = jnp.full((2, *takes.shape), 0.0 if takes.integers else 1.0)
    out = np.asarray(model.batched(xs))
    if out.shape != (2, *network.output_shape):
        raise Wrong(f"outputs of shape {out.shape[1:]} for {network.output_shape}")
