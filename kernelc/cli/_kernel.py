"""`kernelc kernel`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

import kernelc as kc

from ._console import check_folder, output, table, written
from ._data import DataDir, training_inputs
from ._load import Own, Spec, load_network


if TYPE_CHECKING:
    from jaxtyping import Float


# Matrices of more inputs than this are asked for by number, not by chance: 3 GB in float64.
_MOST = 20_000
_OF_A_DATASET = 1_000
# Eigenvalues of more inputs would take longer than the kernel.
_LARGEST_SPECTRUM = 3_000


def kernel_command(
    spec: Spec,
    own: Own = None,
    data: Annotated[
        str,
        typer.Option(
            help="digits, fashion-mnist, cifar10 or FILE.npz (their training part), or FILE.npy."
        ),
    ] = "digits",
    data_dir: DataDir = None,
    examples: Annotated[
        int | None,
        typer.Option(min=1, help="The first so many; 1000 of a data set and all of a file."),
    ] = None,
    get: Annotated[str, typer.Option(help="Of nngp, ntk, gap, with commas between.")] = "nngp,ntk",
    double: Annotated[
        bool, typer.Option("--double", help="Compute in float64 whatever the inputs are.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say how the kernel is computed, with error bounds.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the matrices into this .npz file.")
    ] = None,
) -> None:
    """Compute NNGP and NTK matrices of data."""
    network = load_network(spec, own)
    inputs = _inputs(network, data, data_dir, examples)
    inputs = inputs.astype(np.float64) if double else inputs
    if out is not None:
        _check_place(out)
    k = kc.kernel_fn(network)
    found = k(inputs, get=tuple(name.strip() for name in get.split(",")))
    kept: dict[str, Any] = {
        name: np.asarray(m) for name, m in found._asdict().items() if m is not None
    }
    if out is not None:
        written(out, lambda: np.savez(out, **kept))
    console = output()
    shape = " x ".join(map(str, next(iter(kept.values())).shape))
    kind = next(iter(kept.values())).dtype
    console.print(f"{network.name} on {len(inputs)} inputs of {data}: {shape}, {kind}\n")
    console.print(_statistics(found))
    if explain:
        console.print(f"\n{k.explain()}")


def _inputs(
    network: kc.Network, source: str, folder: Path | None, count: int | None
) -> Float[np.ndarray, "n ..."]:
    """The inputs as the network takes them, flattened for one that takes vectors."""
    found = training_inputs(source, folder)
    if count is None:
        count = len(found) if source.endswith(".npy") else _OF_A_DATASET
        if count > _MOST:
            raise kc.DataError(
                where=source,
                found=f"{count} inputs, whose matrices have {count**2:.1e} entries each",
                law=f"more than {_MOST} inputs are not taken unasked",
                remedy="say how many with --examples",
            )
    found = found[:count]
    if len(network.input_format.shape) == 1 and found.ndim > 2 and len(found):
        found = found.reshape(len(found), -1)
    return np.array(found, found.dtype.newbyteorder("="))


def _check_place(out: Path) -> None:
    """What would only be found out after the work: a folder that is not there, another format."""
    check_folder(out)
    if out.suffix != ".npz":
        raise kc.KernelcError(
            where=str(out),
            found="another ending than .npz",
            law="matrices are written as .npz",
            remedy="choose another path",
        )


def _statistics(found: kc.KernelMatrices) -> Table:
    rows = table("matrix", "diagonal", "mean beside it", "mean c", "condition", numbers=4)
    for name, matrix in found._asdict().items():
        if matrix is None:
            continue
        values = np.asarray(matrix, np.float64)
        diagonal = np.einsum("ii...->i...", values)
        low, high = float(diagonal.min()), float(diagonal.max())
        rows.add_row(
            name,
            f"{low:.6g}" if f"{low:.6g}" == f"{high:.6g}" else f"{low:.6g} to {high:.6g}",
            _beside(values),
            "" if name == "gap" else _beside(_cosines(values, diagonal)),
            "" if name == "gap" else _condition(values, np.finfo(matrix.dtype).eps),
        )
    return rows


def _beside(values: Float[np.ndarray, "n n ..."]) -> str:
    """Mean off the diagonal."""
    n = len(values)
    return f"{values[~np.eye(n, dtype=bool)].mean():.6g}" if n > 1 else "-"


def _cosines(values: np.ndarray, diagonal: np.ndarray) -> Float[np.ndarray, "n n ..."]:
    size = np.sqrt(diagonal)
    size = size[:, None] * size[None]
    return np.divide(values, size, out=np.zeros_like(values), where=size > 0)


def _condition(values: Float[np.ndarray, "n n ..."], eps: float) -> str:
    """Largest over smallest eigenvalue, as far as the precision tells."""
    if values.ndim > 2 or len(values) > _LARGEST_SPECTRUM or not np.isfinite(values).all():
        return "-"
    spectrum = np.linalg.eigvalsh(values)
    low, high = spectrum[0], spectrum[-1]
    # Entries right to eps leave eigenvalues right to eps times the largest.
    return f"{high / low:.2g}" if low > eps * high else f"over {1 / eps:.1g}"
