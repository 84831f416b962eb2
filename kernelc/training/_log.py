"""What a run has seen so far: losses, right answers and records."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field

import numpy as np

from kernelc.training._result import JSONObject, Record


@dataclass
class Log:
    """The numbers of a run up to now, which a checkpoint stores beside the arrays."""

    start: float = field(default_factory=time.perf_counter)
    losses: list[float] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    history: list[Record] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    @property
    def diverged(self) -> bool:
        """Whether the last loss is not finite."""
        return bool(self.losses) and not np.isfinite(self.losses[-1])

    @property
    def noted(self) -> int:
        """The step of the last record."""
        return self.history[-1].step if self.history else 0

    @property
    def best(self) -> int:
        """Which record has the lowest validation loss, the first of equals; -1 where none has."""
        losses = [_finite(record.validation_loss) for record in self.history]
        return int(np.argmin(losses)) if losses and min(losses) < np.inf else -1

    def waited(self) -> int:
        """How many records were made since the best."""
        return len(self.history) - 1 - self.best

    def stored(self) -> JSONObject:
        """As JSON."""
        return {
            "seconds": self.seconds,
            "losses": self.losses,
            "right": self.right,
            "history": [asdict(record) for record in self.history],
        }

    @classmethod
    def of(cls, stored: JSONObject) -> Log:
        """The inverse of `stored`; the clock goes on."""
        history = [Record(**record) for record in stored["history"]]
        start = time.perf_counter() - stored["seconds"]
        return cls(start, stored["losses"], stored["right"], history)


def _finite(loss: float | None) -> float:
    return loss if loss is not None and np.isfinite(loss) else np.inf
