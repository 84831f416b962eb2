"""A deep network written in Equinox, with its own weights and with those of a shaped network.

Twelve `eqx.nn.Linear` layers with tanh do not train: their initialization maps all inputs to
almost one output. The script describes a network of the same sizes, shapes and lowers it, and
copies its weights and its transformed activation into the Equinox model. It trains both models
with the same settings at several learning rates.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

import kernelc as kc


RATES = (0.01, 0.03, 0.1)


class Mlp(eqx.Module):
    """Linear layers with an activation between them."""

    layers: list[eqx.nn.Linear]
    activation: Callable[[jax.Array], jax.Array] = eqx.field(static=True)

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        key: jax.Array,
        activation: Callable[[jax.Array], jax.Array] = jnp.tanh,
    ) -> None:
        keys = jax.random.split(key, len(sizes) - 1)
        pairs = zip(sizes[:-1], sizes[1:], keys, strict=True)
        self.layers = [eqx.nn.Linear(a, b, key=each) for a, b, each in pairs]
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


def twin(sizes: Sequence[int]) -> kc.Network:
    """The same architecture as a kernelc network."""
    x = kc.Input((sizes[0],))
    hidden = [kc.chain(kc.Dense(size), kc.Activation("tanh")) for size in sizes[1:-1]]
    return kc.Network(x, kc.chain(*hidden, kc.Dense(sizes[-1]))(x), name="twin")


def transplanted(sizes: Sequence[int], network: kc.Network, *, key: jax.Array) -> Mlp:
    """The Equinox model with the weights and the activation of the lowered network."""
    source = kc.lower(network, key=key)
    dense: list[Any] = [source[n.name] for n in network if isinstance(n.layer, kc.Dense)]
    shaped = next(n.layer for n in network if isinstance(n.layer, kc.Activation))
    model = Mlp(sizes, key=key, activation=shaped.scalar.jax)
    # Equinox keeps matrices as (out, in), kernelc as (in, out).
    return eqx.tree_at(
        lambda m: [array for layer in m.layers for array in (layer.weight, layer.bias)],
        model,
        [array for layer in dense for array in (layer.weight.T, layer.bias)],
    )


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Trains both models at each rate; returns the best test accuracy of each."""
    parser = argparse.ArgumentParser(description="An Equinox model, unchanged and shaped.")
    parser.add_argument("--depth", type=int, default=12)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args(argv)
    sizes = (64, *[options.width] * options.depth, 10)
    network = kc.shape(twin(sizes), kc.DKS(), rewrite=True, pln=None).network
    key = jax.random.key(0)
    digits = kc.data.digits().flat()
    # The constants are solved for inputs of mean square 1, to which `pln` scales each of them.
    runs = {
        "as it is": (Mlp(sizes, key=key), digits),
        "transplanted": (transplanted(sizes, network, key=key), digits.pln("off")),
    }
    best = {}
    for name, (model, data) in runs.items():
        found = {}
        for rate in RATES:
            optimizer = optax.sgd(rate, momentum=0.9)
            run = kc.fit(model, data, optimizer=optimizer, steps=options.steps, progress=False)
            found[rate] = 0.0 if run.test is None else run.test.accuracy
        best[name] = max(found.values())
        print(f"{name:13}", *(f"rate {rate}: {100 * a:4.1f} %" for rate, a in found.items()))
    return best


if __name__ == "__main__":
    main()
