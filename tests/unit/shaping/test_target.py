"""All targets: their text, and their use by `shape` and the command line."""

from __future__ import annotations

import dataclasses
import math
import re
import sys

import pytest
from typer.testing import CliRunner

import kernelc as kc
import nets
from kernelc.activations import named
from kernelc.cli import app
from kernelc.gaussian import moments
from kernelc.shaping import Solution, certified, measured, nonlinearities, solve_dks


TARGETS = [
    kc.DKS(zeta=2.0, q_slope=0.9),
    kc.TAT(eta=0.9),
    kc.TAT(eta="largest"),
    kc.TAT(tau=0.25),
    kc.EdgeOfChaos(),
    kc.EdgeOfChaos(q=0.1 + 0.2, init="orthogonal"),
]

OWN = """
import dataclasses
import kernelc as kc
from kernelc.shaping import Solution, nonlinearities


@dataclasses.dataclass(frozen=True)
class Scaled(kc.Target):
    by: float

    def solve(self, network):
        transform = kc.Transform(1.0, 0.0, self.by, 0.0)
        return Solution(network, {"by": self.by}, dict.fromkeys(nonlinearities(network), transform))

    def certify(self, solution):
        return {"network": {"by": solution.constants["by"] - self.by}}
"""


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(kc.Target, "kinds", dict(kc.Target.kinds))


def chain(*activations: str) -> kc.Network:
    x = kc.Input((8,))
    layers = [part for name in activations for part in (kc.Dense(8), kc.Activation(name))]
    return kc.Network(x, kc.chain(*layers, kc.Dense(3))(x))


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_the_text_of_a_target_is_read_back(target):
    assert kc.Target.from_text(str(target)) == target


BAD = [
    *("", "DKS(", "DKS(2.0)", "DKS(zeta=1+1)", "DKS(zeta=zeta)", "DKS(**{'zeta': 2})", "DKS()()"),
    *("Network()", "DKS(eta=1)", "kernelc.DKS()", "DKS(zeta=1)", "(" * 1000, "1" * 10_000, "\0"),
    *("__import__('os').getcwd()", "DKS(zeta=__import__('os').getpid())", 3, None),
]


@pytest.mark.parametrize("text", BAD, ids=[str(i) for i in range(len(BAD))])
def test_other_texts_are_refused_and_never_evaluated(text):
    with pytest.raises(kc.ShapingError):
        kc.Target.from_text(text)


def define() -> type[kc.Target]:
    @dataclasses.dataclass(frozen=True)
    class UnitVariance(kc.Target):
        wrong: float = 0.0

        def solve(self, network):
            transforms = {}
            for label, phi in nonlinearities(network).items():
                at = moments(phi)
                gamma = at.variance**-0.5 + self.wrong
                transforms[label] = kc.Transform(1.0, 0.0, gamma, -at.mean)
            return Solution(network, {}, transforms)

        def certify(self, solution):
            found = {}
            for label, phi in nonlinearities(solution.network).items():
                at, transform = (
                    measured(phi, solution.transforms[label]),
                    solution.transforms[label],
                )
                found[label] = certified(phi, transform, {"Q(1)-1": at.q - 1, "C(0)": at.c})
            return found

    return UnitVariance


def test_shape_takes_a_target_that_it_does_not_know():
    kind = define()
    shaped = kc.shape(chain("softplus", "tanh", "softplus"), kind())
    assert shaped.target == kind() == kc.Target.from_text("UnitVariance()")
    for node in shaped.network:
        if isinstance(node.layer, kc.Activation):
            at = moments(node.layer.scalar)
            assert (at.mean, at.second) == pytest.approx((0.0, 1.0), abs=1e-12)
    assert set(shaped.certificate) == {"softplus", "tanh"}
    assert shaped.psi is shaped.q is None
    with pytest.raises(kc.ShapingError, match="does not certify"):
        kc.shape(chain("tanh"), kc.Target.from_text("UnitVariance(wrong=1e-9)"))
    with pytest.raises(kc.ShapingError, match="weight_std"):
        kc.shape(kc.Network(x := kc.Input((3,)), kc.Dense(2, weight_std=2.0)(x)), kind())


def test_a_name_belongs_to_one_class_and_its_cell_may_run_again():
    again = define(), define()
    assert kc.Target.kinds["UnitVariance"] is again[1]
    with pytest.raises(kc.ShapingError, match=r"kernelc\.shaping\._dks\.DKS"):
        type("DKS", (kc.Target,), {})


def test_certificates_are_measured_from_the_layers():
    shaped = kc.shape(chain("tanh", "softplus"), kc.DKS(zeta=1.2))
    assert shaped.target.certify(shaped) == shaped.certificate
    edge = kc.shape(chain("tanh", "tanh"), kc.EdgeOfChaos())
    assert edge.target.certify(edge) == edge.certificate
    wrong = dataclasses.replace(shaped.transforms["tanh"], gamma=1.0)
    with pytest.raises(kc.ShapingError, match="activation tanh\nFound: Q"):
        shaped.target.certify(
            dataclasses.replace(shaped, transforms={**shaped.transforms, "tanh": wrong})
        )
    plain = chain("tanh", "tanh")
    with pytest.raises(kc.ShapingError, match="misses the fixed point"):
        edge.target.certify(dataclasses.replace(edge, network=plain))


WRITTEN = {
    "DKS": (chain("tanh", "leaky_relu", "softplus"), kc.DKS(zeta=1.3)),
    "TAT of rays": (chain("relu", "leaky_relu"), kc.TAT(eta="largest")),
    "TAT": (chain("tanh", "softplus"), kc.TAT(tau=0.3)),
    "edge": (nets.mlp(3, 8, 3, (4, 4, 2), "gelu", form="standard"), kc.EdgeOfChaos()),
    "convolutions": (nets.convnet(4, 2, 10, (8, 8, 3), "tanh", form="standard"), kc.DKS()),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_holds_target_constants_and_what_certifies_them(name, tmp_path):
    net, target = WRITTEN[name]
    shaped = kc.shape(net, target, rewrite=True)
    shaped.save(tmp_path / "shaped.json")
    again = kc.ShapedNetwork.load(tmp_path / "shaped.json")
    assert again.network == shaped.network == kc.Network.load(tmp_path / "shaped.json")
    assert again.network.shaped_by == shaped.network.shaped_by
    assert again.target == target
    for field in ("transforms", "constants", "certificate", "assumptions"):
        assert getattr(again, field) == getattr(shaped, field)
    assert again.changes == ()


def test_files_that_are_not_what_they_say_are_refused(tmp_path):
    path = tmp_path / "net.json"
    plain = chain("tanh", "softplus")
    plain.save(path)
    with pytest.raises(kc.LoadError, match="not shaped"):
        kc.ShapedNetwork.load(path)
    kept = kc.shape(plain, kc.DKS()).network
    for by, error in {
        "DKS(zeta=1.6)": "C'(1)-psi",
        "TAT(tau=0.3)": "C''(1)/kappa-1",
        "TAT(eta=0.9)": "C'(1)-1",
        "EdgeOfChaos()": "2 different activations",
        "EPIC(zeta=1.5)": "a target is one of",
        "print('evil')": "a target is written",
    }.items():
        kept.rebuild(lambda node: node.layer, shaped_by=by).save(path)
        with pytest.raises(kc.ShapingError, match=re.escape(error)):
            kc.ShapedNetwork.load(path)
    rays = kc.shape(chain("leaky_relu", "leaky_relu"), kc.TAT(eta="largest")).network
    wrong = kc.Activation("leaky_relu", negative_slope=0.5, gamma=(2 / 1.25) ** 0.5)
    changed = {"activation_2": wrong}
    rays.rebuild(lambda node: changed.get(node.name, node.layer), shaped_by=rays.shaped_by).save(
        path
    )
    with pytest.raises(kc.LoadError, match="other constants in each"):
        kc.ShapedNetwork.load(path)


def test_rays_keep_their_q_slope():
    with pytest.raises(kc.UnreachableError, match=r"Q'\(1\) = 1"):
        solve_dks(named("leaky_relu"), 1.01, 0.9)
    with pytest.raises(kc.UnreachableError, match=r"Q'\(1\) = 1"):
        kc.shape(chain("leaky_relu"), kc.DKS(zeta=1.1, q_slope=0.9))


@pytest.mark.parametrize(
    "options", [{"rewrite": 1}, {"pln": "two"}, {"pln": ["one"]}, {"shortcut_weight": math.nan}]
)
def test_options_are_checked(options):
    with pytest.raises(kc.ShapingError, match=next(iter(options))):
        kc.shape(chain("tanh"), **options)


def test_the_command_line_takes_any_target(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    (tmp_path / "scaled_target.py").write_text(OWN)
    chain("tanh").save("net.json")

    def run(*words: str):
        return CliRunner().invoke(app, ["shape", "net.json", "--pln", "none", *words])

    found = run("--import", "scaled_target", "--target", "Scaled(by=0.5)")
    assert found.exit_code == 0, found.output
    assert "  by = 0.5\n" in found.stdout
    edge = run("--target", "EdgeOfChaos(q=2, init='orthogonal')")
    assert "at the fixed point q = 2" in edge.stdout
    assert run("--target", "DKS", "--dks", "2").exit_code == 2
    told = run("--target", "Unknown").output + run("--target", "DKS(zeta=(").output
    assert "a target is one of" in told
    assert "a target is written NAME(ARGUMENT=VALUE, ...)" in told
