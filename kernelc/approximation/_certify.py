"""Samples to fit and to check: a form is measured compiled, in its type, at gaps of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float64

from .._errors import DataError
from ._approximation import Bound, Certified, Form
from ._variable import clamp


Samples = dict[str, Float64[np.ndarray, " n"]]
Sample = Callable[[Float64[np.ndarray, " n"]], Mapping[str, ArrayLike] | tuple]
BLOCK = 1024
SAFETY = 4.0


def ask(sample: Sample, gaps: Float64[np.ndarray, " n"]) -> Samples:
    """The sampled quantities, asked for in blocks of one length so that nothing recompiles.

    Raises:
        DataError: a quantity is missing, misshapen or not finite.
    """
    padded = np.concatenate((gaps, np.full(-gaps.size % BLOCK, 1.0)))
    blocks = [_named(sample(block)) for block in padded.reshape(-1, BLOCK)]
    joined = {
        name: np.concatenate([np.asarray(block[name], dtype=np.float64) for block in blocks])
        for name in blocks[0]
    }
    for name, values in joined.items():
        if values.shape != padded.shape or not np.isfinite(values).all():
            raise DataError(
                where=f"fit: {name}",
                found=f"samples of shape {values.shape} for {padded.shape}, "
                f"{np.count_nonzero(~np.isfinite(values))} not finite",
                law="Each quantity has one finite value at every gap in [0, 2]",
                remedy="Leave out quantities that are infinite at gap 0",
            )
    return {name: values[: gaps.size] for name, values in joined.items()}


def _named(samples: Mapping[str, ArrayLike] | tuple) -> dict[str, ArrayLike]:
    if isinstance(samples, Mapping):
        return dict(samples)
    return samples._asdict()  # pyright: ignore[reportAttributeAccessIssue]


def check_gaps() -> Float64[np.ndarray, "4096"]:
    """Gaps that no fit was made at: random in g, in θ, and in the logarithms of g and 2 - g.

    Both ends are among them. The first half are also float32 numbers, so that one set serves
    both types.
    """
    draw = np.random.default_rng(0)
    half = BLOCK // 2
    sets = []
    for near, far in ((-12.0, -7.0), (-30.0, -15.0)):
        sets += [
            2 * draw.random(half),
            2 * np.sin(np.pi / 2 * draw.random(half)) ** 2,
            10 ** draw.uniform(near, 0, half),
            np.concatenate(([0.0, 2.0], 2 - 10 ** draw.uniform(far, 0, half - 2))),
        ]
    gaps = np.concatenate(sets)
    gaps[: gaps.size // 2] = gaps[: gaps.size // 2].astype(np.float32)
    return gaps


def noise(sample: Sample) -> dict[str, float]:
    """Rounding in the samples relative to their `reference`, from second differences over units
    in the last place."""
    draw = np.random.default_rng(1)
    count = BLOCK // 3
    # Nearer to gap 2 the steps are no longer small beside the distance.
    distance = 10 ** draw.uniform(-12, 0, count)
    middle = np.where(np.arange(count) % 2, distance, 2 - distance)
    step = np.spacing(middle)
    gaps = np.concatenate((middle - step, middle, middle + step))
    found = {}
    for name, values in ask(sample, gaps).items():
        low, center, high = values.reshape(3, -1)
        scale = reference(name, gaps, values).reshape(3, -1)[1]
        # A second difference of equal independent errors has √6 times their deviation.
        found[name] = float(np.max(np.abs(low - 2 * center + high) / scale)) / 2
    return found


def reference(
    name: str, gaps: Float64[np.ndarray, " n"], values: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """What an error is relative to at each gap.

    For `drop`, the largest drop at gaps no larger: the drop itself where it grows, and no zero
    for the even functions, which drop to nothing at gap 2. For others the size of the value, but
    no less than a tenth of the largest.

    Example:
        >>> reference("drop", np.array([2.0, 1.0]), np.array([0.0, 0.5])).tolist()
        [0.5, 0.5]
    """
    if name != "drop":
        size = np.abs(values)
        return np.maximum(size, max(0.1 * float(size.max()), 1e-300))
    order = np.argsort(gaps, kind="stable")
    result = np.empty_like(values)
    result[order] = np.maximum.accumulate(values[order])
    return np.maximum(result, 1e-300)


@dataclass(frozen=True)
class Checks:
    """Gaps no form has seen, the samples there, and the noise of the samples.

    Arguments:
        gaps: (n,) gaps; those of the first half are float32 numbers.
        samples: the quantities there.
        noise: of each quantity, rounding relative to its `reference`.
    """

    gaps: np.ndarray
    samples: Samples
    noise: dict[str, float]


def checks(sample: Sample) -> Checks:
    """The samples that every form is compared with."""
    gaps = check_gaps()
    return Checks(gaps, ask(sample, gaps), noise(sample))


def certify(form: Form, dtype: str, against: Checks) -> Certified:
    """The form with its largest errors in one type, times the safety factor.

    Bounds are infinite where it returned something not finite.
    """
    count = against.gaps.size // (2 if dtype == "float32" else 1)
    gaps = against.gaps[:count]
    # The caller may be tracing, and may have 64-bit types off: neither changes what is measured.
    with jax.ensure_compile_time_eval(), jax.enable_x64(dtype == "float64"):
        values = jax.jit(lambda gap: form(clamp(gap)))(jnp.asarray(gaps, dtype))
        values = {name: np.asarray(value, np.float64) for name, value in values.items()}
    bounds = []
    for name, truth in against.samples.items():
        scale = reference(name, against.gaps, against.samples[name])[:count]
        error = np.abs(values[name] - truth[:count])
        found = float(np.max(error)), float(np.max(error / scale))
        absolute, relative = (SAFETY * e if np.isfinite(e) else np.inf for e in found)
        bounds.append((name, Bound(absolute, relative)))
    return Certified(dtype, form, tuple(bounds))
