"""Measuring a form as it will run: compiled, in its own type, at gaps it was not fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from ._approximation import Bound, Certified, Form
from ._roots import clamp
from ._sampling import Sample, Samples, ask, check_gaps, noise, reference


SAFETY = 4.0


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
    """The samples that every form is compared with.

    Arguments:
        sample: as `fit`.

    Returns: the checks.

    Raises:
        DataError: a sample is not finite or misshapen.
    """
    gaps = check_gaps()
    return Checks(gaps, ask(sample, gaps), noise(sample))


def certify(form: Form, dtype: str, against: Checks) -> Certified:
    """The form with the errors it was measured to make, times the safety factor.

    Arguments:
        form: the form.
        dtype: the type to run it in.
        against: what to compare with.

    Returns: the form and its bounds; an infinite bound where it returned something not finite.
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
