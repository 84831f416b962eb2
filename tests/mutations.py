"""Mutations: does a test fail when a line of the package is wrong?

    python tests/mutations.py                        # 48 mutations; prints a table
    python tests/mutations.py --count 6 --seed 1 --group rules

Each mutation changes one operator, comparison or constant of one line in a copy of the tree. The
tests run there that protect the file: its own unit tests first, then the contract, the oracles and
the laws, until one fails. A mutation no test fails on survives: a test is missing, or the mutated
line means the same.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm


ROOT = Path(__file__).parents[1]
GROUPS = {
    "rules": ("layers", "algebra", "gaussian", "numeric", "symbolic"),
    "solver": ("shaping",),
    "modules": ("modules", "lowering"),
}
"""Packages of the kernel rules, of the solver's steps, and of the finite modules."""
PROTECTING = ("tests/contract", "tests/oracles", "tests/properties")
PATIENCE = 900.0
"""Seconds a mutation may take: a test that hangs has failed."""

_OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.Gt,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


@dataclass(frozen=True)
class Mutation:
    """One node of a file and the text that takes its place."""

    path: str
    line: int
    start: int
    end: int
    before: str
    after: str

    def apply(self, text: str) -> str:
        """The file's text with the mutation in it."""
        return text[: self.start] + self.after + text[self.end :]


def sites(path: str, text: str) -> list[Mutation]:
    """Every mutation of a file: not in annotations, error messages or docstrings."""
    offsets = [0]
    for line in text.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))

    def place(line: int, column: int) -> int:
        text_before = text[offsets[line - 1] : offsets[line]].encode()[:column].decode()
        return offsets[line - 1] + len(text_before)

    found = []
    for node, changed in _mutated(ast.parse(text)):
        start = place(node.lineno, node.col_offset)
        end = place(node.end_lineno or 0, node.end_col_offset or 0)
        after = f"({ast.unparse(changed)})"
        found.append(Mutation(path, node.lineno, start, end, text[start:end], after))
    return found


def _mutated(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Expressions of a tree, each with a wrong one."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list") or isinstance(tree, ast.Raise):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.expr) and (wrong := _wrong(child)) is not None:
                yield child, wrong
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                yield from _mutated(child)


def _wrong(node: ast.expr) -> ast.expr | None:
    match node:
        case ast.BinOp(left, op, right) if type(op) in _OTHER and not _is_text(left, right):
            return ast.BinOp(left, _OTHER[type(op)](), right)  # pyright: ignore[reportArgumentType]
        case ast.Compare(left, [op], comparators) if type(op) in _OTHER:
            return ast.Compare(left, [_OTHER[type(op)]()], comparators)  # pyright: ignore[reportArgumentType]
        case ast.BoolOp(op, values):
            return ast.BoolOp(_OTHER[type(op)](), values)  # pyright: ignore[reportArgumentType]
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            return operand
        case ast.Constant(value) if type(value) in (int, float) and abs(value) < 10:
            return ast.Constant(value + 1)
    return None


def _is_text(*sides: ast.expr) -> bool:
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in sides
    )


def drawn(seed: int, count: int, groups: list[str]) -> list[Mutation]:
    """As many mutations as asked for, equally many of each group, one a line at most."""
    draw = random.Random(seed)
    chosen: list[Mutation] = []
    for position, group in enumerate(groups):
        files = [
            f
            for package in GROUPS[group]
            for f in sorted((ROOT / "kernelc" / package).glob("*.py"))
        ]
        every = [
            mutation
            for file in files
            for mutation in sites(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
        ]
        draw.shuffle(every)
        one_a_line = list({(m.path, m.line): m for m in every}.values())
        chosen += one_a_line[: count * (position + 1) // len(groups) - len(chosen)]
    return chosen


def protecting(path: str) -> list[str]:
    """The tests of a file: those named after it, those of its package, and the general ones."""
    _, package, name = path.split("/")
    unit = ROOT / "tests" / "unit" / package
    stem = name.removesuffix(".py").strip("_")
    own = [str(f.relative_to(ROOT)) for f in sorted(unit.glob(f"test_*{stem}*.py")) if stem]
    folder = [str(unit.relative_to(ROOT))] if unit.exists() else []
    return [*own, *folder, path, *PROTECTING]


def caught(mutation: Mutation, tree: Path, marks: str) -> str | None:
    """The test that failed on the mutation, or None when all passed."""
    file = tree / mutation.path
    text = file.read_text(encoding="utf-8")
    file.write_text(mutation.apply(text), encoding="utf-8")
    shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", marks]
    environment = os.environ | {"PYTHONPATH": str(tree), "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [*command, *protecting(mutation.path)],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return f"no end within {PATIENCE:.0f} s"
    finally:
        file.write_text(text, encoding="utf-8")
    if done.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.M)
    return failed[1] if failed else "the tests do not start"


def main() -> int:
    """Draws mutations, runs the tests on each, prints a table; 1 when one survived."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skip", type=int, default=0, help="how many of them are left out")
    parser.add_argument("--group", choices=[*GROUPS, "all"], default="all")
    parser.add_argument("--marks", default="not attack and not slow", help="tests that run")
    arguments = parser.parse_args()
    groups = list(GROUPS) if arguments.group == "all" else [arguments.group]
    survivors = 0
    mutations = drawn(arguments.seed, arguments.count, groups)[arguments.skip :]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        left_out = shutil.ignore_patterns(".venv", ".git", "__pycache__", "site", "dist")
        shutil.copytree(ROOT, tree, ignore=left_out)
        for mutation in tqdm(mutations):
            began = time.perf_counter()
            test = caught(mutation, tree, arguments.marks)
            survivors += test is None
            before, after = (" ".join(t.split())[:60] for t in (mutation.before, mutation.after))
            seconds = time.perf_counter() - began
            tqdm.write(
                f"{'SURVIVED' if test is None else 'caught  '} {seconds:4.0f} s  "
                f"{mutation.path}:{mutation.line}  {before}  ->  {after}  {test or ''}",
                file=sys.stdout,
            )
            sys.stdout.flush()
    print(f"{len(mutations)} mutations, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
