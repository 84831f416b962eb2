"""Kills runs with checkpoints, damages their files and fills the disk, and checks the results.

    python tests/kills.py                    # 50 kills, 60 damaged files, full disk, two at once
    python tests/kills.py --kills 3 --only kills

A run is killed by SIGKILL at random instants, every other time while a checkpoint is written, and
started anew until it ends. It must equal the uninterrupted run, and what its callback was told must
be in the folder. Runs that go on from damaged files must equal it or be refused. Every run is a
process of its own, forked before JAX starts its threads.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
import orbax.checkpoint  # noqa: F401  # before the fork: its import takes seconds
from tqdm import tqdm

import kernelc as kc


STEPS = 24
HALF = 12
# Longer than any run takes to end.
PATIENCE = 300.0


def train(folder: Path | None, told: Path, stop: int | None = None) -> dict[str, Any]:
    """Runs to the end, or to a step; returns the result in a form that can be compared."""
    x = kc.Input((6,))
    layers = kc.chain(
        kc.Dense(48), kc.BatchNorm(), kc.Activation("tanh"), kc.Dropout(0.2), kc.Dense(3)
    )
    net = kc.Network(x, layers(x))
    draw = np.random.default_rng(0)
    examples = draw.normal(size=(90, 6)).astype(np.float32)

    def tell(record: kc.Record, model: Any, state: Any) -> bool:
        with told.open("a") as file:
            file.write(f"{record.step}\n")
        return stop is not None and record.step >= stop

    run = kc.fit(
        kc.lower(net, key=jax.random.key(0)),
        (examples, np.argmax(examples[:, :3], axis=1)),
        optimizer=_ADAM,
        steps=STEPS,
        batch_size=30,
        eval_every=1,
        validation=0.2,
        keep="best",
        callback=tell,
        checkpoint=folder,
        progress=False,
    )
    leaves = jax.tree.leaves((run.model, run.state))
    arrays = b"".join(np.asarray(leaf).tobytes() for leaf in leaves if hasattr(leaf, "dtype"))
    history = [[r.step, r.loss, r.train_accuracy, r.validation_loss] for r in run.history]
    digest = hashlib.sha256(arrays).hexdigest()
    return {"run": [digest, run.losses.tolist(), history, run.best_step]}


_ADAM = optax.adam(1e-2)
# Public names are imported at their first use: here, and not in every child.
_ = kc.fit, kc.lower, kc.Dense


class Child:
    """A run in a process of its own."""

    def __init__(
        self, work: Path, folder: Path | None, prepare: Any = None, **options: Any
    ) -> None:
        self.told, self._result = work / "told", work / "result.json"
        self._result.unlink(missing_ok=True)
        self._gone = False
        with warnings.catch_warnings():
            # JAX warns of any fork; its threads begin with the first computation.
            warnings.simplefilter("ignore")
            self.pid = os.fork()
        if self.pid == 0:
            self._run(folder, prepare, options)

    def _run(self, folder: Path | None, prepare: Any, options: dict[str, Any]) -> None:
        try:
            if prepare is not None:
                prepare()
            result = train(folder, self.told, **options)
        except kc.KernelcError as error:
            result = {"refused": str(error), "kind": type(error).__name__}
        except BaseException as error:
            result = {"crashed": f"{type(error).__name__}: {error}"}
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        self._result.write_text(json.dumps(result))
        # Threads of storage that failed may never end.
        os._exit(0)

    def ended(self) -> bool:
        """Whether the process ended."""
        self._gone = self._gone or os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return self._gone

    def wait(self) -> dict[str, Any]:
        """The result of the run."""
        until = time.monotonic() + PATIENCE
        while not self.ended():
            if time.monotonic() > until:
                self.kill()
                return {"crashed": "no end"}
            time.sleep(0.02)
        return json.loads(self._result.read_text())

    def kill(self) -> None:
        """Ends the process at once."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def kill_runs(work: Path, whole: list, kills: int, draw: random.Random, bar: tqdm) -> Counter:
    """Kills runs until there were so many kills."""
    seen: Counter = Counter()
    while seen["kills"] < kills or not seen["ended equal"]:
        folder = work / f"run{seen['runs']}"
        (work / "told").unlink(missing_ok=True)
        seen["runs"] += 1
        result: dict[str, Any] | None = None
        while result is None:
            child = Child(work, folder)
            inside = seen["kills"] % 2 == 0
            if seen["kills"] < kills and _strike(child, folder, inside, draw):
                seen["kills"] += 1
                seen["inside a write"] += any(folder.glob("*tmp*"))
                bar.update()
            else:
                result = child.wait()
        _require(result.get("run") == whole, f"run {seen['runs']}: {_shown(result)}")
        seen["ended equal"] += 1
    return seen


def _strike(child: Child, folder: Path, inside: bool, draw: random.Random) -> bool:
    """Kills a run after a few more records; False if it ended before."""
    goal = _steps(child.told) + draw.randint(0, 4)
    until = time.monotonic() + PATIENCE
    while _steps(child.told) < goal:
        if child.ended() or time.monotonic() > until:
            return False
        time.sleep(0.001)
    if inside:
        while not any(folder.glob("*tmp*")):
            if child.ended() or time.monotonic() > until:
                return False
    time.sleep(draw.random() * 0.03)
    if child.ended():
        return False
    child.kill()
    stored = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
    _require(
        max(stored, default=0) >= _steps(child.told),
        f"told of step {_steps(child.told)}, stored {stored}",
    )
    return True


def damage_files(work: Path, whole: list, count: int, draw: random.Random, bar: tqdm) -> Counter:
    """Cuts files short and turns bits over; runs go on equal or are refused."""
    seen: Counter = Counter()
    source = work / "half"
    Child(work, source, stop=HALF).wait()
    for _ in range(count):
        folder = work / "damaged"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        newest = [path for path in files if str(HALF) in path.relative_to(folder).parts]
        path = draw.choice(newest if draw.random() < 0.8 else files)
        content = bytearray(path.read_bytes())
        if content and draw.random() < 0.6:
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        else:
            content = content[: draw.randrange(len(content) + 1) // 2]
        path.write_bytes(bytes(content))
        result = Child(work, folder).wait()
        refused = result.get("kind") == "LoadError"
        _require(refused or result.get("run") == whole, f"{path}: {_shown(result)}")
        seen["refused" if refused else "went on equal"] += 1
        bar.update()
    return seen


def fill_disk(work: Path, whole: list) -> Counter:
    """Files that may not grow beyond some sizes: refused, and equal once there is room."""
    seen: Counter = Counter()
    for size in (0, 100, 1000, 4000):
        folder = work / f"full{size}"
        Child(work, folder, stop=HALF).wait()

        def limit(size: int = size) -> None:
            # What exceeds it fails with an error, as on a full disk.
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        result = Child(work, folder, limit).wait()
        _require("refused" in result, f"full at {size}: {_shown(result)}")
        _require(Child(work, folder).wait().get("run") == whole, f"after full at {size}")
        seen["refused, then equal"] += 1
    return seen


def run_two(work: Path, whole: list) -> Counter:
    """Two runs in one folder: one is refused, the other undisturbed."""
    folder, other = work / "two", work / "second"
    other.mkdir()
    (work / "told").unlink(missing_ok=True)
    first = Child(work, folder)
    while _steps(first.told) < 2:
        time.sleep(0.01)
    second = Child(other, folder).wait()
    _require("another run" in second.get("refused", ""), f"the second: {_shown(second)}")
    _require(first.wait().get("run") == whole, "the first was disturbed")
    return Counter({"second refused": 1})


def _steps(told: Path) -> int:
    lines = told.read_text().split() if told.exists() else []
    return int(lines[-1]) if lines else 0


def _shown(result: dict[str, Any]) -> str:
    return str(result.get("refused") or result.get("crashed") or "another result")


def _require(holds: bool, what: str) -> None:
    if not holds:
        sys.exit(f"BROKEN: {what}")


def main() -> None:
    """Runs all tests and prints the counts of their results."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--damaged", type=int, default=60)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", help="one of: full disk, two at once, kills, damaged files")
    given = options.parse_args()
    draw = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        # Runs share what is compiled, by file: each would compile for seconds.
        jax.config.update("jax_compilation_cache_dir", str(work / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        whole = Child(work, None).wait().get("run")
        _require(whole is not None, "the uninterrupted run")
        assert whole is not None
        # disable=None is how tqdm is told to show the bar on a terminal only.
        with tqdm(total=given.kills + given.damaged, disable=None, unit="run") as bar:
            found: dict[str, Callable[[], Counter]] = {
                "full disk": lambda: fill_disk(work, whole),
                "two at once": lambda: run_two(work, whole),
                "kills": lambda: kill_runs(work, whole, given.kills, draw, bar),
                "damaged files": lambda: damage_files(work, whole, given.damaged, draw, bar),
            }
            for title, part in found.items():
                if given.only not in (None, title):
                    continue
                told = ", ".join(f"{name} {count}" for name, count in part().items())
                print(f"{title}: {told}", flush=True)


if __name__ == "__main__":
    main()
