"""Entry points take networks and shaped networks, and nothing that only looks like one."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import kernelc as kc


X = kc.Input((4,))
NET = kc.Network(X, kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(2))(X))

ENTRIES: dict[str, Callable[[Any], Any]] = {
    "derive": kc.derive,
    "shape": kc.shape,
    "lower": lambda value: kc.lower(value, key=jax.random.key(0)),
    "kernel_fn": kc.kernel_fn,
    "diagnose": kc.diagnose,
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_things_with_a_network_attribute_are_refused(entry: str) -> None:
    strangers = [types.SimpleNamespace(network=NET), kc.derive(NET), kc.diagnose(NET), "net", None]
    for stranger in strangers:
        with pytest.raises(kc.KernelcError, match=f"{entry} takes a network"):
            ENTRIES[entry](stranger)


@pytest.mark.parametrize("entry", ENTRIES)
def test_shaped_networks_are_taken(entry: str) -> None:
    assert ENTRIES[entry](kc.shape(NET, kc.DKS(), rewrite=True)) is not None


def test_derive_of_a_shaped_network_is_at_the_q_value_its_constants_hold_for() -> None:
    shaped = kc.shape(NET, kc.DKS(), rewrite=True)
    assert kc.derive(shaped).evaluate(c=0.3) == kc.derive(shaped.network, q=1).evaluate(c=0.3)
    assert np.isclose(kc.derive(shaped, q=2).evaluate(c=0.3).q, 1)  # PLN comes first
