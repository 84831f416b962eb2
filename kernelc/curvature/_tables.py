"""Kronecker blocks of tables: rows that tokens look up, and rows that are added at locations."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray
from jax.extend.core import JaxprEqn
from jaxtyping import Array

from kernelc.modules import look_up


LOOKUP, POSITIONS = "lookup", "positions"


def patterns(kfac_jax: ModuleType) -> dict[str, object]:
    """What automatic registration takes: the patterns of kfac-jax, and those of tables."""
    matcher, tags = kfac_jax.tag_graph_matcher, kfac_jax.layers_and_loss_tags

    def extract(variant: str, **more: bool) -> Callable[[object], dict[str, Any]]:
        meta = functools.partial(tags.LayerMetaData, variant=variant, outputs_index=(0,))
        return lambda _: {"meta": meta(inputs_index=(1,), params_index=(2,)), **more}

    def pattern(
        name: str, function: Callable[..., Array], extractor: object, x: np.ndarray
    ) -> object:
        return matcher.GraphPattern(
            name=name,
            tag_primitive=tags.layer_tag,
            compute_func=function,
            parameters_extractor_func=extractor,
            example_args=[x, [np.zeros((3, 5))]],
        )

    lookup = pattern(
        LOOKUP, lambda x, p: look_up(p[0], x), extract(LOOKUP), np.zeros((2, 3, 1), np.int32)
    )
    shift = extract(POSITIONS, has_scale=False, has_shift=True)
    positions = pattern(POSITIONS, lambda x, p: x + p[0], shift, np.zeros((2, 3, 5)))
    known = matcher.DEFAULT_GRAPH_PATTERNS
    # In front of the patterns of one scale or shift, which match any number of axes.
    rules = dict(matcher.DEFAULT_SPECIAL_EQUIVALENCE_RULES) | {"gather": _same_lookup}
    return {
        "graph_patterns": (lookup, *known[:-_SINGLE], positions, *known[-_SINGLE:]),
        "graph_matcher_rules": matcher.GraphMatcherComparator(special_eqn_equivalence_rules=rules),
    }


# The patterns of a scale or a shift alone, at the end of those of kfac-jax.
_SINGLE = 4


def _same_lookup(one: JaxprEqn, other: JaxprEqn) -> bool:
    """Whether both look up whole rows, whatever their width."""
    names = ("dimension_numbers", "mode")
    alike = all(one.params[name] == other.params[name] for name in names)
    return alike and _whole_rows(one) and _whole_rows(other)


def _whole_rows(equation: JaxprEqn) -> bool:
    table = equation.invars[0].aval
    sizes = equation.params["slice_sizes"]
    return isinstance(table, ShapedArray) and sizes == (1, *table.shape[1:])


@functools.cache
def blocks(kfac_jax: ModuleType) -> Mapping[str, Callable[[Any], object]]:
    """The block of each of the tags of this file."""
    rows_block = _rows_block(kfac_jax)

    class LookupKroneckerFactored(rows_block):
        """Rows that tokens look up."""

    class PositionsKroneckerFactored(rows_block):
        """Rows that are added at locations, each of them once to every example."""

        def counts(self, x: Array) -> Array:
            return jnp.full(self.array_shape[0], len(x))

    def positions(equation: Any) -> object:
        table, out = (variable.aval.shape for variable in (equation.invars[2], equation.outvars[0]))
        if len(table) == 1:
            return kfac_jax.ScaleAndShiftDiagonal(equation)
        if out[1:] == table and math.prod(table):
            return PositionsKroneckerFactored(equation)
        return kfac_jax.NaiveDiagonal(equation)

    return {LOOKUP: LookupKroneckerFactored, POSITIONS: positions}


def _rows_block(kfac_jax: ModuleType) -> type:
    """The block of a table.

    A row is a weight of a dense layer on vectors with one 1: the input factor is diagonal, with
    the frequencies of the rows.
    """

    # The methods of the blocks of kfac-jax: `_compat.load` allows one release alone.
    class RowsKroneckerFactored(kfac_jax.RepeatedDenseKroneckerFactored):
        def _init(
            self,
            rng: Array,
            exact_powers_to_cache: set,
            approx_powers_to_cache: set,
            cache_eigenvalues: bool,
        ) -> object:
            powers = exact_powers_to_cache, approx_powers_to_cache
            state = super()._init(rng, *powers, cache_eigenvalues)
            frequencies = jnp.zeros(self.array_shape[0], self.dtype)
            average = kfac_jax.utils.WeightedMovingAverage.zeros_array(
                frequencies.shape, self.dtype
            )
            for power in approx_powers_to_cache:
                state.cache[str(power)]["0_factor"] = frequencies
            state.factors = (average, state.factors[1])
            return state

        def update_curvature_matrix_estimate(
            self,
            state: Any,
            estimation_data: Any,
            ema_old: Array,
            ema_new: Array,
            identity_weight: Array,
            batch_size: int,
        ) -> object:
            del identity_weight
            state = state.copy()
            [dy] = estimation_data.tangents.outputs
            counts = self.counts(estimation_data.primals.inputs[0])
            rows = dy.reshape(-1, dy.shape[-1])
            state.factors[0].update(counts.astype(dy.dtype) / batch_size, ema_old, ema_new)
            state.factors[1].update(rows.T @ rows / batch_size, ema_old, ema_new)
            state.average_repeats.update(len(rows) / batch_size, ema_old, ema_new)
            return state

        def counts(self, x: Array) -> Array:
            """How often a batch reads each row."""
            return jnp.zeros(self.array_shape[0], jnp.int32).at[x].add(1, mode="drop")

        def _multiply_matpower_unscaled(
            self,
            state: Any,
            vector: Sequence[Array],
            identity_weight: Array,
            power: float,
            exact_power: bool,
            use_cached: bool,
        ) -> tuple[Array, ...]:
            # The optimizer asks for nothing but the cached inverse.
            assert power == -1
            assert use_cached
            assert not exact_power
            cached = state.cache[str(power)]
            given = self.parameters_shaped_list_to_array(vector)
            found = cached["0_factor"][:, None] * (given @ cached["1_factor"])
            return self.array_to_parameters_shaped_list(found)

    return RowsKroneckerFactored
