"""The training loop on the host: batches, history, and the end of the run."""

from __future__ import annotations

import time
from dataclasses import dataclass

import equinox as eqx
import numpy as np
from jaxtyping import PyTree
from tqdm import tqdm

from ._checkpoint import Checkpoints
from ._evaluate import measure
from ._interrupt import interruptible
from ._losses import in_nats
from ._result import FitResult, Log, Metrics, Record
from ._settings import Plan
from ._source import Order, Source
from ._step import Carry, Packed, owned
from ._stepper import Stepper


# Steps in one dispatch: enough to hide the cost of Python for the smallest networks.
_CHUNK = 32
# A dispatch should return this often, in seconds, for the progress bar to move.
_PACE = 0.5
# Evaluation keeps no gradients, so its batches need not be as small as those of training, unless
# outputs are as many as the logits of long texts.
_EVALUATION_BATCH = 512
_EVALUATED = 2**26


@dataclass
class _Run:
    """A run in progress. `best` holds the parameters and the state of the best record."""

    plan: Plan
    stepper: Stepper
    checkpoints: Checkpoints | None
    packed: Packed
    log: Log
    best: tuple[PyTree, PyTree] | None
    ended: str = ""
    interrupted: bool = False
    pace: int = 1

    @property
    def going(self) -> bool:
        log = self.log
        stopped = self.ended or self.interrupted or log.diverged
        return len(log.losses) < self.plan.settings.steps and not stopped

    @property
    def whole(self) -> bool:
        """Whether parameters exist, and have seen exactly the steps of the recorded losses."""
        if any(leaf.is_deleted() for leaf in self.packed.leaves):
            return False
        return int(self.packed.whole.step) == len(self.log.losses)

    @property
    def kept(self) -> tuple[PyTree, PyTree]:
        """Parameters and state of the result."""
        carry = self.packed.whole
        return (carry.params, carry.state) if self.best is None else self.best


def run(
    plan: Plan, stepper: Stepper, carry: Carry, checkpoints: Checkpoints | None = None
) -> FitResult:
    """Trains as planned; deletes the arrays of the carry."""
    now = _started(plan, stepper, carry, checkpoints)
    # XLA runs a convolution inside a loop on one CPU thread and without its fast kernels (27
    # times slower for four layers of 3 by 3 on 28 by 28 pixels); all else gains by the loop.
    on_cpu = next(iter(carry.step.devices())).platform == "cpu"
    chunk = plan.train.chunk(plan.batch_size, 1 if on_cpu and plan.convolves else _CHUNK)
    with interruptible() as interrupt:
        try:
            with _bar(now) as bar:
                while now.going:
                    bar.update(_advance(now, chunk))
                    bar.set_postfix_str(_progress(now), refresh=False)
                    now.interrupted = interrupt.is_set()
        except KeyboardInterrupt:
            # Raised in a callback, or in the middle of a step, whose buffers are deleted.
            if not now.whole:
                raise
            now.interrupted = True
        return _finish(now)


def _bar(now: _Run) -> tqdm:
    settings, done = now.plan.settings, len(now.log.losses)
    # disable=None shows the bar of tqdm on a terminal only.
    hidden = None if settings.progress is None else not settings.progress
    return tqdm(total=settings.steps, initial=done, disable=hidden, unit="step")


def _started(plan: Plan, stepper: Stepper, carry: Carry, checkpoints: Checkpoints | None) -> _Run:
    keeps = plan.settings.keep == "best"
    best = (owned(carry.params), owned(carry.state)) if keeps else None
    now = _Run(plan, stepper, checkpoints, Packed.of(carry), Log(), best)
    earlier = checkpoints and checkpoints.latest(carry, best, plan.settings.steps)
    if earlier is not None:
        now.packed, now.best = Packed.of(earlier.carry), earlier.best
        now.log = Log.of(earlier.log)
        _stop_when_patience_ends(now)
    return now


def _advance(now: _Run, chunk: int) -> int:
    """One dispatch, and a record where one is due; the number of steps."""
    plan, log = now.plan, now.log
    every = plan.settings.record_every
    done = len(log.losses)
    boundary = min(plan.settings.steps, (done // every + 1) * every)
    count = min(now.pace, chunk, boundary - done)
    begun = time.perf_counter()
    ran = _dispatch(now, chunk, count)
    # The first dispatch includes the compilation, so it does not measure the speed.
    seconds = (time.perf_counter() - begun) / ran
    now.pace = max(1, min(_CHUNK, int(_PACE / max(seconds, 1e-6)))) if done else 1
    if done + ran == boundary or log.diverged:
        _note(now)
        _store(now)
        _stop_when_patience_ends(now)
        _call_back(now)
    return ran


def _dispatch(now: _Run, chunk: int, count: int) -> int:
    plan, log = now.plan, now.log
    order = Order(len(plan.train), plan.batch_size, plan.settings.seed, plan.settings.steps)
    x, y, rows = plan.train.train_on(order, len(log.losses), count, chunk)
    now.packed, losses, right = now.stepper.advance(x, y, rows, count, now.packed)
    log.losses += losses.tolist()
    log.right += right.tolist()
    return len(losses)


def _progress(now: _Run) -> str:
    log, plan = now.log, now.plan
    told = f"loss {log.losses[-1]:.4g}"
    if plan.answers:
        told += f", accuracy {log.right[-1] / (plan.batch_size * plan.answers):.1%}"
    if log.history and log.history[-1].validation_loss is not None:
        told += f", validation loss {log.history[-1].validation_loss:.4g}"
    return told


def _note(now: _Run) -> None:
    """Adds a record, and keeps the parameters where it is the best."""
    plan, log = now.plan, now.log
    losses, right = log.losses[log.noted :], log.right[log.noted :]
    carry = now.packed.whole
    answers = plan.batch_size * plan.answers
    parts = {"validation": plan.validation, "test": plan.test}
    found = {name: _measure(now, carry.params, carry.state, part) for name, part in parts.items()}
    validation, test = found["validation"], found["test"]
    record = Record(
        step=len(log.losses),
        loss=float(np.mean(losses)),
        train_accuracy=float(np.mean(right)) / answers if answers else None,
        test_loss=test.loss if test else None,
        test_accuracy=test.accuracy if test else None,
        seconds=log.seconds,
        validation_loss=validation.loss if validation else None,
        validation_accuracy=validation.accuracy if validation else None,
    )
    log.history.append(record)
    if now.best is not None and log.waited() == 0:
        now.best = owned(carry.params), owned(carry.state)


def _store(now: _Run) -> None:
    """Stored before the callback runs, so that no record it has seen is lost."""
    if now.checkpoints is not None and not now.log.diverged:
        steps, log = len(now.log.losses), now.log.stored()
        now.checkpoints.save(steps, now.packed.whole, now.best, log)


def _stop_when_patience_ends(now: _Run) -> None:
    patience = now.plan.settings.patience
    if patience is not None and now.log.history and now.log.waited() >= patience:
        now.ended = f"ended, as {patience} records were not better than the best,"


def _call_back(now: _Run) -> None:
    if now.plan.settings.callback is None:
        return
    carry = now.packed.whole
    # Copies: the next step deletes the buffers of this one.
    model = eqx.combine(owned(carry.params), now.stepper.rest)
    if now.plan.settings.callback(now.log.history[-1], model, owned(carry.state)):
        now.ended = now.ended or "ended by the callback"


def _measure(
    now: _Run, params: PyTree, state: PyTree, source: Source | None, limit: int | None = None
) -> Metrics | None:
    if source is None:
        return None
    model, plan = eqx.combine(params, now.stepper.rest), now.plan
    size = max(1, min(_EVALUATION_BATCH, _EVALUATED // max(1, plan.outputs)))
    return measure(model, state, source, size, plan.settings.loss, plan.answers, limit)


def _finish(now: _Run) -> FitResult:
    plan, log = now.plan, now.log
    ran = len(log.losses)
    if ran > log.noted:
        _note(now)
    params, state = now.kept
    train = _measure(now, params, state, plan.train, plan.settings.train_examples)
    assert train is not None
    # The update of the last step can overflow although its own loss was finite.
    diverged = log.diverged or not np.isfinite(train.loss)
    return FitResult(
        model=eqx.combine(params, now.stepper.rest),
        state=state,
        history=tuple(log.history),
        losses=np.asarray(log.losses, np.float32),
        train=train,
        test=_recorded(now, "test", plan.test),
        steps=ran,
        seconds=log.seconds,
        diverged=diverged,
        message=_message(now, train, diverged),
        validation=_recorded(now, "validation", plan.validation),
        best_step=log.best_step,
        interrupted=now.interrupted,
    )


def _recorded(now: _Run, name: str, part: Source | None) -> Metrics | None:
    """The metrics of a part: those of the record of the parameters that are kept."""
    if part is None:
        return None
    log = now.log
    kept = len(log.history) - 1 if now.best is None else log.best
    if kept < 0:
        return _measure(now, *now.kept, part)
    record = log.history[kept]
    loss, accuracy = (getattr(record, f"{name}_{kind}") for kind in ("loss", "accuracy"))
    return Metrics(loss, accuracy, len(part), in_nats(now.plan.settings.loss))


def _message(now: _Run, train: Metrics, diverged: bool) -> str:
    ran, log = len(now.log.losses), now.log
    asked = now.plan.settings.steps
    if diverged:
        return f"diverged: the loss was not finite at step {ran} of {asked}"
    how = "finished"
    if ran < asked:
        how = "interrupted" if now.interrupted else now.ended
    told = f"{how} after {ran} steps: loss {train.loss:.4g}"
    if now.best is None or log.best_step is None:
        return told
    return f"{told} with the parameters of step {log.best_step}"
