"""The loop on the host: hands out batches, keeps the history, ends the run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import PyTree
from tqdm import tqdm

from kernelc.training._checkpoint import Checkpoints
from kernelc.training._evaluate import measure
from kernelc.training._losses import Loss
from kernelc.training._result import FitResult, Metrics, Record
from kernelc.training._source import Order, Source
from kernelc.training._step import Carry, Packed, owned
from kernelc.training._stepper import Stepper


# Steps in one dispatch: enough to hide the cost of Python beside the smallest networks.
_CHUNK = 32
# A dispatch should return this often, in seconds, for the progress bar to move.
_PACE = 0.5
# Evaluation keeps no gradients, so its batches need not be as small as those of training.
_EVALUATION_BATCH = 512

Callback = Callable[[Record, PyTree, Any], Any]


@dataclass(frozen=True, eq=False)
class Plan:
    """A checked run: what to train on, how long, and whom to tell."""

    train: Source
    test: Source | None
    loss: Loss
    steps: int
    batch_size: int
    seed: int
    eval_every: int
    train_examples: int
    progress: bool | None
    callback: Callback | None
    convolves: bool
    checkpoints: Checkpoints | None = None


@dataclass
class _Log:
    start: float = field(default_factory=time.perf_counter)
    losses: list[float] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    history: list[Record] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        history = [asdict(record) for record in self.history]
        return {
            "seconds": self.seconds,
            "losses": self.losses,
            "right": self.right,
            "history": history,
        }

    @classmethod
    def of(cls, stored: dict[str, Any]) -> _Log:
        """The inverse of `stored`; the clock goes on."""
        history = [Record(**record) for record in stored["history"]]
        start = time.perf_counter() - stored["seconds"]
        return cls(start, stored["losses"], stored["right"], history)


def run(plan: Plan, stepper: Stepper, carry: Carry) -> FitResult:
    """Trains as planned. The carry must be owned by this call alone."""
    log, stopped, pace, first = _Log(), False, 1, True
    earlier = None if plan.checkpoints is None else plan.checkpoints.latest(carry)
    if earlier is not None:
        carry, log = earlier[0], _Log.of(earlier[1])
    packed = Packed.of(carry)
    # XLA runs a convolution inside a loop on one CPU thread and without its fast kernels (27
    # times slower for four layers of 3 by 3 on 28 by 28 pixels); all else gains by the loop.
    on_cpu = next(iter(carry.step.devices())).platform == "cpu"
    most = 1 if on_cpu and plan.convolves else _CHUNK
    chunk = plan.train.chunk(plan.batch_size, most)
    # disable=None is how tqdm is told to show the bar on a terminal only.
    hidden = None if plan.progress is None else not plan.progress
    with tqdm(total=plan.steps, initial=len(log.losses), disable=hidden, unit="step") as bar:
        while len(log.losses) < plan.steps and not stopped and not _diverged(log):
            done = len(log.losses)
            boundary = min(plan.steps, (done // plan.eval_every + 1) * plan.eval_every)
            count = min(pace, chunk, boundary - done)
            begun = time.perf_counter()
            packed, ran = _dispatch(plan, stepper, packed, log, chunk, count)
            pace = _next_pace((time.perf_counter() - begun) / ran, first)
            first = False
            bar.update(ran)
            bar.set_postfix_str(_progress(log, plan.batch_size), refresh=False)
            if done + ran == boundary or _diverged(log):
                stopped = _note(plan, stepper, packed.whole, log)
                if plan.checkpoints is not None and not _diverged(log):
                    plan.checkpoints.save(len(log.losses), packed.whole, log.stored())
    return _finish(plan, stepper, packed.whole, log, stopped)


def _dispatch(
    plan: Plan, stepper: Stepper, carry: Packed, log: _Log, chunk: int, count: int
) -> tuple[Packed, int]:
    order = Order(len(plan.train), plan.batch_size, plan.seed, plan.steps)
    x, y, rows = plan.train.train_on(order, len(log.losses), count, chunk)
    carry, ran, losses, right = stepper.advance(x, y, rows, count, carry)
    log.losses += losses.tolist()
    log.right += right.tolist()
    return carry, ran


def _next_pace(seconds: float, first: bool) -> int:
    # The first dispatch holds the compilation, so it says nothing about the speed.
    return 1 if first else max(1, min(_CHUNK, int(_PACE / max(seconds, 1e-6))))


def _diverged(log: _Log) -> bool:
    return bool(log.losses) and not np.isfinite(log.losses[-1])


def _progress(log: _Log, batch_size: int) -> str:
    return f"loss {log.losses[-1]:.4g}, accuracy {log.right[-1] / batch_size:.1%}"


def _note(plan: Plan, stepper: Stepper, carry: Carry, log: _Log) -> bool:
    """Adds a record; says whether the callback wants the run to end."""
    since = log.history[-1].step if log.history else 0
    losses, right = log.losses[since:], log.right[since:]
    accuracy = float(np.mean(right)) / plan.batch_size
    test = _measure(plan, stepper, carry, plan.test)
    record = Record(
        step=len(log.losses),
        loss=float(np.mean(losses)),
        train_accuracy=accuracy if plan.train.labelled else float("nan"),
        test_loss=test.loss if test else float("nan"),
        test_accuracy=test.accuracy if test else float("nan"),
        seconds=log.seconds,
    )
    log.history.append(record)
    if plan.callback is None:
        return False
    # Copies: the next step deletes the buffers of this one.
    model = eqx.combine(owned(carry.params), stepper.rest)
    return bool(plan.callback(record, model, owned(carry.state)))


def _measure(
    plan: Plan, stepper: Stepper, carry: Carry, source: Source | None, limit: int | None = None
) -> Metrics | None:
    if source is None:
        return None
    model = eqx.combine(carry.params, stepper.rest)
    return measure(model, carry.state, source, _EVALUATION_BATCH, plan.loss, limit)


def _finish(plan: Plan, stepper: Stepper, carry: Carry, log: _Log, stopped: bool) -> FitResult:
    train = _measure(plan, stepper, carry, plan.train, plan.train_examples)
    assert train is not None
    ran, last = len(log.losses), log.history[-1]
    # The update of the last step can overflow although its own loss was finite.
    diverged = _diverged(log) or not np.isfinite(train.loss)
    if diverged:
        message = f"diverged: the loss was not finite at step {ran} of {plan.steps}"
    else:
        how = "ended by the callback" if stopped and ran < plan.steps else "finished"
        message = f"{how} after {ran} steps: loss {train.loss:.4g}"
    # The last record was made after the last step, so the test part is already measured.
    test = None
    if plan.test is not None:
        test = Metrics(last.test_loss, last.test_accuracy, len(plan.test))
    return FitResult(
        model=eqx.combine(carry.params, stepper.rest),
        state=carry.state,
        history=tuple(log.history),
        losses=np.asarray(log.losses, np.float32),
        train=train,
        test=test,
        steps=ran,
        seconds=log.seconds,
        diverged=diverged,
        message=message,
    )
