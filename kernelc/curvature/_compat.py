"""kfac-jax on first use: its version is checked, and it is made to run on the JAX at hand.

This is the only file that touches private modules of kfac-jax. Release 0.0.8 is older than
JAX 0.9.2, which changed what `Primitive.get_bind_params` returns.
"""

from __future__ import annotations

import collections
import functools
import importlib
import importlib.metadata
import warnings
from collections.abc import (
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import jax
import jax.extend as jex
import numpy as np

from kernelc._errors import PackageError
from kernelc._packages import missing, needed


_TESTED = "0.0.8"
_FIRST, _BEYOND = (0, 9), (0, 11)
_REMEDY = "pip install 'kernelc[kfac]'"


@functools.cache
def load() -> ModuleType:
    """The module kfac_jax, patched.

    Raises: PackageError when it is missing, or it or JAX has a version that was not tested.
    """
    try:
        found = importlib.metadata.version("kfac-jax")
    except importlib.metadata.PackageNotFoundError as error:
        raise missing("kfac-jax", extra="kfac", use="kernelc.kfac") from error
    check_versions(found, jax.__version__)
    setting = "jax_pmap_shmap_merge"
    before = jax.config.values.get(setting)
    with quiet():
        module = importlib.import_module("kfac_jax")
    if jax.config.values.get(setting) != before:
        # Importing kfac-jax turns this off for its use of pmap, which is not made here.
        jax.config.update(setting, before)
    _patch()
    return module


def check_versions(found: str, jax_version: str) -> None:
    """PackageError unless these versions of kfac-jax and JAX were tested."""
    if found != _TESTED:
        raise PackageError(
            where="kfac-jax",
            found=f"version {found}",
            law=f"K-FAC runs on kfac-jax {_TESTED}, the version that was tested",
            remedy=_REMEDY,
        )
    release = tuple(int(part) for part in jax_version.split(".")[:2])
    if not _FIRST <= release < _BEYOND:
        raise PackageError(
            where="kfac-jax",
            found=f"JAX {jax_version}",
            law=f"kfac-jax {_TESTED} was tested on JAX 0.9 and 0.10",
            remedy=f"{_REMEDY} beside a JAX below 0.11",
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Silences what JAX says of the deprecated names that kfac-jax reads: they were tested."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"jax\.core\.", DeprecationWarning)
        yield


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keeps BLAS on one thread: many small inverses take ten times longer on several.

    On a CPU, JAX takes LAPACK from SciPy's OpenBLAS, whose threads spend their time waiting
    for each other on matrices of a few hundred rows.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _controller() -> Any:
    # JAX has loaded SciPy's BLAS by the time of the first step; finding it takes milliseconds.
    return needed("threadpoolctl", extra="kfac", use="kernelc.kfac").ThreadpoolController()


def _bind(eqn: jex.core.JaxprEqn, values: Sequence[object]) -> list[object]:
    # A dict since JAX 0.9.2, a pair of subfunctions and dict before.
    found = eqn.primitive.get_bind_params(eqn.params)
    functions, parameters = found if isinstance(found, tuple) else ((), found)
    with jex.source_info_util.user_context(eqn.source_info.traceback):
        out = eqn.primitive.bind(*functions, *values, **parameters)
    return list(out) if eqn.primitive.multiple_results else [out]


class _OrderedSet(dict[Hashable, None]):
    """What the tracer needs of a set, in order of insertion.

    Ordered by address, every process would emit another program, and the compilation cache
    of JAX on disk would never hit.
    """

    def __init__(self, items: Iterable[Hashable] = ()) -> None:
        super().__init__(dict.fromkeys(items))

    def union(self, *others: Iterable[Hashable]) -> _OrderedSet:
        return _OrderedSet(item for part in (self, *others) for item in part)

    def __sub__(self, other: Iterable[Hashable]) -> _OrderedSet:
        return _OrderedSet(item for item in self if item not in other)


def _ordered_map(cls: type[Any], items: Mapping[object, object]) -> object:
    made = cls()
    object.__setattr__(made, "var_to_val", collections.OrderedDict())
    made.update(items)
    return made


def _patch() -> None:
    names = (
        "tag_graph_matcher",
        "tracer",
        "curvature_blocks.curvature_block",
        "curvature_estimator.block_diagonal",
    )
    matcher, tracer, block, diagonal = (
        importlib.import_module(f"kfac_jax._src.{name}") for name in names
    )
    setattr(matcher, "eval_jaxpr_eqn", _bind)  # noqa: B010
    # Variables of a program no longer carry the number these sorted by.
    block.CurvatureBlock.parameters_canonical_order = property(
        lambda self: tuple(range(len(self.parameter_variables)))
    )
    diagonal.BlockDiagonalCurvature.param_order = property(
        lambda self: np.array([i for group in self.jaxpr.layer_indices for i in group])
    )
    setattr(tracer, "set", _OrderedSet)  # noqa: B010
    tracer.VarMap.create = classmethod(_ordered_map)
