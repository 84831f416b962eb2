"""Does `kernelc.diagnose` foretell what trains? Short trainings of networks drawn at random.

python examples/experiments/predictions.py train
python examples/experiments/predictions.py report
"""

from __future__ import annotations

import collections
import dataclasses
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
from matplotlib.figure import Figure
from scipy.stats import spearmanr
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
        # Repeated layers under scan compile once, which takes longer here than training; but
        # convolutions inside of loops are slow on CPUs.
        policy = kc.Policy(layers="unrolled" if drawn.family == "convnet" else "scan")
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


@app.command()
def report(
    log: Annotated[Path, typer.Option(help="The results.", exists=True)] = LOG,
    figure: Annotated[Path | None, typer.Option(help="Where a picture goes.")] = None,
) -> None:
    """The confusion table, the rank correlation and every miss, for each of the two draws."""
    data = kc.data.digits()
    points = [_Point.of(line, data) for line in tqdm(read(log), unit="net", delay=2)]
    for role in DRAWS:
        print(_told(role, [point for point in points if point.draw == role]))
    if figure is not None:
        _drawn(points, figure)


@dataclasses.dataclass(frozen=True)
class _Point:
    """A network: what was foretold and what came of it."""

    draw: str
    name: str
    family: str
    verdict: kc.Verdict
    trained: bool
    loss: float | None
    mean_loss: float

    @classmethod
    def of(cls, line: dict[str, Any], data: kc.data.Dataset) -> _Point:
        fields = ("family", "activation", "depth", "width", "gain")
        drawn = Drawn(**{field: line[field] for field in fields})
        return cls(
            line["draw"],
            drawn.name,
            drawn.family,
            kc.diagnose(drawn.build(), data).verdict,
            line["loss"] is not None and line["loss"] < TRAINED,
            line["loss"],
            min(line["mean_loss"], GUESSING),
        )


def _told(role: str, points: list[_Point]) -> str:
    count = collections.Counter((point.verdict.trains, point.trained) for point in points)
    right = count[True, True] + count[False, False]
    rank = spearmanr([p.verdict.difficulty for p in points], [p.mean_loss for p in points])
    rows = [
        f"{len(points)} networks ({role}): {right} right, {right / len(points):.0%}",
        "",
        "| | trained | did not train |",
        "| --- | --- | --- |",
        f"| foretold to train | {count[True, True]} | {count[True, False]} |",
        f"| foretold not to train | {count[False, True]} | {count[False, False]} |",
        "",
        f"rank correlation of difficulty and mean loss: {rank.statistic:.2f}",
        "",
        "| family | network | difficulty | foretold | final loss | mean loss |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for point in sorted(points, key=lambda p: p.verdict.difficulty):
        foretold = "trains" if point.verdict.trains else "does not train"
        missed = " (miss)" if point.verdict.trains != point.trained else ""
        loss = "diverged" if point.loss is None else f"{point.loss:.3g}"
        net = point.name.removeprefix(f"{point.family}-")
        cells = (point.family, net, f"{point.verdict.difficulty:.2f}", foretold + missed)
        rows.append(f"| {' | '.join(cells)} | {loss} | {point.mean_loss:.3g} |")
    return "\n".join([*rows, ""])


def _drawn(points: list[_Point], path: Path) -> None:
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for role, marker in zip(DRAWS, ("x", "o"), strict=True):
        chosen = [point for point in points if point.draw == role]
        x, y = [p.verdict.difficulty for p in chosen], [p.mean_loss for p in chosen]
        label = "thresholds set on these" if role == "set" else "judged on these"
        axes.plot(x, y, marker, ms=5, alpha=0.8, label=f"{len(chosen)} networks, {label}")
    axes.axhline(GUESSING, color="grey", lw=0.8, ls=":")
    axes.set(xlabel="difficulty that kernelc.diagnose gives", ylabel="mean loss in 300 steps")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


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
