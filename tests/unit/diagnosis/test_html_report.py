"""The page of a report: whole, harmless whatever names it holds, and asking for nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import sympy

import kernelc as kc
import nets
from kernelc.diagnosis import _pages
from kernelc.diagnosis._formulas import equation
from kernelc.diagnosis._panels import around
from kernelc.diagnosis._profile import COSINES


HOSTILE = '<script>alert(1)</script> & "x" \' $x^{ \x00\ud800 http://there'


def chain(activation, depth, name="net", **dense):
    x = kc.Input((8,))
    block = kc.chain(kc.Dense(64, **dense), kc.Activation(activation))
    return kc.Network(x, kc.chain(kc.repeat(block, depth), kc.Dense(30))(x), name=name)


def parsed(path: Path) -> ET.Element:
    """The page, by a parser that forgives nothing."""
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>\n<html")
    return ET.fromstring(text.removeprefix("<!DOCTYPE html>\n"))


def words(element: ET.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def check_harmless(root: ET.Element) -> None:
    """Nothing is asked for, nothing runs, ids are unique and every link inside leads somewhere."""
    ids = [e.attrib["id"] for e in root.iter() if "id" in e.attrib]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        assert element.tag not in ("script", "link", "iframe", "object", "base")
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            if name in ("href", "src"):
                assert value.startswith("data:image/png;base64,") or value[1:] in ids
            for target in re.findall(r"url\(#([^)]*)\)", value):
                assert target in ids
            assert name == "aria-label" or "://" not in value
    policy = next(e for e in root.iter("meta") if e.get("http-equiv"))
    assert (policy.get("content") or "").startswith("default-src 'none'")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report with hostile names, and its page."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    net = chain("tanh", 30, name=HOSTILE, weight_std=2.0)
    report = kc.diagnose(net)
    report.to_html(path, progress=False)
    return report, path


def test_the_page_is_strict_asks_for_nothing_and_escapes_names(page):
    report, path = page
    root = parsed(path)
    check_harmless(root)
    title = root.find(".//h1")
    assert title is not None
    # Neither markup nor characters that no page may hold.
    assert '<script>alert(1)</script> & "x" \' $x^{ \ufffd\ufffd' in words(title)
    assert report.findings
    text = words(root)
    for finding in report.findings:
        for part in (finding.node, finding.measured, finding.law, finding.prediction):
            assert " ".join(part.split()) in text
    remedies = [words(e) for e in root.iter("pre")]
    assert all(finding.remedy in remedies for finding in report.findings)


def test_every_figure_says_in_words_what_it_shows(page):
    root = parsed(page[1])
    drawn = [e for e in root.iter("svg")]
    assert len(drawn) == 4
    assert all(len(e.attrib["aria-label"]) > 40 and e.get("role") == "img" for e in drawn)
    assert "tanh" in drawn[2].attrib["aria-label"]


def test_formulas_are_mathml_core(page):
    root = parsed(page[1])
    formulas = list(root.iter("math"))
    assert words(formulas[0]).startswith("F 1") or words(formulas[0]).startswith("F1")
    allowed = {"math", "mrow", "mi", "mn", "mo", "mfrac", "msub", "msup", "msubsup", "msqrt"}
    allowed |= {"mtable", "mtr", "mtd"}
    assert {e.tag for formula in formulas for e in formula.iter()} <= allowed


def test_formulas_of_symbols_and_of_local_maps():
    name = sympy.Symbol("a&b<c")
    assert "<mi>a&lt;c</mi>" not in equation("Q_f", name**2)
    assert "&lt;c" in equation("Q_f", name**2)
    text = equation("G_1(q_in, k_in)", sympy.Tuple(-sympy.Symbol("q_in"), sympy.sqrt(2)))
    assert text.count("<mtr>") == 2
    assert "\u2212" in text
    assert "<msqrt><mn>2</mn></msqrt>" in text
    with pytest.raises(ValueError, match="menclose"):
        equation("x", sympy.conjugate(sympy.Symbol("z")))


def test_where_derive_refuses_the_page_says_why(tmp_path):
    path = tmp_path / "resnet.html"
    kc.diagnose(nets.resnet(18, stem="imagenet")).to_html(path, progress=False)
    root = parsed(path)
    check_harmless(root)
    assert not list(root.iter("math"))
    assert "No formula: stem/conv is a layer without a kernel rule" in words(root)


def test_pages_are_replaced_in_one_step_and_errors_are_told(page, tmp_path, monkeypatch):
    report = page[0]
    path = tmp_path / "old.html"
    path.write_text("old")
    link = tmp_path / "link.html"
    link.symlink_to(path)
    report.to_html(link, progress=False)
    assert link.is_symlink()
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE")
    assert sorted(os.listdir(tmp_path)) == ["link.html", "old.html"]
    x = kc.Input((2,))
    small = kc.diagnose(kc.Network(x, kc.Dense(2)(x)))
    # At once: nothing is drawn for a page that cannot be written.
    monkeypatch.setattr(_pages, "page_figures", None)
    wrong: Any
    for wrong in (tmp_path, tmp_path / "none" / "page.html", 3.5, "page\0", "x" * 300):
        with pytest.raises(kc.KernelcError, match="pages are written into a folder"):
            # A number is no path: what the types forbid is refused in words as well.
            small.to_html(wrong, progress=False)
    with pytest.raises(kc.KernelcError, match="another path"):
        report.plot(tmp_path / "page.xyz")
    assert sorted(os.listdir(tmp_path)) == ["link.html", "old.html"]


def test_wide_networks_are_measured_near_the_limit():
    x = kc.Input((16,))
    block = kc.chain(kc.Dense(1024), kc.Activation("tanh"))
    report = kc.diagnose(kc.Network(x, kc.repeat(block, 3)(x)))
    measured = report.finite(samples=4, key=jax.random.key(1), progress=False)
    assert measured.c_map.shape == (len(measured.levels), len(COSINES))
    # Inputs have the cosines and the q value asked for, to float32.
    np.testing.assert_allclose(measured.c_map[0], COSINES, atol=1e-5)
    np.testing.assert_allclose(measured.q[0], 1, atol=1e-5)
    # A mean of 4 cosines of 1024 channels is off by about 1 / sqrt(4096) = 0.016 a layer.
    assert 0 < measured.gap < 0.08
    assert "4 networks" in str(measured)


def test_what_cannot_be_measured_is_refused(page):
    with pytest.raises(kc.KernelcError, match="finite: samples"):
        page[0].finite(samples=0)
    x = kc.Input((8,))
    norm = kc.Network(x, kc.chain(kc.Dense(8), kc.BatchNorm(), kc.Activation("erf"))(x))
    with pytest.raises(kc.UnsupportedError, match="batch_norm_1"):
        kc.diagnose(norm).finite()
    x = kc.Input((4, 4, 1))
    gray = kc.Network(x, kc.Conv(8, 3)(x))
    with pytest.raises(kc.UnsupportedError, match="one channel"):
        kc.diagnose(gray).finite()


def test_kernels_around_a_circle_are_exact_at_known_cosines_and_symmetric():
    # The arc-cosine kernel of order 1 (Cho & Saul 2009), which has a kink in c at c = 1.
    angle = np.arccos(COSINES)
    matrix = around((np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi)
    assert (matrix == matrix.T).all()
    exact = 2 * np.pi / 72 * np.minimum(np.arange(72), 72 - np.arange(72))
    wanted = (np.sin(exact) + (np.pi - exact) * np.cos(exact)) / np.pi
    assert np.abs(matrix[0] - wanted).max() < 0.015  # nine cosines, by cubics
    assert matrix[0, [0, 18, 36]] == pytest.approx(wanted[[0, 18, 36]], abs=1e-12)


def test_a_browser_lays_the_page_out_and_asks_for_nothing(page, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        # A browser is no package of Python's; the tests above parse the page without one.
        pytest.skip("no chromium is installed here")
    probe = tmp_path / "probe.html"
    text = page[1].read_text(encoding="utf-8")
    # A script of ours, let in by its own policy, writes down what the browser did.
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    probe.write_text(text.replace("</body>", _PROBE + "</body>"), encoding="utf-8")
    flags = """--headless --no-sandbox --disable-gpu --no-first-run --disable-sync
    --disable-background-networking --disable-component-update --window-size=400,900 --dump-dom"""
    run = subprocess.run(
        [browser, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", probe.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    if run.returncode != 0:
        # Some containers allow no browser process; that says nothing of the page.
        pytest.skip(f"chromium does not run here: {run.stderr[-300:]}")
    found = re.search(
        r"probe: (\d+) requests, (\d+) formulas, (\d+) flat, (-?\d+) over", run.stdout
    )
    assert found is not None, run.stdout[-300:]
    requests, formulas, flat, over = map(int, found.groups())
    assert requests == 0
    assert formulas > 3
    assert flat == 0
    assert over <= 0  # nothing sticks out of a window as wide as a phone


_PROBE = """<p id="probe"></p><script>
const maths = [...document.querySelectorAll("math")];
const flat = maths.filter(m => m.getBoundingClientRect().height < 12);
const fetched = performance.getEntriesByType("resource").filter(e => !e.name.startsWith("data:"));
const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
document.getElementById("probe").textContent =
  `probe: ${fetched.length} requests, ${maths.length} formulas, ${flat.length} flat, ${over} over`;
</script>"""
