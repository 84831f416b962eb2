"""Write docs/gallery.md and docs/gallery.png: the kernels of the usual tricks.

Run `python docs/make_gallery.py`. It derives 50 layers under every trick of `nets.tricks`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import jax
import matplotlib.pyplot as plt
import numpy as np
import sympy
import typer
from gallery_text import GROUPS, PAGE, SAYS
from tqdm import tqdm

import kernelc as kc
import nets


DIM = 784
ANGLES = np.linspace(0, np.pi, 49)
# The slope at c = 1 is that of the gap 1 - c over this angle.
SMALL = 1e-10
# Batch norm is derived for batches of unrelated inputs.
UNRELATED = 0.0


@dataclasses.dataclass(frozen=True)
class Row:
    """The figures of one net.

    Arguments:
        q: q value of the logits, for inputs of q = 1.
        c_map: C_f at the cosines of `ANGLES`.
        slope: C_f'(1).
        ntk: NTK of unrelated inputs divided by that of an input with itself; None if undefined.
        formula: the map of one block.
    """

    q: float
    c_map: np.ndarray
    slope: float
    ntk: float | None
    formula: str

    @property
    def c_at_zero(self) -> float:
        """C_f(0)."""
        return float(self.c_map[len(ANGLES) // 2])


def row(network: kc.Network) -> Row:
    """Derives the figures of a net."""
    kernel = kc.derive(network)
    if kernel.theta is None:
        return batch_row(kernel)
    angles = np.concatenate([ANGLES, [SMALL]])
    xs = np.zeros((len(angles), DIM))
    xs[:, 0], xs[:, 1] = np.cos(angles), np.sin(angles)
    found = kc.kernel_fn(network)(xs[:1] * DIM**0.5, xs * DIM**0.5, get=("nngp", "ntk", "gap"))
    nngp, ntk, gap = (np.asarray(each)[0] for each in (found.nngp, found.ntk, found.gap))
    middle = len(ANGLES) // 2
    slope = float(gap[-1]) / (SMALL**2 / 2)
    ratio = float(ntk[middle] / ntk[0])
    return Row(float(nngp[0]), 1 - gap[:-1], slope, ratio, formula(kernel))


def batch_row(kernel: kc.Kernel) -> Row:
    """Derives the figures of a net with batch norm, whose kernel depends on the batch."""
    values = [kernel.evaluate(c=float(c), c_b=UNRELATED) for c in np.cos(ANGLES)]
    near = sympy.Rational(1, 10**20)
    at = kernel.evaluate(c=1 - near, c_b=UNRELATED, dps=50)
    slope = float((1 - at.c) / near)
    return Row(values[0].q, np.array([v.c for v in values]), slope, None, formula(kernel))


def formula(kernel: kc.Kernel) -> str:
    """The map of a block as `derive` prints it; the C map of the net if there is none."""
    maps = [(name, expr) for name, expr in kernel.equations if str(name).startswith("F_1(")]
    if not maps:
        return f"C_f = {kernel.c_map}"
    name, entries = maps[0]
    return f"{name} = {shortened(entries)}"


def shortened(expr: Any) -> Any:
    """Floats to six digits, whole ones as integers."""
    floats = {f: round(float(f), 6) for f in expr.atoms(sympy.Float)}
    return expr.xreplace(
        {f: sympy.Integer(x) if x.is_integer() else sympy.Float(str(x)) for f, x in floats.items()}
    )


def draw(rows: dict[str, Row], path: Path) -> None:
    """C maps of all nets, a panel for each group."""
    figure, axes = plt.subplots(2, 2, figsize=(9, 8), sharex=True, sharey=True)
    for axis, (title, names) in zip(axes.flat, GROUPS.items(), strict=True):
        for index, name in enumerate(names):
            style = ("-", "--", ":", "-.")[index % 4]
            axis.plot(np.cos(ANGLES), rows[name].c_map, style, label=name)
        axis.set_title(title, fontsize=10)
        axis.legend(fontsize=7, loc="lower right")
    for axis in axes[1]:
        axis.set_xlabel("cosine of the inputs")
    for axis in axes[:, 0]:
        axis.set_ylabel("cosine of the logits, $C_f$")
    figure.tight_layout()
    figure.savefig(path, dpi=75)
    plt.close(figure)


def table(rows: dict[str, Row]) -> str:
    """One line for each trick."""
    lines = [
        "| trick | q | C_f(0) | C_f'(1) | NTK | what it does |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, found in rows.items():
        ntk = "none" if found.ntk is None else f"{found.ntk:.3f}"
        numbers = f"{short(found.q)} | {found.c_at_zero:.3f} | {short(found.slope)} | {ntk}"
        lines.append(f"| {name} | {numbers.replace('-0.000', '0.000')} | {SAYS[name]} |")
    return "\n".join(lines)


def short(number: float) -> str:
    """Four digits, or three and an exponent."""
    return f"{number:.4g}" if 1e-3 < number < 1e5 else f"{number:.2e}"


def main(
    depth: Annotated[int, typer.Option(help="Nonlinear layers of every net.")] = 50,
    folder: Annotated[Path, typer.Option(help="Where to write.")] = Path(__file__).parent,
) -> None:
    """Derive every trick, and write the page and its figure."""
    family = nets.tricks(depth, 512, input_shape=(DIM,))
    rows: dict[str, Row] = {}
    with jax.enable_x64(True), tqdm(family.items()) as bar:
        for name, network in bar:
            bar.set_postfix_str(name)
            rows[name] = row(network)
    draw(rows, folder / "gallery.png")
    formulas = "\n".join(f"{name}\n  {found.formula}" for name, found in rows.items())
    page = PAGE.format(depth=depth, table=table(rows), formulas=formulas)
    (folder / "gallery.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
