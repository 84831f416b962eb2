"""Readings, the fold over nodes, and the site that a rule receives."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import kernelc as kc
from kernelc.ir import PairKind, Reading, Site, fold, pairs_read


class Depth(Reading[int]):
    def combine(self, values: Sequence[int]) -> int:
        return max(values)

    def nonlinearity(self, s: int, phi: object) -> int:
        return s + 1


class Places(Reading[tuple[Site, ...]]):
    def combine(self, values: Sequence[tuple[Site, ...]]) -> tuple[Site, ...]:
        return (*values[0], self.site)

    def nonlinearity(self, s: tuple[Site, ...], phi: object) -> tuple[Site, ...]:
        return (*s, self.site)


def network() -> kc.Network:
    x = kc.Input((4, 4, 3))
    branch = kc.chain(kc.Conv(8), kc.Activation("erf"), kc.Conv(8))
    block = kc.residual(branch, 0.6)
    layers = kc.chain(kc.Conv(8), block, kc.MaxPool(2), kc.Activation("relu"), kc.Flatten())
    return kc.Network(x, layers(x))


def test_words_that_are_not_written_are_the_identity_or_the_join():
    net = network()
    assert net.fold(Depth(), 0)[net.last] == 2


def test_a_fold_starts_anywhere_and_visits_what_it_is_told():
    net = network()
    middle = net["weighted_sum_1"].index
    nodes = range(middle + 1, len(net))
    assert net.fold(Depth(), 10, nodes, entry=middle)[net.last] == 11


def test_rules_know_their_node_and_its_shapes():
    net = network()
    reading = Places()
    sites = net.fold(reading, ())[net.last]
    assert [site.name for site in sites] == ["weighted_sum_1", "max_pool_1", "activation_2"]
    assert sites[1] == Site("max_pool_1", ((4, 4, 8),), (2, 2, 8))
    assert reading.site == Site(), "a fold leaves the reading where it was"


def test_refusals_are_answered_or_leave_what_follows_without_a_value():
    net = network()
    seen: list[str] = []

    def rule(node, inputs):
        if node.name == "max_pool_1":
            raise kc.UnsupportedError("here", "this", "a law", "a remedy")
        return max(inputs) + 1

    def answered(node, inputs, error):
        seen.append(f"{node.name}: {error.found}")
        return (100,)

    start = {0: 0}
    assert fold(net.nodes[1:], rule, start, answered)[net.last] == 102
    assert seen == ["max_pool_1: this"]
    left = fold(net.nodes[1:], rule, start, lambda *_: None)
    assert net["weighted_sum_1"].index in left
    assert net.last not in left
    with pytest.raises(kc.UnsupportedError):
        fold(net.nodes[1:], rule, start)


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (kc.GlobalMeanPool(), {PairKind.LOCATION}),
        (kc.MeanPool(1, 2), set()),
        (kc.MeanPool(2), {PairKind.LOCATION}),
        (kc.LocalConv(8), {PairKind.UNLIKE}),
        (kc.BatchNorm(), {PairKind.BATCH}),
        (kc.Conv(8, delta=False), set()),
        (kc.Flatten(), set()),
    ],
)
def test_layers_say_which_pairs_they_read(layer: kc.Layer, wanted: set[PairKind]):
    x = kc.Input((4, 4, 3))
    assert pairs_read(kc.Network(x, layer(x))) == wanted
