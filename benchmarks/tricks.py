"""Compares derived and measured kernels of every trick.

Run `python benchmarks/tricks.py`. Each net of `nets.tricks` without batch norm is drawn several
times. NNGP and NTK of two inputs of cosine 0.4 are averaged and printed with their standard errors
and the derived values. A deviation is in standard errors, after a term of depth/width.
"""

from __future__ import annotations

from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer
from tqdm import tqdm

import kernelc as kc
import nets


COSINE, CHANNELS = 0.4, 64


def pair() -> Any:
    """Two inputs of q = 1."""
    x = np.zeros((2, CHANNELS))
    x[:, :2] = [[1, 0], [COSINE, np.sqrt(1 - COSINE**2)]]
    return jnp.asarray(x * np.sqrt(CHANNELS), jnp.float32)


def rows(name: str, network: kc.Network, draws: int, slack: float) -> list[str]:
    """A line for each entry of the two matrices."""
    models = [kc.lower(network, key=jax.random.key(i)) for i in range(draws)]
    nngp: Any = kc.empirical_kernel(models, pair(), get="nngp", standard_error=True)
    ntk: Any = kc.empirical_kernel(models, pair(), get="ntk", outputs=range(4), standard_error=True)
    kernel = kc.derive(network)
    near: Any = kernel.evaluate(c=COSINE, q=1)
    same: Any = kernel.evaluate(c=1.0, q=1)
    entries = (
        ("q", same.nngp, nngp[0].nngp[0, 0], nngp[1].nngp[0, 0]),
        ("k", near.nngp, nngp[0].nngp[0, 1], nngp[1].nngp[0, 1]),
        ("NTK, same", same.ntk, ntk[0].ntk[0, 0], ntk[1].ntk[0, 0]),
        ("NTK, pair", near.ntk, ntk[0].ntk[0, 1], ntk[1].ntk[0, 1]),
    )
    lines = []
    for what, exact, found, error in entries:
        scale = same.ntk if what.startswith("NTK") else same.nngp
        beyond = max(0.0, abs(float(found) - exact) - slack * scale) / float(error)
        lines.append(
            f"{name:32}{what:10}{exact:>12.4g}{float(found):>12.4g} ± {float(error):<10.2g}"
            f"{beyond:>6.1f}"
        )
    return lines


def main(
    depth: Annotated[int, typer.Option(help="Nonlinear layers.")] = 6,
    width: Annotated[int, typer.Option(help="Channels.")] = 512,
    draws: Annotated[int, typer.Option(help="Nets to average over.")] = 12,
) -> None:
    """Print derived, measured, standard error, and the deviation."""
    family = nets.tricks(depth, width, classes=width, input_shape=(CHANNELS,))
    alone = {name: net for name, net in family.items() if "batch" not in name}
    lines = []
    for name, network in tqdm(alone.items()):
        lines += rows(name, network, draws, depth / width)
    print(f"{'trick':32}{'':10}{'derived':>12}{'measured':>12}{'':12}{'sigmas':>7}")
    print("\n".join(lines))


if __name__ == "__main__":
    typer.run(main)
