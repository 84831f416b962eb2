"""The documentation site: it builds without a warning, and can be read without network."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import subprocess
import sys
import types
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import kernelc as kc
import nets
from kernelc import extend


ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FIGURES = DOCS / "theory/figures"


class Links(HTMLParser):
    """The resources, links and anchors of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.resources: list[str] = []
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source") and given.get("src"):
            self.resources.append(str(given["src"]))
        if tag == "link" and given.get("rel") != "canonical":
            self.resources.append(str(given["href"]))
        if tag == "a" and given.get("href"):
            self.targets.append(str(given["href"]))
        self.anchors |= {str(given[name]) for name in ("id", "name") if given.get(name)}


# Building the site takes 12 CPU seconds, whichever test asks for it first.
with_site = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Links]:
    pytest.importorskip("mkdocs", reason="pip install 'kernelc[docs]'")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {page: Links(page) for page in sorted(folder.rglob("*.html"))}


@with_site
def test_nothing_is_loaded_from_elsewhere(site):
    assert len(site) > 30
    for page, links in site.items():
        for resource in links.resources:
            parts = urlsplit(resource)
            assert parts.scheme in ("", "data"), f"{page.name} loads {resource}"
            assert not parts.netloc, f"{page.name} loads {resource}"
            # 404.html is served from anywhere, so its paths start at the root of a server.
            if not parts.scheme and page.name != "404.html":
                assert _file(page, parts.path).is_file(), f"{page.name}: {resource}"
    for sheet in next(iter(site)).parent.rglob("*.css"):
        loaded = re.findall(r"url\(['\"]?(?!data:|#)([^)'\"]+)", sheet.read_text(encoding="utf-8"))
        assert [url for url in loaded if urlsplit(url).netloc] == []


@with_site
def test_links_between_pages_lead_somewhere(site):
    for page, links in site.items():
        for target in links.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or page.name == "404.html":
                continue
            found = _file(page, parts.path)
            assert found.is_file(), f"{page.name}: {target}"
            if parts.fragment and found in site:
                anchor = unquote(parts.fragment)
                assert anchor in site[found].anchors | {"__skip"}, f"{page.name}: {target}"


@with_site
def test_formulas_are_mathml(site):
    for page in site:
        text = page.read_text(encoding="utf-8")
        assert "arithmatex" not in text, page.name
        if page.parent.name == "theory":
            assert "<math" in text, page.name


def _program(name: str) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _file(page: Path, path: str) -> Path:
    return (page.parent / unquote(path)).resolve() if path else page


def test_the_reference_names_all_that_is_exported():
    text = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    named = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    exported = {
        f"{package.__name__}.{name}"
        for package, names in ((kc, kc.__all__), (nets, vars(nets)))
        for name in names
        if not name.startswith("_") and not isinstance(getattr(package, name), types.ModuleType)
    }
    assert len(named) == len(set(named))
    rooms = ("kernelc.data.", "kernelc.sklearn.", "kernelc.extend.")
    assert {name for name in named if not name.startswith(rooms)} == exported
    # Type aliases and constants have no entry; classes of `kc` have one there.
    extension = {
        f"kernelc.extend.{name}"
        for name, value in vars(extend).items()
        if inspect.isfunction(value) or (inspect.isclass(value) and not hasattr(kc, name))
    }
    assert {name for name in named if name.startswith("kernelc.extend.")} == extension


def test_docstrings_stand_in_the_reference_as_they_are_written():
    pytest.importorskip("griffe", reason="pip install 'kernelc[docs]'")
    markdown = _program("house_docstrings").markdown
    shown = markdown("""K <- w_1*K in `a_b`.

Arguments:
    one, two: what they
        are.

Returns: a [list].

Example:
    >>> 1 + 1
    2
""")
    assert shown.splitlines() == [
        r"K &lt;- w\_1\*K in `a_b`.",
        "",
        "**Arguments**",
        "",
        "- `one`, `two`: what they are.",
        "",
        r"**Returns:** a \[list\].",
        "",
        "**Example**",
        "",
        "```pycon",
        ">>> 1 + 1",
        "2",
        "```",
    ]


def test_the_program_draws_figures(tmp_path):
    _program("make_figures").main(["sums", "--out", str(tmp_path)])
    assert (tmp_path / "sums.png").read_bytes().startswith(b"\x89PNG")


def test_every_theory_page_shows_its_figure_and_the_command_for_it():
    pages = {page: page.read_text(encoding="utf-8") for page in (DOCS / "theory").glob("*.md")}
    program = (DOCS / "make_figures.py").read_text(encoding="utf-8")
    shown = set()
    for page, text in pages.items():
        name = re.search(r"!\[[^]]+\]\(figures/(\w+)\.png\)", text)
        assert name is not None, page.name
        assert f"docs/make_figures.py {name[1]}`" in " ".join(text.split()), page.name
        assert f"def {name[1]}(left: Axes, right: Axes)" in program
        shown.add(f"{name[1]}.png")
    files = list(FIGURES.iterdir())
    assert {file.name for file in files} == shown
    assert sum(file.stat().st_size for file in files) < 1_000_000
