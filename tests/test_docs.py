"""The documents: their code runs and its output is the text that they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_blocks import blocks, check

import kernelc as kc
from kernelc.activations import _registry
from kernelc.ir import Layer
from kernelc.shaping import Target


ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# The reference is made of docstrings, whose examples are tests of their own; the changes are prose.
WITHOUT_CODE = ("changes.md", "covered.md", "measurements.md", "reliability.md")
PAGES = sorted(
    page
    for page in DOCS.rglob("*.md")
    if page.parent.name != "reference" and page.name not in WITHOUT_CODE
)


@pytest.fixture
def registries() -> Iterator[None]:
    """Removes registrations of a page after its test, because other tests list the registries."""
    before = [(known, dict(known)) for known in (Layer.kinds, _registry._definitions, Target.kinds)]
    yield
    for known, items in before:
        known.clear()
        known.update(items)


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_prints_what_is_shown(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A module name that exists: dataclasses and typing look it up.
    compared = check(page, {"__name__": "__main__"})
    assert compared == sum(shown is not None for _, _, shown in blocks(page)) > 0


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_files_and_names_that_pages_quote_exist():
    folders = ("kernelc", "nets", "tests", "docs", "examples", "benchmarks")
    programs = {path.name for folder in folders for path in (ROOT / folder).rglob("*.py")}
    missing = []
    for page in (*sorted(DOCS.rglob("*.md")), ROOT / "CONTRIBUTING.md"):
        for quoted in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")):
            words = [word for word in quoted.split() if "NAME" not in word]
            paths = [
                word for word in words if word.startswith(tuple(f"{each}/" for each in folders))
            ]
            bare = [word for word in words if re.fullmatch(r"(_|test_)\w+\.py", word)]
            known = all((ROOT / path).exists() for path in paths) and programs.issuperset(bare)
            public = re.match(r"kc\.(?!LayerScale)(\w+)", quoted)
            if not known or (public is not None and not hasattr(kc, public[1])):
                missing.append(f"{page.name}: {quoted}")
    assert missing == []


def test_every_page_is_in_the_site_and_main_ones_at_its_start():
    start = (DOCS / "index.md").read_text(encoding="utf-8")
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        assert f": {page.relative_to(DOCS)}\n" in nav, page
    for page in DOCS.glob("*.md"):
        assert page.name == "index.md" or f"({page.name})" in start, page
