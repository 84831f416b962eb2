"""Random arrays by programs of few sizes: the bits of JAX, whatever the shape."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kernelc.modules import initialize, unit_draw
from kernelc.modules._draws import of_any_shape


KEY = jax.random.key(7)
DRAWS = {
    "gaussian": jax.random.normal,
    "uniform": lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -(3**0.5), 3**0.5),
}


def _zeros_that_note(shapes):
    def draw(_, shape, dtype):
        shapes.append(tuple(shape))
        return jnp.zeros(shape, dtype)

    return draw


@pytest.mark.parametrize(
    ("kind", "shape"), [("gaussian", ()), ("gaussian", (7, 5, 11)), ("uniform", (19, 13))]
)
def test_bits_are_those_of_jax(kind, shape):
    drawn = unit_draw(kind, KEY, shape)
    np.testing.assert_array_equal(drawn, DRAWS[kind](KEY, shape, jnp.float32))


def test_shapes_of_about_one_size_share_a_program():
    shapes = []
    draw = _zeros_that_note(shapes)
    for shape in ((0, 3), (2, 100), (16, 16), (300,), (31, 33), (512, 512), (513, 512)):
        assert of_any_shape(draw, KEY, shape, "float32").shape == shape
    sizes = [(256,), (256,), (256,), (1024,), (1024,), (2**18,), (513, 512)]
    assert shapes == sizes


def test_generators_whose_numbers_depend_on_how_many_there_are_draw_the_shape_itself():
    shapes = []
    draw = _zeros_that_note(shapes)
    of_any_shape(draw, jax.random.key(0, impl="rbg"), (3, 5), "float32")
    with jax.threefry_partitionable(False):
        of_any_shape(draw, KEY, (3, 5), "float32")
    jax.eval_shape(lambda key: of_any_shape(draw, key, (3, 5), "float32"), KEY)
    assert shapes == [(3, 5)] * 3


def test_a_key_of_words_and_one_under_tracing_draw_the_same():
    wanted = initialize("truncated_normal", KEY, (3,), 4, 6)
    words = initialize("truncated_normal", jax.random.key_data(KEY), (3,), 4, 6)
    traced = jax.jit(lambda key: initialize("truncated_normal", key, (3,), 4, 6))(KEY)
    np.testing.assert_array_equal(words, wanted)
    np.testing.assert_allclose(traced, wanted, rtol=1e-6)
