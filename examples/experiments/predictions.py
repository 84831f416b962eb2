"""Compares predictions of `kernelc.diagnose` with short training runs of random networks.

python examples/experiments/predictions.py train
python examples/experiments/predictions.py report
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
import optax
import typer
from defaults import DATA, Default, draw_defaults
from drawn import Drawn, draw
from predicted import LABELS, built, picture, point, table
from tqdm import tqdm

import kernelc as kc


HERE = Path(__file__).parent
LOG = HERE / "logs" / "predictions.jsonl"
# The diagnosis was fitted to the first draw and is tested on the second.
DRAWS = {"set": (24, 0), "judged": (44, 1)}
# A second test: initializations of frameworks, tables and bits.
DEFAULTS = (24, 2)
RATES = (3e-4, 1e-3, 3e-3)
STEPS, BATCH = 300, 100
GUESSING = math.log(10)

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def train(
    log: Annotated[Path, typer.Option(help="Where results go, a line each.")] = LOG,
    only: Annotated[int, typer.Option(help="Train at most this many.")] = 10**6,
    steps: Annotated[int, typer.Option(help="Steps of a training.")] = STEPS,
) -> None:
    """Train the networks without a line in the log with Adam, on digits or on their own data."""
    done = {line["name"] for line in read(log)} if log.exists() else set()
    left = [(role, drawn) for role, drawn in _all() if drawn.name not in done][:only]
    log.parent.mkdir(parents=True, exist_ok=True)
    for role, drawn in tqdm(left, unit="net"):
        line = {"draw": role, "name": drawn.name, **vars(drawn), **trained(drawn, steps)}
        with log.open("a") as file:
            file.write(json.dumps(line) + "\n")


def trained(drawn: Drawn | Default, steps: int = STEPS) -> dict[str, Any]:
    """The final training loss at the best of three rates, and the mean loss of that run."""
    data, loss_name, guessing = told(drawn)
    found = []
    for rate in RATES:
        result = kc.fit(
            _model(drawn),
            data,
            optimizer=optax.adam(rate),
            steps=steps,
            batch_size=BATCH,
            loss=loss_name,
            eval_every=10 * steps,
            progress=False,
        )
        loss = float(result.train.loss)
        bad = result.diverged or not math.isfinite(loss)
        mean = float(np.mean(np.minimum(result.losses, guessing)))
        found.append((math.inf if bad else loss, guessing if bad else mean, rate))
    loss, mean, rate = min(found)
    return {
        "rate": rate,
        "loss": None if math.isinf(loss) else float(f"{loss:.4g}"),
        "mean_loss": float(f"{mean:.4g}"),
        "losses": [None if math.isinf(each) else float(f"{each:.4g}") for each, *_ in found],
    }


def told(drawn: Drawn | Default) -> tuple[Any, Literal["cross_entropy", "squared_error"], float]:
    """The data of a network, its loss, and that of the best constant."""
    if isinstance(drawn, Drawn):
        return kc.data.digits(), "cross_entropy", GUESSING
    task = DATA[drawn.data]()
    return (task.x, task.y), task.loss, task.guessing


def _model(drawn: Drawn | Default) -> Any:
    key = jax.random.key(0)
    if isinstance(drawn, Default):
        return drawn.model(drawn.build(), key)
    # Repeated layers under scan compile once, and compiling takes longer than training; but
    # convolutions in loops are slow on CPUs.
    layers = "unrolled" if drawn.family == "convnet" else "scan"
    return kc.lower(drawn.build(), key=key, layers=layers)


@app.command()
def report(
    log: Annotated[Path, typer.Option(help="The results.", exists=True)] = LOG,
    figure: Annotated[Path | None, typer.Option(help="Where a picture goes.")] = None,
) -> None:
    """The confusion table, the rank correlation and every miss, for each of the draws."""
    points = []
    for line in tqdm(read(log), unit="net", delay=2):
        data, _, guessing = told(built(line))
        points.append(point(line, data, guessing))
    for role in LABELS:
        print(table(role, [each for each in points if each.draw == role]))
    if figure is not None:
        picture(points, figure)


def read(log: Path) -> list[dict[str, Any]]:
    """The lines of a log."""
    return [json.loads(line) for line in log.read_text().splitlines() if line]


def _all() -> Iterator[tuple[str, Drawn | Default]]:
    seen = set()
    for role, (count, seed) in DRAWS.items():
        for drawn in draw(count, seed):
            if drawn not in seen:
                seen.add(drawn)
                yield role, drawn
    for default in draw_defaults(*DEFAULTS):
        yield "defaults", default


if __name__ == "__main__":
    app()
