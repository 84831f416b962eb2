"""Compare: its table, and errors that name the entry."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from test_html_report import chain, check_harmless, parsed, words

import kernelc as kc
from kernelc.diagnosis._compare import ntk_condition


@pytest.fixture(scope="module")
def compared():
    relu = chain("relu", 40, weight_std=math.sqrt(2))
    plain = chain("tanh", 40, weight_std=2.0)
    shaped = kc.shape(plain, kc.DKS(), rewrite=True)
    return kc.compare({"_relu <b> $": relu, "plain": plain, "shaped": shaped})


def test_the_table_has_a_row_for_each_network(compared):
    head, *rows = str(compared).splitlines()
    assert head.split("  ")[0] == "network"
    assert [row[:6] for row in rows] == ["_relu ", "plain ", "shaped"]
    assert "collapse" in rows[0]
    assert "explosion" in rows[1]
    assert rows[2].endswith("none")
    assert repr(compared).startswith("Comparison(verdicts={'_relu <b> $': ")
    assert str(compared.reports["shaped"].verdict) in repr(compared)


def test_it_is_json_text(compared):
    told = compared.to_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert list(told) == ["inputs", "networks"]
    assert list(told["networks"]["plain"])[:5] == [
        "depth", "q", "c_at_zero", "slope", "ntk_condition",
    ]  # fmt: skip
    assert told["networks"]["plain"]["critical"] == ["explosion"]
    assert told["networks"]["shaped"]["report"] == compared.reports["shaped"].to_dict()


def test_the_ntk_condition_is_that_of_a_matrix(compared):
    report = compared.reports["shaped"]
    one, zero = report.ntk[-1], report.ntk[4]
    matrix = np.full((10, 10), zero) + np.eye(10) * (one - zero)
    assert ntk_condition(report) == pytest.approx(np.linalg.cond(matrix), rel=1e-9)


def test_one_page_and_one_picture_for_all(compared, tmp_path):
    compared.to_html(tmp_path / "all.html", progress=False)
    root = parsed(tmp_path / "all.html")
    check_harmless(root)
    titles = [words(e) for e in root.iter("h2")]
    assert titles == ["Side by side", "Figures", "_relu <b> $", "plain", "shaped"]
    compared.plot(tmp_path / "all.png")
    assert (tmp_path / "all.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("networks", "told"),
    [
        ({}, "nothing where networks by name belong"),
        ([chain("tanh", 1)], "list where networks"),
        ({"good": chain("tanh", 1), "bad": 3}, "'bad'\nFound: an entry of type int"),
        ({3: chain("tanh", 1)}, "3\nFound: a name of type int"),
    ],
)
def test_mistakes_name_their_entry(networks, told):
    with pytest.raises(kc.KernelcError, match=told):
        kc.compare(networks)
