"""The command line on a small module and a JSON file; every mistake ends in one message."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import kernelc as kc
from kernelc.cli import app
from kernelc.cli._train import Optimizer, _chosen


MODULE = """
import kernelc as kc

x = kc.Input((64,))
layers = kc.chain(kc.Dense(16), kc.Activation("tanh"))
net = kc.Network(x, kc.chain(kc.repeat(layers, 3), kc.Dense(10))(x), name="three")
wide = kc.Network(x, kc.Dense(11)(x))
number = five = 3
layer = kc.Dense(3)

def make():
    return net

def takes(depth):
    return net

def breaks():
    raise ValueError("no such width")

def refuses():
    return kc.Network(x, kc.Dense(0)(x))
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command in a folder with nets_of_mine.py."""
    (tmp_path / "nets_of_mine.py").write_text(MODULE)
    (tmp_path / "broken_net.py").write_text("net = (\n")
    (tmp_path / "needy_net.py").write_text("import surely_not_installed\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(*arguments):
        return CliRunner().invoke(app, [str(a) for a in arguments])

    yield call
    for name in ("nets_of_mine", "broken_net", "needy_net"):
        sys.modules.pop(name, None)


def test_help_names_the_commands_and_that_modules_are_run(run):
    told = run("--help").stdout
    assert all(command in told for command in ("inspect", "diagnose", "shape", "train"))
    assert "runs your" in " ".join(run("shape", "--help").stdout.split())


def test_version_is_that_of_the_package(run):
    assert run("--version").stdout == f"kernelc {kc.__version__}\n"


def test_inspect_prints_graph_and_equations(run, tmp_path):
    result = run("inspect", "nets_of_mine:net", "--q", "1", "--draw", "net.svg")
    assert result.exit_code == 0, result.output
    assert "Dense(16)" in result.stdout
    assert "mu(psi) = psi**3" in result.stdout
    drawing = (tmp_path / "net.svg").read_text()
    assert drawing.count("<rect") == 8
    latex = run("inspect", "nets_of_mine:make", "--latex").stdout
    assert latex.startswith("\\begin{align*}")


def test_inspect_shows_the_graph_of_networks_without_a_kernel(run, tmp_path):
    x = kc.Input((8, 8, 3))
    conv = kc.chain(kc.Conv(8, 3), kc.BatchNorm(), kc.Activation("erf"))
    head = kc.chain(kc.GlobalMeanPool(), kc.Dense(2))
    kc.Network(x, kc.chain(conv, head)(x)).save(tmp_path / "bn.json")
    kc.Network(x, kc.chain(conv, kc.MaxPool(2), head)(x)).save(tmp_path / "max.json")
    normed = run("inspect", "bn.json")
    assert normed.exit_code == 0, normed.output
    assert "no slopes: batch norm" in normed.stdout
    pooled = run("inspect", "max.json")
    assert pooled.exit_code == 2
    assert "MaxPool()" in pooled.stdout
    assert "no closed form" in pooled.stderr


def test_shape_prints_constants_and_writes_a_network_that_loads(run, tmp_path):
    result = run("shape", "nets_of_mine:net", "--dks", "1.5", "--rewrite", "--out", "shaped.json")
    assert result.exit_code == 0, result.output
    shaped = kc.Network.load(tmp_path / "shaped.json")
    layer = next(node.layer for node in shaped if isinstance(node.layer, kc.Activation))
    assert f"{layer.alpha:.12g}" in result.stdout
    assert "network: max C_f'(1)-zeta" in result.stdout
    told = json.loads(run("diagnose", "shaped.json", "--json").stdout)
    assert told["ok"] is True
    assert told["network"] == "three"


@pytest.mark.parametrize("target", [("--tat-tau", "0.2"), ()])
def test_shape_takes_other_targets(run, target):
    result = run("shape", "nets_of_mine:net", *target, "--pln", "none", "--rewrite")
    assert result.exit_code == 0, result.output
    assert ("TAT(eta=None, tau=0.2)" if target else "DKS(zeta=1.5") in result.stdout
    assert "assumes" in result.stdout


def test_shape_sets_weights_at_the_edge_of_chaos(run, tmp_path):
    result = run("shape", "nets_of_mine:net", "--edge-of-chaos", "--out", "edge.json")
    assert result.exit_code == 0, result.output
    assert "sigma_w = 1.46741359163, sigma_b = 0.388541670067" in result.stdout
    assert "alpha" not in result.stdout
    written = kc.Network.load(tmp_path / "edge.json")
    assert "weight_std=1.46741" in written["dense_2"].layer.text()
    both = run("shape", "nets_of_mine:net", "--edge-of-chaos", "--dks", "1.5")
    assert "--dks and --edge-of-chaos" in " ".join(both.stderr.split())


def test_diagnose_prints_the_report_and_draws(run, tmp_path):
    result = run("diagnose", "nets_of_mine:net", "--plot", "net.png")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("diagnosis of three")
    assert (tmp_path / "net.png").stat().st_size > 10_000


def test_diagnose_writes_a_page(run, tmp_path):
    result = run("diagnose", "nets_of_mine:net", "--html", "net.html", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["network"] == "three"
    page = (tmp_path / "net.html").read_text(encoding="utf-8")
    assert "<h1>Diagnosis of three</h1>" in page
    wrong = run("diagnose", "nets_of_mine:net", "--html", "no/such/folder.html")
    assert wrong.exit_code == 2
    assert "folder.html" in wrong.stderr


def test_train_shapes_trains_and_writes_the_run(run, tmp_path):
    options = ("--shape", "--steps", "30", "--lr", "3e-3", "--history", "run.json")
    result = run("train", "nets_of_mine:net", *options, "--plot", "run.png")
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "run.json").read_text())
    assert told["steps"] == 30
    assert told["test"]["accuracy"] > 0.5  # chance is 0.1
    assert f"{told['history'][-1]['test_accuracy']:.4f}" in result.stdout


@pytest.mark.parametrize("way", [(), ("--centered",)])
def test_train_centers_the_examples_when_asked(run, monkeypatch, way):
    given = []

    def fit(model, data, **options):
        given.append(data)
        raise kc.DataError(where="test", found="data", law="seen", remedy="none")

    monkeypatch.setattr("kernelc.fit", fit)
    assert run("train", "nets_of_mine:net", *way).exit_code == 2
    means = np.abs(given[0].train_x.mean(0))
    # float32 means of 1,498 numbers of size one
    assert (means.max() < 1e-4) == bool(way)


def test_train_goes_on_from_its_folder(run):
    options = ("train", "nets_of_mine:net", "--checkpoint", "kept", "--steps")
    assert "finished after 2 steps" in run(*options, "2").stdout
    assert "finished after 4 steps" in run(*options, "4").stdout
    assert run(*options, "4", "--seed", "1").exit_code != 0


@pytest.mark.parametrize("optimizer", ["sgd", "muon", "sophia"])
def test_train_takes_an_optimizer_by_name(run, optimizer):
    result = run("train", "nets_of_mine:net", "--optimizer", optimizer, "--steps", "2")
    assert result.exit_code == 0, result.output
    assert "finished after 2 steps" in result.stdout


def test_kfac_is_adaptive_unless_given_a_rate():
    # the choice alone: a step takes ten seconds to compile
    assert _chosen(Optimizer.kfac, None) == kc.kfac()
    assert _chosen(Optimizer.kfac, 0.03) == kc.kfac(0.03)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("inspect", "nets_of_mine:nte"), "did you mean net"),
        (("inspect", "nets_of_mine:number"), "an object of type int"),
        # Between colons, five is no emoji.
        (("inspect", "nets_of_mine:five"), "nets_of_mine:five: an object of type int"),
        (("inspect", "nets_of_mine:layer"), "an object of type Dense"),
        (("inspect", "nets_of_mine:takes"), "missing a required argument: 'depth'"),
        (("inspect", "nets_of_mine:breaks"), "ValueError when it was called"),
        (("inspect", "nets_of_mine:refuses"), "law:"),
        (("inspect", "no_such_module:net"), "no module 'no_such_module'"),
        (("inspect", "needy_net:net"), "'surely_not_installed', which needy_net imports"),
        (("inspect", "broken_net:net"), "SyntaxError while it was imported (broken_net.py:1)"),
        (("inspect", "nets_of_mine"), "write my_net:net"),
        (("inspect", "./nets_of_mine.py:net"), "write my_net:net"),
        (("diagnose", "absent.json"), "absent.json"),
        (("inspect", "nets_of_mine:net", "--q", "-1"), "positive"),
        (("inspect", "nets_of_mine:net", "--draw", "no/such/folder.svg"), "folder.svg"),
        (("diagnose", "nets_of_mine:net", "--plot", "net.xyz"), "another path"),
        (("diagnose", "nets_of_mine:net", "--finite"), "--html"),
        (("shape", "nets_of_mine:net", "--dks", "2", "--tat-tau", "1"), "one target"),
        (("shape", "nets_of_mine:net", "--dks", "0.5"), "zeta = 0.5"),
        (("shape", "nets_of_mine:net", "--tat-eta", "0.9"), "leaky_relu"),
        (("shape", "nets_of_mine:net", "--pln", "two"), "'two'"),
        (("train", "nets_of_mine:wide", "--steps", "1"), "end with Dense(10)"),
        (("train", "nets_of_mine:net", "--data-dir", "."), "need no folder"),
        (("train", "nets_of_mine:net", "--data", "cifar10", "--data-dir", "."), "cifar"),
    ],
)
def test_mistakes_are_explained_on_stderr_with_exit_code_two(run, arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    # Only inspect shows something before it fails: the graph.
    assert result.stdout == "" or arguments[-2:] == ("--q", "-1")


def test_a_json_file_is_never_run(run, tmp_path):
    (tmp_path / "evil.json").write_text('__import__("os").system("touch ran")')
    assert run("inspect", "evil.json").exit_code == 2
    assert not (tmp_path / "ran").exists()
