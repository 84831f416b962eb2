"""The structure of nets: shapes, counts, independence, and published parameter counts."""

from __future__ import annotations

import math
from collections import Counter

import pytest

import kernelc as kc
import nets


FORMS = ("vanilla", "weighted", "standard")
ALL = {
    "mlp": lambda form: nets.mlp(4, 8, 3, (5,), "tanh", form=form),
    "mlp_image": lambda form: nets.mlp(2, 8, 3, (4, 4, 2), "tanh", form=form),
    "convnet": lambda form: nets.convnet(9, 4, 3, (8, 8, 2), "tanh", form=form),
    "resnet18v1": lambda form: nets.resnet(18, 3, (16, 16, 2), version=1, form=form, width=2),
    "resnet18v2": lambda form: nets.resnet(18, 3, (16, 16, 2), form=form, width=2),
    "resnet50v1": lambda form: nets.resnet(50, 3, (16, 16, 2), version=1, form=form, width=2),
    "resnet50v2": lambda form: nets.resnet(50, 3, (16, 16, 2), form=form, width=2),
    "resnet50v2_imagenet": lambda form: nets.resnet(
        50, 3, (64, 64, 3), form=form, width=2, stem="imagenet"
    ),
    "wide_resnet": lambda form: nets.wide_resnet(16, 2, 3, (8, 8, 2), form=form),
}
EVERY = [pytest.param(build, form, id=f"{k}-{form}") for k, build in ALL.items() for form in FORMS]


def kinds(network: kc.Network) -> Counter[str]:
    return Counter(type(node.layer).__name__ for node in network)


def supports(network: kc.Network) -> list[frozenset[str]]:
    """For each node, the layers of weights it is a function of without crossing another."""
    found: list[frozenset[str]] = []
    for node in network:
        if isinstance(node.layer, kc.Dense | kc.Conv):
            found.append(frozenset({node.name}))
        else:
            found.append(frozenset().union(*(found[i] for i in node.inputs)))
    return found


def gaussian(network: kc.Network) -> list[bool]:
    found: list[bool] = []
    for node in network:
        if isinstance(node.layer, kc.Dense | kc.Conv):
            found.append(True)
        elif isinstance(node.layer, kc.Activation) or not node.inputs:
            found.append(False)
        else:
            found.append(all(found[i] for i in node.inputs))
    return found


@pytest.mark.parametrize(("build", "form"), EVERY)
def test_every_form_ends_in_logits_with_layers_of_its_kind(build, form):
    network = build(form)
    count = kinds(network)
    assert network.output_shape == (3,)
    assert (count["BatchNorm"] > 0) == (form == "standard")
    assert (count["WeightedSum"] > 0) == (form != "vanilla")
    assert count["MaxPool"] == (form == "standard" and "stem/pool" in [n.name for n in network])
    if form == "vanilla":
        assert all(len(node.inputs) <= 1 for node in network)
        assert not [node.name for node in network if node.name.endswith("shortcut")]
    if form == "weighted":
        assert all(n.layer.normalized for n in network if isinstance(n.layer, kc.WeightedSum))


@pytest.mark.parametrize(("build", "form"), EVERY)
def test_no_name_is_made_up_for_a_node(build, form):
    for node in build(form).nodes[1:]:
        place, _, role = node.name.rpartition("/")
        assert place, node.name
        assert role.rstrip("0123456789") in {
            *("conv", "dense", "act", "norm", "sum", "shortcut", "shortcut_norm"),
            *("pool", "flatten"),
        }


@pytest.mark.parametrize(("build", "form"), EVERY)
def test_branches_of_every_sum_are_independent(build, form):
    network = build(form)
    support = supports(network)
    for node in network:
        first, *rest = (support[i] for i in node.inputs) if node.inputs else (frozenset(),)
        for other in rest:
            assert not first & other, node.name


@pytest.mark.parametrize(("build", "form"), EVERY)
def test_nonlinearities_read_gaussian_values_but_after_unprojected_v1_sums(build, form):
    network = build(form)
    is_gaussian = gaussian(network)
    wrong = [
        network.nodes[node.inputs[0]].name
        for node in network
        if isinstance(node.layer, kc.Activation) and not is_gaussian[node.inputs[0]]
    ]
    if "v1" not in network.name or form == "vanilla":
        assert wrong == []
    else:
        projected = {n.name.split("/shortcut")[0] for n in network if "shortcut" in n.name}
        sums = [n.name for n in network if isinstance(n.layer, kc.WeightedSum)]
        assert wrong == [name for name in sums if name.removesuffix("/sum") not in projected]


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
@pytest.mark.parametrize("version", [1, 2])
def test_nonlinear_layers_on_the_vanilla_path(depth, version):
    expected = {18: 17, 34: 33, 50: 49, 101: 100, 152: 151}[depth]
    network = nets.resnet(depth, version=version, form="vanilla", width=2)
    assert kinds(network)["Activation"] == expected
    # A chain: one convolution before each nonlinearity, and the logits.
    assert kinds(network)["Conv"] == expected
    assert kinds(network)["Dense"] == 1


@pytest.mark.parametrize("depth", [1, 2, 7])
@pytest.mark.parametrize("form", FORMS)
def test_depth_counts_nonlinear_layers(depth, form):
    assert kinds(nets.mlp(depth, 4, form=form))["Activation"] == depth
    network = nets.convnet(depth + 3, 4, form=form)
    assert kinds(network)["Activation"] == depth + 3
    assert kinds(network)["WeightedSum"] == (0 if form == "vanilla" else depth + 2)


@pytest.mark.parametrize(
    "build",
    [
        lambda **form: nets.mlp(4, 8, **form),
        lambda **form: nets.convnet(6, 4, **form),
        lambda **form: nets.resnet(50, width=2, **form),
        lambda **form: nets.resnet(18, width=2, version=1, **form),
        lambda **form: nets.wide_resnet(10, 2, **form),
    ],
    ids=["mlp", "convnet", "resnet50", "resnet18v1", "wide_resnet"],
)
def test_weight_zero_is_the_vanilla_net(build):
    zero = build(form="weighted", shortcut_weight=0)
    assert zero.nodes == build(form="vanilla").nodes
    assert zero.nodes != build(form="weighted").nodes


def test_stages_halve_locations_and_double_channels():
    network = nets.resnet(50)
    shapes = [network[f"stage{i}/block2/sum"].shape for i in (1, 2, 3, 4)]
    assert shapes == [(32, 32, 256), (16, 16, 512), (8, 8, 1024), (4, 4, 2048)]
    image = nets.resnet(18, 1000, (224, 224, 3), stem="imagenet")
    shapes = [image[f"stage{i}/block2/sum"].shape for i in (1, 2, 3, 4)]
    assert shapes == [(56, 56, 64), (28, 28, 128), (14, 14, 256), (7, 7, 512)]
    wide = nets.wide_resnet(28, 10)
    shapes = [wide[f"stage{i}/block4/sum"].shape for i in (1, 2, 3)]
    assert shapes == [(32, 32, 160), (16, 16, 320), (8, 8, 640)]


def test_convnet_channels_of_each_stage():
    network = nets.convnet(6, (3, 5), input_shape=(8, 8, 1))
    assert network["stage1/block3/conv1"].shape == (8, 8, 3)
    assert network["stage2/block2/conv1"].shape == (4, 4, 5)
    assert nets.convnet(3, (4, 8), input_shape=(16, 2)).nodes[-3].shape == (8, 8)


def parameters(network: kc.Network) -> int:
    """Parameters of a published net: no bias before a norm, scale and shift in each norm."""
    total = 0
    for node in network.nodes[1:]:
        into = network.in_shapes(node)[0][-1]
        if isinstance(node.layer, kc.Conv):
            assert isinstance(node.layer.window, int)
            total += node.layer.window**2 * into * node.layer.channels
        elif isinstance(node.layer, kc.Dense):
            total += (into + 1) * node.layer.width
        elif isinstance(node.layer, kc.BatchNorm):
            total += 2 * into
    return total


@pytest.mark.parametrize(
    ("depth", "published"),
    [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032), (101, 44_549_160), (152, 60_192_808)],
)
def test_standard_v1_has_the_published_number_of_parameters(depth, published):
    network = nets.resnet(depth, 1000, (224, 224, 3), version=1, stem="imagenet")
    assert parameters(network) == published


def test_wide_resnet_28_10_has_36_5_million_parameters():
    assert round(parameters(nets.wide_resnet(28, 10)) / 1e6, 1) == 36.5


def test_weights_of_each_form():
    def conv(**options) -> kc.Conv:
        layer = nets.resnet(18, width=2, **options)["stage2/block1/conv2"].layer
        assert isinstance(layer, kc.Conv)
        return layer

    assert (conv().weight_std, conv().delta) == (math.sqrt(2), False)
    assert conv(activation="tanh").weight_std == 1
    for form in ("vanilla", "weighted"):
        assert (conv(form=form).weight_std, conv(form=form).delta) == (1, True)
    assert conv(form="vanilla", weight_std=1.5).weight_std == 1.5
    assert conv(delta=True).delta


def test_dropout_comes_before_the_last_layer_only():
    for form in FORMS:
        network = nets.wide_resnet(10, 1, form=form, dropout=0.3)
        assert kinds(network)["Dropout"] == 1
        assert network.nodes[-2].layer == kc.Dropout(0.3)
