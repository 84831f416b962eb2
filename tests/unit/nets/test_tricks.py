"""Every trick: its derived kernel against wide networks, and invalid arguments."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc
import nets


DEPTH, WIDTH, CHANNELS, DRAWS = 4, 256, 64, 12
TRICKS = nets.tricks(DEPTH, WIDTH, classes=WIDTH, input_shape=(CHANNELS,))
BATCHED = [name for name in TRICKS if "batch" in name]
ALONE = [name for name in TRICKS if name not in BATCHED]
# Those whose tangent kernel is no matter of chains, sums and norms that have tests of their own.
TANGENT = ["looks linear", "weight standardization", "fixup"]
COSINE, BATCH_COSINE, BATCH, PAIRS = 0.4, 0.2, 256, 16


def inputs(size: int, other: float) -> Any:
    """Inputs of q = 1: pairs of neighbors have cosine COSINE, up to PAIRS of them, all else
    the cosine `other`."""
    cosines = np.full((size, size), other)
    for i in range(0, 2 * PAIRS, 2):
        cosines[i, i + 1] = cosines[i + 1, i] = COSINE
    np.fill_diagonal(cosines, 1)
    return jnp.asarray(np.linalg.cholesky(cosines) * np.sqrt(size), jnp.float32)


def check(outputs: Any, wanted: Any) -> None:
    """q and c of the pairs at the start of some outputs, (draws, inputs, channels)."""
    y = np.asarray(outputs, float)[:, : 2 * PAIRS]
    q = np.mean(y**2, axis=(1, 2))
    left, right = y[:, ::2], y[:, 1::2]
    norms = np.linalg.norm(left, axis=2) * np.linalg.norm(right, axis=2)
    c = np.mean(np.sum(left * right, axis=2) / norms, axis=1)
    for values, exact, scale in ((q, wanted.q, wanted.q), (c, wanted.c, 1.0)):
        error = values.std(ddof=1) / np.sqrt(len(values))
        # Four standard errors, and what finite width adds: a term of order depth / width.
        assert abs(values.mean() - exact) <= 4 * error + DEPTH / WIDTH * scale, (values, exact)


@pytest.mark.parametrize("name", ALONE)
def test_derived_kernel_is_that_of_wide_nets(name: str) -> None:
    models = (kc.lower(TRICKS[name], key=jax.random.key(i)) for i in range(DRAWS))
    outputs = [model.batched(inputs(CHANNELS, 0.0)) for model in models]
    check(outputs, kc.derive(TRICKS[name]).evaluate(c=COSINE, q=1))


@pytest.mark.parametrize("name", BATCHED)
def test_batch_norm_is_derived_for_a_large_batch_of_one_common_cosine(name: str) -> None:
    net = nets.tricks(DEPTH, WIDTH, classes=WIDTH, input_shape=(BATCH,))[name]
    xs, outputs = inputs(BATCH, BATCH_COSINE), []
    for i in range(6):
        model = kc.lower(net, key=jax.random.key(i))
        outputs.append(model.batched(xs, eqx.nn.State(model))[0])
    check(outputs, kc.derive(net).evaluate(c=COSINE, q=1, c_b=BATCH_COSINE))


@pytest.mark.parametrize("name", TANGENT)
def test_derived_tangent_kernel_is_that_of_wide_nets(name: str) -> None:
    models = [kc.lower(TRICKS[name], key=jax.random.key(i)) for i in range(DRAWS)]
    found, error = kc.empirical_kernel(
        models, inputs(CHANNELS, 0.0)[:2], get="ntk", outputs=range(2), standard_error=True
    )
    kernel = kc.derive(TRICKS[name])
    own, cross = (kernel.evaluate(c=c, q=1).ntk for c in (1.0, COSINE))
    assert own is not None
    wanted = np.array([[own, cross], [cross, own]])
    tolerance = 4 * np.asarray(error.ntk, float) + DEPTH / WIDTH * own
    assert (abs(np.asarray(found.ntk, float) - wanted) <= tolerance).all()


def test_long_chains_of_exponential_units_have_a_kernel_in_numbers() -> None:
    # Their maps are written with the normal distribution function, which SymPy has not.
    value = kc.derive(nets.tricks(width=8)["selu"]).evaluate(c=0.5)
    assert abs(value.q - 1) < 1e-9
    assert 0 < value.c < 0.5


def test_nets_differ_only_in_their_trick() -> None:
    assert all(net.name == name for name, net in TRICKS.items())
    assert {net.output_shape for net in TRICKS.values()} == {(WIDTH,)}
    assert all(kc.Network.from_json(net.to_json()) == net for net in TRICKS.values())
    images = nets.tricks(5, 8, 3, (4, 4, 2))
    assert {net.input_shape for net in images.values()} == {(4, 4, 2)}
    assert {net.output_shape for net in images.values()} == {(3,)}


@pytest.mark.parametrize(
    "arguments", [{"depth": 2}, {"depth": 4.0}, {"width": 1}, {"classes": 0}, {"input_shape": ()}]
)
def test_sizes_that_make_no_net_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(kc.KernelcError):
        nets.tricks(**arguments)
