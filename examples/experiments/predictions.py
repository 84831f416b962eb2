"""Does `kernelc.diagnose` foretell what trains? Short trainings of networks drawn at random.

python examples/experiments/predictions.py train
python examples/experiments/predictions.py report
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import optax
import typer
from drawn import Drawn, draw
from tqdm import tqdm

import kernelc as kc


HERE = Path(__file__).parent
LOG = HERE / "logs" / "predictions.jsonl"
# Thresholds of the diagnosis were set on one draw and are judged on the other.
DRAWS = {"set": (24, 0), "judged": (44, 1)}
RATES = (3e-4, 1e-3, 3e-3)
STEPS, BATCH = 300, 100
GUESSING = math.log(10)
TRAINED = GUESSING / 2
"""Final training loss below which a network counts as one that trains."""

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def train(
    log: Annotated[Path, typer.Option(help="Where results go, a line each.")] = LOG,
    only: Annotated[int, typer.Option(help="Train at most this many.")] = 10**6,
    steps: Annotated[int, typer.Option(help="Steps of a training.")] = STEPS,
) -> None:
    """Train what has no line in the log yet, on scikit-learn's digits with Adam."""
    done = {line["name"] for line in read(log)} if log.exists() else set()
    left = [(role, drawn) for role, drawn in _all() if drawn.name not in done][:only]
    data = kc.data.digits()
    log.parent.mkdir(parents=True, exist_ok=True)
    for role, drawn in tqdm(left, unit="net"):
        line = {"draw": role, "name": drawn.name, **vars(drawn), **trained(drawn, data, steps)}
        with log.open("a") as file:
            file.write(json.dumps(line) + "\n")


def trained(drawn: Drawn, data: kc.data.Dataset, steps: int = STEPS) -> dict[str, Any]:
    """The best of three rates: its training loss at the end, and the mean loss on the way."""
    network = drawn.build()
    found = []
    for rate in RATES:
        # Repeated layers under scan compile once, which takes longer here than training.
        policy = kc.Policy(layers="scan")
        model = kc.lower(network, key=jax.random.key(0), policy=policy)
        result = kc.fit(
            model,
            data,
            optimizer=optax.adam(rate),
            steps=steps,
            batch_size=BATCH,
            eval_every=10 * steps,
            progress=False,
        )
        loss = float(result.train.loss)
        bad = result.diverged or not math.isfinite(loss)
        mean = float(np.mean(np.minimum(result.losses, GUESSING)))
        found.append((math.inf if bad else loss, GUESSING if bad else mean, rate))
    loss, mean, rate = min(found)
    return {
        "rate": rate,
        "loss": None if math.isinf(loss) else float(f"{loss:.4g}"),
        "mean_loss": float(f"{mean:.4g}"),
        "losses": [None if math.isinf(each) else float(f"{each:.4g}") for each, *_ in found],
    }


def read(log: Path) -> list[dict[str, Any]]:
    """The lines of a log."""
    return [json.loads(line) for line in log.read_text().splitlines() if line]


def _all() -> Iterator[tuple[str, Drawn]]:
    seen = set()
    for role, (count, seed) in DRAWS.items():
        for drawn in draw(count, seed):
            if drawn not in seen:
                seen.add(drawn)
                yield role, drawn


if __name__ == "__main__":
    app()
