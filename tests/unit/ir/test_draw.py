"""Drawings: valid self-contained SVG, nothing on top of anything else, repeats drawn once."""

from __future__ import annotations

import itertools
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

import kernelc as kc
import nets


SVG = "{http://www.w3.org/2000/svg}"


def drawn(network: kc.Network) -> ElementTree.Element:
    return ElementTree.fromstring(network._repr_svg_())


def boxes(root: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """(left, top, right, bottom) of every node."""
    found = []
    for rect in root.iter(f"{SVG}rect"):
        if rect.get("rx") == "6":
            x, y, w, h = (float(rect.get(key, "nan")) for key in ("x", "y", "width", "height"))
            found.append((x, y, x + w, y + h))
    return found


def labels(root: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def inception() -> kc.Network:
    x = kc.Input((8, 8, 3))
    wide = kc.chain(kc.Conv(4), kc.Activation("tanh"), kc.Conv(4))(x)
    short, middle = kc.Conv(4, 1)(x), kc.chain(kc.Conv(4), kc.Activation("relu"))(x)
    joined = kc.Concat()(wide, short, middle)
    inner = kc.residual(kc.chain(kc.Activation("tanh"), kc.residual(kc.Dense(12), 0.6)), 0.9)
    return kc.Network(x, kc.chain(inner, kc.GlobalMeanPool(), kc.Dense(10))(joined))


NETS = {
    "inception": inception,
    "mlp": lambda: nets.mlp(3, 8, 3, (5,), "tanh"),
    "resnet152": lambda: nets.resnet(152, 10, (32, 32, 3)),
    "resnet18v1": lambda: nets.resnet(18, 10, (32, 32, 3), version=1, form="weighted"),
}


@pytest.fixture(params=NETS.values(), ids=NETS)
def network(request) -> kc.Network:
    return request.param()


def test_boxes_lie_apart_inside_the_picture(network):
    root = drawn(network)
    left, top, width, height = map(float, root.get("viewBox", "").split())
    found = boxes(root)
    for x0, y0, x1, y1 in found:
        assert left <= x0 < x1 <= left + width
        assert top <= y0 < y1 <= top + height
    for a, b in itertools.combinations(found, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_branches_are_side_by_side():
    heights = [top for _, top, _, _ in boxes(drawn(inception()))]
    assert max(heights.count(y) for y in heights) == 3


def test_every_node_of_a_net_without_repeats_has_a_box():
    network = inception()
    root = drawn(network)
    assert len(boxes(root)) == len(network)
    assert {node.name for node in network} <= set(labels(root))


def test_repeats_are_drawn_once_and_counted():
    root = drawn(nets.resnet(152, 10, (32, 32, 3)))
    assert [text for text in labels(root) if text.endswith(" x")] == ["2 x", "7 x", "35 x", "2 x"]
    assert len(boxes(root)) < 100


def test_the_size_does_not_grow_with_the_number_of_repeats():
    sizes = {
        len(boxes(drawn(nets.mlp(depth, 8, 3, (8,), "tanh", form="weighted"))))
        for depth in (10, 1000)
    }
    assert len(sizes) == 1


def test_text_that_xml_cannot_hold_is_shown_as_unknown():
    x = kc.Input((4,))
    root = drawn(kc.Network(x, kc.Dense(2)(x, name='<&"\x00\ud800>'), name="a\x01<b>"))
    assert '<&"\ufffd\ufffd>' in labels(root)


def test_nothing_is_loaded_from_elsewhere(network):
    text = network._repr_svg_().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not any(token in text for token in ("http", "href", "url(", "<script", "@import"))


def test_the_drawing_is_the_same_in_every_process():
    # A color from hash() would differ: text hashes are salted anew in every process.
    code = "import nets; print(nets.mlp(2, 4, 2, (3,), 'tanh')._repr_svg_(), end='')"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": str(pathlib.Path(nets.__file__).parents[1])},
    )
    assert found.stdout == nets.mlp(2, 4, 2, (3,), "tanh")._repr_svg_()


def test_draw_writes_the_drawing(tmp_path):
    path = tmp_path / "net.svg"
    network = inception()
    network.draw(path)
    assert path.read_text(encoding="utf-8") == network._repr_svg_()


@pytest.mark.parametrize("name", ["net.png", "net", "net.svg.pdf", "missing/net.svg", "a\0b.svg"])
def test_paths_that_cannot_be_drawn_to_are_refused(tmp_path, name):
    with pytest.raises(kc.KernelcError) as caught:
        inception().draw(tmp_path / name)
    assert name in caught.value.where
    assert all((caught.value.found, caught.value.law, caught.value.remedy))


@pytest.mark.parametrize("path", [3, None, b"net.svg"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(kc.KernelcError, match="type"):
        inception().draw(path)
