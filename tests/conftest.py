"""Settings of the whole test suite; x64 is off, as in JAX by default."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any


# Before NumPy loads its BLAS: tests run side by side, and tiny matrices gain nothing from threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import pytest


# The same examples in every run, whatever the speed of the machine.
hypothesis.settings.register_profile("kernelc", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("kernelc")

SLOW = Path(__file__).with_name("slow.txt")
"""The tests that took more CPU seconds than `LONG`, one a line; `--write-slow` measures anew."""
LONG = 2.5


def pytest_configure(config: pytest.Config) -> None:
    # Two thirds of the CPU time is XLA's. Workers, programs that tests start, and later runs share
    # what was compiled; JAX's key holds the program, the versions and the flags.
    if hasattr(config, "cache"):
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(config.cache.mkdir("compiled")))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-slow", action="store_true", help=f"measure tests, write {SLOW.name}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    slow = set(SLOW.read_text(encoding="utf-8").splitlines())
    for item in items:
        if item.nodeid in slow:
            item.add_marker("slow")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    # Tests that stand together run in one worker: they share fixtures and compiled programs.
    scheduler = importlib.import_module("xdist.scheduler")
    return scheduler.WorkStealingScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    item.stash[_START] = _cpu()
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    item.user_properties.append(("cpu", _cpu() - item.stash[_START]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # With several workers, reports come together in the process that asked for them.
    # Doctests lie outside of this folder, whose hooks they do not run: their wall time counts.
    cpu = dict(report.user_properties).get("cpu")
    # The last report of a test, of its teardown, is the one with CPU seconds.
    longest = max(report.duration, _measured.get(report.nodeid, 0.0))
    _measured[report.nodeid] = longest if cpu is None else cpu


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("--write-slow") and not hasattr(session.config, "workerinput"):
        long = sorted(name for name, seconds in _measured.items() if seconds > LONG)
        SLOW.write_text("".join(f"{name}\n" for name in long), encoding="utf-8")


_START = pytest.StashKey[float]()
_measured: dict[str, float] = {}


def _cpu() -> float:
    """CPU seconds of this process and of the ones it waited for."""
    return sum(os.times()[:4])
