"""Network files: exact for every layer kind, and refused with a reason when damaged."""

from __future__ import annotations

import json

import pytest
import sympy

import kernelc as kc
from kernelc.activations import X


w = sympy.Symbol("w", positive=True)
depth = sympy.Symbol("L", integer=True, positive=True)
EVERY_KIND = {
    "vector": (
        (8,),
        [
            kc.Dense(8, weight_std=1.3, bias_std=0.1, init="suo"),
            kc.Dense(8, bias=False),
            kc.Activation("tanh", alpha=1.1, beta=0.3, gamma=0.9, delta=-0.2),
            kc.Activation("leaky_relu", negative_slope=0.3),
            kc.Activation(X * sympy.tanh(X) + sympy.Rational(1, 3)),
            kc.Activation(sympy.Piecewise((X, X > 0), (X / 7, True))),
            kc.LayerNorm(center=False),
            kc.BatchNorm(momentum=0.5),
            kc.Dropout(0.3),
            kc.Scale(0.1, trainable=False),
            kc.ChannelScale(w, bias=True),
            kc.DropPath(0.25),
            kc.AssumeGaussian(),
            kc.Opaque("a sort", (8,)),
            kc.ChannelShuffle(2),
            kc.TakeChannels(1, 7),
            kc.PLN("one"),
        ],
    ),
    "image": (
        (8, 8, 4),
        [
            kc.Conv(4, window=(3, 5), stride=(1, 2), padding="CIRCULAR", groups=2),
            kc.Conv(4, window=2, delta=False, init="orthogonal", bias=False),
            kc.MeanPool((2, 1)),
            kc.MaxPool(2, stride=1, padding="SAME"),
            kc.WeightedMeanPool(3),
            kc.PLN("avg_q"),
            kc.Conv(4, padding=((1, 0), (2, 2)), dilation=(1, 2), delta=False),
            kc.MeanPool(2, 1, ((1, 0), (0, 1)), count_padding=True),
            kc.Resize((1, 2), "linear_corners"),
            kc.ConvTranspose(4, (3, 2), (2, 1), ((1, 2), (1, 0)), groups=2, dilation=(1, 2)),
            kc.LocalConv(4, window=(2, 3), stride=2, weight_std=1.2, bias_std=0.3),
            kc.StandardizedConv(4, (2, 3), 2, "CIRCULAR", groups=2, weight_std=1.2, bias_std=0.3),
            kc.GroupNorm(2, eps=1e-5, affine=False),
            kc.GlobalMeanPool(),
            kc.Broadcast((3, 2)),
        ],
    ),
    "tricks": (
        (4,),
        [kc.StandardizedDense(6, weight_std=1.4, bias_std=0.1), kc.LooksLinear(3, weight_std=w)],
    ),
    "flat": ((3, 3, 2), [kc.Flatten(), kc.LayerNorm(axis="all")]),
    "sequence": ((5, 4), [kc.SwiGLU(6), kc.RMSNorm(eps=1e-5, affine=False), kc.LastToken()]),
    "patches": (
        (4, 2, 3),
        [
            kc.Roll((1, 0)),
            kc.PixelUnshuffle(2),
            kc.PixelShuffle(2),
            kc.PadLocations(((1, 1), (0, 2))),
            kc.TakeLocations((1, 0), (5, 2)),
            kc.ToSequence(),
            kc.ToImage((2, 4)),
            kc.ToSequence(),
            kc.ClassToken(0.3),
            kc.Dense(4),
            kc.PositionalEncoding(w, 50.0),
            kc.FirstToken(),
        ],
    ),
    "symbols": ((4,), [kc.Dense(4, weight_std=w), kc.Scale(1 / w), kc.residual(kc.Dense(4), w)]),
    "slopes": ((4,), [kc.Dense(4), kc.Activation("leaky_relu", negative_slope=w, gamma=2.0)]),
    "depth": (
        (4,),
        [kc.repeat(kc.residual(kc.chain(kc.Activation("erf"), kc.Dense(4)), w), depth)],
    ),
    "exact": ((4,), [kc.Scale(sympy.sqrt(2) / sympy.pi)]),
}


def network(name: str) -> kc.Network:
    shape, blocks = EVERY_KIND[name]
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*blocks)(x), name=name)


def joins() -> kc.Network:
    x = kc.Input((4,))
    a, b = kc.Dense(4)(x, name="übung <&>"), kc.Dense(4)(x)
    return kc.Network(x, kc.Concat()(kc.Product()(a, b), kc.WeightedSum((0.1, w))(a, x)))


def tokens() -> kc.Network:
    x = kc.Tokens(3, vocabulary=50_000)
    blocks = (kc.Embedding(4, std=w, init="uniform"), kc.PositionalEmbedding(0.5))
    y = kc.chain(*blocks)(x)
    return kc.Network(x, kc.Attention(2, mask="causal", scale="1/d")(y, y, y))


def sequences() -> kc.Network:
    x = kc.Input((3, 4))
    return kc.Network(x, kc.ConcatTokens()(x, kc.TakeLocations(0, 2)(x)))


NETS = {
    **{name: (lambda name=name: network(name)) for name in EVERY_KIND},
    "joins": joins,
    "tokens": tokens,
    "sequences": sequences,
}


@pytest.mark.parametrize("build", NETS.values(), ids=NETS)
def test_json_gives_back_exactly_the_network(build):
    before = build()
    after = kc.Network.from_json(before.to_json())
    assert after == before
    assert after.to_json() == before.to_json()
    assert [node.layer for node in after] == [node.layer for node in before]


def test_the_nets_above_hold_every_kind_of_the_package():
    kinds = {type(node.layer) for build in NETS.values() for node in build()}
    ours = {kind for kind in kc.Layer.kinds.values() if kind.__module__.startswith("kernelc.")}
    assert ours == kinds


def test_symbols_come_back_with_their_assumptions():
    after = kc.Network.from_json(network("symbols").to_json())
    known = after.subs({w: 0.6})
    assert known.nodes[-1].layer.weights == pytest.approx((0.6, 0.8), abs=1e-15)


def test_files_from_before_there_was_a_choice_of_biases_are_read():
    x = kc.Input((4, 2))
    net = kc.Network(x, kc.chain(kc.Dense(3, bias_std=0.1), kc.Conv(2))(x))
    document = json.loads(net.to_json())
    for node in document["nodes"][1:]:
        assert node["fields"].pop("bias") is True
    assert kc.Network.from_json(json.dumps(document)) == net


def test_files_hold_what_to_json_gives(tmp_path):
    path = tmp_path / "net.json"
    joins().save(path)
    assert kc.Network.load(path) == joins()


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"", b"{}"])
def test_files_that_cannot_be_read_are_refused(tmp_path, content):
    path = tmp_path / "net.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(kc.LoadError):
        kc.Network.load(path)


def changed(path: tuple, value: object, build=joins) -> str:
    document = json.loads(build().to_json())
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return json.dumps(document)


DENSE = ("nodes", 1, "fields")
DAMAGE = {
    "format": (("format",), "other"),
    "version": (("version",), 2),
    "version true": (("version",), True),
    "name": (("name",), 3),
    "extra": (("evil",), 1),
    "nodes": (("nodes",), {}),
    "no nodes": (("nodes",), []),
    "node": (("nodes", 1), 7),
    "node name": (("nodes", 1, "name"), ""),
    "duplicate": (("nodes", 2, "name"), "übung <&>"),
    "kind": (("nodes", 1, "kind"), "__import__"),
    "kind type": (("nodes", 1, "kind"), ["Dense"]),
    "abstract kind": (("nodes", 1, "kind"), "Layer"),
    "cycle": (("nodes", 1, "inputs"), [1]),
    "forward": (("nodes", 1, "inputs"), [3]),
    "negative": (("nodes", 1, "inputs"), [-1]),
    "float input": (("nodes", 1, "inputs"), [0.0]),
    "boolean input": (("nodes", 1, "inputs"), [False]),
    "arity": (("nodes", 1, "inputs"), [0, 0]),
    "fields number": (DENSE, -1),
    "fields list": (DENSE, ["width"]),
    "unknown field": ((*DENSE, "color"), 1),
    "missing width": (DENSE, {}),
    "width text": ((*DENSE, "width"), "4"),
    "width float": ((*DENSE, "width"), 4.0),
    "width object": ((*DENSE, "width"), {}),
    "std object": ((*DENSE, "weight_std"), {}),
    "std list": ((*DENSE, "weight_std"), [1]),
    "std text": ((*DENSE, "weight_std"), "1"),
    "std none": ((*DENSE, "weight_std"), None),
    "std true": ((*DENSE, "weight_std"), True),
    "std negative": ((*DENSE, "weight_std"), -1.0),
    "init": ((*DENSE, "init"), "zeros"),
    "init list": ((*DENSE, "init"), []),
    "code": ((*DENSE, "weight_std"), {"expr": "__import__('os').system('true')"}),
    "unknown call": ((*DENSE, "weight_std"), {"expr": ["eval", "x"]}),
    "condition": ((*DENSE, "weight_std"), {"expr": "true"}),
}


@pytest.mark.parametrize(("path", "value"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_refused_with_a_reason(path, value):
    with pytest.raises(kc.KernelcError) as caught:
        kc.Network.from_json(changed(path, value))
    error = caught.value
    assert all((error.where, error.found, error.law, error.remedy))
    assert len(str(error)) < 1000


@pytest.mark.parametrize("field", ["window", "stride"])
@pytest.mark.parametrize("value", ["x", {}, [3, "x"], [[3]], 0, -1, 1.5, True, [3], None])
@pytest.mark.parametrize("index", [1, 3, 5])
def test_windows_of_wrong_types_are_refused(index, field, value):
    text = changed(("nodes", index, "fields", field), value, lambda: network("image"))
    if field == "stride" and value is None and index > 1:
        # No stride means the window's own, or one.
        assert len(kc.Network.from_json(text)) == len(network("image"))
        return
    with pytest.raises(kc.KernelcError):
        kc.Network.from_json(text)


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "3", '"x"', "{", "[" * 200_000, '{"a":' * 200_000, "\x00", "NaN"],
    ids=["empty", "null", "list", "number", "text", "open", "deep", "deeper", "zero", "nan"],
)
def test_what_is_no_network_is_refused(text):
    with pytest.raises(kc.LoadError):
        kc.Network.from_json(text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_numbers_that_are_not_finite_or_too_long_are_refused(number):
    text = joins().to_json().replace('"weight_std": 1.0', f'"weight_std": {number}', 1)
    assert number in text
    with pytest.raises(kc.KernelcError):
        kc.Network.from_json(text)


@pytest.mark.parametrize("text", [None, 3, b"{}", {}])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(kc.LoadError):
        kc.Network.from_json(text)


def test_hostile_expressions_do_not_fill_the_memory():
    tower = ["integer", "9"]
    for _ in range(6):
        tower = ["Pow", ["integer", "9"], tower]
    deep: object = "x"
    for _ in range(500):
        deep = ["tanh", deep]
    for expr in (tower, deep, ["Add", *["x"] * 100_000], ["integer", "9" * 100_000]):
        with pytest.raises(kc.KernelcError):
            kc.Network.from_json(changed((*DENSE, "weight_std"), {"expr": expr}))
