"""kfac: its default settings and its errors, without compiling."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import kernelc as kc
from kernelc.curvature import _compat


def test_an_adaptive_rate_makes_the_momentum_adaptive_and_bounds_the_step():
    settings = kc.kfac()
    assert (settings.learning_rate, settings.momentum, settings.damping) == ("adaptive",) * 3
    assert settings.norm_constraint == 0.3
    assert settings.decrease_bound == 1.0
    assert kc.kfac(norm_constraint=math.inf).norm_constraint is None
    assert kc.kfac(decrease_bound=math.inf).decrease_bound is None
    assert settings.values(3) == {}


def test_a_given_rate_has_a_given_momentum_and_a_bound_on_the_step():
    settings = kc.kfac(0.03)
    assert settings.values(0) == {"learning_rate": 0.03, "momentum": 0.9}
    assert settings.norm_constraint == 1e-4
    assert kc.kfac(0.03, norm_constraint=math.inf).norm_constraint is None
    assert kc.kfac(0.03, momentum="adaptive").values(0) == {"learning_rate": 0.03}


def test_schedules_are_functions_of_the_step():
    settings = kc.kfac(
        optax.linear_schedule(0.1, 0.0, 10), damping=lambda step: 0.1 * 0.5**step, momentum=0.5
    )
    # the schedule of Optax computes in float32
    assert settings.values(5) == pytest.approx(
        {"learning_rate": 0.05, "damping": 0.1 / 32, "momentum": 0.5}, rel=1e-6
    )


def test_numbers_given_at_each_step_share_what_is_compiled():
    assert kc.kfac(0.1).compiled() == kc.kfac(0.3, momentum=0.5).compiled()
    assert kc.kfac(0.1).compiled() == kc.kfac(lambda step: 0.1, allow_diagonal=("a",)).compiled()
    assert kc.kfac(initial_damping=3.0).compiled() == kc.kfac(initial_damping=0.3).compiled()
    assert kc.kfac(0.1).compiled() != kc.kfac().compiled()
    assert kc.kfac(0.1).compiled() != kc.kfac(0.1, l2=1e-3).compiled()


def test_one_node_may_be_allowed_by_its_bare_name():
    assert kc.kfac(allow_diagonal="pool").allow_diagonal == ("pool",)
    assert kc.kfac(allow_diagonal=["a", "b"]).allow_diagonal == ("a", "b")


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": -0.1},
        {"learning_rate": "fast"},
        {"learning_rate": math.nan},
        {"learning_rate": True},
        {"learning_rate": np.ones(2)},
        {"momentum": 1.0},
        {"momentum": lambda step: 0.9},
        {"damping": -1.0},
        {"initial_damping": 0.0},
        {"min_damping": 0.0},
        {"min_damping": 2.0},
        {"norm_constraint": -1e-3},
        {"learning_rate": 0.1, "norm_constraint": 0.0},
        {"decrease_bound": 0.0},
        {"decrease_bound": math.nan},
        {"curvature_ema": 1.0},
        {"inverse_every": 0},
        {"inverse_every": 2.5},
        {"curvature_every": 6},
        {"damping_every": 0},
        {"estimation": "fisher"},
        {"l2": -1.0},
        {"allow_diagonal": (3,)},
    ],
)
def test_settings_out_of_range_or_at_odds_are_refused(options):
    with pytest.raises(kc.DataError, match="kfac: "):
        kc.kfac(**options)


@pytest.mark.parametrize(
    ("found", "jax_version", "message"),
    [
        ("0.0.7", "0.10.2", "version 0.0.7"),
        ("0.0.8", "0.11.0", "JAX 0.11.0"),
        ("0.0.8", "0.8.3", "JAX 0.8.3"),
    ],
)
def test_versions_that_were_not_tested_are_refused(found, jax_version, message):
    with pytest.raises(kc.PackageError, match=message) as error:
        _compat.check_versions(found, jax_version)
    assert "pip install 'kernelc[kfac]'" in error.value.remedy


def test_loading_patches_once_and_leaves_the_settings_of_jax_alone():
    before = {name: repr(value) for name, value in jax.config.values.items()}
    module = _compat.load()
    assert _compat.load() is module
    assert {name: repr(value) for name, value in jax.config.values.items()} == before


def test_the_ordered_set_is_one():
    items = _compat._OrderedSet([3, 1, 3, 2])
    assert list(items) == [3, 1, 2]
    assert list(items - {1}) == [3, 2]
    assert list(items.union([5, 1])) == [3, 1, 2, 5]


def test_blas_has_its_threads_back_afterwards():
    def threads():
        # Other libraries of the process may have threads of another kind, of OpenMP.
        found = _compat._controller().info()
        return [lib["num_threads"] for lib in found if lib["user_api"] == "blas"]

    jnp.ones(2)
    before = threads()
    with _compat.one_blas_thread():
        assert set(threads()) == {1}
    assert threads() == before
