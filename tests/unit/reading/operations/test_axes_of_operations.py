"""Operations without weights: the network arranges entries as NumPy does."""

from __future__ import annotations

import numpy as np
import pytest

from kernelc.layers import Opaque
from kernelc.reading._build import build
from kernelc.reading._replay import replayed
from kernelc.reading.operations._join import Joined, Summed
from kernelc.reading.operations._linear import Affine
from kernelc.reading.operations._padded import Padded
from kernelc.reading.operations._rolled import Rolled
from kernelc.reading.operations._tokens import WithToken
from kernelc.reading.operations._views import Reshaped, Taken, Transposed
from kernelc.reading.recording._graph import Recorder


RNG = np.random.default_rng(0)
X = RNG.normal(size=(1, 4, 6, 3)).astype(np.float32)
WEIGHT = RNG.normal(size=(3, 8)).astype(np.float32)
TOKEN = RNG.normal(size=(1, 1, 8)).astype(np.float32)


def roll(r, h):
    return r.record(Rolled((0, 1, -2, 0)), [h], h.shape)


def crop(r, h):
    h = r.record(Taken(1, 1, 4), [h], (1, 3, 6, 8))
    return r.record(Taken(2, 0, 6, 2), [h], (1, 3, 3, 8))


def row(r, h):
    h = r.record(Taken(2, 2, 3), [h], (1, 4, 1, 8))
    return r.record(Reshaped(), [h], (1, 4, 8))


def channels(r, h):
    return r.record(Taken(3, 2, 7), [h], (1, 4, 6, 5))


def odd_channels(r, h):
    return r.record(Taken(3, 1, 8, 2), [h], (1, 4, 6, 4))


def inner_channels(r, h):
    h = r.record(Reshaped(), [h], (1, 4, 6, 2, 4))
    h = r.record(Taken(4, 1, 3), [h], (1, 4, 6, 2, 2))
    return r.record(Reshaped(), [h], (1, 4, 6, 4))


def pad(r, h):
    return r.record(Padded(((0, 0), (1, 0), (2, 1), (0, 0)), 0.0), [h], (1, 5, 9, 8))


def join(r, h):
    one = r.record(Taken(1, 0, 2), [h], (1, 2, 6, 8))
    return r.record(Joined(1), [h, one], (1, 6, 6, 8))


def join_channels(r, h):
    one = r.record(Taken(3, 0, 2), [h], (1, 4, 6, 2))
    return r.record(Joined(3), [one, h], (1, 4, 6, 10))


def token(r, h):
    h = r.record(Reshaped(), [h], (1, 24, 8))
    return r.record(WithToken(1, TOKEN, None), [h], (1, 25, 8))


def split_anew(r, h):
    """Windows of three, and then rows of six in twos, of which the first are taken."""
    h = r.record(Reshaped(), [h], (1, 8, 3, 8))
    h = r.record(Reshaped(), [h], (1, 12, 2, 8))
    h = r.record(Taken(2, 0, 1), [h], (1, 12, 1, 8))
    return r.record(Reshaped(), [h], (1, 12, 8))


def blocks(r, h):
    """Two by two locations of the input side by side, with weights of their own."""
    h = r.record(Reshaped(), [h], (1, 2, 2, 3, 2, 8))
    h = r.record(Transposed((0, 1, 3, 2, 4, 5)), [h], (1, 2, 3, 2, 2, 8))
    h = r.record(Reshaped(), [h], (1, 2, 3, 32))
    return r.record(Affine(np.tile(WEIGHT.T, (4, 1))), [h], (1, 2, 3, 3))


def twice(r, h):
    """A sequence and an image of the same locations."""
    line = r.record(Reshaped(), [h], (1, 24, 8))
    line = r.record(Affine(WEIGHT.T @ WEIGHT), [line], (1, 24, 8))
    back = r.record(Reshaped(), [line], h.shape)
    return r.record(Summed((1.0, 2.0)), [h, back], h.shape)


H = X @ WEIGHT
BLOCKS = H.reshape(1, 2, 2, 3, 2, 8).transpose(0, 1, 3, 2, 4, 5).reshape(1, 2, 3, 32)
CASES = [
    (roll, np.roll(H, (1, -2), (1, 2))),
    (crop, H[:, 1:, ::2]),
    (row, H[:, :, 2]),
    (channels, H[..., 2:7]),
    (odd_channels, H[..., 1::2]),
    (inner_channels, H.reshape(1, 4, 6, 2, 4)[..., 1:3].reshape(1, 4, 6, 4)),
    (pad, np.pad(H, ((0, 0), (1, 0), (2, 1), (0, 0)))),
    (join, np.concatenate([H, H[:, :2]], 1)),
    (join_channels, np.concatenate([H[..., :2], H], 3)),
    (token, np.concatenate([TOKEN, H.reshape(1, 24, 8)], 1)),
    (split_anew, H.reshape(1, 12, 2, 8)[:, :, 0]),
    (blocks, BLOCKS @ np.tile(WEIGHT.T, (4, 1))),
    (twice, H + 2 * H @ WEIGHT.T @ WEIGHT),
]


def built(operation):
    recorder = Recorder(X.shape, batched=True)
    h = recorder.record(Affine(WEIGHT), [recorder.input], (1, 4, 6, 8))
    return build(recorder.captured(operation(recorder, h)), "net")


@pytest.mark.parametrize(
    ("operation", "expected"), CASES, ids=lambda case: getattr(case, "__name__", "")
)
def test_entries_stand_where_numpy_has_them(operation, expected):
    found = built(operation)
    assert not [node for node in found.network if isinstance(node.layer, Opaque)]
    assert replayed(found, X, expected) < 1e-5


def test_a_block_of_many_locations_is_not_put_side_by_side():
    recorder = Recorder((1, 9, 8, 3), batched=True)
    h = recorder.record(Affine(WEIGHT), [recorder.input], (1, 9, 8, 8))
    flat = recorder.record(Reshaped(), [h], (1, 72, 8))
    turned = recorder.record(Transposed((0, 2, 1)), [flat], (1, 8, 72))
    found = build(
        recorder.captured(recorder.record(Affine(np.ones((72, 2))), [turned], (1, 8, 2))), "net"
    )
    assert "mix locations" in found.network.nodes[-1].layer.reason
