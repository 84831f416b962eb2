"""Arguments the nets take and refuse."""

from __future__ import annotations

import pytest
import sympy

import kernelc as kc
import nets


REFUSED = {
    "mlp depth": (lambda: nets.mlp(0, 8), "depth = 0"),
    "mlp depth kind": (lambda: nets.mlp(2.0, 8), "depth = 2.0"),
    "mlp depth bool": (lambda: nets.mlp(True, 8), "depth = True"),
    "mlp width": (lambda: nets.mlp(2, -8), "width = -8"),
    "mlp classes": (lambda: nets.mlp(2, 8, 0), "classes = 0"),
    "mlp shape": (lambda: nets.mlp(2, 8, 3, ()), "shape ()"),
    "mlp shape kind": (lambda: nets.mlp(2, 8, 3, 784), "shape 784"),
    "activation": (lambda: nets.mlp(2, 8, activation="tanhh"), "tanhh"),
    "form": (lambda: nets.mlp(2, 8, form="plain"), "form = 'plain'"),
    "form kind": (lambda: nets.mlp(2, 8, form=["vanilla"]), "form = ['vanilla']"),
    "w beside vanilla": (lambda: nets.mlp(2, 8, shortcut_weight=0.5), "form = 'vanilla'"),
    "w beside standard": (lambda: nets.resnet(18, shortcut_weight=0.9), "form = 'standard'"),
    "w above 1": (
        lambda: nets.mlp(2, 8, form="weighted", shortcut_weight=1.5),
        "shortcut_weight = 1.5",
    ),
    "w nan": (
        lambda: nets.mlp(2, 8, form="weighted", shortcut_weight=float("nan")),
        "shortcut_weight = nan",
    ),
    "w imaginary": (
        lambda: nets.mlp(2, 8, form="weighted", shortcut_weight=sympy.I),
        "shortcut_weight = I",
    ),
    "w kind": (
        lambda: nets.mlp(2, 8, form="weighted", shortcut_weight="0.9"),
        "shortcut_weight = '0.9'",
    ),
    "dropout": (lambda: nets.mlp(2, 8, dropout=1), "rate = 1"),
    "weight_std": (lambda: nets.mlp(2, 8, weight_std=-1), "weight_std = -1"),
    "convnet depth": (lambda: nets.convnet(3), "depth = 3"),
    "convnet channels": (lambda: nets.convnet(6, 0), "channels = 0"),
    "convnet channel list": (lambda: nets.convnet(6, (8, 0)), "channels = 0"),
    "convnet no channels": (lambda: nets.convnet(6, ()), "channels = ()"),
    "convnet channels kind": (lambda: nets.convnet(6, None), "channels = None"),
    "convnet vector": (lambda: nets.convnet(6, 8, 3, (5,)), "shape (5,)"),
    "resnet depth": (lambda: nets.resnet(51), "depth = 51"),
    "resnet version": (lambda: nets.resnet(18, version=3), "version = 3"),
    "resnet version bool": (lambda: nets.resnet(18, version=True), "version = True"),
    "resnet stem": (lambda: nets.resnet(18, stem="mnist"), "stem = 'mnist'"),
    "resnet width": (lambda: nets.resnet(18, width=0), "width = 0"),
    "resnet delta": (lambda: nets.resnet(18, delta=1), "delta = 1"),
    "wide depth": (lambda: nets.wide_resnet(27), "depth = 27"),
    "wide shallow": (lambda: nets.wide_resnet(4), "depth = 4"),
    "wide widen": (lambda: nets.wide_resnet(10, 0), "widen = 0"),
}


@pytest.mark.parametrize(("build", "found"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_arguments_are_refused_by_name(build, found):
    with pytest.raises(kc.KernelcError) as error:
        build()
    assert found in error.value.found


def test_wide_resnet_remedy_names_depths_that_work():
    with pytest.raises(kc.ShapeError, match="choose 22 or 28"):
        nets.wide_resnet(27)
    nets.wide_resnet(22, 1)


def test_activations_are_names_expressions_or_layers():
    x = sympy.Symbol("x")
    layer = kc.Activation("leaky_relu", negative_slope=0.2)
    assert nets.mlp(2, 4, activation=layer)["head/act"].layer == layer
    assert nets.mlp(2, 4, activation="erf")["head/act"].layer == kc.Activation("erf")
    own = nets.mlp(2, 4, activation=x * sympy.tanh(x))["head/act"].layer
    assert own == kc.Activation(x * sympy.tanh(x))


def test_shortcut_weight_may_be_a_symbol():
    w = sympy.Symbol("w", positive=True)
    layer = nets.mlp(2, 4, form="weighted", shortcut_weight=w)["block1/sum"].layer
    assert layer == kc.WeightedSum((w, sympy.sqrt(1 - w**2)))


def test_shortcut_weight_may_be_a_sympy_number():
    layer = nets.mlp(2, 4, form="weighted", shortcut_weight=sympy.Rational(3, 5))[
        "block1/sum"
    ].layer
    assert layer == kc.WeightedSum((0.6, 0.8))


def test_equal_arguments_give_equal_networks():
    assert nets.resnet(18, width=2) == nets.resnet(18, width=2)
    assert nets.resnet(18, width=2) != nets.resnet(18, width=4)


@pytest.mark.skipif(not hasattr(kc.Network, "to_json"), reason="networks are not written yet")
@pytest.mark.parametrize("form", ["vanilla", "weighted", "standard"])
def test_networks_survive_json(form):
    for network in (
        nets.mlp(3, 4, form=form),
        nets.convnet(6, 4, form=form),
        nets.resnet(50, 3, (64, 64, 3), form=form, width=2, stem="imagenet", dropout=0.1),
        nets.wide_resnet(10, 2, form=form),
    ):
        assert kc.Network.from_json(network.to_json()) == network


def test_deep_mlp_builds():
    assert len(nets.mlp(5000, 4, form="weighted")) == 2 + 3 * 4999 + 2
