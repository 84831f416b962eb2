"""Settings of the whole test suite; x64 stays off, as it is for whoever imports kernelc."""

from __future__ import annotations

import os


# Before NumPy loads its BLAS: tests run side by side, and tiny matrices gain nothing from threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis


# The same examples in every run, whatever the speed of the machine.
hypothesis.settings.register_profile("kernelc", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("kernelc")
